"""Who was passed over and why: the trace of one pass, bounded whatever the size of the queue."""

from collections.abc import Iterable
from itertools import islice

from ccd.model.nouns import Availability
from ccd.model.trace import Passed, Trace, Why
from ccd.routing.ability import Ability
from ccd.routing.desk import Desk, count_held
from ccd.routing.index import Index
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.state import Place

LISTED = 8
"""Most agents named in one trace; the rest is counted."""
MOST_UNABLE = 256
"""Most agents whose lack is remembered a bucket."""


_LOGGED_OUT, _PAUSED = Availability.LOGGED_OUT, Availability.PAUSED
_LATER, _LOAD = Why.LATER_IN_ORDER, Why.LOAD
_GONE = frozenset({Why.LOGGED_OUT, Why.REMOVED})


def why_not(index: Index, queue: QueueIndex, desk: Desk, place: Place, ability: Ability) -> Passed:
    """Why this agent was not chosen; the first reason that holds, from the most lasting one.

    `ability`: who is able to take the place at its present stage.
    """
    if desk.away is not None and desk.away.why in _GONE:
        return desk.away
    agent = desk.state
    name = agent.name
    availability = agent.availability
    if availability is _LOGGED_OUT:
        desk.away = Passed(name, Why.REMOVED if agent.removed else Why.LOGGED_OUT, agent.since)
        return desk.away
    if place.prefer:
        if place.prefer != name:
            return Passed(name, Why.PREFERRED, place.prefer_until, place.prefer)
    elif not ability.mask[desk.byte] & desk.byte_bit:
        return _unable(queue, desk, place, ability)
    if queue.rings_all and place.interaction in agent.held:
        return Passed(name, Why.RINGS)
    if availability is _PAUSED:
        desk.away = Passed(name, Why.PAUSED, agent.since, agent.reason)
        return desk.away
    if agent.pending is not None:
        return Passed(name, Why.PENDING, 0.0, agent.pending.reason or agent.pending.availability.value)
    if not agent.reachable:
        return Passed(name, Why.NO_DEVICE, 0.0, agent.unreachable_why)
    if place.missed and name in place.missed:
        miss = place.missed[name]
        return Passed(name, Why.MISSED, miss.at, miss.end.value)
    if agent.wrap_up is not None:
        until, stage = agent.wrap_up.until, agent.wrap_up.stage
        return Passed(name, Why.WRAP_UP, until or 0.0, "" if until is not None else stage.value)
    if not desk.room_for >> queue.kinds[place.channel_class] & 1:
        return _no_room(index, queue, desk, place)
    held = _held_back(index, queue, desk, place)
    if held is not None:
        return held
    if desk.later is None:
        desk.later = Passed(name, _LATER, agent.line_since)
    return desk.later


def _no_room(index: Index, queue: QueueIndex, desk: Desk, place: Place) -> Passed:
    agent, channel_class = desk.state, place.channel_class
    most = desk.rule.most.get(channel_class)
    if most is not None:
        held = count_held(agent, index.places, channel_class)
        if held >= most:
            return Passed(agent.name, Why.CEILING, 0.0, f"{channel_class} {held}/{most}")
    load = desk.load_of(index.kinds[queue.kinds[channel_class]])
    if agent.load + load <= desk.rule.capacity:  # not seated while others go first
        return Passed(agent.name, _LATER, agent.line_since)
    full = desk.full or Passed(agent.name, _LOAD, 0.0, f"{agent.load}/{desk.rule.capacity}")
    if not desk.special:  # else another kind of work may find a ceiling, not the load
        desk.full = full
    return full


def _held_back(index: Index, queue: QueueIndex, desk: Desk, place: Place) -> Passed | None:
    """The limit of the queue that keeps an agent with room from it."""
    rule, name = queue.rule, desk.state.name
    if queue.full() and place.phase is not Phase.OFFERED:
        return Passed(name, Why.MAX_ACTIVE, 0.0, f"{queue.active}/{rule.max_active}")
    if rule.reserve and index.held_back(queue, place.channel_class, desk.bit):
        kept = ", ".join(f"{count} for {channel_class}" for channel_class, count in rule.reserve.items())
        return Passed(name, Why.RESERVE, 0.0, kept)
    return None


def _unable(queue: QueueIndex, desk: Desk, place: Place, ability: Ability) -> Passed:
    """What an agent lacks, or that its tier is still closed, and until when."""
    found = ability.unable.get(desk.number)
    if found is None:
        if len(ability.unable) >= MOST_UNABLE:
            ability.unable.clear()
        lacking, after_s = _lacks(queue, desk, place, ability)
        passed = Passed(desk.state.name, Why.SKILL if lacking else Why.TIER, 0.0, lacking)
        found = ability.unable[desk.number] = (passed, after_s)
    passed, after_s = found
    if not after_s:
        return passed
    return Passed(passed.agent, passed.why, place.enqueued_at + after_s, passed.detail)


def _lacks(queue: QueueIndex, desk: Desk, place: Place, ability: Ability) -> tuple[str, float]:
    """(what the agent lacks, seconds of waiting from which on it is able); 0: never."""
    stages = queue.stages
    after_s = 0.0
    for stage in stages.to_come(place.stage):
        if desk.is_in(stages.ability(stage, place.requirement).mask):
            after_s = stages.steps[stage].after_s
            break
    return ability.requirement.lacking(desk.rule.skills), after_s


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
    first = index.first_members(queue)
    listed = first[:LISTED] if chosen not in first else tuple([each for each in first if each is not chosen])
    if place.missed:
        listed = _missed_first(index, queue, place, listed)
    ability = queue.stages.ability(place.stage, place.requirement)
    stages = queue.stages
    counted = stages.count - (chosen is not None and chosen.is_in(stages.mask))
    return Trace(
        at=now,
        what=what,
        queue=queue.rule.name,
        agent="" if chosen is None else chosen.state.name,
        offer=offer,
        cue=cue,
        passed=tuple(_passed(index, queue, listed, place, ability)),
        others=counted - len(listed),
        free=index.count_free(queue, place),
        position=queue.rank(place, now),
    )


def _passed(
    index: Index, queue: QueueIndex, listed: Iterable[Desk], place: Place, ability: Ability
) -> list[Passed]:
    """Why each was not chosen. Most are not able to, away, without room, or later in line, whatever is asked:
    that is said once (until they are seated anew) and found here without a look at the agent."""
    if place.missed or place.prefer or queue.rings_all or (queue.guarded and queue.holds_back()):
        return [why_not(index, queue, desk, place, ability) for desk in listed]
    kind, mask, unable = queue.kinds[place.channel_class], ability.mask, ability.unable
    if not queue.stages.members & ~ability.bits:  # all of them are able to
        return [
            (desk.later if desk.room_for >> kind & 1 else desk.away or desk.full)
            or why_not(index, queue, desk, place, ability)
            for desk in listed
        ]
    found = []
    for desk in listed:
        said: Passed | None = None
        if mask[desk.byte] & desk.byte_bit:
            said = desk.later if desk.room_for >> kind & 1 else desk.away or desk.full
        elif not desk.logged_out and desk.number in unable:
            lacks, after_s = unable[desk.number]
            said = None if after_s else lacks
        found.append(said or why_not(index, queue, desk, place, ability))
    return found


def _missed_first(
    index: Index, queue: QueueIndex, place: Place, members: tuple[Desk, ...]
) -> tuple[Desk, ...]:
    """Members to name: the latest to miss it, then the first of the queue's own order."""
    missed = (index.desks[name] for name in reversed(place.missed) if name in index.desks)
    listed = list(islice((desk for desk in missed if queue.stages.members & desk.bit), LISTED))
    for desk in members:
        if len(listed) < LISTED and desk not in listed:
            listed.append(desk)
    return tuple(listed)
