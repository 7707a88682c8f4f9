"""The whole centre on virtual time. Calls that would stand for ever: too long, or silent on both sides."""

import msgspec
import pytest

from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.testing.centre import SimulatedCentre
from tests.scenario.callback_line import ANN_CALLS, Line
from tests.scenario.centre_rules import TICK, doing, rules, whats

HOUR_S = 3600.0


def limited(limit_s: float, *agents: str) -> SimulatedCentre:
    sim = SimulatedCentre(msgspec.structs.replace(rules(), longest_call_s=limit_s))
    sim.login(*agents)
    return sim


def test_a_conversation_ends_at_its_limit_with_a_cause_of_its_own() -> None:
    sim = limited(2 * HOUR_S, "ann")
    began, call = sim.now, sim.call()
    sim.run_until(began + 2 * HOUR_S - TICK)
    assert doing(sim, "ann") == "talking"
    sim.run_until(began + 2 * HOUR_S)
    sim.run(1)
    record = sim.record(call)
    assert (record.cause, record.outcome, doing(sim, "ann")) == (Cause.TOO_LONG, "handled", "idle")
    (note,) = [note for note in record.timeline if note.what == "call too long"]
    assert note.details == {"lasted_s": 7200}
    assert sim.voice.ended[call] is Cause.TOO_LONG
    sim.check_replay()


def test_so_does_one_that_waits_and_one_that_an_agent_dialled() -> None:
    sim = limited(HOUR_S, "ann")
    sim.behaviours["+33140506070"] = sim.behaviours["ann-phone"]
    waiting = sim.call("+33101", keys=((1.0, "1"),))
    sim.run(600)
    dialled = sim.dial("ann-phone", "201")
    sim.run(HOUR_S - 600 + 1)
    assert sim.record(waiting).cause is Cause.TOO_LONG
    sim.run(HOUR_S)
    assert dialled not in sim.centre.talks.legs and not sim.centre.state.interactions
    sim.check_replay()


def test_no_limit_and_chats_have_none() -> None:
    sim = limited(0.0, "ann")
    call = sim.call()
    sim.run(40 * HOUR_S)
    assert sim.heard(call).peer
    sim = limited(HOUR_S)
    sim.chat("hello")
    sim.run(5 * HOUR_S)
    assert len(sim.centre.state.interactions) == 1


def test_a_reload_counts_for_calls_that_stand() -> None:
    sim = limited(0.0, "ann")
    call = sim.call()
    sim.run(2 * HOUR_S)
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(rules(), longest_call_s=3 * HOUR_S), "test"))
    sim.run(HOUR_S + 1)
    assert sim.record(call).cause is Cause.TOO_LONG
    sim.check_replay()


def test_who_is_called_back_has_a_new_call() -> None:
    line = Line(busy=True, callback={"valid_s": 86_000.0})
    sim = line.sim
    sim.tell(
        facts.RulesLoaded(msgspec.structs.replace(sim.centre.state.rules, longest_call_s=HOUR_S), "test")
    )
    sim.phone(ANN_CALLS, answers_after=1)
    a = line.call(ANN_CALLS)
    line.leave(a)
    sim.run(HOUR_S - 20)  # the first call, which ann talks in, ends by its limit, then she calls back
    sim.run(60)
    assert line.phase(a) == "talking"
    sim.run(HOUR_S - 120)
    assert line.phase(a) == "talking"
    sim.run(130)
    assert line.record(a).cause is Cause.TOO_LONG
    sim.check_replay()


def test_what_stands_in_a_snapshot_ends_at_the_same_instant() -> None:
    sim = limited(2 * HOUR_S, "ann")
    sim.call()
    sim.run(HOUR_S)
    due = sim.centre.next_deadline()
    sim.centre.load(sim.centre.dump())
    assert sim.centre.next_deadline() == due


@pytest.mark.parametrize("held", [False, True])
def test_both_silent_ends_the_call_unless_one_holds(held: bool) -> None:
    sim = limited(0.0, "ann")
    call = sim.call()
    sim.run(5)
    agent = sim.talk(call).agent
    assert agent is not None
    if held:
        sim.voice.hold(agent.leg)
        sim.run(1)
    sim.tell(facts.MediaLost(call, 900.0, alive=True, both=True))
    sim.run(1)
    if held:
        assert doing(sim, "ann") == "talking"
        return
    record = sim.record(call)
    assert (record.cause, record.outcome) == (Cause.SILENT, "handled")
    assert "both silent" in whats(sim, call)
    sim.check_replay()
