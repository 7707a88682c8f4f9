"""The whole centre on virtual time. A survey by a link: sent after a call, answered in a chat."""

from typing import Any

import msgspec
import pytest

from ccd.history import surveys as figures
from ccd.model import facts
from ccd.model.links import SurveyLink
from ccd.model.nouns import Cause
from ccd.model.rules import FlowRule, Rules, SurveyRule
from ccd.model.steps import Enqueue, Hangup, Set
from ccd.model.steps_surveys import Survey
from ccd.runtime.troubles import alarms
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules, totals, whats

CALLER = "+33612345678"
PAGE = "https://chat.example.com/"
LINK = SurveyLink(
    "texts", "web", {"to": "{caller}", "text": "{var.agent} asks: {link}"}, url=PAGE, timeout_s=2.0
)
RATE = SurveyRule("rate", alert_below={"nps": 7}, send=LINK)
ASKED = "From 0 to 10: would you recommend us?"
STEPS = (
    Survey(name="recommend", kind="nps", say=ASKED, prompt="survey/nps"),
    Survey(name="why", kind="free", say="Why?"),
    Hangup(),
)


def with_survey(survey: SurveyRule = RATE, **sales: Any) -> Rules:
    made = rules(Set(values={"language": "fr"}), Enqueue(queue="sales"), **{"after_call": "rate", **sales})
    flows = {**made.flows, "rate": FlowRule(name="rate", steps=STEPS)}
    return msgspec.structs.replace(made, flows=flows, surveys={"rate": survey})


def in_talk(made: Rules, **call: Any) -> tuple[SimulatedCentre, str]:
    sim = SimulatedCentre(made)
    sim.outside.answers["texts"] = Answers({"id": "1"})
    sim.login("ann")
    leg = sim.call(**call)
    sim.run(12)
    assert sim.agent_of(leg) == "ann"
    return sim, leg


def after_talk(made: Rules, **call: Any) -> tuple[SimulatedCentre, str, str]:
    """The customer hung up; the token of the link that was sent."""
    sim, leg = in_talk(made, **call)
    sim.hang_up(leg)
    sim.run(1)
    (token,) = sim.outside.links.values()
    return sim, leg, token


def answered(sim: SimulatedCentre, leg: str) -> list[tuple[str, str, str, str]]:
    return [(each.question, each.answer, each.queue, each.agent) for each in sim.record(leg).answers]


def reply(sim: SimulatedCentre, token: str, *texts: str) -> str:
    """Open the link and answer one question after the other."""
    chat = sim.chat(token=token)
    for number, text in enumerate(texts):
        sim.run(5)
        sim.write(chat, text, f"a{number}")
    return chat


def test_answers_in_the_chat_are_those_of_the_call_and_of_its_agent() -> None:
    sim, call, token = after_talk(with_survey())
    assert sim.outside.sent == {"1.survey": {"to": CALLER, "text": f"ann asks: {PAGE}#{token}"}}
    assert [each for each in whats(sim, call) if each in ("survey sent", "asked outside")] == [
        "survey sent",
        "asked outside",
    ]
    sim.run(3600)
    chat = reply(sim, token, "9", "You called back at once.")
    assert answered(sim, call) == [
        ("recommend", "9", "sales", "ann"),
        ("why", "You called back at once.", "sales", "ann"),
    ]
    assert not answered(sim, chat) and chat not in sim.web.legs
    lines = figures.report_total(sim.centre.history.state)
    rows = [(row.by, row.queue, row.agent, row.nps) for row in lines if row.question == "recommend"]
    assert rows == [
        ("question", "", "", 100.0),
        ("queue", "sales", "", 100.0),
        ("agent", "sales", "ann", 100.0),
    ]
    assert totals(sim) == (1, 1, 0, 0), "the chat was in no queue"
    assert whats(sim, call)[-3:] == ["continued", "answered", "answered"]
    assert "called back" not in str(sim.record(call).timeline)
    sim.check_replay()


def test_nobody_is_kept_on_the_line_when_the_agent_hangs_up_first() -> None:
    sim, leg = in_talk(with_survey())
    agent = sim.talk(leg).agent
    assert agent is not None
    sim.hang_up(agent.leg)
    assert leg not in sim.voice.legs
    sim.run(1)
    assert list(sim.outside.sent) == ["1.survey"]


def test_a_low_score_raises_the_alarm_of_the_call_and_a_recall_by_telephone() -> None:
    sim, call, token = after_talk(with_survey(msgspec.structs.replace(RATE, recall_queue="sales")))
    reply(sim, token, "3")
    (low,) = sim.centre.state.low_scores
    assert (low.interaction, low.agent, low.answer) == ("1", "ann", "3")
    shown = alarms(sim.centre, sim.now)
    assert [each["name"] for each in shown if each["what"] == "low score"] == ["1"]
    assert "low score" in whats(sim, call)
    (recall,) = [each for each in sim.centre.state.interactions.values() if each.callback is not None]
    assert recall.callback is not None and recall.callback.recall_of == "1"
    assert (recall.origin, recall.channel, recall.kind) == (CALLER, "voice", facts.LegKind.AUDIO)
    assert sim.centre.history.state.survey_totals[("rate", "recommend", "nps", "sales", "ann")].low == 1
    sim.check_replay()


def test_who_opens_it_and_says_nothing_has_been_asked_and_given_up() -> None:
    sim, call, token = after_talk(with_survey())
    reply(sim, token)
    sim.run(1000)
    counted = sim.centre.history.state.survey_totals[("rate", "recommend", "nps", "sales", "ann")]
    assert (counted.asked, counted.answered, counted.given_up) == (1, 0, 1)
    assert not answered(sim, call)


def test_the_link_is_good_for_one_answer_and_for_three_days() -> None:
    sim, call, token = after_talk(with_survey())
    reply(sim, token, "9", "well")
    again = sim.chat(token=token)
    assert again not in sim.web.legs
    other = sim.call()
    sim.run(12)
    sim.hang_up(other)
    sim.run(3 * 86_400 - TICK)
    late = sim.outside.links["3.survey"]
    assert sim.chat(token=late) in sim.web.legs
    assert len(answered(sim, call)) == 2


def test_who_was_written_to_is_left_in_peace() -> None:
    sim, _, _ = after_talk(with_survey(msgspec.structs.replace(RATE, quiet_days=30.0)))
    again = sim.call()
    sim.run(12)
    sim.hang_up(again)
    sim.run(1)
    assert len(sim.outside.sent) == 1 and "no survey sent" in whats(sim, again)


@pytest.mark.parametrize(
    ("survey", "why"),
    [
        (msgspec.structs.replace(RATE, sample_pct=0.0), "not among the 0 %"),
        (msgspec.structs.replace(RATE, only='var.queue == "help"'), "only does not hold"),
    ],
)
def test_the_rules_say_whom_it_asks(survey: SurveyRule, why: str) -> None:
    sim, leg = in_talk(with_survey(survey))
    sim.hang_up(leg)
    sim.run(1)
    assert not sim.outside.asked and not sim.centre.state.links
    assert [n.details["why"] for n in sim.record(leg).timeline if n.what == "no survey sent"] == [why]


def test_a_caller_without_a_number_is_not_written_to() -> None:
    sim, leg = in_talk(with_survey(), origin="")
    sim.hang_up(leg)
    sim.run(1)
    assert not sim.outside.asked and "no survey sent" in whats(sim, leg)


def test_who_never_spoke_with_anybody_is_not_written_to() -> None:
    sim = SimulatedCentre(with_survey())
    leg = sim.call(patience=5)
    sim.run(10)
    assert not sim.outside.asked and "no survey sent" not in whats(sim, leg)


def test_a_call_that_ended_by_our_restart_is_not_asked_how_it_was() -> None:
    sim, _ = in_talk(with_survey())
    sim.restart()
    assert not sim.outside.asked


def test_in_wrap_up_the_record_has_one_place_and_both_are_in_it() -> None:
    made = with_survey(wrap_up_s=600.0, dispositions={"1": "solved"})
    sim, call, token = after_talk(made)
    reply(sim, token, "9")
    sim.tell(facts.DispositionGiven("1", "1", "ccctl:eve"))
    sim.run(601)
    sim.check_replay()
    chat = sim.interaction_of(sim.chat(token=token))
    assert not chat, "used up"
    record = sim.record(call)
    assert (record.disposition, [each.answer for each in record.answers]) == ("solved", ["9"])
    assert record.continued_as == ["2"]


def test_the_answers_of_a_chat_in_which_an_agent_spoke_are_its_own() -> None:
    made = with_survey(help_queue={"after_call": "ask"})
    flows = {"rate": FlowRule(name="rate", steps=(Enqueue(queue="help"),))}
    flows["ask"] = FlowRule(name="ask", steps=STEPS)
    sim, call, token = after_talk(msgspec.structs.replace(made, flows={**made.flows, **flows}))
    sim.login("cat")
    chat = sim.chat("hello", token=token)
    sim.run(8)
    agent = sim.talk(chat).agent
    assert agent is not None
    sim.hang_up(agent.leg, Cause.NORMAL)
    sim.run(5)
    sim.write(chat, "8", "x1")
    sim.write(chat, "*", "x2")
    assert answered(sim, chat) == [("recommend", "8", "help", "cat")] and not answered(sim, call)
