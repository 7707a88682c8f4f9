"""Deadlines of many small things: in one heap, or, where the delays are few, in one line a delay.

A cancelled entry lets its target go at once, stays in its place as a husk and is dropped when it comes up,
or when husks are more than half of all.
"""

from collections import deque
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
    serial: int = 0
    """Which of equal deadlines was set first; of those in lines only."""

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


class Delays(Generic[Target, What]):
    """Deadlines at one of few delays from now (timers A to M of RFC 3261 §17 and RFC 6026).

    What is set for a delay comes due in the order in which it was set, for the clock never runs back: a line
    a delay needs no sorting, where a heap takes out each of the many that were cancelled by a dozen
    comparisons. Times are seconds on the caller's clock.
    """

    __slots__ = ("_husks", "_lines", "_serial", "_sweep_at", "soonest")

    def __init__(self) -> None:
        self._lines: dict[float, deque[Entry[Target, What]]] = {}
        self._serial = 0
        self._husks = 0
        self._sweep_at = _FEW
        self.soonest = inf
        """No deadline comes before this; what was cancelled may stand in it."""

    def __len__(self) -> int:
        return sum(map(len, self._lines.values())) - self._husks

    def set(self, now: float, delay_s: float, target: Target, what: What) -> Entry[Target, What]:
        """Let `what` come due for `target` after `delay_s`; equal times in the order of setting them."""
        self._serial = serial = self._serial + 1
        at = now + delay_s
        entry: Entry[Target, What] = Entry(at, target, what, serial)
        try:
            self._lines[delay_s].append(entry)
        except KeyError:
            self._lines[delay_s] = deque((entry,))
        if at < self.soonest:  # noqa: PLR1730  a call to min costs more than the rest
            self.soonest = at
        return entry

    def cancel(self, entry: Entry[Target, What]) -> None:
        """Forget an entry; nothing happens when it already came due or was cancelled."""
        if entry.target is None:
            return
        entry.target = None
        self._husks += 1
        if self._husks > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Drop the husks, if they are half of all; look again when there are as many as others now."""
        count = sum(map(len, self._lines.values()))
        if self._husks * 2 > count:
            for delay_s, line in self._lines.items():
                self._lines[delay_s] = deque([entry for entry in line if entry.target is not None])
            count -= self._husks
            self._husks = 0
        self._sweep_at = max(_FEW, count)

    def next_deadline(self) -> float | None:
        """When the next live entry comes due; None: never."""
        soonest = inf
        for line in self._lines.values():
            while line:
                first = line[0]
                if first.target is not None:
                    if first.at < soonest:  # noqa: PLR1730  as in `set`
                        soonest = first.at
                    break
                line.popleft()
                self._husks -= 1
        self.soonest = soonest
        return None if soonest == inf else soonest

    def due(self, now: float) -> Iterator[tuple[Target, What]]:
        """Take out what is due at `now`, earliest first.

        Entries cancelled while iterating are heeded; what is set meanwhile comes due later. Those not reached
        (a fault in one of them) come due the next time.
        """
        found: list[Entry[Target, What]] = []
        soonest = inf
        for line in self._lines.values():
            while line:
                entry = line[0]
                if entry.target is None:
                    self._husks -= 1
                elif entry.at <= now:
                    found.append(entry)
                else:
                    if entry.at < soonest:  # noqa: PLR1730  as in `set`
                        soonest = entry.at
                    break
                line.popleft()
        self.soonest = soonest
        found.sort(key=_in_order, reverse=True)
        try:
            while found:
                entry = found.pop()
                target = entry.target
                if target is None:
                    self._husks -= 1  # counted when it was cancelled, and it stands in no line
                else:
                    entry.target = None
                    yield target, entry.what
        finally:
            if found:
                self._put_back(found)

    def _put_back(self, found: list[Entry[Target, What]]) -> None:
        """As if set for now: they are overdue, and before all that may be set so later."""
        line = self._lines.setdefault(0.0, deque())
        line.extendleft(found)
        self.soonest = min(self.soonest, line[0].at)


def _in_order(entry: Entry[Target, What]) -> tuple[float, int]:
    return entry.at, entry.serial
