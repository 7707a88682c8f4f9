"""The whole centre on virtual time. An agent joins two calls of its own, and is out."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import ATTENDED
from ccd.model import commands as cmd
from ccd.model.nouns import Cause
from ccd.model.rules import OwnCalls
from ccd.testing.centre import SimulatedCentre
from ccd.testing.invariants import faults
from ccd.testing.parties import NEVER, Behaviour
from tests.scenario.centre_rules import doing, rules, totals

OUTSIDE, OTHER = "+33145678901", "+33145678902"


def centre(*agents: str, **sales: Any) -> SimulatedCentre:
    """ann dials; bob (202) is there, cat (203) serves the queue help (301) once she logs in."""
    own = OwnCalls(may_dial=("+33",), record=True)
    sim = SimulatedCentre(msgspec.structs.replace(rules(record=True, **sales), own_calls=own))
    sim.behaviours[OUTSIDE] = sim.behaviours[OTHER] = Behaviour(answers_after=3.0)
    for name in ("ann", "bob"):
        sim.phone(f"{name}-phone")
    for name in agents:
        sim.login(name)
    return sim


def dial(sim: SimulatedCentre, target: str, seconds: float = 5.0) -> str:
    """One of ann's lines; the leg."""
    leg = sim.dial("ann-phone", target)
    sim.run(seconds)
    return leg


def far(sim: SimulatedCentre, leg: str) -> str:
    third = sim.talk(leg).third
    assert third is not None
    return third.leg


def joined(sim: SimulatedCentre, one: str, two: str) -> None:
    """Both lines are told, ann is out, and all is in order."""
    reports = [each for each in sim.commands if isinstance(each, cmd.ReportTransfer)]
    assert [(each.leg, each.done) for each in reports] == [(one, True)]
    assert [sim.voice.ended[leg] for leg in (one, two)] == [Cause.TRANSFERRED] * 2
    assert doing(sim, "ann") == "idle"
    sound(sim)


def sound(sim: SimulatedCentre) -> None:
    assert faults(sim.centre, {"voice": sim.voice}) == []
    sim.check_replay()


@pytest.mark.parametrize("other_way", [False, True])
@pytest.mark.parametrize("held", [False, True])
def test_somebody_outside_goes_on_with_a_colleague(other_way: bool, held: bool) -> None:
    """Whichever line the phone names first, and whether or not it held them."""
    sim = centre("ann", "bob")
    outside = dial(sim, OUTSIDE)
    if held:
        sim.act(sim.voice.hold, outside)
    consult = dial(sim, "202")
    customer, colleague = far(sim, outside), far(sim, consult)
    one, two = (consult, outside) if other_way else (outside, consult)
    sim.act(sim.voice.attend, one, two)
    joined(sim, one, two)
    assert sim.heard(customer).peer == colleague and doing(sim, "bob") == "talking"
    waits = sim.call()
    assert sim.rings_at(waits) == "ann", "bob is occupied"
    sim.run(10)
    sim.hang_up(colleague)
    assert customer not in sim.voice.legs and doing(sim, "bob") == "idle"
    record, asked = sim.record(outside), sim.record(consult)
    assert (record.target, record.direction, record.outcome) == (OUTSIDE, "out", "answered")
    assert record.agents == ["ann", "bob"] and record.dialled_by == "ann" and asked.outcome == "answered"
    assert record.talked_s > asked.talked_s
    (note,) = [note.details for note in record.timeline if note.what == ATTENDED]
    assert (note["agent"], note["to"], note["call"]) == ("ann", "bob", asked.interaction)
    recorded = [each for each in sim.performed(cmd.StartRecording) if isinstance(each, cmd.StartRecording)]
    assert (customer, colleague) in [(each.leg, each.peer) for each in recorded], "ours is the right side"
    sim.check_replay()


def test_the_other_one_hangs_up_and_the_colleague_is_free() -> None:
    sim = centre("ann", "bob")
    outside, consult = dial(sim, OUTSIDE), dial(sim, "202")
    customer, colleague = far(sim, outside), far(sim, consult)
    sim.act(sim.voice.attend, outside, consult)
    sim.act(sim.voice.hold, colleague)
    assert sim.heard(customer).music == "default"
    sim.act(sim.voice.hold, colleague, False)
    assert sim.heard(customer).peer == colleague
    sim.hang_up(customer)
    assert colleague not in sim.voice.legs and doing(sim, "bob") == "idle"
    assert not sim.centre.state.interactions


@pytest.mark.parametrize("who", ["customer", "colleague"])
def test_who_is_on_hold_at_that_instant_is_waited_for(who: str) -> None:
    sim = centre("ann", "bob")
    outside, consult = dial(sim, OUTSIDE), dial(sim, "202")
    legs = {"customer": far(sim, outside), "colleague": far(sim, consult)}
    sim.act(sim.voice.hold, legs[who])
    sim.act(sim.voice.attend, outside, consult)
    (waits,) = [leg for name, leg in legs.items() if name != who]
    assert sim.heard(waits).music == "default" and not sim.heard(waits).peer
    sim.act(sim.voice.hold, legs[who], False)
    assert sim.heard(waits).peer == legs[who]
    sound(sim)


def test_two_colleagues() -> None:
    sim = centre("ann", "bob")
    sim.phone("cat-phone")
    one, two = dial(sim, "202"), dial(sim, "203")
    first, second = far(sim, one), far(sim, two)
    sim.act(sim.voice.attend, one, two)
    joined(sim, one, two)
    assert sim.heard(first).peer == second
    assert (doing(sim, "bob"), doing(sim, "cat")) == ("talking", "talking")
    sim.hang_up(first)
    assert (doing(sim, "bob"), doing(sim, "cat")) == ("idle", "logged_out")
    assert sim.record(one).agents == ["ann", "bob", "cat"]


@pytest.mark.parametrize("other_way", [False, True])
def test_somebody_outside_waits_in_a_queue_in_the_agents_place(other_way: bool) -> None:
    sim = centre("ann", "bob")
    outside, waits = dial(sim, OUTSIDE), dial(sim, "301")
    customer = far(sim, outside)
    one, two = (waits, outside) if other_way else (outside, waits)
    sim.act(sim.voice.attend, one, two)
    joined(sim, one, two)
    assert sim.heard(customer).music == "default"
    sim.login("cat")
    last = sim.performed(cmd.DialLeg)[-1]
    assert isinstance(last, cmd.DialLeg) and last.card.caller == OUTSIDE
    sim.run(5)
    assert sim.heard(customer).peer and doing(sim, "cat") == "talking"
    sound(sim)
    sim.hang_up(customer)
    assert totals(sim, "help") == (1, 1, 0, 0) and sim.record(waits).agents == ["cat"]


def test_somebody_outside_goes_on_with_the_agent_of_a_queue() -> None:
    sim = centre("ann", "bob", "cat", help_queue={"record": True, "wrap_up_s": 20.0})
    outside, asks = dial(sim, OUTSIDE), dial(sim, "301")
    customer, agent = far(sim, outside), sim.talk(asks).agent
    assert agent is not None and agent.agent == "cat"
    sim.act(sim.voice.attend, outside, asks)
    joined(sim, outside, asks)
    assert sim.heard(customer).peer == agent.leg
    sim.hang_up(customer)
    assert doing(sim, "cat") == "wrap_up" and totals(sim, "help") == (1, 1, 0, 0)


def refused(sim: SimulatedCentre, one: str, two: str) -> Cause:
    """Why; and nothing has changed."""
    before = {leg: each.peer for leg, each in sim.voice.legs.items()}
    sim.act(sim.voice.attend, one, two)
    (report,) = [each for each in sim.commands if isinstance(each, cmd.ReportTransfer)]
    assert not report.done and before == {leg: each.peer for leg, each in sim.voice.legs.items()}
    sound(sim)
    return report.cause


def test_two_numbers_outside_are_not_joined() -> None:
    sim = centre("ann")
    assert refused(sim, dial(sim, OUTSIDE), dial(sim, OTHER)) is Cause.FORBIDDEN


@pytest.mark.parametrize("target", ["202", "+33101"])
def test_nobody_has_answered_yet_or_a_flow_has_it(target: str) -> None:
    sim = centre("ann")
    sim.phone("bob-phone", NEVER)
    assert refused(sim, dial(sim, OUTSIDE), dial(sim, target)) is Cause.UNREACHABLE


def test_calls_of_two_agents_are_not_joined() -> None:
    sim = centre("ann", "bob")
    mine = dial(sim, OUTSIDE)
    theirs = sim.dial("bob-phone", OTHER)
    sim.run(5)
    assert refused(sim, mine, theirs) is Cause.FORBIDDEN
    assert sim.heard(mine).peer and sim.heard(theirs).peer


def test_a_restart_afterwards_frees_everybody() -> None:
    sim = centre("ann", "bob")
    outside, consult = dial(sim, OUTSIDE), dial(sim, "202")
    sim.act(sim.voice.attend, outside, consult)
    sim.restart()
    assert not sim.centre.state.interactions and doing(sim, "bob") == "idle"
    sim.check_replay()
