"""The Ledger port: facts that are only appended (and forgotten by age), snapshots, records of interactions.

Implementations (`storage/`) are blocking and single-threaded: the runtime calls them from one worker
thread. Both the SQLite one and the memory twin pass `tests/contract/test_ledger.py`.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One fact as stored."""

    seq: int
    """1, 2, 3… without gaps."""
    at: float
    """When it was taken from the inbox, seconds since the epoch."""
    fact: bytes
    """msgpack of an `AnyFact`."""


class RecordRow(msgspec.Struct, frozen=True, gc=False):
    """One ended interaction as filed. Filing the same id again replaces the row (replay)."""

    interaction: str
    queue: str
    channel: str
    began_at: float
    ended_at: float
    outcome: str
    body: bytes
    """msgpack of the whole record (timeline, decisions)."""


class Snapshot(msgspec.Struct, frozen=True):
    """State of the engines after the fact `seq`."""

    seq: int
    at: float
    state: bytes


class Forgotten(msgspec.Struct, frozen=True):
    """What one step of forgetting deleted."""

    facts: int = 0
    records: int = 0
    uncovered: bool = False
    """Older facts are left that no snapshot stands for yet."""


class Ledger(Protocol):
    """Durable store of one centre."""

    def append(self, entries: list[Entry], records: list[RecordRow]) -> None:
        """Store facts and file records in one transaction; durable when it returns.

        `entries` continue the sequence. Raises `TryLater` (disk full, locked), nothing stored then.
        """
        ...

    def last(self) -> tuple[int, float]:
        """(seq, at) of the newest fact; (0, 0.0) when empty."""
        ...

    def read(self, after: int, limit: int = 0) -> Iterator[Entry]:
        """Facts with seq > `after`, in order; `limit` 0: all."""
        ...

    def save_snapshot(self, snapshot: Snapshot, rest: Callable[[], None] = lambda: None) -> None:
        """Keep a snapshot; older ones but the previous may go.

        `rest` is called now and then while a large state is made ready, before anything is locked: a thread
        that saves one beside the loop sleeps in it. What it raises is raised, nothing saved.
        """
        ...

    def load_snapshot(self) -> Snapshot | None:
        """The newest snapshot whose check sum holds."""
        ...

    def snapshots(self) -> Iterator[Snapshot]:
        """Those kept whose check sum holds, the newest first."""
        ...

    def forget(self, before: float, covered: int, most: int) -> Forgotten:
        """Delete facts and records from before a time, the oldest first, some `most` rows of each at a time.

        Facts after `covered` and the newest batch stay: the state must be had from a snapshot. In one short
        transaction; nothing deleted: all are. Raises `TryLater`.
        """
        ...

    def record(self, interaction: str) -> RecordRow | None:
        """One filed interaction."""
        ...

    def records(
        self, since: float = 0.0, until: float = 0.0, queue: str = "", limit: int = 100
    ) -> list[RecordRow]:
        """Filed interactions that ended in [since, until), newest first; `until` 0: no bound."""
        ...

    def stay(self) -> None:
        """To be called now and then: files that were taken away while it runs are put back, nothing is lost.

        Raises `TryLater` when that cannot be done: what is written then would be lost with the process.
        """
        ...

    def close(self) -> None:
        """Release files. Idempotent."""
        ...
