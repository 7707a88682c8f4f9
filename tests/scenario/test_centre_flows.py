"""The whole centre on virtual time. Flows: the menu, its keys and limits, and where callers end."""

import pytest

from ccd.model import commands as cmd
from ccd.model.nouns import Cause, ChannelClass
from ccd.model.rules import FlowRule, QueueRule, Rules, Target
from ccd.model.steps import Answer, Enqueue, Goto, Play
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, Behaviour
from tests.scenario.centre_rules import TICK, centre, rules, totals, whats


def prompts(sim: SimulatedCentre, leg: str) -> list[str]:
    """What was played to a leg, by name."""
    return [
        part.name
        for command in sim.commands
        if isinstance(command, cmd.PlayPrompt) and command.leg == leg
        for part in command.parts
    ]


def test_a_key_leads_to_the_queue_and_the_agent() -> None:
    sim = centre("ann")
    call = sim.call("+33101", keys=((3.0, "1"),))
    sim.run(2.5)
    assert sim.centre.flows.where(sim.interaction_of(call)) == "menu/menu"
    sim.run(3)
    assert sim.agent_of(call) == "ann"
    assert prompts(sim, call) == ["menu"]
    assert {play.language for play in sim.performed(cmd.PlayPrompt)} == {"fr"}


def test_a_key_cuts_the_prompt() -> None:
    sim = centre("ann")
    call = sim.call("+33101", keys=((1.0, "1"),))
    sim.run(1)
    assert sim.rings_at(call) == "ann"
    assert sim.heard(call).play == "" and sim.heard(call).music == "default"


@pytest.mark.parametrize(("at", "choice"), [(2 + 5 - TICK, "ann"), (2 + 5, "ann"), (2 + 5 + TICK, "")])
def test_the_menu_waits_for_a_key_as_long_as_it_says(at: float, choice: str) -> None:
    sim = centre("ann")
    call = sim.call("+33101", keys=((at, "1"),))
    sim.run(at)
    notes = [note.what for note in sim.centre.history.state.open[sim.interaction_of(call)].timeline]
    assert ("no key" in notes) is (choice == "")
    assert sim.rings_at(call) == "ann"  # the key counts in the second round too


def test_no_key_twice_hangs_up() -> None:
    sim = centre("ann")
    call = sim.call("+33101")
    sim.run(2 + 5 + 4 + 5 - TICK)
    assert call in sim.voice.legs
    sim.run(TICK)
    assert prompts(sim, call) == ["menu", "no-input", "menu"]
    assert sim.record(call).outcome == "flow" and sim.record(call).cause is Cause.NORMAL


def test_wrong_keys_lead_to_the_goodbye() -> None:
    sim = centre("ann")
    call = sim.call("+33101", keys=((1.0, "9"), (2.0, "8"), (3.0, "7")))
    sim.run(60)
    assert prompts(sim, call) == ["menu", "bad-input", "menu", "bad-input", "menu", "goodbye"]
    assert whats(sim, call).count("bad key") == 3
    assert sim.voice.ended[call] is Cause.NORMAL


def test_a_caller_who_leaves_in_the_menu_is_in_no_queue() -> None:
    sim = centre("ann")
    call = sim.call("+33101", patience=4)
    sim.run(10)
    assert sim.record(call).outcome == "flow" and sim.record(call).queue == ""
    assert totals(sim) == (0, 0, 0, 0)


def test_a_number_without_a_flow_is_not_found() -> None:
    sim = centre("ann")
    call = sim.call("+33999")
    assert sim.voice.ended[call] is Cause.NOT_FOUND
    assert "no flow for this number" in whats(sim, call)
    assert sim.performed(cmd.AnswerLeg) == []


def test_the_flow_dials_outside_and_hears_early_media() -> None:
    sim = centre()
    sim.behaviours["+33900"] = Behaviour(answers_after=5, early_media=True)
    call = sim.call("+33101", keys=((1.0, "2"),))
    sim.run(1)
    (dial,) = sim.performed(cmd.DialLeg)
    assert isinstance(dial, cmd.DialLeg) and (dial.address, dial.caller_id) == ("+33900", "+33612345678")
    assert sim.heard(call).music == "tone:ringback"
    sim.run(0.1)
    assert sim.heard(call).peer == dial.leg, "the ringing of the far end is heard"
    sim.run(10)
    assert sim.talk(call).phase == "outside"
    sim.hang_up(call)
    sim.run(1)
    assert sim.voice.ended[dial.leg] is Cause.NORMAL
    assert sim.record(call).outcome == "flow"


def test_an_outside_address_that_hangs_up_ends_the_call() -> None:
    sim = centre()
    sim.behaviours["+33900"] = Behaviour(hangs_up_after=30)
    call = sim.call("+33101", keys=((1.0, "2"),))
    sim.run(60)
    assert call in sim.voice.ended and "outside answered" in whats(sim, call)


@pytest.mark.parametrize("behaviour", [BUSY, NEVER, None])
def test_a_failed_transfer_of_the_flow_goes_on_with_the_next_step(behaviour: Behaviour | None) -> None:
    sim = centre("ann")
    if behaviour is not None:
        sim.behaviours["+33900"] = behaviour
    call = sim.call("+33101", keys=((1.0, "2"),))
    sim.run(1 + 20 + 2 + 3)
    assert prompts(sim, call)[-1] == "sorry"
    assert sim.agent_of(call) == "ann"


@pytest.mark.parametrize(("after", "answered"), [(20 - TICK, True), (20.0, True), (20 + TICK, False)])
def test_ringing_outside_is_given_up_at_its_limit(after: float, answered: bool) -> None:
    sim = centre()
    sim.behaviours["+33900"] = Behaviour(answers_after=after)
    call = sim.call("+33101", keys=((1.0, "2"),))
    sim.run(1 + 20 + TICK)
    assert (sim.talk(call).phase == "outside") is answered


def test_a_flow_that_overflows_goes_on_with_its_next_step() -> None:
    steps = (Answer(), Enqueue(queue="sales"), Play(prompts=("sorry",)), Enqueue(queue="help"))
    sim = SimulatedCentre(rules(*steps, max_wait_s=30.0))
    sim.login("cat")
    call = sim.call()
    sim.run(30 + 2 + 3)
    assert prompts(sim, call) == ["sorry"]
    assert sim.agent_of(call) == "cat"
    sim.hang_up(call)
    assert totals(sim) == (1, 0, 0, 1) and totals(sim, "help") == (1, 1, 0, 0)
    assert sim.record(call).waited_s == pytest.approx(32.0)


def test_full_queues_that_overflow_into_each_other_end_the_call() -> None:
    loop = {
        "a": QueueRule(name="a", max_length=0, overflow=Target(queue="b")),
        "b": QueueRule(name="b", max_length=0, overflow=Target(flow="f")),
    }
    flow = FlowRule(name="f", steps=(Enqueue(queue="a", id="again"), Goto(step="again")))
    sim = SimulatedCentre(Rules(queues=loop, flows={"f": flow}, numbers={"+33100": "f"}))
    call = sim.call()
    assert sim.voice.ended[call] is Cause.CONGESTION
    assert sim.record(call).outcome == "overflowed"


def test_a_text_takes_the_place_of_a_key() -> None:
    sim = SimulatedCentre(rules())
    sim.login("ann")
    chat = sim.chat("3", flow="menu")
    sim.run(10)
    assert sim.agent_of(chat) == "ann"
    assert sim.centre.state.interactions["1"].channel_class is ChannelClass.LIVE_TEXT
