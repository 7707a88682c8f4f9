"""`ccctl staff`: tables, JSON, faults; and a day of a simulated centre read back from its ledger."""

import json
import random
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccd.channels.ledger import RecordRow
from ccd.cli.main import main
from ccd.cli.own_demand import _bounds, own_demand
from ccd.cli.session import REFUSED, WRONG
from ccd.cli.text import cells
from ccd.errors import Misconfigured, Refused
from ccd.history.figures import aht_s
from ccd.storage.sqlite import SqliteLedger
from tests.scenario.centre_rules import SimulatedCentre, rules

GIVEN = ("--calls-per-h", "240", "--aht", "300")


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(("staff", *argv))
    return int(ended.value.code or 0)


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(*argv, "--json") == 0
    return json.loads(capsys.readouterr().out)


# -- given figures -----------------------------------------------------------------------------------------


def test_a_table_by_number_of_agents(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*GIVEN) == 0
    assert capsys.readouterr().out == (
        "240 calls an hour of 300 s: 20.0 erlang; Erlang C: nobody gives up\n"
        "target: 80 % served in 20 s\n"
        "\n"
        "AGENTS      SL     ASA  ABD %     OCC  WAIT %  NOTE\n"
        "    22  50.3 %  85.2 s      -  90.9 %  56.8 %\n"
        "    23  66.0 %  41.6 s      -  87.0 %  41.6 %\n"
        "    24  77.2 %  22.4 s      -  83.3 %  29.8 %\n"
        "    25  85.0 %  12.5 s      -  80.0 %  20.9 %  recommended\n"
        "    26  90.4 %   7.2 s      -  76.9 %  14.3 %\n"
        "    27  94.0 %   4.1 s      -  74.1 %   9.6 %\n"
        "    28  96.3 %   2.4 s      -  71.4 %   6.3 %\n"
    )


def test_with_patience_shrinkage_and_a_given_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*GIVEN, "--patience", "120", "--shrinkage", "30", "--agents", "15") == 0
    out = capsys.readouterr().out
    assert "Erlang A: patience 120 s" in out
    rows = [line.split() for line in out.splitlines()[4:]]
    assert [row[0] for row in rows] == ["15", "19", "20", "21", "22", "23", "24", "25"]
    assert rows[0][-3:] == ["given,", "too", "few"]
    assert [row[:2] for row in rows if "recommended" in row] == [["22", "32"]]
    assert all(cells(line) <= 80 for line in out.splitlines())


def test_a_line_without_end_is_shown_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    row = asked(capsys, *GIVEN, "--agents", "19")["rows"][0]
    assert (row["agents"], row["asa_s"], row["service_level_pct"], row["holds"]) == (19, None, 0, False)


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(capsys, *GIVEN, "--patience", "120", "--asa", "5", "--occupancy", "83", "--abandon", "5")
    rows = answer.pop("rows")
    assert answer == {
        "model": "erlang_a",
        "calls_per_h": 240,
        "aht_s": 300,
        "load_erl": 20,
        "patience_s": 120,
        "target": {
            "service_level_pct": None, "within_s": 20, "asa_s": 5, "abandon_pct": 5, "occupancy_pct": 83,
        },
        "shrinkage_pct": 0,
        "recommended": 23,
        "scheduled": 23,
        "given": None,
    }  # fmt: skip
    assert [row["agents"] for row in rows if row["holds"]] == [23, 24, 25, 26]


def test_no_calls_need_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--calls-per-h", "0", "--aht", "300") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[4:]]
    assert rows[0] == ["0", "-", "-", "-", "-", "-", "recommended"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ((), WRONG, "--calls-per-h and --aht are not both there"),
        (("--calls-per-h", "10"), WRONG, "not both there"),
        ((*GIVEN, "--service-level", "80"), WRONG, "write it like 80/20"),
        ((*GIVEN, "--service-level", "101/20"), WRONG, "service level of 101 %"),
        ((*GIVEN, "--abandon", "5"), WRONG, "patience"),
        ((*GIVEN, "--shrinkage", "100"), WRONG, "shrinkage of 100 %"),
        ((*GIVEN, "--patience", "-1"), WRONG, "--patience -1"),
        ((*GIVEN, "--agents", "0"), REFUSED, "0 agents"),
        (("--calls-per-h", "-5", "--aht", "300"), REFUSED, "-5 calls an hour"),
        (("--calls-per-h", "nan", "--aht", "300"), REFUSED, "nan calls an hour"),
        (("--calls-per-h", "1e300", "--aht", "1e300"), REFUSED, "handling time of 1e+300 s"),
        (("--calls-per-h", "1e300", "--aht", "300"), REFUSED, "not even 10000 agents"),
        ((*GIVEN, "--patience", "inf"), REFUSED, "patience of inf s"),
        (("--calls-per-h", "240", "--aht", "0"), WRONG, "--aht 0"),
        (("--calls-per-h", "1e6", "--aht", "300"), REFUSED, "not even 10000 agents"),
        (("--from", "x"), WRONG, "--from needs --day and --queue"),
        (
            ("--from", "x", "--day", "2026-11-24", "--queue", "sales", "--calls-per-h", "9"),
            WRONG,
            "no --calls",
        ),
    ],
)
def test_faults(argv: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == code
    told = capsys.readouterr()
    assert words in told.err and told.out == ""
    assert run(*argv, "--json") == code
    assert json.loads(capsys.readouterr().out)["error"]["cure"]


# -- own records -------------------------------------------------------------------------------------------


class Morning:
    """Two hours of calls of a simulated centre, and its ledger as a file."""

    def __init__(self, folder: Path) -> None:
        sim = SimulatedCentre(rules(wrap_up_s=0.0))
        self.day = date.fromtimestamp(sim.now) + timedelta(days=1)
        at = datetime(self.day.year, self.day.month, self.day.day, 9).timestamp()
        sim.run_until(at)
        sim.login("ann", "bob")
        dice = random.Random(7)
        while (at := at + dice.expovariate(1 / 90)) < sim.now + 7200:
            patience, talk = dice.expovariate(1 / 60), dice.expovariate(1 / 150)
            sim.later(at - sim.now, lambda p=patience, t=talk: sim.call(patience=p, talks_for=t))  # type: ignore[misc]
        sim.run(3 * 3600)
        self.figures = sim.centre.history.state.totals["sales"]
        self.path = folder / "ledger.sqlite"
        ledger = SqliteLedger(self.path)
        ledger.append([], sim.ledger.records(limit=10_000))
        ledger.close()

    def asking(self, *argv: str) -> tuple[str, ...]:
        return ("--from", str(self.path.parent), "--day", f"{self.day}", "--queue", "sales", *argv)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    return Morning(tmp_path_factory.mktemp("centre"))


@pytest.mark.parametrize(("interval", "rows"), [("15", 8), ("30", 4), ("60", 2)])
def test_a_day_adds_up_to_what_history_counted(
    interval: str, rows: int, morning: Morning, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = asked(capsys, *morning.asking("--interval", interval))
    figures = morning.figures
    assert figures.handled > 20 and figures.abandoned > 10
    counted = (answer["offered"], answer["handled"], answer["abandoned"])
    assert counted == (figures.offered, figures.handled, figures.abandoned)
    assert answer["aht_s"] == pytest.approx(aht_s(figures), abs=0.1)
    assert answer["model"] == "erlang_a"
    waits_s = figures.wait_sum_s + figures.abandon_wait_sum_s
    assert answer["patience_s"] == pytest.approx(waits_s / figures.abandoned)
    assert len(answer["rows"]) == rows
    assert sum(row["offered"] for row in answer["rows"]) == figures.offered
    assert all(row["holds"] and row["agents"] == row["recommended"] > 0 for row in answer["rows"])


def test_a_day_as_a_table(morning: Morning, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*morning.asking("--shrinkage", "30", "--agents", "1", "--wrap-up", "20")) == 0
    head, target, _, heads, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith(f"sales on {morning.day}: offered {morning.figures.offered}, handled ")
    assert target == "target: 80 % served in 20 s; figures of 1 agent"
    assert heads.split() == [
        *["TIME", "OFF", "AHT", "AGENTS", "SCHEDULED", "SL", "ASA"],
        "ABD",
        "%",
        "OCC",
        "NOTE",
    ]
    assert [row.split()[0] for row in rows] == ["09:00", "09:30", "10:00", "10:30"]
    assert all(row.endswith("too few") for row in rows)
    assert all(cells(row) <= 80 for row in rows)


def test_given_figures_overrule_measured_ones(morning: Morning, capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(capsys, *morning.asking("--aht", "600", "--patience", "0"))
    assert (answer["model"], answer["aht_s"], answer["patience_s"]) == ("erlang_c", 600, None)
    assert {row["aht_s"] for row in answer["rows"]} == {600}


def test_json_of_a_day_tells_what_is_recommended_and_what_the_given_number_gives(
    morning: Morning, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = asked(capsys, *morning.asking("--agents", "1", "--shrinkage", "50"))["rows"]
    assert all(row["agents"] == 1 and row["scheduled"] == 2 * row["recommended"] > 2 for row in rows)
    assert not any(row["holds"] for row in rows)


def test_nothing_of_that_queue_or_day(morning: Morning, capsys: pytest.CaptureFixture[str]) -> None:
    here = ("--from", str(morning.path), "--day")
    assert run(*here, str(morning.day), "--queue", "help") == REFUSED
    assert "records name: sales" in capsys.readouterr().err
    assert run(*here, "2020-02-02", "--queue", "sales") == REFUSED
    assert "no records of that day" in capsys.readouterr().err
    assert run(*here, "yesterday", "--queue", "sales") == WRONG
    assert run(*here, str(morning.day), "--queue", "sales", "--interval", "7") == WRONG
    assert "15, 30 or 60" in capsys.readouterr().err


def test_no_ledger_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--from", str(tmp_path), "--day", "2026-11-24", "--queue", "sales") == WRONG
    assert str(tmp_path / "ledger.sqlite") in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    at = datetime(2026, 11, 24, 12).timestamp()
    ledger.append([], [RecordRow("4711", "sales", "voice", at, at, "handled", b"torn")])
    ledger.close()
    with pytest.raises(Refused, match="interaction 4711"):
        own_demand(tmp_path, "2026-11-24", "sales", 30)


def test_nobody_handled_gives_no_handling_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sim = SimulatedCentre(rules())
    sim.call(patience=30)
    sim.run(60)
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    ledger.append([], sim.ledger.records())
    ledger.close()
    argv = ("--from", str(tmp_path), "--day", f"{date.fromtimestamp(sim.now)}", "--queue", "sales")
    assert run(*argv) == REFUSED
    assert "give it by --aht" in capsys.readouterr().err
    answer = asked(capsys, *argv, "--aht", "200")
    assert (answer["offered"], answer["abandoned"], answer["model"]) == (1, 1, "erlang_c")


@pytest.fixture
def paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("paris")
@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)])
def test_a_day_is_as_long_as_on_the_clock_here(day: str, hours: int) -> None:
    began_at, ended_at, _ = _bounds(day)
    assert ended_at - began_at == hours * 3600
    with pytest.raises(Misconfigured):
        _bounds("9999-12-31")
