"""The one inbox: facts in the order they came, each with the time it came."""

from collections import deque
from collections.abc import Callable

from ccd.clock import monotonic
from ccd.model.facts import AnyFact


class Inbox:
    """A queue that wakes its reader once, however many facts follow. For the loop's thread only."""

    __slots__ = ("_awake", "_now", "_wake", "closed", "lost", "posted", "waiting")

    def __init__(self, wake: Callable[[], None], now: Callable[[], float] | None = None) -> None:
        """`wake` is called when a fact comes while the reader sleeps; `now`: by default `monotonic`."""
        self.waiting: deque[tuple[AnyFact, float]] = deque()
        """What the reader is to take, the oldest first, and when (`now`) each was posted."""
        self._now = now or monotonic
        self._wake = wake
        self._awake = False
        self.posted = 0
        """Facts ever posted."""
        self.closed = False
        self.lost = 0
        """Facts that came once it was closed."""

    def post(self, fact: AnyFact) -> None:
        """Put a fact at the end. Never blocks, never fails."""
        if self.closed:
            self.lost += 1
            return
        self.waiting.append((fact, self._now()))
        self.posted += 1
        if not self._awake:
            self._awake = True
            self._wake()

    def sleep(self) -> bool:
        """The reader wants to rest; False while facts wait (it has to go on)."""
        self._awake = bool(self.waiting)
        return not self._awake
