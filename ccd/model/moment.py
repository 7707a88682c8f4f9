"""A time as somebody keys or writes it, made a moment: `1430`, `14:30`, `2026-12-24 14:30`."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_CLOCK = re.compile(r"([01]?\d|2[0-3]):?([0-5]\d)")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::\d{2})?")


def moment(text: str, zone: ZoneInfo, now: float) -> float | None:
    """Epoch seconds of a local time; None: it is none, or no clock of the zone ever shows it.

    Of a time alone the next one is meant: today, or tomorrow when it is over.
    """
    text = text.strip()
    if found := _MOMENT.fullmatch(text):
        year, month, of_month, hour, minute = map(int, found.groups())
        try:
            return _exact(datetime(year, month, of_month, hour, minute, tzinfo=zone))
        except (ValueError, OverflowError):
            return None
    if not (found := _CLOCK.fullmatch(text)):
        return None
    today = datetime.fromtimestamp(now, zone).date()
    for day in (today, today + timedelta(days=1)):
        at = _exact(_at(day, int(found[1]), int(found[2]), zone))
        if at is not None and at > now:
            return at
    return None


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def _exact(local: datetime) -> float | None:
    """None for a time that the clocks leap over in spring."""
    at = local.timestamp()
    shown = datetime.fromtimestamp(at, local.tzinfo)
    return at if shown.replace(tzinfo=None) == local.replace(tzinfo=None) else None
