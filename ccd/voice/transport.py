"""Sockets for SIP: UDP listeners, TCP listeners and connections (RFC 3261 §18, RFC 5626 §4.4.1, RFC 5923).

Nothing here knows a transaction: datagrams and parsed messages go to the callbacks of a `Taker`. UDP is read
and written on the bare socket, so that a failing send names its peer and one wake-up reads many datagrams.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Protocol, cast

import msgspec

from ccd.errors import Misconfigured
from ccd.model.settings import TransportSettings
from ccd.sip.events import Flow
from ccd.sip.message import KEEPALIVE_PING, Request, Response, SipParseError, StreamParser

READS_A_WAKE = 64
READS_A_TURN = 16
"""So many datagrams are two milliseconds of work: others on the loop come next, then the rest."""
COMPANY = 12
"""Waking up costs more than a datagram does: under traffic we look so seldom that so many come together,"""
GATHER_LEAST_S, GATHER_MOST_S = 0.008, 0.012
"""within these bounds. See docs/decisions/0011-waking-up-is-dear.md."""
BEHIND_S = 0.002
"""More wait already than one look takes, as in a flood: soon, but not at once, for calls go on meanwhile."""
DENSE_S = 0.016
"""Datagrams closer together than this are traffic; a lone one is never kept waiting."""
MOST_FLOWS = 8192
RECEIVE_BUFFER = 4 << 20
LARGEST_DATAGRAM = 65535


class TcpLimits(msgspec.Struct, frozen=True):
    """Bounds on connections, so that no peer can hold what others need."""

    connections: int = 4000
    a_host: int = 400
    """From one address; many phones may stand behind one NAT."""
    first_message_s: float = 20.0
    """A connection that has sent no whole message by then is closed."""
    idle_s: float = 7500.0
    """Silence after which a connection is closed: over twice the longest registration."""
    unread_bytes: int = 1 << 20
    """A peer that lets this much wait to be read is cut off."""
    connect_s: float = 4.0


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


def where(host: str, port: int) -> str:
    """`host:port` with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def next_look_s(came: int, within_s: float) -> float:
    """How long to let datagrams gather when so many (at least one) came within a time."""
    if came >= READS_A_WAKE:
        return BEHIND_S
    return min(max(GATHER_LEAST_S, within_s * COMPANY / came), GATHER_MOST_S)


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
        taken = self._take_all()
        self._came += taken
        if self._sock.fileno() < 0:
            return
        if taken == READS_A_TURN and self._came < READS_A_WAKE:
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
        """Read until nothing is left (or enough for one turn of the loop); how many came."""
        receive, take, flows = self._sock.recvfrom, self._taker.take_datagram, self._flows
        for count in range(READS_A_TURN):
            try:
                data, address = receive(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return count
            except OSError:
                continue  # an ICMP error of an earlier datagram; its transaction times out
            flow = flows.get(address)
            take(data, self._flow(address) if flow is None else flow)
        return READS_A_TURN

    def _flow(self, address: tuple[str, int]) -> Flow:
        """The flow of a peer, kept: most datagrams come from peers that were heard before."""
        if len(self._flows) >= MOST_FLOWS:
            self._flows.clear()
        flow = self._flows[address] = Flow("UDP", address[0], address[1], self.key)
        return flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Send at the end of this turn of the loop, all datagrams of the turn one after another: the first
        wakes its receiver up, which costs ten times what a datagram does (measured: 45 and 5 µs)."""
        if not self._outgoing:
            self._loop.call_soon(self._send_all)
        self._outgoing.append((flow, data))

    def _send_all(self) -> None:
        """A full buffer counts as loss on the way; a peer that cannot be reached from here is told."""
        outgoing, self._outgoing = self._outgoing, []
        if not outgoing:
            return  # sent by `close` already
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
    family, address = await _own_address(settings)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise _cannot_listen(settings, error) from error
    return UdpListener(settings, sock, taker, counts)


async def _own_address(settings: TransportSettings) -> tuple[int, tuple[str, int]]:
    kind = socket.SOCK_STREAM if settings.protocol == "tcp" else socket.SOCK_DGRAM
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            settings.host, settings.port, type=kind, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _cannot_listen(settings: TransportSettings, error: OSError) -> Misconfigured:
    return Misconfigured(
        "sip-listen",
        f"[[sip.transports]] {settings.protocol} {where(settings.host, settings.port)}: cannot listen: "
        f"{error.strerror or error}. Stop the program that uses it, or change host or port.",
    )


class Connection(asyncio.Protocol):
    """One TCP connection, taken or made. Its flow is fixed from the start; what is sent early waits."""

    def __init__(self, home: TcpHome, peer: tuple[str, int] | None = None) -> None:
        """`peer`: where a connection that we make goes."""
        self._home = home
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._heard_at = home.loop.time()
        self._heard = False
        self._idle: asyncio.TimerHandle | None = None
        self.made = peer is not None
        self.key = home.next_key()
        self.local: tuple[str, int] = ("", 0)
        self.flow = Flow("TCP", *(peer or ("", 0)), self.key)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = tuple(transport.get_extra_info("sockname")[:2])
        if not self.flow.host:
            host, port = transport.get_extra_info("peername")[:2]
            self.flow = Flow("TCP", host, port, self.key)
            if not self._home.admit(self):
                self._transport.abort()
                return
        self._watch(self._home.limits.first_message_s)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.send(data)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._home.loop.time()
        for found in self._parser.feed(data):
            if found is KEEPALIVE_PING:
                self.send(b"\r\n")
            elif isinstance(found, SipParseError):
                self._home.taker.take_fault(found, self.flow)
            elif isinstance(found, Request | Response):
                self._heard = True
                self._home.taker.take_message(found, self.flow)
        if self._parser.broken:
            self.cut()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._transport = None
        self._home.forget(self)

    def send(self, data: bytes) -> None:
        """Write now, or once the connection stands."""
        if self._transport is None:
            self._waiting.append(data)
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._home.limits.unread_bytes:
            self.cut()

    def cut(self) -> None:
        """Close a connection that does harm."""
        self._home.counts.connections_cut += 1
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written."""
        if self._transport is not None:
            self._transport.close()

    def _watch(self, delay_s: float) -> None:
        self._idle = self._home.loop.call_later(delay_s, self._check_silence)

    def _check_silence(self) -> None:
        if not self._heard and not self.made:
            self.cut()
            return
        left_s = self._heard_at + self._home.limits.idle_s - self._home.loop.time()
        if left_s > 0:
            self._watch(left_s)
        else:
            self.cut()


class TcpHome:
    """All TCP listeners and connections of a stack."""

    def __init__(self, taker: Taker, counts: Counters, limits: TcpLimits) -> None:
        self.taker = taker
        self.counts = counts
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.listeners: list[tuple[TransportSettings, asyncio.Server, str, int]] = []
        self._open: dict[str, Connection] = {}
        self._made: dict[tuple[str, int], Connection] = {}
        self._by_host: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial = 0

    def __len__(self) -> int:
        return len(self._open)

    def next_key(self) -> str:
        self._serial += 1
        return f"tcp{self._serial}"

    async def listen(self, settings: TransportSettings) -> None:
        """Listen; raises `Misconfigured` when the address cannot be had."""
        family, (host, port) = await _own_address(settings)
        try:
            server = await self.loop.create_server(
                lambda: Connection(self), host, port, family=family, backlog=512
            )
        except OSError as error:
            raise _cannot_listen(settings, error) from error
        bound = server.sockets[0].getsockname()
        self.listeners.append((settings, server, bound[0], bound[1]))

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, unless there are too many."""
        host = connection.flow.host
        count = self._by_host.get(host, 0)
        if len(self._open) >= self.limits.connections or count >= self.limits.a_host:
            self.counts.connections_refused += 1
            return False
        self._open[connection.key] = connection
        self._by_host[host] = count + 1
        return True

    def forget(self, connection: Connection) -> None:
        """A connection ended, or was never made: tell it once."""
        if self._open.pop(connection.key, None) is None:
            return
        flow = connection.flow
        left = self._by_host.get(flow.host, 1) - 1
        if left > 0:
            self._by_host[flow.host] = left
        else:
            self._by_host.pop(flow.host, None)
        if self._made.get((flow.host, flow.port)) is connection:
            del self._made[(flow.host, flow.port)]
        self.taker.take_failure(flow)

    def get(self, flow: Flow) -> Connection | None:
        """The open connection of a flow; never that of another peer which has its id after a restart."""
        connection = self._open.get(flow.local)
        return connection if connection is not None and connection.flow == flow else None

    def to(self, host: str, port: int) -> Connection | None:
        """The connection we made to a peer, made now if there is none; None: too many are open."""
        connection = self._made.get((host, port))
        if connection is None:
            connection = Connection(self, (host, port))
            if not self.admit(connection):
                return None
            self._made[(host, port)] = connection
            task = self.loop.create_task(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return connection

    async def _connect(self, connection: Connection) -> None:
        flow = connection.flow
        try:
            async with asyncio.timeout(self.limits.connect_s):
                await self.loop.create_connection(lambda: connection, flow.host, flow.port)
        except OSError:  # TimeoutError is one
            self.forget(connection)

    def connections(self) -> Iterator[Connection]:
        return iter(tuple(self._open.values()))

    async def close(self) -> None:
        for _, server, _, _ in self.listeners:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self.connections():
            connection.close()
        self.listeners.clear()
