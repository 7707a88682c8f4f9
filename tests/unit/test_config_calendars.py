"""[calendars.NAME]: every way of writing becomes the right rule, and holidays become plain dates."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
import msgspec
import pytest

from ccd.clock import SystemClock
from ccd.config.calendar_words import in_words
from ccd.config.calendars import (
    CalendarKeys,
    ClosedKeys,
    ExceptionKeys,
    HolidayKeys,
    OpenKeys,
)
from ccd.config.diff import diff
from ccd.config.faults import Fault
from ccd.config.holiday_table import renewed, table
from ccd.config.load import check, load
from ccd.config.reference import words
from ccd.model.calendar import is_open
from ccd.model.hours import CalendarRule, HolidaySource, Span, SpecialDay
from ccd.model.rules import Rules
from ccd.model.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
TODAY = date(2026, 6, 1)


def settings_of(folder: Path, keys: str, today: date = TODAY) -> Settings:
    (folder / "ccd.toml").write_text(f'[calendars.main]\nzone = "Europe/Paris"\n{keys}\n')
    return load(folder, {}, today=today)


def rule_of(folder: Path, keys: str, today: date = TODAY) -> CalendarRule:
    return settings_of(folder, keys, today).rules.calendars["main"]


def warnings_of(folder: Path, keys: str, today: date) -> list[Fault]:
    (folder / "ccd.toml").write_text(f'[calendars.main]\nzone = "Europe/Paris"\n{keys}\n')
    settings, faults = check(folder, today=today)
    assert settings is not None and all(fault.warning for fault in faults)
    return list(faults)


def paris(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp()


# -- hours and dates -------------------------------------------------------------------------------------


def test_the_nearest_key_gives_a_day_its_hours(tmp_path: Path) -> None:
    rule = rule_of(
        tmp_path,
        """
        every_day = ["06:00-24:00"]
        weekdays = ["14:00-18:00", "9:00 - 12:00"]
        monday = []
        friday = ["22:00-06:00"]
        sunday = ["18:00-00:00"]
        """,
    )
    day = (Span(540, 720), Span(840, 1080))
    assert rule.week == ((), day, day, day, (Span(1320, 1800),), (Span(360, 1440),), (Span(1080, 1440),))


def test_spans_may_touch_also_over_midnight(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, 'sunday = ["22:00-06:00"]\nmonday = ["06:00-08:00", "08:00-24:00"]')
    assert len(rule.week[0]) == 2


def test_dates_as_text_or_as_toml_dates_one_or_several_or_each_year(tmp_path: Path) -> None:
    rule = rule_of(
        tmp_path,
        """
        weekdays = ["09:00-12:00"]
        closed = [{ date = 2026-12-30, until = "2027-01-01", name = "Winter" }, { date = "02-29" }]
        open = [{ date = "2026-12-24", hours = ["09:00-10:00"], name = "Eve" }]
        """,
    )
    assert rule.days == (
        SpecialDay("02-29"),
        SpecialDay("2026-12-24", "Eve", (Span(540, 600),)),
        SpecialDay("2026-12-30", "Winter"),
        SpecialDay("2026-12-31", "Winter"),
        SpecialDay("2027-01-01", "Winter"),
    )


@pytest.mark.parametrize(
    ("start", "until", "moments"),
    [
        ('"2026-12-24 12:00"', "2026-12-24T13:30:00", ("2026-12-24 12:00", "2026-12-24 13:30")),
        ('"2026-12-24"', '"2026-12-24"', ("2026-12-24 00:00", "2026-12-25 00:00")),
        ("2026-12-24", '"2026-12-26"', ("2026-12-24 00:00", "2026-12-27 00:00")),
    ],
)
def test_moments_of_an_exception(tmp_path: Path, start: str, until: str, moments: tuple[str, str]) -> None:
    keys = f'weekdays = ["09:00-12:00"]\nexceptional = [{{ from = {start}, until = {until}, reason = "x" }}]'
    (exception,) = rule_of(tmp_path, keys).exceptional
    assert (exception.start, exception.until) == tuple(map(paris, moments))
    assert exception.reason == "x" and not exception.open


def test_an_exception_in_a_repeated_hour_lasts_to_its_second_pass(tmp_path: Path) -> None:
    exception = '{ from = "2026-10-25 02:15", until = "2026-10-25 02:45", open = true }'
    (found,) = rule_of(tmp_path, f"exceptional = [{exception}]").exceptional
    assert found.until - found.start == 90 * 60 and found.open


def test_a_calendar_belongs_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    for file in ("ccd.toml", "conf.d/10.toml"):
        (tmp_path / file).write_text('[calendars.main]\nzone = "UTC"\nmonday = ["09:00-12:00"]\n')
    settings, (fault, *_) = check(tmp_path)
    assert settings is None and "is set twice" in fault.problem


# -- holidays --------------------------------------------------------------------------------------------

OFFICE = 'weekdays = ["09:00-18:00"]\n'


def test_holidays_are_dates_from_last_year_to_three_years_ahead(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, OFFICE + 'holidays = "FR"')
    assert rule.holidays[0] == SpecialDay("2025-01-01", "New Year's Day")
    assert rule.holidays[-1] == SpecialDay("2029-12-25", "Christmas Day")
    assert len(rule.holidays) == 5 * 11
    assert rule.covered_until == "2029-12-31"
    assert rule.source == HolidaySource("FR", language="en_US")
    state = is_open(rule, paris("2026-12-25 10:00"))
    assert (state.why, state.until) == ("holiday: Christmas Day", paris("2026-12-28 09:00"))


def test_names_never_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en_US")
    (tmp_path / "ccd.toml").write_text(
        f'language = "fr"\n[calendars.fr]\nzone = "UTC"\n{OFFICE}holidays = "FR"\n'
        f'[calendars.de]\nzone = "UTC"\n{OFFICE}holidays = "DE"\n'
    )
    calendars = load(tmp_path, {}, today=TODAY).rules.calendars
    assert calendars["fr"].holidays[-1].name == "Noël"
    assert calendars["de"].holidays[-1].name == "Zweiter Weihnachtstag"  # the library has no French ones
    keys = OFFICE + 'holidays = { country = "DE", language = "en" }'
    assert rule_of(tmp_path, keys).holidays[-1].name == "Second Day of Christmas"


def test_a_subdivision_has_days_more_and_some_can_be_left_out(tmp_path: Path) -> None:
    plain = {day.date for day in rule_of(tmp_path, OFFICE + 'holidays = "FR"').holidays}
    keys = 'holidays = { country = "FR", subdivision = "Moselle", leave_out = ["pentecost monday"] }'
    found = {day.date for day in rule_of(tmp_path, OFFICE + keys).holidays}
    assert "2026-12-26" in found - plain
    assert "2026-05-25" in plain - found


def test_a_code_of_a_land_is_told_as_country_and_subdivision(tmp_path: Path) -> None:
    """ISO 3166-2, as people know it."""
    (tmp_path / "ccd.toml").write_text(f'[calendars.main]\nzone = "UTC"\n{OFFICE}holidays = "DE-BE"\n')
    _, (fault,) = check(tmp_path)
    assert fault.cure == 'write { country = "DE", subdivision = "BE" }'


def test_leaving_a_day_out_leaves_out_the_day_it_is_observed_on(tmp_path: Path) -> None:
    keys = OFFICE + 'holidays = { country = "US", leave_out = ["Independence Day"] }'
    dates = {day.date for day in rule_of(tmp_path, keys).holidays}
    assert not dates & {"2027-07-04", "2027-07-05"} and "2027-12-25" in dates


def test_a_table_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    keys = OFFICE + 'holidays = "FR"'
    last = holidays.country_holidays("FR").end_year
    assert warnings_of(tmp_path, keys, TODAY) == []
    assert warnings_of(tmp_path, keys, date(last, 11, 1)) == []  # 60 days before the end
    (warning,) = warnings_of(tmp_path, keys, date(last, 11, 2))
    assert warning.key == "calendars.main.holidays" and warning.line == 4
    assert warning.problem == f"no holidays of FR are known after {last}-12-31"


def test_without_a_today_the_clock_says_which_years(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(f'[calendars.main]\nzone = "UTC"\n{OFFICE}holidays = "FR"\n')
    rule = load(tmp_path, {}).rules.calendars["main"]
    year = datetime.fromtimestamp(SystemClock().now()).year
    assert rule.covered_until == f"{year + 3}-12-31"


def test_renewal_adds_a_year_and_needs_no_file(tmp_path: Path) -> None:
    keys = OFFICE + 'holidays = { country = "FR", leave_out = ["Christmas Day"] }'
    rules = settings_of(tmp_path, keys).rules
    assert renewed(rules, date(2026, 12, 31)) is rules
    later = renewed(rules, date(2027, 1, 1))
    assert later == settings_of(tmp_path, keys, date(2027, 1, 1)).rules
    assert later.calendars["main"].covered_until == "2030-12-31"
    plain = Rules(calendars={"main": msgspec.structs.replace(rules.calendars["main"], source=None)})
    assert renewed(plain, date(2030, 1, 1)) is plain


def test_what_the_library_does_not_know_is_an_error_of_one_kind() -> None:
    for source in (HolidaySource("XX"), HolidaySource("FR", "XX"), HolidaySource("FR", categories=("bank",))):
        with pytest.raises(ValueError):
            table(source, TODAY)


# -- words -----------------------------------------------------------------------------------------------


def test_a_change_is_told_in_the_words_of_the_file(tmp_path: Path) -> None:
    old = settings_of(tmp_path, OFFICE + 'holidays = "FR"')
    new = settings_of(
        tmp_path,
        OFFICE
        + """
        friday = ["09:00-12:00"]
        holidays = { country = "FR", leave_out = ["Christmas Day"] }
        closed = [{ date = "05-02" }]
        exceptional = [{ from = "2026-12-24 12:00", until = "2026-12-24 12:30", reason = "inventory" }]
        """,
    )
    changes = diff(old, new)
    assert '~ calendars.main.friday: ["09:00-18:00"] → ["09:00-12:00"]' in changes
    assert '- calendars.main.holidays.2026-12-25 = "closed: Christmas Day"' in changes
    assert '+ calendars.main.days.05-02 = "closed"' in changes
    shown = '"Thu 2026-12-24 12:00 to Thu 2026-12-24 12:30" = "closed: inventory"'
    assert f"+ calendars.main.exceptional.{shown}" in changes
    assert diff(new, new) == []


def test_in_words_a_night_and_seconds_are_shown(tmp_path: Path) -> None:
    shown = in_words(
        rule_of(
            tmp_path,
            """
            friday = ["22:00-06:00"]
            exceptional = [{ from = 2026-12-24T12:00:01, until = "2026-12-24" }]
            """,
        )
    )
    assert shown["friday"] == ["22:00-06:00"] and shown["source"] == {}
    assert "Thu 2026-12-24 12:00:01 to Fri 2026-12-25 00:00" in shown["exceptional"]


@pytest.mark.parametrize("kind", [CalendarKeys, HolidayKeys, ClosedKeys, OpenKeys, ExceptionKeys])
def test_every_key_stands_in_the_reference(kind: type[msgspec.Struct]) -> None:
    page = PAGE.read_text()
    for field in msgspec.structs.fields(kind):
        if (kind, field.name) != (CalendarKeys, "name"):
            assert words(kind, field.name), field.name
            assert f"| `{field.encode_name}` |" in page
