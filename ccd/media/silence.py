"""How long somebody has said nothing: the end of a message left on a line, which always has some noise."""

import audioop
from typing import Final

from ccd.media.g711 import RATE

STEP: Final = RATE // 20
"""Samples judged at a time (50 ms)."""
LOUD: Final = 260
"""Root mean square of 16-bit samples from which on it is speech: −42 dB of full scale."""


class Silence:
    """Counts the silence at the end of what was heard so far."""

    __slots__ = ("_rest", "quiet")

    def __init__(self) -> None:
        self.quiet = 0
        """Samples since it was loud last."""
        self._rest = b""

    @property
    def at_end(self) -> int:
        """The same when nothing more comes: what is too short to be judged is as what was before it."""
        return self.quiet + len(self._rest) // 2 if self.quiet else 0

    def hear(self, linear: bytes) -> None:
        """The next 16-bit samples at 8 kHz."""
        sound = self._rest + linear
        size = 2 * STEP
        whole = len(sound) - len(sound) % size
        for at in range(0, whole, size):
            if audioop.rms(sound[at : at + size], 2) >= LOUD:
                self.quiet = 0
            else:
                self.quiet += STEP
        self._rest = sound[whole:]
