"""The whole centre on virtual time. Agents' own calls: what a phone dials that is no feature code."""

from typing import Any

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Binding, Cause
from ccd.model.rules import AgentRule, OwnCalls, ProfileRule, Rules
from ccd.model.steps import AnyStep, Enqueue
from ccd.runtime.centre import Centre
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import TICK, doing, rules, totals, whats

OUTSIDE = "+33145678901"


def centre(
    *agents: str,
    ann: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
    steps: tuple[AnyStep, ...] = (),
    **sales: Any,
) -> SimulatedCentre:
    """The small centre; `+33` may be dialled, and 112."""
    base = rules(*steps, **sales)
    changed = msgspec.structs.replace(base.agents["ann"], display="Ann", **(ann or {}))
    profile = ProfileRule(name="rush", agents={"ann": {"capacity": 300}})
    sim = SimulatedCentre(
        msgspec.structs.replace(
            base,
            agents={**base.agents, "ann": changed},
            own_calls=OwnCalls(**{"may_dial": ("+33", "112"), **(own or {})}),
            profiles={"rush": profile},
        )
    )
    sim.behaviours[OUTSIDE] = Behaviour(answers_after=5.0)
    for name in ("ann", "bob"):
        sim.phone(f"{name}-phone")
    for name in agents:
        sim.login(name)
        sim.run(1)
    return sim


def told(sim: SimulatedCentre, leg: str) -> list[str]:
    """What the dialling phone was told, by the names of the commands."""
    kinds = (cmd.RingLeg, cmd.AnswerLeg, cmd.ReleaseLeg, cmd.StartMusic)
    return [type(each).__name__ for each in sim.commands if isinstance(each, kinds) and each.leg == leg]


def dialled(sim: SimulatedCentre) -> cmd.DialLeg:
    """The last leg that was opened."""
    last = sim.performed(cmd.DialLeg)[-1]
    assert isinstance(last, cmd.DialLeg)
    return last


def why(sim: SimulatedCentre, leg: str) -> tuple[Any, ...]:
    """(cause, why) of the timeline's refusal."""
    (note,) = [note for note in sim.record(leg).timeline if note.what == "refused"]
    return note.details["cause"], note.details["why"]


# -- to an outside number ------------------------------------------------------------------------------


def test_the_phone_hears_what_the_far_end_does_and_the_agent_is_busy() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", OUTSIDE)
    assert doing(sim, "ann") == "talking" and told(sim, leg) == []
    sim.run(0.2)
    assert told(sim, leg) == ["RingLeg"], "180: its own tone, none of ours"
    sim.run(5 - 0.2)
    assert told(sim, leg) == ["RingLeg", "AnswerLeg"]
    assert sim.heard(leg).peer == dialled(sim).leg
    call = sim.call()
    assert sim.rings_at(call) == "bob", "ann is longer idle, but on a call of her own"
    sim.run(20)
    sim.hang_up(leg)
    assert doing(sim, "ann") == "idle" and not any(
        one.dial for one in sim.voice.legs.values() if not one.peer
    )
    record = sim.record(leg)
    assert (record.direction, record.dialled_by, record.target) == ("out", "ann", OUTSIDE)
    assert (record.origin, record.agents, record.outcome) == ("201", ["ann"], "answered")
    assert record.talked_s == pytest.approx(20.0) and record.queue == ""
    assert whats(sim, leg)[:2] == ["arrived", "ringing"]
    assert totals(sim) == (1, 1, 0, 0), "no queue counts it"
    (own,) = sim.centre.history.own_calls(sim.now)
    assert (own.agent, own.out, own.internal, own.answered, own.refused) == ("ann", 1, 0, 1, 0)
    assert own.talk_sum_s == pytest.approx(20.0)
    sim.check_replay()


def test_the_agent_goes_to_the_end_of_the_line_as_after_a_conversation() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    sim.hang_up(leg)
    sim.run(10)
    assert sim.rings_at(sim.call()) == "bob" and sim.rings_at(sim.call()) == "ann"


def test_the_far_end_hangs_up_and_a_recording_closes_later() -> None:
    sim = centre("ann", own={"record": True})
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    (started,) = sim.performed(cmd.StartRecording)
    assert started == cmd.StartRecording("1-1", dialled(sim).leg, leg), "the agent is the right side"
    waiting = sim.call()
    sim.hang_up(dialled(sim).leg)
    assert sim.voice.ended[leg] is Cause.NORMAL and sim.rings_at(waiting) == "ann", "at once"
    names = [note.details["recording"] for note in sim.record(leg).timeline if note.what == "recorded"]
    assert names == ["1-1"]
    sim.check_replay()


@pytest.mark.parametrize("who", ["voice:phone", "voice:d1"])
def test_the_agent_does_not_wait_for_the_file_of_a_recording(who: str) -> None:
    """Whoever hangs up; here nobody carries out commands, so the recording stays open."""
    bare = Centre()
    rule = AgentRule(name="ann", devices=("ann-phone",))
    for fact in (
        facts.DaemonStarted("test", "b"),
        facts.RulesLoaded(Rules(agents={"ann": rule}, own_calls=OwnCalls(may_dial=("+",), record=True))),
        facts.DeviceBound(Binding("ann-phone", "1", "{}", 1e9)),
        facts.AvailabilityAsked("ann", Availability.READY),
        facts.AgentDialled("voice:phone", "ann-phone", OUTSIDE),
        facts.LegAnswered("voice:d1"),
        facts.LegEnded(who, Cause.NORMAL),
    ):
        bare.turn(fact, 1000.0)
    view = bare.router.agent_view("ann", 1000.0)
    assert view is not None and view.doing == "idle" and list(bare.state.interactions) == ["1"]


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    sim = centre("ann")
    sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    assert sim.performed(cmd.StartRecording) == []


def test_early_media_is_heard_before_the_answer() -> None:
    sim = centre("ann")
    sim.behaviours[OUTSIDE] = Behaviour(answers_after=5.0, early_media=True)
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(1)
    assert cmd.RingLeg(leg, early_media=True) in sim.commands
    assert sim.heard(leg).peer == dialled(sim).leg and "AnswerLeg" not in told(sim, leg)
    sim.run(5)
    assert told(sim, leg) == ["RingLeg", "AnswerLeg"] and sim.heard(leg).peer == dialled(sim).leg


def test_silence_counts_only_once_it_is_answered() -> None:
    sim = centre("ann")
    sim.behaviours[OUTSIDE] = Behaviour(answers_after=40.0, early_media=True)
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(35)
    sim.act(sim.voice.lose_media, dialled(sim).leg)
    sim.run(10)
    assert sim.heard(leg).peer == dialled(sim).leg
    sim.act(sim.voice.lose_media, dialled(sim).leg)
    assert sim.voice.ended[leg] is Cause.MEDIA_LOST and doing(sim, "ann") == "idle"


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (BUSY, Cause.BUSY),
        (REJECTS, Cause.REJECTED),
        (Behaviour(None, fails_after=1.0, cause=Cause.NO_ANSWER), Cause.NO_ANSWER),
        (Behaviour(None, fails_after=1.0, cause=Cause.NOT_FOUND), Cause.NOT_FOUND),
        (Behaviour(None, fails_after=0.0, rings_after=None, cause=Cause.CONGESTION), Cause.CONGESTION),
    ],
    ids=["busy", "declined", "no answer", "no such number", "trunk down"],
)
def test_the_phone_is_told_why_it_failed(behaviour: Behaviour, cause: Cause) -> None:
    sim = centre("ann")
    sim.behaviours[OUTSIDE] = behaviour
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(5)
    assert sim.voice.ended[leg] is cause and "AnswerLeg" not in told(sim, leg)
    record = sim.record(leg)
    assert (record.outcome, record.cause, record.agents) == ("unanswered", cause, [])
    assert doing(sim, "ann") == "idle"
    sim.check_replay()


def test_ringing_is_given_up_at_its_time() -> None:
    sim = centre("ann", own={"ring_timeout_s": 30.0})
    sim.behaviours[OUTSIDE] = NEVER
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(30 - TICK)
    assert leg in sim.voice.legs and doing(sim, "ann") == "talking"
    sim.run(TICK)
    assert sim.voice.ended[leg] is Cause.NO_ANSWER and doing(sim, "ann") == "idle"


@pytest.mark.parametrize("after", [0.0, 2.0])
def test_the_phone_takes_it_back_while_it_rings(after: float) -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(after)
    third = dialled(sim).leg
    sim.hang_up(leg, Cause.CANCELLED)
    assert sim.voice.ended[third] is Cause.CANCELLED and doing(sim, "ann") == "idle"
    assert (sim.record(leg).outcome, sim.record(leg).cause) == ("unanswered", Cause.CANCELLED)
    assert not sim.voice.legs
    sim.check_replay()


def test_the_number_shown_is_the_agents_or_left_to_the_trunk() -> None:
    sim = centre("ann", "bob", ann={"caller_id": "+33100"})
    sim.dial("ann-phone", OUTSIDE)
    assert (dialled(sim).caller_id, dialled(sim).own_number) == ("+33100", True)
    sim.dial("bob-phone", OUTSIDE)
    assert (dialled(sim).caller_id, dialled(sim).own_number) == ("", False)


def test_either_side_may_hold_and_the_other_hears_music() -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    third = dialled(sim).leg
    sim.act(sim.voice.hold, leg)
    assert (sim.heard(third).music, sim.heard(leg).peer) == ("default", "")
    sim.act(sim.voice.hold, third)
    sim.act(sim.voice.hold, leg, False)
    assert (sim.heard(leg).music, sim.heard(leg).peer) == ("default", ""), "the other still holds"
    sim.act(sim.voice.hold, third, False)
    assert sim.heard(leg).peer == third and sim.heard(leg).music == ""


def test_it_cannot_be_sent_on() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    sim.act(sim.voice.transfer, leg, "202")
    assert cmd.ReportTransfer(leg, False, Cause.FORBIDDEN) in sim.commands
    assert sim.heard(leg).peer == dialled(sim).leg, "and goes on"


# -- what is not allowed -------------------------------------------------------------------------------


def test_nothing_outside_may_be_dialled_unless_it_is_allowed() -> None:
    sim = centre("ann", own={"may_dial": ()})
    leg = sim.dial("ann-phone", OUTSIDE)
    assert sim.voice.ended[leg] is Cause.FORBIDDEN and sim.performed(cmd.DialLeg) == []
    assert why(sim, leg) == ("forbidden", "not in may_dial")
    assert sim.record(leg).outcome == "refused" and doing(sim, "ann") == "idle"
    (own,) = sim.centre.history.own_calls(sim.now)
    assert (own.out, own.answered, own.refused) == (1, 0, 1)
    sim.check_replay()


@pytest.mark.parametrize(
    ("mine", "number", "cause"),
    [
        (None, "+33145678901", None),
        (None, "+41441234567", Cause.FORBIDDEN),
        (None, "112", None),
        (None, "1123", Cause.NOT_FOUND),
        (None, "11", Cause.NOT_FOUND),
        ((), "+33145678901", Cause.FORBIDDEN),
        (("+41",), "+41441234567", None),
        (("+41",), "+33145678901", Cause.FORBIDDEN),
        (("+",), "+1900555000", None),
        (("+",), "112", Cause.NOT_FOUND),
        (("33",), "+33145678901", Cause.FORBIDDEN),
    ],
)
def test_what_an_agent_may_dial(mine: tuple[str, ...] | None, number: str, cause: Cause | None) -> None:
    sim = centre("ann", ann={"may_dial": mine})
    sim.behaviours[number] = Behaviour()
    leg = sim.dial("ann-phone", number)
    sim.run(3)
    assert sim.voice.ended.get(leg) is cause
    assert [each.address for each in sim.performed(cmd.DialLeg)] == ([] if cause else [number])  # type: ignore[union-attr]


def test_names_and_unknown_codes_leave_no_record() -> None:
    sim = centre("ann")
    for target in ("bob", "*99", "web:support", ""):
        assert sim.voice.ended[sim.dial("ann-phone", target)] is Cause.NOT_FOUND
    assert sim.centre.state.interactions_made == 0


def test_a_phone_of_nobody_may_dial_nothing() -> None:
    sim = centre()
    assert sim.voice.ended[sim.dial("lobby-phone", OUTSIDE)] is Cause.FORBIDDEN


def test_more_than_the_most_at_a_time_are_busy() -> None:
    sim = centre("ann", own={"most": 2})
    legs = [sim.dial("ann-phone", OUTSIDE) for _ in range(3)]
    sim.run(10)
    assert sim.voice.ended == {legs[2]: Cause.BUSY}
    assert why(sim, legs[2]) == ("busy", "has as many calls of its own as it may")
    sim.hang_up(legs[0])
    assert doing(sim, "ann") == "talking"
    sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    assert len(sim.voice.ended) == 3, "there is room again"


def test_a_centre_that_drains_takes_none() -> None:
    sim = centre("ann")
    sim.tell(facts.DrainAsked(True, "test"))
    assert sim.voice.ended[sim.dial("ann-phone", OUTSIDE)] is Cause.OVERLOAD


def test_the_same_dialling_told_twice_is_one_call() -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.tell(facts.AgentDialled(leg, "ann-phone", OUTSIDE))
    assert sim.centre.state.interactions_made == 1


# -- what the agent is meanwhile -----------------------------------------------------------------------


@pytest.mark.parametrize("declared", [Availability.PAUSED, Availability.LOGGED_OUT])
def test_who_is_away_may_dial_and_stays_away(declared: Availability) -> None:
    sim = centre("ann")
    sim.ask("ann", declared, "lunch" if declared is Availability.PAUSED else "")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    assert doing(sim, "ann") == "talking"
    sim.hang_up(leg)
    assert doing(sim, "ann") == declared.value
    assert sim.rings_at(sim.call()) == ""


def test_wrap_up_goes_on_beside_the_call() -> None:
    sim = centre("ann", agents=("ann",), wrap_up_s=30.0)
    sim.call(talks_for=10)
    sim.run(12)
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(20)
    waiting = sim.call()
    sim.run(11)
    assert sim.rings_at(waiting) == "" and doing(sim, "ann") == "talking", "wrap-up is over, the call is not"
    sim.hang_up(leg)
    assert sim.rings_at(waiting) == "ann"


def test_a_pause_when_done_waits_for_the_end_of_the_call() -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.tell(facts.AvailabilityAsked("ann", Availability.PAUSED, "lunch", "test", when_done=True))
    assert sim.centre.router.state.agents["ann"].availability is Availability.READY
    sim.hang_up(leg)
    assert doing(sim, "ann") == "paused"


def test_the_call_wins_over_an_offer_that_rings() -> None:
    sim = centre("ann", "bob", on_miss={"no_answer": 1})
    sim.behaviours["ann-phone"] = NEVER
    call = sim.call()
    sim.run(1)
    assert sim.rings_at(call) == "ann"
    leg = sim.dial("ann-phone", OUTSIDE)
    assert sim.rings_at(call) == "bob", "at once"
    assert sim.centre.router.state.agents["ann"].totals.missed == 0
    sim.run(3)
    assert sim.agent_of(call) == "bob"
    sim.hang_up(leg, Cause.CANCELLED)
    assert doing(sim, "ann") == "idle"
    assert totals(sim) == (1, 1, 0, 0)
    sim.check_replay()


def test_an_offer_without_another_agent_keeps_its_place_and_comes_back() -> None:
    sim = centre("ann")
    sim.behaviours["ann-phone"] = NEVER
    first = sim.call()
    sim.run(1)
    second = sim.call()
    leg = sim.dial("ann-phone", OUTSIDE)
    assert (sim.rings_at(first), sim.rings_at(second)) == ("", "")
    sim.run(10)
    sim.hang_up(leg)
    assert (sim.rings_at(first), sim.rings_at(second)) == ("ann", "")


def test_a_call_may_be_made_beside_a_conversation_and_each_ends_by_itself() -> None:
    """The second line of the phone: the agent asks somebody while the customer is on hold."""
    sim = centre("ann")
    call = sim.call()
    sim.run(10)
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    assert sim.agent_of(call) == "ann" and sim.heard(leg).peer
    sim.hang_up(call)
    assert doing(sim, "ann") == "talking"
    waiting = sim.call()
    assert sim.rings_at(waiting) == ""
    sim.hang_up(leg)
    assert sim.rings_at(waiting) == "ann"


def test_nothing_is_offered_on_top_of_it_whatever_the_capacity() -> None:
    sim = centre("ann", ann={"capacity": 200})
    leg = sim.dial("ann-phone", OUTSIDE)
    call = sim.call()
    sim.run(10)
    assert sim.rings_at(call) == "" and sim.agent_of(call) == ""
    sim.tell(facts.ProfileSet("rush", True, "test"))
    assert sim.rings_at(call) == "", "more capacity changes nothing for the call that runs"
    sim.hang_up(leg)
    assert sim.rings_at(call) == "ann"


# -- to a colleague ------------------------------------------------------------------------------------


def test_a_colleague_is_rung_and_both_are_busy() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", "202")
    assert dialled(sim).devices == ("bob-phone",) and dialled(sim).card.caller_name == "Ann"
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("talking", "talking")
    waiting = sim.call()
    sim.run(2)
    assert sim.heard(leg).peer == dialled(sim).leg and sim.rings_at(waiting) == ""
    sim.run(10)
    sim.hang_up(dialled(sim).leg)
    assert sim.rings_at(waiting) in {"ann", "bob"}
    record = sim.record(leg)
    assert (record.direction, record.agents, record.outcome) == ("internal", ["ann", "bob"], "answered")
    assert totals(sim) == (1, 0, 0, 0)
    sim.check_replay()


@pytest.mark.parametrize(
    ("behaviour", "cause"), [(BUSY, Cause.BUSY), (REJECTS, Cause.REJECTED), (NEVER, Cause.NO_ANSWER)]
)
def test_a_colleague_who_does_not_take_it_is_free_again(behaviour: Behaviour, cause: Cause) -> None:
    sim = centre("ann", "bob", on_miss={"no_answer": 1, "rejected": 1, "busy": 1})
    sim.behaviours["bob-phone"] = behaviour
    leg = sim.dial("ann-phone", "202")
    sim.run(60)
    assert sim.voice.ended[leg] is cause
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("idle", "idle"), "and it is no miss"


@pytest.mark.parametrize("declared", [Availability.PAUSED, Availability.LOGGED_OUT])
def test_a_colleague_who_is_away_is_rung_all_the_same(declared: Availability) -> None:
    sim = centre("ann", "bob")
    sim.ask("bob", declared, "lunch" if declared is Availability.PAUSED else "")
    leg = sim.dial("ann-phone", "202")
    sim.run(3)
    assert sim.heard(leg).peer
    sim.hang_up(leg)
    assert doing(sim, "bob") == declared.value


def test_a_colleague_at_work_is_busy_and_one_without_phone_unreachable() -> None:
    sim = centre("ann", "bob")
    sim.ask("ann", Availability.PAUSED, "lunch")
    sim.call()
    leg = sim.dial("ann-phone", "202")
    assert sim.voice.ended[leg] is Cause.BUSY and why(sim, leg) == ("busy", "bob is ringing")
    leg = sim.dial("ann-phone", "203")
    assert sim.voice.ended[leg] is Cause.UNREACHABLE
    assert why(sim, leg) == ("unreachable", "no device registered")
    leg = sim.dial("ann-phone", "201")
    assert sim.voice.ended[leg] is Cause.BUSY and why(sim, leg) == ("busy", "its own extension")


# -- to the centre itself ------------------------------------------------------------------------------


def test_in_a_queue_the_agent_waits_like_a_caller() -> None:
    sim = centre("ann", ann={"capacity": 200})
    leg = sim.dial("ann-phone", "300")
    assert told(sim, leg) == ["AnswerLeg", "StartMusic"]
    sim.run(60)
    assert sim.rings_at(leg) == "", "nobody is offered the own call"
    sim.login("bob")
    sim.run(2)
    assert sim.agent_of(leg) == "bob" and doing(sim, "ann") == "talking"
    sim.hang_up(leg)
    record = sim.record(leg)
    assert (record.direction, record.outcome, record.agents) == ("internal", "handled", ["bob"])
    assert totals(sim) == (1, 1, 0, 0) and doing(sim, "ann") == "idle"
    sim.check_replay()


def test_who_leaves_the_queue_has_abandoned_it() -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", "301")
    sim.run(5)
    sim.hang_up(leg)
    assert totals(sim, "help") == (1, 0, 1, 0) and doing(sim, "ann") == "idle"


def test_the_agent_who_serves_it_hangs_up() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", "300")
    sim.run(5)
    agent = sim.talk(leg).agent
    assert agent is not None and agent.agent == "bob"
    sim.hang_up(agent.leg)
    assert sim.voice.ended[leg] is Cause.NORMAL
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("idle", "idle")


def test_from_a_queue_it_is_sent_on_to_a_colleague_or_outside() -> None:
    sim = centre("ann", "bob")
    sim.login("cat")
    leg = sim.dial("ann-phone", "300")
    sim.run(5)
    sim.act(sim.voice.transfer, sim.talk(leg).agent.leg, "203")  # type: ignore[union-attr]
    sim.run(5)
    assert sim.agent_of(leg) == "cat" and doing(sim, "ann") == "talking"
    sim.act(sim.voice.transfer, sim.talk(leg).agent.leg, OUTSIDE)  # type: ignore[union-attr]
    sim.run(10)
    assert sim.heard(leg).peer == dialled(sim).leg and doing(sim, "cat") == "idle"
    sim.hang_up(dialled(sim).leg)
    assert sim.voice.ended[leg] is Cause.NORMAL and doing(sim, "ann") == "idle"
    sim.check_replay()


def test_a_number_of_ours_goes_to_its_flow() -> None:
    sim = centre("ann", "bob", ann={"language": "fr"})
    leg = sim.dial("ann-phone", "+33101")
    assert told(sim, leg) == ["AnswerLeg"] and sim.heard(leg).play
    sim.act(sim.voice.digit, leg, "1")
    sim.run(3)
    assert sim.agent_of(leg) == "bob"
    sim.hang_up(leg)
    assert sim.record(leg).direction == "internal" and totals(sim) == (1, 1, 0, 0)


def test_a_flow_that_dials_outside_and_fails_goes_on() -> None:
    sim = centre("ann")
    sim.behaviours["+33900"] = BUSY
    leg = sim.dial("ann-phone", "+33101")
    sim.act(sim.voice.digit, leg, "2")
    sim.run(1)
    assert leg in sim.voice.legs and sim.heard(leg).play, "the flow says so"
    sim.hang_up(leg)
    assert doing(sim, "ann") == "idle"


# -- the end of the process ----------------------------------------------------------------------------


@pytest.mark.parametrize("target", [OUTSIDE, "202", "301", "+33101"])
def test_a_killed_daemon_files_it_as_lost_and_frees_everybody(target: str) -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", target)
    sim.run(10)
    sim.restart()
    assert sim.record(leg).cause is Cause.RESTART and sim.record(leg).dialled_by == "ann"
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("idle", "idle")
    sim.check_replay()


def test_rules_without_the_agent_let_the_call_go_on_to_its_end() -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    now = sim.centre.state.rules
    without: dict[str, AgentRule] = {name: rule for name, rule in now.agents.items() if name != "ann"}
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(now, agents=without, queues={}, flows={}), "test"))
    sim.run(10)
    sim.hang_up(leg)
    assert "ann" not in sim.centre.router.state.agents and sim.record(leg).outcome == "answered"


def test_hung_up_from_the_console() -> None:
    sim = centre("ann")
    leg = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    sim.tell(facts.HangupAsked("1", "test"))
    assert sim.voice.ended[leg] is Cause.NORMAL and not sim.voice.legs and doing(sim, "ann") == "idle"


@pytest.mark.parametrize("behaviour", [NEVER, BUSY, Behaviour(answers_after=2.0)])
@pytest.mark.parametrize(("ago", "agent"), [(600.0 - TICK, "bob"), (600.0, "bob"), (600.0 + TICK, "ann")])
def test_who_calls_back_reaches_the_agent_who_tried(behaviour: Behaviour, ago: float, agent: str) -> None:
    sim = centre("ann", "bob", steps=(Enqueue(queue="sales", prefer_last_s=600.0),))
    sim.behaviours[OUTSIDE] = behaviour
    tried = sim.now
    leg = sim.dial("bob-phone", OUTSIDE)
    sim.run(100)
    if leg in sim.voice.legs:
        sim.hang_up(leg)
    sim.run_until(tried + ago)
    called = sim.call(origin=OUTSIDE)
    sim.run(3)
    assert sim.agent_of(called) == agent  # who was idle longest is ann
    sim.check_replay()


def test_the_number_is_known_again_however_the_carrier_writes_it() -> None:
    sim = centre("ann", "bob", steps=(Enqueue(queue="sales", prefer_last_s=600.0),))
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(sim.centre.state.rules, country="FR")))
    sim.hang_up(sim.dial("bob-phone", OUTSIDE))
    sim.run(1)
    called = sim.call(origin="0145678901")
    sim.run(3)
    assert sim.agent_of(called) == "bob"


def test_what_may_not_be_dialled_is_not_remembered() -> None:
    sim = centre("ann", "bob")
    sim.dial("bob-phone", "+4930123456")
    assert sim.centre.state.spoken == {}
