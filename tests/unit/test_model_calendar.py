"""Open or closed, why and until when: by tables at the edges, and by properties against the minute walker."""

import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.model.calendar import (
    Cause,
    add_business_seconds,
    business_seconds,
    coverage_ends,
    is_open,
    next_change,
    next_opening,
)
from ccd.model.hours import DAY_MIN, CalendarRule, Exceptional, Span, SpecialDay
from ccd.model.timetable import BLOCK_S, timetable_of
from tests.unit.calendar_oracle import Walker

HOUR = 3600.0
PARIS = "Europe/Paris"
OFFICE = ((Span(540, 720), Span(840, 1080)),) * 5 + ((), ())
"""9 to 12 and 14 to 18, Monday to Friday."""
ALWAYS = ((Span(0, DAY_MIN),),) * 7
NIGHT = ((Span(1320, 1800),),) * 7
"""22:00 to 06:00."""


def at(text: str, zone: str = PARIS, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def calendar(week: tuple[tuple[Span, ...], ...] = OFFICE, zone: str = PARIS, **more: object) -> CalendarRule:
    return CalendarRule("main", zone, week, **more)  # type: ignore[arg-type]


def every(*spans: tuple[int, int]) -> tuple[tuple[Span, ...], ...]:
    return (tuple(Span(*span) for span in spans),) * 7


# -- the week --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "opened", "why", "until"),
    [
        ("2026-12-21 08:59:59", False, "closed at this hour", "2026-12-21 09:00"),
        ("2026-12-21 09:00", True, "opening hours", "2026-12-21 12:00"),
        ("2026-12-21 11:59:59", True, "opening hours", "2026-12-21 12:00"),
        ("2026-12-21 12:00", False, "closed at this hour", "2026-12-21 14:00"),
        ("2026-12-18 18:00", False, "closed at this hour", "2026-12-21 09:00"),
        ("2026-12-19 10:00", False, "closed on this weekday", "2026-12-21 09:00"),
    ],
)
def test_the_week_at_its_edges(moment: str, opened: bool, why: str, until: str) -> None:
    state = is_open(calendar(), at(moment))
    assert (state.open, state.cause, state.why, state.until) == (opened, Cause.WEEK, why, at(until))


def test_what_never_changes_says_so() -> None:
    now = at("2026-12-21 09:00")
    assert is_open(calendar(ALWAYS), now).until is None
    assert is_open(calendar(((),) * 7), now).until is None
    assert next_opening(calendar(ALWAYS), now) == now
    assert next_opening(calendar(((),) * 7), now) is None
    assert next_opening(calendar(), now) == now
    assert add_business_seconds(calendar(((),) * 7), now, 1) is None
    assert business_seconds(calendar(ALWAYS), now, now + 9e8) == 9e8


def test_a_night_runs_over_midnight_and_over_the_end_of_the_week() -> None:
    rule = calendar(NIGHT)
    assert is_open(rule, at("2026-12-21 03:00")).until == at("2026-12-21 06:00")
    assert is_open(rule, at("2026-12-20 22:00")).until == at("2026-12-21 06:00")
    assert business_seconds(rule, at("2026-12-19 22:00"), at("2026-12-21 22:00")) == 16 * HOUR


def test_whole_days_join_without_a_change_at_midnight() -> None:
    weekdays = (*((Span(0, DAY_MIN),),) * 5, (), ())
    assert next_change(calendar(weekdays), at("2026-12-21 00:00")) == at("2026-12-26 00:00")


# -- special days ----------------------------------------------------------------------------------------

CHRISTMAS = (SpecialDay("2026-12-25", "Christmas Day"),)


def test_a_holiday_is_named_and_closed_all_day() -> None:
    rule = calendar(holidays=CHRISTMAS)
    state = is_open(rule, at("2026-12-25 10:00"))
    assert (state.open, state.cause, state.name) == (False, Cause.HOLIDAY, "Christmas Day")
    assert state.why == "holiday: Christmas Day"
    assert state.until == at("2026-12-28 09:00")


def test_a_night_ends_where_a_holiday_begins_and_none_comes_out_of_it() -> None:
    rule = calendar(NIGHT, holidays=CHRISTMAS)
    assert next_change(rule, at("2026-12-24 23:00")) == at("2026-12-25 00:00")
    assert next_opening(rule, at("2026-12-25 00:00")) == at("2026-12-26 22:00")


def test_hours_of_a_special_day_take_the_place_of_the_week_and_run_into_a_usual_day() -> None:
    eve = SpecialDay("2026-12-31", "New Year's Eve", (Span(1200, 1560),))
    rule = calendar(ALWAYS, days=(eve,))
    assert next_change(rule, at("2026-12-30 12:00")) == at("2026-12-31 00:00")
    assert is_open(rule, at("2026-12-31 12:00")).why == "special hours: New Year's Eve"
    assert next_opening(rule, at("2026-12-31 12:00")) == at("2026-12-31 20:00")
    assert is_open(calendar(days=(eve,)), at("2027-01-01 01:59")).open
    closed = calendar(days=(eve,), holidays=(SpecialDay("2027-01-01", "New Year"),))
    assert next_change(closed, at("2026-12-31 21:00")) == at("2027-01-01 00:00")


def test_own_dates_win_over_holidays_and_dated_ones_over_yearly_ones() -> None:
    yearly = SpecialDay("12-25", "open day", (Span(600, 720),))
    rule = calendar(holidays=CHRISTMAS, days=(yearly,))
    assert is_open(rule, at("2026-12-25 10:00")).why == "special hours: open day"
    assert is_open(rule, at("2031-12-25 10:00")).open
    dated = SpecialDay("2026-12-25", "moving house")
    state = is_open(calendar(holidays=CHRISTMAS, days=(yearly, dated)), at("2026-12-25 10:00"))
    assert (state.open, state.cause, state.why) == (False, Cause.DATE, "closed: moving house")


def test_the_29th_of_february_of_each_year_comes_in_leap_years() -> None:
    rule = calendar(ALWAYS, days=(SpecialDay("02-29", "leap day"),))
    assert next_change(rule, at("2026-03-01 00:00")) == at("2028-02-29 00:00")
    assert next_change(rule, at("2096-03-01 00:00")) == at("2104-02-29 00:00")
    only = calendar(((),) * 7, days=(SpecialDay("02-29", "leap day", (Span(0, 60),)),))
    assert next_opening(only, at("2096-03-01 00:00")) == at("2104-02-29 00:00")


def test_a_change_years_ahead_is_found() -> None:
    rule = calendar(ALWAYS, days=(SpecialDay("2049-05-05", "anniversary"),))
    assert next_change(rule, at("2026-01-01 00:00")) == at("2049-05-05 00:00")
    assert next_change(rule, at("2049-05-05 12:00")) == at("2049-05-06 00:00")
    assert next_change(rule, at("2049-05-06 00:00")) is None


# -- exceptions ------------------------------------------------------------------------------------------


def test_an_exceptional_closing_wins_over_an_opening_and_both_over_the_hours() -> None:
    opening = Exceptional(at("2026-12-25 08:00"), at("2026-12-25 20:00"), "storm line", open=True)
    closing = Exceptional(at("2026-12-25 12:00"), at("2026-12-25 13:00"), "inventory")
    rule = calendar(holidays=CHRISTMAS, exceptional=(opening, closing))
    assert is_open(rule, at("2026-12-25 07:59")).why == "holiday: Christmas Day"
    state = is_open(rule, at("2026-12-25 08:00"))
    assert (state.open, state.why, state.until) == (
        True,
        "exceptional opening: storm line",
        at("2026-12-25 12:00"),
    )
    state = is_open(rule, at("2026-12-25 12:00"))
    assert (state.open, state.cause, state.name) == (False, Cause.EXCEPTION, "inventory")
    assert (state.why, state.until) == ("exceptional closing: inventory", at("2026-12-25 13:00"))
    assert business_seconds(rule, at("2026-12-25 00:00"), at("2026-12-26 00:00")) == 11 * HOUR


def test_until_looks_past_a_closing_that_ends_in_a_closed_hour() -> None:
    closing = Exceptional(at("2026-12-21 10:00"), at("2026-12-21 13:00"))
    state = is_open(calendar(exceptional=(closing,)), at("2026-12-21 10:00"))
    assert (state.why, state.until) == ("exceptional closing", at("2026-12-21 14:00"))


# -- clock changes ---------------------------------------------------------------------------------------


def hours_of(rule: CalendarRule, day: str) -> list[tuple[str, str]]:
    """What a date opens, on the wall."""
    now, end = at(f"{day} 00:00", rule.zone), at(f"{day} 00:00", rule.zone) + 26 * HOUR
    out = []
    opening = next_opening(rule, now)
    while opening is not None and opening < end:
        closing = next_change(rule, opening)
        assert closing is not None
        shown = [datetime.fromtimestamp(each, ZoneInfo(rule.zone)) for each in (opening, closing)]
        out.append((f"{shown[0]:%H:%M%z}", f"{shown[1]:%H:%M%z}"))
        opening = next_opening(rule, closing)
    return out


@pytest.mark.parametrize(
    ("span", "opened"),
    [
        ((150, 360), [("03:30+0200", "06:00+0200")]),  # opens in the gap: as late as the clock jumped
        ((60, 150), [("01:00+0100", "03:30+0200")]),  # closes in it
        ((60, 180), [("01:00+0100", "03:00+0200")]),  # one hour by the sun
        ((120, 180), []),  # 02:00 is 03:00: no minute is left of it
        ((150, 195), []),  # would end at 03:15 before it begins at 03:30
        ((180, 240), [("03:00+0200", "04:00+0200")]),
    ],
)
def test_the_hour_that_is_skipped(span: tuple[int, int], opened: list[tuple[str, str]]) -> None:
    sunday = (*((),) * 6, (Span(*span),))
    assert hours_of(calendar(sunday), "2026-03-29") == opened


@pytest.mark.parametrize(
    ("span", "opened", "hours"),
    [
        ((120, 180), [("02:00+0200", "03:00+0100")], 2),  # the repeated hour counts twice
        ((60, 150), [("01:00+0200", "02:30+0100")], 2.5),  # closes the last time
        ((150, 240), [("02:30+0200", "04:00+0100")], 2.5),  # opens the first time
        ((60, 120), [("01:00+0200", "02:00+0200")], 1),  # its last minute comes once
        ((180, 240), [("03:00+0100", "04:00+0100")], 1),
        ((0, 1440), [("00:00+0200", "00:00+0100")], 25),
    ],
)
def test_the_hour_that_is_repeated(
    span: tuple[int, int], opened: list[tuple[str, str]], hours: float
) -> None:
    rule = calendar((*((),) * 6, (Span(*span),)))
    assert hours_of(rule, "2026-10-25") == opened
    assert business_seconds(rule, at("2026-10-25 00:00"), at("2026-10-26 00:00")) == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Havana", "2026-11-01"),  # 01:00 becomes 00:00
        ("America/Santiago", "2026-09-06"),  # 00:00 becomes 01:00
        ("America/Sao_Paulo", "2018-02-18"),  # 00:00 became 23:00 of the day before
        ("Asia/Beirut", "2026-10-25"),
        ("Africa/Cairo", "2026-04-24"),
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
        ("Pacific/Apia", "2011-12-30"),  # a day that never was
    ],
)
def test_a_clock_change_at_midnight_neither_opens_nor_closes(zone: str, day: str) -> None:
    start = at(f"{day} 00:00", zone) - 3 * 86_400
    workdays = calendar(every((0, DAY_MIN)), zone, days=(SpecialDay("1999-01-01"),))
    assert business_seconds(workdays, start, start + 6 * 86_400) == 6 * 86_400
    assert next_change(workdays, start) is None
    shut = calendar(ALWAYS, zone, days=(SpecialDay(day, "shut"),))
    midnight = timetable_of(shut).midnight
    length = midnight(date.fromisoformat(day) + timedelta(1)) - midnight(date.fromisoformat(day))
    assert business_seconds(shut, start, start + 6 * 86_400) == 6 * 86_400 - length


def test_zones_off_the_hour() -> None:
    rule = calendar(every((540, 1080)), "Asia/Kathmandu")
    assert next_opening(rule, at("2026-06-01 00:00", "UTC")) == at("2026-06-01 03:15", "UTC")
    rule = calendar(every((540, 1080)), "Asia/Kolkata")
    assert next_opening(rule, at("2026-06-01 00:00", "UTC")) == at("2026-06-01 03:30", "UTC")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", PARIS])
def test_the_end_of_a_block_of_the_timetable_is_not_seen(zone: str) -> None:
    edge = 650 * BLOCK_S
    for shift in range(0, DAY_MIN, 60):  # one of these nights lies across the edge
        rule = calendar(every((shift, shift + 600)), zone)
        assert business_seconds(rule, edge - 10 * 86_400, edge + 10 * 86_400) == 20 * 10 * HOUR
        opening = next_opening(rule, edge - 36 * HOUR)
        while opening is not None and opening < edge + 36 * HOUR:
            closing = next_change(rule, opening + 1)
            assert closing is not None and business_seconds(rule, opening, closing) == closing - opening
            assert closing - opening == 10 * HOUR or opening == edge - 36 * HOUR
            opening = next_opening(rule, closing)


# -- counting --------------------------------------------------------------------------------------------


def test_a_deadline_in_open_time() -> None:
    rule = calendar(holidays=CHRISTMAS)
    friday_before = at("2026-12-24 17:00")
    assert add_business_seconds(rule, friday_before, 2 * HOUR) == at("2026-12-28 10:00")
    assert add_business_seconds(rule, friday_before, HOUR) == at("2026-12-24 18:00")
    assert add_business_seconds(rule, friday_before, 0) == friday_before
    assert add_business_seconds(rule, at("2026-12-19 00:00"), 1) == at("2026-12-21 09:00") + 1
    assert add_business_seconds(rule, friday_before, 1e12) is None
    assert business_seconds(rule, friday_before, friday_before - 5) == 0


def test_what_is_known_of_holidays_ends_and_is_told() -> None:
    rule = calendar(holidays=CHRISTMAS, covered_until="2029-12-31")
    assert coverage_ends(rule) == at("2030-01-01 00:00")
    assert is_open(rule, at("2029-12-31 23:59")).covered
    assert not is_open(rule, at("2030-01-01 00:00")).covered
    assert coverage_ends(calendar()) is None


def test_a_rule_survives_the_ledger() -> None:
    rule = calendar(holidays=CHRISTMAS, exceptional=(Exceptional(1.5, 2.5, "x", True),))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(rule), type=CalendarRule) == rule
    assert msgspec.json.decode(msgspec.json.encode(rule), type=CalendarRule) == rule


def test_speed_and_memory_are_bounded() -> None:
    """Loose bounds that only a walk over seconds or days would break."""
    rule = calendar(holidays=CHRISTMAS)
    now = at("2026-12-21 10:00")
    is_open(rule, now)
    began = time.thread_time()
    for _ in range(1000):
        is_open(rule, now)
    assert (time.thread_time() - began) / 1000 < 200e-6
    began = time.thread_time()
    business_seconds(rule, now, now + 60 * 366 * 86_400)
    assert time.thread_time() - began < 5
    assert len(timetable_of(rule)._blocks) <= 512


# -- properties ------------------------------------------------------------------------------------------

BOUNDARY = str(date(1970, 1, 1) + timedelta(seconds=650 * BLOCK_S))
"""Where one block of a timetable ends and the next begins."""
CHANGES = [
    (PARIS, "2026-03-29"), (PARIS, "2026-10-25"), ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"), ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"), ("America/Havana", "2026-11-01"), ("Asia/Kathmandu", "2026-06-01"),
    ("America/Santiago", "2026-09-06"), ("America/Sao_Paulo", "2018-02-18"), (PARIS, "2028-02-29"),
    ("Africa/Casablanca", "2026-02-15"), ("Pacific/Chatham", "2026-09-27"),
    ("Pacific/Auckland", BOUNDARY), ("America/Los_Angeles", BOUNDARY),
]  # fmt: skip
"""Zones and days around which the clock is moved, or that are odd in another way."""


@st.composite
def hours(draw: st.DrawFn, night: bool = True) -> tuple[Span, ...]:
    """Up to three spans that do not overlap; the last may run over midnight."""
    quarters = st.one_of(st.integers(0, 95), st.integers(0, 14), st.just(0))  # clocks change before 03:30
    cuts = sorted(draw(st.lists(quarters, max_size=6, unique=True)))
    spans = [Span(a * 15, b * 15) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    if night and len(cuts) % 2:
        spans.append(Span(cuts[-1] * 15, DAY_MIN + draw(st.integers(0, 16)) * 15))
    return tuple(spans)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[CalendarRule, int]:
    """A calendar in a zone whose clock changes, and midnight (UTC) of the day before that."""
    zone, day = draw(st.sampled_from(CHANGES))
    changes = date.fromisoformat(day)
    near = st.integers(-3, 3).map(lambda days: str(changes + timedelta(days)))
    special = st.builds(SpecialDay, near, st.sampled_from(["", "name"]), hours())
    unique = st.lists(special, max_size=2, unique_by=lambda each: each.date)
    own = draw(unique)
    yearly = [SpecialDay(each.date[5:], "yearly", each.hours) for each in draw(unique)[:1]]
    low = int(at(day, "UTC")) - 2 * 86_400
    minutes = st.integers(0, 5 * DAY_MIN).map(lambda minute: low + 60.0 * minute)
    pairs = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]).map(sorted)
    exceptional = draw(
        st.lists(st.builds(lambda p, o: Exceptional(p[0], p[1], "x", o), pairs, st.booleans()), max_size=2)
    )
    week = tuple(draw(hours()) for _ in range(7))
    return (
        CalendarRule(
            "drawn",
            zone,
            week,
            holidays=tuple(draw(unique)),
            days=(*own, *yearly),
            exceptional=tuple(exceptional),
        ),
        low,
    )


@settings(max_examples=40, deadline=None)
@given(drawn=calendars(), data=st.data())
def test_it_agrees_with_a_walk_over_the_minutes(drawn: tuple[CalendarRule, int], data: st.DataObject) -> None:
    rule, low = drawn
    high = low + 5 * 86_400
    walker = Walker(rule, low, high)
    wrong = [
        minute
        for minute in range(low, high, 60)
        if walker.is_open(minute) != timetable_of(rule).is_open(minute)
    ]
    assert wrong == []
    minutes = st.integers(0, 5 * DAY_MIN - 1).map(lambda minute: low + 60 * minute)
    for _ in range(5):
        start, end = sorted((data.draw(minutes), data.draw(minutes)))
        assert business_seconds(rule, start, end) == walker.seconds(start, end)


@settings(max_examples=100, deadline=None)
@given(drawn=calendars(), moments=st.lists(st.floats(0, 5 * 86_400.0), min_size=3, max_size=3))
def test_open_seconds_add_up_and_never_run_back(
    drawn: tuple[CalendarRule, int], moments: list[float]
) -> None:
    rule, low = drawn
    a, b, c = (low + moment for moment in sorted(moments))
    parts = business_seconds(rule, a, b) + business_seconds(rule, b, c)
    assert business_seconds(rule, a, c) == pytest.approx(parts, abs=1e-5)
    assert 0 <= business_seconds(rule, a, b) <= business_seconds(rule, a, c) + 1e-6
    assert business_seconds(rule, a, c) <= c - a + 1e-6


@settings(max_examples=100, deadline=None)
@given(drawn=calendars(), moment=st.integers(0, 5 * 86_400))
def test_the_next_opening_is_open_and_nothing_before_it_is(
    drawn: tuple[CalendarRule, int], moment: int
) -> None:
    rule, low = drawn
    now = float(low + moment)
    opening = next_opening(rule, now)
    if opening is None:
        assert business_seconds(rule, now, now + 366 * 86_400) == 0
        return
    assert opening >= now and is_open(rule, opening).open
    assert business_seconds(rule, now, opening) == 0
    state = is_open(rule, now)
    assert state.open == (opening == now)
    if state.until is not None:
        assert is_open(rule, state.until).open != state.open
        assert business_seconds(rule, now, state.until) == (state.until - now if state.open else 0)


@settings(max_examples=100, deadline=None)
@given(drawn=calendars(), moment=st.integers(0, 5 * 86_400), seconds=st.integers(1, 40 * 86_400))
def test_adding_and_counting_undo_each_other(
    drawn: tuple[CalendarRule, int], moment: int, seconds: int
) -> None:
    rule, low = drawn
    start = float(low + moment)
    deadline = add_business_seconds(rule, start, seconds)
    if deadline is None:
        assert business_seconds(rule, start, start + 20 * 365 * 86_400) < seconds
        return
    assert business_seconds(rule, start, deadline) == seconds
    assert business_seconds(rule, start, deadline - 1) == seconds - 1  # the earliest such moment
    counted = business_seconds(rule, start, start + seconds)
    again = add_business_seconds(rule, start, counted)
    assert again is not None and again <= start + seconds
    if is_open(rule, start + seconds - 0.5).open:
        assert again == start + seconds
