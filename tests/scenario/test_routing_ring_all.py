"""The routing engine. `ring_all`: several phones ring for one interaction, and the first answer wins."""

import pytest

from ccd.model.nouns import Availability, OfferEnd
from ccd.model.rules import Relax, Tier
from ccd.model.trace import Why
from ccd.routing import decisions as d
from tests.scenario.ring_all_hall import ALL, answer, hall, line, miss, ringing, rung
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced, whys

# -- who rings -----------------------------------------------------------------------------------


def test_all_free_agents_ring_at_once_the_longest_idle_first() -> None:
    one = hall()
    out = one.call("i1")
    assert rung(out) == ["ann", "bob", "cat"]
    assert {offer.deadline for offer in every(out, d.Offer)} == {one.now + 20.0}
    assert len({offer.offer for offer in every(out, d.Offer)}) == 3
    view = one.router.queue_view("sales", one.now)
    assert view is not None and (view.waiting, view.ringing, view.free) == (1, 1, 0)
    for agent in ALL.split():
        state = one.router.agent_view(agent, one.now)
        assert state is not None and (state.doing, state.interactions) == ("ringing", ("i1",))


@pytest.mark.parametrize(("most", "first"), [(1, "ann"), (2, "ann bob"), (3, ALL), (16, ALL)])
def test_no_more_ring_than_allowed(most: int, first: str) -> None:
    one = hall(ring_all_max=most)
    assert rung(one.call("i1")) == first.split()


def test_who_was_left_out_joins_when_one_declines() -> None:
    one = hall(ring_all_max=2)
    one.call("i1")
    assert rung(miss(one, "i1", "ann")) == ["cat"]
    assert ringing(one, "i1") == {"bob", "cat"}


def test_only_who_is_able_ready_and_has_room_rings() -> None:
    one = Floor(
        {"ann": {"skills": {"french": 5}}, "bob": {}, "cat": {"skills": {"french": 9}}, "dan": {}},
        sales={"agents": ("ann", "bob", "cat", "dan"), "requirement": "french", "strategy": "ring_all"},
        help={"agents": ("cat",)},
    )
    one.call("h1", "help")
    out = one.call("i1")
    assert rung(out) == ["ann"]
    assert whys(traced(out)) == {"bob": Why.SKILL, "cat": Why.LOAD, "dan": Why.SKILL}


def test_one_pass_tells_everybody_who_rings() -> None:
    one = hall("ann bob cat dan", ready=ALL)
    trace = only(one.call("i1"), d.Traced).trace
    assert (trace.agent, trace.offer, trace.also) == ("ann", "o1", ("bob", "cat"))
    assert whys(trace) == {"dan": Why.LOGGED_OUT} and (trace.others, trace.free) == (0, 3)


# -- the winner ----------------------------------------------------------------------------------


def test_the_first_answer_ends_the_others_and_costs_them_nothing() -> None:
    one = hall()
    before = {agent: line(one, agent) for agent in ALL.split()}
    one.call("i1")
    offers = one.router.offers_of("i1")
    one.now += 3
    out = answer(one, "i1", "bob")
    taken = {d.OfferWithdrawn(offers[agent], "i1", agent, OfferEnd.TAKEN, "bob") for agent in ("ann", "cat")}
    assert set(out) == taken and len(out) == 2
    assert one.router.offers_of("i1") == {"bob": offers["bob"]}
    for agent in ("ann", "cat"):
        assert line(one, agent) == before[agent], "the turn is kept"
        state = one.router.state.agents[agent]
        assert (state.load, state.totals.missed, state.misses, state.wrap_up) == (0, 0, {}, None)
    assert only(one.router.bridged("i1", one.now), d.Handled).agent == "bob"


def test_of_two_who_answer_in_the_same_instant_one_wins() -> None:
    one = hall(wrap_up_s=10.0)
    one.call("i1")
    offers = one.router.offers_of("i1")
    answer(one, "i1", "cat")
    assert one.router.answered(offers["ann"], one.now) == [d.StaleOffer(offers["ann"])]
    assert one.router.missed(offers["bob"], OfferEnd.NO_ANSWER, one.now) == []
    view = one.router.agent_view("ann", one.now)
    assert view is not None and (view.doing, view.wrap_up_s) == ("idle", 0.0)
    assert rung(one.call("i2")) == ["ann", "bob"]


def test_who_lost_takes_what_waits_at_once() -> None:
    one = hall()
    one.call("i1")
    assert rung(one.call("i2")) == []
    assert rung(answer(one, "i1", "ann")) == ["bob", "cat"]
    assert ringing(one, "i2") == {"bob", "cat"}


def test_the_turn_is_kept_through_two_that_others_took() -> None:
    """Chats ring beside each other; both are taken elsewhere, the first one first."""
    one = hall("ann bob")
    before = line(one, "ann")
    one.chat("c1")
    one.now += 1
    one.chat("c2")
    one.now += 1
    answer(one, "c1", "bob")
    answer(one, "c2", "bob")
    assert line(one, "ann") == before


def test_a_winner_who_vanishes_costs_the_customer_nothing_but_time() -> None:
    """Between the answer and the bridge, as under a whisper: all the others ring again."""
    one = hall(on_miss={OfferEnd.VANISHED: 1})
    one.call("i1")
    answer(one, "i1", "ann")
    out = miss(one, "i1", "ann", OfferEnd.VANISHED)
    assert only(out, d.Missed).agent == "ann"
    assert rung(out) == ["bob", "cat"]
    assert only(out, d.AvailabilityChanged).availability is Availability.PAUSED


# -- who joins -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ready", "reachable", "wrap-up", "talk", "own call"])
def test_who_gets_free_joins_with_its_own_time(how: str) -> None:
    one = Hall("ann bob", "ann" if how in ("ready", "reachable") else None, strategy="ring_all")
    router = one.router
    if how == "reachable":
        one.ready("bob")
    elif how in ("talk", "wrap-up"):
        one.pause("ann")
        one.call("i0")
        answer(one, "i0", "bob")
        router.bridged("i0", one.now)
        one.ready("ann")
    elif how == "own call":
        router.occupy("bob", "own", 100, one.now)
    assert rung(one.call("i1")) == ["ann"]
    one.now += 19.0
    if how == "ready":
        router.set_reachable("bob", True, one.now)
        out = one.ready("bob")
    elif how == "reachable":
        out = router.set_reachable("bob", True, one.now)
    elif how == "own call":
        out = router.vacate("bob", "own", one.now)
    else:
        out = router.finish("i0", one.now)
    offer = only(out, d.Offer)
    assert (offer.agent, offer.deadline) == ("bob", one.now + 20.0)
    assert traced(out).cue == "joins" and whys(traced(out)) == {"ann": Why.RINGS}
    out = one.at(one.now + 1.0)
    assert only(out, d.Missed).agent == "ann", "the time of the first is over, that of the second is not"
    assert ringing(one, "i1") == {"bob"}


def test_who_gets_free_first_takes_what_rings_nowhere() -> None:
    """Two wait: the first rings at all that are free, the second gets who is free next."""
    one = hall(ready="ann bob")
    one.call("i1")
    one.call("i2")
    one.router.set_reachable("cat", True, one.now)
    assert only(one.ready("cat"), d.Offer).interaction == "i2"
    assert ringing(one, "i1") == {"ann", "bob"} and ringing(one, "i2") == {"cat"}


def test_of_two_that_ring_the_first_in_order_is_joined() -> None:
    one = Floor(
        {"ann": {}, "bob": {}, "cat": {}},
        sales={"agents": ("ann", "cat"), "strategy": "ring_all"},
        help={"agents": ("bob", "cat"), "strategy": "ring_all", "weight": 1},
    )
    one.pause("cat")
    one.call("i1", "sales")
    one.call("h1", "help")
    assert only(one.ready("cat"), d.Offer).interaction == "h1"


def test_other_strategies_are_joined_by_nobody() -> None:
    one = Hall(ALL, "ann")
    one.call("i1")
    one.router.set_reachable("bob", True, one.now)
    assert one.ready("bob") == [d.AvailabilityChanged("bob", Availability.READY, "", "phone")]


@pytest.mark.parametrize(("at", "joins"), [(-TICK, True), (0.0, False), (TICK, False)])
def test_nobody_joins_once_the_longest_wait_is_over(at: float, joins: bool) -> None:
    one = hall("ann bob", "ann", max_wait_s=10.0)
    began = one.now
    one.call("i1")
    one.at(began + 10.0 + at)
    one.router.set_reachable("bob", True, one.now)
    assert (rung(one.ready("bob")) == ["bob"]) is joins
    assert only(miss(one, "i1", "ann"), d.Missed).agent == "ann"
    left = "i1" not in one.router.state.places
    assert left is not joins, "the last phone is still: it overflows"


@pytest.mark.parametrize(("at", "joins"), [(-TICK, False), (0.0, True), (TICK, True)])
def test_who_is_able_with_time_joins_then(at: float, joins: bool) -> None:
    one = Floor(
        {"ann": {"skills": {"french": 5}}, "bob": {"skills": {"french": 1}}},
        sales={
            "agents": ("ann", "bob"),
            "requirement": "french >= 5",
            "relax": (Relax(7.0, at_most={"french": 1}),),
            "strategy": "ring_all",
        },
    )
    began = one.now
    assert rung(one.call("i1")) == ["ann"]
    assert (rung(one.at(began + 7.0 + at)) == ["bob"]) is joins


def test_a_later_tier_joins_only_when_no_phone_of_an_earlier_one_rings() -> None:
    one = hall("ann bob cat dan", tiers=(Tier(("ann", "bob")), Tier(("cat", "dan"), 5.0)))
    began = one.now
    assert rung(one.call("i1")) == ["ann", "bob"]
    assert rung(one.at(began + 5.0)) == []
    assert rung(miss(one, "i1", "ann")) == []
    assert rung(miss(one, "i1", "bob")) == ["cat", "dan"]


def test_a_change_of_what_is_asked_lets_others_join_and_stops_no_phone() -> None:
    one = Floor(
        {"ann": {"skills": {"french": 5}}, "bob": {}},
        sales={"agents": ("ann", "bob"), "strategy": "ring_all"},
    )
    assert rung(one.call("i1", requirement="french")) == ["ann"]
    out = one.router.change("i1", one.now, requirement="", priority=3)
    assert rung(out) == ["bob"] and every(out, d.OfferWithdrawn) == []


def test_kept_for_one_agent_it_rings_there_alone_at_first() -> None:
    one = hall()
    began = one.now
    assert rung(one.call("i1", prefer="bob", prefer_wait_s=6.0)) == ["bob"]
    assert rung(one.at(began + 6.0 - TICK)) == []
    assert rung(one.at(began + 6.0)) == ["ann", "cat"]
