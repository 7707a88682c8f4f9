"""The ledger in one SQLite file (WAL): the embedded default.

One row holds the facts of one commit, so that a fact costs little at load: a commit is one INSERT
plus one for each record. A second daemon on the same file is kept out by a lock on `FILE.lock`;
a process that only makes snapshots or reads opens the ledger `beside` the daemon, without the lock.
"""

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from ccd.channels.ledger import Entry, Forgotten, RecordRow, Snapshot
from ccd.errors import IllegalMove, Misconfigured
from ccd.storage.checkpoint import Checkpointer
from ccd.storage.faults import translate, translated
from ccd.storage.lock import FileLock
from ccd.storage.order import check_entries, is_repeat
from ccd.storage.place import Lost, Place, move_log, save_aside, write_anew
from ccd.storage.schema import check_whole, connect, migrate, require_current

log = structlog.get_logger("ccd")

_READ_ROWS = 64
_PACK_FROM = 16_384
"""Snapshots from this size (bytes) are compressed."""
_SLICE = 65_536
"""Of a state, summed up and compressed within a millisecond."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[float, bytes]]).decode

_INSERT_FACTS = "INSERT INTO facts (first, last, at, entries) VALUES (?, ?, ?, ?)"
_INSERT_RECORDS = (
    "INSERT INTO records (interaction, queue, channel, began_at, ended_at, outcome, body) VALUES {rows}"
    " ON CONFLICT (interaction) DO UPDATE SET"
    " queue = excluded.queue, channel = excluded.channel, began_at = excluded.began_at,"
    " ended_at = excluded.ended_at, outcome = excluded.outcome, body = excluded.body"
)
_RECORDS_AT_ONCE = tuple(
    (count, _INSERT_RECORDS.format(rows=", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * count)))
    for count in (256, 128, 64, 32, 16, 8, 4, 2, 1)
)
"""Statements for so many rows each. Every call of SQLite gives the GIL away and, beside a busy loop, waits
up to the switch interval to have it back: a call for each row once held the file's lock for seconds."""
_SELECT_RECORD = "SELECT interaction, queue, channel, began_at, ended_at, outcome, body FROM records"
_OLDEST_FACTS = "SELECT first, last, at FROM facts ORDER BY first LIMIT ?"
_FORGET_RECORDS = (
    "DELETE FROM records WHERE rowid IN"
    " (SELECT rowid FROM records WHERE ended_at < ? ORDER BY ended_at LIMIT ?)"
)
_FIRST_BATCH = "SELECT max(first) FROM facts WHERE first <= ?"
_NEXT_BATCHES = "SELECT first, entries FROM facts WHERE first >= ? AND first <= ? ORDER BY first LIMIT ?"


def _summed_up(state: bytes, packed: bool, rest: Callable[[], None]) -> tuple[bytes, bytes]:
    """Check sum of a state, and what is stored of it."""
    digest, packer, parts = hashlib.sha256(), zlib.compressobj(1), list[bytes]()
    for begin in range(0, len(state), _SLICE):
        piece = memoryview(state)[begin : begin + _SLICE]
        digest.update(piece)
        if packed:
            parts.append(packer.compress(piece))
        rest()
    return digest.digest(), b"".join((*parts, packer.flush())) if packed else state


class SqliteLedger:
    """A `Ledger` in one file. Blocking; to be used by one thread at a time."""

    __slots__ = (
        "_away",
        "_busy_timeout_s",
        "_checkpointer",
        "_db",
        "_lock",
        "_newest",
        "_path",
        "_place",
        "_sync",
    )

    def __init__(
        self, path: Path, sync: str = "normal", *, beside: bool = False, busy_timeout_s: float = 2.0
    ) -> None:
        """Open or create the file.

        `sync`: `normal` survives the death of the process, `full` also a power cut. `beside`: another
        process is its owner; no lock is taken and the schema must be current.
        Raises `Refused` (another daemon has it), `Misconfigured` (cannot be opened, damaged, or written
        by a newer ccd) and `TryLater` (locked for longer than `busy_timeout_s`, disk full).
        """
        self._path, self._sync, self._busy_timeout_s = path, sync, busy_timeout_s
        self._newest: tuple[int, int, float] | None = None  # (first, last, at) of the newest batch
        self._lock = None if beside else FileLock(path)
        self._checkpointer = Checkpointer(path)
        try:
            self._db: sqlite3.Connection | None = connect(path, sync, busy_timeout_s, create=not beside)
            try:
                self._prepare(self._db, beside)
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            if self._lock:
                self._lock.release()
            raise
        self._place = Place(path)
        self._away = False
        """It was put back, and could not be opened anew yet."""

    def append(self, entries: list[Entry], records: list[RecordRow]) -> None:
        """Store facts and records in one transaction; the newest batch again is not stored twice."""
        if self._away or self._place.due():
            self.stay()
        db = self._open()
        if self._newest is None:
            self._newest = self._read_newest(db)
        last = self._newest[1:]
        fresh = [] if is_repeat(entries, self._newest[0], last) else entries
        check_entries(fresh, last)
        if not fresh and not records:
            return
        try:
            self._write(db, fresh, records)
        except sqlite3.Error as error:
            self._newest = None  # what the file holds now is read again before the next attempt
            if db.in_transaction:
                db.rollback()
            raise translate(error, self._path) from error
        if fresh:
            self._newest = (fresh[0].seq, fresh[-1].seq, fresh[-1].at)
        self._checkpointer.committed()

    def last(self) -> tuple[int, float]:
        db = self._open()
        if self._newest is None or self._lock is None:  # beside a daemon it moves without us
            self._newest = self._read_newest(db)
        return self._newest[1:]

    def read(self, after: int, limit: int = 0) -> Iterator[Entry]:
        """Facts after `after`; no statement stays open between rows, so writers are never held up."""
        db, newest = self._open(), self.last()[0]
        if limit:
            newest = min(newest, after + limit)
        with translated(self._path):
            row = db.execute(_FIRST_BATCH, (after + 1,)).fetchone()
        start = row[0] or 0
        while start <= newest:
            with translated(self._path):
                rows = db.execute(_NEXT_BATCHES, (start, newest, _READ_ROWS)).fetchall()
            if not rows:
                return
            for first, blob in rows:
                seq = first - 1
                for at, fact in self._entries(first, blob):
                    seq += 1
                    if after < seq <= newest:
                        yield Entry(seq, at, fact)
            start = seq + 1

    def _entries(self, first: int, blob: bytes) -> list[tuple[float, bytes]]:
        try:
            return _unpack(blob)
        except msgspec.MsgspecError as error:
            raise Misconfigured(
                "ledger.damaged",
                f"the ledger {self._path} is damaged: fact {first} and those of its commit cannot be read"
                f" ({error}) — restore the ledger from a backup, or move it away to begin anew",
            ) from error

    def save_snapshot(self, snapshot: Snapshot, rest: Callable[[], None] = lambda: None) -> None:
        """Keep this one and its predecessor. `rest` is called after each millisecond or less: to sum up and
        compress some megabytes takes long."""
        db = self._open()
        packed = len(snapshot.state) >= _PACK_FROM
        digest, state = _summed_up(snapshot.state, packed, rest)
        row = (snapshot.seq, snapshot.at, digest, int(packed), state)
        with translated(self._path), db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT OR REPLACE INTO snapshots (seq, at, digest, packed, state) VALUES (?,?,?,?,?)", row
            )
            db.execute(
                "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)"
            )

    def load_snapshot(self) -> Snapshot | None:
        return next(self.snapshots(), None)

    def snapshots(self) -> Iterator[Snapshot]:
        query = "SELECT seq, at, digest, packed, state FROM snapshots ORDER BY seq DESC"
        with translated(self._path):
            rows = self._open().execute(query).fetchall()
        for seq, at, digest, packed, blob in rows:
            state = _unpacked(blob) if packed else blob
            if state is not None and hashlib.sha256(state).digest() == digest:
                yield Snapshot(seq, at, state)

    def forget(self, before: float, covered: int, most: int) -> Forgotten:
        """What is deleted is overwritten (`secure_delete`); the file stays as large and is filled anew."""
        db = self._open()
        with translated(self._path), db:
            db.execute("PRAGMA secure_delete = ON").fetchone()
            db.execute("BEGIN IMMEDIATE")
            rows = db.execute(_OLDEST_FACTS, (most,)).fetchall()
            newest = db.execute("SELECT max(first) FROM facts").fetchone()[0]
            old = [row for row in rows if row[2] < before and row[0] != newest]
            gone = [row for row in old if row[1] <= covered]
            if gone:
                db.execute("DELETE FROM facts WHERE first <= ?", (gone[-1][0],))
            records = db.execute(_FORGET_RECORDS, (before, most)).rowcount
        return Forgotten(gone[-1][1] - gone[0][0] + 1 if gone else 0, records, len(gone) < len(old))

    def record(self, interaction: str) -> RecordRow | None:
        with translated(self._path):
            row = self._open().execute(f"{_SELECT_RECORD} WHERE interaction = ?", (interaction,)).fetchone()
        return RecordRow(*row) if row else None

    def records(
        self, since: float = 0.0, until: float = 0.0, queue: str = "", limit: int = 100
    ) -> list[RecordRow]:
        where = ["ended_at >= ?"]
        arguments: list[float | str | int] = [since]
        if until:
            where.append("ended_at < ?")
            arguments.append(until)
        if queue:
            where.append("queue = ?")
            arguments.append(queue)
        query = (
            f"{_SELECT_RECORD} WHERE {' AND '.join(where)} ORDER BY ended_at DESC, interaction DESC LIMIT ?"
        )
        with translated(self._path):
            rows = self._open().execute(query, (*arguments, limit)).fetchall()
        return [RecordRow(*row) for row in rows]

    def stay(self) -> None:
        if self._lock is None:
            return
        lost = Lost.FILE if self._db is None and self._away else self._place.look()
        if lost is Lost.NOTHING:
            return
        if lost is Lost.REPLACED:
            raise save_aside(self._open(), self._path)
        if lost is not Lost.LOCK and self._db is not None:
            (write_anew if lost is Lost.FILE else move_log)(self._db, self._path)
            self._away = True
            self._db.close()  # before the file is opened anew: closing takes the log of that name along
            self._db = None
        if self._db is None:
            self._db = connect(self._path, self._sync, self._busy_timeout_s, create=False)
            self._away, self._newest = False, None
        if self._place.lock_lost():
            self._lock = self._lock.moved(self._path)
        self._place.remember()
        log.error("ledger put back", path=str(self._path), lost=lost.value)

    def close(self) -> None:
        """Close the file and give the lock back. Idempotent."""
        if self._db is None and not self._away:
            return
        self._checkpointer.close()
        if self._db is not None:
            self._db.close()
        self._db, self._away = None, False
        if self._lock:
            self._lock.release()

    def _prepare(self, db: sqlite3.Connection, beside: bool) -> None:
        if beside:
            require_current(db, self._path)
        else:
            check_whole(db, self._path)
            migrate(db, self._path)
        self._newest = self._read_newest(db)

    def _write(self, db: sqlite3.Connection, entries: list[Entry], records: list[RecordRow]) -> None:
        batch = None
        if entries:
            blob = bytearray(_pack([(entry.at, entry.fact) for entry in entries]))  # see `_write_records`
            batch = (entries[0].seq, entries[-1].seq, entries[-1].at, blob)
        if not records and batch:
            db.execute(_INSERT_FACTS, batch)  # alone it is its own transaction: one call instead of three
            return
        execute = db.cursor().execute
        execute("BEGIN IMMEDIATE")
        if batch:
            execute(_INSERT_FACTS, batch)
        _write_records(execute, records)
        execute("COMMIT")

    def _read_newest(self, db: sqlite3.Connection) -> tuple[int, int, float]:
        with translated(self._path):
            row = db.execute("SELECT first, last, at FROM facts ORDER BY first DESC LIMIT 1").fetchone()
        return (row[0], row[1], row[2]) if row else (0, 0, 0.0)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise IllegalMove(
                "ledger.closed", f"the ledger {self._path} was closed and cannot be used any more"
            )
        return self._db


def _write_records(execute: Callable[..., object], records: list[RecordRow]) -> None:
    """Bodies go as `bytearray`: of each `bytes` the module asks for an adapter, which costs an exception."""
    start, left = 0, len(records)
    for count, statement in _RECORDS_AT_ONCE:
        while left >= count:
            values: list[str | float | bytes | bytearray] = []
            for row in records[start : start + count]:
                values += msgspec.structs.astuple(row)
                values[-1] = bytearray(row.body)
            execute(statement, values)
            start, left = start + count, left - count


def _unpacked(blob: bytes) -> bytes | None:
    try:
        return zlib.decompress(blob)
    except zlib.error:
        return None
