"""The whole centre on virtual time. Callbacks under anything that may happen: counted once, never too many.

After every turn `ccd.testing.invariants` holds, among them: each customer who is called back has an agent of
his own, who holds this interaction and is kept free for it.
"""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.history.state import Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule, RetryAfter
from ccd.model.hours import CalendarRule, Exceptional, Span
from ccd.model.nouns import Availability, Cause, ChannelClass
from ccd.model.steps import CallBack
from ccd.runtime import troubles
from ccd.testing.centre import SimulatedCentre
from ccd.testing.day import Arrival, Day, Presence, Stage
from ccd.testing.parties import BUSY, NEVER, REJECTS, VANISHES, Behaviour
from ccd.testing.rehearsal import rehearse
from tests.scenario.callback_line import ANN_CALLS, Line
from tests.scenario.centre_rules import TICK, rules

NUMBERS = [f"+3361111111{n}" for n in range(4)]
behaviours = st.sampled_from(
    [Behaviour(), Behaviour(answers_after=9.0, early_media=True), BUSY, NEVER, REJECTS, VANISHES, None]
)
callback_rules = st.builds(
    CallbackRule,
    key=st.just("1"),
    first=st.sampled_from(["agent", "customer"]),
    attempts=st.integers(1, 3),
    retry_s=st.just(RetryAfter(busy=20.0, no_answer=40.0, unreachable=30.0)),
    ring_s=st.sampled_from([6.0, 30.0]),
    valid_s=st.sampled_from([90.0, 900.0]),
)
happenings = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "call",
                "call",
                "key",
                "key",
                "console",
                "run",
                "run",
                "end",
                "agent",
                "hang up",
                "restart",
                "customer",
            ]
        ),
        st.integers(0, 3),
        behaviours,
    ),
    max_size=60,
)


def play(sim: SimulatedCentre, what: str, number: int, behaviour: Behaviour | None) -> None:
    """One thing that happens."""
    running = list(sim.centre.state.interactions)
    name = running[number % len(running)] if running else ""
    talk = sim.centre.talks.get(name)
    if what == "call":
        sim.call(origin=NUMBERS[number], patience=60.0 if number else None, talks_for=15.0)
    elif what == "run":
        sim.run((1.0, 3.0, 12.0, 50.0)[number])
    elif what == "restart":
        sim.restart()
    elif what == "agent":
        states = (Availability.READY, Availability.PAUSED, Availability.READY, Availability.LOGGED_OUT)
        sim.ask("ann" if behaviour is None else "bob", states[number])
    elif what == "customer":
        for each in NUMBERS:
            sim.behaviours.pop(each, None)
            if behaviour is not None:
                sim.behaviours[each] = behaviour
    elif talk is None:
        return
    elif what == "key" and talk.customer.leg in sim.voice.legs:
        sim.act(sim.voice.digit, talk.customer.leg, "11")
    elif what == "console":
        sim.tell(facts.CallbackAsked(name, "test"))
    elif what == "hang up":
        sim.tell(facts.HangupAsked(name, "test"))
    elif what == "end":
        legs = [p.leg for p in (talk.customer, talk.agent) if p is not None and p.leg in sim.voice.legs]
        if legs:
            sim.hang_up(legs[number % len(legs)], Cause.NORMAL)


@given(rule=callback_rules, what=happenings)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_callbacks_are_kept_and_counted_once(
    rule: CallbackRule, what: list[tuple[str, int, Behaviour | None]]
) -> None:
    sim = SimulatedCentre(rules(callback=rule, wrap_up_s=3.0, whisper="whisper"))
    sim.login("ann", "bob")
    for each in what:
        play(sim, *each)
    sim.check_replay(2)
    for agent in ("ann", "bob"):
        sim.ask(agent, Availability.READY)
    sim.run(3600)
    for talk in list(sim.centre.talks.state.talks.values()):
        sim.tell(facts.HangupAsked(talk.interaction, "test"))
    sim.run(60)
    assert not sim.centre.state.interactions and not sim.centre.state.callbacks
    totals = sim.centre.router.state.queues["sales"]
    left = totals.handled + totals.abandoned + totals.overflowed + totals.callback_failed
    assert totals.offered == left
    records = [msgspec.msgpack.decode(row.body, type=Record) for row in sim.ledger.records(limit=1000)]
    assert len(records) == sim.centre.state.interactions_made
    for record in records:
        failed = [note for note in record.timeline if note.what == "callback failed"]
        counted = [note.details["attempts"] for note in failed]
        assert not counted or max(counted) <= rule.attempts  # type: ignore[type-var]
    dialled = [each for each in sim.performed(cmd.DialLeg) if each.address]  # type: ignore[union-attr]
    assert all(each.address in NUMBERS for each in dialled)  # type: ignore[union-attr]


def with_hours(on_close: str) -> tuple[Line, float]:
    """A line whose queue is closed from the second moment (returned) on for an hour."""
    line = Line(busy=False)
    closes = line.sim.now + 600.0
    hours = CalendarRule(
        name="hours",
        zone="UTC",
        week=((Span(0, 1440),),) * 7,
        exceptional=(Exceptional(closes, closes + 3600.0),),
    )
    now = line.sim.centre.state.rules
    sales = msgspec.structs.replace(now.queues["sales"], calendar="hours", on_close=on_close)
    queues = {**now.queues, "sales": sales}
    fresh = msgspec.structs.replace(now, queues=queues, calendars={"hours": hours})
    line.sim.tell(facts.RulesLoaded(fresh, "test"))
    line.first = line.sim.call(origin="+33600000000")
    line.sim.run(5)
    return line, closes


def test_nobody_is_called_back_while_the_queue_is_closed() -> None:
    for on_close in ("serve", "overflow"):
        line, closes = with_hours(on_close)
        a = line.call(ANN_CALLS)
        line.sim.behaviours[ANN_CALLS] = Behaviour()
        line.leave(a)
        line.sim.run_until(closes - TICK)
        assert line.place(a) == "waiting"
        line.sim.run_until(closes)
        assert line.place(a) == "resting", "at the closing"
        line.end_first()
        line.sim.run_until(closes + 3600 - TICK)
        assert line.place(a) == "resting"
        line.sim.run_until(closes + 3600)
        assert line.place(a) == "offered", "at the opening"
        line.sim.run(10)
        assert line.phase(a) == "talking"
        line.sim.check_replay()


def test_an_attempt_that_runs_at_the_closing_goes_on_and_the_next_waits_for_the_opening() -> None:
    line, closes = with_hours("serve")
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.sim.run_until(closes - 10)
    line.end_first()
    line.sim.run_until(closes + 5)
    assert line.phase(a) == "calling"
    line.sim.run_until(closes + 1500)
    callback = line.sim.centre.router.state.places[a].callback
    assert callback is not None and line.place(a) == "resting"
    assert callback.rests_until == closes + 3600, "its time of 900 s is over, the queue is closed"
    line.sim.check_replay()


def test_a_played_day_calls_back_who_asks_for_it() -> None:
    """What-if: the customer of a `callback` step answers, talks as long as on the day, and hangs up."""
    made = rules(CallBack(queue="sales"), agents=("ann",))
    begins = 1_700_000_000.0
    arrivals = tuple(
        Arrival(
            id=str(number),
            at=begins + 60 * number,
            channel="voice",
            channel_class=ChannelClass.VOICE,
            origin=NUMBERS[number],
            target="+33100",
            stages=(Stage("sales", 100.0, None),),
            patience_s=5.0,
        )
        for number in range(3)
    )
    presences = (Presence(begins, "ann", Availability.READY),)
    day = Day(name="day", begins_at=begins, ends_at=begins + 3600.0, arrivals=arrivals, presences=presences)
    records = rehearse(day, made, check=True).records
    assert [(record.outcome, round(record.talked_s)) for record in records] == [("handled", 100)] * 3


def test_only_who_holds_the_line_raises_an_alarm_in_a_closed_queue() -> None:
    line, closes = with_hours("serve")
    a = line.call(ANN_CALLS)
    line.leave(a)
    line.sim.run_until(closes + 1)
    line.sim.ask("ann", Availability.LOGGED_OUT)
    assert troubles.alarms(line.sim.centre, line.sim.now) == []
    line.sim.run(3600)
    (alarm,) = troubles.alarms(line.sim.centre, line.sim.now)
    assert (alarm["what"], alarm["why"]) == ("queue without agents", "1 waiting, nobody logged in")
