"""The whole centre on virtual time. Recalls: who hangs up while waiting is called, unless they call again."""

from typing import Any

import pytest

from ccd.model import facts
from ccd.testing.parties import Behaviour
from tests.scenario.callback_line import ANN_CALLS, BEN_CALLS, Line
from tests.scenario.centre_rules import TICK


def recalling(callback: dict[str, Any] | None = None, **sales: Any) -> Line:
    """ann talks; whoever hangs up after 10 s is to be called back after a minute."""
    return Line(callback={"recall": True, **(callback or {})}, **sales)


def give_up(line: Line, interaction: str, after_s: float = 20.0) -> None:
    line.sim.run_until(line.sim.centre.state.interactions[interaction].entered_at + after_s)
    line.sim.hang_up(line.sim.centre.state.interactions[interaction].leg)


def recall_of(line: Line, interaction: str) -> str:
    """The recall kept for an interaction; empty: none."""
    for info in line.sim.centre.state.interactions.values():
        if info.callback is not None and info.callback.recall_of == interaction:
            return info.id
    return ""


def test_who_hangs_up_is_called_back_in_the_place_that_was_lost() -> None:
    line = recalling()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS, talks_for=10)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=3.0)
    give_up(line, a)
    recall = recall_of(line, a)
    assert line.record(a).outcome == "abandoned" and line.waiting() == [recall, b]
    line.sim.run(60)
    line.end_first()
    line.sim.run(10)
    assert (line.dialled(), line.phase(recall)) == ([ANN_CALLS], "talking")
    line.sim.hang_up(line.sim.centre.talks.state.talks[recall].customer.leg)
    line.sim.run(20)
    record = line.record(recall)
    assert (record.outcome, record.agents, record.origin) == ("handled", ["ann"], ANN_CALLS)
    assert record.timeline[0].details["recall_of"] == a
    kept = next(note for note in line.record(a).timeline if note.what == "recall kept")
    assert kept.details["by"] == recall
    assert line.figures() == (4, 3, 1, 0, 0)
    line.sim.check_replay()


@pytest.mark.parametrize(("moment", "dialled"), [(-TICK, []), (0.0, [ANN_CALLS]), (TICK, [ANN_CALLS])])
def test_it_rests_for_its_time_and_holds_up_nobody(moment: float, dialled: list[str]) -> None:
    line = recalling({"recall_after_s": 60.0, "first": "customer"})
    a = line.call(ANN_CALLS)
    give_up(line, a)
    began = line.sim.now
    line.end_first()
    line.sim.run_until(began + 60 + moment)
    assert line.dialled() == dialled


@pytest.mark.parametrize(("waited", "kept"), [(10.0 - TICK, False), (10.0, True), (10.0 + TICK, True)])
def test_who_hangs_up_at_once_is_not_called(waited: float, kept: bool) -> None:
    line = recalling({"recall_waited_s": 10.0})
    a = line.call(ANN_CALLS)
    give_up(line, a, waited)
    assert bool(recall_of(line, a)) is kept
    if not kept:
        assert any(note.what == "no recall" for note in line.record(a).timeline)


def test_who_calls_again_is_not_called_and_may_have_the_place_back() -> None:
    line = recalling(redial_s=300.0)
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    give_up(line, a)
    recall = recall_of(line, a)
    line.sim.run(30)
    again = line.call(ANN_CALLS)
    assert line.waiting() == [again, b], "the lost place was left for this"
    record = line.record(recall)
    assert record.outcome == "overflowed"
    assert any(note.details.get("why") == f"called again as {again}" for note in record.timeline)
    line.sim.run(60)
    assert line.dialled() == []
    line.sim.check_replay()


def test_who_gives_up_twice_has_one_recall() -> None:
    line = recalling()
    a = line.call(ANN_CALLS)
    give_up(line, a)
    again = line.call(ANN_CALLS)
    give_up(line, again)
    assert (recall_of(line, a), bool(recall_of(line, again))) == ("", True)
    line.sim.check_replay()


@pytest.mark.parametrize("origin", ["", "sip:ann@example.org", "+3389123456"])
def test_a_number_that_cannot_be_called_has_no_recall(origin: str) -> None:
    line = recalling({"deny": ("+3389",)})
    a = line.call(origin)
    give_up(line, a)
    assert recall_of(line, a) == ""


def test_whom_we_hang_up_on_is_not_called_nor_anybody_without_the_rule() -> None:
    line = recalling()
    a = line.call(ANN_CALLS)
    line.sim.run(20)
    line.sim.tell(facts.HangupAsked(a, "test"))
    line.sim.run(5)
    assert recall_of(line, a) == ""
    line = Line()
    a = line.call(ANN_CALLS)
    give_up(line, a)
    assert recall_of(line, a) == ""


def test_a_recall_that_is_given_up_raises_no_other() -> None:
    line = recalling({"first": "customer"})
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=1.0)
    give_up(line, a)
    recall = recall_of(line, a)
    line.end_first()
    line.sim.run(62)
    assert line.phase(recall) == "offered"
    line.sim.hang_up(line.sim.centre.talks.state.talks[recall].customer.leg)
    assert line.record(recall).outcome == "abandoned"
    assert recall_of(line, recall) == "" and line.waiting() == []


def test_a_restart_keeps_it_and_calls_back_those_whom_it_cut_off() -> None:
    line = recalling()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    give_up(line, a)
    recall = recall_of(line, a)
    line.sim.run(20)
    line.sim.restart()
    assert recall_of(line, a) == recall
    assert recall_of(line, b)
    line.sim.check_replay()
