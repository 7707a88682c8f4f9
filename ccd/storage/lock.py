"""One daemon a ledger: a lock that the kernel drops with the process, so `kill -9` leaves none behind."""

import fcntl
import os
from pathlib import Path

from ccd.errors import CcdError, Misconfigured, Refused, TryLater


class FileLock:
    """An exclusive lock on `FILE.lock`, which holds the owner's process id for people."""

    __slots__ = ("_handle",)

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises `Refused` when another process has it, `Misconfigured` without access."""
        lock = path.with_name(path.name + ".lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(
                "ledger.open",
                f"the ledger's lock {lock} cannot be opened ({error.strerror}): check the directory",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            raise Refused(
                "ledger.in_use",
                f"the ledger {path} is in use by another ccd (process {owner or 'unknown'}):"
                " stop that one, or give this one its own state directory",
            ) from error
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle: int | None = handle

    def moved(self, path: Path) -> "FileLock":
        """The lock anew, where its file was deleted; this one is given back then. Raises `TryLater`."""
        try:
            fresh = FileLock(path)
        except CcdError as error:
            raise TryLater(error.code, error.message) from error
        self.release()
        return fresh

    def release(self) -> None:
        """Give it back. Idempotent; the file stays (removing it would race with the next owner)."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
