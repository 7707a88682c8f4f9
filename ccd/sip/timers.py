"""Deadlines of many small things in one heap (timers A to M of RFC 3261 §17 and RFC 6026).

Setting and cancelling cost O(log n) and O(1): a cancelled entry lets its target go at once, stays in the
heap as a husk and is dropped when it comes up, or when husks are more than half of the heap.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, TypeVar

import msgspec

Target = TypeVar("Target")
What = TypeVar("What")

_FEW = 256
"""Husks that are not worth a sweep."""


class Entry(msgspec.Struct, Generic[Target, What], eq=False):
    """One deadline; `live` until it came due or was cancelled."""

    at: float
    target: Target | None
    what: What

    @property
    def live(self) -> bool:
        return self.target is not None


class Timers(Generic[Target, What]):
    """A heap of entries with lazy deletion. Times are seconds on the caller's clock."""

    __slots__ = ("_heap", "_husks", "_serial", "soonest")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Entry[Target, What]]] = []
        self._serial = 0
        self._husks = 0
        self.soonest = inf
        """No deadline comes before this; what was cancelled may stand in it."""

    def __len__(self) -> int:
        return len(self._heap) - self._husks

    def set(self, at: float, target: Target, what: What) -> Entry[Target, What]:
        """Let `what` come due for `target` at `at`; equal times come due in the order they were set."""
        entry: Entry[Target, What] = Entry(at, target, what)
        self._serial += 1
        heappush(self._heap, (at, self._serial, entry))
        if at < self.soonest:  # noqa: PLR1730  a call to min costs more than the rest
            self.soonest = at
        return entry

    def cancel(self, entry: Entry[Target, What]) -> None:
        """Forget an entry; nothing happens when it already came due or was cancelled."""
        if entry.target is None:
            return
        entry.target = None
        self._husks += 1
        if self._husks > _FEW and self._husks * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].target is not None]
            heapify(self._heap)
            self._husks = 0

    def next_deadline(self) -> float | None:
        """When the next live entry comes due; None: never."""
        heap = self._heap
        while heap:
            if heap[0][2].target is not None:
                self.soonest = heap[0][0]
                return self.soonest
            heappop(heap)
            self._husks -= 1
        self.soonest = inf
        return None

    def due(self, now: float) -> Iterator[tuple[Target, What]]:
        """Take out what is due at `now`, earliest first.

        Entries set or cancelled while iterating are heeded.
        """
        while self._heap and self._heap[0][0] <= now:
            entry = heappop(self._heap)[2]
            target = entry.target
            if target is None:
                self._husks -= 1
                continue
            entry.target = None
            yield target, entry.what
        self.soonest = self._heap[0][0] if self._heap else inf
