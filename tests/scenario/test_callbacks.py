"""The whole centre on virtual time. Callbacks: the line is left, the place kept, the customer called."""

from typing import Any

import msgspec
import pytest

from ccd.bridging.callbacks import GOODBYE_S
from ccd.bridging.state import Phase
from ccd.bridging.talks import ENDING_S
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.testing.parties import BUSY, NEVER, Behaviour
from tests.scenario.callback_line import ANN_CALLS, BEN_CALLS, CAT_CALLS, Line
from tests.scenario.centre_rules import TICK, doing


def test_the_place_is_kept_and_served_in_its_turn_among_those_who_hold_the_line() -> None:
    line = Line()
    a, b, c = line.call(ANN_CALLS), line.call(BEN_CALLS, talks_for=10), line.call(CAT_CALLS, talks_for=10)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=4.0)
    leg = line.sim.centre.state.interactions[a].leg
    line.leave(a)
    assert leg not in line.sim.voice.legs and line.waiting() == [a, b, c]
    assert line.sim.centre.router.position(b, line.sim.now) == 2
    line.end_first()
    line.sim.run(1)
    dial = line.sim.performed(cmd.DialLeg)[-1]
    assert isinstance(dial, cmd.DialLeg) and dial.devices == ("ann-phone",)
    assert (dial.card.callback, dial.card.caller, dial.card.interaction) == (True, ANN_CALLS, a)
    line.sim.run(1.5)  # ann answered, and hears it ring
    assert (line.phase(a), line.place(a), line.dialled()) == ("calling", "accepted", [ANN_CALLS])
    agent = line.sim.centre.talks.state.talks[a].agent
    assert agent is not None and line.sim.heard(agent.leg).music == "tone:ringback"
    line.sim.run(4)
    assert (line.phase(a), line.place(a)) == ("talking", "connected")
    line.sim.hang_up(line.sim.centre.talks.state.talks[a].customer.leg)
    line.sim.run(60)
    served = sorted((a, b, c), key=lambda name: line.record(name).timeline[-1].at)
    assert served == [a, b, c], "nobody lost a place, nobody won one"
    assert line.figures() == (4, 4, 0, 0, 0)
    record = line.record(a)
    assert (record.outcome, record.agents) == ("handled", ["ann"])
    whats = [note.what for note in record.timeline]
    assert [what for what in whats if what in ("queued", "callback kept", "left the line", "bridged")] == [
        "queued", "callback kept", "left the line", "bridged"
    ]  # fmt: skip
    line.sim.check_replay()


def test_who_came_before_goes_before_a_callback_and_priority_counts_as_ever() -> None:
    line = Line()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.leave(b)
    assert line.waiting() == [a, b]
    line.sim.tell(facts.ChangeAsked(b, "test", priority=5))
    assert line.waiting() == [b, a]
    line.sim.check_replay()


def test_nobody_is_rung_before_the_goodbye_is_over() -> None:
    line = Line(busy=False)
    line.sim.behaviours["ann-phone"] = NEVER
    a = line.call(ANN_CALLS)
    assert line.phase(a) == "offered"
    line.sim.tell(facts.CallbackAsked(a, "test"))
    asked = line.sim.now
    assert (line.phase(a), line.place(a), doing(line.sim, "ann")) == ("waiting", "resting", "idle")
    line.sim.run_until(asked + 2 - TICK)
    assert line.place(a) == "resting"
    line.sim.run_until(asked + 2)
    assert line.place(a) == "offered"
    line.sim.check_replay()


def test_a_goodbye_that_never_ends_is_cut() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    leg = line.sim.centre.state.interactions[a].leg
    line.sim.tell(facts.CallbackAsked(a, "test"))
    asked = line.sim.now
    line.sim.voice.legs[leg].play = "another"  # its end is never told
    line.sim.run_until(asked + GOODBYE_S - TICK)
    assert leg in line.sim.voice.legs and line.place(a) == "resting"
    line.sim.run_until(asked + GOODBYE_S)
    assert leg not in line.sim.voice.legs and line.place(a) == "waiting"


def test_who_hangs_up_in_the_goodbye_is_called_back_all_the_same() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    line.sim.tell(facts.CallbackAsked(a, "test"))
    line.sim.hang_up(line.sim.centre.state.interactions[a].leg)
    assert line.place(a) == "waiting" and line.figures()[2] == 0


@pytest.mark.parametrize(
    ("behaviour", "cause", "after"),
    [
        (BUSY, "busy", 120.0),
        (NEVER, "no_answer", 900.0),
        (Behaviour(answers_after=None, fails_after=3.0, cause=Cause.REJECTED), "rejected", 900.0),
        (None, "unreachable", 300.0),
        (Behaviour(answers_after=None, fails_after=1.0, cause=Cause.CONGESTION), "congestion", 300.0),
    ],
)
def test_the_next_attempt_comes_at_the_time_of_its_cause(
    behaviour: Behaviour | None, cause: str, after: float
) -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    b = line.call(BEN_CALLS)
    line.leave(a)
    if behaviour is not None:
        line.sim.behaviours[ANN_CALLS] = behaviour
    line.end_first()
    while line.sim.centre.state.interactions[a].callback.attempts == 0:  # type: ignore[union-attr]
        line.sim.run(0.1)
    place = line.sim.centre.router.state.places[a]
    assert place.phase.value == "resting" and place.callback is not None
    failed_at = next(
        n.at for n in line.sim.centre.history.state.open[a].timeline if n.what == "callback failed"
    )
    assert place.callback.rests_until == failed_at + after
    assert line.place(b) == "offered", "who is behind is not held up"
    agent = line.sim.centre.router.state.agents["ann"]
    assert agent.wrap_up is None and agent.totals.missed == 0
    line.sim.run(5)
    leg = line.sim.centre.talks.state.talks[b].customer.leg
    line.sim.hang_up(leg)
    line.sim.run_until(failed_at + after - TICK)
    assert line.place(a) == "resting" and doing(line.sim, "ann") == "idle"
    line.sim.behaviours[ANN_CALLS] = Behaviour()
    line.sim.run_until(failed_at + after)
    assert line.place(a) == "offered"
    line.sim.run(10)
    assert line.phase(a) == "talking"
    assert line.sim.centre.state.interactions[a].callback.last.value == cause  # type: ignore[union-attr]
    line.sim.check_replay()


def test_the_phone_of_the_customer_rings_for_its_time() -> None:
    line = Line(callback={"ring_s": 25.0})
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.end_first()
    line.sim.run(2)
    assert line.phase(a) == "calling"
    began = line.sim.now
    line.sim.run_until(began + 25 - TICK)
    assert line.phase(a) == "calling" and doing(line.sim, "ann") == "calling"
    line.sim.run_until(began + 25)
    assert (line.phase(a), line.place(a), doing(line.sim, "ann")) == ("waiting", "resting", "idle")


def test_the_last_attempt_ends_it_with_an_outcome_of_its_own() -> None:
    line = Line(callback={"attempts": 2})
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = BUSY
    line.leave(a)
    line.end_first()
    line.sim.run(60)
    assert line.phase(a) == "waiting"
    line.sim.run(120)
    record = line.record(a)
    assert (record.outcome, record.cause) == ("callback_failed", Cause.LAPSED)
    assert line.figures() == (2, 1, 0, 0, 1) and line.dialled() == [ANN_CALLS, ANN_CALLS]
    assert line.sim.centre.state.callbacks == {}
    line.sim.check_replay()


def test_its_time_ends_it_at_its_time() -> None:
    line = Line(callback={"valid_s": 600.0})
    a = line.call(ANN_CALLS)
    asked = line.sim.now
    line.leave(a)
    line.sim.run_until(asked + 600 - TICK)
    assert line.phase(a) == "waiting"
    line.sim.run_until(asked + 600)
    assert line.phase(a) == "ended" and line.record(a).outcome == "callback_failed"
    given_up = next(note for note in line.record(a).timeline if note.what == "callback given up")
    assert given_up.details == {"why": "valid_s"}


def test_an_attempt_that_runs_at_the_end_of_its_time_is_made_to_its_end() -> None:
    line = Line(callback={"valid_s": 600.0})
    a = line.call(ANN_CALLS)
    asked = line.sim.now
    line.leave(a)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.sim.run_until(asked + 590)
    line.end_first()
    line.sim.run_until(asked + 610)
    assert line.phase(a) == "calling"
    line.sim.run(30)
    assert line.phase(a) == "ended" and line.record(a).outcome == "callback_failed"
    line.sim.check_replay()


def test_an_agent_who_hangs_up_while_it_rings_costs_the_customer_no_attempt() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.end_first()
    line.sim.run(5)
    agent = line.sim.centre.talks.state.talks[a].agent
    assert agent is not None and line.phase(a) == "calling"
    line.sim.hang_up(agent.leg)
    callback = line.sim.centre.state.interactions[a].callback
    place = line.sim.centre.router.state.places[a].callback
    assert callback is not None and place is not None
    assert (callback.attempts, place.rests_until) == (0, line.sim.now + 900)
    assert (line.phase(a), doing(line.sim, "ann")) == ("waiting", "idle")
    assert line.sim.centre.router.state.agents["ann"].totals.missed == 0
    line.sim.check_replay()


def test_an_agent_who_does_not_answer_misses_a_callback_as_any_other_call() -> None:
    line = Line(on_miss={"no_answer": 1})
    a = line.call(ANN_CALLS)
    line.leave(a)
    line.sim.behaviours["ann-phone"] = NEVER
    line.end_first()
    line.sim.run(21)
    assert (line.phase(a), line.place(a), doing(line.sim, "ann")) == ("waiting", "waiting", "paused")
    assert line.dialled() == [], "no customer is called before an agent is there"


def test_a_kill_in_the_middle_of_an_attempt_makes_it_anew_and_counts_it_once() -> None:
    line = Line()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.leave(b)
    line.end_first()
    line.sim.run(5)
    assert line.phase(a) == "calling"
    line.sim.restart()
    line.sim.behaviours[ANN_CALLS] = Behaviour()
    assert line.waiting() == [a, b]
    line.sim.run(10)
    assert line.phase(a) == "talking" and line.dialled() == [ANN_CALLS, ANN_CALLS]
    line.sim.hang_up(line.sim.centre.talks.state.talks[a].customer.leg)
    line.sim.run(1)
    assert line.record(a).outcome == "handled"
    assert line.figures() == (3, 2, 0, 0, 0)
    line.sim.check_replay()


def test_a_restart_keeps_every_deadline() -> None:
    line = Line(callback={"valid_s": 2000.0})
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.leave(b)
    line.sim.behaviours[ANN_CALLS] = BUSY
    line.leave(a)
    line.end_first()
    line.sim.run(5)
    before = line.sim.centre.router.state.places[a].callback
    line.sim.run(10)
    line.sim.unplug("ann-phone")
    line.sim.restart()
    after = line.sim.centre.router.state.places[a].callback
    assert before is not None and after is not None and line.place(a) == "resting"
    assert (after.until, after.rests_until) == (before.until, before.rests_until)
    line.sim.run_until(after.rests_until - TICK)
    assert line.place(a) == "resting"
    line.sim.run_until(after.rests_until)
    assert line.place(a) == "waiting"
    line.sim.run_until(after.until)
    assert line.phase(a) == line.phase(b) == "ended"
    line.sim.check_replay()


def test_what_sends_away_who_holds_a_line_keeps_a_callback() -> None:
    line = Line(max_wait_s=60.0, leave_empty="logged_out")
    a = line.call(ANN_CALLS)
    b = line.call(BEN_CALLS)
    line.leave(a)
    line.sim.run(120)
    assert (line.phase(a), line.phase(b)) == ("waiting", "ended")
    line.sim.tell(facts.AvailabilityAsked("ann", "logged_out"))  # type: ignore[arg-type]
    line.end_first()
    line.sim.run(60)
    assert line.phase(a) == "waiting"
    line.sim.check_replay()


def test_the_console_ends_it() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    line.leave(a)
    line.sim.tell(facts.HangupAsked(a, "ccctl:root"))
    assert line.phase(a) == "ended" and line.record(a).outcome == "callback_failed"
    assert line.figures() == (2, 1, 0, 0, 1)


def test_one_callback_a_number_and_queue() -> None:
    line = Line()
    a, b = line.call(ANN_CALLS), line.call(ANN_CALLS)
    line.leave(a)
    line.leave(b)
    assert not line.sim.centre.talks.state.talks[b].away
    assert line.sim.centre.history.state.open[b].timeline[-1].details["why"] == "already"
    line.leave(b, "06 22 22 22 22")
    assert not line.sim.centre.talks.state.talks[b].away, "a number without country code needs a country"
    line.leave(b, "+33 6 22 22 22 22")
    assert line.sim.centre.talks.state.talks[b].away
    assert sorted(line.sim.centre.state.callbacks) == [f"{ANN_CALLS} sales", f"{BEN_CALLS} sales"]


@pytest.mark.parametrize(
    ("rule", "number", "kept"),
    [
        ({"deny": ("+3389",)}, "+33891234567", False),
        ({"deny": ("+3389",)}, "+33612345678", True),
        ({"allow": ("+336", "+337")}, "+33712345678", True),
        ({"allow": ("+336", "+337")}, "+33112345678", False),
        ({"allow": ("+33",), "deny": ("+3389",)}, "+33891234567", False),
        ({}, "112", False),
        ({}, "anonymous", False),
    ],
)
def test_which_numbers_are_called_back(rule: dict[str, Any], number: str, kept: bool) -> None:
    line = Line(callback=rule)
    a = line.call(ANN_CALLS)
    line.leave(a, number)
    assert line.sim.centre.talks.state.talks[a].away is kept


@pytest.mark.parametrize("first", [False, True])
def test_who_calls_again_and_is_served_is_not_called_any_more(first: bool) -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    b = line.call(ANN_CALLS)
    line.leave(a)
    line.sim.behaviours[ANN_CALLS] = NEVER if first else BUSY
    if first:  # before the callback is tried
        line.sim.tell(facts.ChangeAsked(b, "test", priority=5))
    line.end_first()
    line.sim.run(10)
    assert line.phase(b) == "talking" and line.phase(a) == "ended"
    record = line.record(a)
    assert record.outcome == "overflowed" and line.figures()[3] == 1
    assert record.timeline[-3].details == {"why": f"served as {b}"}
    line.sim.run(2000)
    assert line.dialled() == ([] if first else [ANN_CALLS]) and line.sim.centre.state.callbacks == {}
    line.sim.check_replay()


def test_a_callback_is_told_no_place() -> None:
    line = Line(announce_position=True, announce_every_s=10.0)
    a = line.call(ANN_CALLS)
    line.leave(a)
    due = line.sim.centre.next_deadline()
    assert due is not None and due > line.sim.now + 10_000, "nothing is due but its end"


def test_a_number_of_our_own_is_not_called_back() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    now = line.sim.centre.state.rules
    numbers = {**now.numbers, BEN_CALLS: "straight"}
    line.sim.tell(facts.RulesLoaded(msgspec.structs.replace(now, numbers=numbers), "test"))
    line.leave(a, BEN_CALLS)
    assert not line.sim.centre.talks.state.talks[a].away
    line.leave(a, CAT_CALLS)
    assert line.sim.centre.talks.state.talks[a].away


def test_a_hang_up_during_the_goodbye_closes_the_interaction() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    leg = line.sim.centre.state.interactions[a].leg
    turn = line.sim.centre.turn  # nobody carries out its commands
    turn(facts.CallbackAsked(a, "test"), line.sim.now)
    talk = line.sim.centre.talks.state.talks[a]
    turn(facts.HangupAsked(a, "test"), line.sim.now)
    turn(facts.PromptEnded(leg, talk.playing, True), line.sim.now)
    assert talk.phase is Phase.ENDING and not talk.customer_gone, "its leg is being ended, nobody left a line"
    turn(facts.TimePassed(), line.sim.now + ENDING_S)
    assert line.phase(a) == "ended" and leg not in line.sim.centre.talks.legs


def test_a_goodbye_that_is_overdue_when_its_turn_comes_is_cut_before_the_call() -> None:
    line = Line(busy=False)
    line.sim.behaviours["ann-phone"] = NEVER
    a = line.call(ANN_CALLS)
    leg = line.sim.centre.state.interactions[a].leg
    turn = line.sim.centre.turn
    turn(facts.CallbackAsked(a, "test"), line.sim.now)
    line.sim.centre.push(line.sim.centre.router.wake(a, line.sim.now))
    line.sim.centre.settle()  # its turn, though the goodbye still plays
    agent = line.sim.centre.talks.state.talks[a].agent
    assert agent is not None
    turn(facts.LegAnswered(agent.leg, "ann-phone"), line.sim.now)
    assert line.phase(a) == "calling" and leg not in line.sim.centre.talks.legs


def test_leaving_the_line_stops_every_phone_that_rings_for_it() -> None:
    line = Line(busy=False, agents=("ann", "bob"), strategy="ring_all")
    line.sim.login("bob")
    line.sim.behaviours |= {"ann-phone": NEVER, "bob-phone": NEVER}
    a = line.call(ANN_CALLS)
    assert sorted(line.sim.centre.router.offers_of(a)) == ["ann", "bob"]
    line.sim.tell(facts.CallbackAsked(a, "test"))
    assert (line.place(a), line.sim.centre.router.offers_of(a)) == ("resting", {})
    assert (doing(line.sim, "ann"), doing(line.sim, "bob")) == ("idle", "idle")
    line.sim.check_replay()
