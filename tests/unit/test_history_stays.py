"""Stays read from timelines, and the figures of a span and of its intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.history.figures import service_level_pct
from ccd.history.state import Detail, Note, Record
from ccd.history.stays import Stay, by_queue, merged, sliced, stays_of
from ccd.model.nouns import ChannelClass, Outcome


def record(*notes: tuple[float, str, dict[str, Detail]]) -> Record:
    timeline = [Note(at, what, details) for at, what, details in notes]
    return Record("1", "voice", ChannelClass.VOICE, "+331", "+332", 0.0, timeline=timeline)


def test_one_that_overflowed_was_served_and_sent_on_has_three_stays() -> None:
    found = stays_of(
        record(
            (0, "arrived", {}),
            (5, "queued", {"queue": "sales"}),
            (65, "left_queue", {"queue": "sales", "outcome": "overflowed"}),
            (65, "queued", {"queue": "support"}),
            (70, "offer", {"agent": "ann"}),
            (74, "bridged", {"agent": "ann", "queue": "support"}),
            (174, "queued", {"queue": "billing"}),
            (174, "agent_left", {"agent": "ann", "talked_s": 100.0}),
            (180, "left_queue", {"queue": "billing", "outcome": "abandoned"}),
        )
    )
    assert [(stay.queue, stay.outcome, stay.wait_s) for stay in found] == [
        ("sales", "overflowed", 60),
        ("support", "handled", 9),
        ("billing", "abandoned", 6),
    ]
    assert found[1].agent == "ann" and found[1].answer_s == 4
    assert [(stay.talk_s, stay.talked_until) for stay in found] == [(0, 0), (100, 174), (0, 0)]


def test_one_that_hung_up_in_the_menu_has_none() -> None:
    assert stays_of(record((0, "arrived", {}), (9, "closed", {}))) == []


def test_waiting_is_spread_over_the_intervals_and_the_rest_counts_where_it_entered() -> None:
    stays = [
        Stay("a", 10.0, 70.0, "handled"),
        Stay("a", 50.0, 55.0, "handled"),
        Stay("a", 61.0, 62.0, "abandoned"),
        Stay("a", 100.0),
    ]
    first, second = sliced(stays, [0.0, 60.0, 120.0], {"a": 20.0})
    assert (first.offered, second.offered) == (2, 2)
    assert first.waiting_s == 50 + 5 and second.waiting_s == 10 + 1 + 20
    assert first.waiting == pytest.approx(55 / 60)
    assert first.service_level_pct == 50.0 and second.service_level_pct == 0.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.floats(0, 1e4),
            st.floats(0, 1e3),
            st.sampled_from([*(each.value for each in Outcome), ""]),
        ),
        max_size=40,
    )
)
def test_what_is_offered_is_handled_abandoned_overflowed_or_waits(
    drawn: list[tuple[str, float, float, str]],
) -> None:
    stays = [Stay(queue, at, at + wait if outcome else 0.0, outcome) for queue, at, wait, outcome in drawn]
    whole = merged(by_queue(stays, {}).values())
    waiting = sum(not stay.outcome for stay in stays)
    assert whole.offered == len(stays)
    left = whole.handled + whole.abandoned + whole.overflowed + whole.callback_failed
    assert whole.offered == left + waiting
    edges = [0.0, 2500.0, 5000.0, 7500.0, 12_000.0]
    parts = sliced(stays, edges, {})
    assert sum(part.offered for part in parts) == whole.offered
    assert sum(part.in_service_level for part in parts) == whole.in_service_level
    assert sum(part.answered_or_left for part in parts) == whole.handled + whole.abandoned
    level = service_level_pct(whole)
    assert level is None or 0 <= level <= 100
    waited = sum(min(stay.left_at or edges[-1], edges[-1]) - stay.entered_at for stay in stays)
    assert sum(part.waiting_s for part in parts) == pytest.approx(waited)
