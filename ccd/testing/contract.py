"""The contract suite that every channel passes: subclass it in a pytest module of the adapter.

    class TestMine(ChannelContract):
        async def open(self) -> Outside:
            return await MyOutside.start()

Add `TextContract` for a channel whose parties write, `DrainContract` for one that `Drains`, and
`LinkContract` for one on which links of messages are opened. Needs
pytest and pytest-asyncio (extra `dev`). Only this module of `ccd.testing` imports them.
"""

# ruff: noqa: S101, ASYNC110  a suite asserts, and it waits for what it cannot be told of

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeVar

import pytest
import pytest_asyncio

from ccd.channels.links import digest
from ccd.channels.port import Channel, Drains, ResumesLegs
from ccd.errors import Refused
from ccd.model import commands as do
from ccd.model.commands import AnyCommand
from ccd.model.facts import (
    AnyFact,
    LegAnswered,
    LegArrived,
    LegEnded,
    PromptEnded,
    RecordingEnded,
    TextDelivered,
    TextFailed,
    TextReceived,
)
from ccd.model.nouns import Cause, LegKind, PromptPart

WAIT_S = 5.0
"""Longest wait for something that must come."""

F = TypeVar("F", bound=AnyFact)


class Outside(Protocol):
    """The other side of one started channel, played by the author of the adapter."""

    channel: Channel
    """Started; its `post` appends to `facts`."""
    facts: list[AnyFact]

    async def arrive(self) -> str:
        """A party starts a conversation: the leg of the `LegArrived`. Raises `Refused` when told no."""
        ...

    async def leave(self, leg: str) -> None:
        """That party ends it."""
        ...

    async def babble(self) -> None:
        """Somebody sends what no correct client sends: torn, huge, out of order."""
        ...

    async def settle(self) -> None:
        """Return when all that is under way has become facts or has reached the outside."""
        ...

    async def close(self) -> None:
        """Stop the channel and everything of the outside."""
        ...


class Writer(Outside, Protocol):
    """An outside whose parties write."""

    async def write(self, leg: str, text: str, message: str) -> None:
        """The leg's party sends a text under its own id `message`."""
        ...

    def acknowledged(self, leg: str) -> list[str]:
        """Ids of the texts that were acknowledged to the party."""
        ...

    def read(self, leg: str) -> list[str]:
        """Texts that the party got."""
        ...


def of_type(facts: list[AnyFact], kind: type[F]) -> list[F]:
    """The facts of one type, in order."""
    return [fact for fact in facts if isinstance(fact, kind)]


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something holds, for at most `WAIT_S`."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not true():
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"waited {WAIT_S:g} s in vain for this: {what}")


def every_command(leg: str) -> list[AnyCommand]:
    """One command of each type about a leg, the release last."""
    part = (PromptPart("welcome"),)
    return [
        do.AnswerLeg(leg),
        do.RingLeg(leg),
        do.PlayPrompt(leg, "p1", part, "en"),
        do.StopPrompt(leg),
        do.StartMusic(leg, "default"),
        do.PlayTone(leg, "p2", "confirm"),
        do.BridgeLegs(leg, leg + "x"),
        do.BridgeLegs(leg + "x", leg),
        do.PartLegs(leg),
        do.StartRecording("r1", leg, leg + "x"),
        do.StopRecording("r1", leg),
        do.DeleteFiles(leg, ()),
        do.ReportTransfer(leg, True),
        do.SendText(leg, "m1", "hello"),
        do.AcknowledgeText(leg, "c1"),
        do.TellPosition(leg, 2),
        do.StartBot(leg, "1", "clerk", LegKind.TEXT, leg, "en", "", "", {}, 1.0, 60.0),
        do.TellBot(leg, "hello"),
        do.StopBot(leg),
        do.AskOutside(leg, "1", "crm", {"number": "1"}, 1.0),
        do.SendLink(leg),
        do.ReleaseLeg(leg, Cause.NORMAL),
    ]


class ChannelContract:
    """What holds for every channel."""

    async def open(self) -> Outside:
        """A started channel and its outside; to be given by the subclass."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def outside(self) -> AsyncIterator[Outside]:
        outside = await self.open()
        yield outside
        await outside.close()

    @pytest.mark.asyncio
    async def test_a_leg_arrives_under_the_channels_name(self, outside: Outside) -> None:
        leg = await outside.arrive()
        (arrived,) = of_type(outside.facts, LegArrived)
        assert arrived.leg == leg
        assert leg.startswith(outside.channel.name + ":") and len(leg) > len(outside.channel.name) + 1
        assert arrived.channel == outside.channel.name
        assert arrived.channel_class is outside.channel.channel_class
        assert arrived.target or arrived.flow, "the core must learn what was reached"
        assert next(fact for fact in outside.facts if getattr(fact, "leg", "") == leg) is arrived

    @pytest.mark.asyncio
    async def test_two_legs_have_two_ids(self, outside: Outside) -> None:
        assert await outside.arrive() != await outside.arrive()

    @pytest.mark.asyncio
    async def test_an_answer_is_confirmed_once(self, outside: Outside) -> None:
        leg = await outside.arrive()
        outside.channel.perform(do.AnswerLeg(leg))
        outside.channel.perform(do.AnswerLeg(leg))
        await until(lambda: bool(of_type(outside.facts, LegAnswered)), "the answer is confirmed")
        await outside.settle()
        assert [fact.leg for fact in of_type(outside.facts, LegAnswered)] == [leg]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("answered", [False, True])
    async def test_a_party_who_leaves_ends_the_leg_once(self, outside: Outside, answered: bool) -> None:
        leg = await outside.arrive()
        if answered:
            outside.channel.perform(do.AnswerLeg(leg))
            await until(lambda: bool(of_type(outside.facts, LegAnswered)), "the answer is confirmed")
        await outside.leave(leg)
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        outside.channel.perform(do.ReleaseLeg(leg, Cause.NORMAL))
        await outside.settle()
        (ended,) = of_type(outside.facts, LegEnded)
        assert ended.leg == leg and ended.remote
        assert ended.cause is (Cause.NORMAL if answered else Cause.CANCELLED)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("answered", [False, True])
    async def test_a_release_ends_the_leg_once_in_every_state(self, outside: Outside, answered: bool) -> None:
        leg = await outside.arrive()
        if answered:
            outside.channel.perform(do.AnswerLeg(leg))
            await until(lambda: bool(of_type(outside.facts, LegAnswered)), "the answer is confirmed")
        outside.channel.perform(do.ReleaseLeg(leg, Cause.BUSY))
        outside.channel.perform(do.ReleaseLeg(leg, Cause.NORMAL))
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        outside.channel.perform(do.ReleaseLeg(leg, Cause.NORMAL))
        await outside.settle()
        (ended,) = of_type(outside.facts, LegEnded)
        assert ended.leg == leg and not ended.remote

    @pytest.mark.asyncio
    async def test_a_party_who_leaves_as_it_is_released_ends_the_leg_once(self, outside: Outside) -> None:
        leg = await outside.arrive()
        outside.channel.perform(do.ReleaseLeg(leg, Cause.NORMAL))
        await outside.leave(leg)
        await outside.settle()
        assert [fact.leg for fact in of_type(outside.facts, LegEnded)] == [leg]

    @pytest.mark.asyncio
    async def test_commands_about_unknown_legs_are_survived(self, outside: Outside) -> None:
        for command in every_command(f"{outside.channel.name}:never-was"):
            outside.channel.perform(command)
        await outside.settle()
        self.check_refusals(outside.facts)
        assert await outside.arrive()

    @pytest.mark.asyncio
    async def test_commands_about_an_ended_leg_are_survived(self, outside: Outside) -> None:
        leg = await outside.arrive()
        await outside.leave(leg)
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        before = len(outside.facts)
        for command in every_command(leg):
            outside.channel.perform(command)
        await outside.settle()
        self.check_refusals(outside.facts[before:])

    @pytest.mark.asyncio
    async def test_a_leg_that_cannot_be_dialled_or_is_released_ends_once(self, outside: Outside) -> None:
        leg = f"{outside.channel.name}:d1"
        card = do.OfferCard(interaction="1")
        outside.channel.perform(do.DialLeg(leg, LegKind.AUDIO, card, devices=("nobody-has-this",)))
        outside.channel.perform(do.ReleaseLeg(leg, Cause.CANCELLED))
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        await outside.settle()
        assert [fact.leg for fact in of_type(outside.facts, LegEnded)] == [leg]

    @pytest.mark.asyncio
    async def test_nonsense_from_outside_disturbs_nobody(self, outside: Outside) -> None:
        leg = await outside.arrive()
        await outside.babble()
        await outside.settle()
        assert of_type(outside.facts, LegEnded) == []
        outside.channel.perform(do.AnswerLeg(leg))
        await until(lambda: bool(of_type(outside.facts, LegAnswered)), "the answer is confirmed")
        assert await outside.arrive()

    @pytest.mark.asyncio
    async def test_stop_is_silent_and_may_come_twice(self, outside: Outside) -> None:
        leg = await outside.arrive()
        await outside.settle()
        before = len(outside.facts)
        await outside.channel.stop()
        await outside.channel.stop()
        for command in every_command(leg):
            outside.channel.perform(command)
        await asyncio.sleep(0.01)
        assert outside.facts[before:] == []

    def check_refusals(self, facts: list[AnyFact]) -> None:
        """A command about a leg that is not there may be answered as failed, with nothing else."""
        for fact in facts:
            assert isinstance(fact, TextFailed | PromptEnded | RecordingEnded), fact
            assert not isinstance(fact, PromptEnded) or not fact.completed


class Opener(Outside, Protocol):
    """An outside whose parties bring tokens of links."""

    async def open_link(self, token: str) -> str:
        """A party goes on from another interaction by this token: the leg of the `LegArrived`."""
        ...


class LinkContract(ChannelContract):
    """What holds for a channel on which links of messages are opened."""

    async def open(self) -> Opener:
        raise NotImplementedError

    @pytest.mark.asyncio
    async def test_a_token_is_told_by_its_digest_only(self, outside: Opener) -> None:
        leg = await outside.open_link("t0ken0fa1ink")
        arrived = of_type(outside.facts, LegArrived)[-1]
        assert (arrived.leg, arrived.continues) == (leg, digest("t0ken0fa1ink"))
        assert "t0ken0fa1ink" not in repr(outside.facts)

    @pytest.mark.asyncio
    async def test_who_brings_none_begins_anew(self, outside: Opener) -> None:
        await outside.arrive()
        assert of_type(outside.facts, LegArrived)[-1].continues == ""

    @pytest.mark.asyncio
    async def test_one_that_opens_nothing_is_let_go_of(self, outside: Opener) -> None:
        leg = await outside.open_link("t0ken0fa1ink")
        outside.channel.perform(do.SendText(leg, "m1", "no longer valid"))
        outside.channel.perform(do.ReleaseLeg(leg, Cause.FORBIDDEN))
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        assert of_type(outside.facts, LegEnded)[-1].leg == leg


class DrainContract(ChannelContract):
    """What holds for a channel that `Drains`."""

    @pytest.mark.asyncio
    async def test_drained_it_refuses_new_conversations_and_keeps_the_others(self, outside: Outside) -> None:
        assert isinstance(outside.channel, Drains)
        leg = await outside.arrive()
        outside.channel.drain(True)
        with pytest.raises(Refused):
            await outside.arrive()
        outside.channel.perform(do.AnswerLeg(leg))
        await until(lambda: bool(of_type(outside.facts, LegAnswered)), "the answer is confirmed")
        assert len(of_type(outside.facts, LegArrived)) == 1
        outside.channel.drain(False)
        assert await outside.arrive() != leg


class TextContract(ChannelContract):
    """What holds for a channel whose parties write."""

    async def open(self) -> Writer:
        raise NotImplementedError

    @pytest.mark.asyncio
    async def test_a_text_is_acknowledged_only_when_asked(self, outside: Writer) -> None:
        leg = await outside.arrive()
        await outside.write(leg, "is anybody there?", "w1")
        await until(lambda: self.texts(outside, leg)[-1:] == ["is anybody there?"], "the text comes in")
        await outside.settle()
        assert "w1" not in outside.acknowledged(leg)
        received = of_type(outside.facts, TextReceived)[-1]
        outside.channel.perform(do.AcknowledgeText(leg, received.message))
        await until(lambda: "w1" in outside.acknowledged(leg), "the party learns that it is kept")

    @pytest.mark.asyncio
    async def test_a_text_sent_twice_is_one_text(self, outside: Writer) -> None:
        leg = await outside.arrive()
        before = len(self.texts(outside, leg))
        for _ in range(2):
            await outside.write(leg, "once", "w1")
        await outside.write(leg, "twice", "w2")
        await until(lambda: self.texts(outside, leg)[-1:] == ["twice"], "the texts come in")
        assert self.texts(outside, leg)[before:] == ["once", "twice"]
        received = of_type(outside.facts, TextReceived)[-2]
        outside.channel.perform(do.AcknowledgeText(leg, received.message))
        await until(lambda: "w1" in outside.acknowledged(leg), "the party learns that it is kept")
        await outside.write(leg, "once", "w1")
        await outside.settle()
        assert self.texts(outside, leg)[before:] == ["once", "twice"]

    @pytest.mark.asyncio
    async def test_a_text_of_ours_reaches_the_party(self, outside: Writer) -> None:
        leg = await outside.arrive()
        outside.channel.perform(do.AnswerLeg(leg))
        for number in range(3):
            outside.channel.perform(do.SendText(leg, f"m{number}", f"héllo {number} 👋 <b>"))
        await until(lambda: len(of_type(outside.facts, TextDelivered)) == 3, "the texts are delivered")
        assert [fact.message for fact in of_type(outside.facts, TextDelivered)] == ["m0", "m1", "m2"]
        await until(lambda: len(outside.read(leg)) == 3, "the party reads them")
        assert outside.read(leg) == [f"héllo {number} 👋 <b>" for number in range(3)]

    @pytest.mark.asyncio
    async def test_a_text_to_nobody_fails(self, outside: Writer) -> None:
        leg = await outside.arrive()
        await outside.leave(leg)
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        outside.channel.perform(do.SendText(leg, "m1", "hello?"))
        await until(lambda: bool(of_type(outside.facts, TextFailed)), "the sender learns it")
        assert of_type(outside.facts, TextDelivered) == []

    @pytest.mark.asyncio
    async def test_a_leg_taken_back_after_a_restart_can_be_released(self, outside: Writer) -> None:
        if not isinstance(outside.channel, ResumesLegs):
            return
        leg = f"{outside.channel.name}:of-the-last-run"
        outside.channel.resume([leg, "another-channel:leg"])
        outside.channel.perform(do.ReleaseLeg(leg, Cause.NORMAL))
        outside.channel.perform(do.ReleaseLeg("another-channel:leg", Cause.NORMAL))
        await until(lambda: bool(of_type(outside.facts, LegEnded)), "the leg ends")
        await outside.settle()
        assert [fact.leg for fact in of_type(outside.facts, LegEnded)] == [leg]

    def texts(self, outside: Writer, leg: str) -> list[str]:
        """What the leg's party wrote, as the core learned it."""
        return [fact.text for fact in of_type(outside.facts, TextReceived) if fact.leg == leg]
