"""Lines into calls for other channels: a leg of the media engine whose far end is a socket of ours.

The engine needs no change for it: packets go over loopback between its worker and this process (RFC 3550,
payload type 0), the worker relays and transcodes. One beat every 20 ms serves all lines that play; a line
with nothing to play costs nothing. What is played keeps absolute time: a beat that comes late is made up for.

Texts are spoken by the engine itself, to the party: it hears them in place of the line, which waits meanwhile
and goes on hearing the party.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ccd.channels.audio import FRAME, RATE, Hear
from ccd.clock import monotonic
from ccd.media.packet import HEADER, HEADER_SIZE, MARKER, PLAIN, SEQUENCE_MASK, TIMESTAMP_MASK
from ccd.model.nouns import PromptPart
from ccd.voice import engine

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

CODEC: Final = "PCMU"
PAYLOAD: Final = 0
DIGITS: Final = 101
"""Telephone events are agreed on so that the worker listens for no tones; they are not heard here."""
SILENCE: Final = b"\xff"
"""A sample of µ-law silence."""
BEAT_S: Final = FRAME / RATE
MOST_LATE_S: Final = 0.2
"""What is later than this is not made up for: the far end has long played silence."""
MOST_READ: Final = 8
"""Packets taken at a time from one line, before others have their turn."""
PLAY: Final = "line:"
"""How plays of texts are named, as none of the centre's is."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  what is looked for


class AudioLines:
    """All lines of the voice channel; an `AudioDoor`."""

    def __init__(self, channel: "VoiceChannel") -> None:
        self._channel = channel
        self._playing: set[Line] = set()
        self._due = 0.0
        """When the next beat is: 20 ms after the last one, or later."""
        self._timer: asyncio.TimerHandle | None = None
        """Of the next beat, or the one under way; None: nothing plays."""
        self.opened = 0
        self._speaking: dict[str, Line] = {}
        """By play."""
        self._spoken = 0

    def open_line(self, name: str, party: str, hear: Hear) -> "Line | None":
        """See `AudioDoor`."""
        media = self._channel.engine
        if party not in self._channel.legs:
            return None
        place = media.take_port(party)
        if place is None:
            return None
        host, port = _EVERYWHERE.get(place[0], place[0]), place[1]
        ours = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            ours.setblocking(False)
            ours.bind((host, 0))
            ours.connect((host, port))  # nobody else gets a word in
        except OSError:
            ours.close()
            return None
        stream = engine.Stream(CODEC, PAYLOAD, DIGITS, host, ours.getsockname()[1])
        media.perform(engine.OpenLeg(name, port, stream))
        media.perform(engine.Join(party, name))
        self.opened += 1
        return Line(self, media, name, party, ours, hear)

    def give_up(self, play: str) -> None:
        """Nobody waits for the end of this text any more."""
        self._speaking.pop(play, None)

    def speak(self, line: "Line") -> str:
        """A line has a text spoken: the play."""
        self._spoken += 1
        play = f"{PLAY}{self._spoken}"
        self._speaking[play] = line
        return play

    def play_ended(self, fact: engine.PlayEnded) -> bool:
        """Whether it was a text of a line."""
        line = self._speaking.pop(fact.play, None)
        if line is not None:
            line.spoke("" if fact.completed else fact.note)
        return fact.play.startswith(PLAY)

    def begin(self, line: "Line") -> None:
        """A line has something to play."""
        if line in self._playing:
            return
        self._playing.add(line)
        if self._timer is None:
            now = monotonic()
            self._due = max(self._due, now)  # audio that trickles in is not sent faster than it is played
            self._timer = asyncio.get_running_loop().call_later(self._due - now, self._beat)

    def end(self, line: "Line") -> None:
        """A line has nothing to play any more."""
        self._playing.discard(line)

    def _beat(self) -> None:
        now, due = monotonic(), self._due
        for line in tuple(self._playing):
            try:
                if not line.send(due):
                    self._playing.discard(line)
            except Exception:  # a bug at one must not silence the others
                self._channel.log.exception("audio line failed")
                line.close()
        self._due = due + BEAT_S if due + BEAT_S >= now - MOST_LATE_S else now
        self._timer = None
        if self._playing:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._due - now), self._beat)


class Words(NamedTuple):
    """A text that waits to be spoken."""

    text: str
    language: str
    failed: Callable[[str], None]


class Line:
    """One line; an `AudioLine`."""

    __slots__ = (
        "_audio",
        "_hear",
        "_lines",
        "_media",
        "_name",
        "_party",
        "_play",
        "_sent_at",
        "_sequence",
        "_socket",
        "_ssrc",
        "_taken",
        "_texts",
        "_timestamp",
        "_waiting",
        "_words",
    )

    def __init__(
        self,
        lines: AudioLines,
        media: engine.MediaEngine,
        name: str,
        party: str,
        ours: socket.socket,
        hear: Hear,
    ) -> None:
        """`ours`: connected to the leg's port of the media engine."""
        self._lines = lines
        self._media = media
        self._name = name
        self._party = party
        self._socket: socket.socket | None = ours
        self._hear = hear
        self._audio = bytearray()
        self._taken = 0
        """Bytes that were played or given up."""
        self._waiting: deque[tuple[int, Callable[[], None] | Words]] = deque()
        """What is due once so many bytes were played or given up."""
        self._texts: deque[int] = deque()
        """When those of them are due that are texts."""
        self._play = ""
        """Of the text that is spoken now; empty: none is."""
        self._words: Words | None = None
        chance = int.from_bytes(os.urandom(10), "big")
        self._ssrc = chance & 0xFFFFFFFF
        self._sequence = (chance >> 32) & SEQUENCE_MASK
        self._timestamp = (chance >> 48) & TIMESTAMP_MASK
        self._sent_at = 0.0
        """When the last packet was due."""
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    @property
    def ahead_s(self) -> float:
        return len(self._audio) / RATE

    def play(self, audio: bytes) -> None:
        if self._socket is not None and audio:
            self._audio += audio
            if not self._play:
                self._lines.begin(self)

    @property
    def ahead_texts(self) -> int:
        return len(self._texts) + bool(self._play)

    def say(self, text: str, language: str, failed: Callable[[str], None]) -> None:
        if self._socket is not None:
            at = self._taken + len(self._audio)
            self._texts.append(at)
            self._waiting.append((at, Words(text, language, failed)))
            self._go_on()

    def when_played(self, happen: Callable[[], None]) -> None:
        if self._audio or self._play or self._waiting:
            self._waiting.append((self._taken + len(self._audio), happen))
        else:
            happen()

    def stop(self) -> None:
        self._lines.end(self)
        self._hush()
        self._taken += len(self._audio)
        self._audio.clear()
        waiting = [item for _, item in self._waiting if not isinstance(item, Words)]
        self._waiting.clear()
        self._texts.clear()
        for happen in waiting:
            happen()

    def close(self) -> None:
        ours, self._socket = self._socket, None
        if ours is None:
            return
        self._waiting.clear()
        self._texts.clear()
        self._audio.clear()
        self._lines.end(self)
        self._hush()
        asyncio.get_running_loop().remove_reader(ours.fileno())
        ours.close()
        self._media.perform(engine.CloseLeg(self._name))

    def send(self, due: float) -> bool:
        """The next 20 ms, to be sent at a time that may have gone by; whether there is more."""
        ours, audio = self._socket, self._audio
        if ours is None or not audio or self._play:
            return False
        room = min(FRAME, self._texts[0] - self._taken) if self._texts else FRAME
        frame = bytes(audio[:room])
        gap = round((due - self._sent_at) * RATE) if self._sent_at else 0
        first = gap > 3 * FRAME or not self._sent_at  # after a pause: the time went on meanwhile
        self._timestamp = (self._timestamp + (max(gap, FRAME) if first else FRAME)) & TIMESTAMP_MASK
        self._sent_at = due
        second = PAYLOAD | (MARKER if first else 0)
        head = HEADER.pack(PLAIN, second, self._sequence, self._timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & SEQUENCE_MASK
        with contextlib.suppress(OSError):  # RTP loses packets
            ours.send(head + frame.ljust(FRAME, SILENCE))
        self._take(len(frame))
        return bool(self._audio) and not self._play

    def _take(self, size: int) -> None:
        del self._audio[:size]
        self._taken += size
        self._go_on()

    # -- texts -----------------------------------------------------------------------------------------

    def spoke(self, why_not: str) -> None:
        """The text that was spoken is over; or why it was not."""
        words, self._play, self._words = self._words, "", None
        if why_not and words is not None:
            words.failed(why_not)
        self._go_on()
        if self._audio and not self._play and self._socket is not None:
            self._lines.begin(self)

    def _go_on(self) -> None:
        """Do what is due, up to a text: what comes after it waits until it is spoken."""
        waiting = self._waiting
        while waiting and not self._play and waiting[0][0] <= self._taken:
            _, item = waiting.popleft()
            if isinstance(item, Words):
                self._speak(item)
            else:
                item()

    def _speak(self, words: "Words") -> None:
        self._texts.popleft()
        self._words = words
        self._play = self._lines.speak(self)
        self._lines.end(self)
        part = PromptPart(text=words.text, language=words.language)
        self._media.perform(engine.Play(self._party, self._play, (part,), words.language))

    def _hush(self) -> None:
        """The text that is spoken now is heard no further."""
        play, self._play, self._words = self._play, "", None
        if play:
            self._lines.give_up(play)
            self._media.perform(engine.Stop(self._party))

    def _read(self) -> None:
        for _ in range(MOST_READ):
            ours = self._socket
            if ours is None:
                return
            try:
                packet = ours.recv(2048)
            except OSError:
                return
            if len(packet) > HEADER_SIZE and packet[0] == PLAIN and packet[1] & 0x7F == PAYLOAD:
                self._hear(packet[HEADER_SIZE:])
