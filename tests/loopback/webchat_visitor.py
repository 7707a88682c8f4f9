"""A visitor of the web chat for tests: an aiohttp client on a real socket."""

# ruff: noqa: ASYNC110  polling is what a test does that may not know the insides

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
from ccd_webchat.server import WebchatChannel
from ccd_webchat.settings import WebchatSettings

from ccd.channels.port import Channel
from ccd.clock import SystemClock
from ccd.errors import Refused
from ccd.ids import SeededChance
from ccd.model.facts import AnyFact, LegArrived

WAIT_S = 15.0


class Visitor:
    """One WebSocket to the chat; everything that came in is in `frames`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.token = ""
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            self.frames.append(json.loads(message.data))

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def get(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The `count`-th frame of a kind, waited for."""
        async with asyncio.timeout(WAIT_S):
            while len(self.of(kind)) < count:
                if self._reader.done():
                    raise AssertionError(f"closed ({self.socket.close_code}) without {kind}: {self.frames}")
                await asyncio.sleep(0.002)
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    async def hello(self, token: str = "", **fields: object) -> dict[str, Any]:
        await self.send("hello", token=token, **fields)
        welcome = await self.get("welcome")
        self.token = welcome["token"]
        return welcome

    async def closed(self) -> int:
        """Wait until the server closed; the close code."""
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait([self._reader])
        return self.socket.close_code or 0

    async def close(self) -> None:
        await self.socket.close()
        await asyncio.wait([self._reader])

    def vanish(self) -> None:
        """Break the connection without a word."""
        assert self.socket._response.connection is not None
        transport = self.socket._response.connection.transport
        assert transport is not None
        transport.abort()


class WebOutside:
    """A running web chat and its visitors; a `Writer` of the contract suite."""

    def __init__(self, settings: WebchatSettings, name: str = "web") -> None:
        self.web = WebchatChannel(name, settings, SystemClock(), SeededChance())
        self.channel: Channel = self.web
        self.facts: list[AnyFact] = []
        self.visitors: dict[str, Visitor] = {}
        self._all: list[Visitor] = []
        self._client = aiohttp.ClientSession()

    @classmethod
    async def begin(cls, **options: Any) -> "WebOutside":
        outside = cls(WebchatSettings(**{"port": 0, "messages_per_min": 1000} | options))
        await outside.web.start(outside.facts.append)
        return outside

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    async def connect(self, **options: Any) -> Visitor:
        visitor = Visitor(await self._client.ws_connect(self.url + "/chat", **options))
        self._all.append(visitor)
        return visitor

    async def http(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self._client.get(self.url + path, headers=headers) as response:
            return response.status, await response.text(), dict(response.headers)

    async def fact(self, kind: type[AnyFact], count: int = 1) -> Any:
        """The `count`-th fact of a type, waited for."""
        async with asyncio.timeout(WAIT_S):
            while len(found := [fact for fact in self.facts if type(fact) is kind]) < count:
                await asyncio.sleep(0.002)
        return found[count - 1]

    async def arrive(self) -> str:
        visitor = await self.connect()
        await visitor.send("hello", name="Ada")
        async with asyncio.timeout(WAIT_S):
            while not visitor.of("welcome"):
                if fault := visitor.of("fault"):
                    raise Refused("refused", fault[0]["problem"])
                await asyncio.sleep(0.002)
        visitor.token = visitor.of("welcome")[0]["token"]
        before = sum(isinstance(fact, LegArrived) for fact in self.facts)
        await visitor.send("text", id="w0", text="hello")
        arrived = await self.fact(LegArrived, before + 1)
        self.visitors[arrived.leg] = visitor
        return str(arrived.leg)

    async def open_link(self, token: str) -> str:
        visitor = await self.connect()
        before = sum(isinstance(fact, LegArrived) for fact in self.facts)
        await visitor.hello(link=token)
        arrived = await self.fact(LegArrived, before + 1)
        self.visitors[arrived.leg] = visitor
        return str(arrived.leg)

    async def leave(self, leg: str) -> None:
        with contextlib.suppress(ConnectionError):
            await self.visitors[leg].send("bye")

    async def write(self, leg: str, text: str, message: str) -> None:
        await self.visitors[leg].send("text", id=message, text=text)

    def acknowledged(self, leg: str) -> list[str]:
        return [frame["id"] for frame in self.visitors[leg].of("ack")]

    def read(self, leg: str) -> list[str]:
        return [frame["text"] for frame in self.visitors[leg].of("text")]

    async def babble(self) -> None:
        for data in NONSENSE:
            visitor = await self.connect()
            with contextlib.suppress(ConnectionError):
                await (visitor.socket.send_bytes if isinstance(data, bytes) else visitor.socket.send_str)(
                    data
                )
            await visitor.closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.web.port)
        writer.write(b"\x16\x03\x01\x02\x00 GARBAGE\r\n\r\n")
        await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()

    async def settle(self) -> None:
        """A frame through every open connection there and back."""
        for visitor in self._all:
            if not visitor.socket.closed:
                count = len(visitor.of("fault"))
                with contextlib.suppress(ConnectionError, AssertionError):
                    await visitor.send("nothing")
                    await visitor.get("fault", count + 1)

    async def close(self) -> None:
        for visitor in self._all:
            await visitor.close()
        await self._client.close()
        await self.channel.stop()


NONSENSE: list[str | bytes] = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "{}",
    '{"type":"nothing"}',
    '{"type":7}',
    '{"type":"text"}',
    '{"type":"text","id":"1","text":5}',
    '{"type":"text","id":"","text":"x"}',
    '{"type":"text","id":"1","text":"\\ud800"}',
    '{"type":"hello","name":' + json.dumps("n" * 65) + "}",
    '{"type":"text","id":"1","text":"before hello"}',
    '{"type":"bye"}',
    "[" * 20_000,
    "x" * 1_000_000,
    b"\x00\xff",
    b"\xff" * 100_000,
]
"""What no correct client sends as its first frame: every one is answered with a fault or a close."""
