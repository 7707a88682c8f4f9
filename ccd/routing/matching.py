"""The engine's inner moves over one state: entering, changing, taking offers back, agents who come and go.

What each makes available is given to `Pairing`, which brings interactions and agents together.
"""

from collections.abc import Iterator

from msgspec import structs

from ccd.model.nouns import Availability, Cause, OfferEnd, Outcome
from ccd.model.rules import Target, way_of
from ccd.model.trace import Trace
from ccd.routing.callbacks import given_up_as
from ccd.routing.deadlines import Due
from ccd.routing.decisions import (
    AvailabilityChanged,
    Changed,
    Decision,
    LeftQueue,
    Missed,
    OfferWithdrawn,
    Overflow,
    Stayed,
    Traced,
)
from ccd.routing.desk import Desk, at_work
from ccd.routing.desks import count_miss, count_time, declare, may_forget, release, stop_wrap_up
from ccd.routing.opening import overflow_target, takes, with_hours
from ccd.routing.pairing import Seeker
from ccd.routing.passed import make_trace
from ccd.routing.pauses import begin_pause, declare_pause, end_pause
from ccd.routing.phases import Event, Phase, next_phase
from ccd.routing.queues import QueueIndex
from ccd.routing.shares import is_spared, next_target, percentages, share_of
from ccd.routing.state import Miss, Place
from ccd.routing.timely import Timely
from ccd.routing.wrap_ups import WrapUpEvent
from ccd.routing.wrap_ups import next_stage as next_wrap_up

NOWHERE = Target()
_IN_LINE = (Phase.WAITING, Phase.RESTING)

_NOT_THE_AGENT = frozenset({OfferEnd.WITHDRAWN, OfferEnd.CUSTOMER_LEFT})


class Matching(Timely):
    """All moves but those that bring together."""

    __slots__ = ()

    # -- entering and changing -----------------------------------------------------------------

    def enter(
        self, queue: QueueIndex, place: Place, passed_on_by: str, now: float, out: list[Decision]
    ) -> None:
        """A place that is new in a queue: count it, offer it, or let it wait if that is allowed.

        A closed queue takes nothing, whoever is free.
        """
        rule = queue.rule
        self.state.queues[rule.name].offered += 1
        full = rule.max_length is not None and queue.waiting() >= rule.max_length
        self.state.places[place.interaction] = place
        if place.callback is not None:
            if queue.estimates:
                self.expecting.entered(queue, place, now)
            self.timing.begin(place)
            self.put_aside(queue, place, place.callback.rests_until, "arrived", now, out)
            return
        if passed_on_by and rule.retry_same_after_s > 0:
            retry_at = now + rule.retry_same_after_s
            place.missed[passed_on_by] = Miss(now, OfferEnd.WITHDRAWN, retry_at)
            self.timing.deadlines.push(retry_at, Due.RETRY, place.interaction, passed_on_by)
        if not takes(queue.calendar, queue.closure, now) and self.send_away(place, "closed", now, out):
            return
        if queue.estimates:
            self.expecting.entered(queue, place, now)
        self.timing.begin(place)
        if queue.watches:
            self.look_for(queue, place, now, out)
        if self.seek_agent(queue, place, "arrived", now, out):
            if self.index.loosened:
                self.pair([], [], "", now, out)
            return
        for why in self._limits(queue, place, full, now):
            if self.send_away(place, why, now, out):
                return
        self.wait(queue, place, "arrived", now, out)

    def _limits(self, queue: QueueIndex, place: Place, full: bool, now: float) -> Iterator[str]:
        """The limits that keep a newcomer out, one after another."""
        rule = queue.rule
        if full:
            yield "max_length"
        if self.index.empty(queue, rule.join_empty):
            yield "no_agents"
        if rule.max_load is not None and self._overloaded(queue, rule.max_load):
            yield "max_load"
        if rule.max_ewt_s is not None and self._too_long(queue, place, rule.max_ewt_s, now):
            yield "max_ewt"

    def _overloaded(self, queue: QueueIndex, most: float) -> bool:
        """Whether one more would be too many for those who are ready; with nobody ready any is."""
        waiting, ready = self.index.loaded(queue)
        return waiting + 1 > most * ready

    def _too_long(self, queue: QueueIndex, place: Place, most: float, now: float) -> bool:
        """Whether it would probably wait longer than its queue allows; what is not known is not too long."""
        place.expected_s = self.expecting.estimate(queue, place, queue.rank(place, now), now)
        return place.expected_s is not None and place.expected_s > most

    def change(
        self, place: Place, priority: int, requirement: str, queue: str, now: float, out: list[Decision]
    ) -> None:
        """Let a waiting place stand where these values put it, and look for an agent anew."""
        index = self.index
        at = index.queues[place.queue]
        before = at.rank(place, now)
        desks: list[Desk] = []
        rests = place.phase is Phase.RESTING
        rings = place.phase is not Phase.WAITING and not rests
        if rings and queue != place.queue:
            desks += self.withdraw_others(place, OfferEnd.WITHDRAWN, "", now, out)
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.WITHDRAWN))
            desks.append(self.end_offer(place, Event.MISS, now, give_back_turn=True))
            rings = False
        elif rings:
            at.end_ring(place)
        else:
            index.take_out(at, place)
        place.priority, place.requirement = priority, requirement
        if queue != place.queue:
            self._change_queue(place, queue, now, out)
        at = index.queues[queue]
        out.append(Changed(place.interaction, queue, before, at.rank(place, now)))
        if rests:
            at.lay_aside(place)
        elif rings:
            at.begin_ring(place)
            self.join(now, out)
        elif self.put_by(place, now, out):
            self.pair([], desks, "agent free", now, out)
        else:
            loose: list[Seeker] = [(place, "changed")]
            loose += [(each, "withdrawn") for desk in desks for each in self.rest(desk, now, out)]
            self.pair(loose, desks, "agent free", now, out)

    def _change_queue(self, place: Place, queue: str, now: float, out: list[Decision]) -> None:
        """Count a place out of one queue and into another; its first entry and what it asks for are kept."""
        self.state.queues[place.queue].overflowed += 1
        waited = max(0.0, now - place.enqueued_at)
        out.append(LeftQueue(place.interaction, place.queue, Outcome.OVERFLOWED, waited))
        self.expecting.gone(place, now, gave_up=False)
        self.state.queues[queue].offered += 1
        place.queue, place.enqueued_at, place.stage, place.late = queue, now, 0, False
        place.spared = place.given = ()
        place.announce_at, place.expected_s, place.told = 0.0, None, None
        place.missed.clear()
        self.expecting.entered(self.index.queues[queue], place, now)
        self.timing.begin(place)

    # -- ends ----------------------------------------------------------------------------------

    def send_away(self, place: Place, why: str, now: float, out: list[Decision]) -> bool:
        """Give back a place that stands in no line; False: it stays, by the shares of its queue."""
        target = self.goes_to(place, why, now, out)
        if target is not None:
            self.overflow(place, why, target, now, out)
        return target is not None

    def goes_to(self, place: Place, why: str, now: float, out: list[Decision]) -> Target | None:
        """Where a limit of its queue sends a place; None: it stays, and this limit asks it no more."""
        queue = self.index.queues.get(place.queue)
        if queue is None:
            return NOWHERE
        if is_spared(place, queue.rule, why):
            return None
        target = next_target(self.state, queue.rule, why)
        if target is not None:
            return target
        place.spared = (*place.spared, why)
        if place.late:
            place.late = False
            self.timing.begin(place)
        pct = percentages(overflow_target(queue.rule, why))[-1]
        detail = f"{pct} % stay"
        trace = Trace(now, "stays", place.queue, cue=why, position=queue.rank(place, now), detail=detail)
        out += [Traced(place.interaction, trace), Stayed(place.interaction, place.queue, why, pct)]
        return None

    def overflow(self, place: Place, why: str, target: Target, now: float, out: list[Decision]) -> None:
        """Give back a place that stands in no line, to this target."""
        queue = self.index.queues.get(place.queue)
        place.phase = next_phase(place.phase, Event.OVERFLOW, place.interaction)
        pct = 0
        if queue is None or why == "queue_removed":
            position = 0 if queue is None else queue.rank(place, now)
            trace = Trace(now, "overflowed", place.queue, cue="queue_removed", position=position)
            out.append(Traced(place.interaction, trace))
        else:
            pct = share_of(queue.rule, why, target)
            trace = make_trace(self.index, queue, place, now, "overflowed", why)
            if why == "closed":
                trace = with_hours(trace, queue.calendar, queue.closure, place.enqueued_at)
            elif why == "max_load":
                waiting, ready = self.index.loaded(queue)
                trace = structs.replace(trace, detail=f"{waiting} waiting, {ready} ready")
            elif why == "max_ewt":
                trace = structs.replace(trace, detail=f"about {place.expected_s or 0.0:.0f} s")
                place.expected_s = None  # it was not let in, so it shows no wait
            if pct:
                share = f"{pct} % go to {way_of(target)}"
                trace = structs.replace(trace, detail=f"{trace.detail}, {share}" if trace.detail else share)
            out.append(Traced(place.interaction, trace))
        self.leave(place, Outcome.OVERFLOWED, now, out)
        out.append(Overflow(place.interaction, place.queue, target, why, pct))

    def end_offer(self, place: Place, event: Event, now: float, give_back_turn: bool) -> Desk:
        """End a live or accepted offer; the place stands in no line afterwards, or others still ring."""
        if place.interaction in self.state.other_offers:
            return self.end_one_of(place, now, give_back_turn)
        place.phase = next_phase(place.phase, event, place.interaction)
        del self.state.offers[place.offer]
        queue = self.index.queues.get(place.queue)
        if queue is not None:
            was_full = queue.guarded and queue.full()
            queue.end_ring(place)
            if was_full:
                self.index.loosened[queue.rule.name] = queue
        return release(self.state, self.index, place, now, give_back_turn)

    def end_talk(self, queue: QueueIndex) -> None:
        """A conversation of a queue ended: another one may begin."""
        if queue.guarded and queue.full():
            self.index.loosened[queue.rule.name] = queue
        queue.talking -= 1
        queue.active -= 1

    def leave_deserted(self, now: float, out: list[Decision]) -> None:
        """Give back all that waits where nobody is, in queues to be left then."""
        for queue in self.index.leaving:
            self.settle(self.left_alone(queue), [], "rules", now, out)

    def abandon(self, place: Place, now: float, cause: Cause, customer: str, out: list[Decision]) -> None:
        """The customer left before a conversation, or was moved elsewhere."""
        moved = cause is Cause.TRANSFERRED
        desks: list[Desk] = []
        if place.phase in _IN_LINE:
            self.index.take_out(self.index.queues[place.queue], place)
            place.phase = next_phase(place.phase, Event.LEAVE, place.interaction)
        else:
            offer, agent = place.offer, place.agent
            end = OfferEnd.WITHDRAWN if moved else OfferEnd.CUSTOMER_LEFT
            desks += self.withdraw_others(place, end, "", now, out)
            desks.append(self.end_offer(place, Event.LEAVE, now, give_back_turn=True))
            out.append(OfferWithdrawn(offer, place.interaction, agent, end))
        self.leave(place, Outcome.OVERFLOWED if moved else given_up_as(place), now, out)
        if not moved and place.callback is None:
            self.redial.keep(place, customer, now, out)
        if desks:
            self.settle([], desks, "agent free", now, out)

    def won(self, place: Place, now: float) -> list[Decision]:
        """One of several took it: the others' phones are still at once, and they are free."""
        out: list[Decision] = []
        desks = self.withdraw_others(place, OfferEnd.TAKEN, place.agent, now, out)
        self.settle([], desks, "taken", now, out)
        return out

    def miss(self, place: Place, end: OfferEnd, now: float, out: list[Decision]) -> None:
        """An offer ended by the agent's doing or not doing: both look for something else."""
        desk = self.index.desks[place.agent]
        pause = self._note_miss(place, end, now, out)
        loose = [place] if place.phase is Phase.WAITING else []
        if pause is not None:
            loose += self.set_availability(desk, Availability.PAUSED, pause[0], pause[1], now, out)
        if desk.state.name not in place.missed:
            self.index.unseat(desk)  # it may be asked again at once, but others first
            self.settle(loose, [], "missed", now, out)
            self.index.seat(desk)
            loose = []
        self.settle(loose, [desk], "missed", now, out)

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
        if place.prefer == name:
            place.prefer = ""  # it was asked; now everybody may be
        if rule.retry_same_after_s > 0:
            retry_at = now + rule.retry_same_after_s
            place.missed.pop(name, None)
            place.missed[name] = Miss(now, end, retry_at)
            self.timing.deadlines.push(retry_at, Due.RETRY, place.interaction, name)
        if not blameless and count_miss(desk.state, end, rule.on_miss):
            return rule.miss_pause_reason, f"policy:on_miss {end.value} {rule.on_miss[end]}"
        return None

    def settle(
        self, places: list[Place], desks: list[Desk], cue: str, now: float, out: list[Decision]
    ) -> None:
        """Places whose offer ended, and agents who may have become free: next agent, line, or out."""
        loose: list[Seeker] = []
        places = [*places, *(place for desk in desks for place in self.rest(desk, now, out))]
        for place in sorted(places, key=lambda place: (place.entered_at, place.seq)):
            if self.put_by(place, now, out):
                continue
            gone = False
            while not gone and (why := self.hopeless(place, now)):
                gone = self.send_away(place, why, now, out)  # who stays may be at another limit
            if not gone:
                loose.append((place, cue))
        staying = [desk for desk in desks if not self.forget(desk)]
        if loose or self.index.loosened or len(staying) > 1:
            self.pair(loose, staying, "agent free", now, out)
        elif staying:
            self.seek_work(staying[0], "agent free", now, out)
        elif self.index.rings:
            self.join(now, out)

    def hopeless(self, place: Place, now: float) -> str:
        """Why a place that stands in no line is not to line up again; empty when it is."""
        queue = self.index.queues.get(place.queue)
        if queue is None:
            return "queue_removed"
        if place.callback is not None:
            return ""  # nobody holds a line
        latest, closing = self.timing.latest(place), self.timing.closing(place)
        if closing is not None and closing <= now and (latest is None or closing <= latest):
            return "closed"
        if latest is not None and latest <= now:
            return "max_wait"
        empty = self.index.empty(queue, queue.rule.leave_empty)
        return "no_agents" if empty and not is_spared(place, queue.rule, "no_agents") else ""

    # -- agents --------------------------------------------------------------------------------

    def freed(self, desk: Desk, cue: str, now: float, out: list[Decision]) -> None:
        """An agent's load or state became better: seek work, or forget it when it was removed."""
        loose = self.rest(desk, now, out)
        if loose:
            self.settle(loose, [desk], cue, now, out)
        elif not (desk.state.removed and self.forget(desk)):
            self.seek_work(desk, cue, now, out)
        elif self.index.loosened:
            self.pair([], [], cue, now, out)

    def rest(self, desk: Desk, now: float, out: list[Decision]) -> list[Place]:
        """Some work of an agent ended: if none is left, what is pending takes effect, a pause begins.

        The answer are places taken back: `settle` them.
        """
        agent = desk.state
        if at_work(agent):
            return []
        loose: list[Place] = []
        pending = agent.pending
        if pending is not None:
            agent.pending = None
            self.index.seat(desk)
            if (pending.availability, pending.reason) != (agent.availability, agent.reason):
                loose = self.set_availability(
                    desk, pending.availability, pending.reason, pending.by, now, out
                )
        if agent.pause is not None:
            begin_pause(agent, self.timing.deadlines, now)
        return loose

    def forget(self, desk: Desk) -> bool:
        """Forget an agent who was removed and has nothing left to finish; False for any other."""
        if not may_forget(desk.state):
            return False
        self.index.desks.pop(desk.state.name, None)
        self.state.agents.pop(desk.state.name, None)
        return True

    def set_availability(
        self, desk: Desk, availability: Availability, reason: str, by: str, now: float, out: list[Decision]
    ) -> list[Place]:
        """Write down an availability and take back live offers unless it is READY; matches nobody.

        The answer are the places taken back: `settle` them.
        """
        agent = desk.state
        count_time(agent, now)
        end_pause(agent, out)
        declare(self.state, agent, availability, reason, by, now)
        declare_pause(agent, self.pause_reasons)
        out.append(AvailabilityChanged(agent.name, availability, reason, by))
        if availability is not Availability.PAUSED:
            ready = availability is Availability.READY
            self.stop_wrap_up(desk, WrapUpEvent.END if ready else WrapUpEvent.LOG_OUT, now, out)
        self.index.note_availability(desk)
        self.index.seat(desk)
        if availability is Availability.READY:
            return []
        ringing = self._ringing_at(desk)
        loose = self.silence(desk, now, out)
        begin_pause(agent, self.timing.deadlines, now)
        if availability is Availability.LOGGED_OUT:
            loose += self._keep_no_longer(desk, ringing)
        return loose + self._deserted(desk)

    def stop_wrap_up(self, desk: Desk, event: WrapUpEvent, now: float, out: list[Decision]) -> None:
        """End wrap-up, if any, by what happened; matches nobody."""
        wrap_up = desk.state.wrap_up
        if wrap_up is not None:
            wrap_up.stage = next_wrap_up(wrap_up.stage, event, desk.state.name)
            self.expecting.wrapped_up(wrap_up, now)
            stop_wrap_up(self.index, desk, now, out)

    def silence(self, desk: Desk, now: float, out: list[Decision]) -> list[Place]:
        """Take back an agent's live offers, as no misses; the answer are the places that ring nowhere now:
        `settle` them."""
        ringing = self._ringing_at(desk)
        for place in ringing:
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.WITHDRAWN))
            self.end_offer(place, Event.MISS, now, give_back_turn=True)
        return [place for place in ringing if place.phase is Phase.WAITING]

    def _keep_no_longer(self, desk: Desk, ringing: list[Place]) -> list[Place]:
        """Who is gone keeps nothing waiting: the places kept for it, taken out of their lines."""
        kept = list(desk.kept.values())
        for place in kept:
            self.index.step_out(self.index.queues[place.queue], place)
        for place in [*kept, *ringing]:
            if place.prefer == desk.state.name:
                place.prefer = ""
        return kept

    def _deserted(self, desk: Desk) -> list[Place]:
        """All that waits in queues whose last agent this was, if they are to be left then."""
        found: list[Place] = []
        for queue in self.index.leaving:
            if queue.stages.members & desk.bit:
                found += self.left_alone(queue)
        return found

    def left_alone(self, queue: QueueIndex) -> list[Place]:
        """All that waits in a queue to be left because nobody is there, taken out of its lines."""
        if not self.index.empty(queue, queue.rule.leave_empty):
            return []
        lined_up = [self.state.places[name] for name in queue.lined_up()]
        waiting = [
            place
            for place in lined_up
            if place.callback is None and not is_spared(place, queue.rule, "no_agents")
        ]
        for place in waiting:
            self.index.step_out(queue, place)
        return waiting

    def lose_agent(self, desk: Desk, now: float, out: list[Decision]) -> list[Place]:
        """The agent's last device is gone: its live offers end as its misses, accepted ones go on.

        The answer are the places taken back: `settle` them.
        """
        ringing = self._ringing_at(desk)
        pause = None
        for place in ringing:
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.UNREACHABLE))
            pause = self._note_miss(place, OfferEnd.UNREACHABLE, now, out) or pause
        loose = [place for place in ringing if place.phase is Phase.WAITING]
        if pause is not None:
            loose += self.set_availability(desk, Availability.PAUSED, pause[0], pause[1], now, out)
        return loose

    def _ringing_at(self, desk: Desk) -> list[Place]:
        """All that is offered to an agent; of several offers its own stands in the place from now on."""
        held = [self.state.places[name] for name in desk.state.held]
        ringing = [place for place in held if place.phase is Phase.OFFERED]
        for place in ringing:
            self.lead(place, desk.state.name)
        return ringing
