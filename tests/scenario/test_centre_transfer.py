"""The whole centre on virtual time. Blind transfer: the customer is never dropped, one timeline is kept."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import OwnCalls
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import TICK, centre, doing, rules, totals, whats


def talking(**sales: object) -> tuple[SimulatedCentre, str, str]:
    """A call in conversation with ann; (centre, customer's leg, ann's leg)."""
    sim = centre("ann", **sales)
    call = sim.call()
    sim.run(10)
    agent = sim.talk(call).agent
    assert agent is not None and sim.agent_of(call) == "ann"
    return sim, call, agent.leg


def reports(sim: SimulatedCentre) -> list[tuple[bool, Cause]]:
    return [(c.done, c.cause) for c in sim.commands if isinstance(c, cmd.ReportTransfer)]


def test_to_an_agent_who_accepts() -> None:
    sim, call, leg = talking(record=True, wrap_up_s=30.0)
    sim.login("cat")
    sim.act(sim.voice.transfer, leg, "203")
    assert sim.heard(call).music == "default" and sim.heard(leg).peer == ""
    assert doing(sim, "cat") == "talking" and doing(sim, "ann") == "talking"
    sim.run(2)
    assert sim.agent_of(call) == "cat" and reports(sim) == [(True, Cause.NORMAL)]
    assert sim.voice.ended[leg] is Cause.TRANSFERRED
    assert cmd.StopRecording("1-1", call) in sim.commands, "each agent has a file of one's own"
    assert (doing(sim, "ann"), doing(sim, "cat")) == ("wrap_up", "talking")
    sim.run(8)
    sim.hang_up(call)
    record = sim.record(call)
    assert record.outcome == "handled" and record.talked_s == pytest.approx(10 + 8)
    names = [note.details["recording"] for note in record.timeline if note.what == "recorded"]
    assert names == ["1-1", "1-2"]
    moved = next(note for note in record.timeline if note.what == "transferred")
    assert moved.details == {"agent": "ann", "to": "cat"}
    assert totals(sim) == (1, 1, 0, 0) and doing(sim, "cat") == "wrap_up"


@pytest.mark.parametrize(
    ("behaviour", "cause"), [(BUSY, Cause.BUSY), (REJECTS, Cause.REJECTED), (NEVER, Cause.NO_ANSWER)]
)
@pytest.mark.parametrize("held", [False, True])
def test_to_an_agent_who_does_not_take_it(behaviour: Behaviour, cause: Cause, held: bool) -> None:
    sim, call, leg = talking()
    sim.login("cat")
    sim.phone("cat-phone", behaviour)
    if held:  # as most phones do before a REFER
        sim.act(sim.voice.hold, leg)
    sim.act(sim.voice.transfer, leg, "203")
    sim.run(30 - TICK)
    if behaviour is NEVER:
        assert sim.talk(call).phase == "transferring"
    sim.run(TICK)
    assert sim.agent_of(call) == "ann" and reports(sim) == [(False, cause)]
    assert sim.heard(call).peer == ("" if held else leg)
    if held:
        assert sim.heard(call).music == "default"
        sim.act(sim.voice.hold, leg, False)
        assert sim.heard(call).peer == leg
    assert doing(sim, "cat") == "idle" and doing(sim, "ann") == "talking"
    assert sum(isinstance(c, cmd.StartMusic) for c in sim.commands) == 2, "the queue's, and once more"


def test_to_an_agent_who_is_not_free_is_refused_at_once() -> None:
    sim, call, leg = talking()
    for target, cause in (("203", Cause.UNREACHABLE), ("201", Cause.BUSY), ("999", Cause.NOT_FOUND)):
        sim.act(sim.voice.transfer, leg, target)
        assert reports(sim)[-1] == (False, cause)
        assert sim.heard(call).peer == leg and sim.agent_of(call) == "ann"


@pytest.mark.parametrize(
    ("dial", "everybody", "mine", "allowed"),
    [
        ((), None, None, False),
        (("+339",), None, None, True),
        (("+339",), (), None, False),
        ((), ("+33900",), None, True),
        ((), ("+331",), ("+339", "+44"), True),
        (("+339",), ("+339",), (), False),
    ],
)
def test_only_where_an_agent_may_transfer(
    dial: tuple[str, ...], everybody: tuple[str, ...] | None, mine: tuple[str, ...] | None, allowed: bool
) -> None:
    """A stolen phone must not send calls to premium numbers, by REFER as little as by dialling."""
    plain = rules()
    ann = msgspec.structs.replace(plain.agents["ann"], may_transfer=mine)
    own = OwnCalls(may_dial=dial, may_transfer=everybody)
    sim = SimulatedCentre(msgspec.structs.replace(plain, agents=plain.agents | {"ann": ann}, own_calls=own))
    sim.behaviours["+33900"] = Behaviour()
    sim.login("ann")
    call = sim.call()
    sim.run(10)
    leg = sim.talk(call).agent.leg  # type: ignore[union-attr]
    sim.act(sim.voice.transfer, leg, "+33900")
    sim.run(5)
    if allowed:
        assert sim.talk(call).phase == "outside"
        return
    assert reports(sim) == [(False, Cause.FORBIDDEN)]
    assert sim.heard(call).peer == leg and sim.agent_of(call) == "ann"
    sim.hang_up(call)
    refused = next(note for note in sim.record(call).timeline if note.what == "transfer refused")
    assert refused.details == {"why": "not in may_transfer"}


def test_only_the_agent_in_conversation_may_transfer() -> None:
    sim, call, leg = talking()
    sim.act(sim.voice.transfer, call, "300")
    assert reports(sim) == [(False, Cause.FORBIDDEN)] and sim.heard(call).peer == leg


def test_the_transferor_is_gone_and_nobody_answers_the_customer_gets_the_old_place_back() -> None:
    sim, call, leg = talking()
    sim.login("cat")
    sim.phone("cat-phone", NEVER)
    sim.run(30)
    sim.login("bob")
    other = sim.call(talks_for=500)  # bob is busy with it
    sim.run(5)
    younger = sim.call()
    sim.act(sim.voice.transfer, leg, "203")
    sim.run(1)
    sim.hang_up(leg)
    assert sim.talk(call).phase == "transferring"
    sim.run(29)
    assert sim.agent_of(other) == "bob"
    assert sim.rings_at(call) == "ann", "before the one who came later"
    assert sim.rings_at(younger) == ""
    sim.run(2)
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    assert sim.record(call).agents == ["ann", "ann"] and sim.record(call).outcome == "handled"


def test_the_transferor_is_gone_and_the_target_answers() -> None:
    sim, call, leg = talking()
    sim.login("cat")
    sim.act(sim.voice.transfer, leg, "203")
    sim.run(1)
    sim.hang_up(leg)
    sim.run(1)
    assert sim.agent_of(call) == "cat" and reports(sim) == []
    sim.hang_up(call)
    moved = next(note for note in sim.record(call).timeline if note.what == "transferred")
    assert moved.details == {"agent": "ann", "to": "cat"}


def test_the_customer_leaves_in_the_transfer() -> None:
    sim, call, leg = talking(record=True)
    sim.login("cat")
    sim.phone("cat-phone", NEVER)
    sim.act(sim.voice.transfer, leg, "203")
    third = sim.talk(call).third
    assert third is not None
    sim.run(5)
    sim.voice._recordings.clear()  # its end is not reported
    sim.hang_up(call)
    assert sim.voice.ended[third.leg] is Cause.CANCELLED and leg in sim.voice.ended
    assert (doing(sim, "ann"), doing(sim, "cat")) == ("idle", "idle"), "before the recording is closed"
    sim.run(10)
    assert sim.record(call).outcome == "handled"
    assert (doing(sim, "ann"), doing(sim, "cat")) == ("idle", "idle")


def test_to_a_queue_the_age_is_kept() -> None:
    sim, call, leg = talking(record=True, wrap_up_s=20.0)
    younger = sim.call()
    sim.act(sim.voice.transfer, leg, "301")
    assert reports(sim) == [(True, Cause.NORMAL)] and sim.voice.ended[leg] is Cause.TRANSFERRED
    assert cmd.StopRecording("1-1", call) in sim.commands
    place = sim.centre.router.state.places["1"]
    assert place.queue == "help" and place.entered_at == sim.centre.state.interactions["1"].arrived_at
    assert sim.heard(call).music == "default" and doing(sim, "ann") == "wrap_up"
    sim.run(5)
    sim.login("cat")
    sim.run(2)
    assert sim.agent_of(call) == "cat" and sim.rings_at(younger) == ""
    sim.hang_up(call)
    assert totals(sim) == (2, 1, 0, 0) and totals(sim, "help") == (1, 1, 0, 0)
    assert whats(sim, call).count("bridged") == 2, "one timeline"


def test_to_a_queue_of_the_same_agent_it_does_not_come_back_at_once() -> None:
    sim, call, leg = talking()
    sim.act(sim.voice.transfer, leg, "300")
    assert sim.rings_at(call) == "" and doing(sim, "ann") == "idle"
    sim.run(30 - TICK)
    assert sim.rings_at(call) == ""
    sim.run(TICK)
    assert sim.rings_at(call) == "ann"


def test_to_a_queue_where_the_own_agent_had_other_work_waiting_the_older_goes_first() -> None:
    sim, call, leg = talking()
    younger = sim.call()
    sim.login("bob")
    sim.hang_up(younger)
    third = sim.call(talks_for=5)
    sim.run(1)
    assert sim.rings_at(third) == "bob"
    fourth = sim.call()
    sim.act(sim.voice.transfer, leg, "300")
    assert (sim.rings_at(fourth), sim.rings_at(call)) == ("ann", "")
    sim.run(20)
    assert sim.agent_of(call) == "bob", "bob is asked first for the older one"


def test_outside_answered() -> None:
    sim, call, leg = talking(record=True)
    sim.behaviours["+33777"] = Behaviour(answers_after=8, hangs_up_after=20)
    sim.act(sim.voice.transfer, leg, "+33777")
    sim.run(8)
    assert sim.talk(call).phase == "outside" and doing(sim, "ann") == "idle"
    third = sim.talk(call).third
    assert third is not None and sim.heard(call).peer == third.leg
    assert sim.voice.recording() == set(), "no agent, no recording"
    sim.run(20)
    assert sim.voice.ended[call] is Cause.NORMAL and totals(sim) == (1, 1, 0, 0)
    assert sim.record(call).talked_s == pytest.approx(16)


def test_outside_failed_after_early_media_the_agent_has_the_customer_again() -> None:
    sim, call, leg = talking()
    sim.behaviours["+33777"] = Behaviour(
        answers_after=None, fails_after=9, cause=Cause.CONGESTION, early_media=True
    )
    sim.act(sim.voice.hold, leg)
    sim.act(sim.voice.transfer, leg, "+33777")
    sim.run(1)
    third = sim.talk(call).third
    assert third is not None and sim.heard(call).peer == third.leg
    sim.run(9)
    assert sim.heard(call).music == "default", "on hold as before"
    sim.act(sim.voice.hold, leg, False)
    assert sim.heard(call).peer == leg and reports(sim) == [(False, Cause.CONGESTION)]


def test_a_second_transfer_is_refused_while_one_rings_and_works_afterwards() -> None:
    sim, call, leg = talking()
    sim.login("cat", "bob")
    sim.act(sim.voice.transfer, leg, "203")
    sim.act(sim.voice.transfer, leg, "202")
    assert reports(sim) == [(False, Cause.FORBIDDEN)]
    sim.run(2)
    agent = sim.talk(call).agent
    assert agent is not None and agent.agent == "cat"
    sim.act(sim.voice.transfer, agent.leg, "202")
    sim.run(2)
    assert sim.agent_of(call) == "bob" and doing(sim, "cat") == "idle"


def test_the_target_is_lost_while_it_rings() -> None:
    sim, call, leg = talking()
    sim.login("cat")
    sim.phone("cat-phone", NEVER)
    sim.act(sim.voice.transfer, leg, "203")
    third = sim.talk(call).third
    assert third is not None
    sim.hang_up(third.leg, Cause.UNREACHABLE)
    assert sim.agent_of(call) == "ann"
    sim.tell(facts.LegAnswered(third.leg, "cat-phone"))
    assert sim.heard(call).peer == leg
