"""How long customers are willing to wait, when most never show it: the product-limit estimate.

Who gave up has shown his patience; who was served has only shown that it was longer than his wait. Leaving
the served out makes people seem hasty, counting their waits as patience makes it worse. The estimate of
Kaplan and Meier (J. Am. Stat. Assoc. 53, 1958) uses both: at each wait at which somebody gave up, the share
still there is cut by (gave up then) / (still waiting then). Beyond the longest wait seen nothing is known;
there people leave at the mean rate of the whole: gave up / all waits together.
"""

from bisect import bisect_right
from collections.abc import Iterable
from math import exp, log, log1p

import msgspec


class Patience(msgspec.Struct, frozen=True):
    """Share of the customers who are still there after so long."""

    waits: tuple[float, ...]
    """Seconds after which somebody gave up, ascending."""
    left: tuple[float, ...]
    """Share (0 to 1) still there just after each."""
    rate: float
    """Gave up a second of waiting, over all; beyond `longest` it is the hazard."""
    longest: float
    """The longest wait seen, in seconds, whatever it ended with."""

    def still_there(self, after_s: float) -> float:
        """Share whose patience is longer than so many seconds."""
        if after_s > self.longest and self.rate > 0:
            return self._at(self.longest) * exp(-self.rate * (after_s - self.longest))
        return self._at(after_s)

    def quantile(self, share: float, beyond_s: float = 0.0) -> float:
        """Seconds at which so large a share (0 to 1, neither) of those who waited `beyond_s` has given up.

        A uniform draw of `share` gives a draw of the patience of somebody known to have waited `beyond_s`.
        """
        wanted = self.still_there(beyond_s) * (1.0 - share)
        at = bisect_right(self.waits, beyond_s)
        low, high = at, len(self.waits)
        while low < high:  # the first wait after which no more than `wanted` are there
            middle = (low + high) // 2
            if self.left[middle] <= wanted:
                high = middle
            else:
                low = middle + 1
        if low < len(self.waits):
            return self.waits[low]
        if beyond_s >= self.longest:
            return beyond_s - log1p(-share) / self.rate
        return self.longest + log(self._at(self.longest) / wanted) / self.rate

    def _at(self, after_s: float) -> float:
        at = bisect_right(self.waits, after_s) - 1
        return 1.0 if at < 0 else self.left[at]


def product_limit(seen: Iterable[tuple[float, bool]]) -> Patience | None:
    """The estimate from (seconds waited, gave up); None when nobody gave up or nobody waited at all."""
    rows = sorted(seen)
    exposed = sum(wait for wait, _ in rows)
    gone = sum(gave_up for _, gave_up in rows)
    if not gone or exposed <= 0:
        return None
    waits: list[float] = []
    left: list[float] = []
    share, at, there = 1.0, 0, len(rows)
    while at < len(rows):
        wait, gave_up, number = rows[at][0], 0, 0
        while at + number < len(rows) and rows[at + number][0] == wait:
            gave_up += rows[at + number][1]
            number += 1
        if gave_up:
            share *= 1.0 - gave_up / there
            waits.append(wait)
            left.append(share)
        there -= number
        at += number
    return Patience(tuple(waits), tuple(left), gone / exposed, rows[-1][0])
