"""The whole centre on virtual time. Voicemail: a message is left, waits, and an agent hears it."""

from typing import Any

import msgspec
import pytest

from ccd.bridging.callbacks import GOODBYE_S
from ccd.bridging.voicemail import CHOOSE_S, ENDING_S
from ccd.history.state import Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule, Span
from ccd.model.nouns import Cause, ChannelClass
from ccd.model.rules import ProfileRule, Suspension, Target
from ccd.model.steps import AnyStep, Enqueue, Hangup
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import VoicemailRule
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, Behaviour
from tests.scenario.centre_rules import TICK, doing, rules

ANN_CALLS = "+33611111111"
LEAVE = Voicemail(queue="sales", on_empty="bye", max_s=60.0)
BYE = Hangup(id="bye")


class Desk:
    """A centre of one agent, ann, with callers who leave messages."""

    def __init__(
        self,
        *steps: AnyStep,
        agents: tuple[str, ...] = ("ann",),
        serves: tuple[str, ...] = ("ann",),
        open_at: int = 0,
        **sales: Any,
    ) -> None:
        """`agents` log in, `serves` are those of the queue; it is open from `open_at` o'clock on."""
        queue = {"agents": serves, "load": {ChannelClass.TASK: 100}, **sales}
        found = rules(*(steps or (LEAVE, BYE)), **queue)
        week = ((Span(open_at * 60, 17 * 60),),) * 7
        office = {"office": CalendarRule(name="office", zone="UTC", week=week)}
        self.sim = SimulatedCentre(msgspec.structs.replace(found, calendars=office))
        for agent in agents:
            self.sim.login(agent)
        self.sim.run(1)

    def speak(self, origin: str = ANN_CALLS) -> str:
        """Somebody calls and hears prompt and beep: the leg, on which the message is spoken from now on."""
        leg = self.sim.call(origin=origin)
        self.sim.run(5)
        return leg

    def leave(self, origin: str = ANN_CALLS) -> str:
        """A message of 12 s, and the goodbye: the interaction."""
        leg = self.speak(origin)
        name = self.sim.interaction_of(leg)
        self.sim.act(self.sim.voice.digit, leg, "#")
        self.sim.run(3)
        return name

    def talk(self, name: str) -> Any:
        return self.sim.centre.talks.get(name)

    def phase(self, name: str) -> str:
        talk = self.talk(name)
        return talk.phase.value if talk is not None else "ended"

    def place(self, name: str) -> str:
        place = self.sim.centre.router.state.places.get(name)
        return place.phase.value if place is not None else "none"

    def press(self, name: str, keys: str) -> None:
        """The agent who listens presses keys."""
        self.sim.act(self.sim.voice.digit, self.talk(name).agent.leg, keys)

    def record(self, name: str) -> Record:
        row = self.sim.ledger.record(name)
        assert row is not None
        return msgspec.msgpack.decode(row.body, type=Record)

    def whats(self, name: str) -> list[str]:
        return [note.what for note in self.record(name).timeline]

    def figures(self) -> tuple[int, ...]:
        """Offered, handled, abandoned, overflowed, callbacks that failed."""
        totals = self.sim.centre.router.state.queues["sales"]
        return totals.offered, totals.handled, totals.abandoned, totals.overflowed, totals.callback_failed


def heard(desk: Desk, name: str) -> None:
    """The agent answers and hears the message to its end."""
    desk.sim.run(3)
    assert desk.phase(name) == "listening"
    desk.sim.run(3)


def test_a_message_is_left_waits_as_a_task_and_is_heard_and_done() -> None:
    desk = Desk()
    leg = desk.speak()
    name = desk.sim.interaction_of(leg)
    assert [each.silence_s for each in desk.sim.performed(cmd.RecordMessage)] == [5.0]  # type: ignore[union-attr]
    assert [each.tone for each in desk.sim.performed(cmd.PlayTone)] == ["beep"]  # type: ignore[union-attr]
    assert desk.figures() == (0, 0, 0, 0, 0), "who speaks waits in no queue"
    desk.sim.act(desk.sim.voice.digit, leg, "5#")
    assert (desk.phase(name), desk.place(name)) == ("waiting", "resting"), "the goodbye plays"
    place = desk.sim.centre.router.state.places[name]
    assert (place.channel_class, place.queue) == (ChannelClass.TASK, "sales")
    desk.sim.run(2.5)
    assert leg not in desk.sim.voice.legs
    dial = desk.sim.performed(cmd.DialLeg)[-1]
    assert isinstance(dial, cmd.DialLeg) and dial.devices == ("ann-phone",)
    assert (dial.card.voicemail_s, dial.card.callback, dial.card.caller) == (12, False, ANN_CALLS)
    desk.sim.run(2)
    assert (desk.phase(name), desk.place(name)) == ("listening", "accepted")
    assert doing(desk.sim, "ann") == "listening"
    agent = desk.talk(name).agent.leg
    (played,) = desk.sim.performed(cmd.PlayRecording)
    assert (played.leg, played.path) == (agent, f"{name}-1.wav")  # type: ignore[union-attr]
    desk.sim.run(2)
    said = desk.sim.performed(cmd.PlayPrompt)[-1]
    assert isinstance(said, cmd.PlayPrompt) and (said.leg, said.parts[0].name) == (agent, "voicemail/choose")
    desk.press(name, "1")
    assert len(desk.sim.performed(cmd.PlayRecording)) == 2
    desk.press(name, "#")
    desk.sim.run(1)
    assert (desk.phase(name), doing(desk.sim, "ann"), desk.figures()) == ("ended", "idle", (1, 1, 0, 0, 0))
    record = desk.record(name)
    assert (record.outcome, record.agents, record.talked_s) == ("handled", ["ann"], 2.5)
    kept = [
        what for what in desk.whats(name) if what.startswith(("voicemail", "queued", "bridged", "left the"))
    ]
    assert kept == [
        "voicemail kept", "queued", "left the line", "voicemail played", "voicemail done", "bridged"
    ]  # fmt: skip
    desk.sim.check_replay()


def test_who_hangs_up_while_speaking_has_left_the_message() -> None:
    desk = Desk()
    leg = desk.speak()
    name = desk.sim.interaction_of(leg)
    desk.sim.hang_up(leg)
    assert desk.place(name) in ("resting", "waiting", "offered")
    heard(desk, name)
    desk.press(name, "#")
    desk.sim.run(1)
    assert desk.figures() == (1, 1, 0, 0, 0)
    desk.sim.check_replay()


def test_the_end_of_the_leg_may_come_before_that_of_the_recording_and_who_hangs_up_waits_for_it() -> None:
    desk = Desk()
    leg = desk.speak()
    name = desk.sim.interaction_of(leg)
    recording = desk.talk(name).message.recording
    desk.sim.voice._recordings.clear()  # the file is closed later
    desk.sim.voice.legs.pop(leg)
    desk.sim.tell(facts.LegEnded(leg, Cause.NORMAL))
    assert (desk.phase(name), desk.place(name)) == ("flow", "none")
    desk.sim.run(ENDING_S - TICK)
    assert desk.phase(name) == "flow"
    desk.sim.tell(facts.RecordingEnded(recording, "m.wav", 7.0))
    assert desk.place(name) == "offered" and desk.talk(name).message.seconds == 7.0
    desk.sim.tell(facts.RecordingEnded(recording, "m.wav", 7.0))
    desk.sim.check_replay()


def test_a_message_whose_end_is_never_reported_was_none() -> None:
    desk = Desk()
    leg = desk.speak()
    name = desk.sim.interaction_of(leg)
    desk.sim.voice._recordings.clear()
    desk.sim.voice.legs.pop(leg)
    desk.sim.tell(facts.LegEnded(leg, Cause.NORMAL))
    desk.sim.run(ENDING_S - TICK)
    assert desk.phase(name) == "flow"
    desk.sim.run(TICK)
    assert desk.phase(name) == "ended" and "no message" in desk.whats(name)
    assert desk.figures() == (0, 0, 0, 0, 0)
    desk.sim.check_replay()


@pytest.mark.parametrize(("spoken_s", "kept"), [(1.99, False), (2.0, True)])
def test_silence_ends_it_and_what_is_too_short_is_thrown_away(spoken_s: float, kept: bool) -> None:
    desk = Desk()
    leg = desk.speak()
    name = desk.sim.interaction_of(leg)
    desk.sim.voice.spoken_s = spoken_s
    desk.sim.act(desk.sim.voice.fall_silent, leg)
    assert (desk.place(name) == "resting") is kept
    desk.sim.run(GOODBYE_S)
    assert (desk.phase(name) == "ended") is not kept
    if not kept:
        assert desk.whats(name)[-4:].count("no message") == 1
    desk.sim.check_replay()


def test_the_longest_message_is_cut() -> None:
    desk = Desk()
    leg = desk.sim.call(origin=ANN_CALLS)
    name = desk.sim.interaction_of(leg)
    desk.sim.run(4)
    running = desk.sim.centre.history.record(name)
    assert running is not None
    (begun,) = (note.at for note in running.timeline if note.what == "speaks a message")
    desk.sim.run_until(begun + 60 - TICK)
    assert desk.talk(name).speaks
    desk.sim.run_until(begun + 60)
    assert not desk.talk(name).speaks and desk.place(name) == "resting"
    desk.sim.check_replay()


def test_hanging_up_before_it_was_heard_is_a_miss_and_afterwards_it_is_done() -> None:
    desk = Desk(retry_same_after_s=30.0)
    name = desk.leave()
    desk.sim.run(2)
    assert desk.phase(name) == "listening"
    desk.sim.hang_up(desk.talk(name).agent.leg)
    assert (desk.phase(name), desk.place(name)) == ("waiting", "waiting")
    desk.sim.run(30)
    heard(desk, name)
    desk.sim.hang_up(desk.talk(name).agent.leg)
    desk.sim.run(1)
    assert desk.phase(name) == "ended" and desk.figures() == (1, 1, 0, 0, 0)
    assert desk.whats(name).count("offer_ended") == 1
    desk.sim.check_replay()


def test_a_message_put_off_comes_back_after_later_s_and_no_key_puts_it_off_too() -> None:
    desk = Desk(voicemail=VoicemailRule(later_s=120.0))
    name = desk.leave()
    heard(desk, name)
    desk.press(name, "3")
    at = desk.sim.now
    assert (desk.place(name), doing(desk.sim, "ann")) == ("resting", "idle")
    desk.sim.run_until(at + 120 - TICK)
    assert desk.place(name) == "resting"
    desk.sim.run_until(at + 120)
    assert desk.place(name) == "offered"
    desk.sim.run(2)
    listened = desk.sim.now
    assert desk.phase(name) == "listening"
    desk.sim.run_until(listened + 12 + CHOOSE_S - TICK)
    assert desk.phase(name) == "listening"
    desk.sim.run_until(listened + 12 + CHOOSE_S)
    assert desk.place(name) == "resting" and desk.figures() == (1, 0, 0, 0, 0)
    view = desk.sim.centre.router.agent_view("ann", desk.sim.now)
    assert view is not None and view.totals.missed == 0
    desk.sim.check_replay()


def test_the_agent_calls_the_customer_and_it_is_a_conversation() -> None:
    desk = Desk(record=True)
    desk.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=4.0)
    name = desk.leave()
    heard(desk, name)
    desk.press(name, "2")
    assert (desk.phase(name), desk.place(name)) == ("calling", "accepted")
    agent = desk.talk(name).agent.leg
    assert desk.sim.heard(agent).music == "tone:ringback"
    desk.sim.run(5)
    assert (desk.phase(name), desk.place(name)) == ("talking", "connected")
    desk.sim.hang_up(agent)
    desk.sim.run(5)
    assert desk.figures() == (1, 1, 0, 0, 0) and desk.record(name).outcome == "handled"
    desk.sim.check_replay()


def test_a_customer_who_does_not_answer_costs_nothing_the_message_is_offered_again() -> None:
    desk = Desk()
    desk.sim.behaviours[ANN_CALLS] = BUSY
    name = desk.leave()
    for _ in range(5):  # more often than a callback is tried
        desk.sim.run(2)
        while desk.phase(name) != "listening":
            desk.sim.run(1)
        desk.press(name, "2")
        desk.sim.run(3)
        assert desk.place(name) == "resting"
        desk.sim.run(120)
    assert desk.figures() == (1, 0, 0, 0, 0)
    desk.sim.check_replay()


def test_a_withheld_number_is_not_called() -> None:
    desk = Desk()
    name = desk.leave(origin="")
    heard(desk, name)
    desk.press(name, "2")
    said = desk.sim.performed(cmd.PlayPrompt)[-1]
    assert isinstance(said, cmd.PlayPrompt) and said.parts[0].name == "callback/no-number"
    assert desk.phase(name) == "listening"
    desk.sim.check_replay()


def test_a_message_without_its_file_is_told_by_a_tone_and_ends_with_the_call() -> None:
    desk = Desk()
    name = desk.leave()
    desk.sim.voice.missing.add(f"{name}-1.wav")
    desk.sim.run(2.5)
    assert desk.sim.performed(cmd.PlayTone)[-1].tone == "error"  # type: ignore[union-attr]
    desk.sim.hang_up(desk.talk(name).agent.leg)
    desk.sim.run(1)
    assert desk.phase(name) == "ended" and desk.figures() == (1, 1, 0, 0, 0)
    desk.sim.check_replay()


@pytest.mark.parametrize("after", [0.0, 1.0, 3.0, 6.0], ids=["goodbye", "goodbye ends", "rings", "heard"])
@pytest.mark.parametrize("origin", [ANN_CALLS, ""], ids=["shown", "withheld"])
def test_a_restart_keeps_a_message_and_its_place(origin: str, after: float) -> None:
    desk = Desk()
    leg = desk.speak(origin)
    name = desk.sim.interaction_of(leg)
    desk.sim.act(desk.sim.voice.digit, leg, "#")
    desk.sim.run(after)
    desk.sim.restart()
    desk.sim.run(3)
    heard(desk, name)
    desk.press(name, "#")
    desk.sim.run(1)
    assert desk.figures() == (1, 1, 0, 0, 0)
    desk.sim.check_replay()


def test_a_restart_while_the_message_is_put_off_does_not_hasten_it() -> None:
    desk = Desk(voicemail=VoicemailRule(later_s=600.0))
    name = desk.leave()
    heard(desk, name)
    desk.press(name, "3")
    desk.sim.run(60)
    desk.sim.restart()
    desk.sim.run(500)
    assert desk.place(name) == "resting"
    desk.sim.run(60)
    assert desk.place(name) != "resting"
    desk.sim.check_replay()


def test_a_restart_while_speaking_loses_what_was_said_and_nothing_else() -> None:
    desk = Desk()
    name = desk.sim.interaction_of(desk.speak())
    desk.sim.restart()
    desk.sim.run(1)
    assert desk.phase(name) == "ended" and desk.figures() == (0, 0, 0, 0, 0)
    desk.sim.check_replay()


def test_a_key_while_waiting_leads_to_a_message_and_stops_the_phone_that_rings() -> None:
    desk = Desk(Enqueue(queue="sales"), voicemail=VoicemailRule(key="3"))
    desk.sim.behaviours["ann-phone"] = NEVER
    leg = desk.sim.call(origin=ANN_CALLS)
    desk.sim.run(1)
    name = desk.sim.interaction_of(leg)
    assert desk.phase(name) == "offered"
    desk.sim.act(desk.sim.voice.digit, leg, "73")
    assert (desk.phase(name), desk.place(name), doing(desk.sim, "ann")) == ("flow", "none", "idle")
    desk.sim.run(5)
    desk.sim.act(desk.sim.voice.digit, leg, "#")
    desk.sim.run(3)
    assert desk.place(name) == "offered"
    assert desk.figures() == (2, 0, 0, 1, 0), "the call left the queue, the message entered it"
    desk.sim.check_replay()


def test_a_queue_may_overflow_into_voicemail_of_another_queue() -> None:
    desk = Desk(Enqueue(queue="sales"), agents=(), max_wait_s=20.0, overflow=Target(voicemail="help"))
    leg = desk.sim.call(origin=ANN_CALLS)
    name = desk.sim.interaction_of(leg)
    desk.sim.run(20 - TICK)
    assert desk.phase(name) == "waiting"
    desk.sim.run(6)
    assert desk.talk(name).speaks
    desk.sim.hang_up(leg)
    place = desk.sim.centre.router.state.places[name]
    assert place.queue == "help" and desk.figures() == (1, 0, 0, 1, 0)
    desk.sim.login("cat")
    heard(desk, name)
    desk.sim.check_replay()


def test_a_message_in_a_queue_that_is_removed_ends_and_the_file_stays() -> None:
    desk = Desk(agents=())
    name = desk.leave()
    without = rules()
    without = msgspec.structs.replace(without, queues={"help": without.queues["help"]})
    desk.sim.tell(facts.RulesLoaded(without))
    desk.sim.run(1)
    assert desk.phase(name) == "ended"
    assert any(note.details.get("path") == f"{name}-1.wav" for note in desk.record(name).timeline)
    desk.sim.check_replay()


def test_somebody_at_the_console_may_end_a_message() -> None:
    desk = Desk(agents=())
    name = desk.leave()
    desk.sim.tell(facts.HangupAsked(name, "test"))
    desk.sim.run(1)
    assert desk.phase(name) == "ended" and desk.figures() == (1, 0, 0, 0, 1)
    desk.sim.check_replay()


def listening(**sales: Any) -> tuple[Desk, str]:
    desk = Desk(**sales)
    desk.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=20.0)
    name = desk.leave()
    heard(desk, name)
    return desk, name


def test_an_agent_who_hangs_up_while_the_customer_rings_gets_the_message_again() -> None:
    desk, name = listening()
    desk.press(name, "2")
    desk.press(name, "2")  # means nothing while it rings
    desk.sim.run(2)
    customer = desk.talk(name).customer.leg
    desk.sim.hang_up(desk.talk(name).agent.leg)
    assert customer not in desk.sim.voice.legs
    assert (desk.phase(name), desk.place(name), doing(desk.sim, "ann")) == ("waiting", "resting", "idle")
    desk.sim.run(900)
    assert desk.place(name) == "offered"
    desk.sim.check_replay()


def test_a_restart_while_the_customer_rings_gives_the_message_back() -> None:
    desk, name = listening()
    desk.press(name, "2")
    desk.sim.run(2)
    desk.sim.restart()
    heard(desk, name)
    desk.press(name, "#")
    desk.sim.run(1)
    assert desk.figures() == (1, 1, 0, 0, 0)
    desk.sim.check_replay()


def test_where_customers_are_called_first_a_message_is_still_heard_first() -> None:
    desk, name = listening(callback=CallbackRule(first="customer"))
    assert desk.phase(name) == "listening" and not desk.talk(name).reserved
    desk.press(name, "2")
    assert desk.phase(name) == "calling"
    desk.sim.check_replay()


def test_a_customer_who_was_called_is_a_call_again_for_the_next_queue() -> None:
    desk, name = listening()
    desk.press(name, "2")
    desk.sim.run(21)
    assert desk.phase(name) == "talking"
    desk.sim.act(desk.sim.voice.transfer, desk.talk(name).agent.leg, "301")
    place = desk.sim.centre.router.state.places[name]
    assert (place.queue, place.channel_class, place.callback) == ("help", ChannelClass.VOICE, None)
    assert desk.talk(name).message is None
    desk.sim.check_replay()


def test_several_phones_ring_for_a_message_and_the_first_hears_it() -> None:
    desk = Desk(agents=("ann", "bob"), strategy="ring_all", serves=("ann", "bob"))
    desk.sim.behaviours["bob-phone"] = Behaviour(answers_after=1.0)
    name = desk.leave()
    desk.sim.run(1.5)
    assert desk.phase(name) == "listening" and desk.talk(name).agent.agent == "bob"
    assert doing(desk.sim, "ann") == "idle"
    desk.sim.check_replay()


def test_while_its_queue_is_closed_a_message_rests() -> None:
    """The caller is sent to voicemail because it is closed; the message is offered when it opens."""
    begins = 1_700_000_000.0  # Tuesday, 22:13:20 UTC
    desk = Desk(Enqueue(queue="sales"), calendar="office", closed_to=Target(voicemail="sales"), open_at=9)
    name = desk.leave()
    assert desk.figures() == (2, 0, 0, 1, 0)
    assert desk.place(name) == "resting"
    opening = begins + (24 - 22) * 3600 - 13 * 60 - 20 + 9 * 3600
    desk.sim.run_until(opening - TICK)
    assert desk.place(name) == "resting"
    desk.sim.run_until(opening)
    assert desk.place(name) == "offered"
    desk.sim.check_replay()


def test_a_step_without_prompt_or_beep_records_at_once() -> None:
    desk = Desk(Voicemail(queue="sales", prompt="", beep=False, goodbye=""))
    leg = desk.sim.call(origin=ANN_CALLS)
    name = desk.sim.interaction_of(leg)
    assert desk.talk(name).speaks and desk.sim.voice.legs[leg].state == "answered"
    desk.sim.act(desk.sim.voice.digit, leg, "#")
    assert leg not in desk.sim.voice.legs and desk.place(name) == "offered", "no goodbye to wait for"
    desk.sim.check_replay()


def test_a_written_interaction_goes_past_a_voicemail_step() -> None:
    desk = Desk(LEAVE, BYE)
    leg = desk.sim.chat("hello")
    assert desk.sim.record(leg).outcome != "handled" and not desk.sim.performed(cmd.RecordMessage)
    desk.sim.check_replay()


def test_a_profile_sends_who_waits_to_voicemail_and_takes_it_back() -> None:
    desk = Desk(Enqueue(queue="sales"), agents=())
    storm = ProfileRule(name="storm", suspend=Suspension(queues={"sales": Target(voicemail="help")}))
    found = msgspec.structs.replace(desk.sim.centre.state.rules, profiles={"storm": storm})
    desk.sim.tell(facts.RulesLoaded(found))
    desk.sim.tell(facts.ProfileSet("storm", True, "test"))
    name = desk.leave()
    assert desk.sim.centre.router.state.places[name].queue == "help"
    leg = desk.sim.call(origin=ANN_CALLS)
    desk.sim.run(1)
    desk.sim.tell(facts.ProfileSet("storm", False, "test"))
    desk.sim.run(4)
    assert desk.sim.talk(leg).speaks, "who is about to speak goes on"
    second = desk.sim.interaction_of(desk.sim.call(origin=ANN_CALLS))
    desk.sim.run(5)
    assert desk.phase(second) == "waiting"
    desk.sim.check_replay()
