"""The whole centre on virtual time. A queue speaks to callers in their language, to agents in theirs."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import PromptPart
from ccd.model.rules import CallbackRule, FlowRule, Target
from ccd.model.steps import AnyStep, CallBack, Enqueue, Play, Set
from ccd.model.steps_calling import Call
from ccd.model.steps_speech import Language
from ccd.model.steps_voicemail import Voicemail
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import rules
from tests.scenario.test_voicemail import Desk

TOLD = {"announce_position": True, "announce_wait": True, "announce_every_s": 5.0, "comfort": ("patience",)}
QUEUE = Enqueue(queue="sales")


def line(*steps: AnyStep, language: str = "", **sales: object) -> SimulatedCentre:
    """A centre whose +33100 runs these steps; its own language is English."""
    made = rules(*steps, **{**TOLD, **sales})
    own = FlowRule(name="straight", steps=steps, language=language)
    inner = FlowRule(name="inner", steps=(Set({"language": "es"}),), language="fr")
    return SimulatedCentre(
        msgspec.structs.replace(made, flows={**made.flows, "straight": own, "inner": inner})
    )


def told(sim: SimulatedCentre, leg: str) -> set[str]:
    """Languages of what the queue says to this caller."""
    plays = [each for each in sim.commands if isinstance(each, cmd.PlayPrompt) and each.leg == leg]
    return {each.language for each in plays if PromptPart("queue/position") in each.parts}


@pytest.mark.parametrize(
    ("steps", "own", "language"),
    [
        ((QUEUE,), "", "en"),
        ((QUEUE,), "fr", "fr"),  # a flow that says nothing before
        ((Play(("welcome",)), QUEUE), "de", "de"),
        ((Set({"language": "fr"}), QUEUE), "de", "fr"),
        ((Language(by_country={"FR": "fr"}), QUEUE), "en", "fr"),
        ((Language(by_country={"DE": "de"}), QUEUE), "en", "en"),
        ((Call(flow="inner"), QUEUE), "de", "es"),
        ((Play(("welcome",)), Call(flow="inner"), QUEUE), "de", "es"),
    ],
)
def test_place_and_wait_are_told_in_the_language_of_the_caller(
    steps: tuple[AnyStep, ...], own: str, language: str
) -> None:
    sim = line(*steps, language=own)
    leg = sim.call()
    sim.run(20)
    assert told(sim, leg) == {language}
    sim.check_replay()


def test_also_in_the_queue_that_it_overflows_to_and_to_each_caller_in_turn() -> None:
    choice = Language(by_country={"FR": "fr", "DE": "de"})
    sim = line(choice, QUEUE, language="en", max_wait_s=12.0, overflow=Target(queue="help"), help_queue=TOLD)
    french, german, other = (
        sim.call(origin=each) for each in ("+33612345678", "+4915112345678", "+447400123456")
    )
    sim.run(30)
    assert [told(sim, each) for each in (french, german, other)] == [{"fr"}, {"de"}, {"en"}]
    late = [each for each in sim.commands if isinstance(each, cmd.PlayPrompt) and each.leg == german][-1]
    assert late.language == "de" and sim.centre.state.interactions["2"].queue == "help"
    sim.check_replay()


@pytest.mark.parametrize("after", ["queue", "message", "callback"])
def test_what_follows_the_flow_is_in_its_language_too(after: str) -> None:
    steps: dict[str, tuple[AnyStep, ...]] = {
        "queue": (QUEUE,),
        "message": (Voicemail(queue="sales", prompt="", beep=False),),
        "callback": (CallBack(queue="sales"),),
    }
    sim = line(*steps[after], language="fr", callback=CallbackRule())
    leg = sim.call()
    sim.run(1)
    if after == "message":
        sim.act(sim.voice.digit, leg, "#")
    sim.run(1)
    plays = [each for each in sim.commands if isinstance(each, cmd.PlayPrompt) and each.leg == leg]
    assert plays and {each.language for each in plays} == {"fr"}


@pytest.mark.parametrize(("own", "language"), [("de", "de"), ("", "en")])
def test_the_whisper_is_in_the_language_of_the_agent(own: str, language: str) -> None:
    made = rules(whisper="for-sales")
    ann = msgspec.structs.replace(made.agents["ann"], language=own)
    french = FlowRule(name="straight", steps=(QUEUE,), language="fr")
    flows = {**made.flows, "straight": french}
    sim = SimulatedCentre(msgspec.structs.replace(made, agents={**made.agents, "ann": ann}, flows=flows))
    sim.login("ann")
    sim.call()
    sim.run(2.5)
    (whisper,) = [
        each
        for each in sim.commands
        if isinstance(each, cmd.PlayPrompt) and each.parts == (PromptPart("for-sales"),)
    ]
    assert whisper.language == language


def test_the_keys_of_a_message_are_named_in_the_language_of_the_agent() -> None:
    desk = Desk()
    made = desk.sim.centre.state.rules
    agents = {name: msgspec.structs.replace(each, language="de") for name, each in made.agents.items()}
    desk.sim.tell(facts.RulesLoaded(msgspec.structs.replace(made, agents=agents)))
    desk.leave()
    desk.sim.run(30)
    named = [
        each
        for each in desk.sim.commands
        if isinstance(each, cmd.PlayPrompt) and each.parts == (PromptPart("voicemail/choose"),)
    ]
    assert {each.language for each in named} == {"de"}
