"""Facts and records that are older than `ledger.keep_days`: deleted by a process beside the daemon.

The state after them must be had from a snapshot then, so only what two snapshots stand for goes: one may be
damaged. Where they do not reach far enough one is made first, and the rest goes the next time.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec
import structlog

from ccd.channels.ledger import Forgotten, Ledger
from ccd.clock import cpu_seconds, monotonic
from ccd.errors import Refused
from ccd.pieces import Rests
from ccd.runtime.ports import Turns
from ccd.runtime.process import end
from ccd.runtime.snapshot import make_snapshot

log = structlog.get_logger("ccd")

AT_ONCE = 50
"""Rows of one transaction, which a commit of the daemon waits for at worst. Measured on a busy machine: 8 ms
at most, 36 with 200."""
NICE = 10
"""Not SCHED_IDLE: who holds the ledger's lock must not be the last to run (325 ms were measured)."""
REST = 4.0
"""So many times as long as a transaction took it rests after it."""
LONGEST_S = 3600.0


def forget_old(
    ledger: Ledger, turns: Callable[[], Turns], before: float, rest: Callable[[float], None] = time.sleep
) -> Forgotten:
    """Delete what came before a time, so far as it may go; how much it was.

    `turns`: fresh engines. Raises `TryLater` when the ledger is locked or full, and `Misconfigured` as a
    replay does.
    """
    facts = records = 0
    renewed = False
    covered = _covered(ledger, turns)
    while True:
        began = monotonic()
        done = ledger.forget(before, covered, AT_ONCE)
        facts, records = facts + done.facts, records + done.records
        if done.uncovered and not renewed:
            renewed = True
            make_snapshot(ledger, turns(), rest=Rests(clock=cpu_seconds))
            covered = _covered(ledger, turns)
        elif not done.facts and not done.records:
            return Forgotten(facts, records, done.uncovered)
        rest(REST * (monotonic() - began))


def _covered(ledger: Ledger, turns: Callable[[], Turns]) -> int:
    """The newest fact that two snapshots stand for which this version can use; 0: there are no two."""
    usable = []
    for snapshot in ledger.snapshots():
        try:
            turns().load(snapshot.state)
        except (Refused, msgspec.MsgspecError):
            continue
        usable.append(snapshot.seq)
    return min(usable) if len(usable) > 1 else 0


async def forget_beside(argv: Sequence[str], before: float, env: Mapping[str, str] | None) -> None:
    """Run the command that does it; the time is added to it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            repr(before),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=env,
        )
    except OSError as error:
        log.error("old facts not deleted", problem=f"{argv[0]} cannot be started: {error.strerror}")
        return
    with suppress(OSError):  # it may be gone already
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    try:
        async with asyncio.timeout(LONGEST_S):
            said, _ = await process.communicate()
    except TimeoutError:
        await end(process)
        log.warning("old facts not all deleted", problem=f"it took longer than {LONGEST_S:g} s")
        return
    except asyncio.CancelledError:
        await end(process)
        raise
    words = said.decode("utf-8", "replace").strip()
    if process.returncode:
        log.error("old facts not deleted", problem=words[-1000:])
    elif words:
        log.info("old facts deleted", what=words)
