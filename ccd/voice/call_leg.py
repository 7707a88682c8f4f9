"""What all audio legs share once a dialog stands: BYE, re-INVITE, INFO, REFER, media.

One leg is one dialog (RFC 3261 §12) and one media port. Incoming and outgoing legs differ only in how
the dialog comes about (`incoming.py`, `outgoing.py`).
"""

import re
from typing import TYPE_CHECKING, Any

from ccd.errors import CcdError
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.sip.dialog import Dialog
from ccd.sip.endpoint import ClientTransaction, Flow, ResponseArrived, ServerTransaction, TransactionFailed
from ccd.sip.message import Request
from ccd.sip.parts import sdp_of
from ccd.voice import engine, referring, updating
from ccd.voice.admitting import MOST_HOPS
from ccd.voice.causes import cause_of_bye, read_reasons, reason_header
from ccd.voice.extensions import ALLOW, SUPPORTED
from ccd.voice.leg_states import LEG_MOVES, LegMove, LegState, moved
from ccd.voice.liveness import Liveness
from ccd.voice.refusing import warning
from ccd.voice.session import Session

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

# a member taken out of its enum costs 600 instructions
_GONE, _UP, _ANSWERED = LegState.GONE, LegState.UP, LegState.ANSWERED
_OVER = LegMove.OVER

_SIGNAL = re.compile(rb"^\s*Signal\s*=\s*([0-9]{1,2}|[A-D*#])\s*$", re.IGNORECASE | re.MULTILINE)
_KEYS = {str(event): key for event, key in enumerate("0123456789*#ABCD")}
"""Some say a key by its event number (RFC 4733 §3.2): 10 is the star."""
_REFER_S = 60


class CallLeg:
    """One party's audio link."""

    made_by_us = False
    """We sent its INVITE."""

    __slots__ = (
        "answering",
        "call_id",
        "channel",
        "device",
        "dialog",
        "early_seq",
        "flow",
        "hops",
        "id",
        "keyed",
        "liveness",
        "peer",
        "play",
        "referred",
        "secure",
        "session",
        "silent_at",
        "silent_since",
        "state",
        "trunk",
    )

    def __init__(self, channel: "VoiceChannel", leg: str, state: LegState) -> None:
        self.channel = channel
        self.id = leg
        self.state = state
        self.dialog: Dialog | None = None
        self.flow: Flow | None = None
        self.session: Session | None = None
        self.call_id = ""
        self.device = ""
        self.trunk = ""
        self.silent_since = self.silent_at = 0.0
        """For `voice.both_silent`: since when its party sent nothing, as of the last look."""
        self.peer = ""
        """Leg it is bridged with, for digits that travel by INFO."""
        self.play = ""
        self.keyed = False
        """Keys were pressed on it, or asked for in secret: else nothing of them is to be forgotten."""
        self.referred: Request | None = None
        """REFER whose outcome is still to be told."""
        self.answering: ServerTransaction | None = None
        """re-INVITE that we answered and whose ACK is awaited."""
        self.early_seq = -1
        """CSeq of the far end's last request before the answer."""
        self.liveness: Liveness | None = Liveness(self)
        self.secure = False
        """Its dialog is one of `sips:`."""
        self.hops = MOST_HOPS
        """Max-Forwards of its INVITE."""

    def move(self, move: LegMove) -> None:
        target = LEG_MOVES.get((self.state, move))
        self.state = target if target is not None else moved(self.state, move, self.id)

    # -- requests within the dialog ----------------------------------------------------------------

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        """A request of the far end in this dialog."""
        dialog = self.dialog
        if dialog is None or not dialog.accepts(request):
            self.channel.stack.reply(tx, 500, headers=(("Retry-After", "1"),))
            return
        if updating.refused(self, tx, request):
            return
        method = request.method
        if method == "BYE":
            self._on_bye(tx, request)
        elif method == "INVITE":
            self._on_reinvite(tx, request)
        elif method == "UPDATE":
            updating.on_update(self, tx, request)
        elif method == "PRACK":
            self.on_prack(tx, request)
        elif method == "INFO":
            self.on_info(tx, request)
        elif method == "REFER":
            self._on_refer(tx, request)
        elif method == "MESSAGE":  # nobody would read it, so do not say that it was taken
            self.channel.stack.reply(tx, 403, reason="No Texts Within A Call")
        elif method in {"OPTIONS", "NOTIFY"}:
            self.channel.stack.reply(tx, 200, headers=(("Allow", ALLOW), ("Supported", SUPPORTED)))
        else:
            self.channel.stack.reply(tx, 405, headers=(("Allow", ALLOW),))

    def _on_bye(self, tx: ServerTransaction, request: Request) -> None:
        self.channel.stack.reply(tx, 200)
        self.forget_dialog()
        reasons = read_reasons(request.get_all("Reason"))
        self.over(cause_of_bye(reasons), remote=True, q850=reasons.q850)

    def on_prack(self, tx: ServerTransaction, request: Request) -> None:
        """It acknowledges nothing that we said (RFC 3262 §3)."""
        del request
        self.channel.stack.reply(tx, 481)

    def _on_reinvite(self, tx: ServerTransaction, request: Request) -> None:
        stack, session = self.channel.stack, self.session
        if session is None or self.state not in {_UP, _ANSWERED} or self.inviting():
            stack.reply(tx, 491)
            return
        if self.answering is not None:
            stack.reply(tx, 500, headers=(("Retry-After", "2"),))
            return
        try:
            body = session.answer(sdp_of(request) or b"") if request.body else session.offer()
        except CcdError as fault:
            stack.reply(tx, 488, headers=(warning(fault),))
            return
        if self.dialog is not None:
            self.dialog.update_target(request)
        self.answering = tx
        tx.owner = self
        self.channel.answer_invite(tx, body, self)
        if request.body:
            self.stream_changed()

    def inviting(self) -> bool:
        """A re-INVITE of ours is under way."""
        return self.liveness is not None and self.liveness.inviting

    def offers(self) -> bool:
        """An offer is under way, of either side, that must be settled before there is another."""
        return self.answering is not None or self.inviting()

    def several(self) -> bool:
        """It rings in several places, of which none is agreed on yet."""
        return False

    def described_anew(self, body: bytes) -> None:
        """Our SDP, that the far end was told before the answer, has changed."""

    def on_ack(self, request: Request) -> None:
        """The far end confirmed our 200."""
        if self.answering is not None:
            self.answering = None
            self._take_late_answer(request)

    def _take_late_answer(self, request: Request) -> None:
        """Where we made the SDP offer in a 200, the answer comes in the ACK."""
        session = self.session
        if session is not None and session.stream is None and not request.body:
            self.channel.log.warning("no SDP answer", leg=self.id)
            self.release(Cause.INCOMPATIBLE)  # nobody will ever hear anything (RFC 3261 §13.2.1)
            return
        if session is not None and session.offering and request.body:
            try:
                session.accept(sdp_of(request) or b"")
            except CcdError as fault:
                self.channel.log.warning("bad SDP answer", leg=self.id, problem=str(fault))
                self.release(Cause.INCOMPATIBLE)
                return
            self.stream_changed()

    def on_info(self, tx: ServerTransaction, request: Request) -> None:
        """DTMF by INFO: `application/dtmf-relay` (Signal=5) or `application/dtmf` (5)."""
        found = None
        if request.content_type == "application/dtmf-relay":
            found = _SIGNAL.search(request.body)
        elif request.content_type == "application/dtmf":
            found = re.match(rb"\s*([0-9A-D*#])\s*$", request.body, re.IGNORECASE)
        elif request.body:
            self.channel.stack.reply(tx, 415, headers=(("Accept", "application/dtmf-relay"),))
            return
        self.channel.stack.reply(tx, 200)
        if found is not None:
            signal = found[1].decode().upper()
            if key := _KEYS.get(signal, signal if len(signal) == 1 else ""):
                self.channel.digit_by_info(self, key)

    def _on_refer(self, tx: ServerTransaction, request: Request) -> None:
        """Transfer (RFC 3515), blind or attended (`referring`)."""
        stack = self.channel.stack
        asked = referring.read(self.channel, self.id, request)
        if self.state is _GONE:
            stack.reply(tx, 481)
        elif asked is None:
            stack.reply(tx, 400, reason="Refer-To Missing Or Unclear")
        elif self.referred is not None:
            stack.reply(tx, 491)
        else:
            self.referred = request
            stack.reply(tx, 202, headers=self.channel.contact_header(self))
            self._notify("SIP/2.0 100 Trying", f"active;expires={_REFER_S}")
            self.channel.post(asked)

    def has_early(self, our_tag: str, their_tag: str) -> bool:
        """Whether these are the tags of its early dialog: a phone's call that is not answered yet has one."""
        del our_tag, their_tag
        return False

    def report_transfer(self, status: int, phrase: str) -> None:
        """Tell how the transfer went; ends the implicit subscription."""
        if self.referred is not None:
            self._notify(f"SIP/2.0 {status} {phrase}", "terminated;reason=noresource")
            self.referred = None

    def _notify(self, status_line: str, state: str) -> None:
        if self.dialog is None or self.flow is None or self.referred is None:
            return
        headers = [("Event", f"refer;id={self.referred.cseq.number}"), ("Subscription-State", state)]
        body = (status_line + "\r\n").encode()
        self.send("NOTIFY", headers, body, "message/sipfrag;version=2.0")

    def send_digit(self, digit: str) -> None:
        """A digit to a far end that takes no RFC 4733: by INFO."""
        body = f"Signal={digit}\r\nDuration=160\r\n".encode()
        self.send("INFO", [], body, "application/dtmf-relay")

    def send(
        self,
        method: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        kind: str = "",
        owner: Any = None,
    ) -> ClientTransaction | None:
        """One request in the dialog; nobody waits for more than its final response, that `owner` hears."""
        if self.dialog is None or self.flow is None:
            return None
        if self.flow.reliable:
            self.flow = self.channel.flow_now(self, self.flow)
        request = self.dialog.request(method, None, headers, body, kind)
        return self.channel.stack.request(request, self.flow, owner=owner or self)

    # -- media ---------------------------------------------------------------------------------------

    def stream_changed(self) -> None:
        """Tell the media engine, and the core when the far end put us on hold or took us back."""
        session = self.session
        if session is None or session.stream is None:
            return
        self.channel.engine.perform(engine.SetStream(self.id, session.stream))
        if session.held is not session.told_held:
            session.told_held = session.held
            self.channel.post(facts.LegHeld(self.id) if session.held else facts.LegResumed(self.id))

    # -- the end ---------------------------------------------------------------------------------------

    def release(self, cause: Cause) -> None:
        """End the leg from our side; idempotent."""
        if self.state is _GONE:
            return
        if self.referred is not None:
            self.report_transfer(200, "OK")
        self.hang_up(cause)
        self.over(cause, remote=False)

    def hang_up(self, cause: Cause) -> None:
        """Say it to the far end in the way that the state asks for."""
        self.send("BYE", [("Reason", reason_header(cause))])

    def over(self, cause: Cause, *, remote: bool, sip_status: int = 0, q850: int = 0, note: str = "") -> None:
        """The leg is gone: close its media, tell the core, once."""
        if self.state is _GONE:
            return
        self.move(_OVER)
        if self.liveness is not None:
            self.liveness.forget()
            self.liveness = None
        self.channel.forget(self)
        if self.session is not None:
            self.channel.engine.perform(engine.CloseLeg(self.id, told=False))
        self.channel.post(facts.LegEnded(self.id, cause, sip_status, q850, remote, note))

    def forget_dialog(self) -> None:
        """The far end needs no answers of ours any more; a copy of its BYE is absorbed below."""
        if self.dialog is not None:
            self.channel.dialogs.pop(self.dialog.key, None)

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """What came of a request of ours in the dialog: 408, 481 or silence mean that the call is no more."""
        del now
        method = event.tx.request.method
        if (
            isinstance(event, ResponseArrived)
            and event.response.status in {401, 407}
            and self.send_again(event)
        ):
            return
        if method == "BYE":
            if isinstance(event, TransactionFailed) or event.response.status >= 200:
                self.forget_dialog()
        elif method == "NOTIFY":
            if isinstance(event, TransactionFailed) or event.response.status >= 300:
                self.referred = None  # it wants to hear no more of the transfer; the call stays (RFC 5057 §5)
        elif isinstance(event, TransactionFailed):
            self.forget_dialog()
            self.over(Cause.VANISHED, remote=True, note="no answer within the dialog")
        elif event.response.status in {408, 481}:
            self.hang_up(Cause.VANISHED)
            self.over(Cause.VANISHED, remote=True, sip_status=event.response.status)

    def send_again(self, event: ResponseArrived) -> ClientTransaction | None:
        """A carrier that challenges within the call too: the request with credentials, once."""
        if not self.trunk or self.dialog is None or self.flow is None:
            return None
        request = self.channel.trunks.authorise(self.trunk, event.tx.request, event.response)
        if request is None:
            return None
        self.dialog.local_seq += 1
        request.set("CSeq", f"{self.dialog.local_seq} {request.method}")
        return self.channel.stack.request(request, self.flow, owner=event.owner)
