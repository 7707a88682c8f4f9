"""A ledger that cannot be written: full disk, a file that may not grow, another's lock, a clock set back.

New calls are refused with 503, the alarm stands in the log and in `status`; when it works again nothing
that was accepted is missing.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ccd import clock
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import caller, phone, talk
from tests.interop.wire import Ua

Make = Callable[..., Any]


def alarms(site: Site) -> list[bool]:
    """The ledger's alarm, on and off, as the log has it."""
    return [row["on"] for row in site.log_lines() if row.get("event") == "alarm" and "ledger" in row["code"]]


async def told(site: Site, on: bool) -> bool:
    """Whether the last word about the ledger was that."""
    return alarms(site)[-1:] == [on]


async def refused_with_503(site: Site, outside: Ua) -> None:
    """New calls are refused at once while the ledger stands still."""

    async def refused() -> bool:
        call = await outside.call(DIRECT)
        with contextlib.suppress(TimeoutError):
            answer = await call.response(200, 0.5)
            call.ack_refusal(answer)
            return answer.status == 503 and bool(answer.get("Retry-After"))
        call.cancel()
        return False

    await site.until("calls are refused", refused)
    grounds = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]["refused"]
    assert {"ledger", "behind"} & set(grounds), grounds


async def works_again(site: Site, outside: Ua, texts: int) -> None:
    """The alarm is over, what was accepted is in the ledger, calls are taken."""

    await site.until("the alarm is over", lambda: told(site, False))
    for row in (await site.ask("interactions"))["listed"]:
        with contextlib.suppress(AssertionError):
            await site.ask("interaction.hangup", interaction=row["interaction"])
    await site.until_idle()
    call = await outside.call(DIRECT)
    await call.answered()
    assert (await call.bye()).status == 200
    await site.until_idle()
    pauses = [row for row in await site.ask("agents") if row["agent"] == "a1"]
    assert pauses[0]["availability"] == "paused", "what was asked for in the meantime is done"
    before = len(site.records())
    assert await site.terminate() == 0
    await site.start()
    assert (await site.agent("a1"))["availability"] == "paused", "and it is durable"
    assert len(site.records()) == before >= texts


async def stall_and_mend(site: Site, outside: Ua, mend: Callable[[], None]) -> None:
    """The ledger cannot be written now; `mend` makes it writable again."""
    with contextlib.suppress(AssertionError, TimeoutError):
        await asyncio.wait_for(site.ask("agent.pause", agent="a1", reason="lunch"), 2.0)
    await refused_with_503(site, outside)
    await site.until("the alarm", lambda: told(site, True))
    await asyncio.sleep(0.5)
    mend()
    await works_again(site, outside, 1)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A tiny file system; needs root."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = shutil.which("mount")
    argv = [mount or "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or mount is None or subprocess.run(argv, capture_output=True).returncode != 0:
        pytest.skip("a tiny file system cannot be mounted here: run as root")
    yield place
    subprocess.run([shutil.which("umount") or "umount", "-l", str(place)], check=True)


async def test_a_full_disk_refuses_calls_and_loses_nothing(
    make_site: Make,  # noqa: F811
    full_disk: Path,
) -> None:
    site: Site = await make_site(agents=1, tables={"ledger": {"path": str(full_disk / "ledger.sqlite")}})
    link = site.folder / "state" / "ledger.sqlite"
    link.symlink_to(full_disk / "ledger.sqlite")
    ballast = full_disk / "ballast"
    async with phone(site), caller(site) as outside:
        fill(ballast)
        for _ in range(60):  # what is left of the last page
            with contextlib.suppress(AssertionError, TimeoutError):
                await asyncio.wait_for(site.ask("agent.pause", agent="a1", reason="training"), 0.5)
                await asyncio.wait_for(site.ask("agent.ready", agent="a1"), 0.5)
            if alarms(site)[-1:] == [True]:
                break
        await stall_and_mend(site, outside, ballast.unlink)


def fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


async def test_a_file_that_may_not_grow(make_site: Make) -> None:  # noqa: F811
    """RLIMIT_FSIZE: the write fails with EFBIG, the daemon lives."""
    site: Site = await make_site(agents=1)
    async with phone(site), caller(site) as outside:
        hard = resource.prlimit(site.pid, resource.RLIMIT_FSIZE)[1]
        wal = site.folder / "state" / "ledger.sqlite-wal"
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))

        def mend() -> None:
            resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (hard, hard))

        await stall_and_mend(site, outside, mend)


async def test_a_ledger_locked_by_another_process(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1)
    async with phone(site), caller(site) as outside:
        other = sqlite3.connect(site.folder / "state" / "ledger.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        def mend() -> None:
            other.execute("ROLLBACK")
            other.close()

        await stall_and_mend(site, outside, mend)


async def test_a_state_folder_deleted_under_the_daemon_loses_nothing(make_site: Make) -> None:  # noqa: F811
    """`rm -rf` in the wrong window, then a power cut: what was before it and after it is in the records."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        first, _ = await talk(site, outside, agent)
        assert (await first.bye()).status == 200
        await site.until_records(1)
        shutil.rmtree(site.folder / "state")
        second = await outside.call(DIRECT)
        await second.answered()

        async def put_back() -> bool:
            await site.ask("agent.pause", agent="a1", reason="lunch")  # a fact: the ledger looks at commits
            await site.ask("agent.ready", agent="a1")
            return any(row["event"] == "ledger put back" for row in site.log_lines())

        await site.until("the ledger is put back", put_back)
        await site.ask("status")
        await site.kill()
    await site.start()
    one, two = await site.until_records(2)
    assert (one.outcome, one.cause, two.cause) == ("handled", "normal", "restart")
    assert (await site.figures("sales"))["offered"] == 2


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The machine's two clocks, moved by hand."""
    at = {"wall": 1_800_000_000.0, "run": 50.0}
    monkeypatch.setattr(clock.time, "time", lambda: at["wall"])
    monkeypatch.setattr(clock.time, "monotonic", lambda: at["run"])
    return at


def test_a_clock_set_back_never_runs_back(wall: dict[str, float]) -> None:
    """Steps back are not followed, steps forward are; a restart after a step back goes on from the ledger."""
    ours = clock.SystemClock()
    before = ours.now()
    wall["wall"] -= 86_400.0
    wall["run"] += 1.0
    assert ours.follow() == 0.0 and ours.now() == before + 1.0
    wall["wall"] += 2 * 86_400.0
    assert ours.follow() > 86_000.0 and ours.now() > before
    latest = ours.now()
    wall["wall"] -= 10 * 86_400.0
    assert clock.SystemClock(at_least=latest).now() >= latest
