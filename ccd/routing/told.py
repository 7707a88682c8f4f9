"""What a waiting customer is told of place and wait, when again, and how true it was."""

import math
from collections.abc import Iterable

import msgspec


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What was told last, and when."""

    position: int
    """1: next."""
    wait_s: float
    """As spoken: rounded up."""
    at: float


class Announcer(msgspec.Struct, frozen=True):
    """The rule by which place and wait are told: at entry, then only after a while, and only good news."""

    gap_s: float = 45.0
    """At least so long between two."""
    step_s: float = 60.0
    """The wait is spoken in whole steps, rounded up: nobody is promised more than is known."""
    only_better: bool = True
    """After the first one nothing worse is told, nor the same again."""

    def decide(self, last: Told | None, position: int, wait_s: float | None, now: float) -> Told | None:
        """What to tell now; None: nothing.

        `last` is what was told before, `wait_s` the estimate; None (nobody is there to serve) is not told.
        """
        if wait_s is None:
            return None
        told = Told(position, max(1, math.ceil(wait_s / self.step_s)) * self.step_s, now)
        if last is None:
            return told
        if now - last.at < self.gap_s:
            return None
        if not self.only_better:
            return told
        worse = told.position > last.position or told.wait_s > last.wait_s
        better = told.position < last.position or told.wait_s < last.wait_s
        return told if better and not worse else None


class Accuracy(msgspec.Struct, omit_defaults=True):
    """Estimates held against the waits that came true; two of a kind are added by their fields.

    Who gave up or was sent elsewhere shows no wait: counted, not judged.
    """

    judged: int = 0
    unknown: int = 0
    error_sum_s: float = 0.0
    error_abs_sum_s: float = 0.0
    within_quarter: int = 0
    """Off by at most 25 % of the wait that came true."""
    within_minute: int = 0
    """Off by at most 60 s."""

    def came_true(self, estimate_s: float, waited_s: float) -> None:
        """One was served `waited_s` after an estimate of `estimate_s`."""
        error_s = estimate_s - waited_s
        self.judged += 1
        self.error_sum_s += error_s
        self.error_abs_sum_s += abs(error_s)
        self.within_quarter += abs(error_s) <= 0.25 * waited_s
        self.within_minute += abs(error_s) <= 60.0

    def never_known(self) -> None:
        """One left without being served."""
        self.unknown += 1

    def bias_s(self) -> float | None:
        """Mean error: above 0, waits were shorter than estimated."""
        return self.error_sum_s / self.judged if self.judged else None

    def mae_s(self) -> float | None:
        """Mean absolute error."""
        return self.error_abs_sum_s / self.judged if self.judged else None

    def within_quarter_pct(self) -> float | None:
        """Share off by at most 25 %."""
        return 100.0 * self.within_quarter / self.judged if self.judged else None

    def within_minute_pct(self) -> float | None:
        """Share off by at most 60 s."""
        return 100.0 * self.within_minute / self.judged if self.judged else None


def added(some: Iterable[Accuracy]) -> Accuracy:
    """All of them as one."""
    whole = Accuracy()
    for each in some:
        for name in Accuracy.__struct_fields__:
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
    return whole
