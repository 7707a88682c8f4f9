"""What is particular to the SQLite ledger: locks, faults, migrations, damage."""

import random
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ccd.channels.ledger import Entry, RecordRow, Snapshot
from ccd.errors import CcdError, IllegalMove, Misconfigured, Refused, TryLater
from ccd.storage import schema
from ccd.storage.faults import translate
from ccd.storage.sqlite import SqliteLedger

ROW = RecordRow("1", "sales", "voice", 1.0, 2.0, "handled", b"body")


def facts(first: int, count: int, size: int = 10) -> list[Entry]:
    return [Entry(seq, float(seq), b"x" * size) for seq in range(first, first + count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def filled(path: Path, count: int = 10) -> None:
    ledger = SqliteLedger(path)
    ledger.append(facts(1, count), [ROW])
    ledger.close()


def test_a_second_daemon_is_refused_and_told_who_is_there(path: Path) -> None:
    first = SqliteLedger(path)
    with pytest.raises(Refused) as caught:
        SqliteLedger(path)
    first.close()
    assert caught.value.code == "ledger.in_use"
    assert str(path) in caught.value.message and "process" in caught.value.message
    SqliteLedger(path).close()


def test_a_daemon_of_another_process_is_refused_and_its_death_frees_the_ledger(path: Path) -> None:
    code = (
        "import sys, pathlib; from ccd.storage.sqlite import SqliteLedger\n"
        "l = SqliteLedger(pathlib.Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout and child.stdout.readline() == "open\n"
        with pytest.raises(Refused, match=f"process {child.pid}"):
            SqliteLedger(path)
        child.kill()
    SqliteLedger(path).close()


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    filled(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_beside_a_daemon_one_reads_and_saves_snapshots(path: Path) -> None:
    owner = SqliteLedger(path)
    owner.append(facts(1, 5), [])
    beside = SqliteLedger(path, beside=True)
    assert beside.last() == (5, 5.0)
    owner.append(facts(6, 2), [])
    assert beside.last() == (7, 7.0)
    beside.save_snapshot(Snapshot(7, 7.0, b"state"))
    owner.append(facts(8, 1), [])
    beside.close()
    assert owner.load_snapshot() == Snapshot(7, 7.0, b"state")
    owner.close()


def test_beside_nothing_is_created(path: Path) -> None:
    with pytest.raises(Misconfigured):
        SqliteLedger(path, beside=True)
    assert not path.exists()


def test_beside_an_older_schema_is_not_touched(path: Path) -> None:
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(path, beside=True)
    assert caught.value.code == "ledger.older"


def test_a_newer_schema_is_refused(path: Path) -> None:
    filled(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(path)
    assert caught.value.code == "ledger.newer"
    assert "99" in caught.value.message and "install" in caught.value.message


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(path)
    assert caught.value.code == "ledger.foreign"
    db = sqlite3.connect(path)
    assert [name for (name,) in db.execute("SELECT name FROM sqlite_schema")] == ["theirs"]
    db.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 500)
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(path)
    assert caught.value.code == "ledger.foreign"


def test_damaged_pages_are_found_at_open(path: Path) -> None:
    filled(path, 2000)
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 4] = b"\xa5" * 8192
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(path)
    assert caught.value.code == "ledger.damaged"
    assert "backup" in caught.value.message


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        SqliteLedger(tmp_path / "nowhere" / "ledger.sqlite")
    assert "nowhere" in caught.value.message


def test_a_failed_open_gives_the_lock_back(path: Path) -> None:
    with pytest.raises(Misconfigured, match="sync"):
        SqliteLedger(path, sync="sometimes")
    SqliteLedger(path, sync="full").close()


def test_a_lock_held_too_long_is_try_later_and_nothing_is_stored(path: Path) -> None:
    ledger = SqliteLedger(path, busy_timeout_s=0.01)
    ledger.append(facts(1, 1), [])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for rows in ([], [ROW]):
        with pytest.raises(TryLater) as caught:
            ledger.append(facts(2, 3), rows)
        assert caught.value.code == "ledger.locked"
    other.execute("ROLLBACK")
    other.close()
    ledger.append(facts(2, 3), [ROW])
    assert ledger.last() == (4, 4.0)
    assert [entry.seq for entry in ledger.read(0)] == [1, 2, 3, 4]
    ledger.close()


def test_a_full_disk_is_try_later_and_the_batch_goes_in_when_there_is_room(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.append(facts(1, 1), [])
    db = ledger._open()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    big = facts(2, 4, size=50_000)
    with pytest.raises(TryLater) as caught:
        ledger.append(big, [ROW])
    assert caught.value.code == "ledger.full"
    assert ledger.last() == (1, 1.0) and ledger.record("1") is None
    db.execute("PRAGMA max_page_count = 100000")
    ledger.append(big, [ROW])
    assert ledger.last() == (5, 5.0) and ledger.record("1") == ROW
    ledger.close()


def test_a_commit_that_succeeded_though_it_was_reported_as_failed_is_not_doubled(path: Path) -> None:
    ledger = SqliteLedger(path)
    batch = facts(1, 3)
    ledger.append(batch, [])
    ledger._newest = None  # as after an error whose outcome is not known
    ledger.append(batch, [ROW])
    assert [entry.seq for entry in ledger.read(0)] == [1, 2, 3]
    assert ledger.record("1") == ROW
    with pytest.raises(IllegalMove):
        ledger.append(facts(2, 3), [])
    ledger.close()


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_snapshot_whose_check_sum_fails_is_passed_over(path: Path, size: int) -> None:
    ledger = SqliteLedger(path)
    for seq in (1, 2, 3):
        ledger.save_snapshot(Snapshot(seq, float(seq), b"%d" % seq * size))
    ledger.close()
    db = sqlite3.connect(path)
    assert [seq for (seq,) in db.execute("SELECT seq FROM snapshots ORDER BY seq")] == [2, 3]
    db.execute("UPDATE snapshots SET state = zeroblob(9) WHERE seq = 3")
    db.commit()
    db.close()
    ledger = SqliteLedger(path)
    assert ledger.load_snapshot() == Snapshot(2, 2.0, b"2" * size)
    ledger.close()


def test_a_large_snapshot_is_compressed(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.save_snapshot(Snapshot(1, 1.0, b"again and " * 50_000))
    assert ledger._open().execute("SELECT length(state) FROM snapshots").fetchone()[0] < 50_000
    ledger.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in schema.migrations()] == list(range(1, len(schema.migrations()) + 1))


def test_a_migration_that_fails_leaves_the_former_schema(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    good = schema.migrations()
    broken = (*good, (len(good) + 1, "CREATE TABLE half (a) STRICT; CREATE TABLE facts (b);"))
    monkeypatch.setattr(schema, "migrations", lambda: broken)
    with pytest.raises(CcdError):
        SqliteLedger(path)
    monkeypatch.setattr(schema, "migrations", lambda: good)
    ledger = SqliteLedger(path)
    assert ledger.last() == (10, 10.0)
    ledger.close()


def test_a_further_migration_keeps_the_facts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    good = schema.migrations()
    monkeypatch.setattr(
        schema, "migrations", lambda: (*good, (len(good) + 1, "ALTER TABLE records ADD COLUMN x TEXT;"))
    )
    ledger = SqliteLedger(path)
    assert ledger.last() == (10, 10.0) and ledger.record("1") == ROW
    ledger.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_IOERR, TryLater),
        (sqlite3.SQLITE_IOERR | 3 << 8, TryLater),
        (sqlite3.SQLITE_FULL, TryLater),
        (sqlite3.SQLITE_BUSY | 1 << 8, TryLater),
        (sqlite3.SQLITE_CORRUPT, Misconfigured),
        (sqlite3.SQLITE_READONLY, Misconfigured),
        (sqlite3.SQLITE_ERROR, Misconfigured),
    ],
)
def test_errors_are_named_by_what_helps(code: int, error: type[CcdError], path: Path) -> None:
    raw = sqlite3.OperationalError("said sqlite")
    raw.sqlite_errorcode = code
    named = translate(raw, path)
    assert isinstance(named, error)
    assert str(path) in named.message and "said sqlite" in named.message


@pytest.mark.parametrize("count", [1, 2, 3, 255, 256, 257, 700])
def test_any_number_of_records_goes_in_at_once(path: Path, count: int) -> None:
    ledger = SqliteLedger(path)
    rows = [RecordRow(str(n), "sales", "voice", 1.0, float(n), "handled", b"%d" % n) for n in range(count)]
    ledger.append(facts(1, 1), rows)
    assert ledger.records(limit=9999) == rows[::-1]
    ledger.close()


def test_the_same_interaction_twice_in_a_batch_keeps_the_later_row(path: Path) -> None:
    ledger = SqliteLedger(path)
    later = RecordRow("1", "mail", "web", 3.0, 4.0, "abandoned", b"later")
    ledger.append([], [ROW, later])
    assert ledger.records() == [later]
    ledger.close()


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\x93\x01"])
def test_a_damaged_commit_is_said_in_words(path: Path, rubbish: bytes) -> None:
    """Its page is whole and its contents are not, as after a disk that lied: no traceback at the start."""
    filled(path, 3)
    db = sqlite3.connect(path)
    db.execute("UPDATE facts SET entries = ?", (rubbish,))
    db.commit()
    db.close()
    ledger = SqliteLedger(path)
    with pytest.raises(Misconfigured, match=r"fact 1 .*backup") as caught:
        list(ledger.read(0))
    ledger.close()
    assert caught.value.code == "ledger.damaged" and str(path) in caught.value.message


def test_a_large_snapshot_lets_others_in_before_it_takes_the_lock(path: Path) -> None:
    state = random.Random(3).randbytes(400_000) + bytes(400_000)
    rests = []
    with closing(SqliteLedger(path)) as ledger, closing(sqlite3.connect(path, timeout=0)) as other:

        def rest() -> None:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            rests.append(len(rests))

        ledger.save_snapshot(Snapshot(0, 1.0, state), rest)
        assert len(rests) > 10
        assert ledger.load_snapshot() == Snapshot(0, 1.0, state)
