"""docs/flow-values.md is true: nothing odd in its flow, its calls go as it says, and it names the keys."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from ccd.cli.flow import _picture, _settings, zone_of
from ccd.cli.flow_picture import svg
from ccd.config.faults import render
from ccd.config.flow_check import check_flows
from ccd.model.rules import Rules
from ccd.testing.flow_cases import judge

PAGE = (Path(__file__).parents[2] / "docs" / "flow-values.md").read_text()
(TOML,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(CALLS,) = re.findall(r"^```toml rehearsal\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccd.toml").write_text(TOML)
    return tmp_path


def test_nothing_is_odd_in_its_flow(folder: Path) -> None:
    good, flows, faults = check_flows(folder)
    assert good and flows == ["garage"]
    assert not faults, render(faults)


def test_its_calls_go_as_it_says(folder: Path) -> None:
    def rules(moment: datetime) -> Rules:
        return _settings(folder, moment.date()).rules

    file = folder / "calls.toml"
    file.write_text(CALLS)
    verdicts = list(judge(file, rules, zone_of))
    assert len(verdicts) == CALLS.count("[[rehearsal]]")
    assert [each.differs for each in verdicts if each.differs] == []


def test_its_picture_shows_every_queue_and_every_way(folder: Path) -> None:
    picture = svg(_picture(_settings(folder), "garage"))
    for shown in ("{var.team}", "among: cars, trucks", "unknown", "kept", "team = {var.kind}s"):
        assert shown in picture, shown
