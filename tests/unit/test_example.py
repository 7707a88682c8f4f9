"""The bilingual example: no fault, nothing odd, its calls go as they should, and its page is true."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from ccd.cli.flow import _picture, _settings, zone_of
from ccd.cli.flow_picture import svg
from ccd.cli.main import main
from ccd.config.faults import render
from ccd.config.flow_check import check_flows
from ccd.config.load import check
from ccd.model.rules import Rules
from ccd.model.steps import AnyStep
from ccd.testing.flow_cases import judge, read_cases

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "conf" / "bilingual"
CALLS = EXAMPLE / "rehearsals" / "calls.toml"
PAGE = (ROOT / "docs" / "example.md").read_text()
PICTURES = re.findall(r"\(pictures/example-(\w+)\.svg\)", PAGE)


def test_it_has_no_fault_but_secrets_that_this_machine_has_not() -> None:
    settings, faults = check(EXAMPLE, environ={})
    assert settings is not None, render(faults)
    odd = [each for each in faults if not each.warning or not each.key.endswith(("password", "Key", "tion"))]
    assert not odd, render(odd)


def test_nothing_is_odd_in_its_flows() -> None:
    good, flows, faults = check_flows(EXAMPLE)
    assert good and len(flows) == 11
    assert not faults, render(faults)


def test_its_calls_go_as_they_should() -> None:
    def rules(moment: datetime) -> Rules:
        return _settings(EXAMPLE, moment.date()).rules

    verdicts = list(judge(CALLS, rules, zone_of))
    assert len(verdicts) >= 12
    assert [each.differs for each in verdicts if each.differs] == []
    assert f"{len(verdicts)} calls go as they should" in PAGE


def test_both_languages_and_every_service_are_rehearsed() -> None:
    cases = [case for _, _, case in read_cases(CALLS)]
    rules = _settings(EXAMPLE).rules
    assert {case.dialled for case in cases} == set(rules.numbers)
    assert {name for case in cases for name in case.answers} == set(_settings(EXAMPLE).services)


def test_it_uses_nearly_every_step() -> None:
    used = {type(step) for flow in _settings(EXAMPLE).rules.flows.values() for step in flow.steps}
    left_out = {str(kind.__struct_config__.tag) for kind in AnyStep.__args__ if kind not in used}
    assert left_out == {"bot", "hook", "pay", "record", "transfer"}


@pytest.mark.parametrize("flow", PICTURES)
def test_the_pictures_are_not_stale(flow: str) -> None:
    """Made anew by `ccctl flow draw FLOW --language en --config conf/bilingual`."""
    file = ROOT / "docs" / "pictures" / f"example-{flow}.svg"
    assert file.read_text() == svg(_picture(_settings(EXAMPLE), flow, "en"))


def test_the_page_names_every_file_and_its_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert PICTURES == ["welcome", "outage"]
    for file in EXAMPLE.rglob("*.toml"):
        assert file.name in PAGE, file
    with pytest.raises(SystemExit) as ended:
        main(["flow", "test", str(EXAMPLE)])
    assert not ended.value.code, capsys.readouterr()
