"""What conditions ask of the clock and of calendars, in each zone, and across changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.clock_figures import NO_CLOCK, OPENING, WALL, Clock, ClockNames, common_zone
from ccd.model.entry import FIGURES, NOTICES, PAST, check_relax_when, check_when, condition_of
from ccd.model.expression_text import ExpressionFault
from ccd.model.hours import WEEKDAYS, CalendarRule, Span, SpecialDay

PARIS, MONTREAL = "Europe/Paris", "America/Montreal"
DAY = (Span(9 * 60, 18 * 60),)
OFFICE = CalendarRule(
    name="office",
    zone=PARIS,
    week=(DAY,) * 5 + ((),) * 2,
    holidays=(SpecialDay("2026-12-25", "Christmas Day"),),
    days=(SpecialDay("2026-12-24", "Christmas Eve", (Span(9 * 60, 12 * 60),)),),
)
FAR = CalendarRule(name="far-west", zone=MONTREAL, week=(DAY,) * 7)
SHUT = CalendarRule(name="shut", zone=PARIS)
CALENDARS = {each.name: each for each in (OFFICE, FAR, SHUT)}
CLOCK = Clock(PARIS, CALENDARS)


def at(text: str, zone: str = PARIS, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def holds(text: str, now: float) -> bool:
    check_when(text, (), ClockNames(CALENDARS.keys(), PARIS))
    return condition_of(text)(lambda name: CLOCK.figure(name, now))


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("clock", "08:05"),
        ("date", "2026-12-04"),
        ("day", 4),
        ("hour", 8),
        ("minute", 5),
        ("month", 12),
        ("weekday", "friday"),
        ("year", 2026),
    ],
)
def test_the_wall_in_the_zone_of_the_centre(figure: str, value: object) -> None:
    assert CLOCK.time(figure, at("2026-12-04T08:05:59.9")) == value
    assert figure in WALL


@given(st.floats(0, 4e9), st.sampled_from([PARIS, MONTREAL, "Asia/Kathmandu", "Australia/Lord_Howe"]))
def test_the_figures_of_a_moment_are_those_of_one_time_on_the_wall(now: float, zone: str) -> None:
    clock = Clock(zone, {})
    got = {figure: clock.time(figure, now) for figure in WALL}
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone))
    assert (got["date"], got["clock"]) == (local.strftime("%Y-%m-%d"), local.strftime("%H:%M"))
    assert got["clock"] == f"{got['hour']:02}:{got['minute']:02}"
    assert got["date"] == f"{got['year']}-{got['month']:02}-{got['day']:02}"
    assert got["weekday"] == WEEKDAYS[local.weekday()]


def test_the_hour_that_comes_twice_is_shown_twice_and_the_skipped_one_never() -> None:
    twice = 'time.clock >= "02:00" and time.clock < "03:00"'
    first = at("2026-10-25T02:00", fold=0)
    shown = [holds(twice, first + minute * 60.0) for minute in range(-1, 121)]
    assert shown == [False] + [True] * 120 + [False]
    spring = at("2026-03-29T01:59")
    assert not any(holds(twice, spring + minute * 60.0) for minute in range(3))
    assert CLOCK.time("clock", spring + 60.0) == "03:00"


@pytest.mark.parametrize(
    ("text", "now", "whether"),
    [
        ('time.clock >= "08:30" and time.clock < "12:00"', "2026-12-04T08:30", True),
        ('time.clock >= "08:30" and time.clock < "12:00"', "2026-12-04T08:29:59", False),
        ('time.clock >= "08:30" and time.clock < "12:00"', "2026-12-04T12:00", False),
        ('time.weekday in ["saturday", "sunday"]', "2026-12-05T00:00", True),
        ('time.weekday not in ["saturday", "sunday"]', "2026-12-04T23:59", True),
        ('"12-0" in time.date and starts_with(time.date, "2026")', "2026-12-04T10:00", True),
        ("time.month == 12 and time.day >= 24", "2026-12-24T00:00", True),
        ("hours.office.open", "2026-12-04T09:00", True),
        ("hours.office.open", "2026-12-04T18:00", False),
        ('hours.office.holiday == "Christmas Day" and not hours.office.open', "2026-12-25T10:00", True),
        ("hours.office.holiday", "2026-12-24T10:00", False),
        ("hours.office.closes_s == 60 and not hours.office.opens_s", "2026-12-24T11:59", True),
        ("hours.office.opens_s == 60 and not hours.office.closes_s", "2026-12-28T08:59", True),
        ("hours.shut.open or hours.shut.opens_s or hours.shut.closes_s", "2026-12-28T08:59", False),
        ('hours."far-west".clock == "04:00" and time.hour == 10', "2026-12-04T10:00", True),
        ('hours."far-west".weekday == "thursday"', "2026-12-04T05:59", True),
    ],
)  # fmt: skip
def test_conditions_at_the_edge(text: str, now: str, whether: bool) -> None:
    assert holds(text, at(now)) is whether


def test_what_is_not_there_is_missing() -> None:
    now = at("2026-12-04T10:00")
    assert Clock("", CALENDARS).time("clock", now) is None, "the calendars have two zones"
    assert Clock("", {"office": OFFICE, "shut": SHUT}).time("clock", now) == "10:00"
    gone = ("time.odd", "hours.gone.open", "hours.office.odd", "hours.office", "time.")
    assert [CLOCK.figure(name, now) for name in gone] == [None] * len(gone)
    assert [common_zone(*each) for each in (("a", "bc"), ("", "bb"), ("", "bc"), ("", ""))] == [
        "a",
        "b",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "column", "problem", "cure"),
    [
        ('var.x or time.clock > "8:30"', 23, "is no time of day", "08:30"),
        ('"24:01" > time.clock', 1, "is no time of day", "08:30"),
        ("time.clock > 8", 14, "is no time of day", "08:30"),
        ('time.date == "24.12.2026"', 14, "is no date", "2026-12-24"),
        ('time.weekday == "Monday"', 17, "is no weekday", "monday"),
        ('time.weekday in ["monday", "wedensday"]', 28, "is no weekday", "wednesday"),
        ('hours.office.weekday < "friday"', 22, "weekdays have no order", "hours.office.weekday in"),
        ('time.hour == "9"', 14, "is no number", "without quotes"),
        ("time.minute == true", 16, "is no number", "without quotes"),
        ("time.clokc", 1, 'unknown figure "clokc" of time', "clock"),
        ("hours.ofice.open", 1, 'no calendar "ofice"', "office"),
        ("hours.office.closed", 1, 'unknown figure "closed" of a calendar', "closes_s"),
        ("hours.office", 1, "no calendar", "hours.NAME.open"),
        ("history.contacts", 1, 'unknown figure "contacts" of a customer', "contacts_"),
        ("notice.activ", 1, 'unknown figure "activ" of notices', "active"),
        ("histroy.contacts_7d", 1, "unknown name", "history.contacts_7d"),
        ("clock", 1, "unknown name", "time.clock"),
    ],
)  # fmt: skip
def test_faults_point_to_the_column_and_say_what_is_meant(
    text: str, column: int, problem: str, cure: str
) -> None:
    with pytest.raises(ExpressionFault) as caught:
        check_when(text, ("sales",), ClockNames(CALENDARS.keys(), PARIS))
    assert caught.value.column == column
    assert problem in caught.value.problem and cure in caught.value.cure, str(caught.value)


def test_a_time_of_no_zone_is_a_fault_and_that_of_a_calendar_is_not() -> None:
    with pytest.raises(ExpressionFault, match="a time of no zone"):
        check_when('time.clock > "08:30"', (), ClockNames(CALENDARS.keys()))
    check_when('hours.office.clock > "08:30"', (), ClockNames(CALENDARS.keys()))
    with pytest.raises(ExpressionFault, match="no calendar"):
        check_when("hours.office.open", (), NO_CLOCK)


def test_relaxations_know_the_clock_but_no_customer() -> None:
    known = ClockNames(CALENDARS.keys(), PARIS)
    check_relax_when('ewt_s > 60 and time.clock > "12:00" and hours.office.open', ("sales",), known)
    for name in ("history.contacts_7d", "notice.active", "caller", "var.x"):
        with pytest.raises(ExpressionFault, match="is no figure of a queue"):
            check_relax_when(name, ("sales",), known)
    with pytest.raises(ExpressionFault, match="no time of day"):
        check_relax_when('time.clock > "8:30"', ("sales",), known)


@pytest.mark.parametrize(
    "name",
    [
        *(f"time.{each}" for each in WALL),
        *(f"hours.office.{each}" for each in (*OPENING, *WALL)),
        *(f"history.{each}" for each in PAST),
        *(f"notice.{each}" for each in NOTICES),
        *(f"queue.sales.{each}" for each in FIGURES),
    ],
)
def test_every_name_passes_the_check_and_stands_in_the_reference(name: str) -> None:
    from tests.unit.test_model_expressions import section

    check_when(name, ("sales",), ClockNames(CALENDARS.keys(), PARIS))
    kind, figure = name.partition(".")[0], name.rpartition(".")[2]
    rows = [row for row in section("What can be asked about").splitlines() if f"`{kind}." in row]
    assert kind == "hours" or any(f".{figure}`" in row for row in rows)
    assert figure in WALL or any(f".{figure}`" in row for row in rows)
