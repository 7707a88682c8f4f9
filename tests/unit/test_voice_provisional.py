"""Reliable provisional responses (RFC 3262) in whole calls, both directions, every timer by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from tests.unit.voice_scene import HERE, SDP, Scene, tag_of

INSISTS = ("Require: 100rel", "Supported: 100rel")
DIALLED = cmd.DialLeg(leg="voice:out", kind=LegKind.AUDIO, address="+33199887766", card=cmd.OfferCard("i1"))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = await Scene().start()
    yield scene
    await scene.stop()


def arrive(scene: Scene, body: str = SDP, *headers: str) -> str:
    """A call whose carrier insists on PRACK; the id of its leg."""
    scene.request("INVITE", 1, headers or INSISTS, body)
    (arrived,) = scene.facts()
    assert isinstance(arrived, facts.LegArrived)
    scene.take()
    return arrived.leg


def ring(scene: Scene, leg: str, *, early_media: bool = False) -> Any:
    scene.channel.perform(cmd.RingLeg(leg, early_media))
    said = scene.take()
    return said[-1] if said else None


def prack(scene: Scene, said: Any, number: int = 2, *, rack: str = "", body: str = "") -> list[Any]:
    """PRACK for what was said; what comes of it."""
    value = rack or f"{said.get('RSeq')} 1 INVITE"
    scene.request("PRACK", number, (f"RAck: {value}",), body, tag_of(said))
    return scene.take()


# -- calls that come in ------------------------------------------------------------------------------------


async def test_ringing_is_numbered_and_repeated_until_its_prack(scene: Scene) -> None:
    leg = arrive(scene)
    said = ring(scene, leg)
    assert (said.status, said.get("Require"), said.body) == (180, "100rel", b"")
    assert 0 < int(said.get("RSeq")) < 2**31 and said.get("Contact")
    assert scene.run(4.0) == [(0.5, "180"), (1.5, "180"), (3.5, "180")]
    (answer,) = prack(scene, said)
    assert (answer.status, answer.cseq.method) == (200, "PRACK")
    assert scene.run(40.0) == []
    scene.channel.perform(cmd.AnswerLeg(leg))
    (ok,) = scene.take()
    assert ok.status == 200 and ok.body, "the 180 said nothing of audio"


async def test_a_caller_that_never_acknowledges_is_refused_after_64_t1(scene: Scene) -> None:
    leg = arrive(scene)
    ring(scene, leg)
    log = scene.run(33.0)
    assert log[:6] == [(at, "180") for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    assert log[6] == (32.0, "504")
    (ended,) = scene.facts()
    assert (ended.leg, ended.cause, ended.sip_status) == (leg, Cause.VANISHED, 504)
    assert "PRACK" in ended.note


async def test_a_prack_for_something_else_is_481_and_without_rack_400(scene: Scene) -> None:
    said = ring(scene, arrive(scene))
    for number, rack in enumerate(("7 1 INVITE", f"{said.get('RSeq')} 2 INVITE", "x"), 2):
        (answer,) = prack(scene, said, number, rack=rack)
        assert answer.status == (400 if rack == "x" else 481)
    assert scene.run(1.0) == [(0.5, "180")], "still waiting"
    assert prack(scene, said, 5)[0].status == 200
    assert prack(scene, said, 6)[0].status == 481, "acknowledged already"


async def test_early_media_comes_after_the_prack_of_the_ringing(scene: Scene) -> None:
    leg = arrive(scene)
    first = ring(scene, leg)
    assert ring(scene, leg, early_media=True) is None
    answer, second = prack(scene, first)
    assert (answer.status, second.status) == (200, 183)
    assert int(second.get("RSeq")) == int(first.get("RSeq")) + 1 and b"m=audio" in second.body


async def test_the_answer_waits_for_the_prack_of_our_sdp_and_says_no_other(scene: Scene) -> None:
    """RFC 3262 §3; RFC 3261 §13.2.1."""
    leg = arrive(scene)
    said = ring(scene, leg, early_media=True)
    scene.channel.perform(cmd.AnswerLeg(leg))
    assert scene.take() == [] and scene.run(1.0) == [(0.5, "183")]
    answer, ok = prack(scene, said)
    assert (answer.status, answer.cseq.method, ok.status, ok.body) == (200, "PRACK", 200, b"")
    scene.request("ACK", 1, (), "", tag_of(ok))
    assert isinstance(scene.facts()[0], facts.LegAnswered)
    assert scene.audio.streams(leg)[-1].receive


async def test_the_answer_does_not_wait_for_the_prack_of_mere_ringing(scene: Scene) -> None:
    leg = arrive(scene)
    said = ring(scene, leg)
    scene.channel.perform(cmd.AnswerLeg(leg))
    (ok,) = scene.take()
    assert ok.status == 200 and b"m=audio" in ok.body
    (late,) = prack(scene, said)
    assert (late.status, late.cseq.method) == (200, "PRACK"), "it is still for something"
    assert "180" not in [name for _, name in scene.run(10.0)]


async def test_cancel_and_our_refusal_end_the_repeats(scene: Scene) -> None:
    branch = scene.request("INVITE", 1, INSISTS, SDP)
    (arrived,) = scene.facts()
    ring(scene, arrived.leg, early_media=True)
    scene.channel.perform(cmd.AnswerLeg(arrived.leg))
    scene.request("CANCEL", 1, branch=branch)
    assert scene.names() == ["200", "487"]
    scene.request("ACK", 1, branch=branch)
    assert scene.run(40.0) == []
    (ended,) = scene.facts()
    assert ended.cause is Cause.CANCELLED


async def test_a_caller_that_hangs_up_while_its_prack_is_awaited(scene: Scene) -> None:
    leg = arrive(scene)
    ring(scene, leg)
    scene.channel.perform(cmd.ReleaseLeg(leg, Cause.BUSY))
    assert scene.names() == ["486"]
    assert {name for _, name in scene.run(40.0)} <= {"486"}


async def test_who_leaves_the_offer_to_us_gets_it_in_the_ringing(scene: Scene) -> None:
    """RFC 3261 §13.2.1: in the first reliable answer; its answer stands in the PRACK."""
    leg = arrive(scene, "")
    said = ring(scene, leg)
    assert said.status == 180 and b"m=audio" in said.body
    (answer,) = prack(scene, said, body=SDP)
    assert (answer.status, answer.body) == (200, b"")
    (stream,) = scene.audio.streams(leg)[-1:]
    assert (stream.port, stream.receive) == (4000, False)
    scene.channel.perform(cmd.AnswerLeg(leg))
    (ok,) = scene.take()
    assert (ok.status, ok.body) == (200, b"")
    scene.request("ACK", 1, (), "", tag_of(ok))
    assert isinstance(scene.facts()[0], facts.LegAnswered)
    assert scene.audio.streams(leg)[-1].receive


async def test_a_prack_that_does_not_answer_our_offer_ends_the_call(scene: Scene) -> None:
    leg = arrive(scene, "")
    said = ring(scene, leg)
    assert [each.status for each in prack(scene, said)] == [200, 488]
    (ended,) = scene.facts()
    assert ended.cause is Cause.INCOMPATIBLE and "PRACK" in ended.note


async def test_a_new_offer_in_the_prack_is_answered_there(scene: Scene) -> None:
    leg = arrive(scene)
    said = ring(scene, leg, early_media=True)
    moved = SDP.replace("7 1 IN", "7 2 IN").replace("4000", "4010")
    (answer,) = prack(scene, said, body=moved)
    assert answer.status == 200 and b"m=audio" in answer.body
    assert scene.audio.streams(leg)[-1].port == 4010


async def test_who_only_supports_it_is_rung_as_ever(scene: Scene) -> None:
    leg = arrive(scene, SDP, "Supported: 100rel")
    said = ring(scene, leg, early_media=True)
    assert said.get("RSeq") is None and said.get("Require") is None
    assert scene.run(40.0) == []


# -- calls that we make ------------------------------------------------------------------------------------


def dial(scene: Scene) -> Any:
    scene.channel.perform(DIALLED)
    (invite,) = scene.take()
    assert invite.method == "INVITE"
    return invite


def reliably(rseq: int) -> list[str]:
    return ["Require: 100rel", f"RSeq: {rseq}"]


async def test_reliable_ringing_is_acknowledged_once_and_in_order(scene: Scene) -> None:
    invite = dial(scene)
    assert "100rel" not in invite.get_all("Supported"), "not asked for"
    scene.response(invite, 180, reliably(70))
    (prack,) = scene.take()
    assert (prack.method, prack.get("RAck"), prack.cseq.number) == ("PRACK", "70 1 INVITE", 2)
    assert prack.raw_uri == f"sip:there-t1@{HERE}:45060" and prack.to_tag == "t1"
    assert [type(each) for each in scene.facts()] == [facts.LegRinging]
    scene.response(invite, 180, reliably(70))
    scene.response(invite, 183, reliably(72), SDP)
    assert scene.take() == [] and scene.facts() == [], "a copy, and one ahead of its turn"
    scene.response(prack, 200)
    scene.response(invite, 183, reliably(71), SDP)
    (second,) = scene.take()
    assert (second.get("RAck"), second.cseq.number) == ("71 1 INVITE", 3)
    assert [each.early_media for each in scene.facts()] == [True]
    assert [name for _, name in scene.run(2.0)] == ["PRACK", "PRACK"], "its transaction repeats it"


async def test_the_sdp_of_reliable_ringing_is_the_answer_and_the_numbers_go_on(scene: Scene) -> None:
    invite = dial(scene)
    scene.response(invite, 183, reliably(1), SDP)
    (prack,) = scene.take()
    scene.response(prack, 200)
    scene.response(invite, 200)
    (ack,) = scene.take()
    assert ack.method == "ACK" and ack.cseq.number == 1
    assert isinstance(scene.facts()[-1], facts.LegAnswered)
    scene.channel.perform(cmd.ReleaseLeg("voice:out", Cause.NORMAL))
    (bye,) = scene.take()
    assert bye.cseq.number == 3, "the PRACK was 2"
    assert scene.audio.streams("voice:out")[-1].port == 4000


async def test_each_fork_counts_for_itself_and_brings_its_own_sdp(scene: Scene) -> None:
    invite = dial(scene)
    other = SDP.replace("4000", "4040")
    scene.response(invite, 183, reliably(5), SDP, "t1")
    scene.response(invite, 183, reliably(900), other, "t2")
    first, second = scene.take()
    assert (first.get("RAck"), second.get("RAck")) == ("5 1 INVITE", "900 1 INVITE")
    assert (first.cseq.number, second.cseq.number) == (2, 2), "each its own dialog"
    scene.response(invite, 200, tag="t2")
    assert scene.names() == ["ACK"]
    assert scene.audio.streams("voice:out")[-1].port == 4040


async def test_a_carrier_that_insists_is_asked_again(scene: Scene) -> None:
    """421 Extension Required (RFC 3261 §21.4.16), once."""
    invite = dial(scene)
    scene.response(invite, 421, ["Require: 100rel"])
    ack, again = scene.take()
    assert ack.method == "ACK" and again.cseq.number == 2
    assert "100rel" in again.get_all("Supported") and again.body == invite.body
    scene.response(again, 180, reliably(1))
    assert scene.take()[0].get("RAck") == "1 2 INVITE"
    scene.response(again, 421, ["Require: 100rel"])
    assert scene.names() == ["ACK"]
    assert isinstance(scene.facts()[-1], facts.LegEnded)


async def test_a_trunk_may_ask_for_it() -> None:
    scene = await Scene(reliable_ringing=True).start()
    invite = dial(scene)
    assert set(invite.get_all("Supported")) == {"100rel", "timer"}
    scene.response(invite, 422, ["Min-SE: 3000"])
    _, again = scene.take()
    assert set(again.get_all("Supported")) == {"100rel", "timer"}
    await scene.stop()


async def test_a_prack_that_is_challenged_is_shown_the_credentials_once() -> None:
    scene = await Scene(username="me").start()
    invite = dial(scene)
    scene.response(invite, 180, reliably(1))
    (prack,) = scene.take()
    challenge = 'Proxy-Authenticate: Digest realm="x", nonce="n", qop="auth", algorithm=MD5'
    scene.response(prack, 407, [challenge])
    (again,) = scene.take()
    assert (again.method, again.get("RAck"), again.cseq.number) == ("PRACK", "1 1 INVITE", 3)
    assert 'nonce="n"' in again.get("Proxy-Authorization")
    scene.response(again, 407, [challenge])
    assert scene.take() == []
    scene.response(invite, 200, body=SDP)
    scene.take()
    scene.channel.perform(cmd.ReleaseLeg("voice:out", Cause.NORMAL))
    assert scene.take()[0].cseq.number == 4
    await scene.stop()


@pytest.mark.parametrize("headers", [["RSeq: 1"], ["Require: 100rel"], ["Require: 100rel", "RSeq: 0"]])
async def test_half_of_it_is_plain_ringing(scene: Scene, headers: list[str]) -> None:
    invite = dial(scene)
    scene.response(invite, 180, headers)
    assert scene.take() == []
    assert len(scene.facts()) == 1
