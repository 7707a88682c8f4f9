"""Words on the terminal: what fits, what is aligned, and what can do no harm there."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.cli import text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0:00"), (7.9, "0:07"), (59.99, "0:59"), (60, "1:00"), (83, "1:23"), (3599, "59:59"),
        (3600, "1:00:00"), (3723, "1:02:03"), (86_399, "23:59:59"), (86_400, "1d 00h"), (273_600, "3d 04h"),
        (None, "-"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, said: str) -> None:
    assert text.duration(seconds) == said


def test_nought_is_nothing_where_it_means_that() -> None:
    assert (text.since(0.0), text.since(61.0)) == ("-", "1:01")
    assert (text.percent(None), text.percent(86.6)) == ("-", "87 %")
    assert (text.counted(1, "agent"), text.counted(2, "agent")) == ("1 agent", "2 agents")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Eve", "Eve"),
        ("Ève 東京", "Ève 東京"),
        ("a\x1b[2Jb", "a·[2Jb"),
        ("a\x9b31mb", "a·31mb"),
        ("right\u202eleft", "right·left"),
        ("two\nlines", "two·lines"),
        ("tab\there", "tab here"),
        (None, ""),
        (7, "7"),
    ],
)
def test_what_customers_send_cannot_steer_the_terminal(raw: object, shown: str) -> None:
    assert text.clean(raw) == shown


def test_line_ends_may_be_kept() -> None:
    assert text.clean("a\nb\x07", lines=True) == "a\nb·"


@given(st.text())
def test_nothing_unprintable_passes(raw: str) -> None:
    for char in text.clean(raw):
        assert char.isprintable() or char.isspace()
        assert char not in "\x1b\n\r\x9b\u202e\u2066"


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 30))
def test_cut_fits_and_keeps_what_fits(raw: str, most: int) -> None:
    cleaned = text.clean(raw)
    cut = text.cut(cleaned, most)
    assert text.cells(cut) <= most
    assert cut == cleaned or text.cells(cleaned) > most


def test_wide_characters_take_two_columns() -> None:
    assert text.cells("東京") == 4
    assert text.cut("東京駅", 4) == "東…"
    assert text.pad("東", 4) == "東  "


@given(st.text(st.characters(codec="utf-8")))
def test_spread_has_one_string_a_column(raw: str) -> None:
    spread = text.spread("x" + raw)
    assert "".join(spread) == "x" + raw
    assert len(spread) == text.cells("x" + raw)


def test_a_table_is_aligned() -> None:
    lines = text.table(("NAME", "N"), [("alice", 5), ("東", 12)], right=("N",))
    assert lines == ["NAME    N", "alice   5", "東     12"]


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.integers()), max_size=5),
    st.integers(25, 120),
)
def test_a_table_never_wraps(rows: list[tuple[str, str, int]], most: int) -> None:
    lines = text.table(("FIRST", "SECOND", "N"), rows, right=("N",), most=most)
    assert len(lines) == len(rows) + 1
    assert all(text.cells(line) <= most for line in lines)


def test_the_widest_column_gives_way_first() -> None:
    (_, line) = text.table(("A", "B", "C"), [("short", "x" * 60, "y" * 10)], most=40)
    assert line == "short  " + "x" * 20 + "…  " + "y" * 10


@given(st.integers(0, 60), st.integers(20, 140))
def test_heads_lose_no_letter_before_all_values_did(size: int, most: int) -> None:
    heads = ("NAME", "OVERFLOWED", "ABANDONED")
    shown, _ = text.table(heads, [("x" * size, "7" * size, "8" * size)], most=most)
    assert "…" not in shown
    fits = sum(len(text.SHORT.get(head, head)) for head in heads) + 4 <= most
    assert shown.split() == [head if most >= text.ROOMY else text.SHORT.get(head, head) for head in heads]
    assert fits


def test_the_day_is_told_where_it_is_not_today() -> None:
    noon = datetime(2026, 11, 22, 12).timestamp()
    assert text.ended(noon - 60, noon) == "11:59:00"
    assert text.ended(noon - 86_400, noon) == "11-21 12:00"


def test_pairs_leave_out_what_is_empty() -> None:
    lines = text.pairs([("one", 1), ("none", None), ("empty", ""), ("longer", "two"), ("nought", 0)])
    assert lines == ["one     1", "longer  two", "nought  0"]
