"""A copy of the ledger: whole while it grows, never over another file, and taken away when it fails."""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ccd.channels.ledger import Entry, RecordRow, Snapshot
from ccd.errors import Misconfigured, Refused
from ccd.storage import backup
from ccd.storage.backup import back_up, drop_older, main_backup
from ccd.storage.sqlite import SqliteLedger


def entries(first: int, count: int) -> list[Entry]:
    return [Entry(seq, 100.0 + seq, b"fact %d" % seq) for seq in range(first, first + count)]


def row(name: str) -> RecordRow:
    return RecordRow(name, "sales", "voice", 1.0, 2.0, "handled", b"body of " + name.encode())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        opened.append(entries(1, 20), [row("1"), row("2")])
        opened.save_snapshot(Snapshot(20, 120.0, b"state" * 9000))
        yield opened


def test_a_copy_is_a_ledger_with_all_that_was_stored(ledger: SqliteLedger, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite"
    made = back_up(tmp_path / "ledger.sqlite", target)
    ledger.append(entries(21, 5), [])  # the owner goes on, and what it adds is not in the copy
    ledger.close()
    assert (made.seq, made.at, made.records, made.size) == (20, 120.0, 2, target.stat().st_size)
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("copy")) == ["copy.sqlite"]
    restored = SqliteLedger(target)
    assert [entry.fact for entry in restored.read(0)] == [b"fact %d" % seq for seq in range(1, 21)]
    assert restored.record("2") == row("2")
    assert restored.load_snapshot() == Snapshot(20, 120.0, b"state" * 9000)
    restored.close()


def test_what_is_written_meanwhile_neither_waits_nor_starts_it_anew(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = backup._look_through

    def meanwhile(copy: sqlite3.Connection, path: Path) -> tuple[int, float, int]:
        ledger.append(entries(21, 1), [])
        return looked(copy, path)

    monkeypatch.setattr(backup, "_look_through", meanwhile)
    assert back_up(tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite").seq == 20
    assert ledger.last()[0] == 21
    ledger.close()


def test_an_empty_ledger_can_be_copied(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.sqlite").close()
    assert back_up(tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite").seq == 0


def test_another_file_is_never_written_over(ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.close()
    target = tmp_path / "copy.sqlite"
    target.write_text("mine")
    with pytest.raises(Refused, match=r"copy.sqlite exists already — "):
        back_up(tmp_path / "ledger.sqlite", target)
    assert target.read_text() == "mine"


def test_what_comes_there_meanwhile_is_not_written_over_either(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.close()
    target = tmp_path / "copy.sqlite"

    def meanwhile(_copy: sqlite3.Connection, _path: Path) -> tuple[int, float, int]:
        target.write_text("theirs")
        return (20, 120.0, 2)

    monkeypatch.setattr(backup, "_look_through", meanwhile)
    with pytest.raises(Refused, match="exists already"):
        back_up(tmp_path / "ledger.sqlite", target)
    assert target.read_text() == "theirs" and not list(tmp_path.glob("*.part"))


def test_a_damaged_copy_gets_no_name(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append([], [row(str(number)) for number in range(3, 900)])
    ledger.close()
    looked = backup._look_through

    def torn(copy: sqlite3.Connection, path: Path) -> tuple[int, float, int]:
        copy.close()
        with path.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(os.urandom(40 * 4096))
        with closing(sqlite3.connect(path)) as damaged:
            return looked(damaged, path)

    monkeypatch.setattr(backup, "_look_through", torn)
    with pytest.raises(Misconfigured, match="damaged"):
        back_up(tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite")
    assert not list(tmp_path.glob("copy*"))


def test_a_folder_that_is_not_there_is_told_in_words(ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.close()
    with pytest.raises(Refused, match="No such file or directory — the service may write below its state"):
        back_up(tmp_path / "ledger.sqlite", tmp_path / "nowhere" / "copy.sqlite")


def test_a_name_that_cannot_even_be_looked_for_is_told_in_words(ledger: SqliteLedger, tmp_path: Path) -> None:
    """As root's own folder is to the service: it was a traceback's last line."""
    ledger.close()
    with pytest.raises(Refused, match=r"cannot be written: File name too long — the service may write below"):
        back_up(tmp_path / "ledger.sqlite", tmp_path / ("x" * 300))


def test_of_a_disk_that_may_only_be_read_the_first_refusal_is_told(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking the half copy away is refused there too."""
    ledger.close()

    def refuse(_path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Refused, match="No such file or directory — the service may write below its state"):
        back_up(tmp_path / "ledger.sqlite", tmp_path / "nowhere" / "copy.sqlite")


def test_a_foreign_file_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"x" * 9000)
    with pytest.raises(Misconfigured, match="is not a ledger of ccd"):
        back_up(tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite")


def test_only_the_oldest_copies_go(tmp_path: Path) -> None:
    for name in ("ledger-2026-01-03T.sqlite", "ledger-2026-01-01T.sqlite", "ledger-2026-01-02T.sqlite"):
        (tmp_path / name).touch()
    (tmp_path / "ledger.sqlite").touch()
    (tmp_path / "notes.txt").touch()
    assert drop_older(tmp_path, 2) == [str(tmp_path / "ledger-2026-01-01T.sqlite")]
    assert drop_older(tmp_path, 2) == []
    assert len(list(tmp_path.iterdir())) == 4


def test_the_process_answers_with_one_object(
    ledger: SqliteLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.close()
    folder = tmp_path / "backups"
    source, target = str(tmp_path / "ledger.sqlite"), str(folder / "ledger-2026-01-02T.sqlite")
    assert main_backup(source, target, "1") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["seq"], told["records"], told["dropped"]) == (target, 20, 2, [])
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "ledger-2026-01-03T.sqlite.part").touch()  # killed
    assert main_backup(source, str(folder / "ledger-2026-01-04T.sqlite"), "1") == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == [target]
    assert [path.name for path in folder.iterdir()] == ["ledger-2026-01-04T.sqlite"]
    assert main_backup(source, str(folder / "ledger-2026-01-04T.sqlite"), "1") == 1
    assert json.loads(capsys.readouterr().out)["problem"]["code"] == "backup.exists"
