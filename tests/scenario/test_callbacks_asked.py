"""The whole centre on virtual time. Callbacks: how callers ask for one, by a key or by a step of a flow."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule, Span
from ccd.model.nouns import Availability
from ccd.model.rules import FlowRule, QueueRule, Rules
from ccd.model.steps import AnyStep, CallBack, Goto, Hours, Menu, Play, Set
from ccd.model.steps_keys import Collect
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER, PROMPT_S, Behaviour
from tests.scenario.callback_line import ANN_CALLS, BEN_CALLS, Line
from tests.scenario.centre_rules import TICK, rules, whats

KEY = {"key": "1"}
READ_S = PROMPT_S * (1 + 11)
"""The prompt and the eleven digits of the number."""


def heard(line: Line, interaction: str) -> list[str]:
    """What a caller was told: names of prompts, and numbers spoken."""
    leg = line.sim.centre.state.interactions[interaction].leg
    played = [each for each in line.sim.performed(cmd.PlayPrompt) if each.leg == leg]
    return [part.name or str(part.number) for each in played for part in each.parts]  # type: ignore[union-attr]


def press(line: Line, interaction: str, keys: str) -> None:
    line.sim.act(line.sim.voice.digit, line.sim.centre.state.interactions[interaction].leg, keys)


def test_a_key_reads_the_number_back_and_one_keeps_it() -> None:
    line = Line(callback=KEY)
    a = line.call(ANN_CALLS)
    press(line, a, "1")
    line.sim.run(READ_S + 1)
    assert heard(line, a) == ["callback/number", *ANN_CALLS[1:], "callback/choose"]
    press(line, a, "1")
    assert heard(line, a)[-1] == "callback/kept"
    line.sim.run(3)
    talk = line.sim.centre.talks.state.talks[a]
    assert (talk.away, talk.number, line.place(a)) == (True, ANN_CALLS, "waiting")
    line.sim.check_replay()


def test_keys_may_be_pressed_over_what_is_read() -> None:
    line = Line(callback=KEY)
    a = line.call(ANN_CALLS)
    press(line, a, "11")
    assert line.sim.centre.talks.state.talks[a].away


def test_another_number_is_keyed_in_and_read_back() -> None:
    line = Line(callback=KEY)
    line.sim.centre.state.rules = msgspec.structs.replace(line.sim.centre.state.rules, country="FR")
    a = line.call(ANN_CALLS)
    press(line, a, "1")
    press(line, a, "2")
    press(line, a, "0699*0622222222#")
    press(line, a, "1")
    assert line.sim.centre.talks.state.talks[a].number == BEN_CALLS
    assert [*"0622222222", "callback/kept"] == heard(line, a)[-11:]


def test_no_key_leaves_everything_as_it_was_and_the_music_goes_on() -> None:
    line = Line(callback=KEY)
    a = line.call(ANN_CALLS)
    leg = line.sim.centre.state.interactions[a].leg
    press(line, a, "1")
    assert line.sim.heard(leg).play and not line.sim.heard(leg).music
    asked = line.sim.now
    end = asked + READ_S + PROMPT_S + 5.0
    line.sim.run_until(end - TICK)
    assert line.sim.centre.talks.state.talks[a].asking
    line.sim.run_until(end)
    assert not line.sim.centre.talks.state.talks[a].asking
    assert (line.sim.heard(leg).music, line.phase(a)) == ("default", "waiting")
    press(line, a, "1")
    assert line.sim.centre.talks.state.talks[a].asking, "it may be asked again"
    line.sim.check_replay()


def test_who_withholds_the_number_is_asked_for_one() -> None:
    line = Line(callback=KEY)
    a = line.call("")
    press(line, a, "1")
    line.sim.run(3)
    assert heard(line, a) == ["callback/other"]
    press(line, a, "12#")
    press(line, a, "1")
    line.sim.run(3)
    assert heard(line, a)[-2:] == ["callback/no-number", "callback/other"]
    line.sim.run(20)
    assert not line.sim.centre.talks.state.talks[a].asking, "no key: stays in the line"


def test_a_denied_number_is_said_and_another_asked_for() -> None:
    line = Line(callback={**KEY, "deny": ("+3361",)})
    a = line.call(ANN_CALLS)
    press(line, a, "11")
    line.sim.run(2.5)
    assert heard(line, a)[-2:] == ["callback/denied", "callback/other"]


def test_who_asks_again_is_told_that_it_is_kept_and_stays() -> None:
    line = Line(callback=KEY)
    a, b = line.call(ANN_CALLS), line.call(ANN_CALLS)
    press(line, a, "11")
    press(line, b, "11")
    line.sim.run(3)
    talk = line.sim.centre.talks.state.talks[b]
    assert heard(line, b)[-1] == "callback/already" and not talk.away and not talk.asking
    assert line.figures()[0] == 3


def test_an_agent_who_gets_free_meanwhile_gets_the_caller() -> None:
    """The place is not held aside while the caller chooses."""
    line = Line(callback=KEY)
    a = line.call(ANN_CALLS)
    press(line, a, "1")
    line.end_first()
    line.sim.run(4)
    assert line.phase(a) == "talking" and line.sim.centre.flows.where(a) == ""
    press(line, a, "1")
    line.sim.run(5)
    assert line.phase(a) == "talking"
    line.sim.check_replay()


def test_a_phone_that_rings_for_it_stops_when_the_caller_leaves() -> None:
    line = Line(callback=KEY)
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.sim.behaviours["ann-phone"] = NEVER
    line.end_first()
    assert line.phase(a) == "offered"
    press(line, a, "11")
    assert (line.place(a), line.phase(b)) == ("resting", "offered")
    assert line.sim.centre.router.state.agents["ann"].totals.missed == 0


def test_another_key_or_no_key_set_does_nothing() -> None:
    line = Line(callback=KEY)
    a = line.call(ANN_CALLS)
    press(line, a, "2")
    assert not line.sim.centre.talks.state.talks[a].asking
    line = Line()
    a = line.call(ANN_CALLS)
    press(line, a, "1")
    assert not line.sim.centre.talks.state.talks[a].asking


def test_an_overflow_while_the_caller_chooses_ends_the_asking() -> None:
    line = Line(callback=KEY, max_wait_s=10.0)
    a = line.call(ANN_CALLS)
    leg = line.sim.centre.state.interactions[a].leg
    press(line, a, "1")
    line.sim.run(15)
    assert line.phase(a) == "ended" and leg not in line.sim.voice.legs
    line.sim.check_replay()


def own_flow(*steps: object) -> Rules:
    made = rules(callback=CallbackRule(key="1", flow="ask"), agents=("ann",))
    ask = FlowRule(name="ask", steps=steps)  # type: ignore[arg-type]
    return msgspec.structs.replace(made, flows={**made.flows, "ask": ask})


def test_a_flow_of_ones_own_asks_and_the_wait_goes_on_at_its_end() -> None:
    steps = (
        Menu(prompt="really", choices={"5": "yes"}, id="menu", no_input_limit=1),
        CallBack(id="yes"),
        Play(prompts=("pity",)),
    )
    sim = SimulatedCentre(own_flow(*steps))
    leg = sim.call(origin=ANN_CALLS)
    talk = sim.talk(leg)
    sim.act(sim.voice.digit, leg, "1")
    assert sim.centre.flows.where(talk.interaction) == "ask/menu"
    sim.run(10)
    assert (sim.centre.flows.where(talk.interaction), talk.asking) == ("straight/#1", False)
    sim.act(sim.voice.digit, leg, "15")
    assert talk.away and sim.centre.flows.where(talk.interaction) == ""
    sim.check_replay()


def test_a_step_keeps_a_callback_for_who_has_not_waited() -> None:
    steps = (
        Collect(variable="mine", prompt="number", id="collect"),
        CallBack(queue="sales", number="mine", on_refused="collect"),
    )
    sim = SimulatedCentre(rules(*steps, agents=("ann",)))
    sim.login("ann")
    sim.behaviours[BEN_CALLS] = Behaviour()
    leg = sim.call(origin="")
    talk = sim.talk(leg)
    sim.act(sim.voice.digit, leg, "12#")
    sim.run(2.5)
    assert sim.centre.flows.where(talk.interaction) == "straight/collect"
    sim.centre.state.rules = msgspec.structs.replace(sim.centre.state.rules, country="FR")
    sim.act(sim.voice.digit, leg, "0622222222#")
    place = sim.centre.router.state.places[talk.interaction]
    assert place.phase.value == "resting" and sim.heard(leg).play and not sim.heard(leg).music
    sim.run(10)
    assert talk.phase.value == "talking" and talk.customer.address == BEN_CALLS
    totals = sim.centre.router.state.queues["sales"]
    assert (totals.offered, totals.handled, totals.overflowed) == (1, 1, 0)


def test_a_visitor_of_a_chat_goes_on_in_the_flow() -> None:
    steps = (CallBack(queue="sales"), Play(prompts=("sorry",)))
    sim = SimulatedCentre(rules(*steps))
    sim.chat("hello")
    assert sim.centre.state.interactions == {}


def test_a_full_queue_keeps_a_callback() -> None:
    made = rules(CallBack(queue="sales"), agents=("ann",), max_length=0)
    assert isinstance(made.queues["sales"], QueueRule)
    sim = SimulatedCentre(made)
    sim.call(origin=ANN_CALLS)
    sim.run(3)
    assert [place.phase.value for place in sim.centre.router.state.places.values()] == ["waiting"], (
        "though full"
    )


DAY = CalendarRule(name="day", zone="UTC", week=((Span(0, 23 * 60),),) * 7)


def slotted(*before: AnyStep, **more: Any) -> SimulatedCentre:
    """Who calls is called back at the time that stands in the variable `when`."""
    made = rules(
        *before,
        CallBack(queue="sales", at="when", on_refused="no", **more),
        Play(prompts=("pity",), id="no"),
        agents=("ann",),
        calendar="day",
    )
    sim = SimulatedCentre(msgspec.structs.replace(made, calendars={"day": DAY}))
    sim.login("ann")
    sim.behaviours[ANN_CALLS] = Behaviour()
    return sim


@pytest.mark.parametrize(("after", "phase"), [(-TICK, "resting"), (0.0, "offered"), (TICK, "offered")])
def test_a_callback_at_a_time_of_ones_own(after: float, phase: str) -> None:
    sim = slotted(Set(values={"when": "0930"}))
    sim.phone("ann-phone", NEVER)
    sim.run(60 - sim.now % 60)  # on a full minute
    leg = sim.call(origin=ANN_CALLS)
    name = sim.interaction_of(leg)
    wished = sim.centre.state.interactions[name].callback.wished_at  # type: ignore[union-attr]
    assert datetime.fromtimestamp(wished, UTC).strftime("%H%M") == "0930"
    sim.run(60)
    sim.restart()
    sim.login("ann")
    sim.run(wished + after - sim.now)
    assert sim.centre.router.state.places[name].phase.value == phase
    sim.check_replay()


def test_others_are_served_meanwhile_and_the_old_place_counts_then() -> None:
    sim = slotted(Set(values={"when": "0930"}))
    leg = sim.call(origin=ANN_CALLS)
    talk = sim.talk(leg)
    wished = sim.centre.state.interactions[talk.interaction].callback.wished_at  # type: ignore[union-attr]
    sim.run(wished - 30 - sim.now)
    other, third = sim.call("+33101", talks_for=35), sim.call("+33101")
    sim.act(sim.voice.digit, other, "3")
    sim.act(sim.voice.digit, third, "3")
    sim.run(25)
    assert talk.phase.value == "waiting" and sim.agent_of(other) == "ann"
    sim.run(25)
    assert talk.phase.value == "talking" and talk.customer.address == ANN_CALLS
    assert sim.agent_of(third) == "", "who came later waits"


def test_it_is_given_up_so_long_after_the_time_that_was_asked_for() -> None:
    sim = slotted(Set(values={"when": "0930"}))
    sim.ask("ann", Availability.PAUSED)
    leg = sim.call(origin=ANN_CALLS)
    name = sim.interaction_of(leg)
    wished = sim.centre.state.interactions[name].callback.wished_at  # type: ignore[union-attr]
    sim.run(wished + 28_800 - TICK - sim.now)
    assert name in sim.centre.state.interactions
    sim.run(TICK)
    assert sim.record(leg).outcome == "callback_failed"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("2330", "callback/closed-then"),
        ("2561", "callback/no-time"),
        ("1999-01-01 10:00", "callback/no-time"),
        ("2199-01-01 10:00", "callback/no-time"),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_words(when: str, said: str) -> None:
    sim = slotted(Set(values={"when": when}))
    leg = sim.call(origin=ANN_CALLS)
    sim.run(20)
    plays = [play for play in sim.performed(cmd.PlayPrompt) if play.leg == leg]  # type: ignore[union-attr]
    assert [play.parts[0].name for play in plays] == [said, "pity"]  # type: ignore[union-attr]


def test_without_a_time_it_is_in_turn_and_without_a_calendar_no_time_is_known() -> None:
    sim = slotted()
    talk = sim.talk(sim.call(origin=ANN_CALLS))
    sim.run(30)
    assert talk.phase.value == "talking"
    lost = slotted(Set(values={"when": "0930"}), calendar="gone")
    leg = lost.call(origin=ANN_CALLS)
    lost.run(20)
    assert "no callback" in whats(lost, leg)


def test_the_next_opening_is_a_time() -> None:
    made = rules(
        Hours(calendar="late", closed="later"),
        Goto(step="later"),
        CallBack(queue="sales", at="next_opening", calendar="late", id="later"),
        agents=("ann",),
    )
    late = CalendarRule(name="late", zone="Europe/Paris", week=((Span(12 * 60, 18 * 60),),) * 7)
    sim = SimulatedCentre(msgspec.structs.replace(made, calendars={"late": late}))
    sim.login("ann")
    sim.behaviours[ANN_CALLS] = Behaviour()
    talk = sim.talk(sim.call(origin=ANN_CALLS))
    wished = sim.centre.state.interactions[talk.interaction].callback.wished_at  # type: ignore[union-attr]
    assert datetime.fromtimestamp(wished, ZoneInfo("Europe/Paris")).strftime("%H:%M") == "12:00"
    sim.run(wished - sim.now - 1)
    assert talk.phase.value == "waiting"
    sim.run(15)
    assert talk.phase.value == "talking"
