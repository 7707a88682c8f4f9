"""The one inbox: facts in the order they came, each with the time it came."""

from collections import deque
from collections.abc import Callable

from ccd.model.facts import AnyFact


class Inbox:
    """A queue that wakes its reader once, however many facts follow. For the loop's thread only."""

    __slots__ = ("_awake", "_facts", "_now", "_wake", "posted")

    def __init__(self, now: Callable[[], float], wake: Callable[[], None]) -> None:
        """`wake` is called when a fact comes while the reader sleeps."""
        self._facts: deque[tuple[AnyFact, float]] = deque()
        self._now = now
        self._wake = wake
        self._awake = False
        self.posted = 0
        """Facts ever posted."""

    def post(self, fact: AnyFact) -> None:
        """Put a fact at the end. Never blocks, never fails."""
        self._facts.append((fact, self._now()))
        self.posted += 1
        if not self._awake:
            self._awake = True
            self._wake()

    def take(self) -> tuple[AnyFact, float]:
        """The oldest fact and when it was posted. Raises `IndexError` when empty."""
        return self._facts.popleft()

    def sleep(self) -> bool:
        """The reader wants to rest; False while facts wait (it has to go on)."""
        self._awake = bool(self._facts)
        return not self._awake

    def oldest(self) -> float | None:
        """When the oldest waiting fact was posted."""
        return self._facts[0][1] if self._facts else None

    def __len__(self) -> int:
        return len(self._facts)
