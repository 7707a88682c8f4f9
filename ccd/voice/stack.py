"""The SIP shell: one endpoint, its sockets, one timer. Events come out on the loop's thread, never nested.

Everything that waits for a time waits in the endpoint; this shell only wakes it up.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from math import inf
from typing import Any

import msgspec

from ccd.clock import Clock
from ccd.errors import Refused, TryLater
from ccd.ids import Chance
from ccd.model.settings import SipSettings, TransportSettings
from ccd.sip.endpoint import ClientTransaction, Endpoint, Event, Flow, ServerTransaction
from ccd.sip.message import Message, Request, Response, SipParseError
from ccd.sip.uri import SipUri
from ccd.voice.advertising import Advertised
from ccd.voice.streams import TLS, StreamLimits, Streams, Trust
from ccd.voice.transport import Counters, UdpListener, bind_udp, where

STREAMS = frozenset({"TCP", TLS})
SHORTEST_NAP_S = 0.02
SEEN_TO = -inf
"""No timer is set, and none need be: a socket is looked into from time to time."""
"""SIP's timers count in halves of seconds: those that come due close together share one wake-up."""

MOST_TRACED_BYTES = 4096
"""What is kept of one message for the trace: a flood of huge ones must not fill the memory."""
MOST_HIDDEN = 4096
INFO = b"INFO "
_CREDENTIALS = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:[ \t]*)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_USERNAME = re.compile(rb'\busername[ \t]*=[ \t]*"[^"\r\n]*"', re.IGNORECASE)
_SRTP_KEY = re.compile(rb"^(a=crypto:\S*[ \t]+\S*)[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_NONCE = re.compile(rb'\bnonce[ \t]*=[ \t]*"[^"\r\n]*"', re.IGNORECASE)

OnEvent = Callable[[Event], None]


class Traced(msgspec.Struct, frozen=True):
    """One message as it went over the wire; `direction` is `in` or `out`, `at` seconds of the clock."""

    at: float
    direction: str
    flow: Flow
    data: bytes


class SipStack:
    """Transactions over sockets. All calls on the loop's thread.

    `on_event` gets each event once, after what was to be sent has been sent; calls made inside it are
    carried out at once, their events follow later.
    """

    def __init__(
        self,
        settings: SipSettings,
        clock: Clock,
        chance: Chance,
        limits: StreamLimits | None = None,
        wall: Clock | None = None,
    ) -> None:
        """`wall`: by which the trace tells the time, if it is another clock."""
        self._clock = clock
        self._wall = wall or clock
        self._limits = limits or StreamLimits()
        self.endpoint = Endpoint(
            chance, t1=settings.t1_ms / 1000, now=clock.now(), retry_after_s=settings.retry_after_s
        )
        self.counts = Counters()
        self._traced: deque[tuple[float, str, Flow, bytes | Message]] = deque(maxlen=settings.trace_messages)
        self._hidden: OrderedDict[bytes, None] = OrderedDict()
        """Call-IDs of late on which keys were secret: the trace shows no INFO of theirs."""
        self._udp: dict[str, UdpListener] = {}
        self._streams: Streams | None = None
        self._advertised = Advertised(clock, self._find_place)
        self._on_event: OnEvent = _ignore
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        """The deadline that the timer is set for; infinite: none is set."""
        self._telling: float | None = None
        """The time of the events that are being told; None: none are."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell_moves(self, moved: Callable[[str], None]) -> None:
        """`moved` is called, in its own turn, with the host of a peer towards whom our address changed."""

        def soon(peer: str) -> None:
            if self._loop is not None:
                self._loop.call_soon(moved, peer)

        self._advertised.moved = soon

    async def start(self, transports: tuple[TransportSettings, ...], on_event: OnEvent) -> None:
        """Listen on all transports. Raises `Misconfigured`, and then listens on none."""
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._streams = Streams(self, self.counts, self._limits)
        try:
            for settings in transports:
                if settings.protocol != "udp":
                    await self._streams.listen(settings)
                else:
                    listener = await bind_udp(settings, self, self.counts)
                    self._udp[listener.key] = listener
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all sockets; open transactions are forgotten."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = inf
        self._on_event = _ignore
        self._loop = None
        for listener in self._udp.values():
            listener.close()
        self._udp.clear()
        if self._streams is not None:
            await self._streams.close()

    def certificates(self) -> list[tuple[str, str]]:
        """Files of those that we show, each with its key."""
        return self._streams.certificates() if self._streams is not None else []

    def renew(self) -> None:
        """Our certificates may have been renewed: read them again."""
        if self._streams is not None:
            self._streams.renew()

    # What the user calls

    def request(self, request: Request, flow: Flow, owner: Any = None) -> ClientTransaction:
        """Send in a new client transaction; its events carry `owner`."""
        host, port = self._advertised.of(flow)
        now = self._clock.now() if self._telling is None else self._telling
        tx = self.endpoint.request(request, flow, now, owner, host, port)
        self._flush(now)
        return tx

    def respond(self, tx: ServerTransaction, response: Response) -> bool:
        """Answer; False when `tx` has its final answer or has ended."""
        now = self._clock.now() if self._telling is None else self._telling
        sent = self.endpoint.respond(tx, response, now)
        self._flush(now)
        return sent

    def reply(
        self,
        tx: ServerTransaction,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> bool:
        """Answer with a plain response that carries the transaction's To-tag."""
        now = self._clock.now() if self._telling is None else self._telling
        sent = self.endpoint.reply(tx, status, now, reason, headers)
        self._flush(now)
        return sent

    def dismiss(self, tx: ServerTransaction, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Refuse a request and keep nothing of it: for those who have not shown who they are."""
        now = self._clock.now() if self._telling is None else self._telling
        self.endpoint.dismiss(tx, status, now, headers)
        self._flush(now)

    def send_ack(self, tx: ClientTransaction, ack: Request, flow: Flow) -> None:
        """Send the ACK for a 2xx to `tx`; repeated by itself for each copy of the 2xx."""
        now = self._clock.now() if self._telling is None else self._telling
        self.endpoint.send_ack(tx, ack, flow, now)
        self._flush(now)

    def cancel(self, tx: ClientTransaction, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Give up an INVITE; see `Endpoint.cancel`."""
        now = self._clock.now() if self._telling is None else self._telling
        self.endpoint.cancel(tx, now, headers)
        self._flush(now)

    def flow_to(self, host: str, port: int = 5060, protocol: str = "UDP", trust: Trust | None = None) -> Flow:
        """The flow to an address (no name: nothing here may wait for DNS).

        UDP: over the first listener of that family. TCP and TLS: the connection to it, made when there is
        none; with TLS `trust` says whose certificate must be shown there (else: one for the address).
        Raises `Refused` for a name or where we have no fitting transport, `TryLater` at the limit.
        """
        try:
            version = ip_address(host.partition("%")[0]).version
        except ValueError:
            raise Refused(
                "sip-no-address", f"{host} is a name, not an IP address: resolve it first"
            ) from None
        if protocol.upper() in STREAMS and self._streams is not None:
            connection = self._streams.to(protocol.upper(), host, port, trust)
            if connection is None:
                raise TryLater("sip-connections", "too many connections are open; see ccctl status")
            return connection.flow
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        listener = self._listener_of(family) if protocol.upper() == "UDP" else None
        if listener is None:
            raise Refused(
                "sip-no-transport",
                f"no {protocol} transport over IPv{version} towards {host}: add one to [[sip.transports]]",
            )
        return Flow("UDP", host, port, listener.key)

    def stands(self, flow: Flow) -> bool:
        """Whether something can be sent over a flow: a connection may be gone."""
        return not flow.reliable or (self._streams is not None and self._streams.get(flow) is not None)

    def flow_for(self, uri: SipUri) -> Flow:
        """The flow to what a URI names: `maddr`, port and `transport` are heeded; raises as `flow_to`."""
        protocol = uri.transport or "UDP"
        if protocol == TLS or uri.scheme == "sips":
            return self.flow_to(uri.params.get("maddr") or uri.host, uri.port or 5061, TLS, Trust(uri.host))
        return self.flow_to(uri.params.get("maddr") or uri.host, uri.port or 5060, protocol)

    def contact_host(self, flow: Flow) -> str:
        """`host:port` of ours to put into Contact towards that peer."""
        return where(*self._advertised.of(flow))

    def advertised(self, flow: Flow) -> tuple[str, int]:
        """Host (no brackets) and port of ours that a peer should use; the host is good for SDP too."""
        return self._advertised.of(flow)

    def listening(self, protocol: str = "UDP") -> list[tuple[str, int]]:
        """Bound addresses of a protocol, in the order of the configuration."""
        if protocol == "UDP":
            return [(listener.host, listener.port) for listener in self._udp.values()]
        listeners = self._streams.listeners if self._streams is not None else []
        return [(each.host, each.port) for each in listeners if each.protocol == protocol]

    def hide(self, call_id: str) -> None:
        """Keys of this call are secret from now on: what its INFOs carry is not kept, to the call's end and
        beyond (copies come late)."""
        self._hidden[call_id.encode()] = None
        self._hidden.move_to_end(call_id.encode())
        if len(self._hidden) > MOST_HIDDEN:
            self._hidden.popitem(last=False)

    def trace(self, call_id: str = "") -> list[Traced]:
        """Messages of late, oldest first; all, or those with that Call-ID."""
        wanted = call_id.encode()
        ahead_s = self._wall.now() - self._clock.now()
        found = []
        for at, direction, flow, what in self._traced:
            data = what if isinstance(what, bytes) else what.to_bytes()
            if wanted in data:
                found.append(Traced(at + ahead_s, direction, flow, masked(data)))
        return found

    def late_s(self) -> float:
        """For how long datagrams of some socket have been read too late."""
        return max((each.late_s for each in self._udp.values()), default=0.0)

    def report(self) -> dict[str, object]:
        """Counters for `ccctl status`."""
        return {
            "transactions": self.endpoint.active,
            "connections": len(self._streams) if self._streams is not None else 0,
            **self.endpoint.counters,
            **msgspec.structs.asdict(self.counts),
        }

    # What the sockets call

    def take_datagram(self, data: bytes, flow: Flow) -> None:
        now = self._clock.now()
        kept = data
        if self._hidden or len(data) >= MOST_TRACED_BYTES:
            kept = self._kept(data)
        self._traced.append((now, "in", flow, kept))
        self.endpoint.receive(data, flow, now)
        self._flush(now)

    def take_message(self, message: Request | Response, flow: Flow) -> None:
        now = self._clock.now()
        small = message.size < MOST_TRACED_BYTES
        kept = message if small else _head(message.to_bytes())
        if self._hidden and isinstance(message, Request) and message.method == "INFO":
            kept = without_keys(message.to_bytes()[:MOST_TRACED_BYTES], self._hidden)
        self._traced.append((now, "in", flow, kept))
        self.endpoint.receive_message(message, flow, now)
        self._flush(now)

    def take_fault(self, fault: SipParseError, flow: Flow) -> None:
        self.endpoint.refuse(fault, flow)
        self._flush(self._clock.now())

    def take_failure(self, flow: Flow) -> None:
        self._advertised.forget(flow)
        now = self._clock.now()
        self.endpoint.flow_failed(flow, now)
        self._flush(now)

    def looked(self) -> None:
        """What has come due meanwhile shares the wake-up of a look into a socket: no timer under traffic."""
        now = self._clock.now()
        if self.endpoint.timers.soonest <= now:
            self.endpoint.expire(now)
            self._flush(now)
        if self._timer_at == SEEN_TO and not self._looks():
            self._timer_at = inf
            self._set_timer(now)

    # Inside

    def _flush(self, now: float) -> None:
        """Send what is to be sent, then tell one event; again until nothing is left. Never nested."""
        if self._telling is not None:
            return
        self._telling = now
        endpoint, events = self.endpoint, self.endpoint.events
        try:
            while True:
                batch = endpoint.out
                if batch:
                    endpoint.out = []
                    for flow, data in batch:
                        kept = data
                        if self._hidden or len(data) >= MOST_TRACED_BYTES:
                            kept = self._kept(data)
                        self._traced.append((now, "out", flow, kept))
                        self._send(flow, data)
                elif events:
                    event = events.popleft()
                    try:
                        self._on_event(event)
                    except Exception as error:
                        self._report_fault(event, error)
                else:
                    break
        finally:
            self._telling = None
        if endpoint.timers.soonest < self._timer_at:
            self._set_timer(now)

    def _kept(self, data: bytes) -> bytes:
        """What the trace keeps of a datagram that is large, or that may hold keys."""
        kept = data if len(data) < MOST_TRACED_BYTES else _head(data)
        return without_keys(kept, self._hidden) if data.startswith(INFO) else kept

    def _send(self, flow: Flow, data: bytes) -> None:
        if flow.protocol == "UDP":
            listener = self._udp.get(flow.local) or self._listener_of(
                socket.AF_INET6 if ":" in flow.host else socket.AF_INET
            )
            if listener is not None:
                listener.send(flow, data)
                return
        else:
            connection = self._streams.get(flow) if self._streams is not None else None
            if connection is not None:
                connection.send(data)
                return
        self.endpoint.flow_failed(flow, self._clock.now())

    def _report_fault(self, event: Event, error: Exception) -> None:
        """Last resort: a fault in one event's user must not stop the sockets for all."""
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"fault while handling {type(event).__name__}", "exception": error}
        )

    def _set_timer(self, now: float) -> None:
        """Keep the one timer at or before the next deadline; one that is too early does no harm."""
        deadline = self.endpoint.next_deadline()
        if deadline is None or self._loop is None or self._timer_at <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._looks():
            self._timer_at = SEEN_TO
            return
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(SHORTEST_NAP_S, deadline - now), self._wake)

    def _looks(self) -> bool:
        """A socket is looked into from time to time; `looked` follows each look, the last one too."""
        return any(each.looking for each in self._udp.values())

    def _wake(self) -> None:
        self._timer = None
        self._timer_at = inf
        now = self._clock.now()
        self.endpoint.expire(now)
        self._flush(now)

    def _listener_of(self, family: int) -> UdpListener | None:
        return next((found for found in self._udp.values() if found.family == family), None)

    def _find_place(self, flow: Flow) -> tuple[str, int]:
        return self._find_udp(flow) if flow.protocol == "UDP" else self._find_stream(flow)

    def _find_udp(self, flow: Flow) -> tuple[str, int]:
        family = socket.AF_INET6 if ":" in flow.host else socket.AF_INET
        listener = self._udp.get(flow.local) or self._listener_of(family)
        if listener is None:
            return ("", 0)
        if listener.settings.advertise:
            return _split(listener.settings.advertise, listener.port)
        return (_local_towards(flow, family) if listener.wild else listener.host, listener.port)

    def _find_stream(self, flow: Flow) -> tuple[str, int]:
        """The connection's own address, with the port where we listen for others to connect."""
        connection = self._streams.get(flow) if self._streams is not None else None
        host, port = connection.local if connection is not None else ("", 0)
        if not host:
            host = _local_towards(flow, socket.AF_INET6 if ":" in flow.host else socket.AF_INET)
        for each in self._streams.listeners if self._streams is not None else ():
            if each.protocol == flow.protocol and (":" in each.host) == (":" in host):
                given = each.settings.advertise
                return _split(given, each.port) if given else (host, each.port)
        return (host, port or (5061 if flow.protocol == TLS else 5060))


def without_keys(data: bytes, calls: Iterable[bytes]) -> bytes:
    """An INFO without its body where it belongs to one of the calls, whatever the spelling of its headers."""
    if not any(call in data for call in calls):
        return data
    head = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    return head + b"\r\n\r\n(masked)"


def masked(data: bytes) -> bytes:
    """A message as it may be shown: who authenticates stays, what a password could be guessed from goes."""
    data = _NONCE.sub(b'nonce="(masked)"', _CREDENTIALS.sub(_without_proof, data))
    return _SRTP_KEY.sub(rb"\1 inline:(masked)", data)


def _without_proof(found: re.Match[bytes]) -> bytes:
    who = _USERNAME.search(found[2])
    return found[1] + (who[0] + b" " if who else b"") + b"(masked)"


def _head(data: bytes) -> bytes:
    return data[:MOST_TRACED_BYTES] + b"\r\n(%d octets in all)\r\n" % len(data)


def _ignore(_event: Event) -> None:
    """No user yet, or no more."""


def _split(advertise: str, port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]` or `[v6]:port` of the configuration."""
    if advertise.startswith("["):
        host, _, rest = advertise[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdigit() else port
    if advertise.count(":") == 1:
        host, _, text = advertise.partition(":")
        return host, int(text) if text.isdigit() else port
    return advertise, port


def _local_towards(flow: Flow, family: int) -> str:
    """Our address on the way to a peer: a connected UDP socket knows it without sending anything. Empty: no
    way leads there."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((flow.host, flow.port or 5060))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
