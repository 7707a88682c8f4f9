"""Odd but valid RTP headers are made plain; torn ones are refused."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ccd.media.packet import HEADER_SIZE, make_plain

PAYLOAD = bytes(range(160))


def packet(sources: int = 0, extension: int | None = None, padding: int = 0) -> bytearray:
    first = 0x80 | sources | (0x10 if extension is not None else 0) | (0x20 if padding else 0)
    data = struct.pack("!BBHII", first, 0, 1, 2, 3) + bytes(4 * sources)
    if extension is not None:
        data += struct.pack("!HH", 0xBEDE, extension) + bytes(4 * extension)
    data += PAYLOAD
    if padding:
        data += bytes(padding - 1) + bytes([padding])
    return bytearray(data)


@given(
    sources=st.integers(0, 15),
    extension=st.none() | st.integers(0, 20),
    padding=st.integers(0, 255),
)
def test_the_payload_is_what_is_left(sources: int, extension: int | None, padding: int) -> None:
    buffer = packet(sources, extension, padding)
    size = len(buffer)
    buffer += bytes(100)
    plain = make_plain(buffer, size)
    assert bytes(buffer[HEADER_SIZE:plain]) == PAYLOAD
    assert buffer[0] == 0x80
    assert len(buffer) == size + 100


@given(data=st.binary(min_size=12, max_size=200))
def test_nothing_makes_it_stumble(data: bytes) -> None:
    buffer = bytearray(data) + bytearray(1500)
    size = make_plain(buffer, len(data))
    assert size == 0 or HEADER_SIZE <= size <= len(data)
    assert len(buffer) == len(data) + 1500


def test_torn_packets() -> None:
    assert make_plain(bytearray(b"\x8f" + bytes(20)), 21) == 0  # 15 sources that are not there
    assert make_plain(bytearray(b"\x90" + bytes(11)), 12) == 0  # an extension that is not there
    assert make_plain(bytearray(b"\xa0" + bytes(30) + b"\xff"), 32) == 0  # more padding than packet
    assert make_plain(bytearray(b"\xa0" + bytes(31)), 32) == 0  # padding of nothing
