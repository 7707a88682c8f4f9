"""Bringing interactions and agents together, and taking offers back.

The invariant: between two turns no agent has room for a waiting interaction that it may be offered.
It is kept locally: what becomes available (an interaction that lines up, an agent who gets free, a
pair that may try again) seeks its own match; nobody else's situation can have become better.
What an agent may be offered depends on the state alone, never on `now`: time acts through deadlines.
"""

from ccd.model.nouns import Availability, Cause, LegKind, OfferEnd, Outcome
from ccd.model.rules import Rules, Target
from ccd.routing.deadlines import Deadlines, Due, Entry
from ccd.routing.decisions import (
    AvailabilityChanged,
    Decision,
    LeftQueue,
    Missed,
    Offer,
    OfferWithdrawn,
    Overflow,
    Position,
    Traced,
)
from ccd.routing.desks import count_miss, declare, may_forget, release, reserve, stop_wrap_up
from ccd.routing.index import Desk, Index, QueueIndex, turn_of
from ccd.routing.passed import make_trace
from ccd.routing.phases import Event, Phase, next_phase
from ccd.routing.state import AgentState, Miss, Place, QueueTotals, RoutingState

_NOWHERE = Target()

_NOT_THE_AGENT = frozenset({OfferEnd.WITHDRAWN, OfferEnd.CUSTOMER_LEFT})


class Matching:
    """The engine's inner moves over one state, its indexes and its deadlines."""

    __slots__ = ("deadlines", "index", "state")

    def __init__(self, rules: Rules, state: RoutingState) -> None:
        self.state = state
        self.deadlines = Deadlines(self.holds)
        self.adopt(rules)

    # -- rules and indexes ---------------------------------------------------------------------

    def adopt(self, rules: Rules) -> None:
        """Follow these rules from here on: make missing states, rebuild indexes and deadlines."""
        agents = self.state.agents
        for name in rules.agents:
            if name in agents:
                agents[name].removed = False
            else:
                agents[name] = AgentState(name)
        for name in rules.queues:
            self.state.queues.setdefault(name, QueueTotals())
        for name in [name for name, agent in agents.items() if name not in rules.agents]:
            agents[name].removed = True
            if may_forget(agents[name]):
                del agents[name]
        self.index = Index(rules, self.state)
        self._rebuild_deadlines()

    def _rebuild_deadlines(self) -> None:
        push = self.deadlines.push
        self.deadlines.clear()
        for agent in self.state.agents.values():
            if agent.wrap_up is not None:
                push(agent.wrap_up.until, Due.WRAP_UP, agent.name)
        for place in self.state.places.values():
            if place.phase is Phase.CONNECTED:
                continue
            if place.phase is Phase.OFFERED:
                push(place.deadline, Due.RING, place.offer)
            for name, miss in place.missed.items():
                push(miss.retry_at, Due.RETRY, place.interaction, name)
            if place.announce_at:
                push(place.announce_at, Due.ANNOUNCE, place.interaction)
            limit = self.latest(place)
            if limit is not None and not place.late:
                push(limit, Due.MAX_WAIT, place.interaction)

    def latest(self, place: Place) -> float | None:
        """When the longest wait of its queue is over for this place."""
        queue = self.index.queues.get(place.queue)
        if queue is None or queue.rule.max_wait_s is None:
            return None
        return place.enqueued_at + queue.rule.max_wait_s

    def holds(self, entry: Entry) -> bool:
        """Is this deadline still true?"""
        at, due, key, name = entry
        if due is Due.WRAP_UP:
            agent = self.state.agents.get(key)
            return agent is not None and agent.wrap_up is not None and agent.wrap_up.until == at
        if due is Due.RING:
            offered = self.state.places.get(self.state.offers.get(key, ""))
            return offered is not None and offered.phase is Phase.OFFERED and offered.deadline == at
        place = self.state.places.get(key)
        if place is None or place.phase is Phase.CONNECTED:
            return False
        if due is Due.RETRY:
            miss = place.missed.get(name)
            return miss is not None and miss.retry_at == at
        if due is Due.ANNOUNCE:
            return place.announce_at == at
        return not place.late and self.latest(place) == at

    # -- matching ------------------------------------------------------------------------------

    def seek_work(self, desk: Desk, cue: str, now: float, out: list[Decision]) -> None:
        """Give an agent who may have become free what waits for it, as long as there is room."""
        index = self.index
        place = index.best_work(desk)
        while place is not None:
            queue = index.queues[place.queue]
            queue.step_out(place)
            self._offer(queue, place, desk, cue, now, out)
            place = index.best_work(desk)

    def seek_agent(self, queue: QueueIndex, place: Place, cue: str, now: float, out: list[Decision]) -> bool:
        """Offer a place that stands in no line to the best free agent; False when there is none."""
        desk = self.index.best_agent(queue, place)
        if desk is None:
            return False
        self._offer(queue, place, desk, cue, now, out)
        return True

    def _offer(
        self, queue: QueueIndex, place: Place, desk: Desk, cue: str, now: float, out: list[Decision]
    ) -> None:
        state, rule = self.state, queue.rule
        offer = f"o{state.next_offer}"
        trace = make_trace(self.index, queue, place, now, "offered", cue, desk, offer)
        out.append(Traced(place.interaction, trace))
        state.next_offer += 1
        place.phase = next_phase(place.phase, Event.OFFER, place.interaction)
        place.offer = offer
        place.deadline = now + (rule.ring_timeout_s if place.kind is LegKind.AUDIO else rule.text_timeout_s)
        state.offers[offer] = place.interaction
        queue.ringing.add(turn_of(place))
        reserve(state, self.index, desk, place, queue.loads[place.channel_class], now)
        self.deadlines.push(place.deadline, Due.RING, offer)
        waited = max(0.0, now - place.entered_at)
        name = desk.state.name
        out.append(Offer(offer, place.interaction, name, rule.name, place.kind, place.deadline, waited))

    def wait(self, queue: QueueIndex, place: Place, cue: str, now: float, out: list[Decision]) -> None:
        """Line up a place that nobody can take now, and say so; begin to announce its position."""
        queue.line_up(place)
        trace = make_trace(self.index, queue, place, now, "waits", cue)
        out.append(Traced(place.interaction, trace))
        if queue.rule.announce_position and not place.announce_at:
            self.announce(queue, place, now, out)

    def announce(self, queue: QueueIndex, place: Place, now: float, out: list[Decision]) -> None:
        """Tell the position unless a phone rings for it already; set the next time."""
        every = queue.rule.announce_every_s
        place.announce_at = now + every if every > 0 and queue.rule.announce_position else 0.0
        if place.announce_at:
            self.deadlines.push(place.announce_at, Due.ANNOUNCE, place.interaction)
        if place.phase is Phase.WAITING and queue.rule.announce_position:
            out.append(Position(place.interaction, queue.rank(place)))

    # -- ends ----------------------------------------------------------------------------------

    def overflow(self, place: Place, why: str, now: float, out: list[Decision]) -> None:
        """Give back a place that stands in no line."""
        queue = self.index.queues.get(place.queue)
        place.phase = next_phase(place.phase, Event.OVERFLOW, place.interaction)
        target = _NOWHERE
        if queue is not None and why != "queue_removed":
            target = queue.rule.overflow
            trace = make_trace(self.index, queue, place, now, "overflowed", why)
            out.append(Traced(place.interaction, trace))
        self.leave(place, Outcome.OVERFLOWED, now, out)
        out.append(Overflow(place.interaction, place.queue, target, why))

    def leave(self, place: Place, outcome: Outcome, now: float, out: list[Decision]) -> None:
        """Forget a place that ended without a conversation, and count it."""
        totals = self.state.queues[place.queue]
        if outcome is Outcome.ABANDONED:
            totals.abandoned += 1
        else:
            totals.overflowed += 1
        self.state.places.pop(place.interaction, None)
        waited = max(0.0, now - place.enqueued_at)
        out.append(LeftQueue(place.interaction, place.queue, outcome, waited))

    def end_offer(self, place: Place, event: Event, now: float, give_back_turn: bool) -> Desk:
        """End a live or accepted offer; the place stands in no line afterwards."""
        place.phase = next_phase(place.phase, event, place.interaction)
        del self.state.offers[place.offer]
        queue = self.index.queues.get(place.queue)
        if queue is not None:
            queue.ringing.remove(turn_of(place))
        return release(self.state, self.index, place, now, give_back_turn)

    def abandon(self, place: Place, now: float, cause: Cause, out: list[Decision]) -> None:
        """The customer left before a conversation, or was moved elsewhere."""
        moved = cause is Cause.TRANSFERRED
        desk = None
        if place.phase is Phase.WAITING:
            place.phase = next_phase(place.phase, Event.LEAVE, place.interaction)
            self.index.queues[place.queue].step_out(place)
        else:
            offer, agent = place.offer, place.agent
            desk = self.end_offer(place, Event.LEAVE, now, give_back_turn=True)
            end = OfferEnd.WITHDRAWN if moved else OfferEnd.CUSTOMER_LEFT
            out.append(OfferWithdrawn(offer, place.interaction, agent, end))
        self.leave(place, Outcome.OVERFLOWED if moved else Outcome.ABANDONED, now, out)
        if desk is not None:
            self.freed(desk, "agent free", now, out)

    def miss(self, place: Place, end: OfferEnd, now: float, out: list[Decision]) -> None:
        """An offer ended by the agent's doing or not doing: both look for something else."""
        desk = self.index.desks[place.agent]
        loose = [place]
        pause = self._note_miss(place, end, now, out)
        if pause is not None:
            loose += self.set_availability(desk, Availability.PAUSED, pause[0], pause[1], now, out)
        self.index.unseat(desk)  # others first; then this agent takes the first of all that wait
        self.settle(loose, "missed", now, out)
        self.index.seat(desk)
        self.freed(desk, "agent free", now, out)

    def _note_miss(
        self, place: Place, end: OfferEnd, now: float, out: list[Decision]
    ) -> tuple[str, str] | None:
        """End the offer and count the miss; (reason, by) when the agent is to be paused for it.

        An end that is not the agent's doing counts nothing and costs no turn; the agent is still not
        asked again at once, so that an offer that cannot be carried out does not go round in circles.
        """
        offer, name = place.offer, place.agent
        blameless = end in _NOT_THE_AGENT
        desk = self.end_offer(place, Event.MISS, now, give_back_turn=blameless)
        if not blameless:
            out.append(Missed(offer, place.interaction, name, place.queue, end))
        queue = self.index.queues.get(place.queue)
        if queue is None:
            return None
        rule = queue.rule
        if rule.retry_same_after_s > 0:
            retry_at = now + rule.retry_same_after_s
            place.missed.pop(name, None)
            place.missed[name] = Miss(now, end, retry_at)
            self.deadlines.push(retry_at, Due.RETRY, place.interaction, name)
        if not blameless and count_miss(desk.state, end, rule.on_miss):
            return rule.miss_pause_reason, f"policy:on_miss {end.value} {rule.on_miss[end]}"
        return None

    def settle(self, places: list[Place], cue: str, now: float, out: list[Decision]) -> None:
        """Places that stand in no line, in the order of service: next agent, line, or out."""
        for place in sorted(places, key=turn_of):
            self.return_to_line(place, cue, now, out)

    def return_to_line(self, place: Place, cue: str, now: float, out: list[Decision]) -> None:
        """A place whose offer ended: next agent, back in line, or out if its time is over meanwhile."""
        queue = self.index.queues.get(place.queue)
        if queue is None:
            self.overflow(place, "queue_removed", now, out)
            return
        latest = self.latest(place)
        if latest is not None and latest <= now:
            self.overflow(place, "max_wait", now, out)
        elif not self.seek_agent(queue, place, cue, now, out):
            self.wait(queue, place, cue, now, out)

    # -- agents --------------------------------------------------------------------------------

    def freed(self, desk: Desk, cue: str, now: float, out: list[Decision]) -> None:
        """An agent's load or state became better: seek work, or forget it when it was removed."""
        if may_forget(desk.state):
            self.index.desks.pop(desk.state.name, None)
            self.state.agents.pop(desk.state.name, None)
            return
        self.seek_work(desk, cue, now, out)

    def set_availability(
        self, desk: Desk, availability: Availability, reason: str, by: str, now: float, out: list[Decision]
    ) -> list[Place]:
        """Write down an availability and take back live offers unless it is READY; matches nobody.

        The answer are the places taken back: `settle` them.
        """
        agent = desk.state
        declare(self.state, agent, availability, reason, by, now)
        out.append(AvailabilityChanged(agent.name, availability, reason, by))
        if availability is not Availability.PAUSED:
            stop_wrap_up(self.index, desk, now, out)
        self.index.seat(desk)
        if availability is Availability.READY:
            return []
        loose = self._ringing_at(desk)
        for place in loose:
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.WITHDRAWN))
            self.end_offer(place, Event.MISS, now, give_back_turn=True)
        return loose

    def lose_agent(self, desk: Desk, now: float, out: list[Decision]) -> list[Place]:
        """The agent's last device is gone: its live offers end as its misses, accepted ones go on.

        The answer are the places taken back: `settle` them.
        """
        loose = self._ringing_at(desk)
        pause = None
        for place in loose:
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.UNREACHABLE))
            pause = self._note_miss(place, OfferEnd.UNREACHABLE, now, out) or pause
        if pause is not None:
            self.set_availability(desk, Availability.PAUSED, pause[0], pause[1], now, out)
        return loose

    def _ringing_at(self, desk: Desk) -> list[Place]:
        places = self.state.places
        return [places[name] for name in desk.state.held if places[name].phase is Phase.OFFERED]
