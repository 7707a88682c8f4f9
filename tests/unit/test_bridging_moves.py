"""Bridging: the table of phases, pair by pair, and what the parts do in each of them."""

import msgspec
import pytest

from ccd.bridging import events as ev
from ccd.bridging import recording, texts, thirds, transfer
from ccd.bridging.state import MOVES, Move, Party, Phase, Talk
from ccd.bridging.talks import ENDING_S, WHISPER_S, Talks, decode_state
from ccd.errors import IllegalMove
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind, OfferEnd, PromptPart

NOW = 1000.0
CARD = cmd.OfferCard("1")

ALLOWED = {
    Phase.FLOW: "queue dial_out to_flow end",
    Phase.WAITING: "offer queue dial_out to_flow call end",
    Phase.OFFERED: "offer_over accept end",
    Phase.CALLING: "bridge offer offer_over end",
    Phase.CONNECTING: "bridge offer_over call listen end",
    Phase.LISTENING: "call offer_over end",
    Phase.TALKING: "transfer queue after_call end",
    Phase.TRANSFERRING: "bridge to_outside transfer_failed queue end",
    Phase.OUTSIDE_RINGING: "out_answered to_flow end",
    Phase.OUTSIDE: "end",
    Phase.ENDING: "end",
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("move", Move)
def test_every_pair_of_phase_and_move(phase: Phase, move: Move) -> None:
    talk = Talk("7", Party("voice:c", LegKind.AUDIO), phase=phase)
    if move.value in ALLOWED[phase].split():
        talk.move(move)
        assert talk.phase is MOVES[phase, move]
    else:
        with pytest.raises(IllegalMove, match=f"interaction 7: {move} is not allowed in {phase}"):
            talk.move(move)
        assert talk.phase is phase


def test_every_phase_is_reached_and_can_end() -> None:
    reached = {after for (before, _), after in MOVES.items() if before is not after}
    assert reached == set(Phase), "FLOW again by overflow"
    assert all(MOVES[phase, Move.END] is Phase.ENDING for phase in Phase)


class Hall:
    """Talks with one customer, and what comes of each step."""

    def __init__(self, kind: LegKind = LegKind.AUDIO) -> None:
        self.talks = Talks()
        leg = "voice:c" if kind is LegKind.AUDIO else "web:c"
        self.talks.arrive("1", leg, kind, origin="+331", display="Zoe", language="en")
        self.talk = self.talks.state.talks["1"]
        self.leg = leg

    def step(self) -> tuple[list[cmd.Command], list[ev.AnyEvent]]:
        commands, events = self.talks.take()
        return commands, [event for event in events if not isinstance(event, ev.Noted)]

    def offered(self, **queue: object) -> "Hall":
        self.talks.wait(self.talk, "default", **{"whisper": "", "record": False, **queue})  # type: ignore[arg-type]
        self.talks.offer(self.talk, "o1", "ann", ("phone",), CARD, NOW)
        self.step()
        return self

    def talking(self, **queue: object) -> "Hall":
        self.offered(**queue)
        assert self.talk.agent is not None
        self.talks.answered(self.talk.agent.leg, "phone")
        self.talks.connect(self.talk, NOW)
        self.step()
        assert self.talk.phase is Phase.TALKING
        return self


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        (Cause.BUSY, OfferEnd.BUSY),
        (Cause.REJECTED, OfferEnd.REJECTED),
        (Cause.FORBIDDEN, OfferEnd.REJECTED),
        (Cause.NO_ANSWER, OfferEnd.NO_ANSWER),
        (Cause.LAPSED, OfferEnd.NO_ANSWER),
        (Cause.CANCELLED, OfferEnd.NO_ANSWER),
        (Cause.UNREACHABLE, OfferEnd.UNREACHABLE),
        (Cause.NOT_FOUND, OfferEnd.UNREACHABLE),
        (Cause.INCOMPATIBLE, OfferEnd.INCOMPATIBLE),
        (Cause.FAULT, OfferEnd.UNREACHABLE),
    ],
)
def test_each_cause_of_a_missed_offer(cause: Cause, end: OfferEnd) -> None:
    hall = Hall().offered()
    hall.talks.ended("voice:d1", cause, NOW)
    assert hall.step() == ([], [ev.AgentMissed("1", "o1", end)])
    assert hall.talk.phase is Phase.WAITING and hall.talk.agent is None


def test_two_answers_are_one_acceptance() -> None:
    hall = Hall().offered()
    hall.talks.answered("voice:d1", "phone")
    hall.talks.answered("voice:d1", "other")
    assert hall.step()[1] == [ev.AgentAccepted("1", "o1")]
    assert hall.talk.agent is not None and hall.talk.agent.device == "phone"


def test_the_whisper_has_a_deadline() -> None:
    hall = Hall().offered(whisper="psst")
    hall.talks.answered("voice:d1", "phone")
    hall.talks.connect(hall.talk, NOW, (PromptPart("psst"),), "en")
    commands, _ = hall.step()
    assert commands == [cmd.PlayPrompt("voice:d1", hall.talk.whispering, (PromptPart("psst"),), "en")]
    assert hall.talks.next_deadline() == NOW + WHISPER_S
    hall.talks.expire(NOW + WHISPER_S - 0.001)
    assert hall.step() == ([], [])
    hall.talks.expire(NOW + WHISPER_S)
    assert hall.step() == ([cmd.BridgeLegs("voice:c", "voice:d1")], [ev.Bridged("1", "ann")])
    assert hall.talks.next_deadline() is None


def test_a_leg_not_yet_answered_is_cancelled_when_the_interaction_ends() -> None:
    hall = Hall().offered()
    hall.talks.end(hall.talk, Cause.NORMAL, NOW)
    assert hall.step()[0] == [
        cmd.ReleaseLeg("voice:d1", Cause.CANCELLED),
        cmd.ReleaseLeg("voice:c", Cause.NORMAL),
    ]
    hall.talks.end(hall.talk, Cause.FAULT, NOW)
    assert hall.step() == ([], []), "ended once"
    hall.talks.ended("voice:d1", Cause.CANCELLED, NOW)
    assert hall.step() == ([], [])
    hall.talks.ended("voice:c", Cause.NORMAL, NOW + 1)
    assert hall.step()[1] == [ev.Closed("1", Cause.NORMAL, NOW)]
    assert hall.talks.legs == {} and hall.talks.get("1") is None


def test_it_closes_when_the_last_of_leg_and_recordings_is_gone() -> None:
    hall = Hall().talking(record=True)
    hall.talks.ended("voice:d1", Cause.NORMAL, NOW)
    commands, events = hall.step()
    assert commands == [cmd.StopRecording("1-1", "voice:c"), cmd.ReleaseLeg("voice:c", Cause.NORMAL)]
    assert events == [ev.TalkOver("1", "ann", by_agent=True)]
    hall.talks.ended("voice:c", Cause.NORMAL, NOW)
    assert hall.step()[1] == []
    recording.ended(hall.talks, "1-1", "x.wav", 3.0, "", 0.0)
    recording.ended(hall.talks, "1-1", "x.wav", 3.0, "", 0.0)
    assert hall.step()[1] == [ev.Closed("1", Cause.NORMAL, NOW)]


def test_it_closes_late_when_something_never_ends() -> None:
    hall = Hall()
    hall.talks.end(hall.talk, Cause.NORMAL, NOW)
    hall.talks.expire(NOW + ENDING_S)
    assert hall.step()[1] == [ev.Closed("1", Cause.NORMAL, NOW)]
    hall.talks.ended("voice:c", Cause.NORMAL, NOW + 60)
    assert hall.step() == ([], [])


def test_a_phone_that_answers_on_hold_lets_the_customer_hear_music() -> None:
    """Also where the whisper ends after that."""
    hall = Hall().offered(whisper="whisper", record=True)
    agent = hall.talk.agent
    assert agent is not None
    hall.talks.answered(agent.leg, "phone")
    hall.talks.connect(hall.talk, NOW, (PromptPart("psst"),), "en")
    hall.talks.held(agent.leg, True)
    hall.step()
    hall.talks.prompt_ended(agent.leg, hall.talk.whispering, True, "")
    commands, _ = hall.step()
    assert hall.talk.phase is Phase.TALKING
    kinds = [type(command) for command in commands]
    assert cmd.BridgeLegs not in kinds and cmd.StartMusic in kinds and cmd.StartRecording in kinds
    hall.talks.held(agent.leg, False)
    commands, _ = hall.step()
    assert commands == [cmd.BridgeLegs("voice:c", agent.leg)]


def test_early_media_of_an_agent_is_not_for_the_customer() -> None:
    hall = Hall().offered()
    hall.talks.ringing("voice:d1", early_media=True)
    assert hall.step()[0] == []


def test_prompts_that_were_cut_do_not_move_the_flow() -> None:
    hall = Hall()
    hall.talks.play(hall.talk, "1.p1", (PromptPart("a"),), "en", True)
    hall.talks.play(hall.talk, "1.p2", (PromptPart("b"),), "en", True)
    hall.step()
    hall.talks.prompt_ended("voice:c", "1.p1", False, "")
    assert hall.step() == ([], [])
    hall.talks.prompt_ended("voice:c", "1.p2", True, "")
    assert hall.step()[1] == [ev.PromptOver("1", "1.p2", completed=True)]


def test_the_answer_of_a_third_party_counts_once() -> None:
    hall = Hall()
    thirds.dial_out(hall.talks, hall.talk, "+33900", NOW + 20)
    hall.step()
    hall.talks.answered("voice:d1", "")
    hall.talks.answered("voice:d1", "")
    hall.talks.ringing("voice:d1", early_media=True)
    assert hall.step()[0] == [cmd.BridgeLegs("voice:c", "voice:d1")]


def test_who_may_transfer() -> None:
    hall = Hall().offered()
    assert not transfer.can_transfer(hall.talk, "voice:d1")
    hall.talks.answered("voice:d1", "")
    hall.talks.connect(hall.talk, NOW)
    assert transfer.can_transfer(hall.talk, "voice:d1")
    assert not transfer.can_transfer(hall.talk, "voice:c")
    chat = Hall(LegKind.TEXT).talking()
    assert transfer.can_transfer(chat.talk, "voice:d1")
    assert not transfer.can_transfer(chat.talk, "web:c")
    chat.talk.customer_gone = True
    assert not transfer.can_transfer(chat.talk, "voice:d1")


def test_a_state_comes_back_with_its_legs_recordings_and_deadlines() -> None:
    hall = Hall().talking(record=True)
    transfer.to_outside(hall.talks, hall.talk, "+33900", "", NOW + 30)
    state = hall.talks.state
    back = Talks(decode_state(msgspec.msgpack.encode(state)))
    assert back.state == state
    assert sorted(back.legs) == ["voice:c", "voice:d1", "voice:d2"]
    assert back.next_deadline() == NOW + 30
    recording.ended(back, "1-1", "x", 1.0, "", 0.0)
    assert back.state.talks["1"].recordings == []


# -- texts -------------------------------------------------------------------------------------------------


def test_what_is_being_sent_is_kept_until_it_is_settled() -> None:
    hall = Hall(LegKind.TEXT).talking()
    assert texts.take(hall.talks, "web:c", "w1", "hello")
    assert not texts.take(hall.talks, "web:c", "w1", "hello")
    assert texts.take(hall.talks, "voice:d1", "w1", "hi")
    assert [(each.role, each.text) for each in hall.talk.sending] == [("agent", "hello"), ("customer", "hi")]
    texts.settled(hall.talks, "voice:d1", "w1")
    assert [each.text for each in hall.talk.sending] == ["hi"], "the other w1 is not meant"
    texts.settled(hall.talks, "web:c", "w1", failed=Cause.UNREACHABLE)
    texts.settled(hall.talks, "web:c", "w1")
    texts.settled(hall.talks, "web:nobody", "w1")
    assert hall.talk.sending == []


def test_a_text_of_nobody_is_acknowledged_all_the_same() -> None:
    hall = Hall(LegKind.TEXT)
    assert not texts.take(hall.talks, "web:gone", "w1", "hello")
    assert hall.step()[0] == [cmd.AcknowledgeText("web:gone", "w1")]


def test_an_offer_that_was_never_shown_is_not_released() -> None:
    hall = Hall(LegKind.TEXT).offered()
    hall.talks.withdraw_offer(hall.talk, "o1", Cause.LAPSED)
    assert hall.step() == ([], []) and not hall.talk.pending and hall.talks.next_deadline() is None
    assert "voice:d1" not in hall.talks.legs


def test_reopening_asks_the_device_that_answered_or_all() -> None:
    hall = Hall(LegKind.TEXT).talking()
    texts.reopen(hall.talks, hall.talk, {"ann": ("phone", "desk")}, CARD)
    texts.reopen(hall.talks, hall.talk, {"ann": ("desk",)}, CARD)
    asked = [command.devices for command in hall.step()[0] if isinstance(command, cmd.DialLeg)]
    assert asked == [("phone",), ("desk",)]
