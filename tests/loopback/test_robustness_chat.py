"""Hostile web chat visitors: broken frames, floods, crowds, slow readers, foreign pages. Bounded, local."""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ccd_webchat.frames import Hello, Text
from ccd_webchat.settings import WebchatSettings
from ccd_webchat.visits import TRY_LATER, Visits

from ccd.ids import SeededChance
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site
from tests.interop.parties import phone
from tests.loopback.test_robustness_sip import memory_mb

Make = Callable[..., Any]


def chat(site: Site) -> str:
    return f"ws://127.0.0.1:{site.chat_port}/chat"


async def said(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next frame of a kind."""
    async with asyncio.timeout(20):
        while True:
            frame: dict[str, Any] = await socket.receive_json()
            if frame["type"] == kind:
                return frame


async def conversation(site: Site, web: aiohttp.ClientSession, agent: Any) -> None:
    """A visitor asks, the agent is offered it: the chat still works."""
    async with web.ws_connect(chat(site)) as socket:
        await socket.send_json({"type": "hello", "name": "Ann"})
        await said(socket, "welcome")
        await socket.send_json({"type": "text", "id": "1", "text": "is anybody there?"})
        await said(socket, "ack")
        async with asyncio.timeout(20):
            while "is anybody there?" not in (message := await agent.incoming("MESSAGE", 10.0)).body:
                agent.reply(message, 200)  # the end of a conversation before
        agent.reply(message, 200)
        await socket.send_json({"type": "bye"})


FRAMES = (
    "",
    "null",
    "[]",
    "{" * 2000,
    "[" * 3000,
    '{"type": 1}',
    '{"type": "hello", "name": 7}',
    '{"type": "hello", "name": "' + "x" * 65 + '"}',
    '{"type": "text", "id": "", "text": "x"}',
    '{"type": "text", "id": "1", "text": "\\ud800"}',
    '{"type": "text", "id": "1", "text": ""}',
    '{"type": "text", "id": "1", "text": "\\u0000\\u0001"}',
    '{"type": "text", "id": "' + "i" * 100 + '", "text": "x"}',
    '{"type": "welcome", "token": "x"}',
    '{"type": "hello", "token": "' + "0" * 64 + '", "after": "\\u0000"}',
    '{"type": "nonsense"}',
    '{"type": "bye", "extra": {"a": [1, 2, 3]}}',
    "\x00\x01",
    '{"type":"hello","type":"text"}',
)


async def test_broken_frames_are_answered_or_end_the_connection(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1, chat=True)
    chance = random.Random(7)
    async with phone(site) as agent, aiohttp.ClientSession() as web:
        for first in ("", '{"type": "hello"}'):
            for frame in FRAMES:
                async with web.ws_connect(chat(site)) as socket:
                    if first:
                        await socket.send_str(first)
                        await said(socket, "welcome")
                    await socket.send_str(frame)
                    answer = await socket.receive(timeout=10)
                    assert answer.type in {
                        aiohttp.WSMsgType.TEXT,
                        aiohttp.WSMsgType.CLOSE,
                        aiohttp.WSMsgType.CLOSED,
                    }
        for _ in range(100):
            async with web.ws_connect(chat(site)) as socket:
                data = chance.randbytes(chance.randint(0, 300))
                with contextlib.suppress(ConnectionError):
                    await socket.send_bytes(data)
        for garbage in (
            b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
            chance.randbytes(5000),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.chat_port)
            with contextlib.suppress(ConnectionError):
                writer.write(garbage)
                await writer.drain()
                async with asyncio.timeout(20):
                    await reader.read(2000)
            writer.close()
        await conversation(site, web, agent)


async def test_floods_and_huge_texts_are_refused_in_words(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1, chat=True, tables={"channels.web": {"messages_per_min": 10}})
    async with phone(site) as agent, aiohttp.ClientSession() as web:
        async with web.ws_connect(chat(site)) as socket:
            await socket.send_json({"type": "hello"})
            await said(socket, "welcome")
            await socket.send_json({"type": "text", "id": "big", "text": "x" * 5000})
            assert "too long" in (await said(socket, "fault"))["problem"]
            for number in range(15):
                await socket.send_json({"type": "text", "id": str(number), "text": "again"})
            faults = [await said(socket, "fault") for _ in range(5)]
            assert all("too many" in each["problem"] for each in faults)
            with contextlib.suppress(ConnectionError):  # it is cut meanwhile
                for number in range(500):
                    await socket.send_json({"type": "text", "id": f"f{number}", "text": "again"})
            async with asyncio.timeout(20):
                while not (await socket.receive()).type.name.startswith("CLOS"):
                    pass
        async with web.ws_connect(chat(site)) as socket:
            with contextlib.suppress(ConnectionError):
                await socket.send_str("x" * 1_000_000)
            assert (await socket.receive(timeout=10)).type.name.startswith("CLOS")
        for row in (await site.ask("interactions"))["listed"]:
            await site.ask("interaction.hangup", interaction=row["interaction"])
        await site.until_idle()
        await asyncio.sleep(0.3)
        while not agent.fresh.empty():
            agent.reply(agent.fresh.get_nowait(), 200)
        await site.ask("agent.ready", agent="a1")
        await conversation(site, web, agent)


class _Line:
    """One connection that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.closed = 0

    def put(self, frame: str, message: str = "") -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str) -> None:
        self.closed = code


def test_places_cannot_be_held_by_silence() -> None:
    """Who says hello and nothing else gives way to the next one; who wrote, or came just now, does not."""
    visits = Visits("web", WebchatSettings(max_visitors=3), SeededChance())
    visits.post = lambda fact: None
    writer, silent, fresh, late = _Line(), _Line(), _Line(), _Line()
    visits.hello(writer, Hello(), 0.0)
    visits.text(writer, Text("1", "hello"), 0.0)
    visits.hello(silent, Hello(), 1.0)
    visits.hello(fresh, Hello(), 9.0)
    visits.hello(late, Hello(), 10.9)
    assert late.closed == TRY_LATER and "taken" in late.frames[0] and not silent.closed
    again = _Line()
    visits.hello(again, Hello(), 11.0)
    assert "welcome" in again.frames[0] and silent.closed == TRY_LATER
    assert not writer.closed and not fresh.closed
    assert len(visits.report()) == 3 and visits.counts["silent"] == 1


async def test_five_hundred_visitors_and_one_more(make_site: Make) -> None:  # noqa: F811
    """The places are bounded; those inside notice nothing; memory stays in bounds."""
    site: Site = await make_site(agents=1, chat=True)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as web:
        sockets = []
        try:
            for _ in range(500):
                sockets.append(await web.ws_connect(chat(site), autoping=True))  # noqa: PERF401
            for socket in sockets:
                await socket.send_json({"type": "hello", "name": "crowd"})
            for socket in sockets:
                await said(socket, "welcome")
            for socket in sockets[:100]:
                await socket.send_json({"type": "text", "id": "1", "text": "hello"})
            for socket in sockets[:100]:
                await said(socket, "ack")
            async with web.ws_connect(chat(site)) as late:
                await late.send_json({"type": "hello"})
                assert "taken" in (await said(late, "fault"))["problem"]
            assert (await site.ask("interactions"))["all"] == 100
            assert memory_mb(site.pid) < 200
        finally:
            for socket in sockets:
                await socket.close()


STRANGERS = (
    "https://evil.example",
    "null",
    "http://127.0.0.1:1",
    "http://[",
    "x" * 5000,
    "https://www.example.com.evil.example",
)


async def test_pages_of_strangers_may_not_open_the_chat(make_site: Make) -> None:  # noqa: F811
    ours = "https://www.example.com"
    site: Site = await make_site(agents=1, chat=True, tables={"channels.web": {"allowed_origins": [ours]}})
    async with aiohttp.ClientSession() as web:
        for origin in STRANGERS:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await web.ws_connect(chat(site), headers={"Origin": origin})
            assert refused.value.status == 403, origin
        async with web.ws_connect(chat(site), headers={"Origin": ours}) as socket:
            await socket.send_json({"type": "hello"})
            await said(socket, "welcome")


async def test_a_visitor_who_does_not_read_is_let_go(make_site: Make) -> None:  # noqa: F811
    """Frames for a slow reader are bounded; the daemon's other work goes on."""
    site: Site = await make_site(agents=1, chat=True)
    async with phone(site) as agent, aiohttp.ClientSession() as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.chat_port, limit=1024)
        writer.write(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.transport.pause_reading()  # type: ignore[attr-defined]

        def frame(value: dict[str, str]) -> bytes:
            data = json.dumps(value).encode()
            return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data

        writer.write(frame({"type": "hello"}))
        with contextlib.suppress(ConnectionError):
            for number in range(20_000):
                writer.write(frame({"type": "text", "id": str(number % 3), "text": ""}))
                if number % 500 == 0:
                    await asyncio.sleep(0.01)
        await conversation(site, web, agent)
        writer.transport.abort()
        del reader


def descriptors(pid: int) -> int:
    """Open files and sockets of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_silent_connections_use_up_no_descriptors(make_site: Make) -> None:  # noqa: F811
    """Connections that never say a word are bounded; calls, control and log do not notice them."""
    site: Site = await make_site(agents=1, chat=True, tables={"channels.web": {"max_visitors": 20}})
    async with phone(site) as agent, aiohttp.ClientSession() as web:
        writers = []
        try:
            for _ in range(400):
                _, writer = await asyncio.open_connection("127.0.0.1", site.chat_port)
                writers.append(writer)

            async def bounded() -> bool:
                return descriptors(site.pid) < 250

            await asyncio.sleep(0.3)
            await site.until("those that are too many are closed", bounded)
            assert (await site.ask("status"))["daemon"]
        finally:
            for writer in writers:
                writer.close()
        await asyncio.sleep(0.3)
        await conversation(site, web, agent)
