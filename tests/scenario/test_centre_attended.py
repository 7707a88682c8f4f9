"""The whole centre on virtual time. Attended transfer: a word before, then customer and colleague meet."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import ATTENDED, explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, ChannelClass
from ccd.model.rules import OwnCalls
from ccd.runtime.views import legs_of
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import TICK, doing, rules, totals, whats

OUTSIDE = "+33145678901"


class Hall:
    """ann has a customer on hold, and may ask bob (202), cat (203), the queue help (301) or outside."""

    def __init__(
        self, own: dict[str, Any] | None = None, ann: dict[str, Any] | None = None, **sales: Any
    ) -> None:
        base = rules(**{"record": True, "wrap_up_s": 30.0, **sales})
        agents = {
            **base.agents,
            "ann": msgspec.structs.replace(base.agents["ann"], display="Ann", **(ann or {})),
        }
        own_calls = OwnCalls(**{"may_dial": ("+33",), "record": True, **(own or {})})
        self.sim = sim = SimulatedCentre(msgspec.structs.replace(base, agents=agents, own_calls=own_calls))
        sim.behaviours[OUTSIDE] = Behaviour(answers_after=5.0)
        sim.login("ann")
        self.call = sim.call()
        sim.run(10)
        agent = sim.talk(self.call).agent
        assert agent is not None and agent.agent == "ann"
        self.leg = agent.leg
        sim.login("cat")
        sim.phone("bob-phone")
        sim.act(sim.voice.hold, self.leg)

    def ask(self, target: str, seconds: float = 10.0) -> str:
        """ann dials, on her second line; the leg."""
        leg = self.sim.dial("ann-phone", target)
        self.sim.run(seconds)
        return leg

    def join(self, consult: str, *, other_way: bool = False) -> None:
        first, second = (consult, self.leg) if other_way else (self.leg, consult)
        self.sim.act(self.sim.voice.attend, first, second)

    def reports(self) -> list[tuple[str, bool, Cause]]:
        """What the phone was told, by the NOTIFYs of its REFERs."""
        told = [each for each in self.sim.commands if isinstance(each, cmd.ReportTransfer)]
        return [(each.leg, each.done, each.cause) for each in told]

    def on_hold(self) -> None:
        """The customer is still ann's, and hears music."""
        assert self.sim.agent_of(self.call) == "ann" and self.sim.heard(self.call).music == "default"
        assert doing(self.sim, "ann") == "talking"

    def peer(self, leg: str) -> str:
        return self.sim.heard(leg).peer

    def far(self) -> str:
        """The leg that was dialled last."""
        last = self.sim.performed(cmd.DialLeg)[-1]
        assert isinstance(last, cmd.DialLeg)
        return last.leg

    def notes(self, leg: str) -> list[dict[str, Any]]:
        return [note.details for note in self.sim.record(leg).timeline if note.what == ATTENDED]


# -- the word before -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["203", OUTSIDE])
def test_while_a_colleague_or_somebody_outside_is_asked_the_customer_hears_music(target: str) -> None:
    hall = Hall()
    consult = hall.ask(target)
    hall.on_hold()
    assert hall.peer(consult) == hall.far()
    info = hall.sim.centre.state.interactions["2"]
    assert (info.consults, info.dialled_by) == ("1", "ann")
    later = hall.sim.call()
    assert hall.sim.rings_at(later) == "", "nobody is offered to who has two on the line"
    hall.sim.hang_up(hall.far())
    hall.on_hold()
    hall.sim.act(hall.sim.voice.hold, hall.leg, False)
    assert hall.peer(hall.call) == hall.leg, "and she has the customer again"
    record = hall.sim.record(consult)
    assert (record.outcome, record.consults) == ("answered", "1")
    (own,) = hall.sim.centre.history.own_calls(hall.sim.now)
    assert (own.agent, own.consults, own.answered) == ("ann", 1, 1)
    assert totals(hall.sim)[:2] == (2, 1), "it is in no queue's figures"
    hall.sim.check_replay()


def test_the_colleague_sees_who_asks_and_about_which_interaction() -> None:
    hall = Hall()
    hall.ask("203", 1.0)
    last = hall.sim.performed(cmd.DialLeg)[-1]
    assert isinstance(last, cmd.DialLeg)
    assert (last.card.caller_name, last.card.consults, last.card.interaction) == ("Ann", "1", "2")


@pytest.mark.parametrize(
    ("behaviour", "cause"), [(BUSY, Cause.BUSY), (REJECTS, Cause.REJECTED), (NEVER, Cause.NO_ANSWER)]
)
def test_who_is_asked_does_not_take_it_and_the_customer_is_still_there(
    behaviour: Behaviour, cause: Cause
) -> None:
    hall = Hall()
    hall.sim.phone("cat-phone", behaviour)
    consult = hall.ask("203", 70.0)
    assert hall.sim.voice.ended[consult] is cause and doing(hall.sim, "cat") == "idle"
    hall.on_hold()
    hall.sim.act(hall.sim.voice.hold, hall.leg, False)
    assert hall.peer(hall.call) == hall.leg


def test_a_call_without_a_customer_is_no_consult() -> None:
    hall = Hall()
    hall.sim.hang_up(hall.call)
    hall.sim.run(60)
    consult = hall.ask(OUTSIDE)
    hall.sim.hang_up(consult)
    assert hall.sim.record(consult).consults == ""


# -- joined --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other_way", [False, True])
def test_joined_with_a_colleague_who_holds_the_interaction_from_then_on(other_way: bool) -> None:
    hall = Hall()
    sim = hall.sim
    consult = hall.ask("203")
    far = hall.far()
    hall.join(consult, other_way=other_way)
    assert sim.agent_of(hall.call) == "cat" and hall.peer(hall.call) == far
    assert sim.voice.ended[hall.leg] is Cause.TRANSFERRED and sim.voice.ended[consult] is Cause.TRANSFERRED
    assert {(leg, done) for leg, done, _ in hall.reports()} >= {(consult if other_way else hall.leg, True)}
    assert (doing(sim, "ann"), doing(sim, "cat")) == ("wrap_up", "talking")
    assert not sim.centre.router.state.agents["cat"].outside, "of the consult nothing is left"
    assert sim.voice._recordings == {"1-2": (hall.call, far)}, "customer left, the colleague right"
    stop, bridge = cmd.StopRecording("2-1", consult), cmd.BridgeLegs(hall.call, far)
    assert sim.commands.index(stop) < sim.commands.index(bridge), "no word of the customer in the consult's"
    sim.run(20)
    sim.hang_up(hall.call)
    assert doing(sim, "cat") == "wrap_up", "with the wrap-up of the customer's queue"
    record = sim.record(hall.call)
    assert record.agents == ["ann", "cat"] and record.outcome == "handled"
    assert record.talked_s == pytest.approx(18 + 20)
    words = [note.what for note in record.timeline]
    assert words.index("consult") < words.index(ATTENDED) < words.index("transferred")
    moved = next(note for note in record.timeline if note.what == "transferred")
    assert moved.details == {"agent": "ann", "to": "cat"}
    (note,) = hall.notes(hall.call)
    assert (note["result"], note["to"], note["call"], note["consulted_s"]) == ("joined", "cat", "2", 10.0)
    assert any("attended transfer: agent ann, to cat" in line for line in explain(record))
    assert far in legs_of(sim.centre, "1", record), "for `sip trace`"
    asked = sim.record(consult)
    assert (asked.consults, asked.outcome, asked.cause) == ("1", "answered", Cause.TRANSFERRED)
    assert totals(sim) == (1, 1, 0, 0) and totals(sim, "help") == (0, 0, 0, 0)
    sim.check_replay()


def test_joined_with_somebody_outside_and_the_agent_takes_the_next() -> None:
    hall = Hall(wrap_up_s=0.0)
    sim = hall.sim
    consult = hall.ask(OUTSIDE)
    far = hall.far()
    later = sim.call()
    hall.join(consult)
    assert hall.peer(hall.call) == far and sim.talk(hall.call).phase == "outside"
    assert sim.rings_at(later) == "ann", "once both of her calls are over"
    assert {hall.leg, consult} <= sim.voice.ended.keys()
    assert "1-2" not in sim.voice.recording(), "no agent, no recording"
    sim.run(20)
    sim.hang_up(far)
    assert sim.voice.ended[hall.call] is Cause.NORMAL
    moved = next(note for note in sim.record(hall.call).timeline if note.what == "transferred")
    assert moved.details == {"agent": "ann", "to": OUTSIDE}
    sim.check_replay()


def test_who_may_work_beside_a_customer_on_hold_gets_no_offer_between_the_two_ends() -> None:
    hall = Hall(ann={"works_on_hold": True})
    consult = hall.ask("203")
    later = hall.sim.call()
    hall.join(consult)
    assert doing(hall.sim, "ann") == "wrap_up" and hall.sim.rings_at(later) == ""
    hall.sim.run(30)
    assert hall.sim.rings_at(later) == "ann"


def test_it_can_be_sent_on_again() -> None:
    hall = Hall()
    sim = hall.sim
    hall.join(hall.ask("203"))
    sim.run(60)
    agent = sim.talk(hall.call).agent
    assert agent is not None
    sim.act(sim.voice.hold, agent.leg)
    again = sim.dial("cat-phone", "201")
    sim.run(5)
    assert hall.peer(again)
    sim.act(sim.voice.attend, agent.leg, again)
    assert sim.agent_of(hall.call) == "ann" and doing(sim, "cat") == "wrap_up"
    sim.hang_up(hall.call)
    assert sim.record(hall.call).agents == ["ann", "cat", "ann"]
    sim.check_replay()


def test_who_was_asked_has_us_on_hold_at_that_instant() -> None:
    hall = Hall()
    consult = hall.ask("203")
    far = hall.far()
    hall.sim.act(hall.sim.voice.hold, far)
    hall.join(consult)
    assert hall.sim.heard(hall.call).music == "default" and hall.peer(hall.call) == ""
    hall.sim.act(hall.sim.voice.hold, far, False)
    assert hall.peer(hall.call) == far


def test_the_phone_puts_both_on_hold_before_it_joins_them() -> None:
    hall = Hall()
    consult = hall.ask("203")
    hall.sim.act(hall.sim.voice.hold, consult)
    assert hall.sim.heard(hall.far()).music == "default"
    hall.join(consult)
    assert hall.peer(hall.call) == hall.far() and hall.sim.heard(hall.far()).music == ""
    hall.sim.run(5)
    assert hall.sim.agent_of(hall.call) == "cat"


def test_a_mask_goes_on_with_the_colleague() -> None:
    """The customer may be in the middle of a card number; who takes over ends the mask, or the console."""
    hall = Hall()
    sim = hall.sim
    sim.tell(facts.MaskAsked("1", True, "test"))
    hall.join(hall.ask("203"))
    assert "1-2" in sim.voice.masked


def test_a_customer_who_was_not_put_on_hold() -> None:
    hall = Hall()
    hall.sim.act(hall.sim.voice.hold, hall.leg, False)
    consult = hall.ask("203")
    assert hall.peer(hall.call) == hall.leg
    hall.join(consult)
    assert hall.peer(hall.call) == hall.far() and hall.sim.heard(hall.call).music == ""


# -- while it rings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("target", ["203", OUTSIDE])
def test_while_it_rings_it_goes_on_ringing_for_the_customer(target: str, plain: bool) -> None:
    """`plain`: a REFER that names no call, to where one rings already."""
    hall = Hall()
    sim = hall.sim
    consult = hall.ask(target, 1.0)
    far = hall.far()
    if plain:
        sim.act(sim.voice.transfer, hall.leg, target)
    else:
        hall.join(consult)
    assert consult in sim.voice.ended and hall.reports() == []
    assert sim.heard(hall.call).music == "default" and sim.talk(hall.call).phase == "transferring"
    assert len(sim.performed(cmd.DialLeg)) == 2, "nobody is rung anew: ann's phone, and who is asked"
    assert doing(sim, "ann") == "talking"
    sim.run(5)
    assert hall.peer(hall.call) == far and hall.reports() == [(hall.leg, True, Cause.NORMAL)]
    assert doing(sim, "ann") == "wrap_up"
    if target == "203":
        assert sim.agent_of(hall.call) == "cat"
        assert list(sim.centre.router.state.agents["cat"].outside) == []
    sim.hang_up(hall.call)
    assert sim.record(consult).outcome == "unanswered"
    sim.check_replay()


@pytest.mark.parametrize("leaves", [False, True])
def test_while_it_rings_and_nobody_answers(leaves: bool) -> None:
    """Back to the agent; if the agent does not wait for that, the customer gets the old place back."""
    hall = Hall()
    sim = hall.sim
    sim.phone("cat-phone", NEVER)
    hall.join(hall.ask("203", 1.0))
    if leaves:
        sim.hang_up(hall.leg)
    sim.run(30 - TICK)
    assert doing(sim, "cat") == "talking", "occupied"
    sim.run(TICK)
    assert doing(sim, "cat") == "idle"
    if leaves:
        assert sim.talk(hall.call).phase in {"waiting", "offered"}
    else:
        assert hall.reports() == [(hall.leg, False, Cause.NO_ANSWER)]
        hall.on_hold()
    sim.hang_up(hall.call)
    sim.check_replay()


def test_its_own_sound_is_heard_by_the_customer() -> None:
    hall = Hall()
    hall.sim.behaviours[OUTSIDE] = Behaviour(answers_after=20.0, early_media=True)
    consult = hall.ask(OUTSIDE, 2.0)
    hall.join(consult)
    assert hall.peer(hall.call) == hall.far()


def test_taken_back_first_and_then_sent_blindly() -> None:
    """As phones do that know no transfer to a call that rings."""
    hall = Hall()
    consult = hall.ask("203", 1.0)
    hall.sim.hang_up(consult, Cause.CANCELLED)
    hall.sim.act(hall.sim.voice.transfer, hall.leg, "203")
    hall.sim.run(3)
    assert hall.sim.agent_of(hall.call) == "cat"


# -- a queue ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wraps_up", [0.0, 30.0])
def test_whoever_serves_a_queue_is_asked_and_takes_over(wraps_up: float) -> None:
    hall = Hall(help_queue={"wrap_up_s": wraps_up})
    sim = hall.sim
    consult = hall.ask("301")
    assert sim.agent_of(consult) == "cat"
    far = hall.far()
    hall.join(consult)
    assert sim.agent_of(hall.call) == "cat" and hall.peer(hall.call) == far
    assert (doing(sim, "ann"), doing(sim, "cat")) == ("wrap_up", "talking")
    assert sim.centre.router.state.agents["cat"].wrap_up is None
    assert list(sim.centre.router.state.agents["cat"].held) == ["1"]
    sim.hang_up(hall.call)
    assert sim.record(hall.call).agents == ["ann", "cat"]
    assert totals(sim) == (1, 1, 0, 0) and totals(sim, "help") == (1, 1, 0, 0)
    sim.check_replay()


def test_nobody_has_come_yet_and_the_customer_waits_in_the_agents_place() -> None:
    hall = Hall()
    sim = hall.sim
    sim.unplug("cat-phone")
    consult = hall.ask("301")
    hall.join(consult)
    assert hall.reports() == [(hall.leg, True, Cause.NORMAL)]
    assert sim.talk(hall.call).phase == "waiting" and doing(sim, "ann") == "wrap_up"
    place = sim.centre.router.state.places["1"]
    assert place.queue == "help" and place.entered_at == sim.centre.state.interactions["1"].arrived_at
    assert totals(sim, "help") == (2, 0, 0, 1), "ann's own place has moved on to the customer"
    sim.phone("cat-phone")
    sim.run(3)
    assert sim.agent_of(hall.call) == "cat"
    sim.check_replay()


@pytest.mark.parametrize("whispers", [False, True])
def test_the_agent_of_the_queue_is_just_being_rung_or_told_who_calls(whispers: bool) -> None:
    hall = Hall()
    sim = hall.sim
    helping = {**sim.centre.state.rules.queues}
    helping["help"] = msgspec.structs.replace(helping["help"], whisper="whisper" if whispers else "")
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(sim.centre.state.rules, queues=helping), "test"))
    sim.phone("cat-phone", answers_after=2.0)
    consult = hall.ask("301", 3.0 if whispers else 1.0)
    assert sim.talk(consult).phase == ("connecting" if whispers else "offered")
    hall.join(consult)
    assert hall.reports() == [(hall.leg, True, Cause.NORMAL)] and doing(sim, "ann") == "wrap_up"
    sim.run(10)
    assert sim.agent_of(hall.call) == "cat", "for the customer from then on"
    sim.hang_up(hall.call)
    assert sim.record(hall.call).agents == ["ann", "cat"] and totals(sim, "help")[1] == 1
    sim.check_replay()


# -- what cannot be joined -------------------------------------------------------------------------------


def test_the_customer_hangs_up_meanwhile_and_the_other_call_goes_on() -> None:
    hall = Hall()
    sim = hall.sim
    consult = hall.ask(OUTSIDE)
    sim.hang_up(hall.call)
    assert hall.leg in sim.voice.ended, "that line of the phone is dead: the agent sees it"
    assert hall.peer(consult) == hall.far() and doing(sim, "ann") == "talking"
    hall.sim.act(sim.voice.attend, consult, hall.leg)
    assert hall.reports() == [(consult, False, Cause.VANISHED)]
    assert hall.peer(consult) == hall.far(), "and goes on"
    sim.run(20)
    sim.hang_up(consult)
    assert "customer gone" in whats(sim, consult) and sim.record(consult).outcome == "answered"
    assert doing(sim, "ann") == "idle" or doing(sim, "ann") == "wrap_up"
    sim.check_replay()


def test_who_was_asked_hangs_up_at_that_instant() -> None:
    hall = Hall()
    consult = hall.ask("203")
    hall.sim.hang_up(hall.far())
    hall.join(consult)
    assert hall.reports() == [(hall.leg, False, Cause.VANISHED)]
    hall.on_hold()
    hall.sim.act(hall.sim.voice.hold, hall.leg, False)
    assert hall.peer(hall.call) == hall.leg
    hall.sim.hang_up(hall.call)
    (note,) = hall.notes(hall.call)
    assert note["result"] == "refused" and "over" in note["why"]


def test_one_after_the_other_the_second_finds_nothing() -> None:
    hall = Hall()
    consult = hall.ask("203")
    hall.join(consult)
    hall.sim.tell(facts.TransferAsked(hall.leg, "", attended=True, replaces=consult))
    hall.sim.tell(facts.TransferAsked(consult, "", attended=True, replaces=hall.leg))
    assert [done for _, done, _ in hall.reports()] == [True, False, False]
    assert hall.sim.agent_of(hall.call) == "cat"


def test_a_second_one_while_it_rings_is_refused() -> None:
    hall = Hall()
    sim = hall.sim
    other = hall.ask(OUTSIDE)
    hall.join(hall.ask("203", 1.0))
    hall.sim.tell(facts.TransferAsked(hall.leg, "", attended=True, replaces=other))
    assert hall.reports() == [(hall.leg, False, Cause.FORBIDDEN)]
    sim.run(3)
    assert sim.agent_of(hall.call) == "cat" and hall.peer(other), "that call goes on"


def test_a_call_of_somebody_else_is_not_joined() -> None:
    hall = Hall()
    sim = hall.sim
    foreign = sim.dial("cat-phone", OUTSIDE)
    sim.run(10)
    hall.join(foreign)
    assert hall.reports() == [(hall.leg, False, Cause.FORBIDDEN)]
    hall.on_hold()
    assert hall.peer(foreign) == hall.far()
    sim.hang_up(hall.call)
    assert hall.notes(hall.call)[0]["why"] == "the other call is one of cat"


def test_two_customers_are_not_joined() -> None:
    hall = Hall()
    sim = hall.sim
    one = hall.ask(OUTSIDE)
    sim.act(sim.voice.attend, hall.leg, hall.call)
    sim.act(sim.voice.attend, hall.call, one)
    assert [(done, cause) for _, done, cause in hall.reports()] == [(False, Cause.FORBIDDEN)] * 2
    hall.on_hold()


def test_a_written_conversation_is_sent_on_in_writing_whomever_its_agent_calls() -> None:
    """Nobody who writes is joined with somebody who speaks."""
    hall = Hall(load={ChannelClass.VOICE: 10, ChannelClass.LIVE_TEXT: 10})
    sim = hall.sim
    sim.ask("bob", Availability.LOGGED_OUT)
    chat = sim.chat("hello")
    sim.run(5)
    assert sim.agent_of(chat) == "ann"
    agent = sim.talk(chat).agent
    assert agent is not None
    consult = hall.ask("203")
    for first, second in ((agent.leg, consult), (consult, agent.leg)):
        sim.tell(facts.TransferAsked(first, "", attended=True, replaces=second))
    sim.tell(facts.TransferAsked(agent.leg, "cat"))
    assert {done for _, done, _ in hall.reports()} == {False} and len(hall.reports()) == 3
    assert sim.agent_of(chat) == "ann" and hall.peer(consult) == hall.far()


def test_only_where_an_agent_may_transfer() -> None:
    hall = Hall(own={"may_transfer": ("+41",)})
    consult = hall.ask(OUTSIDE)
    hall.join(consult)
    assert hall.reports() == [(hall.leg, False, Cause.FORBIDDEN)]
    hall.on_hold()
    assert hall.peer(consult) == hall.far()


def test_a_flow_of_ours_is_nobody_to_be_joined_with() -> None:
    hall = Hall()
    consult = hall.ask("+33101", 1.0)
    hall.join(consult)
    assert hall.reports() == [(hall.leg, False, Cause.UNREACHABLE)]
    hall.on_hold()


def test_the_phone_dies_with_both_calls() -> None:
    hall = Hall()
    sim = hall.sim
    consult = hall.ask("203")
    far = hall.far()
    sim.act(sim.voice.lose_media, consult)
    assert far in sim.voice.ended and doing(sim, "cat") == "idle"
    hall.on_hold()
    sim.act(sim.voice.lose_media, hall.leg)
    sim.run(1)
    assert hall.call in sim.voice.ended and not sim.voice.legs
    sim.check_replay()


@pytest.mark.parametrize("joined", [False, True])
def test_a_killed_daemon_frees_everybody(joined: bool) -> None:
    hall = Hall()
    sim = hall.sim
    consult = hall.ask("203")
    lost = facts.TransferAsked(hall.leg, "", attended=True, replaces=consult) if joined else None
    sim.restart(lost=lost)
    assert sim.record(hall.call).cause is Cause.RESTART
    assert doing(sim, "cat") in {"idle", "wrap_up"}
    sim.check_replay()
