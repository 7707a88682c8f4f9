"""A message (or a callback) that rests because its queue is closed, and a reload that changes the hours."""

import msgspec
import pytest

from ccd.model import facts
from ccd.model.hours import CalendarRule, Span
from ccd.model.rules import Target
from ccd.model.steps import Enqueue
from tests.scenario.centre_rules import TICK
from tests.scenario.test_voicemail import Desk

BEGINS = 1_700_000_000.0  # Tuesday, 22:13:20 UTC
MIDNIGHT = BEGINS + 3600 + 46 * 60 + 40


def reload(desk: Desk, hour: int, until: int = 17) -> None:
    """From now on it is open from this hour to that one."""
    office = CalendarRule(name="office", zone="UTC", week=((Span(hour * 60, until * 60),),) * 7)
    rules = msgspec.structs.replace(desk.sim.centre.state.rules, calendars={"office": office})
    desk.sim.tell(facts.RulesLoaded(rules, "test"))


def resting() -> tuple[Desk, str]:
    """A message left in the evening for a queue that opens at nine."""
    desk = Desk(Enqueue(queue="sales"), calendar="office", closed_to=Target(voicemail="sales"), open_at=9)
    name = desk.leave()
    assert desk.place(name) == "resting"
    return desk, name


def test_a_reload_that_opens_the_queue_offers_it_at_once() -> None:
    desk, name = resting()
    reload(desk, 0, 24)
    assert desk.place(name) == "offered"
    desk.sim.check_replay()


@pytest.mark.parametrize("hour", [7, 11])
def test_a_reload_with_another_opening_lets_it_rest_until_then(hour: int) -> None:
    desk, name = resting()
    reload(desk, hour)
    desk.sim.run_until(MIDNIGHT + hour * 3600 - TICK)
    assert desk.place(name) == "resting"
    desk.sim.run_until(MIDNIGHT + hour * 3600)
    assert desk.place(name) == "offered"
    desk.sim.check_replay()


def test_a_reload_with_the_same_hours_changes_nothing() -> None:
    desk, name = resting()
    before = len(desk.sim.centre.history.record(name).timeline)  # type: ignore[union-attr]
    reload(desk, 9)
    assert desk.place(name) == "resting"
    assert len(desk.sim.centre.history.record(name).timeline) == before  # type: ignore[union-attr]
    desk.sim.run_until(MIDNIGHT + 9 * 3600)
    assert desk.place(name) == "offered"
