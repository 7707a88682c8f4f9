"""The routing engine. Whom and in what order; positions; why and views."""

import msgspec
import pytest

from ccd.model.nouns import Cause, LegKind, OfferEnd
from ccd.model.rules import QueueRule
from ccd.model.trace import Why
from ccd.routing import decisions as d
from tests.scenario.routing_hall import TICK, Hall, every, only, traced, whys

# -- whom and in what order --------------------------------------------------------------------


def test_longest_idle_agent_is_asked_with_deadline_and_wait() -> None:
    hall = Hall()
    offer = only(hall.call("i1", entered_at=hall.now - 7), d.Offer)
    assert offer == d.Offer("o1", "i1", "ann", "sales", LegKind.AUDIO, hall.now + 20.0, 7.0)
    assert only(hall.call("i2"), d.Offer).agent == "bob"


def test_conversation_sends_agent_to_the_end_of_the_line() -> None:
    hall = Hall()
    hall.call("i1")
    hall.talk("i1")
    hall.now += 60
    hall.router.finish("i1", hall.now)
    assert only(hall.call("i2"), d.Offer).agent == "bob"


def test_top_down_always_begins_at_the_top() -> None:
    hall = Hall(strategy="top_down")
    for name in ("i1", "i2", "i3"):
        assert only(hall.call(name), d.Offer).agent == "ann"
        hall.talk(name)
        hall.router.finish(name, hall.now)


def test_round_robin_does_not_care_for_the_length_of_conversations() -> None:
    hall = Hall("ann bob cat", strategy="round_robin")
    asked = []
    for name in ("i1", "i2", "i3", "i4"):
        asked.append(only(hall.call(name), d.Offer).agent)
        hall.talk(name)
        if name != "i1":  # ann talks long
            hall.router.finish(name, hall.now)
        else:
            hall.now += 100
            hall.router.finish("i1", hall.now)
    assert asked == ["ann", "bob", "cat", "ann"]


def test_priority_then_longest_wait_across_queues() -> None:
    hall = Hall("ann", ready="")
    queues = {
        name: QueueRule(name=name, agents=("ann",), priority=priority)
        for name, priority in (("sales", 0), ("help", 0), ("gold", 5))
    }
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues=queues), hall.now)
    hall.call("old", "sales")
    hall.now += 10
    hall.call("kept", "help", entered_at=hall.now - 60)
    hall.call("gold", "gold")
    hall.call("vip", "sales", priority=9)
    hall.router.set_reachable("ann", True, hall.now)
    served = []
    out = hall.ready("ann")
    for _ in range(4):
        served.append(only(out, d.Offer).interaction)
        hall.talk(served[-1])
        out = hall.router.finish(served[-1], hall.now)
    assert served == ["vip", "gold", "kept", "old"]


def test_positions_and_order_count_those_in_an_offer() -> None:
    hall = Hall("ann")
    for name in ("i1", "i2", "i3"):
        hall.call(name)
        hall.now += 1
    hall.call("vip", priority=3)
    assert hall.router.waiting("sales") == ["vip", "i1", "i2", "i3"]
    assert [hall.router.position(name) for name in ("vip", "i1", "i2", "i3")] == [1, 2, 3, 4]
    hall.talk("i1")
    assert hall.router.position("i1") == 0
    assert hall.router.position("i2") == 2


def test_three_chats_fit_one_agent_and_a_call_waits_for_all_of_it() -> None:
    hall = Hall("ann")
    for name in ("c1", "c2", "c3"):
        assert only(hall.chat(name), d.Offer).agent == "ann"
    assert every(hall.chat("c4"), d.Offer) == []
    assert every(hall.call("v1"), d.Offer) == []
    for name in ("c1", "c2", "c3"):
        hall.talk(name)
    assert only(hall.router.finish("c1", hall.now), d.Offer).interaction == "c4"
    hall.talk("c4")
    out = [one for name in ("c2", "c3") for one in hall.router.finish(name, hall.now)]
    assert every(out, d.Offer) == []
    assert only(hall.router.finish("c4", hall.now), d.Offer).interaction == "v1"


def test_chats_are_spread_before_they_are_stacked() -> None:
    hall = Hall()
    assert [only(hall.chat(f"c{n}"), d.Offer).agent for n in range(4)] == ["ann", "bob", "ann", "bob"]


# -- positions ---------------------------------------------------------------------------------


def test_position_is_told_at_once_and_then_regularly_but_not_over_a_ringing_phone() -> None:
    hall = Hall("ann", announce_position=True, announce_every_s=30.0, ring_timeout_s=200.0)
    assert every(hall.call("i1"), d.Position) == []
    hall.talk("i1")
    began = hall.now
    assert only(hall.call("i2"), d.Position) == d.Position("i2", 1)
    assert hall.at(began + 30 - TICK) == []
    assert hall.at(began + 30) == [d.Position("i2", 1)]
    hall.call("vip", priority=4)
    hall.router.withdraw("vip", hall.now, Cause.CANCELLED)
    hall.router.finish("i1", hall.now)
    assert hall.router.agent_of("i2") == "ann"
    assert hall.at(began + 60) == []
    hall.pause("ann")
    assert hall.at(began + 90) == [d.Position("i2", 1)]


# -- why, and views ----------------------------------------------------------------------------


def test_trace_says_why_each_was_passed_over() -> None:
    hall = Hall("ann bob cat dan eve fay gus", ready="ann bob cat dan eve")
    hall.pause("ann", "lunch")
    paused_at = hall.now
    hall.router.occupy("bob", "own", 100, hall.now)
    hall.router.set_reachable("cat", False, hall.now, "timeout")
    hall.router.set_reachable("gus", True, hall.now)
    offer = only(hall.call("i1"), d.Offer)
    assert offer.agent == "dan"
    trace = traced(hall.router.missed(offer.offer, OfferEnd.NO_ANSWER, hall.now))
    assert trace.agent == "eve"
    assert trace.passed[0].agent == "dan"  # who missed it comes first
    assert whys(trace) == {
        "dan": Why.MISSED,
        "ann": Why.PAUSED,
        "bob": Why.LOAD,
        "cat": Why.NO_DEVICE,
        "fay": Why.LOGGED_OUT,
        "gus": Why.LOGGED_OUT,
    }
    by_name = {passed.agent: passed for passed in trace.passed}
    assert (by_name["ann"].detail, by_name["ann"].at) == ("lunch", paused_at)
    assert by_name["bob"].detail == "100/100"
    assert (trace.others, trace.free, trace.position) == (0, 1, 1)


def test_trace_says_since_when_those_who_come_later_are_in_the_line_now() -> None:
    hall = Hall("ann bob cat")
    began = hall.now
    first = traced(hall.call("i1"))
    assert [(each.agent, each.why, each.at) for each in first.passed] == [
        ("bob", Why.LATER_IN_ORDER, began - 2),
        ("cat", Why.LATER_IN_ORDER, began - 1),
    ]
    hall.call("i2")
    hall.talk("i2")
    hall.now += 60
    hall.router.finish("i2", hall.now)
    third = hall.call("i3")
    assert only(third, d.Offer).agent == "cat"
    assert [(each.agent, each.why, each.at) for each in traced(third).passed] == [
        ("ann", Why.LOAD, 0.0),
        ("bob", Why.LATER_IN_ORDER, began + 60),
    ]
    hall.pause("bob")
    assert whys(traced(hall.call("i4"))) == {"ann": Why.LOAD, "bob": Why.PAUSED, "cat": Why.LOAD}


def test_fewest_handled_counts_from_the_bridge_on_for_who_has_room_for_more() -> None:
    hall = Hall(strategy="fewest_handled")
    assert only(hall.chat("c1"), d.Offer).agent == "ann"
    assert only(hall.chat("c2"), d.Offer).agent == "bob"
    hall.talk("c1")
    assert only(hall.chat("c3"), d.Offer).agent == "bob"


def test_trace_is_bounded_in_a_large_queue() -> None:
    hall = Hall(" ".join(f"a{n}" for n in range(500)))
    trace = traced(hall.call("i1"))
    assert len(trace.passed) == 8
    assert (trace.others, trace.free) == (491, 500)
    assert len(msgspec.msgpack.encode(trace)) < 500


def test_agent_view_tells_what_the_agent_does() -> None:
    hall = Hall("ann", wrap_up_s=10.0, ready="")

    def doing() -> str:
        view = hall.router.agent_view("ann", hall.now)
        assert view is not None
        return view.doing

    seen = [doing()]
    hall.ready("ann")
    seen.append(doing())
    hall.router.set_reachable("ann", True, hall.now)
    seen.append(doing())
    hall.call("i1")
    seen.append(doing())
    hall.talk("i1")
    seen.append(doing())
    hall.router.finish("i1", hall.now)
    seen.append(doing())
    hall.pause("ann")
    seen.append(doing())
    assert seen == ["logged_out", "no_device", "idle", "ringing", "talking", "wrap_up", "paused"]
    assert hall.router.agent_view("nobody", hall.now) is None
    assert hall.router.queue_view("nowhere", hall.now) is None


def test_occupancy_is_work_over_work_and_idle() -> None:
    hall = Hall("ann", wrap_up_s=10.0, ready="ann")
    began = hall.now - 1
    hall.now = began + 60
    hall.call("i1")
    hall.talk("i1")
    hall.now += 20
    hall.router.finish("i1", hall.now)
    hall.at(hall.now + 10)
    hall.pause("ann")
    view = hall.router.agent_view("ann", hall.now)
    assert view is not None
    assert (view.totals.idle_s, view.totals.busy_s, view.totals.wrap_s) == (60.0, 20.0, 10.0)
    assert view.occupancy_pct == pytest.approx(100 * 30 / 90)


def test_queue_view_counts() -> None:
    hall = Hall("ann bob cat dan", ready="ann bob cat", service_level_s=5.0)
    hall.call("late")
    hall.call("soon")
    hall.talk("soon")
    hall.now += 5 + TICK
    hall.talk("late")
    hall.pause("cat")
    hall.now += 10
    hall.call("waits")
    hall.now += 7
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None
    assert (view.waiting, view.ringing, view.talking, view.longest_wait_s) == (1, 0, 2, 7.0)
    assert (view.agents, view.logged_in, view.free, view.busy, view.paused) == (4, 3, 0, 2, 1)
    assert (view.totals.offered, view.totals.handled, view.totals.in_service_level) == (3, 2, 1)
