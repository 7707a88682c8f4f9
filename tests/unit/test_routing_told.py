"""What a waiting customer is told and when; and the judge of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.routing.told import Accuracy, Announcer, Told

RULE = Announcer(gap_s=45.0, step_s=60.0)
LAST = Told(position=5, wait_s=300.0, at=1000.0)


def test_the_first_is_told_in_whole_steps_rounded_up() -> None:
    assert RULE.decide(None, 5, 241.0, 1000.0) == LAST
    assert RULE.decide(None, 1, 0.0, 1000.0) == Told(1, 60.0, 1000.0)
    assert RULE.decide(None, 1, 60.0, 1000.0) == Told(1, 60.0, 1000.0)


def test_nothing_is_told_while_nobody_is_there_to_serve() -> None:
    assert RULE.decide(None, 1, None, 1000.0) is None
    assert RULE.decide(LAST, 1, None, 2000.0) is None


@pytest.mark.parametrize(("now", "told"), [(1044.9, False), (1045.0, True), (1045.1, True)])
def test_the_gap_is_kept(now: float, told: bool) -> None:
    assert (RULE.decide(LAST, 4, 200.0, now) is not None) == told


@pytest.mark.parametrize(
    ("position", "wait_s", "told"),
    [
        (4, 300.0, True),
        (5, 240.0, True),
        (4, 240.0, True),
        (5, 300.0, False),
        (5, 241.0, False),
        (4, 301.0, False),
        (6, 100.0, False),
        (6, 400.0, False),
    ],
)
def test_only_good_news_is_told_again(position: int, wait_s: float, told: bool) -> None:
    assert (RULE.decide(LAST, position, wait_s, 1100.0) is not None) == told
    assert Announcer(only_better=False).decide(LAST, position, wait_s, 1100.0) is not None


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 3000), st.floats(0, 100)), max_size=60))
def test_what_one_hears_only_ever_gets_better(seen: list[tuple[int, float, float]]) -> None:
    last: Told | None = None
    now = 0.0
    for position, wait_s, gap in seen:
        now += gap
        told = RULE.decide(last, position, wait_s, now)
        if told is not None and last is not None:
            assert told.position <= last.position and told.wait_s <= last.wait_s
            assert now - last.at >= RULE.gap_s
        last = told or last


def test_accuracy() -> None:
    judge = Accuracy()
    assert judge.bias_s() is judge.mae_s() is judge.within_quarter_pct() is judge.within_minute_pct() is None
    for estimate_s, waited_s in ((100.0, 80.0), (100.0, 79.0), (100.0, 200.0), (0.0, 0.0), (60.0, 0.0)):
        judge.came_true(estimate_s, waited_s)
    judge.never_known()
    assert (judge.judged, judge.unknown) == (5, 1)
    assert judge.bias_s() == pytest.approx((20 + 21 - 100 + 0 + 60) / 5)
    assert judge.mae_s() == pytest.approx((20 + 21 + 100 + 0 + 60) / 5)
    assert judge.within_quarter_pct() == 40
    assert judge.within_minute_pct() == 80


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 3600)), min_size=1))
def test_the_bias_is_never_above_the_mean_error(pairs: list[tuple[float, float]]) -> None:
    judge = Accuracy()
    for estimate_s, waited_s in pairs:
        judge.came_true(estimate_s, waited_s)
    bias_s, mae_s = judge.bias_s(), judge.mae_s()
    assert bias_s is not None and mae_s is not None
    assert abs(bias_s) <= mae_s * (1 + 1e-9)
    assert judge.judged == len(pairs)
