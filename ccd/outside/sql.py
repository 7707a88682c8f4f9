"""Asking a database: one SELECT with named parameters, its first row; only ever read, in threads of its own.

SQLite files are opened read-only, and everything but reading is refused by the authorizer; a query that goes
on beyond its time is interrupted. PostgreSQL (needs `psycopg`) runs it in a read-only session with a
statement time limit.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from ccd.clock import monotonic
from ccd.errors import Misconfigured
from ccd.model.selects import PIECE
from ccd.model.settings import OutsideSettings
from ccd.outside.asker import Unanswered

MOST_THREADS = 8
"""Of one service, whatever `most` says: more readers make a database no quicker."""
_STEPS = 1000
"""Virtual machine instructions of SQLite between two looks at the time."""
_READS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
Row = dict[str, Any]


class SqlAsker:
    """One `kind = "sql"` service."""

    def __init__(self, settings: OutsideSettings) -> None:
        """Raises `Misconfigured` where PostgreSQL is wanted and its driver is not installed."""
        self._threads = ThreadPoolExecutor(
            min(settings.most, MOST_THREADS), thread_name_prefix=f"ccd-{settings.name}"[:30]
        )
        self._query: _Query = _Postgres(settings) if settings.dsn else _Sqlite(settings)

    async def ask(self, values: Mapping[str, str], timeout_s: float) -> Row | None:
        loop, until = asyncio.get_running_loop(), monotonic() + timeout_s
        return await loop.run_in_executor(self._threads, self._query.run, dict(values), until)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._query.close()


class _Query:
    """Blocking; used from several threads, with a connection for each."""

    def __init__(self, settings: OutsideSettings) -> None:
        self._settings = settings
        self._of_thread = threading.local()
        self._opened: list[Any] = []
        self._lock = threading.Lock()
        self._running = 0
        self._closed = False

    def run(self, values: dict[str, str], until: float) -> Row | None:
        """`first`, counted."""
        with self._lock:
            self._running += 1
        try:
            return self.first(values, until)
        finally:
            with self._lock:
                self._running -= 1
                last = self._closed and not self._running
            if last:
                self.close()

    def first(self, values: dict[str, str], until: float) -> Row | None:
        """The first row; None: there is none. `until`: on the monotonic clock."""
        raise NotImplementedError

    def connection(self, open_one: Callable[[], Any]) -> Any:
        """This thread's connection."""
        found = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = open_one()
            with self._lock:
                self._opened.append(found)
        return found

    def forget(self) -> None:
        """This thread's connection is broken."""
        found = getattr(self._of_thread, "connection", None)
        self._of_thread.connection = None
        if found is not None:
            with self._lock:
                self._opened.remove(found)
            found.close()

    def close(self) -> None:
        """Close the connections; while a query that nobody waits for runs to its time limit, that does it."""
        with self._lock:
            self._closed = True
            idle, self._opened = ([], self._opened) if self._running else (self._opened, [])
        for connection in idle:
            connection.close()


class _Sqlite(_Query):
    def first(self, values: dict[str, str], until: float) -> Row | None:
        if monotonic() >= until:
            return None  # nobody waits any more
        try:
            database = self.connection(self._open)
            database.set_progress_handler(lambda: monotonic() >= until, _STEPS)
            cursor = database.execute(self._settings.select, values)
            row = cursor.fetchone()
            names = [column[0] for column in cursor.description or ()]
            cursor.close()
        except sqlite3.Error as error:
            self.forget()
            if monotonic() >= until:
                raise Unanswered("the query took too long and was interrupted") from error
            raise Unanswered(f"the query failed: {error}"[:200]) from error
        return None if row is None else dict(zip(names, row, strict=True))

    def _open(self) -> sqlite3.Connection:
        path = quote(self._settings.database)
        timeout_s = self._settings.timeout_s
        database = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, timeout=timeout_s, check_same_thread=False, isolation_level=None
        )
        database.set_authorizer(_only_read)
        return database


def _only_read(action: int, *_about: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


class _Postgres(_Query):
    def __init__(self, settings: OutsideSettings) -> None:
        super().__init__(settings)
        try:
            import psycopg
        except ImportError as error:
            raise Misconfigured(
                "outside.postgresql",
                f"services.{settings.name}: asking PostgreSQL needs psycopg; install ccd[postgresql]",
            ) from error
        self._driver = psycopg
        self._select = "".join(_named(settings.select))

    def first(self, values: dict[str, str], until: float) -> Row | None:
        left_s = until - monotonic()
        if left_s <= 0:
            return None
        try:
            database = self.connection(lambda: self._open(left_s))
            with database.cursor() as cursor:
                limit_ms = max(1, int(1000 * (until - monotonic())))
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(limit_ms),))
                cursor.execute(self._select, values)
                row = cursor.fetchone()
                names = [column.name for column in cursor.description or ()]
        except self._driver.errors.QueryCanceled as error:
            raise Unanswered("the query took too long and was interrupted") from error
        except self._driver.Error as error:
            self.forget()
            code = getattr(error, "sqlstate", None) or "no connection"
            raise Unanswered(f"the query failed ({type(error).__name__}, {code})") from error
        return None if row is None else dict(zip(names, row, strict=True))

    def _open(self, left_s: float) -> Any:
        limit_ms = max(1, int(1000 * self._settings.timeout_s))
        return self._driver.connect(
            self._settings.dsn.reveal(),
            autocommit=True,
            connect_timeout=max(2, int(left_s)),
            tcp_user_timeout=limit_ms,
            options=f"-c default_transaction_read_only=on -c statement_timeout={limit_ms}",
        )


def _named(select: str) -> Iterator[str]:
    """The statement with psycopg's parameters for ours, and per cent signs doubled."""
    at = 0
    for found in PIECE.finditer(select):
        yield select[at : found.start()].replace("%", "%%")
        yield f"%({found[1]})s" if found[1] else found[0].replace("%", "%%")
        at = found.end()
    yield select[at:].replace("%", "%%")
