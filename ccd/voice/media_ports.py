"""RTP/RTCP socket pairs of a media worker: bound once, used again and again; the daemon says when."""

import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ccd.media.leg import Leg, Source

if TYPE_CHECKING:
    from ccd.media.srtp import Srtp

BIND_AT_ONCE: Final = 16
"""Pairs bound in one turn of the loop (about 20 µs each)."""


class Port:
    """One bound pair: RTP on an even port, RTCP on the next (RFC 3550 §11)."""

    __slots__ = (
        "leg",
        "muxed",
        "number",
        "receive",
        "reports_to",
        "rtcp",
        "rtp",
        "secured",
        "send",
    )

    def __init__(self, number: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.number = number
        self.rtp = rtp
        self.rtcp = rtcp
        self.receive: Callable[..., tuple[int, Any]] = rtp.recvfrom_into
        self.send: Callable[..., int] = rtp.sendto
        self.leg: Leg | None = None
        self.secured: Secured | None = None
        """Set while its leg's audio is encrypted: then `receive` and `send` are its."""
        self.muxed = False
        """RTCP goes by the RTP socket (`media_reports`)."""
        self.reports_to: tuple[Source, int] | None = None
        """Another port for RTCP than the next, as long as RTP goes to this address."""

    def read_by(self, read: Callable[..., tuple[int, Any]] | None) -> None:
        """Read RTP so, sorting out what is RTCP; None: as it comes from the socket."""
        self.muxed = read is not None
        plain = read or self.rtp.recvfrom_into
        if self.secured is not None:
            self.secured.read = plain
        else:
            self.receive = plain


class Secured:
    """The RTP socket of a port whose leg is encrypted, in place of the plain one's two calls: a leg, its tap
    and its partner deal with plain packets only, and a plain leg's packets take no step more."""

    __slots__ = ("_send", "read", "srtp")

    def __init__(self, port: Port, srtp: "Srtp") -> None:
        self.read = port.receive
        """Of what comes over the wire."""
        self._send = port.rtp.sendto
        self.srtp = srtp

    def receive(self, buffer: bytearray) -> tuple[int, Any]:
        """As `recvfrom_into`. A packet that proves nothing comes as an empty one: it is counted as bad, and
        where it came from is not believed."""
        size, source = self.read(buffer)
        opened = self.srtp.open(bytes(memoryview(buffer)[:size]))
        size = len(opened)
        buffer[:size] = opened
        return size, source

    def send(self, packet: memoryview, address: Any) -> int:
        """As `sendto`; what must not be sent is not."""
        sealed = self.srtp.seal(bytes(packet))
        return self._send(sealed, address) if sealed else 0


def secure(port: Port, suite: str, ours: bytes, theirs: bytes, mki: int = 0) -> None:
    """Encrypt from now on. With the same keys as before nothing changes. Raises `KeyError` or `ValueError`
    for what is no suite or key of it.

    libsrtp is 5 MB, and 10 ms to load: whoever never encrypts does without, whoever may has it loaded before
    (`Begin.encrypts`).
    """
    if port.secured is not None:
        port.secured.srtp.take(suite, ours, theirs, mki)
        return
    from ccd.media.srtp import Srtp

    port.secured = secured = Secured(port, Srtp(suite, ours, theirs, mki))
    port.receive, port.send = secured.receive, secured.send


def unsecure(port: Port) -> None:
    """Plain RTP from now on."""
    if port.secured is not None:
        port.receive, port.send = port.secured.read, port.rtp.sendto
        port.secured = None


def _bind(family: int, host: str, number: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host, number))
    except OSError:
        sock.close()
        raise
    return sock


class PortPool:
    """Binds pairs out of a range and registers them with epoll for their life."""

    def __init__(self, epoll: select.epoll, host: str, low: int, high: int) -> None:
        self._epoll = epoll
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._next = low + (low & 1)
        self._high = high
        self.asked = 0
        """Pairs still to be bound."""
        self._free: dict[int, Port] = {}
        self.rtp: dict[int, Port] = {}
        """By file descriptor of the RTP socket."""
        self.rtcp: dict[int, Port] = {}
        self.note = ""

    def is_address(self, host: str) -> bool:
        """Whether our sockets can send there without asking a name server."""
        try:
            socket.inet_pton(self._family, host)
        except (OSError, UnicodeError, ValueError):
            return False
        return True

    def ask(self, count: int) -> None:
        self.asked += count

    def bind_some(self) -> tuple[list[int], bool]:
        """Bind a few of those asked for; their numbers, and whether the range is used up."""
        made: list[int] = []
        while self.asked and len(made) < BIND_AT_ONCE:
            if self._next + 1 > self._high:
                self.asked = 0
                return made, True
            number = self._next
            self._next += 2
            port = self._make(number)
            if port is not None:
                self.asked -= 1
                made.append(number)
        return made, False

    def _make(self, number: int) -> Port | None:
        """One pair, or None when somebody else has the number."""
        try:
            rtp = _bind(self._family, self._host, number)
        except OSError as error:
            self.note = f"cannot bind {self._host}:{number}: {error.strerror}"
            return None
        try:
            rtcp = _bind(self._family, self._host, number + 1)
        except OSError as error:
            self.note = f"cannot bind {self._host}:{number + 1}: {error.strerror}"
            rtp.close()
            return None
        port = Port(number, rtp, rtcp)
        self.rtp[rtp.fileno()] = port
        self.rtcp[rtcp.fileno()] = port
        self._epoll.register(rtp, select.EPOLLIN)
        self._epoll.register(rtcp, select.EPOLLIN)
        self._free[number] = port
        return port

    def take(self, number: int) -> Port | None:
        """The bound pair with this number, now in use; None when it is not free."""
        return self._free.pop(number, None)

    def give_back(self, port: Port) -> None:
        """Its leg is over. The daemon lets a number rest before it gives it out again."""
        port.leg = None
        port.reports_to = None
        if port.secured is not None:
            unsecure(port)
        if port.muxed:
            port.read_by(None)
        self._free[port.number] = port

    def close(self) -> None:
        for port in self.rtp.values():
            port.rtp.close()
            port.rtcp.close()
        self.rtp.clear()
        self.rtcp.clear()
        self._free.clear()
