"""Flows that a queue leads on to are checked in every language in which its callers come."""

from pathlib import Path

import pytest

from ccd.config.load import check

LINES = """
[numbers]
"+33123456701" = "lines-fr"
"+33123456702" = "lines-en"
[queues.sales]
after_call = "rate"
[queues.help]
[flows.lines-fr]
language = "fr"
steps = [{ do = "queue", queue = "sales" }, { do = "hangup", prompt = "goodbye" }]
[flows.lines-en]
language = "en"
steps = [{ do = "queue", queue = "sales" }, { do = "hangup", prompt = "goodbye" }]
[flows.rate]
language = "en"
steps = [
  { do = "survey", name = "recommend", kind = "nps" },
  { do = "play", say = { en = "Thank you.", fr = "Merci." } },
]
"""
ONLY = 'say = "Thank you."'
WHOLE = 'say = { en = "Thank you.", fr = "Merci." }'
WHERE = "flows.rate.steps[1].say"


def faults(tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    (tmp_path / "ccd.toml").write_text(text)
    _, found = check(tmp_path)
    return [(fault.key, fault.problem, fault.cure) for fault in found if not fault.warning]


def test_what_is_there_in_both_languages_is_good(tmp_path: Path) -> None:
    assert faults(tmp_path, LINES) == []


@pytest.mark.parametrize(
    "way",
    [
        'after_call = "rate"',
        'overflow = { flow = "rate" }',
        'overflow = { share = [{ pct = 50, flow = "rate" }] }',
        'keys = { 3 = { leave = "rate" } }',
        'keys = { 3 = { flow = "rate" } }',
        'callback = { key = "2", flow = "rate" }',
    ],
)
def test_a_text_in_one_language_is_a_fault_where_callers_come_in_two(tmp_path: Path, way: str) -> None:
    text = LINES.replace(WHOLE, ONLY).replace('after_call = "rate"', way)
    found = faults(tmp_path, text)
    assert next(each for each in found if each[0] == WHERE) == (
        WHERE,
        'is in one language, and the flow comes here in "fr" too',
        'write say = { en = "…", fr = "…" }',
    )


def test_a_flow_that_sets_its_language_first_needs_no_other(tmp_path: Path) -> None:
    text = LINES.replace(WHOLE, ONLY).replace(
        '{ do = "survey", name', '{ do = "set", values = { language = "en" } },\n  { do = "survey", name'
    )
    assert faults(tmp_path, text) == []


def test_the_language_is_followed_through_a_second_queue_and_the_flows_that_are_called(
    tmp_path: Path,
) -> None:
    """French comes to `help` only after the call, and to `thanks` only from there."""
    text = LINES.replace(WHOLE + " },", WHOLE + ' }, { do = "queue", queue = "help" }, { do = "hangup" },')
    text = text.replace("[queues.help]", '[queues.help]\nafter_call = "more"')
    more = '[flows.more]\nlanguage = "en"\nsteps = [{ do = "call", flow = "thanks" }]\n'
    more += '[flows.thanks]\nsteps = [{ do = "play", say = { en = "Thank you." } }]\n'
    (found,) = faults(tmp_path, text + more)
    assert found[:2] == ("flows.thanks.steps[0].say", 'says nothing in "fr"')
