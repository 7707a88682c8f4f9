"""The turns about queues that are closed by hand, and opened again."""

from ccd.model.emergency import Closure
from ccd.routing.callbacks import opens_at
from ccd.routing.calling_back import CallingBack
from ccd.routing.decisions import Decision
from ccd.routing.opening import reopens_at
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.state import Callback, Place


class Shutting(CallingBack):
    """Closing by hand; the `Router` adds the turns about all work."""

    __slots__ = ()

    def shut(self, queue: str, closure: Closure, now: float) -> list[Decision]:
        """The queue counts as closed from `now` on, as if its calendar were closed: what enters it overflows,
        what waits in it is served or overflows by `on_close`, callbacks rest. Shut again: the new end counts.

        Unknown queues are no error: []. `closure.since` must be `now`, or that of the closure before.
        """
        index = self._matching.index.queues.get(queue)
        if index is None:
            return []
        resting = self._resting(index)
        self.state.closures[queue] = index.closure = closure
        rests_until = reopens_at(index.calendar, closure, now)
        for place, callback in resting:  # closed before: they rest until the new end
            callback.rests_until = _earlier(rests_until, callback.until)
            self._matching.timing.begin(place)
        self._matching.timing.close_anew(queue)
        return self.expire(now)

    def reopen(self, queue: str, now: float) -> list[Decision]:
        """It is closed by hand no longer; callbacks that rested for it are tried, if its hours let them."""
        index = self._matching.index.queues.get(queue)
        resting = [] if index is None else self._resting(index)
        self.state.closures.pop(queue, None)
        out: list[Decision] = []
        if index is None:
            return out
        index.closure = None
        self._matching.timing.close_anew(queue)
        for place, _ in sorted(resting, key=lambda each: (each[0].entered_at, each[0].seq)):
            self._matching.rouse(place, now, out)
        return out

    def resting_for_hours(self, now: float) -> list[tuple[Place, float]]:
        """What rests until its queue opens, by the hours that hold so far, and until when that is."""
        found = []
        for place in self.state.places.values():
            queue, callback = self._matching.index.queues.get(place.queue), place.callback
            if queue is not None and callback is not None and place.phase is Phase.RESTING:
                opening = opens_at(queue, now, callback.until)
                if opening is not None and opening == callback.rests_until:
                    found.append((place, opening))
        return found

    def follow_hours(self, resting: list[tuple[Place, float]], now: float, out: list[Decision]) -> None:
        """New hours: what rested for the old ones is tried where they are others, or rests until then."""
        for place, opening in sorted(resting, key=lambda each: (each[0].entered_at, each[0].seq)):
            queue, callback = self._matching.index.queues.get(place.queue), place.callback
            if queue is not None and callback is not None and opens_at(queue, now, callback.until) != opening:
                self._matching.rouse(place, now, out)

    def _resting(self, index: QueueIndex) -> list[tuple[Place, Callback]]:
        """The callbacks that rest because the queue is closed by hand: those that rest until it opens."""
        closure = index.closure
        if closure is None:
            return []
        opens = reopens_at(index.calendar, closure, closure.since)
        return [
            (place, callback)
            for place in self.state.places.values()
            if place.queue == index.rule.name
            and place.phase is Phase.RESTING
            and (callback := place.callback) is not None
            and callback.rests_until == _earlier(opens, callback.until)
        ]

    def expire(self, now: float) -> list[Decision]:
        """All that is due at `now`; the `Router` says what."""
        raise NotImplementedError


def _earlier(opens: float | None, until: float) -> float:
    return until if opens is None else min(opens, until)
