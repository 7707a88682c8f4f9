"""Surveys in the configuration: each fault at its key, in words, and what is right without one."""

from pathlib import Path

import pytest

from ccd.config.load import check

GOOD = """
[queues.sales]
after_call = "rate"
[queues.help]
[flows.rate]
steps = [
  { do = "survey", name = "recommend", kind = "nps", say = "0 to 10?" },
  { do = "survey", name = "solved", kind = "choice", prompt = "goodbye", choices = { 1 = "yes", 2 = "no" } },
  { do = "survey", name = "why", kind = "free", say = "why?" },
]
[surveys.rate]
sample_pct = 25
quiet_days = 90
only = 'var.queue == "sales" and var.talked_s > 30'
alert_below = { nps = 7 }
recall_queue = "help"
"""


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    return [(fault.key, fault.problem) for fault in faults if not fault.warning]


def test_a_good_one(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('after_call = "rate"', 'after_call = "rat"', "queues.sales.after_call", '"rat"'),
        ("[surveys.rate]", "[surveys.rats]", "surveys.rats", '"rats"'),
        ("sample_pct = 25", "sample_pct = 101", "surveys.rate.sample_pct", "100"),
        ("quiet_days = 90", "quiet_days = -1", "surveys.rate.quiet_days", "0"),
        ("var.queue ==", "queu ==", "surveys.rate.only", "column 1"),
        ("nps = 7 }", "nps = 11 }", "surveys.rate.alert_below.nps", "10"),
        ("nps = 7 }", "csat = 3 }", "surveys.rate.alert_below.csat", "no question of the kind csat"),
        ("nps = 7 }", "nsp = 3 }", "surveys.rate.alert_below.nsp", "no kind of question"),
        ("alert_below = { nps = 7 }", "", "surveys.rate.recall_queue", "can never happen"),
        ('recall_queue = "help"', 'recall_queue = "hep"', "surveys.rate.recall_queue", '"hep"'),
        ('kind = "nps"', 'kind = "npx"', "flows.rate.steps[0].kind", "npx"),
        ('name = "recommend"', 'name = "Re commend"', "flows.rate.steps[0].name", "small letters"),
        (
            'kind = "nps",',
            'kind = "nps", choices = { 1 = "x" },',
            "flows.rate.steps[0].choices",
            "means nothing",
        ),
        ('name = "solved"', 'name = "language"', "flows.rate.steps[1].name", "means something else"),
        ('name = "solved"', 'name = "recommend"', "flows.rate.steps[1].name", "asked twice"),
        (', choices = { 1 = "yes", 2 = "no" }', "", "flows.rate.steps[1].choices", "offers no answer"),
        ("1 = ", "12 = ", "flows.rate.steps[1].choices.12", "no key"),
        ("2 = ", '"*" = ', "flows.rate.steps[1].choices", "no key"),
        (' prompt = "goodbye",', "", "flows.rate.steps[1]", "asks nothing"),
        (', say = "why?"', "", "flows.rate.steps[2]", "asks nothing"),
        (
            'say = "why?"',
            'say = "why?", prompt = "goodbye", spoken = false',
            "flows.rate.steps[2].prompt",
            "never be heard",
        ),
        ('say = "why?"', 'say = "why?", max_s = 5, min_s = 5', "flows.rate.steps[2].min_s", "throws every"),
        ("quiet_days = 90", "keep_days = -1", "surveys.rate.keep_days", "0"),
        ('say = "why?"', 'say = "why?", on_none = "nowhere"', "flows.rate.steps[2].on_none", "nowhere"),
    ],
)
def test_a_bad_one(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(where.startswith(key) and words in problem for where, problem in found), found


def test_rules_that_no_queue_uses_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(GOOD.replace('after_call = "rate"', ""))
    settings, faults = check(tmp_path)
    assert settings is not None
    assert [fault.warning for fault in faults if fault.key == "surveys.rate"] == [True]


def test_a_rule_for_a_flow_without_a_question(tmp_path: Path) -> None:
    text = '[queues.q]\nafter_call = "f"\n[flows.f]\nsteps = [{ do = "hangup" }]\n[surveys.f]\n'
    assert problems(tmp_path, text) == [("surveys.f", 'the flow "f" asks nothing')]
