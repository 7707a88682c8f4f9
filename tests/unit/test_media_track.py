"""A recording's channel: every packet at its place, silence between, nothing shifted."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ccd.media.g711 import FRAME, PCMA, PCMU, decode
from ccd.media.track import Track, interleave

START = 1_000_000


def packet(number: int) -> bytes:
    """A recognisable frame, without a byte of silence."""
    return bytes([1 + number % 100]) * FRAME


def samples(linear: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(linear) // 2}h", linear))


def frames(coded: bytearray) -> list[int]:
    """Number of the packet in each 20 ms, 0 for silence or a mixture."""
    linear = decode(coded, PCMU)
    values = {samples(decode(packet(number), PCMU))[0]: number for number in range(1, 100)}
    sound = samples(linear)
    return [
        values.get(sound[at], 0) if len(set(sound[at : at + FRAME])) == 1 else 0
        for at in range(0, len(sound), FRAME)
    ]


def test_a_track_that_nobody_feeds_is_silent() -> None:
    assert decode(Track(START, PCMU).take(1000), PCMU) == bytes(2000)


def test_jitter_makes_no_holes() -> None:
    track = Track(START, PCMU)
    for number, late in enumerate([0, 30, 5, 60, 0, 100, 20, 0], 1):
        track.put(packet(number), number * 160, START + (number - 1) * 160 + late, PCMU)
    assert frames(track.take(8 * FRAME)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_loss_is_silence_of_its_length() -> None:
    track = Track(START, PCMU)
    for number in (1, 2, 5, 6):
        track.put(packet(number), number * 160, START + (number - 1) * 160, PCMU)
    assert frames(track.take(6 * FRAME)) == [1, 2, 0, 0, 5, 6]


def test_packets_out_of_order_find_their_place() -> None:
    track = Track(START, PCMU)
    for at, number in enumerate((1, 3, 2, 4)):
        track.put(packet(number), number * 160, START + at * 160, PCMU)
    assert frames(track.take(4 * FRAME)) == [1, 2, 3, 4]


def test_a_new_stream_is_placed_by_its_arrival() -> None:
    track = Track(START, PCMU)
    track.put(packet(1), 0xFFFFFFA0, START, PCMU)
    track.put(packet(2), 0x40, START + FRAME, PCMU)
    track.put(packet(7), 123456, START + 5 * FRAME, PCMU)
    assert frames(track.take(6 * FRAME)) == [1, 2, 0, 0, 0, 7]


def test_silence_before_the_first_packet_is_kept() -> None:
    track = Track(START, PCMU)
    track.put(packet(1), 0, START + 10 * FRAME, PCMU)
    assert frames(track.take(11 * FRAME)) == [0] * 10 + [1]


def test_a_change_of_law_keeps_the_tracks_law() -> None:
    track = Track(START, PCMU)
    track.put(packet(1), 0, START, PCMU)
    track.put(bytes([0x2A]) * FRAME, 160, START + FRAME, PCMA)
    sound = samples(decode(track.take(2 * FRAME), PCMU))
    wanted = samples(decode(bytes([0x2A]), PCMA))[0]
    assert abs(sound[FRAME] - wanted) <= abs(wanted) // 16 + 16


def test_what_comes_after_its_place_was_taken_is_dropped() -> None:
    track = Track(START, PCMU)
    track.put(packet(1), 0, START, PCMU)
    track.take(4 * FRAME)
    track.put(packet(2), 160, START + 160, PCMU)
    track.put(packet(5), 4 * 160, START + 4 * 160, PCMU)
    assert frames(track.take(FRAME)) == [5]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-40, 400), st.sampled_from([80, 160, 240])), max_size=80
    ),
    st.lists(st.integers(1, 3000), min_size=1, max_size=10),
)
def test_any_traffic_gives_as_many_samples_as_asked(
    packets: list[tuple[int, int, int]], takes: list[int]
) -> None:
    track, clock, stamp = Track(START, PCMU), START, 0xFFFFF000
    for skipped, late, size in packets:
        clock += size * (skipped + 1)
        stamp += size * (skipped + 1)
        track.put(bytes(size), stamp & 0xFFFFFFFF, clock + late, PCMU)
    for count in takes:
        assert len(track.take(count)) == count


def test_channels_are_interleaved() -> None:
    stereo = samples(interleave(bytearray(packet(3)), bytearray(packet(9)), PCMU))
    assert stereo[::2] == samples(decode(packet(3), PCMU))
    assert stereo[1::2] == samples(decode(packet(9), PCMU))
