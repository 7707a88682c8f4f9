"""OPTIONS at regular times to phones and trunks: are they there, and how far (RFC 3261 §11).

Any final response is a sign of life; its time is the round trip. Silence for the set time or a
transport error (ICMP, a refused connection) is a miss; a second miss in a row, asked at once, is
loss. So a dead phone is known about two time-outs after it should have answered, and one lost
packet harms nobody. Sans-IO: `expire(now)` and `heard(event, now)`.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from ccd.errors import CcdError
from ccd.ids import Chance
from ccd.sip.events import Flow, ResponseArrived, TransactionFailed
from ccd.sip.message import Request
from ccd.sip.timers import Entry, Timers

SOON_S = 0.2
RETRY_AFTER_TRANSPORT_ERROR_S = 1.0
_SPREAD = 0.1


class Reach(Enum):
    """What is known of a target."""

    FRESH = "fresh"
    ALIVE = "alive"
    DOUBTED = "doubted"
    LOST = "lost"


class Sign(Enum):
    """What a probe tells."""

    ANSWERED = "answered"
    MISSED = "missed"


MOVES: dict[tuple[Reach, Sign], Reach] = {
    (Reach.FRESH, Sign.ANSWERED): Reach.ALIVE,
    (Reach.FRESH, Sign.MISSED): Reach.DOUBTED,
    (Reach.ALIVE, Sign.ANSWERED): Reach.ALIVE,
    (Reach.ALIVE, Sign.MISSED): Reach.DOUBTED,
    (Reach.DOUBTED, Sign.ANSWERED): Reach.ALIVE,
    (Reach.DOUBTED, Sign.MISSED): Reach.LOST,
    (Reach.LOST, Sign.ANSWERED): Reach.ALIVE,
    (Reach.LOST, Sign.MISSED): Reach.LOST,
}
"""Whole: every sign may come at any time."""


class Stack(Protocol):
    """What registrar, qualify and trunks ask of the SIP stack."""

    def request(self, request: Request, flow: Flow, owner: Any = None) -> Any:
        """Send in a new client transaction; its events carry `owner`."""
        ...

    def contact_host(self, flow: Flow) -> str:
        """`host:port` of ours to advertise towards that peer."""
        ...


class Watched:
    """One target and what is known of it."""

    __slots__ = (
        "cause",
        "due",
        "flow",
        "interval_s",
        "key",
        "probe",
        "reach",
        "round_trip_ms",
        "route",
        "status",
        "uri",
    )

    def __init__(self, key: Any, uri: str, flow: Flow, route: tuple[str, ...], interval_s: float) -> None:
        self.key = key
        self.uri = uri
        self.flow = flow
        self.route = route
        self.interval_s = interval_s
        self.reach = Reach.FRESH
        self.round_trip_ms = 0.0
        """Of the last answered probe; 0 before the first."""
        self.status = 0
        """Of the last answer."""
        self.cause = ""
        """Of the last miss, for people."""
        self.probe: Probe | None = None
        self.due: Entry[Watched, None] | None = None


class Probe:
    """One OPTIONS under way; the owner of its transaction."""

    __slots__ = ("_qualify", "sent_at", "target")

    def __init__(self, qualify: "Qualify", target: Watched, sent_at: float) -> None:
        self._qualify = qualify
        self.target = target
        self.sent_at = sent_at

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """The transaction has something to say."""
        self._qualify.heard(self, event, now)


Changed = Callable[[Watched, Reach], None]
"""Told after each change of reach, and when a target begins or ceases to decline (503): the target and its
reach before."""
DECLINES = 503


class Qualify:
    """Watches any number of targets, their probes spread over the interval."""

    def __init__(
        self, stack: Stack, chance: Chance, address: str, timeout_s: float, changed: Changed
    ) -> None:
        """`address`: our own URI for From, `sip:ccd@domain`."""
        self._stack = stack
        self._chance = chance
        self._address = address
        self._timeout_s = timeout_s
        self._changed = changed
        self._targets: dict[Any, Watched] = {}
        self._timers: Timers[Watched, None] = Timers()
        self.flow_now: Callable[[Watched], Flow] | None = None
        """Asked before each probe for the way to the target, where that may change; raises as `flow_to`."""

    def watch(
        self,
        key: Any,
        uri: str,
        flow: Flow,
        now: float,
        interval_s: float,
        route: tuple[str, ...] = (),
        within_s: float = 1.0,
    ) -> Watched:
        """Probe a target from now on; the first time at a random moment `within_s`.

        A target watched already keeps what is known of it; it is asked anew at once only when it is
        not known to be alive or has moved; what is known of a silent one does not hold at another place.
        """
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = Watched(key, uri, flow, route, interval_s)
        else:
            same = target.flow == flow and target.uri == uri
            target.uri, target.flow, target.route, target.interval_s = uri, flow, route, interval_s
            if same and target.reach in {Reach.ALIVE, Reach.FRESH}:
                return target
            target.probe = None
            if not same and target.reach is not Reach.ALIVE:
                target.reach = Reach.FRESH
        self._schedule(target, now + SOON_S + within_s * self._chance.below(1000) / 1000)
        return target

    def unwatch(self, key: Any) -> None:
        """Forget a target; what its last probe brings is ignored."""
        target = self._targets.pop(key, None)
        if target is not None:
            target.probe = None
            if target.due is not None:
                self._timers.cancel(target.due)

    def get(self, key: Any) -> Watched | None:
        return self._targets.get(key)

    def next_deadline(self) -> float | None:
        return self._timers.next_deadline()

    def expire(self, now: float) -> None:
        """Send the probes that are due; count those that got no answer in time."""
        for target, _ in self._timers.due(now):
            target.due = None
            if target.probe is not None:
                target.probe = None
                self._missed(target, f"no answer in {self._timeout_s:g} s", now, now + SOON_S)
            else:
                self._ask(target, now)

    def heard(self, probe: Probe, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """A probe's transaction brought something; late answers are signs of life too."""
        target = probe.target
        if self._targets.get(target.key) is not target:
            return
        if isinstance(event, TransactionFailed):
            if target.probe is probe:
                target.probe = None
                cause = "no answer" if event.cause == "timeout" else "cannot be reached"
                self._missed(target, cause, now, now + RETRY_AFTER_TRANSPORT_ERROR_S)
        elif event.response.status >= 200 and (target.probe is probe or target.reach is not Reach.ALIVE):
            target.probe = None
            target.round_trip_ms = round(max(0.0, now - probe.sent_at) * 1000, 3)
            self._schedule(target, now + self._interval(target))
            former = (target.reach, target.status == DECLINES)
            target.status = event.response.status
            target.reach = MOVES[(target.reach, Sign.ANSWERED)]
            if former != (target.reach, target.status == DECLINES):
                self._changed(target, former[0])

    def _ask(self, target: Watched, now: float) -> None:
        if self.flow_now is not None:
            try:
                target.flow = self.flow_now(target)
            except CcdError as fault:
                self._missed(target, fault.message, now, now + RETRY_AFTER_TRANSPORT_ERROR_S)
                return
        probe = target.probe = Probe(self, target, now)
        self._schedule(target, now + self._timeout_s)
        self._stack.request(self._options(target), target.flow, owner=probe)

    def _missed(self, target: Watched, cause: str, now: float, again_at: float) -> None:
        target.cause = cause
        lost = target.reach in {Reach.DOUBTED, Reach.LOST}
        self._schedule(target, now + self._interval(target) if lost else again_at)
        former = target.reach
        target.reach = MOVES[(former, Sign.MISSED)]
        if target.reach is not former:
            self._changed(target, former)

    def _interval(self, target: Watched) -> float:
        """Around the set interval, so that phones that started together do not stay together."""
        return target.interval_s * (1 - _SPREAD + 2 * _SPREAD * self._chance.below(1000) / 1000)

    def _schedule(self, target: Watched, at: float) -> None:
        if target.due is not None:
            self._timers.cancel(target.due)
        target.due = self._timers.set(at, target, None)

    def _options(self, target: Watched) -> Request:
        protocol = target.flow.protocol
        transport = "" if protocol == "UDP" else f";transport={protocol.lower()}"
        headers = [
            ("Max-Forwards", "70"),
            *(("Route", hop) for hop in target.route),
            ("From", f"<{self._address}>;tag={self._chance.token(10)}"),
            ("To", f"<{target.uri}>"),
            ("Call-ID", self._chance.token(20)),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:{self._stack.contact_host(target.flow)}{transport}>"),
            ("Accept", "application/sdp"),
        ]
        return Request.create("OPTIONS", target.uri, headers)
