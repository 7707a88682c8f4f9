"""Snapshots of the running centre: what they hold, what waits for them, what becomes of one that fails."""

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from ccd.errors import TryLater
from ccd.model.facts import LegRinging
from ccd.runtime import loop as loop_module
from ccd.runtime import packing as packing_module
from ccd.runtime import snapshot as snapshot_module
from ccd.runtime.loop import Runtime
from ccd.runtime.packing import LET_GO, Packed, pack
from ccd.runtime.replay import replay
from ccd.runtime.snapshot import SnapshotBeside, Snapshots
from ccd.runtime.state import CentreState
from tests.unit.test_runtime_writer import FAST, GateLedger, HandClock, LogTurns


class Told(msgspec.Struct):
    told: list[tuple[str, float]]


class PackedTurns(LogTurns):
    """Their state has as many pieces as there were hundreds of facts."""

    broken = False

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(Told(self.told))

    def dump_in_pieces(self) -> Generator[int, None, list[bytes]]:
        packing = pack(Told(self.told))
        yield next(packing)
        if self.broken:
            raise TypeError("cannot be packed")
        return (yield from packing)

    def load(self, state: bytes) -> None:
        self.told = msgspec.msgpack.decode(state, type=Told).told


class Restless:
    """Lets the others in after each piece."""

    rests = 0

    def over(self) -> bool:
        return True

    async def rest(self) -> None:
        Restless.rests += 1
        await asyncio.sleep(0)


class Scene:
    def __init__(self) -> None:
        self.turns, self.ledger = PackedTurns(), GateLedger()
        self.runtime = Runtime(self.turns, self.ledger, HandClock(), {}, FAST)
        self.runtime.start()

    def post(self, *numbers: int) -> None:
        for number in numbers:
            self.runtime.post(LegRinging(f"n{number}"))

    async def settled(self) -> None:
        await asyncio.wait_for(self.runtime.settled(), 10)


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> type[Restless]:
    Restless.rests = 0
    monkeypatch.setattr(loop_module, "Pieces", Restless)
    return Restless


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_facts_that_come_meanwhile_wait_and_are_not_in_it(restless: type[Restless]) -> None:
    scene = Scene()
    scene.post(*range(2_000))
    await scene.settled()
    dumping = asyncio.create_task(scene.runtime.dumped(1_000_000))
    await rounds(3)
    scene.post(2_000, 2_001)
    await rounds(3)
    assert restless.rests >= 5 and len(scene.turns.told) == 2_000, "they are not turned yet"
    assert scene.runtime.pressure().waiting == 2
    snapshot = await asyncio.wait_for(dumping, 10)
    await scene.settled()
    assert len(scene.turns.told) == 2_002
    assert snapshot is not None and snapshot.seq == 2_000
    again = PackedTurns()
    replay(again, scene.ledger, until=snapshot.seq)
    assert again.dump() == snapshot.joined().state, "as if the facts up to it had been turned again"
    scene.ledger.save_snapshot(snapshot.joined())
    again = PackedTurns()
    assert replay(again, scene.ledger).facts == 2
    assert again.told == scene.turns.told
    await scene.runtime.stop()


class HalfCopied(PackedTurns):
    """The second half of what it packs is a copy."""

    def dump_in_pieces(self) -> Generator[int, None, list[bytes]]:
        whole = self.dump()
        for _ in range(5):
            yield 1
        yield LET_GO
        for _ in range(5):
            yield 1
        return [whole]


async def test_facts_wait_only_until_the_rest_is_a_copy(restless: type[Restless]) -> None:
    turns, ledger = HalfCopied(), GateLedger()
    runtime = Runtime(turns, ledger, HandClock(), {}, FAST)
    runtime.start()
    runtime.post(LegRinging("before"))
    await asyncio.wait_for(runtime.settled(), 10)
    dumping = asyncio.create_task(runtime.dumped(1_000_000))
    await rounds(3)
    runtime.post(LegRinging("meanwhile"))
    while restless.rests < 5:
        assert len(turns.told) == 1
        await rounds(1)
    await rounds(4)
    assert len(turns.told) == 2 and not dumping.done()
    snapshot = await asyncio.wait_for(dumping, 10)
    assert snapshot is not None and snapshot.seq == 1
    again = PackedTurns()
    again.load(snapshot.joined().state)
    assert len(again.told) == 1
    await runtime.stop()


async def test_it_is_given_out_when_its_facts_are_stored() -> None:
    """Saved earlier, it could tell of more than the ledger after a power failure."""
    scene = Scene()
    scene.ledger.gate.clear()
    scene.post(*range(300))
    await rounds(50)
    assert len(scene.turns.told) == 300
    dumping = asyncio.create_task(scene.runtime.dumped(1_000_000))
    await rounds(50)
    assert not dumping.done()
    scene.ledger.gate.set()
    snapshot = await asyncio.wait_for(dumping, 10)
    assert snapshot is not None and scene.runtime.durable >= snapshot.seq == 300
    await scene.runtime.stop()


async def test_one_that_is_too_large_is_given_up_and_facts_go_on() -> None:
    scene = Scene()
    scene.post(*range(2_000))
    await scene.settled()
    assert await scene.runtime.dumped(5_000) is None
    scene.post(1)
    await scene.settled()
    assert len(scene.turns.told) == 2_001
    await scene.runtime.stop()


async def test_facts_go_on_after_one_that_cannot_be_packed(restless: type[Restless]) -> None:
    scene = Scene()
    scene.post(*range(300))
    await scene.settled()
    scene.turns.broken = True
    dumping = asyncio.create_task(scene.runtime.dumped(1_000_000))
    await rounds(1)
    scene.post(1)
    with pytest.raises(TypeError):
        await asyncio.wait_for(dumping, 10)
    await scene.settled()
    assert len(scene.turns.told) == 301
    await scene.runtime.stop()


class Taking:
    """The rest of the daemon: how large the state is, and what becomes of its snapshots."""

    def __init__(self, tmp_path: Path) -> None:
        self.size = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.saved: list[int] = []
        self.said: list[tuple[int, str]] = []
        self.asked = 0
        self.mark = tmp_path / "process"
        beside = SnapshotBeside(["/usr/bin/touch", str(self.mark)], self.report)
        self.snapshots = Snapshots(self.dumped, self.save, beside, self.report)

    async def dumped(self, most: int) -> Packed | None:
        self.asked += 1
        await self.gate.wait()
        return Packed(self.asked, 1.0, [b"st", b"ate"]) if self.size <= most else None

    def save(self, packed: Packed) -> None:
        if self.error:
            raise self.error
        self.saved.append(packed.seq)

    def report(self, code: int, words: str) -> None:
        self.said.append((code, words))

    async def finished(self) -> None:
        await asyncio.wait_for(self.snapshots.finished(), 10)

    async def one_under_way(self) -> None:
        """Until `gate` is set."""
        self.gate.clear()
        self.snapshots.due()
        await rounds(2)


async def test_a_thread_puts_it_together(tmp_path: Path) -> None:
    """That holds the loop for milliseconds: there it stays in the parts in which it was packed."""
    scene, taking, threads = Scene(), Taking(tmp_path), list[int]()
    scene.post(*range(2_000))
    await scene.settled()

    def save(packed: Packed) -> None:
        assert len(packed.parts) > 10
        threads.append(threading.get_ident())
        scene.ledger.save_snapshot(packed.joined())

    snapshots = Snapshots(scene.runtime.dumped, save, taking.snapshots._beside, taking.report)
    snapshots.due()
    await asyncio.wait_for(snapshots.finished(), 10)
    assert taking.said == [(0, "")] and threads != [threading.get_ident()]
    kept = scene.ledger.load_snapshot()
    assert kept is not None and kept.state == scene.turns.dump()
    await scene.runtime.stop()


async def test_it_is_saved_and_told(tmp_path: Path) -> None:
    taking = Taking(tmp_path)
    taking.snapshots.due()
    await taking.finished()
    assert (taking.saved, taking.said) == ([1], [(0, "")])
    assert not taking.mark.exists(), "no other process made one"


async def test_one_is_under_way_at_a_time_and_another_follows(tmp_path: Path) -> None:
    taking = Taking(tmp_path)
    await taking.one_under_way()
    taking.snapshots.due()
    taking.snapshots.due()
    await rounds(2)
    assert taking.asked == 1
    taking.gate.set()
    await taking.finished()
    assert taking.saved == [1, 2], "one more, not two"
    taking.snapshots.due()
    await taking.finished()
    assert taking.saved == [1, 2, 3]


async def test_another_process_makes_those_that_are_too_large(tmp_path: Path) -> None:
    taking = Taking(tmp_path)
    taking.size = snapshot_module.MOST_HELD + 1
    taking.snapshots.due()
    await taking.finished()
    assert taking.mark.exists() and taking.saved == [] and taking.said == [(0, "")]


@pytest.mark.parametrize(
    ("error", "words"),
    [(TryLater("ledger.full", "the disk is full"), "the disk is full"), (KeyError("odd"), "KeyError: 'odd'")],
)
async def test_one_that_fails_is_told_and_the_next_may_do(
    tmp_path: Path, error: Exception, words: str
) -> None:
    taking = Taking(tmp_path)
    taking.error = error
    taking.snapshots.due()
    await taking.finished()
    assert taking.said == [(1, words)]
    taking.error = None
    taking.snapshots.due()
    await taking.finished()
    assert taking.saved == [2]


async def test_stop_begins_no_more(tmp_path: Path) -> None:
    taking = Taking(tmp_path)
    await taking.one_under_way()
    taking.snapshots.due()
    await asyncio.wait_for(taking.snapshots.stop(), 10)
    taking.gate.set()
    await rounds(5)
    assert taking.asked == 1 and taking.saved == []
    await taking.snapshots.stop()


async def test_the_types_of_the_state_are_read_before_facts_wait() -> None:
    packing_module._read.clear()
    known: list[bool] = []

    async def dumped(_most: int) -> Packed | None:
        known.append(CentreState in packing_module._read)
        return Packed(1, 1.0, [b""])

    snapshots = Snapshots(dumped, lambda _packed: None, SnapshotBeside([], told), told)
    snapshots.due()
    await asyncio.wait_for(snapshots.finished(), 10)
    assert known == [True]


def told(_code: int, _words: str) -> None:
    """Nobody listens."""
