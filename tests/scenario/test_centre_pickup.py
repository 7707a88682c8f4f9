"""The whole centre on virtual time. Call pickup: a phone is put in the place of another."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import PICKED_UP, explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause
from ccd.model.rules import FeatureCodes, OwnCalls
from ccd.testing.centre import SimulatedCentre
from ccd.testing.fake_channel import LegState
from ccd.testing.invariants import faults
from ccd.testing.parties import NEVER, Behaviour
from tests.scenario.centre_rules import doing, rules, totals

OUTSIDE = "+33145678901"


def centre(*agents: str, **sales: Any) -> SimulatedCentre:
    """ann (201, two phones) and bob (202) serve sales (300), cat (203) serves help (301); bob is slow."""
    base = rules(**{"record": True, "ring_timeout_s": 20.0, **sales})
    ann = msgspec.structs.replace(base.agents["ann"], devices=("ann-phone", "ann-cell"))
    own = OwnCalls(may_dial=("+33",), record=True)
    sim = SimulatedCentre(msgspec.structs.replace(base, agents={**base.agents, "ann": ann}, own_calls=own))
    sim.behaviours[OUTSIDE] = Behaviour(answers_after=5.0)
    for phone in ("ann-phone", "cat-phone"):
        sim.phone(phone)
    sim.phone("ann-cell", NEVER)
    sim.phone("bob-phone", NEVER)
    for name in agents:
        sim.login(name)
        sim.run(1)
        sim.phone("bob-phone", NEVER)
    return sim


def notes(sim: SimulatedCentre, leg: str) -> list[dict[str, Any]]:
    """What the timeline says of pickup, also while it runs."""
    name = sim.interaction_of(leg)
    record = sim.centre.history.record(name) or sim.record(leg)
    return [note.details for note in record.timeline if note.what == PICKED_UP]


def rings_at_bob(sim: SimulatedCentre) -> str:
    """A customer, for whom bob's phone rings; ann comes back from a pause meanwhile."""
    sim.ask("ann", Availability.PAUSED, "lunch")
    call = sim.call()
    sim.run(3)
    assert sim.rings_at(call) == "bob"
    return call


def sound(sim: SimulatedCentre) -> None:
    assert faults(sim.centre, {"voice": sim.voice}) == []
    sim.check_replay()


# -- what rings at a colleague -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["code", "replaces"])
def test_an_agent_answers_what_rings_at_a_colleague_for_their_queue(how: str) -> None:
    sim = centre("ann", "bob")
    call = rings_at_bob(sim)
    agent = sim.talk(call).agent
    assert agent is not None
    theirs = agent.leg
    leg = sim.dial("ann-phone", "*8202") if how == "code" else sim.replace("ann-phone", theirs)
    assert sim.agent_of(call) == "ann" and sim.heard(call).peer == leg
    assert sim.voice.ended[theirs] is Cause.ANSWERED_ELSEWHERE and doing(sim, "bob") == "idle"
    sound(sim)
    sim.run(10)
    sim.hang_up(call)
    record = sim.record(call)
    assert (record.agents, record.outcome) == (["ann"], "handled") and totals(sim) == (1, 1, 0, 0)
    assert record.talked_s == pytest.approx(10.0, abs=0.2)
    (note,) = notes(sim, call)
    assert (note["agent"], note["device"], note["result"], note["of"]) == (
        "ann",
        "ann-phone",
        "answers",
        "bob",
    )
    told = "\n".join(explain(record))
    assert "it rings at a colleague, and the agent asked for it" in told
    assert doing(sim, "ann") == "paused", "as before"
    sim.check_replay()


def unconfirmed(sim: SimulatedCentre) -> tuple[str, str, str]:
    """A call that rings at bob and that ann picks up, but her phone has not confirmed it: bob's leg, hers."""
    call = rings_at_bob(sim)
    agent = sim.talk(call).agent
    assert agent is not None
    legs: list[str] = []

    def picks_up(other: str) -> None:
        legs.append(sim.voice.replace("ann-phone", other))
        sim.voice.legs[legs[0]].state = LegState.RINGING  # which no 200 of ours answers

    sim.act(picks_up, agent.leg)
    assert doing(sim, "ann") == doing(sim, "bob") == "ringing"
    return call, agent.leg, legs[0]


@pytest.mark.parametrize("first", ["bob", "ann"])
def test_who_is_there_first_has_it(first: str) -> None:
    sim = centre("ann", "bob")
    call, theirs, mine = unconfirmed(sim)
    sim.act(sim.voice.answer, theirs if first == "bob" else mine)
    assert sim.agent_of(call) == first
    assert sim.voice.ended[mine if first == "bob" else theirs] is Cause.ANSWERED_ELSEWHERE
    assert sorted((doing(sim, "ann"), doing(sim, "bob"))) == (
        ["paused", "talking"] if first == "bob" else ["idle", "talking"]
    )
    sound(sim)


def test_the_phone_that_picks_up_is_lost_and_the_colleague_rings_on() -> None:
    sim = centre("ann", "bob")
    call, theirs, mine = unconfirmed(sim)
    sim.act(sim.voice.end, mine, Cause.VANISHED)
    assert sim.rings_at(call) == "bob" and doing(sim, "ann") == "paused"
    sim.act(sim.voice.answer, theirs)
    assert sim.agent_of(call) == "bob"
    sound(sim)


def test_the_customer_hangs_up_meanwhile() -> None:
    sim = centre("ann", "bob")
    call, _, mine = unconfirmed(sim)
    sim.hang_up(call)
    assert mine in sim.voice.ended and totals(sim) == (1, 0, 1, 0)
    assert (doing(sim, "ann"), doing(sim, "bob")) == ("paused", "idle")
    sound(sim)


@pytest.mark.parametrize(
    ("who", "cause", "why"),
    [
        ("cat", Cause.FORBIDDEN, "does not serve sales, or has no room"),
        ("bob", Cause.BUSY, "its own phones ring"),
        ("ann", Cause.BUSY, "is talking"),
        ("out", Cause.FORBIDDEN, "is logged out"),
    ],
)
def test_who_may_not(who: str, cause: Cause, why: str) -> None:
    sim = centre("ann", "bob", "cat")
    if who == "ann":
        first = sim.call()
        sim.run(5)
        assert sim.agent_of(first) == "ann"
        call = sim.call()
        sim.run(3)
    else:
        call = rings_at_bob(sim)
    if who == "out":
        sim.ask("ann", Availability.LOGGED_OUT)
        who = "ann"
    leg = sim.dial(f"{who}-phone", "*8202")
    assert sim.voice.ended[leg] is cause and sim.rings_at(call) == "bob"
    (note,) = notes(sim, call)
    assert (note["result"], note["agent"], note["why"]) == ("refused", who, why)
    sound(sim)


@pytest.mark.parametrize("target", ["*8999", "*8300", "*8202", "*8"])
def test_where_nothing_rings_there_is_nothing_to_pick_up(target: str) -> None:
    sim = centre("ann", "bob")
    leg = sim.dial("ann-phone", target)
    assert sim.voice.ended[leg] in {Cause.NOT_FOUND, Cause.UNREACHABLE}
    assert not sim.centre.state.interactions and doing(sim, "ann") == "idle"


def test_a_phone_of_nobody_and_a_leg_that_is_gone() -> None:
    sim = centre("ann", "bob")
    call = rings_at_bob(sim)
    agent = sim.talk(call).agent
    assert agent is not None
    stranger = sim.replace("lobby", agent.leg)
    late = sim.replace("ann-phone", "voice:gone")
    assert sim.voice.ended[stranger] is Cause.FORBIDDEN
    assert sim.voice.ended[late] is Cause.UNREACHABLE


def test_without_a_code_it_is_a_call_as_any() -> None:
    sim = centre("ann", "bob")
    changed = msgspec.structs.replace(sim.centre.state.rules, features=FeatureCodes(pickup=""))
    sim.tell(facts.RulesLoaded(changed, "test"))
    leg = sim.dial("ann-phone", "*8202")
    assert sim.voice.ended[leg] is Cause.NOT_FOUND


def test_a_call_dialled_to_a_colleague_is_answered_by_another_of_the_team() -> None:
    sim = centre("ann", "bob", "cat")
    mine = sim.dial("cat-phone", "202")
    sim.run(3)
    leg = sim.dial("ann-phone", "*8202")
    assert sim.heard(mine).peer == leg and doing(sim, "bob") == "idle" and doing(sim, "ann") == "talking"
    sound(sim)
    sim.run(10)
    sim.hang_up(mine)
    record = sim.record(mine)
    assert (record.agents, record.outcome) == (["cat", "ann"], "answered")
    assert doing(sim, "ann") == "idle"


def test_nobody_outside_the_team_answers_a_call_dialled_to_a_colleague() -> None:
    sim = centre("ann", "bob", "cat")
    sim.dial("ann-phone", "202")
    sim.run(3)
    leg = sim.dial("cat-phone", "*8202")
    assert sim.voice.ended[leg] is Cause.FORBIDDEN and doing(sim, "cat") == "idle"
    sound(sim)


@pytest.mark.parametrize("stays", [True, False])
def test_a_customer_sent_on_to_a_colleague_goes_on_with_who_picks_up(stays: bool) -> None:
    sim = centre("ann", "bob", agents=("ann", "bob", "cat"))
    call = sim.call()
    sim.run(5)
    agent = sim.talk(call).agent
    assert agent is not None and agent.agent == "ann"
    sim.act(sim.voice.transfer, agent.leg, "202")
    sim.run(2)
    if not stays:
        sim.hang_up(agent.leg)
    sim.login("cat")
    leg = sim.dial("cat-phone", "*8202")
    assert sim.agent_of(call) == "cat" and sim.heard(call).peer == leg
    assert (doing(sim, "bob"), doing(sim, "cat")) == ("idle", "talking") and doing(sim, "ann") != "talking"
    sound(sim)
    sim.run(5)
    sim.hang_up(call)
    assert sim.record(call).agents == ["ann", "cat"] and totals(sim) == (1, 1, 0, 0)


# -- one's own conversation, by another phone ----------------------------------------------------------


def test_a_conversation_goes_on_by_the_other_phone() -> None:
    sim = centre("ann", wrap_up_s=30.0)
    call = sim.call()
    sim.run(10)
    agent = sim.talk(call).agent
    assert agent is not None
    former = agent.leg
    leg = sim.dial("ann-cell", "*8")
    assert sim.agent_of(call) == "ann" and sim.heard(call).peer == leg
    assert sim.voice.ended[former] is Cause.ANSWERED_ELSEWHERE
    assert doing(sim, "ann") == "talking", "no wrap-up, nothing new"
    assert agent.device == "ann-cell"
    started = sim.performed(cmd.StartRecording)
    assert [(each.leg, each.peer) for each in started if isinstance(each, cmd.StartRecording)] == [
        (call, former),
        (call, leg),
    ]
    sound(sim)
    sim.run(10)
    sim.hang_up(leg)
    assert doing(sim, "ann") == "wrap_up"
    record = sim.record(call)
    assert (record.agents, record.outcome) == (["ann"], "handled") and totals(sim) == (1, 1, 0, 0)
    assert record.talked_s == pytest.approx(18.0, abs=0.5)
    (note,) = notes(sim, call)
    assert (note["result"], note["device"], note["former"], note["leg"]) == ("moved", "ann-cell", former, leg)
    sim.check_replay()


def test_it_is_taken_off_hold_by_that() -> None:
    sim = centre("ann")
    call = sim.call()
    sim.run(10)
    agent = sim.talk(call).agent
    assert agent is not None
    sim.act(sim.voice.hold, agent.leg)
    assert sim.heard(call).music == "default"
    leg = sim.dial("ann-cell", "*8")
    assert sim.heard(call).peer == leg and not agent.held
    place = next(iter(sim.centre.router.state.places.values()))
    assert not place.on_hold
    sound(sim)


def test_nobody_else_takes_over_a_conversation() -> None:
    sim = centre("ann", "bob")
    call = sim.call()
    sim.run(10)
    agent = sim.talk(call).agent
    assert agent is not None and agent.agent == "ann"
    former = agent.leg
    for other in (former, call):
        leg = sim.replace("bob-phone", other)
        assert sim.voice.ended[leg] is Cause.FORBIDDEN
    mine = sim.replace("ann-cell", call)
    assert sim.voice.ended[mine] is Cause.FORBIDDEN, "nor the customer's own leg"
    assert sim.heard(call).peer == former
    assert [note["why"] for note in notes(sim, call)] == ["a conversation of somebody else"] * 3


@pytest.mark.parametrize("held", [False, True])
def test_an_own_call_goes_on_by_the_other_phone(held: bool) -> None:
    sim = centre("ann")
    former = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    third = sim.talk(former).third
    assert third is not None
    if held:
        sim.act(sim.voice.hold, third.leg)
    leg = sim.dial("ann-cell", "*8")
    assert sim.voice.ended[former] is Cause.ANSWERED_ELSEWHERE
    assert (sim.heard(leg).music == "default") if held else (sim.heard(third.leg).peer == leg)
    assert doing(sim, "ann") == "talking"
    sound(sim)
    sim.run(5)
    sim.hang_up(leg)
    assert sim.record(former).outcome == "answered" and doing(sim, "ann") == "idle"
    sim.check_replay()


def test_who_was_called_moves_too_and_an_own_place_in_a_queue() -> None:
    sim = centre("ann", "bob")
    caller = sim.dial("bob-phone", "201")
    sim.run(5)
    leg = sim.dial("ann-cell", "*8")
    assert sim.heard(caller).peer == leg
    sim.hang_up(caller)
    waits = sim.dial("ann-phone", "301")
    sim.run(2)
    moved = sim.dial("ann-cell", "*8")
    assert sim.heard(moved).music == "default" and sim.voice.ended[waits] is Cause.ANSWERED_ELSEWHERE
    sim.login("cat")
    sim.run(5)
    assert sim.agent_of(moved) == "cat" and sim.heard(moved).peer
    sound(sim)


def test_of_two_conversations_the_one_that_is_not_on_hold() -> None:
    sim = centre("ann")
    call = sim.call()
    sim.run(10)
    agent = sim.talk(call).agent
    assert agent is not None
    sim.act(sim.voice.hold, agent.leg)
    consult = sim.dial("ann-phone", OUTSIDE)
    sim.run(10)
    third = sim.talk(consult).third
    assert third is not None
    leg = sim.dial("ann-cell", "*8")
    assert sim.heard(third.leg).peer == leg and sim.talk(call).agent is agent and agent.leg != leg
    sound(sim)


def test_what_is_not_answered_or_in_a_flow_stays() -> None:
    sim = centre("ann")
    sim.dial("ann-phone", OUTSIDE)
    sim.run(1)
    leg = sim.dial("ann-cell", "*8")
    assert sim.voice.ended[leg] is Cause.UNREACHABLE
    sim.run(10)
    assert doing(sim, "ann") == "talking"
    sound(sim)
