"""The whole centre on virtual time. The queue: order, ringing, misses, music, overflow, wrap-up."""

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, OfferEnd, PromptPart
from ccd.model.rules import Target
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import TICK, centre, doing, totals


def test_the_longest_waiting_is_served_first() -> None:
    sim = centre()
    calls = []
    for _ in range(3):
        calls.append(sim.call(talks_for=30))
        sim.run(10)
    sim.login("ann")
    served = []
    for _ in range(3):
        served += [call for call in calls if sim.rings_at(call) == "ann"]
        sim.run(32)
    assert served == calls
    assert totals(sim) == (3, 3, 0, 0)


def test_the_longest_idle_agent_is_asked_first() -> None:
    sim = centre("bob", "ann")
    first, second = sim.call(talks_for=60), sim.call(talks_for=10)
    assert (sim.rings_at(first), sim.rings_at(second)) == ("bob", "ann")
    sim.run(100)
    assert sim.rings_at(sim.call()) == "ann", "bob was free later"


def test_the_offer_shows_queue_wait_and_caller() -> None:
    sim = centre(display="Sales team")
    sim.call(origin="+33698765432")
    sim.run(42)
    sim.login("ann")
    (dial,) = sim.performed(cmd.DialLeg)
    assert isinstance(dial, cmd.DialLeg)
    assert dial.card == cmd.OfferCard("1", "Sales team", 42, "+33698765432")
    assert dial.devices == ("ann-phone",)


@pytest.mark.parametrize(("after", "agent"), [(20 - TICK, "ann"), (20.0, "ann"), (20 + TICK, "bob")])
def test_ring_timeout_asks_the_next_agent(after: float, agent: str) -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", answers_after=after)
    call = sim.call()
    sim.run(20 + TICK + 2)
    assert sim.agent_of(call) == agent
    if agent == "bob":
        first = sim.performed(cmd.DialLeg)[0]
        assert isinstance(first, cmd.DialLeg)
        assert cmd.ReleaseLeg(first.leg, Cause.LAPSED) in sim.commands


@pytest.mark.parametrize("lapse_first", [True, False])
def test_accept_and_lapse_together_have_one_winner(lapse_first: bool) -> None:
    sim = centre("ann")
    sim.phone("ann-phone", NEVER)
    call = sim.call()
    sim.run(20 - TICK)
    sim.clock.advance(TICK)
    leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    if lapse_first:
        sim.tell(facts.TimePassed())
        sim.tell(facts.LegAnswered(leg, "ann-phone"))
    else:
        sim.act(sim.voice.answer, leg)
        sim.tell(facts.TimePassed())
    sim.run(1)
    assert sim.agent_of(call) == ("" if lapse_first else "ann")
    assert len(sim.performed(cmd.BridgeLegs)) == (0 if lapse_first else 1)


def test_the_late_answer_of_a_withdrawn_offer_finds_nobody() -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", NEVER)
    call = sim.call()
    leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.run(20)
    assert sim.rings_at(call) == "bob"
    before = len(sim.commands)
    sim.tell(facts.LegAnswered(leg, "ann-phone"))
    assert sim.commands[before:] == []
    assert [c for c in sim.performed(cmd.ReleaseLeg) if c.leg == leg] == [cmd.ReleaseLeg(leg, Cause.LAPSED)]
    sim.run(2)
    assert sim.agent_of(call) == "bob"


@pytest.mark.parametrize(("after", "again"), [(30 - TICK, ""), (30.0, "ann"), (30 + TICK, "ann")])
def test_the_same_agent_is_not_asked_again_at_once(after: float, again: str) -> None:
    sim = centre("ann")
    sim.phone("ann-phone", REJECTS)
    call = sim.call()
    sim.run(3)
    assert sim.rings_at(call) == "" and doing(sim, "ann") == "idle"
    sim.run(after)
    assert sim.rings_at(call) == again


@pytest.mark.parametrize(
    ("behaviour", "end"),
    [(NEVER, OfferEnd.NO_ANSWER), (BUSY, OfferEnd.BUSY), (REJECTS, OfferEnd.REJECTED)],
)
def test_auto_pause_counts_misses_by_cause(behaviour: Behaviour, end: OfferEnd) -> None:
    sim = centre("ann", on_miss={end: 2}, retry_same_after_s=1.0)
    sim.phone("ann-phone", behaviour)
    call = sim.call(patience=300)
    while not sim.centre.router.state.agents["ann"].totals.missed:
        sim.run(0.1)
    assert doing(sim, "ann") != "paused"
    sim.run(40)
    assert doing(sim, "ann") == "paused"
    state = sim.centre.router.state.agents["ann"]
    assert (state.reason, state.by) == ("missed", f"policy:on_miss {end.value} 2")
    assert sim.rings_at(call) == ""
    sim.run(300)
    assert sim.record(call).outcome == "abandoned"
    ends = [note.details["end"] for note in sim.record(call).timeline if note.what == "offer_ended"]
    assert ends == [end.value] * 2


def test_misses_of_another_cause_do_not_pause() -> None:
    sim = centre("ann", on_miss={OfferEnd.REJECTED: 1}, retry_same_after_s=1.0)
    sim.phone("ann-phone", BUSY)
    sim.call(patience=100)
    sim.run(100)
    assert doing(sim, "ann") == "idle"


def test_a_waiting_caller_hears_music_and_positions() -> None:
    sim = centre(announce_position=True, announce_every_s=30.0, music="jazz")
    first, second = sim.call(), sim.call()
    told = [play for play in sim.performed(cmd.PlayPrompt) if isinstance(play, cmd.PlayPrompt)]
    assert [(play.leg, play.parts[1].number) for play in told] == [(first, 1), (second, 2)]
    sim.run(4)
    assert sim.heard(second).music == "jazz"
    sim.hang_up(first)
    sim.run(26 - TICK)
    assert len(sim.performed(cmd.PlayPrompt)) == 2
    sim.run(TICK)
    last = sim.performed(cmd.PlayPrompt)[-1]
    assert isinstance(last, cmd.PlayPrompt) and last.parts[1].number == 1


def said(sim: SimulatedCentre) -> list[tuple[str | int | None, ...]]:
    plays = [play for play in sim.performed(cmd.PlayPrompt) if isinstance(play, cmd.PlayPrompt)]
    return [tuple([part.name or part.number for part in play.parts]) for play in plays]


def test_a_waiting_caller_is_comforted_in_turn_and_the_wait_is_never_longer_for_it() -> None:
    sim = centre("ann", comfort=("sorry", "thanks"), announce_every_s=20.0)
    sim.call(talks_for=600)
    sim.run(5)
    sim.call(patience=500)
    sim.run(1)
    assert said(sim)[-1] == ("sorry",)
    sim.run(19 - 2 * TICK)
    assert said(sim)[-1] == ("sorry",)
    sim.run(2 * TICK)
    assert said(sim)[-1] == ("thanks",)
    sim.run(20)
    assert said(sim)[-1] == ("sorry",)
    sim.check_replay()


def test_comfort_comes_before_the_place_and_a_visitor_reads_only_the_place() -> None:
    sim = centre(comfort=("sorry",), announce_position=True, announce_every_s=20.0)
    sim.call()
    sim.chat("hello")
    assert said(sim) == [("sorry", "queue/position", 1)]
    assert [told.position for told in sim.performed(cmd.TellPosition)] == [2]  # type: ignore[union-attr]
    quiet = centre(comfort=("sorry",), announce_every_s=20.0)
    quiet.chat("hello")
    quiet.run(60)
    assert quiet.performed(cmd.TellPosition) == []


def test_the_music_is_not_begun_anew_by_a_missed_offer() -> None:
    sim = centre("ann")
    sim.phone("ann-phone", REJECTS)
    call = sim.call()
    sim.run(10)
    assert sim.performed(cmd.StartMusic) == [cmd.StartMusic(call, "default")]
    assert sim.heard(call).music == "default"


@pytest.mark.parametrize("after", [45 - TICK, 45.0, 45 + TICK])
@pytest.mark.parametrize(
    "target",
    [Target(queue="help"), Target(flow="excuse"), Target(agent="cat"), Target(address="+33900"), Target()],
)
def test_overflow_on_the_longest_wait(after: float, target: Target) -> None:
    sim = centre(max_wait_s=45.0, overflow=target)
    sim.phone("cat-phone")
    sim.behaviours["+33900"] = Behaviour()
    call = sim.call()
    sim.run(after)
    phase = sim.centre.talks.get("1")
    if after < 45:
        assert phase is not None and phase.phase == "waiting" and totals(sim) == (1, 0, 0, 0)
        return
    assert totals(sim) == (1, 0, 0, 1)
    if target.queue:
        sim.login("cat")
        sim.run(2)
        assert sim.agent_of(call) == "cat" and totals(sim, "help") == (1, 1, 0, 0)
    elif target.flow:
        assert sim.heard(call).play
        sim.run(2)
        assert sim.record(call).outcome == "overflowed"
    elif target.agent or target.address:
        assert sim.heard(call).music == "tone:ringback"
        sim.run(2)
        assert sim.talk(call).phase == "outside"
        assert doing(sim, "cat") == ("talking" if target.agent else "logged_out")
        sim.hang_up(call)
        assert sim.record(call).outcome == "overflowed"
        assert doing(sim, "cat") == "logged_out"
    else:
        assert sim.voice.ended[call] is Cause.NORMAL, "the flow has no further step"


def test_overflow_on_size_unless_somebody_is_free() -> None:
    sim = centre(max_length=1, overflow=Target(queue="help"))
    first, second = sim.call(), sim.call()
    assert sim.talk(first).phase == "waiting" and sim.centre.state.interactions["2"].queue == "help"
    assert totals(sim) == (2, 0, 0, 1) and totals(sim, "help") == (1, 0, 0, 0)
    sim.login("ann", "bob")
    assert sim.rings_at(sim.call()) == "bob", "full, but an agent is free"
    sim.hang_up(second)
    assert totals(sim, "help") == (1, 0, 1, 0)


def test_overflow_keeps_the_place() -> None:
    sim = centre(max_wait_s=45.0, max_length=1, overflow=Target(queue="help"))
    old = sim.call()
    sim.run(40)
    young = sim.call()  # the queue is full: straight to help
    assert sim.centre.router.waiting("help") == ["2"]
    sim.run(5)
    assert sim.centre.router.waiting("help") == ["1", "2"]
    sim.login("cat")
    assert (sim.rings_at(old), sim.rings_at(young)) == ("cat", "")


@pytest.mark.parametrize("why", ["busy", "unreachable"])
def test_overflow_to_an_agent_who_is_busy_or_not_there_goes_on(why: str) -> None:
    sim = centre(max_wait_s=10.0, overflow=Target(agent="cat"))
    if why == "busy":
        sim.phone("cat-phone")
        first = sim.call()
        sim.run(12)
        assert doing(sim, "cat") == "talking" and sim.talk(first).phase == "outside"
    dialled = len(sim.performed(cmd.DialLeg))
    call = sim.call()
    sim.run(10)
    assert len(sim.performed(cmd.DialLeg)) == dialled
    assert sim.voice.ended[call] is Cause.NORMAL, "the flow has no further step"
    failed = next(note for note in sim.record(call).timeline if note.what == "outside failed")
    assert failed.details == {"agent": "cat", "cause": why}


@pytest.mark.parametrize(("after", "served"), [(10 - TICK, False), (10.0, True), (10 + TICK, True)])
def test_wrap_up_keeps_work_away_until_it_is_over(after: float, served: bool) -> None:
    sim = centre("ann", wrap_up_s=10.0)
    sim.call(talks_for=60)
    sim.run(62)
    assert doing(sim, "ann") == "wrap_up"
    call = sim.call()
    sim.run(after)
    assert (sim.rings_at(call) == "ann") is served


def test_wrap_up_is_ended_by_hand() -> None:
    sim = centre("ann", wrap_up_s=100.0)
    sim.call(talks_for=60)
    sim.run(70)
    sim.tell(facts.WrapUpEndAsked("ann", "ccctl:me"))
    assert doing(sim, "ann") == "idle"
    assert sim.centre.history.state.totals["sales"].wrap_sum_s == pytest.approx(8.0)


def test_an_agent_whose_last_device_is_lost_is_not_asked_and_loses_the_offer() -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", NEVER)
    call = sim.call()
    sim.run(3)
    sim.tell(facts.DeviceLost("ann-phone", "no answer to OPTIONS"))
    assert sim.rings_at(call) == "bob"
    sim.run(2)
    assert doing(sim, "ann") == "no_device"
    sim.tell(facts.DeviceReachable("ann-phone", 12.0))
    assert doing(sim, "ann") == "idle"
    sim.unplug("ann-phone")
    assert doing(sim, "ann") == "no_device"


def test_logging_out_while_it_rings_hands_the_call_on() -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", NEVER)
    call = sim.call()
    sim.ask("ann", Availability.LOGGED_OUT)
    assert sim.rings_at(call) == "bob"
    assert sim.centre.router.state.agents["ann"].totals.missed == 0


def test_a_waiting_caller_hears_how_long_and_a_visitor_reads_it() -> None:
    sim = centre("ann", agents=("ann",), announce_wait=True, announce_every_s=10.0)
    sim.call(talks_for=600)
    sim.run(5)
    call = sim.call(patience=500)
    sim.run(1)
    said = [each.parts for each in sim.performed(cmd.PlayPrompt) if isinstance(each, cmd.PlayPrompt)]
    assert (PromptPart("queue/wait"), PromptPart(number=4, unit="minute")) in said
    sim.chat("hello")
    told = sim.performed(cmd.TellPosition)[-1]
    assert isinstance(told, cmd.TellPosition) and (told.position, told.wait_min) == (0, 8)
    sim.hang_up(call)
    sim.run(60)
    later = sim.performed(cmd.TellPosition)[-1]
    assert isinstance(later, cmd.TellPosition) and later.wait_min < 8
    sim.restart()
    sim.check_replay()


def test_place_and_wait_are_said_in_one_breath() -> None:
    sim = centre("ann", agents=("ann",), announce_wait=True, announce_position=True)
    sim.call(talks_for=600)
    sim.run(5)
    sim.call(patience=500)
    sim.run(1)
    said = [each.parts for each in sim.performed(cmd.PlayPrompt) if isinstance(each, cmd.PlayPrompt)]
    place = (PromptPart("queue/position"), PromptPart(number=1))
    assert (*place, PromptPart("queue/wait"), PromptPart(number=4, unit="minute")) in said
