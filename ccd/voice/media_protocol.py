"""What passes between the daemon and a media worker: frames of msgpack over a Unix stream socket.

A frame is a 4-byte length (big-endian) and a list: commands one way, facts the other. Each side
gathers what one turn of its loop yields into one frame.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ccd.errors import PeerBroke
from ccd.model.settings import INBAND_OFF
from ccd.voice.engine import AnyMediaCommand, AnyMediaFact, MediaCommand, MediaFact
from ccd.voice.speech_plan import SpeechPlan, Texts

LENGTH: Final = struct.Struct("!I")
MAX_FRAME: Final = 16 << 20


class Begin(MediaCommand, frozen=True):
    """First of all: what the worker needs to know."""

    host: str
    port_min: int
    port_max: int
    dead_after_s: float
    prompts: tuple[str, ...]
    """Directories with one folder a language, searched in order."""
    music: tuple[str, ...]
    gather_ms: float
    speech: SpeechPlan | None = None
    """How texts are spoken; None: they are left out."""
    inband_dtmf: str = INBAND_OFF
    """Which legs are listened to for tones: see `MediaSettings.inband_dtmf`."""
    encrypts: bool = False
    """Legs are likely to be encrypted: load what that needs before there is audio."""


class OpenPorts(MediaCommand, frozen=True):
    """Bind `count` more pairs; answered by `PortsReady`."""

    count: int


class Reload(MediaCommand, frozen=True):
    """Forget the prompts and music that were loaded."""


class Prepare(MediaCommand, frozen=True):
    """Render these texts in the background."""

    texts: Texts


class AskReport(MediaCommand, frozen=True):
    """Answered by `WorkerReport`."""


class Ping(MediaCommand, frozen=True):
    """Answered by `Pong`, by a worker whose loop turns."""


class Pong(MediaFact, frozen=True):
    """A sign of life."""


class PortsReady(MediaFact, frozen=True):
    """These RTP ports are bound and may be given out; after a call each rests a while (`media_engine`)."""

    ports: tuple[int, ...]
    exhausted: bool = False
    """Fewer could be bound than asked: the range is used up."""
    note: str = ""


class WorkerReport(MediaFact, frozen=True):
    """Counters since the worker began; times since the last report."""

    legs: int = 0
    received: int = 0
    sent: int = 0
    stray: int = 0
    """Packets to ports that no leg has."""
    lag_p99_ms: float = 0.0
    """How long the loop was away from its sockets, on purpose excepted."""
    lag_max_ms: float = 0.0
    late_max_ms: float = 0.0
    """Worst lateness of a played packet."""
    recordings: int = 0


class Trouble(MediaFact, frozen=True):
    """Something for the log."""

    note: str


WorkerCommand = AnyMediaCommand | Begin | OpenPorts | Reload | Prepare | AskReport | Ping
WorkerFact = AnyMediaFact | PortsReady | WorkerReport | Trouble | Pong

_encoder = msgspec.msgpack.Encoder()


def pack(values: list[Any]) -> bytes:
    """One frame."""
    body = _encoder.encode(values)
    return LENGTH.pack(len(body)) + body


class Unpacker:
    """Cuts a byte stream into frames and decodes their values."""

    __slots__ = ("_buffer", "_decoder")

    def __init__(self, kind: Any) -> None:
        """`kind`: the union of values in a frame."""
        self._decoder = msgspec.msgpack.Decoder(list[kind])
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterable[Any]:
        """The values that `data` completes; raises `PeerBroke` for a frame that is not ours."""
        if not self._buffer and len(data) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(data)
            if size == len(data) - LENGTH.size:  # one whole frame, as it nearly always is
                return self._decode(memoryview(data)[LENGTH.size :])
        return self._feed_piece(data)

    def _feed_piece(self, data: bytes) -> Iterator[Any]:
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer)
            if size > MAX_FRAME:
                raise PeerBroke("media-frame", f"media control frame of {size} bytes")
            end = LENGTH.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield from self._decode(body)

    def _decode(self, body: bytes | memoryview) -> list[Any]:
        try:
            values: list[Any] = self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise PeerBroke("media-frame", f"media control frame does not decode: {error}") from error
        return values
