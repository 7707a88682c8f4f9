"""Callers wait and none of the queue's agents can be rung: an alarm that says why, and only then."""

from typing import Any

from ccd.model import facts
from ccd.model.nouns import Availability, OfferEnd
from ccd.runtime import troubles
from ccd.runtime.alarm_board import NOBODY_LOGGED_IN, NOBODY_RUNG, AlarmBoard, causes
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER
from tests.scenario.centre_rules import centre


class Watched:
    """A centre whose board is looked at every ten seconds, as the daemon does."""

    def __init__(self, sim: SimulatedCentre) -> None:
        self.sim = sim
        self.board = AlarmBoard()
        self.standing: list[dict[str, Any]] = []

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 10)):
            self.sim.run(10)
            seen = troubles.Troubles(self.sim.centre, self.sim.now)
            found = troubles.found(self.sim.centre, seen)
            self.standing = self.board.look(found, self.sim.now, causes(seen.queues))

    def why(self, what: str = NOBODY_RUNG, queue: str = "sales") -> str:
        """Empty: the alarm does not stand."""
        rows = [each for each in self.standing if (each["what"], each["name"]) == (what, queue)]
        return rows[0]["why"] if rows else ""


def test_all_were_paused_for_missed_offers() -> None:
    sim = centre("ann", "bob", on_miss={OfferEnd.NO_ANSWER: 1})
    watched = Watched(sim)
    for agent in ("ann", "bob"):
        sim.phone(f"{agent}-phone", NEVER)
    sim.call()
    watched.run(20)
    assert watched.why() == ""  # bob still rings
    watched.run(60)
    assert watched.why() == "1 waiting; its agents: 2 paused: missed"
    sim.phone("ann-phone")
    sim.ask("ann", Availability.READY)
    watched.run(10)
    assert watched.why() == ""


def test_lost_phones_pauses_and_those_who_are_not_there_are_told_apart() -> None:
    sim = centre("ann", "bob")
    watched = Watched(sim)
    sim.tell(facts.DeviceLost("ann-phone", "no answer in 4 s"))
    sim.ask("bob", Availability.PAUSED, "lunch")
    sim.call()
    sim.call()
    watched.run(40)
    assert watched.why() == "2 waiting; its agents: 1 without a phone, 1 paused: lunch"
    sim.ask("bob", Availability.LOGGED_OUT)
    watched.run(10)
    assert watched.why() == "2 waiting; its agents: 1 without a phone, 1 logged out"
    assert watched.why(NOBODY_LOGGED_IN) == ""
    sim.tell(facts.DeviceReachable("ann-phone"))
    watched.run(10)
    assert watched.why() == ""


def test_callers_who_come_and_go_do_not_make_it_flap() -> None:
    sim = centre()
    watched = Watched(sim)
    for _ in range(5):
        sim.call(patience=15)
        watched.run(40)
        assert watched.why(NOBODY_LOGGED_IN)
    watched.run(60)
    assert not watched.standing


def test_nobody_logged_in_is_the_other_alarm_and_at_once() -> None:
    watched = Watched(centre())
    watched.sim.call()
    watched.run(10)
    assert watched.why(NOBODY_LOGGED_IN) == "1 waiting, nobody logged in"
    assert watched.why() == ""


def test_a_queue_that_is_merely_busy_has_none() -> None:
    """Both talk, one of them then wraps up; one talks and the other is at lunch."""
    sim = centre("ann", "bob", wrap_up_s=45.0)
    watched = Watched(sim)
    first, _second, _third = (sim.call() for _ in range(3))
    for _ in range(12):
        watched.run(10)
        assert not watched.standing
    sim.hang_up(first)
    watched.run(10)
    assert not watched.standing
    sim.ask("ann", Availability.PAUSED, "lunch")
    watched.run(60)
    assert not watched.standing


def test_a_pause_of_a_moment_is_none() -> None:
    sim = centre("ann")
    watched = Watched(sim)
    sim.call()
    sim.call()
    for _ in range(5):
        sim.ask("ann", Availability.PAUSED, "lunch")
        watched.run(10)
        sim.ask("ann", Availability.READY)
        watched.run(10)
        assert watched.why() == ""
