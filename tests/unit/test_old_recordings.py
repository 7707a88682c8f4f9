"""Which recordings go by `media.recordings_keep_days`, and which stay however old they are."""

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ccd.errors import TryLater
from ccd.model import facts
from ccd.model.settings import DaemonSettings, LedgerSettings, MediaSettings, Settings
from ccd.runtime import upkeep
from ccd.runtime.centre import Centre
from ccd.runtime.old_recordings import Deleted, Kept, delete, kept, known, last_day
from ccd.runtime.state import KeptAnswer
from ccd.runtime.upkeep import Space, Upkeep
from tests.unit.control_room import RULES, Room

NOTHING = Kept()
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


def recording(folder: Path, day: str, name: str, size: int = 10) -> Path:
    path = folder / day / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_a_day_is_old_enough_when_its_last_second_is() -> None:
    assert last_day(NOON, 1.0) == date(2026, 11, 26)
    assert last_day(NOON + 43_200, 1.0) == date(2026, 11, 27)
    assert last_day(NOON, 0.5) == date(2026, 11, 27)
    assert last_day(NOON, 30.0) == date(2026, 10, 28)


def test_days_go_whole_with_their_folders(tmp_path: Path) -> None:
    old = [recording(tmp_path, "2026-01-01", "1-1.wav"), recording(tmp_path, "2026-01-02", "2-1.wav", 5)]
    recording(tmp_path, "2026-01-03", "3-1.wav")
    recording(tmp_path, "2025-lost", "1-1.wav")
    done = delete(tmp_path, date(2026, 1, 2), NOTHING)
    assert done == Deleted(2, 15) and not any(path.exists() for path in old)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2025-lost", "2026-01-03"]
    assert delete(tmp_path, date(2026, 1, 2), NOTHING) == Deleted()
    assert delete(tmp_path / "nowhere", date(2026, 1, 2), NOTHING) == Deleted()


def test_what_runs_or_has_its_own_day_stays(tmp_path: Path) -> None:
    message = recording(tmp_path, "2026-01-01", "41-1.wav")
    answer = recording(tmp_path, "2026-01-01", "7-2.wav")
    foreign = recording(tmp_path, "2026-01-01", "notes.txt")
    cut = recording(tmp_path, "2026-01-01", "4-1.wav.part")
    elsewhere = tmp_path / "elsewhere.wav"
    elsewhere.touch()
    link = tmp_path / "2026-01-01" / "8-1.wav"
    link.symlink_to(elsewhere)
    done = delete(tmp_path, date(2026, 1, 2), Kept(frozenset({"41"}), frozenset({str(answer)})))
    assert done.files == 1 and not cut.exists()
    assert message.exists() and answer.exists() and foreign.exists() and elsewhere.exists()


def test_one_that_cannot_be_deleted_is_told_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = (recording(tmp_path, "2026-01-01", name) for name in ("1-1.wav", "2-1.wav"))
    unlink = os.unlink

    def refuse(path: str, *, dir_fd: int | None = None) -> None:
        if path == stuck.name:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    done = delete(tmp_path, date(2026, 1, 2), NOTHING)
    assert stuck.exists() and not other.exists()
    assert done == Deleted(1, 10, (), f"{stuck}: Operation not permitted")


def test_an_end_of_the_daemon_is_not_waited_for(tmp_path: Path) -> None:
    old = [recording(tmp_path, "2026-01-01", f"{number}-1.wav") for number in range(3)]
    assert delete(tmp_path, date(2026, 1, 2), NOTHING, lambda: True) == Deleted()
    assert all(path.exists() for path in old)


def test_it_rests_after_each_file_and_each_path_that_stays(tmp_path: Path) -> None:
    for number in range(3):
        recording(tmp_path, "2026-01-01", f"{number}-1.wav")
    rests: list[int] = []
    delete(tmp_path, date(2026, 1, 2), NOTHING, rest=lambda: rests.append(1))
    assert len(rests) == 3
    centre = Centre()
    centre.state.deletions += [(1.0, "a"), (2.0, "b")]
    centre.state.deleting.append("c")
    assert kept(known(centre), lambda: rests.append(1)) == Kept(paths=frozenset("abc"))
    assert len(rests) == 5


def test_a_folder_that_is_swapped_for_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "recordings"
    folder.mkdir()
    elsewhere.mkdir()
    old = recording(folder, "2026-01-01", "1-1.wav")
    recording(folder, "2026-01-01", "2-1.wav")
    for number in (1, 2):
        (elsewhere / f"{number}-1.wav").touch()

    def swap() -> None:
        if not old.parent.is_symlink():
            old.parent.rename(tmp_path / "aside")
            old.parent.symlink_to(elsewhere)

    done = delete(folder, date(2026, 1, 2), NOTHING, rest=swap)
    assert done.files == 1 and "is not in" in done.problem
    assert len(list(elsewhere.iterdir())) == 2


def upkeep_of(
    room: Room, folder: Path, settings: Settings, stay: Callable[[], Awaitable[None]] | None = None
) -> tuple[Upkeep, list[facts.AnyFact]]:
    posted: list[facts.AnyFact] = []
    ledger = folder / "ledger.sqlite"

    async def forget(before: float) -> None:
        posted.append(facts.DaemonStarted("forget", repr(before)))

    made = Upkeep(
        room.centre, room.clock, lambda: settings, ledger, lambda _: folder, posted.append, forget, stay
    )
    return made, posted


async def test_the_state_says_what_stays_and_hears_what_went(tmp_path: Path) -> None:
    async with Room() as room:
        day = datetime.fromtimestamp(room.clock.now() - 9 * 86_400, UTC).strftime("%Y-%m-%d")
        gone = recording(tmp_path, day, "1-1.wav")
        own_day = recording(tmp_path, day, "2-1.wav")
        room.centre.state.deletions.append((room.clock.now() + 60, str(own_day)))
        room.centre.state.spoken_answers[str(gone)] = KeptAnswer(
            0.0, "1", "s", "q", "sales", "alice", "1-1", 2.0
        )
        made, posted = upkeep_of(room, tmp_path, Settings(RULES))
        assert await made.delete_old() == Deleted() and gone.exists(), "no age is set"
        made, posted = upkeep_of(
            room, tmp_path, Settings(RULES, media=MediaSettings(recordings_keep_days=7.0))
        )
        assert (await made.delete_old()).listed == (str(gone),)
        assert own_day.exists() and posted == [facts.FilesDeleted((str(gone),))]


async def test_a_disk_that_fills_up_is_an_alarm_that_does_not_flutter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = 0
    (tmp_path / "ledger.sqlite").write_bytes(b"x" * 50_000_000)

    def spaces(paths: tuple[Path, ...]) -> list[Space]:
        return [Space(str(paths[0]), 10_000_000_000 * (100 - full) // 100, 10_000_000_000)]

    monkeypatch.setattr(upkeep, "spaces_of", spaces)
    async with Room() as room:
        made, _ = upkeep_of(room, tmp_path, Settings(RULES, daemon=DaemonSettings(disk_alarm_pct=80.0)))
        seen = []
        for now_full in (79, 80, 79, 78, 79, 100):
            full = now_full
            await made.look()
            seen.append(list(made.alarms().values()))
    words = "80 % full, 2.0 of 10.0 GB left, of it the ledger 0.1 GB"
    assert [bool(each) for each in seen] == [False, True, True, False, False, True]
    assert seen[1] == [words] and "100 % full, 0.0 of" in seen[-1][0]


async def test_who_wants_no_alarm_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "spaces_of", lambda paths: [Space(str(paths[0]), 0, 10)])
    async with Room() as room:
        made, _ = upkeep_of(room, tmp_path, Settings(RULES, daemon=DaemonSettings(disk_alarm_pct=100.0)))
        await made.look()
        assert made.alarms() == {}


def test_a_real_file_system_is_counted_once(tmp_path: Path) -> None:
    (one,) = upkeep.spaces_of((tmp_path, tmp_path, tmp_path / "nowhere"))
    assert one.path == str(tmp_path) and 0 <= one.free < one.size and 0.0 <= one.full_pct <= 100.0


async def test_facts_are_forgotten_by_their_age_only_where_one_is_set(tmp_path: Path) -> None:
    async with Room() as room:
        for days, forgotten in ((0.0, []), (30.0, [repr(room.clock.now() - 30 * 86_400.0)])):
            made, posted = upkeep_of(room, tmp_path, Settings(RULES, ledger=LedgerSettings(keep_days=days)))
            await made.delete_old()
            assert [fact.boot for fact in posted if isinstance(fact, facts.DaemonStarted)] == forgotten


async def test_a_leap_while_facts_are_forgotten_deletes_no_recording(tmp_path: Path) -> None:
    """Forgetting takes up to an hour; what is too old was so when it began."""
    async with Room() as room:
        today = datetime.fromtimestamp(room.clock.now(), UTC).strftime("%Y-%m-%d")
        kept = recording(tmp_path, today, "1-1.wav")

        async def forget(_before: float) -> None:
            room.clock.advance(365 * 86_400.0)

        settings = Settings(
            RULES, ledger=LedgerSettings(keep_days=5.0), media=MediaSettings(recordings_keep_days=5.0)
        )
        ledger = tmp_path / "ledger.sqlite"
        made = Upkeep(room.centre, room.clock, lambda: settings, ledger, lambda _: tmp_path, print, forget)
        assert await made.delete_old() == Deleted() and kept.exists()


async def test_the_ledger_is_asked_to_look_after_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be put back is said, and does not end the looking."""
    asked: list[bool] = []

    async def stay() -> None:
        asked.append(True)
        raise TryLater("ledger.gone", "no room")

    async with Room() as room:
        made, _ = upkeep_of(room, tmp_path, Settings(RULES), stay)
        await made.keep_place()
        await made.keep_place()
    assert len(asked) == 2 and capsys.readouterr().out.count("no room") == 2


class Machine:
    """A clock moved by hand, and how far it is ahead of the machine's."""

    def __init__(self) -> None:
        self.time, self.ahead_s = NOON, 0.0

    def now(self) -> float:
        return self.time


def deleting(machine: Machine, folder: Path, last_at: float = 0.0) -> Upkeep:
    async def nothing(_before: float) -> None:
        return None

    return Upkeep(
        Centre(),
        machine,
        lambda: Settings(RULES),
        folder / "ledger.sqlite",
        lambda _: folder,
        print,
        nothing,
        None,
        last_at,
        lambda: machine.ahead_s,
    )


def minutes(machine: Machine, made: Upkeep, count: int) -> list[int]:
    """In which of the next minutes something may be deleted."""
    found = []
    for minute in range(count):
        if made.may_delete():
            found.append(minute)
        machine.time += upkeep.LOOK_S
    return found


@pytest.mark.parametrize("last_at", [0.0, NOON - 3600.0])
def test_what_is_old_goes_soon_after_the_start_and_then_four_times_a_day(
    tmp_path: Path, last_at: float
) -> None:
    machine = Machine()
    assert minutes(machine, deleting(machine, tmp_path, last_at), 24 * 60) == [5, 365, 725, 1085]


def test_after_a_leap_of_the_clock_nothing_goes_for_a_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong year makes all recordings look old; somebody must have the time to see it."""
    machine = Machine()
    made = deleting(machine, tmp_path)
    assert minutes(machine, made, 10) == [5]
    machine.time += 365 * 86_400.0
    assert minutes(machine, made, 24 * 60) == []
    assert minutes(machine, made, 2) == [0]
    assert capsys.readouterr().out.count("deletions held") == 1


def test_a_start_long_after_the_last_run_is_such_a_leap(tmp_path: Path) -> None:
    machine = Machine()
    made = deleting(machine, tmp_path, NOON - 10 * 86_400.0)
    assert minutes(machine, made, 24 * 60) == []


def test_ahead_of_the_machine_nothing_goes_at_all(tmp_path: Path) -> None:
    machine = Machine()
    made = deleting(machine, tmp_path)
    machine.ahead_s = 365 * 86_400.0
    assert minutes(machine, made, 3 * 24 * 60) == []
    machine.ahead_s = 0.0
    assert minutes(machine, made, 1) == [0]
