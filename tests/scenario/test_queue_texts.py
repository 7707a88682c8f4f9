"""The whole centre on virtual time. What queues say by texts, and entry rules that several of them share."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import PromptPart
from ccd.model.rules import EntryRule, SharedEntryRule, Target
from ccd.model.steps import AnyStep, Enqueue, Set
from ccd.model.voicemail_rules import VoicemailRule
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import PROMPT_S
from tests.scenario.centre_rules import rules

SAY = {"en": "Caller {caller}.", "fr": "Appel de {caller}."}
SWISS = "+41441234567"


def centre(
    *steps: AnyStep, agent: str = "", entry: tuple[SharedEntryRule, ...] = (), **sales: object
) -> SimulatedCentre:
    """ann, who speaks that language, is logged in."""
    found = rules(*steps, **sales)
    agents = {**found.agents, "ann": msgspec.structs.replace(found.agents["ann"], language=agent)}
    sim = SimulatedCentre(msgspec.structs.replace(found, agents=agents, entry=entry))
    sim.login("ann")
    sim.run(1)
    return sim


def told(sim: SimulatedCentre, leg: str, *, agent: bool) -> list[tuple[str, tuple[PromptPart, ...]]]:
    """(language, parts) of what the customer heard, or somebody else."""
    played = [each for each in sim.performed(cmd.PlayPrompt) if (each.leg != leg) is agent]  # type: ignore[union-attr]
    return [(each.language, each.parts) for each in played]  # type: ignore[union-attr]


@pytest.mark.parametrize(("agent", "language", "text"), [("", "en", "Caller"), ("fr", "fr", "Appel de")])
def test_a_whisper_is_in_the_language_of_the_agent_and_comes_before_the_bridge(
    agent: str, language: str, text: str
) -> None:
    """Whatever language the caller speaks."""
    sim = centre(
        Set(values={"language": "de"}), Enqueue(queue="sales"), agent=agent, whisper="w", whisper_say=SAY
    )
    leg = sim.call(origin=SWISS)
    sim.run(3.5)
    ((spoken, parts),) = told(sim, leg, agent=True)
    assert spoken == language
    assert parts[0] == PromptPart("w")
    assert parts[1].language == language and parts[1].text == f"{text} {SWISS}."
    assert not sim.performed(cmd.BridgeLegs)
    sim.run(2 * PROMPT_S)
    assert len(sim.performed(cmd.BridgeLegs)) == 1
    sim.check_replay()


def test_that_of_the_step_goes_before_the_queues() -> None:
    step = Enqueue(queue="sales", whisper_say="About {var.topic}.")
    sim = centre(Set(values={"topic": "water"}), step, whisper="w", whisper_say=SAY)
    leg = sim.call()
    sim.run(4)
    ((_, parts),) = told(sim, leg, agent=True)
    assert [part.name or part.text for part in parts] == ["About water."]


def test_a_whisper_of_which_nothing_is_left_delays_nobody() -> None:
    sim = centre(whisper_say="{var.nothing}")
    leg = sim.call()
    sim.run(4)
    assert told(sim, leg, agent=True) == []
    assert len(sim.performed(cmd.BridgeLegs)) == 1


def test_who_waits_is_told_texts_in_turn_in_the_callers_language() -> None:
    comfort = ({"en": "Thank you.", "fr": "Merci."}, "{queue.sales.waiting} wait.")
    sim = centre(
        Set(values={"language": "fr"}),
        Enqueue(queue="sales"),
        agents=(),
        comfort=("hold",),
        comfort_say=comfort,
        announce_every_s=10.0,
    )
    leg = sim.call()
    sim.run(35)
    heard = [
        (part.name or part.text, part.language) for _, parts in told(sim, leg, agent=False) for part in parts
    ]
    assert heard[:4] == [("hold", ""), ("Merci.", "fr"), ("1 wait.", "en"), ("hold", "")]
    sim.check_replay()


def test_the_queues_own_voicemail_asks_by_a_text() -> None:
    """In the language of the centre, whichever the caller's is, where the text names none."""
    steps = (Set(values={"language": "fr"}), Enqueue(queue="sales"))
    for say, heard in (("Speak now.", ("Speak now.", "en")), ({"fr": "Parlez."}, ("Parlez.", "fr"))):
        rule = VoicemailRule(say=say)
        overflow = {"max_wait_s": 5.0, "overflow": Target(voicemail="sales")}
        sim = centre(*steps, agents=(), voicemail=rule, **overflow)
        leg = sim.call()
        sim.run(6)
        parts = [part for _, parts in told(sim, leg, agent=False) for part in parts]
        assert [(part.text, part.language) for part in parts] == [heard]


# -- entry rules of several queues -------------------------------------------------------------------

GOLD = SharedEntryRule(when='var.tier == "gold"', add=7, name="gold")


def priority(sim: SimulatedCentre, queue: str) -> int:
    leg = sim.call(target="+33100" if queue == "sales" else "+33109")
    sim.run(0.1)
    return sim.centre.router.state.places[sim.interaction_of(leg)].priority


def gold(*entry: SharedEntryRule, **sales: object) -> SimulatedCentre:
    sim = centre(Set(values={"tier": "gold"}), Enqueue(queue="sales"), entry=entry, **sales)
    steps = (Set(values={"tier": "gold"}), Enqueue(queue="help"))
    found = sim.centre.state.rules
    flow = msgspec.structs.replace(found.flows["straight"], name="helped", steps=steps)
    flows, numbers = {**found.flows, "helped": flow}, {**found.numbers, "+33109": "helped"}
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(found, flows=flows, numbers=numbers)))
    return sim


def test_a_rule_without_queues_is_for_all() -> None:
    sim = gold(GOLD)
    assert (priority(sim, "sales"), priority(sim, "help")) == (7, 7)
    sim.check_replay()


def test_a_rule_with_queues_is_for_those() -> None:
    sim = gold(msgspec.structs.replace(GOLD, queues=("help",)))
    assert (priority(sim, "sales"), priority(sim, "help")) == (0, 7)


def test_those_of_the_queue_come_after_them_and_all_add_up() -> None:
    sim = gold(GOLD)
    found = sim.centre.state.rules
    own = msgspec.structs.replace(found.queues["sales"], entry=(EntryRule(add=2, name="own"),))
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(found, queues={**found.queues, "sales": own})))
    leg = sim.call()
    sim.run(0.1)
    name = sim.interaction_of(leg)
    assert sim.centre.router.state.places[name].priority == 9
    record = sim.centre.history.record(name)
    assert record is not None
    (note,) = [each for each in record.timeline if each.what == "entry rules"]
    assert note.details["rules"] == "gold, own"
    sim.check_replay()
