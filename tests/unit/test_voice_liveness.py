"""Is the far end still there: session refreshes, and the question after silence, on a clock moved by hand.

A real leg with its dialog; only the stack below and the core above are played.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ccd.ids import SeededChance
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.settings import MediaSettings, SipSettings
from ccd.sip.dialog import Dialog
from ccd.sip.events import ResponseArrived
from ccd.sip.message import Request, Response
from ccd.sip.session_timer import Policy
from ccd.sip.transaction import ClientTransaction, ServerTransaction
from ccd.voice import engine
from ccd.voice.call_leg import CallLeg
from ccd.voice.leg_states import LegState
from ccd.voice.liveness import Watch
from ccd.voice.session import Session
from tests.unit.sip_pair import PEER, make_request
from tests.unit.voice_twins import HandClock, Inbox, StackTwin

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)


class Stack(StackTwin):
    """With what a call needs besides."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock)
        self.acks: list[Request] = []
        self.cancelled: list[ClientTransaction] = []

    def respond(self, _tx: Any, response: Response) -> bool:
        self.replies.append(response)
        return True

    def send_ack(self, tx: Any, ack: Request, _flow: Any) -> None:
        self.acks.append(ack)
        tx.request = tx.request.outline()

    def cancel(self, tx: ClientTransaction, _headers: Any = ()) -> None:
        self.cancelled.append(tx)


class Channel:
    """What a leg asks of the voice channel."""

    def __init__(self, policy: Policy) -> None:
        self.clock = HandClock()
        self.stack = Stack(self.clock)
        self.chance = SeededChance(1)
        self.session_policy = policy
        self.settings = SimpleNamespace(sip=SipSettings(), media=MediaSettings())
        self.post = Inbox()
        self.done: list[Any] = []
        self.engine = SimpleNamespace(perform=self.done.append)
        self.dialogs: dict[Any, CallLeg] = {}
        self.legs: dict[str, CallLeg] = {}
        self.watch = Watch(lambda: None)
        self.log = SimpleNamespace(warning=lambda *_, **__: None)
        self.trunks = SimpleNamespace(authorise=lambda *_: None)

    def forget(self, leg: CallLeg) -> None:
        """Nothing is kept here."""

    def contact(self, _flow: Any, _secure: bool = False) -> str:
        return "<sip:ccd@192.0.2.1>"


class Talk:
    """A leg that is up: they called, we answered."""

    def __init__(self, *headers: tuple[str, str], policy: Policy | None = None) -> None:
        self.channel: Any = Channel(policy or Policy())
        self.clock, self.stack = self.channel.clock, self.channel.stack
        invite = make_request()
        for name, value in headers:
            invite.add(name, value)
        self.leg = CallLeg(self.channel, "leg", LegState.UP)
        self.leg.dialog = Dialog.as_server(invite, "ours", "<sip:ccd@192.0.2.1>")
        self.leg.flow = PEER
        self.leg.session = Session("192.0.2.1", 5000, ("PCMU", "PCMA"))
        self.leg.session.answer(SDP)
        assert self.leg.liveness is not None
        self.told = dict(self.leg.liveness.answer(invite))

    def run(self, seconds: float) -> list[ClientTransaction]:
        """Let time pass; what was sent meanwhile."""
        seen, until = len(self.stack.sent), self.clock.time + seconds
        while (at := self.channel.watch.next_deadline()) is not None and at <= until:
            self.clock.time = max(self.clock.time, at)
            self.channel.watch.expire(self.clock.time)
        self.clock.time = until
        return list(self.stack.sent[seen:])

    def methods(self, seconds: float) -> list[str]:
        return [tx.request.method for tx in self.run(seconds)]

    def comes(self, method: str, *headers: tuple[str, str], body: bytes = b"") -> Response:
        """A request of theirs in the dialog; our answer."""
        assert self.leg.dialog is not None
        request = make_request(method, number=self.leg.dialog.remote_seq + 1, to_tag="ours")
        for name, value in headers:
            request.add(name, value)
        if body:
            request.set_body(body, "application/sdp")
        self.leg.on_request(ServerTransaction(request, PEER, PEER, ("k",), "ours"), request)
        answered: Response = self.stack.replies[-1]
        return answered

    def ended(self) -> facts.LegEnded | None:
        found = [fact for fact in self.channel.post.facts if isinstance(fact, facts.LegEnded)]
        assert len(found) <= 1
        return found[0] if found else None


def taking_update(**more: Any) -> Talk:
    return Talk(
        ("Supported", "timer"), ("Session-Expires", "600;refresher=uas"), ("Allow", "INVITE, UPDATE"), **more
    )


def without_update(**more: Any) -> Talk:
    return Talk(("Supported", "timer"), ("Session-Expires", "600;refresher=uas"), ("Allow", "INVITE"), **more)


def refreshing() -> Talk:
    return Talk(("Supported", "timer"), ("Session-Expires", "600;refresher=uac"))


def test_we_refresh_by_update_again_and_again() -> None:
    talk = taking_update()
    assert talk.told == {"Require": "timer", "Session-Expires": "600;refresher=uas"}
    for _ in range(5):
        assert talk.methods(299.9) == []
        (update,) = talk.run(0.2)
        assert update.request.method == "UPDATE" and not update.request.body
        assert update.request.get("Session-Expires") == "600;refresher=uac"
        talk.stack.deliver(update, 200, ("Session-Expires", "600;refresher=uac"), ("Require", "timer"))
    assert talk.ended() is None and not talk.channel.done


def test_a_re_invite_describes_us_as_we_are() -> None:
    """Same version, same codec, and nothing reaches the media: no hold, no music, no recording notices it."""
    talk = without_update()
    session = talk.leg.session
    assert session is not None and session.said is not None
    said, stream = session.said.to_bytes(), session.stream
    (invite,) = talk.run(301.0)
    assert invite.request.method == "INVITE" and invite.request.body == said
    assert invite.request.get("Contact") == "<sip:ccd@192.0.2.1>"
    response = Response.to_request(invite.request, 200, None, "theirs")
    response.add("Session-Expires", "600;refresher=uac")
    response.set_body(SDP, "application/sdp")
    invite.owner.heard(ResponseArrived(invite, response, invite.owner), talk.clock.now())
    (ack,) = talk.stack.acks
    assert ack.method == "ACK" and ack.cseq.number == invite.request.cseq.number
    assert not talk.channel.done and session.stream == stream and talk.channel.post.facts == []
    assert talk.methods(300.1) == ["INVITE"]


def test_an_address_that_changed_with_the_refresh_is_followed() -> None:
    talk = without_update()
    (invite,) = talk.run(301.0)
    response = Response.to_request(invite.request, 200, None, "theirs")
    response.set_body(SDP.replace(b"4000", b"4444"), "application/sdp")
    invite.owner.heard(ResponseArrived(invite, response, invite.owner), talk.clock.now())
    (set_stream,) = talk.channel.done
    assert isinstance(set_stream, engine.SetStream) and set_stream.stream.port == 4444
    assert talk.methods(300.1) == ["INVITE"], "it said nothing of time, so we go on"


def test_a_far_end_that_knows_no_timers_is_refreshed_by_us() -> None:
    talk = Talk(("Allow", "INVITE, UPDATE"))
    assert talk.told == {"Session-Expires": "1800;refresher=uas"}
    (update,) = talk.run(901.0)
    talk.stack.deliver(update, 200)
    assert talk.methods(899.0) == [] and talk.methods(2.0) == ["UPDATE"]


def test_where_we_do_not_ask_and_nobody_does_nothing_happens() -> None:
    talk = Talk(("Supported", "timer"), policy=Policy(wanted_s=0))
    assert talk.told == {} and talk.methods(1e6) == [] and talk.ended() is None


def test_their_refreshes_keep_the_call_up_and_the_first_that_is_missing_ends_it() -> None:
    talk = refreshing()
    for _ in range(4):
        talk.run(500.0)
        answer = talk.comes("UPDATE", ("Supported", "timer"), ("Session-Expires", "600;refresher=uac"))
        assert answer.status == 200 and answer.get("Session-Expires") == "600;refresher=uac"
        assert answer.get("Require") == "timer" and not answer.body
    assert talk.methods(567.9) == [] and talk.ended() is None
    (bye,) = talk.run(0.2)
    assert bye.request.method == "BYE" and "102" in (bye.request.get("Reason") or "")
    ended = talk.ended()
    assert ended is not None and ended.cause is Cause.EXPIRED and ended.remote


def test_a_hold_refreshes_too() -> None:
    talk = refreshing()
    talk.run(500.0)
    hold = SDP + b"a=sendonly\r\n"
    answer = talk.comes("UPDATE", ("Supported", "timer"), ("Session-Expires", "600;refresher=uac"), body=hold)
    assert answer.status == 200 and b"a=recvonly" in answer.body
    assert talk.channel.post.facts == [facts.LegHeld("leg")]
    assert talk.methods(500.0) == [] and talk.ended() is None


@pytest.mark.parametrize("status", [408, 481])
def test_who_knows_no_such_call_ends_it(status: int) -> None:
    talk = taking_update()
    (update,) = talk.run(301.0)
    talk.stack.deliver(update, status)
    ended = talk.ended()
    assert ended is not None and ended.cause is Cause.EXPIRED and ended.sip_status == status
    assert talk.stack.sent[-1].request.method == "BYE"
    assert talk.methods(1e6) == [], "nothing more is asked of what is over"


def test_no_answer_at_all_ends_it_and_a_broken_connection_is_waited_for() -> None:
    talk = taking_update()
    (update,) = talk.run(301.0)
    talk.stack.fail(update, "transport")
    assert talk.ended() is None
    (again,) = talk.run(5.1)
    talk.stack.fail(again, "timeout")
    ended = talk.ended()
    assert ended is not None and ended.cause is Cause.EXPIRED


def test_a_broken_connection_is_not_waited_for_longer_than_the_session() -> None:
    talk = taking_update()
    while talk.ended() is None:
        (update, *_) = talk.run(300.0) if not talk.stack.sent else talk.run(5.1)
        if update.request.method == "UPDATE":
            talk.stack.fail(update, "transport")
    assert talk.clock.now() == pytest.approx(1600.0, abs=6)


def test_glare_waits_a_moment_and_tries_again() -> None:
    """RFC 3261 §14.1: who did not make the call waits 0 to 2 s."""
    waits = set()
    talk = without_update()
    (invite,) = talk.run(300.0)
    for _ in range(20):
        at = talk.clock.now()
        talk.stack.deliver(invite, 491)
        deadline = talk.channel.watch.next_deadline()
        assert deadline is not None and 0 <= deadline - at <= 2.0
        waits.add(round(deadline - at, 2))
        (invite,) = talk.run(2.0)
    assert len(waits) > 5 and talk.ended() is None


def test_a_far_end_that_takes_no_update_after_all() -> None:
    talk = taking_update()
    (update,) = talk.run(301.0)
    talk.stack.deliver(update, 501)
    assert talk.stack.sent[-1].request.method == "INVITE"


def test_a_carrier_that_challenges_a_refresh_gets_it_with_credentials() -> None:
    talk = without_update()
    talk.leg.trunk = "carrier"

    def authorise(_trunk: str, request: Request, _response: Response) -> Request:
        again = Request(request.method, request.raw_uri, list(request.headers), request.body)
        again.set("Authorization", "Digest x=y")
        return again

    talk.channel.trunks.authorise = authorise
    (invite,) = talk.run(301.0)
    talk.stack.deliver(invite, 401)
    again = talk.stack.sent[-1]
    assert again.request.get("Authorization") and again.request.body == invite.request.body
    assert again.request.cseq.number == invite.request.cseq.number + 1
    assert talk.comes("INVITE", body=SDP).status == 491, "it is still under way"
    response = Response.to_request(again.request, 200, None, "theirs")
    response.set_body(SDP, "application/sdp")
    again.owner.heard(ResponseArrived(again, response, again.owner), talk.clock.now())
    assert talk.methods(299.0) == [] and talk.methods(2.0) == ["INVITE"] and talk.ended() is None


def test_the_interval_is_made_longer_once() -> None:
    talk = taking_update()
    (update,) = talk.run(301.0)
    talk.stack.deliver(update, 422, ("Min-SE", "3600"))
    again = talk.stack.sent[-1]
    assert again.request.get("Session-Expires") == "3600;refresher=uac"
    assert again.request.get("Min-SE") == "3600"
    talk.stack.deliver(again, 422, ("Min-SE", "7200"))
    assert talk.stack.sent[-1] is again and talk.ended() is None


@pytest.mark.parametrize(("headers", "wait_s"), [((), 60.0), ((("Retry-After", "7 (busy)"),), 7.0)])
def test_a_refusal_is_a_sign_of_life(headers: tuple[tuple[str, str], ...], wait_s: float) -> None:
    talk = taking_update()
    (update,) = talk.run(300.0)
    for _ in range(30):
        talk.stack.deliver(update, 503, *headers)
        assert talk.methods(wait_s - 0.1) == []
        (update,) = talk.run(0.2)
    assert talk.ended() is None


def test_no_re_invite_while_theirs_is_open_and_theirs_waits_for_ours() -> None:
    talk = without_update()
    talk.run(299.0)
    talk.leg.answering = ServerTransaction(make_request(), PEER, PEER, ("k",), "ours")
    assert talk.methods(1.5) == [], "an ACK is awaited"
    talk.leg.answering = None
    assert talk.methods(2.0) == ["INVITE"]
    assert talk.comes("INVITE", body=SDP).status == 491
    assert talk.comes("UPDATE", body=SDP).status == 491
    assert talk.comes("UPDATE").status == 200, "without an offer nothing can clash"


def test_a_re_invite_that_is_never_answered_is_taken_back_with_the_call() -> None:
    talk = without_update()
    (invite,) = talk.run(301.0)
    assert talk.methods(300.0) == ["BYE"]
    assert talk.stack.cancelled == [invite]
    response = Response.to_request(invite.request, 200, None, "theirs")
    invite.owner.heard(ResponseArrived(invite, response, invite.owner), talk.clock.now())
    assert len(talk.stack.acks) == 1, "a late 200 is acknowledged all the same"


def test_too_short_a_time_and_unknown_extensions_are_refused_in_words() -> None:
    talk = taking_update()
    small = talk.comes("UPDATE", ("Supported", "timer"), ("Session-Expires", "30"))
    assert small.status == 422 and small.get("Min-SE") == "90"
    assert talk.comes("INVITE", ("Supported", "timer"), ("Session-Expires", "30"), body=SDP).status == 422
    for method in ("INVITE", "UPDATE", "BYE", "INFO"):
        refused = talk.comes(method, ("Require", "timer, wonder"))
        assert refused.status == 420 and refused.get("Unsupported") == "wonder", method
    assert talk.ended() is None


def test_ipv6_audio_is_refused_with_its_reason() -> None:
    talk = taking_update()
    refused = talk.comes("UPDATE", body=SDP.replace(b"IP4 192.0.2.2", b"IP6 2001:db8::1"))
    assert refused.status == 488 and (refused.get("Warning") or "").startswith("301 ")
    assert talk.leg.session is not None and talk.leg.session.stream is not None
    assert talk.leg.session.stream.host == "192.0.2.2"


# -- silence ------------------------------------------------------------------------------------------


def silence(talk: Talk) -> ClientTransaction:
    assert talk.leg.liveness is not None
    talk.leg.liveness.silent(30.0)
    tx: ClientTransaction = talk.stack.sent[-1]
    return tx


@pytest.mark.parametrize("make", [taking_update, without_update])
@pytest.mark.parametrize("status", [200, 405, 500, 403])
def test_a_silent_far_end_that_answers_keeps_its_call(make: Callable[[], Talk], status: int) -> None:
    talk = make()
    asked = silence(talk)
    assert asked.request.method == ("UPDATE" if make is taking_update else "OPTIONS")
    talk.stack.deliver(asked, status)
    assert talk.channel.post.take() == [facts.MediaLost("leg", 30.0, alive=True)]
    talk.run(20.0)
    asked = silence(talk)
    talk.stack.deliver(asked, status)
    assert talk.channel.post.take() == [], "told once"


def test_two_who_are_silent_for_too_long_are_told_of_as_both() -> None:
    """One of them alone may be silent for hours; what was heard meanwhile begins the time anew."""
    talk, other = taking_update(), taking_update()
    talk.channel.legs["other"] = other.leg
    talk.leg.peer = "other"
    limit_s = talk.channel.settings.media.silent_call_s

    def answers(silent_s: float) -> list[facts.AnyFact]:
        talk.leg.liveness.silent(silent_s)
        talk.stack.deliver(talk.stack.sent[-1], 200)
        return [each for each in talk.channel.post.take() if getattr(each, "both", False)]

    assert answers(limit_s + 30) == []
    other.leg.silent_since, other.leg.silent_at = (
        talk.channel.clock.now() - limit_s + 1,
        talk.channel.clock.now() - 20,
    )
    assert answers(limit_s + 30) == []
    other.leg.silent_since -= 1
    assert answers(limit_s + 30) == [facts.MediaLost("leg", limit_s, alive=True, both=True)]
    other.leg.silent_at = talk.channel.clock.now() - 46  # it would have been told of again
    assert answers(limit_s + 60) == []


def test_an_update_that_asks_refreshes_the_session_too() -> None:
    talk = taking_update()
    talk.run(200.0)
    talk.stack.deliver(silence(talk), 200, ("Session-Expires", "600;refresher=uac"))
    assert talk.methods(299.0) == [] and talk.methods(2.0) == ["UPDATE"]


def test_silence_by_sip_too_ends_the_call_soon() -> None:
    talk = without_update()
    silence(talk)
    talk.run(9.9)
    assert talk.channel.post.facts == []
    silence(talk)
    assert len(talk.stack.sent) == 1, "one question at a time"
    talk.run(0.2)
    assert talk.channel.post.take() == [facts.MediaLost("leg", 30.0)]
    talk.stack.fail(talk.stack.sent[-1])
    assert talk.channel.post.facts == []


@pytest.mark.parametrize("status", [408, 481, 0])
def test_481_or_a_dead_connection_are_an_answer_too(status: int) -> None:
    talk = without_update()
    asked = silence(talk)
    if status:
        talk.stack.deliver(asked, status)
    else:
        talk.stack.fail(asked, "transport")
    assert talk.channel.post.take() == [facts.MediaLost("leg", 30.0)]
    talk.run(60.0)
    assert talk.channel.post.facts == []
