"""One conversation with a bot over a WebSocket, from the connection to its end.

Whatever the bot does ends within limits: to connect, to read what we send (`MOST_UNREAD`), to answer pings,
in what it sends (frame sizes, audio ahead, frames in a time) and in all (`longest_s`). The first fault ends
it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from ccd.channels.audio import RATE, AudioDoor, AudioLine
from ccd.channels.port import Post
from ccd.clock import monotonic
from ccd.model.commands import StartBot
from ccd.model.facts import BotEnded, BotSaid, BotStarted
from ccd.model.nouns import LegKind
from ccd.outside import bot_frames as frames
from ccd.outside.bot_frames import Misbehaved

Dial = Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]
"""Opens the WebSocket; raises `Misbehaved`."""

MOST_AHEAD_S: Final = 120.0
"""Audio that a bot may send before it is played."""
MOST_FRAMES: Final = 3000
"""Of all kinds, in `FRAMES_S`: frames of 20 ms, six times as fast as they are heard."""
FRAMES_S: Final = 10.0
MOST_TEXTS: Final = 60
"""Written to a customer in `TEXTS_S`."""
TEXTS_S: Final = 30.0
MOST_UNREAD: Final = 500
"""Frames that wait for a bot to read them: ten seconds of audio."""
TURN: Final = 16
"""Frames that are read at a time, before others have their turn."""
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
        self._out: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._unread = asyncio.Event()
        self._closing = False
        self.connected = False
        self._ended: frames.End | None = None
        self._played = asyncio.Event()
        self._frames = _Rate(MOST_FRAMES, FRAMES_S, "frames")
        self._texts = _Rate(MOST_TEXTS, TEXTS_S, "texts")

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
        self._out.clear()
        self._send(frames.end(why))
        self._closing = True
        self._wake.set()

    def _send(self, frame: str | bytes) -> None:
        if self._closing:
            return
        if len(self._out) >= MOST_UNREAD:
            self._unread.set()
            return
        self._out.append(frame)
        self._wake.set()

    def _listen(self, audio: bytes) -> None:
        """What the caller says."""
        heard = self._heard
        heard += audio
        if len(heard) >= self._piece:
            self._send(bytes(heard))
            heard.clear()

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    # -- its life --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the connection to the end; posts `BotEnded` unless it was stopped. Never raises for what the
        bot does."""
        ok, why = False, ""
        try:
            ok, why = await self._run()
        except Misbehaved as error:
            why = str(error)
        except Exception:
            why = "a fault of ours, see the log"
            raise
        finally:
            self._hang_up()
            self._finish(ok, why)

    def _finish(self, ok: bool, why: str) -> None:
        post, self._post = self._post, None
        if post is None:
            return
        interaction, end = self.command.interaction, self._ended
        if ok and end is not None:
            step, values = end.step[: frames.MOST_NAME], frames.values_of(end)
            post(BotEnded(interaction, self.conversation, True, step, values, why[:_NOTE]))
        else:
            post(BotEnded(interaction, self.conversation, False, note=why[:_NOTE]))

    async def _run(self) -> tuple[bool, str]:
        command = self.command
        try:
            async with asyncio.timeout(command.timeout_s):
                socket = await self._dial()
                self.connected = True
        except TimeoutError:
            return False, f"it was not there within {command.timeout_s:g} s"
        try:
            self._begin()
            async with asyncio.timeout(command.longest_s + CLOSE_S):
                return await self._talk(socket)
        except TimeoutError:
            return False, "it talked for too long"
        finally:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(CLOSE_S):
                    await socket.close()
            _abort(socket)

    def _begin(self) -> None:
        command, post = self.command, self._post
        said = [frames.start(command, self._frame_ms), *map(frames.text, command.written)]
        self._out.extendleft(reversed(said))
        if post is None:
            return  # stopped while it was dialled
        if command.kind is LegKind.AUDIO:
            self._line = (
                self._door.open_line(command.leg, command.party, self._listen) if self._door else None
            )
            if self._line is None:
                raise Misbehaved("the call is gone, or there is no room for media")
        post(BotStarted(command.interaction, self.conversation))

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> tuple[bool, str]:
        """Read and write at once; what ends first ends it."""
        reading = asyncio.ensure_future(self._read(socket))
        writing = asyncio.ensure_future(self._write(socket))
        unread = asyncio.ensure_future(self._unread.wait())
        all_three = (reading, writing, unread)
        try:
            await asyncio.wait(all_three, return_when=asyncio.FIRST_COMPLETED)
            if unread.done():
                return False, "it does not read what it is sent"
            if reading.done():
                await reading
                return True, self._ended.reason if self._ended is not None else ""
            await writing
            return False, "it was stopped"
        finally:
            for task in all_three:
                task.cancel()
            await asyncio.gather(*all_three, return_exceptions=True)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        out = self._out
        try:
            while True:
                while out:
                    frame = out.popleft()
                    await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
        except (aiohttp.ClientError, OSError) as error:
            raise Misbehaved("the connection broke") from error

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until it ends the conversation; raises `Misbehaved`."""
        count = 0
        while True:
            message = await socket.receive()
            count += 1
            if message.type is aiohttp.WSMsgType.BINARY:
                self._frames.count()
                self._hear(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._frames.count()
                if self._take(frames.read(message.data)):
                    await self._played.wait()
                    return
            else:
                raise Misbehaved(_broken(socket, message))
            if count % TURN == 0:
                await asyncio.sleep(0)  # a flood must not keep the loop from others

    def _hear(self, audio: bytes) -> None:
        line = self._line
        if line is None:
            return
        if line.ahead_s + len(audio) / RATE > MOST_AHEAD_S:
            raise Misbehaved(f"it floods: over {MOST_AHEAD_S:g} s of audio ahead")
        line.play(audio)

    def _take(self, frame: frames.FromBot) -> bool:
        """One frame; whether it is the last."""
        line = self._line
        if isinstance(frame, frames.Text):
            self._texts.count()
            if self._post is not None:
                self._post(BotSaid(self.command.interaction, self.conversation, frame.text))
        elif isinstance(frame, frames.Stop):
            if line is not None:
                line.stop()
        elif isinstance(frame, frames.Mark):
            name = frame.name
            if line is not None:
                line.when_played(lambda: self._send(frames.mark(name)))
            else:
                self._send(frames.mark(name))
        else:
            self._ended = frame
            if line is not None:
                line.when_played(self._played.set)
            else:
                self._played.set()
            return True
        return False


class _Rate:
    """So many in a stretch of time."""

    __slots__ = ("_began", "_count", "_most", "_seconds", "_what")

    def __init__(self, most: int, seconds: float, what: str) -> None:
        self._most, self._seconds, self._what = most, seconds, what
        self._began, self._count = 0.0, 0

    def count(self) -> None:
        """One more. Raises `Misbehaved` when there are too many."""
        self._count += 1
        if self._count <= self._most:
            return
        now = monotonic()
        if now - self._began < self._seconds:
            raise Misbehaved(f"it floods: over {self._most} {self._what} within {self._seconds:g} s")
        self._began, self._count = now, 1


def _broken(socket: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> str:
    if message.type is aiohttp.WSMsgType.ERROR and isinstance(message.data, aiohttp.WebSocketError):
        return f"it broke the protocol: {message.data}"
    code = socket.close_code
    return f"it closed without an end (code {code})" if code else "the connection broke"


def _abort(socket: aiohttp.ClientWebSocketResponse) -> None:
    """What did not close in time is cut."""
    connection = socket._response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
