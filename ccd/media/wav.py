"""WAV files (RIFF, PCM): read any width and channel count to 16-bit mono, write 16-bit headers."""

import audioop
import struct
from typing import Final, NamedTuple

from ccd.errors import Misconfigured

HEADER_BYTES: Final = 44
_PCM: Final = 1
_ALAW: Final = 6
_ULAW: Final = 7
_EXTENSIBLE: Final = 0xFFFE
_FORMAT: Final = struct.Struct("<HHIIHH")


class Sound(NamedTuple):
    """Mono audio, 16-bit signed."""

    rate: int
    linear: bytes


def header(rate: int, channels: int, data_bytes: int) -> bytes:
    """The 44 bytes before 16-bit PCM data."""
    block = 2 * channels
    return (
        b"RIFF"
        + struct.pack("<I", min(36 + data_bytes, 0xFFFF_FFFF))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, _PCM, channels, rate, rate * block, block, 16)
        + b"data"
        + struct.pack("<I", min(data_bytes, 0xFFFF_FFFF))
    )


def write(rate: int, linear: bytes, channels: int = 1) -> bytes:
    """A whole file."""
    return header(rate, channels, len(linear)) + linear


def read(data: bytes, name: str) -> Sound:
    """Parse a file's bytes; raises `Misconfigured` that names what is wrong with `name`."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise Misconfigured("wav", f"{name}: not a WAV file; convert it, for example: sox IN -b 16 OUT.wav")
    form: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            form = _read_format(body, name)
        elif kind == b"data":
            if form is None:
                raise Misconfigured("wav", f"{name}: WAV data without a format before it")
            return _to_mono16(form, body, name)
        at += 8 + size + (size & 1)
    raise Misconfigured("wav", f"{name}: WAV file without sound data")


def _read_format(body: bytes, name: str) -> tuple[int, int, int, int]:
    """(code, channels, rate, bytes a sample)"""
    if len(body) < 16:
        raise Misconfigured("wav", f"{name}: torn WAV format")
    code, channels, rate, _speed, _block, bits = _FORMAT.unpack_from(body)
    if code == _EXTENSIBLE and len(body) >= 26:
        code = int.from_bytes(body[24:26], "little")
    width = bits // 8
    right = (code == _PCM and bits in (8, 16, 24, 32)) or (code in (_ALAW, _ULAW) and bits == 8)
    if not right or not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
        raise Misconfigured(
            "wav",
            f"{name}: WAV format {code} with {bits} bits, {channels} channels, {rate} Hz is not played; "
            "use PCM of 8 to 32 bits, 4 to 192 kHz, for example: sox IN -b 16 OUT.wav",
        )
    return code, channels, rate, width


def _to_mono16(form: tuple[int, int, int, int], body: bytes, name: str) -> Sound:
    code, channels, rate, width = form
    body = body[: len(body) - len(body) % (width * channels)]
    if not body:
        raise Misconfigured("wav", f"{name}: WAV file without any sound")
    if code == _ALAW:
        linear = audioop.alaw2lin(body, 2)
    elif code == _ULAW:
        linear = audioop.ulaw2lin(body, 2)
    elif width == 1:
        linear = audioop.lin2lin(audioop.bias(body, 1, -128), 1, 2)
    else:
        linear = body if width == 2 else audioop.lin2lin(body, width, 2)
    if channels == 1:
        return Sound(rate, linear)
    return Sound(rate, _mix(linear, channels))


def _mix(linear: bytes, channels: int) -> bytes:
    """The mean of all channels."""
    if channels == 2:
        return audioop.tomono(linear, 2, 0.5, 0.5)
    samples = memoryview(linear).cast("h")
    mixed = bytes(len(linear) // channels)
    for channel in range(channels):
        part = audioop.mul(samples[channel::channels].tobytes(), 2, 1.0 / channels)
        mixed = audioop.add(mixed, part, 2)
    return mixed
