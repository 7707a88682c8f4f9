"""Patience by the product-limit estimate: published data, the empirical case, and what must always hold."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.history.patience import product_limit

WAITS = st.lists(st.tuples(st.floats(0.0, 1e4), st.booleans()), max_size=60)
SHARE = st.floats(0.001, 0.999)


def test_the_remission_times_of_freireich_give_the_published_curve() -> None:
    """Freireich et al., Blood 21 (1963), 6-MP arm: the worked example of most textbooks on survival."""
    gone = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = product_limit([*((float(at), True) for at in gone), *((float(at), False) for at in censored)])
    assert found is not None
    assert found.waits == (6, 7, 10, 13, 16, 22, 23)
    published = (0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448)
    assert found.left == pytest.approx(published, abs=5e-4)
    assert found.rate == pytest.approx(9 / 359)


def test_where_all_gave_up_it_is_the_share_of_those_who_waited_longer() -> None:
    found = product_limit([(float(at), True) for at in range(1, 11)])
    assert found is not None
    assert found.still_there(3.5) == pytest.approx(0.7)
    assert found.quantile(0.5) == 5.0


def test_who_waited_already_is_drawn_from_those_who_waited_as_long() -> None:
    found = product_limit([(float(at), True) for at in range(1, 11)])
    assert found is not None
    assert found.quantile(0.001, 6.0) == 7.0
    assert found.quantile(0.999, 6.0) == 10.0


def test_beyond_the_longest_wait_people_leave_at_the_mean_rate() -> None:
    found = product_limit([(10.0, True), (20.0, False), (30.0, False)])
    assert found is not None and found.rate == pytest.approx(1 / 60)
    assert found.still_there(90.0) == pytest.approx(2 / 3 * math.exp(-1))
    assert found.quantile(1 - 2 / 3 * math.exp(-1)) == pytest.approx(90.0)
    assert found.quantile(1 - math.exp(-1), 100.0) == pytest.approx(160.0)


@pytest.mark.parametrize("seen", [[], [(5.0, False)], [(0.0, True)]])
def test_nothing_is_estimated_from_nothing(seen: list[tuple[float, bool]]) -> None:
    assert product_limit(seen) is None


@given(WAITS, SHARE, SHARE, st.floats(0.0, 2e4))
def test_a_draw_is_never_shorter_than_the_wait_and_grows_with_the_share(
    seen: list[tuple[float, bool]], one: float, other: float, beyond_s: float
) -> None:
    found = product_limit(seen)
    if found is None:
        return
    assert all(a >= b for a, b in pairwise(found.left)) and all(0 <= each <= 1 for each in found.left)
    low, high = sorted((one, other))
    assert beyond_s <= found.quantile(low, beyond_s) <= found.quantile(high, beyond_s)
    assert 0.0 <= found.still_there(beyond_s) <= 1.0
