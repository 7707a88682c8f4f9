"""Files of the ledger that are taken away while it runs: they are put back, and nothing is lost."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ccd.channels.ledger import Entry, RecordRow
from ccd.errors import TryLater
from ccd.storage import place
from ccd.storage.checkpoint import Checkpointer
from ccd.storage.sqlite import SqliteLedger

ROW = RecordRow("1", "sales", "voice", 1.0, 2.0, "handled", b"body")


@pytest.fixture(autouse=True)
def at_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "EVERY_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    path.parent.mkdir()
    opened = SqliteLedger(path)
    add(opened, 1)
    opened.append([], [ROW])
    yield opened
    opened.close()


def add(ledger: SqliteLedger, seq: int) -> None:
    ledger.append([Entry(seq, float(seq), b"fact")], [])


def found(path: Path) -> tuple[list[int], RecordRow | None]:
    """What the next start would find, after `kill -9` at this moment."""
    where = path.with_name("found")
    where.mkdir()
    for each in path.parent.glob("ledger.sqlite*"):
        if not each.name.endswith(".lock"):
            shutil.copy(each, where)
    opened = SqliteLedger(where / path.name)
    try:
        return [entry.seq for entry in opened.read(0)], opened.record("1")
    finally:
        opened.close()


def no_file(path: Path) -> None:
    path.unlink()


def no_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def no_log_and_index(path: Path) -> None:
    no_log(path)
    path.with_name(path.name + "-shm").unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere.sqlite"))


def no_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def other_log(path: Path) -> None:
    no_log(path)
    path.with_name(path.name + "-wal").touch()


@pytest.mark.parametrize("fault", [no_file, no_log, no_log_and_index, moved, no_folder, other_log])
def test_what_is_taken_away_is_put_back(
    ledger: SqliteLedger, path: Path, fault: Callable[[Path], None]
) -> None:
    fault(path)
    add(ledger, 2)
    add(ledger, 3)
    assert found(path) == ([1, 2, 3], ROW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.seq for entry in ledger.read(0)] == [1, 2, 3]
    add(ledger, 4)


def test_an_idle_ledger_is_put_back_by_a_look(ledger: SqliteLedger, path: Path) -> None:
    path.unlink()
    ledger.stay()
    assert found(path) == ([1], ROW)


def test_it_is_said_once(ledger: SqliteLedger, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.unlink()
    ledger.stay()
    ledger.stay()
    assert capsys.readouterr().out.count("ledger put back") == 1


def test_another_file_in_its_place_is_left_alone_and_ours_kept(ledger: SqliteLedger, path: Path) -> None:
    """As when a backup is restored under a running ccd: only a person knows which is right."""
    other = path.with_name("other")
    sqlite3.connect(other).close()
    other.write_bytes(b"theirs")
    other.rename(path)
    for _ in range(2):
        with pytest.raises(TryLater) as caught:
            add(ledger, 2)
        assert caught.value.code == "ledger.replaced" and "stop ccd" in caught.value.message
    assert path.read_bytes() == b"theirs"
    kept = SqliteLedger(path.with_name("ledger.sqlite.displaced"))
    assert [entry.seq for entry in kept.read(0)] == [1] and kept.record("1") == ROW
    kept.close()


def test_while_it_cannot_be_put_back_nothing_is_taken(ledger: SqliteLedger, path: Path) -> None:
    """No folder can be made where a file of that name lies; facts wait, and are stored once it is gone."""
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")
    with pytest.raises(TryLater) as caught:
        add(ledger, 2)
    assert caught.value.code == "ledger.gone" and "do not stop ccd" in caught.value.message
    path.parent.unlink()
    add(ledger, 2)
    assert found(path) == ([1, 2], ROW)


def test_a_large_one_is_left_to_a_person_with_the_command(
    ledger: SqliteLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "MOST_BYTES", 1000)
    path.unlink()
    with pytest.raises(TryLater, match=f"cp /proc/{os.getpid()}/fd/[0-9]+ {path}"):
        add(ledger, 2)


def test_a_lock_that_was_deleted_is_taken_anew(ledger: SqliteLedger, path: Path) -> None:
    lock = path.with_name(path.name + ".lock")
    lock.unlink()
    add(ledger, 2)
    assert lock.exists()
    second = SqliteLedger(path.with_name("second.sqlite"))  # and a daemon that came before we looked keeps it
    path.with_name("second.sqlite.lock").replace(lock)
    with pytest.raises(TryLater) as caught:
        add(ledger, 3)
    second.close()
    assert caught.value.code == "ledger.in_use"
    add(ledger, 3)


def test_a_checkpoint_makes_no_empty_ledger(ledger: SqliteLedger, path: Path) -> None:
    path.unlink()
    with pytest.raises(sqlite3.Error):
        Checkpointer(path).checkpoint()
    assert not path.exists()
