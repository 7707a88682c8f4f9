"""The engine's deadlines: one heap, entries that no longer hold are dropped when they come up.

Entries are totally ordered by (time, kind, key), never by when they were put in: a heap rebuilt from
a snapshot fires in the same order as the one it replaces.
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heapify, heappop, heappush


class Due(IntEnum):
    """What is due; of those due together the smaller goes first (free the agent, then serve)."""

    WRAP_UP = 1
    """Key: agent."""
    RETRY = 2
    """Key: interaction and agent."""
    RING = 3
    """Key: offer."""
    MAX_WAIT = 4
    """Key: interaction."""
    ANNOUNCE = 5
    """Key: interaction."""


Entry = tuple[float, Due, str, str]
Holds = Callable[[Entry], bool]

COMPACT_FROM = 1024


class Deadlines:
    """A heap with lazy deletion: `holds` says whether an entry is still true."""

    __slots__ = ("_compact_at", "_heap", "_holds")

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._heap: list[Entry] = []
        self._compact_at = COMPACT_FROM

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, at: float, due: Due, key: str, agent: str = "") -> None:
        """Add a deadline."""
        heappush(self._heap, (at, due, key, agent))
        if len(self._heap) > self._compact_at:
            self._compact()

    def next(self) -> float | None:
        """Time of the first deadline that holds."""
        heap = self._heap
        while heap:
            if self._holds(heap[0]):
                return heap[0][0]
            heappop(heap)
        return None

    def pop(self, now: float) -> Entry | None:
        """Take the first deadline that holds and is due at `now`."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            entry = heappop(heap)
            if self._holds(entry):
                return entry
        return None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self._compact_at = COMPACT_FROM

    def _compact(self) -> None:
        """Drop what no longer holds, so that the heap stays within twice what does."""
        self._heap = [entry for entry in self._heap if self._holds(entry)]
        heapify(self._heap)
        self._compact_at = max(COMPACT_FROM, 2 * len(self._heap))
