"""Wrong PINs and codes across calls: who had too many is locked for a while.

An attempt counts when it is made, not when it turns out wrong, so that many calls at once are no way around
the limit; one that was right is taken back.
"""

from collections.abc import Sequence
from typing import Final

from ccd.ivr.state import Failed

MOST: Final = 10_000
"""Customers and numbers that are remembered; then the oldest are forgotten."""

Locks = dict[str, Failed]


def locked(locks: Locks, names: Sequence[str], most: int, now: float) -> bool:
    """Whether one of them had so many wrong ones that nothing more is asked."""
    return any(
        (failed := locks.get(name)) is not None and failed.until > now and failed.count >= most
        for name in names
    )


def count(locks: Locks, names: Sequence[str], locked_s: float, now: float) -> None:
    """An attempt is made."""
    for name in names:
        before = locks.pop(name, None)
        so_far = before.count if before is not None and before.until > now else 0
        locks[name] = Failed(so_far + 1, now + locked_s)
    while len(locks) > MOST:
        del locks[next(iter(locks))]


def take_back(locks: Locks, names: Sequence[str]) -> None:
    """The attempt was right: other attempts still count."""
    for name in names:
        failed = locks.get(name)
        if failed is not None:
            failed.count -= 1
            if failed.count <= 0:
                del locks[name]
