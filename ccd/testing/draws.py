"""Chance for simulated days: named streams of draws, and what is drawn from them.

A stream is named by words (`draws(seed, "talk", "4711")`), not by how much was drawn before it: two runs of
a day under different rules give the same customer the same patience and the same length of talk, so that
only the rules differ between them (common random numbers).
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import exp, log, log1p, sqrt
from statistics import NormalDist
from typing import TypeVar

from ccd.ids import SeededChance

_STEPS = 2**53
_NORMAL = NormalDist()
T = TypeVar("T")


class Draws:
    """Draws of one stream; each is uniform between 0 and 1, never either."""

    __slots__ = ("_chance",)

    def __init__(self, seed: int, *words: str) -> None:
        """The same seed and words give the same draws."""
        named = blake2b("\0".join((str(seed), *words)).encode(), digest_size=8).digest()
        self._chance = SeededChance(int.from_bytes(named, "big"))

    def share(self) -> float:
        return (self._chance.below(_STEPS) + 0.5) / _STEPS

    def one_of(self, values: Sequence[T]) -> T:
        """Any of them, all alike."""
        return values[self._chance.below(len(values))]

    def poisson(self, mean: float) -> int:
        """How many come in a span in which `mean` are expected, each by itself."""
        number, left = -1, mean
        while left >= 0:
            left -= -log(self.share())
            number += 1
        return number


def lognormal(share: float, mean: float, cv: float) -> float:
    """The value below which such a share lies; `cv`: standard deviation / mean. 0: always the mean."""
    if cv <= 0 or mean <= 0:
        return mean
    spread = log1p(cv * cv)
    return mean * exp(sqrt(spread) * _NORMAL.inv_cdf(share) - spread / 2)


def exponential(share: float, mean: float) -> float:
    """The value below which such a share lies."""
    return -mean * log1p(-share)


def instants(draws: Draws, number: int, begins_at: float, ends_at: float) -> Iterator[float]:
    """So many instants in [begins_at, ends_at), ascending, each anywhere."""
    return iter(sorted(begins_at + draws.share() * (ends_at - begins_at) for _ in range(number)))
