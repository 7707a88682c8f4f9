"""`ccd check`: what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from ccd.config.check import main_check
from ccd.config.faults import Fault, written
from ccd.config.load import render

ROOT = Path(__file__).parents[2]


def test_a_good_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_check([str(ROOT / "conf")]) == 0
    out = capsys.readouterr().out
    assert (
        "good: 8 files, 4 agents, 2 queues, 4 flows, 1 calendar, 2 trunks, 5 devices, 0 channels, 1 profile, "
        "6 warnings" in out
    )


def test_faults_go_to_stderr_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_check([str(ROOT / "tests/data/broken/05-wrong-type")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = 'ccd.toml:7: queues.sales.ring_timeout_s: must be a number, is "abc" — write seconds as a number'
    assert line in captured.err
    assert captured.err.endswith("05-wrong-type: 6 faults\n")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_check(["--json", str(ROOT / "tests/data/broken/20-strategy")]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    (fault,) = shown["faults"]
    assert fault["line"] == 5 and fault["key"] == "queues.sales.strategy"
    assert set(fault) == {"file", "line", "key", "problem", "cure", "warning"}


def test_overrides_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_check([str(ROOT / "conf"), "--set", "media.workers=many"]) == 2
    assert "--set: media.workers: must be a whole number" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main_check([str(ROOT / "conf"), "--set", "media.workers"])
    assert caught.value.code == 2


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main_check(["--help"])
    assert "ccd check conf/" in capsys.readouterr().out


def test_render() -> None:
    fault = Fault("conf/ccd.toml", 12, "queues.sales.x", "must be y", "write z")
    assert render([fault]) == "conf/ccd.toml:12: queues.sales.x: must be y — write z"
    whole = Fault("ccd.toml", 0, "", "is empty", "fill it", warning=True)
    assert render([whole]) == "ccd.toml: warning: is empty — fill it"


def test_written_paths() -> None:
    assert written(("flows", "a-b", "steps", 2, "choices", "*")) == 'flows.a-b.steps[2].choices."*"'
    assert written(("numbers", "+331")) == 'numbers."+331"'
    assert written(("agents", "zoë", "")) == 'agents."zoë".""'
