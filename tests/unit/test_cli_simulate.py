"""`ccctl simulate`: tables, plots, JSON, faults; a day read beside the daemon; the example of the docs."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.cli.main import main
from ccd.cli.plots import ROWS, plot, round_top, svg
from ccd.cli.session import REFUSED, WRONG
from ccd.cli.text import cells
from ccd.storage.sqlite import SqliteLedger
from ccd.testing.made_day import make_day
from ccd.testing.rehearsal import DayCentre
from tests.scenario.day_rules import day_rule, day_rules

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "what-if.md"
DATE = "2026-11-24"
NEW = """
[agents]
{agents}
[devices]
{devices}
[queues.sales]
agents = [{sales}]
wrap_up_s = 5.0
[queues.support]
agents = ["agent04", "agent05", "agent06", "agent07", "agent08", "agent09", "agent10", "agent11"]
[queues.chat]
agents = ["agent08", "agent09", "agent10", "agent11"]
[queues.mail]
agents = ["agent08", "agent09", "agent10", "agent11"]
"""


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(("simulate", *argv))
    return int(ended.value.code or 0)


def read_svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314  written by ourselves a moment ago


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(*argv, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteLedger]:
    """A daemon's ledger, still open, after two hours of a day."""
    centre = DayCentre(make_day(day_rule(), 1), day_rules())
    centre.play()
    path = tmp_path_factory.mktemp("state") / "ledger.sqlite"
    owner = SqliteLedger(path)
    owner.append(list(centre.ledger.read(0)), list(reversed(centre.ledger.records(limit=1000))))
    yield owner
    owner.close()


@pytest.fixture
def folder(ledger: SqliteLedger) -> str:
    return str(ledger._path.parent)


@pytest.fixture
def new(tmp_path: Path) -> str:
    """Two more agents in sales, and a shorter wrap-up."""
    names = [f"agent{number:02}" for number in range(14)]
    sales = [*names[:4], *names[12:]]
    text = NEW.format(
        agents="\n".join(f'{name} = {{ devices = ["{name}-phone"] }}' for name in names),
        devices="\n".join(f'{name}-phone = {{ password = "env:X" }}' for name in names),
        sales=", ".join(f'"{name}"' for name in sales),
    )
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "ccd.toml").write_text(text)
    return str(tmp_path / "new")


@pytest.fixture
def described(tmp_path: Path) -> str:
    (toml,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "monday.toml").write_text(toml)
    return str(tmp_path / "monday.toml")


# -- a day that was ------------------------------------------------------------------------------------


def test_a_day_is_told_as_it_was_as_it_runs_and_as_it_would(
    folder: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", new, "--from", folder, "--day", DATE) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{DATE}: 300 arrivals (40 deferred_text, 80 live_text, 180 voice); seed 1"
    heads = next(line for line in out if line.startswith("QUEUE"))
    assert " ".join(heads.split()) == "QUEUE CONFIG OFF HAND ABD OVF WAIT SL ASA MAX ABD % OCC"
    body = out[out.index(heads) + 1 : out.index("", out.index(heads))]
    assert len(body) == 3 * 5
    assert [line.split()[0] for line in body[::3]] == ["chat", "mail", "sales", "support", "all"]
    assert "as it was" in body[0] and "running" in body[1] and "…/new" in body[2]
    assert all(cells(line) <= 80 for line in out)
    assert re.fullmatch(r"[0-9]+ facts in [0-9.]+ s: [0-9]+ a second", out[-1])


def test_json_has_the_figures_the_intervals_and_the_state(
    folder: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--config", new, "--from", f"{folder}/ledger.sqlite", "--day", DATE, "--interval", "15")
    answer = asked(capsys, *words)
    was, running, other = answer["configurations"]
    assert [each["name"] for each in (was, running, other)] == ["as it was", "running", new]
    assert was["total"]["offered"] == sum(part["offered"] for part in was["intervals"])
    assert len(was["intervals"]) == 8
    assert abs(running["total"]["handled"] - was["total"]["handled"]) <= 3
    assert was["total"]["occupancy_pct"] is None and 40 < running["total"]["occupancy_pct"] < 80
    total = running["total"]
    left = total["handled"] + total["abandoned"] + total["overflowed"] + total["waiting"]
    assert total["offered"] == left
    assert other["state_sha256"] != running["state_sha256"]
    assert asked(capsys, *words) == answer
    assert asked(capsys, *words, "--seed", "2") != answer


def test_agents_who_were_not_there_come_by_their_hours(
    folder: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--config", new, "--from", folder, "--day", DATE)

    def abandoned(*more: str) -> int:
        sales = next(
            row
            for row in asked(capsys, *words, *more)["configurations"][2]["queues"]
            if row["queue"] == "sales"
        )
        return int(sales["abandoned"])

    there = abandoned("--agents", "agent12,agent13=08:00-09:00,09:00-10:00")
    assert there < abandoned()
    assert abandoned("--agents", "*=08:00-10:00") <= there
    nobody = abandoned("--agents", "*=03:00-04:00")
    assert nobody > 80


def test_one_interaction_is_explained_under_each_configuration(
    folder: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--config", new, "--from", folder, "--day", DATE, "--explain", "77")
    assert run(*words) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "running:" and f"{new}:" in out
    assert out[1].startswith("  77: ") and any("offered to agent" in line for line in out)
    both = asked(capsys, *words)
    assert [each["configuration"] for each in both] == ["running", new] and all(
        each["lines"] for each in both
    )


def test_the_ledger_is_read_beside_its_daemon_and_left_as_it_is(
    ledger: SqliteLedger, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ledger.last(), len(ledger.records(limit=1000))
    assert run("--from", folder, "--day", DATE) == 0
    assert (ledger.last(), len(ledger.records(limit=1000))) == before


# -- a day that is described ---------------------------------------------------------------------------


def test_the_example_of_the_docs(
    described: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its description, its change to the reference configuration and its first lines; figures may move with
    the engine, what comes and the shape may not."""
    text = PAGE.read_text()
    ((old, new),) = re.findall(r"sed -i 's/(.*?)/(.*?)/'", text.replace("\\[", "[").replace("\\]", "]"))
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "conf", tmp_path / "new")
    queues = tmp_path / "new" / "conf.d" / "30-queues.toml"
    assert old in queues.read_text()
    queues.write_text(queues.read_text().replace(old, new))
    monkeypatch.chdir(tmp_path)
    assert run("--config", "conf", "--config", "new", "--generate", described, "--svg", "monday.svg") == 0
    out = capsys.readouterr().out.splitlines()
    shown = re.search(r"this begins:\n\n```\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    head, _, heads, first, second = shown[1].splitlines()
    assert out[0] == head
    assert out[2].split() == heads.split()
    assert out[3].split()[0] == first.split()[0] == "sales" and out[3].split()[2] == first.split()[2]
    assert out[4].split()[0] == second.split()[0] == "new" and out[4].split()[1] == second.split()[1]
    assert int(out[4].split()[2]) > int(out[3].split()[3])  # more are handled, as the page shows
    picture = read_svg((tmp_path / "monday.svg").read_text())
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) >= 6


# -- faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no day is named — give --from LEDGER --day DATE, or --generate"),
        (("--from", "{folder}"), "no day is named"),
        (("--from", "{folder}", "--day", "monday"), "'monday' is no date — write 2026-11-24"),
        (("--from", "{folder}/none", "--day", DATE), "cannot be opened"),
        (("--from", "{folder}", "--day", DATE, "--interval", "7"), "give 5, 10, 15, 30 or 60"),
        (("--from", "{folder}", "--day", DATE, "--agents", "ann"), "write ann,bob=08:00-12:00"),
        (("--from", "{folder}", "--day", DATE, "--agents", "ann=8-12"), "write 08:30"),
        (("--from", "{folder}", "--day", DATE, "--svg", "/nowhere/a.svg"), "name another file"),
        (("--from", "{folder}", "--generate", "{day}"), "leave --from and --day out"),
        (("--generate", "{day}"), "name a folder by --config"),
        (("--generate", "{day}", "--config", "{new}", "--config", "/nowhere"), "/nowhere"),
        (("--generate", "/nowhere.toml", "--config", "{new}"), "No such file"),
    ],
)
def test_wrong_usage_is_code_2_and_says_the_cure(
    words: tuple[str, ...],
    told: str,
    folder: str,
    new: str,
    described: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*(word.format(folder=folder, new=new, day=described) for word in words)) == WRONG
    shown = capsys.readouterr()
    assert shown.out == "" and told in shown.err


def test_a_queue_that_a_configuration_does_not_have_is_named(
    described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    day = Path(described)
    day.write_text(day.read_text().replace('queue = "sales"', 'queue = "billing"'))
    assert run("--generate", described, "--config", str(tmp_path / "conf")) == WRONG
    assert "has no queue billing" in capsys.readouterr().err


def test_an_empty_day_and_an_unknown_number_are_refused(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--from", folder, "--day", "2026-11-25") == REFUSED
    assert "nothing came on 2026-11-25" in capsys.readouterr().err
    assert run("--from", folder, "--day", DATE, "--explain", "4711", "--json") == REFUSED
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "simulate.explain"


# -- plots ---------------------------------------------------------------------------------------------

VALUES = st.lists(st.none() | st.floats(0.0, 500.0), min_size=1, max_size=200)


@given(VALUES)
def test_a_plot_fits_the_terminal_whatever_it_shows(values: list[float | None]) -> None:
    starts = [1_700_000_000.0 + 900 * place for place in range(len(values))]
    lines = list(plot("a title", values, 500.0, starts))
    assert len(lines) == ROWS + 2 and all(cells(line) <= 80 for line in lines)


def test_a_plot_is_as_high_as_its_values() -> None:
    lines = list(plot("t", [0.0, 25.0, 50.0, 100.0, None, 1.0], 100.0, [1_700_000_000.0] * 6))
    bars = [line.partition("│")[2].ljust(24) for line in lines[1 : ROWS + 1]]
    columns = ["".join(row[place * 4] for row in bars) for place in range(6)]
    assert columns == ["    ", "   █", "  ██", "████", "    ", "   ▁"]
    assert lines[1].startswith("    100 │") and lines[ROWS].startswith("      0 │")


@given(st.lists(VALUES, min_size=1, max_size=9), st.text(max_size=20))
def test_a_picture_is_always_whole_xml(series: list[list[float | None]], name: str) -> None:
    printable = "".join(char for char in name if char.isprintable())
    names = [f"{printable}<&{place}" for place in range(len(series))]
    starts = [1_700_000_000.0 + 900 * place for place in range(max(map(len, series)))]
    text = svg("a <day>", names, [("waiting & more", 500.0, series)], starts)
    shown = [each.text for each in read_svg(text).iter() if each.tag.endswith("text")]
    assert all(name in shown for name in names)


@given(st.floats(0.0, 1e9))
def test_a_scale_ends_at_a_round_number_just_above(highest: float) -> None:
    top = round_top(highest)
    assert top >= highest and (top <= max(1.0, highest) * 2)
    assert len(f"{top:.0f}".strip("0")) <= 1


def test_an_interval_alone_is_a_dot() -> None:
    text = svg("t", ["a"], [("p", 10.0, [[None, 5.0, None]])], [0.0, 900.0, 1800.0])
    assert text.count("<circle") == 1
