"""The log is moved into the file beside the commits, and does not grow for ever under traffic."""

import sqlite3
from pathlib import Path

import pytest

from ccd.channels.ledger import Entry
from ccd.storage import checkpoint, schema
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


@pytest.mark.parametrize("meanwhile", [[400, 120, 1], [600] * 20])
def test_before_it_is_begun_anew_little_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: list[int]
) -> None:
    """Commits wait for what is left; on a disk that is too slow it is tried some times and no more."""
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 100_000)
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    fill(ledger, 200)
    real, left, commits = checkpoint._move, list[int](), iter(meanwhile)
    said: list[str] = []

    def slowly(db: sqlite3.Connection) -> tuple[int, int]:
        db.set_trace_callback(said.append)
        written, moved = real(db)
        left.append(next(commits))
        fill(ledger, left[-1])
        return written + left[-1], moved  # as it says if they come in the middle of it

    monkeypatch.setattr(checkpoint, "_move", slowly)
    checkpoint.Checkpointer(path).checkpoint()
    assert len(left) == (3 if len(meanwhile) == 3 else 1 + checkpoint.MOST_ROUNDS)
    assert (left[-1] <= checkpoint.LITTLE) == (len(meanwhile) == 3)
    assert ["RESTART" in each for each in said] == [False] * len(left) + [True]
    ledger.close()


@pytest.mark.parametrize("kept", [10_000_000, 200_000])
def test_the_file_is_cut_only_if_it_became_much_larger_than_it_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """To cut it takes hundreds of milliseconds, inside a commit that calls wait for."""
    assert checkpoint.KEPT_BYTES >= 2 * checkpoint.MOST_BYTES
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 100_000)
    monkeypatch.setattr(schema, "KEPT_BYTES", kept)
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    fill(ledger, 200)
    log = tmp_path / "ledger.sqlite-wal"
    before = log.stat().st_size
    assert 200_000 < before < 10_000_000
    checkpoint.Checkpointer(path).checkpoint()
    fill(ledger, 20)
    assert log.stat().st_size == min(before, kept)
    ledger.close()


def test_a_log_that_was_begun_anew_is_left_alone_however_large_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 100_000)
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    fill(ledger, 200)
    looks: list[tuple[int, int]] = []

    said: list[str] = []

    def little(db: sqlite3.Connection) -> tuple[int, int]:
        db.set_trace_callback(said.append)
        looks.append((20, 10))
        return looks[-1]

    monkeypatch.setattr(checkpoint, "_move", little)
    checkpoint.Checkpointer(path).checkpoint()
    assert len(looks) == 1 and not said and path.with_name(path.name + "-wal").stat().st_size > 100_000
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
