"""`kill -9` at random moments: what was acknowledged is there, the sequence has no gap.

The child posts facts through the runtime with a channel that prints each command: a printed number
says that the fact is durable.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from ccd.channels.ledger import Snapshot
from ccd.errors import TryLater
from ccd.model.facts import AnyFact, LegRinging
from ccd.storage.sqlite import SqliteLedger

CHILD = """
import asyncio, os, sys
from pathlib import Path
import uvloop
from ccd.clock import SystemClock
from ccd.channels.ledger import RecordRow
from ccd.model.commands import RingLeg
from ccd.model.facts import LegRinging
from ccd.model.settings import LedgerSettings
from ccd.runtime.loop import Runtime
from ccd.runtime.replay import replay
from ccd.storage.sqlite import SqliteLedger

class Turns:
    seen = 0
    rows = []
    def turn(self, fact, now):
        self.seen += 1
        self.rows.append(RecordRow(str(self.seen), "q", "voice", now, now, "handled", b"x" * 300))
        return [RingLeg(fact.leg)]
    def next_deadline(self): return None
    def take_records(self):
        rows, self.rows = self.rows, []
        return rows
    def dump(self): return str(self.seen).encode()
    def load(self, state): self.seen = int(state)

class Phone:
    def perform(self, command):
        os.write(1, command.leg.encode() + b"\\n")

async def main():
    ledger, turns = SqliteLedger(Path(sys.argv[1])), Turns()
    done = replay(turns, ledger)
    runtime = Runtime(turns, ledger, SystemClock(done.last_at), {"voice": Phone()}, LedgerSettings())
    runtime.start()
    number = done.seq
    os.write(1, b"ready\\n")
    while True:
        for _ in range(number % 7 + 1):
            number += 1
            runtime.post(LegRinging(f"voice:{number}"))
        await asyncio.sleep(0.0005 if number % 3 else 0)

uvloop.run(main())
"""


@pytest.mark.timeout(100)
def test_every_acknowledged_fact_survives_ten_kills(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    decode = msgspec.msgpack.Decoder[AnyFact](AnyFact).decode
    before = 0
    for run in range(10):
        acknowledged = _run_and_kill(path, chance.uniform(0.0, 0.3))
        ledger = SqliteLedger(path)
        stored = list(ledger.read(0))
        where = f"run {run}, seed {seed}"
        assert [entry.seq for entry in stored] == list(range(1, len(stored) + 1)), where
        legs = [decode(entry.fact) for entry in stored]
        assert legs == [LegRinging(f"voice:{number}") for number in range(1, len(stored) + 1)], where
        assert acknowledged == list(range(before + 1, before + 1 + len(acknowledged))), where
        assert before + len(acknowledged) <= len(stored), where
        assert ledger.record(str(len(stored))) is not None, where
        assert len(ledger.records(limit=1_000_000)) == len(stored), where
        ledger.close()
        before = len(stored)
    assert before > 100


def _run_and_kill(path: Path, after_s: float) -> list[int]:
    """Numbers the child acknowledged before it was killed `after_s` seconds after its start."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout
    try:
        assert child.stdout.readline() == b"ready\n"
        heard: list[bytes] = []
        until = time.monotonic() + after_s
        while time.monotonic() < until:
            heard.append(child.stdout.readline())
    finally:
        child.kill()
        rest = child.stdout.read()
        child.stdout.close()
        child.wait(10)
    lines = b"".join([*heard, rest]).split(b"\n")[:-1]  # a torn last line says nothing
    return [int(line.removeprefix(b"voice:")) for line in lines]


def test_a_snapshot_beside_the_daemon_does_not_disturb_it(tmp_path: Path) -> None:
    """Another process holds the write lock for a moment, again and again; all is stored in the end."""
    path = tmp_path / "ledger.sqlite"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout
    saved = 0
    try:
        assert child.stdout.readline() == b"ready\n"
        assert child.stdout.readline() == b"voice:1\n"
        beside = SqliteLedger(path, beside=True)
        for state in range(20):
            saved += _save(beside, b"%d" % state * 100_000)
            child.stdout.readline()
        beside.close()
    finally:
        child.kill()
        child.stdout.close()
        child.wait(10)
    assert saved == 20
    ledger = SqliteLedger(path)
    found = ledger.load_snapshot()
    assert found is not None and found.state == b"19" * 100_000
    assert [entry.seq for entry in ledger.read(0)] == list(range(1, ledger.last()[0] + 1))
    ledger.close()


def _save(beside: SqliteLedger, state: bytes) -> int:
    seq, at = beside.last()
    try:
        beside.save_snapshot(Snapshot(seq, at, state))
    except TryLater:
        return 0
    return 1
