"""Erlang B, C and A against tables of exact fractions and of a numeric Markov chain; and their laws."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import Refused
from ccd.history.erlang import MOST_AGENTS, ErlangA, ErlangC, blocking, load_erl

SIX = 1e-6
"""Six digits, of the value."""

B = [
    (1, 0.5, 0.3333333333), (2, 1, 0.2), (5, 4, 0.1990668740), (10, 8, 0.121661064), (20, 18, 0.1092128459),
    (24, 15, 0.0083935057), (100, 90, 0.0269573805), (200, 190, 0.027968164), (1000, 1000, 0.0248119176),
    (5000, 5000, 0.0111993583), (12.5, 10, 0.1010294232),
]  # fmt: skip
C = [
    (2, 1, 0.333333333), (5, 4, 0.554112554), (10, 8, 0.409180151), (50, 45, 0.363864467),
    (200, 190, 0.365263857),
]  # fmt: skip
C_FIGURES = [
    (200 / 3600, 240, 14, 20, 0.803211925, 289.1562930, 0.240194074, 16.06423850, 0.95238095),
    (200 / 3600, 240, 15, 20, 0.565569667, 81.4420321, 0.507770734, 4.52455734, 0.88888889),
    (0.05, 180, 10, 20, 0.668731524, 120.3716743, 0.401592740, 6.01858372, 0.90000000),
    (0.05, 180, 12, 20, 0.266034684, 15.9620811, 0.809377819, 0.79810405, 0.75000000),
    (0.5, 200, 105, 20, 0.515707427, 20.6282971, 0.687207634, 10.31414854, 0.95238095),
    (0.5, 200, 110, 20, 0.237007500, 4.7401500, 0.912809813, 2.37007500, 0.90909091),
    (3, 300, 930, 30, 0.228000476, 2.2800048, 0.988648525, 6.84001429, 0.96774194),
    (1 / 300, 240, 2, 20, 0.228571429, 45.7142857, 0.793180019, 0.15238095, 0.40000000),
]
A_FIGURES = [
    (0.05, 180, 120, 10, 20,
     0.379261550, 0.097091431, 11.6509718, 9.9933354, 0.81261771, 0.739354147, 0.048328099, 0.212317754),
    (0.05, 180, 120, 8, 20,
     0.622396702, 0.205690692, 24.6828830, 22.3067531, 0.89359797, 0.507004710, 0.085118157, 0.407877133),
    (200 / 3600, 240, 180, 14, 20,
     0.435419150, 0.093448949, 16.8208108, 15.1321710, 0.86338195, 0.680279436, 0.039364343, 0.280356221),
    (0.5, 200, 90, 100, 20,
     0.417658789, 0.047693947, 4.2924552, 4.0872113, 0.95230605, 0.902802750, 0.043967221, 0.053230029),
    (0.5, 200, 90, 95, 10,
     0.580154283, 0.077668578, 6.9901720, 6.7776237, 0.97087518, 0.658391731, 0.047965782, 0.293642487),
    (2, 300, 100, 500, 20,
     0.992313720, 0.166736808, 16.6736808, 17.9440903, 0.99991583, 0.508476506, 0.147801608, 0.343721887),
]  # fmt: skip

agents = st.integers(1, 400)
aht_s = st.floats(10, 1000)
ratio = st.floats(0.05, 1.8)
"""Load over agents."""
patience_s = st.floats(5, 2000)
times_s = st.floats(0, 600)


def rate(agents: int, ratio: float, aht_s: float) -> float:
    """Calls an hour that make this load an agent."""
    return agents * ratio / aht_s * 3600


@pytest.mark.parametrize(("agents", "load", "value"), B)
def test_b(agents: float, load: float, value: float) -> None:
    assert blocking(agents, load) == pytest.approx(value, rel=SIX)


@pytest.mark.parametrize("agents", [0.3, 0.9, 1.5, 7.25])
@pytest.mark.parametrize("load", [0.01, 1.0, 2.2, 5.0, 60.0])
def test_b_of_a_fraction_is_the_integral(agents: float, load: float) -> None:
    """1 / B = ∫ e^-u (1 + u / load)^agents du, by Simpson's rule."""
    steps, end = 20_000, 100.0
    ordinates = (
        math.exp(-end * k / steps) * (1 + end * k / steps / load) ** agents * (4 if k % 2 else 2)
        for k in range(1, steps)
    )
    assert 1 / blocking(agents, load) == pytest.approx((math.fsum(ordinates) + 1) * end / steps / 3, rel=SIX)


@pytest.mark.parametrize(("agents", "load", "value"), C)
def test_c(agents: int, load: float, value: float) -> None:
    assert ErlangC(agents, load * 3600, 1.0).p_wait == pytest.approx(value, rel=SIX)


@pytest.mark.parametrize("row", C_FIGURES)
def test_figures_of_c(row: tuple[float, ...]) -> None:
    arrivals, aht, agents, t, *expected = row
    pool = ErlangC(int(agents), arrivals * 3600, aht)
    found = (pool.p_wait, pool.asa_s, pool.served_within(t), pool.waiting, pool.occupancy)
    assert found == pytest.approx(tuple(expected), rel=SIX)
    assert pool.wait_mean_s == pool.asa_s
    assert pool.p_abandon == pool.abandons_within(t) == 0


@pytest.mark.parametrize("row", A_FIGURES)
def test_figures_of_a(row: tuple[float, ...]) -> None:
    arrivals, aht, patience, agents, t, *expected = row
    pool = ErlangA(int(agents), arrivals * 3600, aht, patience)
    found = (
        pool.p_wait, pool.p_abandon, pool.wait_mean_s, pool.asa_s, pool.occupancy,
        pool.served_within(t), pool.abandons_within(t), pool.waits_over(t),
    )  # fmt: skip
    assert found == pytest.approx(tuple(expected), rel=SIX)


@settings(deadline=None)
@given(agents, ratio, aht_s)
def test_who_may_wait_waits_more_often_than_who_may_not_is_lost(c: int, ratio: float, aht: float) -> None:
    calls = rate(c, ratio, aht)
    assert 0 <= blocking(c, load_erl(calls, aht)) <= ErlangC(c, calls, aht).p_wait + 1e-12 <= 1 + 2e-12


@settings(deadline=None)
@given(agents, ratio, aht_s, patience_s, times_s)
def test_impatience_lies_between_loss_and_endless_patience(
    c: int, ratio: float, aht: float, patience: float, t: float
) -> None:
    calls = rate(c, ratio, aht)
    some, endless = ErlangA(c, calls, aht, patience), ErlangC(c, calls, aht)
    assert blocking(c, load_erl(calls, aht)) <= some.p_wait + 1e-12
    assert some.p_wait <= endless.p_wait + 1e-12
    assert some.waits_over(t) <= endless.waits_over(t) + 1e-12
    assert some.wait_mean_s <= endless.wait_mean_s * (1 + 1e-9)


@settings(deadline=None)
@given(agents, ratio, aht_s, patience_s, times_s)
def test_every_arrival_is_accounted_for(c: int, ratio: float, aht: float, patience: float, t: float) -> None:
    pool = ErlangA(c, rate(c, ratio, aht), aht, patience)
    parts = pool.served_within(t), pool.abandons_within(t), pool.waits_over(t)
    assert all(-1e-12 <= part <= 1 + 1e-12 for part in parts)
    assert sum(parts) == pytest.approx(1)
    assert pool.waits_over(0) == pytest.approx(pool.p_wait)
    assert pool.served_within(0) == pytest.approx(1 - pool.p_wait, abs=1e-12)
    late = 60 * (patience + aht)
    assert pool.served_within(late) == pytest.approx(1 - pool.p_abandon, abs=1e-9)
    assert pool.abandons_within(late) == pytest.approx(pool.p_abandon, abs=1e-9)
    assert pool.occupancy * c == pytest.approx(pool.load * (1 - pool.p_abandon))
    all_waits = pool.asa_s * (1 - pool.p_abandon)
    assert all_waits <= pool.wait_mean_s * (1 + 1e-9) + 1e-12, "the lost ones have waited too"


@settings(deadline=None)
@given(agents, ratio, aht_s, patience_s, times_s)
def test_one_agent_more_makes_everything_better(
    c: int, ratio: float, aht: float, patience: float, t: float
) -> None:
    calls = rate(c, ratio, aht)
    assert blocking(c + 1, load_erl(calls, aht)) <= blocking(c, load_erl(calls, aht))
    for fewer, more in (
        (ErlangC(c, calls, aht), ErlangC(c + 1, calls, aht)),
        (ErlangA(c, calls, aht, patience), ErlangA(c + 1, calls, aht, patience)),
    ):
        assert more.p_wait <= fewer.p_wait + 1e-12
        assert more.p_abandon <= fewer.p_abandon + 1e-12
        assert more.occupancy <= fewer.occupancy + 1e-12
        assert more.asa_s <= fewer.asa_s * (1 + 1e-9) + 1e-12
        assert more.served_within(t) >= fewer.served_within(t) - 1e-10  # a difference of numbers near 1


@settings(deadline=None)
@given(st.integers(1, 100), st.floats(0.05, 0.95), aht_s, times_s)
def test_a_becomes_c_with_patience(c: int, ratio: float, aht: float, t: float) -> None:
    calls = rate(c, ratio, aht)
    endless, former = ErlangC(c, calls, aht), math.inf
    for patience in (1e2, 1e4, 1e6):
        patient = ErlangA(c, calls, aht, patience * aht)
        off = endless.asa_s - patient.asa_s
        assert -1e-9 * endless.asa_s <= off <= former
        former = off
    for name in ("p_wait", "asa_s", "wait_mean_s", "waiting", "occupancy"):
        assert getattr(patient, name) == pytest.approx(getattr(endless, name), rel=1e-2)
    assert patient.served_within(t) == pytest.approx(endless.served_within(t), abs=1e-3)
    assert patient.p_abandon < 1e-3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.floats(0.1, 3), aht_s, st.floats(5, 300))
def test_the_line_is_the_stationary_one_of_the_chain(
    c: int, ratio: float, aht: float, patience: float
) -> None:
    """Balance of births and deaths summed plainly, state by state."""
    load, per_patience = c * ratio, aht / patience
    weights = [1.0]
    most = c + round((load + 40) / per_patience) + 200
    for k in range(1, most):
        weights.append(weights[-1] * load / (min(k, c) + max(0, k - c) * per_patience))
        if weights[-1] > 1e250:
            weights = [weight / 1e250 for weight in weights]
    whole = math.fsum(weights)
    pool = ErlangA(c, rate(c, ratio, aht), aht, patience)
    assert pool.p_wait == pytest.approx(math.fsum(weights[c:]) / whole, rel=1e-9)
    line = math.fsum(weight * max(0, k - c) for k, weight in enumerate(weights)) / whole
    assert pool.waiting == pytest.approx(line, rel=1e-9)


@pytest.mark.parametrize("load", [9_000, 9_990, 10_000, 12_000])
def test_ten_thousand_agents_lose_no_digits(load: float) -> None:
    """The parts stay a whole where e^(-load) is below any float."""
    calls = load * 3600 / 300
    pool = ErlangA(MOST_AGENTS, calls, 300, 120)
    parts = pool.served_within(20), pool.abandons_within(20), pool.waits_over(20)
    assert sum(parts) == pytest.approx(1)
    assert pool.occupancy == pytest.approx(min(1, load / 10_000), rel=0.01)
    assert 0 <= ErlangC(MOST_AGENTS, calls, 300).p_wait <= 1
    if load == 12_000:
        assert pool.p_abandon == pytest.approx(1 / 6, rel=1e-6), "what exceeds the capacity gives up"


def test_an_overloaded_pool_without_abandonment_has_no_end() -> None:
    pool = ErlangC(10, 200, 180)
    assert pool.load == 10 == ErlangC(10, 200, 180).load
    assert (pool.p_wait, pool.asa_s, pool.waiting, pool.occupancy) == (1, math.inf, math.inf, 1)
    assert pool.served_within(1000) == 0


def test_nothing_comes_of_no_calls() -> None:
    for pool in (ErlangC(3, 0, 300), ErlangA(3, 0, 300, 60)):
        assert (pool.p_wait, pool.p_abandon, pool.asa_s, pool.waiting, pool.occupancy) == (0, 0, 0, 0, 0)
        assert pool.served_within(0) == 1
        assert pool.waits_over(0) == 0
    assert blocking(0, 0) == 1 and blocking(3, 0) == 0


@pytest.mark.parametrize(
    ("agents", "calls", "aht", "patience", "code"),
    [
        (0, 100, 100, 60, "erlang.agents"),
        (MOST_AGENTS + 1, 100, 100, 60, "erlang.agents"),
        (5, -1, 100, 60, "erlang.calls"),
        (5, math.inf, 100, 60, "erlang.calls"),
        (5, math.nan, 100, 60, "erlang.calls"),
        (5, 100, 0, 60, "erlang.aht"),
        (5, 100, 100, 0, "erlang.patience"),
        (5, 100, 100, math.inf, "erlang.patience"),
        (5, 100, math.inf, 60, "erlang.aht"),
        (5, 1e6, 100, 86_400, "erlang.waiting"),
    ],
)
def test_figures_that_mean_nothing_are_refused(
    agents: int, calls: float, aht: float, patience: float, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        ErlangA(agents, calls, aht, patience)
    assert caught.value.code == code
    assert " — " in caught.value.message
