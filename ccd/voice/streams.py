"""TCP and TLS for SIP: listeners, connections taken and made (RFC 3261 §18, RFC 5626 §4.4.1, RFC 5923).

A connection is counted from its first octet on, its TLS handshake included, and every one that says nothing
sensible in time is closed. What is sent before a connection stands waits for it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import Final, cast

import msgspec
import structlog

from ccd.errors import CcdError
from ccd.model.settings import TransportSettings
from ccd.sip.events import Flow
from ccd.sip.message import KEEPALIVE_PING, Request, Response, SipParseError, StreamParser
from ccd.tls import client_context, load, said, server_context
from ccd.voice.secured import Secured
from ccd.voice.transport import Counters, Taker, cannot_listen, own_address, where

log = structlog.get_logger(__name__)

TLS: Final = "TLS"


class StreamLimits(msgspec.Struct, frozen=True):
    """Bounds on connections, so that no peer can hold what others need."""

    connections: int = 4000
    a_host: int = 400
    """From one address; many phones may stand behind one NAT."""
    handshake_s: float = 10.0
    """A peer has this long for its half of a TLS handshake."""
    first_message_s: float = 20.0
    """A connection that has sent no whole message by then is closed."""
    idle_s: float = 7500.0
    """Silence after which a connection is closed: over twice the longest registration."""
    unread_bytes: int = 1 << 20
    """A peer that lets this much wait to be read is cut off."""
    connect_s: float = 4.0


class Trust(msgspec.Struct, frozen=True):
    """Whom we expect at the far end of a TLS connection that we make."""

    name: str
    """The name or address that its certificate must hold (RFC 5922 §7.1)."""
    ca: str = ""
    """File (PEM) of the authority that signed it; empty: the system's authorities."""


Way = tuple[str, str, int, Trust | None]
"""Protocol, address and port that a connection of ours goes to, and whom we expect there."""


class Connection(asyncio.Protocol):
    """One connection, taken or made. Its flow is fixed from the start; what is sent early waits."""

    def __init__(
        self, home: Streams, protocol: str, peer: tuple[str, int] | None = None, tls: Secured | None = None
    ) -> None:
        """`protocol`: `TCP` or `TLS`; `peer`: where a connection that we make goes; `tls`: our end of it."""
        self._home = home
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._heard_at = home.loop.time()
        self._heard = False
        self._idle: asyncio.TimerHandle | None = None
        self.tls = tls
        self.name = ""
        """Whom we expect at the far end of a TLS connection that we make."""
        self.refused = False
        """It was not taken in, or its handshake failed; that was told."""
        self.way: Way | None = None
        """By what it is found again; only of one that we make."""
        self.made = peer is not None
        self.key = home.next_key(protocol)
        self.local: tuple[str, int] = ("", 0)
        self.flow = Flow(protocol, *(peer or ("", 0)), self.key)

    @property
    def stands(self) -> bool:
        """Whether something can be sent at once."""
        return self._transport is not None and (self.tls is None or self.tls.stands)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = tuple(transport.get_extra_info("sockname")[:2])
        if not self.flow.host:
            host, port = transport.get_extra_info("peername")[:2]
            self.flow = Flow(self.flow.protocol, host, port, self.key)
            if not self._home.admit(self):
                self.refused = True
                self._transport.abort()
                return
        if self.tls is None:
            self._watch(self._home.limits.first_message_s)
            self._send_waiting()
            return
        self._watch(self._home.limits.handshake_s)
        if self.made:
            self.tls.begin()
            self._transport.write(self.tls.outgoing())

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._home.loop.time()
        plain = data if self.tls is None else self._decrypted(self.tls, data)
        for found in self._parser.feed(plain) if plain else ():
            if found is KEEPALIVE_PING:
                self.send(b"\r\n")
            elif isinstance(found, SipParseError):
                self._home.taker.take_fault(found, self.flow)
            elif isinstance(found, Request | Response):
                self._heard = True
                self._home.taker.take_message(found, self.flow)
        if self._parser.broken:
            self.cut()
        elif self.tls is not None and self.tls.closed:
            self.close()

    def _decrypted(self, tls: Secured, data: bytes) -> bytes:
        stood = tls.stands
        try:
            plain = tls.receive(data)
        except ssl.SSLError as error:
            if not stood:
                self._home.handshake_failed(self, said(error))
            self._write(tls.outgoing())  # says why
            self.close()
            return b""
        self._write(tls.outgoing())
        if tls.stands and not stood:
            self._watch(self._home.limits.first_message_s)
            self._send_waiting()
        return plain

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.send(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self.tls is not None and not self.tls.stands and self._transport is not None:
            self._home.handshake_failed(self, "the peer hung up during the handshake")
        self._transport = None
        self._home.forget(self)

    def send(self, data: bytes) -> None:
        """Write now, or once the connection stands."""
        if not self.stands:
            self._waiting.append(data)
            return
        if self.tls is not None:
            self.tls.send(data)
            data = self.tls.outgoing()
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None or not data:
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
        if self._transport is None:
            return
        if self.tls is not None and self.tls.stands:
            self.tls.close()
            self._write(self.tls.outgoing())
        self._transport.close()

    def _watch(self, delay_s: float) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._home.loop.call_later(delay_s, self._check_silence)

    def _check_silence(self) -> None:
        if self.tls is not None and not self.tls.stands:
            self._home.handshake_failed(self, f"no handshake within {self._home.limits.handshake_s:g} s")
            self.cut()
            return
        if not self._heard and not self.made:
            self.cut()
            return
        left_s = self._heard_at + self._home.limits.idle_s - self._home.loop.time()
        if left_s > 0:
            self._watch(left_s)
        else:
            self.cut()


class Listener(msgspec.Struct, frozen=True):
    """One listening socket."""

    settings: TransportSettings
    server: asyncio.Server
    host: str
    port: int
    context: ssl.SSLContext | None

    @property
    def protocol(self) -> str:
        """`TCP` or `TLS`."""
        return self.settings.protocol.upper()


class Streams:
    """All TCP and TLS listeners and connections of a stack."""

    def __init__(self, taker: Taker, counts: Counters, limits: StreamLimits) -> None:
        self.taker = taker
        self.counts = counts
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.listeners: list[Listener] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        """What we connect with, by authority."""
        self._open: dict[str, Connection] = {}
        self._made: dict[Way, Connection] = {}
        self._by_host: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial = 0

    def __len__(self) -> int:
        return len(self._open)

    def next_key(self, protocol: str) -> str:
        """An id for a connection."""
        self._serial += 1
        return f"{protocol.lower()}{self._serial}"

    async def listen(self, settings: TransportSettings) -> None:
        """Listen; raises `Misconfigured` when the address cannot be had or the certificate not be used."""
        protocol = settings.protocol.upper()
        context = server_context(settings.certificate, settings.key) if protocol == TLS else None

        def taken() -> Connection:
            return Connection(self, protocol, tls=Secured(context) if context is not None else None)

        family, (host, port) = await own_address(settings)
        try:
            server = await self.loop.create_server(taken, host, port, family=family, backlog=512)
        except OSError as error:
            raise cannot_listen(settings, error) from error
        bound = server.sockets[0].getsockname()
        self.listeners.append(Listener(settings, server, bound[0], bound[1], context))

    def certificates(self) -> list[tuple[str, str]]:
        """Certificate and key of each listener that has them."""
        secured = [each.settings for each in self.listeners if each.context is not None]
        return [(each.certificate, each.key) for each in secured]

    def renew(self) -> None:
        """Read our certificates again: they may have been renewed. One that cannot be used is logged, and the
        old one stays in use. Connections that stand notice nothing."""
        for listener in self.listeners:
            if listener.context is not None:
                try:
                    load(listener.context, listener.settings.certificate, listener.settings.key)
                except CcdError as fault:
                    log.error("tls_certificate_unusable", problem=fault.message)
        self._contexts.clear()

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
        if connection.way is not None and self._made.get(connection.way) is connection:
            del self._made[connection.way]
        self.taker.take_failure(flow)

    def get(self, flow: Flow) -> Connection | None:
        """The open connection of a flow; never that of another peer which has its id after a restart."""
        connection = self._open.get(flow.local)
        return connection if connection is not None and connection.flow == flow else None

    def to(self, protocol: str, host: str, port: int, trust: Trust | None = None) -> Connection | None:
        """The connection we made to a peer, made now if there is none; None: too many are open.

        `trust`: whom to expect there, for TLS; without, a certificate for that address.
        """
        if protocol == TLS and trust is None:
            trust = Trust(host)
        way = (protocol, host, port, trust)
        connection = self._made.get(way)
        if connection is None:
            connection = Connection(self, protocol, (host, port))
            if not self.admit(connection):
                return None
            connection.way = way
            self._made[way] = connection
            task = self.loop.create_task(self._connect(connection, trust))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return connection

    async def _connect(self, connection: Connection, trust: Trust | None) -> None:
        flow = connection.flow
        try:
            async with asyncio.timeout(self.limits.connect_s):
                if trust is not None:
                    connection.name = trust.name
                    connection.tls = Secured(await self._context(trust), trust.name)
                await self.loop.create_connection(lambda: connection, flow.host, flow.port)
        except CcdError as fault:
            self.handshake_failed(connection, fault.message)
            self.forget(connection)
        except OSError:  # TimeoutError is one
            self.forget(connection)

    def handshake_failed(self, connection: Connection, problem: str) -> None:
        """Told once a connection. Strangers who speak no TLS are counted; a carrier's fault is for people."""
        if connection.refused:
            return
        connection.refused = True
        self.counts.handshakes_failed += 1
        peer = where(connection.flow.host, connection.flow.port)
        if connection.made:
            log.warning("tls_failed", peer=peer, name=connection.name, problem=problem)
        else:
            log.debug("tls_failed", peer=peer, problem=problem)

    async def _context(self, trust: Trust) -> ssl.SSLContext:
        """Made off the loop: the system's authorities are a long file."""
        found = self._contexts.get(trust.ca)
        if found is None:
            found = await asyncio.to_thread(client_context, trust.ca)
            own = next((each.settings for each in self.listeners if each.context is not None), None)
            if own is not None:  # some carriers ask for ours
                load(found, own.certificate, own.key)
            self._contexts[trust.ca] = found
        return found

    def connections(self) -> Iterator[Connection]:
        return iter(tuple(self._open.values()))

    async def close(self) -> None:
        for listener in self.listeners:
            listener.server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self.connections():
            connection.close()
        self.listeners.clear()
