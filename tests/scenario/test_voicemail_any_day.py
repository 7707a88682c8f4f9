"""The whole centre on virtual time. Voicemail under anything that may happen: no message is lost."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.history.state import Record as Filed
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.nouns import Availability, Cause, ChannelClass
from ccd.model.rules import Target
from ccd.model.steps import Enqueue, Hangup, Menu
from ccd.model.steps_voicemail import Record, Voicemail
from ccd.model.voicemail_rules import VoicemailRule
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, Behaviour
from tests.scenario.centre_rules import rules

NUMBERS = ["", *(f"+3361111111{n}" for n in range(3))]
STEPS = (
    Menu(prompt="menu", choices={"1": "wait", "2": "leave"}, id="menu", on_no_input="leave"),
    Enqueue(queue="sales", id="wait"),
    Record(switch="mask"),
    Voicemail(queue="sales", id="leave", max_s=40.0, on_empty="bye"),
    Hangup(id="bye"),
)
WHATS = ["call", "call", "key", "key", "key", "agent key", "agent key", "run", "run", "run", "end"]
WHATS += [
    "agent key",
    "agent key",
    "agent",
    "silence",
    "mask",
    "hang up",
    "restart",
    "customer",
    "length",
    "transfer",
]
happenings = st.lists(st.tuples(st.sampled_from(WHATS), st.integers(0, 11)), max_size=70)


def play(sim: SimulatedCentre, what: str, number: int) -> None:
    """One thing that happens."""
    running = list(sim.centre.state.interactions)
    name = running[number % len(running)] if running else ""
    talk = sim.centre.talks.get(name)
    agent = talk.agent.leg if talk is not None and talk.agent is not None else ""
    if what == "call":
        patience = None if number % 3 else 60.0
        keys = ((1.0, "1"),) if number % 3 == 0 else ((1.0, "2"),)
        sim.call(origin=NUMBERS[number % 4], patience=patience, talks_for=15.0, keys=keys)
    elif what == "run":
        sim.run((1.0, 3.0, 12.0, 50.0)[number % 4])
    elif what == "restart" and number < 4:
        sim.restart()
    elif what == "agent":
        states = (Availability.READY, Availability.PAUSED, Availability.READY, Availability.LOGGED_OUT)
        sim.ask("ann" if number < 6 else "bob", states[number % 4])
    elif what == "length":
        sim.voice.spoken_s = (12.0, 1.0, 20.0, 12.0)[number % 4]
    elif what == "customer":
        for each in NUMBERS:
            sim.behaviours[each] = (Behaviour(), BUSY, NEVER)[number % 3]
    elif talk is None:
        return
    elif what == "mask":
        sim.tell(facts.MaskAsked(name, number % 2 == 0, "test"))
    elif what == "hang up" and number < 3 and talk.message is None:
        sim.tell(facts.HangupAsked(name, "test"))
    elif what == "agent key" and agent in sim.voice.legs:
        sim.act(sim.voice.digit, agent, "123#2*"[number % 6])
    elif what == "transfer" and agent in sim.voice.legs:
        sim.act(sim.voice.transfer, agent, ("301", "202", "+33900")[number % 3])
    elif talk.customer.leg in sim.voice.legs and what in ("key", "silence"):
        if what == "key":
            sim.act(sim.voice.digit, talk.customer.leg, "123#"[number % 4])
        else:
            sim.act(sim.voice.fall_silent, talk.customer.leg)
    elif what == "end":
        legs = [leg for leg in (talk.customer.leg, agent) if leg in sim.voice.legs]
        if legs:
            sim.hang_up(legs[number % len(legs)], Cause.NORMAL)


@given(load=st.sampled_from([10, 100]), first=st.sampled_from(["agent", "customer"]), what=happenings)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_no_message_is_lost(load: int, first: str, what: list[tuple[str, int]]) -> None:
    queue = {
        "voicemail": VoicemailRule(key="3", later_s=60.0),
        "callback": CallbackRule(key="1", first=first),
        "max_wait_s": 45.0,
        "overflow": Target(voicemail="sales"),
        "load": {ChannelClass.TASK: load},
        "record": True,
        "mask_key": "*",
        "wrap_up_s": 3.0,
    }
    sim = SimulatedCentre(rules(*STEPS, help_queue={"record": True}, **queue))
    sim.login("ann", "bob")
    for each in what:
        play(sim, *each)
    sim.check_replay(2)
    for agent in ("ann", "bob", "cat"):
        sim.login(agent)
    sim.run(3600)
    for talk in list(sim.centre.talks.state.talks.values()):
        sim.tell(facts.HangupAsked(talk.interaction, "test"))
    sim.run(60)
    assert not sim.centre.state.interactions and not sim.centre.state.callbacks
    for totals in sim.centre.router.state.queues.values():
        left = totals.handled + totals.abandoned + totals.overflowed + totals.callback_failed
        assert totals.offered == left
    for row in sim.ledger.records(limit=1000):
        record = msgspec.msgpack.decode(row.body, type=Filed)
        whats = [note.what for note in record.timeline]
        if "voicemail kept" in whats:
            assert record.outcome == "handled" or whats.count("hung up") == 1, whats
