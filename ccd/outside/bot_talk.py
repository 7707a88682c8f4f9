"""One conversation with a bot over a WebSocket, from the connection to its end.

Whatever the bot does ends within limits: to connect, to read what we send, to answer pings, in what it sends
(sizes, audio ahead, frames in a time) and in all (`longest_s`). The first fault ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ccd.channels.audio import RATE, AudioDoor, AudioLine
from ccd.channels.port import Post
from ccd.clock import monotonic
from ccd.model.commands import StartBot
from ccd.model.facts import BotEnded, BotSaid, BotStarted
from ccd.model.nouns import LegKind
from ccd.model.saying import MOST_SAID
from ccd.outside import bot_frames as frames
from ccd.outside.bot_frames import Misbehaved
from ccd.outside.websocket import BINARY, TEXT, WebSocket

Dial = Callable[[], Awaitable[WebSocket]]
"""Opens the WebSocket; raises `Misbehaved`."""

MOST_AHEAD_S: Final = 120.0
"""Audio that a bot may send before it is played."""
MOST_FRAMES: Final = 3000
"""Of all kinds, in `FRAMES_S`: frames of 20 ms, six times as fast as they are heard."""
FRAMES_S: Final = 10.0
MOST_TEXTS: Final = 60
"""Written to a customer in `TEXTS_S`."""
TEXTS_S: Final = 30.0
MOST_AHEAD_TEXTS: Final = 16
"""Texts that wait to be said on a call."""
MOST_BEFORE: Final = 100
"""Texts and keys that wait for the bot to be there."""
CLOSE_S: Final = 2.0
_NOTE: Final = 200


class BotTalk:
    """See the module. `tell`, `key` and `stop` are called on the loop's thread and never wait."""

    def __init__(
        self, command: StartBot, dial: Dial, post: Post, door: AudioDoor | None, frame_ms: int = 20
    ) -> None:
        """`door`: how it joins in a call; it gets what is said there `frame_ms` at a time."""
        self.command = command
        self.conversation = command.leg.partition(":")[2]
        self._dial = dial
        self._post: Post | None = post
        self._door = door
        self._line: AudioLine | None = None
        self._frame_ms = frame_ms
        self._heard = bytearray()
        self._piece = frame_ms * RATE // 1000
        self._socket: WebSocket | None = None
        self._before: list[str] = []
        self._ended: frames.End | None = None
        self._over: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._frames = _Rate(MOST_FRAMES, FRAMES_S, "frames")
        self._texts = _Rate(MOST_TEXTS, TEXTS_S, "texts")

    @property
    def connected(self) -> bool:
        """The bot is there: it hears of the end."""
        return self._socket is not None

    # -- what we tell it -------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        """The customer wrote."""
        self._send(frames.text(text))

    def key(self, digit: str) -> None:
        """The customer pressed a key."""
        self._send(frames.digit(digit))

    def stop(self, why: str) -> None:
        """Take the conversation away: the call is free at once, the bot is told, nothing more is posted."""
        self._post = None
        self._hang_up()
        if self._socket is not None:
            self._send(frames.end(why))
        self._finish(False, "")

    def _send(self, frame: str) -> None:
        if self._socket is not None:
            self._socket.send(TEXT, frame.encode())
        elif len(self._before) < MOST_BEFORE:
            self._before.append(frame)

    def _listen(self, audio: bytes) -> None:
        """What the caller says."""
        heard = self._heard
        heard += audio
        if len(heard) >= self._piece and self._socket is not None:
            self._socket.send(BINARY, bytes(heard))
            heard.clear()

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _finish(self, ok: bool, why: str) -> None:
        if not self._over.done():
            self._over.set_result((ok, why))

    # -- its life --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the connection to the end; posts `BotEnded` unless it was stopped. Never raises for what the
        bot does."""
        ok, why = False, "a fault of ours, see the log"
        try:
            ok, why = await self._run()
        except Misbehaved as error:
            why = str(error)
        finally:
            self._hang_up()
            self._tell_end(ok, why)
        if self._socket is not None:
            await self._socket.close(CLOSE_S)

    def _tell_end(self, ok: bool, why: str) -> None:
        post, self._post = self._post, None
        if post is None:
            return
        interaction, end = self.command.interaction, self._ended
        if ok and end is not None:
            step, why = end.step[: frames.MOST_NAME], end.reason[:_NOTE]
            post(BotEnded(interaction, self.conversation, True, step, end.values, why))
        else:
            post(BotEnded(interaction, self.conversation, False, note=why[:_NOTE]))

    async def _run(self) -> tuple[bool, str]:
        command = self.command
        try:
            async with asyncio.timeout(command.timeout_s):
                self._socket = await self._dial()
        except TimeoutError:
            return False, f"it was not there within {command.timeout_s:g} s"
        self._begin(self._socket)
        try:
            async with asyncio.timeout(command.longest_s + CLOSE_S):
                return await self._over
        except TimeoutError:
            return False, "it talked for too long"

    def _begin(self, socket: WebSocket) -> None:
        command = self.command
        before, self._before = self._before, []
        for frame in [frames.start(command, self._frame_ms), *map(frames.text, command.written), *before]:
            self._send(frame)
        if command.kind is LegKind.AUDIO and self._door is not None:
            self._line = self._door.open_line(command.leg, command.party, self._listen)
        if command.kind is LegKind.AUDIO and self._line is None:
            raise Misbehaved("the call is gone, or there is no room for media")
        if self._post is not None:
            self._post(BotStarted(command.interaction, self.conversation))
        socket.begin(self._hear, lambda why: self._finish(False, why))

    # -- what it tells us ------------------------------------------------------------------------------

    def _hear(self, kind: int, data: bytes) -> None:
        """One frame; raises `Misbehaved`."""
        self._frames.count()
        if self._ended is not None:
            return
        if kind == BINARY:
            self._play(data)
        elif kind == TEXT:
            self._take(frames.read(data))

    def _play(self, audio: bytes) -> None:
        line = self._line
        if line is None:
            return
        if line.ahead_s + len(audio) / RATE > MOST_AHEAD_S:
            raise Misbehaved(f"it floods: over {MOST_AHEAD_S:g} s of audio ahead")
        line.play(audio)

    def _take(self, frame: frames.FromBot) -> None:
        if isinstance(frame, frames.Text):
            self._texts.count()
            if self._post is not None:
                self._post(BotSaid(self.command.interaction, self.conversation, frame.text))
            if self._line is not None:
                self._say(self._line, " ".join(frame.text.split()))
        elif isinstance(frame, frames.Stop):
            if self._line is not None:
                self._line.stop()
        elif isinstance(frame, frames.Mark):
            name = frame.name
            self._when_played(lambda: self._send(frames.mark(name)))
        else:
            self._ended = frame
            self._when_played(lambda: self._finish(True, ""))

    def _say(self, line: AudioLine, text: str) -> None:
        """On a call the speech engine says it."""
        if len(text) > MOST_SAID:
            raise Misbehaved(f"it sent a text of over {MOST_SAID} characters to be said")
        if line.ahead_texts >= MOST_AHEAD_TEXTS:
            raise Misbehaved(f"it floods: over {MOST_AHEAD_TEXTS} texts ahead")
        if text:
            line.say(text, self.command.language, self._unsaid)

    def _unsaid(self, why: str) -> None:
        """The caller did not hear it: the bot is told, and so is the centre."""
        self._send(frames.error(why[:_NOTE]))
        if self._post is not None:
            self._post(BotSaid(self.command.interaction, self.conversation, "", why[:_NOTE]))

    def _when_played(self, happen: Callable[[], None]) -> None:
        if self._line is not None:
            self._line.when_played(happen)
        else:
            happen()


class _Rate:
    """So many in a stretch of time."""

    __slots__ = ("_began", "_count", "_most", "_seconds", "_what")

    def __init__(self, most: int, seconds: float, what: str) -> None:
        self._most, self._seconds, self._what = most, seconds, what
        self._began, self._count = monotonic(), 0

    def count(self) -> None:
        """One more. Raises `Misbehaved` when there are too many."""
        self._count += 1
        if self._count <= self._most:
            return
        now = monotonic()
        if now - self._began < self._seconds:
            raise Misbehaved(f"it floods: over {self._most} {self._what} within {self._seconds:g} s")
        self._began, self._count = now, 1
