"""Facts go by their age once two snapshots stand for them, and a state is never guessed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from ccd.beside import main
from ccd.channels.ledger import Entry, Ledger, RecordRow, Snapshot
from ccd.errors import Misconfigured
from ccd.model import facts
from ccd.model.facts import AnyFact
from ccd.model.nouns import Availability
from ccd.runtime.centre import Centre
from ccd.runtime.forgetting import forget_old
from ccd.runtime.replay import replay
from ccd.runtime.snapshot import make_snapshot
from ccd.storage.memory import MemoryLedger
from ccd.storage.sqlite import SqliteLedger
from tests.unit.control_room import RULES

DAY_S = 86_400.0
PAUSES = ("lunch", "training")


def told(*more: AnyFact) -> list[AnyFact]:
    return [facts.DaemonStarted("0.1.0", "abcdef"), facts.RulesLoaded(RULES, by="start"), *more]


def paused(day: int) -> AnyFact:
    reason = PAUSES[day % 2]
    return facts.AvailabilityAsked("alice", Availability.PAUSED, reason, "ccctl:root")


def lived(ledger: Ledger, first_day: int, last_day: int) -> None:
    """A batch each day, at noon: alice pauses, with one reason or the other; a record is filed."""
    for day in range(first_day, last_day + 1):
        said = [paused(day)] if ledger.last()[0] else told(paused(day))
        seq, noon = ledger.last()[0], (day + 0.5) * DAY_S
        entries = [
            Entry(seq + number, noon, msgspec.msgpack.encode(fact)) for number, fact in enumerate(said, 1)
        ]
        ledger.append(entries, [RecordRow(str(day), "sales", "voice", noon, noon, "handled", b"")])


def reason_of_alice(ledger: Ledger) -> str:
    centre = Centre()
    replay(centre, ledger)
    return centre.router.state.agents["alice"].reason


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


def test_two_snapshots_must_stand_for_what_goes(ledger: SqliteLedger) -> None:
    rests: list[float] = []
    lived(ledger, 0, 9)
    done = forget_old(ledger, Centre, 5 * DAY_S, rests.append)
    assert (done.facts, done.records, done.uncovered) == (0, 5, True), "the first snapshot was made"
    assert [snapshot.seq for snapshot in ledger.snapshots()] == [12]
    assert forget_old(ledger, Centre, 5 * DAY_S, rests.append).uncovered, "there is nothing new to stand for"
    lived(ledger, 10, 11)
    done = forget_old(ledger, Centre, 5 * DAY_S, rests.append)
    assert (done.facts, done.records, done.uncovered) == (7, 0, False)
    assert [entry.seq for entry in ledger.read(0)] == list(range(8, 15))
    assert [row.interaction for row in ledger.records()][-1] == "5"
    assert reason_of_alice(ledger) == "training"
    assert rests and all(rest >= 0.0 for rest in rests)


def test_one_of_the_two_may_be_damaged_afterwards(ledger: SqliteLedger) -> None:
    lived(ledger, 0, 6)
    assert make_snapshot(ledger, Centre())
    lived(ledger, 7, 8)
    assert make_snapshot(ledger, Centre())
    lived(ledger, 9, 9)
    assert forget_old(ledger, Centre, 7 * DAY_S, lambda _: None).facts == 9
    newest = next(ledger.snapshots())
    ledger.save_snapshot(msgspec.structs.replace(newest, state=b"of another version"))
    ledger._open().execute("UPDATE snapshots SET state = x'00' WHERE seq = ?", (newest.seq,))
    assert reason_of_alice(ledger) == "training", "from the older one and the facts after it"


def test_snapshots_of_another_version_stand_for_nothing(ledger: SqliteLedger) -> None:
    lived(ledger, 0, 9)
    for seq in (9, 12):
        ledger.save_snapshot(Snapshot(seq, 0.0, b"of another version"))
    assert forget_old(ledger, Centre, 5 * DAY_S, lambda _: None).facts == 0


@pytest.mark.parametrize("make", [MemoryLedger, None])
def test_a_state_without_its_beginning_is_refused_and_not_guessed(
    make: type[MemoryLedger] | None, ledger: SqliteLedger
) -> None:
    used: Ledger = make() if make else ledger
    lived(used, 0, 9)
    assert used.forget(5 * DAY_S, 12, 100).facts == 7
    with pytest.raises(Misconfigured, match=r"begins with fact 8, .* install the version that wrote them"):
        replay(Centre(), used)


def test_the_process_says_what_went(ledger: SqliteLedger, capsys: pytest.CaptureFixture[str]) -> None:
    lived(ledger, 0, 6)
    assert make_snapshot(ledger, Centre())
    lived(ledger, 7, 8)
    assert make_snapshot(ledger, Centre())
    path = ledger._path
    ledger.close()
    assert main(["forget", str(path), repr(3 * DAY_S)]) == 0
    assert capsys.readouterr().out == "5 facts, 3 records\n"
    assert main(["forget", str(path), repr(3 * DAY_S)]) == 0
    assert capsys.readouterr().out == ""
    path.write_bytes(b"x" * 5000)
    assert main(["forget", str(path), "0.0"]) == 1
    assert "is not a ledger of ccd" in capsys.readouterr().out


def test_deleted_words_are_not_left_in_the_file(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    for seq in range(1, 40):
        secret = b"the customer said %d" % seq
        ledger.append([Entry(seq, float(seq), secret)], [RecordRow(str(seq), "q", "v", 0, seq, "h", secret)])
    ledger.append([Entry(40, 1000.0, b"new")], [])
    assert ledger.forget(500.0, 40, 100).facts == 39
    ledger.close()
    assert b"the customer said" not in (tmp_path / "ledger.sqlite").read_bytes()


def test_the_state_is_the_same_with_and_without_what_was_forgotten() -> None:
    ledger = MemoryLedger()
    lived(ledger, 0, 30)
    whole = Centre()
    replay(whole, ledger)
    for day in (20, 25):
        centre = Centre()
        replay(centre, ledger, until=day + 3)
        ledger.save_snapshot(Snapshot(day + 3, 0.0, centre.dump()))
    assert forget_old(ledger, Centre, 15 * DAY_S, lambda _: None).facts == 17
    short = Centre()
    replay(short, ledger)
    assert short.dump() == whole.dump()
