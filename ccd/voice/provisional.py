"""Reliable provisional responses (RFC 3262) in calls: ours to who requires them, and PRACK for theirs.

Decision 0034 says when. The rules of the numbers are in `ccd.sip.reliable`; here they meet legs and SDP.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.errors import CcdError
from ccd.model.nouns import Cause
from ccd.sip.dialog import Dialog
from ccd.sip.endpoint import ClientTransaction, Flow, ResponseArrived, ServerTransaction, TransactionFailed
from ccd.sip.message import Request, Response
from ccd.sip.parts import sdp_of
from ccd.sip.reliable import FIRST_RSEQ_BELOW, TAG, Heard, Receiver, Sender, Step, rack, read_rack, required
from ccd.sip.timers import Entry
from ccd.voice import ways
from ccd.voice.leg_states import LegState
from ccd.voice.liveness import Due
from ccd.voice.refusing import warning
from ccd.voice.updating import take_early_offer

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel
    from ccd.voice.incoming import IncomingLeg
    from ccd.voice.outgoing import Attempt


class ReliableRinging:
    """What a caller that requires 100rel hears before the answer."""

    __slots__ = ("_entry", "_leg", "_next", "_said", "_sender", "_tx", "settled")

    def __init__(self, leg: "IncomingLeg", tx: ServerTransaction) -> None:
        channel = leg.channel
        first = 1 + channel.chance.below(FIRST_RSEQ_BELOW - 1)
        self._sender = Sender(tx.request.cseq.number, first, channel.settings.sip.t1_ms / 1000)
        self._leg = leg
        self._tx = tx
        self._said: Response | None = None
        self._next: Callable[[], None] | None = None
        """What is to be done once the PRACK is here; the newest only."""
        self._entry: Entry[Due, Any] | None = None
        self.settled = False
        """Our SDP was said in a response that is acknowledged: it stands in no other (RFC 3261 §13.2.1)."""

    @classmethod
    def wanted(cls, leg: "IncomingLeg", tx: ServerTransaction) -> "ReliableRinging | None":
        """Only where the caller requires it."""
        return cls(leg, tx) if required(tx.request) else None

    def busy(self, then: Callable[[], None]) -> bool:
        """There is no second response before the PRACK of the first; `then` is called after that."""
        if self._sender.waiting:
            self._next = then
        return self._sender.waiting

    def unsettled(self, then: Callable[[], None]) -> bool:
        """There is no 2xx before the PRACK of our SDP; `then` is called after that."""
        if not self._sender.may_accept:
            self._next = then
            return True
        return False

    def say(self, status: int, body: bytes) -> None:
        """180 or 183, repeated until it is acknowledged."""
        channel = self._leg.channel
        rseq = self._sender.send(channel.clock.now(), described=bool(body))
        headers = (("Require", TAG), ("RSeq", str(rseq)))
        self._said = channel.answer_invite(self._tx, body, self._leg, status, headers)
        self._schedule()

    def finish(self) -> None:
        """The INVITE gets its final response."""
        self._next = None
        self._sender.finish()
        self._schedule()

    def due(self, what: Any, now: float) -> None:
        """Time to say it again, or to give up."""
        del what
        self._entry = None
        leg = self._leg
        if leg.state is not LegState.ARRIVED:
            return
        step = self._sender.expire(now)
        if step is Step.GIVE_UP:
            leg.give_up(504, "Server Time-out", Cause.VANISHED, "our ringing was not acknowledged (PRACK)")
        elif step is Step.RESEND and self._said is not None:
            leg.channel.stack.respond(self._tx, self._said)
        self._schedule()

    def _schedule(self) -> None:
        watch = self._leg.channel.watch
        if self._entry is not None:
            watch.cancel(self._entry)
            self._entry = None
        deadline = self._sender.next_deadline()
        if deadline is not None:
            self._entry = watch.set(deadline, self)

    def on_prack(self, tx: ServerTransaction, request: Request) -> None:
        """200 for the response that waits, with SDP where the PRACK offers; 481 for any other."""
        leg, stack = self._leg, self._leg.channel.stack
        said = read_rack(request.get("RAck"))
        if said is None:
            stack.reply(tx, 400, reason="RAck Missing Or Unclear")
            return
        if not self._sender.acknowledge(said):
            stack.reply(tx, 481)
            return
        self._schedule()
        self._said = None
        offered = self._sender.described and not self._tx.request.body and not self.settled
        self.settled = self.settled or self._sender.described
        if offered and not leg.take_early_answer(request):
            stack.reply(tx, 200)
            leg.give_up(488, "Not Acceptable Here", Cause.INCOMPATIBLE, "the PRACK has no usable SDP answer")
            return
        if request.body and not offered:
            self._answer_offer(tx, request)
        else:
            stack.reply(tx, 200)
        then, self._next = self._next, None
        if then is not None:
            then()

    def _answer_offer(self, tx: ServerTransaction, request: Request) -> None:
        """§5: an offer in a PRACK is answered in its 200."""
        leg, stack = self._leg, self._leg.channel.stack
        if leg.state is not LegState.ARRIVED or not self.settled:
            stack.reply(tx, 491)  # as for an UPDATE that comes while something else is under way
            return
        try:
            body = take_early_offer(leg, request)
        except CcdError as fault:
            stack.reply(tx, 488, headers=(warning(fault),))
            return
        response = Response.to_request(request, 200, None, tx.to_tag)
        response.set_body(body, "application/sdp")
        stack.respond(tx, response)


class EarlyDialogs:
    """The early dialogs of one INVITE of ours whose provisional responses want a PRACK."""

    __slots__ = ("_answers", "_dialogs", "_receiver")

    def __init__(self) -> None:
        self._receiver = Receiver()
        self._dialogs: dict[str, Dialog] = {}
        self._answers: dict[str, bytes] = {}
        """To-tag → SDP that was said reliably: the answer, also where the 200 has none (§5)."""

    def hear(self, attempt: "Attempt", tx: ClientTransaction, response: Response) -> bool:
        """Acknowledge a response that wants it; False: it is a copy, or comes before its turn."""
        heard, rseq = self._receiver.hear(response)
        if heard is Heard.PLAIN:
            return True
        if heard is not Heard.NEXT:
            return False
        tag = response.to_tag or ""
        dialog = self._dialogs.get(tag)
        if dialog is None:
            dialog = self._dialogs[tag] = Dialog.as_client(tx.request, response)
        else:
            dialog.update_target(response)
        if tag not in self._answers and response.body and (body := sdp_of(response)):
            self._answers[tag] = body
        channel, trunk = attempt.leg.channel, attempt.candidate.trunk
        flow = ways.flow_of(channel, dialog, tx.flow, trunk)
        request = dialog.request("PRACK", None, [("RAck", rack(response, rseq))])
        channel.stack.request(request, flow, owner=Prack(channel, dialog, flow, trunk))
        return True

    def confirm(self, response: Response) -> Dialog | None:
        """The early dialog that a 2xx confirms, which goes on counting; None where there was none."""
        dialog = self._dialogs.get(response.to_tag or "")
        if dialog is not None:
            dialog.confirm(response)
        return dialog

    def answer(self, response: Response) -> bytes:
        """The SDP that was said before this 2xx."""
        return self._answers.get(response.to_tag or "", b"")


class Prack:
    """One PRACK under way; owner of its transaction. What it is answered changes nothing of the call: the
    INVITE goes on as its own answers say."""

    __slots__ = ("_again", "_channel", "_dialog", "_flow", "_trunk")

    def __init__(self, channel: "VoiceChannel", dialog: Dialog, flow: Flow, trunk: str) -> None:
        self._channel = channel
        self._dialog = dialog
        self._flow = flow
        self._trunk = trunk
        self._again = False

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """A carrier that challenges even this is shown the credentials, once."""
        del now
        if isinstance(event, TransactionFailed) or event.response.status < 300:
            return
        if event.response.status in {401, 407} and self._trunk and not self._again:
            self._again = True
            request = self._channel.trunks.authorise(self._trunk, event.tx.request, event.response)
            if request is not None:
                self._dialog.local_seq += 1
                request.set("CSeq", f"{self._dialog.local_seq} PRACK")
                self._channel.stack.request(request, self._flow, owner=self)
                return
        self._channel.log.warning(
            "a provisional response could not be acknowledged (PRACK)", status=event.response.status
        )
