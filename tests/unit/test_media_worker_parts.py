"""Parts of the media worker without sockets: frames of control, pacing, upkeep, rescued recordings."""

import wave
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import PeerBroke
from ccd.media.g711 import PCMU
from ccd.media.leg import Leg
from ccd.media.packet import HEADER
from ccd.media.wav import header
from ccd.model.nouns import PromptPart
from ccd.voice.engine import Join, OpenLeg, Play, Record, SendDigit, Stream
from ccd.voice.media_legs import _DRAWN, _chances
from ccd.voice.media_pace import FULL, MAX_BEHIND, STEP_S, Pace
from ccd.voice.media_protocol import MAX_FRAME, Begin, OpenPorts, Unpacker, WorkerCommand, pack
from ccd.voice.media_upkeep import GRAIN_S, Upkeep
from ccd.voice.recorder import rescue

COMMANDS = [
    Begin("127.0.0.1", 1, 2, 30.0, ("/p",), (), 1.0),
    OpenPorts(5),
    OpenLeg("voice:1", 2000, Stream("PCMU", 0, 101, "192.0.2.1", 4000, send=False)),
    Play("voice:1", "p1", (PromptPart("a/b"), PromptPart(number=71)), "fr", barge=True),
    Join("a", "b"),
    SendDigit("a", "#"),
]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_frames_may_come_in_any_pieces(sizes: list[int]) -> None:
    data = pack(COMMANDS[:3]) + pack([]) + pack(COMMANDS[3:])
    unpacker, got, at = Unpacker(WorkerCommand), [], 0
    while at < len(data):
        for size in sizes:
            got += unpacker.feed(data[at : at + size])
            at += size
    assert got == COMMANDS


@pytest.mark.parametrize(
    "data",
    [(MAX_FRAME + 1).to_bytes(4, "big"), b"\0\0\0\1\xc1", b"\0\0\0\3\x91\x81\xa1", b"\0\0\0\2\x91\x05"],
)
def test_frames_that_are_not_ours_are_refused(data: bytes) -> None:
    with pytest.raises(PeerBroke):
        list(Unpacker(WorkerCommand).feed(data))


def test_a_whole_frame_is_taken_as_it_is_and_one_after_a_piece_too() -> None:
    unpacker, data = Unpacker(WorkerCommand), pack(COMMANDS)
    assert list(unpacker.feed(data)) == list(unpacker.feed(data)) == COMMANDS
    assert list(unpacker.feed(data[:9])) == []
    assert list(unpacker.feed(data[9:] + data)) == COMMANDS * 2
    assert list(unpacker.feed(data)) == COMMANDS


def make_leg(name: str = "a") -> Leg:
    return Leg(name, 1, 1, 1, 0.0, lambda *_: None)


def test_an_empty_wheel_never_wakes() -> None:
    assert Pace().next_due == float("inf")


def test_each_leg_has_one_beat_in_20_ms_for_ever() -> None:
    pace, legs = Pace(), [make_leg(str(index)) for index in range(10)]
    for leg in legs:
        pace.add(leg, 100.0)
        pace.add(leg, 100.0)
    beats = dict.fromkeys(legs, 0)
    now = 100.0
    for turn in range(5000):
        now = 100.0 + turn * STEP_S + 0.0001
        for leg in pace.due(now):
            beats[leg] += 1
    assert set(beats.values()) == {1250}
    assert set(pace.legs.values()) == {0}, "few stand together: each group wakes the loop"


def test_a_group_that_is_full_begins_another_and_legs_that_leave_empty_the_small_ones() -> None:
    pace, legs = Pace(), [make_leg(str(index)) for index in range(5 * FULL)]
    for leg in legs:
        pace.add(leg, 0.0)
        sizes = sorted(Counter(pace.legs.values()).values(), reverse=True)
        few = len(pace.legs) <= 4 * FULL
        assert len(sizes) == min(4, -(-len(pace.legs) // FULL)) and (sizes[0] <= FULL or not few)
    assert set(sizes) == {5 * FULL // 4}
    beats = Counter(leg for turn in range(4) for leg in pace.due(turn * STEP_S + 0.0001))
    assert set(beats.values()) == {1} and len(beats) == len(legs)
    for leg in legs[10:]:
        pace.remove(leg)
    for turn in range(50):
        gone = next(iter(pace.legs))
        pace.remove(gone)
        pace.add(gone, 1.0 + turn)
    assert len(set(pace.legs.values())) == 1


def test_a_late_turn_is_made_up_for_and_does_not_shift_the_beat() -> None:
    pace, leg = Pace(), make_leg()
    pace.add(leg, 0.0)
    assert len(pace.due(0.0)) == 1
    assert len(pace.due(0.1001)) == 5
    assert pace.worst_late_s == pytest.approx(0.0801, abs=0.001)
    assert pace.next_due == pytest.approx(0.12)
    assert not pace.due(0.1199)
    assert len(pace.due(0.1201)) == 1


def test_after_a_stand_still_there_is_no_burst() -> None:
    pace, leg = Pace(), make_leg()
    pace.add(leg, 0.0)
    pace.due(0.0)
    assert len(pace.due(60.0)) <= 2
    assert len(pace.due(60.0 + 0.2)) <= MAX_BEHIND // 4 + 1


def test_a_leg_taken_off_has_no_beat() -> None:
    pace, leg, other = Pace(), make_leg(), make_leg("b")
    pace.add(leg, 0.0)
    pace.add(other, 0.0)
    pace.remove(leg)
    pace.remove(leg)
    assert pace.due(0.0) == [other] and pace.due(0.02) == [other]
    pace.remove(other)
    assert pace.next_due == float("inf")


def test_a_group_that_is_left_by_its_last_leg_wakes_nobody() -> None:
    pace, legs = Pace(), [make_leg(str(index)) for index in range(FULL + 1)]
    for leg in legs:
        pace.add(leg, 0.0)
    assert pace.due(0.0) == legs[:FULL] and pace.next_due == pytest.approx(STEP_S)
    pace.remove(legs[FULL])
    assert pace.next_due == pytest.approx(0.02)
    pace.add(legs[FULL], 0.001)
    assert pace.next_due == pytest.approx(STEP_S)


class Watch:
    """An upkeep with what it did."""

    def __init__(self, dead_after: float) -> None:
        self.sent: list[tuple[Leg, bytes]] = []
        self.lost: list[tuple[str, float]] = []
        self.upkeep = Upkeep(
            dead_after,
            1e9,
            lambda leg, data: self.sent.append((leg, data)),
            lambda leg, silent: self.lost.append((leg.name, silent)),
        )

    def run(self, until: float) -> None:
        while self.upkeep.next_due <= until:
            self.upkeep.run(self.upkeep.next_due)


def negotiated(now: float = 0.0, *, receives: bool = True) -> Leg:
    leg = make_leg()
    leg.port = object()
    leg.set_stream(PCMU, 0, 101, ("192.0.2.1", 4000), True, receives, now)
    return leg


def hear(leg: Leg, now: float) -> None:
    data = HEADER.pack(0x80, 0, 1, 160, 9) + bytes(160)
    leg.receive(bytearray(data), len(data), ("192.0.2.1", 4000), now, int(now * 8000))


def test_reports_go_out_every_five_seconds() -> None:
    watch = Watch(30.0)
    watch.upkeep.add(negotiated(receives=False), 0.0, 0.5)
    watch.run(61.0)
    assert len(watch.sent) in (11, 12)


def test_a_silent_party_is_reported_each_time_that_it_is_silent_too_long_again() -> None:
    watch, leg = Watch(30.0), negotiated()
    watch.upkeep.add(leg, 0.0, 0.0)
    watch.run(30.0 - GRAIN_S)
    assert not watch.lost
    watch.run(30.0 + GRAIN_S)
    assert watch.lost == [("a", pytest.approx(30.0, abs=GRAIN_S + 1e-6))]
    watch.run(59.9)
    assert len(watch.lost) == 1
    watch.run(301.0)
    assert 9 <= len(watch.lost) <= 10
    before = len(watch.lost)
    hear(leg, 301.0)
    watch.run(330.9)
    assert len(watch.lost) == before
    watch.run(337.0)
    assert len(watch.lost) == before + 1


def test_a_party_that_need_not_send_is_not_lost() -> None:
    watch = Watch(30.0)
    watch.upkeep.add(negotiated(receives=False), 0.0, 0.0)
    watch.run(300.0)
    assert not watch.lost


def test_a_party_that_only_reports_is_alive() -> None:
    watch, leg = Watch(30.0), negotiated()
    watch.upkeep.add(leg, 0.0, 0.0)
    for at in range(0, 200, 20):
        watch.run(at)
        watch.upkeep.read(leg, b"\x80\xc9\0\1\0\0\0\1", float(at))
    assert not watch.lost
    watch.upkeep.read(leg, b"nonsense", 200.0)
    assert leg.bad == 1


def test_a_closed_leg_says_bye_and_is_forgotten() -> None:
    watch, leg = Watch(30.0), negotiated()
    watch.upkeep.add(leg, 0.0, 0.0)
    watch.run(10.0)
    count = len(watch.sent)
    watch.upkeep.close(leg, 10.0)
    leg.port = None
    assert watch.sent[-1][1][-8:-4] == b"\x81\xcb\0\1"
    watch.run(100.0)
    assert len(watch.sent) == count + 1
    assert watch.upkeep.next_due == float("inf")


def test_a_leg_that_closed_before_its_deadline_wakes_nobody() -> None:
    watch, early, late = Watch(30.0), negotiated(), negotiated()
    watch.upkeep.add(early, 0.0, 0.0)
    first = watch.upkeep.next_due
    early.port = None
    watch.upkeep.add(late, 2.0, 0.0)
    assert watch.upkeep.next_due == pytest.approx(first + 2.0, abs=GRAIN_S)
    watch.run(5.0)
    assert [leg for leg, _ in watch.sent] == [late]


def test_a_recording_left_by_a_dead_worker_is_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    (tmp_path / "r.wav.part").write_bytes(header(8000, 2, 0) + bytes(32000 + 3))
    fact = rescue(Record("r", "a", "b", str(path)))
    assert (fact.recording, fact.leg, fact.seconds) == ("r", "a", 1.0)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 8000
    gone = rescue(Record("r", "a", "b", str(tmp_path / "none.wav")))
    assert gone.seconds == 0
    assert "No such file" in gone.note


def test_no_two_legs_begin_alike() -> None:
    """More of them than are drawn at once."""
    made = [drawn for drawn, _ in zip(_chances(), range(3 * _DRAWN), strict=False)]
    assert len(set(made)) == len({ssrc for ssrc, _, _, _ in made}) == 3 * _DRAWN
