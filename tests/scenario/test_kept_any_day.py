"""The whole centre on virtual time. `on_kept` under anything that may happen: nothing that is kept is lost.

After every turn `ccd.testing.invariants` holds; what the flow says beside a place never changes the place.
"""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.history.state import Record as Filed
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.nouns import ChannelClass
from ccd.model.rules import FlowRule
from ccd.model.steps import CallBack, Enqueue, Goto, Hangup, Menu, Play, Set
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import VoicemailRule
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import rules
from tests.scenario.test_voicemail_any_day import WHATS, play

AFTER = (
    Menu(prompt="more", choices={"1": "told", "2": "ask", "3": "wait"}, id="more", on_no_input="ask"),
    Survey(name="glad", kind="csat", prompt="glad", id="ask", on_none="told"),
    Play(say="{var.callback_number:digits} {var.callback_at}", id="told"),
    Hangup(prompt="bye", id="bye"),
)
STEPS = (
    Set(values={"team": "sales"}),
    Menu(prompt="menu", choices={"1": "wait", "2": "leave", "3": "back"}, id="menu", on_no_input="leave"),
    Enqueue(queue="{var.team}", among=("sales", "help"), id="wait", on_unknown="bye"),
    Voicemail(queue="{var.team}", among=("sales",), id="leave", max_s=40.0, on_empty="bye", on_kept="more"),
    Goto(step="bye"),
    CallBack(queue="{var.team}", among=("sales",), id="back", on_kept="more", on_refused="leave"),
    Goto(step="wait"),
    *AFTER,
)
ASK = FlowRule(name="ask", steps=(CallBack(on_kept="more"), Goto(step="bye"), *AFTER[:2], *AFTER[2:]))
happenings = st.lists(
    st.tuples(st.sampled_from([*WHATS, "close", "console"]), st.integers(0, 11)), max_size=70
)


def happen(sim: SimulatedCentre, what: str, number: int) -> None:
    running = list(sim.centre.state.interactions)
    if what == "close":
        until = sim.now + 30.0 if number % 2 else None
        sim.tell(
            facts.QueueOpened("sales", "test") if number % 3 else facts.QueueClosed("sales", "test", until)
        )
    elif what == "console" and running:
        sim.tell(facts.CallbackAsked(running[number % len(running)], "test"))
    elif what != "console":
        play(sim, what, number)


@given(first=st.sampled_from(["agent", "customer"]), what=happenings)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_nothing_that_is_kept_is_lost(first: str, what: list[tuple[str, int]]) -> None:
    queue = {
        "voicemail": VoicemailRule(key="3", later_s=60.0),
        "callback": CallbackRule(key="1", flow="ask", first=first, attempts=2),
        "max_wait_s": 45.0,
        "load": {ChannelClass.TASK: 100},
        "wrap_up_s": 3.0,
    }
    found = rules(*STEPS, **queue)
    sim = SimulatedCentre(msgspec.structs.replace(found, flows={**found.flows, "ask": ASK}))
    sim.login("ann", "bob")
    for each in what:
        happen(sim, *each)
    sim.check_replay(2)
    sim.tell(facts.QueueOpened("sales", "test"))
    for agent in ("ann", "bob", "cat"):
        sim.login(agent)
    sim.run(7200)
    for talk in list(sim.centre.talks.state.talks.values()):
        sim.tell(facts.HangupAsked(talk.interaction, "test"))
    sim.run(60)
    assert not sim.centre.state.interactions and not sim.centre.state.callbacks
    assert not sim.centre.flows.state.running and sim.centre.flows.next_deadline() is None
    for totals in sim.centre.router.state.queues.values():
        left = totals.handled + totals.abandoned + totals.overflowed + totals.callback_failed
        assert totals.offered == left
    for row in sim.ledger.records(limit=1000):
        record = msgspec.msgpack.decode(row.body, type=Filed)
        whats = [note.what for note in record.timeline]
        if "voicemail kept" in whats:
            assert record.outcome == "handled" or whats.count("hung up") == 1, whats
        elif "callback kept" in whats:
            over = record.outcome == "handled" or "callback given up" in whats or "hung up" in whats
            assert over, whats
