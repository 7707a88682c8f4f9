"""Our side of WebSockets (RFC 6455) against a bare server that breaks each rule in turn."""

# ruff: noqa: ASYNC110  polling is what a test does that may not know the insides

import asyncio
import contextlib
import hashlib
from base64 import b64encode

import pytest

from ccd.outside.bot_frames import Misbehaved
from ccd.outside.websocket import BINARY, MOST_BYTES, TEXT, WebSocket, connect

WAIT_S = 15.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Bare:
    """A server that says exactly what it is told to."""

    def __init__(self) -> None:
        self.head: bytes | None = None
        """The whole answer instead of a good one."""
        self.says = b""
        self.hangs_up = False
        self.asked = b""
        self.got = bytearray()
        self.heard: list[tuple[int, bytes]] = []
        self.why = ""
        self.gone = asyncio.Event()
        self.served = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._serve(reader, writer)
        finally:
            writer.close() if self.hangs_up else writer.transport.abort()
            self.served.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        (key,) = (line.split(b": ")[1] for line in self.asked.split(b"\r\n") if b"Socket-Key" in line)
        accept = b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
        good = b"HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nSEC-WEBSOCKET-ACCEPT: " + accept + b"\r\n\r\n"
        writer.write((self.head if self.head is not None else good) + self.says)
        if not self.hangs_up:
            while data := await reader.read(4096):
                self.got += data

    async def connect(self) -> WebSocket:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            url = f"ws://127.0.0.1:{port}/a/b?c=d"
            socket = await asyncio.wait_for(connect(url, {"X": "1"}, "ccd.bot.v1", None), WAIT_S)
        finally:
            server.close()
        socket.begin(self.hear, self.is_gone)
        return socket

    def hear(self, kind: int, data: bytes) -> None:
        self.heard.append((kind, data))
        if len(self.heard) > 200:
            raise Misbehaved("enough")

    def is_gone(self, why: str) -> None:
        self.why = why
        self.gone.set()

    async def until_gone(self) -> str:
        socket = await self.connect()
        await asyncio.wait_for(self.gone.wait(), WAIT_S)
        await socket.close(0.5)
        await asyncio.wait_for(self.served.wait(), WAIT_S)
        return self.why


@pytest.fixture
async def bare() -> Bare:
    return Bare()


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"HTTP/1.1 503 No\r\n\r\n", "it refused, status 503"),
        (b"HTTP/1.1 302 There\r\nLocation: /x\r\n\r\n", "it refused, status 302"),
        (b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n", "it broke the protocol: it did not accept"),
        (b"SSH-2.0-x\r\n\r\n", "it broke the protocol: it speaks no HTTP"),
        (b"x" * 9000, "it broke the protocol: its answer has no end"),
        (b"\r\n\r\n", "it broke the protocol: it speaks no HTTP"),
    ],
    ids=range(6),
)
async def test_an_answer_that_is_none(bare: Bare, head: bytes, why: str) -> None:
    bare.head = head
    with pytest.raises(Misbehaved, match=why):
        await bare.connect()


async def test_it_hangs_up_in_the_handshake(bare: Bare) -> None:
    bare.head, bare.hangs_up = b"", True
    with pytest.raises(Misbehaved, match="no connection: it hung up at once"):
        await bare.connect()


async def test_a_header_of_two_lines_is_never_sent(bare: Bare) -> None:
    server = await asyncio.start_server(bare.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Misbehaved, match="more than one line"):
        await connect(f"ws://127.0.0.1:{port}/", {"X": "1\r\nY: 2"}, "p", None)
    server.close()
    await asyncio.wait_for(bare.served.wait(), WAIT_S)
    assert bare.asked == b""


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"\x81\x81mask\x00", "it broke the protocol: no frame of a server"),
        (b"\xc1\x01x", "it broke the protocol: no frame of a server"),
        (b"\x83\x01x", "it broke the protocol: no frame of a server"),
        (b"\x80\x01x", "it broke the protocol: parts that do not belong together"),
        (b"\x01\x01x\x81\x01x", "it broke the protocol: parts that do not belong together"),
        (b"\x09\x00", "it broke the protocol: a control frame that is none"),
        (b"\x89\x7e\x00\xff", "it broke the protocol: a control frame that is none"),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x01", "it broke the protocol: a message of over 64 KiB"),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "it broke the protocol: a message of over 64 KiB"),
        (b"\x02\x7e\xff\xff" + b"x" * 65535 + b"\x80\x02xx", "it broke the protocol: a message of over 64"),
        (b"\x88\x02\x03\xf3", "it closed without an end (code 1011)"),
        (b"\x88\x00", "it closed without an end (code 1005)"),
        (b"\x89\x00" * 100_000, "enough"),
        (b"\x82\x00" * 100_000, "enough"),
        (b"\x02\x00" + b"\x00\x00" * 100_000, "enough"),
    ],
    ids=range(15),
)
async def test_a_rule_that_is_broken_ends_it_in_words(bare: Bare, says: bytes, why: str) -> None:
    bare.says = says
    assert (await bare.until_gone()).startswith(why)
    assert len(bare.heard) <= 201, "nothing more is taken"


async def test_the_connection_breaks_behind_the_last_frame(bare: Bare) -> None:
    bare.says, bare.hangs_up = b"\x81\x01a" * 40 + b"\x81\x05ab", True
    assert await bare.until_gone() == "the connection broke"
    assert bare.heard == [(TEXT, b"a")] * 40, "all that was whole"


async def test_a_large_message_has_a_turn_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[list[int]] = []
    socket = WebSocket()
    socket.head.set_result(b"")

    def read() -> None:
        turns.append([])
        one_turn()

    one_turn = socket._read
    monkeypatch.setattr(socket, "_read", read)
    over = asyncio.get_running_loop().create_future()
    socket.begin(lambda _, data: turns[-1].append(len(data)), over.set_result)
    sizes = [MOST_BYTES, 20_000, 100, 100, 9_000, 9_000, 7]
    for size in sizes:
        socket.data_received(b"\x82\x7f" + size.to_bytes(8, "big") + bytes(size))
    socket.connection_lost(None)
    assert await over == "the connection broke"
    assert [turn for turn in turns if turn] == [[MOST_BYTES], [20_000], [100, 100, 9_000, 9_000], [7]]


async def test_frames_of_all_sizes_and_in_parts_are_whole(bare: Bare) -> None:
    big = bytes(range(256)) * 256
    assert len(big) == MOST_BYTES
    bare.says = (
        b"\x82\x7d" + big[:125]
        + b"\x82\x7e\x00\x7e" + big[:126]
        + b"\x82\x7f" + len(big).to_bytes(8, "big") + big
        + b"\x01\x02ab" + b"\x89\x01p" + b"\x00\x01c" + b"\x80\x01d"
        + b"\x88\x02\x03\xe8"
    )  # fmt: skip
    await bare.until_gone()
    whole = [(kind, data) for kind, data in bare.heard if kind in (TEXT, BINARY)]
    assert whole == [(BINARY, big[:125]), (BINARY, big[:126]), (BINARY, big), (TEXT, b"abcd")]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
async def test_what_we_send_is_masked_and_whole(bare: Bare, size: int) -> None:
    socket = await bare.connect()
    payload = bytes(index * 7 % 256 for index in range(size))
    socket.send(BINARY, payload)
    await socket.close(0.5)
    await asyncio.wait_for(bare.served.wait(), WAIT_S)
    data = bytes(bare.got)
    length, at = data[1] & 0x7F, 2
    assert data[0] == 0x82 and data[1] & 0x80
    if length >= 126:
        at = 4 if length == 126 else 10
        length = int.from_bytes(data[2:at], "big")
    assert length == size
    mask, masked = data[at : at + 4], data[at + 4 : at + 4 + size]
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == payload
    assert data[at + 4 + size :][:2] == b"\x88\x82", "and a goodbye"


async def test_a_ping_is_answered_and_what_is_asked_is_right(bare: Bare) -> None:
    bare.says = b"\x89\x03abc"
    socket = await bare.connect()
    async with asyncio.timeout(WAIT_S):
        while len(bare.got) < 9:
            await asyncio.sleep(0.002)
    assert bare.got[:2] == b"\x8a\x83"
    assert bare.asked.startswith(b"GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX: 1\r\n" in bare.asked and b"\r\nSec-WebSocket-Protocol: ccd.bot.v1\r\n" in bare.asked
    await socket.close(0.5)


async def test_a_server_that_says_nothing_is_gone(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.outside.websocket.PING_S", 0.05)
    assert await bare.until_gone() == "it does not answer"
