"""What SQLite says, named by what the catcher must do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ccd.errors import CcdError, Misconfigured, TryLater

_LATER = {
    sqlite3.SQLITE_BUSY: ("ledger.locked", "is locked by another process"),
    sqlite3.SQLITE_LOCKED: ("ledger.locked", "is locked by another process"),
    sqlite3.SQLITE_FULL: ("ledger.full", "cannot grow, the disk is full: make room"),
    sqlite3.SQLITE_IOERR: ("ledger.io", "cannot be read or written: look at the disk and the kernel's log"),
    sqlite3.SQLITE_NOMEM: ("ledger.memory", "cannot be written for lack of memory"),
    sqlite3.SQLITE_INTERRUPT: ("ledger.interrupted", "was interrupted"),
}
_NEVER = {
    sqlite3.SQLITE_CANTOPEN: (
        "ledger.open",
        "cannot be opened: check that its directory exists and is writable",
    ),
    sqlite3.SQLITE_READONLY: ("ledger.readonly", "cannot be written: check its owner and mode"),
    sqlite3.SQLITE_PERM: ("ledger.readonly", "cannot be written: check its owner and mode"),
    sqlite3.SQLITE_AUTH: ("ledger.readonly", "cannot be written: check its owner and mode"),
    sqlite3.SQLITE_NOTADB: (
        "ledger.foreign",
        "is not a ledger of ccd: move it away or correct [ledger] path",
    ),
    sqlite3.SQLITE_CORRUPT: ("ledger.damaged", "is damaged: restore it from a backup or move it away"),
}


def translate(error: sqlite3.Error, path: Path) -> CcdError:
    """`TryLater` where waiting or an operator's broom helps, else `Misconfigured`."""
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if primary in _LATER:
        code, text = _LATER[primary]
        return TryLater(code, f"the ledger {path} {text} ({error})")
    code, text = _NEVER.get(primary, ("ledger.fault", "gave an error that is not expected"))
    return Misconfigured(code, f"the ledger {path} {text} ({error})")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Run a block of SQLite calls; its errors leave as those of ccd."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error
