"""Another address of ours while calls run: each is told by re-INVITE, a few at a time, none is lost by it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ccd.model.commands import AnswerLeg, RingLeg
from ccd.model.nouns import Cause
from ccd.model.settings import MediaSettings
from ccd.sip.message import Request
from ccd.voice.moving import AT_ONCE, BUSY_S, MOST_TRIES, PACE_S, with_place
from tests.unit.voice_scene import SDP, Scene, tag_of

FORMER, NOW = "192.0.2.1", "192.0.2.7"


class Wandering(Scene):
    """A machine that listens everywhere; where it is, the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.here = FORMER
        self.settings = msgspec.structs.replace(self.settings, media=MediaSettings())
        self.channel.settings = self.settings
        self.stack._advertised._find = lambda _flow: (self.here, 5060)

    def calls(self, count: int, body: str = SDP) -> list[str]:
        legs = []
        for number in range(count):
            self.request("INVITE", 1, (), body, call=f"call-{number}")
            leg = self.facts()[-1].leg
            legs.append(leg)
            self.channel.perform(AnswerLeg(leg))
            ok = self.take()[-1]
            self.request("ACK", 1, (), "", tag_of(ok), call=f"call-{number}")
        self.facts()
        return legs

    async def move(self, seconds: float = PACE_S) -> list[Request]:
        """Another address, noticed with whatever is sent next; what is sent because of it in so long."""
        self.here = NOW
        self.clock.time += 10.0
        self.stack.advertised(self.flow)
        await asyncio.sleep(0)  # it is told in its own turn
        return self.wait(seconds)

    def wait(self, seconds: float) -> list[Request]:
        kept: list[Any] = []
        until = self.clock.time + seconds
        while (at := self.channel.watch.next_deadline()) is not None and at <= until:
            self.clock.time = max(self.clock.time, at)
            self.channel.watch.expire(self.clock.time)
            kept += self.take()
        self.clock.time = until
        return [each for each in kept if isinstance(each, Request)]


@pytest.fixture
async def scene() -> AsyncIterator[Wandering]:
    wandering = Wandering()
    await wandering.start()
    yield wandering
    await wandering.stop()


async def test_a_running_call_is_told_with_contact_and_sdp(scene: Wandering) -> None:
    (leg,) = scene.calls(1)
    said = scene.channel.legs[leg].session
    assert said is not None and said.said is not None
    before = said.said.to_bytes().decode()
    assert FORMER in before
    (invite,) = await scene.move()
    assert invite.method == "INVITE" and invite.get("Contact") == f"<sip:ccd@{NOW}:5060>"
    number = int(before.split(" ")[2])
    assert invite.body.decode() == before.replace(FORMER, NOW).replace(f" {number} IN", f" {number + 1} IN")
    streams = len(scene.audio.streams(leg))
    scene.response(invite, 200, (), SDP)
    assert scene.names() == ["ACK"]
    assert len(scene.audio.streams(leg)) == streams, "the far end stayed where it was"
    assert scene.wait(60.0) == [] and leg in scene.channel.legs


async def test_a_call_that_rang_meanwhile_is_told_once_it_is_answered(scene: Wandering) -> None:
    scene.request("INVITE", 1, (), SDP)
    leg = scene.facts()[-1].leg
    scene.channel.perform(RingLeg(leg, early_media=True))
    assert await scene.move(95.0) == []
    scene.channel.perform(AnswerLeg(leg))
    scene.request("ACK", 1, (), "", tag_of(scene.take()[-1]))
    (invite,) = scene.wait(11.0)
    assert NOW in (invite.get("Contact") or "") and FORMER not in invite.body.decode()
    scene.response(invite, 200, (), SDP)
    scene.take()
    assert scene.wait(600.0) == [] and not scene.channel.moving._looks


async def test_a_held_call_stays_held_and_refused_lines_stay_refused(scene: Wandering) -> None:
    offer = SDP + "a=sendonly\r\nm=video 4002 RTP/AVP 34\r\n"
    (leg,) = scene.calls(1, offer)
    (invite,) = await scene.move()
    assert b"a=recvonly" in invite.body and b"m=video 0 " in invite.body
    scene.response(invite, 200, (), SDP + "a=sendonly\r\nm=video 0 RTP/AVP 34\r\n")
    session = scene.channel.legs[leg].session
    assert session is not None and session.held and scene.facts() == []


async def test_nothing_is_sent_where_nothing_changed(scene: Wandering) -> None:
    scene.calls(3)
    scene.here = FORMER
    scene.channel.moving.address_changed()
    assert scene.wait(60.0) == []


async def test_many_are_told_a_few_at_a_time(scene: Wandering) -> None:
    scene.calls(23)
    assert len(await scene.move()) == AT_ONCE
    told = AT_ONCE
    while told < 23:
        found = scene.wait(PACE_S)
        assert 0 < len(found) <= AT_ONCE
        told += len(found)
    assert scene.wait(60.0) == [], "each of them once, though looked at again"


@pytest.mark.parametrize("status", [408, 481, 488, 500, 603])
async def test_a_refusal_leaves_the_call_as_it_is(scene: Wandering, status: int) -> None:
    (leg,) = scene.calls(1)
    (invite,) = await scene.move()
    scene.response(invite, status)
    assert scene.names() == ["ACK"]
    assert scene.wait(60.0) == [] and scene.facts() == []
    call = scene.channel.legs[leg]
    assert call.liveness is not None and not call.liveness.busy
    assert call.session is not None and NOW in call.session.offer_again().decode(), "the next refresh says it"


async def test_no_answer_leaves_the_call_as_it_is(scene: Wandering) -> None:
    (leg,) = scene.calls(1)
    (invite,) = await scene.move()
    assert {name for _, name in scene.run(40.0)} == {"INVITE"}, "its copies, and no BYE"
    call = scene.channel.legs[leg]
    assert scene.facts() == [] and call.liveness is not None and not call.liveness.busy
    assert invite.method == "INVITE"


async def test_glare_is_tried_again_and_not_for_ever(scene: Wandering) -> None:
    scene.calls(1)
    found = await scene.move()
    for _ in range(MOST_TRIES):
        (invite,) = found
        scene.response(invite, 491)
        assert scene.names() == ["ACK"]
        found = scene.wait(4.0 + PACE_S)
    (invite,) = found
    scene.response(invite, 491)
    assert scene.names() == ["ACK"] and scene.wait(60.0) == []


async def test_a_refresh_that_comes_due_meanwhile_waits(scene: Wandering) -> None:
    """Two INVITEs at a time in a dialog are an error (RFC 3261 §14.1); the one that is told refreshes too."""
    scene.request("INVITE", 1, ["Supported: timer", "Session-Expires: 600;refresher=uas"], SDP)
    leg = scene.facts()[-1].leg
    scene.channel.perform(AnswerLeg(leg))
    scene.request("ACK", 1, (), "", tag_of(scene.take()[-1]))
    scene.wait(285.0)
    (invite,) = await scene.move()
    assert invite.get("Session-Expires") == "600;refresher=uac"
    assert scene.wait(20.0) == [], "it would have been time after five seconds"
    scene.response(invite, 200, ["Session-Expires: 600;refresher=uac"], SDP)
    assert scene.names() == ["ACK"] and scene.wait(299.0) == []
    assert [each.method for each in scene.wait(2.0)] == ["INVITE"]


async def test_an_offer_under_way_is_waited_for(scene: Wandering) -> None:
    (leg,) = scene.calls(1)
    call = scene.channel.legs[leg]
    call.answering = object()  # type: ignore[assignment]  their re-INVITE awaits its ACK
    assert await scene.move() == []
    call.answering = None
    (invite,) = scene.wait(BUSY_S + 2 * PACE_S)
    assert NOW in invite.body.decode()


async def test_a_call_that_ends_meanwhile_is_forgotten(scene: Wandering) -> None:
    scene.calls(AT_ONCE + 1)
    assert len(await scene.move()) == AT_ONCE
    for leg in list(scene.channel.legs.values()):
        leg.dialog = None
        leg.over(Cause.NORMAL, remote=True)
    scene.take()
    assert scene.wait(60.0) == []


@pytest.mark.parametrize(
    ("contact", "place", "wanted"),
    [
        ("<sip:ccd@192.0.2.1:5060>", (NOW, 5060), f"<sip:ccd@{NOW}:5060>"),
        (
            "<sip:u%40x@192.0.2.1:5060;transport=tcp>;+x=1",
            (NOW, 5062),
            f"<sip:u%40x@{NOW}:5062;transport=tcp>;+x=1",
        ),
        ("<sip:ccd@192.0.2.1:5060>", ("2001:db8::7", 5060), "<sip:ccd@[2001:db8::7]:5060>"),
        ("<sip:CCD@192.0.2.1:5060>", ("192.0.2.1", 5060), "<sip:CCD@192.0.2.1:5060>"),
        ("<tel:+331>", (NOW, 5060), "<tel:+331>"),
        ("", (NOW, 5060), ""),
    ],
)
def test_a_contact_keeps_all_but_its_place(contact: str, place: tuple[str, int], wanted: str) -> None:
    assert with_place(contact, *place) == wanted
