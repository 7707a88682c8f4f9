"""The routing engine: which agent gets which interaction, and when.

Pure and synchronous: each method is one turn, changes the state and returns what is to be done, in
order. Order of service: priority with the queue's weight and what ageing adds (higher first), then
`entered_at` (earlier first), across all the queues that an agent serves. Whom: those who meet the
requirement at its present stage, tier by tier, by the queue's strategy. Unknown agents, offers and
interactions are no error (late facts about things that are gone): the answer is then an empty list.
"""

from collections.abc import Mapping

from ccd.errors import IllegalMove, Refused
from ccd.model.nouns import Availability, Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.requirements import parse_requirement
from ccd.model.rules import Rules
from ccd.routing.calling_back import CALLBACK_DUES
from ccd.routing.deadlines import Due
from ccd.routing.decisions import (
    AvailabilityChanged,
    Decision,
    Finished,
    Handled,
    OfferWithdrawn,
    Overflow,
    StaleOffer,
)
from ccd.routing.desk import Desk
from ccd.routing.desks import count_time, hold, release, start_wrap_up, take_turn
from ccd.routing.matching import NOWHERE, Matching
from ccd.routing.own_work import OwnWork
from ccd.routing.pauses import end_pause
from ccd.routing.phases import Event, Phase, next_phase
from ccd.routing.served import note_served
from ccd.routing.state import Callback, Place, RoutingState
from ccd.routing.strategies import Strategy

# Under names of their own: a member taken out of its enum costs 600 machine instructions.
_OFFERED, _RING = Phase.OFFERED, Due.RING
_ACCEPT, _BRIDGE, _FINISH = Event.ACCEPT, Event.BRIDGE, Event.FINISH


class Router(OwnWork):
    """The engine over one state. `state` is encoded for a snapshot with `msgspec.msgpack`."""

    __slots__ = ()

    def __init__(
        self,
        rules: Rules,
        state: RoutingState | None = None,
        strategies: Mapping[str, Strategy] | None = None,
    ) -> None:
        """`rules` must be those that `state` was made under; for new ones call `load_rules` afterwards.

        `strategies` are one's own, by name. Raises `Misconfigured` for a queue whose strategy is unknown.
        """
        self.state = RoutingState() if state is None else state
        self._matching = Matching(rules, self.state, dict(strategies or {}))

    # -- rules ---------------------------------------------------------------------------------

    def load_rules(self, rules: Rules, now: float) -> list[Decision]:
        """Follow new rules; offers that ring, conversations, wrap-up and availability go on undisturbed.

        What waits in a removed queue is given back with an empty target; agents removed are logged out
        and finish what they hold, but a wrap-up that waits for them ends. Walks everything once. Raises
        `Misconfigured`, nothing changed, for rules that cannot be followed: an unknown strategy, a
        requirement that cannot be read.
        """
        self._matching.check(rules)
        out: list[Decision] = []
        gone = [place for place in self.state.places.values() if place.queue not in rules.queues]
        removed = [agent for agent in self.state.agents.values() if agent.name not in rules.agents]
        for agent in removed:
            if agent.availability is not Availability.LOGGED_OUT:
                count_time(agent, now)
                end_pause(agent, out)
                agent.pending = None
                self.leave_wrap_up(agent, now, out)
                agent.availability, agent.reason, agent.by, agent.since = (
                    Availability.LOGGED_OUT,
                    "removed",
                    "config",
                    now,
                )
                out.append(AvailabilityChanged(agent.name, Availability.LOGGED_OUT, "removed", "config"))
        for place in gone:
            self._give_back(place, now, out)
        for place in self.state.places.values():
            place.late = False  # the longest wait or the hours may have changed
            if place.prefer and place.prefer not in rules.agents:
                place.prefer = ""
        resting = self.resting_for_hours(now)
        self._matching.adopt(rules, now)
        self.follow_hours(resting, now, out)
        self._matching.redial.follow_rules(out)
        self._matching.leave_deserted(now, out)
        desks = self._matching.index.desks.values()
        for desk in sorted(desks, key=lambda desk: (desk.state.line_since, desk.state.line_seq)):
            self._matching.seek_work(desk, "rules", now, out)
        return out

    def _give_back(self, place: Place, now: float, out: list[Decision]) -> None:
        """Take a place out of a queue that is removed, unless an agent has it already."""
        matching = self._matching
        if place.phase in (Phase.WAITING, Phase.RESTING):
            queue = matching.index.queues.get(place.queue)
            if queue is not None:
                matching.index.take_out(queue, place)
            matching.overflow(place, "queue_removed", NOWHERE, now, out)
        elif place.phase is Phase.OFFERED:
            matching.withdraw_others(place, OfferEnd.WITHDRAWN, "", now, out)
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.WITHDRAWN))
            matching.end_offer(place, Event.MISS, now, give_back_turn=True)
            matching.overflow(place, "queue_removed", NOWHERE, now, out)

    def drain(self, on: bool) -> None:
        """Note that no new interaction is taken; the edges refuse them, what waits here is still served."""
        self.state.draining = on

    # -- interactions --------------------------------------------------------------------------

    def enqueue(
        self,
        interaction: str,
        queue: str,
        now: float,
        *,
        channel_class: ChannelClass,
        kind: LegKind,
        priority: int | None = None,
        entered_at: float | None = None,
        passed_on_by: str = "",
        requirement: str = "",
        prefer: str = "",
        prefer_wait_s: float = 30.0,
        callback: Callback | None = None,
        customer: str = "",
    ) -> list[Decision]:
        """Put an interaction into a queue: offered at once, lined up, or given back (full, closed, nobody).

        `entered_at` keeps the place of one that waited before. `passed_on_by`: the agent who sent it here
        is not offered it again before `retry_same_after_s`. `requirement`: what it asks for besides its
        queue. `prefer`: the agent, member or not, that it is kept for at first, for `prefer_wait_s`,
        unless logged out. `callback`: its customer holds no line. `customer`: as for `withdraw`; a place
        lost is taken back. Each call counts as offered. Raises `IllegalMove` when the interaction is here
        already, and `ExpressionFault` for a requirement that cannot be read.
        """
        if interaction in self.state.places:
            raise IllegalMove("routing_twice", f"interaction {interaction} is in a queue already")
        own = parse_requirement(requirement).text if requirement else ""
        at = self._matching.index.queues.get(queue)
        if at is None:
            return [Overflow(interaction, queue, NOWHERE, "no_such_queue")]
        place = Place(
            interaction=interaction,
            queue=queue,
            channel_class=channel_class,
            kind=kind,
            priority=at.rule.priority if priority is None else priority,
            entered_at=now if entered_at is None else entered_at,
            enqueued_at=now,
            seq=self.state.next_seq,
            requirement=own,
            callback=callback,
        )
        self.state.next_seq += 1
        if prefer != passed_on_by and prefer_wait_s > 0 and self._matching.is_there(prefer):
            place.prefer, place.prefer_until = prefer, now + prefer_wait_s
        out: list[Decision] = []
        if customer and self.state.lost:
            self._matching.redial.take_back(at, place, customer, now, out)
        self._matching.enter(at, place, passed_on_by, now, out)
        return out

    def withdraw(self, interaction: str, now: float, cause: Cause, customer: str = "") -> list[Decision]:
        """The customer left before a conversation (abandoned), or was moved (TRANSFERRED: overflowed).

        `customer`: how who left is known again, for queues that keep the place for a while.
        Raises `IllegalMove` for one in conversation: that is `finish`.
        """
        out: list[Decision] = []
        place = self.state.places.get(interaction)
        if place is not None:
            self._matching.abandon(place, now, cause, customer, out)
        return out

    def change(
        self,
        interaction: str,
        now: float,
        *,
        priority: int | None = None,
        requirement: str | None = None,
        queue: str | None = None,
    ) -> list[Decision]:
        """Give a waiting interaction another priority, own requirement or queue; it acts at once.

        The first `Changed` says the place before and after. In a ring the order changes, the ring goes on,
        except when the queue changes: then the offer is withdrawn. Since when the customer waits is kept.
        Raises `Refused` for an unknown queue, or another queue once an agent has accepted, and
        `ExpressionFault` for a requirement that cannot be read; then nothing has changed.
        """
        place = self.state.places.get(interaction)
        if place is None or place.phase is Phase.CONNECTED or place.queue not in self._matching.index.queues:
            return []
        own = place.requirement if requirement is None else parse_requirement(requirement).text
        to = place.queue if queue is None else queue
        if to not in self._matching.index.queues:
            raise Refused("routing_queue", f"there is no queue {to}: interaction {interaction} stays")
        if to != place.queue and place.phase is Phase.ACCEPTED:
            raise Refused("routing_accepted", f"interaction {interaction} is being put through: it stays")
        out: list[Decision] = []
        points = place.priority if priority is None else priority
        self._matching.change(place, points, own, to, now, out)
        return out

    def hold(self, interaction: str, on: bool, now: float) -> list[Decision]:
        """The agent put the customer on hold or took it back: room meanwhile with `works_on_hold`."""
        out: list[Decision] = []
        place = self.state.places.get(interaction)
        if place is None or place.phase is not Phase.CONNECTED or place.on_hold is on:
            return out
        desk = self._matching.index.desks[place.agent]
        if on and not desk.rule.works_on_hold:
            return out
        hold(self._matching.index, desk, place, on, now)
        self._matching.freed(desk, "agent free", now, out)
        return out

    def answered(self, offer: str, now: float) -> list[Decision]:
        """The agent took the offer; the bridge is still to come. Stale or second: `StaleOffer`.

        Other phones that ring for it are still, and their agents free at once.
        """
        place = self.state.places.get(self.state.offers.get(offer, ""))
        if place is None or place.phase is not _OFFERED:
            return [StaleOffer(offer)]
        shared = place.interaction in self.state.other_offers
        if shared:
            self._matching.lead_offer(place, offer)
        place.phase = next_phase(place.phase, _ACCEPT, place.interaction)
        agent = self.state.agents[place.agent]
        count_time(agent, now)
        if agent.misses:
            agent.misses.clear()
        return self._matching.won(place, now) if shared else []

    def bridged(self, interaction: str, now: float, since: float | None = None) -> list[Decision]:
        """Customer and agent hear (or read) each other: handled. Raises `IllegalMove` unless accepted.

        `since`: when the agent's work with it began, if earlier.
        """
        place = self.state.places.get(interaction)
        if place is None:
            return []
        place.phase = next_phase(place.phase, _BRIDGE, interaction)
        del self.state.offers[place.offer]
        place.offer = ""
        place.bridged_at = began = now if since is None else since
        if place.missed:
            place.missed.clear()
        index = self._matching.index
        queue = index.queues.get(place.queue)
        waited = max(0.0, began - place.enqueued_at)
        in_time = False
        if queue is not None:
            queue.end_ring(place)
            queue.talking += 1
            queue.active += 1
            in_time = waited <= queue.rule.service_level_s
            if queue.measures:
                note_served(self.state, place.queue, in_time, now)
        self._matching.expecting.bridged(place, now)
        totals = self.state.queues[place.queue]
        totals.handled += 1
        totals.in_service_level += in_time
        desk = index.desks[place.agent]
        desk.state.totals.handled += 1
        if desk.room_for:
            index.choosing.seat(desk)  # neither its room nor its turn is another, but some strategies count
        return [Handled(interaction, place.agent, place.queue, waited, in_time, now - began)]

    def missed(self, offer: str, end: OfferEnd, now: float) -> list[Decision]:
        """Not taken, or the agent vanished before the bridge: the place is kept, the next agent asked.

        WITHDRAWN says that the offer could not be carried out: not counted as the agent's miss.
        """
        out: list[Decision] = []
        place = self.state.places.get(self.state.offers.get(offer, ""))
        if place is not None:
            self._matching.lead_offer(place, offer)
            self._matching.miss(place, end, now, out)
        return out

    def finish(self, interaction: str, now: float) -> list[Decision]:
        """The conversation is over: its agent goes to wrap-up or takes the next. Raises `IllegalMove`
        for one that is not in conversation: that is `withdraw`."""
        out: list[Decision] = []
        desk = self._finish(interaction, now, out)
        if desk is not None:
            self._matching.freed(desk, "agent free", now, out)
        return out

    def _finish(self, interaction: str, now: float, out: list[Decision]) -> Desk | None:
        """End a conversation, but let its agent not look for work yet."""
        place = self.state.places.get(interaction)
        if place is None:
            return None
        place.phase = next_phase(place.phase, _FINISH, interaction)
        del self.state.places[interaction]
        queue = self._matching.index.queues.get(place.queue)
        if queue is not None:
            self._matching.end_talk(queue)
        return self._part(place, now, out)

    def requeue(
        self,
        interaction: str,
        queue: str,
        now: float,
        *,
        channel_class: ChannelClass,
        kind: LegKind,
        priority: int | None = None,
        entered_at: float | None = None,
        passed_on_by: str = "",
        requirement: str = "",
        prefer: str = "",
        prefer_wait_s: float = 30.0,
        callback: Callback | None = None,
        customer: str = "",
    ) -> list[Decision]:
        """`finish` and `enqueue` in one: the customer lines up before the agent looks for the next work."""
        out: list[Decision] = []
        desk = self._finish(interaction, now, out)
        out += self.enqueue(
            interaction,
            queue,
            now,
            channel_class=channel_class,
            kind=kind,
            priority=priority,
            entered_at=entered_at,
            passed_on_by=passed_on_by,
            requirement=requirement,
            prefer=prefer,
            prefer_wait_s=prefer_wait_s,
            callback=callback,
            customer=customer,
        )
        if desk is not None:
            self._matching.freed(desk, "agent free", now, out)
        return out

    def move(self, interaction: str, agent: str | None, now: float) -> list[Decision]:
        """The conversation goes on with another agent, or (None) outside the centre.

        The new agent holds it with the same load even beyond its capacity (people agreed on it); work
        that it was `occupy`-ed with under the interaction's id is replaced by it.
        """
        out: list[Decision] = []
        place = self.state.places.get(interaction)
        target = self._matching.index.desks.get(agent) if agent is not None else None
        if place is None or target is None:
            return self.finish(interaction, now)
        if place.agent == agent:
            return out
        place.phase = next_phase(place.phase, Event.HAND_OVER, interaction)
        load, place.on_hold = place.load, False
        desk = self._part(place, now, out)
        state = target.state
        count_time(state, now)
        state.load += load - state.outside.pop(interaction, 0)
        state.held[interaction] = load
        take_turn(self.state, state, now)
        place.agent, place.load, place.bridged_at, place.disposition = state.name, load, now, ""
        state.totals.handled += 1
        self._matching.index.seat(target)
        self._matching.freed(desk, "agent free", now, out)
        self._matching.freed(target, "agent free", now, out)
        return out

    def _part(self, place: Place, now: float, out: list[Decision]) -> Desk:
        """End an agent's share in a conversation; wrap-up begins."""
        talked = max(0.0, now - place.bridged_at)
        out.append(Finished(place.interaction, place.agent, place.queue, talked))
        self.state.agents[place.agent].totals.talked_s += talked
        matching, before = self._matching, self.state.agents[place.agent].wrap_up
        desk = release(self.state, matching.index, place, now, give_back_turn=False)
        start_wrap_up(matching.index, matching.timing.deadlines, desk, place, now, out)
        wrap_up = desk.state.wrap_up
        if before is not wrap_up:
            matching.expecting.wrapped_up(before, now)
        matching.expecting.finished(place, wrap_up, now)
        return desk

    # -- agents --------------------------------------------------------------------------------

    def set_reachable(self, agent: str, reachable: bool, now: float, why: str = "") -> list[Decision]:
        """Some device of the agent can be reached, or none: then its live offers go to the next agent."""
        out: list[Decision] = []
        desk = self._matching.index.desks.get(agent)
        if desk is None or (desk.state.reachable is reachable and desk.state.unreachable_why == why):
            return out
        changed = desk.state.reachable is not reachable
        desk.state.reachable = reachable
        desk.state.unreachable_why = why
        if not changed:
            return out
        self._matching.index.presence.note(desk)
        self._matching.index.seat(desk)
        if not reachable:
            self._matching.settle(self._matching.lose_agent(desk, now, out), [], "missed", now, out)
        self._matching.freed(desk, "agent reachable", now, out)
        return out

    # -- time ----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `expire` has something to do next; None: nothing is due ever."""
        return self._matching.timing.deadlines.next()

    def expire(self, now: float) -> list[Decision]:
        """Do all that is due at `now`: ring timeouts, wrap-up ends, retries, closings, longest waits…"""
        out: list[Decision] = []
        entry = self._matching.timing.deadlines.pop(now)
        while entry is not None:
            self._fire(entry[1], entry[2], entry[3], now, out)
            entry = self._matching.timing.deadlines.pop(now)
        return out

    def _fire(self, due: Due, key: str, name: str, now: float, out: list[Decision]) -> None:
        matching = self._matching
        if due is Due.WRAP_UP:
            self.wrap_up_due(key, now, out)
            return
        if due is Due.PAUSE:
            self.longest_pause(self.state.agents[key], now, out)
            return
        if due is Due.REDIAL:
            matching.redial.expire(key, out)
            return
        if due is Due.LOOK:
            matching.look(matching.index.queues[key], now, out)
            return
        place = self.state.places[self.state.offers[key] if due is _RING else key]
        if due is _RING:
            matching.lead_offer(place, key)
            out.append(OfferWithdrawn(key, place.interaction, place.agent, OfferEnd.NO_ANSWER))
            matching.miss(place, OfferEnd.NO_ANSWER, now, out)
            return
        queue = matching.index.queues.get(place.queue)
        if place.callback is not None and due in CALLBACK_DUES:
            self.callback_due(due, place, now, out)
        elif due is Due.RETRY:
            matching.retry(place, name, now, out)
        elif due is Due.STAGE:
            matching.next_stage(place, now, out)
        elif due is Due.PREFER:
            matching.prefer_nobody(place, now, out)
        elif due is Due.MAX_WAIT or due is Due.CLOSE:
            self._limit(place, "max_wait" if due is Due.MAX_WAIT else "closed", now, out)
        elif queue is not None:
            matching.announce(queue, place, now, out)

    def _limit(self, place: Place, why: str, now: float, out: list[Decision]) -> None:
        """A time is over after which a place is given back, unless a phone rings for it just now."""
        queue = self._matching.index.queues.get(place.queue)
        if place.phase is not Phase.WAITING or queue is None:
            place.late = True
            return
        target = self._matching.goes_to(place, why, now, out)
        if target is not None:
            self._matching.index.step_out(queue, place)
            self._matching.overflow(place, why, target, now, out)
