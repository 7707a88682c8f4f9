"""The whole centre on virtual time. Customers who were identified are known again."""

from typing import Any

import msgspec
import pytest

from ccd.model.rules import FlowRule, SurveyRule
from ccd.model.steps import AnyStep, Enqueue, Hangup
from ccd.model.steps_outside import Identify
from ccd.model.steps_surveys import Survey
from ccd.runtime import views
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import rules

WHO = Identify(number_service="crm", prompt="number", most=2, timeout_s=2.0, attempts=1)
LAST = Enqueue(queue="sales", prefer_last_s=3600.0, prefer_wait_s=60.0)
HOME, WORK = "+33111111111", "+33222222222"
SEVEN, EIGHT = Answers({"customer": "c-7"}), Answers({"customer": "c-8"})


def made(*steps: AnyStep, **sales: Any) -> SimulatedCentre:
    sim = SimulatedCentre(rules(*(steps or (WHO, LAST)), **sales))
    sim.outside.answers["crm"] = SEVEN
    return sim


def call(sim: SimulatedCentre, origin: str, answer: Answers | None = SEVEN) -> str:
    """Somebody calls and keys a customer number; the centre knows who it is, unless the service fails."""
    sim.outside.answers["crm"] = answer or Answers(ok=False)
    leg = sim.call(origin=origin)
    sim.run(1)
    sim.act(sim.voice.digit, leg, "17")
    sim.run(0.5)
    return leg


@pytest.mark.parametrize(
    ("origin", "answer", "agent"),
    [
        (WORK, SEVEN, "bob"),
        ("", SEVEN, "bob"),
        (HOME, None, "bob"),
        (HOME, EIGHT, "bob"),
        (WORK, EIGHT, "ann"),
        (WORK, None, "ann"),
        ("", None, "ann"),
    ],
)
def test_the_agent_spoken_with_last_is_found_by_number_or_by_customer(
    origin: str, answer: Answers | None, agent: str
) -> None:
    sim = made()
    sim.login("bob")
    leg = call(sim, HOME)
    sim.run(5)
    assert sim.agent_of(leg) == "bob"
    sim.login("ann")  # who is free for longer from now on, and gets whoever is not known
    sim.run(10)
    sim.hang_up(leg)
    sim.run(60)
    leg = call(sim, origin, answer)
    assert sim.rings_at(leg) == agent
    sim.check_replay()


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ("", "", True),
        (HOME, HOME, True),
        (HOME, WORK, False),
        ("", HOME, False),
    ],
)
def test_a_place_is_kept_by_number_and_without_one_by_customer(first: str, second: str, place: bool) -> None:
    sim = made(redial_s=300.0)
    lost = call(sim, first)
    sim.run(10)
    sim.hang_up(lost)
    others = sim.interaction_of(call(sim, "+33999999999", EIGHT))
    again = sim.interaction_of(call(sim, second))
    assert sim.centre.router.waiting("sales", sim.now) == ([again, others] if place else [others, again])
    sim.check_replay()


def test_a_service_that_fails_at_the_second_call_costs_nobody_the_place() -> None:
    sim = made(redial_s=300.0)
    lost = call(sim, HOME)
    sim.hang_up(lost)
    others = sim.interaction_of(call(sim, "+33999999999", EIGHT))
    again = sim.interaction_of(call(sim, HOME, None))
    assert sim.centre.router.waiting("sales", sim.now) == [again, others]


def test_no_customer_is_taken_for_another_who_withholds_the_number() -> None:
    sim = made(redial_s=300.0)
    sim.hang_up(call(sim, ""))
    others = sim.interaction_of(call(sim, "+33999999999", EIGHT))
    again = sim.interaction_of(call(sim, "", EIGHT))
    assert sim.centre.router.waiting("sales", sim.now) == [others, again]


def test_who_was_asked_in_a_survey_is_left_in_peace_on_another_telephone() -> None:
    plain = rules(WHO, LAST, after_call="rate", agents=("ann",))
    rate = FlowRule(name="rate", steps=(Survey(name="q", kind="nps", prompt="survey/nps"), Hangup()))
    surveys = {"rate": SurveyRule("rate", quiet_days=1.0)}
    flows = {**plain.flows, "rate": rate}
    sim = SimulatedCentre(msgspec.structs.replace(plain, flows=flows, surveys=surveys))
    sim.login("ann")
    asked = []
    for origin, answer in (
        (HOME, SEVEN),
        (WORK, SEVEN),
        (HOME, None),
        ("", SEVEN),
        (WORK, EIGHT),
        ("+334", EIGHT),
    ):
        leg = call(sim, origin, answer)
        sim.run(5)
        agent = sim.talk(leg).agent
        assert agent is not None and sim.agent_of(leg) == "ann"
        sim.hang_up(agent.leg)
        asked.append(leg in sim.voice.legs)
        if leg in sim.voice.legs:
            sim.hang_up(leg)
        sim.run(1)
    assert asked == [True, False, False, False, True, False]
    sim.check_replay()


def test_another_identify_that_knows_nobody_takes_it_back_and_it_is_shown() -> None:
    again = Identify(number_service="other", prompt="number", most=2, timeout_s=2.0, attempts=1)
    sim = made(WHO, again, LAST)
    leg = call(sim, "")
    name = sim.interaction_of(leg)
    view = views.interaction(sim.centre, name, sim.now)
    assert view is not None and view["customer"] == ""
    sim = made()
    leg = call(sim, "")
    view = views.interaction(sim.centre, sim.interaction_of(leg), sim.now)
    assert view is not None and view["customer"] == "c-7"
