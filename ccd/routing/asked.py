"""Why an agent has what it has, and not what waits: for `ccctl agent explain`. Never on the hot path."""

import msgspec

from ccd.model.nouns import ChannelClass
from ccd.model.trace import Passed
from ccd.routing.desk import Desk
from ccd.routing.index import Index
from ccd.routing.passed import why_not
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex


class Held(msgspec.Struct, frozen=True):
    """One interaction that takes of an agent's capacity."""

    interaction: str
    queue: str
    """Empty: work outside queues."""
    load: int
    phase: str = ""
    channel_class: ChannelClass | None = None


class NextInLine(msgspec.Struct, frozen=True):
    """The first that waits in a queue of the agent's, and why this agent does not get it."""

    queue: str
    waiting: int
    """Those that nobody is asked for now."""
    interaction: str = ""
    waited_s: float = 0.0
    passed: Passed | None = None
    """None: nothing waits."""


class AgentReasons(msgspec.Struct, frozen=True):
    """What holds an agent's capacity, and what stands between the agent and each queue."""

    held: tuple[Held, ...]
    queues: tuple[NextInLine, ...]
    misses: dict[str, int]
    """Offers missed in a row, by cause."""


def reasons(index: Index, desk: Desk, now: float) -> AgentReasons:
    """As of `now`, for the queues that the agent serves or is kept something in."""
    state = desk.state
    kept = {place.queue for place in desk.kept.values()}
    held = [
        Held(name, place.queue, load, place.phase.value, place.channel_class)
        for name, load in state.held.items()
        if (place := index.places.get(name)) is not None
    ]
    held += [Held(name, "", load) for name, load in state.outside.items()]
    served = [
        _next(index, queue, desk, now)
        for name, queue in index.queues.items()
        if queue.stages.members & desk.bit or name in kept
    ]
    return AgentReasons(tuple(held), tuple(served), {end.value: n for end, n in state.misses.items()})


def _next(index: Index, queue: QueueIndex, desk: Desk, now: float) -> NextInLine:
    waiting = [place for name in queue.order(now) if (place := index.places[name]).phase is Phase.WAITING]
    if not waiting:
        return NextInLine(queue.rule.name, 0)
    first = next((place for place in waiting if place.prefer == desk.state.name), waiting[0])
    ability = queue.stages.ability(first.stage, first.requirement)
    return NextInLine(
        queue.rule.name,
        len(waiting),
        first.interaction,
        max(0.0, now - first.entered_at),
        why_not(index, queue, desk, first, ability),
    )
