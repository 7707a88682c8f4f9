"""The sorted line, the heap of deadlines, and the table of moves."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import IllegalMove, Misconfigured
from ccd.model.nouns import ChannelClass
from ccd.model.rules import AgentRule, QueueRule, Relax, Rules, Tier
from ccd.routing import line as line_module
from ccd.routing.deadlines import COMPACT_FROM, Deadlines, Due, Entry
from ccd.routing.line import Line
from ccd.routing.phases import MOVES, Event, Phase, next_phase
from ccd.routing.router import Router
from ccd.routing.strategies import STRATEGIES


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=200))
def test_line_is_a_sorted_list(steps: list[tuple[bool, int]]) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(line_module, "SPLIT", 4)
    line: Line[tuple[int]] = Line()
    expected: list[tuple[int]] = []
    for add, number in steps:
        entry = (number,)
        if add and entry not in expected:
            line.add(entry)
            expected = sorted([*expected, entry])
        elif not add and entry in expected:
            line.remove(entry)
            expected.remove(entry)
        assert list(line) == expected
        assert len(line) == len(expected)
        assert line.first() == (expected[0] if expected else None)
        assert line.rank(entry) == sum(other < entry for other in expected)
    patch.undo()


@pytest.mark.parametrize("size", [0, 1, 3000])
def test_line_refuses_to_remove_what_it_does_not_hold(size: int) -> None:
    line: Line[tuple[float]] = Line()
    for number in range(size):
        line.add((float(number),))
    for absent in (-1.0, 0.5, 1e9):
        with pytest.raises(KeyError):
            line.remove((absent,))
    assert len(line) == size


def test_deadlines_fire_in_order_of_time_kind_key() -> None:
    entries: list[Entry] = [
        (2.0, Due.WRAP_UP, "a", ""),
        (1.0, Due.MAX_WAIT, "i", ""),
        (1.0, Due.RING, "o2", ""),
        (1.0, Due.RING, "o1", ""),
        (1.0, Due.WRAP_UP, "b", ""),
    ]
    fired = set()
    for order in itertools.permutations(entries):
        deadlines = Deadlines(lambda _entry: True)
        for at, due, key, agent in order:
            deadlines.push(at, due, key, agent)
        assert deadlines.pop(0.9) is None
        fired.add(tuple(iter(lambda: deadlines.pop(2.0), None)))  # noqa: B023
    assert fired == {tuple(sorted(entries))}


def test_deadlines_that_no_longer_hold_are_neither_next_nor_fired() -> None:
    dead = {"o1"}
    deadlines = Deadlines(lambda entry: entry[2] not in dead)
    deadlines.push(1.0, Due.RING, "o1")
    deadlines.push(2.0, Due.RING, "o2")
    assert deadlines.next() == 2.0
    dead.add("o2")
    assert deadlines.pop(5.0) is None
    assert deadlines.next() is None


def test_deadlines_stay_within_twice_what_holds() -> None:
    deadlines = Deadlines(lambda entry: entry[0] >= 99_000)
    for number in range(100_000):
        deadlines.push(float(number), Due.RING, str(number))
    assert len(deadlines) <= 2 * COMPACT_FROM
    assert deadlines.next() == 99_000.0


def test_deadlines_fire_in_order_while_the_old_ones_move_over() -> None:
    dead: set[str] = set()
    deadlines = Deadlines(lambda entry: entry[2] not in dead)
    expected = []
    for number in range(5 * COMPACT_FROM):
        at = float(number * 7919 % 5003)
        deadlines.push(at, Due.RING, str(number))
        if number % 3:
            dead.add(str(number))
        else:
            expected.append((at, Due.RING, str(number), ""))
        if number % 11 == 0 and expected:
            first = min(expected)
            assert deadlines.next() == first[0]
            assert deadlines.pop(first[0]) == first
            expected.remove(first)
    assert len(deadlines) < 2 * len(expected) + 2 * COMPACT_FROM
    assert list(iter(lambda: deadlines.pop(1e9), None)) == sorted(expected)


@pytest.mark.parametrize(("phase", "event"), list(itertools.product(Phase, Event)))
def test_every_pair_moves_or_is_refused(phase: Phase, event: Event) -> None:
    if (phase, event) in MOVES:
        assert next_phase(phase, event, "i1") is MOVES[(phase, event)]
    else:
        with pytest.raises(IllegalMove, match="i1"):
            next_phase(phase, event, "i1")


def test_every_phase_is_reached_and_only_gone_is_final() -> None:
    assert set(MOVES.values()) | {Phase.WAITING} == set(Phase)
    assert {phase for phase, _ in MOVES} == set(Phase) - {Phase.GONE}


def test_unknown_strategy_names_the_known_ones() -> None:
    rules = Rules(queues={"q": QueueRule(name="q", strategy="nicest")})
    with pytest.raises(Misconfigured) as caught:
        Router(rules)
    for name in STRATEGIES:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "single", "guarded"),
    [
        (QueueRule("q"), True, False),
        (QueueRule("q", relax=(Relax(30.0),)), False, False),
        (QueueRule("q", tiers=(Tier(("ann",), 30.0),)), False, False),
        (QueueRule("q", max_active=2), True, True),
        (QueueRule("q", reserve={ChannelClass.VOICE: 1}), True, True),
    ],
)
def test_a_queue_knows_whether_waiting_and_its_limits_change_anything(
    rule: QueueRule, single: bool, guarded: bool
) -> None:
    queue = Router(Rules(agents={"ann": AgentRule("ann")}, queues={"q": rule}))._matching.index.queues["q"]
    assert (queue.single, queue.guarded) == (single, guarded)
