"""Long work lets others in: after so much time, at the next item, and with the same answer."""

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from ccd.control.encoding import LONG, encoded
from ccd.model.rules import AgentRule, FlowRule, QueueRule, Rules
from ccd.model.steps import Enqueue
from ccd.pieces import PIECE_S, Pieces, Rests
from ccd.runtime import frames
from ccd.runtime.doors import Doors, gather_in_pieces
from ccd.testing.centre import SimulatedCentre


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


def turns_of(work: Coroutine[Any, Any, Any]) -> int:
    """How often it lets others in."""
    count = 0
    try:
        while True:
            work.send(None)
            count += 1
    except StopIteration:
        return count


def crowd(count: int) -> SimulatedCentre:
    names = tuple(f"a{number}" for number in range(count))
    agents = {name: AgentRule(name=name, devices=(name,)) for name in names}
    queues = {f"q{number}": QueueRule(name=f"q{number}", agents=names) for number in range(count)}
    flows = {"wait": FlowRule(name="wait", steps=(Enqueue(queue="q0"),))}
    sim = SimulatedCentre(Rules(agents=agents, queues=queues, flows=flows, numbers={"+331": "wait"}))
    for _ in range(count):
        sim.call("+331")
    return sim


def test_long_answers_let_others_in_between_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each row took as long as a piece may last."""
    monkeypatch.setattr("ccd.pieces.PIECE_S", 0.0)
    count = 20
    sim = crowd(count)
    centre, now = sim.centre, sim.now
    for answer in (frames.agents, frames.queues, frames.interactions):
        assert turns_of(answer(centre, now)) >= count
    assert turns_of(frames.top(centre, now)) >= 3 * count
    assert turns_of(encoded({"rows": ROWS})) >= len(ROWS)


def test_so_do_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.pieces.PIECE_S", 0.0)

    class Phones:
        def report(self, topic: str, argument: str = "") -> Any:
            return ({"device": f"{topic} {number}"} for number in range(20))

    doors = cast(Doors, SimpleNamespace(channels={"voice": Phones(), "none": object()}))
    assert turns_of(gather_in_pieces(doors, "devices")) >= 20
