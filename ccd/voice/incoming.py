"""A call that comes in: from INVITE to ACK (RFC 3261 §13.3), refused, cancelled or answered."""

from typing import TYPE_CHECKING

import msgspec

from ccd.errors import CcdError
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.sip.description import SessionDescription
from ccd.sip.dialog import Dialog
from ccd.sip.endpoint import Flow, ServerTransaction
from ccd.sip.message import Request
from ccd.sip.parts import sdp_of
from ccd.voice import engine, ways
from ccd.voice.admitting import hops_left, wants_sips
from ccd.voice.call_leg import CallLeg
from ccd.voice.causes import cause_of_cancel, read_reasons, reason_header, refusal
from ccd.voice.leg_states import LegMove, LegState
from ccd.voice.provisional import ReliableRinging
from ccd.voice.securing import keys_for
from ccd.voice.session import Session

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

# a member taken out of its enum costs 600 instructions
_ARRIVED, _ANSWERED = LegState.ARRIVED, LegState.ANSWERED
_ANSWER, _ACKED = LegMove.ANSWER, LegMove.ACKED


class IncomingLeg(CallLeg):
    """The server side of an INVITE."""

    __slots__ = ("_deaf", "_described", "_released", "invite", "offer", "reliable")

    def __init__(self, channel: "VoiceChannel", leg: str, tx: ServerTransaction, flow: Flow) -> None:
        super().__init__(channel, leg, _ARRIVED)
        self.invite: ServerTransaction | None = tx
        self.flow = flow
        self.call_id = tx.request.call_id
        self.early_seq = tx.request.cseq.number
        self.offer: SessionDescription | None = None
        """The caller's, until it is answered."""
        self._deaf = False
        self._described = b""
        """Our SDP, once it was said."""
        self._released: Cause | None = None
        self.secure = wants_sips(tx.request)
        self.hops = hops_left(tx.request)
        self.reliable = ReliableRinging.wanted(self, tx)
        tx.owner = self

    def ring(self, early_media: bool = False) -> None:
        """180 Ringing, or 183 with our SDP: the caller hears the far end's own sound from here on.

        RFC 3960: a phone without early media keeps its own tone. An offer that is still to come from us
        cannot stand in a provisional answer without 100rel (RFC 3261 §13.2.1), so then it is 180.
        """
        tx = self.invite
        if self.state is not _ARRIVED or tx is None:
            return
        if self.reliable is not None:
            self._ring_reliably(tx, self.reliable, early_media)
            return
        if early_media and tx.request.body:
            if body := self._describe(tx):
                self._listen(False)  # it need not send before the answer, so its silence means nothing
                self.channel.answer_invite(tx, body, self, status=183)
            return
        route = [("Record-Route", hop) for hop in tx.request.get_all("Record-Route")]
        self.channel.stack.reply(tx, 180, headers=(*route, *self.channel.contact_header(self)))

    def _ring_reliably(self, tx: ServerTransaction, reliable: ReliableRinging, early_media: bool) -> None:
        """The first reliable answer to an INVITE without an offer has to bring one (RFC 3261 §13.2.1)."""
        if reliable.busy(lambda: self.ring(early_media)):
            return
        body = b""
        if not reliable.settled and (early_media or not tx.request.body):
            body = self._describe(tx)
            if not body:
                return
            self._listen(False)
        reliable.say(183 if early_media else 180, body)

    def take_early_answer(self, prack: Request) -> bool:
        """The answer to the offer of our ringing; False: there is none that can be used."""
        try:
            if self.session is None or not (body := sdp_of(prack)):
                return False
            self.session.accept(body)
        except CcdError as fault:
            self.channel.log.warning("bad SDP answer", leg=self.id, problem=str(fault))
            return False
        self._listen(False)
        self.session.told_held = self.session.held
        return True

    def give_up(self, status: int, phrase: str, cause: Cause, note: str) -> None:
        """Refuse the call for what the caller did or left undone while it rang."""
        self._refuse(status, phrase, cause)
        self.over(cause, remote=True, sip_status=status, note=note)

    def on_prack(self, tx: ServerTransaction, request: Request) -> None:
        if self.reliable is None:
            super().on_prack(tx, request)
        else:
            self.reliable.on_prack(tx, request)

    def answer(self) -> None:
        """200 OK with our SDP; media flows from here on, the ACK confirms."""
        tx, flow = self.invite, self.flow
        if self.state is not _ARRIVED or tx is None or flow is None:
            return
        reliable = self.reliable
        if reliable is not None and reliable.unsettled(self.answer):
            return
        body = self._describe(tx)
        if not body:
            return
        if reliable is not None:
            reliable.finish()
            body = b"" if reliable.settled else body
        self.move(_ANSWER)
        contact = self.channel.contact(flow, self.secure)
        self.dialog = dialog = Dialog.as_server(tx.request, tx.to_tag, contact)
        dialog.remote_seq = max(dialog.remote_seq, self.early_seq)
        self.channel.dialogs[dialog.key] = self
        self.flow = ways.flow_of(self.channel, dialog, flow, self.trunk)
        if self._deaf:
            self._listen(True)
        self.channel.answer_invite(tx, body, self, contact=contact if self.flow is flow else "")

    def _listen(self, on: bool) -> None:
        """Take what the caller sends, or only send to it."""
        self._deaf = not on
        stream = self.session.stream if self.session is not None else None
        if stream is not None:
            heard = stream if on else msgspec.structs.replace(stream, receive=False)
            self.channel.engine.perform(engine.SetStream(self.id, heard))

    def _describe(self, tx: ServerTransaction) -> bytes:
        """Open our media and say it in SDP, the same each time; empty: it cannot be, the call is refused."""
        if self._described or self.flow is None:
            return self._described
        place = self.channel.engine.take_port(newcomer=not self.device)
        if place is None:
            self.release(Cause.CONGESTION)
            return b""
        request: Request = tx.request
        keys = keys_for(self.channel, self.flow, self.device, self.trunk)
        host, port = self.channel.media_place(place, self.flow)
        self.session = session = Session(host, port, self.channel.codecs, keys)
        try:
            offer, self.offer = self.offer, None
            self._described = session.answer(offer or request.body) if request.body else session.offer()
        except CcdError as fault:
            self.channel.engine.perform(engine.OpenLeg(self.id, place[1]))
            self._refuse(488, "Not Acceptable Here", Cause.INCOMPATIBLE)
            self.over(Cause.INCOMPATIBLE, remote=False, sip_status=488, note=str(fault))
            return b""
        self.channel.engine.perform(engine.OpenLeg(self.id, place[1], session.stream))
        session.told_held = session.held
        return self._described

    def on_ack(self, request: Request) -> None:
        """The caller confirmed: the leg is up; if it was released meanwhile, now is the time for BYE."""
        if self._released is not None:
            cause, self._released = self._released, None
            super().hang_up(cause)
            return
        if self.state is _ANSWERED:
            self.move(_ACKED)
            self.invite = None
            self._take_late_answer(request)
            if self.id in self.channel.legs:  # a bad SDP answer in the ACK ends it
                self.channel.post(facts.LegAnswered(self.id, self.device))
            return
        super().on_ack(request)

    def on_ack_missing(self) -> None:
        """The caller never confirmed our 200: hang up (§13.3.1.4)."""
        super().hang_up(Cause.VANISHED)
        self.over(Cause.VANISHED, remote=True, note="no ACK")

    def rings_for(self, request: Request) -> bool:
        """Whether it was sent in the early dialog of this call."""
        tx = self.invite
        return (
            self.state is _ARRIVED
            and tx is not None
            and tx.to_tag == request.to_tag
            and tx.request.from_tag == request.from_tag
        )

    def described_anew(self, body: bytes) -> None:
        """The answer is to say the same."""
        self._described = body

    def on_cancel(self, cancel: Request) -> None:
        """The caller left before we answered, by CANCEL or by BYE."""
        if self.state is _ARRIVED:
            self._refuse(487, "Request Terminated", Cause.CANCELLED)
            reasons = read_reasons(cancel.get_all("Reason"))
            self.over(cause_of_cancel(reasons), remote=True, sip_status=487, q850=reasons.q850)

    def hang_up(self, cause: Cause) -> None:
        """Refuse, or BYE; a BYE before the ACK waits for it (§15)."""
        if self.state is _ARRIVED:
            told = refusal(cause)
            self._refuse(told.status, told.phrase, cause)
        elif self.state is _ANSWERED:
            self._released = cause
        else:
            super().hang_up(cause)

    def _refuse(self, status: int, phrase: str, cause: Cause) -> None:
        if self.invite is None:
            return
        if self.reliable is not None:
            self.reliable.finish()
        headers = [("Reason", reason_header(cause))]
        if status == 503:
            headers.append(("Retry-After", str(self.channel.settings.sip.retry_after_s)))
        self.channel.stack.reply(self.invite, status, reason=phrase, headers=headers)

    def has_early(self, our_tag: str, their_tag: str) -> bool:
        tx = self.invite
        if self.state is not _ARRIVED or tx is None:
            return False
        return (tx.to_tag, tx.request.from_tag) == (our_tag, their_tag)
