"""Opening the SQLite file: settings of the connection, check of its pages, numbered migrations.

The number of the last migration stands in `user_version`; `application_id` marks the file as ours.
"""

import os
import sqlite3
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from ccd.clock import monotonic
from ccd.errors import Misconfigured
from ccd.storage.checkpoint import KEPT_BYTES
from ccd.storage.faults import translate, translated

APPLICATION_ID = 0x63636431  # "ccd1"
CHECK_S = 0.25
"""Longest time for the check of the pages at start; a larger file is checked only in part."""
_STEPS = 20_000


def connect(path: Path, sync: str, busy_timeout_s: float, *, create: bool) -> sqlite3.Connection:
    """Open the file, made with mode 0600 if it is `create`d: it holds what customers said."""
    if sync not in ("normal", "full"):
        raise Misconfigured("ledger.sync", f"[ledger] sync is {sync!r}: write `normal` or `full`")
    try:
        if create:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise Misconfigured(
            "ledger.open",
            f"the ledger {path} cannot be opened ({error.strerror}): check its directory and owner",
        ) from error
    with translated(path):
        db = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=rw",
            uri=True,
            timeout=busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
    try:
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute(f"PRAGMA synchronous = {sync}")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # see checkpoint.py
        db.execute(f"PRAGMA journal_size_limit = {KEPT_BYTES}")
        db.execute("PRAGMA cache_size = -4096")
    except sqlite3.Error as error:
        db.close()
        raise translate(error, path) from error
    return db


def check_whole(db: sqlite3.Connection, path: Path) -> None:
    """Look at the pages for at most `CHECK_S` seconds. Raises `Misconfigured` for a damaged file."""
    until = monotonic() + CHECK_S
    db.set_progress_handler(lambda: monotonic() > until, _STEPS)
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return
        raise translate(error, path) from error
    finally:
        db.set_progress_handler(None, 0)
    if found != "ok":
        raise Misconfigured(
            "ledger.damaged",
            f"the ledger {path} is damaged ({found}): restore it from a backup or move it away to begin anew",
        )


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest schema, each step whole or not at all."""
    present = _version(db, path)
    for number, script in migrations()[present:]:
        try:
            db.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION_ID};"
                f"\nPRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error as error:
            if db.in_transaction:
                db.rollback()
            raise translate(error, path) from error


def require_current(db: sqlite3.Connection, path: Path) -> None:
    """Raise `Misconfigured` unless the schema is the newest: only the daemon itself migrates."""
    if _version(db, path) != len(migrations()):
        raise Misconfigured(
            "ledger.older", f"the ledger {path} has an older schema: start this version's daemon on it first"
        )


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """All (number, script) in order; numbers are 1, 2, 3…"""
    folder = resources.files("ccd.storage") / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return tuple((int(name[:4]), (folder / name).read_text(encoding="utf-8")) for name in names)


def _version(db: sqlite3.Connection, path: Path) -> int:
    with translated(path):
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        owner: int = db.execute("PRAGMA application_id").fetchone()[0]
        tables: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if (tables or version) and owner != APPLICATION_ID:
        raise Misconfigured(
            "ledger.foreign",
            f"{path} is a database of another program: move it away or correct [ledger] path",
        )
    newest = len(migrations())
    if version > newest:
        raise Misconfigured(
            "ledger.newer",
            f"the ledger {path} was written by a newer ccd (schema {version}, this one knows {newest}):"
            " install that version again",
        )
    return version
