"""Whose turn it is when who overflows is shared out: exact at any time, whatever the shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.rules import QueueRule, Share, Target
from ccd.routing.shares import next_target, turn, view_shares
from ccd.routing.state import RoutingState


@st.composite
def hundreds(draw: st.DrawFn) -> list[int]:
    """Percentages that add up to a hundred; the last one, of those who stay, may be 0."""
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=7)))
    pcts = [after - before for before, after in zip([0, *cuts], [*cuts, 100], strict=True)]
    return [*pcts, 0] if draw(st.booleans()) else pcts


@given(hundreds())
def test_after_any_number_of_turns_each_has_its_share_rounded_down_or_up(pcts: list[int]) -> None:
    taken = [0] * len(pcts)
    for now in range(1, 101):
        taken[turn(pcts, taken)] += 1
        for mine, pct in zip(taken, pcts, strict=True):
            assert now * pct // 100 <= mine <= -(-now * pct // 100)
    assert taken == pcts


def queue(*shares: Share) -> QueueRule:
    return QueueRule(name="sales", overflow=Target(share=shares))


def test_the_turns_of_two_and_those_who_stay() -> None:
    state, rule = RoutingState(), queue(Share(pct=50, queue="b"), Share(pct=25, address="+33900"))
    went = [next_target(state, rule, "max_wait") for _ in range(8)]
    assert went == [
        Target(queue="b"), Target(address="+33900"), Target(queue="b"), None,
        Target(queue="b"), Target(address="+33900"), Target(queue="b"), None,
    ]  # fmt: skip
    assert [(each.to, each.pct, each.count) for each in view_shares(state, rule)] == [
        ("queue b", 50, 4),
        ("address +33900", 25, 2),
        ("stays", 25, 2),
    ]


def test_each_hundred_is_exact_however_long_it_goes_on() -> None:
    state, rule = RoutingState(), queue(Share(pct=61, queue="b"), Share(pct=30, flow="f"))
    for hundred in range(1, 21):
        for _ in range(100):
            next_target(state, rule, "max_wait")
        assert [each.count for each in view_shares(state, rule)] == [61 * hundred, 30 * hundred, 9 * hundred]


def test_all_limits_of_a_queue_share_one_count_and_its_closing_has_its_own() -> None:
    state = RoutingState()
    both = (Share(pct=50, queue="b"), Share(pct=50, flow="f"))
    rule = QueueRule(name="sales", overflow=Target(share=both), closed_to=Target(share=both[::-1]))
    assert next_target(state, rule, "max_wait") == Target(queue="b")
    assert next_target(state, rule, "closed") == Target(flow="f")
    assert next_target(state, rule, "max_length") == Target(flow="f")
    assert next_target(state, rule, "closed") == Target(queue="b")


def test_other_shares_are_counted_anew() -> None:
    state = RoutingState()
    old, new = queue(Share(pct=100, queue="b")), queue(Share(pct=50, queue="b"), Share(pct=50, queue="c"))
    next_target(state, old, "max_wait")
    assert [each.count for each in view_shares(state, new)] == [0, 0]
    assert next_target(state, new, "max_wait") == Target(queue="b")
    assert [each.count for each in view_shares(state, new)] == [1, 0]


@pytest.mark.parametrize("target", [Target(), Target(queue="b")])
def test_a_plain_target_is_not_counted(target: Target) -> None:
    state, rule = RoutingState(), QueueRule(name="sales", overflow=target)
    assert next_target(state, rule, "max_wait") == target
    assert not state.shared and view_shares(state, rule) == ()
