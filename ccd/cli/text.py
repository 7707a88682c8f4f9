"""Words on the terminal: durations, times, tables that fit, and nothing that steers the terminal.

What customers send (names, numbers, SIP messages) is printed too, so every control character is made
visible before it reaches the screen.
"""

import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

WIDTH = 80
"""Columns where the output is not a terminal (and COLUMNS is not set)."""
GAP = "  "
NARROWEST = 5
"""A column is not cut below this."""
ROOMY = 100
"""From so many columns on, the heads of tables are whole words."""
SHORT = {
    "OFFERED": "OFF",
    "HANDLED": "HAND",
    "ABANDONED": "ABD",
    "OVERFLOWED": "OVF",
    "CALLBACKS": "BACK",
    "CALLBACK FAILED": "CBF",
    "ABANDONED %": "ABD %",
    "WAITING": "WAIT",
    "ANSWERED": "ANSW",
    "RESPONSE": "RESP",
    "WAITED": "WAIT",
    "TALKED": "TALK",
    "CHANNEL": "CHAN",
    "REGISTRATION": "REG",
    "ROUND TRIP": "TRIP",
    "IN USE": "USE",
    "CONFIGURATION": "CONFIG",
    "LONGEST WAIT": "MAX",
}
"""Heads on narrower ones."""


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def clean(value: Any, lines: bool = False) -> str:
    """A value without control and direction characters; line ends are kept if `lines`."""
    text = "" if value is None else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if (lines and char == "\n") else _visible(char) for char in text)


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char == "\t" or unicodedata.category(char) == "Zs" else "·"


def cells(text: str) -> int:
    """Columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def spread(text: str) -> list[str]:
    """One string a column: a wide character has an empty one after it, a combining one joins the last."""
    out: list[str] = []
    for char in text:
        size = _cells(char)
        if size == 0 and out:
            out[-1] += char
        else:
            out += [char, ""][: max(size, 1)]
    return out


def cut(text: str, most: int) -> str:
    """At most so many columns; an ellipsis stands for what is left out."""
    if cells(text) <= most:
        return text
    if most <= 1:
        return "…"[:most]
    taken, out = 0, ""
    for char in text:
        taken += _cells(char)
        if taken > most - 1:
            break
        out += char
    return out + "…"


def pad(text: str, columns: int, right: bool = False) -> str:
    """Filled with spaces to so many columns."""
    fill = " " * max(0, columns - cells(text))
    return fill + text if right else text + fill


def duration(seconds: float | None) -> str:
    """`0:07`, `1:23`, `1:02:03`, `3d 04h`; `-` for none."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole >= 86_400:
        return f"{whole // 86_400}d {whole % 86_400 // 3600:02}h"
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


def since(seconds: float) -> str:
    """A duration where nought means that there is nothing to tell."""
    return duration(seconds) if seconds else "-"


def percent(value: float | None) -> str:
    """`87 %`; `-` where there was nothing to divide by."""
    return "-" if value is None else f"{value:.0f} %"


_SPAN = re.compile("(?:[0-9]{1,9}[smhdw])+")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def span(text: str) -> float | None:
    """Seconds that `90m`, `2h`, `1h30m` or `7d` says; None where it says nothing of the kind."""
    if not _SPAN.fullmatch(text):
        return None
    return float(sum(int(number) * _SECONDS[unit] for number, unit in re.findall("([0-9]+)([a-z])", text)))


def moment(at: float, now: float) -> str:
    """A time of day to the minute, with its date where that is not today's: `18:00`, `2026-11-26 18:00`."""
    here, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now).date()
    return here.strftime("%H:%M" if here.date() == today else "%Y-%m-%d %H:%M")


def clock(at: float, millis: bool = False) -> str:
    """Time of day here: `14:03:59`, with `.123` if asked."""
    moment = datetime.fromtimestamp(at)
    return moment.strftime("%H:%M:%S") + (f".{moment.microsecond // 1000:03}" if millis else "")


def ended(at: float, now: float) -> str:
    """When something ended: the time of day, or the day and the hour where it was not today."""
    moment = datetime.fromtimestamp(at)
    same = moment.date() == datetime.fromtimestamp(now).date()
    return moment.strftime("%H:%M:%S" if same else "%m-%d %H:%M")


def counted(number: int, noun: str) -> str:
    """`1 agent`, `2 agents`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = (), most: int = 0
) -> list[str]:
    """Lines of an aligned table no wider than the terminal (or `most`): the widest column gives way first.

    `right` names the columns aligned to the right. Heads stand as in `SHORT` where it is not `ROOMY`.
    """
    limit = most or width()
    flush = [head in set(right) for head in heads]
    shown = list(heads) if limit >= ROOMY else [SHORT.get(head, head) for head in heads]
    body = [[clean(value) for value in row] for row in rows]
    sizes = [max(cells(line[at]) for line in [shown, *body]) for at in range(len(shown))]
    room = limit - len(GAP) * (len(sizes) - 1)
    _shrink(sizes, room, [max(NARROWEST, cells(head)) for head in shown])
    _shrink(sizes, room, [NARROWEST] * len(shown))
    named = [head[:size] for head, size in zip(shown, sizes, strict=True)]
    lines = []
    for row in [named, *body]:
        parts = [pad(cut(value, sizes[at]), sizes[at], flush[at]) for at, value in enumerate(row)]
        lines.append(cut(GAP.join(parts).rstrip(), limit))
    return lines


def _shrink(sizes: list[int], room: int, least: list[int]) -> None:
    """Make columns narrower until they fit or none is wider than its least: always the widest that can."""
    while sum(sizes) > room:
        able = [at for at, size in enumerate(sizes) if size > least[at]]
        if not able:
            return
        sizes[max(able, key=sizes.__getitem__)] -= 1


def pairs(values: Iterable[tuple[str, Any]]) -> list[str]:
    """`name  value` lines, empty values left out, long ones broken under themselves."""
    kept = [(name, clean(value)) for name, value in values if value not in ("", None, [])]
    column = max((cells(name) for name, _ in kept), default=0)
    return [f"{pad(name, column)}  {cut(value, width() - column - 2)}" for name, value in kept]
