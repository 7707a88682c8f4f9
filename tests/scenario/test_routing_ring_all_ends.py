"""The routing engine. `ring_all`: misses, who leaves while phones ring, limits, restarts and new rules."""

import msgspec
import pytest

from ccd.model.nouns import Availability, Cause, ChannelClass, OfferEnd, Outcome
from ccd.model.rules import QueueRule, Rules
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.ring_all_hall import ALL, answer, hall, line, miss, ringing, rung
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced

# -- misses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [OfferEnd.REJECTED, OfferEnd.BUSY, OfferEnd.UNREACHABLE])
def test_a_miss_is_that_agents_alone(end: OfferEnd) -> None:
    one = hall(on_miss={end: 1}, miss_pause_reason="missed")
    one.call("i1")
    out = miss(one, "i1", "bob", end)
    assert only(out, d.Missed).agent == "bob" and rung(out) == []
    assert only(out, d.AvailabilityChanged).agent == "bob"
    assert ringing(one, "i1") == {"ann", "cat"}
    assert one.router.waiting("sales") == ["i1"]
    assert [one.router.state.agents[agent].totals.missed for agent in ALL.split()] == [0, 1, 0]


def test_all_lapse_at_the_same_deadline() -> None:
    one = hall()
    began = one.now
    one.call("i1")
    assert one.router.next_deadline() == began + 20.0
    assert one.at(began + 20.0 - TICK) == []
    out = one.at(began + 20.0)
    assert [each.agent for each in every(out, d.Missed)] == ["ann", "bob", "cat"]
    assert {each.end for each in every(out, d.OfferWithdrawn)} == {OfferEnd.NO_ANSWER}
    assert traced(out).what == "waits"
    assert one.at(began + 50.0 - TICK) == [], "until the time to ask them again"
    assert rung(one.at(began + 50.0)) == ["ann", "bob", "cat"]


def test_an_answer_one_tick_before_the_deadline_stops_it() -> None:
    one = hall()
    one.call("i1")
    one.at(one.now + 20.0 - TICK)
    answer(one, "i1", "cat")
    assert one.at(one.now + 100.0) == []


def test_who_declined_is_rung_again_in_the_same_ring_after_its_time() -> None:
    one = hall("ann bob", retry_same_after_s=5.0)
    one.call("i1")
    one.now += 2
    declined = one.now
    miss(one, "i1", "ann")
    assert one.at(declined + 5.0 - TICK) == []
    assert rung(one.at(declined + 5.0)) == ["ann"]
    assert ringing(one, "i1") == {"ann", "bob"}


# -- agents and customers who leave ---------------------------------------------------------------


@pytest.mark.parametrize("how", ["pause", "logout", "lost"])
def test_an_agent_who_goes_stops_its_own_phone_only(how: str) -> None:
    one = hall()
    before = line(one, "bob")
    one.call("i1")
    offer = one.router.offers_of("i1")["bob"]
    if how == "lost":
        out = one.router.set_reachable("bob", False, one.now, "gone")
    else:
        out = one.pause("bob") if how == "pause" else one.logout("bob")
    end = OfferEnd.UNREACHABLE if how == "lost" else OfferEnd.WITHDRAWN
    assert only(out, d.OfferWithdrawn) == d.OfferWithdrawn(offer, "i1", "bob", end)
    assert len(every(out, d.Missed)) == (how == "lost")
    assert ringing(one, "i1") == {"ann", "cat"}
    if how != "lost":
        assert line(one, "bob") == before


def test_the_last_phone_that_is_still_lets_it_wait() -> None:
    one = hall("ann bob")
    one.call("i1")
    one.pause("ann")
    out = one.pause("bob")
    assert traced(out).what == "waits" and one.router.offers_of("i1") == {}
    assert rung(one.ready("ann")) == ["ann"]


def test_a_pause_for_later_waits_for_the_ring_and_acts_when_another_takes_it() -> None:
    one = hall("ann bob")
    one.call("i1")
    one.later("ann", "lunch")
    assert ringing(one, "i1") == {"ann", "bob"}
    out = answer(one, "i1", "bob")
    assert only(out, d.AvailabilityChanged).reason == "lunch"


@pytest.mark.parametrize(
    ("cause", "end"), [(Cause.CANCELLED, "customer_left"), (Cause.TRANSFERRED, "withdrawn")]
)
def test_a_customer_who_leaves_stops_every_phone(cause: Cause, end: str) -> None:
    one = hall()
    before = {agent: line(one, agent) for agent in ALL.split()}
    one.call("i1")
    one.call("i2")
    out = one.router.withdraw("i1", one.now, cause)
    assert {each.agent for each in every(out, d.OfferWithdrawn)} == set(ALL.split())
    assert {each.end.value for each in every(out, d.OfferWithdrawn)} == {end}
    left = only(out, d.LeftQueue).outcome
    assert left is (Outcome.ABANDONED if cause is Cause.CANCELLED else Outcome.OVERFLOWED)
    assert rung(out) == ["ann", "bob", "cat"], "the next one rings at all of them"
    one.router.withdraw("i2", one.now, Cause.CANCELLED)
    assert {agent: line(one, agent) for agent in before} == before


def test_moved_to_another_queue_it_rings_there() -> None:
    one = Floor(
        {"ann": {}, "bob": {}, "cat": {}},
        sales={"agents": ("ann", "bob"), "strategy": "ring_all"},
        help={"agents": ("bob", "cat"), "strategy": "ring_all"},
    )
    one.call("i1")
    out = one.router.change("i1", one.now, queue="help")
    assert {each.agent for each in every(out, d.OfferWithdrawn)} == {"ann", "bob"}
    assert set(rung(out)) == {"bob", "cat"}


def test_a_pause_for_later_acts_when_what_rings_is_moved_elsewhere() -> None:
    one = Floor(
        {"ann": {}, "bob": {}, "cat": {}},
        sales={"agents": ("ann", "bob"), "strategy": "ring_all"},
        help={"agents": ("ann", "bob", "cat")},
    )
    one.call("i1")
    one.later("ann", "lunch")
    one.later("bob", "lunch")
    out = one.router.change("i1", one.now, queue="help")
    assert {each.agent for each in every(out, d.AvailabilityChanged)} == {"ann", "bob"}
    assert rung(out) == ["cat"]


# -- limits --------------------------------------------------------------------------------------


def test_max_active_counts_interactions_not_phones() -> None:
    one = hall("ann bob cat dan", ready="ann bob", max_active=1)
    assert rung(one.call("i1")) == ["ann", "bob"]
    one.call("i2")
    one.router.set_reachable("cat", True, one.now)
    assert only(one.ready("cat"), d.Offer).interaction == "i1", "the second may not ring yet"
    out = answer(one, "i1", "ann")
    assert rung(out) == []
    one.router.bridged("i1", one.now)
    assert rung(one.router.finish("i1", one.now)) == ["bob", "cat", "ann"]


def test_a_reserve_is_kept_free_of_the_ring() -> None:
    one = hall(reserve={ChannelClass.VOICE: 1})
    assert rung(one.chat("c1")) == ["ann", "bob"], "cat is kept for calls"
    assert rung(one.call("i1")) == ["cat"]
    answer(one, "c1", "ann")
    assert ringing(one, "i1") == {"bob", "cat"}, "bob is free again, and joins"


def test_a_call_that_may_interrupt_rings_at_who_works_on_mail() -> None:
    one = hall("ann bob", interrupts={ChannelClass.VOICE: (ChannelClass.DEFERRED_TEXT,)})
    one.mail("m1")
    answer(one, "m1", "ann")
    one.router.bridged("m1", one.now)
    assert set(rung(one.call("i1"))) == {"ann", "bob"}
    answer(one, "i1", "ann")
    assert one.router.state.agents["ann"].load == 110


def test_a_phone_that_rings_is_not_rung_for_a_second_call_but_for_a_chat_that_fits() -> None:
    one = hall("ann bob")
    one.chat("c1")
    assert rung(one.chat("c2")) == ["ann", "bob"]
    assert rung(one.call("i1")) == [], "a call needs the whole agent"
    answer(one, "c1", "ann")
    answer(one, "c2", "ann")
    assert ringing(one, "i1") == {"bob"}


def test_a_pass_on_bars_who_passed_it_on() -> None:
    one = hall()
    assert rung(one.call("i1", passed_on_by="bob")) == ["ann", "cat"]


# -- restart and rules ---------------------------------------------------------------------------


def test_a_restart_goes_on_with_every_phone() -> None:
    one = hall()
    began = one.now
    one.call("i1")
    miss(one, "i1", "ann")
    dumped = msgspec.msgpack.encode(one.router.state)
    one.router = Router(one.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert msgspec.msgpack.encode(one.router.state) == dumped
    assert ringing(one, "i1") == {"bob", "cat"} and one.router.next_deadline() == began + 20.0
    out = one.at(began + 20.0)
    assert {each.agent for each in every(out, d.Missed)} == {"bob", "cat"}


def change_rules(one: Hall, **queue: object) -> list[d.Decision]:
    agents = tuple(one.rules.agents)
    rule = QueueRule(name="sales", **{"agents": agents, "strategy": "ring_all", **queue})  # type: ignore[arg-type]
    one.rules = Rules(agents=one.rules.agents, queues={"sales": rule})
    return one.router.load_rules(one.rules, one.now)


def test_new_rules_stop_no_phone_and_let_more_join() -> None:
    one = Hall(ALL)
    one.call("i1")
    assert set(rung(change_rules(one))) == {"bob", "cat"}
    assert change_rules(one, strategy="longest_idle") == []
    assert ringing(one, "i1") == set(ALL.split())
    assert rung(miss(one, "i1", "bob")) == [], "nobody joins any more"
    answer(one, "i1", "cat")
    assert one.router.agent_of("i1") == "cat"


def test_a_queue_that_is_removed_stops_every_phone() -> None:
    one = hall()
    one.call("i1")
    out = one.router.load_rules(Rules(agents=one.rules.agents), one.now)
    assert {each.agent for each in every(out, d.OfferWithdrawn)} == set(ALL.split())
    assert only(out, d.Overflow).why == "queue_removed"
    assert not one.router.state.offers and not one.router.state.other_offers


def test_what_a_pending_logout_sets_free_is_not_lost() -> None:
    """Something waits for ann alone, and she is to go when her work is done: a miss ends her work."""
    one = hall("ann bob")
    one.pause("bob")
    one.call("i1")
    one.call("i2", prefer="ann", prefer_wait_s=60.0)
    one.later("ann")
    miss(one, "i1", "ann")
    assert one.router.state.agents["ann"].availability is Availability.LOGGED_OUT
    assert rung(one.ready("bob")) == ["bob"]
    assert one.router.waiting("sales") == ["i1", "i2"]
    one.router.withdraw("i1", one.now, Cause.CANCELLED)
    assert ringing(one, "i2") == {"bob"}
