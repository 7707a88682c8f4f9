"""The routing engine. What is given up on a condition: at the edge, and one tick each side."""

import msgspec
import pytest

from ccd.model.expression_text import ExpressionFault
from ccd.model.nouns import Cause
from ccd.model.rules import Relax, Rules
from ccd.routing import decisions as d
from ccd.routing.relaxing import MOMENT_S, MOST_AT_ONCE
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from ccd.routing.timing import LOOK_EVERY_S
from tests.scenario.routing_hall import NOON, TICK, Floor, every, only, traced

CREW: dict[str, dict[str, object]] = {"ann": {"skills": {"french": 7}}, "bob": {"skills": {"german": 7}}}
TWO_WAIT = Relax(when="waiting >= 2", drop=("french",))


def floor(*relax: Relax, **queue: object) -> Floor:
    """ann speaks french and talks to `first`; bob does not, and is free. The clock stands at a full 5 s."""
    rule = {"agents": ("ann", "bob"), "requirement": "french", "relax": relax, **queue}
    made = Floor(CREW, sales=rule, other={"agents": ("bob",)})
    made.now = NOON + 5
    made.call("first")
    made.talk("first")
    return made


def test_one_that_enters_while_it_holds_and_those_before_it_are_given_it() -> None:
    hall = floor(TWO_WAIT)
    assert every(hall.call("i1"), d.Offer) == [] and every(hall.call("i2"), d.Offer) == []
    out = hall.call("i3")  # two wait, so bob will do: for i1, who came first
    assert only(out, d.Offer).interaction == "i1"
    assert [one.interaction for one in every(out, d.Relaxed)] == ["i1", "i2", "i3"]
    assert every(out, d.Relaxed)[0] == d.Relaxed("i1", "sales", TWO_WAIT, {"waiting": 2})
    assert hall.agents_of("i1", "i2", "i3") == ["bob", "-", "-"]


@pytest.mark.parametrize("late", [TICK, LOOK_EVERY_S - TICK, LOOK_EVERY_S])
def test_a_queue_looks_at_each_full_five_seconds_while_somebody_waits(late: float) -> None:
    hall = floor(TWO_WAIT)
    hall.now += late
    hall.call("i1")
    hall.call("i2")
    at = NOON + 10
    assert hall.router.next_deadline() == at
    assert hall.at(at - TICK) == []
    out = hall.at(at)
    assert (only(out, d.Offer).interaction, only(out, d.Offer).agent) == ("i1", "bob")
    assert [one.interaction for one in every(out, d.Relaxed)] == ["i1", "i2"]
    assert traced(out).cue == "relaxed"


def test_an_instant_without_anybody_in_the_line_does_not_put_the_look_off() -> None:
    hall = floor(TWO_WAIT, ring_timeout_s=5.0)
    hall.now = NOON + 6
    hall.call("b", queue="other")  # bob is busy
    hall.talk("b")
    hall.call("i1")
    hall.call("i2")
    for name in ("i1", "i2"):
        hall.router.withdraw(name, hall.now, Cause.CANCELLED)
    hall.now = NOON + 10  # the look of now was begun for those who left
    hall.call("i3")
    hall.call("i4")
    assert hall.router.next_deadline() == NOON + 10
    assert [one.interaction for one in every(hall.at(NOON + 10), d.Relaxed)] == ["i3", "i4"]


def test_what_was_given_stays_given_when_the_condition_holds_no_longer() -> None:
    hall = floor(TWO_WAIT)
    hall.call("b", queue="other")  # bob is busy
    hall.talk("b")
    hall.call("i1")
    hall.call("i2")
    assert [one.interaction for one in every(hall.at(NOON + 10), d.Relaxed)] == ["i1", "i2"]
    hall.router.withdraw("i1", hall.now, Cause.CANCELLED)
    assert hall.router.queue_figure("sales", "waiting", hall.now) == 1
    hall.at(NOON + 15)
    assert hall.call("i3") and hall.router.state.places["i3"].given == ()  # one waits: too few by now
    assert only(hall.router.finish("b", hall.now), d.Offer).interaction == "i2"


def test_nothing_is_given_before_it_holds_nor_to_the_wrong_figure() -> None:
    hall = floor(Relax(when="queue.other.waiting >= 1", drop=("french",)))
    hall.call("i1")
    assert every(hall.at(NOON + 10), d.Relaxed) == []
    hall.call("b", queue="other")
    hall.talk("b")
    hall.call("c", queue="other")
    assert every(hall.at(NOON + 15 - TICK), d.Relaxed) == []
    relaxed = only(hall.at(NOON + 15), d.Relaxed)
    assert (relaxed.interaction, relaxed.was) == ("i1", {"other waiting": 1})


@pytest.mark.parametrize(("after", "given"), [(-TICK, False), (0.0, True), (TICK, True)])
def test_with_both_it_must_have_waited_so_long_while_it_holds(after: float, given: bool) -> None:
    hall = floor(Relax(7.0, when="waiting >= 1", drop=("french",)))
    hall.now += 1
    hall.call("i1")
    assert every(hall.at(NOON + 10), d.Relaxed) == []  # it holds, but i1 has not waited long enough
    out = hall.at(NOON + 13 + after)
    assert [one.interaction for one in every(out, d.Relaxed)] == (["i1"] if given else [])
    assert [one.agent for one in every(out, d.Offer)] == (["bob"] if given else [])
    assert every(out, d.Traced) == [] or given  # nothing to tell while nothing changes


def test_its_time_alone_gives_nothing() -> None:
    hall = floor(Relax(7.0, when="waiting >= 2", drop=("french",)))
    hall.now += 1
    hall.call("i1")
    assert hall.at(NOON + 13) == []
    assert hall.at(NOON + 60) == []
    hall.call("i2")
    out = hall.at(NOON + 65)
    assert only(out, d.Relaxed).interaction == "i1"  # i2 has waited 5 s
    assert only(out, d.Offer).agent == "bob"


def test_who_comes_with_more_priority_is_not_overtaken_by_who_is_given_something() -> None:
    hall = floor(TWO_WAIT)
    hall.call("i1")
    hall.call("i2")
    assert only(hall.call("vip", priority=5), d.Offer).interaction == "vip"
    assert hall.agents_of("i1", "vip") == ["-", "bob"]


def test_an_empty_line_has_nothing_due_and_nor_has_a_queue_without_conditions() -> None:
    hall = floor(TWO_WAIT)
    assert hall.router.next_deadline() is None
    hall.now += TICK
    hall.call("i1")
    assert hall.router.next_deadline() == NOON + 10
    hall.router.withdraw("i1", hall.now, Cause.CANCELLED)
    assert hall.router.next_deadline() is None
    plain = floor()
    plain.call("i1")
    assert plain.router.next_deadline() is None
    assert plain.router.state.served == {} and plain.router.state.looks == {}


def test_a_long_line_is_given_it_a_part_at_a_time() -> None:
    hall = floor()
    names = [f"i{number}" for number in range(MOST_AT_ONCE + 2)]
    for name in names:
        hall.call(name)
    hall.now += TICK
    sales = msgspec.structs.replace(hall.rules.queues["sales"], agents=("ann",), relax=(TWO_WAIT,))
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={"sales": sales}), hall.now)
    assert hall.router.next_deadline() == NOON + 10
    given = [one.interaction for one in every(hall.at(NOON + 10), d.Relaxed)]
    assert given == names[:MOST_AT_ONCE]
    assert hall.router.next_deadline() == NOON + 10 + MOMENT_S
    given = [one.interaction for one in every(hall.at(NOON + 10 + MOMENT_S), d.Relaxed)]
    assert given == names[MOST_AT_ONCE:]
    assert hall.router.next_deadline() == NOON + 15


def test_the_expected_wait_is_estimated_where_a_condition_asks_for_it() -> None:
    hall = floor(Relax(when="ewt_s > 30", drop=("french",)))
    assert "sales" in hall.router.state.waits and "other" not in hall.router.state.waits
    other = floor(Relax(when="queue.other.ewt_s > 30", drop=("french",)))
    assert "other" in other.router.state.waits


# -- the service level of the last half hour -------------------------------------------------------


def level(hall: Floor, queue: str = "sales") -> object:
    return hall.router.queue_figure(queue, "service_level_pct", hall.now)


def test_the_service_level_counts_the_answered_in_time_among_them_and_those_who_gave_up() -> None:
    hall = floor(Relax(when="service_level_pct < 80", drop=("french",)), service_level_s=10.0)
    assert level(hall) == 100.0
    hall.call("i1")
    hall.router.withdraw("i1", hall.now, Cause.CANCELLED)
    assert level(hall) == 50.0
    hall.call("i2")
    hall.router.withdraw("i2", hall.now, Cause.TRANSFERRED)  # moved: neither served nor lost
    assert level(hall) == 50.0
    out = hall.call("i3")
    assert only(out, d.Relaxed).was == {"service_level_pct": 50.0}
    assert only(out, d.Offer).agent == "bob"
    hall.now += 10 + TICK
    hall.talk("i3")
    assert level(hall) == pytest.approx(100 / 3)


@pytest.mark.parametrize(("after_s", "pct"), [(-TICK, 100.0), (0.0, None), (TICK, None)])
def test_it_looks_back_on_thirty_minutes_the_running_one_included(after_s: float, pct: float | None) -> None:
    hall = floor(Relax(when="service_level_pct < 80", drop=("french",)))
    over = (hall.now // 60 + 30) * 60
    hall.now = over + after_s
    assert level(hall) == pct


def test_what_is_kept_for_it_is_bounded_and_survives_a_restart() -> None:
    hall = floor(Relax(when="service_level_pct < 80", drop=("french",)))
    hall.router.finish("first", hall.now)
    for minute in range(100):
        hall.now += 61
        hall.call(f"m{minute}")
        hall.talk(f"m{minute}")
        hall.router.finish(f"m{minute}", hall.now)
    assert len(hall.router.state.served["sales"]) <= 31
    dumped = msgspec.msgpack.encode(hall.router.state)
    again = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert msgspec.msgpack.encode(again.state) == dumped
    assert again.queue_figure("sales", "service_level_pct", hall.now) == 100.0
    assert hall.router.queue_figure("other", "service_level_pct", hall.now) is None  # nobody asks


# -- restarts and reloads --------------------------------------------------------------------------


def test_a_restart_looks_at_the_same_moments_and_keeps_what_was_given() -> None:
    hall = floor(TWO_WAIT)
    hall.call("b", queue="other")
    hall.talk("b")
    for name in ("i1", "i2"):
        hall.call(name)
    hall.at(NOON + 10)
    dumped = msgspec.msgpack.encode(hall.router.state)
    again = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert again.next_deadline() == hall.router.next_deadline() == NOON + 15
    assert only(again.finish("b", hall.now), d.Offer).interaction == "i1"


def test_a_reload_keeps_what_was_given_while_the_condition_stands_in_the_rules() -> None:
    hall = floor(TWO_WAIT, Relax(20.0, drop=("german",)))
    hall.call("b", queue="other")
    hall.talk("b")
    for name in ("i1", "i2"):
        hall.call(name)
    hall.at(NOON + 10)
    sales = hall.rules.queues["sales"]
    more = msgspec.structs.replace(sales, relax=(Relax(when="free > 9", open=("other",)), *sales.relax))
    none = msgspec.structs.replace(sales, relax=())
    for rule, able in ((more, True), (none, False)):
        router = Router(hall.rules, msgspec.convert(msgspec.to_builtins(hall.router.state), RoutingState))
        changed: Rules = msgspec.structs.replace(hall.rules, queues={**hall.rules.queues, "sales": rule})
        assert every(router.load_rules(changed, hall.now), d.Offer) == []
        assert bool(every(router.finish("b", hall.now), d.Offer)) is able


def test_another_queue_begins_anew() -> None:
    hall = floor(TWO_WAIT)
    hall.call("b", queue="other")
    hall.talk("b")
    for name in ("i1", "i2"):
        hall.call(name)
    hall.at(NOON + 10)
    hall.router.change("i1", hall.now, queue="other")
    assert (hall.router.state.places["i1"].given, hall.router.state.places["i1"].stage) == ((), 0)


def test_rules_with_a_condition_that_cannot_be_read_are_refused_and_nothing_changes() -> None:
    hall = floor()
    sales = msgspec.structs.replace(hall.rules.queues["sales"], relax=(Relax(when="waiting >"),))
    with pytest.raises(ExpressionFault, match="column"):
        hall.router.load_rules(
            msgspec.structs.replace(hall.rules, queues={**hall.rules.queues, "sales": sales}), hall.now
        )
    assert only(hall.router.finish("first", hall.now), d.Finished)
