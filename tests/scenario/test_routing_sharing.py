"""The routing engine. Who overflows is shared out by percentage, and the rest stays in the line."""

from typing import Any

import msgspec
import pytest

from ccd.model.hours import CalendarRule, Exceptional, Span
from ccd.model.nouns import OfferEnd
from ccd.model.rules import Rules, Share, Target
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import TICK, Hall, every, only, traced

PARTNER, OTHER = Target(address="+33900"), Target(flow="sorry")
HALF = Target(share=(Share(pct=50, address="+33900"),))
THREE = Target(share=(Share(pct=50, address="+33900"), Share(pct=30, flow="sorry")))


def went(out: list[d.Decision]) -> list[Target]:
    return [each.target for each in every(out, d.Overflow)]


def test_the_longest_wait_shares_out_and_who_stays_is_not_asked_again() -> None:
    hall = Hall("ann", ready="", max_wait_s=60.0, overflow=HALF)
    for name in ("i1", "i2", "i3", "i4"):
        hall.call(name)
    assert hall.at(hall.now + 60 - TICK) == []
    out = hall.at(hall.now + TICK)
    assert [(each.interaction, each.target, each.why, each.share_pct) for each in every(out, d.Overflow)] == [
        ("i1", PARTNER, "max_wait", 50),
        ("i3", PARTNER, "max_wait", 50),
    ]
    assert every(out, d.Stayed) == [
        d.Stayed("i2", "sales", "max_wait", 50),
        d.Stayed("i4", "sales", "max_wait", 50),
    ]
    assert hall.router.waiting("sales", hall.now) == ["i2", "i4"]
    assert hall.router.next_deadline() is None
    hall.now += 1000
    hall.router.set_reachable("ann", True, hall.now)
    assert only(hall.ready("ann"), d.Offer).interaction == "i2"


def test_the_traces_say_the_share() -> None:
    hall = Hall("ann", ready="", max_wait_s=60.0, overflow=HALF)
    hall.call("i1")
    hall.call("i2")
    gone, stays = (each.trace for each in every(hall.at(hall.now + 60), d.Traced))
    assert (gone.what, gone.detail) == ("overflowed", "50 % go to address +33900")
    assert (stays.what, stays.cue, stays.detail, stays.position) == ("stays", "max_wait", "50 % stay", 1)


def test_over_a_hundred_each_has_exactly_its_share() -> None:
    hall = Hall("ann", ready="", max_length=0, overflow=THREE)
    sent = [target for number in range(100) for target in went(hall.call(f"i{number}"))]
    assert (sent.count(PARTNER), sent.count(OTHER)) == (50, 30)
    assert len(hall.router.waiting("sales", hall.now)) == 20
    totals = hall.router.state.queues["sales"]
    assert (totals.offered, totals.overflowed) == (100, 80)
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None
    assert [(each.key, each.to, each.count) for each in view.shares] == [
        ("overflow", "address +33900", 50),
        ("overflow", "flow sorry", 30),
        ("overflow", "stays", 20),
    ]


def test_who_stays_at_one_limit_is_still_asked_by_another() -> None:
    hall = Hall("ann", ready="", max_length=0, max_wait_s=60.0, overflow=HALF)
    assert went(hall.call("i1")) == [PARTNER] and went(hall.call("i2")) == []
    assert went(hall.at(hall.now + 60)) == [PARTNER]


@pytest.mark.parametrize(
    "limit", [{"join_empty": "logged_out"}, {"max_load": 0.5}, {"max_ewt_s": 1.0, "estimate_wait": True}]
)
def test_each_limit_at_entry_shares_out(limit: dict[str, Any]) -> None:
    hall = Hall("ann", ready="ann" if "max_ewt_s" in limit else "", overflow=HALF, **limit)
    if "max_ewt_s" in limit:
        hall.call("i0")
        hall.talk("i0")
    assert [went(hall.call(name)) for name in ("i1", "i2", "i3", "i4")] == [[PARTNER], [], [PARTNER], []]
    assert hall.router.waiting("sales", hall.now) == ["i2", "i4"]


def test_when_the_last_agent_goes_those_who_stay_do_not_go_with_the_next() -> None:
    hall = Hall("ann bob", leave_empty="logged_out", overflow=HALF)
    for name in ("i1", "i2"):
        hall.call(name)
        hall.talk(name)
    for name in ("i3", "i4"):
        hall.call(name)
    hall.logout("ann")
    assert went(hall.logout("bob")) == [PARTNER]
    assert hall.router.waiting("sales", hall.now) == ["i4"]
    hall.ready("ann")
    assert hall.logout("ann")[1:] == []


def test_who_stays_when_a_phone_stops_that_rang_over_the_limit_lines_up_again() -> None:
    hall = Hall("ann", max_wait_s=10.0, overflow=HALF, ring_timeout_s=20.0)
    hall.call("i1")
    hall.call("i2")
    hall.at(hall.now + 10)
    assert hall.router.waiting("sales", hall.now) == ["i1"], "i2 went, i1 rings"
    hall.now += 5
    out = hall.router.missed(hall.router.offer_of("i1"), OfferEnd.REJECTED, hall.now)
    assert only(out, d.Stayed).interaction == "i1" and not went(out)
    assert traced(out).what == "waits"


def test_new_rules_with_a_plain_target_spare_nobody() -> None:
    hall = Hall("ann", ready="", max_wait_s=60.0, overflow=HALF)
    hall.call("i1")
    hall.call("i2")
    hall.at(hall.now + 60)
    sales = msgspec.structs.replace(hall.rules.queues["sales"], overflow=OTHER)
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={"sales": sales}), hall.now)
    assert went(hall.at(hall.now)) == [OTHER]


def closing(on_close: str) -> Hall:
    """A queue that closes in a minute, for an hour."""
    hall = Hall("ann", ready="", on_close=on_close, closed_to=HALF, overflow=OTHER)
    until = Exceptional(hall.now + 60, hall.now + 3660, "drill")
    office = CalendarRule(name="office", zone="UTC", week=((Span(0, 1440),),) * 7, exceptional=(until,))
    sales = msgspec.structs.replace(hall.rules.queues["sales"], calendar="office")
    hall.rules = msgspec.structs.replace(hall.rules, queues={"sales": sales}, calendars={"office": office})
    hall.router = Router(hall.rules)
    return hall


@pytest.mark.parametrize("on_close", ["serve", "overflow"])
def test_a_closed_queue_shares_out_and_who_stays_is_served(on_close: str) -> None:
    hall = closing(on_close)
    hall.at(hall.now + 60)
    assert [went(hall.call(name)) for name in ("i1", "i2", "i3")] == [[PARTNER], [], [PARTNER]]
    assert hall.at(hall.now + 600) == []
    hall.router.set_reachable("ann", True, hall.now)
    assert only(hall.ready("ann"), d.Offer).interaction == "i2"


def test_the_closing_shares_out_who_waits() -> None:
    hall = closing("overflow")
    hall.call("i1")
    hall.call("i2")
    assert hall.at(hall.now + 60 - TICK) == []
    out = hall.at(hall.now + TICK)
    assert went(out) == [PARTNER] and only(out, d.Stayed).why == "closed"


def test_a_restart_goes_on_where_it_was() -> None:
    hall = Hall("ann", ready="", max_length=0, max_wait_s=60.0, overflow=THREE)
    twin = Router(hall.rules)
    straight = Hall("ann", ready="", max_length=0, max_wait_s=60.0, overflow=THREE)
    for number in range(40):
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(hall.router.state), type=RoutingState)
        rules = msgspec.json.decode(msgspec.json.encode(hall.rules), type=Rules)
        hall.router = twin = Router(rules, state)
        assert hall.call(f"i{number}") == straight.call(f"i{number}")
        assert hall.at(hall.now + 7) == straight.at(straight.now + 7)
    assert twin.state == straight.router.state


def test_who_is_moved_into_another_queue_is_asked_by_its_limits() -> None:
    hall = Hall("ann", ready="", max_wait_s=60.0, overflow=HALF)
    help_queue = msgspec.structs.replace(hall.rules.queues["sales"], name="help")
    queues = {**hall.rules.queues, "help": help_queue}
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues=queues), hall.now)
    hall.call("i1")
    hall.call("i2")
    hall.at(hall.now + 60)
    hall.router.change("i2", hall.now, queue="help")
    assert went(hall.at(hall.now + 60)) == [PARTNER]
