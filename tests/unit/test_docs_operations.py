"""The page on operations is held to the code: alarms that there are, words that stand in the journal."""

import re
from pathlib import Path

import pytest

from ccd.runtime import alarm_board
from ccd.voice.advertising import KEPT_S
from ccd.voice.media_link import KEPT_MOST
from ccd.voice.media_watch import ASK_S, MOST_MISSED
from ccd.voice.own_addresses import WAIT_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "ccd").rglob("*.py")))
ALARMS = re.findall(r"\balarm\(\s*\"([a-z -]+)\"", SOURCE)


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table, its head left out."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[1:]]


def test_each_alarm_is_explained() -> None:
    kinds = {*ALARMS, alarm_board.NOBODY_LOGGED_IN, alarm_board.NOBODY_RUNG, alarm_board.LEDGER_STALLED}
    assert len(kinds) > 15
    explained = " ".join(row[0] for row in rows("Alarms"))
    assert {kind for kind in kinds if f"`{kind}`" not in explained} == set()


def test_each_word_of_the_journal_is_one_that_ccd_writes() -> None:
    table = rows("When things fail")
    assert len(table) > 15 and all(len(row) == 4 for row in table)
    words = [word for row in table for word in re.findall(r"`([^`]+)`", row[2])]
    assert len(words) > 12
    written = SOURCE + "Too many open files"  # the system's own words
    assert [word for word in words if word not in written] == []


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("answers nothing for ten seconds", ASK_S * MOST_MISSED == 10.0),
        ("within ten seconds", KEPT_S == 10.0),
        ("a minute at a time", WAIT_S == 60.0),
        ("32 at most a worker", KEPT_MOST == 32),
    ],
)
def test_times_and_figures_are_those_of_the_code(words: str, there: bool) -> None:
    assert words in PAGE and there
