"""Who was passed over and why: the trace of one pass, bounded whatever the size of the queue."""

from itertools import islice

from ccd.model.nouns import Availability
from ccd.model.trace import Passed, Trace, Why
from ccd.routing.index import Desk, Index, QueueIndex
from ccd.routing.state import Place

LISTED = 8
"""Most agents named in one trace; the rest is counted."""


_LOGGED_OUT, _PAUSED = Availability.LOGGED_OUT, Availability.PAUSED
_LOAD, _LATER = Why.LOAD, Why.LATER_IN_ORDER


def why_not(desk: Desk, place: Place, load: int) -> Passed:
    """Why this agent was not chosen; the first reason that holds, from the most lasting one."""
    agent = desk.state
    name = agent.name
    availability = agent.availability
    if availability is _LOGGED_OUT:
        return Passed(name, Why.REMOVED if agent.removed else Why.LOGGED_OUT, agent.since)
    if availability is _PAUSED:
        return Passed(name, Why.PAUSED, agent.since, agent.reason)
    if not agent.reachable:
        return Passed(name, Why.NO_DEVICE, 0.0, agent.unreachable_why)
    if name in place.missed:
        miss = place.missed[name]
        return Passed(name, Why.MISSED, miss.at, miss.end.value)
    if agent.wrap_up is not None:
        return Passed(name, Why.WRAP_UP, agent.wrap_up.until)
    if agent.load + load > desk.rule.capacity:
        return Passed(name, _LOAD, 0.0, f"{agent.load}/{desk.rule.capacity}")
    return Passed(name, _LATER, agent.line_since)


def make_trace(
    index: Index,
    queue: QueueIndex,
    place: Place,
    now: float,
    what: str,
    cue: str,
    chosen: Desk | None = None,
    offer: str = "",
) -> Trace:
    """The pass as it stands, before the chosen agent is given the interaction.

    Named are first those who missed it, then members in the queue's own order.
    """
    load = queue.loads[place.channel_class]
    members = queue.members
    if place.missed:
        listed = _missed_first(index, queue, place, chosen)
    else:
        listed = [desk for desk in members[: LISTED + 1] if desk is not chosen][:LISTED]
    return Trace(
        at=now,
        what=what,
        queue=queue.rule.name,
        agent="" if chosen is None else chosen.state.name,
        offer=offer,
        cue=cue,
        passed=tuple([why_not(desk, place, load) for desk in listed]),
        others=len(members) - len(listed) - (chosen is not None),
        free=queue.count_free(load),
        position=queue.rank(place),
    )


def _missed_first(index: Index, queue: QueueIndex, place: Place, chosen: Desk | None) -> list[Desk]:
    """Members to name: the latest to miss it, then the first of the queue's own order."""
    missed = (index.desks[name] for name in reversed(place.missed) if name in index.desks)
    listed = list(islice((desk for desk in missed if _serves(desk, queue)), LISTED))
    for desk in queue.members[: LISTED + 1]:
        if len(listed) < LISTED and desk is not chosen and desk not in listed:
            listed.append(desk)
    return listed


def _serves(desk: Desk, queue: QueueIndex) -> bool:
    return any(served is queue for served, _ in desk.queues)
