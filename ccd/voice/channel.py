"""The built-in voice channel: SIP calls and agents' phones as legs.

Composes the parts: `stack` (sockets and transactions), `registrar` (agents' devices), `trunks`
(carriers), one leg object a call, a media engine. Here events of the stack find their leg, commands
of the core find theirs, and what belongs to no leg is answered at the door.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ccd.channels.port import Post
from ccd.channels.secrets import Secrets
from ccd.clock import Clock
from ccd.ids import Chance
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Binding, Cause, ChannelClass
from ccd.model.settings import Settings
from ccd.sip.dialog import DialogKey, key_of
from ccd.sip.endpoint import (
    AckArrived,
    AckMissing,
    BadMessage,
    CancelArrived,
    Event,
    Flow,
    FlowClosed,
    RequestArrived,
    ResponseArrived,
    ServerTransaction,
    TransactionFailed,
)
from ccd.sip.message import Request, Response
from ccd.sip.session_timer import Policy
from ccd.voice import arrivals, dialling, engine, leftovers, securing, ways
from ccd.voice.admitting import fault_of
from ccd.voice.audio_lines import AudioLines
from ccd.voice.call_leg import CallLeg
from ccd.voice.certificates import Certificates
from ccd.voice.extensions import ALLOW, PHONES_SUPPORTED, SUPPORTED
from ccd.voice.incoming import IncomingLeg
from ccd.voice.keyed_twice import KeyedTwice, Way
from ccd.voice.limits import Behind, Door
from ccd.voice.liveness import Watch
from ccd.voice.media_hearing import hear
from ccd.voice.moving import Moving
from ccd.voice.outgoing import Attempt, OutgoingLeg
from ccd.voice.passing_keys import PassingKeys
from ccd.voice.performing import PERFORM
from ccd.voice.recording_faults import RecordingFaults
from ccd.voice.registrar import Registrar
from ccd.voice.secret_keys import SecretKeys
from ccd.voice.speech_ahead import texts_ahead
from ccd.voice.stack import SipStack
from ccd.voice.streams import TLS
from ccd.voice.texts import TextLeg
from ccd.voice.tracing import trace
from ccd.voice.trunks import Trunks
from ccd.voice.updating import early_request

MOST_REMEMBERED = 4000
MOST_FORMER = 500
"""Written conversations of which an agent may still say how they ended; the newest."""


class VoiceChannel:
    """All telephony of one daemon."""

    name: str = "voice"
    channel_class: ChannelClass = ChannelClass.VOICE

    def __init__(
        self,
        settings: Settings,
        media: engine.MediaEngine,
        clock: Clock,
        chance: Chance,
        behind: Behind,
        wall: Clock | None = None,
    ) -> None:
        """`clock` may be a steady one: SIP's times are durations; `wall` tells the time of day."""
        self.settings = settings
        self.engine = media
        self.clock, self.wall = clock, wall or clock
        self.chance = chance
        self.log = structlog.get_logger("voice")
        self.codecs = settings.media.codecs
        self.stack = SipStack(settings.sip, clock, chance, wall=wall)
        self.door = Door(settings.sip, behind, self.stack.late_s, clock.now())
        self.post: Post = _nowhere
        self.registrar = Registrar(
            settings.devices, settings.sip, clock, chance, self.stack, self._post, wall
        )
        self.trunks = Trunks(
            settings.trunks, settings.sip, settings.daemon.country, clock, chance, self.stack, self._post
        )
        self.trunks.wake = self._set_timer
        self.moving = Moving(self)
        self.stack.tell_moves(self._address_changed)
        self.registrar.proxies = lambda flow: self.trunks.source(flow) is not None
        self.watch = Watch(self._set_timer)
        self.session_policy = Policy(settings.sip.session_expires_s, settings.sip.session_least_s)
        self.legs: dict[str, CallLeg] = {}
        self.dialogs: dict[DialogKey, CallLeg] = {}
        self.secrets = Secrets()
        """What was keyed in secret; an adapter that passes it on is given the same object."""
        self.secret_keys = SecretKeys(self)
        self.keyed_twice = KeyedTwice()
        self.passing_keys = PassingKeys(self)
        self.recording_faults = RecordingFaults()
        self.certificates = Certificates(self.wall)
        self.lines = AudioLines(self)
        """How another channel joins in a call."""
        self.texts: dict[str, TextLeg] = {}
        self._correspondents: dict[str, list[TextLeg]] = {}
        """Those that live: several while it is offered to several agents, or passed on."""
        self._former: OrderedDict[str, TextLeg] = OrderedDict()
        """By leg: those that are over, which an agent took."""
        self._unacknowledged: dict[tuple[str, str], ServerTransaction] = {}
        self._calls: OrderedDict[str, str] = OrderedDict()
        """Call-ID → leg, for traces; the newest ones."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        """What the timer was last set for."""
        self._stopped = False

    # -- Channel ---------------------------------------------------------------------------------------

    async def start(self, post: Post) -> None:
        """Media first (its ports must stand before the first SDP), then the sockets."""
        self._loop = asyncio.get_running_loop()
        self.post = post
        await self.engine.start(lambda fact: hear(self, fact))
        try:
            await self.stack.start(self.settings.sip.transports, self._on_event)
            await self.trunks.start()
            self.own(self.trunks.run())
        except BaseException:
            await self.stop()
            raise
        self._set_timer()
        self._look_at_certificates()
        self.engine.prepare(texts_ahead(self.settings.rules))
        self.own(leftovers.rescue(dialling.recordings_folder(self.settings)))

    async def stop(self) -> None:
        """Hang up what still stands, then close everything."""
        if self._stopped:
            return
        self._stopped = True
        self.post = _nowhere
        if self._timer is not None:
            self._timer.cancel()
        for leg in list(self.legs.values()):
            leg.release(Cause.RESTART)
        await self.trunks.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stack.stop()
        await self.engine.stop()

    def perform(self, command: cmd.AnyCommand) -> None:
        """Carry out one command; unknown legs have ended already."""
        PERFORM[type(command)](self, command)

    def drain(self, on: bool) -> None:
        """Refuse new calls with 503."""
        self.door.draining = on

    def restore(self, bindings: list[Binding]) -> None:
        """Phones that the ledger knows are reachable again without registering anew."""
        self.registrar.restore(bindings)
        self._set_timer()

    def reload(self, settings: Settings) -> None:
        """Devices, trunks, prompts and limits change; sockets stay as they are (restart for those)."""
        self.settings = settings
        self.codecs = settings.media.codecs
        self.stack.renew()
        self._look_at_certificates()
        self.session_policy = Policy(settings.sip.session_expires_s, settings.sip.session_least_s)
        self.registrar.reload(settings.devices)
        self.own(self.trunks.reload(settings.trunks))
        self.engine.reload()
        self.engine.prepare(texts_ahead(settings.rules))

    def _address_changed(self, peer: str) -> None:
        self.trunks.own_address_changed(peer)
        self.moving.address_changed(peer)

    def _look_at_certificates(self) -> None:
        authorities = [trunk.ca for trunk in self.settings.trunks.values() if trunk.ca]
        self.own(self.certificates.look(self.stack.certificates(), authorities))

    def report(self, topic: str, argument: str = "") -> Any:
        """`trunks`, `devices`, `sip trace`, `audio`, `recording faults`, `certificates`, `ports`, `sip`,
        `media`."""
        if topic == "devices":
            return self.registrar.report()
        if topic == "trunks":
            return self.trunks.report()
        if topic == "sip trace":
            return trace(self.stack, self._calls, argument)
        if topic == "audio":
            return securing.shown(self, argument)
        if topic == "recording faults":
            return self.recording_faults.report()
        if topic == "certificates":
            return self.certificates.report()
        if topic == "door":
            return self.door.turned_away(self.clock.now())
        if topic == "ports":
            return self.engine.scarcity()
        if topic == "sip":
            return {
                **self.stack.report(),
                "legs": len(self.legs),
                "dialogs": len(self.dialogs),
                "texts": len(self.texts),
                "texts_unacknowledged": len(self._unacknowledged),
                "refused": dict(self.door.refused),
                "refused_unheard": self.registrar.refused_unheard,
            }
        return self.engine.report() if topic == "media" else None

    # -- events of the stack ---------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestArrived):
            self._on_request(event)
        elif isinstance(event, (ResponseArrived, TransactionFailed)):
            owner = event.owner
            if isinstance(owner, IncomingLeg) and isinstance(event.tx, ServerTransaction):
                owner.on_ack_missing()
            elif owner is not None:
                owner.heard(event, self.clock.now())
                if not isinstance(owner, (Attempt, CallLeg)):
                    self._set_timer()
        elif isinstance(event, AckArrived):
            leg = self.dialogs.get(key_of(event.request)) or event.owner
            if isinstance(leg, CallLeg):
                leg.on_ack(event.request)
        elif isinstance(event, CancelArrived):
            if isinstance(event.owner, IncomingLeg):
                event.owner.on_cancel(event.request)
            else:
                self.stack.reply(event.tx, 487)
        elif isinstance(event, AckMissing):
            if isinstance(event.owner, IncomingLeg):
                event.owner.on_ack_missing()
            elif isinstance(event.owner, CallLeg):
                event.owner.release(Cause.VANISHED)
        elif isinstance(event, FlowClosed):
            self.registrar.flow_closed(event.flow)
            self.trunks.flow_closed(event.flow)
            self._set_timer()
        elif isinstance(event, BadMessage):
            self.log.debug("bad SIP message", source=event.flow.host, problem=event.reason)

    def _on_request(self, event: RequestArrived) -> None:
        request = event.request
        if request.to_tag:
            leg = self.dialogs.get(key_of(request))
            if leg is not None:
                self.remember_call(request.call_id, leg.id)
                leg.on_request(event.tx, request)
            elif not self._early(event):
                self.stack.reply(event.tx, 481)
            return
        method = request.method
        if fault := fault_of(request, event.flow):
            self.stack.dismiss(event.tx, *fault)
        elif method == "REGISTER":
            self.registrar.on_register(event)
            self._set_timer()
        elif method == "INVITE":
            arrivals.take_invite(self, event)
        elif method == "MESSAGE":
            arrivals.take_message(self, event)
        elif method == "OPTIONS":
            headers = (
                ("Allow", ALLOW),
                ("Supported", SUPPORTED),
                ("Accept", "application/sdp, text/plain"),
            )
            self.stack.reply(event.tx, 503 if self.door.draining else 200, headers=headers)
        elif method in {"BYE", "INFO", "REFER", "NOTIFY", "UPDATE", "PRACK"}:
            self.stack.reply(event.tx, 481)
        else:
            self.stack.reply(event.tx, 405, headers=(("Allow", ALLOW),))

    def _early(self, event: RequestArrived) -> bool:
        """A request before the answer (RFC 3261 §12.1): a caller may leave by BYE instead of CANCEL (§15)."""
        request = event.request
        leg = self.legs.get(self._calls.get(request.call_id, ""))
        if not isinstance(leg, (IncomingLeg, OutgoingLeg)) or not leg.rings_for(request):
            return False
        if request.method != "BYE":
            early_request(leg, event.tx, request)
        elif isinstance(leg, IncomingLeg):
            self.stack.reply(event.tx, 200)
            leg.on_cancel(request)
        else:
            return False  # who is called may not: it has a final answer to give
        return True

    # -- what legs ask of the channel ---------------------------------------------------------------------

    def answer_invite(
        self,
        tx: ServerTransaction,
        body: bytes,
        leg: CallLeg,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        contact: str = "",
    ) -> Response:
        """200 OK (or 180, 183), with SDP where `body` is not empty; the proxies that want to stay in the path
        stand in it (§12.1.1). `contact`: ours, where it is known already."""
        response = Response.to_request(tx.request, status, None, tx.to_tag)
        added = [("Record-Route", hop) for hop in tx.request.get_all("Record-Route")]
        added += (("Contact", contact),) if contact else self.contact_header(leg)
        added += (("Allow", ALLOW), ("Supported", PHONES_SUPPORTED if leg.device else SUPPORTED))
        if status == 200 and leg.liveness is not None:
            added += leg.liveness.answer(tx.request)
        added += headers
        if body:
            added.append(("Content-Type", "application/sdp"))
            response.body = body
        response.extend(added)
        self.stack.respond(tx, response)
        return response

    def contact_header(self, leg: CallLeg) -> tuple[tuple[str, str], ...]:
        return (("Contact", self.contact(leg.flow, leg.secure)),) if leg.flow is not None else ()

    def contact(self, flow: Flow, secure: bool = False) -> str:
        """Our own Contact towards a peer; `secure`: in a dialog of `sips:`."""
        if secure and flow.protocol == TLS:
            return f"<sips:ccd@{self.stack.contact_host(flow)}>"
        suffix = "" if flow.protocol == "UDP" else f";transport={flow.protocol.lower()}"
        return f"<sip:ccd@{self.stack.contact_host(flow)}{suffix}>"

    def media_place(self, place: tuple[str, int], flow: Flow) -> tuple[str, int]:
        """Host and port for our SDP."""
        host = self.settings.media.host
        if host in {"", "0.0.0.0", "::"}:  # noqa: S104  listening everywhere says nothing of where we are
            host = self.stack.advertised(flow)[0]
        return host, place[1]

    def flow_now(self, leg: CallLeg, flow: Flow) -> Flow:
        return ways.flow_now(self, leg, flow)

    def remember_call(self, call_id: str, leg: str) -> None:
        """For `sip trace`: which Call-IDs belonged to a leg."""
        calls = self._calls
        calls[call_id] = leg
        if len(calls) > MOST_REMEMBERED:
            calls.popitem(last=False)

    def leg_of_call(self, call_id: str) -> CallLeg | None:
        """The leg that stands or rings under this Call-ID."""
        return self.legs.get(self._calls.get(call_id, ""))

    def refer_target(self, request: Request) -> str:
        return arrivals.refer_target(self, request)

    def digit_by_info(self, leg: CallLeg, digit: str) -> None:
        """A digit that came by INFO: a fact, and RFC 4733 (or INFO) to whom the leg is bridged with."""
        leg.keyed = True
        if self.keyed_twice.again(leg.id, digit, Way.INFO, self.clock.now()):
            return
        if self.secret_keys.press(leg.id, digit):
            return
        self.post(facts.DigitPressed(leg.id, digit))
        self.passing_keys.pass_on(leg, digit)

    def give_digit(self, leg: CallLeg, digit: str) -> None:
        """Send a digit in the way that the far end takes."""
        stream = leg.session.stream if leg.session is not None else None
        if stream is not None and stream.digits is not None:
            self.engine.perform(engine.SendDigit(leg.id, digit))
        else:
            leg.send_digit(digit)

    def forget(self, leg: CallLeg) -> None:
        """The leg is over; its dialog stays known until its BYE is answered (`CallLeg.heard`)."""
        self.legs.pop(leg.id, None)
        if leg.keyed:
            self.secret_keys.forget(leg.id)
            self.keyed_twice.forget(leg.id)
            self.passing_keys.forget(leg.id)
        if leg.peer and (peer := self.legs.get(leg.peer)) is not None and peer.peer == leg.id:
            peer.peer = ""
        if leg.trunk:
            self.trunks.release(leg.trunk)

    def forget_text(self, leg: TextLeg) -> None:
        self.texts.pop(leg.id, None)
        others = [each for each in self._correspondents.pop(leg.name, []) if each is not leg]
        if others:
            self._correspondents[leg.name] = others
        if leg.device:
            self._former[leg.id] = leg
            if len(self._former) > MOST_FORMER:
                self._former.popitem(last=False)
        for key in [key for key in self._unacknowledged if key[0] == leg.id]:
            self.stack.reply(self._unacknowledged.pop(key), 200)

    def add_text(self, leg: TextLeg) -> None:
        self.texts[leg.id] = leg
        others = [each for each in self._correspondents.get(leg.name, []) if each.id != leg.id]
        self._correspondents[leg.name] = [*others, leg]

    def correspondent(self, user: str, device: str) -> TextLeg | None:
        """The conversation that a device means, also when that is over; else one of other devices."""
        live = self._correspondents.get(user, [])
        former = [leg for leg in reversed(self._former.values()) if leg.name == user]
        known = [*live, *former]
        return next((leg for leg in known if leg.belongs_to(device)), known[0] if known else None)

    def text_leg(self, leg: str) -> TextLeg | None:
        """A written leg, also when it is over: what became of a disposition is told there."""
        return self.texts.get(leg) or self._former.get(leg)

    def await_acknowledgement(self, leg: str, message: str, tx: ServerTransaction) -> None:
        """The agent's text is answered once it is durable."""
        self._unacknowledged[leg, message] = tx

    def acknowledge_text(self, leg: str, message: str) -> None:
        """It is: 200 to the phone that sent it."""
        tx = self._unacknowledged.pop((leg, message), None)
        if tx is not None:
            self.stack.reply(tx, 200)

    def call_later(self, delay_s: float, call: Callable[[], Any]) -> asyncio.TimerHandle:
        """A timer of a leg."""
        assert self._loop is not None  # noqa: S101  legs live after start
        return self._loop.call_later(delay_s, call)

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task of the channel; `stop` ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- within ----------------------------------------------------------------------------------------------

    def _post(self, fact: facts.AnyFact) -> None:
        self.post(fact)

    def _set_timer(self) -> None:
        """One timer for registrations, qualify, trunks and the sessions of calls; to be called when those may
        have an earlier deadline."""
        first, second = self.registrar.next_deadline(), self.trunks.next_deadline()
        third = self.watch.next_deadline()
        deadline = second if first is None or (second is not None and second < first) else first
        if deadline is None or (third is not None and third < deadline):
            deadline = third
        if deadline == self._deadline and self._timer is not None:
            return
        self._deadline = deadline
        if deadline is None or self._loop is None or self._stopped:
            return
        delay = max(0.005, deadline - self.clock.now())
        due = self._loop.time() + delay
        if self._timer is not None and not self._timer.cancelled():
            if self._loop.time() < self._timer.when() <= due + 0.05:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self.clock.now()
        self.registrar.expire(now)
        self.trunks.expire(now)
        self.watch.expire(now)
        self._set_timer()


def _nowhere(_fact: facts.AnyFact) -> None:
    """Nobody listens: not started, or stopped."""
