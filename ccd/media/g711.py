"""G.711 µ-law and A-law (ITU-T G.711): encode, decode, and transcode by one table lookup a byte.

Linear samples are signed 16-bit in the machine's byte order, 8000 a second, mono.
"""

import audioop
from typing import Final

from ccd.errors import PeerBroke

RATE: Final = 8000
"""Samples a second; also the RTP clock rate of both codecs (RFC 3551)."""
FRAME: Final = 160
"""Bytes (= samples) in 20 ms."""
FRAME_S: Final = 0.02

PCMU: Final = "PCMU"
PCMA: Final = "PCMA"
_ALL: Final = bytes(range(256))

ULAW_TO_ALAW: Final = audioop.lin2alaw(audioop.ulaw2lin(_ALL, 2), 2)
ALAW_TO_ULAW: Final = audioop.lin2ulaw(audioop.alaw2lin(_ALL, 2), 2)
SILENCE: Final = {PCMU: 0xFF, PCMA: 0xD5}
"""The code of linear zero (the positive one) for each law."""


def check_codec(codec: str) -> str:
    """The codec's name in capitals; raises `PeerBroke` for one that we do not have."""
    name = codec.upper()
    if name not in SILENCE:
        raise PeerBroke("codec", f"codec {codec!r} is not one of PCMU, PCMA")
    return name


def encode(linear: bytes, codec: str) -> bytes:
    return audioop.lin2ulaw(linear, 2) if codec == PCMU else audioop.lin2alaw(linear, 2)


def decode(coded: bytes | bytearray, codec: str) -> bytes:
    return audioop.ulaw2lin(coded, 2) if codec == PCMU else audioop.alaw2lin(coded, 2)


def table(source: str, target: str) -> bytes | None:
    """What to give to `bytes.translate` to turn `source` into `target`; None: they are the same."""
    if source == target:
        return None
    return ULAW_TO_ALAW if source == PCMU else ALAW_TO_ULAW


def tables(one: str, other: str) -> tuple[bytes | None, bytes | None]:
    """`table` there and back."""
    return (None, None) if one == other else (table(one, other), table(other, one))
