"""INVITE with Replaces (RFC 3891) on a channel without sockets: which call it names, and what it gets."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from ccd.sip.registering import Authorizer
from tests.unit.voice_scene import HERE, PASSWORD, SDP, Scene, tag_of

OTHER = 5099
"""The port of the phone; calls of the carrier come from its own."""


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = await Scene().start()
    yield scene
    await scene.stop()


def by_phone(scene: Scene, *headers: str, call: str = "new") -> Any:
    """An INVITE of the phone a1, with credentials; the last answer, None: it waits for the core."""
    place = f"sip:302@{HERE}"
    who = [f"From: <sip:a1@{scene.settings.sip.domain}>;tag=me"]
    proof = Authorizer("a1", PASSWORD, "", scene.channel.chance)
    carrier = scene.flow
    scene.flow = msgspec.structs.replace(carrier, host="127.0.0.9", port=OTHER)
    scene.request("INVITE", 1, [*who, *headers], SDP, call=call, uri=place)
    (challenge,) = scene.take()
    assert challenge.status == 401 and proof.take(challenge)
    shown = [f"{name}: {value}" for name, value in proof.headers("INVITE", place)]
    scene.request("INVITE", 2, [*who, *headers, *shown], SDP, call=call, uri=place)
    scene.flow = carrier
    return next(iter(scene.take()), None)


def named(ok: Any, *more: str, theirs: str = "them", call: str = "call") -> str:
    return ";".join([f"Replaces: {call}", f"to-tag={tag_of(ok)}", f"from-tag={theirs}", *more])


async def test_a_call_that_stands_is_for_the_core_to_give(scene: Scene) -> None:
    leg, ok = scene.call()
    assert by_phone(scene, named(ok)) is None
    (asked,) = scene.facts()
    assert isinstance(asked, facts.TakeOverAsked)
    assert (asked.device, asked.replaces) == ("a1", leg) and asked.leg in scene.channel.legs
    scene.channel.perform(cmd.AnswerLeg(asked.leg))
    assert scene.take()[-1].status == 200


@pytest.mark.parametrize(
    ("cause", "status"), [(Cause.FORBIDDEN, 403), (Cause.BUSY, 486), (Cause.UNREACHABLE, 480)]
)
async def test_what_the_core_refuses(scene: Scene, cause: Cause, status: int) -> None:
    _, ok = scene.call()
    by_phone(scene, named(ok))
    (asked,) = scene.facts()
    scene.channel.perform(cmd.ReleaseLeg(asked.leg, cause))
    assert scene.take()[-1].status == status


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (481, ["Replaces: none;to-tag=a;from-tag=b"]),
        (481, ["Replaces: call;to-tag=a;from-tag=them"]),
        (400, ["Replaces: call;to-tag=a"]),
        (400, ["Replaces: call;to-tag=a;from-tag=b", "Replaces: call;to-tag=a;from-tag=b"]),
        (400, ["Replaces: call;to-tag=a;from-tag=b", "Join: call;to-tag=a;from-tag=b"]),
    ],
)
async def test_what_names_no_call(scene: Scene, status: int, headers: Sequence[str]) -> None:
    scene.call()
    assert by_phone(scene, *headers).status == status
    assert scene.facts() == [] and len(scene.channel.legs) == 1


async def test_early_only_is_486_once_it_is_answered(scene: Scene) -> None:
    _, ok = scene.call()
    assert by_phone(scene, named(ok, "early-only")).status == 486


async def test_a_carrier_takes_over_nothing_and_learns_nothing(scene: Scene) -> None:
    _, ok = scene.call()
    for number, header in enumerate((named(ok), "Replaces: none;to-tag=a;from-tag=b")):
        scene.request("INVITE", 1, [header], SDP, call=f"new-{number}")
        (answer,) = scene.take()
        assert answer.status == 403
    assert scene.facts() == [] and len(scene.channel.legs) == 1


async def test_who_calls_is_not_taken_from_who_waits_for_an_answer(scene: Scene) -> None:
    """§3: an early dialog is given away only by who began it."""
    scene.request("INVITE", 1, (), SDP)
    (arrived,) = scene.facts()
    scene.channel.perform(cmd.RingLeg(arrived.leg))
    ringing = scene.take()[-1]
    assert ringing.status == 180 and by_phone(scene, named(ringing)).status == 481


@pytest.mark.parametrize("early", [(), ("early-only",)])
async def test_a_phone_that_rings_may_be_relieved(scene: Scene, early: Sequence[str]) -> None:
    scene.register(f"sip:a1@{HERE}:{scene.flow.port}")
    scene.facts()
    card = cmd.OfferCard("1")
    scene.channel.perform(cmd.DialLeg("voice:d1", LegKind.AUDIO, card, devices=("a1",)))
    (invite,) = scene.take()
    mine = f"{invite.call_id};to-tag={invite.from_tag}"
    for tag in ("t1", "t2"):
        scene.response(invite, 180, tag=tag)
    scene.facts()
    assert by_phone(scene, f"Replaces: {mine};from-tag=t3", call="a").status == 481
    for number, tag in enumerate(("t1", "t2")):
        header = ";".join([f"Replaces: {mine}", f"from-tag={tag}", *early])
        assert by_phone(scene, header, call=f"b{number}") is None
        (asked,) = scene.facts()
        assert isinstance(asked, facts.TakeOverAsked) and asked.replaces == "voice:d1"
