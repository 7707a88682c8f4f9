"""The routing engine. A queue that keeps hours: entering, closing, and a phone that rings meanwhile."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ccd.errors import Misconfigured
from ccd.model.hours import CalendarRule, Exceptional, Span, SpecialDay
from ccd.model.nouns import OfferEnd
from ccd.model.rules import Target
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced

PARIS = ZoneInfo("Europe/Paris")
OFFICE = CalendarRule(
    name="office",
    zone="Europe/Paris",
    week=((Span(9 * 60, 18 * 60),),) * 7,
    days=(SpecialDay("12-25", "Christmas Day"),),
)


def at(text: str) -> float:
    """Wall-clock time in Paris as epoch seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


def hall(now: str, ready: str = "ann", calendar: CalendarRule = OFFICE, **rule: object) -> Hall:
    """One queue with hours; ann is ready or nobody is, and it is `now`."""
    found = Hall("ann", ready="", **rule)
    sales = msgspec.structs.replace(found.rules.queues["sales"], calendar="office")
    found.rules = msgspec.structs.replace(
        found.rules, queues={"sales": sales}, calendars={"office": calendar}
    )
    found.router = Router(found.rules)
    found.now = at(now)
    for name in ready.split():
        found.router.set_reachable(name, True, found.now)
        found.ready(name)
    return found


@pytest.mark.parametrize(("moment", "taken"), [(0.0, True), (-TICK, False)])
def test_the_opening_takes_who_enters_at_it(moment: float, taken: bool) -> None:
    sales = hall("2026-06-01 08:00", overflow=Target(flow="sorry"))
    sales.now = at("2026-06-01 09:00") + moment
    out = sales.call("i1")
    assert bool(every(out, d.Offer)) is taken
    assert [one.why for one in every(out, d.Overflow)] == ([] if taken else ["closed"])


@pytest.mark.parametrize(("moment", "taken"), [(-TICK, True), (0.0, False), (TICK, False)])
def test_the_closing_takes_nobody_though_an_agent_is_free(moment: float, taken: bool) -> None:
    sales = hall("2026-06-01 17:00", overflow=Target(flow="sorry"), closed_to=Target(flow="night"))
    sales.now = at("2026-06-01 18:00") + moment
    out = sales.call("i1")
    assert bool(every(out, d.Offer)) is taken
    if not taken:
        assert only(out, d.Overflow) == d.Overflow("i1", "sales", Target(flow="night"), "closed")
        assert sales.router.state.queues["sales"].overflowed == 1


def test_without_a_target_of_its_own_it_goes_where_the_others_go() -> None:
    sales = hall("2026-06-01 20:00", overflow=Target(flow="sorry"))
    assert only(sales.call("i1"), d.Overflow).target == Target(flow="sorry")


def test_the_trace_says_why_and_until_when() -> None:
    sales = hall("2026-12-25 10:00")
    trace = traced(sales.call("i1"))
    assert (trace.what, trace.cue, trace.detail) == ("overflowed", "closed", "closed: Christmas Day")
    assert trace.until == at("2026-12-26 09:00")
    assert (trace.passed, trace.others) == ((), 0)


def test_who_came_in_time_is_served_after_the_closing() -> None:
    sales = hall("2026-06-01 17:59", ready="")
    sales.call("i1")
    assert sales.router.next_deadline() is None
    sales.now = at("2026-06-01 18:05")
    sales.router.set_reachable("ann", True, sales.now)
    assert only(sales.ready("ann"), d.Offer).interaction == "i1"


@pytest.mark.parametrize(
    ("came", "closes"),
    [
        ("2026-06-01 17:30", "2026-06-01 18:00"),
        ("2026-03-29 09:30", "2026-03-29 18:00"),  # an hour less that night
        ("2026-10-25 17:59", "2026-10-25 18:00"),  # an hour more that night
    ],
)
def test_who_waits_overflows_at_the_closing_to_the_tick(came: str, closes: str) -> None:
    sales = hall(came, ready="", on_close="overflow", closed_to=Target(queue="help"))
    sales.call("i1")
    sales.call("i2")
    assert sales.router.next_deadline() == at(closes)
    assert sales.at(at(closes) - TICK) == []
    out = sales.at(at(closes))
    assert [(one.interaction, one.target.queue, one.why) for one in every(out, d.Overflow)] == [
        ("i1", "help", "closed"),
        ("i2", "help", "closed"),
    ]
    assert traced(out).detail == "closed at this hour"
    assert sales.at(at(closes) + TICK) == []


@pytest.mark.parametrize(("day", "open_s"), [("2026-03-29", 3600.0), ("2026-10-25", 3 * 3600.0)])
def test_a_night_shift_closes_by_the_clock_on_the_wall_when_clocks_change(day: str, open_s: float) -> None:
    nights = msgspec.structs.replace(OFFICE, week=((Span(60, 180),),) * 7)  # 01:00 to 03:00
    sales = hall(f"{day} 01:00", ready="", calendar=nights, on_close="overflow")
    sales.call("i1")
    began = sales.now
    assert sales.at(began + open_s - TICK) == []
    assert only(sales.at(began + open_s), d.Overflow).why == "closed"
    assert every(sales.call("i2"), d.Overflow)[0].why == "closed"


def test_a_phone_that_rings_at_the_closing_rings_on() -> None:
    sales = hall("2026-06-01 17:59", on_close="overflow", ring_timeout_s=100.0)
    taken = only(sales.call("i1"), d.Offer)
    assert sales.at(at("2026-06-01 18:00")) == []
    sales.now += 5
    assert sales.router.answered(taken.offer, sales.now) == []
    assert only(sales.router.bridged("i1", sales.now), d.Handled).agent == "ann"


def test_who_is_not_taken_overflows_when_the_phone_that_rang_at_the_closing_stops() -> None:
    sales = hall("2026-06-01 17:59", on_close="overflow", ring_timeout_s=100.0)
    offer = only(sales.call("i1"), d.Offer)
    sales.at(at("2026-06-01 18:00"))
    sales.now += 5
    out = sales.router.missed(offer.offer, OfferEnd.REJECTED, sales.now)
    assert only(out, d.Overflow).why == "closed"
    assert traced(out).until == at("2026-06-02 09:00")


def test_the_longest_wait_that_ends_before_the_closing_is_what_is_said() -> None:
    sales = hall("2026-06-01 17:59", on_close="overflow", max_wait_s=30.0, ring_timeout_s=100.0)
    offer = only(sales.call("i1"), d.Offer)
    sales.at(at("2026-06-01 18:00") + 5)
    out = sales.router.missed(offer.offer, OfferEnd.REJECTED, sales.now)
    assert only(out, d.Overflow).why == "max_wait"


def test_who_is_moved_by_hand_into_a_closed_queue_waits_there_or_overflows_at_once() -> None:
    for on_close, said in (("serve", []), ("overflow", ["closed"])):
        floor = Floor({"ann": {}}, sales={"agents": ()}, night={"agents": ()})
        queues = dict(floor.rules.queues)
        queues["night"] = msgspec.structs.replace(queues["night"], calendar="office", on_close=on_close)
        rules = msgspec.structs.replace(floor.rules, queues=queues, calendars={"office": OFFICE})
        floor.router.load_rules(rules, floor.now)
        floor.now = at("2026-06-01 20:00")
        floor.call("i1")
        floor.router.change("i1", floor.now, queue="night")
        assert [one.why for one in every(floor.at(floor.now), d.Overflow)] == said


def test_an_exceptional_closing_that_is_loaded_acts_on_those_who_wait() -> None:
    sales = hall("2026-06-01 10:00", ready="", on_close="overflow")
    sales.call("i1")
    alarm = Exceptional(at("2026-06-01 10:30"), at("2026-06-01 12:00"), "fire alarm")
    closing = msgspec.structs.replace(OFFICE, exceptional=(alarm,))
    rules = msgspec.structs.replace(sales.rules, calendars={"office": closing})
    sales.now = at("2026-06-01 10:15")
    sales.router.load_rules(rules, sales.now)
    assert sales.at(alarm.start - TICK) == []
    out = sales.at(alarm.start)
    assert only(out, d.Overflow).why == "closed"
    assert (traced(out).detail, traced(out).until) == ("exceptional closing: fire alarm", alarm.until)


def test_a_snapshot_keeps_the_closing() -> None:
    sales = hall("2026-06-01 17:30", ready="", on_close="overflow")
    sales.call("i1")
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(sales.router.state), type=RoutingState)
    sales.router = Router(sales.rules, state)
    assert sales.router.next_deadline() == at("2026-06-01 18:00")


def test_a_calendar_that_is_not_there_is_refused_before_anything_changes() -> None:
    sales = hall("2026-06-01 10:00")
    with pytest.raises(Misconfigured, match="queue sales: calendar 'office' is not one of none is defined"):
        sales.router.load_rules(msgspec.structs.replace(sales.rules, calendars={}), sales.now)
    assert every(sales.call("i1"), d.Offer)
