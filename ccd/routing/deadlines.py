"""The engine's deadlines: one heap, entries that no longer hold are dropped when they come up.

Entries are totally ordered by (time, kind, key), never by when they were put in: a heap rebuilt from
a snapshot fires in the same order as the one it replaces.
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush


class Due(IntEnum):
    """What is due; of those due together the smaller goes first (free the agent, then serve)."""

    PAUSE = 0
    """Key: agent."""
    WRAP_UP = 1
    """Key: agent; its time is over, or it is too long."""
    RETRY = 2
    """Key: interaction and agent."""
    STAGE = 3
    """Key: interaction."""
    PREFER = 4
    """Key: interaction."""
    RING = 5
    """Key: offer."""
    CLOSE = 6
    """Key: interaction."""
    MAX_WAIT = 7
    """Key: interaction."""
    ANNOUNCE = 8
    """Key: interaction."""
    GIVE_UP = 9
    """Key: interaction."""
    WAKE = 10
    """Key: interaction."""
    REDIAL = 11
    """Key: interaction whose place is kept."""
    LOOK = 12
    """Key: queue that relaxes on a condition."""


Entry = tuple[float, Due, str, str]
Holds = Callable[[Entry], bool]

COMPACT_FROM = 1024
SWEEP = 4
"""Old entries looked at for each one that is put in while the heap is compacted."""


class Deadlines:
    """A heap with lazy deletion: `holds` says whether an entry is still true.

    When half of a heap may be untrue it becomes the old one, and its entries that hold move over into a
    new one, a few at each push: compacting a hundred thousand at once would take a tenth of a second.
    Taking the last entry of a heap's list leaves a heap, so both stay heaps meanwhile.
    """

    __slots__ = ("_compact_at", "_heap", "_holds", "_old")

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._heap: list[Entry] = []
        self._old: list[Entry] = []
        self._compact_at = COMPACT_FROM

    def __len__(self) -> int:
        return len(self._heap) + len(self._old)

    def push(self, at: float, due: Due, key: str, agent: str = "") -> None:
        """Add a deadline."""
        heappush(self._heap, (at, due, key, agent))
        if self._old:
            self._sweep()
        elif len(self._heap) > self._compact_at:
            self._old, self._heap = self._heap, []

    def next(self) -> float | None:
        """Time of the first deadline that holds."""
        heap, holds = self._heap, self._holds
        if self._old:
            heap = self._first()
        while heap and not holds(heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def pop(self, now: float) -> Entry | None:
        """Take the first deadline that holds and is due at `now`."""
        heap = self._first()
        return heappop(heap) if heap and heap[0][0] <= now else None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self._old.clear()
        self._compact_at = COMPACT_FROM

    def _first(self) -> list[Entry]:
        """The heap whose head is the first deadline that holds; an empty one when there is none."""
        heap, old, holds = self._heap, self._old, self._holds
        while heap and not holds(heap[0]):
            heappop(heap)
        while old and not holds(old[0]):
            heappop(old)
        return old if old and (not heap or old[0] < heap[0]) else heap

    def _sweep(self) -> None:
        """Move some entries that hold out of the old heap; the last move says how large the new one is."""
        heap, old, holds = self._heap, self._old, self._holds
        for _ in range(min(SWEEP, len(old))):
            entry = old.pop()
            if holds(entry):
                heappush(heap, entry)
        if not old:
            self._compact_at = max(COMPACT_FROM, 2 * len(heap))
