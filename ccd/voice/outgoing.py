"""A call that we make: one or more INVITEs until one is answered (RFC 3261 §13.2).

To an agent: every binding of every device of the agent rings at once; the first 200 wins, the others are
cancelled as answered elsewhere, and a second 200 that crosses is acknowledged and ended with BYE.
To an outside address: one trunk after another by priority; the next one is tried on 5xx, on a
transport fault and when nothing, not even 100, comes in the trunk's time. A trunk's further targets go
before the next trunk where only the target failed: silence, transport, 503 (RFC 3263 §4.3).
"""

from asyncio import TimerHandle
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from ccd.errors import CcdError
from ccd.model import facts
from ccd.model.commands import DialLeg
from ccd.model.nouns import Cause
from ccd.sip.description import SessionDescription
from ccd.sip.dialog import Dialog
from ccd.sip.endpoint import ClientTransaction, Flow, ResponseArrived, State, TransactionFailed
from ccd.sip.message import Request, Response
from ccd.sip.parts import sdp_of
from ccd.sip.reliable import required, rseq_of
from ccd.sip.session_timer import Policy, ask, read_least
from ccd.voice import engine, ways
from ccd.voice.admitting import MOST_HOPS
from ccd.voice.call_leg import CallLeg
from ccd.voice.causes import cause_of_response, q850_of_status, read_reasons, reason_header
from ccd.voice.extensions import ALLOW, supported
from ccd.voice.leg_states import LegMove, LegState
from ccd.voice.provisional import EarlyDialogs
from ccd.voice.securing import insisting, keys_for
from ccd.voice.targets import Candidate

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

# a member taken out of its enum costs 600 instructions
_GONE, _DIALLING, _UP = LegState.GONE, LegState.DIALLING, LegState.UP
_NOT_TRIED = (-1, Cause.UNREACHABLE, 0, 0)
_RING, _ACCEPTED = LegMove.RING, LegMove.ACCEPTED

_RANK = {Cause.REJECTED: 4, Cause.BUSY: 3, Cause.NO_ANSWER: 2}
"""Which refusal of several devices says most about the agent."""
MOST_EARLY = 8
"""Early dialogs of one INVITE that are known; the newest."""
MOST_CHALLENGES = 3
"""A proxy and what stands behind it may each ask once, and one of them find its nonce stale."""


@lru_cache(maxsize=2)
def _session_terms(policy: Policy) -> tuple[tuple[str, str], ...]:
    """What a first INVITE asks for of its session's time; `Supported` is said with the rest."""
    return tuple(header for header in ask(policy) if header[0] != "Supported")


class Attempt:
    """One INVITE of an outgoing leg, with the copies that authentication makes."""

    __slots__ = (
        "candidate",
        "challenged",
        "counted",
        "early",
        "keys",
        "leg",
        "longer",
        "offered",
        "over",
        "rang",
        "reliably",
        "tags",
        "timer",
        "tx",
        "won",
    )

    def __init__(self, leg: "OutgoingLeg", candidate: Candidate) -> None:
        self.leg = leg
        self.candidate = candidate
        channel = leg.channel
        self.keys = keys_for(channel, candidate.flow, candidate.device, candidate.trunk)
        self.offered: SessionDescription | None = None
        """Our SDP offer, as it was told our address and its own keys."""
        self.tx: ClientTransaction | None = None
        self.rang = False
        self.tags: tuple[str, ...] = ()
        """Of the far ends that ring: behind a proxy they may be several."""
        self.challenged = 0
        """Challenges answered so far."""
        self.longer = False
        """Sent anew with a longer session time."""
        self.reliably = candidate.reliable
        """It says that we know 100rel."""
        self.early: EarlyDialogs | None = None
        """Those whose ringing wants a PRACK."""
        self.over = False
        self.won = False
        self.timer: TimerHandle | None = None
        self.counted = False
        """It holds a channel of its trunk."""

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """What came of the INVITE."""
        del now
        if isinstance(event, TransactionFailed):
            self.leg.attempt_failed(self, event.cause)
        elif event.response.status < 200:
            if self.over or self._to_be_heard(event.tx, event.response):
                self.leg.attempt_progressed(self, event.response)
        elif event.response.status < 300:
            self.leg.attempt_accepted(self, event.tx, event.response)
        else:
            self.leg.attempt_refused(self, event.tx, event.response)

    def _to_be_heard(self, tx: ClientTransaction, response: Response) -> bool:
        """Acknowledge ringing that wants a PRACK; False: it was heard before, or comes before its turn."""
        if self.early is None:
            if rseq_of(response) is None:
                return True
            self.early = EarlyDialogs()
        return self.early.hear(self, tx, response)

    def confirmed(self, request: Request, response: Response) -> tuple[Dialog, bytes]:
        """The dialog of a 2xx and its SDP, or the one that was said reliably before."""
        body = sdp_of(response) or b""
        if self.early is not None and (dialog := self.early.confirm(response)) is not None:
            return dialog, body or self.early.answer(response)
        return Dialog.as_client(request, response), body

    def send_again(self, request: Request, flow: Flow) -> None:
        """The INVITE anew: what rang, rang for the former one."""
        self.early = None
        self.tx = self.leg.channel.stack.request(request, flow, owner=self)

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def finish(self) -> None:
        """It has its final answer, or is given up: the trunk's channel is free again."""
        self.over = True
        self.stop_timer()
        if self.counted:
            self.counted = False
            self.leg.channel.trunks.release(self.candidate.trunk)


class OutgoingLeg(CallLeg):
    """The client side of one or more INVITEs."""

    made_by_us = True

    __slots__ = ("_attempts", "_early", "_rang", "_settled", "_why", "_worst", "command", "waiting")

    def __init__(self, channel: "VoiceChannel", command: DialLeg) -> None:
        super().__init__(channel, command.leg, _DIALLING)
        self.command = command
        self.waiting: list[Candidate] = []
        """Targets and trunks still to be tried, best first."""
        self._attempts: list[Attempt] = []
        self._rang = False
        self._early = False
        self._settled: Attempt | None = None
        """Whose answer was taken last."""
        self._worst: tuple[int, Cause, int, int] = _NOT_TRIED
        self._why = ""
        """How a phone refused our audio."""

    def over(self, cause: Cause, *, remote: bool, sip_status: int = 0, q850: int = 0, note: str = "") -> None:
        super().over(cause, remote=remote, sip_status=sip_status, q850=q850, note=note)
        # What attempts still hear finds us gone: leave no circle for the garbage collector, and no SDP.
        for attempt in self._attempts:
            attempt.candidate.headers = []
            attempt.offered = None
        self._attempts = []
        self._settled = self.session = None

    def dial(self, candidates: list[Candidate], *, at_once: bool) -> None:
        """Begin: all candidates together (an agent's devices) or one after another (trunks)."""
        if at_once:
            for candidate in candidates:
                self._invite(candidate)
        else:
            self.waiting = candidates[1:]
            self._invite(candidates[0])

    def _invite(self, candidate: Candidate) -> None:
        session, trunk = self.session, candidate.trunk
        if session is None:
            return
        attempt = Attempt(self, candidate)
        attempt.counted = bool(trunk) and self.channel.trunks.take(trunk)
        self._attempts.append(attempt)
        host, _ = self.channel.media_place((session.host, session.port), candidate.flow)
        attempt.offered = session.offer_to(host, attempt.keys)
        able = [("Allow", ALLOW), ("Supported", supported(bool(candidate.device), attempt.reliably))]
        able += _session_terms(self.channel.session_policy)
        hops = self.hops if trunk else MOST_HOPS
        request = candidate.invite(self.call_id, attempt.offered.to_bytes(), hops, able)
        self.channel.remember_call(self.call_id, self.id)
        attempt.tx = self.channel.stack.request(request, candidate.flow, owner=attempt)
        if candidate.timeout_s:
            attempt.timer = self.channel.call_later(candidate.timeout_s, lambda: self._too_slow(attempt))

    # -- what comes of an attempt ----------------------------------------------------------------

    def attempt_progressed(self, attempt: Attempt, response: Response) -> None:
        """180, 183: it rings; SDP in it is early media."""
        if attempt.timer is not None:
            attempt.stop_timer()
        if self.state is _GONE or attempt.over:
            return
        attempt.rang = True
        if (tag := response.to_tag) and tag not in attempt.tags:
            attempt.tags = (*attempt.tags, tag)[-MOST_EARLY:]
        body = sdp_of(response) if response.body and not self._early else None
        early = False
        if body and self.session is not None and sum(not each.over for each in self._attempts) == 1:
            early = self._early = not self._take_answer(attempt, body, quiet=True)
        if not self._rang or early:
            self._rang = True
            self.move(_RING)
            self.channel.post(facts.LegRinging(self.id, early_media=early))

    def attempt_accepted(self, attempt: Attempt, tx: ClientTransaction, response: Response) -> None:
        """A 200: the first wins; any other is acknowledged and ended."""
        attempt.over = True
        if attempt.timer is not None:
            attempt.stop_timer()
        request = tx.request  # once acknowledged, only its outline is kept
        dialog, body = attempt.confirmed(request, response)
        flow = ways.flow_of(self.channel, dialog, tx.flow, attempt.candidate.trunk)
        self.channel.stack.send_ack(tx, dialog.ack(response), flow)
        if self.state is _GONE or self.dialog is not None:
            attempt.finish()
            headers = [("Reason", reason_header(Cause.ANSWERED_ELSEWHERE))]
            self.channel.stack.request(dialog.request("BYE", None, headers), flow)
            return
        self.dialog, self.flow, attempt.won = dialog, flow, True
        self.secure = dialog.secure
        attempt.counted = False  # from here on the leg holds the trunk's channel
        self.call_id = dialog.call_id
        self.device, self.trunk = attempt.candidate.device, attempt.candidate.trunk
        self.channel.dialogs[dialog.key] = self
        dialog.remote_seq = self.early_seq
        if self.liveness is not None:
            self.liveness.accepted(request, response)
        if len(self._attempts) > 1:
            self._cancel_others()
        self.waiting = []
        if problem := self._take_answer(attempt, body, quiet=False):
            super().hang_up(Cause.INCOMPATIBLE)
            note = f"the SDP answer cannot be used: {problem}"
            self.over(Cause.INCOMPATIBLE, remote=False, note=note)
            return
        self.move(_ACCEPTED)
        self.channel.post(facts.LegAnswered(self.id, self.device))
        if self.device and body and self.session is not None and self.session.held:
            self.channel.post(facts.LegHeld(self.id))  # a carrier that only sends announces something

    def attempt_refused(self, attempt: Attempt, tx: ClientTransaction, response: Response) -> None:
        """A final response of 300 or more."""
        attempt.stop_timer()
        status = response.status
        if attempt.over or self.state is _GONE:
            attempt.finish()
            return
        if status in {401, 407} and self._authorise(attempt, tx, response):
            return
        if status == 422 and self._ask_longer(attempt, tx, response):
            return
        if status == 488 and self._insist(attempt, tx):
            return
        if status == 421 and self._ask_reliably(attempt, tx, response):
            return
        attempt.finish()
        reasons = read_reasons(response.get_all("Reason"))
        cause = cause_of_response(status, reasons, attempt.rang)
        if cause is Cause.INCOMPATIBLE and attempt.candidate.device:
            self._incompatible(attempt.candidate.device, status, response)
        self._note_failure(cause, status, reasons.q850 or q850_of_status(status))
        if attempt.candidate.may_fail_over(status, reasons.q850):
            retry_after = response.get("Retry-After") or ""
            digits = retry_after.partition(";")[0].partition("(")[0].strip()
            retry_after_s = float(digits) if digits.isdigit() and len(digits) < 6 else 0.0
            if status == 503:
                self.channel.trunks.target_failed(
                    attempt.candidate.trunk, attempt.candidate.flow, "", retry_after_s
                )
            else:
                self.channel.trunks.failed(attempt.candidate.trunk, retry_after_s)
                self._leave(attempt.candidate.trunk)
            self._try_next()
        else:
            self._give_up_if_all_over()

    def _incompatible(self, device: str, status: int, response: Response) -> None:
        """The phone is there and refuses our audio: the administrator's affair, not the agent's."""
        said = (response.get("Warning") or "")[:120]
        self._why = f"{device} refused our audio: no codec in common, or it takes it encrypted only"
        self._why += f"; it says: {said}" if said else ""
        self.channel.log.warning("phone refused our audio", device=device, status=status, warning=said)

    def _leave(self, trunk: str) -> None:
        """What was answered speaks of the carrier as a whole: its other targets would say the same."""
        self.waiting = [each for each in self.waiting if each.trunk != trunk]

    def _try_next(self) -> None:
        """The next target or trunk, or the end."""
        if self.waiting:
            self._early = False
            self._invite(self.waiting.pop(0))
        else:
            self._give_up_if_all_over()

    def attempt_failed(self, attempt: Attempt, why: str) -> None:
        """Nobody answered at all, or the transport broke."""
        attempt.stop_timer()
        if attempt.over or self.state is _GONE:
            attempt.finish()
            return
        attempt.finish()
        self.channel.log.warning("call not placed", leg=self.id, trunk=attempt.candidate.trunk, problem=why)
        candidate = attempt.candidate
        self.channel.trunks.target_failed(candidate.trunk, candidate.flow, f"a call failed: {why}")
        cause = Cause.CONGESTION if attempt.candidate.trunk else Cause.UNREACHABLE
        self._note_failure(cause, 408, 102)  # a silent trunk says nothing of the called party
        self._try_next()

    def _too_slow(self, attempt: Attempt) -> None:
        """No provisional in the trunk's time: this trunk is given up, the next one tried.

        100 alone is enough to stay: the trunk is there and looks for the called party, which takes ten
        seconds and more abroad; the ring timeout bounds it.
        """
        attempt.timer = None
        if attempt.tx is not None:
            if attempt.tx.state is State.PROCEEDING:
                return
            self.channel.stack.cancel(attempt.tx)
        self.attempt_failed(attempt, f"no answer in {attempt.candidate.timeout_s:g} s")

    def _authorise(self, attempt: Attempt, tx: ClientTransaction, response: Response) -> bool:
        if attempt.challenged >= MOST_CHALLENGES:
            return False
        request: Request | None = attempt.candidate.authorise(tx.request, response)
        if request is None:
            return False
        attempt.challenged += 1
        attempt.send_again(request, tx.flow)
        return True

    def _ask_longer(self, attempt: Attempt, tx: ClientTransaction, response: Response) -> bool:
        """The session time that we asked for is too short: once more, with what the far end wants."""
        least_s = read_least(response)
        if attempt.longer or not least_s:
            return False
        attempt.longer = True
        self._ask_again(attempt, tx, ask(self.channel.session_policy, None, least_s))
        return True

    def _ask_reliably(self, attempt: Attempt, tx: ClientTransaction, response: Response) -> bool:
        """The far end rings only where PRACK is known (421): once more, saying that it is."""
        if attempt.reliably or not required(response):
            return False
        attempt.reliably = True
        self._ask_again(attempt, tx, ())
        return True

    def _ask_again(
        self,
        attempt: Attempt,
        tx: ClientTransaction,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
    ) -> None:
        """The INVITE anew, some of its headers or its offer changed."""
        former = tx.request
        request = Request("INVITE", former.raw_uri, list(former.headers), former.body, former.charset)
        request.set("CSeq", f"{former.cseq.number + 1} INVITE")
        for name, value in headers:
            request.set(name, value)
        request.set("Supported", supported(bool(attempt.candidate.device), attempt.reliably))
        if body:
            request.set_body(body, "application/sdp")
        attempt.send_again(request, tx.flow)

    def _insist(self, attempt: Attempt, tx: ClientTransaction) -> bool:
        """It takes no plain audio, nor encrypted audio that is offered as plain: once more as RTP/SAVP.

        So do phones whose SRTP is mandatory (baresip, PJSIP), and many carriers.
        """
        keys = insisting(attempt.keys, attempt.candidate.device)
        if keys is None or self.session is None or attempt.offered is None:
            return False
        if attempt is self._settled:
            self._settled, self.session.stream = None, None
        attempt.keys = keys
        attempt.offered = self.session.offer_to(attempt.offered.host or self.session.host, keys)
        self._ask_again(attempt, tx, (), attempt.offered.to_bytes())
        return True

    def _take_answer(self, attempt: Attempt, body: bytes, *, quiet: bool) -> str:
        """The far end's SDP answer to this offer of ours; why it cannot be used, empty: it is taken."""
        session = self.session
        if session is None or attempt.offered is None:
            return "the call is over"
        if attempt is not self._settled:
            if self._settled is not None:
                session.stream = None  # of another's early media
            self._settled = attempt
            session.settle_on(attempt.offered, attempt.offered.host or session.host, attempt.keys)
        if not body and session.stream is not None:
            return ""  # the answer came with early media already
        try:
            session.accept(body)
        except CcdError as fault:
            if not quiet:
                self.channel.log.warning("bad SDP answer", leg=self.id, problem=str(fault))
            return str(fault)
        if session.stream is not None:
            self.channel.engine.perform(engine.SetStream(self.id, session.stream))
            session.told_held = session.held
        return ""

    def several(self) -> bool:
        """More than one phone rings."""
        return sum(not each.over for each in self._attempts) != 1

    def rings_for(self, request: Request) -> bool:
        """Whether it was sent in an early dialog of this call: with our tag, by who rings."""
        return self.dialog is None and any(
            each.rang and not each.over and each.tx is not None and each.tx.request.from_tag == request.to_tag
            for each in self._attempts
        )

    def has_early(self, our_tag: str, their_tag: str) -> bool:
        return self.dialog is None and any(
            their_tag in each.tags
            and not each.over
            and each.tx is not None
            and each.tx.request.from_tag == our_tag
            for each in self._attempts
        )

    def _note_failure(self, cause: Cause, status: int, q850: int) -> None:
        rank = _RANK.get(cause, 1)
        if rank > self._worst[0]:
            self._worst = (rank, cause, status, q850)

    def _give_up_if_all_over(self) -> None:
        if all(attempt.over for attempt in self._attempts):
            _, cause, status, q850 = self._worst
            note = self._why if cause is Cause.INCOMPATIBLE else ""
            self.over(cause, remote=True, sip_status=status, q850=q850, note=note)

    def _cancel_others(self) -> None:
        reason = [("Reason", reason_header(Cause.ANSWERED_ELSEWHERE))]
        for attempt in self._attempts:
            attempt.stop_timer()
            if not attempt.over and not attempt.won and attempt.tx is not None:
                attempt.finish()
                self.channel.stack.cancel(attempt.tx, reason)

    def hang_up(self, cause: Cause) -> None:
        """CANCEL what rings, or BYE."""
        if self.state is _UP:
            super().hang_up(cause)
            return
        self.waiting = []
        for attempt in self._attempts:
            attempt.stop_timer()
            if not attempt.over and attempt.tx is not None:
                attempt.finish()
                self.channel.stack.cancel(attempt.tx, [("Reason", reason_header(cause))])
