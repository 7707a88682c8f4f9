"""The writer on a real loop, with a ledger in memory and a clock that the test moves."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.channels.ledger import Entry, RecordRow
from ccd.channels.port import Post
from ccd.errors import Refused, TryLater
from ccd.model.commands import AnyCommand, RingLeg
from ccd.model.facts import AnyFact, LegEnded, LegRinging, TextReceived, TimePassed
from ccd.model.nouns import Cause, ChannelClass
from ccd.model.settings import LedgerSettings
from ccd.runtime import inbox as inbox_module
from ccd.runtime import writer as writer_module
from ccd.runtime.loop import Runtime
from ccd.runtime.ports import Alarm, Fault
from ccd.runtime.replay import replay
from ccd.runtime.snapshot import make_snapshot
from ccd.storage.memory import MemoryLedger

FAST = LedgerSettings(commit_every_ms=1.0)


class HandClock:
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time


class LogTurns:
    """Engines whose state is the list of what they were told; `bad:` legs raise half-way."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.rows: list[RecordRow] = []
        self.deadline: float | None = None

    def turn(self, fact: AnyFact, now: float) -> list[AnyCommand]:
        leg = getattr(fact, "leg", type(fact).__name__)
        self.told.append((leg, now))
        if isinstance(fact, TimePassed):
            self.deadline = None
        if leg.startswith("bad:"):
            raise KeyError(leg)
        if isinstance(fact, LegEnded):
            self.rows.append(RecordRow(leg, "sales", "voice", now, now, "handled", b""))
            return []
        return [RingLeg(leg)] if ":" in leg else []

    def next_deadline(self) -> float | None:
        return self.deadline

    def take_records(self) -> list[RecordRow]:
        rows, self.rows = self.rows, []
        return rows

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(self.told)

    def load(self, state: bytes) -> None:
        if state == b"other version":
            raise Refused("state.version", "another version wrote it")
        self.told = msgspec.msgpack.decode(state, type=list[tuple[str, float]])


class GateLedger(MemoryLedger):
    """Holds or fails each append as the test says, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.errors: list[Exception] = []
        self.batches: list[list[int]] = []

    def append(self, entries: list[Entry], records: list[RecordRow]) -> None:
        assert self.gate.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        super().append(entries, records)
        self.batches.append([entry.seq for entry in entries])


class Phone:
    """A channel that notes, at each command, how far the ledger was."""

    name = "voice"
    channel_class = ChannelClass.VOICE

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger, self.got = ledger, list[tuple[str, int]]()

    async def start(self, post: Post) -> None:
        del post

    async def stop(self) -> None:
        return None

    def perform(self, command: AnyCommand) -> None:
        entries = self.ledger._store.entries  # the ledger may be closed by then
        self.got.append((command.leg, len(entries)))  # type: ignore[union-attr]

    @property
    def legs(self) -> list[str]:
        return [leg for leg, _ in self.got]


class Scene:
    def __init__(self, **extra: Any) -> None:
        self.clock, self.turns, self.ledger = HandClock(), LogTurns(), GateLedger()
        self.phone = Phone(self.ledger)
        self.faults: list[Fault] = []
        self.alarms: list[Alarm] = []
        self.runtime = Runtime(
            self.turns,
            self.ledger,
            self.clock,
            {"voice": self.phone},
            extra.pop("settings", FAST),
            report_fault=self.faults.append,
            report_alarm=self.alarms.append,
            **extra,
        )
        self.runtime.start()

    def post(self, *numbers: int) -> None:
        for number in numbers:
            self.runtime.post(LegRinging(f"voice:{number}"))

    async def settled(self) -> None:
        await asyncio.wait_for(self.runtime.settled(), 10)

    async def worked(self) -> None:
        """Until the facts are turned and the ledger's thread has done what it was given, not hurried."""
        await _rounds()
        await self.runtime.ask(lambda _ledger: None)


async def test_commands_leave_in_order_and_only_when_their_fact_is_durable() -> None:
    scene = Scene()
    for first in range(0, 300, 7):
        scene.post(*range(first, first + 7))
        await asyncio.sleep(0)
    await scene.settled()
    assert scene.phone.legs == [f"voice:{n}" for n in range(301)]
    assert all(durable >= index + 1 for index, (_, durable) in enumerate(scene.phone.got))
    await scene.runtime.stop()


async def test_nothing_leaves_while_the_ledger_is_busy_and_facts_are_gathered_for_the_next_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox_module, "monotonic", lambda: 70.0)
    scene = Scene()
    scene.ledger.gate.clear()
    scene.post(1)
    await _rounds()
    scene.post(2, 3)
    await _rounds()
    scene.post(4)
    await _rounds()
    assert [leg for leg, _ in scene.turns.told] == ["voice:1", "voice:2", "voice:3", "voice:4"]
    assert scene.phone.got == []
    with monkeypatch.context() as later:
        later.setattr(writer_module, "monotonic", lambda: 73.0)
        pressure = scene.runtime.pressure()
    assert (pressure.waiting, pressure.oldest_s, pressure.stalled) == (4, 3.0, False)
    scene.ledger.gate.set()
    await scene.settled()
    assert scene.ledger.batches == [[1], [2, 3, 4]]
    assert scene.phone.legs == ["voice:1", "voice:2", "voice:3", "voice:4"]
    assert scene.runtime.pressure().waiting == 0
    await scene.runtime.stop()


async def test_after_idle_a_fact_is_stored_at_once_and_then_commits_are_spaced() -> None:
    scene = Scene(settings=LedgerSettings(commit_every_ms=60_000.0))
    scene.post(1)
    await scene.settled()
    scene.post(2)
    await _rounds()
    scene.post(3)
    await _rounds()
    assert scene.ledger.batches == [[1]], "the second commit waits for its window"
    assert scene.phone.legs == ["voice:1"]
    scene.runtime._writer._window_over()
    await scene.settled()
    assert scene.ledger.batches == [[1], [2, 3]]
    await scene.runtime.stop()


async def test_facts_that_nobody_waits_for_are_stored_with_the_next_or_a_little_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "UNAWAITED_S", 60.0)
    scene = Scene(settings=LedgerSettings(commit_every_ms=0.0))
    scene.runtime.post(LegEnded("voice:1", Cause.NORMAL))
    await _rounds()
    assert scene.ledger.batches == [], "no command waits for it"
    scene.post(2)
    await scene.worked()
    assert scene.ledger.batches == [[1, 2]], "one that has a command takes it along at once"
    scene.runtime.post(LegEnded("voice:2", Cause.NORMAL))
    await _rounds()
    assert scene.ledger.batches == [[1, 2]]
    scene.runtime._writer._window_over()
    await scene.worked()
    assert scene.ledger.batches == [[1, 2], [3]], "and its own time comes too"
    scene.runtime.post(LegEnded("voice:3", Cause.NORMAL))
    await scene.runtime.stored()
    assert scene.ledger.batches[2:] == [[4]], "who waits for it does not wait long"
    await scene.runtime.stop()


async def test_a_ledger_that_fails_is_tried_again_nothing_lost_nothing_reordered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_FIRST_S", 0.001)
    scene = Scene()
    scene.ledger.errors = [TryLater("ledger.full", "the disk is full"), OSError("odd"), TryLater("x", "full")]
    scene.ledger.gate.clear()
    scene.post(1, 2)
    await _rounds()
    scene.post(3)
    assert not scene.alarms
    scene.ledger.gate.set()
    await _until(lambda: bool(scene.alarms))
    assert scene.runtime.pressure().stalled
    assert scene.phone.got == []
    assert "disk is full" in scene.alarms[0].message
    await scene.settled()
    assert scene.phone.legs == ["voice:1", "voice:2", "voice:3"]
    assert scene.ledger.batches == [[1, 2], [3]]
    assert [(alarm.code, alarm.on) for alarm in scene.alarms] == [
        ("ledger.stalled", True),
        ("ledger.stalled", False),
    ]
    assert [fault.where for fault in scene.faults] == ["ledger"], "only what is not TryLater is a bug"
    assert not scene.runtime.pressure().stalled
    await scene.runtime.stop()


async def test_a_ledger_that_fails_for_hours_is_tried_again_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full over lunch: 1024 tries, each with twice the wait of the one before, overflowed."""
    monkeypatch.setattr(writer_module, "RETRY_FIRST_S", 1e-6)
    monkeypatch.setattr(writer_module, "RETRY_MOST_S", 1e-6)
    scene = Scene()
    scene.ledger.errors = [TryLater("ledger.full", "the disk is full")] * 1100
    scene.post(1)
    await scene.settled()
    assert scene.ledger.batches == [[1]] and scene.phone.legs == ["voice:1"]
    await scene.runtime.stop()


async def test_a_ledger_that_hangs_is_told_from_one_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first is a reason for the watchdog to end us: see `Daemon.housekeep`."""
    monkeypatch.setattr(writer_module, "RETRY_FIRST_S", 0.001)
    scene = Scene()
    assert scene.runtime.mute_s() == 0.0
    scene.ledger.gate.clear()
    scene.ledger.errors = [TryLater("ledger.full", "the disk is full")] * 3
    scene.post(1)
    await _until(lambda: scene.runtime.mute_s() > 0.0)
    now = writer_module.monotonic
    with monkeypatch.context() as later:
        later.setattr(writer_module, "monotonic", lambda: now() + 60.0)
        assert scene.runtime.mute_s() > 59.0
    scene.ledger.gate.set()
    await _until(lambda: bool(scene.alarms))
    assert scene.runtime.mute_s() < 30.0, "it answered, with a refusal"
    await scene.settled()
    assert scene.runtime.mute_s() == 0.0
    await scene.runtime.stop()


async def test_a_turn_that_raises_is_reported_and_the_next_facts_go_on() -> None:
    scene = Scene()
    scene.runtime.post(LegRinging("bad:1"))
    scene.post(2)
    await scene.settled()
    assert scene.phone.legs == ["voice:2"]
    assert [(fault.where, fault.seq, fault.about) for fault in scene.faults] == [
        ("turn", 1, "LegRinging leg=bad:1")
    ]
    assert scene.runtime.figures["turn_faults"] == 1
    await scene.runtime.stop()


async def test_replay_gives_the_same_state_also_after_turns_that_raised() -> None:
    scene = Scene()
    for leg in ("voice:1", "bad:2", "voice:3"):
        scene.clock.time += 1
        scene.runtime.post(LegRinging(leg))
        await _rounds()
    await scene.runtime.stop()
    again = LogTurns()
    done = replay(again, scene.ledger.reopened())
    assert again.told == scene.turns.told
    assert (done.facts, done.last_at, done.seq, done.faults) == (3, 1003.0, 3, 1)


async def test_a_fact_that_cannot_be_stored_is_dropped_before_it_is_turned() -> None:
    scene = Scene()
    scene.runtime.post(TextReceived("voice:1", "half a pair \ud800", "m1"))
    await scene.settled()
    scene.runtime.post(TextReceived("voice:2", "whole", "m2"))
    scene.runtime.post(TextReceived("voice:3", "half \udc00", "m3"))
    await scene.settled()
    assert [leg for leg, _ in scene.turns.told] == ["voice:2"]
    assert [fault.where for fault in scene.faults] == ["fact", "fact"]
    assert scene.ledger.batches == [[1]]
    await scene.runtime.stop()


async def test_time_in_the_ledger_never_runs_back() -> None:
    scene = Scene()
    for time in (1005.0, 1003.0, 1007.0):
        scene.clock.time = time
        scene.post(1)
        await scene.settled()
    assert [at for _, at in scene.turns.told] == [1005.0, 1005.0, 1007.0]
    await scene.runtime.stop()


async def test_a_restart_continues_sequence_and_time() -> None:
    scene = Scene()
    scene.post(1, 2)
    await scene.runtime.stop()
    ledger, clock = scene.ledger.reopened(), HandClock()
    clock.time = 500.0
    turns = LogTurns()
    runtime = Runtime(turns, ledger, clock, {}, FAST, replayed=replay(turns, ledger))
    runtime.start()
    runtime.post(TimePassed())
    await runtime.stop()
    assert [(entry.seq, entry.at) for entry in ledger.reopened().read(0)] == [
        (1, 1000.0),
        (2, 1000.0),
        (3, 1000.0),
    ]


async def test_records_are_stored_with_the_facts_that_made_them() -> None:
    scene = Scene()
    scene.runtime.post(LegEnded("voice:5", Cause.NORMAL))
    await scene.settled()
    assert scene.ledger.record("voice:5") is not None
    assert await scene.runtime.ask(lambda ledger: len(ledger.records())) == 1
    with pytest.raises(ZeroDivisionError):
        await scene.runtime.ask(lambda ledger: 1 // 0)
    await scene.runtime.stop()


async def test_records_missing_from_the_ledger_are_filed_by_the_replay() -> None:
    scene = Scene()
    scene.runtime.post(LegEnded("voice:5", Cause.NORMAL))
    await scene.runtime.stop()
    ledger = scene.ledger.reopened()
    ledger._store.records.clear()
    replay(LogTurns(), ledger, file_records=False)
    assert ledger.records() == []
    replay(LogTurns(), ledger)
    replay(LogTurns(), ledger)
    assert [row.interaction for row in ledger.records()] == ["voice:5"]


async def test_a_deadline_becomes_one_fact() -> None:
    scene = Scene()
    scene.turns.deadline = 1000.02
    scene.post(1)
    await scene.settled()
    assert [leg for leg, _ in scene.turns.told] == ["voice:1"]
    scene.clock.time = 1001.0
    scene.runtime.refresh_time()
    await _until(lambda: len(scene.turns.told) == 2)
    await scene.settled()
    assert scene.turns.told == [("voice:1", 1000.0), ("TimePassed", 1001.0)]
    await scene.runtime.stop()


async def test_a_command_for_an_unknown_channel_comes_back_as_a_fact() -> None:
    scene = Scene()
    scene.runtime.post(LegRinging("sms:1"))
    await scene.settled()
    await scene.settled()
    assert [leg for leg, _ in scene.turns.told] == ["sms:1", "sms:1"]
    assert scene.ledger.record("sms:1") is not None
    await scene.runtime.stop()


async def test_stop_stores_what_was_posted_and_later_facts_are_counted() -> None:
    scene = Scene()
    scene.post(*range(500))
    await scene.runtime.stop()
    scene.post(7)
    await scene.runtime.stop()
    assert len(scene.turns.told) == 500
    assert scene.ledger.reopened().last()[0] == 500
    assert scene.runtime.lost == 1


async def test_stop_on_a_dead_ledger_says_what_is_lost() -> None:
    scene = Scene()
    scene.ledger.errors = [TryLater("ledger.full", "full")] * 99
    scene.post(1, 2, 3)
    with pytest.raises(TryLater, match="3 facts"):
        await scene.runtime.stop(timeout_s=0.02)


async def test_snapshots_are_asked_for_each_so_many_facts_replayed_ones_included() -> None:
    asked: list[int] = []
    scene = Scene(
        settings=LedgerSettings(commit_every_ms=0.0, snapshot_every_facts=10),
        snapshot_due=lambda: asked.append(1),
    )
    for _ in range(25):
        scene.post(1)
        await scene.settled()
    assert len(asked) == 2
    await scene.runtime.stop()


async def test_a_snapshot_and_the_tail_give_the_state_of_all_facts() -> None:
    scene = Scene()
    scene.post(1, 2)
    await scene.settled()
    made = make_snapshot(scene.ledger, LogTurns())
    assert made is not None and (made.seq, made.facts) == (2, 2)
    assert make_snapshot(scene.ledger, LogTurns()) is None, "nothing new"
    scene.post(3)
    await scene.settled()
    again = make_snapshot(scene.ledger, LogTurns())
    assert again is not None and (again.seq, again.facts) == (3, 1)
    scene.post(4)
    await scene.runtime.stop()
    turns = LogTurns()
    done = replay(turns, scene.ledger.reopened())
    assert turns.told == scene.turns.told
    assert (done.facts, done.snapshot_seq, done.seq) == (1, 3, 4)


@pytest.mark.parametrize("state", [b"other version", b"\xc1 not msgpack"])
async def test_a_snapshot_of_another_version_is_passed_over(state: bytes) -> None:
    scene = Scene()
    scene.post(1, 2)
    await scene.runtime.stop()
    ledger = scene.ledger.reopened()
    assert make_snapshot(ledger, LogTurns())
    saved = ledger.load_snapshot()
    assert saved is not None and saved.seq == 2
    ledger.save_snapshot(msgspec.structs.replace(saved, state=state))
    turns = LogTurns()
    assert replay(turns, ledger).facts == 2
    assert turns.told == scene.turns.told


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["voice:", "bad:", "sms:"]), st.integers(0, 9), st.booleans()), max_size=30
    ),
    st.sets(st.integers(0, 12), max_size=5),
    st.integers(0, 30),
)
def test_any_traffic_any_failures_replay_gives_the_same_state(
    traffic: list[tuple[str, int, bool]], failing: set[int], snapshot_after: int
) -> None:
    async def run() -> None:
        scene = Scene()
        scene.ledger.errors = [TryLater("x", "now and then")] * len(failing)
        for index, (kind, number, rest) in enumerate(traffic):
            scene.clock.time += number / 10
            scene.runtime.post(LegRinging(f"{kind}{number}"))
            if rest:
                await _rounds()
            if index == snapshot_after:
                await scene.settled()
                await scene.runtime.ask(lambda ledger: make_snapshot(ledger, LogTurns()))
        await scene.settled()
        await scene.settled()
        await scene.runtime.stop()
        turns = LogTurns()
        replay(turns, scene.ledger.reopened())
        assert turns.told == scene.turns.told
        wanted = [f"{kind}{number}" for kind, number, _ in traffic if kind == "voice:"]
        assert scene.phone.legs == wanted

    first, writer_module.RETRY_FIRST_S = writer_module.RETRY_FIRST_S, 0.0005
    try:
        asyncio.run(run())
    finally:
        writer_module.RETRY_FIRST_S = first


async def _until(true: Callable[[], bool]) -> None:
    """Let the loop and the ledger's thread run until something is so."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  nobody could set an event: it is the engines' state
            await asyncio.sleep(0)


async def _rounds(count: int = 5) -> None:
    """Let the loop make some rounds."""
    for _ in range(count):
        await asyncio.sleep(0)
