"""What is played to a leg: clips of coded audio, one after another or in a loop, 20 ms a step."""

from collections.abc import Sequence

from ccd.media.g711 import FRAME, PCMA, PCMU, RATE, SILENCE, encode


class Clip:
    """A piece of audio coded in both laws, padded with silence to whole frames."""

    __slots__ = ("alaw", "frames", "size", "ulaw")

    def __init__(self, linear: bytes) -> None:
        """`linear`: 16-bit mono samples at 8 kHz."""
        self.frames = max(1, -(-len(linear) // (2 * FRAME)))
        self.size = size = self.frames * FRAME
        """Bytes of it in either law."""
        self.ulaw = encode(linear, PCMU).ljust(size, bytes([SILENCE[PCMU]]))
        self.alaw = encode(linear, PCMA).ljust(size, bytes([SILENCE[PCMA]]))

    @property
    def seconds(self) -> float:
        return self.frames * FRAME / RATE


class Playout:
    """A run through clips. `play` is the id it was asked with (empty: music)."""

    __slots__ = ("_at", "_clip", "_clips", "_index", "barge", "loop", "play")

    def __init__(self, play: str, clips: Sequence[Clip], loop: bool = False, barge: bool = False) -> None:
        self.play = play
        self.loop = loop
        self.barge = barge
        self._clips = tuple(clips)
        self._clip: Clip | None = self._clips[0] if self._clips else None
        self._index = 0
        self._at = 0

    def next_frame(self, alaw: bool) -> bytes | None:
        """The next 160 bytes in the asked law; None: it is over."""
        clip = self._clip
        if clip is None:
            return None
        start = self._at
        self._at = end = start + FRAME
        if end >= clip.size:
            self._next_clip()
        return (clip.alaw if alaw else clip.ulaw)[start:end]

    def _next_clip(self) -> None:
        self._at = 0
        self._index += 1
        if self._index < len(self._clips):
            self._clip = self._clips[self._index]
        else:
            self._index = 0
            self._clip = self._clips[0] if self.loop else None
