"""Holidays of countries as plain dates, from the library `holidays`; the only place that knows it.

The rules keep the dates and whose they are, so that a replay needs no library (docs/decisions/0008). The
library is loaded only where a calendar names a country: it costs 0.1 s.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec

from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.values import Reader
from ccd.model.hours import CalendarRule, HolidaySource, SpecialDay
from ccd.model.rules import Rules

YEARS_BACK = 1
YEARS_AHEAD = 3
"""Beside the present year."""
WARN_DAYS = 60
_SEPARATOR = "; "
"""The library's, between the names of two holidays on one day."""


def table(source: HolidaySource, today: date) -> tuple[tuple[SpecialDay, ...], str]:
    """The holidays from last year until three years after `today`, and the last date that is covered.

    Raises ValueError if the library does not know the country, subdivision or kind of days.
    """
    found = _found(source, range(today.year - YEARS_BACK, today.year + YEARS_AHEAD + 1))
    days = []
    for day in sorted(found):
        names = [
            name for name in found[day].split(_SEPARATOR) if _plain(name) not in _plains(source.leave_out)
        ]
        if names:
            days.append(SpecialDay(day.isoformat(), _SEPARATOR.join(names)))
    last = min(today.year + YEARS_AHEAD, found.end_year)
    return tuple(days), date(last, 12, 31).isoformat()


def renewed(rules: Rules, today: date) -> Rules:
    """The rules with holidays as far ahead of `today` as at a start; the same value if nothing changes."""
    calendars = {name: _renewed(each, today) for name, each in rules.calendars.items()}
    if calendars == rules.calendars:
        return rules
    return msgspec.structs.replace(rules, calendars=calendars)


def _renewed(rule: CalendarRule, today: date) -> CalendarRule:
    if rule.source is None:
        return rule
    days, until = table(rule.source, today)
    return msgspec.structs.replace(rule, holidays=days, covered_until=until)


def checked(reader: Reader, path: Path, source: HolidaySource, language: str) -> HolidaySource | None:
    """The source with the language of its names settled; None after a fault.

    `language`: the centre's, for names where the source asks for none; else the country's own.
    """
    import holidays

    known = holidays.list_supported_countries()
    if source.country not in known:
        cure = 'write the two letters of ISO 3166, e.g. "FR"'
        near, _, part = source.country.upper().partition("-")
        if near in known:
            whole = f'{{ country = "{near}", subdivision = "{part}" }}'
            cure = f"write {whole}" if part else f'did you mean "{near}"?'
        reader.fault((*path, "country"), f'no holidays of "{source.country}" are known', cure)
        return None
    of_country = holidays.country_holidays(source.country)
    parts = [*of_country.subdivisions, *of_country.subdivisions_aliases]
    good = True
    if source.subdivision and source.subdivision not in parts:
        good = False
        cure = did_you_mean(source.subdivision, parts, f"known are: {listed(parts, 40)}")
        reader.fault((*path, "subdivision"), f'{source.country} has no "{source.subdivision}"', cure)
    for at, category in enumerate(source.categories):
        if category not in of_country.supported_categories:
            good = False
            cure = f"choose from: {listed(sorted(of_country.supported_categories))}"
            reader.fault((*path, "categories", at), f'{source.country} has no "{category}" days', cure)
    spoken = _language(reader, path, source, of_country, language)
    if spoken is None or not good:
        return None
    return msgspec.structs.replace(source, language=spoken)


def check_table(reader: Reader, path: Path, rule: CalendarRule, today: date) -> None:
    """Faults and warnings of the days themselves: names to leave out, and how far the library reaches."""
    source = rule.source
    if source is None:
        return
    wanted = msgspec.structs.replace(source, leave_out=())
    names = {name for day in table(wanted, today)[0] for name in day.name.split(_SEPARATOR)}
    for at, name in enumerate(source.leave_out):
        if _plain(name) not in _plains(names):
            cure = did_you_mean(name, names, f"known are: {listed(sorted(names), 40)}")
            reader.fault((*path, "leave_out", at), f'no holiday is called "{name}"', cure)
    if date.fromisoformat(rule.covered_until) < today + timedelta(WARN_DAYS):
        problem = f"no holidays of {source.country} are known after {rule.covered_until}"
        cure = "install a newer version of the Python package holidays, or write them as own dates in closed"
        reader.faults.add(reader.document.place(path), path, problem, cure, True)


def _found(source: HolidaySource, years: Iterable[int]) -> Any:
    """The library's table. Without a language it would take that of the process's environment."""
    import holidays

    try:
        return holidays.country_holidays(
            source.country,
            subdiv=source.subdivision or None,
            years=years,
            expand=False,
            language=source.language or None,
            categories=source.categories or None,
        )
    except NotImplementedError as error:
        raise ValueError(str(error)) from None


def _language(
    reader: Reader, path: Path, source: HolidaySource, of_country: Any, language: str
) -> str | None:
    """The library's word for the language of the names: `en` is `en_US` where it has that."""
    own = of_country.default_language or ""
    spoken = sorted(of_country.supported_languages or [own], key=lambda each: (each != own, each))
    wanted = source.language or language
    exact = [each for each in spoken if each.lower() == wanted.replace("-", "_").lower()]
    same = [each for each in spoken if each[:2] == wanted[:2]]
    if exact or same:
        return str((exact or same)[0])
    if source.language:
        cure = f"choose from: {listed(spoken)}"
        reader.fault((*path, "language"), f'the holidays have no names in "{source.language}"', cure)
        return None
    return str(own)


def _plain(name: str) -> str:
    """A name without `(observed)`, `(estimated)` and capitals."""
    return name.partition(" (")[0].strip().casefold()


def _plains(names: Iterable[str]) -> set[str]:
    return {_plain(name) for name in names}
