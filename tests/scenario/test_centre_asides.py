"""An agent sends the customer through a flow to pay, and gets the customer back. The whole centre on virtual
time: who hears whom, what the agent's phone does meanwhile, and who may leave when."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import Hangup, Menu
from ccd.model.steps_pay import Pay
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import doing, rules, whats
from tests.scenario.test_centre_outside import prompts
from tests.scenario.test_centre_payments import CARD, PAID, key_card
from tests.scenario.test_centre_secrets import everything

FLOW = FlowRule(
    name="card",
    steps=(
        Pay(service="psp", amount="12.50", currency="EUR", on_paid="end", timeout_s=3.0),
        Menu(prompt="more", choices={"1": "end"}),
        Hangup(id="end", prompt="never-said"),
    ),
    code="*47",
)


def with_flow(**sales: object) -> Rules:
    base = rules(**sales)  # type: ignore[arg-type]
    return msgspec.structs.replace(base, flows=base.flows | {"card": FLOW})


def talking(answer: Answers = PAID, **sales: object) -> tuple[SimulatedCentre, str, str]:
    """Ann in conversation; the customer's leg and hers."""
    sim = SimulatedCentre(with_flow(**sales))
    sim.outside.answers["psp"] = answer
    sim.login("ann")
    call = sim.call()
    sim.run(10)
    assert sim.agent_of(call) == "ann"
    talk = sim.centre.talks.get(sim.interaction_of(call))
    assert talk is not None and talk.agent is not None
    return sim, call, talk.agent.leg


def hear_each_other(sim: SimulatedCentre, call: str, agent: str) -> bool:
    return sim.voice.legs[call].peer == agent and sim.voice.legs[agent].peer == call


def test_the_customer_pays_and_comes_back_to_the_same_agent() -> None:
    sim, call, agent = talking()
    assert hear_each_other(sim, call, agent)
    asked = sim.dial("ann-phone", "*47")
    assert prompts(sim, asked) == ["agent/passed-on"]
    assert not hear_each_other(sim, call, agent) and sim.voice.legs[agent].music
    assert prompts(sim, call)[-1] == "pay/card" and doing(sim, "ann") == "talking"
    key_card(sim, call)
    assert not [fact for fact in sim.facts if isinstance(fact, facts.DigitPressed)]
    sim.run(0.4)
    assert not hear_each_other(sim, call, agent)
    sim.run(0.2)
    assert hear_each_other(sim, call, agent) and doing(sim, "ann") == "talking"
    assert "never-said" not in prompts(sim, call), "a step that would leave ends the flow"
    assert CARD not in everything(sim)
    sim.check_replay()
    sim.hang_up(call)
    sim.run(1)
    assert {"goes through a flow", "back with the agent"} <= set(whats(sim, call))
    assert sim.record(call).outcome == "handled"


def test_who_has_the_customer_on_hold_hears_music_and_joins_when_both_are_back() -> None:
    """A phone puts the customer on hold to dial the code."""
    sim, call, agent = talking()
    sim.tell(facts.LegHeld(agent))
    sim.dial("ann-phone", "*47")
    sim.tell(facts.LegResumed(agent))
    assert not hear_each_other(sim, call, agent) and sim.voice.legs[agent].music
    assert sim.voice.legs[call].secret is not None, "it goes on"
    key_card(sim, call)
    sim.run(0.6)
    assert hear_each_other(sim, call, agent)
    sim.check_replay()


def test_a_customer_who_is_back_first_waits_with_music() -> None:
    sim, call, agent = talking()
    sim.tell(facts.LegHeld(agent))
    sim.dial("ann-phone", "*47")
    key_card(sim, call)
    sim.run(0.6)
    assert not hear_each_other(sim, call, agent) and sim.voice.legs[call].music
    sim.tell(facts.LegResumed(agent))
    assert hear_each_other(sim, call, agent)


def test_keys_count_in_the_flow_and_for_nobody_else() -> None:
    sim, call, agent = talking(Answers(ok=False))
    sim.dial("ann-phone", "*47")
    key_card(sim, call)
    sim.run(0.6)
    assert prompts(sim, call)[-1] == "more"
    sim.act(sim.voice.digit, call, "1")
    assert hear_each_other(sim, call, agent)


@pytest.mark.parametrize("after_call", ["", "excuse"])
def test_an_agent_who_hangs_up_ends_it_as_ever(after_call: str) -> None:
    sim, call, agent = talking(after_call=after_call)
    sim.dial("ann-phone", "*47")
    sim.act(sim.voice.digit, call, CARD)
    sim.hang_up(agent)
    if after_call:
        assert prompts(sim, call)[-1] == "excuse"
    sim.run(10)
    assert call in sim.voice.ended and repr(sim.voice.secrets) == "<0 secrets>"
    assert sim.centre.flows.state.running == {} and CARD not in everything(sim)
    assert doing(sim, "ann") != "talking"
    sim.check_replay()


@pytest.mark.parametrize("keyed", [0, 5, 17])
def test_a_customer_who_hangs_up_frees_the_agent(keyed: int) -> None:
    sim, call, agent = talking()
    sim.dial("ann-phone", "*47")
    for key in (CARD + "#")[:keyed]:
        sim.act(sim.voice.digit, call, key)
    sim.hang_up(call)
    sim.run(10)
    assert agent in sim.voice.ended and sim.centre.flows.state.running == {}
    assert doing(sim, "ann") != "talking" and repr(sim.voice.secrets) == "<0 secrets>"
    sim.check_replay()


def test_a_second_payment_in_a_conversation_is_another_one() -> None:
    """Its request is not the first one's, and an answer that comes late to the first is none to it."""
    late = Answers({"paid": "true", "reference": "first"}, after=5.0)
    sim, call, agent = talking(late)
    sim.dial("ann-phone", "*47")
    key_card(sim, call)
    sim.run(3.0)
    sim.act(sim.voice.digit, call, "1")
    assert hear_each_other(sim, call, agent)
    sim.outside.answers["psp"] = Answers({"paid": "true", "reference": "second"}, after=2.9)
    sim.dial("ann-phone", "*47")
    key_card(sim, call)
    sim.run(2.5)
    assert not hear_each_other(sim, call, agent), "the late answer changes nothing"
    sim.run(0.5)
    assert hear_each_other(sim, call, agent)
    asked = sim.outside.asked
    assert len({each.values["request"] for each in asked}) == len({each.leg for each in asked}) == 2
    sim.hang_up(call)
    sim.run(1)
    references = [note.details.get("payment_reference") for note in sim.record(call).timeline]
    assert [each for each in references if each] == ["second"]


def test_what_the_flow_set_does_not_go_into_the_flow_after_the_call() -> None:
    sim, call, agent = talking(Answers(ok=False), after_call="excuse")
    sim.dial("ann-phone", "*47")
    key_card(sim, call)
    sim.run(0.6)
    assert prompts(sim, call)[-1] == "more"
    sim.hang_up(agent)
    name = sim.interaction_of(call)
    assert sim.centre.flows.where(name).startswith("excuse/")
    assert set(sim.centre.flows.variables(name)) == {"queue", "agent", "talked_s"}


def test_a_transfer_meanwhile_is_refused() -> None:
    sim, call, agent = talking()
    sim.dial("ann-phone", "*47")
    sim.tell(facts.TransferAsked(agent, "301"))
    refused = [each for each in sim.commands if isinstance(each, cmd.ReportTransfer)]
    assert [each.cause for each in refused] == [Cause.FORBIDDEN]
    key_card(sim, call)
    sim.run(0.6)
    assert hear_each_other(sim, call, agent)


def test_twice_is_once_and_without_a_conversation_it_is_refused() -> None:
    sim, call, _ = talking()
    sim.dial("ann-phone", "*47")
    again = sim.dial("ann-phone", "*47")
    assert prompts(sim, again) == ["agent/refused"] and prompts(sim, call).count("pay/card") == 1
    sim.login("bob")
    assert prompts(sim, sim.dial("bob-phone", "*47")) == ["agent/refused"]


def test_a_reload_that_takes_the_flow_away_changes_nothing_for_who_is_in_it() -> None:
    sim, call, agent = talking()
    sim.dial("ann-phone", "*47")
    sim.tell(facts.RulesLoaded(rules()))
    key_card(sim, call)
    sim.run(0.6)
    assert hear_each_other(sim, call, agent)
    assert prompts(sim, sim.dial("ann-phone", "*47")) != ["agent/passed-on"]
    sim.check_replay()


def test_a_restart_meanwhile_ends_the_call() -> None:
    sim, call, _ = talking()
    sim.dial("ann-phone", "*47")
    sim.act(sim.voice.digit, call, CARD)
    sim.restart()
    sim.run(5)
    assert not sim.centre.state.interactions and CARD not in everything(sim)
