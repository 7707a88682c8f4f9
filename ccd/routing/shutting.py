"""The turns about queues that are closed by hand, and opened again."""

from ccd.model.emergency import Closure
from ccd.routing.calling_back import CallingBack
from ccd.routing.decisions import Decision
from ccd.routing.opening import reopens_at
from ccd.routing.phases import Phase


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
        self.state.closures[queue] = index.closure = closure
        self._matching.timing.shut(queue)
        return self.expire(now)

    def reopen(self, queue: str, now: float) -> list[Decision]:
        """It is closed by hand no longer; callbacks that rested for it are tried, if its hours let them."""
        closure = self.state.closures.pop(queue, None)
        index = self._matching.index.queues.get(queue)
        out: list[Decision] = []
        if closure is None or index is None:
            return out
        rested = reopens_at(index.calendar, closure, min(now, closure.since))
        index.closure = None
        for place in list(self.state.places.values()):
            callback = place.callback
            if place.queue != queue or place.phase is not Phase.RESTING or callback is None:
                continue
            if callback.rests_until == (callback.until if rested is None else min(rested, callback.until)):
                self._matching.rouse(place, now, out)
        return out

    def expire(self, now: float) -> list[Decision]:
        """All that is due at `now`; the `Router` says what."""
        raise NotImplementedError
