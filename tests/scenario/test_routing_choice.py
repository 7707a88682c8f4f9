"""The routing engine. Whom by strategy, in what order by score, and changes to what waits."""

import pytest

from ccd.errors import Misconfigured, Refused
from ccd.model.nouns import ChannelClass, Outcome
from ccd.model.rules import Relax
from ccd.routing import decisions as d
from ccd.routing.strategies import Candidate, chance_of
from tests.scenario.routing_hall import TICK, Floor, every, only, traced

VOICE, CHAT = ChannelClass.VOICE, ChannelClass.LIVE_TEXT
NAMES = ("ann", "bob", "cat")
THREE: dict[str, dict[str, object]] = {name: {} for name in NAMES}


def served(floor: Floor, count: int, talks_s: float = 10.0) -> list[str]:
    """Who takes each of some calls that come one after another."""
    took = []
    for number in range(count):
        took.append(only(floor.call(f"i{number}"), d.Offer).agent)
        floor.talk(f"i{number}")
        floor.now += talks_s
        floor.router.finish(f"i{number}", floor.now)
    return took


# -- strategies --------------------------------------------------------------------------------


def test_top_down_those_named_first_then_by_name() -> None:
    agents: dict[str, dict[str, object]] = {
        name: {"skills": {"french": 1}} for name in ("dan", "cat", "bob", "ann")
    }
    rule = {"agents": ("cat",), "by_skill": True, "requirement": "french", "strategy": "top_down"}
    floor = Floor(agents, sales=rule)
    taken = [only(floor.call(f"i{number}"), d.Offer).agent for number in range(4)]
    assert taken == ["cat", "ann", "bob", "dan"]


def test_fewest_handled_since_login() -> None:
    floor = Floor(THREE, sales={"agents": NAMES, "strategy": "fewest_handled"}, own={"agents": ("ann",)})
    floor.call("x", "own")
    floor.talk("x")
    floor.router.finish("x", floor.now)
    assert served(floor, 4) == ["bob", "cat", "ann", "bob"]
    floor.logout("cat")
    floor.ready("cat")
    assert served(floor, 2) == ["cat", "cat"]


def test_a_chat_that_begins_counts_while_there_is_room_for_more() -> None:
    floor = Floor(THREE, sales={"agents": NAMES, "strategy": "fewest_handled"})
    for number in range(3):
        floor.chat(f"c{number}")
    assert floor.agents_of("c0", "c1", "c2") == ["ann", "bob", "cat"]
    floor.talk("c1")
    floor.talk("c2")
    floor.router.missed(floor.router.offer_of("c0"), d.OfferEnd.REJECTED, floor.now)
    assert floor.agents_of("c0") == ["bob"]  # who, as cat, handled one, and was asked longer ago
    assert only(floor.chat("c3"), d.Offer).agent == "ann"  # the only one with none


def test_least_talk_time() -> None:
    floor = Floor(THREE, sales={"agents": NAMES, "strategy": "least_talk_time"})
    assert served(floor, 3, 10.0) == ["ann", "bob", "cat"]
    assert served(floor, 1, 50.0) == ["ann"]
    assert served(floor, 3, 10.0) == ["bob", "cat", "bob"]


def test_least_loaded_on_remaining_capacity() -> None:
    floor = Floor(
        {"ann": {}, "bob": {"capacity": 150}}, sales={"agents": ("ann", "bob"), "strategy": "least_loaded"}
    )
    for number in range(4):
        floor.chat(f"c{number}")
    assert floor.agents_of("c0", "c1", "c2", "c3") == ["bob", "bob", "ann", "bob"]


def test_best_skill_then_longest_idle() -> None:
    agents: dict[str, dict[str, object]] = {
        "ann": {"skills": {"french": 5}},
        "bob": {"skills": {"french": 5, "billing": 3}},
        "cat": {"skills": {"french": 9, "german": 9}},
    }
    rule = {"by_skill": True, "requirement": "french", "strategy": "best_skill"}
    floor = Floor(agents, sales=rule)
    assert [only(floor.call(f"i{n}"), d.Offer).agent for n in range(3)] == ["cat", "ann", "bob"]
    floor = Floor(agents, sales={**rule, "requirement": "french or billing"})
    assert [only(floor.call(f"i{n}"), d.Offer).agent for n in range(3)] == ["cat", "bob", "ann"]


def test_weighted_random_is_by_weight_and_the_same_in_a_replay() -> None:
    rule = {"agents": NAMES, "strategy": "weighted_random", "weights": {"ann": 8}}
    took = served(Floor(THREE, sales=rule), 300)
    assert took == served(Floor(THREE, sales=rule), 300)
    assert 220 <= took.count("ann") <= 260  # 240 are to be expected
    assert took.count("bob") > 15 and took.count("cat") > 15


def test_chance_is_evenly_spread() -> None:
    drawn = [chance_of(offer, agent) for offer in range(1, 2001) for agent in NAMES]
    assert min(drawn) > 0 and max(drawn) < 1
    for tenth in range(10):
        assert 520 < sum(tenth / 10 <= chance < (tenth + 1) / 10 for chance in drawn) < 680


def test_ones_own_strategy_by_name() -> None:
    def last_by_name(candidate: Candidate) -> tuple[float, ...]:
        return (-float(ord(candidate.agent.name[0])),)

    rule = {"agents": NAMES, "strategy": "last_by_name"}
    floor = Floor(THREE, {"last_by_name": last_by_name}, sales=rule)
    assert served(floor, 2) == ["cat", "cat"]
    with pytest.raises(Misconfigured, match="last_by_name"):
        Floor(THREE, sales=rule)


# -- order -------------------------------------------------------------------------------------


def test_a_heavier_queue_goes_first_at_equal_priority() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",)}, gold={"agents": ("ann",), "weight": 5})
    floor.router.occupy("ann", "own", 100, floor.now)
    floor.call("i1")
    floor.call("g1", "gold")
    floor.call("v1", priority=6)
    assert only(floor.router.vacate("ann", "own", floor.now), d.Offer).interaction == "v1"
    floor.talk("v1")
    assert only(floor.router.finish("v1", floor.now), d.Offer).interaction == "g1"


def test_ageing_overtakes_at_its_moment() -> None:
    """A chat gains two points a minute: it is before a call of priority 1 after 30 s, and one tick."""

    def first_after(seconds: float) -> str:
        floor = Floor({"ann": {}}, sales={"agents": ("ann",), "age_per_min": {CHAT: 2.0}})
        floor.router.occupy("ann", "own", 100, floor.now)
        floor.chat("c1")
        began = floor.now
        floor.call("v1", priority=1)
        floor.now = began + seconds
        order = floor.router.waiting("sales", floor.now)
        assert floor.router.position("c1", floor.now) == order.index("c1") + 1
        offer = only(floor.router.vacate("ann", "own", floor.now), d.Offer)
        assert offer.interaction == order[0]
        return offer.interaction

    assert first_after(30 - TICK) == "v1"
    assert first_after(30 + TICK) == "c1"


# -- changes to what waits ---------------------------------------------------------------------


def test_a_changed_priority_acts_at_once_and_tells_both_places() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",)})
    for name in ("i1", "i2", "i3", "i4"):
        floor.call(name)
        floor.now += 1
    out = floor.router.change("i4", floor.now, priority=3)
    assert only(out, d.Changed) == d.Changed("i4", "sales", 4, 1)
    assert floor.router.waiting("sales") == ["i4", "i1", "i2", "i3"]
    floor.talk("i1")
    assert only(floor.router.finish("i1", floor.now), d.Offer).interaction == "i4"


def test_a_changed_requirement_finds_its_agent_at_once() -> None:
    floor = Floor({"ann": {"skills": {"french": 1}}, "bob": {}}, sales={"agents": ("ann", "bob")})
    floor.call("i1")
    floor.call("i2", requirement="french")
    assert floor.agents_of("i1", "i2") == ["ann", "-"]
    out = floor.router.change("i2", floor.now, requirement="")
    assert only(out, d.Offer).agent == "bob"
    assert traced(out).cue == "changed"


def test_another_queue_counts_out_of_one_and_into_the_other() -> None:
    relax = (Relax(20.0, open=("sales",)),)
    floor = Floor(
        {"ann": {}, "bob": {}},
        sales={"agents": ("ann",)},
        help={"agents": ("bob",), "max_wait_s": 60.0, "relax": relax},
    )
    floor.call("i1")
    floor.router.occupy("bob", "own", 100, floor.now)
    floor.call("i2")
    floor.now += 30
    out = floor.router.change("i2", floor.now, queue="help")
    assert only(out, d.LeftQueue) == d.LeftQueue("i2", "sales", Outcome.OVERFLOWED, 30.0)
    assert only(out, d.Changed) == d.Changed("i2", "help", 2, 1)
    assert floor.router.queue_view("help", floor.now).totals.offered == 1  # type: ignore[union-attr]
    moved_at = floor.now
    floor.router.missed(floor.router.offer_of("i1"), d.OfferEnd.REJECTED, floor.now)
    assert floor.at(moved_at + 20 - TICK) == []
    assert only(floor.at(moved_at + 20), d.Offer).agent == "ann"  # helps from then on


def test_another_queue_while_it_rings_takes_the_offer_back() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": ("ann",)}, help={"agents": ("bob",)})
    offer = only(floor.call("i1"), d.Offer)
    out = floor.router.change("i1", floor.now, queue="help")
    assert only(out, d.OfferWithdrawn).offer == offer.offer
    assert only(out, d.Offer).agent == "bob"
    floor.router.answered(floor.router.offer_of("i1"), floor.now)
    with pytest.raises(Refused):
        floor.router.change("i1", floor.now, queue="sales")
    with pytest.raises(Refused):
        floor.router.change("i1", floor.now, queue="nowhere")
    assert floor.router.change("gone", floor.now, priority=1) == []


def test_a_change_while_it_rings_lets_it_ring() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",)})
    floor.call("i1")
    floor.call("i2", priority=2)
    out = floor.router.change("i1", floor.now, priority=5)
    assert out == [d.Changed("i1", "sales", 2, 1)]
    assert every(out, d.OfferWithdrawn) == []
