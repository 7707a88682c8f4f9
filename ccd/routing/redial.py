"""The place of a customer who left a queue, given back to who calls again within the queue's `redial_s`.

A customer is known again by what the runtime says (the number in E.164) and by the channel class; one who is
not known has no place kept. Of several who left one queue under one name (people of a company that shows
its main number) only one place is kept, that of who entered first, and it is given back once: a number
gains no more by many calls than by one. What is kept ends by its deadline, and all together are bounded.
"""

from ccd.model.nouns import ChannelClass
from ccd.model.trace import Trace
from ccd.routing.deadlines import Due
from ccd.routing.decisions import Decision, PlaceForgotten, PlaceKept, PlaceTakenBack, Traced
from ccd.routing.queues import QueueIndex
from ccd.routing.state import LostPlace, Place, RoutingState
from ccd.routing.timing import Timing

MOST_KEPT = 2000
"""Places kept in the whole centre; beyond them the one lost first goes."""

Known = tuple[str, ChannelClass, str]
"""Queue, channel class, customer."""


class Redial:
    """The lost places of one state. Made anew with the rules; all that it knows is in the state."""

    __slots__ = ("_by_customer", "_state", "_timing")

    def __init__(self, state: RoutingState, timing: Timing) -> None:
        self._state = state
        self._timing = timing
        self._by_customer = {_known(lost): lost for lost in state.lost.values()}

    def follow_rules(self, out: list[Decision]) -> None:
        """Forget what is kept for queues that are gone or keep no place any more."""
        for lost in [each for each in self._state.lost.values() if self._timing.kept_until(each) is None]:
            self._forget(lost, out)

    def keep(self, place: Place, customer: str, now: float, out: list[Decision]) -> None:
        """The customer left: keep the place, unless an older one is kept under this name already."""
        lost = LostPlace(place.interaction, place.queue, place.channel_class, customer, place.entered_at, now)
        until = self._timing.kept_until(lost)
        if not customer or until is None:
            return
        before = self._by_customer.get(_known(lost))
        if before is not None and before.entered_at <= lost.entered_at:
            return
        if before is not None:
            self._forget(before, out)
        elif len(self._state.lost) >= MOST_KEPT:
            self._forget(next(iter(self._state.lost.values())), out)
        self._state.lost[lost.interaction] = self._by_customer[_known(lost)] = lost
        self._timing.deadlines.push(until, Due.REDIAL, lost.interaction)
        out.append(PlaceKept(lost.interaction, lost.queue, until))

    def take_back(
        self, queue: QueueIndex, place: Place, customer: str, now: float, out: list[Decision]
    ) -> None:
        """Give a place that enters a queue what its customer lost there, unless it waits longer already."""
        lost = self._by_customer.get((queue.rule.name, place.channel_class, customer))
        until = self._timing.kept_until(lost) if lost is not None else None
        if lost is None or until is None or now >= until or place.entered_at <= lost.entered_at:
            return
        self._drop(lost)
        place.entered_at = lost.entered_at
        lost_s = now - lost.at
        out.append(PlaceTakenBack(place.interaction, place.queue, lost.interaction, lost_s, lost.entered_at))
        detail = f"the place of {lost.interaction}, lost {lost_s:.0f} s ago"
        out.append(Traced(place.interaction, Trace(now, "took back", place.queue, detail=detail)))

    def expire(self, interaction: str, out: list[Decision]) -> None:
        """Nobody called again in time."""
        self._forget(self._state.lost[interaction], out)

    def _forget(self, lost: LostPlace, out: list[Decision]) -> None:
        self._drop(lost)
        out.append(PlaceForgotten(lost.interaction, lost.queue))

    def _drop(self, lost: LostPlace) -> None:
        del self._state.lost[lost.interaction], self._by_customer[_known(lost)]


def _known(lost: LostPlace) -> Known:
    return lost.queue, lost.channel_class, lost.customer
