"""Each reason for which an agent is passed over, in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ccd.history.explain import explain, say_why, tell
from ccd.history.state import Note, Record
from ccd.model.nouns import ChannelClass
from ccd.model.trace import Passed, Trace, Why

NOON = 1_800_000_000.0


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (Passed("ann", Why.SKILL, NOON + 40, "billing 3 < 5"), "skill: billing 3 < 5 for 40 s more"),
        (Passed("ann", Why.SKILL, 0.0, "no french"), "skill: no french"),
        (Passed("ann", Why.TIER, NOON + 30), "not asked yet for 30 s more"),
        (Passed("ann", Why.TIER), "does not serve this queue"),
        (Passed("ann", Why.PREFERRED, NOON + 12, "bob"), "kept for bob for 12 s more"),
        (Passed("ann", Why.CEILING, 0.0, "live_text 2/2"), "at the most of live text 2/2"),
        (Passed("ann", Why.RESERVE, 0.0, "2 for voice"), "kept free: 2 for voice"),
        (Passed("ann", Why.MAX_ACTIVE, 0.0, "3/3"), "the queue has its most in conversation: 3/3"),
        (Passed("ann", Why.LOGGED_OUT, NOON), "logged out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons_of_rules(passed: Passed, words: str) -> None:
    assert say_why(passed, NOON) == words


@pytest.mark.parametrize(
    ("detail", "until", "words"),
    [
        ("holiday: Noël", datetime(2026, 12, 26, 8, tzinfo=UTC).timestamp(),
         "the queue is closed (holiday: Noël) until 2026-12-26 09:00:00"),
        ("closed at this hour", 0.0, "the queue is closed (closed at this hour)"),
        ("", 0.0, "the queue is closed"),
    ],
)  # fmt: skip
def test_a_closed_queue_says_why_and_until_when(detail: str, until: float, words: str) -> None:
    trace = Trace(NOON, "overflowed", "sales", cue="closed", position=1, detail=detail, until=until)
    record = Record("1", "voice", ChannelClass.VOICE, "+331", "+332", NOON, traces=[trace])
    told = explain(record, ZoneInfo("Europe/Paris"))
    assert told[1].endswith(f"overflowed, place 1 in sales: {words}")


def test_what_rests_says_until_when_and_why() -> None:
    """The line is not busy until then: it was busy."""
    until = datetime(2026, 12, 26, 8, tzinfo=UTC).timestamp()
    trace = Trace(NOON, "rests", "sales", cue="busy", position=1, until=until)
    record = Record("1", "voice", ChannelClass.VOICE, "+331", "+332", NOON, traces=[trace])
    words = "rests until 2026-12-26 08:00:00, place 1 in sales: the customer's line was busy"
    assert explain(record)[1].endswith(words)


def test_a_removed_queue_is_named_and_empty_notes_say_nothing() -> None:
    trace = Trace(NOON, "overflowed", "sales", cue="queue_removed", position=2)
    timeline = [Note(NOON, "flow ended", {"note": ""}), Note(NOON, "change", {"by": "ann", "priority": 0})]
    record = Record("1", "voice", ChannelClass.VOICE, "+331", "+332", NOON, traces=[trace], timeline=timeline)
    words = "overflowed, place 2 in sales: the queue is not in the configuration any more"
    assert explain(record)[1].endswith(words)
    assert [line[10:] for line in tell(record)] == ["flow ended", "change: by ann, priority 0"]


def test_a_loaded_queue_says_how_many_wait_for_whom() -> None:
    trace = Trace(NOON, "overflowed", "sales", cue="max_load", position=4, detail="3 waiting, 2 ready")
    record = Record("1", "voice", ChannelClass.VOICE, "+331", "+332", NOON, traces=[trace])
    words = "overflowed, place 4 in sales: too many wait for the agents who are ready (3 waiting, 2 ready)"
    assert explain(record)[1].endswith(words)
