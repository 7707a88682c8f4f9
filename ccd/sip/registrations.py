"""Where addresses of record can be reached: the registrar's table (RFC 3261 §10.3, sans-IO).

Keeps the source of each REGISTER beside its Contact, because a phone behind NAT is only reached
there (RFC 5626 in spirit: the flow is the binding), and Path (RFC 3327). Who may register is
decided before; digest is no matter of this table.
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from ccd.sip.address import Address
from ccd.sip.events import Flow
from ccd.sip.message import Request, SipParseError
from ccd.sip.timers import Entry, Timers
from ccd.sip.uri import SipUri

MAX_CONTACT = 512
"""Longest Contact URI kept, in characters."""


class Bound:
    """One place where one device can be reached."""

    __slots__ = (
        "call_id",
        "contact",
        "cseq",
        "device",
        "expires_at",
        "expiry",
        "flow",
        "granted_s",
        "key",
        "order",
        "q",
        "route",
        "user_agent",
    )

    def __init__(
        self,
        device: str,
        key: str,
        contact: str,
        flow: Flow,
        call_id: str,
        cseq: int,
        expires_at: float,
        granted_s: int,
        q: float = 1.0,
        route: tuple[str, ...] = (),
        user_agent: str = "",
    ) -> None:
        self.device = device
        self.key = key
        """Identifies it within its device: the instance (RFC 5626) or the canonical Contact URI."""
        self.contact = contact
        """Request-URI for requests to it."""
        self.flow = flow
        """Next hop: where its REGISTER came from."""
        self.route = route
        """Path to it (RFC 3327), to be used as preloaded Route."""
        self.call_id = call_id
        self.cseq = cseq
        self.expires_at = expires_at
        self.granted_s = granted_s
        self.q = q
        self.user_agent = user_agent
        self.order = 0
        self.expiry: Entry[Bound, None] | None = None


class Unbound(NamedTuple):
    """A binding that is gone, and why: `unregistered`, `expired`, `replaced`, `connection closed`."""

    binding: Bound
    cause: str


class Taken(NamedTuple):
    """A binding that a REGISTER made or refreshed; `changed`: it is new or is reached elsewhere now."""

    binding: Bound
    changed: bool


class Outcome(NamedTuple):
    """How a REGISTER is answered, and what it did."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...] = ()
    taken: tuple[Taken, ...] = ()
    unbound: tuple[Unbound, ...] = ()


class _Wish(NamedTuple):
    key: str
    address: Address
    uri: SipUri
    seconds: int


class _Unacceptable(Exception):
    """A Contact that is answered with `outcome`; nothing of the request is done (§10.3 step 7)."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.phrase)
        self.outcome = outcome


class Registrations:
    """All bindings of all devices, with one heap for their expiry."""

    def __init__(self, min_s: int = 60, max_s: int = 3600, default_s: int = 600) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._default_s = default_s
        self._devices: dict[str, dict[str, Bound]] = {}
        self._flows: dict[Flow, dict[tuple[str, str], Bound]] = {}
        self._timers: Timers[Bound, None] = Timers()
        self._order = count(1)
        self._count = 0

    def register(self, device: str, request: Request, flow: Flow, now: float, limit: int) -> Outcome:
        """Carry out an authorised REGISTER for `device`: whole or not at all.

        `limit`: most bindings of the device; one more replaces the oldest, so that a phone that
        came back on a new address is never locked out by its former self.
        """
        try:
            if request.contact_is_star:
                return self._clear(device, request, now)
            wishes = self._read(request)
        except _Unacceptable as refused:
            return refused.outcome
        if len(wishes) > limit:
            return Outcome(403, "Too Many Contacts")
        held = self._devices.get(device, {})
        if any(_stale(held.get(wish.key), request) for wish in wishes):
            return Outcome(500, "CSeq Out Of Order")
        return self._apply(device, wishes, request, flow, now, limit)

    def _read(self, request: Request) -> list[_Wish]:
        whole = request.expires
        wishes: dict[str, _Wish] = {}
        try:
            contacts = request.contacts
        except SipParseError as broken:
            raise _Unacceptable(Outcome(400, "Bad Contact")) from broken
        for address in contacts:
            uri = address.uri
            if not isinstance(uri, SipUri) or len(str(uri)) > MAX_CONTACT:
                raise _Unacceptable(Outcome(400, "Contact Must Be A SIP URI"))
            own = address.expires if address.expires is not None else whole
            seconds = self._default_s if own is None else own
            if 0 < seconds < self._min_s:
                brief = (("Min-Expires", str(self._min_s)),)
                raise _Unacceptable(Outcome(423, "Interval Too Brief", brief))
            key = _key(address, uri)
            wishes[key] = _Wish(key, address, uri, min(seconds, self._max_s))
        return list(wishes.values())

    def _clear(self, device: str, request: Request, now: float) -> Outcome:
        """`Contact: *` removes everything, if it stands alone with Expires 0 (§10.3 step 6)."""
        if request.expires != 0 or len(request.get_all("Contact")) != 1:
            return Outcome(400, "Contact * Needs Expires 0")
        held = list(self._devices.get(device, {}).values())
        if any(_stale(bound, request) for bound in held):
            return Outcome(500, "CSeq Out Of Order")
        gone = tuple(Unbound(bound, "unregistered") for bound in held)
        for bound in held:
            self._remove(bound)
        return Outcome(200, "OK", self._contacts(device, now), (), gone)

    def _apply(
        self, device: str, wishes: list[_Wish], request: Request, flow: Flow, now: float, limit: int
    ) -> Outcome:
        taken: list[Taken] = []
        unbound: list[Unbound] = []
        for wish in wishes:
            former = self._devices.get(device, {}).get(wish.key)
            if former is not None:
                self._remove(former)
            if wish.seconds == 0:
                if former is not None:
                    unbound.append(Unbound(former, "unregistered"))
                continue
            fresh = self._bound(device, wish, request, flow, now)
            self._add(fresh)
            changed = former is None or former.contact != fresh.contact or former.flow != fresh.flow
            taken.append(Taken(fresh, changed))
        fresh_keys = {each.binding.key for each in taken}
        unbound += self._displace(device, fresh_keys, request, flow, limit)
        return Outcome(200, "OK", self._contacts(device, now), tuple(taken), tuple(unbound))

    def _displace(
        self, device: str, fresh: set[str], request: Request, flow: Flow, limit: int
    ) -> Iterator[Unbound]:
        """Remove what the new bindings replace: a phone's former self at its very place, then the oldest."""
        others = [b for key, b in self._devices.get(device, {}).items() if key not in fresh]
        if not fresh:
            return
        direct = len(request.vias) == 1
        places = {_place(self._devices[device][key].contact) for key in fresh}
        for bound in others:
            same_socket = bound.flow == flow and _place(bound.contact) in places
            if direct and same_socket and bound.call_id != request.call_id:
                self._remove(bound)
                yield Unbound(bound, "replaced")
        left = [bound for bound in others if bound.key in self._devices[device]]
        left.sort(key=lambda bound: bound.order)
        for bound in left[: max(0, len(self._devices[device]) - limit)]:
            self._remove(bound)
            yield Unbound(bound, "replaced")

    def _bound(self, device: str, wish: _Wish, request: Request, flow: Flow, now: float) -> Bound:
        route = tuple(request.get_all("Path"))
        return Bound(
            device,
            wish.key,
            str(wish.uri),
            flow if route else _next_hop(wish.uri, flow),
            request.call_id,
            request.cseq.number,
            now + wish.seconds,
            wish.seconds,
            wish.address.q,
            route,
            (request.get("User-Agent") or "")[:80],
        )

    def _contacts(self, device: str, now: float) -> tuple[tuple[str, str], ...]:
        return tuple(
            ("Contact", f"<{bound.contact}>;expires={max(0, round(bound.expires_at - now))}")
            for bound in self.bindings(device)
        )

    # -- the table ---------------------------------------------------------------------------

    def _add(self, bound: Bound) -> None:
        bound.order = next(self._order)
        self._devices.setdefault(bound.device, {})[bound.key] = bound
        self._flows.setdefault(bound.flow, {})[(bound.device, bound.key)] = bound
        bound.expiry = self._timers.set(bound.expires_at, bound, None)
        self._count += 1

    def _remove(self, bound: Bound) -> None:
        held = self._devices[bound.device]
        del held[bound.key]
        self._count -= 1
        if bound.expiry is not None:
            self._timers.cancel(bound.expiry)
            bound.expiry = None
        if not held:
            del self._devices[bound.device]
        at_flow = self._flows[bound.flow]
        del at_flow[(bound.device, bound.key)]
        if not at_flow:
            del self._flows[bound.flow]

    def restore(self, bound: Bound) -> None:
        """Put back a binding known from before; one that registered since then wins."""
        if bound.key not in self._devices.get(bound.device, {}):
            self._add(bound)

    def remove(self, device: str, key: str) -> Bound | None:
        """Take one binding out (its device is no longer configured)."""
        bound = self._devices.get(device, {}).get(key)
        if bound is not None:
            self._remove(bound)
        return bound

    def bindings(self, device: str) -> list[Bound]:
        """Bindings of a device, highest q first, then the newest first."""
        held = self._devices.get(device)
        if not held:
            return []
        if len(held) == 1:  # as of most
            return list(held.values())
        return sorted(held.values(), key=lambda bound: (-bound.q, -bound.order))

    def get(self, device: str, key: str) -> Bound | None:
        return self._devices.get(device, {}).get(key)

    def devices_at(self, flow: Flow) -> set[str]:
        """Devices bound to exactly this address (or connection)."""
        return {device for device, _ in self._flows.get(flow, ())}

    def close(self, flow: Flow) -> list[Unbound]:
        """A connection is gone, and with it what was bound to it."""
        gone = list(self._flows.get(flow, {}).values())
        for bound in gone:
            self._remove(bound)
        return [Unbound(bound, "connection closed") for bound in gone]

    def next_deadline(self) -> float | None:
        """When the next binding may expire, in the time of `now`."""
        return self._timers.next_deadline()

    def expire(self, now: float) -> list[Unbound]:
        """Remove the bindings whose time has come."""
        gone: list[Unbound] = []
        for bound, _ in self._timers.due(now):
            bound.expiry = None
            self._remove(bound)
            gone.append(Unbound(bound, "expired"))
        return gone

    def __iter__(self) -> Iterator[Bound]:
        for held in self._devices.values():
            yield from held.values()

    def __len__(self) -> int:
        return self._count


def _stale(former: Bound | None, request: Request) -> bool:
    """An older (or the same) request of the same Call-ID came late (§10.3 step 7)."""
    return former is not None and former.call_id == request.call_id and request.cseq.number <= former.cseq


def _key(address: Address, uri: SipUri) -> str:
    """RFC 5626 instance and reg-id, else what §19.1.4 compares of the URI."""
    instance = address.params.get("+sip.instance")
    if instance:
        name = instance.strip('<>"')
        return f"{name};{address.params.get('reg-id') or '0'}"[:MAX_CONTACT]
    transport = (uri.params.get("transport") or "").lower()
    return f"{uri.scheme}:{uri.user or ''}@{uri.host.lower()}:{uri.port or ''};{transport}"


def _place(contact: str) -> str:
    """Host and port of a Contact URI: one socket of one phone."""
    return contact.partition(";")[0].rpartition("@")[2].lower()


def _next_hop(uri: SipUri, flow: Flow) -> Flow:
    """The source of the REGISTER, unless the phone is plainly there and listens on another port.

    Without NAT (Contact names the source address) a phone may send from a port it does not listen on.
    """
    if flow.protocol == "UDP" and uri.host.strip("[]") == flow.host and (uri.port or 5060) != flow.port:
        return Flow(flow.protocol, flow.host, uri.port or 5060, flow.local)
    return flow
