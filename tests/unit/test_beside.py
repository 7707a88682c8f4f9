"""The processes beside the daemon: how they are called, and that a snapshot leaves the core to calls."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ccd.beside import main
from ccd.channels.ledger import Entry
from ccd.pieces import WORK_S, Rests
from ccd.runtime.centre import Centre
from ccd.runtime.replay import replay
from ccd.runtime.snapshot import make_snapshot
from ccd.storage.memory import MemoryLedger
from ccd.storage.sqlite import SqliteLedger
from tests.unit.test_forgetting import lived, paused, reason_of_alice, told


class Core:
    """Time of the processor: each fact takes what it takes on a slow machine."""

    FACT_S = 100e-6

    def __init__(self) -> None:
        self.worked = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        self.worked += self.FACT_S
        return self.worked


def ledger_of(count: int) -> MemoryLedger:
    ledger = MemoryLedger()
    said = told(*[paused(day) for day in range(count - 2)])
    ledger.append([Entry(seq, 1.0, msgspec.msgpack.encode(each)) for seq, each in enumerate(said, 1)], [])
    return ledger


def test_a_snapshot_rests_as_long_as_it_works_and_never_works_long() -> None:
    core, ledger = Core(), ledger_of(2000)
    made = make_snapshot(ledger, Centre(), rest=Rests(clock=core, sleep=core.slept.append))
    assert made is not None and made.facts == 2000
    assert max(core.slept) < WORK_S + 3 * core.FACT_S
    assert sum(core.slept) == pytest.approx(core.worked, rel=0.05)
    assert replay(Centre(), ledger).facts == 0, "it stands for all of them"


def test_the_process_makes_one(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    lived(ledger, 0, 9)
    path = str(ledger._path)
    ledger.close()
    assert main(["snapshot", path]) == 0
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    try:
        assert [snapshot.seq for snapshot in ledger.snapshots()] == [12]
        assert reason_of_alice(ledger) == "training"
    finally:
        ledger.close()


@pytest.mark.parametrize("argv", [[], ["snapshot"], ["forget", "a"], ["serve", "a", "b", "c"]])
def test_another_call_is_told_what_there_is(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "snapshot LEDGER" in capsys.readouterr().err


def test_it_takes_no_more_along_than_it_needs() -> None:
    """What is read at its start takes the place of what calls need in the core's caches."""
    code = "import sys, ccd.beside; print(*[name for name in sys.modules if name.startswith('ccd.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in run.stdout.split()}
    assert loaded.isdisjoint({"voice", "sip", "media", "outside", "control", "daemon", "testing", "cli"})
