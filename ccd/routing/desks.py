"""What happens to an agent's state: taking and giving back load, turns, wrap-up, and time counted.

Each function changes one `Desk` and seats it again; none matches anybody to anything.
"""

import msgspec

from ccd.model.nouns import Availability, OfferEnd
from ccd.routing.deadlines import Deadlines, Due
from ccd.routing.decisions import Decision, WrapUpEnded, WrapUpStarted
from ccd.routing.desk import Desk
from ccd.routing.index import Index
from ccd.routing.pauses import count_pause
from ccd.routing.state import AgentState, AgentTotals, Place, RoutingState, WrapUp
from ccd.routing.wrap_ups import begin_wrap_up, continue_wrap_up, ends_at, owed_for, settle_owed

_LOGGED_OUT, _PAUSED = Availability.LOGGED_OUT, Availability.PAUSED
"""A member taken out of its enum costs 600 machine instructions."""


def count_time(agent: AgentState, now: float) -> None:
    """Add the time since the last change to what the agent did; to be called before each change."""
    span = now - agent.counted_at
    agent.counted_at = now
    if span <= 0:
        return
    totals = agent.totals
    if agent.held or agent.outside:
        totals.busy_s += span
    elif agent.availability is _LOGGED_OUT:
        return
    elif agent.wrap_up is not None:
        totals.wrap_s += span
    elif agent.availability is _PAUSED:
        count_pause(agent, span)
    else:
        totals.idle_s += span


def totals_at(agent: AgentState, now: float) -> AgentTotals:
    """What the agent did since login, what it does now included; changes nothing."""
    totals = msgspec.structs.replace(agent.totals, pause_s=dict(agent.totals.pause_s))
    pause = None if agent.pause is None else msgspec.structs.replace(agent.pause)
    count_time(msgspec.structs.replace(agent, totals=totals, pause=pause), now)
    return totals


def take_turn(state: RoutingState, agent: AgentState, now: float) -> int:
    """Send the agent to the end of the line for work; the counter given."""
    seq = state.next_seq
    state.next_seq = seq + 1
    agent.line_since = now
    agent.line_seq = seq
    return seq


def reserve(state: RoutingState, index: Index, desk: Desk, place: Place, load: int, now: float) -> None:
    """Take load for an offer; the agent goes to the end of the line."""
    place.line_before = take_turn_for(state, index, desk, place.interaction, load, now)
    place.line_seq = desk.state.line_seq
    place.agent = desk.state.name
    place.load = load


def take_turn_for(
    state: RoutingState, index: Index, desk: Desk, interaction: str, load: int, now: float
) -> tuple[float, int, int]:
    """The agent holds this from now on, at the end of the line; where it stood before (`line_before`)."""
    agent = desk.state
    count_time(agent, now)
    before = (agent.line_since, agent.line_seq, agent.turn_seq)
    agent.turn_seq = take_turn(state, agent, now)
    agent.held[interaction] = load
    agent.load += load
    index.seat(desk)
    return before


def release(state: RoutingState, index: Index, place: Place, now: float, give_back_turn: bool) -> Desk:
    """Give back the load of a place's agent, and on wish the turn it had before the offer."""
    desk = index.desks[place.agent]
    before = (place.line_seq, *place.line_before) if give_back_turn else None
    let_go(state, index, desk, place.interaction, before, now)
    place.agent = place.offer = ""
    place.load = 0
    return desk


def let_go(
    state: RoutingState,
    index: Index,
    desk: Desk,
    interaction: str,
    before: tuple[int, float, int, int] | None,
    now: float,
) -> None:
    """Give back the load of what an agent holds, and the turn before it (None: go to the end of the line).

    `before`: `line_seq` from the offer on, then what `Place.line_before` has.
    """
    agent = desk.state
    count_time(agent, now)
    agent.load -= agent.held.pop(interaction)
    if before is None:
        take_turn(state, agent, now)
    elif agent.line_seq == before[0]:
        _, agent.line_since, agent.line_seq, agent.turn_seq = before
    else:
        _hand_on(state, agent, before)
    index.seat(desk)


def _hand_on(state: RoutingState, agent: AgentState, before: tuple[int, float, int, int]) -> None:
    """An offer ended that a later one followed: the turn before both is now the later one's to give back."""
    for name in agent.held:
        place = state.places[name]
        offer = place if place.agent == agent.name else state.other_offers[name][agent.name]
        if offer.line_before[1] == before[0]:
            offer.line_before = before[1:]


def take_outside(index: Index, desk: Desk, key: str, load: int, now: float) -> None:
    """The agent does something outside the queues; the same key again replaces its load."""
    agent = desk.state
    count_time(agent, now)
    if not agent.outside:
        agent.outside_since = now
    agent.load += load - agent.outside.get(key, 0)
    agent.outside[key] = load
    index.seat(desk)


def hold(index: Index, desk: Desk, place: Place, on: bool, now: float) -> None:
    """Give back the load of a conversation on hold, or take it again, even beyond the capacity."""
    agent = desk.state
    count_time(agent, now)
    place.on_hold = on
    agent.load += place.load if not on else -place.load
    agent.held[place.interaction] = 0 if on else place.load
    index.seat(desk)


def start_wrap_up(
    index: Index, deadlines: Deadlines, desk: Desk, place: Place, now: float, out: list[Decision]
) -> None:
    """Begin wrap-up after a conversation if the rules give any, or a disposition is still to be given.

    One that runs is never shortened, and what is owed of earlier conversations stays owed.
    """
    agent, queue = desk.state, index.queues.get(place.queue)
    rule = None if queue is None else queue.rule
    begun = begin_wrap_up(desk.rule, rule, place, now)
    if begun is None or agent.availability is Availability.LOGGED_OUT:
        if rule is not None and rule.dispositions:
            settle_owed(agent.name, owed_for(rule, place), out)
        return
    disposes, before = bool(begun.owed), agent.wrap_up
    if before is not None:
        continue_wrap_up(before, begun)
        _close_wrap_up(index, desk, before, now, out)
    agent.wrap_up = begun
    for at in ends_at(begun):
        deadlines.push(at, Due.WRAP_UP, agent.name)
    index.seat(desk)
    out.append(WrapUpStarted(agent.name, place.queue, place.interaction, begun.until, disposes))


def stop_wrap_up(index: Index, desk: Desk, now: float, out: list[Decision]) -> None:
    """End wrap-up, if any, whatever is owed: what was said is settled, and what was not is missing."""
    wrap_up = desk.state.wrap_up
    if wrap_up is not None:
        _close_wrap_up(index, desk, wrap_up, now, out)
        settle_owed(desk.state.name, wrap_up.owed, out)


def _close_wrap_up(index: Index, desk: Desk, wrap_up: WrapUp, now: float, out: list[Decision]) -> None:
    agent = desk.state
    count_time(agent, now)
    agent.wrap_up = None
    index.seat(desk)
    out.append(WrapUpEnded(agent.name, wrap_up.queue, wrap_up.interaction, max(0.0, now - wrap_up.began_at)))


def declare(
    state: RoutingState, agent: AgentState, availability: Availability, reason: str, by: str, now: float
) -> None:
    """Write down a new availability; becoming ready forgives misses and joins the line at its end."""
    count_time(agent, now)
    if agent.availability is Availability.LOGGED_OUT:
        agent.totals = AgentTotals()
    if (availability, reason) != (agent.availability, agent.reason) or not agent.since:
        agent.since = now
    if availability is Availability.READY and agent.availability is not Availability.READY:
        agent.misses.clear()
        take_turn(state, agent, now)
    agent.availability = availability
    agent.reason = reason
    agent.by = by


def count_miss(agent: AgentState, end: OfferEnd, limits: dict[OfferEnd, int]) -> bool:
    """Count a miss; True when the limit of its cause is reached and the agent is to be paused."""
    misses = agent.misses.get(end, 0) + 1
    agent.misses[end] = misses
    agent.totals.missed += 1
    limit = limits.get(end, 0)
    return 0 < limit <= misses and agent.availability is Availability.READY


def may_forget(agent: AgentState) -> bool:
    """Removed from the rules and nothing left to finish."""
    return agent.removed and not agent.held and not agent.outside and agent.wrap_up is None
