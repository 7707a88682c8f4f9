"""The whole centre on virtual time. Words of one's own are answered aloud: kept, listed, deleted."""

from typing import Any

import msgspec
import pytest

from ccd.errors import Refused
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import FlowRule, Rules, SurveyRule
from ccd.model.steps import AnyStep, Branch, Case, Hangup, Menu, Play
from ccd.model.steps_surveys import Survey
from ccd.model.voicemail_rules import VoicemailRule
from ccd.model.waiting_keys import WaitingKey
from ccd.runtime import spoken_answers
from ccd.runtime.survey_verbs import verbs
from ccd.runtime.surveys import ALARM_S
from ccd.testing.centre import SimulatedCentre
from ccd.testing.clock import VirtualClock
from ccd.testing.flow_rehearsal import Caller, rehearse_call
from tests.scenario.centre_rules import TICK, rules, totals, whats
from tests.scenario.test_after_call import (
    NPS,
    PROMPT_S,
    answers,
    counted,
    end_talk,
    in_talk,
    played,
    press,
    with_survey,
)

DAY_S = 86_400.0
WHY = Survey(name="why", kind="free", prompt="survey/why", max_s=40.0, silence_s=4.0, min_s=1.5)
END = Hangup(prompt="survey/thanks")


def asked(*steps: AnyStep, **given: Any) -> tuple[SimulatedCentre, str]:
    """After a conversation: a caller who hears the question."""
    sim, leg = in_talk(with_survey(*(steps or (WHY, END)), **given))
    end_talk(sim, leg)
    return sim, leg


def speaking(*steps: AnyStep, **given: Any) -> tuple[SimulatedCentre, str]:
    """One who has heard question and tone, and speaks."""
    sim, leg = asked(*steps, **given)
    sim.run(2 * PROMPT_S)
    assert sim.performed(cmd.RecordMessage), "the tone is over"
    return sim, leg


def deleted(sim: SimulatedCentre) -> list[str]:
    return [path for each in sim.performed(cmd.DeleteFiles) for path in each.paths]  # type: ignore[union-attr]


def listed(sim: SimulatedCentre, survey: str = "") -> list[tuple[str, str, str, float, str]]:
    rows = spoken_answers.listing(sim.centre, sim.now, survey)
    return [(row["question"], row["queue"], row["agent"], row["seconds"], row["path"]) for row in rows]


def test_question_tone_recording_and_the_hash_key_ends_it() -> None:
    sim, leg = asked()
    assert played(sim, leg) == ["survey/why"] and not sim.performed(cmd.PlayTone)
    sim.run(PROMPT_S - TICK)
    assert not sim.performed(cmd.PlayTone), "the whole question first"
    sim.run(2 * TICK)
    assert [each.tone for each in sim.performed(cmd.PlayTone)] == ["beep"]  # type: ignore[union-attr]
    assert not sim.performed(cmd.RecordMessage)
    sim.run(PROMPT_S)
    (record,) = sim.performed(cmd.RecordMessage)
    assert (record.leg, record.silence_s) == (leg, 4.0)  # type: ignore[union-attr]
    sim.run(6)
    press(sim, leg, "5")
    assert leg in sim.voice.legs and sim.voice.recording(), "other keys mean nothing"
    press(sim, leg, "#")
    assert played(sim, leg) == ["survey/why", "survey/thanks"], "the flow goes on at once"
    assert listed(sim) == [("why", "sales", "ann", 12.0, "1-1.wav")], "and it is listed at once"
    sim.run(5)
    found = sim.record(leg).answers[0]
    assert (found.question, found.kind, found.answer, found.path, found.seconds, found.agent) == (
        "why", "free", "1-1", "1-1.wav", 12.0, "ann",
    )  # fmt: skip
    assert counted(sim) == {"why": (1, 1, 0)} and totals(sim) == (1, 1, 0, 0)
    assert {"asked", "speaks an answer", "answered"} <= set(whats(sim, leg))
    assert deleted(sim) == []
    sim.check_replay()


def test_silence_ends_it() -> None:
    sim, leg = speaking()
    sim.act(sim.voice.fall_silent, leg, 4.0)
    sim.run(5)
    assert [(each.question, each.seconds) for each in sim.record(leg).answers] == [("why", 16.0)]
    sim.check_replay()


def test_the_longest_time_ends_it_and_not_a_tick_before() -> None:
    sim, leg = asked()
    sim.run(2 * PROMPT_S + 40.0 - TICK)
    assert sim.voice.recording()
    sim.run(2 * TICK)
    assert not sim.voice.recording() and played(sim, leg)[-1] == "survey/thanks"
    sim.check_replay()


def test_who_hangs_up_in_mid_answer_has_answered_as_far_as_it_goes() -> None:
    sim, leg = speaking(survey=SurveyRule("rate", keep_days=1.0))
    sim.run(7)
    sim.hang_up(leg)
    sim.run(1)
    assert [(each.answer, each.path) for each in sim.record(leg).answers] == [("1-1", "1-1.wav")]
    assert counted(sim) == {"why": (1, 1, 0)} and len(listed(sim)) == 1
    assert not sim.centre.flows.state.running and not sim.centre.state.interactions
    sim.run(DAY_S + 1)
    assert deleted(sim) == ["1-1.wav"] and listed(sim) == []
    sim.check_replay()


@pytest.mark.parametrize("hung_up", [False, True])
def test_silence_alone_is_no_answer_and_leaves_no_file(hung_up: bool) -> None:
    sim, leg = speaking()
    sim.voice.spoken_s = 1.4
    if hung_up:
        del sim.voice.legs[leg]  # a real channel tells of the file later than of the line
        sim.voice._recordings.clear()
        sim.tell(facts.LegEnded(leg, Cause.NORMAL, remote=True))
        sim.tell(facts.RecordingEnded("1-1", "1-1.wav", 5.0, quiet_s=3.6))
    else:
        sim.act(sim.voice.fall_silent, leg, 4.0)
    sim.run(5)
    assert answers(sim, leg) == [] and listed(sim) == []
    assert counted(sim) == {"why": (1, 0, 0 if hung_up else 1)}, "who hangs up is in neither"
    assert deleted(sim) == ["1-1.wav"], "a moment of somebody's room is not kept"
    sim.check_replay()


def test_the_star_skips_before_and_takes_back_while_speaking() -> None:
    sim, leg = asked()
    press(sim, leg, "*")
    assert not sim.performed(cmd.RecordMessage) and played(sim, leg)[-1] == "survey/thanks"
    sim, leg = speaking()
    sim.run(5)
    press(sim, leg, "*")
    sim.run(5)
    assert answers(sim, leg) == [] and deleted(sim) == ["1-1.wav"] and counted(sim) == {"why": (1, 0, 1)}
    (note,) = [each for each in sim.record(leg).timeline if each.what == "unanswered"]
    assert note.details["why"] == "skipped"
    sim.check_replay()


def test_a_key_cuts_the_question() -> None:
    sim, leg = asked()
    press(sim, leg, "1")
    assert sim.performed(cmd.PlayTone) and not sim.performed(cmd.RecordMessage)
    sim.run(PROMPT_S)
    assert sim.voice.recording()


@pytest.mark.parametrize("said", [True, False])
def test_a_branch_may_follow_and_on_none(said: bool) -> None:
    step = msgspec.structs.replace(WHY, on_none="sorry")
    more = Branch(cases=(Case('var.why != ""', "kept"),), otherwise="sorry")
    sim, leg = speaking(step, more, Hangup(prompt="kept", id="kept"), Hangup(prompt="sorry", id="sorry"))
    sim.voice.spoken_s = 12.0 if said else 0.0
    press(sim, leg, "#")
    sim.run(5)
    assert played(sim, leg)[-1] == ("kept" if said else "sorry")


def test_the_end_of_the_recording_is_never_told() -> None:
    sim, leg = speaking()
    sim.voice._recordings.clear()
    press(sim, leg, "#")
    sim.run(10 - TICK)
    assert played(sim, leg) == ["survey/why"]
    sim.run(3 * TICK)
    assert played(sim, leg)[-1] == "survey/thanks" and counted(sim) == {"why": (1, 0, 1)}
    sim.check_replay()


def test_low_scores_are_looked_at_as_ever_and_words_are_none() -> None:
    survey = SurveyRule("rate", alert_below={"nps": 7})
    sim, leg = in_talk(with_survey(NPS, WHY, END, survey=survey))
    end_talk(sim, leg)
    press(sim, leg, "3")
    sim.run(2 * PROMPT_S)
    press(sim, leg, "#")
    sim.run(5)
    assert answers(sim, leg) == [("recommend", "3"), ("why", "1-1")]
    (low,) = sim.centre.state.low_scores
    assert (low.question, low.answer) == ("recommend", "3") and sim.now - low.at < ALARM_S


def test_not_asked_where_it_is_for_writing_only_nor_beside_a_queue() -> None:
    sim, leg = asked(msgspec.structs.replace(WHY, spoken=False), END)
    assert played(sim, leg) == ["survey/thanks"] and counted(sim) == {}
    sim = SimulatedCentre(with_survey(WHY, END, keys={"5": WaitingKey(flow="rate")}, after_call=""))
    leg = sim.call()
    sim.run(1)
    press(sim, leg, "5")
    assert sim.talk(leg).phase.value == "waiting" and not sim.performed(cmd.RecordMessage)
    assert "survey/why" not in played(sim, leg), "an agent may have the line at any moment"
    sim.hang_up(leg)
    sim.run(1)
    assert "question left out" in whats(sim, leg)


def test_in_a_chat_it_is_typed_as_ever() -> None:
    step = msgspec.structs.replace(WHY, say="Why?")
    sim = SimulatedCentre(with_survey(step, END))
    sim.login("ann")
    chat = sim.chat("hello")
    sim.run(5)
    agent = sim.talk(chat).agent
    assert agent is not None
    sim.hang_up(agent.leg)
    sim.write(chat, "more cake", "w2")
    assert answers(sim, chat) == [("why", "more cake")] and not sim.performed(cmd.RecordMessage)


@pytest.mark.parametrize(
    ("survey_days", "queue_days", "days"),
    [(None, None, None), (2.0, 9.0, 2.0), (None, 3.0, 3.0), (0.0, None, 0.0)],
)
def test_how_long_it_is_kept(survey_days: float | None, queue_days: float | None, days: float | None) -> None:
    survey = SurveyRule("rate", keep_days=survey_days)
    voicemail = VoicemailRule(keep_days=queue_days)
    sim, leg = speaking(survey=survey, voicemail=voicemail)
    press(sim, leg, "#")
    sim.run(PROMPT_S + 1)
    assert leg not in sim.voice.legs
    if days:
        sim.run(days * DAY_S - 2)
        assert deleted(sim) == [] and len(listed(sim)) == 1
    sim.run(10 * DAY_S if days is None else 3)
    assert deleted(sim) == ([] if days is None else ["1-1.wav"])
    assert len(listed(sim)) == (days is None), "what is deleted is listed no more"
    sim.check_replay()


def test_a_restart_ends_the_call_and_loses_what_was_being_spoken() -> None:
    sim, leg = speaking()
    sim.run(3)
    sim.restart()
    sim.run(1)
    assert answers(sim, leg) == [] and counted(sim) == {"why": (1, 0, 0)} and not sim.voice.legs
    sim.check_replay()


def test_a_hangup_by_the_console_keeps_what_was_said() -> None:
    sim, leg = speaking()
    sim.tell(facts.HangupAsked(sim.interaction_of(leg), "ccctl:test"))
    sim.run(1)
    assert answers(sim, leg) == [("why", "1-1")]
    sim.check_replay()


def test_so_many_are_listed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_answers, "MOST_LISTED", 2)
    sim, leg = speaking(*(msgspec.structs.replace(WHY, name=name) for name in ("a", "b", "c")), END)
    for _ in "abc":
        press(sim, leg, "#")
        sim.run(2 * PROMPT_S)
    assert [each[0] for each in listed(sim)] == ["c", "b"]
    assert listed(sim, "rate") == listed(sim) and listed(sim, "other") == []
    sim.check_replay()


def test_a_rehearsal_tells_what_happens() -> None:
    made: Rules = rules()
    steps = (
        Menu(prompt="menu", choices={"1": "why"}),
        msgspec.structs.replace(WHY, id="why"),
        Play(("thanks",)),
    )
    made = msgspec.structs.replace(made, flows={"ask": FlowRule(name="ask", steps=steps)}, numbers={})
    played = rehearse_call(made, Caller("ask", keys=("1", "wait", "#")), 1e9)
    told = [(each.what, each.name) for each in played.events]
    assert played.hears == ["menu", "survey/why", "thanks"] and ("hears", "tone beep") in told
    assert ("note", "records what is said") in told and ("note", "answered") in told
    (records,) = [each.details for each in played.events if each.name == "records what is said"]
    assert "4 s of silence" in records
    assert played.variables["why"] == "1-1"
    played = rehearse_call(made, Caller("ask", keys=("1", "wait", "silent")), 1e9)
    told = [(each.what, each.name) for each in played.events]
    assert ("waits", "says nothing") in told and ("note", "unanswered") in told
    assert "why" not in played.variables


def test_the_verb_lists_and_refuses_what_asks_nothing() -> None:
    sim, leg = speaking()
    press(sim, leg, "#")
    call = verbs(sim.centre, VirtualClock(sim.now))["survey.answers"]
    (row,) = call({}, "ccctl:test")  # type: ignore[misc]
    assert (row["survey"], row["recording"], row["seconds"]) == ("rate", "1-1", 12.0)
    with pytest.raises(Refused, match="rate"):
        call({"survey": "rat"}, "ccctl:test")
