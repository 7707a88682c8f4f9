"""What conditions ask of the clock and of calendars: `time.clock >= "08:30"`, `not hours.office.open`.

`time.FIGURE` is what the wall shows in the centre's zone, `hours.NAME.FIGURE` the same in the zone of a
calendar, and what that calendar says. A moment has one wall time in a zone, so clock changes need no rule:
when the clock is put back the repeated hour is shown twice, the skipped hour in spring is never shown.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ccd.model.calendar import is_open
from ccd.model.expression_text import ExpressionFault, nearest, shown
from ccd.model.expression_tree import Compare, Items, Literal, Name, Node
from ccd.model.hours import WEEKDAYS, CalendarRule
from ccd.model.timetable import timetable_of

TIME, HOURS = "time.", "hours."
Told = str | int | float | bool | None
"""What such a figure is; None: missing."""
_WALL: Final[dict[str, Callable[[datetime], Told]]] = {
    "clock": lambda local: f"{local.hour:02}:{local.minute:02}",
    "date": lambda local: local.date().isoformat(),
    "day": lambda local: local.day,
    "hour": lambda local: local.hour,
    "minute": lambda local: local.minute,
    "month": lambda local: local.month,
    "weekday": lambda local: WEEKDAYS[local.weekday()],
    "year": lambda local: local.year,
}
WALL = tuple(_WALL)
OPENING = ("closes_s", "holiday", "open", "opens_s")
"""Of a calendar alone: seconds until it closes (missing: it is closed, or never does), the name of today's
holiday (missing: it is none), whether it is open, seconds until it opens (missing: it is open, or never)."""


class ClockNames(msgspec.Struct, frozen=True):
    """What a configuration has, for checks."""

    calendars: Collection[str] = ()
    zone: str = ""
    """Of `time.…`; empty: nobody can know which is meant."""


NO_CLOCK = ClockNames()


def common_zone(zone: str, calendars: Iterable[str]) -> str:
    """The centre's zone: the one that is set, else that of all calendars if it is one; else empty."""
    zones = set(calendars)
    return zone or (zones.pop() if len(zones) == 1 else "")


class Clock:
    """The clock and the calendars of some rules. `zone`: that of the centre, may be empty."""

    __slots__ = ("_calendars", "zone")

    def __init__(self, zone: str, calendars: Mapping[str, CalendarRule]) -> None:
        name = common_zone(zone, (each.zone for each in calendars.values()))
        self.zone: ZoneInfo | None = ZoneInfo(name) if name else None
        self._calendars = calendars

    def time(self, figure: str, now: float) -> Told:
        """`time.FIGURE`; None: there is no such figure, or no zone."""
        return _on_wall(figure, now, self.zone) if self.zone is not None else None

    def hours(self, name: str, now: float) -> Told:
        """`hours.NAME` where `NAME` is that of a calendar, a dot and a figure; None where there is none."""
        calendar, _, figure = name.rpartition(".")
        rule = self._calendars.get(calendar)
        if rule is None:
            return None
        if figure in _WALL:
            return _on_wall(figure, now, timetable_of(rule).zone)
        return _of_calendar(rule, figure, now)

    def figure(self, name: str, now: float) -> Told:
        """Either of them by its whole name."""
        kind, _, rest = name.partition(".")
        return self.time(rest, now) if kind == "time" else self.hours(rest, now)


def _on_wall(figure: str, now: float, zone: tzinfo) -> Told:
    read = _WALL.get(figure)
    return read(datetime.fromtimestamp(now, zone)) if read is not None else None


def _of_calendar(rule: CalendarRule, figure: str, now: float) -> Told:
    table = timetable_of(rule)
    if figure == "open":
        return table.is_open(now)
    if figure == "holiday":
        today = table.date_of(now)
        special = table.special(today)
        return (special.name or None) if special is not None and table.is_holiday(today) else None
    state = is_open(rule, now)
    if state.until is None or state.open is not (figure == "closes_s"):
        return None
    return state.until - now


# -- checks ----------------------------------------------------------------------------------------


def is_of_clock(name: str) -> bool:
    """Whether a name asks the clock or a calendar."""
    return name.startswith((TIME, HOURS))


def check_clock_name(name: str, column: int, known: ClockNames) -> None:
    """Raises `ExpressionFault` unless there is such a figure. `column`: of the name."""
    kind, _, rest = name.partition(".")
    if kind == "time":
        if rest not in WALL:
            cure = nearest(rest, WALL, f"time has {', '.join(WALL)}")
            raise ExpressionFault(column, f"unknown figure {shown(rest)} of time", cure)
        if not known.zone:
            cure = 'set zone = "Europe/Paris" in [daemon], or ask a calendar: hours.NAME.' + rest
            raise ExpressionFault(column, f"{shown(name)} is a time of no zone", cure)
        return
    calendar, _, figure = rest.rpartition(".")
    if calendar not in known.calendars:
        cure = nearest(calendar, list(known.calendars), f"write {HOURS}NAME.open with the name of a calendar")
        raise ExpressionFault(column, f"there is no calendar {shown(calendar)}", cure)
    if figure not in (*OPENING, *WALL):
        cure = nearest(figure, (*OPENING, *WALL), f"a calendar has {', '.join((*OPENING, *WALL))}")
        raise ExpressionFault(column, f"unknown figure {shown(figure)} of a calendar", cure)


_NUMBERS = frozenset({"day", "hour", "minute", "month", "year"})
_TEXTS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "clock": (re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00"), 'write hours and minutes, as "08:30"'),
    "date": (
        re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
        'write year, month and day, as "2026-12-24"',
    ),
    "weekday": (re.compile("|".join(WEEKDAYS)), f"write one of {', '.join(WEEKDAYS)}"),
}


def check_compared(node: Compare) -> None:
    """Raises `ExpressionFault` for what the wall never shows: `time.clock > "8:30"`, `time.weekday == "Mon"`.

    Such a comparison would be false (or true) for ever, and nobody would see why.
    """
    for asked, other in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(asked, Name) or not is_of_clock(asked.name):
            continue
        if node.sign == "in" and asked is node.right:
            continue  # a part of it: "-12-" in time.date
        figure = asked.name.rpartition(".")[2]
        if figure == "weekday" and node.sign not in ("==", "!=", "in"):
            cure = f'write {asked.name} in ["monday", "tuesday"]'
            raise ExpressionFault(node.column, "weekdays have no order", cure)
        for literal in _literals(other):
            _check_literal(figure, literal)


def _check_literal(figure: str, literal: Literal) -> None:
    value = literal.value
    if figure in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        problem = f"{shown(str(value))} is no number, as {figure} is"
        raise ExpressionFault(literal.column, problem, "write it without quotes, as 12")
    if figure in _TEXTS:
        form, cure = _TEXTS[figure]
        if not isinstance(value, str) or not form.fullmatch(value):
            near = nearest(value, WEEKDAYS, cure) if figure == "weekday" and isinstance(value, str) else cure
            what = "time of day as the clock shows it" if figure == "clock" else figure
            raise ExpressionFault(literal.column, f"{shown(str(value))} is no {what}", near)


def _literals(node: Node) -> Iterator[Literal]:
    for each in node.items if isinstance(node, Items) else (node,):
        if isinstance(each, Literal):
            yield each
