"""Wrap-up: what the rules give after a conversation, what it waits for, and the dispositions owed in it.

It belongs to the agent: what the rules said of it when the conversation ended holds to its end, whatever
becomes of them. A disposition that is required keeps it from ending until it is given; a logout ends it all
the same.
"""

from collections.abc import Iterable
from enum import StrEnum

from ccd.errors import IllegalMove
from ccd.model.rules import (
    DISPOSITION_REQUIRED,
    WRAP_UP_NONE,
    WRAP_UP_TIMED,
    WRAP_UP_UNTIL_ENDED,
    AgentRule,
    QueueRule,
)
from ccd.routing.decisions import Decision, DispositionSettled
from ccd.routing.state import Owed, Place, WrapUp, WrapUpStage


class WrapUpEvent(StrEnum):
    """What can happen to a wrap-up."""

    EXTEND = "extend"
    """It gets more time."""
    END = "end"
    """Its time is over, or somebody ends it, and nothing is owed."""
    TIME_OWED = "time_owed"
    """Its time is over, but a disposition is owed."""
    GIVEN = "given"
    """What it waited for: nothing is owed any more."""
    LOG_OUT = "log_out"
    """The agent is gone."""


_RUNS, _OPEN, _OWED, _OVER = WrapUpStage.RUNS, WrapUpStage.OPEN, WrapUpStage.OWED, WrapUpStage.OVER

MOVES: dict[tuple[WrapUpStage, WrapUpEvent], WrapUpStage] = {
    (_RUNS, WrapUpEvent.EXTEND): _RUNS,
    (_RUNS, WrapUpEvent.END): _OVER,
    (_RUNS, WrapUpEvent.TIME_OWED): _OWED,
    (_RUNS, WrapUpEvent.LOG_OUT): _OVER,
    (_OPEN, WrapUpEvent.END): _OVER,
    (_OPEN, WrapUpEvent.LOG_OUT): _OVER,
    (_OWED, WrapUpEvent.GIVEN): _OVER,
    (_OWED, WrapUpEvent.LOG_OUT): _OVER,
}


def next_stage(stage: WrapUpStage, event: WrapUpEvent, agent: str) -> WrapUpStage:
    """The stage after `event`; raises `IllegalMove` for a pair that the table does not have."""
    after = MOVES.get((stage, event))
    if after is None:
        raise IllegalMove("routing_wrap_up", f"the wrap-up of {agent} is {stage}: '{event}' is not possible")
    return after


def mode_of(said: str | None, seconds: float | None) -> str:
    """How wrap-up ends: as said, else timed where it has a length."""
    return said or (WRAP_UP_TIMED if seconds else WRAP_UP_NONE)


def begin_wrap_up(agent: AgentRule, queue: QueueRule | None, place: Place, now: float) -> WrapUp | None:
    """The wrap-up after a conversation; None: there is none. `queue` None: it was removed meanwhile."""
    owed = owed_for(queue, place) if queue is not None and queue.dispositions else []
    if agent.wrap_up is not None or agent.wrap_up_s is not None:
        mode = mode_of(agent.wrap_up, agent.wrap_up_s)
    else:
        mode = WRAP_UP_NONE if queue is None else mode_of(queue.wrap_up, queue.wrap_up_s)
    if mode == WRAP_UP_NONE and not (owed and owes(owed)):
        return None
    begun = WrapUp(now, None, place.queue, place.interaction, _OWED, owed=owed)
    begun.longest_at = _longest_at(agent, queue, now)
    if mode == WRAP_UP_UNTIL_ENDED:
        begun.stage = _OPEN
    elif mode == WRAP_UP_TIMED:
        _give_time(begun, agent, queue, now)
    return begun


def _longest_at(agent: AgentRule, queue: QueueRule | None, now: float) -> float | None:
    longest_s = agent.wrap_up_longest_s
    if longest_s is None and queue is not None:
        longest_s = queue.wrap_up_longest_s
    return None if longest_s is None else now + longest_s


def _give_time(begun: WrapUp, agent: AgentRule, queue: QueueRule | None, now: float) -> None:
    """The time that agent or queue gives, and what it may be extended by."""
    rule = queue or QueueRule("")
    begun.stage = _RUNS
    begun.until = now + (rule.wrap_up_s if agent.wrap_up_s is None else agent.wrap_up_s)
    begun.extend_s = rule.wrap_up_extend_s if agent.wrap_up_extend_s is None else agent.wrap_up_extend_s
    own = agent.wrap_up_extensions
    begun.extensions = rule.wrap_up_extensions if own is None else own


def continue_wrap_up(before: WrapUp, begun: WrapUp) -> None:
    """A conversation ended during a wrap-up: the next one takes over what was left of that."""
    begun.owed = [*before.owed, *begun.owed]
    if before.stage is _OPEN or begun.stage is _OPEN:
        begun.stage, begun.until = _OPEN, None
    elif before.stage is _RUNS and before.until is not None:
        begun.until = max(before.until, begun.until or before.until)
        if begun.stage is not _RUNS:
            begun.stage = _RUNS
            begun.extend_s, begun.extensions = before.extend_s, before.extensions
    if begun.longest_at is None:
        begun.longest_at = before.longest_at


def ends_at(wrap_up: WrapUp) -> list[float]:
    """When something is due about it: its time is over, and it is too long."""
    due = [] if wrap_up.until is None else [wrap_up.until]
    if wrap_up.longest_at is not None and not wrap_up.too_long:
        due.append(wrap_up.longest_at)
    return due


# -- dispositions ----------------------------------------------------------------------------------


def owed_for(queue: QueueRule | None, place: Place) -> list[Owed]:
    """What the agent of a conversation may say of how it ended; empty where the queue has no dispositions."""
    if queue is None or not queue.dispositions:
        return []
    required = queue.disposition == DISPOSITION_REQUIRED
    return [Owed(place.interaction, place.queue, queue.dispositions, required, place.disposition)]


def owes(owed: Iterable[Owed]) -> bool:
    """Whether something must still be said."""
    return any(each.required and not each.given for each in owed)


def name_of(codes: dict[str, str], said: str) -> str:
    """The disposition meant by a code or a name; empty: there is none such."""
    return codes.get(said) or (said if said in codes.values() else "")


def settle_owed(agent: str, owed: list[Owed], out: list[Decision]) -> None:
    """Nothing of it can be changed any more."""
    if owed:
        out.extend(
            DispositionSettled(agent, each.queue, each.interaction, each.given, each.required)
            for each in owed
        )
