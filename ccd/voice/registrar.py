"""The registrar for agents' devices: REGISTER in, facts out, phones found again after a restart.

RFC 3261 §10.3 with digest, NAT and connections kept; RFC 3581, 5626 and 3327 as far as phones need
them. The table itself is `ccd.sip.registrations`; here are authority, facts and the watch over phones.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
import structlog

from ccd.channels.port import Post
from ccd.clock import Clock
from ccd.errors import CcdError
from ccd.ids import Chance
from ccd.model.facts import DeviceBound, DeviceLost, DeviceReachable, DeviceUnbound
from ccd.model.nouns import Binding
from ccd.model.settings import DeviceSettings, Secret, SipSettings
from ccd.sip.events import Flow, RequestArrived
from ccd.sip.message import Request
from ccd.sip.registrations import Bound, Outcome, Registrations, Unbound
from ccd.voice.authentication import Admission, Authentication
from ccd.voice.qualify import Qualify, Reach, Stack, Watched
from ccd.voice.senders import Known, nobody, sender
from ccd.voice.streams import Trust
from ccd.voice.transport import where

log = structlog.get_logger(__name__)

_EXTENSIONS = frozenset({"path", "outbound", "gruu"})
"""What a phone may require of its registrar (RFC 3327, 5626, 5627): the first is done, the rest harmless."""
RESTORE_SPREAD_S = 5.0


class RegistrarStack(Stack, Protocol):
    """What the registrar asks of the SIP stack."""

    def reply(self, tx: Any, status: int, reason: str | None = None, headers: Any = ()) -> Any:
        """Answer a server transaction."""
        ...

    def dismiss(self, tx: Any, status: int, headers: Any = ()) -> None:
        """Answer a server transaction and forget it."""
        ...

    def flow_to(self, host: str, port: int, protocol: str, trust: Trust | None = None) -> Flow:
        """The flow from a listener of ours to that address; raises `Refused` or `TryLater`."""
        ...

    def listening(self) -> list[tuple[str, int]]:
        """Host and port of our UDP listeners."""
        ...


class _Kept(msgspec.Struct, omit_defaults=True):
    """What the ledger keeps of a binding (`Binding.blob`, JSON)."""

    contact: str
    protocol: str
    host: str
    port: int
    local: str
    call_id: str
    cseq: int
    granted_s: int
    q: float = 1.0
    route: tuple[str, ...] = ()
    user_agent: str = ""


class Registrar:
    """Devices and where they are. All calls on the loop's thread."""

    def __init__(
        self,
        devices: dict[str, DeviceSettings],
        sip: SipSettings,
        clock: Clock,
        chance: Chance,
        stack: RegistrarStack,
        post: Post,
        wall: Clock | None = None,
    ) -> None:
        """`wall`: by which the ledger is told when a binding ends, if it is another clock."""
        self._wall = wall or clock
        self._devices = devices
        self._sip = sip
        self._clock = clock
        self._stack = stack
        self._post = post
        self._authentication = Authentication(devices, sip.domain, sip.nonce_s, chance)
        self._table = Registrations(sip.min_expires_s, sip.max_expires_s, sip.default_expires_s)
        self._qualify = Qualify(
            stack, chance, f"sip:ccd@{sip.domain}", sip.qualify_timeout_s, self._reach_changed
        )
        self.proxies: Known = nobody
        """Addresses that forward what others send."""
        self.refused_unheard = 0
        """Requests of those who had guessed wrong too often."""
        self._note_at: dict[tuple[str, str], float] = {}
        """When a mere refresh of a binding is worth a fact again."""
        self._lost: set[str] = set()
        self._unsure: set[str] = set()
        """Devices restored and not heard of since: what the engines think of them may be wrong."""

    # -- requests ----------------------------------------------------------------------------

    def on_register(self, event: RequestArrived) -> None:
        """Answer a REGISTER."""
        request = event.request
        device = request.to.uri.user or ""
        unknown = [each for each in request.get_all("Require") if each.lower() not in _EXTENSIONS]
        if unknown:
            self._stack.reply(event.tx, 420, headers=[("Unsupported", ", ".join(unknown))])
            return
        now = self._clock.now()
        if not self._admit(event, device, now):
            return
        settings = self._devices[device]
        outcome = self._table.register(device, request, event.flow, now, settings.max_bindings)
        headers = list(outcome.headers)
        headers += [("Path", hop) for hop in request.get_all("Path")]
        self._stack.reply(event.tx, outcome.status, reason=outcome.phrase, headers=headers)
        self._follow(outcome, now)

    def authenticate(self, event: RequestArrived) -> str | None:
        """The device that sent a request (INVITE, MESSAGE, REFER…); None: it was answered with 401 or 403."""
        device = event.request.from_.uri.user or ""
        return device if self._admit(event, device, self._clock.now()) else None

    def _admit(self, event: RequestArrived, device: str, now: float) -> bool:
        host = sender(event.request, event.flow, self.proxies)
        admission = self._authentication.check(event.request, device, host, now)
        if admission is Admission.GRANTED:
            return True
        invite = event.request.method == "INVITE"  # its state would outlive a spoofed one by 32 s
        self.refused_unheard += admission is Admission.BLOCKED
        if admission in {Admission.FORBIDDEN, Admission.BLOCKED}:
            if invite:
                self._stack.dismiss(event.tx, 403)
            else:
                self._stack.reply(event.tx, 403)
        else:
            stale = admission is Admission.STALE
            challenges = self._authentication.challenges(event.request, device, host, stale, now)
            if invite:
                self._stack.dismiss(event.tx, 401, headers=challenges)
            else:
                self._stack.reply(event.tx, 401, headers=challenges)
        return False

    def device_at(self, flow: Flow) -> str:
        """The one device bound to exactly this address or connection; empty when none or several are."""
        found = self._table.devices_at(flow)
        return found.pop() if len(found) == 1 else ""

    def stands_at(self, device: str, flow: Flow) -> bool:
        """Whether a device is bound there, others perhaps too: a proxy brings the calls of many."""
        return device in self._table.devices_at(flow)

    def claimed(self, request: Request) -> str:
        """The device that a request names in From; empty when it names none that is configured."""
        user = request.from_.uri.user or ""
        return user if user in self._devices else ""

    # -- what came of it ---------------------------------------------------------------------

    def _follow(self, outcome: Outcome, now: float) -> None:
        for gone in outcome.unbound:
            self._gone(gone)
        for taken in outcome.taken:
            if taken.changed:  # its fact says that it can be reached; not so is news again
                self._lost.discard(taken.binding.device)
            self._watch(taken.binding, now, 1.0)
            self._note(taken.binding, taken.changed, now)

    def _note(self, bound: Bound, changed: bool, now: float) -> None:
        """Post a binding when it changed, or when half of the time that the ledger knows of is used up.

        Not that of a lost device that merely says again where it is: the engines take each for reachable,
        and callers would be sent to a phone that hears nothing.
        """
        key = (bound.device, bound.key)
        if not changed and (now < self._note_at.get(key, now) or bound.device in self._lost):
            return
        self._note_at[key] = now + bound.granted_s / 2
        if changed:
            log.info("device_bound", device=bound.device, contact=bound.contact, source=_source(bound.flow))
        self._post(DeviceBound(_as_fact(bound, self._wall.now() - self._clock.now())))

    def _gone(self, gone: Unbound) -> None:
        bound = gone.binding
        self._note_at.pop((bound.device, bound.key), None)
        self._qualify.unwatch((bound.device, bound.key))
        log.info("device_unbound", device=bound.device, contact=bound.contact, cause=gone.cause)
        self._post(DeviceUnbound(bound.device, bound.key, gone.cause))
        if not self._table.bindings(bound.device):
            self._lost.discard(bound.device)
            self._unsure.discard(bound.device)
        self._judge(bound.device, "")

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone: what was bound to it cannot be reached any more."""
        for gone in self._table.close(flow):
            self._gone(gone)

    # -- reach -------------------------------------------------------------------------------

    def _watch(self, bound: Bound, now: float, within_s: float) -> None:
        if self._sip.qualify_s <= 0:
            return
        key = (bound.device, bound.key)
        self._qualify.watch(
            key, bound.contact, bound.flow, now, self._sip.qualify_s, bound.route, within_s=within_s
        )

    def _reach_changed(self, target: Watched, _former: Reach) -> None:
        device = target.key[0]
        if target.reach is Reach.ALIVE and (device in self._lost or device in self._unsure):
            kept_back = [] if device not in self._lost else self._table.bindings(device)
            self._lost.discard(device)
            self._unsure.discard(device)
            log.info("device_reachable", device=device, round_trip_ms=target.round_trip_ms)
            self._post(DeviceReachable(device, target.round_trip_ms))
            for bound in kept_back:  # what was kept back while it was lost
                self._note(bound, False, self._clock.now())
        elif target.reach is Reach.LOST:
            self._judge(device, target.cause)

    def _judge(self, device: str, cause: str) -> None:
        """A device is lost when it is bound and no binding of it answers."""
        if device in self._lost:
            return
        targets = [self._qualify.get((device, bound.key)) for bound in self._table.bindings(device)]
        if not targets or any(target is None or target.reach is not Reach.LOST for target in targets):
            return
        self._lost.add(device)
        self._unsure.discard(device)
        known = cause or next((target.cause for target in targets if target is not None), "")
        log.warning("device_lost", device=device, cause=known)
        self._post(DeviceLost(device, known))

    # -- for the legs ------------------------------------------------------------------------

    def bindings(self, device: str) -> list[Bound]:
        """Where a device is to be called: not where it is known to be lost; best first."""
        return [bound for bound in self._table.bindings(device) if not self._is_lost(bound)]

    def _is_lost(self, bound: Bound) -> bool:
        target = self._qualify.get((bound.device, bound.key))
        return target is not None and target.reach is Reach.LOST

    # -- time --------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        first, second = self._table.next_deadline(), self._qualify.next_deadline()
        if first is None or second is None:
            return first if second is None else second
        return min(first, second)

    def expire(self, now: float) -> None:
        """Drop the bindings whose time is over, send the probes that are due."""
        for gone in self._table.expire(now):
            self._gone(gone)
        self._qualify.expire(now)

    # -- restart and reload ------------------------------------------------------------------

    def restore(self, bindings: list[Binding]) -> None:
        """Take back what the ledger kept; what cannot be used is reported as gone."""
        now = self._clock.now()
        for kept in bindings:
            bound, cause = self._restored(kept, now)
            if bound is None:
                self._post(DeviceUnbound(kept.device, kept.binding, cause))
                continue
            self._table.restore(bound)
            self._unsure.add(bound.device)
            self._watch(bound, now, RESTORE_SPREAD_S)

    def _restored(self, kept: Binding, now: float) -> tuple[Bound | None, str]:
        if kept.device not in self._devices:
            return None, "not configured"
        if kept.expires_at <= now:
            return None, "expired"
        try:
            blob = msgspec.json.decode(kept.blob, type=_Kept)
        except msgspec.DecodeError:
            return None, "not readable"
        if blob.protocol != "UDP":
            return None, "connection closed"
        try:
            flow = self._flow_again(blob)
        except CcdError as fault:
            return None, fault.message
        bound = Bound(
            kept.device,
            kept.binding,
            blob.contact,
            flow,
            blob.call_id,
            blob.cseq,
            kept.expires_at,
            blob.granted_s,
            blob.q,
            blob.route,
            blob.user_agent,
        )
        return bound, ""

    def _flow_again(self, blob: _Kept) -> Flow:
        """The flow of before, over the same listener if we still have it."""
        if blob.local in {where(host, port) for host, port in self._stack.listening()}:
            return Flow(blob.protocol, blob.host, blob.port, blob.local)
        return self._stack.flow_to(blob.host, blob.port, blob.protocol)

    def reload(self, devices: dict[str, DeviceSettings]) -> None:
        """Take new devices. Bindings of those that are gone go with them; those made with a password that
        is no longer good too: it was changed because somebody else knows it."""
        former, self._devices = self._devices, devices
        self._authentication.reload(devices)
        for bound in list(self._table):
            device, before = devices.get(bound.device), former.get(bound.device)
            if device is not None and (before is None or _proof(device) == _proof(before)):
                continue
            self._table.remove(bound.device, bound.key)
            self._gone(Unbound(bound, "not configured" if device is None else "password changed"))

    def report(self) -> Iterator[dict[str, Any]]:
        """All devices and their bindings, for `ccctl devices`; each as of when it is asked for."""
        now = self._clock.now()
        for name in sorted(self._devices):
            bindings = [self._shown(bound, now) for bound in self._table.bindings(name)]
            yield {"device": name, "lost": name in self._lost, "bindings": bindings}

    def _shown(self, bound: Bound, now: float) -> dict[str, Any]:
        target = self._qualify.get((bound.device, bound.key))
        return {
            "contact": bound.contact,
            "source": _source(bound.flow),
            "expires_in_s": max(0, round(bound.expires_at - now)),
            "user_agent": bound.user_agent,
            "reach": target.reach.value if target is not None else "not watched",
            "round_trip_ms": target.round_trip_ms if target is not None else 0.0,
        }


def _proof(device: DeviceSettings) -> tuple[str, Secret]:
    """What a device shows to be itself."""
    return device.username, device.password


def _source(flow: Flow) -> str:
    return f"{flow.protocol.lower()}:{where(flow.host, flow.port)}"


def _as_fact(bound: Bound, ahead_s: float) -> Binding:
    """The binding for the ledger, whose clock is ahead of ours. It may be valid until the latest refresh that
    is not worth a fact: half of its time after this one."""
    flow = bound.flow
    kept = _Kept(
        bound.contact,
        flow.protocol,
        flow.host,
        flow.port,
        flow.local,
        bound.call_id,
        bound.cseq,
        bound.granted_s,
        bound.q,
        bound.route,
        bound.user_agent,
    )
    blob = msgspec.json.encode(kept).decode()
    return Binding(bound.device, bound.key, blob, bound.expires_at + bound.granted_s / 2 + ahead_s)
