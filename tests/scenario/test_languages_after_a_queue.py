"""The whole centre on virtual time. What follows a queue is in the language that its caller has heard."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model.nouns import PromptPart
from ccd.model.rules import FlowRule, Target
from ccd.model.step import Say
from ccd.model.steps import AnyStep, Enqueue, Hangup, Play, Set
from ccd.model.steps_speech import Language
from ccd.model.steps_surveys import Survey
from ccd.model.waiting_keys import WaitingKey
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import rules
from tests.scenario.test_after_call import end_talk
from tests.scenario.test_survey_links import RATE, reply
from tests.scenario.test_survey_links import after_talk as after_talk_with_link
from tests.scenario.test_survey_links import with_survey as with_written

QUEUE = Enqueue(queue="sales")
BOTH = {"en": "Would you recommend us?", "fr": "Nous recommanderiez-vous ?"}


def centre(*steps: AnyStep, before: str, own: str, say: Say = BOTH, **sales: object) -> SimulatedCentre:
    """A flow in one language leads to the queue, whose flow `rate` has its own; the centre's is English."""
    made = rules(*steps, **sales)  # type: ignore[arg-type]
    rate = (Survey(name="recommend", kind="nps", prompt="survey/nps"), Play(say=say), Hangup())
    flows = {
        "straight": FlowRule(name="straight", steps=steps or (QUEUE,), language=before),
        "rate": FlowRule(name="rate", steps=rate, language=own),
    }
    return SimulatedCentre(msgspec.structs.replace(made, flows={**made.flows, **flows}))


def heard(sim: SimulatedCentre, leg: str) -> list[tuple[str, PromptPart]]:
    """Language and part of all that was played to a caller."""
    plays = [each for each in sim.commands if isinstance(each, cmd.PlayPrompt) and each.leg == leg]
    return [(each.language, part) for each in plays for part in each.parts]


def answer_it(sim: SimulatedCentre, leg: str) -> list[tuple[str, PromptPart]]:
    """What the flow `rate` says, to one who answers its question."""
    sim.run(3)
    sim.act(sim.voice.digit, leg, "9")
    sim.run(5)
    return heard(sim, leg)[-2:]


def after_talk(sim: SimulatedCentre, **call: str) -> list[tuple[str, PromptPart]]:
    sim.login("ann")
    leg = sim.call(**call)
    sim.run(10)
    end_talk(sim, leg)
    return answer_it(sim, leg)


@pytest.mark.parametrize(
    ("steps", "before", "own", "language"),
    [
        ((QUEUE,), "fr", "en", "fr"),  # the flow before the queue was in French
        ((Set({"language": "fr"}), QUEUE), "en", "en", "fr"),
        ((Language(by_country={"FR": "fr"}), QUEUE), "en", "en", "fr"),
        ((QUEUE,), "", "fr", "en"),  # nobody chose: it was the centre's
        ((QUEUE,), "fr", "", "fr"),
    ],
)
def test_after_the_call_the_callers_language_goes_before_the_flows_own(
    steps: tuple[AnyStep, ...], before: str, own: str, language: str
) -> None:
    sim = centre(*steps, before=before, own=own, after_call="rate")
    question, thanks = after_talk(sim, origin="+33612345678")
    assert question == (language, PromptPart("survey/nps"))
    assert thanks == (language, PromptPart(text=BOTH[language], language=language))
    sim.check_replay()


def test_a_text_that_names_no_language_is_in_that_of_its_flow() -> None:
    sim = centre(before="fr", own="en", say="Thank you.", after_call="rate")
    question, thanks = after_talk(sim)
    assert question[0] == "fr" and thanks == ("fr", PromptPart(text="Thank you.", language="en"))


def test_a_text_in_neither_language_is_said_in_that_of_the_flow() -> None:
    sim = centre(before="de", own="fr", after_call="rate")
    assert after_talk(sim)[1] == ("de", PromptPart(text=BOTH["fr"], language="fr"))


@pytest.mark.parametrize(
    "sales",
    [
        {"max_wait_s": 5.0, "overflow": Target(flow="rate")},
        {"keys": {"3": WaitingKey(leave="rate")}},
        {"keys": {"3": WaitingKey(flow="rate")}},
    ],
    ids=["overflow", "a key that leaves", "a key that stays"],
)
def test_so_does_a_flow_that_the_queue_itself_leads_to(sales: dict[str, object]) -> None:
    sim = centre(before="fr", own="en", **sales)
    leg = sim.call()
    sim.run(2)
    if "keys" in sales:
        sim.act(sim.voice.digit, leg, "3")
    else:
        sim.run(4)
    assert [language for language, _ in answer_it(sim, leg)] == ["fr", "fr"]
    sim.check_replay()


def test_the_chat_that_a_link_opens_is_in_the_language_of_the_call() -> None:
    """No variable says it: the flow before the queue was in French."""
    made = with_written(RATE)
    asks = Survey(name="recommend", kind="nps", say=BOTH)
    flows = {
        "straight": FlowRule(name="straight", steps=(QUEUE,), language="fr"),
        "rate": FlowRule(name="rate", steps=(asks, Hangup()), language="en"),
    }
    sim, _, token = after_talk_with_link(msgspec.structs.replace(made, flows={**made.flows, **flows}))
    chat = reply(sim, token)
    sim.run(5)
    assert [each.text for each in sim.performed(cmd.SendText) if each.leg == chat] == [BOTH["fr"]]  # type: ignore[union-attr]
