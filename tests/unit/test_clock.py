"""The clock follows steps forward only and says how far it is ahead; a steady one follows none."""

import pytest

from ccd import clock
from ccd.clock import STEP_S, SteadyClock, SystemClock

DAY = 1_800_000_000.0


class Machine:
    """The two clocks of a machine, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.run = DAY, 50.0
        monkeypatch.setattr(clock.time, "time", lambda: self.wall)
        monkeypatch.setattr(clock.time, "monotonic", lambda: self.run)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.run += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_step_forward_is_followed_by_the_one_and_not_by_the_other(machine: Machine) -> None:
    ours = SystemClock()
    steady = SteadyClock(ours)
    machine.passes(10.0)
    machine.wall += 3600.0
    assert ours.follow() == 3600.0
    assert ours.now() == DAY + 3610.0
    assert steady.now() == DAY + 10.0, "a registration of ten minutes does not end by a correction"
    machine.passes(5.0)
    assert steady.now() == DAY + 15.0


def test_how_far_it_is_ahead_of_a_machine_that_was_set_back(machine: Machine) -> None:
    ours = SystemClock()
    assert ours.ahead_s() == 0.0
    machine.wall -= STEP_S
    assert ours.ahead_s() == 0.0, "what is corrected all the time is no step"
    machine.wall -= 3600.0
    assert ours.ahead_s() == 3600.0 + STEP_S
    machine.passes(600.0)
    assert ours.ahead_s() == 3600.0 + STEP_S, "both run on"
    again = SystemClock(at_least=ours.now())
    assert again.ahead_s() == 3600.0 + STEP_S, (
        "a restart does not change it: the ledger's time never runs back"
    )
