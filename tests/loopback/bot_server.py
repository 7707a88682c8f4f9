"""A real bot for tests: an aiohttp WebSocket server on loopback that does what the test says."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

WAIT_S = 8.0


class Talk:
    """One conversation as the bot sees it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.headers = dict(request.headers)
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.audio = bytearray()
        self.came = asyncio.Event()
        self.over = asyncio.Event()

    async def read(self) -> None:
        """Keep what comes until it is over."""
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    self.frames.append(json.loads(message.data))
                elif message.type is WSMsgType.BINARY:
                    self.audio += message.data
                self.came.set()
        finally:
            self.over.set()
            self.came.set()

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def play(self, audio: bytes) -> None:
        """In frames of 20 ms, as fast as it goes."""
        for at in range(0, len(audio), 160):
            await self.socket.send_bytes(audio[at : at + 160])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    async def get(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The `count`-th frame of a kind, waited for."""
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not true():
                if self.over.is_set():
                    raise AssertionError(f"over without it: {self.frames}")
                self.came.clear()
                await self.came.wait()


Plot = Callable[[Talk], Awaitable[None]]


class BotServer:
    """The server; `plot` is what it does with each conversation, beside reading."""

    def __init__(self) -> None:
        self.talks: list[Talk] = []
        self.plot: Plot | None = None
        self.reads = True
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self.port = 0
        self._began = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_get("/clerk", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/clerk"

    async def talk(self, count: int = 1) -> Talk:
        """The `count`-th conversation, waited for."""
        async with asyncio.timeout(WAIT_S):
            while len(self.talks) < count:
                self._began.clear()
                await self._began.wait()
        return self.talks[count - 1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.answer is not None:
            return await self.answer(request)
        socket = web.WebSocketResponse(protocols=("ccd.bot.v1",), max_msg_size=0)
        await socket.prepare(request)
        talk = Talk(request, socket)
        self.talks.append(talk)
        self._began.set()
        reading = asyncio.ensure_future(talk.read() if self.reads else talk.over.wait())
        if self.plot is not None:
            playing = asyncio.ensure_future(self.plot(talk))
            await asyncio.wait((reading, playing), return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and playing.exception() is not None and not reading.done():
                raise playing.exception()  # type: ignore[misc]
            await reading
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        else:
            await reading
        return socket
