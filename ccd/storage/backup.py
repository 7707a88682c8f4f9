"""A copy of the ledger while ccd runs: one file, whole, as the ledger was at one moment.

SQLite's own backup (https://sqlite.org/backup.html) reads under one transaction of the write-ahead log, so no
commit waits for it and none is in it by half. The copy is looked through before it gets its name.
"""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from ccd.clock import monotonic
from ccd.errors import CcdError, Misconfigured, Refused, TryLater
from ccd.storage.faults import translated
from ccd.storage.schema import connect, require_current

PART = ".part"
"""Ends the name of a copy that is not whole yet."""
NAMES = "ledger-*.sqlite"
"""What copies in the folder of backups are called."""


class Backup(msgspec.Struct, frozen=True):
    """A copy as it was made."""

    path: str
    seq: int
    """Number of its newest fact."""
    at: float
    """When that came, seconds since the epoch; 0.0: it holds none."""
    records: int
    """Ended interactions in it."""
    size: int
    """Bytes."""
    seconds: float


def back_up(ledger: Path, target: Path) -> Backup:
    """Copy; blocking. What was begun is taken away again when it fails.

    Raises `Refused` (there is such a file, it cannot be written), else as the ledger does.
    """
    began = monotonic()
    with _writes(target):
        if target.exists():
            raise Refused("backup.exists", f"{target} exists already — name another file, or move it away")
    part = target.with_name(target.name + PART)
    with closing(connect(ledger, "normal", 2.0, create=False)) as source:
        require_current(source, ledger)
        try:
            with _writes(target):
                os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
            with translated(part), closing(sqlite3.connect(part, isolation_level=None)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file, nothing beside it
                seq, at, records = _look_through(copy, part)
            with _writes(target):
                give_name(part, target)
        except BaseException:
            with suppress(OSError):  # of a disk that may only be read: what went wrong first is what is told
                part.unlink(missing_ok=True)
            raise
    return Backup(str(target), seq, at, records, target.stat().st_size, monotonic() - began)


def _look_through(copy: sqlite3.Connection, path: Path) -> tuple[int, float, int]:
    """All its pages are whole; (newest fact, its time, records)."""
    found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Misconfigured("backup.damaged", f"the copy {path} is damaged ({found}): look at the disk")
    newest = copy.execute("SELECT last, at FROM facts ORDER BY first DESC LIMIT 1").fetchone() or (0, 0.0)
    return (*newest, copy.execute("SELECT count(*) FROM records").fetchone()[0])


def give_name(part: Path, target: Path) -> None:
    """Give the copy its name once it is on the disk, never over another file's."""
    for path, flags in ((part, os.O_RDWR), (target.parent, os.O_RDONLY)):
        number = os.open(path, flags | os.O_CLOEXEC)
        try:
            os.fsync(number)
            if path is part:
                os.link(part, target)
                part.unlink()
        finally:
            os.close(number)


@contextmanager
def _writes(target: Path) -> Iterator[None]:
    """What the system refuses, in words."""
    try:
        yield
    except FileExistsError as error:
        raise Refused("backup.exists", f"{target} exists already — name another file") from error
    except OSError as error:
        cure = (
            "the service may write below its state folder only, unless ReadWritePaths= of a drop-in says more"
        )
        words = f"{target} cannot be written: {error.strerror} — {cure}"
        kind: type[CcdError] = TryLater if error.errno == errno.ENOSPC else Refused
        raise kind("backup.unwritable", words) from error


def drop_older(folder: Path, keep: int) -> list[str]:
    """Delete all copies of a folder but the newest by name, which is their time; what went, oldest first."""
    names = sorted(path for path in folder.glob(NAMES) if path.is_file())
    dropped = names[: max(0, len(names) - keep)]
    for path in dropped:
        path.unlink(missing_ok=True)
    return [str(path) for path in dropped]


def drop_halves(folder: Path) -> None:
    """Delete what copies left that were killed, in a folder where one is made at a time."""
    for path in folder.glob(NAMES + PART):
        path.unlink(missing_ok=True)


def main_backup(ledger: str, target: str, keep: str) -> int:
    """The process beside the daemon (see `runtime.backups`): one JSON object on stdout is its answer."""
    told: dict[str, Any]
    try:
        with _writes(Path(target)):
            Path(target).parent.mkdir(mode=0o700, exist_ok=True)
            drop_halves(Path(target).parent)
        told = msgspec.to_builtins(back_up(Path(ledger), Path(target)))
        told["dropped"] = drop_older(Path(target).parent, int(keep)) if int(keep) else []
    except CcdError as fault:
        kind = {TryLater: "try_later", Misconfigured: "misconfigured"}.get(type(fault), "refused")
        told = {"problem": {"kind": kind, "code": fault.code, "message": fault.message}}
    print(json.dumps(told))
    return 1 if "problem" in told else 0
