"""RTCP of one leg, byte by byte (RFC 3550 §6.4)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.media.g711 import PCMU
from ccd.media.leg import Leg
from ccd.media.packet import HEADER
from ccd.media.playout import Clip, Playout
from ccd.media.rtcp import NTP_EPOCH, Reports, ntp

PHONE = ("192.0.2.1", 4000)


@pytest.fixture
def leg() -> Leg:
    leg = Leg("a", 0xABCD, 1, 5000, 0.0, lambda *_: None)
    leg.set_stream(PCMU, 0, 101, PHONE, True, True, 0.0)
    return leg


def arrive(leg: Leg, sequence: int, at: float) -> None:
    data = HEADER.pack(0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, 77) + bytes(160)
    leg.receive(bytearray(data) + bytearray(100), len(data), PHONE, at, int(at * 8000))


def parts(data: bytes) -> list[tuple[int, bytes]]:
    """(type, whole packet) of a compound."""
    found, at = [], 0
    while at < len(data):
        size = 4 + 4 * struct.unpack_from("!H", data, at + 2)[0]
        assert data[at] >> 6 == 2
        found.append((data[at + 1], data[at : at + size]))
        at += size
    assert at == len(data)
    return found


def test_an_idle_leg_sends_an_empty_receiver_report(leg: Leg) -> None:
    (kind, report), (sdes_kind, sdes) = parts(Reports(leg).write(1.0, 1e9))
    assert (kind, len(report), sdes_kind) == (201, 8, 202)
    assert struct.unpack_from("!I", report, 4) == (0xABCD,)
    assert b"0000abcd@ccd" in sdes


def test_a_sender_report_tells_time_and_counts(leg: Leg) -> None:
    leg.play(Playout("", [Clip(bytes(320))], loop=True))
    buffer = bytearray(200)
    for step in range(10):
        leg.tick(buffer, step * 0.02)
    kind, report = parts(Reports(leg).write(0.2, 1_000_000_000.5))[0]
    assert (kind, len(report)) == (200, 28)
    high, low, clock, packets, octets = struct.unpack_from("!IIIII", report, 8)
    assert (high, low) == (1_000_000_000 + NTP_EPOCH, 1 << 31)
    assert clock == (5000 + 9 * 160 + 160)
    assert (packets, octets) == (10, 1600)


def test_a_sender_that_has_fallen_silent_sends_receiver_reports(leg: Leg) -> None:
    leg.play(Playout("p", [Clip(bytes(320))]))
    leg.tick(bytearray(200), 0.0)
    reports = Reports(leg)
    assert parts(reports.write(1.0, 1e9))[0][0] == 200
    assert parts(reports.write(6.0, 1e9))[0][0] == 201


def block(report: bytes) -> tuple[int, ...]:
    return struct.unpack_from("!IIIIII", report, 8)


def test_loss_is_counted_in_all_and_since_the_last_report(leg: Leg) -> None:
    reports = Reports(leg)
    for sequence in (65534, 65535, 65537, 65538, 65539, 65540, 65541, 65542):
        arrive(leg, sequence, sequence * 0.02)
    source, loss, highest, _jitter, sr, delay = block(parts(reports.write(1.0, 1e9))[0][1])
    assert (source, highest, sr, delay) == (77, 65542, 0, 0)
    assert (loss >> 24, loss & 0xFFFFFF) == (256 // 9, 1)
    for sequence in range(65543, 65553):
        arrive(leg, sequence, sequence * 0.02)
    loss = block(parts(reports.write(6.0, 1e9))[0][1])[1]
    assert (loss >> 24, loss & 0xFFFFFF) == (0, 1)


def test_the_far_ends_sender_report_is_answered_with_its_time(leg: Leg) -> None:
    reports, other = Reports(leg), Leg("b", 77, 1, 1, 0.0, lambda *_: None)
    other.set_stream(PCMU, 0, None, PHONE, True, True, 0.0)
    other.play(Playout("", [Clip(bytes(320))], loop=True))
    other.tick(bytearray(200), 0.0)
    arrive(leg, 1, 0.0)
    wall = 1_000_000_000.25
    assert reports.read(Reports(other).write(1.0, wall), 10.0)
    *_rest, sr, delay = block(parts(reports.write(12.5, 1e9))[0][1])
    assert sr == ntp(wall) >> 16 & 0xFFFFFFFF
    assert delay == round(2.5 * 65536)


def test_what_the_far_end_misses_is_read(leg: Leg) -> None:
    reports = Reports(leg)
    report = struct.pack("!BBHI", 0x81, 201, 7, 77)
    report += struct.pack("!IIIIII", 0xABCD, 25 << 24 | 12, 100, 80, 0, 0)
    assert reports.read(report, 1.0)
    assert (reports.far_lost, reports.far_jitter_ms) == (12, 10.0)
    negative = report[:12] + struct.pack("!I", 0xFFFFFF) + report[16:]
    assert reports.read(negative, 1.0)
    assert reports.far_lost == -1


def test_bye_ends_the_compound(leg: Leg) -> None:
    assert [kind for kind, _ in parts(Reports(leg).bye(1.0, 1e9))] == [201, 202, 203]


@given(data=st.binary(max_size=120) | st.binary(max_size=60).map(lambda tail: b"\x81\xc8\x00\x06" + tail))
def test_nothing_makes_it_stumble(data: bytes) -> None:
    leg = Leg("a", 1, 1, 1, 0.0, lambda *_: None)
    Reports(leg).read(data, 1.0)
