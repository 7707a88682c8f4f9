"""The whole centre on virtual time. The agent's phone: codes, whisper, hold, and every way to be lost."""

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause
from ccd.model.rules import AgentRule, Rules, Target
from ccd.model.steps import Enqueue
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, PROMPT_S, VANISHES, Behaviour
from tests.scenario.centre_rules import TICK, centre, doing, rules, totals, whats


def spoken(sim: SimulatedCentre, leg: str) -> list[str]:
    return [
        part.name
        for play in sim.commands
        if isinstance(play, cmd.PlayPrompt) and play.leg == leg
        for part in play.parts
    ]


# -- feature codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "prompt", "availability", "reason"),
    [
        ("*41", "agent/logged-in", Availability.READY, ""),
        ("*421", "agent/paused", Availability.PAUSED, "lunch"),
        ("*42", "agent/paused", Availability.PAUSED, "pause"),
        ("*429", "agent/refused", Availability.LOGGED_OUT, ""),
        ("*43", "agent/ready", Availability.READY, ""),
        ("*44", "agent/logged-out", Availability.LOGGED_OUT, ""),
    ],
)
def test_a_code_is_carried_out_and_answered(
    code: str, prompt: str, availability: Availability, reason: str
) -> None:
    sim = centre()
    sim.phone("ann-phone")
    if code == "*44":
        sim.login("ann")
    leg = sim.dial("ann-phone", code)
    state = sim.centre.router.state.agents["ann"]
    assert (state.availability, state.reason) == (availability, reason)
    assert state.by == ("" if prompt == "agent/refused" else "phone:ann-phone")
    assert spoken(sim, leg) == [prompt]
    sim.run(PROMPT_S)
    assert sim.voice.ended[leg] is Cause.NORMAL


@pytest.mark.parametrize(("code", "tone"), [("*41", "confirm"), ("*429", "error")])
def test_a_code_is_answered_by_a_tone_when_there_is_no_prompt(code: str, tone: str) -> None:
    sim = centre()
    sim.phone("ann-phone")
    leg = sim.dial("ann-phone", code)
    sim.tell(facts.PromptEnded(leg, sim.heard(leg).play, False, "no such prompt"))
    (played,) = sim.performed(cmd.PlayTone)
    assert isinstance(played, cmd.PlayTone) and played.tone == tone
    sim.tell(facts.PromptEnded(leg, played.play, False, "no such tone"))
    assert sim.voice.ended[leg] is Cause.NORMAL, "not tried for ever"


def test_what_is_no_code_and_who_is_no_agent_is_refused() -> None:
    sim = centre()
    assert sim.voice.ended[sim.dial("ann-phone", "12345")] is Cause.NOT_FOUND
    assert sim.voice.ended[sim.dial("lobby-phone", "*41")] is Cause.FORBIDDEN
    assert not sim.voice.legs


def test_ready_ends_wrap_up_from_the_phone() -> None:
    sim = centre("ann", wrap_up_s=60.0)
    sim.call(talks_for=10)
    sim.run(13)
    waiting = sim.call()
    assert sim.rings_at(waiting) == ""
    sim.dial("ann-phone", "*43")
    assert sim.rings_at(waiting) == "ann"


# -- whisper -----------------------------------------------------------------------------------------------


def test_the_agent_hears_the_whisper_before_the_bridge() -> None:
    sim = centre("ann", whisper="sales-whisper")
    call = sim.call()
    sim.run(2)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    assert spoken(sim, agent_leg) == ["sales-whisper"]
    assert sim.heard(call).music == "default" and sim.heard(call).peer == ""
    sim.run(PROMPT_S - TICK)
    assert sim.agent_of(call) == ""
    sim.run(TICK)
    assert sim.heard(call).peer == agent_leg and sim.agent_of(call) == "ann"


@pytest.mark.parametrize(("after", "bridged"), [(15 - TICK, False), (15.0, True), (15 + TICK, True)])
def test_a_whisper_whose_end_is_not_reported_does_not_keep_the_customer(after: float, bridged: bool) -> None:
    sim = centre("ann", whisper="sales-whisper")
    call = sim.call()
    sim.run(2)
    sim.heard(sim.talk(call).agent.leg).play = "lost"  # type: ignore[union-attr]
    sim.run(after)
    assert (sim.agent_of(call) == "ann") is bridged


def test_an_agent_who_vanishes_between_accept_and_bridge() -> None:
    sim = centre("ann", "bob", whisper="sales-whisper")
    sim.phone("ann-phone", VANISHES)
    first, second = sim.call(), sim.call(talks_for=10)
    sim.run(1)
    third = sim.call()
    sim.run(1.5)
    miss = next(n for n in sim.centre.history.state.open["1"].timeline if n.what == "offer_ended")
    assert miss.details == {"offer": "o1", "agent": "ann", "end": "vanished"}
    assert sim.centre.router.waiting("sales") == ["1", "2", "3"], "the place is kept"
    assert sim.heard(first).music == "default" and sim.rings_at(first) == ""
    assert sim.rings_at(third) == "ann", "ann may have another, but not the same at once"
    sim.run(1.5 + 10)
    assert sim.record(second).outcome == "handled"
    assert sim.rings_at(first) == "bob" and sim.rings_at(third) == ""


def test_music_goes_on_after_a_position_that_ends_during_the_whisper() -> None:
    sim = centre("ann", whisper="w", announce_position=True, announce_every_s=10.0)
    sim.ask("ann", Availability.PAUSED)
    sim.phone("ann-phone", Behaviour(answers_after=0.5, hangs_up_after=1.9))
    call = sim.call()
    sim.run(12.8)
    assert sim.heard(call).play
    sim.ask("ann", Availability.READY)
    sim.run(0.6)
    assert sim.talk(call).phase == "connecting" and sim.heard(call).play
    sim.run(2)
    assert sim.talk(call).phase == "waiting" and sim.heard(call).music == "default"


def test_the_step_whispers_instead_of_its_queue_but_not_instead_of_the_next_one() -> None:
    flow = (Enqueue(queue="sales", whisper="vip"),)
    sim = SimulatedCentre(rules(*flow, whisper="sales", max_wait_s=60.0, overflow=Target(queue="help")))
    sim.call()
    sim.login("ann")
    sim.run(3)
    whispers = [play.parts[0].name for play in sim.performed(cmd.PlayPrompt)]  # type: ignore[union-attr]
    assert whispers == ["vip"]
    sim.ask("ann", Availability.PAUSED)
    second = sim.call()
    assert sim.talk(second).whisper == "vip"
    sim.run(61)
    assert sim.talk(second).whisper == ""
    sim.check_replay()


def test_the_customer_leaves_during_the_whisper() -> None:
    sim = centre("ann", whisper="sales-whisper", wrap_up_s=30.0)
    call = sim.call()
    sim.run(3)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.hang_up(call)
    assert sim.voice.ended[agent_leg] is Cause.NORMAL
    assert sim.record(call).outcome == "abandoned" and totals(sim) == (1, 0, 1, 0)
    assert doing(sim, "ann") == "idle", "no conversation, no wrap-up"


def test_the_customer_leaves_while_it_rings() -> None:
    sim = centre("ann")
    sim.phone("ann-phone", NEVER)
    call = sim.call(patience=7)
    waiting = sim.call()
    first = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.run(7)
    assert sim.voice.ended[first] is Cause.CANCELLED
    assert sim.record(call).outcome == "abandoned"
    assert sim.rings_at(waiting) == "ann"
    ends = [n.details["end"] for n in sim.record(call).timeline if n.what == "offer_withdrawn"]
    assert ends == ["customer_left"]
    assert sim.centre.router.state.agents["ann"].totals.missed == 0


def test_the_phone_hears_the_end_of_a_call_before_it_rings_for_the_next() -> None:
    sim = centre("ann")
    call, _waiting = sim.call(talks_for=30), sim.call()
    sim.run(3)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    before = len(sim.commands)
    sim.run(30)
    kinds = [c for c in sim.commands[before:] if isinstance(c, cmd.ReleaseLeg | cmd.DialLeg)]
    assert isinstance(kinds[0], cmd.ReleaseLeg) and kinds[0].leg == agent_leg
    assert isinstance(kinds[1], cmd.DialLeg)


# -- several devices, hold, silence --------------------------------------------------------------------------


def two_phones() -> SimulatedCentre:
    rules = centre().centre.state.rules
    agents = {**rules.agents, "ann": AgentRule(name="ann", devices=("desk", "mobile"))}
    sim = SimulatedCentre(Rules(agents=agents, queues=rules.queues, flows=rules.flows, numbers=rules.numbers))
    sim.phone("desk", Behaviour(answers_after=9))
    sim.phone("mobile", Behaviour(answers_after=4))
    sim.login("ann")
    return sim


def test_the_first_device_that_answers_wins() -> None:
    sim = two_phones()
    call = sim.call()
    sim.run(20)
    talk = sim.talk(call)
    assert talk.agent is not None and talk.agent.device == "mobile"
    assert len(sim.performed(cmd.BridgeLegs)) == 1


def test_one_busy_device_does_not_end_the_offer() -> None:
    sim = two_phones()
    sim.phone("mobile", BUSY)
    call = sim.call()
    sim.run(9)
    assert sim.talk(call).agent.device == "desk"  # type: ignore[union-attr]


def test_an_agent_with_one_device_left_can_still_be_reached() -> None:
    sim = two_phones()
    sim.tell(facts.DeviceLost("mobile", "silent"))
    assert doing(sim, "ann") == "idle"
    sim.tell(facts.DeviceLost("desk", "silent"))
    assert doing(sim, "ann") == "no_device"
    sim.tell(facts.DeviceReachable("mobile"))
    assert doing(sim, "ann") == "idle"


def test_hold_plays_music_and_resume_joins_again() -> None:
    sim = centre("ann", music="jazz")
    call = sim.call()
    sim.run(3)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.act(sim.voice.hold, agent_leg)
    assert sim.heard(call).music == "jazz" and sim.heard(call).peer == ""
    sim.act(sim.voice.hold, agent_leg)
    assert len(sim.performed(cmd.PartLegs)) == 1, "a copy of the fact does nothing"
    sim.act(sim.voice.hold, agent_leg, False)
    assert sim.heard(call).peer == agent_leg and sim.heard(call).music == ""


@pytest.mark.parametrize("whisper", ["", "psst"])
def test_a_phone_that_answers_on_hold_lets_the_customer_hear_music(whisper: str) -> None:
    """Until it takes the call off hold; also when it was whispered to before."""
    sim = centre("ann", music="jazz", whisper=whisper)
    call = sim.call()
    sim.run(1.0)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.act(sim.voice.answer, agent_leg, "ann-phone")
    sim.act(sim.voice.hold, agent_leg)
    sim.run(PROMPT_S + 1.0)
    assert doing(sim, "ann") == "talking"
    assert sim.heard(call).music == "jazz" and sim.heard(call).peer == ""
    sim.act(sim.voice.hold, agent_leg, False)
    assert sim.heard(call).peer == agent_leg and sim.heard(call).music == ""


def test_a_customer_who_holds_is_not_parted() -> None:
    sim = centre("ann")
    call = sim.call()
    sim.run(3)
    sim.act(sim.voice.hold, call)
    assert sim.heard(call).peer and sim.performed(cmd.PartLegs) == []
    sim.hang_up(call)
    assert {"held"} <= set(whats(sim, call))


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_a_party_that_falls_silent_ends_the_conversation(who: str) -> None:
    sim = centre("ann", record=True)
    call = sim.call()
    sim.run(3)
    agent_leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.act(sim.voice.lose_media, call if who == "customer" else agent_leg)
    assert sim.record(call).cause is Cause.MEDIA_LOST and sim.record(call).outcome == "handled"
    assert not sim.voice.legs and doing(sim, "ann") == "idle"
    assert "media lost" in whats(sim, call)


def test_the_agent_hangs_up() -> None:
    sim = centre("ann", record=True)
    sim.phone("ann-phone", Behaviour(hangs_up_after=50))
    call = sim.call()
    sim.run(60)
    record = sim.record(call)
    assert sim.voice.ended[call] is Cause.NORMAL
    assert (record.outcome, record.talked_s, record.agents) == ("handled", 50.0, ["ann"])
    (recorded,) = [note for note in record.timeline if note.what == "recorded"]
    assert recorded.details["recording"] == "1-1"


@pytest.mark.parametrize(("after", "closed"), [(10 - TICK, False), (10.0, True), (10 + TICK, True)])
def test_a_recording_that_never_closes_does_not_keep_the_interaction(after: float, closed: bool) -> None:
    sim = centre("ann", record=True)
    call = sim.call()
    sim.run(3)
    sim.voice._recordings.clear()
    sim.hang_up(call)
    sim.run(after)
    assert ("1" not in sim.centre.state.interactions) is closed
    if closed:
        assert "closed late" in whats(sim, call)
