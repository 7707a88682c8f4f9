"""The routing engine. Pauses: what their reason says, the longest time at its instant, what is counted."""

import msgspec
import pytest

from ccd.errors import IllegalMove
from ccd.model.nouns import Availability
from ccd.model.rules import PauseReason, Rules
from ccd.routing import decisions as d
from ccd.routing.pauses import MOVES, PauseEvent, next_stage
from ccd.routing.router import Router
from ccd.routing.state import PauseStage, RoutingState
from tests.scenario.routing_hall import TICK, Hall, every, only


def hall_of(on_longest: str = "alarm", **queue: object) -> Hall:
    """Ann is ready; lunch is unpaid and lasts 600 s at most, training is paid without a limit."""
    hall = Hall("ann", **queue)
    lunch = PauseReason("lunch", paid=False, longest_s=600.0, on_longest=on_longest)
    rules = msgspec.structs.replace(hall.rules, pause_reasons={"1": lunch, "2": "training"})
    hall.rules = rules
    hall.router.load_rules(rules, hall.now)
    return hall


def left_s(hall: Hall) -> float | None:
    view = hall.router.agent_view("ann", hall.now)
    assert view is not None
    return view.pause_left_s


@pytest.mark.parametrize(
    ("on_longest", "then"), [("ready", Availability.READY), ("log_out", Availability.LOGGED_OUT)]
)
def test_the_longest_pause_ends_at_its_instant(on_longest: str, then: Availability) -> None:
    hall = hall_of(on_longest)
    hall.pause("ann")
    began = hall.now
    assert hall.at(began + 600 - TICK) == []
    assert left_s(hall) == pytest.approx(TICK, abs=1e-6)
    out = hall.at(began + 600)
    assert only(out, d.PauseEnded) == d.PauseEnded("ann", "lunch", False, 600.0)
    by = "policy:longest_s lunch 600"
    assert only(out, d.AvailabilityChanged) == d.AvailabilityChanged("ann", then, "", by)
    assert hall.at(began + 600 + TICK) == [] and hall.router.next_deadline() is None


def test_who_is_ready_after_the_longest_pause_is_offered_what_waits() -> None:
    hall = hall_of("ready")
    hall.pause("ann")
    began = hall.now
    hall.call("i1")
    assert every(hall.at(began + 600 - TICK), d.Offer) == []
    assert only(hall.at(began + 600), d.Offer).interaction == "i1"


def test_an_alarm_is_told_once_and_the_pause_goes_on() -> None:
    hall = hall_of("alarm")
    hall.pause("ann")
    began = hall.now
    assert hall.at(began + 600 - TICK) == []
    assert hall.at(began + 600) == [d.PauseTooLong("ann", "lunch", 600.0)]
    assert hall.at(began + 600 + TICK) == [] and hall.router.next_deadline() is None
    hall.now = began + 700
    assert left_s(hall) == -100.0
    assert only(hall.ready("ann"), d.PauseEnded).seconds == 700.0
    assert left_s(hall) is None


def test_the_longest_time_runs_from_when_nothing_is_left_to_finish() -> None:
    hall = hall_of("ready", wrap_up_s=30.0)
    hall.call("i1")
    hall.talk("i1")
    hall.pause("ann")
    hall.now += 1000
    assert left_s(hall) is None and hall.router.next_deadline() is None
    hall.router.finish("i1", hall.now)
    hall.at(hall.now + 30)
    began = hall.now
    assert left_s(hall) == 600.0
    assert hall.at(began + 600 - TICK) == []
    assert only(hall.at(began + 600), d.PauseEnded).seconds == 600.0, "work and wrap-up are no pause"


def test_a_phone_that_rang_is_no_work_left_to_finish() -> None:
    hall = hall_of("ready")
    hall.call("i1")
    hall.pause("ann")
    assert left_s(hall) == 600.0


def test_another_reason_is_another_pause_and_the_same_changes_nothing() -> None:
    hall = hall_of("ready")
    hall.pause("ann", "training")
    hall.now += 5000
    assert hall.router.next_deadline() is None
    assert only(hall.pause("ann", "lunch"), d.PauseEnded) == d.PauseEnded("ann", "training", True, 5000.0)
    hall.now += 100
    assert hall.pause("ann", "lunch") == []
    assert left_s(hall) == 500.0


def test_a_reload_and_a_restart_do_not_touch_a_pause() -> None:
    hall = hall_of("ready")
    hall.pause("ann")
    began = hall.now
    hall.now += 100
    other = msgspec.structs.replace(hall.rules, pause_reasons={"1": PauseReason("lunch", longest_s=1.0)})
    assert hall.router.load_rules(other, hall.now) == []
    dumped = msgspec.msgpack.encode(hall.router.state)
    hall.router = Router(other, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert hall.router.next_deadline() == began + 600
    assert only(hall.at(began + 600), d.PauseEnded).paid is False


def test_an_agent_removed_ends_the_pause() -> None:
    hall = hall_of("ready")
    hall.pause("ann")
    hall.now += 50
    gone = msgspec.structs.replace(hall.rules, agents={})
    out = hall.router.load_rules(gone, hall.now)
    assert only(out, d.PauseEnded) == d.PauseEnded("ann", "lunch", False, 50.0)
    assert hall.router.next_deadline() is None


def test_paid_and_unpaid_are_counted_apart_and_by_reason() -> None:
    hall = hall_of()
    for reason, seconds in (("lunch", 60), ("training", 30), ("lunch", 6)):
        hall.pause("ann", reason)
        hall.now += seconds
        hall.ready("ann")
        hall.now += 1
    totals = hall.router.state.agents["ann"].totals
    assert (totals.paused_s, totals.unpaid_pause_s, totals.paid_pause_s) == (96.0, 66.0, 30.0)
    assert totals.pause_s == {"lunch": 66.0, "training": 30.0}


def test_a_reason_that_nobody_set_up_is_paid_and_has_no_limit() -> None:
    hall = hall_of()
    hall.pause("ann", "missed")
    hall.now += 9999
    assert hall.router.next_deadline() is None
    assert only(hall.ready("ann"), d.PauseEnded).paid is True


@pytest.mark.parametrize("stage", PauseStage)
@pytest.mark.parametrize("event", PauseEvent)
def test_every_pair_of_stage_and_event(stage: PauseStage, event: PauseEvent) -> None:
    if (stage, event) in MOVES:
        assert next_stage(stage, event, "ann") is MOVES[stage, event]
        return
    with pytest.raises(IllegalMove, match=f"the pause of ann is {stage}: '{event}' is not possible"):
        next_stage(stage, event, "ann")


def test_rules_of_an_older_ledger_are_read() -> None:
    old = msgspec.json.decode(b'{"pause_reasons":{"1":"lunch"}}', type=Rules)
    assert old.pause_reasons == {"1": "lunch"}
