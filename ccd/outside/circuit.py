"""What is known of a service's health: failures in a row, whether it is passed over, figures for people.

Time is an argument (seconds of any one clock). After `failures` failures one after the other the service is
passed over for `rest_s`; then a single request tries it, and the others wait for what comes of that one.
"""

from collections import deque

LATENCIES = 500
"""Of so many answers the latencies are known."""


class Circuit:
    """The health of one service."""

    __slots__ = (
        "_latencies", "_limit", "_probed_at", "_rest_s", "_until", "answered", "asked", "cached", "failed",
        "in_row", "note", "passed",
    )  # fmt: skip

    def __init__(self, failures: int, rest_s: float) -> None:
        self.set(failures, rest_s)
        self.in_row = 0
        self._until: float | None = None
        """It is passed over until then; None: it is asked."""
        self._probed_at: float | None = None
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self.asked = 0
        self.answered = 0
        self.failed = 0
        self.passed = 0
        """Not asked because it is passed over."""
        self.cached = 0
        """Answered from the cache."""
        self.note = ""
        """Why it failed last."""

    def set(self, failures: int, rest_s: float) -> None:
        """Follow new settings."""
        self._limit = failures
        self._rest_s = rest_s

    def rests(self, now: float) -> float:
        """For how long it is passed over yet, in seconds; 0: it may be asked, or tried."""
        return max(0.0, self._until - now) if self._until is not None else 0.0

    @property
    def open(self) -> bool:
        """Whether it is passed over (or about to be tried)."""
        return self._until is not None

    def may_ask(self, now: float) -> bool:
        """Whether it is asked now; what is not asked is counted. After a rest one request may."""
        if self._until is None:
            return True
        tried = self._probed_at is not None and now < self._probed_at + max(self._rest_s, 1.0)
        if now < self._until or tried:
            self.passed += 1
            return False
        self._probed_at = now
        return True

    def succeed(self, took_ms: float) -> None:
        """It answered."""
        self.answered += 1
        self.in_row = 0
        self._until = self._probed_at = None
        self._latencies.append(took_ms)

    def fail(self, now: float, note: str) -> None:
        """It did not."""
        self.failed += 1
        self.in_row += 1
        self.note = note
        self._probed_at = None
        if self.in_row >= self._limit:
            self._until = now + self._rest_s

    def latency_ms(self, share: float) -> float | None:
        """The latency within which this share of the last answers came; None: there were none."""
        if not self._latencies:
            return None
        ranked = sorted(self._latencies)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
