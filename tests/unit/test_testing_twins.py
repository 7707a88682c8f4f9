"""The twins that tests stand on: the clock that stands still, the same ids again, the fake channel."""

import pytest

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import commands as do
from ccd.model.facts import (
    AgentDialled,
    AnyFact,
    DigitPressed,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    PromptEnded,
    RecordingEnded,
    TextReceived,
    TransferAsked,
)
from ccd.model.nouns import Cause, ChannelClass, LegKind, PromptPart
from ccd.testing.clock import VirtualClock
from ccd.testing.fake_channel import PERFORMS, FakeChannel, LegState
from ccd.testing.ids import SeededChance


def test_the_clock_moves_only_when_told_and_never_back() -> None:
    clock: Clock = VirtualClock(100.0)
    assert isinstance(clock, VirtualClock)
    assert clock.now() == clock.now() == 100.0
    assert clock.advance(0.5) == clock.now() == 100.5
    assert clock.advance_to(200.0) == 200.0
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(199.0)
    assert clock.now() == 200.0


def test_the_same_seed_gives_the_same_ids() -> None:
    first, second, other = SeededChance(7), SeededChance(7), SeededChance(8)
    ids = [first.token() for _ in range(5)]
    assert ids == [second.token() for _ in range(5)]
    assert ids != [other.token() for _ in range(5)] and len(set(ids)) == 5


@pytest.fixture
def facts() -> list[AnyFact]:
    return []


@pytest.fixture
async def fake(facts: list[AnyFact]) -> FakeChannel:
    channel = FakeChannel()
    await channel.start(facts.append)
    return channel


def play(leg: str, name: str, barge: bool = False) -> do.PlayPrompt:
    return do.PlayPrompt(leg, name, (PromptPart("welcome"),), "en", barge)


def dial(leg: str, kind: LegKind = LegKind.AUDIO, **fields: object) -> do.DialLeg:
    return do.DialLeg(leg, kind, do.OfferCard(interaction="1"), **fields)  # type: ignore[arg-type]


def test_every_command_is_carried_out() -> None:
    assert set(PERFORMS) == set(do.AnyCommand.__args__)


async def test_a_dialled_leg_rings_and_answers(fake: FakeChannel, facts: list[AnyFact]) -> None:
    fake.perform(dial("fake:d1", devices=("alice", "desk")))
    fake.ring("fake:d1")
    fake.ring("fake:d1")
    fake.answer("fake:d1")
    fake.answer("fake:d1")
    assert facts == [LegRinging("fake:d1"), LegAnswered("fake:d1", "alice")]
    fake.end("fake:d1")
    assert fake.ended == {"fake:d1": Cause.NORMAL}
    with pytest.raises(Refused, match="no live leg"):
        fake.ring("fake:d1")


async def test_dialling_nobody_ends_as_unreachable(fake: FakeChannel, facts: list[AnyFact]) -> None:
    fake.perform(dial("fake:d1"))
    assert facts == [LegEnded("fake:d1", Cause.UNREACHABLE, remote=False)]


async def test_a_key_cuts_a_prompt_that_may_be_cut(fake: FakeChannel, facts: list[AnyFact]) -> None:
    leg = fake.arrive()
    facts.clear()
    fake.perform(play(leg, "p1"))
    fake.digit(leg, "1")
    fake.perform(play(leg, "p2", barge=True))
    fake.digit(leg, "2#")
    assert facts == [
        DigitPressed(leg, "1"),
        PromptEnded(leg, "p1", False),
        DigitPressed(leg, "2"),
        PromptEnded(leg, "p2", False),
        DigitPressed(leg, "#"),
    ]


async def test_prompts_music_and_bridges_end_each_other(fake: FakeChannel, facts: list[AnyFact]) -> None:
    a, b, c = fake.arrive(), fake.arrive(), fake.arrive()
    facts.clear()
    fake.perform(play(a, "p1"))
    fake.perform(do.StartMusic(a, "default"))
    assert fake.legs[a].music == "default"
    fake.perform(do.PlayTone(a, "t1", "beep"))
    assert fake.legs[a].music == ""
    fake.finish_prompt(a)
    fake.finish_prompt(a)
    fake.perform(play(a, "p2"))
    fake.perform(do.BridgeLegs(a, b))
    assert facts == [
        PromptEnded(a, "p1", False),
        PromptEnded(a, "t1", True),
        PromptEnded(a, "p2", False),
    ]
    assert (fake.legs[a].peer, fake.legs[b].peer) == (b, a)
    fake.perform(do.BridgeLegs(b, c))
    assert (fake.legs[a].peer, fake.legs[b].peer, fake.legs[c].peer) == ("", c, b)
    fake.perform(do.PartLegs(c))
    assert fake.legs[b].peer == fake.legs[c].peer == ""
    fake.perform(play(a, "p3"))
    fake.perform(do.StopPrompt(a))
    assert facts[-1] == PromptEnded(a, "p3", False)


async def test_a_recording_ends_with_its_leg(fake: FakeChannel, facts: list[AnyFact]) -> None:
    a, b = fake.arrive(), fake.arrive()
    fake.perform(do.StartRecording("r1", a, b))
    facts.clear()
    fake.end(b)
    assert [type(fact) for fact in facts] == [RecordingEnded, LegEnded]
    fake.perform(do.StopRecording("r1", a))
    assert len(facts) == 2


async def test_the_parties_own_moves(fake: FakeChannel, facts: list[AnyFact]) -> None:
    leg = fake.dial_from("alice", "*41")
    fake.hold(leg)
    fake.hold(leg, on=False)
    fake.transfer(leg, "201")
    assert facts == [
        AgentDialled(leg, "alice", "*41"),
        LegHeld(leg),
        LegResumed(leg),
        TransferAsked(leg, "201"),
    ]


async def test_the_first_text_on_a_dialled_text_leg_answers_it(facts: list[AnyFact]) -> None:
    fake = FakeChannel("text", ChannelClass.LIVE_TEXT)
    await fake.start(facts.append)
    fake.perform(dial("text:d1", LegKind.TEXT, devices=("alice",), opening=("A visitor waits",)))
    assert fake.sent == [("text:d1", "A visitor waits")]
    fake.text("text:d1", "hello", "m1")
    fake.text("text:d1", "hello", "m1")
    assert facts == [LegAnswered("text:d1", "alice"), TextReceived("text:d1", "hello", "m1")]
    assert fake.legs["text:d1"].state is LegState.ANSWERED


async def test_prompts_may_end_by_themselves(facts: list[AnyFact]) -> None:
    fake = FakeChannel(prompts_end=True)
    await fake.start(facts.append)
    leg = fake.arrive()
    fake.perform(play(leg, "p1"))
    assert facts[-1] == PromptEnded(leg, "p1", True)
    assert fake.commands(do.PlayPrompt) == [play(leg, "p1")]
