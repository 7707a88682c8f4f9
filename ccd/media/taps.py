"""What listens to the audio that a leg's party sends: a recording's track, an ear for tones, or both."""

from typing import Protocol

from ccd.media.g711 import SILENCE


class Tap(Protocol):
    """Gets a copy of each packet's payload."""

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None: ...


class Both:
    """Two taps as one."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Tap, second: Tap) -> None:
        self._first = first
        self._second = second

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None:
        self._first.put(payload, timestamp, clock, codec)
        self._second.put(payload, timestamp, clock, codec)


class Silenced:
    """Silence of the same length: what is keyed in secret must not be heard in a recording."""

    __slots__ = ("_tap",)

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None:
        self._tap.put(bytes([SILENCE[codec]]) * len(payload), timestamp, clock, codec)


def tap_of(track: Tap | None, ear: Tap | None, *, masked: bool) -> Tap | None:
    """The one tap of a leg; an ear hears what a masked track does not."""
    if track is not None and masked:
        track = Silenced(track)
    if track is None or ear is None:
        return track or ear
    return Both(ear, track)
