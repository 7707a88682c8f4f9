"""Records, their words, figures and the equation that must hold."""

from datetime import timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import Refused
from ccd.history.explain import decode_record, encode_record, explain, say_why, tell
from ccd.history.figures import (
    QueueReport,
    abandon_rate_pct,
    aht_s,
    asa_s,
    day_name,
    day_of,
    service_level_pct,
)
from ccd.history.history import FIRST_TRACES, KEEP_DAYS, LAST_TRACES, History
from ccd.history.state import Figures, HistoryState, Record
from ccd.history.timeline import FIRST_NOTES, LAST_NOTES
from ccd.model.nouns import Cause, ChannelClass, OfferEnd, Outcome
from ccd.model.trace import Passed, Trace, Why

NOON = 1_795_262_400.0  # 2026-11-21 12:00:00 UTC
DAY = 86_400.0


def opened(history: History, interaction: str = "i1", now: float = NOON) -> None:
    history.open(
        interaction, now, "sip", ChannelClass.VOICE, "+33123456789", "+33800000000", {"via": "carrier"}
    )


def a_trace(at: float, **more: object) -> Trace:
    return Trace(at=at, what="waits", queue="sales", cue="arrived", position=1, **more)  # type: ignore[arg-type]


def a_call(history: History) -> Record:
    """One call handled after a miss, in order, with a wrap-up after its close."""
    opened(history)
    history.note("i1", NOON + 1, "step", step="menu", key="1")
    history.queued("i1", "sales", NOON + 2)
    history.offer_made("i1", "sales", "ann", "o1", 0.0, NOON + 2)
    history.offer_missed("i1", "sales", "ann", "o1", OfferEnd.NO_ANSWER, NOON + 22)
    history.offer_made("i1", "sales", "bob", "o2", 20.0, NOON + 22)
    history.handled("i1", "sales", "bob", 24.0, False, NOON + 26)
    history.finished("i1", "sales", "bob", 60.0, NOON + 86)
    record = history.close("i1", None, Cause.NORMAL, NOON + 86)
    assert record is not None
    history.wrapped_up("i1", "sales", "bob", 10.0, NOON + 96)
    return record


def test_one_timeline_from_arrival_to_close() -> None:
    record = a_call(History())
    assert [note.what for note in record.timeline] == [
        "arrived",
        "step",
        "queued",
        "offer",
        "offer_ended",
        "offer",
        "bridged",
        "agent_left",
        "closed",
    ]
    assert (record.outcome, record.queue, record.agents) == ("handled", "sales", ["bob"])
    assert (record.waited_s, record.talked_s, record.began_at, record.ended_at) == (
        24.0,
        60.0,
        NOON,
        NOON + 86,
    )


def test_closed_interactions_leave_the_working_set_and_close_once() -> None:
    history = History()
    a_call(history)
    assert history.state.open == {}
    assert history.record("i1") is None
    assert history.close("i1", None, Cause.NORMAL, NOON + 90) is None
    history.note("i1", NOON + 91, "late")
    history.trace("i1", a_trace(NOON + 91))
    assert history.state.open == {}


@pytest.mark.parametrize(
    ("outcome", "asked", "expected"),
    [
        (Outcome.ABANDONED, None, "abandoned"),
        (Outcome.OVERFLOWED, None, "overflowed"),
        (None, None, "flow"),
        (Outcome.OVERFLOWED, Outcome.HANDLED, "handled"),
    ],
)
def test_outcome_of_a_record(outcome: Outcome | None, asked: Outcome | None, expected: str) -> None:
    history = History()
    opened(history)
    if outcome is not None:
        history.queued("i1", "sales", NOON)
        history.left_queue("i1", "sales", outcome, 5.0, NOON + 5, "max_wait")
    record = history.close("i1", asked, Cause.CANCELLED, NOON + 5)
    assert record is not None
    assert (record.outcome, record.cause) == (expected, Cause.CANCELLED)


def test_traces_keep_the_first_and_the_last() -> None:
    history = History()
    opened(history)
    for number in range(100):
        history.trace("i1", a_trace(NOON + number))
    record = history.record("i1")
    assert record is not None
    kept = [trace.at - NOON for trace in record.traces]
    assert kept == [*range(FIRST_TRACES), *range(100 - LAST_TRACES, 100)]
    assert record.traces_dropped == 100 - FIRST_TRACES - LAST_TRACES
    assert f"… {record.traces_dropped} decisions more are not kept" in explain(record)


def test_timeline_keeps_the_first_and_the_last() -> None:
    history = History()
    opened(history)
    for number in range(1, 500):
        history.note("i1", NOON + number, "held")
    record = history.record("i1")
    assert record is not None
    kept = [note.at - NOON for note in record.timeline]
    assert kept == [*range(FIRST_NOTES), *range(500 - LAST_NOTES, 500)]
    lines = tell(record)
    assert lines[FIRST_NOTES] == f"… {record.notes_dropped} notes more are not kept"
    assert len(lines) == len(kept) + 1


def test_filed_record_comes_back() -> None:
    history = History()
    opened(history)
    history.trace("i1", a_trace(NOON, passed=(Passed("ann", Why.PAUSED, NOON, "lunch"),)))
    history.queued("i1", "sales", NOON, priority=3)
    record = history.close("i1", None, Cause.NORMAL, NOON + 1)
    assert record is not None
    assert decode_record(encode_record(record)) == record
    with pytest.raises(Refused) as caught:
        decode_record(b"\xc1rubbish")
    assert caught.value.code == "record_unreadable"


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (Passed("ann", Why.PAUSED, NOON - 3420, "lunch"), "paused: lunch 11:03"),
        (Passed("ann", Why.PAUSED, NOON - 3420), "paused 11:03"),
        (Passed("ann", Why.LOAD, 0.0, "100/100"), "load 100/100"),
        (Passed("ann", Why.MISSED, NOON - 12, "no_answer"), "rang 12 s ago, no answer"),
        (Passed("ann", Why.NO_DEVICE), "no device"),
        (Passed("ann", Why.NO_DEVICE, 0.0, "timeout"), "no device: timeout"),
        (Passed("ann", Why.WRAP_UP, NOON + 30), "wrap-up until 12:00:30"),
        (Passed("ann", Why.LOGGED_OUT, NOON), "logged out"),
        (
            Passed("ann", Why.LATER_IN_ORDER, NOON - 5),
            "free, but later in the order (in line since 11:59:55)",
        ),
        (Passed("ann", Why.REMOVED), "removed"),
    ],
)
def test_why_in_words(passed: Passed, words: str) -> None:
    assert say_why(passed, NOON) == words


def test_explain_tells_each_decision() -> None:
    history = History()
    opened(history)
    passed = (Passed("ann", Why.PAUSED, NOON - 60, "lunch"), Passed("bob", Why.LOAD, 0.0, "100/100"))
    history.trace("i1", a_trace(NOON + 2, passed=passed, others=3))
    offered = Trace(NOON + 9, "offered", "sales", "bob", "o7", "agent free", position=1, free=1)
    history.trace("i1", offered)
    record = history.close("i1", Outcome.HANDLED, Cause.NORMAL, NOON + 70)
    assert record is not None
    assert explain(record) == [
        "i1: voice from +33123456789 to +33800000000, 2026-11-21 12:00:00 UTC",
        "12:00:02  waits, place 1 in sales: it arrived, nobody can take it now",
        "              passed over ann: paused: lunch 11:59",
        "              passed over bob: load 100/100",
        "              and 3 agents more; 0 had room for it",
        "12:00:09  offered to bob (o7), place 1 in sales: the agent became free",
        "12:01:10  closed: handled (normal)",
    ]


def test_explain_of_what_never_was_in_a_queue_and_in_another_zone() -> None:
    history = History()
    opened(history)
    record = history.record("i1")
    assert record is not None
    lines = explain(record, timezone(timedelta(hours=2), "CEST"))
    assert lines[0].endswith("14:00:00 CEST")
    assert lines[1] == "no decision was made about it: it never was in a queue"
    assert len(lines) == 2


def test_details_may_have_any_name() -> None:
    history = History()
    opened(history)
    history.note("i1", NOON + 1, "set", **{"now": "x", "what": "y", "self": "z", "interaction": "w"})
    record = history.record("i1")
    assert record is not None
    assert tell(record)[1] == "12:00:01  set: now x, what y, self z, interaction w"


def test_tell_prints_details() -> None:
    lines = tell(a_call(History()))
    assert lines[0] == "12:00:00  arrived: via carrier"
    assert lines[3] == "12:00:02  offer: offer o1, agent ann, queue sales, waited s 0.0"


# -- figures -----------------------------------------------------------------------------------


def test_report_of_a_call() -> None:
    history = History()
    a_call(history)
    report = history.report(NOON + 100, {"sales": 0, "help": 0})
    assert report.span == "2026-11-21"
    assert report.faults == []
    assert report.queues == [
        QueueReport("help", 0, 0, 0, 0, 0, 0, None, None, None, None, 0.0, {}),
        QueueReport("sales", 1, 1, 0, 0, 0, 0, 0.0, 24.0, 70.0, 0.0, 24.0, {OfferEnd.NO_ANSWER: 1}),
    ]


def test_formulas() -> None:
    figures = Figures(
        offered=22,
        handled=10,
        abandoned=6,
        overflowed=4,
        in_service_level=8,
        wait_sum_s=150.0,
        talks=12,
        talk_sum_s=1200.0,
        wrap_sum_s=60.0,
    )
    assert service_level_pct(figures) == 50.0
    assert asa_s(figures) == 15.0
    assert aht_s(figures) == 105.0
    assert abandon_rate_pct(figures) == 30.0


def test_a_new_day_begins_at_midnight_and_the_total_goes_on() -> None:
    history = History()
    midnight = (NOON // DAY + 1) * DAY
    history.queued("i1", "sales", midnight - 0.001)
    history.left_queue("i1", "sales", Outcome.ABANDONED, 0.001, midnight)
    before, after = history.report(midnight - 1, {}), history.report(midnight, {})
    assert (before.span, after.span) == ("2026-11-21", "2026-11-22")
    assert (before.queues[0].offered, before.queues[0].abandoned) == (1, 0)
    assert (after.queues[0].offered, after.queues[0].abandoned) == (0, 1)
    assert after.faults == []
    assert history.report_total({}).queues[0].offered == 1


def test_old_days_go_the_total_stays() -> None:
    history = History()
    for day in range(KEEP_DAYS + 5):
        history.queued(f"i{day}", "sales", NOON + day * DAY)
    assert len(history.state.days) == KEEP_DAYS
    assert min(history.state.days) == day_of(NOON) + 5
    assert history.state.totals["sales"].offered == KEEP_DAYS + 5
    assert day_name(day_of(NOON)) == "2026-11-21"


def test_check_names_what_does_not_add_up() -> None:
    history = History()
    history.queued("i1", "sales", NOON)
    assert history.check({"sales": 1}) == []
    assert history.check({}) == [
        "queue sales: offered 1 is not handled 0 + abandoned 0 + overflowed 0 + callback_failed 0 + waiting 0"
    ]
    assert len(history.check({"sales": 1, "ghost": 2})) == 1
    history.state.totals["sales"].in_service_level = 3
    assert "in service level 3 of 0" in history.check({"sales": 1})[0]


steps = st.lists(
    st.tuples(
        st.sampled_from(["queued", "handled", "abandoned", "overflowed", "missed", "finished", "wrapped"]),
        st.sampled_from(["sales", "help"]),
        st.floats(0, 90_000),
    ),
    max_size=60,
)


@given(steps, st.integers(0, 60))
def test_figures_add_up_over_days_and_restarts(happened: list[tuple[str, str, float]], restart: int) -> None:
    history = History()
    now = NOON
    waiting = {"sales": 0, "help": 0}
    for number, (what, queue, gap) in enumerate(happened):
        now += gap
        if number == restart:
            dumped = msgspec.msgpack.encode(history.state)
            history = History(msgspec.msgpack.decode(dumped, type=HistoryState))
            assert msgspec.msgpack.encode(history.state) == dumped
        if what == "queued":
            waiting[queue] += 1
            history.queued(f"i{number}", queue, now)
        elif what == "missed":
            history.offer_missed("i", queue, "ann", "o1", OfferEnd.BUSY, now)
        elif what == "finished":
            history.finished("i", queue, "ann", gap, now)
        elif what == "wrapped":
            history.wrapped_up("i", queue, "ann", gap, now)
        elif waiting[queue]:
            waiting[queue] -= 1
            if what == "handled":
                history.handled("i", queue, "ann", gap, gap < 20, now)
            else:
                history.left_queue("i", queue, Outcome(what), gap, now)
        assert history.check(waiting) == []
    for queue, total in history.state.totals.items():
        days = [day[queue] for day in history.state.days.values() if queue in day]
        assert sum(day.offered for day in days) == total.offered
        assert sum(day.talk_sum_s for day in days) == pytest.approx(total.talk_sum_s)
        assert max(day.wait_max_s for day in days) == total.wait_max_s


# -- dispositions --------------------------------------------------------------------------------------


def test_a_record_is_kept_for_what_may_still_be_said_of_it() -> None:
    history = History()
    opened(history)
    history.keep("i1", "ann")
    assert history.disposed("i1", "ann", "sale", "phone:ann", NOON + 5) is None, "not filed yet"
    closed = history.close("i1", Outcome.HANDLED, Cause.NORMAL, NOON + 10)
    again = history.disposed("i1", "ann", "call_back", "ccctl:me", NOON + 20)
    assert again is closed and again is not None and again.disposition == "call_back"
    assert history.settled("i1", "sales", "ann", "call_back", True, NOON + 30) is closed
    assert history.state.kept == {} and history.record("i1") is None
    assert history.disposed("i1", "ann", "sale", "ccctl:me", NOON + 40) is None


def test_it_is_kept_until_the_last_who_may_speak_has_done() -> None:
    history = History()
    opened(history)
    for agent in ("ann", "bob"):
        history.keep("i1", agent)
    closed = history.close("i1", Outcome.HANDLED, Cause.NORMAL, NOON)
    assert history.settled("i1", "sales", "ann", "", True, NOON + 1) is closed
    assert history.record("i1") is closed and closed is not None
    assert closed.timeline[-1].what == "disposition_missing"
    history.settled("i1", "sales", "bob", "sale", True, NOON + 2)
    assert history.record("i1") is None


def test_a_disposition_counts_on_the_day_on_which_it_is_settled() -> None:
    history = History()
    midnight = NOON + DAY / 2
    history.settled("i1", "sales", "ann", "sale", True, midnight - 1)
    history.settled("i2", "sales", "ann", "sale", False, midnight)
    history.settled("i3", "sales", "ann", "", True, midnight)
    history.settled("i4", "sales", "ann", "", False, midnight)
    (today,) = history.report(midnight, {}).queues
    (total,) = history.report_total({}).queues
    assert (today.dispositions, today.dispositions_missing) == ({"sale": 1}, 1)
    assert (total.dispositions, total.dispositions_missing) == ({"sale": 2}, 1)
