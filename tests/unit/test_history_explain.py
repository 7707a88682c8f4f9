"""Each reason for which an agent is passed over, in words."""

import pytest

from ccd.history.explain import say_why
from ccd.model.trace import Passed, Why

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
