"""The whole centre on virtual time. Skills, preference, hold and changes, from the flow to the record."""

import msgspec

from ccd.history.explain import explain
from ccd.model import facts
from ccd.model.nouns import ChannelClass
from ccd.model.rules import Relax, Rules
from ccd.model.steps import AnyStep, Enqueue
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, rules, totals, whats


def centre(*steps: AnyStep, agents: dict[str, dict[str, object]], **sales: object) -> SimulatedCentre:
    """The small centre with more told of some agents; those log in one second after the other."""
    plain = rules(*steps, **sales)
    told = {name: msgspec.structs.replace(plain.agents[name], **more) for name, more in agents.items()}
    sim = SimulatedCentre(msgspec.structs.replace(plain, agents=plain.agents | told))
    for name in agents:
        sim.login(name)
        sim.run(1)
    return sim


FRENCH: dict[str, dict[str, object]] = {"ann": {"skills": {"french": 3}}, "bob": {"skills": {"french": 7}}}


def test_the_flow_asks_for_a_skill_and_the_queue_gives_it_up_at_its_time() -> None:
    relax = (Relax(40.0, at_most={"french": 3}),)
    sim = centre(Enqueue(queue="sales", requirement="french >= 5"), agents=FRENCH, relax=relax)
    first, second = sim.call(), sim.call()
    sim.run(3)
    assert (sim.agent_of(first), sim.agent_of(second)) == ("bob", "")
    began = sim.centre.router.state.places[sim.interaction_of(second)].enqueued_at
    sim.run_until(began + 40 - TICK)
    assert sim.rings_at(second) == ""
    sim.run_until(began + 45)
    assert sim.agent_of(second) == "ann"
    sim.hang_up(first)
    sim.hang_up(second)
    told = "\n".join(explain(sim.record(second)))
    assert "passed over ann: skill: french 3 < 5 for 40 s more" in told
    assert "the queue asks for less by now" in told
    sim.check_replay()


def test_the_requirement_is_kept_when_the_queue_overflows() -> None:
    sim = centre(
        Enqueue(queue="help", requirement="french >= 5"),
        agents=FRENCH | {"cat": {}},
        help_queue={"max_wait_s": 10.0, "overflow": rules().queues["sales"].overflow},
    )
    call = sim.call()
    sim.run(5)
    assert sim.agent_of(call) == ""  # cat knows no French
    sim.tell(facts.ChangeAsked(sim.interaction_of(call), "test", queue="sales"))
    sim.run(5)
    assert sim.agent_of(call) == "bob"
    assert totals(sim, "help") == (1, 0, 0, 1)
    sim.hang_up(call)
    assert totals(sim, "sales") == (1, 1, 0, 0)
    assert "changed" in whats(sim, call)
    sim.check_replay()


def test_the_flow_keeps_a_caller_for_one_agent() -> None:
    sim = centre(Enqueue(queue="sales", prefer="bob", prefer_wait_s=20.0), agents=FRENCH)
    first, second = sim.call(), sim.call()
    sim.run(3)
    assert (sim.agent_of(first), sim.agent_of(second)) == ("bob", "")
    sim.run(20)
    assert sim.agent_of(second) == "ann"
    sim.check_replay()


def test_an_agent_with_a_customer_on_hold_takes_another_if_the_rules_say_so() -> None:
    sim = centre(agents={"ann": {"works_on_hold": True}})
    first, second = sim.call(), sim.call()
    sim.run(3)
    assert sim.agent_of(second) == ""
    agent_leg = sim.talk(first).agent.leg  # type: ignore[union-attr]
    sim.act(sim.voice.hold, agent_leg)
    sim.run(3)
    assert sim.agent_of(second) == "ann"
    sim.act(sim.voice.hold, agent_leg, False)
    sim.hang_up(second)
    sim.hang_up(first)
    assert sim.centre.router.state.agents["ann"].load == 0
    sim.check_replay()


def test_a_change_to_what_is_accepted_meanwhile_is_noted_not_made() -> None:
    sim = centre(agents={"ann": {}}, whisper="sales")
    call = sim.call()
    sim.run(2.5)  # ann hears the whisper
    name = sim.interaction_of(call)
    if sim.centre.router.state.places[name].phase.value == "accepted":
        sim.tell(facts.ChangeAsked(name, "test", queue="help"))
    sim.run(5)
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    assert "not changed" in whats(sim, call)
    sim.check_replay()


def test_rules_with_everything_survive_the_ledger() -> None:
    sim = centre(
        agents={"ann": {"load": {ChannelClass.VOICE: 50}, "most": {ChannelClass.VOICE: 2}}},
        relax=(Relax(5.0, open=("help",)),),
        reserve={ChannelClass.VOICE: 1},
        age_per_min={ChannelClass.VOICE: 1.0},
    )
    call = sim.call()
    sim.run(3)
    stored = next(fact.rules for fact in sim.facts if isinstance(fact, facts.RulesLoaded))
    assert msgspec.json.decode(msgspec.json.encode(stored), type=Rules) == sim.centre.state.rules
    assert sim.agent_of(call) == "ann"
    sim.check_replay()
