"""Sockets for SIP over UDP (RFC 3261 §18), and what they share with streams.py.

Nothing here knows a transaction: datagrams and parsed messages go to the callbacks of a `Taker`. UDP is read
and written on the bare socket, so that a failing send names its peer and one wake-up reads many datagrams.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Protocol

import msgspec

from ccd.clock import monotonic, since
from ccd.errors import Misconfigured
from ccd.model.settings import TransportSettings
from ccd.sip.events import Flow
from ccd.sip.message import Request, Response, SipParseError

READS_A_WAKE = 64
TURN_S = 0.002
"""After so long others on the loop come next, then the rest of the datagrams."""
COMPANY = 12
"""Waking up costs more than a datagram does: under traffic we look so seldom that so many come together,"""
GATHER_LEAST_S, GATHER_MOST_S = 0.008, 0.016
"""within these bounds. See docs/decisions/0011-waking-up-is-dear.md."""
BEHIND_S = 0.002
"""More wait already than one look takes, as in a flood: soon, but not at once, for calls go on meanwhile."""
DENSE_S = 0.016
"""Datagrams closer together than this are traffic; a lone one is never kept waiting."""
MOST_FLOWS = 8192
RECEIVE_BUFFER = 4 << 20
LARGEST_DATAGRAM = 65535
LATE_S = 0.5
"""T1: what waits longer to be read comes twice, and makes those behind it wait (RFC 3261 §17.1.1.2)."""
SO_TIMESTAMPNS = 35
"""Of Linux (asm-generic/socket.h); `socket` does not name it."""
STAMP = struct.Struct("@ll")
STAMP_SPACE = socket.CMSG_SPACE(STAMP.size)


class Taker(Protocol):
    """Who takes what the sockets bring."""

    def take_datagram(self, data: bytes, flow: Flow) -> None: ...

    def take_message(self, message: Request | Response, flow: Flow) -> None: ...

    def take_fault(self, fault: SipParseError, flow: Flow) -> None: ...

    def take_failure(self, flow: Flow) -> None:
        """A datagram could not be sent, a connection not be made, or a connection is gone."""
        ...

    def looked(self) -> None:
        """A socket was looked into under traffic: what has come due meanwhile needs no wake-up of its own."""
        ...


class Counters(msgspec.Struct):
    """What the sockets count."""

    datagrams_unsent: int = 0
    """Dropped because the socket's buffer was full; the retransmission makes up for it."""
    connections_refused: int = 0
    connections_cut: int = 0
    """Closed for silence, a broken stream or unread data."""
    handshakes_failed: int = 0
    """TLS connections, taken or made, that came to nothing: a certificate not accepted, no TLS spoken."""


def where(host: str, port: int) -> str:
    """`host:port` with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def next_look_s(came: int, within_s: float) -> float:
    """How long to let datagrams gather when so many (at least one) came within a time."""
    if came >= READS_A_WAKE:
        return BEHIND_S
    return min(max(GATHER_LEAST_S, within_s * COMPANY / came), GATHER_MOST_S)


def waited_s(notes: Sequence[tuple[int, int, bytes]]) -> float:
    """How long a datagram was in the socket, by what was received with it (socket(7), SO_TIMESTAMPNS)."""
    for level, kind, stamp in notes:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(stamp) == STAMP.size:
            seconds, nanoseconds = STAMP.unpack(stamp)
            return since(seconds + nanoseconds / 1e9)
    return 0.0


class UdpListener:
    """One bound UDP socket."""

    def __init__(
        self, settings: TransportSettings, sock: socket.socket, taker: Taker, counts: Counters
    ) -> None:
        self.settings = settings
        self.host, self.port = sock.getsockname()[:2]
        self.key = where(self.host, self.port)
        self.wild = ip_address(self.host.partition("%")[0]).is_unspecified
        self.family = sock.family
        self._sock = sock
        self._taker = taker
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._flows: dict[tuple[str, int], Flow] = {}
        self._outgoing: list[tuple[Flow, bytes]] = []
        self._read_at = 0.0
        self._gathering: asyncio.Handle | None = None
        self._came = 0
        """Datagrams of the look under way."""
        self._more = False
        """The last turn ended before the socket was seen to be empty."""
        self._late_since: float | None = None
        self.late_s = 0.0
        """For how long all that was read had waited for longer than `LATE_S`."""
        self._taking = False
        """Datagrams are being taken: what is sent meanwhile need not be seen to."""
        self.looking = False
        """Whether it looks into its socket from time to time, as under traffic."""
        self._loop.add_reader(sock, self._read)

    def _read(self) -> None:
        """Datagrams came after a pause: take them at once. Under traffic, look again a little later."""
        self._take_all()
        now = self._loop.time()
        if now - self._read_at < DENSE_S and self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self.looking = True
            self._gathering = self._loop.call_later(GATHER_LEAST_S, self._gather)
        self._read_at = now

    def _gather(self) -> None:
        """What came meanwhile, all in one wake-up; nothing: wait for the socket again."""
        self._gathering = None
        try:
            taken = self._take_all()
        except BaseException:
            # A fault of ours in one datagram, which the loop reports, must not leave the socket unheard.
            self._gathering = self._loop.call_soon(self._gather)
            raise
        self._came += taken
        if self._sock.fileno() < 0:
            return
        if self._more and self._came < READS_A_WAKE:
            self._gathering = self._loop.call_soon(self._gather)
            return
        came, self._came = self._came, 0
        if came:
            now = self._loop.time()
            self._gathering = self._loop.call_later(next_look_s(came, now - self._read_at), self._gather)
            self._read_at = now
        else:
            self.looking = False
            self._loop.add_reader(self._sock, self._read)
        self._taker.looked()

    def _take_all(self) -> int:
        """Take what there is; how many came. What is answered at once leaves at the end of it."""
        self._taking = True
        try:
            return self._take_many()
        finally:
            self._taking = False
            if self._outgoing:
                self._send_all()

    def _take_many(self) -> int:
        """Read until nothing is left (or enough for one turn of the loop); how many came."""
        take, flows, now = self._taker.take_datagram, self._flows, monotonic
        until, self._more = now() + TURN_S, True
        receive: Callable[[int], tuple[bytes, Any]] = self._receive_first
        for count in range(READS_A_WAKE):
            try:
                data, address = receive(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                self._more, self._late_since, self.late_s = False, None, 0.0
                return count
            except OSError:
                continue  # an ICMP error of an earlier datagram; its transaction times out
            flow = flows.get(address)
            take(data, self._flow(address) if flow is None else flow)
            if now() >= until:
                return count + 1
            receive = self._sock.recvfrom
        return READS_A_WAKE

    def _receive_first(self, size: int) -> tuple[bytes, tuple[str, int]]:
        """As `recvfrom`, of the datagram that waited longest; the kernel's stamp says how long."""
        data, notes, _flags, address = self._sock.recvmsg(size, STAMP_SPACE)
        if waited_s(notes) <= LATE_S:
            self._late_since, self.late_s = None, 0.0
        elif self._late_since is None:
            self._late_since = monotonic()
        else:
            self.late_s = monotonic() - self._late_since
        return data, address

    def _flow(self, address: tuple[str, int]) -> Flow:
        """The flow of a peer, kept: most datagrams come from peers that were heard before."""
        if len(self._flows) >= MOST_FLOWS:
            self._flows.clear()
        flow = self._flows[address] = Flow("UDP", address[0], address[1], self.key)
        return flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Send at the end of this turn of the loop, all datagrams of the turn one after another: the first
        wakes its receiver up, which costs ten times what a datagram does (measured: 45 and 5 µs)."""
        if not (self._outgoing or self._taking):
            self._loop.call_soon(self._send_all)
        self._outgoing.append((flow, data))

    def _send_all(self) -> None:
        """A full buffer counts as loss on the way; a peer that cannot be reached from here is told."""
        outgoing, self._outgoing = self._outgoing, []
        if not outgoing:
            return  # sent already, with what a look was answered by
        send = self._sock.sendto
        for flow, data in outgoing:
            try:
                send(data, (flow.host, flow.port))
            except (BlockingIOError, InterruptedError):
                self._counts.datagrams_unsent += 1
            except OSError:
                self._taker.take_failure(flow)

    def close(self) -> None:
        self._send_all()
        if self._gathering is not None:
            self._gathering.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()


async def bind_udp(settings: TransportSettings, taker: Taker, counts: Counters) -> UdpListener:
    """Listen; raises `Misconfigured` when the address cannot be had."""
    family, address = await own_address(settings)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise cannot_listen(settings, error) from error
    return UdpListener(settings, sock, taker, counts)


async def own_address(settings: TransportSettings) -> tuple[int, tuple[str, int]]:
    """Family and address to listen on; raises `Misconfigured` for a host that is none of ours."""
    kind = socket.SOCK_STREAM if settings.protocol != "udp" else socket.SOCK_DGRAM
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            settings.host, settings.port, type=kind, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise cannot_listen(settings, error) from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def cannot_listen(settings: TransportSettings, error: OSError) -> Misconfigured:
    """The fault of a listener that cannot be had."""
    return Misconfigured(
        "sip-listen",
        f"[[sip.transports]] {settings.protocol} {where(settings.host, settings.port)}: cannot listen: "
        f"{error.strerror or error}. Stop the program that uses it, or change host or port.",
    )
