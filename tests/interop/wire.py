"""A SIP user agent on the bare wire, for what no finished phone does on purpose.

It shares no code with the daemon: messages are text, every header can be bent, nothing is sent again or
answered unless the test says so (OPTIONS apart). Copies of a request, sent when the answer took longer than
T1, are left out, as a phone's transactions do: on a busy machine they are no second request.
"""

import asyncio
import hashlib
import itertools
import random
import re
import socket
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from tests.interop.pacing import FRAME_S, paced
from tests.peers.process import WAIT_S

RECEIVE_BUFFER = 4 << 20
"""Two hundred answers may come before this process looks; who asked does not ask again."""

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
_numbers = itertools.count(1)
_chance = random.Random(4711)


class Message:
    """One message as it came or goes."""

    def __init__(self, start: str, headers: Sequence[tuple[str, str]], body: str = "") -> None:
        self.start = start
        self.headers = list(headers)
        self.body = body

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(start, headers, body)

    def __bytes__(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        if not self.get("Content-Length"):
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if _COMPACT.get(key.lower(), key.lower()) == wanted]

    @property
    def method(self) -> str:
        return "" if self.start.startswith("SIP/2.0") else self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def contact(self) -> str:
        found = re.search(r"<([^>]+)>", self.get("Contact"))
        return found[1] if found else self.get("Contact")

    @property
    def media(self) -> tuple[str, int]:
        """Host and port of the first audio line."""
        host = re.search(r"c=IN IP[46] (\S+)", self.body)
        port = re.search(r"m=audio (\d+)", self.body)
        assert host and port, self.body
        return host[1], int(port[1])

    def __repr__(self) -> str:
        return f"<{self.start} | {self.get('CSeq')}>"


def sdp(
    host: str = "127.0.0.1",
    port: int = 4000,
    *,
    codecs: str = "0 8 101",
    way: str = "sendrecv",
    version: int = 1,
) -> str:
    """An audio description."""
    kind = "IP6" if ":" in host else "IP4"
    lines = ["v=0", f"o=wire 1 {version} IN {kind} {host}", "s=-", f"c=IN {kind} {host}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP {codecs}"]
    if "101" in codecs.split():
        lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"]
    return "\r\n".join([*lines, f"a={way}"]) + "\r\n"


class Ua(asyncio.DatagramProtocol):
    """One socket; messages are sorted by Call-ID, new requests come out of `fresh`."""

    def __init__(self, host: str, server: tuple[str, int], protocol: str) -> None:
        self.host, self.server, self.protocol = host, server, protocol
        self.port = 0
        self.user = "wire"
        self.password = ""
        self.fresh: asyncio.Queue[Message] = asyncio.Queue()
        self.seen: list[Message] = []
        """Everything that came, copies too."""
        self.mute = False
        """Drop all that comes, as a dead phone does."""
        self.answers_options = True
        self._requests: set[tuple[str, str]] = set()
        """Branch and method of those that came."""
        self.dialogs: dict[str, asyncio.Queue[Message]] = {}
        self._datagram: asyncio.DatagramTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, server: str, *, host: str = "127.0.0.1", port: int = 0, protocol: str = "UDP", user: str = "wire"
    ) -> "Ua":
        """`server` host:port of the daemon."""
        name, _, number = server.rpartition(":")
        ua = cls(host, (name.strip("[]"), int(number)), protocol)
        ua.user = user
        if protocol == "UDP":
            loop = asyncio.get_running_loop()
            ua._datagram, _ = await loop.create_datagram_endpoint(lambda: ua, local_addr=(host, port))
            sock = ua._datagram.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            ua.port = ua._datagram.get_extra_info("sockname")[1]
        else:
            reader, ua._writer = await asyncio.open_connection(*ua.server)
            ua.port = ua._writer.get_extra_info("sockname")[1]
            ua._reading = asyncio.ensure_future(ua._read(reader))
        return ua

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._datagram is not None:
            self._datagram.close()
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
        await asyncio.sleep(0)

    # -- the wire --------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip():
            self._take(Message.parse(data))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.strip():
                continue
            length = re.search(rb"(?:content-length|\r\nl)\s*:\s*(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            self._take(Message.parse(head.lstrip() + body))

    def _take(self, message: Message) -> None:
        self.seen.append(message)
        if self.mute:
            return
        if message.method == "OPTIONS" and self.answers_options:
            self.reply(message, 200)
        elif self._is_copy(message):
            pass
        elif message.call_id in self.dialogs:
            self.dialogs[message.call_id].put_nowait(message)
        else:
            self.fresh.put_nowait(message)

    def _is_copy(self, message: Message) -> bool:
        """Of a request that came before. An ACK is never one: it comes again when a response did."""
        branch = re.search(r"branch=([^;,\s]+)", message.get("Via"))
        if message.method in {"", "ACK"} or branch is None:
            return False
        key = branch[1], message.method
        if key in self._requests:
            return True
        self._requests.add(key)
        return False

    def send(self, message: Message | bytes) -> None:
        data = bytes(message)
        if self._datagram is not None:
            self._datagram.sendto(data, self.server)
        elif self._writer is not None:
            self._writer.write(data)

    # -- building ----------------------------------------------------------------------------------

    @property
    def here(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def contact(self) -> str:
        suffix = "" if self.protocol == "UDP" else ";transport=tcp"
        return f"<sip:{self.user}@{self.here}{suffix}>"

    def via(self) -> tuple[str, str]:
        branch = f"z9hG4bK{_chance.getrandbits(64):x}"
        return "Via", f"SIP/2.0/{self.protocol} {self.here};branch={branch};rport"

    def request(
        self, method: str, uri: str, headers: Sequence[tuple[str, str]] = (), body: str = ""
    ) -> Message:
        """A request outside a dialog; a header given replaces ours of the same name."""
        number = next(_numbers)
        ours = [
            self.via(),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.user}@interop.invalid>;tag=w{number}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"wire-{number}-{_chance.getrandbits(48):x}"),
            ("CSeq", f"1 {method}"),
            ("Contact", self.contact),
        ]
        given = {name.lower() for name, _ in headers}
        kept = [(name, value) for name, value in ours if name.lower() not in given]
        kept += [(name, value) for name, value in headers if value]
        if body and "content-type" not in given:
            kept.append(("Content-Type", "application/sdp"))
        return Message(f"{method} {uri} SIP/2.0", kept, body)

    def reply(
        self,
        request: Message,
        status: int,
        headers: Sequence[tuple[str, str]] = (),
        body: str = "",
        tag: str = "",
    ) -> Message:
        """Answer a request."""
        kept = [(name, value) for name, value in request.headers if name.lower() in {"via", "record-route"}]
        to = request.get("To")
        if status > 100 and "tag=" not in to:
            to += f";tag={tag or 'wt'}"
        kept += [("From", request.get("From")), ("To", to), ("Call-ID", request.call_id)]
        kept += [("CSeq", request.get("CSeq")), *headers]
        if body and not any(name == "Content-Type" for name, _ in headers):
            kept.append(("Content-Type", "application/sdp"))
        response = Message(f"SIP/2.0 {status} {_REASONS.get(status, 'Whatever')}", kept, body)
        self.send(response)
        return response

    # -- asking -----------------------------------------------------------------------------------

    def listen(self, call_id: str) -> asyncio.Queue[Message]:
        return self.dialogs.setdefault(call_id, asyncio.Queue())

    async def ask(self, message: Message, timeout_s: float = WAIT_S) -> Message:
        """Send a request and wait for its final response."""
        heard = self.listen(message.call_id)
        self.send(message)
        async with asyncio.timeout(timeout_s):
            while True:
                response = await heard.get()
                if response.status >= 200 and response.cseq == message.cseq:
                    return response

    async def incoming(self, method: str = "INVITE", timeout_s: float = WAIT_S) -> Message:
        """The next new request of a method; others are left out."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.fresh.get()
                if message.method == method:
                    return message

    async def register(self, password: str, expires: int = 600, user: str = "") -> Message:
        """Register by digest as `user`; the final response."""
        self.user, self.password = user or self.user, password
        number = next(_numbers)
        headers = [
            ("From", f"<sip:{self.user}@interop.invalid>;tag=r{number}"),
            ("To", f"<sip:{self.user}@interop.invalid>"),
            ("Call-ID", f"reg-{number}"),
            ("Expires", str(expires)),
        ]
        return await self.authorised("REGISTER", "sip:interop.invalid", headers)

    async def authorised(
        self, method: str, uri: str, headers: Sequence[tuple[str, str]], body: str = ""
    ) -> Message:
        """A request outside a dialog that is challenged once."""
        first = self.request(method, uri, headers, body)
        refused = await self.ask(first)
        if refused.status not in {401, 407}:
            return refused
        again = self.again(first, refused)
        return await self.ask(again)

    def again(self, first: Message, refused: Message) -> Message:
        """The same request with credentials."""
        number, method = first.cseq
        kept = [
            (name, value)
            for name, value in first.headers
            if name.lower() not in {"via", "cseq", "content-length"}
        ]
        value = credentials(refused.get("WWW-Authenticate"), method, first.uri, self.user, self.password)
        headers = [self.via(), *kept, ("CSeq", f"{number + 1} {method}"), ("Authorization", value)]
        return Message(first.start, headers, first.body)

    async def call(
        self, number: str, body: str | None = None, headers: Sequence[tuple[str, str]] = (), host: str = ""
    ) -> "Call":
        """Send an INVITE; what comes of it is asked of the `Call`."""
        place = host or f"{self.server[0]}:{self.server[1]}"
        invite = self.request("INVITE", f"sip:{number}@{place}", headers, sdp() if body is None else body)
        call = Call(self, invite)
        self.send(invite)
        return call


class Call:
    """One call, ours (`Ua.call`) or theirs (`Call.taken`)."""

    def __init__(self, ua: Ua, invite: Message) -> None:
        self.ua = ua
        self.invite = invite
        self.heard = ua.listen(invite.call_id)
        self.local, self.remote = invite.get("From"), invite.get("To")
        self.target = invite.uri
        self.number = invite.cseq[0]
        self.rest: list[Message] = []

    @classmethod
    async def taken(cls, ua: Ua, timeout_s: float = WAIT_S, *, ring: bool = True) -> "Call":
        """The next call that comes in; rings at once."""
        invite = await ua.incoming("INVITE", timeout_s)
        call = cls(ua, invite)
        call.local, call.remote = invite.get("To") + f";tag=in{next(_numbers)}", invite.get("From")
        call.target, call.number = invite.contact, 100
        if ring:
            call.reply(180)
        return call

    # -- their call --------------------------------------------------------------------------------

    @property
    def tag(self) -> str:
        return self.local.rpartition("tag=")[2]

    def reply(self, status: int, headers: Sequence[tuple[str, str]] = (), body: str = "") -> Message:
        contact = [("Contact", self.ua.contact)] if status < 300 else []
        return self.ua.reply(self.invite, status, [*contact, *headers], body, tag=self.tag)

    def accept(self, body: str = "") -> Message:
        return self.reply(200, body=body or sdp())

    # -- our call ----------------------------------------------------------------------------------

    async def response(
        self, at_least: int = 101, timeout_s: float = WAIT_S, method: str = "INVITE", number: int = 0
    ) -> Message:
        """The next response to a method with at least that status; `number`: its CSeq, where it has had
        others, whose copies may still come."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.heard.get()
                if message.status >= at_least and message.cseq == (number or message.cseq[0], method):
                    if "tag=" in message.get("To") and "tag=" not in self.remote:
                        self.remote = message.get("To")
                    if message.contact and 200 <= message.status < 300 and method == "INVITE":
                        self.target = message.contact
                    return message
                if message.method:
                    self.rest.append(message)

    async def answered(self, timeout_s: float = WAIT_S) -> Message:
        """Wait for the 200 and acknowledge it."""
        response = await self.response(200, timeout_s)
        assert response.status == 200, response.start
        self.ack()
        return response

    def ack(self, body: str = "", number: int = 0) -> None:
        headers = [
            self.ua.via(),
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.invite.call_id),
            ("CSeq", f"{number or self.number} ACK"),
        ]
        headers += [("Content-Type", "application/sdp")] if body else []
        self.ua.send(Message(f"ACK {self.target} SIP/2.0", headers, body))

    def ack_refusal(self, response: Message) -> None:
        """ACK of a final response of 300 or more: same branch as the INVITE."""
        headers = [
            ("Via", self.invite.get("Via")),
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", response.get("To")),
            ("Call-ID", self.invite.call_id),
            ("CSeq", f"{self.invite.cseq[0]} ACK"),
        ]
        self.ua.send(Message(f"ACK {self.invite.uri} SIP/2.0", headers))

    def cancel(self) -> None:
        headers = [
            ("Via", self.invite.get("Via")),
            ("Max-Forwards", "70"),
            ("From", self.invite.get("From")),
            ("To", self.invite.get("To")),
            ("Call-ID", self.invite.call_id),
            ("CSeq", f"{self.invite.cseq[0]} CANCEL"),
        ]
        self.ua.send(Message(f"CANCEL {self.invite.uri} SIP/2.0", headers))

    def within(self, method: str, headers: Sequence[tuple[str, str]] = (), body: str = "") -> Message:
        """A request in the dialog."""
        self.number += 1
        ours = [("From", self.local), ("To", self.remote), ("Call-ID", self.invite.call_id)]
        return self.ua.request(
            method, self.target, [*ours, ("CSeq", f"{self.number} {method}"), *headers], body
        )

    async def ask(self, method: str, headers: Sequence[tuple[str, str]] = (), body: str = "") -> Message:
        """A request in the dialog and its final response (an INVITE is acknowledged)."""
        self.ua.send(self.within(method, headers, body))
        response = await self.response(200, method=method, number=self.number)
        if method == "INVITE" and response.status < 300:
            self.ack()
        return response

    async def bye(self) -> Message:
        return await self.ask("BYE")

    async def expect(self, method: str, timeout_s: float = WAIT_S) -> Message:
        """The next request of a method in this call; answered 200 (ACK apart)."""
        async with asyncio.timeout(timeout_s):
            while True:
                early = next((each for each in self.rest if each.method == method), None)
                if early is not None:
                    self.rest.remove(early)
                message = early or await self.heard.get()
                if message.method == method:
                    if method not in {"ACK", "INVITE"}:
                        self.ua.reply(message, 200)
                    return message
                if message.method:
                    self.rest.append(message)


def credentials(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """Digest with qop=auth (RFC 7616), MD5 or SHA-256 as asked."""
    asked = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(challenge)}
    algorithm = asked.get("algorithm", "MD5")
    digest = hashlib.sha256 if algorithm.upper() == "SHA-256" else hashlib.md5

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode()).hexdigest()

    client, count = f"{_chance.getrandbits(64):016x}", "00000001"
    secret = hashed(user, asked["realm"], password)
    response = hashed(secret, asked["nonce"], count, client, "auth", hashed(method, uri))
    return (
        f'Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
        f'response="{response}", algorithm={algorithm}, qop=auth, nc={count}, cnonce="{client}"'
        + (f', opaque="{asked["opaque"]}"' if asked.get("opaque") else "")
    )


_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
_REASONS = {
    **{100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted"},
    **{486: "Busy Here", 487: "Request Terminated", 503: "Service Unavailable", 603: "Decline"},
}


class Rtp(asyncio.DatagramProtocol):
    """An RTP socket: what came, and what is sent."""

    opened: ClassVar[list["Rtp"]] = []
    """Those that a failed test may have left open; `close_all` at its end."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.port = 0
        self._came = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence, self._stamp = 100, 16000

    @classmethod
    async def open(cls, host: str = "127.0.0.1", port: int = 0) -> "Rtp":
        rtp = cls()
        loop = asyncio.get_running_loop()
        rtp._transport, _ = await loop.create_datagram_endpoint(lambda: rtp, local_addr=(host, port))
        rtp.port = rtp._transport.get_extra_info("sockname")[1]
        cls.opened.append(rtp)
        return rtp

    @classmethod
    def close_all(cls) -> None:
        while cls.opened:
            cls.opened.pop().close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) >= 12 and not 192 <= data[1] <= 223:
            self.packets.append(data)
            self._came.set()

    async def until(self, what: str, ready: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        """Look again after each packet that comes. AssertionError when it is not so in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not ready():
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"not in {timeout_s} s: {what}; {len(self.packets)} packets came") from None

    async def hears(self, payload: bytes, count: int = 16) -> None:
        """Until so many packets of a sound have come: what is sent is heard a moment later."""
        await self.until("the sound is heard", lambda: self.count(payload) >= count)

    def count(self, payload: bytes) -> int:
        """How many packets of a sound have come."""
        return sum(packet[12:] == payload for packet in self.packets)

    def longest_hole_s(self) -> float:
        """By the stamps of the audio that came: late is no hole."""
        stamps = [struct.unpack_from("!I", packet, 4)[0] for packet in self.packets]
        steps = ((after - before) & 0xFFFFFFFF for before, after in itertools.pairwise(stamps))
        return max((step for step in steps if step < 1 << 31), default=0) / 8000

    async def quiet(self, for_s: float = 0.3, timeout_s: float = WAIT_S) -> None:
        """Until nothing came for so long: what was on its way may come before."""
        async with asyncio.timeout(timeout_s):
            count = -1
            while count != len(self.packets):
                count = len(self.packets)
                await asyncio.sleep(for_s)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def send(
        self, to: tuple[str, int], payload: bytes = b"\xff" * 160, kind: int = 0, mark: bool = False
    ) -> None:
        assert self._transport is not None
        head = struct.pack(
            "!BBHII", 0x80, (0x80 if mark else 0) | kind, self._sequence & 0xFFFF, self._stamp, 7
        )
        self._sequence += 1
        self._stamp += 160 if kind != 101 else 0
        self._transport.sendto(head + payload, to)

    def throw(self, data: bytes, to: tuple[str, int]) -> None:
        """Whatever it is."""
        assert self._transport is not None
        self._transport.sendto(data, to)

    async def talk(self, to: tuple[str, int], seconds: float, payload: bytes = b"\xff" * 160) -> None:
        """Packets each 20 ms."""
        async for _ in paced(round(seconds / FRAME_S)):
            self.send(to, payload)

    async def press(self, to: tuple[str, int], digit: str) -> None:
        """One digit by RFC 4733, 100 ms."""
        code = "0123456789*#ABCD".index(digit)
        for step in range(1, 9):
            ended = 0x80 if step > 5 else 0
            duration = min(step, 5) * 160
            self.send(to, struct.pack("!BBH", code, ended | 10, duration), 101, mark=step == 1)
            await asyncio.sleep(0.02 if step < 6 else 0)
        self._stamp += 800

    def digits(self, kind: int = 101) -> str:
        """Digits that came by RFC 4733, each counted once by its timestamp."""
        found: dict[int, str] = {}
        for packet in self.packets:
            if packet[1] & 0x7F == kind:
                (stamp,) = struct.unpack_from("!I", packet, 4)
                found.setdefault(stamp, "0123456789*#ABCD"[packet[12]])
        return "".join(found.values())
