"""The routing engine. Longest wait, length, wrap-up: at the deadline and one tick each side."""

import msgspec
import pytest

from ccd.model.nouns import OfferEnd, Outcome
from ccd.model.rules import AgentRule, Target
from ccd.routing import decisions as d
from tests.scenario.routing_hall import TICK, Hall, every, only

# -- limits ------------------------------------------------------------------------------------


def test_longest_wait_overflows_at_its_time() -> None:
    hall = Hall("ann", ready="", max_wait_s=60.0, overflow=Target(queue="help"))
    hall.call("i1", entered_at=hall.now - 500)  # the wait in this queue counts
    began = hall.now
    assert hall.at(began + 60 - TICK) == []
    out = hall.at(began + 60)
    assert only(out, d.LeftQueue) == d.LeftQueue("i1", "sales", Outcome.OVERFLOWED, 60.0)
    assert only(out, d.Overflow) == d.Overflow("i1", "sales", Target(queue="help"), "max_wait")
    assert hall.router.next_deadline() is None


def test_longest_wait_lets_a_ringing_phone_ring() -> None:
    hall = Hall("ann", max_wait_s=10.0, ring_timeout_s=20.0)
    offer = only(hall.call("i1"), d.Offer)
    began = hall.now
    assert hall.at(began + 10) == []
    hall.now = began + 15
    out = hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now)
    assert only(out, d.Overflow).why == "max_wait"


def test_longest_wait_after_a_miss_before_it_still_counts() -> None:
    hall = Hall("ann", max_wait_s=10.0, retry_same_after_s=60.0)
    offer = only(hall.call("i1"), d.Offer)
    began = hall.now
    assert hall.router.next_deadline() == began + 10
    hall.router.missed(offer.offer, OfferEnd.REJECTED, began + 5)
    assert hall.at(began + 10 - TICK) == []
    assert only(hall.at(began + 10), d.Overflow).interaction == "i1"


def test_full_queue_gives_back_the_newcomer_only() -> None:
    hall = Hall("ann", ready="", max_length=2)
    assert every(hall.call("i1") + hall.call("i2"), d.Overflow) == []
    assert only(hall.call("i3"), d.Overflow).why == "max_length"
    assert hall.router.waiting("sales") == ["i1", "i2"]


def test_queue_without_waiting_room_still_rings_a_free_agent() -> None:
    hall = Hall("ann", max_length=0)
    assert only(hall.call("i1"), d.Offer).agent == "ann"
    assert only(hall.call("i2"), d.Overflow).interaction == "i2"


def test_unknown_queue_gives_back() -> None:
    hall = Hall()
    assert hall.call("i1", "nowhere") == [d.Overflow("i1", "nowhere", Target(), "no_such_queue")]


# -- wrap-up -----------------------------------------------------------------------------------


def test_wrap_up_ends_at_its_time() -> None:
    hall = Hall("ann", wrap_up_s=15.0)
    hall.call("i1")
    hall.talk("i1")
    hall.call("i2")
    hall.now += 40
    out = hall.router.finish("i1", hall.now)
    ended = hall.now
    assert out == [
        d.Finished("i1", "ann", "sales", 40.0),
        d.WrapUpStarted("ann", "sales", "i1", ended + 15),
    ]
    assert hall.at(ended + 15 - TICK) == []
    out = hall.at(ended + 15)
    assert out[0] == d.WrapUpEnded("ann", "sales", "i1", 15.0)
    assert only(out, d.Offer).interaction == "i2"


@pytest.mark.parametrize("how", ["end", "ready"])
def test_wrap_up_ends_by_hand(how: str) -> None:
    hall = Hall("ann", wrap_up_s=15.0)
    hall.call("i1")
    hall.talk("i1")
    hall.router.finish("i1", hall.now)
    hall.call("i2")
    hall.now += 4
    out = hall.router.end_wrap_up("ann", hall.now) if how == "end" else hall.ready("ann")
    assert only(out, d.WrapUpEnded).seconds == 4.0
    assert only(out, d.Offer).interaction == "i2"


def test_agents_own_wrap_up_overrides_and_logged_out_has_none() -> None:
    hall = Hall("ann", wrap_up_s=15.0)
    agents = {"ann": AgentRule(name="ann", wrap_up_s=3.0)}
    hall.router.load_rules(msgspec.structs.replace(hall.rules, agents=agents), hall.now)
    hall.call("i1")
    hall.talk("i1")
    assert only(hall.router.finish("i1", hall.now), d.WrapUpStarted).until == hall.now + 3.0
    hall.ready("ann")
    hall.call("i2")
    hall.talk("i2")
    hall.logout("ann")
    assert every(hall.router.finish("i2", hall.now), d.WrapUpStarted) == []


def test_second_wrap_up_never_shortens_the_first() -> None:
    hall = Hall("ann", wrap_up_s=30.0)
    hall.chat("c1")
    hall.chat("c2")
    hall.talk("c1")
    hall.talk("c2")
    hall.router.finish("c1", hall.now)
    until = hall.now + 30
    agents = {"ann": AgentRule(name="ann", wrap_up_s=1.0)}
    hall.router.load_rules(msgspec.structs.replace(hall.rules, agents=agents), hall.now)
    hall.now += 5
    out = hall.router.finish("c2", hall.now)
    assert only(out, d.WrapUpEnded) == d.WrapUpEnded("ann", "sales", "c1", 5.0)
    assert only(out, d.WrapUpStarted).until == until
