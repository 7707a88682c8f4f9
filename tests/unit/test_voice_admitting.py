"""Odd requests, each with the answer that the rules want, on a whole channel without sockets."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import LegKind
from ccd.voice.limits import MOST_LATE_S
from tests.unit.voice_scene import HERE, SDP, Scene, tag_of


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = await Scene().start()
    yield scene
    await scene.stop()


def refused(scene: Scene, *headers: str, method: str = "INVITE", body: str = SDP, **more: Any) -> Any:
    scene.request(method, 1, headers, body, **more)
    (answer,) = scene.take()
    assert scene.facts() == []
    return answer


def secure(scene: Scene) -> None:
    """The carrier is reached by TLS from here on."""
    scene.flow = msgspec.structs.replace(scene.flow, protocol="TLS", local="connection-1")


# -- schemes and security ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "MESSAGE"])
async def test_a_scheme_that_nobody_knows_is_416(scene: Scene, method: str) -> None:
    assert refused(scene, method=method, uri="mailto:sales@example.org").status == 416


async def test_sips_without_tls_is_480_with_380(scene: Scene) -> None:
    """RFC 5630 §5.1.2: we are there, but not by an encrypted way."""
    for number, method in enumerate(("INVITE", "OPTIONS", "REGISTER"), 1):
        answer = refused(scene, method=method, uri=f"sips:+33100@{HERE}", call=f"call-{number}")
        assert answer.status == 480 and answer.get("Warning").startswith("380 ")


async def test_sips_over_tls_gets_a_sips_contact_throughout(scene: Scene) -> None:
    secure(scene)
    scene.request("INVITE", 1, (), SDP, uri=f"sips:+33100@{HERE}")
    (arrived,) = scene.facts()
    assert arrived.target == "+33100"
    scene.channel.perform(cmd.RingLeg(arrived.leg))
    scene.channel.perform(cmd.AnswerLeg(arrived.leg))
    ringing, ok = scene.take()
    for said in (ringing, ok):
        assert said.get("Contact").startswith("<sips:ccd@") and "transport" not in said.get("Contact")
    scene.request("ACK", 1, (), "", tag_of(ok))
    scene.request("UPDATE", 2, (), "", tag_of(ok))
    assert scene.take()[0].get("Contact").startswith("<sips:ccd@")


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ((f"Contact: <sips:c@{HERE}>",), "sips"),
        ((f"Contact: <sips:c@{HERE}>", f"Record-Route: <sip:{HERE};lr>"), "sip"),
        ((f"Record-Route: <sips:{HERE};lr>",), "sips"),
        ((), "sip"),
    ],
)
async def test_whose_contact_decides(scene: Scene, headers: tuple[str, ...], scheme: str) -> None:
    """RFC 3261 §12.1.1: the top Record-Route, without one the Contact."""
    secure(scene)
    _, ok = scene.call(headers)
    contact = ok.get("Contact") or ""
    assert contact.startswith(f"<{scheme}:ccd@") and ("transport=tls" in contact) is (scheme == "sip")


async def test_a_phone_registered_by_sips_is_called_by_sips(scene: Scene) -> None:
    """RFC 3261 §8.1.1.8: our Contact as its address."""
    secure(scene)
    there = f"sips:a1@{HERE}:45060"
    answer = scene.register(there, "sips")
    assert answer.status == 200 and f"<{there}>" in (answer.get("Contact") or "")
    assert isinstance(scene.facts()[0], facts.DeviceBound)
    card = cmd.OfferCard("i1")
    scene.channel.perform(cmd.DialLeg("voice:out", LegKind.AUDIO, card, devices=("a1",)))
    (invite,) = scene.take()
    assert invite.raw_uri == there and invite.get("Contact").startswith("<sips:ccd@")
    scene.response(invite, 200, (), SDP)
    scene.take()
    assert scene.channel.legs["voice:out"].secure


# -- how far it may go -------------------------------------------------------------------------------------


async def test_a_request_that_has_arrived_is_taken_with_0_forwards_left(scene: Scene) -> None:
    scene.request("OPTIONS", 1, ("Max-Forwards: 0",))
    assert scene.take()[0].status == 200
    scene.request("INVITE", 1, ("Max-Forwards: 0",), SDP, call="other")
    assert isinstance(scene.facts()[0], facts.LegArrived)


@pytest.mark.parametrize(("left", "onward"), [("70", "69"), ("1", "0"), ("255", "69"), ("0", "")])
async def test_a_call_sent_on_may_go_less_far_so_circles_end(scene: Scene, left: str, onward: str) -> None:
    leg, _ = scene.call((f"Max-Forwards: {left}",))
    card = cmd.OfferCard("i1")
    scene.channel.perform(cmd.DialLeg("voice:out", LegKind.AUDIO, card, address="+33199887766", peer=leg))
    if onward:
        assert scene.take()[0].get("Max-Forwards") == onward
    else:
        (ended,) = scene.facts()
        assert isinstance(ended, facts.LegEnded) and "circles" in ended.note and scene.take() == []


async def test_the_same_call_by_two_ways_is_482(scene: Scene) -> None:
    """RFC 3261 §8.2.2.2."""
    scene.request("INVITE", 1, (), SDP)
    scene.facts()
    scene.take()
    assert refused(scene).status == 482


# -- bodies ------------------------------------------------------------------------------------------------


async def test_a_packed_body_is_415_and_says_what_is_taken(scene: Scene) -> None:
    answer = refused(scene, "Content-Encoding: gzip")
    assert (answer.status, answer.get("Accept-Encoding")) == (415, "identity")
    leg, ok = scene.call(("Content-Encoding: identity",))
    scene.request("INVITE", 2, ("Content-Encoding: gzip",), SDP, tag_of(ok))
    assert scene.take()[0].status == 415
    assert leg in scene.channel.legs


async def test_sdp_within_several_parts_is_taken(scene: Scene) -> None:
    parts = (
        f"--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b\r\nContent-Type: x/y\r\n\r\nz\r\n--b--\r\n"
    )
    scene.request("INVITE", 1, (), parts, kind="multipart/mixed;boundary=b")
    (arrived,) = scene.facts()
    scene.channel.perform(cmd.AnswerLeg(arrived.leg))
    assert scene.audio.streams(arrived.leg)[-1].port == 4000


async def test_several_lines_of_media_one_is_taken(scene: Scene) -> None:
    more = "m=audio 4002 RTP/AVP 0\r\nm=video 4004 RTP/AVP 31\r\na=rtcp-mux\r\n"
    leg, ok = scene.call((), SDP + "a=rtcp:4099\r\na=rtcp-mux\r\n" + more)
    lines = [line for line in ok.body.decode().split("\r\n") if line.startswith("m=")]
    assert [line.split()[1] == "0" for line in lines] == [False, True, True]
    assert ok.body.count(b"a=rtcp-mux") == 1, "of the line that is taken (RFC 5761 §5.1.1)"
    stream = scene.audio.streams(leg)[-1]
    assert (stream.port, stream.rtcp_port, stream.mux) == (4000, 4099, True)


async def test_reports_go_by_a_port_of_their_own_where_nothing_else_is_said(scene: Scene) -> None:
    leg, ok = scene.call((), SDP + "a=rtcp:4099\r\n")
    stream = scene.audio.streams(leg)[-1]
    assert b"rtcp-mux" not in ok.body and (stream.rtcp_port, stream.mux) == (4099, False)
    scene.request("INVITE", 2, (), "", tag_of(ok))
    offered = scene.take()[-1].body
    assert b"rtcp-mux" not in offered, "not offered by us"


async def test_what_is_shared_is_shared_after_an_offer_of_ours_too(scene: Scene) -> None:
    leg, ok = scene.call((), SDP + "a=rtcp-mux\r\n")
    scene.request("INVITE", 2, (), "", tag_of(ok))
    again = scene.take()[-1]
    assert b"a=rtcp-mux" in again.body
    scene.request("ACK", 2, (), SDP.replace("7 1 IN", "7 2 IN") + "a=rtcp-mux\r\n", tag_of(ok))
    assert scene.audio.streams(leg)[-1].mux
    scene.request("INVITE", 3, (), SDP.replace("7 1 IN", "7 3 IN"), tag_of(ok))
    assert b"rtcp-mux" not in scene.take()[-1].body and not scene.audio.streams(leg)[-1].mux


async def test_a_fax_that_wants_t38_is_refused_and_the_call_stays(scene: Scene) -> None:
    leg, ok = scene.call()
    fax = SDP.partition("m=")[0].replace("7 1 IN", "7 2 IN") + "m=image 4010 udptl t38\r\n"
    scene.request("INVITE", 2, (), fax, tag_of(ok))
    answer = scene.take()[-1]
    assert answer.status == 488 and answer.get("Warning")
    scene.request("ACK", 2, (), "", tag_of(ok))
    assert leg in scene.channel.legs and scene.facts() == []
    scene.request("INVITE", 3, (), SDP.replace("7 1 IN", "7 2 IN"), tag_of(ok))
    assert scene.take()[-1].status == 200


# -- calls that are to take another's place ----------------------------------------------------------------


async def test_join_that_is_required_is_420_else_it_is_a_call_as_any(scene: Scene) -> None:
    """RFC 3911 §4."""
    join = "Join: call;to-tag=a;from-tag=b"
    answer = refused(scene, "Require: join", join)
    assert (answer.status, answer.get("Unsupported")) == (420, "join")
    scene.request("INVITE", 1, (join,), SDP, call="other")
    assert isinstance(scene.facts()[0], facts.LegArrived)


# -- session times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "agreed"),
    [
        (("Session-Expires: soon",), 1800),
        (("Session-Expires: 99999999999999",), 1800),
        (("Session-Expires: 3600", "Min-SE: x"), 1800),
        (("Session-Expires: 3600", "Min-SE: 3600"), 3600),
        (("Min-SE: 7200",), 7200),
        (("Min-SE: 0",), 1800),
        (("Min-SE: 99999999999999",), 1800),
        (("Session-Expires: 1800;refresher=nobody",), 1800),
    ],
)
async def test_odd_session_times(scene: Scene, headers: tuple[str, ...], agreed: int) -> None:
    _, ok = scene.call(("Supported: timer", *headers))
    assert (ok.get("Session-Expires") or "").partition(";")[0] == str(agreed)


async def test_a_session_time_of_0_is_422(scene: Scene) -> None:
    answer = refused(scene, "Supported: timer", "Session-Expires: 0")
    assert (answer.status, answer.get("Min-SE")) == (422, "90")


# -- overload ------------------------------------------------------------------------------------------------


async def test_new_calls_stay_outside_while_datagrams_are_read_too_late(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would make all others slower; the carrier takes its other way, and calls that stand go on."""
    (listener,) = scene.stack._udp.values()
    monkeypatch.setattr(listener, "late_s", MOST_LATE_S + 0.1)
    answer = refused(scene)
    assert answer.status == 503 and answer.get("Retry-After")
    assert scene.channel.report("sip")["refused"] == {"late": 1}  # type: ignore[index]


# -- the last ports for audio --------------------------------------------------------------------------------


async def test_a_newcomer_gets_503_while_a_call_that_we_make_gets_one_of_the_last_ports(scene: Scene) -> None:
    """Who waits must be put through, else the line stands still until somebody gives up."""
    scene.audio.scarce = True
    scene.request("INVITE", 1, (), SDP)
    (arrived,) = scene.facts()
    scene.take()
    scene.channel.perform(cmd.AnswerLeg(arrived.leg))
    (answer,) = scene.take()
    assert answer.status == 503 and answer.get("Retry-After")
    card = cmd.OfferCard("i1")
    scene.channel.perform(cmd.DialLeg(leg="voice:out", kind=LegKind.AUDIO, address="+33199887766", card=card))
    assert [message.method for message in scene.take() if hasattr(message, "method")] == ["INVITE"]
