"""The whole centre on virtual time. What is worth how much on entering a queue, and whom it is kept for."""

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import facts
from ccd.model.rules import EntryRule, Rules, Target
from ccd.model.steps import AnyStep, Branch, Case, Enqueue, Hangup, Set
from ccd.runtime.spoken import MOST_REMEMBERED, last_with, remember
from ccd.runtime.state import Spoken
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, rules

SWISS = "+41441234567"
FRENCH = "+33612345678"


def centre(*agents: str, steps: tuple[AnyStep, ...] = (), **sales: object) -> SimulatedCentre:
    sim = SimulatedCentre(rules(*steps, **sales))
    for agent in agents:
        sim.login(agent)
        sim.run(1)
    return sim


def served(sim: SimulatedCentre, *calls: str) -> list[str]:
    """The calls in the order in which ann gets them, each hung up after a while."""
    found: list[str] = []
    for _ in calls:
        sim.run(5)
        now = next(call for call in calls if call not in found and sim.agent_of(call) == "ann")
        found.append(now)
        sim.hang_up(now)
    return found


@pytest.mark.parametrize(
    ("when", "first"),
    [
        ('starts_with(caller, "+41")', True),
        ('caller == "+33612345678"', False),
        ('dialled == "+33100" and channel == "voice" and caller != "+33612345678"', True),
        ('channel_class == "live_text"', False),
        ('flow == "straight" and not starts_with(caller, "+33")', True),
        ('flow == "menu"', False),
        ('var.segment == "gold"', False),
        ('not caller_name and language == "xx"', False),
    ],
)
def test_a_rule_that_holds_lets_a_caller_overtake(when: str, first: bool) -> None:
    sim = centre("ann", agents=("ann",), entry=(EntryRule(when=when, add=5),))
    running = sim.call()
    sim.run(5)
    french, swiss = sim.call(origin=FRENCH), sim.call(origin=SWISS)
    sim.run(1)
    sim.hang_up(running)
    assert served(sim, french, swiss) == ([swiss, french] if first else [french, swiss])
    sim.check_replay()


def test_what_the_flow_set_counts_tags_and_variables() -> None:
    steps = (Set(values={"tags": "angry, vip", "segment": "gold"}), Enqueue(queue="sales"))
    entry = (
        EntryRule(when='"vip" in tags', add=3, name="VIP"),
        EntryRule(when='var.segment in ["gold"]', add=4),
        EntryRule(when='"calm" in tags', add=100),
        EntryRule(add=-1),
    )
    sim = centre(steps=steps, entry=entry, priority=10)
    call = sim.call()
    assert sim.centre.router.state.places[sim.interaction_of(call)].priority == 16
    sim.hang_up(call)
    told = explain(sim.record(call))
    assert any(line.endswith("entry rules: rules VIP, #2, #4, add 6") for line in told), told
    sim.check_replay()


def test_tags_of_the_queue_step_come_to_those_of_the_flow() -> None:
    steps = (Set(values={"tags": "angry"}), Enqueue(queue="sales", tags=("vip", "angry")))
    entry = (
        EntryRule(when='"vip" in tags and "angry" in tags', add=3),
        EntryRule(when='var.tags == "angry vip"', add=1),
    )
    sim = centre(steps=steps, entry=entry)
    call = sim.call()
    assert sim.centre.router.state.places[sim.interaction_of(call)].priority == 4
    sim.check_replay()


def test_a_rule_asks_for_a_skill_besides_queue_and_flow() -> None:
    entry = (EntryRule(when=f'caller == "{SWISS}"', requirement="german >= 5"),)
    plain = rules(Enqueue(queue="sales", requirement="sales"), entry=entry)
    skilled = {
        "ann": msgspec.structs.replace(plain.agents["ann"], skills={"sales": 5}),
        "bob": msgspec.structs.replace(plain.agents["bob"], skills={"sales": 5, "german": 7}),
    }
    sim = SimulatedCentre(msgspec.structs.replace(plain, agents=plain.agents | skilled))
    sim.login("ann", "bob")
    sim.run(1)
    swiss = sim.call(origin=SWISS)
    sim.run(5)
    assert sim.agent_of(swiss) == "bob"
    other = sim.call(origin=SWISS)
    french = sim.call(origin=FRENCH)
    sim.run(5)
    assert (sim.agent_of(other), sim.agent_of(french)) == ("", "ann")
    sim.check_replay()


def test_nothing_of_it_is_carried_to_the_next_queue() -> None:
    sim = centre(
        entry=(EntryRule(add=9, requirement="german"),),
        max_wait_s=10.0,
        overflow=Target(queue="help"),
        help_queue={"entry": (EntryRule(add=2),)},
    )
    call = sim.call()
    name = sim.interaction_of(call)
    places = sim.centre.router.state.places
    assert (places[name].priority, places[name].requirement) == (9, "german")
    sim.run(11)
    assert (places[name].queue, places[name].priority, places[name].requirement) == ("help", 2, "")
    sim.check_replay()


# -- branches ------------------------------------------------------------------------------------------


def branching(*cases: Case, otherwise: str = "") -> tuple[AnyStep, ...]:
    """sales unless a case leads to help."""
    return (
        Branch(cases=cases, otherwise=otherwise, id="which"),
        Enqueue(queue="sales"),
        Hangup(),
        Enqueue(queue="help", id="help"),
    )


@pytest.mark.parametrize(
    ("when", "queue"),
    [
        (f'caller == "{FRENCH}"', "help"),
        (f'caller == "{SWISS}"', "sales"),
        ("queue.sales.free == 0", "help"),
        ("queue.sales.agents > 0", "sales"),
        ("queue.sales.open and queue.help.waiting == 0", "help"),
        ("queue.sales.longest_wait_s > 0", "sales"),
        ("queue.sales.ewt_s > 0", "sales"),
        ('flow == "straight" and language', "help"),
        ('dialled == "+33100"', "help"),
    ],
)
def test_a_branch_goes_where_the_first_case_that_holds_leads(when: str, queue: str) -> None:
    sim = centre(steps=branching(Case(when="false", step="none"), Case(when=when, step="help")))
    call = sim.call(origin=FRENCH)
    name = sim.interaction_of(call)
    assert sim.centre.router.state.places[name].queue == queue
    sim.hang_up(call)
    told = next(note.details for note in sim.record(call).timeline if note.what == "branched")
    was = told.pop("was", "")
    assert told == {"step": "which", "case": when if queue == "help" else "none of its cases"}
    assert bool(was) is (queue == "help" and "queue." in when), "what it saw of figures"
    sim.check_replay()


def test_otherwise_leads_somewhere_when_no_case_holds() -> None:
    sim = centre(steps=branching(Case(when="var.gold", step="none"), otherwise="help"))
    name = sim.interaction_of(sim.call())
    assert sim.centre.router.state.places[name].queue == "help"


def test_branches_in_a_circle_end() -> None:
    sim = centre(steps=(Branch(cases=(Case(when="true", step="a"),), id="a"),))
    sim.call()
    sim.run(1)
    assert sim.centre.state.interactions == {}


# -- the agent who spoke with the caller last ----------------------------------------------------------


def known_caller(step: Enqueue) -> SimulatedCentre:
    """bob spoke with the French caller; then ann was idle longer than bob."""
    sim = centre("bob", steps=(step,))
    first = sim.call(origin=FRENCH)
    sim.run(3)
    assert sim.agent_of(first) == "bob"
    sim.login("ann")
    sim.run(1)
    sim.hang_up(first)
    sim.run(1)
    return sim


@pytest.mark.parametrize(("ago", "agent"), [(600.0 - TICK, "bob"), (600.0, "bob"), (600.0 + TICK, "ann")])
def test_a_caller_is_kept_for_who_spoke_with_them_last(ago: float, agent: str) -> None:
    sim = known_caller(Enqueue(queue="sales", prefer_last_s=600.0))
    sim.run_until(sim.centre.state.spoken[FRENCH].at + ago)
    again, stranger = sim.call(origin=FRENCH), sim.call(origin=SWISS)
    sim.run(3)
    assert sim.agent_of(again) == agent
    assert sim.agent_of(stranger) == {"ann": "bob", "bob": "ann"}[agent]
    sim.check_replay()


def test_it_waits_for_that_agent_only_so_long_then_everyone() -> None:
    sim = known_caller(Enqueue(queue="sales", prefer_last_s=600.0, prefer_wait_s=20.0))
    busy = sim.call(origin=FRENCH)
    sim.run(3)
    assert sim.agent_of(busy) == "bob"
    again = sim.call(origin=FRENCH)
    began = sim.now
    sim.run_until(began + 20 - TICK)
    assert sim.rings_at(again) == ""
    sim.run_until(began + 25)
    assert sim.agent_of(again) == "ann"


def test_the_owner_that_a_variable_names_comes_first() -> None:
    step = Enqueue(queue="sales", prefer_variable="owner", prefer="bob", prefer_last_s=600.0)
    for owner, agent in (("ann", "ann"), ("", "bob"), ("nobody", "bob")):
        sim = known_caller(step)
        flow = (Set(values={"owner": owner}), step)
        changed = rules(*flow)
        sim.tell(facts.RulesLoaded(changed))
        call = sim.call(origin=FRENCH)
        sim.run(3)
        assert sim.agent_of(call) == agent
        sim.check_replay()


def test_a_variable_that_names_nobody_leaves_it_to_the_agent_of_the_step() -> None:
    steps = (Set(values={"owner": "nobody"}), Enqueue(queue="sales", prefer_variable="owner", prefer="bob"))
    sim = centre("ann", "bob", steps=steps)
    call = sim.call()
    sim.run(3)
    assert sim.agent_of(call) == "bob"


def test_the_memory_of_conversations_is_bounded_and_survives_a_snapshot() -> None:
    spoken: dict[str, Spoken] = {}
    for number in range(MOST_REMEMBERED):
        remember(spoken, f"+{number}", "ann", float(number))
    remember(spoken, "+0", "bob", 1e6)
    remember(spoken, "", "bob", 1e6)
    remember(spoken, "+new", "ann", 1e6)
    assert len(spoken) == MOST_REMEMBERED
    assert last_with(spoken, ("+1",), 0.0) == ""
    assert last_with(spoken, ("+1", "+0"), 0.0) == "bob"
    assert last_with(spoken, ("",), 0.0) == ""


def test_rules_of_entry_survive_the_ledger() -> None:
    sim = centre(entry=(EntryRule(when='"vip" in tags', add=3, requirement="german", name="VIP"),))
    stored = next(fact.rules for fact in sim.facts if isinstance(fact, facts.RulesLoaded))
    assert msgspec.json.decode(msgspec.json.encode(stored), type=Rules) == sim.centre.state.rules
