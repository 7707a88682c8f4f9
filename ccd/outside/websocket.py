"""The client's side of a WebSocket (RFC 6455), for talking with who is not trusted.

Own, because common clients take as many frames in one turn of the loop as a read brings: a hundred thousand
empty ones would hold up all calls for a second. Here at most `TURN` frames, or a large one, are taken in a
turn, sizes are looked at before a frame is read, and everything that a server may do wrong is told once, in
words for people.
"""

import asyncio
import hashlib
import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from ccd.outside.bot_frames import Misbehaved

MOST_BYTES: Final = 65_536
"""Of one message."""
MOST_HEAD: Final = 8192
TURN: Final = 16
TURN_BYTES: Final = 16_384
"""Once messages of so many bytes were taken in a turn, others have theirs: one that is large is alone."""
MOST_WAITING: Final = 131_072
"""Bytes that came and are not taken yet; then no more is read."""
MOST_UNREAD: Final = 131_072
"""Bytes that the server has not read beyond what the system keeps: sixteen seconds of audio."""
PING_S: Final = 10.0
"""A server of which nothing came for so long after a ping is gone."""
_ACCEPT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PART, TEXT, BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_BROKE: Final = "it broke the protocol: "

Hear = Callable[[int, bytes], None]
"""Gets `TEXT` or `BINARY`, and a whole message; may raise `Misbehaved`."""
Gone = Callable[[str], None]
"""Told once why there is nothing more to come."""


async def connect(
    url: str, headers: Mapping[str, str], protocol: str, trust: ssl.SSLContext | None
) -> "WebSocket":
    """Open one; the caller bounds the time. `trust` is for wss. Raises `Misbehaved`; follows no redirect."""
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    loop = asyncio.get_running_loop()
    name = host if secure else None
    try:
        transport, socket = await loop.create_connection(
            WebSocket, host, port, ssl=(trust or True) if secure else None, server_hostname=name
        )
    except ssl.SSLCertVerificationError as error:
        raise Misbehaved(f"its certificate is not to be trusted: {error.verify_message}") from error
    except OSError as error:
        raise Misbehaved(f"no connection: {error.strerror or type(error).__name__}") from error
    try:
        key = b64encode(os.urandom(16))
        path = parts.path or "/"
        lines = {
            "Host": parts.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": protocol,
            **headers,
        }
        if any(char in value for value in lines.values() for char in "\r\n\0"):
            raise Misbehaved("a header of ours has more than one line")
        asked = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        target = f"{path}?{parts.query}" if parts.query else path
        transport.write(f"GET {target} HTTP/1.1\r\n{asked}\r\n".encode())
        _check_head(await socket.head, key, protocol)
    except BaseException:
        transport.abort()
        raise
    return socket


def _check_head(head: bytes, key: bytes, protocol: str) -> None:
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise Misbehaved(_BROKE + "it speaks no HTTP")
    if words[1] != "101":
        raise Misbehaved(f"it refused, status {words[1][:3]}")
    told = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    accept = b64encode(hashlib.sha1(key + _ACCEPT).digest()).decode()  # noqa: S324  RFC 6455 says so
    if told.get("sec-websocket-accept") != accept or told.get("upgrade", "").lower() != "websocket":
        raise Misbehaved(_BROKE + "it did not accept a WebSocket")
    if told.get("sec-websocket-protocol", protocol) != protocol or "sec-websocket-extensions" in told:
        raise Misbehaved(_BROKE + "it wants what was not offered")


class WebSocket(asyncio.Protocol):
    """One connection; made by `connect`, nothing is heard before `begin`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.head: asyncio.Future[bytes] = self._loop.create_future()
        self.closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._hear: Hear | None = None
        self._gone: Gone | None = None
        self._parts = bytearray()
        self._kind = _PART
        self._planned = self._paused = self._closing = False
        self._came = True
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, hear: Hear, gone: Gone) -> None:
        """Take what came and comes."""
        self._hear, self._gone = hear, gone
        self._timer = self._loop.call_later(PING_S, self._ping)
        self._plan()

    # -- asyncio.Protocol ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._came = True
        self._data += data
        if not self.head.done():
            end = self._data.find(b"\r\n\r\n", 0, MOST_HEAD)
            if end >= 0:
                self.head.set_result(bytes(self._data[:end]))
                del self._data[: end + 4]
            elif len(self._data) >= MOST_HEAD:
                self.head.set_exception(Misbehaved(_BROKE + "its answer has no end"))
        elif self._gone is not None and not self._planned:
            self._read()
        if len(self._data) > MOST_WAITING and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.closed.set()
        self._transport = None
        if not self.head.done():
            self.head.set_exception(Misbehaved("no connection: it hung up at once"))
        self._plan()

    # -- within ----------------------------------------------------------------------------------------

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        """So many messages, then others have their turn."""
        self._planned = False
        try:
            taken = 0
            for _ in range(TURN):
                if self._gone is None:
                    return
                size = self._take()
                if not size:
                    self._no_more()
                    return
                taken += size
                if taken >= TURN_BYTES:
                    break
        except Misbehaved as why:
            self._end(str(why))
            return
        self._plan()

    def _no_more(self) -> None:
        """All that is whole was taken."""
        if self._transport is None:
            self._end("the connection broke")
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _take(self) -> int:
        """One frame (§5.2); its bytes, 0 when there is none whole."""
        data = self._data
        if len(data) < 2:
            return 0
        first, size, at = data[0], data[1], 2
        kind = first & 0x0F
        if first & 0x70 or size & 0x80 or kind not in (_PART, TEXT, BINARY, _CLOSE, _PING, _PONG):
            raise Misbehaved(_BROKE + "no frame of a server")
        if size > 125:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return 0
            size = int.from_bytes(data[2:at], "big")
        last = bool(first & 0x80)
        if kind >= _CLOSE and (size > 125 or not last):
            raise Misbehaved(_BROKE + "a control frame that is none")
        if size + len(self._parts) > MOST_BYTES:
            raise Misbehaved(f"{_BROKE}a message of over {MOST_BYTES // 1024} KiB")
        if len(data) < at + size:
            return 0
        payload = bytes(data[at : at + size])
        del data[: at + size]
        self._got(kind, last, payload)
        return at + size

    def _got(self, kind: int, last: bool, payload: bytes) -> None:
        hear = self._hear
        if hear is None:
            return
        if kind == _CLOSE:
            self._send(_CLOSE, payload[:2])
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            raise Misbehaved(f"it closed without an end (code {code})")
        if kind >= _PING:
            hear(kind, b"")
            if kind == _PING:
                self._send(_PONG, payload)
            return
        if (kind == _PART) is not bool(self._kind):
            raise Misbehaved(_BROKE + "parts that do not belong together")
        if last and kind != _PART:
            hear(kind, payload)
            return
        hear(_PART, b"")
        self._kind = self._kind or kind
        self._parts += payload
        if last:
            kind, whole = self._kind, bytes(self._parts)
            self._kind = _PART
            self._parts.clear()
            hear(kind, whole)

    def _ping(self) -> None:
        if not self._came:
            self._end("it does not answer")
            return
        self._came = False
        self._send(_PING, b"")
        self._timer = self._loop.call_later(PING_S, self._ping)

    def _end(self, why: str) -> None:
        gone, self._gone, self._hear = self._gone, None, None
        if self._timer is not None:
            self._timer.cancel()
        self._data.clear()
        if gone is not None:
            gone(why)

    # -- sending ---------------------------------------------------------------------------------------

    def send(self, kind: int, payload: bytes) -> None:
        """Send a message; whoever does not read is told to be gone."""
        self._send(kind, payload)
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() > MOST_UNREAD:
            self._end("it does not read what it is sent")

    def _send(self, kind: int, payload: bytes) -> None:
        transport, size = self._transport, len(payload)
        if transport is None or self._closing:
            return
        if size < 126:
            head = bytes((0x80 | kind, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | kind, 0xFE)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | kind, 0xFF)) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        stretched = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
        masked = (int.from_bytes(payload, "little") ^ stretched).to_bytes(size, "little")
        transport.write(head + mask + masked)

    async def close(self, within_s: float) -> None:
        """Say goodbye and wait for the other's, so long at most; nothing more is heard."""
        self._end("")
        self._gone = None
        self._send(_CLOSE, (1000).to_bytes(2, "big"))
        self._closing = True
        try:
            if self._transport is not None:
                if self._paused:
                    self._transport.resume_reading()
                self._transport.close()  # what is written still goes out
                async with asyncio.timeout(within_s):
                    await self.closed.wait()
        except TimeoutError:
            pass
        finally:
            if self._transport is not None:
                self._transport.abort()
