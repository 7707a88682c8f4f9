"""Wrong PINs and codes across calls: counted when they are made, bounded, forgotten in time."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.ivr import locks
from ccd.ivr.state import Failed


def test_counted_taken_back_and_forgotten() -> None:
    kept: locks.Locks = {}
    for at in (10.0, 20.0):
        locks.count(kept, ["a", "b"], 100.0, at)
    locks.take_back(kept, ["b"])
    assert kept == {"a": Failed(2, 120.0), "b": Failed(1, 120.0)}
    assert locks.locked(kept, ["b", "a"], 2, 119.9)
    assert not locks.locked(kept, ["a"], 2, 120.0) and not locks.locked(kept, ["b", "c"], 2, 20.0)
    locks.count(kept, ["a"], 100.0, 120.0)
    assert kept["a"] == Failed(1, 220.0), "counted anew after its time"
    locks.take_back(kept, ["b", "c"])
    assert set(kept) == {"a"}


def test_bounded_and_the_oldest_go_first() -> None:
    kept: locks.Locks = {}
    for number in range(locks.MOST + 5):
        locks.count(kept, ["mine", f"n{number}"], 100.0, 0.0)
    assert len(kept) == locks.MOST and "mine" in kept and "n0" not in kept


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(1, 5))
def test_nobody_is_locked_who_made_fewer_attempts_and_everybody_who_made_more(
    moves: list[tuple[str, bool]], most: int
) -> None:
    kept: locks.Locks = {}
    made = dict.fromkeys("abc", 0)
    for name, right in moves:
        locks.count(kept, [name], 1000.0, 1.0)
        made[name] += 1
        if right:
            locks.take_back(kept, [name])
            made[name] -= 1
    for name, count in made.items():
        assert locks.locked(kept, [name], most, 2.0) == (count >= most)
