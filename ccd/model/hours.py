"""When the centre is open, as frozen values: a week, special days, exceptional closings and openings.

`config/` makes them from TOML and looks the holidays of a country up in a library; here they are plain
dates, so a replay needs no library and gives the same answers (docs/decisions/0008). What the values mean
is told by `ccd.model.calendar`. Hashable: answers are kept by value.
"""

import msgspec

DAY_MIN = 1440
"""Minutes of a day on the wall clock."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Value(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, cache_hash=True):
    """Base of these values; the hash of a year of holidays is worked out once."""


class Span(Value, frozen=True, cache_hash=True):
    """Open from one wall-clock time to another, in minutes after midnight of the day it begins on.

    `0 <= from_min < 1440` and `from_min < to_min <= from_min + 1440`: over 1440 it ends on the next day.
    """

    from_min: int
    to_min: int


class SpecialDay(Value, frozen=True, cache_hash=True):
    """A day with hours of its own, which take the place of the week's; none: closed from 0 to 24 h."""

    date: str
    """`2026-12-25`; or `12-25`: that day of each year."""
    name: str = ""
    hours: tuple[Span, ...] = ()

    @property
    def year_known(self) -> bool:
        """Whether it is a day of one year."""
        return len(self.date) > len("12-25")


class Exceptional(Value, frozen=True, cache_hash=True):
    """Closed (or open) for once, from a moment until another, whatever the hours say.

    Moments are seconds since the epoch; `until` is the first one after it.
    """

    start: float
    until: float
    reason: str = ""
    open: bool = False


class HolidaySource(Value, frozen=True, cache_hash=True):
    """Whose holidays they are: enough to look up those of later years."""

    country: str
    """ISO 3166, e.g. `FR`."""
    subdivision: str = ""
    """State or region, as the library `holidays` names it; empty: the country's own days."""
    language: str = ""
    """Language of the names."""
    categories: tuple[str, ...] = ()
    """Kinds of days; empty: public holidays."""
    leave_out: tuple[str, ...] = ()
    """Names of days that are worked."""


class CalendarRule(Value, frozen=True, cache_hash=True):
    """Opening hours in a time zone, shared by flows, queues, service level and dialer."""

    name: str
    zone: str
    """Time zone of the IANA database, e.g. `Europe/Paris`."""
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    """Hours of Monday to Sunday, in order, not overlapping."""
    holidays: tuple[SpecialDay, ...] = ()
    """Days of `source`, in order."""
    days: tuple[SpecialDay, ...] = ()
    """Own days; one of them takes the place of a holiday on its date, a dated one that of a yearly one."""
    exceptional: tuple[Exceptional, ...] = ()
    """A closing wins over an opening."""
    source: HolidaySource | None = None
    covered_until: str = ""
    """Last date whose holidays are known, `2029-12-31`; empty: there is nothing to run out."""
