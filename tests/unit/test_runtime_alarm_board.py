"""The alarms that stand: when they begin and end, what the log says of them."""

from typing import Any

import structlog
from structlog.testing import capture_logs

from ccd.runtime import alarm_board
from ccd.runtime.alarm_board import LEDGER_STALLED, MOST_LINES, NOBODY_RUNG, AlarmBoard


def found(what: str, name: str = "sales", why: str = "so") -> dict[str, str]:
    return {"what": what, "name": name, "why": why}


def names(standing: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["what"], each["name"]) for each in standing]


def told(logs: Any) -> list[tuple[str, bool]]:
    return [(line["name"], line["on"]) for line in logs if line["event"] == "alarm"]


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(alarm_board, "log", structlog.get_logger("ccd"))
    board = AlarmBoard()
    with capture_logs() as logs:
        assert names(board.look([found("trunk down", "acme", "no answer")], 100.0)) == [
            ("trunk down", "acme")
        ]
        (row,) = board.look([found("trunk down", "acme", "503")], 160.0)
        assert (row["why"], row["since"], row["for_s"]) == ("503", 100.0, 60.0)
        assert board.look([], 170.5) == []
        assert board.look([], 180.0) == []
    assert logs == [
        {
            "event": "alarm",
            "log_level": "warning",
            "code": "trunk down",
            "name": "acme",
            "on": True,
            "message": "no answer",
        },
        {
            "event": "alarm",
            "log_level": "info",
            "code": "trunk down",
            "name": "acme",
            "on": False,
            "message": "503",
            "lasted_s": 70.5,
        },
    ]


def test_two_looks_in_one_instant_end_it_too() -> None:
    board = AlarmBoard()
    assert board.look([found("figures", "")], 5.0)
    assert not board.look([], 5.0)


def test_nobody_can_be_rung_neither_begins_nor_ends_in_haste() -> None:
    """A pause of a moment is none; one that lasts does not flap when callers come and go."""
    board, stuck = AlarmBoard(), found(NOBODY_RUNG)
    assert board.look([stuck], 0.0) == []
    assert board.look([], 10.0) == []  # she is back
    assert board.look([stuck], 20.0) == []
    assert board.look([stuck], 34.9) == []
    assert names(board.look([stuck], 35.0)) == [(NOBODY_RUNG, "sales")]
    paused = {(NOBODY_RUNG, "sales")}
    assert board.look([], 60.0, paused)  # the caller has left, the next one calls
    assert board.look([stuck], 80.0, paused)[0]["since"] == 20.0
    assert board.look([], 139.9, paused)
    assert board.look([], 140.0, paused) == []
    assert board.look([stuck], 150.0, paused) == []
    assert board.look([stuck], 170.0, paused)
    assert board.look([], 171.0) == []  # she is back


def test_several_about_nothing_in_particular_all_stand() -> None:
    board = AlarmBoard()
    both = [found("figures", "", "a"), found("figures", "", "b")]
    assert [each["why"] for each in board.look(both, 1.0)] == ["a", "b"]
    assert [each["why"] for each in board.look(both[1:], 2.0)] == ["b"]


def test_those_that_are_wrong_now_stand_in_the_order_in_which_they_were_found() -> None:
    board = AlarmBoard()
    board.look([found("b")], 1.0)
    assert names(board.look([found("a"), found("b")], 2.0)) == [("a", "sales"), ("b", "sales")]


def test_a_failing_network_does_not_fill_the_log(monkeypatch: Any) -> None:
    monkeypatch.setattr(alarm_board, "log", structlog.get_logger("ccd"))
    board = AlarmBoard()
    lost = [found("phone lost", f"p{number}") for number in range(300)]
    with capture_logs() as logs:
        assert len(board.look(lost, 1.0)) == 300
    assert len(told(logs)) == MOST_LINES
    assert logs[-1]["event"] == "alarms"
    assert logs[-1]["more"] == 300 - MOST_LINES


def test_the_ledger_has_told_of_itself(monkeypatch: Any) -> None:
    monkeypatch.setattr(alarm_board, "log", structlog.get_logger("ccd"))
    board = AlarmBoard()
    with capture_logs() as logs:
        assert board.look([found(LEDGER_STALLED, "")], 1.0)
        assert not board.look([], 2.0)
    assert logs == []
