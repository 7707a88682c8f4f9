"""docs/conditions.md is true: its configuration has no fault, its calls go as it says."""

import re
from pathlib import Path

import pytest

from ccd.cli.main import main
from ccd.config.faults import render
from ccd.config.flow_check import check_flows
from ccd.history.customers import MOST_CONTACTS, MOST_CUSTOMERS
from ccd.model.settings import DaemonSettings
from tests.unit.docs_page import page, played

PAGE, TOML, CALLS = page("conditions.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccd.toml").write_text(TOML)
    return tmp_path


def test_the_configuration_has_no_fault_and_nothing_odd(folder: Path) -> None:
    good, _, faults = check_flows(folder)
    assert good and not faults, render(faults)


def judged(folder: Path, calls: str) -> dict[str, list[str]]:
    return {each.name: each.differs for each in played(folder, calls)}


def test_the_calls_go_as_the_page_says(folder: Path) -> None:
    found = judged(folder, CALLS)
    assert len(found) == CALLS.count("[[rehearsal]]")
    assert found == {name: [] for name in found}


def test_without_what_a_call_says_it_goes_otherwise(folder: Path) -> None:
    """Each of history and notice is what makes the difference."""
    found = judged(folder, re.sub(r"^(history|notice) = .*$", "", CALLS, flags=re.MULTILINE))
    assert {name for name, differs in found.items() if differs} == {
        "the third call in a week goes to the second line",
        "with a notice there is no menu",
    }


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ("{ contacts_7days = 3 }", "there is no 'contacts_7days' — did you mean \"contacts_7d\"?"),
        ('{ contacts_7d = "3" }', "contacts_7d is '3' — write a number"),
        ("{ last_queue = 3 }", "last_queue is 3 — write it in quotes"),
    ],
)
def test_a_wrong_history_of_a_rehearsal_is_told_with_its_line(folder: Path, history: str, words: str) -> None:
    calls = f'[[rehearsal]]\nname = "x"\nflow = "desk"\nat = "2026-12-21 10:00"\nhistory = {history}\n'
    (told,) = judged(folder, calls)["x"]
    assert told.startswith("1: ") and words in told


def test_rehearse_takes_history_and_notice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rehearsed(*how: str) -> str:
        with pytest.raises(SystemExit):
            main(["flow", "rehearse", "desk", "--at", "2026-12-21 10:00", "--config", str(folder), *how])
        told = capsys.readouterr()
        return told.out + told.err

    assert "ends   queue:second" in rehearsed("--history", "contacts_7d=2")
    gave_up = ("--history", "abandoned_24h=1", "--history", "since_last_s=60", "--keys", "1")
    assert "entry rules  rules gave up, add 5" in rehearsed(*gave_up)
    shown = rehearsed("--notice", "The network is down.")
    assert shown.index("“The network is down.”") < shown.index("ends   queue:first")
    assert "menu" not in shown
    assert "did you mean" in rehearsed("--history", "contact_7d=2")
    assert "write e.g. contacts_7d=3" in rehearsed("--history", "contacts_7d")


def test_the_bounds_are_those_of_the_page() -> None:
    assert f"the {MOST_CUSTOMERS:,} customers".replace(",", " ") in PAGE
    assert f"the last {MOST_CONTACTS} contacts" in PAGE
    assert f"`history_days` ({DaemonSettings().history_days:g})" in PAGE
