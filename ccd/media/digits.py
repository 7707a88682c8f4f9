"""Digits as telephone events (RFC 4733): hearing each once, and sending them.

Event payload: event (8 bits), end flag, reserved, volume (6 bits), duration (16 bits, RTP clock).
"""

import struct
from collections import deque
from typing import Final

from ccd.media.packet import TIMESTAMP_MASK

EVENT: Final = struct.Struct("!BBH")
EVENT_SIZE: Final = 4
KEYS: Final = "0123456789*#ABCD"
END: Final = 0x80
VOLUME: Final = 10
"""-10 dBm0, what phones send."""
STEP: Final = 160
"""Samples between two packets of one event (20 ms)."""
END_COPIES: Final = 3
GAP_STEPS: Final = 3
"""Silent steps between two digits (60 ms), so that slow receivers tell `11` from a long `1`."""
MIN_MS: Final = 40
MAX_MS: Final = 5000


class DigitEar:
    """Tells when an event packet is the first sign of a new digit, whatever was lost or repeated."""

    __slots__ = ("_duration", "_ended", "_event", "_timestamp")

    def __init__(self) -> None:
        self._event = -1
        self._timestamp = 0
        self._duration = 0
        self._ended = True

    def hear(self, event: int, flags: int, duration: int, timestamp: int, marker: bool) -> str:
        """The key when this packet begins a new digit, else an empty string."""
        if self._event >= 0 and not self._is_new(event, flags, timestamp, marker):
            if timestamp == self._timestamp:
                self._ended = self._ended or bool(flags & END)
                self._duration = max(self._duration, duration)
            return ""
        self._event, self._timestamp, self._duration = event, timestamp, duration
        self._ended = bool(flags & END)
        return KEYS[event] if event < len(KEYS) else ""

    def _is_new(self, event: int, flags: int, timestamp: int, marker: bool) -> bool:
        step = (timestamp - self._timestamp) & TIMESTAMP_MASK
        if step == 0:
            # Some senders never move the timestamp: only a fresh begin after an end counts.
            return self._ended and marker and not flags & END
        if step > TIMESTAMP_MASK // 2:
            return False  # a late packet of an earlier digit
        continues = not self._ended and not marker and event == self._event and step == self._duration
        if continues:  # a long event goes on in a new segment (RFC 4733 §2.5.1.3)
            self._timestamp, self._duration = timestamp, 0
        return not continues


class DigitMouth:
    """Makes the payloads of queued digits, one step of 20 ms at a time."""

    __slots__ = ("_done", "_ends", "_event", "_gap", "_queue", "_total")

    def __init__(self) -> None:
        self._queue: deque[tuple[int, int]] = deque()
        self._event = 0
        self._total = 0
        self._done = 0
        self._ends = 0
        self._gap = 0

    def add(self, key: str, duration_ms: int) -> None:
        """Queue one key; raises ValueError when it is not one of 0-9 * # A-D."""
        event = KEYS.index(key.upper())
        steps = (min(MAX_MS, max(MIN_MS, duration_ms)) + 19) // 20
        self._queue.append((event, steps * STEP))

    @property
    def busy(self) -> bool:
        return bool(self._ends or self._gap or self._queue)

    def step(self) -> tuple[bytes, bool] | None:
        """Payload of this step and whether it is the first of a digit; None: nothing to send now."""
        if self._gap:
            self._gap -= 1
            return None
        first = False
        if not self._ends:
            if not self._queue:
                return None
            self._event, self._total = self._queue.popleft()
            self._done, self._ends, first = 0, END_COPIES, True
        if self._done < self._total:
            self._done += STEP
        flags = VOLUME
        if self._done >= self._total and not first:
            flags |= END
            self._ends -= 1
            if not self._ends:
                self._gap = GAP_STEPS
        return EVENT.pack(self._event, flags, self._done), first
