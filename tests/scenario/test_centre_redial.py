"""The whole centre on virtual time. Who hung up and calls again has the old place: records, restart."""

from typing import Any

import pytest

from ccd.history.explain import explain, tell
from ccd.history.state import Note
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, centre, totals

ANNA, BERT = "+33612345678", "+33687654321"


def lost(**sales: Any) -> tuple[SimulatedCentre, str, str]:
    """Anna called before bert and hung up; nobody is there to serve. The centre and their legs."""
    sim = centre(**{"redial_s": 300.0, **sales})
    anna = sim.call(origin=ANNA)
    sim.run(5)
    bert = sim.call(origin=BERT)
    sim.run(5)
    sim.hang_up(anna, Cause.CANCELLED)
    return sim, anna, bert


def noted(sim: SimulatedCentre, leg: str, what: str) -> Note | None:
    record = sim.centre.history.record(sim.interaction_of(leg)) or sim.record(leg)
    return next((note for note in record.timeline if note.what == what), None)


@pytest.mark.parametrize(("after", "back"), [(300 - TICK, True), (300.0, False), (300 + TICK, False)])
def test_who_calls_again_is_served_first(after: float, back: bool) -> None:
    sim, anna, bert = lost()
    sim.run(after)
    again = sim.call(origin=ANNA)
    sim.login("ann")
    assert sim.rings_at(again if back else bert) == "ann"
    assert bool(noted(sim, again, "took place back")) is back
    assert bool(noted(sim, anna, "place taken back")) is back
    assert not sim.centre.state.routing.lost and not sim.centre.state.history.kept  # type: ignore[union-attr]
    sim.check_replay()


def test_both_interactions_tell_of_each_other() -> None:
    sim, anna, _ = lost()
    sim.run(42)
    again = sim.call(origin=ANNA)
    first, second = sim.interaction_of(anna), sim.interaction_of(again)
    sim.run(3)
    sim.hang_up(again, Cause.CANCELLED)
    sim.run(1)
    assert any(f"place taken back: queue sales, by {second}" in line for line in tell(sim.record(anna)))
    assert any(
        f"took place back: queue sales, of {first}, lost s 42" in line for line in tell(sim.record(again))
    )
    assert any(
        f"took back the place of {first}, lost 42 s ago, in sales" in line
        for line in explain(sim.record(again))
    )
    assert any("place kept: queue sales, for s 300" in line for line in tell(sim.record(anna)))
    sim.check_replay()


def test_after_the_menu_it_is_the_same() -> None:
    sim, _, bert = lost()
    again = sim.call("+33101", origin=ANNA)
    sim.act(sim.voice.digit, again, "3")
    sim.run(20)
    sim.login("ann")
    assert sim.rings_at(again) == "ann" and not sim.rings_at(bert)
    sim.check_replay()


def test_the_figures_count_two_interactions_and_the_second_wait_alone() -> None:
    sim, _, _ = lost()
    sim.run(60)
    again = sim.call(origin=ANNA, talks_for=10)
    sim.login("ann")
    sim.run(60)
    assert totals(sim) == (3, 2, 1, 0)
    assert sim.record(again).waited_s == 2.0
    sim.check_replay()


@pytest.mark.parametrize("origin", ["", "anonymous", "sip:anna@example.net", "201"])
def test_who_shows_no_number_has_no_place_kept(origin: str) -> None:
    sim = centre(redial_s=300.0)
    call = sim.call(origin=origin)
    sim.run(5)
    sim.hang_up(call, Cause.CANCELLED)
    assert not sim.centre.router.state.lost
    assert noted(sim, sim.call(origin=origin), "took place back") is None
    sim.check_replay()


def test_calls_that_our_own_restart_cut_have_their_places_kept() -> None:
    sim = centre(redial_s=300.0)
    first = sim.call(origin=ANNA)
    sim.run(5)
    sim.restart()
    bert = sim.call(origin=BERT)
    sim.run(5)
    again = sim.call(origin=ANNA)
    assert noted(sim, first, "place taken back")
    sim.login("ann")
    assert sim.rings_at(again) == "ann" and not sim.rings_at(bert)
    sim.check_replay()


def test_a_place_that_is_kept_outlives_a_restart() -> None:
    sim, anna, _ = lost()
    sim.run(10)
    sim.restart()
    again = sim.call(origin=ANNA)
    assert noted(sim, again, "took place back") and noted(sim, anna, "place taken back")
    sim.check_replay()


def test_who_was_hung_up_by_a_supervisor_has_no_place_to_come_back_to() -> None:
    sim = centre(redial_s=300.0)
    anna = sim.call(origin=ANNA)
    sim.run(5)
    bert = sim.call(origin=BERT)
    sim.tell(facts.HangupAsked(sim.interaction_of(anna), by="ccctl:eve"))
    sim.run(5)
    assert totals(sim) == (2, 0, 1, 0) and noted(sim, anna, "place kept") is None
    sim.call(origin=ANNA)
    sim.login("ann")
    assert sim.rings_at(bert) == "ann"
    sim.check_replay()
