"""When the certificates that we use end, looked up when they are read: at the start and with each reload.

A file that was renewed since is not in use before a reload, so it is not looked at in between: what is told
holds for what phones and carriers are shown.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from ccd.clock import Clock
from ccd.errors import Misconfigured
from ccd.tls import TO_RENEW_S, authority_ends, day, inspect

ENDS_S = 7 * 86_400.0
"""From so long before its end on that is urgent."""

Used = tuple[str, str]
"""Certificate and key, which may be in the same file (then the key is empty)."""


class Certificates:
    """Those of one voice channel."""

    __slots__ = ("_clock", "_ends", "_looks", "_problems")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}
        """By file, in epoch seconds."""
        self._problems: dict[str, str] = {}
        """By file: why the newest one is not in use."""
        self._looks = 0

    async def look(self, own: Iterable[Used], authorities: Iterable[str]) -> None:
        """Those that were read just now; a look that was overtaken by another counts for nothing."""
        self._looks += 1
        number, ours, theirs = self._looks, tuple(own), tuple(authorities)
        found = await asyncio.to_thread(_all, ours, theirs)
        if number != self._looks:
            return
        self._problems = {file: each for file, each in found.items() if isinstance(each, str)}
        before = {file: at for file, at in self._ends.items() if file in self._problems}
        self._ends = before | {file: each for file, each in found.items() if isinstance(each, float)}

    def report(self) -> list[dict[str, Any]]:
        """A row for each that ends within `TO_RENEW_S`, or whose renewal cannot be used, with `urgent`."""
        rows = []
        for file in sorted(self._ends.keys() | self._problems.keys()):
            ends_at, problem = self._ends.get(file), self._problems.get(file, "")
            left_s = None if ends_at is None else ends_at - self._clock.now()
            if not problem and (left_s is None or left_s > TO_RENEW_S):
                continue
            urgent = bool(problem) or (left_s is not None and left_s <= ENDS_S)
            why = f"{problem}; " if problem else ""
            if ends_at is not None and left_s is not None:
                why += f"it ended on {day(ends_at)}" if left_s <= 0 else _left(ends_at, left_s, bool(problem))
            rows.append({"file": file, "ends_at": ends_at, "urgent": urgent, "why": why.removesuffix("; ")})
        return rows


def _left(ends_at: float, left_s: float, former: bool) -> str:
    which = "the former one ends" if former else "ends"
    return f"{which} on {day(ends_at)}, in {int(left_s // 86_400)} days"


def _all(own: Iterable[Used], authorities: Iterable[str]) -> dict[str, float | str]:
    """When each file's certificate ends, or why it cannot be used."""
    found: dict[str, float | str] = {}
    for file in authorities:
        try:
            found[file] = authority_ends(file)
        except Misconfigured as fault:
            found[file] = fault.message
    for file, key in own:
        try:
            found[file] = inspect(file, key).ends_at
        except Misconfigured as fault:
            found[file] = fault.message
    return found
