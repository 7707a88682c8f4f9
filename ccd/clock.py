"""The one clock. Everything else takes `now` as an argument.

`now` is in seconds since the epoch and never runs back, also when the system clock is set back:
the wall clock is read once at start and then carried forward by the monotonic clock; a step of the
system clock forward by more than `STEP_S` is followed, a step back is not.
"""

import time
from typing import Protocol

STEP_S = 2.0


class Clock(Protocol):
    """What tells the time; `ccd.testing.clock.VirtualClock` is its twin for tests."""

    def now(self) -> float:
        """Seconds since the epoch, never less than the last answer."""
        ...


class SystemClock:
    """The clock of this machine."""

    __slots__ = ("_offset",)

    def __init__(self, at_least: float = 0.0) -> None:
        """`at_least`: the last time known to the ledger; `now()` never answers an earlier one."""
        self._offset = max(time.time(), at_least) - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def follow(self) -> float:
        """Take over a forward step of the system clock (suspend, NTP); return the step in seconds."""
        step = time.time() - self.now()
        if step > STEP_S:
            self._offset += step
            return step
        return 0.0

    def ahead_s(self) -> float:
        """By how much `now()` is ahead of the system clock, which was set back; 0.0: it is not."""
        ahead = self.now() - time.time()
        return ahead if ahead > STEP_S else 0.0


class SteadyClock:
    """Begins with a clock and follows no step of it: for protocols, whose times are durations. A registration
    of ten minutes and a timer of half a second do not end because the system clock was corrected."""

    __slots__ = ("_offset",)

    def __init__(self, clock: Clock) -> None:
        self._offset = clock.now() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset


monotonic = time.monotonic
"""Seconds for measuring durations inside a shell (never stored, never compared across runs)."""


def since(stamp: float) -> float:
    """Seconds since a moment by the system's own clock, as the kernel tells of a datagram; at least 0.0."""
    return max(0.0, time.time() - stamp)


def cpu_seconds() -> float:
    """CPU seconds used by this process, user and system."""
    return time.process_time()
