"""`ccctl flow`: checked, drawn, rehearsed and tested from files, and what callers did by a daemon."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ccd.cli.flow import stat_lines
from ccd.cli.main import main
from ccd.cli.session import OK, REFUSED, WRONG
from ccd.cli.text import cells
from ccd.errors import Refused
from ccd.runtime.views import plain
from tests.unit.control_room import Room

CONF = Path(__file__).parents[2] / "conf"
CASES = """
[[rehearsal]]
name = "one leads to sales"
flow = "welcome"
at = "2026-12-24 10:00"
keys = ["1"]
expect = { ends = "queue:sales", hears = ["menu"], steps = ["choose"], variables = {}, within_s = 5 }

[[rehearsal]]
name = "Christmas"
dialled = "+33123456780"
at = "2026-12-25 10:00"

[rehearsal.expect]
ends = "hangup"
hears = ["closed"]
variables = { hours = "closed" }
"""


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["flow", *argv])
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reference configuration with a file of rehearsals."""
    (tmp_path / "conf.d").mkdir()
    for file in (CONF / "ccd.toml", *(CONF / "conf.d").glob("*.toml")):
        (tmp_path / file.relative_to(CONF)).write_text(file.read_text())
    (tmp_path / "rehearsals").mkdir()
    (tmp_path / "rehearsals" / "all.toml").write_text(CASES)
    return tmp_path


def answered(capsys: pytest.CaptureFixture[str], code: int, *argv: str) -> Any:
    assert run(*argv, "--json") == code
    return json.loads(capsys.readouterr().out)


# -- check and draw --------------------------------------------------------------------------------------


def test_check_tells_warnings_and_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--config", str(CONF)) == OK
    *warnings, last = capsys.readouterr().out.splitlines()
    assert last == f"{CONF}: good: 4 flows, {len(warnings)} warnings"
    assert all(": warning: flows." in line for line in warnings)


def test_check_tells_the_faults_of_check_with_its_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "conf.d" / "40-flows.toml"
    file.write_text(file.read_text().replace('queue = "sales"', 'queue = "sails"'))
    assert run("check", "welcome", "--config", str(folder)) == WRONG
    told = capsys.readouterr().err.splitlines()
    assert 'there is no queue "sails" — did you mean "sales"?' in told[0]
    with pytest.raises(SystemExit):
        main(["check", str(folder)])
    assert told[0] in capsys.readouterr().err.splitlines()
    found = answered(capsys, WRONG, "check", "--config", str(folder))
    assert [fault["key"] for fault in found["faults"] if not fault["warning"]] == [
        "flows.welcome.steps[3].queue",
        "flows.accueil.steps[4].queue",
    ]


def test_draw_writes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "welcome.svg"
    assert run("draw", "welcome", "-o", str(file), "--config", str(CONF)) == OK
    assert capsys.readouterr().out == f"{file}: 6 steps\n"
    text = file.read_text()
    ElementTree.fromstring(text)  # noqa: S314  our own output
    assert "For sales, press 1." in text and "+33123456789" in text


def test_draw_shows_texts_in_one_language(tmp_path: Path) -> None:
    """In the flow's own, or in the one that is asked for."""
    for language, words, others in (("", "Bonjour", "Hello"), ("en", "Hello", "Bonjour")):
        file = tmp_path / f"who{language}.svg"
        argv = ("--language", language) if language else ()
        assert run("draw", "who", "-o", str(file), "--config", str(CONF / "bilingual"), *argv) == OK
        assert words in file.read_text() and others not in file.read_text()


def test_draw_refuses_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "a.svg")
    assert run("draw", "welcom", "-o", file, "--config", str(CONF)) == REFUSED
    assert 'did you mean "welcome"?' in capsys.readouterr().err
    nowhere = str(tmp_path / "no" / "a.svg")
    assert run("draw", "welcome", "-o", nowhere, "--config", str(CONF)) == WRONG
    assert "name another file" in capsys.readouterr().err


# -- rehearse --------------------------------------------------------------------------------------------


def test_rehearse_tells_what_is_heard_and_where_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    at = "2026-12-24 10:00"
    assert run("rehearse", "welcome", "--keys", "wait,1", "--at", at, "--config", str(CONF)) == OK
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "welcome at 2026-12-24T10:00:00+01:00"
    assert "0:00.0 hears welcome “Welcome to our contact centre.”" in lines
    assert "0:02.0 waits no key" in lines
    assert "0:10.0 key 1" in lines
    assert lines[-1] == "0:10.0 ends queue:sales"


@pytest.mark.parametrize(("ewt_s", "step"), [("420", "outage/many"), ("60.5", "outage/wait")])
def test_rehearse_with_a_figure(ewt_s: str, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("outage", "--keys", "2", "--figure", f"queue.outages.ewt_s={ewt_s}")
    found = answered(capsys, OK, "rehearse", *argv, "--config", str(CONF / "bilingual"))
    assert step in found["steps"]


@pytest.mark.parametrize("figure", ["queue.q.ewt_s", "queue.q.ewt_s=", "queue.q.ewt_s=soon", "ewt_s=3", "="])
def test_rehearse_refuses_a_figure_that_is_none(figure: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rehearse", "welcome", "--figure", figure, "--config", str(CONF)) == WRONG
    assert "write e.g. queue.sales.ewt_s=420" in capsys.readouterr().err


def test_rehearse_by_number_and_day_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("rehearse", "--dialled", "+33123456780", "--at", "2026-12-25 10:00", "--config", str(CONF))
    found = answered(capsys, OK, *argv)
    assert (found["flow"], found["ends"], found["hears"]) == ("accueil", "hangup", ["closed"])
    assert found["variables"]["closed_reason"] == "holiday: Christmas Day"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("welcom",), "there is no flow 'welcom' — there are: accueil, chat, sorry, welcome"),
        (("--dialled", "+331"), "there is no flow that answers '+331' — there are: +331"),
        (("welcome", "--answer", "crm=null"), "answers: no flow asks 'crm' — asked are: (none)"),
        (("welcome", "--keys", "1,x"), "'x' is no key"),
        (("welcome", "--at", "noon"), "'noon' is no date and time"),
        (("welcome", "--answer", "crm"), "--answer 'crm' — write e.g."),
        (("welcome", "--answer", "crm=[1]"), "--answer 'crm=[1]' — write e.g."),
    ],
)
def test_rehearse_refuses_what_it_does_not_understand(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rehearse", *argv, "--config", str(CONF)) == WRONG
    assert words in capsys.readouterr().err


# -- test ------------------------------------------------------------------------------------------------


def test_all_goes_as_expected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", str(folder)) == OK
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "ok all.toml:2 welcome queue:sales one leads to sales",
        "ok all.toml:9 accueil hangup Christmas",
        "2 rehearsals, all as expected",
    ]


def test_the_folder_is_given_as_to_its_sisters_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (("--config", str(folder)), (str(folder), "--config", str(folder))):
        assert run("test", *argv) == OK
        assert "2 rehearsals, all as expected" in capsys.readouterr().out
    assert run("test", str(folder), "--config", str(CONF)) == WRONG
    assert f"both {folder} and --config {CONF} are given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('ends = "hangup"', 'ends = "queue:sales"', 15, 'ends in "hangup", not in "queue:sales"'),
        ('hears = ["closed"]', 'hears = ["closed", "menu"]', 16, '"menu" is not heard'),
        ('hours = "closed"', 'hours = "open"', 17, 'hours is "closed", not "open"'),
        ('hours = "closed"', 'tier = "gold"', 17, 'tier is not set, not "gold"'),
        ('steps = ["choose"]', 'steps = ["bye"]', 7, 'does not come to "welcome/bye"'),
        ("within_s = 5", "within_s = 1", 7, "takes 3 s, more than 1"),
        ('flow = "welcome"', 'flow = "nope"', 2, "there is no flow 'nope'"),
        ('at = "2026-12-25 10:00"', 'at = "soon"', 9, "'soon' is no date and time"),
    ],
)
def test_what_differs_is_told_with_file_and_line(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, words: str
) -> None:
    file = folder / "rehearsals" / "all.toml"
    file.write_text(CASES.replace(old, new))
    assert run("test", str(folder)) == REFUSED
    told = capsys.readouterr().out.splitlines()
    (found,) = [each for each in told if each.startswith(f"{file}:")]
    assert found.startswith(f"{file}:{line}: ") and words in found
    assert told[-1] == "2 rehearsals: 1 differ"
    assert answered(capsys, REFUSED, "test", str(folder))["ok"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rehearsal]\n", "docs/flows.md"),
        ('[[rehearsal]]\nflow = "welcome"\n', "at"),
        ('[[rehearsal]]\nat = "x"\nflwo = "welcome"\n', "flwo"),
    ],
)
def test_a_broken_file_of_rehearsals_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (folder / "rehearsals" / "all.toml").write_text(text)
    assert run("test", str(folder)) == WRONG
    told = capsys.readouterr().err
    assert "all.toml" in told and words in told


def test_without_rehearsals_it_says_where_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", str(CONF / "demo")) == WRONG
    assert "rehearsals/*.toml" in capsys.readouterr().err


def test_rehearsals_are_no_configuration(folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", str(folder)])
    assert ended.value.code == OK


# -- stats -----------------------------------------------------------------------------------------------


async def test_stats_by_step_of_a_daemon() -> None:
    async with Room() as room:
        leg = await room.call("+333")
        room.clock.advance(7)
        room.channel.end(leg)
        await room.runtime.settled()
        (row,) = await room.ask("flow.stats", flow="listen")
        assert (row["entered"], row["contained"], row["hung_up"]) == (1, 1, 1)
        lines = [" ".join(line.split()) for line in stat_lines([row], steps=True)]
        assert lines[1] == "listen 1 1 1 1 100 %"
        assert lines[-1] == "listen #2 1 1 0:07 0:07 (hung up) 1"
        assert all(cells(line) <= 80 for line in stat_lines([row], steps=True))
        assert [each["flow"] for each in (await room.ask("report"))["flows"]] == ["listen"]
        with pytest.raises(Refused, match="there is no flow"):
            await room.ask("flow.stats", flow="lisen")
        with pytest.raises(Refused, match="there are no figures of '1999-01-01'"):
            await room.ask("flow.stats", day="1999-01-01")
        assert await room.ask("flow.stats", flow="sales") == plain([])


def test_stats_without_any() -> None:
    assert stat_lines([], steps=True) == ["no flow was entered on that day"]


@pytest.mark.parametrize(("how", "heard"), [((), "Merci."), (("--language", "en"), "Thank you.")])
def test_a_flow_after_a_queue_is_rehearsed_in_the_language_spoken_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: tuple[str, ...], heard: str
) -> None:
    (tmp_path / "ccd.toml").write_text(
        'language = "fr"\n[queues.q]\nafter_call = "rate"\n[flows.rate]\nlanguage = "fr"\n'
        'steps = [{ do = "play", say = { fr = "Merci.", en = "Thank you." } }]\n'
    )
    found = answered(capsys, OK, "rehearse", "rate", *how, "--config", str(tmp_path))
    assert [each["name"] for each in found["events"] if each["what"] == "hears"] == [f"“{heard}”"]


def test_a_rehearsal_of_a_file_names_the_language_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ccd.toml").write_text(
        'language = "fr"\n[flows.rate]\n'
        'steps = [{ do = "play", say = { fr = "Merci.", en = "Thank you." } }]\n'
    )
    (tmp_path / "rehearsals").mkdir()
    (tmp_path / "rehearsals" / "calls.toml").write_text(
        '[[rehearsal]]\nflow = "rate"\nat = "2026-12-24 10:00"\nlanguage = "en"\n'
        'expect = { hears = ["Thank you"] }\n'
    )
    assert answered(capsys, OK, "test", str(tmp_path))["ok"] is True
