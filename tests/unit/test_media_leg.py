"""One party's RTP, fed with bytes and hand-counted times."""

import itertools
import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.media.digits import END
from ccd.media.g711 import PCMA, PCMU, ULAW_TO_ALAW
from ccd.media.leg import FORMER_S, RELATCH_S, Leg
from ccd.media.packet import HEADER
from ccd.media.playout import Clip, Playout

A_PHONE = ("192.0.2.1", 4000)
B_PHONE = ("192.0.2.2", 5000)
STRANGER = ("203.0.113.9", 6000)
VOICE = bytes(range(160))


@dataclass
class Out:
    """A packet that was sent."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass
class Pair:
    """Two legs and a clock; collects what goes out to each."""

    now: float = 100.0
    reports: list[tuple[str, str, str]] = field(default_factory=list)
    a: Leg = field(init=False)
    b: Leg = field(init=False)
    to_a: list[Out] = field(default_factory=list)
    to_b: list[Out] = field(default_factory=list)

    def __post_init__(self) -> None:
        def report(leg: Leg, what: str, value: str) -> None:
            self.reports.append((leg.name, what, value))

        self.a = Leg("a", 0xAAAA, 65530, 0xFFFFFF00, self.now, report)
        self.b = Leg("b", 0xBBBB, 10, 1000, self.now, report)
        self.a.set_stream(PCMU, 0, 101, A_PHONE, True, True, self.now)
        self.b.set_stream(PCMU, 0, 96, B_PHONE, True, True, self.now)

    def send(self, leg: Leg, sequence: int, **what: Any) -> Out | None:
        """A packet of the leg's party arrives; what the other one gets."""
        source = what.get("source", A_PHONE if leg is self.a else B_PHONE)
        second = what.get("kind", leg.payload) | (0x80 if what.get("marker") else 0)
        timestamp = what.get("timestamp", sequence * 160) & 0xFFFFFFFF
        header = HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp, what.get("ssrc", 7))
        data = header + what.get("payload", VOICE)
        buffer = bytearray(data) + bytearray(1500)
        size = leg.receive(buffer, len(data), source, self.now, int(self.now * 8000))
        if not size:
            return None
        out = read(buffer, size)
        (self.to_b if leg is self.a else self.to_a).append(out)
        return out

    def tick(self, leg: Leg) -> Out | None:
        buffer = bytearray(1500)
        size = leg.tick(buffer, self.now)
        if not size:
            return None
        out = read(buffer, size)
        (self.to_a if leg is self.a else self.to_b).append(out)
        return out

    def pass_by(self, seconds: float = 0.02) -> None:
        self.now += seconds


def read(buffer: bytearray, size: int) -> Out:
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(buffer)
    assert first == 0x80
    return Out(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, bytes(buffer[12:size]))


@pytest.fixture
def pair() -> Pair:
    return Pair()


def continuous(packets: list[Out]) -> None:
    """One SSRC, no hole or repetition in the sequence, time that never runs back."""
    assert len({out.ssrc for out in packets}) == 1
    for one, other in itertools.pairwise(packets):
        assert other.sequence == (one.sequence + 1) & 0xFFFF
        assert (other.timestamp - one.timestamp) & 0xFFFFFFFF < 0x7FFFFFFF


def test_alone_nothing_goes_out(pair: Pair) -> None:
    assert pair.send(pair.a, 1) is None
    assert pair.a.received == 1


def test_relay_keeps_payload_and_time_and_rewrites_the_rest(pair: Pair) -> None:
    pair.a.join(pair.b)
    for sequence in range(65530, 65550):
        assert pair.send(pair.a, sequence)
        pair.pass_by()
    continuous(pair.to_b)
    assert {out.payload for out in pair.to_b} == {VOICE}
    assert {out.ssrc for out in pair.to_b} == {0xBBBB}
    assert [out.marker for out in pair.to_b] == [True] + [False] * 19
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in zip(pair.to_b, pair.to_b[1:], strict=False)}
    assert steps == {160}
    assert pair.to_b[0].sequence == 10


def test_payload_types_and_laws_are_those_of_the_receiver(pair: Pair) -> None:
    pair.b.set_stream(PCMA, 8, 96, B_PHONE, True, True, pair.now)
    pair.a.join(pair.b)
    out = pair.send(pair.a, 1)
    assert out is not None
    assert (out.payload_type, out.payload) == (8, VOICE.translate(ULAW_TO_ALAW))
    back = pair.send(pair.b, 1, payload=VOICE.translate(ULAW_TO_ALAW))
    assert back is not None
    assert back.payload_type == 0
    assert back.payload != VOICE.translate(ULAW_TO_ALAW)


def test_loss_is_passed_on_and_counted(pair: Pair) -> None:
    pair.a.join(pair.b)
    for sequence in (1, 2, 5, 6):
        pair.send(pair.a, sequence)
    first = pair.to_b[0].sequence
    assert [out.sequence - first for out in pair.to_b] == [0, 1, 4, 5]
    assert pair.a.total_lost == 2
    pair.send(pair.a, 3)
    assert pair.a.total_lost == 1
    assert pair.to_b[-1].sequence - first == 2
    pair.send(pair.a, 7)
    assert pair.to_b[-1].sequence - first == 6


@given(st.lists(st.sampled_from("abmpjsx"), max_size=60))
def test_whatever_is_the_source_the_far_end_sees_one_stream(moves: str) -> None:
    """Partner, music, prompts, joins and parts in any order."""
    pair = Pair()
    clip = Clip(bytes(640))
    for sequence, move in enumerate(moves, 1):
        if move == "a":
            pair.send(pair.a, sequence)
        elif move == "b":
            pair.send(pair.b, sequence)
        elif move == "m":
            pair.b.play(Playout("", [clip], loop=True))
        elif move == "p":
            pair.b.play(Playout("p", [clip]))
        elif move == "j":
            pair.a.join(pair.b)
        elif move == "s":
            pair.b.stop()
        else:
            pair.a.part()
        pair.tick(pair.b)
        pair.pass_by()
    in_order = [out for out in pair.to_b if out]
    for one, other in itertools.pairwise(in_order):
        assert 1 <= (other.sequence - one.sequence) & 0xFFFF <= len(moves)
        assert 0 < (other.timestamp - one.timestamp) & 0xFFFFFFFF <= 160 * len(moves) + 160
    assert pair.b.sent == len(pair.to_b)
    assert {out.ssrc for out in in_order} <= {0xBBBB}


def test_music_to_partner_is_seamless(pair: Pair) -> None:
    pair.b.play(Playout("", [Clip(bytes(3200))], loop=True))
    for _ in range(50):
        pair.tick(pair.b)
        pair.pass_by()
    pair.b.stop()
    pair.a.join(pair.b)
    for sequence in range(500, 520):
        pair.send(pair.a, sequence)
        pair.pass_by()
    continuous(pair.to_b)
    assert [index for index, out in enumerate(pair.to_b) if out.marker] == [0, 50]
    assert (pair.to_b[-1].timestamp - pair.to_b[0].timestamp) & 0xFFFFFFFF == 69 * 160


def test_time_goes_on_over_a_silence(pair: Pair) -> None:
    pair.a.join(pair.b)
    first = pair.send(pair.a, 1)
    pair.a.part()
    pair.pass_by(2.0)
    pair.b.play(Playout("", [Clip(bytes(640))], loop=True))
    second = pair.tick(pair.b)
    assert first is not None
    assert second is not None
    assert second.timestamp - first.timestamp == 16000
    assert second.marker


def test_a_prompt_silences_the_partner_and_gives_way_again(pair: Pair) -> None:
    pair.a.join(pair.b)
    assert pair.send(pair.a, 1)
    pair.b.play(Playout("p1", [Clip(bytes(640))]))
    assert pair.send(pair.a, 2) is None
    assert pair.send(pair.b, 1), "the other direction is not touched"
    assert pair.tick(pair.b)
    pair.pass_by()
    assert pair.tick(pair.b)
    pair.pass_by()
    assert pair.tick(pair.b) is None
    assert pair.reports == [("b", "played", "p1")]
    again = pair.send(pair.a, 3)
    assert again is not None
    assert again.marker
    continuous(pair.to_b)


def test_a_new_play_stops_the_old_one(pair: Pair) -> None:
    pair.a.play(Playout("p1", [Clip(bytes(640))]))
    pair.a.play(Playout("p2", [Clip(bytes(640))]))
    pair.a.stop()
    pair.a.stop()
    assert pair.reports == [("a", "stopped", "p1"), ("a", "stopped", "p2")]


def test_prompts_are_played_in_the_law_of_the_leg(pair: Pair) -> None:
    clip = Clip(struct.pack("<160h", *range(0, 16000, 100)))
    pair.a.set_stream(PCMA, 8, None, A_PHONE, True, True, pair.now)
    pair.a.play(Playout("p", [clip]))
    out = pair.tick(pair.a)
    assert out is not None
    assert (out.payload_type, out.payload) == (8, clip.alaw)
    assert clip.alaw != clip.ulaw


# --- sources ---------------------------------------------------------------------------------------


def test_the_real_source_is_answered_not_the_one_in_sdp(pair: Pair) -> None:
    pair.send(pair.a, 1, source=STRANGER)
    assert pair.a.address == STRANGER


def test_an_address_nobody_knew_is_learned_and_then_used(pair: Pair) -> None:
    leg = Leg("c", 1, 1, 1, pair.now, lambda *_: None)
    leg.set_stream(PCMU, 0, None, None, True, True, pair.now)
    pair.a.join(leg)
    assert pair.send(pair.a, 1) is None
    pair.send(leg, 1, source=STRANGER)
    assert pair.send(pair.a, 2)


def test_a_stranger_cannot_take_over_a_talking_party(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.send(pair.a, 1)
    pair.pass_by()
    assert pair.send(pair.a, 1, source=STRANGER, ssrc=99) is None
    assert pair.a.address == A_PHONE
    assert pair.a.bad == 1
    assert pair.send(pair.a, 2)


def test_the_same_stream_from_another_port_is_followed(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.send(pair.a, 1)
    assert pair.send(pair.a, 2, source=STRANGER)
    assert pair.a.address == STRANGER


def test_after_silence_another_stream_of_the_host_is_believed(pair: Pair) -> None:
    neighbour = (A_PHONE[0], 7000)
    pair.send(pair.a, 1)
    pair.pass_by(RELATCH_S - 0.001)
    pair.send(pair.a, 1, source=neighbour, ssrc=99)
    assert pair.a.address == A_PHONE
    pair.pass_by(0.002)
    pair.send(pair.a, 2, source=neighbour, ssrc=99)
    assert pair.a.address == neighbour


def test_not_even_after_silence_is_another_host_believed_than_the_one_that_was_named(pair: Pair) -> None:
    """A party on hold is silent for long: who sprays our ports must not be sent what it should hear."""
    pair.send(pair.a, 1)
    pair.pass_by(60.0)
    pair.send(pair.a, 1, source=STRANGER, ssrc=99)
    assert pair.a.address == A_PHONE


def test_a_new_address_by_negotiation_is_used_at_once(pair: Pair) -> None:
    pair.send(pair.a, 1)
    pair.a.set_stream(PCMU, 0, 101, STRANGER, True, True, pair.now)
    assert pair.a.address == STRANGER
    pair.send(pair.a, 2)  # still on its way from the former address
    assert pair.a.address == STRANGER
    pair.pass_by(FORMER_S + 0.01)
    pair.send(pair.a, 3)  # but if the party really stays there, so be it
    assert pair.a.address == A_PHONE


def test_the_same_negotiation_again_keeps_the_learned_source(pair: Pair) -> None:
    pair.send(pair.a, 1, source=STRANGER)
    pair.a.set_stream(PCMU, 0, 101, A_PHONE, True, True, pair.now)
    assert pair.a.address == STRANGER


def test_a_new_ssrc_of_the_party_goes_on_in_our_stream(pair: Pair) -> None:
    pair.a.join(pair.b)
    for sequence in range(5):
        pair.send(pair.a, sequence)
        pair.pass_by()
    for sequence in range(40000, 40005):
        pair.send(pair.a, sequence, ssrc=8, timestamp=12345 + sequence * 160)
        pair.pass_by()
    continuous(pair.to_b)
    assert pair.a.total_lost == 0


def test_a_jump_of_the_sequence_is_a_restart_not_loss(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.send(pair.a, 1)
    pair.pass_by()
    pair.send(pair.a, 30000)
    assert pair.a.total_lost == 0
    continuous(pair.to_b)


# --- digits ----------------------------------------------------------------------------------------


def press(pair: Pair, leg: Leg, first: int, key: int, timestamp: int) -> None:
    """A right sender's packets for one digit."""
    for step in range(5):
        payload = struct.pack("!BBH", key, 10, 160 * (step + 1))
        pair.send(leg, first + step, kind=leg.digits, payload=payload, timestamp=timestamp, marker=step == 0)
        pair.pass_by()
    for step in range(5, 8):
        payload = struct.pack("!BBH", key, 10 | END, 800)
        pair.send(leg, first + step, kind=leg.digits, payload=payload, timestamp=timestamp)
        pair.pass_by()


def test_digits_are_reported_once_and_relayed_with_the_other_type(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.send(pair.a, 0)
    pair.pass_by()
    press(pair, pair.a, 1, 1, 160)
    press(pair, pair.a, 9, 1, 160 * 12)
    assert pair.reports == [("a", "digit", "1")] * 2
    events = [out for out in pair.to_b if out.payload_type == 96]
    assert len(events) == 16
    assert [out.marker for out in events] == [True] + [False] * 7 + [True] + [False] * 7
    assert len({out.timestamp for out in events[:8]}) == 1
    assert events[8].timestamp - events[0].timestamp == 160 * 11
    assert events[0].timestamp - pair.to_b[0].timestamp == 160
    continuous(pair.to_b)


def test_digits_are_kept_from_a_party_that_takes_none_without_a_hole(pair: Pair) -> None:
    pair.b.set_stream(PCMU, 0, None, B_PHONE, True, True, pair.now)
    pair.a.join(pair.b)
    pair.send(pair.a, 0)
    press(pair, pair.a, 1, 5, 160)
    pair.send(pair.a, 9)
    assert pair.reports == [("a", "digit", "5")]
    continuous(pair.to_b)
    assert len(pair.to_b) == 2


def test_a_digit_of_ours_stands_between_audio(pair: Pair) -> None:
    pair.a.join(pair.b)
    for sequence in range(3):
        pair.send(pair.a, sequence)
        pair.pass_by()
    assert pair.b.send_digit("#", 100)
    sequence = 3
    while pair.b.paced:
        assert pair.send(pair.a, sequence) is None
        sequence += 1
        pair.tick(pair.b)
        pair.pass_by()
    pair.send(pair.a, sequence)
    continuous(pair.to_b)
    events = [out for out in pair.to_b if out.payload_type == 96]
    assert [struct.unpack("!BBH", out.payload)[2] for out in events] == [160, 320, 480, 640, 800, 800, 800]
    assert len({out.timestamp for out in events}) == 1
    assert (pair.to_b[-1].timestamp - pair.to_b[0].timestamp) & 0xFFFFFFFF == sequence * 160


def test_no_digit_without_telephone_event_or_of_no_key(pair: Pair) -> None:
    pair.b.set_stream(PCMU, 0, None, B_PHONE, True, True, pair.now)
    assert not pair.b.send_digit("1", 100)
    assert not pair.a.send_digit("x", 100)
    assert not pair.a.paced


# --- direction, counts, bad packets ----------------------------------------------------------------


def test_held_parties_get_nothing_but_the_beat_goes_on(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.b.set_stream(PCMU, 0, 96, B_PHONE, False, True, pair.now)
    assert pair.send(pair.a, 1) is None
    pair.b.play(Playout("p", [Clip(bytes(640))]))
    for _ in range(3):
        assert pair.tick(pair.b) is None
    assert pair.reports == [("b", "played", "p")]
    pair.b.set_stream(PCMU, 0, 96, B_PHONE, True, True, pair.now)
    assert pair.send(pair.a, 2)


def test_jitter_follows_rfc_3550(pair: Pair) -> None:
    """A.8 by hand: every second packet 5 ms (40 units) late gives |D| = 40 at each step."""
    expected = 0.0
    for sequence in range(40):
        late = 0.005 if sequence % 2 else 0.0
        pair.now = 100.0 + sequence * 0.02 + late
        pair.send(pair.a, sequence)
        if sequence:
            expected += (40 - expected) / 16
    assert pair.a.jitter == pytest.approx(expected, abs=1.0)


def test_comfort_noise_is_not_an_error(pair: Pair) -> None:
    pair.a.join(pair.b)
    pair.send(pair.a, 1)
    assert pair.send(pair.a, 2, kind=13, payload=b"\x40") is None
    pair.send(pair.a, 3)
    assert pair.a.bad == 0
    continuous(pair.to_b)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_counted_or_passed(data: bytes) -> None:
    pair = Pair()
    pair.a.join(pair.b)
    buffer = bytearray(data) + bytearray(1500)
    size = pair.a.receive(buffer, len(data), A_PHONE, pair.now, 0)
    assert pair.a.bad + pair.a.received == 1
    assert size <= max(len(data), 0)


def test_a_leg_not_negotiated_takes_nothing(pair: Pair) -> None:
    leg = Leg("c", 1, 1, 1, pair.now, lambda *_: None)
    assert pair.send(leg, 1, kind=0) is None
    assert pair.send(leg, 1, kind=13) is None
    assert leg.bad == 2
    assert leg.source is None


def test_joining_leaves_the_former_partner(pair: Pair) -> None:
    other = Leg("c", 1, 1, 1, pair.now, lambda *_: None)
    pair.a.join(pair.b)
    pair.a.join(other)
    assert pair.b.partner is None
    assert pair.send(pair.b, 1) is None
    assert other.partner is pair.a
