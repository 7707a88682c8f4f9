"""SIP status, Q.850 and our causes, each to the others."""

import pytest

from ccd.model.nouns import Cause
from ccd.voice.causes import (
    Reasons,
    cause_of_bye,
    cause_of_cancel,
    cause_of_response,
    q850_of_status,
    read_reasons,
    reason_header,
    refusal,
    status_of_q850,
    user_answered_so,
)


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_can_be_told(cause: Cause) -> None:
    told = refusal(cause)
    assert 400 <= told.status <= 699
    assert 1 <= told.q850 <= 127
    read = read_reasons([reason_header(cause)])
    assert read.q850 == told.q850 or read == Reasons(200, 0, "Call completed elsewhere")


@pytest.mark.parametrize(
    "cause",
    [
        Cause.BUSY,
        Cause.REJECTED,
        Cause.NOT_FOUND,
        Cause.NO_ANSWER,
        Cause.UNREACHABLE,
        Cause.CONGESTION,
        Cause.INCOMPATIBLE,
        Cause.ANSWERED_ELSEWHERE,
    ],
)
def test_a_cause_told_with_its_q850_comes_back_the_same(cause: Cause) -> None:
    told = refusal(cause)
    assert cause_of_response(told.status, Reasons(0, told.q850)) is cause


@pytest.mark.parametrize(
    ("status", "rang", "cause"),
    [
        (486, False, Cause.BUSY),
        (600, False, Cause.BUSY),
        (603, True, Cause.REJECTED),
        (607, True, Cause.REJECTED),
        (404, False, Cause.NOT_FOUND),
        (484, False, Cause.NOT_FOUND),
        (480, False, Cause.UNREACHABLE),
        (480, True, Cause.NO_ANSWER),
        (408, False, Cause.UNREACHABLE),
        (408, True, Cause.NO_ANSWER),
        (487, True, Cause.CANCELLED),
        (488, False, Cause.INCOMPATIBLE),
        (403, False, Cause.FORBIDDEN),
        (302, False, Cause.UNREACHABLE),
        (500, False, Cause.CONGESTION),
        (599, False, Cause.CONGESTION),
        (503, False, Cause.CONGESTION),
        (699, False, Cause.REJECTED),
        (499, False, Cause.FAULT),
    ],
)
def test_cause_of_a_response(status: int, rang: bool, cause: Cause) -> None:
    assert cause_of_response(status, rang=rang) is cause


def test_the_network_behind_a_gateway_is_believed() -> None:
    busy = read_reasons(['Q.850 ;cause=17 ;text="User busy"'])
    assert cause_of_response(503, busy) is Cause.BUSY


def test_a_vague_q850_does_not_hide_the_status() -> None:
    assert cause_of_response(486, Reasons(0, 16)) is Cause.BUSY
    assert cause_of_response(486, Reasons(0, 127)) is Cause.BUSY
    assert cause_of_response(486, Reasons(0, 99)) is Cause.BUSY


def test_reading_reasons() -> None:
    both = ['SIP;cause=200;text="Call completed elsewhere"', "q.850;CAUSE = 16"]
    assert read_reasons(both) == Reasons(200, 16, "Call completed elsewhere")
    assert read_reasons(['Q.850;cause=17;text="say \\"no\\""']).text == 'say "no"'
    assert read_reasons(["Q.850;text=word;cause=17"]) == Reasons(0, 17, "word")


@pytest.mark.parametrize(
    "bad", ["", ";", "Q.850", "Q.850;cause=", "Q.850;cause=9999", "Q.850;cause=999", "x;cause=1"]
)
def test_bad_reasons_say_nothing(bad: str) -> None:
    assert read_reasons([bad]) == Reasons()


def test_causes_of_bye_and_cancel() -> None:
    assert cause_of_bye() is Cause.NORMAL
    assert cause_of_bye(Reasons(0, 16)) is Cause.NORMAL
    assert cause_of_bye(Reasons(0, 17)) is Cause.NORMAL
    assert cause_of_bye(Reasons(0, 41)) is Cause.VANISHED
    assert cause_of_bye(Reasons(0, 102)) is Cause.VANISHED
    assert cause_of_bye(Reasons(200, 0)) is Cause.ANSWERED_ELSEWHERE
    assert cause_of_cancel() is Cause.CANCELLED
    assert cause_of_cancel(Reasons(0, 16)) is Cause.CANCELLED
    assert cause_of_cancel(Reasons(200)) is Cause.ANSWERED_ELSEWHERE
    assert cause_of_cancel(Reasons(0, 26)) is Cause.ANSWERED_ELSEWHERE


@pytest.mark.parametrize(
    ("status", "q850"),
    [(404, 1), (486, 17), (480, 18), (603, 21), (503, 41), (504, 102), (484, 28), (200, 16), (499, 127)],
)
def test_q850_of_status(status: int, q850: int) -> None:
    """RFC 3398 §8.2.6.1."""
    assert q850_of_status(status) == q850


@pytest.mark.parametrize(
    ("q850", "status"),
    [
        (1, 404),
        (17, 486),
        (18, 408),
        (19, 480),
        (21, 403),
        (27, 502),
        (34, 503),
        (102, 504),
        (25, 480),
        (46, 503),
        (99, 500),
    ],
)
def test_status_of_q850(q850: int, status: int) -> None:
    """RFC 3398 §7.2.4.1."""
    assert status_of_q850(q850) == status


def test_what_another_trunk_cannot_change() -> None:
    assert user_answered_so(17)
    assert user_answered_so(21)
    assert not user_answered_so(34)
    assert not user_answered_so(0)
