"""The deadline timer: due once, not early, never in a circle."""

from collections.abc import Callable
from typing import Any

import pytest

from ccd.runtime.timers import LAG_S, LONGEST_S, DeadlineTimer


class Handle:
    def __init__(self, at: float, callback: Callable[..., Any]) -> None:
        self.at, self.callback, self.live = at, callback, True

    def cancel(self) -> None:
        self.live = False


class Loop:
    """Clock and loop in one; `early` lets every timer fire that much too soon, as uvloop's may."""

    def __init__(self) -> None:
        self.time, self.early, self.handles, self.made = 1000.0, 0.0, list[Handle](), 0

    def now(self) -> float:
        return self.time

    def call_later(self, delay: float, callback: Callable[..., Any]) -> Any:
        assert delay > 0
        self.made += 1
        self.handles.append(Handle(self.time + delay, callback))
        return self.handles[-1]

    def run_until(self, end: float) -> None:
        while due := [each for each in self.handles if each.live and each.at - self.early <= end]:
            first = min(due, key=lambda each: each.at)
            self.time = max(self.time, first.at - self.early)
            first.live = False
            first.callback()
        self.time = end


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def due(loop: Loop) -> list[float]:
    return []


@pytest.fixture
def timer(loop: Loop, due: list[float]) -> DeadlineTimer:
    return DeadlineTimer(loop, loop.now, lambda: due.append(loop.time))


def test_it_is_due_at_the_deadline_and_not_before(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1005.0)
    loop.run_until(1004.999)
    assert due == []
    loop.run_until(1005.0)
    assert due == [1005.0]
    loop.run_until(2000.0)
    assert due == [1005.0]


def test_a_loop_that_fires_early_is_waited_for(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    loop.early = 0.0004
    timer.set(1005.0)
    loop.run_until(1006.0)
    assert len(due) == 1 and due[0] >= 1005.0


def test_an_earlier_deadline_takes_over(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1005.0)
    timer.set(1002.0)
    loop.run_until(1002.0)
    assert due == [1002.0]


def test_a_deadline_that_moves_back_costs_no_new_wait(
    loop: Loop, timer: DeadlineTimer, due: list[float]
) -> None:
    timer.set(1005.0)
    for step in range(100):
        timer.set(1006.0 + step)
    assert loop.made == 1
    loop.run_until(1104.9)
    assert due == [] and loop.made == 2
    loop.run_until(1105.0)
    assert due == [1105.0]


def test_a_deadline_taken_away_is_not_due(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1005.0)
    timer.set(None)
    loop.run_until(1010.0)
    assert due == []
    timer.set(1012.0)
    loop.run_until(1012.0)
    assert due == [1012.0]


def test_one_fact_at_a_time_until_it_was_taken(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1001.0)
    loop.run_until(1001.0)
    timer.set(1001.0)  # other facts are turned before TimePassed has its turn
    loop.run_until(1003.0)
    assert due == [1001.0]
    timer.taken()
    timer.set(1004.0)
    loop.run_until(1004.0)
    assert due == [1001.0, 1004.0]


def test_an_engine_that_forgets_to_move_its_deadline_does_not_spin(
    loop: Loop, timer: DeadlineTimer, due: list[float]
) -> None:
    timer.set(1001.0)
    while loop.time < 1002.0:
        loop.run_until(loop.time + 0.001)
        if due:
            timer.taken()
            timer.set(1001.0)
    assert 1 < len(due) <= 1 + 1.0 / LAG_S


def test_a_past_deadline_is_due_though_facts_never_cease(
    loop: Loop, timer: DeadlineTimer, due: list[float]
) -> None:
    for _ in range(100):
        timer.set(999.0)
        loop.run_until(loop.time + 0.0005)
    assert len(due) == 1


def test_a_deadline_long_past_is_due_at_once(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(3.0)
    loop.run_until(1000.01)
    assert len(due) == 1


def test_a_step_of_the_clock_is_noticed(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1500.0)
    loop.time = 1600.0
    timer.refresh()
    live = [each for each in loop.handles if each.live]
    assert len(live) == 1 and live[0].at < 1600.1
    loop.run_until(1600.1)
    assert len(due) == 1


def test_stopped_it_is_silent(loop: Loop, timer: DeadlineTimer, due: list[float]) -> None:
    timer.set(1001.0)
    timer.stop()
    loop.run_until(1100.0)
    assert due == []


@pytest.mark.parametrize("away_s", [LONGEST_S, 3e8, 1e10, 1e300, float("inf")])
def test_no_wait_is_longer_than_a_day(
    loop: Loop, timer: DeadlineTimer, due: list[float], away_s: float
) -> None:
    """Whatever a deadline says: a wait of years overflows in some C library."""
    began = loop.time
    timer.set(began + away_s)
    assert max(each.at - loop.time for each in loop.handles if each.live) <= LONGEST_S
    loop.run_until(began + 10 * LONGEST_S)
    assert max(each.at - loop.time for each in loop.handles) <= LONGEST_S
    assert due == ([began + away_s] if away_s == LONGEST_S else [])
    timer.set(loop.time + 5.0)  # an earlier one is not missed
    loop.run_until(loop.time + 6.0)
    assert len(due) == 1 or away_s == LONGEST_S
