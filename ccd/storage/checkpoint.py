"""Moving the write-ahead log into the database file, beside the commits and not among them.

A checkpoint writes and syncs for tens of milliseconds. SQLite would do it inside some commit, and every
command waiting for that commit with it. Here a thread with a connection of its own does it: a PASSIVE
checkpoint holds up no writer. Under traffic without a pause the log is never empty at once and would grow for
ever, so beyond `MOST_BYTES` it is started anew (RESTART). That holds writers for what is left, so first it is
made little: each PASSIVE leaves what was written meanwhile, and is shorter than the one before.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

EVERY_BYTES = 16 * 2**20
MOST_BYTES = 256 * 2**20
KEPT_BYTES = 2 * MOST_BYTES
"""A log that grew larger than this (some reader took long) is cut to it when it is begun anew, in a commit:
well above what traffic needs, as to let go of 192 MB took 130 to 400 ms, and all commits behind it waited."""
LITTLE = 32
"""Pages that writers may wait for."""
MOST_ROUNDS = 8
"""On a disk that is slower than the traffic it never gets little."""
LOOK_EVERY = 256
"""Commits between two looks at the log's size."""


class Checkpointer:
    """One thread a ledger file; started by the first look that finds work."""

    __slots__ = ("_commits", "_log", "_path", "_stop", "_thread", "_wanted")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._wanted = Event()
        self._stop = False
        self._commits = 0
        self._thread: Thread | None = None

    def committed(self) -> None:
        """To be called after each commit; cheap."""
        self._commits += 1
        if self._commits % LOOK_EVERY or self._size() < EVERY_BYTES:
            return
        if self._thread is None:
            self._thread = Thread(target=self._work, name="ccd-checkpoint", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """End the thread; waits for a checkpoint under way."""
        self._stop = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _work(self) -> None:
        while self._wanted.wait() and not self._stop:
            self._wanted.clear()
            with suppress(sqlite3.Error):  # locked or full: the log stays and the next look comes
                self.checkpoint()

    def checkpoint(self) -> None:
        """Move what can be moved now. Raises `sqlite3.Error`."""
        # mode=rw: a ledger that was deleted (see place.py) must not be made anew, empty
        name = f"file:{quote(str(self._path.absolute()))}?mode=rw"
        db = sqlite3.connect(name, uri=True, timeout=0.5, isolation_level=None)
        try:
            page_bytes = int(db.execute("PRAGMA page_size").fetchone()[0])
            if _move(db)[0] * page_bytes > MOST_BYTES:  # the file stays as large as it ever was
                for _ in range(MOST_ROUNDS):
                    written, moved = _move(db)
                    if written - moved <= LITTLE:
                        break
                db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        finally:
            db.close()


def _move(db: sqlite3.Connection) -> tuple[int, int]:
    """How many pages the log holds, and how many of them are in the database file now."""
    _busy, written, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return written, moved
