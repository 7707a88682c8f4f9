"""Long work lets others in: after so much time, at the next item, and with the same answer."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from ccd.control.encoding import LONG, encoded
from ccd.pieces import PIECE_S, Pieces, Rests


class Ticking:
    """A clock on which each look takes a third of a piece."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += PIECE_S / 3
        return self.now


async def test_others_are_let_in_between_items_and_not_within_one() -> None:
    done: list[str] = []

    async def other() -> None:
        for number in range(100):
            done.append(f"other {number}")
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    made = await Pieces(Ticking()).each(range(12), lambda item: done.append(f"item {item}") or item)
    assert made == list(range(12))
    items = [at for at, each in enumerate(done) if each.startswith("item")]
    gaps = [b - a - 1 for a, b in pairwise(items)]
    assert max(gaps) == 1 and 3 <= sum(gaps) <= 5, "one turn of the others every few items"
    beside.cancel()


async def test_short_work_is_not_cut() -> None:
    def still() -> float:
        return 0.0

    step = Pieces(still).each(range(1000), str)
    with pytest.raises(StopIteration):
        step.send(None)


ROWS = [{"name": str(number), "more": {"why": None, "at": 1.5}} for number in range(3 * LONG)]
ANSWERS = ([], {}, None, "é", ROWS[:2], ROWS, {"rows": ROWS, "deep": {"rows": ROWS, "n": 1}, "none": []})


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_answer_in_pieces_has_the_same_bytes(answer: Any) -> None:
    assert bytes(await encoded(answer)) == msgspec.json.encode(answer)


@pytest.mark.parametrize("counts_sleep", [True, False])
def test_work_beside_the_loop_rests_as_long_as_it_works(counts_sleep: bool) -> None:
    """Whether its clock counts the sleep too, or only the processor's time."""
    now, slept = 0.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds if counts_sleep else 0.0

    rest = Rests(1.0, lambda: now, sleep)
    for step in [0.25] * 400 + [8.0]:
        now += step
        rest()
    assert slept == [1.0] * 100 + [8.0]
