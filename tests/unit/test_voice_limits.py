"""The door: on which grounds a new call is refused."""

import pytest

from ccd.model.settings import SipSettings
from ccd.voice.limits import MOST_BEHIND_S, MOST_LATE_S, QUIET_S, Door


@pytest.mark.parametrize(
    ("age_s", "stalled", "late_s", "ground"),
    [
        (0.0, False, 0.0, ""),
        (MOST_BEHIND_S, False, MOST_LATE_S, ""),
        (MOST_BEHIND_S + 0.1, False, 0.0, "behind"),
        (0.0, False, MOST_LATE_S + 0.1, "late"),
        (MOST_BEHIND_S + 0.1, True, MOST_LATE_S + 0.1, "ledger"),
    ],
)
def test_what_waits_too_long_keeps_new_calls_out(
    age_s: float, stalled: bool, late_s: float, ground: str
) -> None:
    door = Door(SipSettings(), lambda: (age_s, stalled), lambda: late_s, 0.0)
    assert door.admit(0, 0.0) == ground
    assert door.refused == ({ground: 1} if ground else {})


def test_who_is_turned_away_is_told_until_a_minute_after_the_last() -> None:
    settings = SipSettings(max_dialogs=5, max_new_calls_per_s=2.0)
    late = [0.0]
    door = Door(settings, lambda: (0.0, False), lambda: late[0], 100.0)
    assert door.turned_away(100.0) == []
    assert [door.admit(each, 100.0) for each in (0, 5, 5, 0)] == ["", "dialogs", "dialogs", "rate"]
    late[0] = 9.0
    assert door.admit(0, 150.0) == "late"
    (row,) = door.turned_away(150.0 + QUIET_S)
    for each in ("503", "2 for more calls than sip.max_dialogs", "1 for more new calls", "1 while messages"):
        assert each in row["why"]
    assert door.turned_away(150.1 + QUIET_S) == []
    assert door.admit(0, 300.0) == "late"
    assert door.admit(5, 400.0) == "dialogs"
    (row,) = door.turned_away(400.0)
    assert "1 for more calls" in row["why"] and "late" not in row["why"]
    assert door.refused == {"dialogs": 3, "rate": 1, "late": 2}


def test_what_somebody_wished_or_another_alarm_tells_is_no_alarm() -> None:
    door = Door(SipSettings(), lambda: (9.0, True), lambda: 0.0, 0.0)
    assert door.admit(0, 0.0) == "ledger"
    door.draining = True
    assert door.admit(0, 0.0) == "draining"
    assert door.turned_away(0.0) == []
