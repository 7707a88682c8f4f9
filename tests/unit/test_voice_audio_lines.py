"""When a line into a call sends what: no beat comes in time on a busy loop."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from ccd.channels.audio import FRAME
from ccd.media.packet import HEADER, MARKER
from ccd.voice import audio_lines
from ccd.voice.audio_lines import BEAT_S, MOST_LATE_S, AudioLines, Line


class Wire:
    """In place of a connected socket; also of the loop and the clock of a line."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[int, int, bool]] = []
        """Sequence number, timestamp, marked."""
        self.times: list[float] = []
        """When each was sent."""
        self.due: list[tuple[float, Any]] = []

    def send(self, packet: bytes) -> None:
        _, second, sequence, timestamp, _ = HEADER.unpack(packet[: HEADER.size])
        self.times.append(self.now)
        self.sent.append((sequence, timestamp, bool(second & MARKER)))

    def fileno(self) -> int:
        return 0

    def close(self) -> None: ...

    def add_reader(self, *_: Any) -> None: ...

    def remove_reader(self, *_: Any) -> None: ...

    def call_later(self, delay: float, call: Any) -> str:
        self.due.append((self.now + delay, call))
        return "timer"

    def run(self, until: float) -> None:
        """All beats that are due, each in its time."""
        while self.due and self.due[0][0] <= until:
            at, call = self.due.pop(0)
            self.now = max(self.now, at)
            call()
        self.now = max(self.now, until)

    def steps(self) -> list[int]:
        """By how many samples the timestamp goes on from packet to packet."""
        stamps = [timestamp for _, timestamp, _ in self.sent]
        return [(after - before) & 0xFFFFFFFF for before, after in pairwise(stamps)]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    monkeypatch.setattr(audio_lines, "monotonic", lambda: made.now)
    return made


def playing(wire: Wire, frames: int) -> Line:
    media: Any = SimpleNamespace(perform=lambda _: None)
    lines = AudioLines(SimpleNamespace(log=None))  # type: ignore[arg-type]
    ours: Any = wire
    line = Line(lines, media, "line", "party", ours, lambda _: None)
    line.play(b"\x11" * FRAME * frames)
    return line


def test_a_loop_that_was_late_makes_up_for_it_and_the_timestamps_tell_no_gap(wire: Wire) -> None:
    playing(wire, 20)
    wire.run(100.0 + 4.5 * BEAT_S)
    assert len(wire.sent) == 5
    wire.now += 6 * BEAT_S  # the loop stands still
    wire.run(wire.now)
    assert len(wire.sent) == 11, "what should have been sent meanwhile goes out now"
    wire.run(wire.now + 20 * BEAT_S)
    assert len(wire.sent) == 20
    assert wire.steps() == [FRAME] * 19, "one piece of audio without a hole"
    assert [marked for _, _, marked in wire.sent] == [True] + [False] * 19


def test_what_is_later_than_the_far_end_waits_is_a_pause(wire: Wire) -> None:
    playing(wire, 20)
    wire.run(100.0 + 4.5 * BEAT_S)
    wire.now += MOST_LATE_S + 5 * BEAT_S
    wire.run(wire.now + 30 * BEAT_S)
    assert len(wire.sent) == 20
    (gap,) = [step for step in wire.steps() if step != FRAME]
    assert gap > MOST_LATE_S * 8000, "the time went on, and nothing is made up for"
    assert sum(marked for _, _, marked in wire.sent) == 2


def test_a_second_piece_behind_a_pause_is_marked_and_later(wire: Wire) -> None:
    line = playing(wire, 2)
    wire.run(101.0)
    assert line.ahead_s == 0
    line.play(b"\x11" * FRAME)
    wire.run(102.0)
    assert len(wire.sent) == 3
    assert wire.steps()[-1] == pytest.approx((1.0 - BEAT_S) * 8000, abs=1)
    assert wire.sent[-1][2]


@pytest.mark.parametrize("each_s", [0.001, 0.005, 0.019])
def test_audio_that_trickles_in_faster_than_it_is_played_keeps_its_pace(wire: Wire, each_s: float) -> None:
    line = playing(wire, 1)
    for _ in range(29):
        wire.run(wire.now + each_s)
        line.play(b"\x11" * FRAME)
    wire.run(wire.now + 1.0)
    assert len(wire.sent) == 30
    pauses = [after - before for before, after in pairwise(wire.times)]
    assert pauses == pytest.approx([BEAT_S] * 29), "one every 20 ms, not as they come"
    assert wire.steps() == [FRAME] * 29


def test_a_line_that_begins_while_another_is_served_has_the_next_beat(wire: Wire) -> None:
    line = playing(wire, 3)
    line.when_played(lambda: line.play(b"\x11" * FRAME * 2))
    wire.run(101.0)
    assert len(wire.sent) == 5
    assert len(wire.due) == 0, "nothing plays, nothing beats"
    assert [after - before for before, after in pairwise(wire.times)] == pytest.approx([BEAT_S] * 4)
