"""Staffing: the reference numbers, every kind of target, shrinkage; and the demand read from records."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError, Misconfigured, Refused
from ccd.history.demand import Demand, count, intervals, queues_of, total
from ccd.history.erlang import ErlangC
from ccd.history.staffing import Target, Traffic, agents_needed, forecast, holds, pool, scheduled
from ccd.history.state import Note, Record
from ccd.model.nouns import ChannelClass

EIGHTY_TWENTY = Target(service_level_pct=80.0, within_s=20.0)


@pytest.mark.parametrize(
    ("calls", "aht", "patience", "agents", "level"),
    [
        (100, 180, 0, 8, 0.880148),
        (100, 180, 120, 7, 0.845664),
        (200, 240, 0, 17, 0.810435),
        (200, 240, 120, 16, 0.855862),
        (500, 300, 0, 48, 0.834927),
        (500, 300, 120, 43, 0.814140),
        (2000, 240, 0, 142, 0.828544),
        (2000, 240, 120, 128, 0.812797),
    ],
)
def test_eighty_twenty(calls: float, aht: float, patience: float, agents: int, level: float) -> None:
    traffic = Traffic(calls, aht, patience)
    assert agents_needed(traffic, EIGHTY_TWENTY) == agents
    assert forecast(traffic, agents, 20).service_level_pct == pytest.approx(100 * level, rel=1e-6)


targets = st.one_of(
    st.builds(Target, service_level_pct=st.floats(1, 99.9), within_s=st.floats(0, 120)),
    st.builds(Target, asa_s=st.floats(0.1, 300)),
    st.builds(Target, abandon_pct=st.floats(0.1, 50)),
    st.builds(Target, occupancy_pct=st.floats(20, 99)),
    st.builds(Target, asa_s=st.floats(1, 60), service_level_pct=st.floats(1, 99), occupancy_pct=st.just(85)),
)  # fmt: skip


@settings(deadline=None)
@given(st.floats(0.5, 3000), st.floats(20, 900), st.floats(10, 600), targets)
def test_the_number_is_the_smallest_that_holds_the_target(
    calls: float, aht: float, patience: float, target: Target
) -> None:
    traffic = Traffic(calls, aht, patience)
    needed = agents_needed(traffic, target)
    assert holds(pool(traffic, needed), target)
    assert needed == 1 or not holds(pool(traffic, needed - 1), target)


def figures(most: float) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(0, most), st.floats())


@settings(deadline=None)
@given(figures(1e7), figures(1e5), figures(1e6), targets)
@example(1.797e308, 1.0, 3601.0, Target(asa_s=1.0))  # more arrivals in a patience than a number can say
def test_any_figures_give_a_number_or_a_reason(
    calls: float, aht: float, patience: float, target: Target
) -> None:
    reason = ""
    try:
        needed = agents_needed(Traffic(calls, aht, patience), target)
    except CcdError as error:
        needed, reason = -1, error.message
    assert (needed >= 0) != (" — " in reason)


def test_several_targets_are_held_at_once() -> None:
    traffic = Traffic(500, 300, 120)
    alone = [
        agents_needed(traffic, each)
        for each in (EIGHTY_TWENTY, Target(asa_s=3.0), Target(abandon_pct=2.0), Target(occupancy_pct=80.0))
    ]
    every = Target(service_level_pct=80.0, asa_s=3.0, abandon_pct=2.0, occupancy_pct=80.0)
    assert agents_needed(traffic, every) == max(alone) > min(alone)


def test_without_patience_the_line_has_no_end_and_nothing_is_known_of_abandonment() -> None:
    short = forecast(Traffic(240, 300), 20, 20)
    assert (short.service_level_pct, short.asa_s, short.abandon_pct, short.occupancy_pct) == (
        0,
        None,
        None,
        100,
    )
    enough = forecast(Traffic(240, 300), 24, 20)
    assert enough.asa_s == ErlangC(24, 240, 300).asa_s
    with pytest.raises(Misconfigured, match="patience") as caught:
        agents_needed(Traffic(240, 300), Target(abandon_pct=5.0))
    assert caught.value.code == "staff.patience"


def test_no_calls_need_no_agents_and_have_no_figures() -> None:
    assert agents_needed(Traffic(0, 300), EIGHTY_TWENTY) == 0
    idle = forecast(Traffic(0, 300, 60), 3, 20)
    found = (idle.service_level_pct, idle.asa_s, idle.abandon_pct, idle.wait_pct, idle.occupancy_pct)
    assert found == (None, None, None, None, 0)


def test_ten_thousand_agents_are_found_and_more_are_refused() -> None:
    assert 8_500 < agents_needed(Traffic(9_900 * 12, 300, 120), EIGHTY_TWENTY) < 8_700
    assert 9_400 < agents_needed(Traffic(9_400 * 12, 300), EIGHTY_TWENTY) < 9_600
    with pytest.raises(Refused, match="not even 10000 agents"):
        agents_needed(Traffic(20_000 * 12, 300), EIGHTY_TWENTY)


@pytest.mark.parametrize(
    "target",
    [
        Target(service_level_pct=0.0), Target(service_level_pct=101.0), Target(occupancy_pct=0.0),
        Target(service_level_pct=80.0, within_s=-1.0), Target(asa_s=-1.0), Target(abandon_pct=0.0),
    ],
)  # fmt: skip
def test_a_target_that_means_nothing_is_a_fault(target: Target) -> None:
    with pytest.raises(Misconfigured) as caught:
        agents_needed(Traffic(100, 100, 100), target)
    assert " — " in caught.value.message


def test_scheduled_heads() -> None:
    assert [scheduled(each, 30) for each in (0, 7, 17, 21)] == [0, 10, 25, 30]
    assert scheduled(22, 0) == 22
    for wrong in (-1, 100):
        with pytest.raises(Misconfigured):
            scheduled(10, wrong)


# -- demand ------------------------------------------------------------------------------------------------


def record(*notes: tuple[float, str, dict[str, str | float]]) -> Record:
    made = Record("1", "trunk", ChannelClass.VOICE, "+331", "+332", notes[0][0])
    made.timeline = [Note(at, what, details) for at, what, details in notes]
    return made


def test_all_that_becomes_of_one_counts_where_it_entered() -> None:
    quarters = intervals([0.0, 900.0, 1800.0])
    count(
        record(
            (890, "queued", {"queue": "support"}),
            (910, "bridged", {"agent": "alice", "queue": "support"}),
            (1000, "agent_left", {"agent": "alice", "talked_s": 90.0}),
            (1850, "agent_left", {"agent": "bob", "talked_s": 850.0}),
        ),
        "support",
        quarters,
    )
    first, second = quarters
    found = (first.offered, first.handled, first.abandoned, first.wait_sum_s, first.talks, first.talk_sum_s)
    assert found == (1, 1, 0, 20, 2, 940)
    assert second == Demand(900.0, 1800.0)
    assert first.calls_per_h == 4
    assert first.work_s(10) == 960, "two agents worked on it, each with a wrap-up"
    assert second.work_s(10) is None


def test_stays_elsewhere_or_on_another_day_are_left_out() -> None:
    hours = intervals([3600.0, 7200.0])
    each = record(
        (3500, "queued", {"queue": "support"}),
        (3700, "left_queue", {"queue": "support", "outcome": "overflowed"}),
        (3700, "queued", {"queue": "sales"}),
        (3760, "left_queue", {"queue": "sales", "outcome": "overflowed"}),
        (3760, "queued", {"queue": "support"}),
        (3800, "left_queue", {"queue": "support", "outcome": "abandoned"}),
        (7200, "queued", {"queue": "support"}),
        (7300, "bridged", {"queue": "support"}),
        (7400, "agent_left", {"talked_s": 100.0}),
    )
    count(each, "support", hours)
    (hour,) = hours
    assert (hour.offered, hour.handled, hour.abandoned, hour.wait_sum_s, hour.talks) == (1, 0, 1, 40, 0)
    assert hour.patience_s == 40
    assert queues_of(each) == {"support", "sales"}


def test_the_total_is_the_sum() -> None:
    parts = [Demand(0, 10, 3, 2, 1, 30.0, 2, 100.0), Demand(10, 20, 1, 1, 0, 10.0, 1, 50.0)]
    assert total(parts) == Demand(0, 20, 4, 3, 1, 40.0, 3, 150.0)
    assert total([]).work_s(0) is None
    assert total([]).patience_s is None
    assert total(parts).patience_s == 40
