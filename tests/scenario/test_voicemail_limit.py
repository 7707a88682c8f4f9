"""The whole centre on virtual time. So many messages wait for a queue and no more; what waits is listed."""

import pytest
from msgspec.structs import replace

from ccd.cli.voicemail import message_table
from ccd.model import facts
from ccd.model.rules import Target
from ccd.model.steps import Enqueue, Hangup
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import VoicemailRule
from ccd.runtime.voicemail import listing
from tests.scenario.test_voicemail import ANN_CALLS, BYE, LEAVE, Desk

FULL = Voicemail(queue="sales", on_full="full", on_empty="bye")


def leave(desk: Desk, origin: str = ANN_CALLS) -> str:
    """Somebody calls to leave a message, and says one if asked for it: the interaction."""
    leg = desk.speak(origin)
    name = desk.sim.interaction_of(leg)
    if leg in desk.sim.voice.legs:
        desk.sim.act(desk.sim.voice.digit, leg, "#")
        desk.sim.run(3)
    return name


def noted(desk: Desk, name: str, what: str) -> list[dict[str, object]]:
    record = desk.sim.centre.history.record(name) or desk.record(name)
    return [each.details for each in record.timeline if each.what == what]


@pytest.mark.parametrize(("most", "kept"), [(1, 1), (2, 2), (None, 3)])
def test_a_step_takes_so_many_messages_and_goes_on_elsewhere(most: int | None, kept: int) -> None:
    desk = Desk(FULL, BYE, Hangup(prompt="full", id="full"), agents=(), voicemail=VoicemailRule(most=most))
    names = [leave(desk, f"+3361111111{number}") for number in range(3)]
    assert [desk.phase(name) for name in names] == ["waiting"] * kept + ["ended"] * (3 - kept)
    assert [bool(noted(desk, name, "voicemail full")) for name in names] == [False] * kept + [True] * (
        3 - kept
    )
    desk.sim.check_replay()


def test_without_a_step_for_it_the_flow_goes_on_with_the_next_one() -> None:
    desk = Desk(LEAVE, Hangup(id="bye"), agents=(), voicemail=VoicemailRule(most=1))
    leave(desk)
    assert noted(desk, leave(desk), "voicemail full") == [{"queue": "sales", "most": 1}]


def test_one_that_is_being_spoken_counts_and_one_that_came_to_nothing_does_not() -> None:
    desk = Desk(FULL, BYE, Hangup(prompt="full", id="full"), agents=(), voicemail=VoicemailRule(most=1))
    first = desk.speak()
    second = desk.sim.call()
    assert desk.sim.centre.flows.where(desk.sim.interaction_of(second)) == "straight/full"
    desk.sim.voice.spoken_s = 0.5
    desk.sim.act(desk.sim.voice.digit, first, "#")
    third = desk.sim.call()
    assert desk.sim.centre.flows.where(desk.sim.interaction_of(third)) == "straight/#1"


def test_one_that_was_handled_makes_room() -> None:
    desk = Desk(FULL, BYE, Hangup(prompt="full", id="full"), voicemail=VoicemailRule(most=1))
    name = leave(desk)
    desk.sim.run(3)
    assert desk.phase(name) == "listening"
    desk.press(name, "#")
    desk.sim.run(3)
    assert desk.phase(leave(desk, "+33622222222")) == "offered"
    assert name not in desk.sim.centre.messages


@pytest.mark.parametrize(
    ("on_full", "queue", "step"),
    [
        (Target(queue="help"), "help", "straight/#1"),
        (Target(flow="excuse"), "sales", "excuse/#1"),
        (Target(), "sales", "straight/#2"),
    ],
)
def test_a_target_that_leads_to_a_full_voicemail_leads_on(on_full: Target, queue: str, step: str) -> None:
    rule = VoicemailRule(most=1, on_full=on_full)
    steps = (Enqueue(queue="sales"), Hangup(prompt="sorry"))
    desk = Desk(*steps, agents=(), max_wait_s=5.0, overflow=Target(voicemail="sales"), voicemail=rule)
    desk.sim.call()
    desk.sim.run(10)
    leg = desk.sim.call("+33100", origin="+33622222222")
    desk.sim.run(5.0)
    name = desk.sim.interaction_of(leg)
    assert noted(desk, name, "voicemail full") == [{"queue": "sales", "most": 1}]
    info = desk.sim.centre.state.interactions[name]
    assert (info.queue, desk.sim.centre.flows.where(name)) == (queue, step)
    desk.sim.check_replay()


@pytest.mark.parametrize(("on_full", "phase"), [(Target(), "waiting"), (Target(flow="excuse"), "flow")])
def test_the_key_leaves_who_waits_in_line_unless_it_leads_elsewhere(on_full: Target, phase: str) -> None:
    rule = VoicemailRule(key="3", most=1, on_full=on_full)
    desk = Desk(Enqueue(queue="sales"), agents=(), voicemail=rule)
    first, second = desk.sim.call(), desk.sim.call(origin="+33622222222")
    desk.sim.run(1)
    desk.sim.act(desk.sim.voice.digit, first, "3")
    desk.sim.run(5)
    desk.sim.act(desk.sim.voice.digit, second, "3")
    name = desk.sim.interaction_of(second)
    assert desk.phase(name) == phase and noted(desk, name, "voicemail full")
    desk.sim.check_replay()


def test_queues_that_lead_to_each_other_when_full_come_to_an_end() -> None:
    """help is full and leads to the voicemail of sales, which is full and leads to help."""
    rule = VoicemailRule(most=1, on_full=Target(queue="sales"))
    desk = Desk(agents=(), voicemail=rule)
    leave(desk)
    rules = desk.sim.centre.state.rules
    round_about = {"max_length": 0, "overflow": Target(voicemail="sales")}
    sales = replace(rules.queues["sales"], **round_about)
    flows = {**rules.flows, "straight": replace(rules.flows["straight"], steps=(Enqueue(queue="sales"),))}
    desk.sim.tell(
        facts.RulesLoaded(replace(rules, queues={**rules.queues, "sales": sales}, flows=flows), "t")
    )
    leg = desk.sim.call(origin="+33622222222")
    assert leg not in desk.sim.voice.legs
    assert noted(desk, desk.sim.interaction_of(leg), "flow ended") == [{"note": "overflows in circles"}]


def test_what_waits_or_is_heard_is_listed_and_a_restart_keeps_the_count() -> None:
    desk = Desk(FULL, BYE, Hangup(id="full"), agents=(), voicemail=VoicemailRule(most=2))
    one, two = leave(desk), leave(desk, "")
    desk.speak("+33699999999")
    rows = listing(desk.sim.centre, desk.sim.now)
    assert [row["interaction"] for row in rows] == [one, two]
    assert {(row["queue"], row["phase"]) for row in rows} == {("sales", "waiting")}
    assert listing(desk.sim.centre, desk.sim.now, "help") == []
    lines = message_table(rows)
    assert "+33611111111" in lines[1] and "withheld" in lines[2] and rows[0]["path"] in lines[1]
    assert message_table([]) == ["no messages"]
    desk.sim.restart()
    assert len(listing(desk.sim.centre, desk.sim.now, "sales")) == 2
    leave(desk, "+33688888888")
    assert len(listing(desk.sim.centre, desk.sim.now)) == 2, "full"
    desk.sim.login("ann")
    desk.sim.run(3)
    (row,) = [row for row in listing(desk.sim.centre, desk.sim.now) if row["agent"]]
    assert (row["agent"], row["phase"]) == ("ann", "listening")
