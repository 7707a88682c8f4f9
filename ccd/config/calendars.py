"""[calendars.NAME]: opening hours as people write them, made into rules. The structs here are the keys."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ccd.config.faults import Path
from ccd.config.holiday_table import check_table, checked, table
from ccd.config.times import dates, moment, overlap, spans, time_zone
from ccd.config.values import BAD, Reader
from ccd.model.hours import DAY_MIN, WEEKDAYS, CalendarRule, Exceptional, HolidaySource, Span, SpecialDay

SECTION = "calendars"
WORKDAYS = WEEKDAYS[:5]


class Keys(msgspec.Struct, frozen=True):
    """Base of what stands in the file."""


class HolidayKeys(Keys, frozen=True):
    """Whose holidays; `holidays = "FR"` is short for a table with the country alone."""

    country: str
    """ISO 3166, e.g. `"FR"`."""
    subdivision: str = ""
    """State or region with days of its own, by its code or name: `"BY"`, `"Moselle"`."""
    language: str = ""
    """Language of the names; empty: the centre's, where the library has it."""
    categories: tuple[str, ...] = ()
    """Kinds of days, e.g. `["public", "bank"]`; empty: public holidays."""
    leave_out: tuple[str, ...] = ()
    """Names of holidays on which the centre works as on other days."""


class ClosedKeys(Keys, frozen=True):
    """Dates on which it is closed from 0 to 24 h."""

    date: str
    """`"2026-12-24"`; or `"12-24"`, that day of each year."""
    until: str = ""
    """Last date, of several in a row; needs the year."""
    name: str = ""
    """What people are told: `"Works outing"`."""


class OpenKeys(Keys, frozen=True):
    """Dates with hours of their own, which take the place of the week's and of a holiday."""

    date: str
    """`"2026-12-24"`; or `"12-24"`, that day of each year."""
    hours: tuple[str, ...]
    """Hours, as those of a weekday."""
    until: str = ""
    """Last date, of several in a row; needs the year."""
    name: str = ""
    """What people are told: `"Christmas Eve"`."""


class ExceptionKeys(Keys, frozen=True):
    """Closed, or open, for once, whatever the hours say. Where two overlap, the closing wins."""

    start: str = msgspec.field(name="from")
    """Local time, `"2026-12-24 12:00"`; a date alone: from its beginning."""
    until: str = msgspec.field()
    """Local time; a date alone: until its end."""
    reason: str = ""
    """What people are told: `"inventory"`."""
    open: bool = False
    """An opening, not a closing."""


class CalendarKeys(Keys, frozen=True):
    """Opening hours in a time zone, for all that asks whether it is open.

    Hours are lists of spans, `["09:00-12:00", "14:00-18:00"]`; `[]` is closed, `24:00` the end of the day,
    and a span whose end is earlier than its begin runs over midnight. A special day (one of `holidays`,
    `closed` or `open`) ends at its beginning what runs into it from the day before.
    """

    name: str
    zone: str
    """Time zone of the IANA database, e.g. `"Europe/Paris"`."""
    every_day: tuple[str, ...] | None = None
    """Hours of each day that no key below names."""
    weekdays: tuple[str, ...] | None = None
    """Hours of Monday to Friday."""
    weekend: tuple[str, ...] | None = None
    """Hours of Saturday and Sunday."""
    monday: tuple[str, ...] | None = None
    """Hours of that day, as for the six below; wins over the keys above."""
    tuesday: tuple[str, ...] | None = None
    """The same."""
    wednesday: tuple[str, ...] | None = None
    """The same."""
    thursday: tuple[str, ...] | None = None
    """The same."""
    friday: tuple[str, ...] | None = None
    """The same."""
    saturday: tuple[str, ...] | None = None
    """The same."""
    sunday: tuple[str, ...] | None = None
    """The same."""
    holidays: HolidayKeys | None = None
    """A country, `"FR"`, or a table: its holidays are closed. Known three years ahead."""
    closed: tuple[ClosedKeys, ...] = ()
    """Own dates that are closed: tables of `date` (`until`) and `name`."""
    open: tuple[OpenKeys, ...] = ()
    """Dates with hours of their own: tables of `date` (`until`), `hours` and `name`."""
    exceptional: tuple[ExceptionKeys, ...] = ()
    """Closings and openings for once: tables of `from`, `until`, `reason`; `open = true`: an opening."""


def calendar(reader: Reader, name: str, raw: Any, today: date, language: str) -> CalendarRule | None:
    """The rule of one calendar; None if there is none to be made of it. Faults are noted.

    `today` decides which years of holidays are looked up; `language` is the centre's.
    """
    path: Path = (SECTION, name)
    raw = _texts(raw)
    keys = reader.struct(CalendarKeys, path, raw, given={"name": name})
    if keys is BAD:
        return None
    zone = time_zone(reader, (*path, "zone"), keys.zone)
    rule = CalendarRule(
        name=name,
        zone=keys.zone if zone else "UTC",
        week=_week(reader, path, keys),
        days=_days(reader, path, raw),
        exceptional=_exceptional(reader, path, raw, zone or ZoneInfo("UTC")),
    )
    hours = [raw.get(key) for key in (*WEEKDAYS, "weekdays", "weekend", "every_day", "open")]
    if not any(hours) and not any(each.open for each in keys.exceptional):
        cure = 'write e.g. weekdays = ["09:00-18:00"], or every_day = ["00:00-24:00"]'
        reader.fault(path, "never opens", cure)
    return _with_holidays(reader, path, rule, keys.holidays, today, language)


def _texts(raw: Any) -> Any:
    """The raw table with TOML's own dates as text, and `holidays = "FR"` as a table."""
    if isinstance(raw, dict):
        short = {"holidays": {"country": raw["holidays"]}} if isinstance(raw.get("holidays"), str) else {}
        return {key: _texts(value) for key, value in (raw | short).items()}
    if isinstance(raw, list):
        return [_texts(each) for each in raw]
    return raw.isoformat() if isinstance(raw, date | datetime) else raw


# -- the week ------------------------------------------------------------------------------------


def _week(reader: Reader, path: Path, keys: CalendarKeys) -> tuple[tuple[Span, ...], ...]:
    days = []
    for day in WEEKDAYS:
        key = _key_of(keys, day)
        days.append(spans(reader, (*path, key), getattr(keys, key) or ()) if key else [])
    for at, day_spans in enumerate(days):
        for span, here in day_spans[-1:]:
            for after, _ in days[(at + 1) % 7][:1]:
                if span.to_min - DAY_MIN > after.from_min:
                    overlap(reader, here, span, after)
    return tuple(tuple(span for span, _ in each) for each in days)


def _key_of(keys: CalendarKeys, day: str) -> str:
    """The key that gives a weekday its hours; empty: none does."""
    several = "weekdays" if day in WORKDAYS else "weekend"
    return next((key for key in (day, several, "every_day") if getattr(keys, key) is not None), "")


# -- dates ---------------------------------------------------------------------------------------


def _entries(reader: Reader, path: Path, raw: Any, kind: type) -> Iterator[tuple[Path, Any]]:
    """The good tables of a list, each with its place. (A struct's own list leaves bad ones out.)"""
    for at, each in enumerate(raw if isinstance(raw, list) else ()):
        value = reader.struct(kind, (*path, at), each)
        if value is not BAD:
            yield (*path, at), value


def _days(reader: Reader, path: Path, raw: dict[str, Any]) -> tuple[SpecialDay, ...]:
    found: dict[str, tuple[SpecialDay, Path]] = {}
    closed = _entries(reader, (*path, "closed"), raw.get("closed"), ClosedKeys)
    opened = _entries(reader, (*path, "open"), raw.get("open"), OpenKeys)
    for here, entry in (*closed, *opened):
        hours: tuple[Span, ...] = ()
        if isinstance(entry, OpenKeys):
            hours = tuple(span for span, _ in spans(reader, (*here, "hours"), entry.hours))
            if not entry.hours:
                reader.fault((*here, "hours"), "are none", "write hours, or put the date into closed")
        for day in dates(reader, here, entry.date, entry.until):
            _, first = found.setdefault(day, (SpecialDay(day, entry.name, hours), here))
            if first != here:
                cure = f"keep one; the other stands in {reader.document.place(first)}"
                reader.fault((*here, "date"), f"{day} is named twice", cure)
    return tuple(day for _, (day, _) in sorted(found.items()))


def _exceptional(reader: Reader, path: Path, raw: dict[str, Any], zone: ZoneInfo) -> tuple[Exceptional, ...]:
    out = []
    for here, entry in _entries(reader, (*path, "exceptional"), raw.get("exceptional"), ExceptionKeys):
        start = moment(reader, (*here, "from"), entry.start, zone)
        until = moment(reader, (*here, "until"), entry.until, zone, end=True)
        if start is None or until is None:
            continue
        if until <= start:
            problem = f'"{entry.until}" is not after from, "{entry.start}"'
            reader.fault((*here, "until"), problem, "swap or change them")
            continue
        out.append(Exceptional(start, until, entry.reason, entry.open))
    return tuple(out)


def _with_holidays(
    reader: Reader,
    path: Path,
    rule: CalendarRule,
    keys: HolidayKeys | None,
    today: date,
    language: str,
) -> CalendarRule:
    if keys is None:
        return rule
    here: Path = (*path, "holidays")
    source = HolidaySource(keys.country, keys.subdivision, keys.language, keys.categories, keys.leave_out)
    known = checked(reader, here, source, language)
    if known is None:
        return rule
    days, until = table(known, today)
    rule = msgspec.structs.replace(rule, holidays=days, covered_until=until, source=known)
    check_table(reader, here, rule, today)
    return rule
