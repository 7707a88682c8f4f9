"""The step `hours`: which way it goes and what it notes, at the edges to the tick, and when clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ivr.do import Assigned, Do, Queue
from ccd.ivr.flows import Flows
from ccd.ivr.state import FlowsState
from ccd.model import rules as model
from ccd.model.calendar import Cause, is_open, next_opening
from ccd.model.hours import CalendarRule, Exceptional, Span, SpecialDay
from ccd.model.steps import Enqueue, Goto, Hours, Play
from tests.scenario.routing_hall import TICK

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> float:
    """Wall-clock time in Paris as epoch seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


OFFICE = CalendarRule(
    name="office",
    zone="Europe/Paris",
    week=(*((Span(9 * 60, 18 * 60),),) * 6, ()),
    holidays=(SpecialDay("2026-12-25", "Christmas Day"),),
    days=(SpecialDay("2026-08-10", "Works outing"), SpecialDay("12-24", "Christmas Eve", (Span(540, 720),))),
    exceptional=(Exceptional(at("2026-06-02 10:00"), at("2026-06-02 11:00"), "fire alarm"),),
    covered_until="2026-12-31",
)


def flows(step: Hours, calendar: CalendarRule = OFFICE) -> Flows:
    """The step, and a queue for each way that it may go; `next` is the step after it."""
    ways = tuple(Enqueue(queue=name, id=name) for name in ("next", "day", "night", "feast", "alarm"))
    script = model.FlowRule(name="f", steps=(step, *ways))
    return Flows(model.Rules(flows={"f": script}, calendars={calendar.name: calendar}))


def ask(now: float, step: Hours, calendar: CalendarRule = OFFICE) -> tuple[str, dict[str, str]]:
    """Which way it goes, and the variables afterwards."""
    asked = flows(step, calendar)
    out = asked.start("7", "f", now, "en")
    assigned, queue = out
    assert isinstance(assigned, Assigned) and isinstance(queue, Queue)
    assert assigned.values == asked.variables("7")
    return queue.queue, assigned.values


BOTH = Hours(calendar="office", open="day", closed="night")
ALL = Hours(
    calendar="office",
    open="day",
    closed="night",
    closed_by={Cause.HOLIDAY: "feast", Cause.DATE: "feast", Cause.EXCEPTION: "alarm"},
)


@pytest.mark.parametrize(
    ("moment", "way"),
    [
        ("2026-06-01 09:00", "day"),  # a Monday
        ("2026-06-01 18:00", "night"),
        ("2026-03-30 09:00", "day"),  # the day after the clock went forward
        ("2026-10-26 09:00", "day"),  # the day after it went back
        ("2026-06-02 10:00", "night"),
        ("2026-06-02 11:00", "day"),
        ("2026-12-24 12:00", "night"),
    ],
)
def test_at_the_edge_and_one_tick_each_side(moment: str, way: str) -> None:
    before = "night" if way == "day" else "day"
    assert [ask(at(moment) + tick, BOTH)[0] for tick in (-TICK, 0.0, TICK)] == [before, way, way]


@pytest.mark.parametrize(("day", "open_s"), [("2026-03-29", 3600.0), ("2026-10-25", 3 * 3600.0)])
def test_on_the_night_when_clocks_change_it_goes_by_the_clock_on_the_wall(day: str, open_s: float) -> None:
    nights = msgspec.structs.replace(OFFICE, week=((Span(60, 180),),) * 7)  # 01:00 to 03:00
    opens = at(f"{day} 01:00")
    asked = (opens - TICK, opens, opens + open_s - TICK, opens + open_s)
    assert [ask(now, BOTH, nights)[0] for now in asked] == ["night", "day", "day", "night"]
    assert ask(opens - TICK, BOTH, nights)[1]["next_opening"] == f"{day} 01:00"


@pytest.mark.parametrize(
    ("now", "way", "noted"),
    [
        ("2026-06-01 10:00", "day", {"hours": "open"}),
        ("2026-06-01 20:00", "night", ("closed at this hour", "2026-06-02 09:00")),
        ("2026-06-06 20:00", "night", ("closed at this hour", "2026-06-08 09:00")),
        ("2026-06-07 10:00", "night", ("closed on this weekday", "2026-06-08 09:00")),
        ("2026-12-25 10:00", "feast", ("holiday: Christmas Day", "2026-12-26 09:00")),
        ("2026-08-10 10:00", "feast", ("closed: Works outing", "2026-08-11 09:00")),
        ("2026-12-24 13:00", "feast", ("special hours: Christmas Eve", "2026-12-26 09:00")),
        ("2026-06-02 10:30", "alarm", ("exceptional closing: fire alarm", "2026-06-02 11:00")),
    ],
)
def test_it_goes_by_what_closed_it_and_notes_why_and_the_next_opening(
    now: str, way: str, noted: dict[str, str] | tuple[str, str]
) -> None:
    if isinstance(noted, tuple):
        noted = {"hours": "closed", "closed_reason": noted[0], "next_opening": noted[1]}
    assert ask(at(now), ALL) == (way, noted)


@pytest.mark.parametrize(
    ("step", "by_day", "by_night"),
    [
        (Hours(calendar="office", open="day"), "day", "next"),
        (Hours(calendar="office", closed="night"), "next", "night"),
        (Hours(calendar="office", closed_by={Cause.WEEK: "night"}), "next", "night"),
    ],
)
def test_a_way_that_is_not_named_is_the_next_step(step: Hours, by_day: str, by_night: str) -> None:
    assert (ask(at("2026-06-01 10:00"), step)[0], ask(at("2026-06-01 20:00"), step)[0]) == (by_day, by_night)


def test_a_calendar_that_never_opens_again_has_no_next_opening() -> None:
    never = msgspec.structs.replace(OFFICE, week=((),) * 7, days=())
    assert "next_opening" not in ask(at("2026-06-01 10:00"), BOTH, never)[1]


def test_asked_again_after_the_opening_it_takes_away_what_it_noted() -> None:
    script = model.FlowRule(
        name="f",
        steps=(Hours(calendar="office", id="ask"), Play(prompts=("p",)), Goto(step="ask")),
    )
    asked = Flows(model.Rules(flows={"f": script}, calendars={"office": OFFICE}))
    asked.start("7", "f", at("2026-06-01 08:59"), "en")
    assert asked.variables("7")["next_opening"] == "2026-06-01 09:00"
    asked.prompt_ended("7", "7.p1", True, at("2026-06-01 09:00"))
    assert asked.variables("7") == {"hours": "open"}


def test_hours_that_are_loaded_anew_hold_for_a_script_that_runs_and_none_means_open() -> None:
    steps = (
        Play(prompts=("p",)),
        BOTH,
        Enqueue(queue="day", id="day"),
        Enqueue(queue="night", id="night"),
    )
    old = model.Rules(flows={"f": model.FlowRule(name="f", steps=steps)}, calendars={"office": OFFICE})
    always = msgspec.structs.replace(OFFICE, week=((Span(0, 1440),),) * 7)
    for calendars, way in (({"office": always}, "day"), ({}, "day"), ({"office": OFFICE}, "night")):
        asked = Flows(old)
        asked.start("7", "f", at("2026-06-01 20:00"), "en")
        asked.load_rules(model.Rules(calendars=calendars))
        out: list[Do] = asked.prompt_ended("7", "7.p1", True, at("2026-06-01 20:01"))
        assert isinstance(out[-1], Queue) and out[-1].queue == way


def test_a_snapshot_asks_the_calendar_of_the_rules() -> None:
    steps = (
        Play(prompts=("p",)),
        BOTH,
        Enqueue(queue="day", id="day"),
        Enqueue(queue="night", id="night"),
    )
    rules = model.Rules(flows={"f": model.FlowRule(name="f", steps=steps)}, calendars={"office": OFFICE})
    asked = Flows(rules)
    asked.start("7", "f", at("2026-06-01 20:00"), "en")
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(asked.state), type=FlowsState)
    out = Flows(rules, state).prompt_ended("7", "7.p1", True, at("2026-06-01 20:01"))
    assert isinstance(out[-1], Queue) and out[-1].queue == "night"


@given(st.floats(at("2026-01-01 00:00"), at("2026-12-31 00:00")))
def test_at_any_moment_it_says_what_the_calendar_says(now: float) -> None:
    way, noted = ask(now, BOTH)
    assert way == ("day" if is_open(OFFICE, now).open else "night")
    if way == "night":
        opens = next_opening(OFFICE, now)
        assert opens is not None and at(noted["next_opening"]) == opens
