"""G.711 against the reference in audioop, over every code and every sample."""

import audioop
import struct

import pytest

from ccd.errors import PeerBroke
from ccd.media.g711 import (
    ALAW_TO_ULAW,
    PCMA,
    PCMU,
    SILENCE,
    ULAW_TO_ALAW,
    check_codec,
    decode,
    encode,
    table,
)

CODES = bytes(range(256))
SAMPLES = struct.pack("<65536h", *range(-32768, 32768))


def ulaw_expand(code: int) -> int:
    """ITU-T G.711 table 2, written out: bias 132, 3 bits of segment, 4 of mantissa, all inverted."""
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - value if code & 0x80 else value - 0x84


def alaw_expand(code: int) -> int:
    """ITU-T G.711 table 1: even bits inverted, set sign bit is positive."""
    code ^= 0x55
    value = (code & 0x0F) << 4
    segment = (code & 0x70) >> 4
    value += 8 if segment == 0 else 0x108
    if segment > 1:
        value <<= segment - 1
    return value if code & 0x80 else -value


def test_every_code_expands_as_the_standard_says() -> None:
    assert list(struct.unpack("<256h", decode(CODES, PCMU))) == [ulaw_expand(code) for code in CODES]
    assert list(struct.unpack("<256h", decode(CODES, PCMA))) == [alaw_expand(code) for code in CODES]


def test_every_sample_is_coded_to_a_nearest_code() -> None:
    for codec, expand, top in ((PCMU, ulaw_expand, 32124), (PCMA, alaw_expand, 32256)):
        levels = sorted(expand(code) for code in range(256))
        coded = encode(SAMPLES, codec)
        for sample, code in zip(range(-32768, 32768), coded, strict=True):
            wanted = max(-top, min(top, sample))
            size = abs(expand(code))
            step = 4 + (16 if codec == PCMA and size < 512 else max(8, size // 16))  # both drop low bits
            assert abs(expand(code) - wanted) <= step, (codec, sample)
        assert levels[0] == -top


def test_encoding_is_that_of_audioop() -> None:
    assert encode(SAMPLES, PCMU) == audioop.lin2ulaw(SAMPLES, 2)
    assert encode(SAMPLES, PCMA) == audioop.lin2alaw(SAMPLES, 2)


def test_transcoding_by_table_is_decoding_and_encoding() -> None:
    assert CODES.translate(ULAW_TO_ALAW) == encode(decode(CODES, PCMU), PCMA)
    assert CODES.translate(ALAW_TO_ULAW) == encode(decode(CODES, PCMA), PCMU)


def test_transcoding_keeps_the_sign_and_the_size() -> None:
    before = struct.unpack("<256h", decode(CODES, PCMU))
    after = struct.unpack("<256h", decode(CODES.translate(ULAW_TO_ALAW), PCMA))
    for one, other in zip(before, after, strict=True):
        assert abs(one - other) <= max(16, abs(one) // 16)


def test_silence_is_nearly_zero() -> None:
    assert decode(bytes([SILENCE[PCMU]]), PCMU) == b"\0\0"
    assert abs(struct.unpack("<h", decode(bytes([SILENCE[PCMA]]), PCMA))[0]) <= 8


def test_tables_between_codecs() -> None:
    assert table(PCMU, PCMU) is None
    assert table(PCMA, PCMA) is None
    assert table(PCMU, PCMA) == ULAW_TO_ALAW
    assert table(PCMA, PCMU) == ALAW_TO_ULAW


def test_codec_names() -> None:
    assert check_codec("pcmu") == PCMU
    with pytest.raises(PeerBroke, match="opus"):
        check_codec("opus")
