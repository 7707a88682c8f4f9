"""The whole centre on virtual time. Far ends that are silent, gone, or came by way of another number."""

import pytest

from ccd.model.nouns import Cause
from ccd.model.steps import Branch, Case, Enqueue, Hangup
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import centre, doing, rules, whats


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_a_party_that_is_silent_and_answers_keeps_the_conversation(who: str) -> None:
    sim = centre("ann")
    call = sim.call()
    sim.run(3)
    leg = call if who == "customer" else sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.voice.lose_media(leg, alive=True)
    sim.run(60)
    assert doing(sim, "ann") == "talking" and sim.heard(call).peer
    sim.hang_up(call)
    record = sim.record(call)
    assert record.cause is Cause.NORMAL
    (silent,) = [note for note in record.timeline if note.what == "silent"]
    assert silent.details == {"role": who, "silent_s": 30.0}
    assert "media lost" not in whats(sim, call)
    sim.check_replay()


def test_a_session_that_expires_has_a_cause_of_its_own() -> None:
    sim = centre("ann")
    call = sim.call()
    sim.run(3)
    sim.hang_up(call, Cause.EXPIRED)
    assert sim.record(call).cause is Cause.EXPIRED and sim.record(call).outcome == "handled"
    assert doing(sim, "ann") == "idle"


@pytest.mark.parametrize(("diverted_from", "queue"), [("+33140506070", "help"), ("", "sales")])
def test_the_number_dialled_first_leads_the_flow(diverted_from: str, queue: str) -> None:
    steps = (
        Branch(cases=(Case(when='diverted_from == "+33140506070"', step="help"),), id="by"),
        Enqueue(queue="sales"),
        Enqueue(queue="help", id="help"),
        Hangup(),
    )
    sim = SimulatedCentre(rules(*steps))
    call = sim.voice.arrive("+33612345678", "+33100", diverted_from=diverted_from)
    sim.act(sim.run, 1)
    assert sim.centre.state.interactions["1"].queue == queue
    sim.hang_up(call)
    (arrived,) = [note for note in sim.record(call).timeline if note.what == "arrived"]
    assert arrived.details.get("diverted_from", "") == diverted_from
    sim.check_replay()
