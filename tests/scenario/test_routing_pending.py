"""The routing engine. A pause or logout asked during work takes effect at its end; the last one wins."""

import msgspec
import pytest

from ccd.errors import IllegalMove
from ccd.model.nouns import Availability, ChannelClass, OfferEnd
from ccd.model.trace import Why
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced, whys

READY, PAUSED, LOGGED_OUT = Availability.READY, Availability.PAUSED, Availability.LOGGED_OUT


def talking(**queue: object) -> Hall:
    """Ann in conversation with i1."""
    hall = Hall("ann", **queue)
    hall.call("i1")
    hall.talk("i1")
    return hall


def declared(hall: Hall) -> tuple[Availability, str]:
    agent = hall.router.state.agents["ann"]
    return agent.availability, agent.reason


def pending(hall: Hall) -> tuple[str, str]:
    view = hall.router.agent_view("ann", hall.now)
    assert view is not None
    return view.pending, view.pending_reason


def test_a_pause_when_done_begins_with_the_end_of_the_conversation() -> None:
    hall = talking()
    assert hall.later("ann", "lunch") == [d.AvailabilityPending("ann", PAUSED, "lunch", "phone")]
    assert hall.later("ann", "lunch") == [], "the same again"
    assert declared(hall) == (READY, "") and pending(hall) == ("paused", "lunch")
    hall.now += 10
    out = hall.router.finish("i1", hall.now)
    assert only(out, d.AvailabilityChanged) == d.AvailabilityChanged("ann", PAUSED, "lunch", "phone")
    assert pending(hall) == ("", "") and hall.router.state.agents["ann"].since == hall.now


def test_wrap_up_is_work_to_its_very_end() -> None:
    hall = talking(wrap_up_s=20.0)
    hall.later("ann")
    hall.router.finish("i1", hall.now)
    ended = hall.now
    assert hall.at(ended + 20 - TICK) == []
    assert declared(hall) == (READY, "")
    assert only(hall.at(ended + 20), d.AvailabilityChanged).availability is LOGGED_OUT


def test_no_new_work_comes_meanwhile_and_the_reason_is_told() -> None:
    hall = Hall("ann")
    hall.chat("c1")
    hall.talk("c1")
    hall.later("ann", "lunch")
    out = hall.chat("c2")
    assert every(out, d.Offer) == [] and whys(traced(out)) == {"ann": Why.PENDING}
    assert traced(out).passed[0].detail == "lunch"
    assert every(hall.router.finish("c1", hall.now), d.Offer) == []


def test_a_phone_that_rings_goes_on_and_a_miss_ends_the_work() -> None:
    hall = Hall("ann", ring_timeout_s=20.0)
    hall.call("i1")
    began = hall.now
    hall.later("ann", "lunch")
    assert hall.agents_of("i1") == ["ann"]
    assert hall.at(began + 20 - TICK) == []
    out = hall.at(began + 20)
    assert only(out, d.Missed).end is OfferEnd.NO_ANSWER and declared(hall) == (PAUSED, "lunch")


def test_a_miss_that_pauses_by_policy_is_followed_by_what_was_asked() -> None:
    hall = Hall("ann", on_miss={OfferEnd.REJECTED: 1})
    hall.call("i1")
    hall.later("ann")
    out = hall.router.missed(hall.router.offer_of("i1"), OfferEnd.REJECTED, hall.now)
    assert [one.availability for one in every(out, d.AvailabilityChanged)] == [PAUSED, LOGGED_OUT]


def test_all_work_must_be_done_also_what_is_outside_the_queues() -> None:
    floor = Floor({"ann": {"capacity": 200}}, sales={"agents": ("ann",)})
    floor.call("i1")
    floor.talk("i1")
    floor.router.occupy("ann", "own", 100, floor.now)
    floor.later("ann", "lunch")
    floor.router.finish("i1", floor.now)
    assert declared(floor) == (READY, "")
    assert only(floor.router.vacate("ann", "own", floor.now), d.AvailabilityChanged).reason == "lunch"


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        (("later lunch", "later logout"), (LOGGED_OUT, "")),
        (("later logout", "later lunch"), (PAUSED, "lunch")),
        (("later logout", "ready"), (READY, "")),
        (("later logout", "pause lunch"), (PAUSED, "lunch")),
        (("pause lunch", "later logout"), (LOGGED_OUT, "")),
        (("later lunch", "logout"), (LOGGED_OUT, "")),
        (("pause lunch", "later logout", "pause lunch"), (PAUSED, "lunch")),
    ],
)
def test_the_last_request_wins(asked: tuple[str, ...], then: tuple[Availability, str]) -> None:
    hall = talking()
    acts = {
        "later lunch": lambda: hall.later("ann", "lunch"),
        "later logout": lambda: hall.later("ann"),
        "pause lunch": lambda: hall.pause("ann", "lunch"),
        "logout": lambda: hall.logout("ann"),
        "ready": lambda: hall.ready("ann"),
    }
    for one in asked:
        acts[one]()
    hall.router.finish("i1", hall.now)
    assert declared(hall) == then and pending(hall) == ("", "")


def test_ready_takes_it_back_and_new_work_comes_again() -> None:
    hall = Hall("ann")
    hall.chat("c1")
    hall.talk("c1")
    hall.later("ann", "lunch")
    hall.chat("c2")
    assert only(hall.ready("ann"), d.Offer).interaction == "c2"


def test_without_work_it_acts_at_once() -> None:
    hall = Hall("ann")
    assert only(hall.later("ann", "lunch"), d.AvailabilityChanged).reason == "lunch"


def test_ready_when_done_is_illegal() -> None:
    hall = talking()
    with pytest.raises(IllegalMove, match="agent ann cannot be ready only when the work is done"):
        hall.router.set_availability("ann", READY, "", "phone", hall.now, when_done=True)


def test_the_queue_is_left_when_the_last_agent_is_gone_not_before() -> None:
    hall = talking(leave_empty="logged_out")
    hall.call("i2")
    assert every(hall.later("ann"), d.Overflow) == []
    out = hall.router.finish("i1", hall.now)
    assert only(out, d.Overflow).why == "no_agents" and only(out, d.Overflow).interaction == "i2"


def test_a_restart_and_a_reload_keep_it_and_a_removal_forgets_it() -> None:
    hall = talking()
    hall.later("ann", "lunch")
    dumped = msgspec.msgpack.encode(hall.router.state)
    hall.router = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert hall.router.load_rules(hall.rules, hall.now) == []
    assert pending(hall) == ("paused", "lunch")
    gone = msgspec.structs.replace(hall.rules, agents={})
    assert only(hall.router.load_rules(gone, hall.now), d.AvailabilityChanged).availability is LOGGED_OUT
    assert every(hall.router.finish("i1", hall.now), d.AvailabilityChanged) == []
    assert "ann" not in hall.router.state.agents


def test_calls_that_may_interrupt_do_not_come_either() -> None:
    hall = Hall("ann", interrupts={ChannelClass.VOICE: (ChannelClass.DEFERRED_TEXT,)})
    hall.mail("m1")
    hall.talk("m1")
    hall.later("ann")
    assert every(hall.call("i1"), d.Offer) == []
