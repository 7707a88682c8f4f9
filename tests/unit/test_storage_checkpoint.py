"""The log is moved into the file beside the commits, and does not grow for ever under traffic."""

from pathlib import Path

import pytest

from ccd.channels.ledger import Entry
from ccd.storage import checkpoint
from ccd.storage.sqlite import SqliteLedger


def fill(ledger: SqliteLedger, commits: int) -> None:
    first = ledger.last()[0] + 1
    for seq in range(first, first + commits):
        ledger.append([Entry(seq, float(seq), b"x" * 2000)], [])


def test_the_log_is_moved_and_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 100_000)
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    fill(ledger, 200)
    log = tmp_path / "ledger.sqlite-wal"
    before, file_before = log.stat().st_size, path.stat().st_size
    assert before > 100_000
    checkpoint.Checkpointer(path).checkpoint()
    assert path.stat().st_size > file_before
    fill(ledger, 20)
    assert log.stat().st_size <= before, "new commits overwrite the log from its beginning"
    assert [entry.seq for entry in ledger.read(0)] == list(range(1, 221))
    ledger.close()


def test_it_happens_by_itself_while_commits_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_BYTES", 50_000)
    monkeypatch.setattr(checkpoint, "LOOK_EVERY", 16)
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    rounds = 0
    while path.stat().st_size <= 100_000 and rounds < 500:  # the thread has its turn when the machine likes
        fill(ledger, 40)
        rounds += 1
    assert path.stat().st_size > 100_000
    ledger.close()
    again = SqliteLedger(path)
    assert again.last()[0] == 40 * rounds
    again.close()
