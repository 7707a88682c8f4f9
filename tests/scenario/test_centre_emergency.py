"""The whole centre on virtual time. When something is on fire: notices, and queues closed by hand."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.history.state import Note
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, PromptPart
from ccd.model.rules import Target
from ccd.model.steps import Branch, Case, Enqueue, Hangup, Play
from ccd.runtime.emergency import SAY_LIMIT_S
from ccd.testing.centre import SimulatedCentre
from tests.scenario.callback_line import ANN_CALLS, Line
from tests.scenario.centre_rules import TICK, centre, doing, rules, totals, whats

BY = "ccctl:eva"
OUTAGE = "Le réseau est en panne"


def notice(sim: SimulatedCentre, text: str = OUTAGE, for_s: float = 3600.0, **how: Any) -> None:
    sim.tell(facts.NoticeSet(BY, sim.now + for_s, text, **how))


def close(sim: SimulatedCentre, for_s: float | None = 3600.0, **how: Any) -> None:
    until = None if for_s is None else sim.now + for_s
    sim.tell(facts.QueueClosed("sales", BY, until, **how))


def plays(sim: SimulatedCentre, leg: str) -> list[tuple[str, str]]:
    """What was said to a leg: text or prompt, and the language."""
    said = [each for each in sim.performed(cmd.PlayPrompt) if each.leg == leg]
    return [(part.text or part.name, each.language) for each in said for part in each.parts]  # type: ignore[union-attr]


def timeline(sim: SimulatedCentre, leg: str) -> list[Note]:
    record = sim.centre.history.record(sim.interaction_of(leg))
    assert record is not None
    return record.timeline


# -- notices ---------------------------------------------------------------------------------------


def test_it_is_said_right_after_the_answer_and_before_the_first_prompt_of_the_flow() -> None:
    sim = SimulatedCentre(rules(Play(prompts=("welcome",)), Enqueue(queue="sales")))
    sim.login("ann")
    notice(sim, language="fr")
    call = sim.call()
    mine = [each for each in sim.commands if getattr(each, "leg", "") == call]
    assert [type(each).__name__ for each in mine] == ["AnswerLeg", "PlayPrompt"]
    assert mine[1].parts == (PromptPart(text=OUTAGE),)  # type: ignore[union-attr]
    sim.run(10)
    assert plays(sim, call) == [(OUTAGE, "fr"), ("welcome", "en")]
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    (note,) = [note for note in sim.record(call).timeline if note.what == "notice"]
    assert note.details == {"notice": "n1", "said": OUTAGE, "by": BY}
    sim.check_replay()


def test_once_a_call_even_where_the_flow_leads_to_another() -> None:
    sim = SimulatedCentre(rules(help_queue={"overflow": Target(flow="straight")}, max_length=0))
    notice(sim)
    call = sim.call()
    sim.run(5)
    assert plays(sim, call) == [(OUTAGE, "en")]


@pytest.mark.parametrize(
    ("how", "target", "said"),
    [
        ({"numbers": ("+33100",)}, "+33100", True),
        ({"numbers": ("+33101",)}, "+33100", False),
        ({"flows": ("straight",)}, "+33100", True),
        ({"flows": ("menu",)}, "+33100", False),
        ({"flows": ("menu",), "numbers": ("+33100",)}, "+33100", True),
    ],
)
def test_only_those_that_it_names_hear_it(how: dict[str, Any], target: str, said: bool) -> None:
    sim = centre("ann")
    notice(sim, **how)
    call = sim.call(target)
    sim.run(3)
    assert bool(plays(sim, call)) is said


def test_several_are_said_in_their_order_each_in_its_language() -> None:
    sim = centre("ann")
    notice(sim, language="fr")
    sim.tell(facts.NoticeSet(BY, sim.now + 60, prompt="outage", language="de"))
    call = sim.call()
    sim.run(10)
    assert plays(sim, call) == [(OUTAGE, "fr"), ("outage", "de")]
    assert sim.agent_of(call) == "ann"


@pytest.mark.parametrize(("after", "said"), [(-TICK, True), (0.0, False), (TICK, False)])
def test_it_ends_by_itself_at_its_time(after: float, said: bool) -> None:
    sim = centre("ann")
    notice(sim, for_s=600.0)
    assert sim.centre.next_deadline() == sim.now + 600
    sim.run(600 + after)
    call = sim.call()
    assert bool(plays(sim, call)) is said
    assert bool(sim.centre.state.notices) is said
    sim.check_replay()


def test_removed_it_is_not_said_any_more_and_who_hears_it_hears_it_out() -> None:
    sim = centre("ann")
    notice(sim)
    first = sim.call()
    sim.tell(facts.NoticeRemoved("n1", BY))
    sim.tell(facts.NoticeRemoved("n1", BY))  # the same twice
    second = sim.call()
    sim.run(10)
    assert (len(plays(sim, first)), len(plays(sim, second))) == (1, 0)
    assert sim.agent_of(second) == "ann" and "queued" in [note.what for note in timeline(sim, first)]


def test_the_customer_leaves_in_the_midst() -> None:
    sim = centre("ann")
    notice(sim)
    call = sim.call()
    sim.hang_up(call, Cause.CANCELLED)
    sim.run(5)
    assert sim.centre.state.saying == {} and sim.centre.state.interactions == {}
    assert doing(sim, "ann") == "idle" and "queued" not in whats(sim, call)
    sim.check_replay()


@pytest.mark.parametrize(("after", "on"), [(-TICK, False), (0.0, True), (TICK, True)])
def test_an_end_that_nobody_tells_counts_at_its_limit(after: float, on: bool) -> None:
    sim = centre("ann")
    notice(sim)
    call = sim.call()
    began = sim.now
    sim.voice.legs[call].play = ""  # its end never comes
    sim.tell(facts.DigitPressed(call, "5"))
    sim.run_until(began + SAY_LIMIT_S + after)
    assert (sim.interaction_of(call) not in sim.centre.state.saying) is on


def test_a_restart_keeps_it_and_lets_go_of_who_was_hearing_it() -> None:
    sim = centre("ann")
    notice(sim)
    sim.call()
    sim.restart()
    sim.run(1)
    assert list(sim.centre.state.notices) == ["n1"] and sim.centre.state.saying == {}
    again = sim.call()
    sim.run(5)
    assert plays(sim, again) == [(OUTAGE, "en")]
    sim.check_replay()


def test_visitors_of_a_chat_read_it_and_a_recorded_one_is_not_for_them() -> None:
    sim = centre("ann")
    notice(sim)
    sim.tell(facts.NoticeSet(BY, sim.now + 60, prompt="outage"))
    chat = sim.chat("hello")
    sim.run(5)
    sent = [each.text for each in sim.performed(cmd.SendText) if each.leg == chat]  # type: ignore[union-attr]
    assert sent[0] == OUTAGE and sent.count(OUTAGE) == 1
    assert sim.agent_of(chat) == "ann"
    sim.check_replay()


# -- queues closed by hand -------------------------------------------------------------------------


def test_at_once_nobody_gets_in_though_an_agent_is_free_and_the_decision_says_who_closed_it() -> None:
    sim = centre("ann", closed_to=Target(queue="help"), overflow=Target(flow="excuse"))
    sim.login("cat")
    close(sim, reason="fire alarm", text="We are closed today")
    call = sim.call()
    assert plays(sim, call) == [("We are closed today", "en")]
    sim.run(10)
    assert sim.agent_of(call) == "cat" and doing(sim, "ann") == "idle"
    assert totals(sim) == (1, 0, 0, 1)
    record = sim.centre.history.record(sim.interaction_of(call))
    assert record is not None
    assert "the queue is closed (by ccctl:eva: fire alarm) until " in "\n".join(explain(record))
    sim.check_replay()


@pytest.mark.parametrize(
    ("how", "heard"),
    [
        ({"closed_to": Target(flow="excuse"), "overflow": Target(queue="help")}, ["shut", "excuse"]),
        ({"overflow": Target(flow="excuse")}, ["shut", "excuse"]),
        ({}, ["shut", "goodbye"]),
    ],
)
def test_closed_to_then_overflow_then_on_in_the_flow_and_hang_up(how: Any, heard: list[str]) -> None:
    sim = SimulatedCentre(rules(Enqueue(queue="sales"), Hangup(prompt="goodbye"), **how))
    sim.login("ann")
    close(sim, prompt="shut")
    call = sim.call()
    sim.run(10)
    assert [name for name, _ in plays(sim, call)] == heard
    assert sim.voice.ended[call] is Cause.NORMAL
    sim.check_replay()


def test_with_nothing_after_the_queue_it_hangs_up_after_the_announcement() -> None:
    sim = centre("ann")
    close(sim, prompt="shut")
    call = sim.call()
    sim.run(10)
    assert [name for name, _ in plays(sim, call)] == ["shut"] and call in sim.voice.ended
    assert whats(sim, call)[-1] == "closed"


@pytest.mark.parametrize("target", [Target(agent="cat"), Target(address="+33999")])
def test_it_is_sent_on_to_an_agent_or_outside_after_the_announcement(target: Target) -> None:
    sim = centre("ann", closed_to=target)
    sim.login("cat")
    close(sim, text="closed")
    call = sim.call()
    sim.run(10)
    assert plays(sim, call)[0] == ("closed", "en")
    (dialled,) = sim.performed(cmd.DialLeg)
    assert (dialled.address == "+33999") is bool(target.address)  # type: ignore[union-attr]


@pytest.mark.parametrize(("after", "in_it"), [(-TICK, False), (0.0, True), (TICK, True)])
def test_it_opens_by_itself_at_its_time(after: float, in_it: bool) -> None:
    sim = centre("ann")
    close(sim, for_s=600.0)
    sim.run(600 + after)
    call = sim.call()
    assert bool(sim.centre.router.state.closures) is not in_it
    sim.run(3)
    assert (sim.agent_of(call) == "ann") is in_it
    sim.check_replay()


def test_opened_by_hand_it_takes_again() -> None:
    sim = centre("ann")
    close(sim, for_s=None)
    sim.run(7 * 86_400)
    turned = sim.call()
    sim.run(1)
    assert turned in sim.voice.ended
    sim.tell(facts.QueueOpened("sales", BY))
    sim.tell(facts.QueueOpened("sales", BY))
    call = sim.call()
    sim.run(3)
    assert sim.agent_of(call) == "ann"
    sim.check_replay()


@pytest.mark.parametrize("on_close", ["serve", "overflow"])
def test_who_waits_already_is_served_or_goes_by_on_close(on_close: str) -> None:
    sim = centre("ann", agents=("ann",), on_close=on_close, overflow=Target(flow="excuse"))
    running, waiting = sim.call(), sim.call(origin="+33700000001")
    sim.run(5)
    close(sim, prompt="shut")
    sim.run(5)
    assert sim.agent_of(running) == "ann"
    assert [name for name, _ in plays(sim, waiting)] == ([] if on_close == "serve" else ["shut", "excuse"])
    sim.hang_up(running)
    sim.run(5)
    assert (sim.agent_of(waiting) == "ann") is (on_close == "serve")
    sim.check_replay()


def test_a_restart_and_a_reload_keep_it_closed_and_a_removed_queue_forgets_it() -> None:
    sim = centre("ann")
    close(sim)
    sim.restart()
    sim.phone("ann-phone")
    sim.tell(facts.RulesLoaded(sim.centre.state.rules))
    call = sim.call()
    sim.run(3)
    assert sim.agent_of(call) == "" and call in sim.voice.ended
    old = sim.centre.state.rules
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(old, queues={"help": old.queues["help"]})))
    assert sim.centre.router.state.closures == {}
    sim.check_replay()


def test_callbacks_rest_while_it_is_closed_and_are_made_when_it_is_opened_early() -> None:
    line = Line()
    called = line.call(ANN_CALLS)
    line.leave(called)
    close(line.sim, for_s=1000.0)
    assert line.place(called) == "resting"
    line.end_first()
    line.sim.run(100)
    assert line.dialled() == []
    line.sim.tell(facts.QueueOpened("sales", BY))
    line.sim.run(5)
    assert line.dialled() == [ANN_CALLS]
    line.sim.check_replay()


def test_conditions_see_it() -> None:
    steps = (
        Branch(cases=(Case(when="queue.sales.open", step="in"),), otherwise="out"),
        Enqueue(queue="sales", id="in"),
        Hangup(prompt="goodbye", id="out"),
    )
    sim = SimulatedCentre(rules(*steps))
    sim.login("ann")
    close(sim, for_s=60.0, prompt="shut")
    call = sim.call()
    sim.run(5)
    assert [name for name, _ in plays(sim, call)] == ["goodbye"]
    sim.run(60)
    again = sim.call()
    sim.run(3)
    assert sim.agent_of(again) == "ann"


def test_closed_again_it_gets_the_new_end_and_what_has_passed_or_is_unknown_does_nothing() -> None:
    sim = centre("ann")
    close(sim, for_s=60.0)
    close(sim, for_s=600.0, reason="longer")
    sim.run(100)
    closure = sim.centre.router.state.closures["sales"]
    assert closure.until == closure.since + 600
    close(sim, for_s=-5.0)
    sim.tell(facts.QueueClosed("nowhere", BY))
    sim.tell(facts.NoticeSet(BY, sim.now, "too late"))
    assert sim.centre.router.state.closures == {"sales": closure} and sim.centre.state.notices == {}


def test_the_customer_leaves_while_the_announcement_is_said() -> None:
    sim = centre("ann", overflow=Target(queue="help"))
    close(sim, prompt="shut")
    call = sim.call()
    sim.hang_up(call)
    sim.run(5)
    assert sim.centre.state.saying == {} and sim.centre.router.state.places == {}
    assert totals(sim) == (1, 0, 0, 1) and totals(sim, "help") == (0, 0, 0, 0)
    sim.check_replay()


@pytest.mark.parametrize("for_s", [50.0, 5000.0])
def test_callbacks_follow_a_closing_that_gets_another_end(for_s: float) -> None:
    line = Line()
    called = line.call(ANN_CALLS)
    line.leave(called)
    close(line.sim, for_s=1000.0)
    line.end_first()
    line.sim.run(10)
    close(line.sim, for_s=for_s)
    opens = line.sim.now + for_s
    line.sim.run_until(opens - TICK)
    assert line.dialled() == []
    line.sim.run_until(opens + 5)
    assert line.dialled() == [ANN_CALLS]
    line.sim.check_replay()


def test_a_visitor_of_a_chat_reads_that_it_is_closed() -> None:
    sim = centre("ann")
    close(sim, text="closed today")
    chat = sim.chat("hello")
    sim.run(5)
    sent = [each.text for each in sim.performed(cmd.SendText) if each.leg == chat]  # type: ignore[union-attr]
    assert sent == ["closed today"] and doing(sim, "ann") == "idle"
    sim.check_replay()


def test_hung_up_from_the_console_while_something_is_said() -> None:
    sim = centre("ann")
    notice(sim)
    call = sim.call()
    sim.tell(facts.HangupAsked(sim.interaction_of(call), BY))
    sim.run(5)
    assert call in sim.voice.ended and sim.centre.state.saying == {}
    sim.check_replay()


def test_a_reload_that_takes_the_target_away_while_the_announcement_is_said() -> None:
    sim = centre("ann", closed_to=Target(queue="help"))
    close(sim, prompt="shut")
    call = sim.call()
    old = sim.centre.state.rules
    sales = msgspec.structs.replace(old.queues["sales"], closed_to=Target())
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(old, queues={"sales": sales})))
    sim.run(10)
    assert call in sim.voice.ended and sim.centre.state.interactions == {}
    sim.check_replay()
