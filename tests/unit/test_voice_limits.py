"""The door: on which grounds a new call is refused."""

import pytest

from ccd.model.settings import SipSettings
from ccd.voice.limits import MOST_BEHIND_S, MOST_LATE_S, Door


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
