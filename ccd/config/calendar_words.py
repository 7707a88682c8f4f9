"""A calendar's rule in the words of the file again, for `ccctl calendar show` and `ccctl diff`."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ccd.config.times import words
from ccd.model.hours import WEEKDAYS, CalendarRule, SpecialDay


def in_words(rule: CalendarRule) -> dict[str, Any]:
    """`{"monday": ["09:00-12:00"], "holidays": {"2026-12-25": "closed: Christmas Day"}, …}`."""
    week = {day: [words(span) for span in spans] for day, spans in zip(WEEKDAYS, rule.week, strict=True)}
    return {
        "zone": rule.zone,
        **week,
        "source": msgspec.to_builtins(rule.source) if rule.source else {},
        "holidays": {day.date: of_day(day) for day in rule.holidays},
        "days": {day.date: of_day(day) for day in rule.days},
        "exceptional": {
            f"{local(each.start, rule.zone)} to {local(each.until, rule.zone)}": _told(
                "open" if each.open else "closed", each.reason
            )
            for each in rule.exceptional
        },
        "covered_until": rule.covered_until,
    }


def of_day(day: SpecialDay) -> str:
    """`closed: Christmas Day`, `09:00-12:00: Christmas Eve`."""
    return _told(", ".join(words(span) for span in day.hours) or "closed", day.name)


def local(at: float, zone: str) -> str:
    """A moment on the wall of a zone: `Fri 2026-12-25 10:00`, with seconds where there are any."""
    shown = datetime.fromtimestamp(at, ZoneInfo(zone))
    return shown.strftime("%a %Y-%m-%d %H:%M" if not shown.second else "%a %Y-%m-%d %H:%M:%S")


def _told(what: str, name: str) -> str:
    return f"{what}: {name}" if name else what
