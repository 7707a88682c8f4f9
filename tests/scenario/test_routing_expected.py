"""The routing engine. The expected wait: shown, told, a limit, judged, and the same after a restart."""

import msgspec
import pytest

from ccd.model.nouns import Availability, Cause, ChannelClass
from ccd.model.rules import Target
from ccd.routing import decisions as d
from ccd.routing.ewt import Confidence
from ccd.routing.expecting import WaitView
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import TICK, Hall, every, only, traced


def busy(**rule: object) -> Hall:
    """Ann and bob are ready and talk, one call each."""
    hall = Hall("ann bob", **{"estimate_wait": True, **rule})
    for name in ("i1", "i2"):
        hall.call(name)
        hall.talk(name)
    return hall


def shown(hall: Hall) -> tuple[float | None, WaitView]:
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None and view.ewt is not None
    return view.ewt_s, view.ewt


def test_it_follows_the_line_and_who_is_ready() -> None:
    hall = Hall("ann bob", estimate_wait=True)
    assert shown(hall)[0] == 0.0, "somebody is free"
    hall = busy()
    assert shown(hall) == (120.0, WaitView(Confidence.GUESS, 0, 0, None, None, None, None))
    hall.call("i3")
    assert shown(hall)[0] == 240.0
    hall.pause("bob")
    assert shown(hall)[0] == 480.0, "counted as of now, without any call"
    hall.pause("ann")
    wait_s, view = shown(hall)
    assert wait_s is None and view.confidence is Confidence.NONE


def test_looking_changes_nothing() -> None:
    hall = busy()
    hall.call("i3")
    hall.now += 500
    before = msgspec.msgpack.encode(hall.router.state)
    shown(hall)
    assert msgspec.msgpack.encode(hall.router.state) == before


def test_conversations_and_their_wrap_up_teach_it() -> None:
    hall = Hall("ann", estimate_wait=True, wrap_up_s=20.0)
    for number in range(60):
        hall.call(f"i{number}")
        hall.talk(f"i{number}")
        hall.now += 40
        hall.router.finish(f"i{number}", hall.now)
        hall.at(hall.now + 20)
    hall.call("last")
    hall.talk("last")
    wait_s, view = shown(hall)
    assert wait_s is not None and 60 < wait_s < 100, "towards 40 s of talk and 20 s of wrap-up"
    assert view.confidence is Confidence.GOOD


# -- how true it was ---------------------------------------------------------------------------


def test_who_is_served_after_waiting_is_judged_and_who_is_not_is_unknown() -> None:
    hall = busy()
    hall.call("i3")  # expected: 120 s
    hall.call("i4")
    hall.call("i5")
    hall.now += 100
    hall.router.finish("i1", hall.now)
    hall.talk("i3")
    hall.router.withdraw("i4", hall.now, Cause.CANCELLED)
    _, view = shown(hall)
    assert (view.judged, view.unknown, view.bias_s, view.mae_s) == (1, 1, 20.0, 20.0)
    assert (view.within_quarter_pct, view.within_minute_pct) == (100.0, 100.0)


def test_who_has_waited_elsewhere_is_judged_by_the_wait_in_this_queue() -> None:
    """The estimate is for here: the 300 s before count for the order, not against it."""
    hall = busy()
    hall.call("i3", entered_at=hall.now - 300)  # expected: 120 s
    hall.now += 100
    hall.router.finish("i1", hall.now)
    hall.talk("i3")
    _, view = shown(hall)
    assert (view.judged, view.bias_s, view.mae_s) == (1, 20.0, 20.0)


def test_who_did_not_have_to_wait_is_not_judged() -> None:
    assert shown(busy())[1].judged == 0


def test_a_move_to_another_queue_begins_anew() -> None:
    hall = busy()
    queues = {**hall.rules.queues, "help": msgspec.structs.replace(hall.rules.queues["sales"], name="help")}
    hall.rules = msgspec.structs.replace(hall.rules, queues=queues)
    hall.router.load_rules(hall.rules, hall.now)
    hall.call("i3")
    hall.router.change("i3", hall.now, queue="help")
    assert shown(hall)[1].unknown == 1
    assert list(hall.router.state.waits["help"].waiting) == ["i3"]
    assert not hall.router.state.waits["sales"].waiting


def test_a_queue_that_does_not_ask_has_none_and_one_that_begins_to_knows_who_waits() -> None:
    hall = busy(estimate_wait=False)
    hall.call("i3")
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None and (view.ewt_s, view.ewt) == (None, None)
    sales = msgspec.structs.replace(hall.rules.queues["sales"], estimate_wait=True)
    came, hall.now = hall.now, hall.now + 5
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={"sales": sales}), hall.now)
    assert hall.router.state.waits["sales"].waiting == {"i3": came}
    assert shown(hall)[0] == 240.0
    hall.now += 10
    hall.router.finish("i1", hall.now)
    assert hall.router.state.waits["sales"].waited_s == 0.0
    hall.talk("i3")
    assert hall.router.state.waits["sales"].waited_s == pytest.approx(10.0, rel=0.01)


def test_a_queue_that_is_removed_is_forgotten() -> None:
    hall = busy()
    hall.call("i3")
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={}), hall.now)
    assert not hall.router.state.waits and not hall.router.state.accuracy
    hall.now += 10
    assert only(hall.router.finish("i1", hall.now), d.Finished).talked_s == 10.0


# -- priorities --------------------------------------------------------------------------------


def with_vips(**rule: object) -> Hall:
    """Ann and bob are busy for an hour, in which every four minutes one with priority came and was moved."""
    hall = busy(**rule)
    for number in range(15):
        hall.now += 240
        hall.call(f"vip {number}", priority=5)
        hall.router.withdraw(f"vip {number}", hall.now, Cause.TRANSFERRED)
    return hall


def expected(hall: Hall, name: str, **how: object) -> float:
    hall.call(name, **how)
    found = hall.router.state.places[name].expected_s
    assert found is not None
    return found


def test_who_has_priority_is_promised_the_wait_of_the_own_place() -> None:
    hall = busy()
    for name in ("i3", "i4", "i5"):
        hall.call(name)
    assert expected(hall, "vip", priority=5) == 120.0
    assert expected(hall, "i6") >= 600.0, "the one with priority is ahead"


def test_who_has_none_is_promised_the_wait_behind_those_who_will_go_ahead() -> None:
    alone_s = expected(with_vips(), "vip", priority=5)
    assert alone_s == 120.0
    assert expected(with_vips(), "i3") == pytest.approx(240.0, rel=0.15), "they take half of the pace"


def test_where_waiting_ages_their_lead_is_soon_over() -> None:
    ages = {ChannelClass.VOICE: 5.0}
    usual_s = expected(with_vips(age_per_min=ages), "i3")
    assert expected(with_vips(age_per_min=ages), "vip", priority=5) < usual_s < expected(with_vips(), "i3")


def test_what_is_shown_is_the_wait_of_one_with_the_priority_of_the_queue() -> None:
    hall = busy()
    hall.call("i3")
    hall.call("low", priority=-5)
    assert shown(hall)[0] == 240.0, "before the low one"
    hall.call("vip", priority=5)
    shown_s = shown(hall)[0]
    assert shown_s is not None and shown_s > 360.0, "behind that one, and more of the kind may come"


def test_estimates_are_judged_by_band() -> None:
    hall = Hall("ann", estimate_wait=True, priority=2)
    hall.call("i1")
    hall.talk("i1")
    for name, priority in (("vip", 9), ("i2", None), ("low", 0)):
        hall.call(name, priority=priority)
    talking = "i1"
    for name in ("vip", "i2", "low"):
        hall.now += 100
        assert only(hall.router.finish(talking, hall.now), d.Offer).interaction == name
        hall.talk(name)
        talking = name
    bands = shown(hall)[1].bands
    assert {band: each.judged for band, each in bands.items()} == {"higher": 1, "usual": 1, "lower": 1}
    assert bands["higher"].bias_s == 140.0 and shown(hall)[1].judged == 3


# -- told --------------------------------------------------------------------------------------


def test_it_is_told_at_entry_and_then_only_better_news() -> None:
    hall = busy(announce_wait=True, announce_every_s=10.0, announce_gap_s=30.0)
    hall.call("i3")
    began = hall.now
    assert only(hall.call("i4"), d.Position) == d.Position("i4", 0, 240.0)
    hall.router.withdraw("i3", hall.now, Cause.CANCELLED)
    assert hall.at(began + 10) == hall.at(began + 20) == hall.at(began + 30 - TICK) == []
    assert hall.at(began + 30) == [d.Position("i4", 0, 180.0)]
    for _ in range(6):
        hall.call(f"vip {hall.now}", priority=9)
        hall.now += 10
        assert not [each for each in every(hall.at(hall.now), d.Position) if each.interaction == "i4"]


def test_the_place_is_told_with_it_and_alone_when_there_is_no_better_news() -> None:
    hall = busy(announce_wait=True, announce_position=True, announce_every_s=10.0)
    assert only(hall.call("i3"), d.Position) == d.Position("i3", 1, 120.0)
    assert hall.at(hall.now + 10) == [d.Position("i3", 1)]


def test_nothing_is_told_while_nobody_is_ready() -> None:
    hall = Hall("ann", ready="", announce_wait=True, announce_every_s=10.0)
    assert every(hall.call("i1"), d.Position) == []
    assert hall.at(hall.now + 10) == []
    hall.router.set_availability("ann", Availability.READY, "", "test", hall.now)  # without a phone
    assert hall.at(hall.now + 10) == [d.Position("i1", 0, 240.0)]


def test_a_restart_keeps_what_was_told_and_what_was_learned() -> None:
    hall = busy(announce_wait=True, announce_every_s=10.0)
    hall.call("i3")
    hall.now += 7
    before = shown(hall)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(hall.router.state), type=RoutingState)
    hall.router = Router(hall.rules, state)
    assert shown(hall) == before
    assert hall.at(hall.now + 60) == [], "the same is not told again"


# -- a limit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("most_s", "taken"), [(120.0 - TICK, False), (120.0, True), (120.0 + TICK, True)])
def test_who_would_wait_too_long_overflows_at_entry(most_s: float, taken: bool) -> None:
    hall = busy(max_ewt_s=most_s, overflow=Target(flow="sorry"))
    out = hall.call("i3")
    if taken:
        assert every(out, d.Overflow) == [] and every(hall.call("i4"), d.Overflow)
    else:
        assert only(out, d.Overflow) == d.Overflow("i3", "sales", Target(flow="sorry"), "max_ewt")
        assert traced(out).detail == "about 120 s"
        assert shown(hall)[1].unknown == 0, "who was not let in is no estimate that failed"


def test_an_unknown_wait_is_not_too_long_and_a_free_agent_takes_it_anyway() -> None:
    hall = Hall("ann", ready="", max_ewt_s=1.0)
    assert every(hall.call("i1"), d.Overflow) == []
    assert every(Hall("ann", max_ewt_s=1.0).call("i1"), d.Offer)
