"""The ledger's twin in memory: tests, rehearsals and simulated centres. Nothing outlives the process."""

from collections.abc import Callable, Iterator

from ccd.channels.ledger import Entry, Forgotten, RecordRow, Snapshot
from ccd.errors import IllegalMove
from ccd.storage.order import check_entries, is_repeat


class _Store:
    """What a file would hold; outlives the ledger that writes it."""

    __slots__ = ("entries", "forgotten", "newest", "records", "snapshots")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.forgotten = 0  # newest fact that was deleted
        self.newest = 0  # first fact of the newest batch
        self.records: dict[str, RecordRow] = {}
        self.snapshots: list[Snapshot] = []


class MemoryLedger:
    """A `Ledger` whose store can be opened again with `reopened()`, as after a restart."""

    __slots__ = ("_closed", "_store")

    def __init__(self) -> None:
        self._store = _Store()
        self._closed = False

    def reopened(self) -> "MemoryLedger":
        """A fresh ledger over the same store; this one is closed."""
        self.close()
        fresh = MemoryLedger()
        fresh._store = self._store
        return fresh

    def append(self, entries: list[Entry], records: list[RecordRow]) -> None:
        store = self._open()
        if entries and not is_repeat(entries, store.newest, self.last()):
            check_entries(entries, self.last())
            store.entries.extend(entries)
            store.newest = entries[0].seq
        for row in records:
            store.records[row.interaction] = row

    def last(self) -> tuple[int, float]:
        entries = self._open().entries
        return (entries[-1].seq, entries[-1].at) if entries else (0, 0.0)

    def read(self, after: int, limit: int = 0) -> Iterator[Entry]:
        entries, gone = self._open().entries, self._store.forgotten
        stop = min(after - gone + limit, len(entries)) if limit else len(entries)
        for index in range(max(after - gone, 0), stop):
            yield entries[index]

    def save_snapshot(self, snapshot: Snapshot, rest: Callable[[], None] = lambda: None) -> None:
        self._open()
        rest()
        kept = [old for old in self._open().snapshots if old.seq != snapshot.seq]
        kept.append(snapshot)
        kept.sort(key=lambda each: each.seq)
        self._store.snapshots = kept[-2:]

    def load_snapshot(self) -> Snapshot | None:
        return next(self.snapshots(), None)

    def snapshots(self) -> Iterator[Snapshot]:
        return reversed(self._open().snapshots)

    def forget(self, before: float, covered: int, most: int) -> Forgotten:
        store = self._open()
        facts, uncovered = 0, False
        while store.entries and (oldest := store.entries[0]).at < before and facts < most:
            if oldest.seq >= store.newest:
                break
            if oldest.seq > covered:
                uncovered = True
                break
            del store.entries[0]
            store.forgotten = oldest.seq
            facts += 1
        old = sorted(
            (row.ended_at, row.interaction) for row in store.records.values() if row.ended_at < before
        )
        for _, name in old[:most]:
            del store.records[name]
        return Forgotten(facts, len(old[:most]), uncovered)

    def record(self, interaction: str) -> RecordRow | None:
        return self._open().records.get(interaction)

    def records(
        self, since: float = 0.0, until: float = 0.0, queue: str = "", limit: int = 100
    ) -> list[RecordRow]:
        found = [
            row
            for row in self._open().records.values()
            if row.ended_at >= since
            and (not until or row.ended_at < until)
            and (not queue or row.queue == queue)
        ]
        found.sort(key=lambda row: (row.ended_at, row.interaction), reverse=True)
        return found[:limit]

    def stay(self) -> None:
        self._open()

    def close(self) -> None:
        self._closed = True

    def _open(self) -> _Store:
        if self._closed:
            raise IllegalMove("ledger.closed", "the ledger was closed and cannot be used any more")
        return self._store
