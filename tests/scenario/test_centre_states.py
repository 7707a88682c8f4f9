"""The whole centre on virtual time. What agents declare: by phone and console, counted, alarmed, replayed."""

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model.nouns import Availability
from ccd.model.rules import PauseReason
from ccd.runtime import troubles
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, centre, doing, report, rules


def with_lunch(on_longest: str = "alarm", **sales: object) -> SimulatedCentre:
    """The small centre where `*421` is an unpaid lunch of 600 s at most; ann is logged in."""
    lunch = PauseReason("lunch", paid=False, longest_s=600.0, on_longest=on_longest)
    reasons: dict[str, PauseReason | str] = {"1": lunch, "2": "training"}
    sim = SimulatedCentre(msgspec.structs.replace(rules(**sales), pause_reasons=reasons))
    sim.login("ann")
    sim.run(1)
    return sim


def alarms(sim: SimulatedCentre) -> list[str]:
    found = troubles.alarms(sim.centre, sim.now)
    return [f"{each['what']} {each['name']}: {each['why']}" for each in found]


def test_a_pause_from_the_phone_lasts_as_long_as_its_reason_allows() -> None:
    sim = with_lunch("ready")
    sim.dial("ann-phone", "*421")
    began = sim.now
    agent = sim.centre.router.state.agents["ann"]
    sim.run_until(began + 600 - TICK)
    assert agent.availability is Availability.PAUSED
    sim.run_until(began + 600)
    assert agent.availability is Availability.READY and agent.by == "policy:longest_s lunch 600"
    assert report(sim)["pauses"] == [
        {"agent": "ann", "reason": "lunch", "count": 1, "paid_s": 0.0, "unpaid_s": pytest.approx(600.0)}
    ]
    sim.check_replay()


def test_a_pause_that_is_too_long_stands_as_an_alarm_until_it_is_over() -> None:
    sim = with_lunch("alarm")
    sim.dial("ann-phone", "*421")
    sim.run(600 - 1)
    assert alarms(sim) == []
    sim.run(61)
    assert alarms(sim) == ["pause too long ann: lunch for 60 s more than allowed"]
    sim.ask("ann", Availability.READY)
    assert alarms(sim) == []
    sim.check_replay()


def test_a_pause_dialled_in_a_conversation_waits_for_its_end_and_its_wrap_up() -> None:
    sim = with_lunch("ready", wrap_up_s=10.0)
    call = sim.call(talks_for=60)
    sim.run(5)
    leg = sim.dial("ann-phone", "*421")
    assert sim.heard(leg).play == f"f{leg}"
    agent = sim.centre.router.state.agents["ann"]
    second = sim.call(talks_for=30)
    assert agent.availability is Availability.READY and sim.rings_at(second) == ""
    explained = "\n".join(explain(sim.centre.history.state.open[sim.interaction_of(second)]))
    assert "passed over ann: finishes its work, then lunch" in explained
    sim.hang_up(call)
    ended = sim.now
    sim.run_until(ended + 10 - TICK)
    assert (agent.availability, doing(sim, "ann")) == (Availability.READY, "wrap_up")
    sim.run_until(ended + 10)
    assert (agent.availability, agent.reason, agent.by) == (Availability.PAUSED, "lunch", "phone:ann-phone")
    sim.run_until(ended + 610)
    assert agent.availability is Availability.READY and sim.rings_at(second) == "ann"
    sim.check_replay()


def test_reasons_by_name_alone_go_on_as_before() -> None:
    sim = centre("ann")
    sim.dial("ann-phone", "*421")
    sim.run(100_000)
    assert sim.centre.router.state.agents["ann"].reason == "lunch" and alarms(sim) == []
