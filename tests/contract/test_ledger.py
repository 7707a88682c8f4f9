"""What every ledger must do; the SQLite one and the memory twin run the same tests."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.channels.ledger import Entry, Ledger, RecordRow, Snapshot
from ccd.errors import IllegalMove, TryLater
from ccd.storage.memory import MemoryLedger
from ccd.storage.sqlite import SqliteLedger


class Bench:
    """One ledger that can be closed and opened again, as a restart does."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._path = folder / "ledger.sqlite"
        self._kind = kind
        self.ledger: Ledger = MemoryLedger() if kind == "memory" else SqliteLedger(self._path)

    def reopen(self) -> Ledger:
        if isinstance(self.ledger, MemoryLedger):
            self.ledger = self.ledger.reopened()
        else:
            self.ledger.close()
            self.ledger = SqliteLedger(self._path)
        return self.ledger


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(kind, tmp_path)
    yield made
    made.ledger.close()


def entries(first: int, count: int, at: float = 100.0) -> list[Entry]:
    return [Entry(seq, at + seq, b"fact %d" % seq) for seq in range(first, first + count)]


def row(name: str, ended_at: float, queue: str = "sales", outcome: str = "handled") -> RecordRow:
    return RecordRow(name, queue, "voice", ended_at - 5, ended_at, outcome, b"body of " + name.encode())


def test_an_empty_ledger_knows_nothing(bench: Bench) -> None:
    assert bench.ledger.last() == (0, 0.0)
    assert list(bench.ledger.read(0)) == []
    assert bench.ledger.load_snapshot() is None
    assert bench.ledger.record("1") is None
    assert bench.ledger.records() == []


def test_facts_come_back_in_order_after_reopening(bench: Bench) -> None:
    bench.ledger.append(entries(1, 3), [])
    bench.ledger.append(entries(4, 2), [])
    ledger = bench.reopen()
    assert list(ledger.read(0)) == entries(1, 5)
    assert ledger.last() == (5, 105.0)
    ledger.append(entries(6, 1), [])
    assert [entry.seq for entry in ledger.read(4)] == [5, 6]


@pytest.mark.parametrize(
    ("after", "limit", "seqs"),
    [(0, 2, [1, 2]), (1, 3, [2, 3, 4]), (5, 0, [6, 7]), (6, 9, [7]), (7, 0, []), (99, 1, [])],
)
def test_reading_from_within_batches(bench: Bench, after: int, limit: int, seqs: list[int]) -> None:
    for first, count in ((1, 3), (4, 1), (5, 3)):
        bench.ledger.append(entries(first, count), [])
    assert [entry.seq for entry in bench.ledger.read(after, limit)] == seqs


def test_many_batches_are_read_to_the_end(bench: Bench) -> None:
    for seq in range(1, 401, 2):
        bench.ledger.append(entries(seq, 2), [])
    assert [entry.seq for entry in bench.ledger.read(131)] == list(range(132, 401))


def test_appending_while_somebody_reads(bench: Bench) -> None:
    bench.ledger.append(entries(1, 200), [])
    reader = bench.ledger.read(0)
    assert next(reader).seq == 1
    bench.ledger.append(entries(201, 1), [])
    assert [entry.seq for entry in reader][:199] == list(range(2, 201))


@pytest.mark.parametrize("first", [3, 7, 1])
def test_a_gap_or_an_overlap_is_refused_and_stores_nothing(bench: Bench, first: int) -> None:
    bench.ledger.append(entries(1, 4), [])
    with pytest.raises(IllegalMove):
        bench.ledger.append(entries(first, 2), [row("9", 1.0)])
    assert bench.ledger.last() == (4, 104.0)
    assert bench.ledger.record("9") is None


def test_a_gap_inside_a_batch_is_refused(bench: Bench) -> None:
    with pytest.raises(IllegalMove):
        bench.ledger.append([Entry(1, 1.0, b""), Entry(3, 1.0, b"")], [])
    assert bench.reopen().last() == (0, 0.0)


def test_time_never_runs_back(bench: Bench) -> None:
    bench.ledger.append([Entry(1, 10.0, b"")], [])
    with pytest.raises(IllegalMove):
        bench.ledger.append([Entry(2, 9.999, b"")], [])
    bench.ledger.append([Entry(2, 10.0, b"")], [])
    assert bench.ledger.last() == (2, 10.0)


def test_the_newest_batch_again_is_stored_once(bench: Bench) -> None:
    bench.ledger.append(entries(1, 3), [row("1", 50.0)])
    bench.ledger.append(entries(1, 3), [row("1", 50.0)])
    assert list(bench.reopen().read(0)) == entries(1, 3)
    assert len(bench.ledger.records()) == 1


def test_a_record_filed_again_replaces_the_row(bench: Bench) -> None:
    bench.ledger.append(entries(1, 1), [row("7", 50.0), row("8", 60.0)])
    bench.ledger.append([], [row("7", 55.0, outcome="abandoned")])
    ledger = bench.reopen()
    assert ledger.record("7") == row("7", 55.0, outcome="abandoned")
    assert [each.interaction for each in ledger.records()] == ["8", "7"]


def test_records_are_chosen_by_end_and_queue_newest_first(bench: Bench) -> None:
    rows = [row(str(n), float(n), "sales" if n % 2 else "mail") for n in range(1, 9)]
    bench.ledger.append([], rows)
    names = lambda **which: [each.interaction for each in bench.ledger.records(**which)]  # noqa: E731
    assert names() == list("87654321")
    assert names(since=3.0, until=6.0) == list("543")
    assert names(queue="sales", since=3.0) == list("753")
    assert names(limit=2) == list("87")


def test_snapshots_the_newest_is_loaded(bench: Bench) -> None:
    bench.ledger.append(entries(1, 30), [])
    for seq in (10, 20, 30):
        bench.ledger.save_snapshot(Snapshot(seq, 100.0 + seq, b"state %d" % seq * 5000))
    assert bench.reopen().load_snapshot() == Snapshot(30, 130.0, b"state 30" * 5000)


def test_a_snapshot_of_the_same_fact_again_replaces_the_first(bench: Bench) -> None:
    bench.ledger.save_snapshot(Snapshot(5, 1.0, b"one"))
    bench.ledger.save_snapshot(Snapshot(5, 1.0, b"two"))
    found = bench.ledger.load_snapshot()
    assert found is not None and found.state == b"two"


def test_an_empty_state_is_a_state(bench: Bench) -> None:
    bench.ledger.save_snapshot(Snapshot(1, 1.0, b""))
    assert bench.ledger.load_snapshot() == Snapshot(1, 1.0, b"")


def test_who_saves_a_snapshot_rests_before_anything_is_locked(bench: Bench) -> None:
    seen: list[Snapshot | None] = []
    state = random.Random(3).randbytes(300_000)
    bench.ledger.save_snapshot(Snapshot(1, 1.0, state), lambda: seen.append(bench.ledger.load_snapshot()))
    assert seen and not any(seen)
    assert bench.ledger.load_snapshot() == Snapshot(1, 1.0, state)


def test_a_rest_that_fails_saves_nothing(bench: Bench) -> None:
    def fail() -> None:
        raise TryLater("test.ended", "ended meanwhile")

    with pytest.raises(TryLater):
        bench.ledger.save_snapshot(Snapshot(1, 1.0, b"state"), fail)
    assert bench.ledger.load_snapshot() is None


def test_close_is_idempotent_and_final(bench: Bench) -> None:
    bench.ledger.close()
    bench.ledger.close()
    with pytest.raises(IllegalMove):
        bench.ledger.append(entries(1, 1), [])
    with pytest.raises(IllegalMove):
        bench.ledger.last()


_BATCHES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.floats(0, 5), st.binary(max_size=40)), max_size=6),
        st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 9)), max_size=3),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=_BATCHES, cut=st.integers(0, 40), limit=st.integers(0, 20))
def test_whatever_was_appended_is_read_again(
    kind: str,
    batches: list[tuple[list[tuple[float, bytes]], list[tuple[str, float]], bool]],
    cut: int,
    limit: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(kind, Path(folder))
        stored: list[Entry] = []
        filed: dict[str, RecordRow] = {}
        for facts, records, restart in batches:
            batch: list[Entry] = []
            at = stored[-1].at if stored else 0.0
            for step, blob in facts:
                at += step
                batch.append(Entry(len(stored) + len(batch) + 1, at, blob))
            rows = [row(name, ended) for name, ended in records]
            bench.ledger.append(batch, rows)
            stored += batch
            filed.update((each.interaction, each) for each in rows)
            if restart:
                bench.reopen()
        wanted = stored[cut:]
        assert list(bench.ledger.read(cut, limit)) == (wanted[:limit] if limit else wanted)
        assert bench.ledger.last() == ((stored[-1].seq, stored[-1].at) if stored else (0, 0.0))
        found = bench.ledger.records()
        assert {each.interaction: each for each in found} == filed
        assert found == sorted(found, key=lambda each: (each.ended_at, each.interaction), reverse=True)
        bench.ledger.close()


# -- forgetting --------------------------------------------------------------------------------------------


def forget(bench: Bench, before: float, covered: int) -> tuple[int, int, bool]:
    """In steps, until nothing more goes; (facts, records, whether some must stay)."""
    facts = records = 0
    while (done := bench.ledger.forget(before, covered, 2)) and (done.facts or done.records):
        facts, records = facts + done.facts, records + done.records
    return facts, records, done.uncovered


def batches(bench: Bench, count: int) -> None:
    """So many batches of three facts, `at` = 100 + seq, and a record each."""
    for first in range(1, 3 * count, 3):
        bench.ledger.append(entries(first, 3), [row(str(first), 100.0 + first)])


def test_the_oldest_facts_and_records_are_forgotten(bench: Bench) -> None:
    batches(bench, 9)
    assert forget(bench, before=113.0, covered=27) == (12, 4, False)
    for reopens in (False, True):
        ledger = bench.reopen() if reopens else bench.ledger
        assert [entry.seq for entry in ledger.read(0)] == list(range(13, 28))
        assert [entry.seq for entry in ledger.read(14, limit=3)] == [15, 16, 17]
        assert ledger.last() == (27, 127.0)
        assert {row.interaction for row in ledger.records()} == {"13", "16", "19", "22", "25"}
    bench.ledger.append(entries(28, 2), [])
    assert bench.ledger.last()[0] == 29


def test_what_no_snapshot_stands_for_stays(bench: Bench) -> None:
    batches(bench, 9)
    assert forget(bench, before=500.0, covered=0) == (0, 9, True)
    assert forget(bench, before=500.0, covered=6) == (6, 0, True)
    assert next(iter(bench.ledger.read(0))).seq == 7


def test_the_newest_batch_always_stays(bench: Bench) -> None:
    batches(bench, 4)
    assert forget(bench, before=500.0, covered=12)[0] == 9
    assert forget(bench, before=500.0, covered=12) == (0, 0, False)
    assert bench.reopen().last() == (12, 112.0)
    bench.ledger.append(entries(13, 1), [])


def test_nothing_old_nothing_forgotten(bench: Bench) -> None:
    assert forget(bench, before=500.0, covered=9) == (0, 0, False)
    batches(bench, 2)
    assert forget(bench, before=101.0, covered=9) == (0, 0, False)


def test_both_snapshots_can_be_had(bench: Bench) -> None:
    saved = [Snapshot(seq, 100.0 + seq, b"state %d" % seq) for seq in (10, 20, 30)]
    for snapshot in saved:
        bench.ledger.save_snapshot(snapshot)
    assert list(bench.reopen().snapshots()) == [saved[2], saved[1]]
