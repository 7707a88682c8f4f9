"""Session timers (RFC 4028): what headers say, who refreshes, when; on a clock moved by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import IllegalMove
from ccd.sip.message import Request, Response
from ccd.sip.session_timer import (
    MOVES,
    SHORTEST_S,
    SOONEST_S,
    TAG,
    Agreed,
    Asked,
    Policy,
    SessionTimer,
    Standing,
    Step,
    Turn,
    answer,
    ask,
    hear,
    read_interval,
    read_least,
    too_small,
)
from tests.unit.sip_pair import make_request

POLICY = Policy()
KNOWS = ("Supported", "100rel, timer")
seconds = st.integers(SHORTEST_S, 100_000)


def request(*headers: tuple[str, str], method: str = "INVITE") -> Request:
    made = make_request(method)
    for name, value in headers:
        made.add(name, value)
    return made


def expires(value: str) -> tuple[str, str]:
    return "Session-Expires", value


def response_to(made: Request, *headers: tuple[str, str]) -> Response:
    response = Response.to_request(made, 200, None, "theirs")
    for name, value in headers:
        response.add(name, value)
    return response


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1800", Asked(1800)),
        (" 90 ; refresher = UAC ;x=1", Asked(90, "uac")),
        ("90;x=refresher;refresher=uas", Asked(90, "uas")),
        ("90;refresher=nobody", Asked(90)),
        ("90;xrefresher=uas", Asked(90)),
        ("soon", None),
        ("", None),
        (None, None),
        ("-5", None),
        ("90.5", None),
        ("9" * 40, None),
        ("\u0663\u0663", None),
    ],
)
def test_session_expires_is_read(value: str | None, read: Asked | None) -> None:
    assert read_interval(value) == read


def test_who_asks_for_too_little_is_told_only_if_it_understands() -> None:
    assert too_small(request(KNOWS, expires("89")), POLICY)
    assert too_small(request(("Require", "timer"), expires("89")), POLICY)
    assert not too_small(request(KNOWS, expires("90")), POLICY)
    assert not too_small(request(expires("89")), POLICY)
    assert not too_small(request(KNOWS), POLICY)
    assert too_small(request(KNOWS, expires("299")), Policy(least_s=300))


# RFC 4028 table 2, with "we" for a choice that is left to us.
@pytest.mark.parametrize(
    ("knows", "asked", "refresher"),
    [
        (False, "300", "uas"),
        (True, "300", "uas"),
        (True, "300;refresher=uac", "uac"),
        (True, "300;refresher=uas", "uas"),
        (False, "300;refresher=uac", "uas"),
    ],
)
def test_who_refreshes_by_the_table(knows: bool, asked: str, refresher: str) -> None:
    made = request(expires(asked), *([KNOWS] if knows else []))
    agreed, headers = answer(made, POLICY, None)
    assert agreed == Agreed(300, refresher == "uas")
    assert dict(headers)["Session-Expires"] == f"300;refresher={refresher}"
    assert ("Require" in dict(headers)) is knows


def test_nobody_asked_for_anything() -> None:
    assert answer(request(), Policy(0), None) == (None, ())
    agreed, headers = answer(request(), POLICY, None)
    assert agreed == Agreed(1800, True) and "Require" not in dict(headers)
    again, headers = answer(request(KNOWS), Policy(0), Agreed(600, False))
    assert again == Agreed(600, False) and dict(headers)["Session-Expires"] == "600;refresher=uac"


def test_the_time_is_shortened_to_ours_but_not_below_their_least() -> None:
    assert answer(request(KNOWS, expires("7200")), POLICY, None)[0] == Agreed(1800, True)
    longer = request(KNOWS, expires("7200"), ("Min-SE", "3600"))
    assert answer(longer, POLICY, None)[0] == Agreed(3600, True)
    assert answer(request(KNOWS, expires("7200")), Policy(0), None)[0] == Agreed(7200, True)
    agreed = Agreed(3600, False)
    assert answer(request(KNOWS, expires("3600")), POLICY, agreed)[0] == agreed, "agreed is agreed"
    assert answer(request(expires("1")), POLICY, None)[0] == Agreed(SHORTEST_S, True)


def test_what_we_ask_for() -> None:
    assert ask(POLICY) == (("Supported", TAG), ("Session-Expires", "1800"))
    assert ask(Policy(0)) == (("Supported", TAG),)
    assert dict(ask(POLICY, Agreed(600, True)))["Session-Expires"] == "600;refresher=uac"
    assert dict(ask(POLICY, Agreed(600, False)))["Session-Expires"] == "600;refresher=uas"
    longer = dict(ask(POLICY, None, 3600))
    assert longer["Session-Expires"] == longer["Min-SE"] == "3600"


def test_what_their_answer_means() -> None:
    made = request(*ask(POLICY))
    assert hear(made, response_to(made, expires("600;refresher=uas")), POLICY) == Agreed(600, False)
    assert hear(made, response_to(made, expires("600;refresher=uac")), POLICY) == Agreed(600, True)
    assert hear(made, response_to(made, expires("600")), POLICY) == Agreed(600, True)
    assert hear(made, response_to(made), POLICY) == Agreed(1800, True), "it knows nothing of it: we refresh"
    assert hear(request(), response_to(request()), POLICY) is None
    assert hear(made, response_to(made, expires("0;refresher=uac")), POLICY) == Agreed(SOONEST_S, True)
    assert hear(made, response_to(made, expires("0;refresher=uas")), POLICY) == Agreed(SHORTEST_S, False)
    assert read_least(response_to(made)) == SHORTEST_S
    assert read_least(response_to(made, ("Min-SE", "300;x=y"))) == 300


# -- time ---------------------------------------------------------------------------------------------


def test_we_refresh_at_half_time() -> None:
    timer = SessionTimer()
    assert timer.next_deadline() is None and timer.expire(1e9) is Step.NOTHING
    timer.agree(Agreed(600, True), 1000.0)
    assert timer.next_deadline() == 1300.0
    assert timer.expire(1299.9) is Step.NOTHING
    assert timer.expire(1300.0) is Step.REFRESH
    assert timer.expire(1300.0) is Step.NOTHING and timer.next_deadline() == 1600.0
    timer.agree(Agreed(600, True), 1301.0)
    assert timer.next_deadline() == 1601.0


@pytest.mark.parametrize(("length", "over"), [(90, 60.0), (96, 64.0), (600, 568.0), (1800, 1768.0)])
def test_they_are_waited_for_until_a_while_before_the_end(length: int, over: float) -> None:
    """RFC 4028 §10: 32 s before, or a third where that is less."""
    timer = SessionTimer()
    timer.agree(Agreed(length, False), 0.0)
    assert timer.expire(over - 0.1) is Step.NOTHING
    assert timer.expire(over) is Step.END
    assert timer.state is Standing.OVER and timer.next_deadline() is None
    timer.agree(Agreed(length, False), over)
    assert timer.state is Standing.OVER, "what is over does not begin anew"


def test_a_refresh_that_is_never_answered_ends_with_the_session() -> None:
    timer = SessionTimer()
    timer.agree(Agreed(600, True), 0.0)
    assert timer.expire(300.0) is Step.REFRESH
    assert timer.expire(599.9) is Step.NOTHING
    assert timer.expire(600.0) is Step.END


def test_a_refusal_shows_that_they_live_and_a_broken_connection_does_not() -> None:
    timer = SessionTimer()
    timer.agree(Agreed(600, True), 0.0)
    timer.put_off(1.0, 1.0, alive=True)
    assert timer.next_deadline() == 300.0, "nothing was asked"
    assert timer.expire(300.0) is Step.REFRESH
    timer.put_off(301.0, 2.5, alive=True)
    assert timer.expire(303.5) is Step.REFRESH
    for at in range(310, 901, 10):
        timer.put_off(at, 5.0, alive=False)
        step = timer.expire(at + 5.0)
        if at + 5.0 >= 901.0:
            assert step is Step.END
            return
        assert step is Step.REFRESH
    assert timer.expire(910.0) is Step.END


def test_the_far_end_takes_the_refreshing_over_and_gives_it_up() -> None:
    timer = SessionTimer()
    timer.agree(Agreed(600, True), 0.0)
    timer.expire(300.0)
    timer.agree(Agreed(600, False), 310.0)
    assert timer.state is Standing.THEIRS and timer.next_deadline() == 310.0 + 568.0
    timer.put_off(311.0, 1.0, alive=True)
    assert timer.state is Standing.THEIRS, "our own refresh comes to nothing meanwhile"
    timer.agree(None, 320.0)
    assert timer.state is Standing.OFF and timer.next_deadline() is None


def test_every_pair_is_a_move_or_raises() -> None:
    for state in Standing:
        for turn in Turn:
            timer = SessionTimer()
            timer.state = state
            if (state, turn) in MOVES:
                timer._move(turn)
                assert timer.state is MOVES[state, turn]
            else:
                with pytest.raises(IllegalMove):
                    timer._move(turn)


@settings(max_examples=200)
@given(
    agreed=st.builds(Agreed, seconds, st.booleans()),
    turns=st.lists(
        st.tuples(st.sampled_from(["wait", "answered", "refused", "broken", "theirs"]), st.floats(0.0, 1.0))
    ),
)
def test_a_session_lasts_exactly_as_long_as_it_is_kept_up(
    agreed: Agreed, turns: list[tuple[str, float]]
) -> None:
    """Whatever happens in whatever order: never two refreshes at a time, never an end before its time,
    never a session that outlives it."""
    timer, now, since = SessionTimer(), 0.0, 0.0
    timer.agree(agreed, now)
    asking = False
    for what, share in turns:
        if timer.state is Standing.OVER:
            break
        if what == "wait":
            until = now + share * agreed.seconds
            while (deadline := timer.next_deadline()) is not None and deadline <= until:
                now = max(now, deadline)
                step = timer.expire(now)
                if step is Step.REFRESH:
                    assert agreed.ours and not asking
                    asking = True
                elif step is Step.END:
                    margin = 0.0 if agreed.ours else min(32.0, agreed.seconds / 3)
                    assert now - since >= agreed.seconds - margin - 1e-6
                    break
            now = max(now, until)
        elif what == "theirs" or (what == "answered" and asking):
            timer.agree(agreed, now)
            since, asking = now, False
        elif asking and what in {"refused", "broken"}:
            timer.put_off(now, share * 10, alive=what == "refused")
            asking = False
            since = now if what == "refused" else since
        if timer.state is not Standing.OVER:
            deadline = timer.next_deadline()
            assert deadline is not None and deadline <= since + agreed.seconds


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("length", [90, 97, 600, 1800])
def test_the_first_deadline_is_known_without_a_timer(ours: bool, length: int) -> None:
    agreed, timer = Agreed(length, ours), SessionTimer()
    timer.agree(agreed, 1000.5)
    assert agreed.first_due(1000.5) == timer.next_deadline()
