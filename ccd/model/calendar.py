"""Open now, the next opening, open seconds between: the questions that flows, queues, service level and
dialer put to a calendar.

Pure functions of a `CalendarRule` and moments (seconds since the epoch; of the years 1 to 9990).

What decides, the first that speaks: an exceptional closing, an exceptional opening, an own date, a
holiday, the week. A special day (an own date or a holiday) has its own hours from 0 to 24 h: hours that
run over midnight from the day before end where it begins; its own may run into the next day unless that is
special too. How clock changes are treated is said in `ccd.model.timetable`. After `covered_until` a
holiday is a day like others, and `OpenState.covered` says that it may be wrong.
"""

from datetime import date, timedelta
from enum import StrEnum

import msgspec

from ccd.model.hours import CalendarRule, Exceptional
from ccd.model.timetable import BLOCK_S, DAY_S, Timetable, timetable_of

REACH_S = 20 * 366 * DAY_S
"""A deadline further away than this is none."""


class Cause(StrEnum):
    """What made it open or closed."""

    WEEK = "week"
    HOLIDAY = "holiday"
    DATE = "date"
    EXCEPTION = "exception"


class OpenState(msgspec.Struct, frozen=True):
    """Open or closed at a moment, why, and until when."""

    open: bool
    cause: Cause
    name: str
    """Of the holiday or own date, or the reason of the exception; may be empty."""
    why: str
    """For a person: `holiday: Christmas Day`, `closed at this hour`."""
    until: float | None
    """The first moment when it is the other way round; None: never."""
    covered: bool = True
    """False: later than the holidays that are known."""


def is_open(calendar: CalendarRule, now: float) -> OpenState:
    """Whether it is open at `now`, why, and until when."""
    table = timetable_of(calendar)
    opened = table.is_open(now)
    today = table.date_of(now)
    cause, name, why = _why(table, now, today, opened)
    covered = not calendar.covered_until or today <= date.fromisoformat(calendar.covered_until)
    return OpenState(opened, cause, name, why, table.change(now), covered)


def next_change(calendar: CalendarRule, now: float) -> float | None:
    """The first moment after `now` when open becomes closed or closed open; None: never."""
    return timetable_of(calendar).change(now)


def next_opening(calendar: CalendarRule, now: float) -> float | None:
    """The first moment from `now` on when it is open: `now` itself if it is; None: never."""
    table = timetable_of(calendar)
    return now if table.is_open(now) else table.change(now)


def business_seconds(calendar: CalendarRule, start: float, end: float) -> float:
    """Open seconds from `start` until `end`; 0 if `end` is not later."""
    if end <= start:
        return 0.0
    table = timetable_of(calendar)
    first, last = int(start // BLOCK_S), int(end // BLOCK_S)
    before = table.block(first).elapsed(start)
    whole = sum(table.block(number).total for number in range(first, last))
    return whole - before + table.block(last).elapsed(end)


def add_business_seconds(calendar: CalendarRule, start: float, seconds: float) -> float | None:
    """The earliest moment not before `start` with so many open seconds between: a deadline in open time.

    A full day's seconds end at the day's closing, not at the next opening; 0 (or less) is `start` itself.
    None where so much open time does not come within 20 years.
    """
    if seconds <= 0:
        return start
    table = timetable_of(calendar)
    number = int(start // BLOCK_S)
    block = table.block(number)
    left = seconds + block.elapsed(start)
    while left > block.total:
        left -= block.total
        number += 1
        if number * BLOCK_S > start + REACH_S:
            return None
        block = table.block(number)
    return max(start, block.reach(left))


def coverage_ends(calendar: CalendarRule) -> float | None:
    """The first moment whose holidays are not known; None: there is nothing to run out."""
    if not calendar.covered_until:
        return None
    return timetable_of(calendar).midnight(date.fromisoformat(calendar.covered_until) + timedelta(1))


def _why(table: Timetable, now: float, today: date, opened: bool) -> tuple[Cause, str, str]:
    exception = _exception(table.rule, now)
    if exception is not None:
        words = "exceptional opening" if exception.open else "exceptional closing"
        return Cause.EXCEPTION, exception.reason, _named(words, exception.reason)
    special = table.special(today)
    if special is not None:
        holiday = table.is_holiday(today)
        kind = "holiday" if holiday else "special hours" if special.hours else "closed"
        return (Cause.HOLIDAY if holiday else Cause.DATE), special.name, _named(kind, special.name)
    if opened:
        return Cause.WEEK, "", "opening hours"
    none = not table.rule.week[today.weekday()]
    return Cause.WEEK, "", "closed on this weekday" if none else "closed at this hour"


def _exception(rule: CalendarRule, now: float) -> Exceptional | None:
    """The closing, else the opening, that is in force."""
    found = [each for each in rule.exceptional if each.start <= now < each.until]
    return min(found, key=lambda each: each.open, default=None)


def _named(words: str, name: str) -> str:
    return f"{words}: {name}" if name else words
