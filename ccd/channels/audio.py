"""How another channel joins in a call: it hears what a party says, and what it plays or says the party hears.

Audio is G.711 µ-law at 8000 Hz, mono: a byte a sample. The voice channel implements it; who uses it knows
nothing of packets, codecs or the media engine.
"""

from collections.abc import Callable
from typing import Final, Protocol

RATE: Final = 8000
"""Bytes of audio a second."""
FRAME: Final = 160
"""Bytes that are played at a time: 20 ms."""

Hear = Callable[[bytes], None]
"""Gets what the party said, some 20 ms at a time; on the loop's thread, so it must be quick."""


class AudioLine(Protocol):
    """One line into a call."""

    @property
    def ahead_s(self) -> float:
        """Seconds of audio that wait to be played."""
        ...

    def play(self, audio: bytes) -> None:
        """Play this after what waits already."""
        ...

    @property
    def ahead_texts(self) -> int:
        """Texts that are spoken now or wait to be."""
        ...

    def say(self, text: str, language: str, failed: Callable[[str], None]) -> None:
        """Have the speech engine say this after what waits already; `failed` is told why it cannot.

        Meanwhile the party is heard as ever.
        """
        ...

    def when_played(self, happen: Callable[[], None]) -> None:
        """Call back once all that waits now is played or given up; at once when nothing waits."""
        ...

    def stop(self) -> None:
        """Give up what waits to be played."""
        ...

    def close(self) -> None:
        """Leave the call; the party hears nothing until told. Idempotent."""
        ...


class AudioDoor(Protocol):
    """Opens lines."""

    def open_line(self, name: str, party: str, hear: Hear) -> AudioLine | None:
        """A line called `name` into the call of the leg `party`, taken out of what it hears or plays; None:
        the leg is gone, or there is no room for media."""
        ...
