"""Questions that are answered aloud in flows beside a wait or a conversation: refused, and only those."""

from pathlib import Path

import pytest

from ccd.config.load import check

FREE = '{ do = "survey", name = "why", kind = "free", say = "Why?" }'
CENTRE = """
[queues.sales]
QUEUE
[flows.rate]
FLOW
steps = [STEPS]
[flows.inner]
steps = [INNER]
"""
KEY = 'keys = { 4 = { flow = "rate" } }'
WAITS = 'while the caller waits (key 4 of the queue "sales")'
CALL = '{ do = "call", flow = "inner" }'
OTHER = '{ do = "play", say = "Good." }'
KEPT = '{ do = "callback", on_kept = "kept" }, { do = "hangup" }, '


def faults(
    tmp_path: Path, *, queue: str = "", flow: str = "", steps: str = FREE, inner: str = OTHER
) -> list[tuple[str, str]]:
    text = CENTRE.replace("QUEUE", queue).replace("FLOW", flow)
    text = text.replace("STEPS", steps).replace("INNER", inner)
    (tmp_path / "ccd.toml").write_text(text)
    _, found = check(tmp_path)
    assert all(fault.line for fault in found)
    return [(fault.key, fault.problem) for fault in found if not fault.warning]


@pytest.mark.parametrize(
    ("queue", "flow", "when"),
    [
        (KEY, "", WAITS),
        (
            'callback = { key = "1", flow = "rate" }',
            "",
            'while the caller waits (key 1 of the queue "sales")',
        ),
        ("", 'code = "*47"', "beside a conversation (an agent dials *47)"),
    ],
)
def test_it_is_refused_and_told_why(tmp_path: Path, queue: str, flow: str, when: str) -> None:
    problem = f'"why" is answered aloud, which cannot be {when}: it would be left out'
    assert ("flows.rate.steps[0]", problem) in faults(tmp_path, queue=queue, flow=flow)


def test_also_in_a_flow_that_is_called_there(tmp_path: Path) -> None:
    problem = f'"why" is answered aloud, which cannot be {WAITS}: it would be left out'
    assert faults(tmp_path, queue=KEY, steps=CALL, inner=FREE) == [("flows.inner.steps[0]", problem)]


@pytest.mark.parametrize(
    "steps",
    [
        FREE.replace(" }", ", spoken = false }"),
        FREE.replace('kind = "free"', 'kind = "nps"'),
        KEPT + FREE.replace("{ do", '{ id = "kept", do'),
    ],
    ids=["in writing only", "by key", "after the place is kept"],
)
def test_what_can_be_asked_there_is_good(tmp_path: Path, steps: str) -> None:
    assert not [each for each in faults(tmp_path, queue=KEY, steps=steps) if "aloud" in each[1]]


def test_behind_a_step_at_which_the_flow_ends_there_it_may_stand(tmp_path: Path) -> None:
    steps = '{ do = "queue", queue = "sales" }, ' + FREE
    assert faults(tmp_path, queue=KEY, steps=steps) == []


def test_after_the_call_it_is_good(tmp_path: Path) -> None:
    assert faults(tmp_path, queue='after_call = "rate"') == []
