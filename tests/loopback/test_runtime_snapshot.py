"""Snapshots that another process makes: one at a time, bounded, its exit awaited."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from ccd.channels.ledger import Snapshot
from ccd.runtime.snapshot import SnapshotBeside, Snapshots


class Reports:
    def __init__(self) -> None:
        self.got: list[tuple[int, str]] = []

    def __call__(self, code: int, said: str) -> None:
        self.got.append((code, said))


@pytest.fixture
def reports() -> Reports:
    return Reports()


def beside(code: str, reports: Reports, *arguments: str, timeout_s: float = 20.0) -> SnapshotBeside:
    return SnapshotBeside([sys.executable, "-c", code, *arguments], reports, timeout_s)


async def too_large(_most: int) -> None:
    return None


def never(_snapshot: Snapshot) -> None:
    raise AssertionError("none is saved by the daemon")


async def test_it_runs_at_low_priority_and_reports_the_exit(reports: Reports) -> None:
    wait = "import os, sys, time\nfor _ in range(500):\n  os.nice(0) < 10 and time.sleep(0.02)\n"
    await beside(wait + "sys.stdin.read(); print(os.nice(0), file=sys.stderr); sys.exit(3)", reports).make()
    ((code, nice),) = reports.got
    assert code == 3 and int(nice) >= 10


async def test_only_one_runs_at_a_time(reports: Reports, tmp_path: Path) -> None:
    mark = tmp_path / "runs"
    code = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(0.2)"
    run = Snapshots(too_large, never, beside(code, reports, str(mark)), reports)
    run.due()
    await asyncio.sleep(0)
    run.due()
    run.due()
    await run.finished()
    assert mark.read_text() == "xx", "one more, not two, followed the one that ran"
    run.due()
    await run.finished()
    assert mark.read_text() == "xxx"
    assert [code for code, _ in reports.got] == [0, 0, 0]


async def test_one_that_takes_too_long_is_ended(reports: Reports) -> None:
    run = beside("import time; time.sleep(60)", reports, timeout_s=0.2)
    await asyncio.wait_for(run.make(), 10)
    assert reports.got[0][0] == -9 and "0.2 s" in reports.got[0][1]


async def test_stop_ends_the_run_and_awaits_its_exit(reports: Reports, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    run = Snapshots(too_large, never, beside(code, reports, str(mark)), reports)
    run.due()
    async with asyncio.timeout(10):
        while not (mark.exists() and mark.read_text()):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)
    await asyncio.wait_for(run.stop(), 10)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
    await run.stop()


async def test_a_command_that_is_missing_is_reported(reports: Reports) -> None:
    await SnapshotBeside(["/nowhere/ccd", "snapshot"], reports).make()
    assert reports.got[0][0] == 127 and "/nowhere/ccd" in reports.got[0][1]
