"""The whole centre on virtual time. Restarts, drain, reload, the console, and a whole day that adds up."""

from typing import Any

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, OfferEnd
from ccd.model.rules import FlowRule, Rules, Target
from ccd.model.steps import Hangup
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, VANISHES, Behaviour, BrokenCentre
from tests.scenario.centre_rules import centre, doing, rules, totals, whats


def change(sim: SimulatedCentre, **parts: object) -> None:
    """Load rules that differ in these parts."""
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(sim.centre.state.rules, **parts)))


# -- restart -----------------------------------------------------------------------------------------------


def test_after_a_kill_calls_are_closed_and_counted_and_agents_are_as_they_were() -> None:
    sim = centre("ann", "bob", record=True, wrap_up_s=10.0, whisper="w", max_wait_s=500.0)
    sim.tell(facts.AvailabilityAsked("cat", Availability.PAUSED, "lunch", "phone:cat-phone"))
    in_menu = sim.call("+33101")
    talking, whispered, waiting = sim.call(), sim.call(), sim.call()
    sim.run(3)
    sim.run(3)
    ringing_agent = sim.talk(whispered).agent
    assert ringing_agent is not None and sim.agent_of(talking) == "ann"
    before = {name: (a.availability, a.reason) for name, a in sim.centre.router.state.agents.items()}
    sim.restart()
    for call in (in_menu, talking, whispered, waiting):
        assert sim.record(call).cause is Cause.RESTART
    assert [sim.record(call).outcome for call in (in_menu, waiting)] == ["flow", "abandoned"]
    assert totals(sim) == (3, 2, 1, 0)
    after = {name: (a.availability, a.reason) for name, a in sim.centre.router.state.agents.items()}
    assert before == after
    cut = [note for note in sim.record(talking).timeline if note.what == "recorded"]
    assert [note.details["note"] for note in cut] == ["cut by a restart"]
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("wrap_up", "wrap_up")
    sim.run(10)
    call = sim.call()
    assert sim.rings_at(call) == "ann", "phones need not be touched"


def test_a_restart_rings_no_phone_for_calls_that_are_gone() -> None:
    sim = centre("ann")
    calls = [sim.call() for _ in range(3)]
    sim.run(5)
    before = len(sim.performed(cmd.DialLeg))
    sim.restart()
    assert len(sim.performed(cmd.DialLeg)) == before
    assert [sim.record(call).outcome for call in calls] == ["handled", "abandoned", "abandoned"]
    assert doing(sim, "ann") == "idle"


def test_a_restart_with_very_many_calls() -> None:
    sim = SimulatedCentre(rules(), check=False)
    for _ in range(2000):
        sim.call()
    sim.restart()
    sim.look()
    assert not sim.centre.state.interactions and totals(sim) == (2000, 0, 2000, 0)


def test_a_binding_that_ran_out_meanwhile_makes_the_agent_unreachable() -> None:
    sim = centre("ann", "bob")
    for binding in list(sim.centre.state.bindings["ann-phone"].values()):
        sim.tell(facts.DeviceBound(msgspec.structs.replace(binding, expires_at=sim.now + 60)))
    sim.clock.advance(100)
    sim.restart()
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("no_device", "idle")
    sim.phone("ann-phone")
    assert doing(sim, "ann") == "idle"


def test_a_feature_call_is_forgotten_by_a_restart() -> None:
    sim = centre("ann")
    sim.dial("ann-phone", "*421")
    sim.restart()
    assert not sim.centre.state.services and doing(sim, "ann") == "paused"


# -- drain, console ----------------------------------------------------------------------------------------


def test_drain_takes_nothing_new_and_finishes_what_runs() -> None:
    sim = centre("ann")
    waiting = sim.call()
    sim.tell(facts.DrainAsked(True, "ccctl:me"))
    refused = sim.call()
    assert sim.voice.ended[refused] is Cause.OVERLOAD and totals(sim) == (1, 0, 0, 0)
    sim.run(2)
    assert sim.agent_of(waiting) == "ann"
    sim.tell(facts.DrainAsked(False, "ccctl:me"))
    assert sim.call() in sim.voice.legs


@pytest.mark.parametrize("after", [0.5, 3.0, 21.0])
def test_the_console_hangs_up_in_every_phase(after: float) -> None:
    sim = centre("ann", whisper="w")
    if after == 21.0:
        sim.phone("ann-phone", NEVER)
    call = sim.call()
    sim.run(after)
    sim.tell(facts.HangupAsked("1", "ccctl:me"))
    sim.tell(facts.HangupAsked("1", "ccctl:me"))
    assert not sim.voice.legs and sim.record(call).outcome == "abandoned"
    note = next(note for note in sim.record(call).timeline if note.what == "hung up")
    assert note.details == {"by": "ccctl:me"} and whats(sim, call).count("hung up") == 1
    assert doing(sim, "ann") == "idle"


def test_a_paused_agent_finishes_the_call_and_gets_no_other() -> None:
    sim = centre("ann")
    call = sim.call(talks_for=30)
    sim.run(5)
    sim.ask("ann", Availability.PAUSED, "lunch")
    assert sim.agent_of(call) == "ann"
    waiting = sim.call()
    sim.run(40)
    assert sim.rings_at(waiting) == "" and doing(sim, "ann") == "paused"
    sim.ask("ann", Availability.READY)
    assert sim.rings_at(waiting) == "ann"


# -- reload ------------------------------------------------------------------------------------------------


def test_a_reload_disturbs_nothing_that_runs() -> None:
    sim = centre("ann", wrap_up_s=30.0)
    talking, ringing = sim.call(), sim.call()
    sim.run(3)
    sim.login("bob")
    sim.phone("bob-phone", NEVER)
    before = sim.centre.router.state
    figures, figures_before = totals(sim), msgspec.to_builtins(before.offers)
    queues = {**sim.centre.state.rules.queues}
    queues["sales"] = msgspec.structs.replace(queues["sales"], ring_timeout_s=5.0, music="jazz")
    change(sim, queues=queues)
    assert sim.agent_of(talking) == "ann" and sim.rings_at(ringing) == "bob"
    assert totals(sim) == figures and msgspec.to_builtins(sim.centre.router.state.offers) == figures_before


def test_a_flow_that_changes_is_followed_by_new_calls_only() -> None:
    sim = centre()
    old = sim.call("+33101")
    flows = {**sim.centre.state.rules.flows, "menu": FlowRule(name="menu", steps=(Hangup(),))}
    change(sim, flows=flows)
    new = sim.call("+33101")
    assert new in sim.voice.ended and old in sim.voice.legs
    sim.act(sim.voice.digit, old, "1")
    assert sim.talk(old).phase == "waiting"
    sim.check_replay(10)


def test_a_queue_that_is_removed_gives_its_callers_back() -> None:
    sim = centre("ann", whisper="w")
    talking, waiting = sim.call(), sim.call()
    sim.run(10)
    sim.login("bob")
    sim.phone("bob-phone", NEVER)
    third = sim.call()
    queues = {name: rule for name, rule in sim.centre.state.rules.queues.items() if name != "sales"}
    change(sim, queues=queues)
    assert sim.agent_of(talking) == "ann"
    for call in (waiting, third):
        assert sim.record(call).outcome == "overflowed" and sim.voice.ended[call] is Cause.NORMAL
    lost = sim.call()
    assert sim.voice.ended[lost] is Cause.FAULT and "no such queue" in whats(sim, lost)
    sim.hang_up(talking)
    assert sim.record(talking).outcome == "handled" and doing(sim, "bob") == "idle"


def test_an_agent_who_is_removed_finishes_and_is_forgotten() -> None:
    sim = centre("ann", "bob")
    talking, ringing = sim.call(), sim.call()
    sim.run(1)
    agents = {"bob": sim.centre.state.rules.agents["bob"]}
    change(sim, agents=agents)
    sim.run(2)
    assert sim.agent_of(talking) == "ann" and sim.agent_of(ringing) == "bob"
    waiting = sim.call()
    sim.hang_up(talking)
    assert "ann" not in sim.centre.router.state.agents and sim.rings_at(waiting) == ""
    sim.hang_up(ringing)
    assert sim.rings_at(waiting) == "bob"


def test_a_device_that_moves_to_another_agent() -> None:
    sim = centre("ann")
    agents = dict(sim.centre.state.rules.agents)
    agents["ann"] = msgspec.structs.replace(agents["ann"], devices=())
    agents["bob"] = msgspec.structs.replace(agents["bob"], devices=("ann-phone",))
    change(sim, agents=agents)
    assert doing(sim, "ann") == "no_device"
    sim.dial("ann-phone", "*41")
    assert doing(sim, "bob") == "idle"


# -- a whole day ---------------------------------------------------------------------------------------------


def a_day(
    seed: int, calls: int, check: bool, every_s: float = 25.0, restarts: float = 0.004, **queue: Any
) -> SimulatedCentre:
    """Calls and chats over some hours, agents of every kind, everything drawn from the seed."""
    help_queue = {
        "max_wait_s": 300.0,
        "overflow": Target(address="+33900"),
        "agents": ("cat", "ann"),
        **queue,
    }
    rule = rules(
        record=True,
        whisper="w",
        wrap_up_s=15.0,
        max_wait_s=240.0,
        max_length=8,
        announce_position=True,
        overflow=Target(queue="help"),
        help_queue=help_queue,
        **{"on_miss": {OfferEnd.NO_ANSWER: 3, OfferEnd.REJECTED: 4}, **queue},
    )
    sim = SimulatedCentre(rule, seed=seed, check=check)
    chance = sim.random
    sim.behaviours["+33900"] = Behaviour(answers_after=8, hangs_up_after=60)
    sim.login("ann", "bob", "cat")
    kinds = [Behaviour(answers_after=3), Behaviour(answers_after=12), NEVER, BUSY, REJECTS, VANISHES]
    for _ in range(calls):
        sim.run(chance.expovariate(1 / every_s))
        kind = chance.random()
        if kind < 0.2:
            chat = sim.chat(*["hello"] * chance.randint(0, 2))
            sim.later(chance.uniform(5, 400), lambda chat=chat: chat in sim.web.legs and sim.web.end(chat))
        else:
            target = "+33101" if kind > 0.6 else "+33100"
            keys = ((chance.uniform(0.5, 9), chance.choice("1239")),)
            patience = chance.choice([None, chance.uniform(1, 300)])
            sim.call(target, keys=keys, patience=patience, talks_for=chance.uniform(5, 200))
        agent = chance.choice(["ann", "bob", "cat"])
        sim.behaviours[f"{agent}-phone"] = chance.choices(kinds, [10, 4, 1, 1, 1, 1])[0]
        if chance.random() < 0.15:
            sim.ask(agent, chance.choice([Availability.PAUSED, Availability.LOGGED_OUT]), "lunch")
            sim.later(60, lambda agent=agent: sim.ask(agent, Availability.READY))
        talks = [t for t in sim.centre.talks.state.talks.values() if t.phase == "talking" and t.agent]
        if talks and chance.random() < 0.1:
            one = chance.choice(talks)
            assert one.agent is not None
            sim.tell(facts.TransferAsked(one.agent.leg, chance.choice(["203", "202", "301", "+33900"])))
        if chance.random() < 0.1:
            sim.dial(f"{agent}-phone", chance.choice(["*8", "*8201", "*8202", "*8203"]))
        if chance.random() < restarts:
            sim.restart()
    sim.run(7200)
    return sim


@pytest.mark.parametrize("seed", range(4))
def test_a_day_adds_up(seed: int) -> None:
    sim = a_day(seed, 250, check=True)
    left = sim.centre.state.interactions
    for name, talk in list(sim.centre.talks.state.talks.items()):
        assert talk.customer.kind == "text" or talk.phase == "waiting", (name, talk.phase)
    for leg in [talk.customer.leg for talk in sim.centre.talks.state.talks.values()]:
        sim.hang_up(leg)
    sim.run(600)
    assert not left and not sim.voice.legs and not sim.web.legs
    records = sim.ledger.records(limit=10_000)
    assert len(records) == sim.centre.state.interactions_made
    for queue in ("sales", "help"):
        offered, handled, abandoned, overflowed = totals(sim, queue)
        assert offered == handled + abandoned + overflowed and handled > 10
    sim.check_replay()


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_phones_that_ring_together_adds_up(seed: int) -> None:
    sim = a_day(seed, 250, check=True, every_s=70.0, restarts=0.03, strategy="ring_all", on_miss={})
    for leg in [talk.customer.leg for talk in sim.centre.talks.state.talks.values()]:
        sim.hang_up(leg)
    sim.run(600)
    assert not sim.centre.state.interactions and not sim.voice.legs and not sim.web.legs
    routing = sim.centre.router.state
    assert not routing.offers and not routing.other_offers
    records = [sim.ledger.record(row.interaction) for row in sim.ledger.records(limit=10_000)]
    taken = [b"taken" in row.body for row in records if row is not None]
    assert sum(taken) > 20
    for queue in ("sales", "help"):
        offered, handled, abandoned, overflowed = totals(sim, queue)
        assert offered == handled + abandoned + overflowed and handled > 0
    sim.check_replay()


def test_the_same_seed_is_the_same_day() -> None:
    one, two = a_day(7, 60, check=False), a_day(7, 60, check=False)
    assert one.facts == two.facts and one.commands == two.commands
    assert one.centre.dump() == two.centre.dump()
    assert a_day(8, 60, check=False).facts != one.facts


def test_a_broken_invariant_is_told() -> None:
    sim = centre("ann")
    sim.call()
    sim.centre.router.state.agents["ann"].load = 0
    with pytest.raises(BrokenCentre, match="agent ann has load 0, but holds"):
        sim.run(5)
    other = centre("ann")
    call = other.call()
    other.voice.legs.pop(call)
    with pytest.raises(BrokenCentre, match="is not up"):
        other.look()
    assert isinstance(Rules(), Rules)
