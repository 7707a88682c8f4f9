"""Trunks: links to carriers and PBXes, both ways.

Incoming calls are known by their source address (longest prefix). Outgoing calls go to the trunk with
the best priority that is up and has a free channel. A trunk is up when it is registered (where it
registers) and answers OPTIONS (where it is asked). By which of its targets it is reached: `reaching`.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from ccd.channels.port import Post
from ccd.clock import Clock
from ccd.errors import CcdError, TryLater
from ccd.ids import Chance
from ccd.model.facts import TrunkChanged
from ccd.model.settings import SipSettings, TrunkSettings
from ccd.sip.events import Flow, ResponseArrived, TransactionFailed
from ccd.sip.message import Request, Response
from ccd.sip.registering import Authorizer, Registration, State, is_stale
from ccd.sip.timers import Timers
from ccd.voice.locating import SIP_PORT, Names, Question
from ccd.voice.names import SystemNames, families_of
from ccd.voice.numbers import Caller, caller_of, is_e164, number_of
from ccd.voice.reaching import Reaching
from ccd.voice.registrar import RegistrarStack
from ccd.voice.sources import Sources
from ccd.voice.targets import Candidate
from ccd.voice.trunk import Trunk
from ccd.voice.trunk_targets import Target

log = structlog.get_logger(__name__)

UNREGISTER_S = 2.0
REST_S = 30.0
_MAX_REST_S = 300.0


class Trunks:
    """All trunks. All calls on the loop's thread."""

    def __init__(
        self,
        settings: dict[str, TrunkSettings],
        sip: SipSettings,
        country: str,
        clock: Clock,
        chance: Chance,
        stack: RegistrarStack,
        post: Post,
        names: Names | None = None,
    ) -> None:
        """`country`: region of numbers without country code on trunks that name none; `names`: who knows
        the DNS, None: this machine."""
        self._sip = sip
        self._country = country
        self._clock = clock
        self._chance = chance
        self._stack = stack
        self._post = post
        self._trunks = {name: Trunk(each, self._registering_heard) for name, each in settings.items()}
        self._sources = Sources()
        self._timers: Timers[Trunk, None] = Timers()
        self._ended: asyncio.Event | None = None
        self.wake: Callable[[], None] = _nothing
        """Called when `next_deadline` may have come nearer for a reason of our own (a name was resolved)."""
        names = names or SystemNames(sip.resolvers, families_of(sip))
        told = (self._moved, self._review, self._found)
        self._reaching = Reaching(stack, sip, clock, chance, names, told)

    # -- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to register and to ask. Names are asked for beside: the DNS keeps nobody waiting."""
        self._want()

    async def run(self) -> None:
        """Find names, again and again: a task of the channel."""
        await self._reaching.run()

    async def stop(self) -> None:
        """Take back our registrations; waits for the answers, but not long."""
        self._ended = asyncio.Event()
        for trunk in self._trunks.values():
            self._leave(trunk)
        try:
            async with asyncio.timeout(UNREGISTER_S):
                while not all(trunk.over for trunk in self._trunks.values()):
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            log.warning("trunk_unregister_unanswered", seconds=UNREGISTER_S)

    async def reload(self, settings: dict[str, TrunkSettings]) -> None:
        """Take new settings; trunks that did not change notice nothing, calls go on."""
        for name in list(self._trunks):
            if name not in settings:
                gone = self._trunks.pop(name)
                self._leave(gone)
                if gone.known and not gone.up:  # its alarm ends with it
                    self._post(TrunkChanged(name, True, "not configured any more"))
        for name, each in settings.items():
            former = self._trunks.get(name)
            if former is not None and former.settings == each:
                continue
            trunk = self._trunks[name] = Trunk(each, self._registering_heard)
            if former is not None:
                trunk.in_use = former.in_use
                self._leave(former)
        self._want()

    def _leave(self, trunk: Trunk) -> None:
        self._reaching.leave(trunk)
        if trunk.due is not None:
            self._timers.cancel(trunk.due)
        registration = trunk.registration
        if registration is not None:
            self._send(trunk, registration.stop())

    # -- targets -----------------------------------------------------------------------------

    def _want(self) -> None:
        """Have the hosts of all trunks found, and the sources that are names."""
        names = [name for trunk in self._trunks.values() for name in _names_of(trunk)]
        self._reaching.want(self._trunks, [_source(name) for name in names])
        self._rebuild()

    def _found(self, _question: Question) -> None:
        self._rebuild()
        self.wake()

    def _rebuild(self) -> None:
        """Who may call in, by address."""
        for trunk in self._trunks.values():
            for name in _names_of(trunk):
                self._sources.name(name, self._reaching.addresses(_source(name)))
        self._sources.rebuild(
            {trunk.name: (trunk.settings.sources or trunk.addresses) for trunk in self._trunks.values()}
        )

    def _moved(self, trunk: Trunk) -> None:
        """Its calls go to another target from now on, and so does its registration."""
        flow = trunk.flow
        if flow is None or not trunk.settings.register:
            return
        now, registration, target = self._clock.now(), trunk.registration, trunk.targets.in_use
        account = trunk.account(self._stack.contact_host(flow), self._sip.user_agent)
        if registration is None:
            trunk.registration = Registration(account, self._chance)
            trunk.due = self._timers.set(now, trunk, None)
        elif registration.state not in {State.ENDING, State.ENDED}:
            at_once = target is not None and not target.badness(now)
            registration.move_to(account, now, at_once=at_once)  # all bad: no faster than the back-off
            self._schedule(trunk)

    def own_address_changed(self, peer: str) -> None:
        """Our Contact towards a host is another one: a carrier there is told at once, not when it is time to
        refresh, else its calls go to the former address until then."""
        for trunk in self._trunks.values():
            flow, registration = trunk.flow, trunk.registration
            if flow is None or flow.host != peer or registration is None:
                continue
            account = trunk.account(self._stack.contact_host(flow), self._sip.user_agent)
            if account != registration.account and registration.state not in {State.ENDING, State.ENDED}:
                registration.move_to(account, self._clock.now(), at_once=True)
                self._schedule(trunk)
        self.wake()

    # -- registering -------------------------------------------------------------------------

    def _registering_heard(
        self, trunk: Trunk, event: ResponseArrived | TransactionFailed, now: float
    ) -> None:
        """A response to a REGISTER of a trunk, or none."""
        registration = trunk.registration
        if registration is None or not registration.awaits(event.tx.request):
            return
        if isinstance(event, TransactionFailed):
            registration.fail(event.cause, now)
            self._reaching.failed(trunk, event.tx.flow, f"REGISTER: {registration.note}")
        else:
            self._send(trunk, registration.receive(event.response, now))
            if event.response.status == 503:
                self._reaching.failed(trunk, event.tx.flow, f"REGISTER: {registration.note}")
        if registration.state is State.ENDED and self._ended is not None:
            self._ended.set()
        if registration.state in {State.ENDING, State.ENDED}:
            return  # it is no longer among the trunks, or we stop
        self._schedule(trunk)
        self._review(trunk)

    def _send(self, trunk: Trunk, request: Request | None) -> None:
        if request is None:
            return
        try:
            flow = self._flow(trunk)
            self._stack.request(request, flow, owner=trunk)
        except CcdError as fault:
            if trunk.registration is not None:
                trunk.registration.fail(fault.message, self._clock.now())

    def _flow(self, trunk: Trunk) -> Flow:
        """Where to send to: the address, over TCP by the connection that stands or a new one."""
        target = trunk.targets.in_use
        if target is None:
            host = trunk.settings.host
            raise TryLater("trunk-unresolved", f"trunk {trunk.name}: {host} has no address yet")
        trunk.flow = self._reaching.flow(trunk, target)
        return trunk.flow

    def _schedule(self, trunk: Trunk) -> None:
        if trunk.due is not None:
            self._timers.cancel(trunk.due)
            trunk.due = None
        deadline = trunk.registration.next_deadline() if trunk.registration is not None else None
        if deadline is not None:
            trunk.due = self._timers.set(deadline, trunk, None)

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone: a trunk registered over it registers anew."""
        now = self._clock.now()
        for trunk in self._trunks.values():
            if trunk.flow == flow and trunk.registration is not None:
                trunk.registration.hurry(now)
                self._schedule(trunk)

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        first, second = self._timers.next_deadline(), self._reaching.next_deadline()
        if first is None or second is None:
            return first if second is None else second
        return min(first, second)

    def expire(self, now: float) -> None:
        """Register where it is time, send the probes that are due."""
        for trunk, _ in self._timers.due(now):
            trunk.due = None
            if trunk.registration is not None:
                self._send(trunk, trunk.registration.expire(now))
                self._schedule(trunk)
                self._review(trunk)
        self._reaching.expire(now)

    # -- up and down -------------------------------------------------------------------------

    def _review(self, trunk: Trunk, problem: str = "") -> None:
        """Work out whether a trunk is up; tell it when that changed, and once at the beginning."""
        settled, up, note = trunk.standing(problem)
        trunk.note = note
        if not settled or (trunk.known and trunk.up == up):
            return
        trunk.known, trunk.up = True, up
        (log.info if up else log.warning)("trunk_changed", trunk=trunk.name, up=up, note=note)
        self._post(TrunkChanged(trunk.name, up, note))

    # -- incoming ----------------------------------------------------------------------------

    def source(self, flow: Flow) -> Trunk | None:
        """The trunk that a request from there comes over; None: nobody we know."""
        names = self._sources.find(flow.host)
        if len(names) == 1:
            return self._trunks.get(names[0])
        found = [self._trunks[name] for name in names if name in self._trunks]
        if len(found) > 1:  # several links to one host: by port, else the first by priority
            same_port = [trunk for trunk in found if flow.port in trunk.ports]
            found = same_port or sorted(found, key=lambda trunk: (trunk.settings.priority, trunk.name))
        return found[0] if found else None

    def caller(self, trunk: Trunk, request: Request) -> Caller:
        """Who calls over a trunk."""
        return caller_of(request, trunk.settings.country or self._country)

    def dialled(self, trunk: Trunk, request: Request) -> str:
        """What was dialled: the Request-URI's number; To's where that is only our own Contact."""
        country = trunk.settings.country or self._country
        number = number_of(request.uri, country)
        settings = trunk.settings
        if settings.register and request.uri.user == (settings.username or trunk.name):
            called = number_of(request.to.uri, country)
            return called if is_e164(called) else number
        return number

    # -- outgoing ----------------------------------------------------------------------------

    def candidates(self, address: str, caller_id: str = "", *, own_number: bool = False) -> list[Candidate]:
        """Where a call to `address` may go, best first, each trunk with its targets; empty: no trunk is up
        with a free channel.

        `caller_id` is shown by trunks that have none of their own, or by all if it is an `own_number`.
        Trunks that failed a moment ago come last. The order counts for the moment of asking only.
        """
        now = self._clock.now()
        usable = [trunk for trunk in self._trunks.values() if trunk.usable and trunk.free]
        usable.sort(key=lambda trunk: trunk.rank(now))
        found: list[Candidate] = []
        for trunk in usable:
            given = trunk.settings.caller_id
            shown = caller_id if own_number or not given else given
            for target in trunk.targets.for_a_call(now):
                try:
                    found.append(self._candidate(trunk, target, address, shown))
                except CcdError as fault:
                    log.warning("trunk_unusable", trunk=trunk.name, problem=fault.message)
        return found

    def _candidate(self, trunk: Trunk, target: Target, address: str, caller_id: str) -> Candidate:
        settings = trunk.settings
        flow = self._reaching.flow(trunk, target)
        number = caller_id or settings.username
        contact = f"<sip:{settings.username or 'ccd'}@{self._stack.contact_host(flow)}{trunk.transport}>"
        sender = f"sip:{number}@{settings.host}" if number else "sip:anonymous@anonymous.invalid"
        headers = [
            ("From", f"<{sender}>;tag={self._chance.token(10)}"),
            ("To", f"<sip:{address}@{settings.host}>"),
            ("Contact", contact),
        ]
        return Candidate(
            trunk.uri(address),
            flow,
            headers,
            trunk=trunk.name,
            timeout_s=settings.timeout_s,
            authorise=partial(self.authorise, trunk.name),
            reliable=settings.reliable_ringing,
        )

    def way_to(self, name: str) -> Flow | None:
        """Where a trunk's calls go now; None: nowhere."""
        trunk = self._trunks.get(name)
        try:
            return self._flow(trunk) if trunk is not None else None
        except CcdError:
            return None

    def authorise(self, name: str, request: Request, response: Response) -> Request | None:
        """A request again, with credentials for the challenge in a 401 or 407; None: not to be answered.

        What it carries for another challenge stays: a proxy and what is behind it may both ask (§22.3).
        """
        trunk = self._trunks.get(name)
        if trunk is None or not trunk.settings.username:
            return None
        settings = trunk.settings
        authorizer = Authorizer(settings.username, settings.password.reveal(), settings.realm, self._chance)
        if not authorizer.take(response):
            return None
        again = Request(request.method, request.raw_uri, list(request.headers), request.body, request.charset)
        again.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        ((header, value),) = authorizer.headers(request.method, request.raw_uri)
        if request.get(header) and not is_stale(response):
            return None  # the very credentials were refused
        again.set(header, value)
        return again

    def failed(self, name: str, retry_after_s: float = 0.0) -> None:
        """A call over it failed for the trunk's own reasons: others are tried first for a while."""
        trunk = self._trunks.get(name)
        if trunk is not None:
            trunk.rest_until = self._clock.now() + min(max(retry_after_s, REST_S), _MAX_REST_S)

    def target_failed(self, name: str, flow: Flow, why: str, retry_after_s: float = 0.0) -> None:
        """A call failed at one target; the trunk itself rests only where it has no other for the next one.
        `why` empty: the target answered, with 503."""
        trunk = self._trunks.get(name)
        if trunk is None:
            return
        if why:
            self._reaching.failed(trunk, flow, why)
        else:
            self._reaching.refused(trunk, flow, min(retry_after_s, _MAX_REST_S))
        if not self._reaching.spare(trunk, flow):
            self.failed(name, retry_after_s)

    def take(self, name: str) -> bool:
        """One more call on a trunk; False: all its channels are in use."""
        trunk = self._trunks.get(name)
        if trunk is None or not trunk.free:
            return False
        trunk.in_use += 1
        return True

    def release(self, name: str) -> None:
        """A call on it ended."""
        trunk = self._trunks.get(name)
        if trunk is not None and trunk.in_use > 0:
            trunk.in_use -= 1

    # -- shown -------------------------------------------------------------------------------

    def get(self, name: str) -> Trunk | None:
        return self._trunks.get(name)

    def report(self) -> list[dict[str, object]]:
        """All trunks, for `ccctl trunks`."""
        return [self._shown(self._trunks[name]) for name in sorted(self._trunks)]

    def _shown(self, trunk: Trunk) -> dict[str, object]:
        registration = trunk.registration
        return {
            "trunk": trunk.name,
            "up": trunk.up,
            "note": trunk.note,
            "host": trunk.settings.host,
            "priority": trunk.settings.priority,
            "channels": trunk.settings.channels,
            "in_use": trunk.in_use,
            "registration": registration.state.value if registration is not None else "",
            **self._reaching.shown(trunk),
        }


def _names_of(trunk: Trunk) -> list[str]:
    return [source for source in trunk.settings.sources if not Sources.is_network(source)]


def _source(name: str) -> Question:
    """A source is a host, not a service."""
    return Question(name, "udp", SIP_PORT)


def _nothing() -> None:
    """Nobody waits for our deadlines yet."""
