"""Times that somebody keyed: the next one, across midnight and where the clocks jump."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.moment import moment

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        ("1430", "2026-11-27 14:29", "2026-11-27 14:30"),
        ("14:30", "2026-11-27 14:30", "2026-11-28 14:30"),
        ("930", "2026-11-27 10:00", "2026-11-28 09:30"),
        (" 9:30 ", "2026-11-27 08:00", "2026-11-27 09:30"),
        ("0000", "2026-12-31 23:59", "2027-01-01 00:00"),
        ("2026-12-24 09:00", "2026-11-27 10:00", "2026-12-24 09:00"),
        ("2026-12-24T09:00:00", "2026-11-27 10:00", "2026-12-24 09:00"),
        ("2026-11-01 09:00", "2026-11-27 10:00", "2026-11-01 09:00"),
        ("0230", "2027-03-27 12:00", None),  # the next morning the clock goes from 02:00 to 03:00
        ("0230", "2027-03-28 12:00", "2027-03-29 02:30"),
        ("2027-03-28 02:30", "2027-03-01 12:00", None),
        ("0230", "2026-10-24 12:00", "2026-10-25 02:30"),  # comes twice: the first time
        ("2460", "2026-11-27 10:00", None),
        ("2561", "2026-11-27 10:00", None),
        ("12", "2026-11-27 10:00", None),
        ("", "2026-11-27 10:00", None),
        ("2026-02-30 09:00", "2026-11-27 10:00", None),
        ("noon", "2026-11-27 10:00", None),
    ],
)
def test_what_is_meant(text: str, now: str, then: str | None) -> None:
    assert moment(text, PARIS, at(now)) == (None if then is None else at(then))


@given(st.text(max_size=20), st.floats(0, 4e9))
def test_anything_is_a_time_to_come_or_none(text: str, now: float) -> None:
    found = moment(text, PARIS, now)
    assert found is None or "-" in text or now < found <= now + 2 * 86_400
