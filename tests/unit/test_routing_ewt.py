"""Estimated waits: their laws over any events, the same after a restart, and better than the plain mean."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.routing.ewt import (
    COMING_S,
    ESTIMATORS,
    MOST_PRIORITIES,
    PRIOR,
    STRAIN_S,
    Confidence,
    Ewt,
    EwtRule,
    EwtState,
    time_through,
)
from tests.unit.waiting_pool import FIRST, Load, WaitingPool

KINDS = ("entered", "first", "left", "abandoned", "bridged", "finished", "staffed")
BY_LENGTH = ("pace", "queue_length_patience", "queue_length")
names = st.sampled_from(sorted(ESTIMATORS))
events = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.floats(0, 400)), min_size=1, max_size=120
)
rules = st.builds(
    EwtRule,
    estimator=names,
    aht_s=st.floats(1, 2000),
    patience_s=st.one_of(st.just(0.0), st.floats(1, 2000)),
    most_s=st.floats(60, 20_000),
)


def play(ewt: Ewt, told: list[tuple[str, int, float]], now: float = 0.0) -> float:
    for what, who, gap in told:
        now += gap
        if what == "first":
            ewt.entered(f"{who}", now, who % 3)
        else:
            getattr(ewt, what)(who if what == "staffed" else f"{who}", now)
    return now


def encode(ewt: Ewt) -> bytes:
    return msgspec.msgpack.encode(ewt.state)


# -- laws --------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(rules, events, st.integers(1, 500), st.floats(0, 5000))
def test_an_estimate_is_bounded_and_none_when_nobody_is_there(
    rule: EwtRule, told: list[tuple[str, int, float]], position: int, later: float
) -> None:
    ewt = Ewt(rule)
    now = play(ewt, told) + later
    found = ewt.estimate(position, now)
    assert (found is None) == (not ewt.state.agents) == (ewt.confidence() is Confidence.NONE)
    assert found is None or 0 <= found <= rule.most_s
    assert ewt.taken_per_s() > 0 and ewt.given_up_per_s() >= 0 and ewt.aht_s() > 0


@settings(deadline=None)
@given(rules.filter(lambda rule: rule.estimator in BY_LENGTH), events, st.integers(1, 100))
def test_by_length_of_the_queue_who_stands_further_back_never_waits_less(
    rule: EwtRule, told: list[tuple[str, int, float]], position: int
) -> None:
    ewt = Ewt(rule)
    now = play(ewt, told)
    ewt.staffed(ewt.state.agents + 1, now)
    here, behind = ewt.estimate(position, now), ewt.estimate(position + 1, now)
    assert here is not None and behind is not None and here <= behind * (1 + 1e-9)


@settings(deadline=None)
@given(rules, events, st.integers(1, 100), st.integers(-1, 3), st.sampled_from([0.0, 0.001, 0.1]))
def test_who_has_a_higher_priority_never_waits_longer_at_the_same_place(
    rule: EwtRule, told: list[tuple[str, int, float]], position: int, priority: int, ages: float
) -> None:
    ewt = Ewt(rule)
    now = play(ewt, told)
    ewt.staffed(ewt.state.agents + 1, now)
    found = [ewt.estimate(position, now, each, ages) for each in (priority, priority + 1, None)]
    lower, higher, alone = (each for each in found if each is not None)
    assert alone * (1 - 1e-9) <= higher * (1 - 1e-9) <= lower <= rule.most_s


@settings(deadline=None)
@given(rules, events, events)
def test_a_restart_in_between_changes_nothing(
    rule: EwtRule, before: list[tuple[str, int, float]], after: list[tuple[str, int, float]]
) -> None:
    through = Ewt(rule)
    now = play(through, before)
    again = Ewt(rule, msgspec.msgpack.decode(encode(through), type=EwtState))
    for ewt in (through, again):
        end = play(ewt, after, now)
    assert encode(through) == encode(again)
    assert list(through.state.waiting) == list(again.state.waiting)
    assert through.estimate(3, end) == again.estimate(3, end)


@settings(deadline=None)
@given(rules, events)
def test_told_twice_counts_once(rule: EwtRule, told: list[tuple[str, int, float]]) -> None:
    once, twice = Ewt(rule), Ewt(rule)
    play(once, told)
    play(twice, [each for what, who, gap in told for each in ((what, who, gap), (what, who, 0.0))])
    assert encode(once) == encode(twice)


@settings(deadline=None)
@given(st.integers(1, 400), st.floats(1e-4, 10), st.floats(0, 2))
def test_the_closed_form_is_the_sum(position: int, served: float, given_up: float) -> None:
    plain = math.fsum(1 / (served + k * given_up) for k in range(position))
    assert time_through(position, served, given_up) == pytest.approx(plain, rel=1e-9)


def test_the_closed_form_holds_where_hardly_anybody_gives_up() -> None:
    assert time_through(10_000, 2.0, 1e-15) == pytest.approx(5_000)
    assert time_through(10_000, 2.0, 1e-300) == pytest.approx(5_000)


# -- what each says ----------------------------------------------------------------------------------------


def opened(rule: EwtRule, agents: int = 2) -> Ewt:
    ewt = Ewt(rule)
    ewt.staffed(agents, 1000.0)
    return ewt


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_a_cold_start_rests_on_the_configured_handling_time(name: str) -> None:
    ewt = opened(EwtRule(name, aht_s=240.0))
    ewt.entered("1", 1000.0)
    assert ewt.estimate(1, 1000.0) == 120
    assert ewt.confidence() is Confidence.GUESS


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        Ewt(EwtRule("crystal ball"))


@pytest.mark.parametrize("name", BY_LENGTH)
def test_an_agent_who_leaves_counts_at_once(name: str) -> None:
    ewt = opened(EwtRule(name, aht_s=240.0))
    ewt.staffed(1, 1000.0)
    assert ewt.estimate(1, 1000.0) == 240
    ewt.staffed(0, 1000.0)
    assert ewt.estimate(1, 1000.0) is None


def test_those_who_will_give_up_shorten_the_wait() -> None:
    known = opened(EwtRule(aht_s=240.0, patience_s=120.0)).estimate(20, 1000.0)
    assert known == pytest.approx(sum(1 / (2 / 240 + k / 120) for k in range(20)))
    assert opened(EwtRule("queue_length", aht_s=240.0, patience_s=120.0)).estimate(20, 1000.0) == 2400


def test_what_is_seen_overtakes_what_is_configured() -> None:
    ewt = opened(EwtRule(aht_s=240.0))
    for number in range(400):
        ewt.entered(f"{number}", 1000.0 + 60 * number)
        ewt.bridged(f"{number}", 1000.0 + 60 * number)
        ewt.finished(f"{number}", 1060.0 + 60 * number)
        expected = (Confidence.GUESS, Confidence.FAIR, Confidence.GOOD)
        assert ewt.confidence() is expected[(number >= 10) + (number >= 57)]
    assert ewt.aht_s() == pytest.approx(60, rel=0.2)


def test_one_who_hangs_up_at_once_does_not_count_for_all() -> None:
    ewt = opened(EwtRule(aht_s=240.0))
    ewt.entered("1", 1000.0)
    ewt.abandoned("1", 1000.1)
    assert ewt.given_up_per_s() == pytest.approx(1 / 240, rel=1e-2)


@pytest.mark.parametrize(("waited_s", "counts"), [(STRAIN_S, False), (STRAIN_S + 0.01, True)])
def test_only_who_waited_longer_than_phones_ring_shows_the_pace(waited_s: float, counts: bool) -> None:
    ewt = opened(EwtRule())
    ewt.entered("1", 1000.0)
    ewt.bridged("1", 1000.0 + waited_s)
    assert (ewt.state.taken > 0) == (ewt.state.strained_s > 0) == counts


def test_agents_who_serve_other_queues_too_count_for_what_they_give() -> None:
    ewt = opened(EwtRule(aht_s=100.0), agents=4)
    for number in range(2000):
        ewt.entered(f"{number}", 1000.0 + 50 * number)
        if number >= 4:
            ewt.bridged(f"{number - 4}", 1000.0 + 50 * number)
            ewt.finished(f"{number - 4}", 1000.0 + 50 * number + 100)
    assert ewt.aht_s() == pytest.approx(100)
    assert 1 / ewt.taken_per_s() == pytest.approx(200, rel=0.05), "each gives this queue half of the time"
    assert ewt.state.taken > PRIOR


def coming(every_s: float, priority: int, agents: int = 2, hours: int = 3) -> tuple[Ewt, float]:
    """A fold to which one of a priority came so often, and was sent elsewhere; and when that was."""
    ewt = opened(EwtRule(aht_s=240.0), agents)
    now = 1000.0
    for number in range(int(hours * 3600 / every_s)):
        now += every_s
        ewt.entered(f"{number}", now, priority)
        ewt.left(f"{number}", now)
    return ewt, now


def test_those_who_will_go_ahead_take_their_share_of_the_pace() -> None:
    ewt, now = coming(240.0, priority=5)
    alone = ewt.estimate(3, now, 5)
    assert alone == ewt.estimate(3, now) == 360
    assert ewt.estimate(3, now, 0) == pytest.approx(720, rel=0.1), "half of what two agents take"


def test_a_rate_that_was_seen_for_a_short_time_is_not_blown_up() -> None:
    ewt, now = coming(10.0, priority=5, agents=8, hours=0)
    assert not ewt.state.coming
    for number in range(3):
        ewt.entered(f"{number}", now, 5)
    found = ewt.estimate(4, now, 0)
    assert found is not None and found == pytest.approx(120 / (1 - 3 / 276 * 30), rel=0.02), "3 in 300 s"


def test_where_waiting_ages_they_go_ahead_as_long_as_the_lead_lasts() -> None:
    ewt, now = coming(240.0, priority=5)
    minute = 5 / 60
    assert ewt.estimate(3, now, 0, ages_per_s=minute / 1) == pytest.approx(360 + 60 * 0.5, rel=0.05)
    assert ewt.estimate(3, now, 0, ages_per_s=minute / 1000) == ewt.estimate(3, now, 0)


def test_rates_fade_and_the_priorities_that_are_kept_are_bounded() -> None:
    ewt, now = coming(240.0, priority=5)
    found = ewt.estimate(3, now + 10 * COMING_S, 0)
    assert found == pytest.approx(360, rel=0.01)
    for number in range(3 * MOST_PRIORITIES):
        ewt.entered(f"x{number}", now, 100 + number)
    assert len(ewt.state.coming) == MOST_PRIORITIES and 5 in ewt.state.coming


def test_head_of_line_and_last_wait() -> None:
    head, last = opened(EwtRule("head_of_line", aht_s=240.0)), opened(EwtRule("last_wait", aht_s=240.0))
    for ewt in (head, last):
        ewt.entered("1", 1000.0)
        ewt.bridged("1", 1030.0)
        ewt.entered("2", 1040.0)
        ewt.entered("3", 1060.0)
        ewt.entered("4", 1100.0)
    assert head.estimate(3, 1100.0) == 60
    assert head.estimate(1, 1100.0) == 20
    assert last.estimate(3, 1100.0) == last.estimate(1, 1100.0) == 30
    head.left("2", 1100.0)
    assert head.estimate(2, 1100.0) == 40, "the third is the oldest now"
    head.abandoned("3", 1100.0)
    assert head.estimate(1, 1100.0) == 30, "nobody ahead: as the last one"


def test_the_mean_fades() -> None:
    ewt = opened(EwtRule("mean_wait", aht_s=240.0))
    for number, (at, wait_s) in enumerate(((1000.0, 10.0), (1000.0, 30.0), (90_000.0, 100.0))):
        ewt.entered(f"{number}", at)
        ewt.bridged(f"{number}", at + wait_s)
        if number == 1:
            assert ewt.estimate(1, at + wait_s) == pytest.approx(20, rel=0.01)
    assert ewt.estimate(1, 90_100.0) == pytest.approx(100)


# -- how true they are --------------------------------------------------------------------------------------

LOADS = {
    "30 agents, load 0.95": Load(30, 0.95, patience_s=300.0),
    "10 agents, load 1.0": Load(10, 1.0, patience_s=300.0),
    "50 agents, load 1.2": Load(50, 1.2, patience_s=300.0),
}
SHARED = Load(30, 0.5, patience_s=300.0, elsewhere=0.6)


def mean_errors(load: Load, seed: int = 20_261_125) -> dict[str, float]:
    found = {name: each.mae_s() for name, each in WaitingPool(load, seed).run(4000).accuracy.items()}
    return {name: mae_s for name, mae_s in found.items() if mae_s is not None}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS.keys())
def test_the_default_errs_far_less_than_the_plain_mean(load: Load) -> None:
    mae_s = mean_errors(load)
    assert mae_s["pace"] < 0.7 * mae_s["mean_wait"], mae_s
    assert mae_s["pace"] < min(mae_s["head_of_line"], mae_s["last_wait"]), mae_s
    assert mae_s["pace"] < 1.05 * mae_s["queue_length_patience"], mae_s


def test_where_agents_serve_two_queues_the_default_is_the_best() -> None:
    mae_s = mean_errors(SHARED)
    assert min(mae_s, key=mae_s.__getitem__) == "pace", mae_s
    assert mae_s["pace"] < 0.8 * mae_s["mean_wait"], mae_s


def test_one_fold_a_priority_does_not_promise_the_overtaken_too_much() -> None:
    """Half of the customers go before ours: QLa is far too short for ours, the learned pace is not."""
    pool = WaitingPool(Load(30, 0.5, patience_s=300.0, elsewhere=0.5, elsewhere_first=True), 5).run(4000)
    learned, plain, head = (pool.accuracy[name] for name in ("pace", "queue_length_patience", "head_of_line"))
    bias_s, plain_bias_s = learned.bias_s() or 0.0, plain.bias_s() or 0.0
    assert plain_bias_s < -20 and abs(bias_s) < 8, (plain_bias_s, bias_s)
    assert (learned.mae_s() or 0.0) < 0.9 * (head.mae_s() or 0.0)


@pytest.mark.parametrize("first", [0.3, 0.5])
def test_who_is_served_later_is_not_promised_too_little(first: float) -> None:
    pool = WaitingPool(Load(20, 1.05, patience_s=400.0, first=first), seed=3).run(6000)
    told, without = pool.counting[0], pool.ignoring[0]
    wait_s = pool.waits_s / (told.judged + pool.counting[FIRST].judged)
    bias_s, before_s = told.bias_s(), without.bias_s()
    assert bias_s is not None and before_s is not None
    assert before_s < -0.2 * wait_s, "what it was"
    assert abs(bias_s) < abs(before_s) / 2
    first_s = pool.counting[FIRST].bias_s()
    assert first_s is not None and abs(first_s) < 0.2 * wait_s
