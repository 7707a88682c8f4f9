"""The turns about callbacks: leaving the line, an attempt that failed, a customer reached, the end."""

from ccd.model.nouns import OfferEnd
from ccd.routing.deadlines import Due
from ccd.routing.decisions import Decision, OfferWithdrawn
from ccd.routing.declaring import Declaring
from ccd.routing.desk import Desk
from ccd.routing.phases import Event, Phase
from ccd.routing.state import Callback, Place

CALLBACK_DUES = frozenset({Due.GIVE_UP, Due.WAKE, Due.CLOSE})


class CallingBack(Declaring):
    """The turns about callbacks; the `Router` adds those about all work."""

    __slots__ = ()

    def call_back(self, interaction: str, until: float, rests_until: float, now: float) -> list[Decision]:
        """The customer leaves the line and keeps the place; `until` it is given up.

        It is offered to nobody before `rests_until`, or `wake`. A phone that rings for it stops ringing. Once
        an agent has accepted, or is in conversation, nothing is done: [].
        """
        place = self.state.places.get(interaction)
        if place is None or place.phase not in (Phase.WAITING, Phase.OFFERED):
            return []
        out: list[Decision] = []
        desks = self._free(place, now, out)
        place.callback = Callback(until, now)
        place.announce_at, place.late = 0.0, False
        queue = self._matching.index.queues[place.queue]
        self._matching.put_aside(queue, place, rests_until, "callback", now, out)
        self._go_on_with(desks, now, out)
        return out

    def rest(self, interaction: str, until: float, why: str, now: float) -> list[Decision]:
        """An attempt to call back came to nothing: the agent is free at once, without a miss and without
        wrap-up, and the place rests until then, or is given up if its time is over."""
        place = self.state.places.get(interaction)
        if place is None or place.callback is None or place.phase in (Phase.CONNECTED, Phase.RESTING):
            return []
        out: list[Decision] = []
        desks = self._free(place, now, out)
        place.callback.reached = False
        if place.queue not in self._matching.index.queues:
            self._matching.give_up(place, "queue_removed", now, out)
        elif place.callback.until <= now:
            self._matching.give_up(place, "valid_s", now, out)
        else:
            queue = self._matching.index.queues[place.queue]
            self._matching.put_aside(queue, place, until, why, now, out)
        self._go_on_with(desks, now, out)  # at once with what else the turn made available
        return out

    def wake(self, interaction: str, now: float) -> list[Decision]:
        """What a callback rested for is over before its time (the customer's line is down)."""
        out: list[Decision] = []
        place = self.state.places.get(interaction)
        if place is not None and place.phase is Phase.RESTING:
            self._matching.rouse(place, now, out)
        return out

    def reached(self, interaction: str, now: float) -> list[Decision]:
        """The customer answered before the agent who is kept for it was rung: that phone rings from now on.

        From here on the customer holds the line again, before all others.
        """
        place = self.state.places.get(interaction)
        if place is None or place.callback is None or place.phase is not Phase.OFFERED:
            return []
        queue = self._matching.index.queues.get(place.queue)
        if queue is not None:
            queue.end_ring(place)
        place.callback.reached, place.late = True, False
        if queue is not None:
            queue.begin_ring(place)
            place.deadline = now + queue.rule.ring_timeout_s
            self._matching.timing.deadlines.push(place.deadline, Due.RING, place.offer)
        out: list[Decision] = []
        self._matching.join(now, out)
        return out

    def give_up(self, interaction: str, why: str, now: float) -> list[Decision]:
        """No further attempt is made: the interaction leaves its queue as CALLBACK_FAILED."""
        place = self.state.places.get(interaction)
        if place is None or place.callback is None or place.phase is Phase.CONNECTED:
            return []
        out: list[Decision] = []
        desks = self._free(place, now, out)
        self._matching.give_up(place, why, now, out)
        self._go_on_with(desks, now, out)
        return out

    def callback_due(self, due: Due, place: Place, now: float, out: list[Decision]) -> None:
        """Its time to be tried has come, its time is over, or its queue closes."""
        matching = self._matching
        queue = matching.index.queues.get(place.queue)
        if due is Due.WAKE:
            matching.rouse(place, now, out)
        elif place.phase in (Phase.OFFERED, Phase.ACCEPTED) or queue is None:
            place.late = True  # this attempt is made to its end
        elif due is Due.GIVE_UP:
            matching.index.take_out(queue, place)
            matching.give_up(place, "valid_s", now, out)
        else:
            matching.index.take_out(queue, place)
            if not matching.put_by(place, now, out):  # it is open again already
                matching.wait(queue, place, "called back", now, out)

    def _free(self, place: Place, now: float, out: list[Decision]) -> list[Desk]:
        """Take a place out of its line, or from those it is offered to; these, to be `freed`."""
        matching = self._matching
        if place.phase in (Phase.OFFERED, Phase.ACCEPTED):
            desks = matching.withdraw_others(place, OfferEnd.WITHDRAWN, "", now, out)
            out.append(OfferWithdrawn(place.offer, place.interaction, place.agent, OfferEnd.WITHDRAWN))
            return [*desks, matching.end_offer(place, Event.MISS, now, give_back_turn=True)]
        queue = matching.index.queues.get(place.queue)
        if queue is not None:
            matching.index.take_out(queue, place)
        return []

    def _go_on_with(self, desks: list[Desk], now: float, out: list[Decision]) -> None:
        if desks:
            self._matching.settle([], desks, "agent free", now, out)
        elif self._matching.index.loosened:
            self._matching.pair([], [], "", now, out)
