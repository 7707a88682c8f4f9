"""The whole centre on virtual time. What a condition gives up is told, and survives a restart."""

from ccd.history.explain import explain
from ccd.model.rules import Relax
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import centre


def lines(sim: SimulatedCentre, leg: str) -> str:
    record = sim.centre.history.record(sim.interaction_of(leg)) or sim.record(leg)
    return "\n".join(explain(record))


def test_the_decision_says_what_was_given_up_and_why() -> None:
    relax = (
        Relax(when="waiting >= 2", drop=("french",), open=("help",)),
        Relax(30.0, when="queue.help.free > 0 or free == 7", at_most={"billing": 3}),
    )
    sim = centre("cat", requirement="billing", relax=relax)
    first, _ = sim.call(), sim.call()
    sim.run(40)
    told = lines(sim, first)
    assert "skill french no longer asked for; the agents of help may be asked: waiting >= 2, was 2\n" in told
    assert (
        "of skill billing level 3 will do: queue.help.free > 0 or free == 7, and it waited 30 s, "
        "was help free 1, free 0\n" in told
    )
    assert told.count("no longer asked for") == 1
    sim.check_replay()


def test_a_restart_in_the_midst_gives_the_same_state() -> None:
    relax = (Relax(when="service_level_pct < 50 or waiting > 1", open=("help",)),)
    sim = centre("ann", relax=relax)
    calls = [sim.call(patience=20) for _ in range(4)]
    sim.run(7)
    sim.check_replay()
    sim.login("cat")
    sim.run(3)
    assert "cat" in [sim.agent_of(call) for call in calls]
    sim.restart()
    sim.check_replay()
