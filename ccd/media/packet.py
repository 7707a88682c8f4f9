"""RTP packets (RFC 3550 §5.1): the header as one struct, and the rare forms made plain.

A *plain* packet has a 12-byte header: no padding, extension or contributing sources. The relay only
knows plain ones; `make_plain` turns every other valid packet into one.
"""

import struct
from typing import Final

HEADER: Final = struct.Struct("!BBHII")
"""First byte (version and flags), marker and payload type, sequence, timestamp, SSRC."""
HEADER_SIZE: Final = 12
PLAIN: Final = 0x80
"""First byte of a plain packet: version 2, nothing else."""
MARKER: Final = 0x80
MAX_PACKET: Final = 1500
COMFORT_NOISE: Final = 13
"""Payload type of comfort noise (RFC 3389): known, not played."""
SEQUENCE_MASK: Final = 0xFFFF
TIMESTAMP_MASK: Final = 0xFFFFFFFF


def make_plain(buffer: bytearray, size: int) -> int:
    """Strip padding, contributing sources and extension in place; the new size, or 0 if it is torn."""
    first = buffer[0]
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            return 0
        start += 4 + 4 * int.from_bytes(buffer[start + 2 : start + 4], "big")
    end = size - buffer[size - 1] if first & 0x20 else size
    if first & 0x20 and buffer[size - 1] == 0:
        return 0
    if end < start:
        return 0
    length = end - start
    buffer[HEADER_SIZE : HEADER_SIZE + length] = buffer[start:end]
    buffer[0] = PLAIN
    return HEADER_SIZE + length
