"""A clock that stands still until it is told: hours of a centre pass in milliseconds of a test."""


class VirtualClock:
    """Twin of `ccd.clock.SystemClock`."""

    __slots__ = ("_now",)

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """`now`: first instant, seconds since the epoch (by default a day in November 2023)."""
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass; return the new time. A negative number raises `ValueError`."""
        return self.advance_to(self._now + seconds)

    def advance_to(self, at: float) -> float:
        """Let time pass until `at`; return it. Time does not run back: `ValueError` for an earlier one."""
        if at < self._now:
            raise ValueError(f"the clock stands at {self._now} and cannot go back to {at}")
        self._now = at
        return at
