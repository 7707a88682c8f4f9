"""Whether the ledger's files still lie where they were opened, and what is done when they do not.

A file that is deleted or moved away while it is open goes on taking what is written, and nobody is told: all
of it would be gone with the process (https://sqlite.org/howtocorrupt.html §2.4). So the place is looked at
now and then. What is gone is written anew from what the open connection still sees, and nothing is lost.
"""

import os
import sqlite3
from contextlib import closing
from enum import Enum
from pathlib import Path

from ccd.clock import monotonic
from ccd.errors import TryLater
from ccd.storage.backup import PART, give_name
from ccd.storage.faults import translated

EVERY_S = 1.0
"""Between two looks: each costs three system calls, in which a busy loop may take the interpreter."""
MOST_BYTES = 2 * 2**30
"""What is written anew by itself: larger, it takes so long that the watchdog would end the daemon over it."""
DISPLACED = ".displaced"
"""Ends the name of our ledger where another file lies in its place."""

_Identity = tuple[int, int]


class Lost(Enum):
    """What is no longer where it was opened."""

    NOTHING = "nothing"
    LOCK = "the lock"
    LOG = "the write-ahead log"
    FILE = "the file"
    REPLACED = "the file, another one lies there"


class Place:
    """Where the files of one open ledger lie."""

    __slots__ = ("_due", "_file", "_lock", "_log", "path")

    def __init__(self, path: Path) -> None:
        """To be made when the file is open."""
        self.path = path
        self._due = 0.0
        self.remember()

    def remember(self) -> None:
        """What lies there now is ours."""
        self._file = _identity(self.path)
        self._log = _identity(_beside(self.path, "-wal"))
        self._lock = _identity(_beside(self.path, ".lock"))
        self._due = monotonic() + EVERY_S

    def due(self) -> bool:
        """Whether it is time for a look."""
        return monotonic() >= self._due

    def lock_lost(self) -> bool:
        """Whether a second daemon would find no lock."""
        return _identity(_beside(self.path, ".lock")) != self._lock

    def look(self) -> Lost:
        """The worst that is missing."""
        self._due = monotonic() + EVERY_S
        file = _identity(self.path)
        if file != self._file:
            return Lost.FILE if file is None else Lost.REPLACED
        log = _identity(_beside(self.path, "-wal"))
        if self._log is None:
            self._log = log
        if log != self._log:
            return Lost.LOG
        return Lost.LOCK if self.lock_lost() else Lost.NOTHING


def write_anew(db: sqlite3.Connection, path: Path) -> None:
    """Put the whole ledger, as an open connection sees it, where nothing lies. The connection must be closed
    before the file is opened. Raises `TryLater`, and then nothing lies there."""
    size = db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
    if size > MOST_BYTES:
        raise TryLater("ledger.gone", f"the ledger {path} was deleted or moved away; {_by_hand(path, size)}")
    part = _beside(path, PART)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with translated(part), closing(sqlite3.connect(part, isolation_level=None)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file, nothing beside it
        for suffix in ("-wal", "-shm"):  # of what was there: it must not be taken for the copy's
            _beside(path, suffix).unlink(missing_ok=True)
        give_name(part, path)
    except OSError as error:
        raise TryLater(
            "ledger.gone",
            f"the ledger {path} was deleted or moved away and cannot be written anew ({error.strerror}):"
            " make its folder and room in it, or put the file back; do not stop ccd before",
        ) from error


def save_aside(db: sqlite3.Connection, path: Path) -> TryLater:
    """Another file lies in the ledger's place, and only a person knows which is right: keep ours beside it;
    what is to be raised."""
    ours = _beside(path, DISPLACED)
    if not ours.exists():
        write_anew(db, ours)
    return TryLater(
        "ledger.replaced",
        f"the ledger {path} was replaced by another file while ccd ran; what it had stored is in {ours}:"
        f" stop ccd, let the right one lie at {path} (without -wal and -shm), then start it",
    )


def move_log(db: sqlite3.Connection, path: Path) -> None:
    """The log was deleted: move what only it holds into the file. The connection must be opened anew after
    that. Raises `TryLater` while somebody reads."""
    with translated(path):
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise TryLater(
            "ledger.locked", f"the write-ahead log of {path} was deleted, and somebody reads it yet"
        )


def _by_hand(path: Path, size: int) -> str:
    """How a person saves what is too large."""
    pid = os.getpid()
    where = next(
        (each for each in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(each) == f"{path} (deleted)"), ""
    )
    return (
        f"it has {size / 1e9:.1f} GB, too much to be written anew while calls go on: put it back by"
        f" `cp {where or f'/proc/{pid}/fd/N'} {path}` and restart ccd"
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> _Identity | None:
    """Which file that is; None: none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
