"""The whole centre on virtual time. A callback or a message is kept, and the flow talks on: `on_kept`."""

from typing import Any

import msgspec
import pytest

from ccd.bridging.callbacks import AFTER_S
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule, Span
from ccd.model.nouns import Cause
from ccd.model.rules import EntryRule, FlowRule
from ccd.model.steps import AnyStep, CallBack, Enqueue, Hangup, Menu, Play, Set
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Voicemail
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import PROMPT_S
from tests.scenario.callback_line import ANN_CALLS
from tests.scenario.centre_rules import TICK, rules

TOLD = Play(say="We call {var.callback_number:digits}.", id="told")
BYE = Hangup(prompt="bye", id="bye")
KEEP = CallBack(queue="sales", on_kept="told", on_refused="bye", id="keep")
LEAVE = Voicemail(queue="sales", on_empty="bye", on_kept="told", id="leave")


class Caller:
    """A centre whose agents are not there yet, and one who calls."""

    def __init__(self, *steps: AnyStep, origin: str = ANN_CALLS, **sales: Any) -> None:
        week = ((Span(0, 24 * 60),),) * 7
        office = {"office": CalendarRule(name="office", zone="Europe/Paris", week=week)}
        found = rules(*steps, **{"calendar": "office", "callback": CallbackRule(), **sales})
        self.sim = SimulatedCentre(msgspec.structs.replace(found, calendars=office))
        self.leg = self.sim.call(origin=origin)
        self.sim.run(TICK)
        self.name = self.sim.interaction_of(self.leg)

    def heard(self) -> list[str]:
        played = [each for each in self.sim.performed(cmd.PlayPrompt) if each.leg == self.leg]  # type: ignore[union-attr]
        return [part.name or part.text or str(part.number) for each in played for part in each.parts]  # type: ignore[union-attr]

    def place(self) -> str:
        return self.sim.centre.router.state.places[self.name].phase.value

    def on_the_line(self) -> bool:
        return self.leg in self.sim.voice.legs

    def speak(self) -> None:
        """The prompt, the beep, a message of some seconds, and `#`."""
        self.sim.run(6)
        self.sim.act(self.sim.voice.digit, self.leg, "#")
        self.sim.run(0.5)

    def variables(self) -> dict[str, str]:
        return self.sim.centre.flows.variables(self.name)

    def called_back(self) -> bool:
        """An agent comes, and the customer is called (or the message played)."""
        self.sim.login("ann")
        self.sim.run(10)
        dialled = [each.address for each in self.sim.performed(cmd.DialLeg)]  # type: ignore[union-attr]
        return ANN_CALLS in dialled or bool(self.sim.performed(cmd.PlayRecording))


def test_what_is_kept_is_told_before_the_goodbye() -> None:
    caller = Caller(KEEP, TOLD, BYE)
    assert caller.place() == "resting", "kept before anything is said"
    caller.sim.run(2 * PROMPT_S + 1)
    assert caller.heard() == ["We call +33 6 11 11 11 11.", "bye"] or caller.heard()[1:] == ["bye"]
    assert "callback/kept" not in caller.heard()
    assert (caller.on_the_line(), caller.place()) == (False, "waiting")
    assert caller.called_back()
    caller.sim.check_replay()


def test_without_a_step_for_it_all_is_as_ever() -> None:
    caller = Caller(CallBack(queue="sales"), BYE)
    caller.sim.run(PROMPT_S + 1)
    assert caller.heard() == ["callback/kept"]
    assert not caller.on_the_line()


def test_the_time_that_was_asked_for_is_told_in_local_time() -> None:
    at = Set(values={"at": "1430"})
    caller = Caller(at, msgspec.structs.replace(KEEP, at="at"), TOLD, BYE)
    told = caller.variables()
    assert told["callback_number"] == ANN_CALLS
    assert told["callback_at"].endswith(" 14:30")
    caller.sim.run(2 * PROMPT_S + 1)
    assert caller.place() == "resting", "until half past two"


def test_in_turn_there_is_no_time_to_tell() -> None:
    assert Caller(KEEP, TOLD, BYE).variables()["callback_at"] == ""


def test_a_refusal_goes_where_it_went() -> None:
    caller = Caller(KEEP, TOLD, BYE, origin="anonymous")
    caller.sim.run(2 * PROMPT_S + 1)
    assert caller.heard() == ["callback/no-number", "bye"]
    assert caller.name not in caller.sim.centre.router.state.places


@pytest.mark.parametrize("message", [False, True])
def test_who_hangs_up_meanwhile_keeps_the_place(message: bool) -> None:
    caller = Caller(LEAVE if message else KEEP, TOLD, BYE)
    if message:
        caller.speak()
    assert caller.on_the_line()
    caller.sim.hang_up(caller.leg)
    caller.sim.run(1)
    assert caller.place() == "waiting"
    assert not caller.sim.centre.flows.where(caller.name)
    assert caller.called_back()
    caller.sim.check_replay()


@pytest.mark.parametrize("message", [False, True])
def test_it_may_ask_and_has_three_minutes(message: bool) -> None:
    ask = Menu(prompt="more", choices={"1": "told"}, id="more", on_no_input="more", no_input_limit=2)
    keep = msgspec.structs.replace(LEAVE if message else KEEP, on_kept="more")
    caller = Caller(keep, ask, TOLD, BYE)
    if message:
        caller.speak()
    kept = caller.sim.now
    assert caller.heard()[-1] == "more"
    caller.sim.run_until(kept + AFTER_S - 2.0)
    assert (caller.on_the_line(), caller.place()) == (True, "resting")
    caller.sim.run_until(kept + AFTER_S + 0.5)
    assert (caller.on_the_line(), caller.place()) == (False, "waiting")
    assert not caller.sim.centre.flows.where(caller.name)
    caller.sim.check_replay()


def test_keys_are_for_the_flow() -> None:
    ask = Menu(prompt="more", choices={"1": "told", "2": "bye"}, id="more")
    caller = Caller(msgspec.structs.replace(KEEP, on_kept="more"), ask, TOLD, BYE)
    caller.sim.act(caller.sim.voice.digit, caller.leg, "2")
    caller.sim.run(PROMPT_S + 1)
    assert caller.heard() == ["more", "bye"]


def test_a_message_is_safe_before_the_survey_after_it() -> None:
    ask = Survey(name="glad", kind="csat", prompt="glad", id="ask")
    caller = Caller(msgspec.structs.replace(LEAVE, on_kept="ask"), ask, BYE)
    caller.speak()
    assert caller.heard() == ["voicemail/leave", "glad"], "in place of voicemail/kept"
    caller.sim.act(caller.sim.voice.digit, caller.leg, "4")
    caller.sim.run(PROMPT_S + 1)
    assert not caller.on_the_line()
    record = caller.sim.centre.history.record(caller.name)
    assert record is not None
    assert [(each.question, each.answer) for each in record.answers] == [("glad", "4")]
    assert caller.called_back()
    caller.sim.check_replay()


def test_who_hung_up_while_speaking_has_no_flow_to_go_on_in() -> None:
    caller = Caller(LEAVE, TOLD, BYE)
    caller.sim.run(5)
    caller.sim.hang_up(caller.leg)
    caller.sim.run(1)
    assert (caller.place(), caller.on_the_line()) == ("waiting", False)
    assert not caller.sim.centre.flows.where(caller.name)
    assert caller.called_back()
    caller.sim.check_replay()


@pytest.mark.parametrize("step", [Enqueue(queue="help", id="told"), CallBack(queue="help", id="told")])
def test_nobody_waits_twice(step: AnyStep) -> None:
    """A queue after `on_kept` ends the flow: the place that is kept is the only one."""
    caller = Caller(KEEP, step, BYE)
    caller.sim.run(1)
    assert (caller.on_the_line(), caller.place()) == (False, "waiting")
    assert caller.sim.centre.state.interactions[caller.name].queue == "sales"


@pytest.mark.parametrize("message", [False, True])
def test_a_restart_meanwhile_ends_the_flow_and_keeps_the_place(message: bool) -> None:
    caller = Caller(LEAVE if message else KEEP, TOLD, BYE)
    if message:
        caller.speak()
    caller.sim.restart()
    caller.sim.run(1)
    assert not caller.sim.centre.flows.where(caller.name)
    assert caller.place() == "waiting"
    assert caller.called_back()
    caller.sim.check_replay()


def test_the_key_in_the_queue_leads_to_it_too() -> None:
    """A flow that a key began while waiting keeps the callback, and goes on; nobody waits on the line."""
    rule = CallbackRule(key="1", flow="ask")
    caller = Caller(Enqueue(queue="sales"), callback=rule)
    ask = FlowRule(name="ask", steps=(CallBack(on_kept="told"), TOLD, BYE))
    found = caller.sim.centre.state.rules
    caller.sim.tell(facts.RulesLoaded(msgspec.structs.replace(found, flows={**found.flows, "ask": ask})))
    caller.sim.act(caller.sim.voice.digit, caller.leg, "1")
    assert caller.place() == "resting"
    caller.sim.run(2 * PROMPT_S + 1)
    assert caller.heard()[-1] == "bye"
    assert (caller.on_the_line(), caller.place()) == (False, "waiting")
    assert caller.sim.centre.router.state.queues["sales"].offered == 1
    caller.sim.check_replay()


def test_what_the_flow_set_counts_for_the_place_that_is_kept() -> None:
    """Entry rules see the variables of the flow, also where it leaves the line at once."""
    gold = EntryRule(when='var.tier == "gold"', add=7)
    for step in (CallBack(queue="sales"), KEEP):
        caller = Caller(Set(values={"tier": "gold"}), step, TOLD, BYE, entry=(gold,))
        assert caller.sim.centre.router.state.places[caller.name].priority == 7


def test_the_console_ends_it() -> None:
    caller = Caller(KEEP, TOLD, BYE)
    caller.sim.tell(facts.HangupAsked(caller.name, "test"))
    caller.sim.run(1)
    assert caller.name not in caller.sim.centre.state.interactions
    assert caller.sim.voice.ended[caller.leg] is Cause.NORMAL
    caller.sim.check_replay()
