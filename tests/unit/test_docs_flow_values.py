"""docs/flow-values.md is true: nothing odd in its flow, its calls go as it says, and it names the keys."""

from pathlib import Path

import pytest

from ccd.cli.flow import _picture, _settings
from ccd.cli.flow_picture import svg
from ccd.config.faults import render
from ccd.config.flow_check import check_flows
from tests.unit.docs_page import page, played

PAGE, TOML, CALLS = page("flow-values.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccd.toml").write_text(TOML)
    return tmp_path


def test_nothing_is_odd_in_its_flow(folder: Path) -> None:
    good, flows, faults = check_flows(folder)
    assert good and flows == ["garage"]
    assert not faults, render(faults)


def test_its_calls_go_as_it_says(folder: Path) -> None:
    verdicts = list(played(folder, CALLS))
    assert len(verdicts) == CALLS.count("[[rehearsal]]")
    assert [each.differs for each in verdicts if each.differs] == []


def test_its_picture_shows_every_queue_and_every_way(folder: Path) -> None:
    picture = svg(_picture(_settings(folder), "garage"))
    for shown in ("{var.team}", "among: cars, trucks", "unknown", "kept", "team = {var.kind}s"):
        assert shown in picture, shown
