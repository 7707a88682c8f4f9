"""Any facts in any order, with many agents who hang up and many customers who are asked."""

import random
from functools import cache

import pytest

from ccd.bridging.state import Phase
from ccd.history import surveys
from ccd.history.state import HistoryState, SurveyFigures
from ccd.ivr.state import Mode
from ccd.model import facts
from ccd.model.nouns import Cause
from tests.unit.test_runtime_centre import ACTIONS, SELDOM, WEIGHTED, Chaos, finish, replays, wake

OURS = ("told", "agent ends", "agent only", "rate", "rate", "agent ends")


def agent_ends(chaos: Chaos, a: int, b: int) -> None:
    """Somebody who talks, or whose transfer rings, hangs up."""
    talks = chaos.centre.talks.state.talks.values()
    live = [talk.agent.leg for talk in talks if talk.agent is not None and talk.agent.answered]
    leg = live[a % len(live)] if live else chaos.leg(a)
    chaos.tell(facts.LegEnded(leg, Cause.NORMAL if b % 8 else Cause.MEDIA_LOST))


def agent_only(chaos: Chaos, a: int, b: int) -> None:
    name = str(a % (chaos.centre.state.interactions_made + 2))
    chaos.tell(facts.HangupAsked(name, "test", agent_only=True))


def rate(chaos: Chaos, a: int, b: int) -> None:
    """A customer who is asked presses a key, or writes."""
    running = chaos.centre.flows.state.running.values()
    asked = [run.interaction for run in running if run.mode is Mode.RATING]
    if not asked:
        return
    leg = chaos.centre.talks.state.talks[asked[a % len(asked)]].customer.leg
    if leg.startswith("web"):
        chaos.tell(facts.TextReceived(leg, ("9", "3", "so so", "*")[b % 4], f"r{len(chaos.log)}"))
    else:
        chaos.tell(facts.DigitPressed(leg, "0123456789*#"[b % 12]))


def told(chaos: Chaos, a: int, b: int) -> None:
    """The recording of a spoken answer ends: kept, too short, or lost."""
    talks = chaos.centre.talks.state.talks.values()
    recordings = [talk.answer.recording for talk in talks if talk.answer is not None] or chaos.recordings
    name = recordings[a % len(recordings)]
    chaos.tell(facts.RecordingEnded(name, f"{name}.wav" if b % 5 else "", 9.0, quiet_s=(1.0, 8.5)[b % 2]))


def act(chaos: Chaos, name: str, a: int, b: int) -> None:
    ours = {"told": told, "agent ends": agent_ends, "agent only": agent_only, "rate": rate}
    ours[name](chaos, a, b) if name in ours else ACTIONS[name](chaos, a, b)


def check_counts(chaos: Chaos) -> None:
    """Who was asked answered, gave up, is being asked, or hung up: never more answers than questions."""
    for key, figures in chaos.centre.history.state.survey_totals.items():
        assert figures.answered + figures.given_up <= figures.asked, key
        assert sum(figures.answers.values()) == (0 if key[2] == "free" else figures.answered), key
    for name, talk in chaos.centre.talks.state.talks.items():
        assert not (talk.phase is Phase.FLOW and talk.agent), name


@cache
def chaotic(seed: int) -> Chaos:
    chance = random.Random(seed)
    chaos = Chaos()
    wake(chaos)
    names = [*WEIGHTED, *OURS * 3]
    weights = [0.1 if name in SELDOM else 1.0 for name in names]
    for name in chance.choices(names, weights, k=1000):
        act(chaos, name, chance.randrange(1000), chance.randrange(1000))
        check_counts(chaos)
    replays(chaos, chance.randrange(len(chaos.log)))
    finish(chaos)
    return chaos


@pytest.mark.parametrize("seed", range(8))
def test_long_chaos_with_surveys_adds_up(seed: int) -> None:
    check_counts(chaotic(seed))


def test_the_chaos_asks_and_is_answered() -> None:
    totals = SurveyFigures()
    for seed in range(8):
        for figures in chaotic(seed).centre.history.state.survey_totals.values():
            totals.asked += figures.asked
            totals.answered += figures.answered
            totals.given_up += figures.given_up
            totals.low += figures.low
    assert min(totals.asked, totals.answered, totals.given_up, totals.low) > 0, totals


# -- figures -------------------------------------------------------------------------------------------


def test_nps_csat_and_ces_of_known_answers() -> None:
    def of(kind: str, **answers: int) -> surveys.SurveyReport:
        counts = {answer[1:]: count for answer, count in answers.items()}
        whole = sum(counts.values())
        figures = SurveyFigures(asked=2 * whole, answered=whole, answers=counts)
        question, queue, agent = surveys.lines({("rate", "q", kind, "sales", "ann"): figures})
        assert (question.by, queue.by, agent.by) == ("question", "queue", "agent")
        assert question.nps == agent.nps and question.response_pct == (50.0 if whole else None)
        return question

    assert of("nps", _10=3, _9=2, _8=1, _7=1, _6=2, _0=1).nps == pytest.approx(50.0 - 30.0)
    assert of("nps", _0=4).nps == -100.0 and of("nps", _9=4).nps == 100.0
    assert of("nps").nps is None
    assert of("csat", _5=1, _4=1, _3=1, _1=1).csat_pct == 50.0
    assert of("ces", _7=1, _4=1, _1=1).ces == 4.0
    assert of("nps", _10=1, _9=1, _2=1).distribution == {"2": 1, "9": 1, "10": 1}
    choice = of("choice", _yes=2, _no=1)
    assert (choice.nps, choice.csat_pct, choice.ces) == (None, None, None)
    assert list(choice.distribution) == ["no", "yes"]


def test_days_of_figures_are_bounded() -> None:
    state, key = HistoryState(), surveys.Key("rate", "q", "nps", "sales", "ann")
    for day in range(100):
        surveys.asked(state, key, day * 86_400.0)
    assert len(state.surveys) == surveys.KEEP_DAYS and max(state.surveys) == 99
    assert surveys.report(state, 99 * 86_400.0)[0].asked == 1
    assert surveys.report_total(state)[0].asked == 100
