"""The whole centre on virtual time. What is recorded of a conversation: by flow, by key, from the console."""

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.steps import Enqueue
from ccd.model.steps_voicemail import Record
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import centre, rules


def started(sim: SimulatedCentre) -> int:
    return len(sim.performed(cmd.StartRecording))


def with_step(*switches: str, record: bool) -> SimulatedCentre:
    steps = (*(Record(switch=switch) for switch in switches), Enqueue(queue="sales"))
    sim = SimulatedCentre(rules(*steps, record=record))
    sim.login("ann")
    sim.run(1)
    return sim


def test_a_flow_goes_before_its_queue() -> None:
    for switches, queue, recorded in ((("on",), False, 1), (("off",), True, 0), (("off", "on"), False, 1)):
        sim = with_step(*switches, record=queue)
        sim.call(talks_for=5)
        sim.run(10)
        assert started(sim) == recorded, switches
        sim.check_replay()


def test_a_conversation_that_begins_masked_is_unmasked_by_hand() -> None:
    sim = with_step("mask", record=True)
    call = sim.call()
    sim.run(5)
    name = sim.interaction_of(call)
    recording = sim.talk(call).recordings[0]
    assert sim.voice.masked == {recording}
    sim.tell(facts.MaskAsked(name, False, "ccctl:eva"))
    assert sim.voice.masked == set()
    sim.hang_up(call)
    sim.run(1)
    (note,) = (note for note in sim.record(call).timeline if note.what == "recording unmasked")
    assert note.details == {"by": "ccctl:eva"}
    sim.check_replay()


def test_unmask_in_a_flow_ends_a_mask_of_the_flow() -> None:
    sim = with_step("mask", "unmask", record=True)
    sim.call()
    sim.run(5)
    assert started(sim) == 1 and not sim.voice.masked
    sim.check_replay()


def test_the_agents_key_masks_and_unmasks_and_the_timeline_says_who() -> None:
    sim = centre("ann", record=True, mask_key="*")
    call = sim.call()
    sim.run(5)
    agent = sim.talk(call).agent
    assert agent is not None
    recording = sim.talk(call).recordings[0]
    sim.act(sim.voice.digit, agent.leg, "5*")
    assert sim.voice.masked == {recording}
    sim.act(sim.voice.digit, call, "*")
    assert sim.voice.masked == {recording}, "the customer's keys do nothing"
    sim.act(sim.voice.digit, agent.leg, "*")
    assert not sim.voice.masked
    sim.hang_up(call)
    sim.run(1)
    notes = [note for note in sim.record(call).timeline if "masked" in note.what]
    assert [note.what for note in notes] == ["recording masked", "recording unmasked"]
    assert {note.details["by"] for note in notes} == {"phone:ann-phone"}
    sim.check_replay()


def test_the_same_twice_is_nothing_and_what_is_over_is_left_alone() -> None:
    sim = centre("ann", record=True)
    call = sim.call()
    sim.run(5)
    name = sim.interaction_of(call)
    for _ in range(2):
        sim.tell(facts.MaskAsked(name, True, "ccctl:eva"))
    assert len(sim.performed(cmd.MaskRecording)) == 1
    sim.hang_up(call)
    sim.run(1)
    sim.tell(facts.MaskAsked(name, False, "ccctl:eva"))
    assert len(sim.performed(cmd.MaskRecording)) == 1
    sim.check_replay()


def test_a_mask_is_of_one_conversation() -> None:
    """The customer is passed on to a queue: who takes the call next need not know that it was masked."""
    sim = centre("ann", "cat", record=True, help_queue={"record": True})
    call = sim.call()
    sim.run(5)
    agent = sim.talk(call).agent
    assert agent is not None
    sim.tell(facts.MaskAsked(sim.interaction_of(call), True, "ccctl:eva"))
    first = sim.talk(call).recordings[0]
    sim.act(sim.voice.transfer, agent.leg, "301")
    sim.run(5)
    assert sim.agent_of(call) == "cat"
    (second,) = sim.talk(call).recordings
    assert second not in sim.voice.masked and first in sim.voice.masked
    sim.check_replay()


def test_a_mask_before_the_conversation_holds_when_it_begins() -> None:
    sim = centre(record=True)
    call = sim.call()
    sim.run(1)
    sim.tell(facts.MaskAsked(sim.interaction_of(call), True, "ccctl:eva"))
    sim.login("ann")
    sim.run(5)
    assert sim.voice.masked == set(sim.talk(call).recordings)
    sim.check_replay()
