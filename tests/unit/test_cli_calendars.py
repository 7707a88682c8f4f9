"""`ccctl calendar show` and `next`, asked of the reference configuration and of others."""

import json
from pathlib import Path
from typing import Any

import pytest

from ccd.cli.main import main
from ccd.cli.session import REFUSED, WRONG
from ccd.cli.text import cells

CONF = str(Path(__file__).parents[2] / "conf")
BROKEN = str(Path(__file__).parents[1] / "data" / "broken" / "41-calendar-hours")


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["calendar", *argv])
    return int(ended.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    assert run(*argv, "--config", CONF) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(cells(line) <= 80 for line in lines)
    return [" ".join(line.split()) for line in lines]


def answered(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(*argv, "--config", CONF, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_show_says_why_and_until_when(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "show", "office", "--at", "2026-12-25 10:00")
    assert lines[1:4] == [
        "at Fri 2026-12-25 10:00 Europe/Paris",
        "state closed (holiday: Christmas Day)",
        "until Sat 2026-12-26 09:00 (23:00:00)",
    ]
    assert "monday 09:00-12:30, 14:00-18:00" in lines
    assert "sunday closed" in lines


def test_show_lists_the_next_special_days_a_yearly_one_where_it_comes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = told(capsys, "show", "office", "--at", "2026-12-25 10:00")
    at = lines.index("SPECIAL DAY HOURS")
    assert lines[at + 1 : at + 5] == [
        "2026-12-25 closed: Christmas Day",
        "12-31 each year 09:00-12:30: New Year's Eve",
        "2027-01-01 closed: New Year's Day",
        "01-02 each year closed: Stocktaking",
    ]
    assert "Tue 2027-03-16 14:00 to Tue 2027-03-16 16:00 closed: staff meeting" in lines


def test_an_own_yearly_day_takes_the_place_of_a_holiday_in_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ccd.toml").write_text(
        '[calendars.a]\nzone = "UTC"\nweekdays = ["09:00-12:00"]\nholidays = "FR"\n'
        'closed = [{ date = "12-25", name = "ours" }]\n'
    )
    assert run("show", "a", "--config", str(tmp_path), "--at", "2026-12-01") == 0
    shown = capsys.readouterr().out
    assert "12-25 each year" in shown and "Christmas" not in shown


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer = answered(capsys, "show", "office", "--at", "2027-03-16 15:00")
    assert answer["open"] is False and answer["cause"] == "exception"
    assert (answer["name"], answer["why"]) == ("staff meeting", "exceptional closing: staff meeting")
    assert answer["until_local"] == "2027-03-16 16:00:00+01:00"
    assert answer["until"] - answer["at"] == 3600
    assert answer["hours"]["monday"] == ["09:00-12:30", "14:00-18:00"]


def test_next_lists_the_changes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "next", "office", "--at", "2026-12-24 12:00", "--limit", "3")
    assert lines[2:4] == [
        "state open (special hours: Christmas Eve)",
        "until Thu 2026-12-24 12:30 (30:00)",
    ]
    assert lines[5:] == [
        "AT STATE WHY LASTS",
        "Thu 2026-12-24 12:30 closed special hours: Christmas Eve 1d 20h",
        "Sat 2026-12-26 09:00 open opening hours 3:30:00",
        "Sat 2026-12-26 12:30 closed closed at this hour 1d 20h",
    ]


def test_next_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer = answered(capsys, "next", "office", "--at", "2026-12-24T17:00:00+01:00", "--limit", "2")
    assert answer["next_opening_local"] == "2026-12-26 09:00:00+01:00"
    assert [each["open"] for each in answer["changes"]] == [True, False]
    assert answer["changes"][0]["lasts_s"] == 3.5 * 3600


def test_now_is_asked_of_the_clock(capsys: pytest.CaptureFixture[str]) -> None:
    answer = answered(capsys, "next", "office")
    assert answer["covered"] and answer["changes"][0]["at"] > answer["at"]
    assert (answer["next_opening"] == answer["at"]) == answer["open"]


def test_what_is_always_open_never_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ccd.toml").write_text('[calendars.a]\nzone = "UTC"\nevery_day = ["00:00-24:00"]\n')
    assert run("next", "a", "--config", str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["until", "for", "good"]


def test_beyond_the_known_holidays_it_warns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "show", "office", "--at", "2099-01-01")
    assert "warning the holidays of this date are not known yet" in lines


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("show", "offic", "--config", CONF), REFUSED, 'did you mean "office"?'),
        (("next", "x", "--config", CONF), REFUSED, "defined are: office"),
        (
            ("show", "office", "--config", CONF, "--at", "tomorrow"),
            WRONG,
            'write e.g. --at "2026-12-25 10:00"',
        ),
        (("next", "office", "--config", BROKEN), WRONG, "there is no time zone"),
        (("show", "office", "--config", "/nowhere"), WRONG, "there is no such file"),
    ],
)
def test_what_is_wrong_is_told(
    argv: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == code
    assert words in capsys.readouterr().err
    assert run(*argv, "--json") == code
    assert "error" in json.loads(capsys.readouterr().out)
