"""One channel of a recording: packets put at their place in time, silence where there are none.

The place is the arrival time for the first packet of a stream, and from there the RTP timestamp, so
that jitter makes no holes and loss no shortening; when the two disagree by more than `DRIFT` (a new
stream, a pause, a clock that runs away) the arrival time is taken again.
"""

from typing import Final

from ccd.media.g711 import RATE, SILENCE, decode, table
from ccd.media.packet import TIMESTAMP_MASK

DRIFT: Final = RATE // 10
"""100 ms."""
ROOM: Final = RATE * 2
"""Bytes kept ready beyond what was written."""
MAX_AHEAD: Final = RATE * 10


class Track:
    """Coded audio of one party since the start of the recording, in one law."""

    __slots__ = ("_anchor", "_codec", "_silence", "_start", "_table", "_taken", "_tapped", "_window")

    def __init__(self, clock: int, codec: str) -> None:
        """`clock`: the instant at which the recording starts, in samples; `codec`: the law it keeps."""
        self._start = clock
        self._taken = 0
        self._codec = codec
        self._silence = bytes([SILENCE[codec]])
        self._window = bytearray()
        self._anchor: int | None = None
        """Place minus timestamp of the present stream."""
        self._tapped = codec
        self._table: bytes | None = None

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None:
        """A packet that arrived at `clock`."""
        if codec != self._tapped:
            self._tapped, self._table = codec, table(codec, self._codec)
        arrived = clock - self._start
        place = arrived if self._anchor is None else (timestamp + self._anchor) & TIMESTAMP_MASK
        if not -DRIFT <= place - arrived <= DRIFT:
            place = arrived
            self._anchor = None
        if self._anchor is None:
            self._anchor = (place - timestamp) & TIMESTAMP_MASK
        if self._table is not None:
            payload = payload.translate(self._table)
        at = place - self._taken
        if at < 0:
            payload = payload[-at:]
            at = 0
        end = at + len(payload)
        window = self._window
        if end > len(window):
            if at > MAX_AHEAD:
                return
            window.extend(self._silence * (end + ROOM - len(window)))
        window[at:end] = payload

    def take(self, samples: int) -> bytearray:
        """The next `samples` of the recording, coded."""
        self._taken += samples
        window = self._window
        if len(window) < samples:
            window.extend(self._silence * (samples - len(window)))
        part = window[:samples]
        del window[:samples]
        return part


def interleave(left: bytearray, right: bytearray, codec: str) -> bytes:
    """Two channels of the same length and law as linear stereo."""
    both = bytearray(2 * len(left))
    both[::2] = left
    both[1::2] = right
    return decode(both, codec)
