"""The whole centre on virtual time. Files of messages that were handled are deleted after `keep_days`."""

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.voicemail_rules import VoicemailRule
from ccd.runtime.deletions import MOST_AT_ONCE
from tests.scenario.centre_rules import TICK
from tests.scenario.test_voicemail import Desk

DAY_S = 86_400.0


def handled(desk: Desk) -> float:
    """A message is left and handled: when."""
    name = desk.leave()
    desk.sim.run(3)
    desk.press(name, "#")
    at = desk.sim.now
    desk.sim.run(1)
    assert desk.phase(name) == "ended"
    return at


def deleted(desk: Desk) -> list[tuple[str, ...]]:
    return [each.paths for each in desk.sim.performed(cmd.DeleteFiles)]  # type: ignore[union-attr]


def test_at_its_day_and_not_before() -> None:
    desk = Desk(voicemail=VoicemailRule(keep_days=2.0))
    at = handled(desk)
    desk.sim.run_until(at + 2 * DAY_S - TICK)
    assert deleted(desk) == []
    desk.sim.run_until(at + 2 * DAY_S + 1)
    assert deleted(desk) == [("1-1.wav",)]
    state = desk.sim.centre.state
    assert (state.deletions, state.deleting) == ([], [])
    desk.sim.run(10 * DAY_S)
    assert len(deleted(desk)) == 1
    desk.sim.check_replay()


@pytest.mark.parametrize("keep_days", [None, 0.0])
def test_without_the_key_nothing_is_deleted_and_with_nought_at_once(keep_days: float | None) -> None:
    desk = Desk(voicemail=VoicemailRule(keep_days=keep_days))
    handled(desk)
    desk.sim.run(1)
    assert deleted(desk) == ([] if keep_days is None else [("1-1.wav",)])


def test_what_waits_or_was_ended_by_hand_stays() -> None:
    desk = Desk(agents=(), voicemail=VoicemailRule(keep_days=0.001))
    name = desk.leave()
    desk.sim.run(DAY_S)
    assert deleted(desk) == [] and desk.place(name) == "waiting"
    desk.sim.tell(facts.HangupAsked(name, "test"))
    desk.sim.run(DAY_S)
    assert desk.phase(name) == "ended" and deleted(desk) == []


def test_many_on_one_day_go_a_few_at_a_time() -> None:
    desk = Desk()
    due = [(desk.sim.now + 5.0, f"/m/{number:03}.wav") for number in range(MOST_AT_ONCE * 2 + 3)]
    desk.sim.centre.state.deletions = list(due)
    desk.sim.run(6)
    assert [len(each) for each in deleted(desk)] == [MOST_AT_ONCE, MOST_AT_ONCE, 3]
    assert sorted(path for each in deleted(desk) for path in each) == [path for _, path in due]


def test_a_restart_before_it_was_done_asks_again() -> None:
    desk = Desk(voicemail=VoicemailRule(keep_days=1.0))
    at = handled(desk)
    desk.sim.run_until(at + DAY_S - 1)
    desk.sim._deaf = True
    desk.sim.run(2)
    assert deleted(desk) == [] and desk.sim.centre.state.deleting == ["1-1.wav"]
    desk.sim._deaf = False
    desk.sim.restart()
    assert deleted(desk) == [("1-1.wav",)] and desk.sim.centre.state.deleting == []
    desk.sim.tell(facts.FilesDeleted(("1-1.wav",), "twice"))
    desk.sim.check_replay()
