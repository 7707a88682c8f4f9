"""Times as people write them: `09:00-12:00`, dates, local moments, time zones."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from ccd.config.faults import Path, did_you_mean, shown
from ccd.config.values import Reader
from ccd.model.hours import DAY_MIN, Span

LONGEST_NIGHT_MIN = 16 * 60
"""A span over midnight that is longer than this is a slip: end and begin have changed places."""
MOST_DAYS = 366
YEARS = range(1970, 2200)
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_DATE = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?")
_ANY_LEAP_YEAR = 2000


def spans(reader: Reader, path: Path, texts: Sequence[str]) -> list[tuple[Span, Path]]:
    """The good spans of a day in order, each with its place; overlaps are faults."""
    found = []
    for at, text in enumerate(texts):
        span = _span(reader, (*path, at), text)
        if span is not None:
            found.append((span, (*path, at)))
    found.sort(key=lambda each: each[0].from_min)
    for (before, _), (span, here) in pairwise(found):
        if span.from_min < before.to_min:
            overlap(reader, here, span, before)
    return found


def overlap(reader: Reader, path: Path, span: Span, other: Span) -> None:
    """Note the fault that two spans have time in common."""
    reader.fault(path, f"{words(span)} overlaps {words(other)}", "write one span for both, or change one")


def words(span: Span) -> str:
    """`09:00-12:00`."""
    end = span.to_min if span.to_min <= DAY_MIN else span.to_min - DAY_MIN
    return f"{span.from_min // 60:02}:{span.from_min % 60:02}-{end // 60:02}:{end % 60:02}"


def _span(reader: Reader, path: Path, text: str) -> Span | None:
    cure = 'write begin and end in 24 hours, e.g. "09:00-12:00"; 24:00 is the end of the day'
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        reader.fault(path, f"{shown(text)} is no span of time", cure)
        return None
    hours, minutes = [int(found[at]) for at in (1, 3)], [int(found[at]) for at in (2, 4)]
    start, end = (hour * 60 + minute for hour, minute in zip(hours, minutes, strict=True))
    if max(minutes) > 59 or start >= DAY_MIN or end > DAY_MIN:
        reader.fault(path, f"{shown(text)} names a time that no clock shows", cure)
        return None
    if start == end:
        cure = 'write "00:00-24:00" for the whole day, [] for closed'
        reader.fault(path, f"{shown(text)} ends when it begins", cure)
        return None
    over = end + DAY_MIN if end < start else end
    if over > DAY_MIN and over - start > LONGEST_NIGHT_MIN:
        problem = (
            f"{shown(text)} ends before it begins: over midnight it would be {(over - start) / 60:g} hours"
        )
        reader.fault(path, problem, "swap them; or write two days, one to 24:00, one from 00:00")
        return None
    return Span(start, over)


def dates(reader: Reader, path: Path, first: str, until: str) -> list[str]:
    """Each date from `first` until `until` (empty: that one alone), as `2026-12-25` or `12-25`.

    None at all after a fault.
    """
    start = _date(reader, (*path, "date"), first)
    if start is None or not until:
        return [] if start is None else [start]
    end = _date(reader, (*path, "until"), until)
    if end is None:
        return []
    if len(start) < 10 or len(end) < 10:
        reader.fault((*path, "until"), "needs the year in both dates", 'write e.g. "2026-12-24"')
        return []
    begin, days = date.fromisoformat(start), (date.fromisoformat(end) - date.fromisoformat(start)).days
    if days < 0:
        reader.fault((*path, "until"), f"{end} is before {start}", "swap or change them")
        return []
    if days >= MOST_DAYS:
        reader.fault(
            (*path, "until"), f"{days + 1} days are too many", f"at most {MOST_DAYS}: check the year"
        )
        return []
    return [(begin + timedelta(at)).isoformat() for at in range(days + 1)]


def _date(reader: Reader, path: Path, text: str) -> str | None:
    found = _DATE.fullmatch(text.strip())
    if found is None:
        cure = 'write year, month and day, "2026-12-25", or "12-25" for each year'
        reader.fault(path, f"{shown(text)} is no date", cure)
        return None
    year = int(found[1]) if found[1] else _ANY_LEAP_YEAR
    try:
        date(year, int(found[2]), int(found[3]))
    except ValueError:
        reader.fault(path, f"{shown(text)} is not in the calendar", "check month and day")
        return None
    if year not in YEARS:
        reader.fault(path, f"{shown(text)} is too far away", f"write a year from {YEARS[0]} to {YEARS[-1]}")
        return None
    return text.strip()


def moment(reader: Reader, path: Path, text: str, zone: ZoneInfo, end: bool = False) -> float | None:
    """A local time as seconds since the epoch; None after a fault. `end`: a date alone means its end.

    A time that comes twice is taken the first time, as an end the last time.
    """
    text = text.strip()
    try:
        found = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        cure = 'write date and time in the zone, "2026-12-24 12:00", or a date alone for the whole day'
        reader.fault(path, f"{shown(text)} is no moment", cure)
        return None
    if found.year not in YEARS:
        reader.fault(path, f"{shown(text)} is too far away", f"write a year from {YEARS[0]} to {YEARS[-1]}")
        return None
    found = (found + timedelta(1) if end and _DATE.fullmatch(text) else found).replace(tzinfo=zone)
    once = found.timestamp()
    return max(once, found.replace(fold=1).timestamp()) if end else once


def time_zone(reader: Reader, path: Path, name: str) -> ZoneInfo | None:
    """The zone; None after a fault."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = sorted(available_timezones())
    city = name.rpartition("/")[2].replace(" ", "_").casefold()
    near = [each for each in known if each.rpartition("/")[2].casefold() == city]
    otherwise = 'write a name of the IANA database, e.g. "Europe/Paris"'
    cure = f'did you mean "{near[0]}"?' if near else did_you_mean(name, known, otherwise)
    reader.fault(path, f"there is no time zone {shown(name)}", cure)
    return None
