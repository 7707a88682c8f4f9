"""Is the far end of a call still there? Session refreshes (RFC 4028), and a question when its audio stops.

A refresh is an UPDATE without a body where the far end takes that, else a re-INVITE that describes our
side as it is, with the same version (RFC 3264 §8): neither changes anything of the call. What falls
silent is not dead: a phone that sends nothing while nobody speaks, a PBX that holds on its own. So it
is asked by SIP first, and only silence there too, or 481, makes it lost.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ccd.errors import CcdError
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.sip import session_timer
from ccd.sip.endpoint import ClientTransaction, ResponseArrived, TransactionFailed
from ccd.sip.message import Message, Request, Response
from ccd.sip.parts import sdp_of
from ccd.sip.session_timer import Agreed, Policy, SessionTimer, Step
from ccd.sip.timers import Entry, Timers
from ccd.voice import both_silent
from ccd.voice.leg_states import LegState

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg

# a member taken out of its enum costs 600 instructions
_GONE, _UP = LegState.GONE, LegState.UP

GONE = frozenset({408, 481})
"""The far end, or who stands for it, knows no such call."""
NO_UPDATE = frozenset({405, 501})
GLARE = 491
BREAK_S = 5.0
"""Until a refresh is tried again over a connection that is gone for the moment."""
BUSY_S = 2.0
"""Until it is tried again while another offer is under way."""
MOST_WAIT_S = 60.0
PATIENCE_T1 = 20
"""A far end whose audio stopped must answer our question within so many T1: it was sent five times then."""


class Question:
    """One request that is answered by a far end that is there; owner of its transaction."""

    __slots__ = ("again", "liveness", "silent_s", "told", "tx")

    def __init__(
        self, liveness: "Liveness", silent_s: float = 0.0, told: Callable[[int], None] | None = None
    ) -> None:
        self.liveness = liveness
        self.silent_s = silent_s
        """Asked because its audio stopped, so long ago; 0: a refresh."""
        self.again = False
        """It was sent anew already, with a longer interval."""
        self.told = told
        """Of a re-INVITE that says something new (`Liveness.ask_again`)."""
        self.tx: ClientTransaction | None = None

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """What came of it."""
        self.liveness.heard(self, event, now)


class Liveness:
    """Watches over the far end of one leg, from the moment that its dialog stands."""

    __slots__ = ("_doubt", "_entry", "_first", "_leg", "_refresh", "_timer", "_told_silent", "_updates")

    def __init__(self, leg: "CallLeg") -> None:
        self._leg = leg
        self._first: tuple[Agreed, float] | None = None
        """What was agreed on at first, and when: most calls end before that matters."""
        self._timer: SessionTimer | None = None
        """Made when its time has come, or something else is agreed on."""
        self._updates = False
        """The far end takes UPDATE."""
        self._refresh: Question | None = None
        self._doubt: Question | None = None
        self._entry: Entry[Due, Any] | None = None
        self._told_silent = False

    # -- what the far end says -------------------------------------------------------------------------

    def answer(self, request: Request) -> session_timer.Headers:
        """Headers for our 2xx to an INVITE or UPDATE of the far end; the time begins anew."""
        if request.get("Allow") is not None:
            self._updates = _takes_update(request)
        policy = self._leg.channel.session_policy
        agreed, headers = session_timer.answer(request, policy, self._agreed)
        self._agree(agreed)
        return headers

    def accepted(self, request: Request, response: Response) -> None:
        """A 2xx came for an INVITE of ours."""
        if response.get("Allow") is not None:
            self._updates = _takes_update(response)
        self._agree(session_timer.hear(request, response, self._leg.channel.session_policy))

    @property
    def inviting(self) -> bool:
        """A re-INVITE of ours has no final answer yet."""
        tx = self._refresh.tx if self._refresh is not None else None
        return tx is not None and tx.request.method == "INVITE" and not tx.answered

    @property
    def _agreed(self) -> Agreed | None:
        if self._timer is not None:
            return self._timer.agreed
        return self._first[0] if self._first is not None else None

    def _agree(self, agreed: Agreed | None) -> None:
        channel = self._leg.channel
        now = channel.clock.now()
        if self._first is not None or self._timer is not None:
            self.timer.agree(agreed, now)
            self._schedule()
        elif agreed is not None:
            self._first = agreed, now
            self._entry = channel.watch.set(agreed.first_due(now), self, None)

    @property
    def _policy(self) -> Policy:
        return self._leg.channel.session_policy

    # -- time ----------------------------------------------------------------------------------------

    @property
    def timer(self) -> SessionTimer:
        """The time of the session, since something was agreed on."""
        if self._timer is None:
            self._timer = SessionTimer()
            if self._first is not None:
                self._timer.agree(*self._first)
        return self._timer

    def _schedule(self) -> None:
        watch = self._leg.channel.watch
        if self._entry is not None:
            watch.cancel(self._entry)
            self._entry = None
        deadline = self.timer.next_deadline()
        if deadline is not None and self._leg.state is not _GONE:
            self._entry = watch.set(deadline, self, None)

    def forget(self) -> None:
        """The leg is over. A re-INVITE that has no final answer yet is taken back: it could wait for ever."""
        if self._entry is not None:
            self._leg.channel.watch.cancel(self._entry)
            self._entry = None
        refresh, self._refresh, self._doubt = self._refresh, None, None
        if refresh is not None and refresh.tx is not None:
            self._leg.channel.stack.cancel(refresh.tx)

    def due(self, question: Question | None, now: float) -> None:
        """A deadline came: of the session, or of the answer to a question."""
        if question is not None:
            self._lost(question)
            return
        self._entry = None
        if self._leg.state is _GONE:
            return
        step = self.timer.expire(now)
        if step is Step.END:
            self._end("the session was not refreshed in time")
        elif step is Step.REFRESH:
            if self._refresh is not None and self._refresh.told is not None:
                self.timer.put_off(now, BUSY_S, alive=False)  # it refreshes too
            else:
                self._ask(Question(self), now)
        self._schedule()

    def _end(self, note: str, status: int = 0) -> None:
        leg = self._leg
        leg.hang_up(Cause.EXPIRED)
        leg.over(Cause.EXPIRED, remote=True, sip_status=status, note=note)

    # -- refreshing ------------------------------------------------------------------------------------

    def _ask(self, question: Question, now: float, least_s: int = 0) -> None:
        """Send a refresh: UPDATE, or a re-INVITE when no offer of either side is under way."""
        leg, agreed = self._leg, self._agreed
        headers = list(session_timer.ask(self._policy, agreed, least_s))
        self._refresh = question
        if self._updates:
            question.tx = leg.send("UPDATE", headers, owner=question)
            return
        session = leg.session
        if session is None or leg.answering is not None or leg.state is not _UP:
            self._put_off(now, BUSY_S, alive=False)
            return
        question.tx = leg.send("INVITE", headers, session.offer_again(), "application/sdp", owner=question)

    @property
    def busy(self) -> bool:
        """No re-INVITE can be sent now: something is under way, or the call does not stand."""
        leg = self._leg
        return self._refresh is not None or leg.offers() or leg.state is not _UP

    def ask_again(self, told: Callable[[int], None]) -> None:
        """Describe our side again by re-INVITE, unless `busy`; it refreshes the session too. The call stays
        whatever comes of it; `told` gets the final status, 0: none came."""
        leg, agreed = self._leg, self._agreed
        if self.busy or leg.session is None:
            return
        headers = list(session_timer.ask(self._policy, agreed)) if agreed is not None else []
        question = self._refresh = Question(self, told=told)
        body = leg.session.offer_again()
        question.tx = leg.send("INVITE", headers, body, "application/sdp", owner=question)
        if question.tx is None:
            self._refresh = None

    def _heard_again(
        self, told: Callable[[int], None], event: ResponseArrived | TransactionFailed, request: Request
    ) -> None:
        self._refresh = None
        status = event.response.status if isinstance(event, ResponseArrived) else 0
        if isinstance(event, ResponseArrived) and status < 300 and request.get("Session-Expires"):
            self.accepted(request, event.response)
        told(status)

    def _put_off(self, now: float, wait_s: float, *, alive: bool) -> None:
        self._refresh = None
        self.timer.put_off(now, wait_s, alive=alive)
        self._schedule()

    def heard(self, question: Question, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """What came of a question."""
        leg, asked = self._leg, event.tx.request  # once acknowledged, only its outline is kept
        gone = leg.state is _GONE
        if isinstance(event, ResponseArrived):
            if event.response.status < 200:
                return
            if event.response.status in {401, 407} and not gone and (again := leg.send_again(event)):
                question.tx = again
                return
            self._close_offer(event)
        if gone:
            return
        if question.silent_s:
            self._heard_of_doubt(question, event)
        elif self._refresh is question and question.told is not None:
            self._heard_again(question.told, event, asked)
        elif self._refresh is question:
            self._heard_of_refresh(question, event, asked, now)

    def _close_offer(self, event: ResponseArrived) -> None:
        """A final answer to our re-INVITE: acknowledge it, take its SDP; else the offer is void."""
        leg, request, response = self._leg, event.tx.request, event.response
        if request.method != "INVITE":
            return
        session, dialog, flow = leg.session, leg.dialog, leg.flow
        if response.status < 300 and dialog is not None and flow is not None:
            dialog.update_target(response)
            leg.channel.stack.send_ack(event.tx, dialog.ack(response), flow)
        if session is None or session.offering is None:
            return
        if response.status >= 300:
            session.offering = None
            return
        former = session.stream
        try:
            session.accept(sdp_of(response) or b"")
        except CcdError as fault:
            leg.channel.log.warning("bad SDP answer to a refresh", leg=leg.id, problem=str(fault))
            return
        finally:
            session.offering = None
        if session.stream != former or session.held is not session.told_held:
            leg.stream_changed()

    def _heard_of_refresh(
        self, question: Question, event: ResponseArrived | TransactionFailed, request: Request, now: float
    ) -> None:
        if isinstance(event, TransactionFailed):
            if event.cause == "transport":
                self._put_off(now, BREAK_S, alive=False)
            else:
                self._end("no answer to the session refresh")
            return
        response = event.response
        status = response.status
        if status < 300:
            self._refresh = None
            self.accepted(request, response)
        elif status in GONE:
            self._end("the far end knows no such call any more", status)
        elif status == GLARE:
            self._put_off(now, self.after_glare(), alive=True)
        elif status in NO_UPDATE and request.method == "UPDATE":
            self._updates = False
            self._ask(question, now)
        elif status == 422 and not question.again:
            question.again = True
            self._ask(question, now, session_timer.read_least(response))
        else:
            self._put_off(now, self._retry_after(response), alive=True)

    def after_glare(self) -> float:
        """Seconds. RFC 3261 §14.1: who made the call waits longer, so that the two do not meet again."""
        return (210 + self._below(191) if self._leg.made_by_us else self._below(201)) / 100

    def _below(self, limit: int) -> int:
        return self._leg.channel.chance.below(limit)

    def _retry_after(self, response: Response) -> float:
        """Seconds until a refused refresh is tried again."""
        value = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
        if value.isdigit() and len(value) < 6:
            return min(MOST_WAIT_S, float(value))
        agreed = self._agreed
        return min(MOST_WAIT_S, agreed.seconds / 4) if agreed is not None else MOST_WAIT_S

    # -- silence ---------------------------------------------------------------------------------------

    def silent(self, silent_s: float) -> None:
        """No audio for so long from a party that should send: ask whether it is there at all."""
        leg = self._leg
        if leg.dialog is None or leg.state is not _UP:
            leg.channel.post(facts.MediaLost(leg.id, silent_s))
            return
        if self._doubt is not None:
            return
        question = self._doubt = Question(self, silent_s)
        channel = leg.channel
        patience_s = channel.settings.sip.t1_ms * PATIENCE_T1 / 1000
        channel.watch.set(channel.clock.now() + patience_s, self, question)
        if self._updates:  # it refreshes too, so it must say what it refreshes
            agreed = self._agreed
            headers = list(session_timer.ask(self._policy, agreed)) if agreed is not None else []
            leg.send("UPDATE", headers, owner=question)
        else:
            leg.send("OPTIONS", [], owner=question)

    def _heard_of_doubt(self, question: Question, event: ResponseArrived | TransactionFailed) -> None:
        if isinstance(event, TransactionFailed) or event.response.status in GONE:
            self._lost(question)
            return
        if event.response.status < 300 and event.tx.request.get("Session-Expires"):
            self.accepted(event.tx.request, event.response)
        if self._doubt is question:
            self._doubt = None
            both_silent.look(self._leg, question.silent_s)
            if not self._told_silent:
                self._told_silent = True
                self._leg.channel.post(facts.MediaLost(self._leg.id, question.silent_s, alive=True))

    def _lost(self, question: Question) -> None:
        """Neither audio nor a word: the centre ends the call."""
        if self._doubt is not question:
            return
        self._doubt = None
        if self._leg.state is not _GONE:
            self._leg.channel.post(facts.MediaLost(self._leg.id, question.silent_s))


def _takes_update(message: Message) -> bool:
    return any(each.strip().upper() == "UPDATE" for each in message.get_all("Allow"))


class Due(Protocol):
    """What has deadlines in a `Watch`."""

    def due(self, what: Any, now: float, /) -> None:
        """A deadline came; `what` was given with it."""


class Watch(Timers[Due, Any]):
    """The deadlines of all legs, in one heap."""

    __slots__ = ("_wake",)

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called when a deadline was set that may be earlier than all others."""
        super().__init__()
        self._wake = wake

    def set(self, at: float, target: Due, what: Any = None) -> Entry[Due, Any]:
        first = at < self.soonest
        entry = Timers.set(self, at, target, what)
        if first:
            self._wake()
        return entry

    def expire(self, now: float) -> None:
        """Do what is due."""
        for target, what in self.due(now):
            target.due(what, now)
