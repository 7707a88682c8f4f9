"""How phones answer our calls: on hold, or not at all because of the audio that we offer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from ccd.voice import engine
from tests.unit.voice_scene import HERE, SDP, Scene


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = await Scene().start()
    yield scene
    await scene.stop()


def ring(scene: Scene, **where: Any) -> Any:
    scene.channel.perform(cmd.DialLeg("voice:out", LegKind.AUDIO, cmd.OfferCard("i1"), **where))
    (invite,) = scene.take()
    return invite


def ring_phone(scene: Scene) -> Any:
    scene.register(f"sip:a1@{HERE}:45060")
    scene.facts()
    return ring(scene, devices=("a1",))


@pytest.mark.parametrize("way", ["sendonly", "inactive"])
async def test_a_phone_that_answers_on_hold_is_told_as_that(scene: Scene, way: str) -> None:
    invite = ring_phone(scene)
    scene.response(invite, 200, (), SDP + f"a={way}\r\n")
    assert [type(fact) for fact in scene.facts()] == [facts.LegAnswered, facts.LegHeld]
    back = SDP.replace("7 1 IN", "7 2 IN")
    mine = (f"From: <sip:a1@{HERE}>;tag=t1",)
    scene.request("INVITE", 1, mine, back, invite.from_tag, call=invite.call_id)
    assert [type(fact) for fact in scene.facts()] == [facts.LegResumed]


async def test_a_carrier_that_only_sends_is_listened_to(scene: Scene) -> None:
    """An announcement instead of an answer; nobody is on hold."""
    invite = ring(scene, address="+33199887766")
    scene.response(invite, 200, (), SDP + "a=sendonly\r\n")
    assert [type(fact) for fact in scene.facts()] == [facts.LegAnswered]


async def test_statistics_that_nobody_reads_are_not_asked_for_at_the_end_of_a_call(scene: Scene) -> None:
    leg, _ok = scene.call()
    scene.channel.perform(cmd.ReleaseLeg(leg, Cause.NORMAL))
    assert scene.audio.done[-1] == engine.CloseLeg(leg, told=False)


@pytest.mark.parametrize("status", [488, 606, 415])
async def test_a_phone_that_refuses_our_audio_is_not_called_unreachable(scene: Scene, status: int) -> None:
    invite = ring_phone(scene)
    scene.response(invite, status, ('Warning: 399 phone "SRTP only"',))
    if status == 488:  # it is asked once more, as who takes nothing but encrypted audio wants it
        assert scene.facts() == []
        again = next(each for each in scene.take() if each.method == "INVITE")
        assert b" RTP/SAVP " in again.body and b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in again.body
        assert (again.call_id, again.cseq.number) == (invite.call_id, invite.cseq.number + 1)
        scene.response(again, status, ('Warning: 399 phone "SRTP only"',))
    (ended,) = scene.facts()
    assert (ended.cause, ended.sip_status) == (Cause.INCOMPATIBLE, status)
    assert "a1" in ended.note and "SRTP only" in ended.note
