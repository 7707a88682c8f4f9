"""Faults of a configuration: what is wrong, where, and what to do. All of them are told at once."""

import difflib
from collections.abc import Iterable

import msgspec

from ccd.errors import Misconfigured

Path = tuple[str | int, ...]
"""Where a value stands in the tree: `("queues", "sales", "agents", 0)`."""


class Place(msgspec.Struct, frozen=True):
    """A file and a line in it, counted from 1; line 0: the file as a whole, or no file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Fault(msgspec.Struct, frozen=True):
    """One thing that a person must change; a mere warning stops nothing."""

    file: str
    line: int
    key: str
    problem: str
    cure: str
    warning: bool = False


class ConfigFaults(Misconfigured):
    """The configuration cannot be used; `faults` has every reason."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("config", render(faults))
        self.faults = faults


class FaultList:
    """Gathers faults while the configuration is read: the first of each key, others follow from it."""

    __slots__ = ("_faults",)

    def __init__(self) -> None:
        self._faults: dict[tuple[Place, Path], Fault] = {}

    def add(self, place: Place, path: Path, problem: str, cure: str, warning: bool = False) -> None:
        fault = Fault(place.file, place.line, written(path), problem, cure, warning)
        known = self._faults.get((place, path))
        if known is None or (known.warning and not warning):
            self._faults[place, path] = fault

    def sorted(self) -> tuple[Fault, ...]:
        """All faults by file and line, in the order found within a line."""
        return tuple(sorted(self._faults.values(), key=lambda fault: (fault.file, fault.line)))


def written(path: Path) -> str:
    """A path as a person writes it: `flows.welcome.steps[2].choices.1`, odd names quoted."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            bare = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
            out += ("." if out else "") + (part if bare else f'"{part}"')
    return out


def shown(value: object) -> str:
    """A value of the file as it may be printed: short, strings quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + '…"'


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """The cure for a misspelt word: the nearest known one, else `otherwise`."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else otherwise


def listed(words: Iterable[str], most: int = 12) -> str:
    """Known words for a message, the first `most` of them."""
    names = list(words)
    if not names:
        return "(none)"
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def render(faults: Iterable[Fault]) -> str:
    """One line a fault: `FILE:LINE: KEY: PROBLEM — CURE`."""
    lines = []
    for fault in faults:
        where = f"{fault.file}:{fault.line}" if fault.line else fault.file
        key = f" {fault.key}:" if fault.key else ""
        kind = " warning:" if fault.warning else ""
        lines.append(f"{where}:{kind}{key} {fault.problem} — {fault.cure}")
    return "\n".join(lines)
