"""Registering with a carrier, by hand-counted time (RFC 3261 §10.2)."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ccd.errors import IllegalMove
from ccd.ids import SeededChance
from ccd.sip.digest import Nonces, Verdict, challenge
from ccd.sip.message import Request, Response
from ccd.sip.registering import MOVES, Account, Input, Registration, State, move

ACCOUNT = Account(
    registrar="sip:carrier.test",
    address="sip:centre@carrier.test",
    contact="sip:centre@192.0.2.1:5060",
    username="centre",
    password="right",
    expires_s=600,
    user_agent="ccd",
)


def answer(request: Request | None, status: int, *headers: tuple[str, str]) -> Response:
    assert request is not None
    response = Response.to_request(request, status, None, "there")
    for name, value in headers:
        response.add(name, value)
    return response


def granted(request: Request | None, seconds: int = 600) -> Response:
    return answer(request, 200, ("Contact", f"<{ACCOUNT.contact}>;expires={seconds}"))


def fresh(account: Account = ACCOUNT) -> Registration:
    return Registration(account, SeededChance(7))


def registered(seconds: int = 600) -> tuple[Registration, Request]:
    registration = fresh()
    request = registration.expire(0.0)
    assert request is not None
    registration.receive(granted(request, seconds), 0.0)
    return registration, request


def test_the_table_is_complete_and_closed() -> None:
    for state, happened in itertools.product(State, Input):
        if (state, happened) in MOVES:
            assert move(state, happened) is MOVES[(state, happened)]
        else:
            with pytest.raises(IllegalMove):
                move(state, happened)
    assert {state for state, _ in MOVES} == set(State)
    assert all((state, Input.STOP) in MOVES for state in State)


def test_first_register() -> None:
    registration = fresh()
    assert registration.next_deadline() == 0.0
    request = registration.expire(0.0)
    assert request is not None
    assert (request.method, request.raw_uri) == ("REGISTER", "sip:carrier.test")
    assert str(request.to.uri) == str(request.from_.uri) == "sip:centre@carrier.test"
    assert [str(each.uri) for each in request.contacts] == ["sip:centre@192.0.2.1:5060"]
    assert (request.expires, request.contacts[0].expires) == (600, 600)
    assert request.get("Authorization") is None
    assert not registration.up
    assert registration.next_deadline() is None


def test_granted_and_refreshed_at_80_to_90_percent() -> None:
    registration, request = registered(600)
    assert registration.up
    due = registration.next_deadline()
    assert due is not None
    assert 480.0 <= due <= 540.0
    assert registration.expire(due - 0.001) is None
    again = registration.expire(due)
    assert again is not None
    assert again.call_id == request.call_id
    assert again.from_.tag == request.from_.tag
    assert again.cseq.number == request.cseq.number + 1
    assert registration.up  # while the answer is awaited


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Contact", "<sip:centre@192.0.2.1:5060>;expires=100")], 100),
        ([("Contact", "<sip:centre@198.51.100.9:1234>;expires=100")], 100),
        ([("Contact", "<sip:other@h>;expires=5, <sip:centre@192.0.2.1:5060>;expires=100")], 100),
        ([("Contact", "<sip:other@h>;expires=5, <sip:more@h>;expires=9"), ("Expires", "200")], 200),
        ([("Contact", "<sip:centre@192.0.2.1:5060>"), ("Expires", "200")], 200),
        ([], 600),
    ],
)
def test_time_granted(headers: list[tuple[str, str]], seconds: int) -> None:
    registration = fresh()
    registration.receive(answer(registration.expire(0.0), 200, *headers), 0.0)
    assert registration.granted_until == seconds


@pytest.mark.parametrize(
    ("status", "ask", "give"),
    [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_challenge_is_answered_rightly(status: int, ask: str, give: str, algorithm: str) -> None:
    nonces = Nonces(b"s" * 32, 300.0)
    registration = fresh()
    first = registration.expire(0.0)
    asked = challenge("carrier.test", nonces.issue(1000.0), algorithm)
    again = registration.receive(answer(first, status, (ask, asked)), 0.0)
    assert first is not None
    assert again is not None
    assert again.cseq.number == first.cseq.number + 1
    credentials = again.get(give)
    assert credentials is not None
    assert nonces.check(credentials, "REGISTER", "right", 1000.1) is Verdict.OK
    registration.receive(granted(again), 0.2)
    due = registration.next_deadline()
    assert due is not None
    refresh = registration.expire(due)
    assert refresh is not None
    reused = refresh.get(give)
    assert reused is not None
    assert "nc=00000002" in reused  # the same nonce, counted on


def test_of_two_challenges_the_stronger_is_answered() -> None:
    registration = fresh()
    response = answer(
        registration.expire(0.0),
        401,
        ("WWW-Authenticate", challenge("c", "n1", "MD5")),
        ("WWW-Authenticate", challenge("c", "n2", "SHA-256")),
        ("WWW-Authenticate", 'Digest realm="c", nonce="n3", algorithm=SHA-512-256'),
        ("WWW-Authenticate", "Bearer x=y"),
    )
    again = registration.receive(response, 0.0)
    assert again is not None
    assert 'nonce="n2"' in (again.get("Authorization") or "")


def test_a_proxy_and_the_registrar_both_challenge() -> None:
    """RFC 3261 §22.3: each gets its own credentials in the one request, and in the refresh too."""
    registration = fresh()
    by_proxy = registration.receive(
        answer(registration.expire(0.0), 407, ("Proxy-Authenticate", challenge("edge", "n1"))), 0.0
    )
    by_both = registration.receive(answer(by_proxy, 401, ("WWW-Authenticate", challenge("core", "n2"))), 0.0)
    assert by_both is not None
    assert 'nonce="n1"' in (by_both.get("Proxy-Authorization") or "")
    assert 'nonce="n2"' in (by_both.get("Authorization") or "")
    registration.receive(granted(by_both), 0.0)
    assert registration.state is State.REGISTERED
    due = registration.next_deadline()
    assert due is not None
    refresh = registration.expire(due)
    assert refresh is not None and refresh.get("Proxy-Authorization") and refresh.get("Authorization")
    wrong = answer(refresh, 407, ("Proxy-Authenticate", challenge("edge", "n3")))
    again = answer(registration.receive(wrong, due), 407, ("Proxy-Authenticate", challenge("edge", "n4")))
    assert registration.receive(again, due) is None and "wrong user or password" in registration.note


def test_a_second_challenge_is_a_wrong_password() -> None:
    registration = fresh()
    again = registration.receive(
        answer(registration.expire(0.0), 401, ("WWW-Authenticate", challenge("c", "n1"))), 0.0
    )
    done = registration.receive(answer(again, 401, ("WWW-Authenticate", challenge("c", "n2"))), 1.0)
    assert done is None
    assert (registration.state, registration.up) == (State.WAITING, False)
    assert "wrong user or password" in registration.note


def test_a_stale_nonce_is_no_wrong_password() -> None:
    registration, _ = registered()
    due = registration.next_deadline()
    assert due is not None
    once = registration.receive(
        answer(registration.expire(due), 401, ("WWW-Authenticate", challenge("c", "n1"))), due
    )
    twice = registration.receive(
        answer(once, 401, ("WWW-Authenticate", challenge("c", "n2", stale=True))), due
    )
    assert twice is not None
    assert 'nonce="n2"' in (twice.get("Authorization") or "")
    thrice = answer(twice, 401, ("WWW-Authenticate", challenge("c", "n3", stale=True)))
    fourth = registration.receive(thrice, due)
    assert fourth is not None
    stuck = registration.receive(
        answer(fourth, 401, ("WWW-Authenticate", challenge("c", "n4", stale=True))), due
    )
    assert stuck is None  # a registrar that never stops saying stale is not followed for ever
    assert registration.state is State.WAITING


def test_another_realm_is_not_answered() -> None:
    registration = fresh(Account("sip:c", "sip:a@c", "sip:a@h", "a", "p", realm="right.test"))
    first = registration.expire(0.0)
    wrong = ("WWW-Authenticate", challenge("evil.test", "n"))
    assert registration.receive(answer(first, 401, wrong), 0.0) is None
    assert registration.state is State.WAITING


def test_423_is_followed_once() -> None:
    registration = fresh()
    again = registration.receive(answer(registration.expire(0.0), 423, ("Min-Expires", "1800")), 0.0)
    assert again is not None
    assert again.expires == 1800
    assert registration.receive(answer(again, 423, ("Min-Expires", "1800")), 0.0) is None
    assert registration.state is State.WAITING


@pytest.mark.parametrize("value", ["", "junk", "-5", "99999999", "60"])
def test_423_without_sense_is_a_failure(value: str) -> None:
    registration = fresh()
    headers = [("Min-Expires", value)] if value else []
    assert registration.receive(answer(registration.expire(0.0), 423, *headers), 0.0) is None
    assert registration.state is State.WAITING


def test_back_off_grows_with_jitter_and_is_bounded() -> None:
    registration = fresh()
    now = 0.0
    waits = []
    for _ in range(12):
        assert registration.expire(now) is not None
        registration.fail("timeout", now)
        due = registration.next_deadline()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits[0] == 4.0
    assert all(4.0 <= wait <= 300.0 for wait in waits)
    assert all(wait >= 150.0 for wait in waits[7:])
    assert len(set(waits[7:])) > 1
    request = registration.expire(now)
    registration.receive(granted(request), now)
    due = registration.next_deadline()
    assert due is not None
    registration.expire(due)
    registration.fail("timeout", due)
    assert registration.next_deadline() == due + 4.0  # success forgives


def test_retry_after_is_heeded_within_bounds() -> None:
    for value, wait in (
        ("60", 60.0),
        ("120 (maintenance);duration=5", 120.0),
        ("999999", 1800.0),
        ("junk", 4.0),
    ):
        registration = fresh()
        registration.receive(answer(registration.expire(0.0), 503, ("Retry-After", value)), 0.0)
        assert registration.next_deadline() == wait


def test_a_refresh_without_answer_leaves_it_up_until_the_time_granted_is_over() -> None:
    registration, _ = registered(10)
    due = registration.next_deadline()
    assert due is not None
    registration.expire(due)
    registration.fail("timeout", 9.5)
    assert registration.up
    assert registration.next_deadline() == 10.0
    registration.expire(9.999)
    assert registration.up
    assert registration.expire(10.0) is None
    assert not registration.up
    assert registration.next_deadline() == 13.5


def test_a_refused_refresh_is_down_at_once() -> None:
    registration, _ = registered()
    due = registration.next_deadline()
    assert due is not None
    registration.receive(answer(registration.expire(due), 403), due)
    assert not registration.up
    assert registration.note.startswith("403")


def test_stop_takes_the_contact_back_and_answers_a_challenge() -> None:
    registration, _ = registered()
    last = registration.stop()
    assert last is not None
    assert (last.expires, last.contacts[0].expires) == (0, 0)
    again = registration.receive(answer(last, 401, ("WWW-Authenticate", challenge("c", "n"))), 1.0)
    assert again is not None
    assert again.expires == 0
    registration.receive(granted(again, 0), 1.0)
    assert registration.state is State.ENDED
    assert registration.next_deadline() is None
    assert registration.stop() is None


def test_stop_before_the_first_register_sends_nothing() -> None:
    registration = fresh()
    assert registration.stop() is None
    assert registration.state is State.ENDED


def test_answers_to_former_requests_are_ignored() -> None:
    registration = fresh()
    first = registration.expire(0.0)
    registration.stop()
    registration.receive(granted(first), 1.0)
    assert registration.state is State.ENDING
    assert not registration.up


def test_provisional_answers_change_nothing() -> None:
    registration = fresh()
    registration.receive(answer(registration.expire(0.0), 100), 0.0)
    assert registration.state is State.TRYING


def test_a_lost_connection_hurries_the_refresh() -> None:
    registration, _ = registered(600)
    registration.hurry(30.0)
    assert registration.next_deadline() == 30.0
    assert registration.expire(30.0) is not None
    registration.hurry(31.0)
    assert registration.next_deadline() is None


STATUSES = st.sampled_from([100, 200, 302, 401, 403, 404, 407, 408, 423, 500, 503, 600])
STEPS = st.lists(
    st.tuples(st.sampled_from(["answer", "fail", "wait", "hurry", "stop"]), STATUSES), max_size=30
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
@example([("answer", 200), ("wait", 100), ("answer", 408), ("wait", 100)])
def test_whatever_comes_it_either_waits_for_an_answer_or_for_a_time(steps: list[tuple[str, int]]) -> None:
    registration = fresh()
    now = 0.0
    last = registration.expire(now)
    for what, status in steps:
        now += 1.0
        following = None
        if what == "answer":
            response = answer(
                last, status, ("WWW-Authenticate", challenge("c", f"n{now}")), ("Min-Expires", "700")
            )
            following = registration.receive(response, now)
        elif what == "fail":
            registration.fail("timeout", now)
        elif what == "hurry":
            registration.hurry(now)
        elif what == "stop":
            following = registration.stop()
        else:
            now = max(now, registration.next_deadline() or now)
            following = registration.expire(now)
        last = following or last
        outstanding = registration.state in {State.TRYING, State.REFRESHING, State.ENDING}
        assert outstanding == (registration.next_deadline() is None and registration.state is not State.ENDED)
        if registration.up:  # also while a failed refresh is tried again within the time granted
            granted = {State.REGISTERED, State.REFRESHING, State.WAITING, State.TRYING}
            assert registration.state in granted
