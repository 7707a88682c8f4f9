"""The routing engine. Requirements and what is given up with time: at its time and one tick each side."""

import pytest

from ccd.errors import Misconfigured
from ccd.model.rules import Relax, Tier
from ccd.model.trace import Why
from ccd.routing import decisions as d
from tests.scenario.routing_hall import TICK, Floor, every, only, traced, whys

FRENCH = {"ann": {"skills": {"french": 7}}, "bob": {"skills": {"french": 3, "billing": 5}}, "cat": {}}


def test_by_skill_everybody_who_meets_the_requirement_serves() -> None:
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "french"})
    assert [only(floor.call(name), d.Offer).agent for name in ("i1", "i2")] == ["ann", "bob"]
    out = floor.call("i3")
    assert every(out, d.Offer) == []
    assert traced(out).others == 0
    assert set(whys(traced(out))) == {"ann", "bob"}  # cat never serves it


def test_who_is_named_must_meet_the_requirement_too() -> None:
    floor = Floor(FRENCH, sales={"agents": ("cat", "ann"), "requirement": "french >= 5"})
    out = floor.call("i1")
    assert only(out, d.Offer).agent == "ann"
    assert traced(out).passed[0].why is Why.SKILL
    assert traced(out).passed[0].detail == "no french"


def test_an_interaction_may_ask_for_more_than_its_queue() -> None:
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "french"})
    assert only(floor.call("i1", requirement="billing >= 5"), d.Offer).agent == "bob"
    out = floor.call("i2", requirement="billing >= 5")
    assert every(out, d.Offer) == []
    assert whys(traced(out)) == {"ann": Why.SKILL, "bob": Why.LOAD}
    assert only(floor.call("i3"), d.Offer).agent == "ann"  # i2, who waits longer, may not have her


def test_what_cannot_be_read_is_refused_with_its_column() -> None:
    floor = Floor(FRENCH, sales={"agents": ("ann",)})
    with pytest.raises(Misconfigured, match="column 11"):
        floor.call("i1", requirement="french or or billing")
    assert floor.router.waiting("sales") == []


def test_a_level_is_lowered_at_its_time() -> None:
    relax = (Relax(40.0, at_most={"french": 3}),)
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "french >= 5", "relax": relax})
    floor.call("i1")
    floor.talk("i1")
    out = floor.call("i2")
    began = floor.now
    passed = {each.agent: each for each in traced(out).passed}
    assert (passed["bob"].why, passed["bob"].detail, passed["bob"].at) == (
        Why.SKILL,
        "french 3 < 5",
        began + 40,
    )
    assert floor.router.next_deadline() == began + 40
    assert floor.at(began + 40 - TICK) == []
    out = floor.at(began + 40)
    assert only(out, d.Offer).agent == "bob"
    assert traced(out).cue == "relaxed"


def test_a_skill_is_dropped_at_its_time_and_not_for_those_who_came_later() -> None:
    relax = (Relax(40.0, drop=("billing",)),)
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "billing and french >= 5", "relax": relax})
    floor.call("i1")
    began = floor.now
    floor.now += 10
    floor.call("i2")
    assert floor.at(began + 40 - TICK) == []
    assert only(floor.at(began + 40), d.Offer) == d.Offer(
        "o1", "i1", "ann", "sales", floor.router.state.places["i1"].kind, began + 60, 40.0
    )
    floor.talk("i1")
    floor.at(began + 50)  # i2 has come to the same stage
    assert only(floor.router.finish("i1", floor.now), d.Offer).interaction == "i2"


def test_helpers_join_at_their_time_after_the_queues_own() -> None:
    relax = (Relax(30.0, open=("help",)),)
    floor = Floor(FRENCH, sales={"agents": ("ann",), "relax": relax}, help={"agents": ("bob", "cat")})
    floor.call("i1")
    floor.talk("i1")
    floor.call("i2")
    began = floor.now
    assert floor.at(began + 30 - TICK) == []
    assert only(floor.at(began + 30), d.Offer).agent == "bob"
    floor.router.finish("i1", floor.now)
    assert only(floor.at(began + 50), d.Offer).agent == "ann"  # before cat, who only helps


def test_a_relaxation_while_a_phone_rings_counts_after_it() -> None:
    relax = (Relax(10.0, at_most={"french": 3}),)
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "french >= 5", "relax": relax})
    offer = only(floor.call("i1"), d.Offer)
    assert floor.at(offer.deadline - 10) == []
    assert only(floor.at(offer.deadline), d.Offer).agent == "bob"


def test_a_reload_puts_each_at_the_stage_of_its_wait() -> None:
    floor = Floor(FRENCH, sales={"by_skill": True, "requirement": "french >= 9"})
    floor.call("i1")
    floor.now += 60
    floor.call("i2")
    relax = (Relax(50.0, at_most={"french": 5}),)
    new = Floor(FRENCH, sales={"by_skill": True, "requirement": "french >= 9", "relax": relax}).rules
    assert only(floor.router.load_rules(new, floor.now), d.Offer).interaction == "i1"
    assert floor.router.next_deadline() == min(floor.now + 20, floor.now + 50)


# -- tiers -------------------------------------------------------------------------------------


def test_tiers_open_with_time_and_the_first_goes_first() -> None:
    tiers = (Tier(("bob",)), Tier(("ann", "cat"), 30.0))
    floor = Floor(FRENCH, sales={"tiers": tiers})
    assert only(floor.call("i1"), d.Offer).agent == "bob"  # though ann is idle longer
    out = floor.call("i2")
    began = floor.now
    passed = {each.agent: each for each in traced(out).passed}
    assert (passed["ann"].why, passed["ann"].at) == (Why.TIER, began + 30)
    assert floor.at(began + 20)  # bob does not answer, and may not be asked again yet
    assert floor.agents_of("i1", "i2") == ["-", "bob"]
    assert floor.at(began + 30 - TICK) == []
    out = floor.at(began + 30)
    assert {offer.agent for offer in every(out, d.Offer)} == {"ann"}
    assert floor.agents_of("i1", "i2") == ["ann", "bob"]


# -- preferred agent ---------------------------------------------------------------------------


def test_the_preferred_agent_is_waited_for_and_then_anybody() -> None:
    floor = Floor(FRENCH, sales={"agents": ("ann", "bob")})
    floor.router.occupy("cat", "own", 100, floor.now)
    out = floor.call("i1", prefer="cat", prefer_wait_s=25.0)
    began = floor.now
    assert every(out, d.Offer) == []
    assert whys(traced(out)) == {"ann": Why.PREFERRED, "bob": Why.PREFERRED}
    assert traced(out).passed[0].detail == "cat"
    assert floor.at(began + 25 - TICK) == []
    assert only(floor.at(began + 25), d.Offer).agent == "ann"


def test_the_preferred_agent_gets_it_when_free_in_time() -> None:
    floor = Floor(FRENCH, sales={"agents": ("ann", "bob")})
    floor.router.occupy("cat", "own", 100, floor.now)
    floor.call("i1", prefer="cat", prefer_wait_s=25.0)
    floor.now += 25 - TICK
    assert only(floor.router.vacate("cat", "own", floor.now), d.Offer).agent == "cat"


@pytest.mark.parametrize("how", ["logged out", "unknown", "logs out", "misses"])
def test_nobody_waits_for_who_is_not_there(how: str) -> None:
    floor = Floor(FRENCH, sales={"agents": ("ann",)})
    if how == "logged out":
        floor.logout("cat")
    if how in ("logged out", "unknown"):
        out = floor.call("i1", prefer="cat" if how == "logged out" else "eve")
    else:
        out = floor.call("i1", prefer="cat")
        assert only(out, d.Offer).agent == "cat"
        if how == "logs out":
            out = floor.logout("cat")
        else:
            out = floor.router.missed(floor.router.offer_of("i1"), d.OfferEnd.REJECTED, floor.now)
    assert only(out, d.Offer).agent == "ann"
