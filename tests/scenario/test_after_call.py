"""The whole centre on virtual time. After the agent hung up the customer goes on in a flow, and is asked."""

from typing import Any

import msgspec
import pytest

from ccd.bridging.state import Phase
from ccd.history import surveys as figures
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, ChannelClass
from ccd.model.rules import FlowRule, Rules, SurveyRule
from ccd.model.steps import AnyStep, Branch, Case, Enqueue, Hangup, Play, Set
from ccd.model.steps_surveys import Survey
from ccd.runtime import surveys
from ccd.runtime.troubles import alarms
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import Behaviour
from tests.scenario.centre_rules import TICK, doing, rules, totals, whats

PROMPT_S = 2.0
ASKED = "From 0 to 10: would you recommend us?"
NPS = Survey(name="recommend", kind="nps", prompt="survey/nps", say=ASKED, bad_input_limit=3)
CSAT = Survey(name="happy", kind="csat", no_input_prompt="no-input", bad_input_prompt="bad-input")
FREE = Survey(name="why", kind="free", say="What could we do better?")
CALLER = "+33612345678"


def with_survey(*steps: AnyStep, survey: SurveyRule | None = None, **sales: Any) -> Rules:
    """Queue sales goes on in the flow `rate`; `survey` says whom it asks."""
    made = rules(**{"after_call": "rate", "wrap_up_s": 30.0, **sales})
    rate = FlowRule(name="rate", steps=steps or (NPS, Hangup(prompt="survey/thanks")))
    known = {survey.name: survey} if survey is not None else {}
    return msgspec.structs.replace(made, flows={**made.flows, "rate": rate}, surveys=known)


def in_talk(made: Rules, *, seconds: float = 10.0, **call: Any) -> tuple[SimulatedCentre, str]:
    """A call that ann has been talking with for so long, since a bridge two seconds after it came."""
    sim = SimulatedCentre(made)
    sim.login("ann")
    leg = sim.call(**call)
    sim.run(2 + seconds)
    assert sim.agent_of(leg) == "ann"
    return sim, leg


def agent_leg(sim: SimulatedCentre, leg: str) -> str:
    agent = sim.talk(leg).agent
    assert agent is not None
    return agent.leg


def end_talk(sim: SimulatedCentre, leg: str, cause: Cause = Cause.NORMAL) -> None:
    sim.hang_up(agent_leg(sim, leg), cause)


def press(sim: SimulatedCentre, leg: str, keys: str) -> None:
    sim.act(sim.voice.digit, leg, keys)


def answers(sim: SimulatedCentre, leg: str) -> list[tuple[str, str]]:
    return [(each.question, each.answer) for each in sim.record(leg).answers]


def counted(sim: SimulatedCentre) -> dict[str, tuple[int, int, int]]:
    """Question → asked, answered, given up; since the ledger began."""
    history = sim.centre.history.state
    return {key[1]: (each.asked, each.answered, each.given_up) for key, each in history.survey_totals.items()}


def played(sim: SimulatedCentre, leg: str) -> list[str]:
    plays = [each for each in sim.commands if isinstance(each, cmd.PlayPrompt) and each.leg == leg]
    return [part.name for each in plays for part in each.parts]


def test_the_customer_is_asked_when_the_agent_hangs_up_and_the_call_stays_handled() -> None:
    sim, leg = in_talk(with_survey())
    end_talk(sim, leg)
    assert sim.talk(leg).phase is Phase.FLOW and sim.talk(leg).agent is None
    assert doing(sim, "ann") == "wrap_up", "the agent's wrap-up began as ever"
    sim.run(PROMPT_S)
    press(sim, leg, "9")
    sim.run(PROMPT_S)
    assert leg not in sim.voice.legs
    assert played(sim, leg) == ["survey/nps", "survey/thanks"]
    record = sim.record(leg)
    assert (record.outcome, record.talked_s, record.agents) == ("handled", 10.0, ["ann"])
    assert answers(sim, leg) == [("recommend", "9")]
    found = record.answers[0]
    assert (found.survey, found.queue, found.agent) == ("rate", "sales", "ann")
    assert totals(sim) == (1, 1, 0, 0) and counted(sim) == {"recommend": (1, 1, 0)}
    sim.check_replay()


def test_without_after_call_the_call_is_over_when_the_agent_hangs_up() -> None:
    sim, leg = in_talk(with_survey(after_call=""))
    end_talk(sim, leg)
    assert leg not in sim.voice.legs and played(sim, leg) == [] and counted(sim) == {}


def test_a_customer_who_hangs_up_first_is_asked_nothing() -> None:
    sim, leg = in_talk(with_survey())
    sim.hang_up(leg)
    sim.run(30)
    assert sim.record(leg).outcome == "handled" and counted(sim) == {} and not sim.voice.legs
    sim.check_replay()


@pytest.mark.parametrize("cause", [each for each in Cause if each is not Cause.NORMAL])
def test_an_agent_whose_leg_fails_leaves_no_survey_behind(cause: Cause) -> None:
    sim, leg = in_talk(with_survey())
    end_talk(sim, leg, cause)
    assert leg not in sim.voice.legs and counted(sim) == {}
    assert sim.record(leg).outcome == "handled"


def test_an_agent_who_falls_silent_leaves_no_survey_behind() -> None:
    sim, leg = in_talk(with_survey())
    sim.act(sim.voice.lose_media, agent_leg(sim, leg))
    sim.run(5)
    assert leg not in sim.voice.legs and counted(sim) == {}


@pytest.mark.parametrize("after", [0.0, 1.0, PROMPT_S, PROMPT_S + 4, PROMPT_S + 5])
def test_a_customer_may_leave_the_survey_at_any_moment(after: float) -> None:
    sim, leg = in_talk(with_survey())
    end_talk(sim, leg)
    sim.run(after)
    sim.hang_up(leg)
    sim.run(60)
    record = sim.record(leg)
    assert (record.outcome, record.talked_s) == ("handled", 10.0)
    assert counted(sim) == {"recommend": (1, 0, 0)} and totals(sim) == (1, 1, 0, 0)
    assert sim.centre.flows.state.running == {}
    sim.check_replay()


def test_a_customer_who_leaves_in_the_same_instant_as_the_agent() -> None:
    sim, leg = in_talk(with_survey())
    there = agent_leg(sim, leg)

    def both() -> None:
        sim.voice.end(there)
        sim.voice.end(leg)

    sim.act(both)
    assert sim.record(leg).outcome == "handled" and sim.centre.flows.state.running == {}
    sim.check_replay()


def test_a_restart_in_the_survey_ends_the_call_and_keeps_what_was_answered() -> None:
    sim, leg = in_talk(with_survey(NPS, CSAT))
    end_talk(sim, leg)
    press(sim, leg, "7")
    sim.restart()
    record = sim.record(leg)
    assert (record.outcome, record.cause) == ("handled", Cause.RESTART)
    assert answers(sim, leg) == [("recommend", "7")]
    assert counted(sim) == {"recommend": (1, 1, 0), "happy": (1, 0, 0)}


def test_a_restart_under_the_agents_end_replays_to_the_same() -> None:
    sim, leg = in_talk(with_survey())
    sim.restart(lost=facts.LegEnded(agent_leg(sim, leg), Cause.NORMAL))
    sim.run(20)
    assert sim.record(leg).outcome == "handled" and not sim.centre.state.interactions


def test_the_same_end_twice_asks_once() -> None:
    sim, leg = in_talk(with_survey())
    there = agent_leg(sim, leg)
    sim.centre.turn(facts.LegEnded(there, Cause.NORMAL), sim.now)
    first = len(sim.centre.history.state.open[sim.interaction_of(leg)].timeline)
    sim.centre.turn(facts.LegEnded(there, Cause.NORMAL), sim.now)
    assert len(sim.centre.history.state.open[sim.interaction_of(leg)].timeline) == first
    assert counted(sim) == {"recommend": (1, 0, 0)}


def test_while_a_transfer_rings_the_agent_may_go_and_the_next_one_is_asked_about() -> None:
    sim, leg = in_talk(with_survey())
    sim.login("bob")
    sim.phone("bob-phone", answers_after=5)
    sim.tell(facts.TransferAsked(agent_leg(sim, leg), "202"))
    sim.hang_up(agent_leg(sim, leg))
    assert sim.talk(leg).phase is Phase.TRANSFERRING and counted(sim) == {}
    sim.run(10)
    assert sim.agent_of(leg) == "bob"
    end_talk(sim, leg)
    press(sim, leg, "2")
    sim.run(5)
    (answer,) = sim.record(leg).answers
    assert (answer.answer, answer.agent) == ("2", "bob")
    assert totals(sim) == (1, 1, 0, 0)
    sim.check_replay()


def test_a_transfer_that_fails_gives_the_survey_back_to_the_first_agent() -> None:
    sim, leg = in_talk(with_survey())
    sim.login("bob")
    sim.phone("bob-phone", Behaviour(answers_after=None, fails_after=1.0))
    sim.tell(facts.TransferAsked(agent_leg(sim, leg), "202"))
    sim.run(2)
    assert sim.agent_of(leg) == "ann"
    end_talk(sim, leg)
    assert counted(sim) == {"recommend": (1, 0, 0)}


def test_a_customer_passed_on_outside_is_not_asked() -> None:
    sim, leg = in_talk(with_survey())
    sim.behaviours["+33700"] = Behaviour(hangs_up_after=5.0)
    sim.tell(facts.TransferAsked(agent_leg(sim, leg), "+33700"))
    sim.run(20)
    assert leg not in sim.voice.legs and counted(sim) == {}


def test_who_is_passed_on_to_a_queue_without_a_survey_is_not_asked() -> None:
    sim, leg = in_talk(with_survey())
    sim.login("cat")
    sim.tell(facts.TransferAsked(agent_leg(sim, leg), "301"))
    sim.run(5)
    assert sim.agent_of(leg) == "cat"
    end_talk(sim, leg)
    assert leg not in sim.voice.legs and counted(sim) == {}
    assert totals(sim) == (1, 1, 0, 0) and totals(sim, "help") == (1, 1, 0, 0)


def test_while_the_daemon_is_drained_nobody_is_kept_for_a_survey() -> None:
    sim, leg = in_talk(with_survey())
    sim.tell(facts.DrainAsked(True, "test"))
    end_talk(sim, leg)
    assert leg not in sim.voice.legs and "no after-call flow" in whats(sim, leg)


def test_a_survey_that_runs_is_not_cut_by_draining() -> None:
    sim, leg = in_talk(with_survey())
    end_talk(sim, leg)
    sim.tell(facts.DrainAsked(True, "test"))
    press(sim, leg, "8")
    sim.run(5)
    assert answers(sim, leg) == [("recommend", "8")]


def test_a_reload_may_take_the_flow_away_in_mid_conversation() -> None:
    sim, leg = in_talk(with_survey())
    less = with_survey(after_call="")
    sim.tell(
        facts.RulesLoaded(msgspec.structs.replace(less, flows={"straight": less.flows["straight"]}), "t")
    )
    end_talk(sim, leg)
    assert leg not in sim.voice.legs and "no after-call flow" in whats(sim, leg)
    sim.check_replay()


def test_a_survey_that_runs_keeps_its_flow_when_a_reload_takes_it_away() -> None:
    sim, leg = in_talk(with_survey())
    end_talk(sim, leg)
    less = with_survey(after_call="")
    sim.tell(
        facts.RulesLoaded(msgspec.structs.replace(less, flows={"straight": less.flows["straight"]}), "t")
    )
    press(sim, leg, "8")
    sim.run(5)
    assert answers(sim, leg) == [("recommend", "8")]
    sim.check_replay()


def test_the_console_ends_the_agents_part_only_or_all_of_it() -> None:
    sim, leg = in_talk(with_survey())
    name = sim.interaction_of(leg)
    sim.tell(facts.HangupAsked(name, "ccctl:eve", agent_only=True))
    assert sim.talk(leg).phase is Phase.FLOW and counted(sim) == {"recommend": (1, 0, 0)}
    assert len(sim.voice.legs) == 1
    sim.tell(facts.HangupAsked(name, "ccctl:eve", agent_only=True))
    assert leg in sim.voice.legs, "there is no agent to hang up any more"
    sim.tell(facts.HangupAsked(name, "ccctl:eve"))
    assert leg not in sim.voice.legs
    assert [each for each in whats(sim, leg) if "hung up" in each] == ["agent hung up", "hung up"]
    sim.check_replay()


def test_the_recording_of_the_conversation_ends_with_it() -> None:
    sim, leg = in_talk(with_survey(record=True))
    assert sim.voice.recording()
    end_talk(sim, leg)
    assert not sim.voice.recording() and leg in sim.voice.legs


def test_the_recording_ends_when_the_console_ends_the_agents_part() -> None:
    sim, leg = in_talk(with_survey(record=True))
    sim.tell(facts.HangupAsked(sim.interaction_of(leg), "ccctl:eve", agent_only=True))
    assert len(sim.performed(cmd.StopRecording)) == 1
    assert not sim.voice.recording() and leg in sim.voice.legs


def test_an_agent_who_has_the_customer_on_hold_may_hang_up() -> None:
    sim, leg = in_talk(with_survey())
    sim.act(sim.voice.hold, agent_leg(sim, leg))
    end_talk(sim, leg)
    sim.run(1)
    assert sim.heard(leg).play and not sim.heard(leg).peer
    press(sim, leg, "4")
    sim.run(5)
    assert answers(sim, leg) == [("recommend", "4")]


def test_the_flow_knows_what_was_set_before_the_queue_and_who_spoke() -> None:
    cases = (
        Case(
            'var.tier == "gold" and var.queue == "sales" and var.agent == "ann" and language == "fr"', "gold"
        ),
    )
    steps = (Branch(cases), Hangup(prompt="excuse"), Play(prompts=("gold",), id="gold"), CSAT)
    made = with_survey(*steps)
    before = (Set({"tier": "gold", "language": "fr"}), *made.flows["straight"].steps)
    made = msgspec.structs.replace(
        made, flows={**made.flows, "straight": FlowRule(name="straight", steps=before)}
    )
    sim, leg = in_talk(made)
    end_talk(sim, leg)
    sim.run(PROMPT_S)
    assert played(sim, leg) == ["gold", "survey/csat"]
    (plays,) = [each for each in sim.performed(cmd.PlayPrompt) if "survey/csat" in str(each)]
    assert isinstance(plays, cmd.PlayPrompt) and plays.language == "fr"
    sim.check_replay()


def test_the_flow_may_lead_to_another_queue() -> None:
    sim, leg = in_talk(with_survey(NPS, Enqueue(queue="help")))
    sim.login("cat")
    end_talk(sim, leg)
    press(sim, leg, "1#")
    sim.run(3)
    assert sim.agent_of(leg) == "cat"
    end_talk(sim, leg)
    assert leg not in sim.voice.legs, "help has no flow of its own"
    record = sim.record(leg)
    assert (record.outcome, record.agents) == ("handled", ["ann", "cat"])
    assert totals(sim) == totals(sim, "help") == (1, 1, 0, 0) and len(record.answers) == 1
    sim.check_replay()


def test_who_gives_up_in_a_queue_after_the_call_is_counted_there() -> None:
    sim, leg = in_talk(with_survey(Enqueue(queue="help")))
    end_talk(sim, leg)
    sim.run(10)
    sim.hang_up(leg)
    assert totals(sim) == (1, 1, 0, 0) and totals(sim, "help") == (1, 0, 1, 0)
    sim.check_replay()


def test_a_customer_who_was_called_back_is_asked_too() -> None:
    sim = SimulatedCentre(with_survey())
    leg = sim.call()
    name = sim.interaction_of(leg)
    sim.run(1)
    sim.tell(facts.CallbackAsked(name, "test"))
    sim.run(10)
    sim.behaviours[CALLER] = Behaviour()
    sim.login("ann")
    sim.run(10)
    talk = sim.centre.talks.state.talks[name]
    assert talk.phase is Phase.TALKING and talk.agent is not None and talk.customer.leg != leg
    sim.hang_up(talk.agent.leg)
    sim.run(1)
    press(sim, talk.customer.leg, "9")
    sim.run(5)
    assert counted(sim) == {"recommend": (1, 1, 0)} and not sim.centre.state.interactions
    sim.check_replay()


def test_an_agent_who_dialled_the_queue_is_no_customer() -> None:
    sim = SimulatedCentre(with_survey())
    sim.login("ann", "bob")
    leg = sim.dial("bob-phone", "300")
    sim.run(5)
    assert sim.agent_of(leg) == "ann"
    end_talk(sim, leg)
    sim.run(1)
    assert leg not in sim.voice.legs and counted(sim) == {}


def test_a_letter_is_not_kept_waiting_for_an_answer() -> None:
    sim = SimulatedCentre(with_survey())
    sim.login("ann")
    mail = sim.add_channel("mail", ChannelClass.DEFERRED_TEXT)
    leg = mail.arrive(origin="ada@example.org", target="web:support")
    sim.act(mail.text, leg, "hello", "1")
    sim.run(5)
    assert sim.agent_of(leg) == "ann"
    end_talk(sim, leg)
    assert leg not in mail.legs and counted(sim) == {}


def test_what_the_agent_says_in_wrap_up_is_filed_whichever_ends_first() -> None:
    for survey_first in (True, False):
        sim, leg = in_talk(with_survey(dispositions={"1": "sale"}))
        name = sim.interaction_of(leg)
        end_talk(sim, leg)
        if survey_first:
            press(sim, leg, "9")
            sim.run(5)
        sim.tell(facts.DispositionGiven(name, "1", "test"))
        sim.tell(facts.WrapUpEndAsked("ann"))
        if not survey_first:
            press(sim, leg, "9")
            sim.run(5)
        record = sim.record(leg)
        assert (record.disposition, len(record.answers)) == ("sale", 1)
        sim.check_replay()


# -- one question --------------------------------------------------------------------------------------


def asked(step: Survey) -> tuple[SimulatedCentre, str]:
    """The agent has just hung up; the question plays for two seconds."""
    sim, leg = in_talk(with_survey(step, Hangup()))
    end_talk(sim, leg)
    return sim, leg


@pytest.mark.parametrize(
    ("keys", "after", "answer"),
    [
        ("0", 0.0, "0"),
        ("9", 0.0, "9"),
        ("10", 0.0, "10"),
        ("1", 1.5 - TICK, None),
        ("1", 1.5, "1"),
        ("1", 1.5 + TICK, "1"),
        ("1#", 0.0, "1"),
        ("159", 0.0, "9"),
        ("#5", 0.0, "5"),
    ],
)
def test_a_score_from_0_to_10(keys: str, after: float, answer: str | None) -> None:
    sim, leg = asked(NPS)
    for key in keys:
        press(sim, leg, key)
    sim.run(after)
    if answer is None:
        assert leg in sim.voice.legs and sim.centre.history.state.open[sim.interaction_of(leg)].answers == []
    else:
        assert answers(sim, leg) == [("recommend", answer)]
    sim.check_replay()


def test_a_star_skips_the_question() -> None:
    sim, leg = asked(CSAT)
    press(sim, leg, "*")
    assert answers(sim, leg) == [] and counted(sim) == {"happy": (1, 0, 1)}
    assert leg not in sim.voice.legs


@pytest.mark.parametrize("tick", [-TICK, 0.0, TICK])
def test_who_presses_nothing_is_asked_again_and_then_left_alone(tick: float) -> None:
    sim, leg = asked(CSAT)
    sim.run(PROMPT_S + 5 + tick)
    again = ["no-input", "survey/csat"] if tick >= 0 else []
    assert played(sim, leg) == ["survey/csat", *again]
    sim.run(2 * PROMPT_S + 5 - tick - TICK)
    assert leg in sim.voice.legs
    sim.run(TICK + max(tick, 0.0))
    assert leg not in sim.voice.legs and counted(sim) == {"happy": (1, 0, 1)}


def test_wrong_keys_are_told_and_then_left_alone() -> None:
    sim, leg = asked(CSAT)
    press(sim, leg, "9")
    assert played(sim, leg) == ["survey/csat", "bad-input", "survey/csat"]
    press(sim, leg, "0")
    assert leg not in sim.voice.legs and counted(sim) == {"happy": (1, 0, 1)}


def test_a_choice_and_where_it_leads() -> None:
    choice = Survey(name="solved", kind="choice", prompt="solved", choices={"1": "yes", "2": "no"})
    steps = (choice, Branch((Case('var.solved == "no"', "sorry"),)), Hangup(), Play(("sorry",), id="sorry"))
    sim, leg = in_talk(with_survey(*steps))
    end_talk(sim, leg)
    press(sim, leg, "2")
    sim.run(5)
    assert answers(sim, leg) == [("solved", "no")] and played(sim, leg) == ["solved", "sorry"]


def test_who_gives_no_answer_may_be_led_elsewhere() -> None:
    step = Survey(name="happy", kind="csat", bad_input_limit=1, on_none="bye")
    sim, leg = in_talk(with_survey(step, Play(("thanks",)), Hangup(prompt="goodbye", id="bye")))
    end_talk(sim, leg)
    press(sim, leg, "8")
    sim.run(5)
    assert played(sim, leg) == ["survey/csat", "goodbye"]


# -- in writing ----------------------------------------------------------------------------------------


def chat_over(made: Rules) -> tuple[SimulatedCentre, str]:
    sim = SimulatedCentre(made)
    sim.login("ann")
    chat = sim.chat("hello")
    sim.run(5)
    sim.hang_up(agent_leg(sim, chat))
    return sim, chat


def read(sim: SimulatedCentre, leg: str) -> list[str]:
    return [text for to, text in sim.web.sent if to == leg][1:]


def test_a_chat_is_asked_in_writing_before_it_ends() -> None:
    sim, chat = chat_over(with_survey(NPS, CSAT, FREE))
    assert read(sim, chat) == [NPS.say]
    sim.write(chat, "eleven", "w2")
    sim.write(chat, " 10 ", "w3")
    assert read(sim, chat) == [NPS.say, NPS.say, FREE.say], "a question without a text is left out"
    sim.write(chat, "more cake", "w4")
    assert chat not in sim.web.legs
    assert answers(sim, chat) == [("recommend", "10"), ("why", "more cake")]
    assert "more cake" not in str(sim.record(chat).timeline)
    assert counted(sim) == {"recommend": (1, 1, 0), "why": (1, 1, 0)}
    sim.check_replay()


@pytest.mark.parametrize("tick", [-TICK, 0.0])
def test_a_visitor_who_writes_no_more_is_let_go_of(tick: float) -> None:
    sim, chat = chat_over(with_survey(NPS))
    sim.run(120 + tick)
    assert (chat in sim.web.legs) is (tick < 0)


def test_a_chat_goes_on_with_its_question_after_a_restart() -> None:
    sim, chat = chat_over(with_survey(NPS))
    sim.restart()
    assert chat in sim.web.legs
    sim.write(chat, "6", "w2")
    assert answers(sim, chat) == [("recommend", "6")] and chat not in sim.web.legs


# -- who is asked, and what a low score does --------------------------------------------------------------


def test_a_sample_is_about_as_large_as_it_says_and_the_same_on_every_replay() -> None:
    sim = SimulatedCentre(with_survey(survey=SurveyRule("rate", sample_pct=30.0), wrap_up_s=0.0))
    sim.login("ann")
    for number in range(200):
        leg = sim.call(origin=f"+336000{number:05}")
        sim.run(3)
        end_talk(sim, leg)
        if leg in sim.voice.legs:
            sim.hang_up(leg)
        sim.run(1)
    assert 35 <= counted(sim)["recommend"][0] <= 85
    sim.check_replay(1)


@pytest.mark.parametrize(("pct", "asks"), [(0.0, False), (100.0, True)])
def test_nobody_and_everybody(pct: float, asks: bool) -> None:
    sim, leg = in_talk(with_survey(survey=SurveyRule("rate", sample_pct=pct)))
    end_talk(sim, leg)
    assert (leg in sim.voice.legs) is asks


@pytest.mark.parametrize(("tick", "asks"), [(-TICK, False), (0.0, True), (TICK, True)])
def test_who_was_asked_of_late_is_left_in_peace(tick: float, asks: bool) -> None:
    made = with_survey(survey=SurveyRule("rate", quiet_days=1.0), wrap_up_s=0.0)
    sim, leg = in_talk(made)
    end_talk(sim, leg)
    first = sim.now
    press(sim, leg, "5")
    sim.run_until(first + 86_400 + tick - 4)
    leg = sim.call()
    sim.run_until(first + 86_400 + tick)
    end_talk(sim, leg)
    assert (leg in sim.voice.legs) is asks
    sim.check_replay()


@pytest.mark.parametrize("origin", ["", "anonymous"])
def test_a_customer_without_a_number_is_never_known_again(origin: str) -> None:
    made = with_survey(survey=SurveyRule("rate", quiet_days=1.0), wrap_up_s=0.0)
    sim, leg = in_talk(made, origin=origin)
    end_talk(sim, leg)
    assert sim.centre.state.surveyed == {}


def test_nobody_is_remembered_where_no_rule_asks_for_it() -> None:
    sim, leg = in_talk(with_survey(survey=SurveyRule("rate")))
    end_talk(sim, leg)
    assert counted(sim) == {"recommend": (1, 0, 0)} and sim.centre.state.surveyed == {}


@pytest.mark.parametrize(
    ("only", "asks"),
    [
        ('var.queue == "sales" and var.agent == "ann"', True),
        ('var.queue == "help"', False),
        ("var.talked_s >= 10", True),
        ("var.talked_s > 10", False),
        ('starts_with(caller, "+336") and queue.sales.agents == 1', True),
    ],
)
def test_only_some_are_asked(only: str, asks: bool) -> None:
    sim, leg = in_talk(with_survey(survey=SurveyRule("rate", only=only)))
    end_talk(sim, leg)
    assert (leg in sim.voice.legs) is asks
    sim.check_replay()


LOW = SurveyRule("rate", alert_below={"nps": 7}, recall_queue="help")


@pytest.mark.parametrize(("key", "low"), [("6", True), ("7", False)])
def test_a_low_score_is_told_and_called_back(key: str, low: bool) -> None:
    sim, leg = in_talk(with_survey(survey=LOW))
    end_talk(sim, leg)
    press(sim, leg, key)
    sim.run(5)
    assert ("low score" in whats(sim, leg)) is ("recall kept" in whats(sim, leg)) is low
    assert [each.low for each in figures.report_total(sim.centre.history.state)] == [int(low)] * 3
    if low:
        sim.behaviours[CALLER] = Behaviour()
        sim.login("cat")
        sim.run(70)
        (recall,) = sim.centre.state.interactions.values()
        talk = sim.centre.talks.get(recall.id)
        assert talk is not None and talk.agent is not None
        assert (talk.phase, talk.agent.agent, talk.number) == (Phase.TALKING, "cat", "")
    sim.check_replay()


@pytest.mark.parametrize(("after", "stands"), [(surveys.ALARM_S - TICK, True), (surveys.ALARM_S, False)])
def test_an_alarm_stands_for_a_low_score_for_an_hour(after: float, stands: bool) -> None:
    sim, leg = in_talk(with_survey(survey=LOW))
    name = sim.interaction_of(leg)
    end_talk(sim, leg)
    press(sim, leg, "2")
    sim.run(after)
    shown = [each for each in alarms(sim.centre, sim.now) if each["what"] == "low score"]
    assert [each["name"] for each in shown] == ([name] if stands else [])


def test_two_low_scores_are_one_recall() -> None:
    again = msgspec.structs.replace(NPS, name="again")
    sim, leg = in_talk(with_survey(NPS, again, survey=LOW))
    end_talk(sim, leg)
    press(sim, leg, "33")
    sim.run(5)
    assert whats(sim, leg).count("recall kept") == 1 and totals(sim, "help")[0] == 1


def test_a_low_score_in_writing_has_no_number_to_call() -> None:
    sim, chat = chat_over(with_survey(survey=LOW))
    sim.write(chat, "0", "w2")
    assert "low score" in whats(sim, chat) and "no recall" in whats(sim, chat)


def test_the_memory_of_those_asked_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.runtime.surveys.MOST_REMEMBERED", 3)
    sim = SimulatedCentre(with_survey(survey=SurveyRule("rate", quiet_days=1e-9), wrap_up_s=0.0))
    sim.login("ann")
    for number in (1, 2, 3, 2, 1, 4):
        leg = sim.call(origin=f"+3360000000{number}")
        sim.run(3)
        end_talk(sim, leg)
        sim.hang_up(leg)
        sim.run(1)
    assert list(sim.centre.state.surveyed) == ["+33600000002", "+33600000001", "+33600000004"]
