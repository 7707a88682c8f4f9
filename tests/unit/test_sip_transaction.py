"""The transaction tables, pair by pair, and the timers at hand-counted times (RFC 3261 §17, RFC 6026)."""

import gc
import weakref
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import IllegalMove
from ccd.ids import SeededChance
from ccd.sip.endpoint import Endpoint, Flow
from ccd.sip.timers import Delays, Timers
from ccd.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    OTHER_CLIENT,
    OTHER_SERVER,
    Input,
    Moves,
    ServerTransaction,
    State,
    look_up,
)
from tests.unit.sip_pair import (
    PEER,
    answer,
    arriving,
    flow_to,
    make_request,
    name_of,
    names,
    run_out,
    sent,
    taken,
    told,
)

# Next state by letter for each input in its order; "." where the table has no move.
LETTERS = {
    "K": State.CALLING,
    "Y": State.TRYING,
    "P": State.PROCEEDING,
    "C": State.COMPLETED,
    "F": State.CONFIRMED,
    "A": State.ACCEPTED,
    "D": State.ACKED,
    "T": State.TERMINATED,
}
WALKS = {
    "invite client": (
        INVITE_CLIENT,
        {"K": "PAC....KTT", "P": "PAC.....TT", "C": "CCC.....TC", "A": "AAA.....TA"},
    ),
    "other client": (OTHER_CLIENT, {"Y": "PCC....YTT", "P": "PCC....PTT", "C": "CCC.....TC"}),
    "invite server": (
        INVITE_SERVER,
        {"P": "PACPPP.P.T", "C": "CCCCFC.CTC", "F": "FFFFFF..TF", "A": "AAAADADATA", "D": "DDDDDDD.TD"},
    ),
    "other server": (OTHER_SERVER, {"Y": "PCCY....TT", "P": "PCCP....TT", "C": "CCCC....TC"}),
}


@pytest.mark.parametrize("table", WALKS)
def test_every_pair_of_state_and_input(table: str) -> None:
    moves, rows = WALKS[table]
    for state in State:
        row = rows.get(next(letter for letter, known in LETTERS.items() if known is state), "." * len(Input))
        for column, letter in zip(Input, row, strict=True):
            check_pair(moves, state, column, letter)


def check_pair(moves: Moves, state: State, happened: Input, letter: str) -> None:
    if letter == ".":
        with pytest.raises(IllegalMove):
            look_up(moves, state, happened)
    else:
        assert look_up(moves, state, happened)[0] is LETTERS[letter], (state, happened)


def client(method: str, protocol: str = "UDP") -> Endpoint:
    endpoint = Endpoint(SeededChance())
    endpoint.request(make_request(method), flow_to("192.0.2.2", protocol), 0.0, owner="leg")
    return endpoint


def test_silent_peer_gets_seven_invites_and_timer_b_tells() -> None:
    endpoint = client("INVITE")
    assert sent(endpoint) == ["INVITE"]
    assert run_out(endpoint) == [(at, "INVITE") for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    (failed,) = told(endpoint)
    assert (names([failed]), failed.cause, failed.owner) == (["TransactionFailed"], "timeout", "leg")
    assert endpoint.active == 0


def test_timer_b_comes_at_32_seconds_not_before() -> None:
    endpoint = client("INVITE")
    endpoint.expire(31.999)
    assert told(endpoint) == []
    endpoint.expire(32.0)
    assert names(told(endpoint)) == ["TransactionFailed"]


def test_silent_peer_gets_eleven_of_another_method() -> None:
    endpoint = client("OPTIONS")
    assert sent(endpoint) == ["OPTIONS"]
    times = (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
    assert run_out(endpoint) == [(at, "OPTIONS") for at in times]
    assert names(told(endpoint)) == ["TransactionFailed"]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_nothing_is_repeated_over_tcp_but_the_limit_holds(method: str) -> None:
    endpoint = client(method, "TCP")
    assert sent(endpoint) == [method]
    assert endpoint.next_deadline() == 32.0
    assert run_out(endpoint) == []
    assert names(told(endpoint)) == ["TransactionFailed"]


def test_provisional_ends_the_repeats_of_an_invite_for_good() -> None:
    endpoint = client("INVITE")
    (invite,) = taken(endpoint)
    endpoint.receive(answer(invite, 100), PEER, 0.3)
    assert told(endpoint) == []
    assert endpoint.next_deadline() is None  # it may ring for hours
    endpoint.receive(answer(invite, 180), PEER, 200.0)
    assert [event.response.status for event in told(endpoint)] == [180]


def test_provisional_slows_another_request_down_to_t2() -> None:
    endpoint = client("BYE")
    (bye,) = taken(endpoint)
    endpoint.receive(answer(bye, 100), PEER, 0.1)
    # timer E as it was set runs out first, then each T2
    assert [at for at, _ in run_out(endpoint, 20)] == [0.5, 4.5, 8.5, 12.5, 16.5]


def test_rejection_is_acked_on_the_same_branch_and_again_for_each_copy_until_timer_d() -> None:
    endpoint = client("INVITE")
    (invite,) = taken(endpoint)
    endpoint.receive(answer(invite, 486), PEER, 1.0)
    (ack,) = taken(endpoint)
    assert name_of(ack) == "ACK"
    lines = ack.decode().split("\r\n")
    assert lines[1] == invite.decode().split("\r\n")[1]  # Via
    assert "To: <sip:bob@example.test>;tag=to1" in lines
    assert "CSeq: 1 ACK" in lines
    assert [event.response.status for event in told(endpoint)] == [486]
    endpoint.receive(answer(invite, 486), PEER, 2.0)
    assert taken(endpoint) == [ack]
    assert told(endpoint) == []
    assert endpoint.next_deadline() == 33.0
    endpoint.expire(33.0)
    assert endpoint.active == 0


def test_timer_k_absorbs_copies_of_a_final_for_t4() -> None:
    endpoint = client("BYE")
    (bye,) = taken(endpoint)
    endpoint.receive(answer(bye, 200), PEER, 1.0)
    endpoint.receive(answer(bye, 200), PEER, 1.1)
    assert names(told(endpoint)) == ["ResponseArrived"]
    assert endpoint.next_deadline() == 6.0
    endpoint.expire(6.0)
    assert endpoint.active == 0
    endpoint.receive(answer(bye, 200), PEER, 6.1)
    assert (told(endpoint), endpoint.counters["stray_responses"]) == ([], 1)


@pytest.mark.parametrize(("method", "status"), [("INVITE", 404), ("BYE", 200)])
def test_clients_do_not_linger_over_tcp(method: str, status: int) -> None:
    endpoint = client(method, "TCP")
    (request,) = taken(endpoint)
    endpoint.receive(answer(request, status), flow_to("192.0.2.2", "TCP"), 1.0)
    assert endpoint.active == 0
    assert endpoint.next_deadline() is None


def server(method: str = "INVITE", protocol: str = "UDP") -> tuple[Endpoint, ServerTransaction]:
    endpoint = Endpoint(SeededChance())
    endpoint.receive(arriving(method, protocol=protocol), flow_to("192.0.2.1", protocol), 0.0)
    (event,) = told(endpoint)
    assert sent(endpoint) == []
    return endpoint, event.tx


def test_rejection_is_repeated_until_the_ack() -> None:
    endpoint, tx = server()
    endpoint.reply(tx, 486, 1.0)
    assert sent(endpoint) == ["486"]
    assert [at for at, _ in run_out(endpoint, 10)] == [1.5, 2.5, 4.5, 8.5]
    endpoint.receive(arriving("ACK", to_tag=tx.to_tag), flow_to("192.0.2.1"), 9.0)
    assert told(endpoint) == []  # the transaction's own affair
    assert run_out(endpoint) == []
    assert endpoint.active == 0


def test_timer_i_absorbs_copies_of_the_ack() -> None:
    endpoint, tx = server()
    endpoint.reply(tx, 486, 1.0)
    for at in (2.0, 2.1, 6.9):
        endpoint.receive(arriving("ACK", to_tag=tx.to_tag), flow_to("192.0.2.1"), at)
    assert told(endpoint) == []
    assert endpoint.next_deadline() == 7.0


def test_withheld_ack_ends_a_rejection_by_timer_h() -> None:
    endpoint, tx = server()
    endpoint.reply(tx, 487, 0.0)
    assert sent(endpoint) == ["487"]
    log = run_out(endpoint)
    assert [at for at, _ in log] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert {name for _, name in log} == {"487"}
    assert (endpoint.active, endpoint.counters["timeouts"], told(endpoint)) == (0, 1, [])


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_our_2xx_is_repeated_end_to_end_and_a_missing_ack_is_told(protocol: str) -> None:
    endpoint, tx = server(protocol=protocol)
    tx.owner = "leg"
    endpoint.reply(tx, 200, 0.0)
    assert sent(endpoint) == ["200"]
    times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert run_out(endpoint) == [(at, "200") for at in times]
    (missing,) = told(endpoint)
    assert (names([missing]), missing.owner) == (["AckMissing"], "leg")
    assert endpoint.active == 0


def test_ack_of_a_2xx_is_told_once_and_copies_of_the_invite_stay_absorbed_until_timer_l() -> None:
    endpoint, tx = server()
    tx.owner = "leg"
    endpoint.reply(tx, 200, 1.0)
    ack = arriving("ACK", branch="z9hG4bKtwo", to_tag=tx.to_tag)
    endpoint.receive(ack, flow_to("192.0.2.1"), 1.2)
    endpoint.receive(ack, flow_to("192.0.2.1"), 1.3)
    (event,) = told(endpoint)
    assert (names([event]), event.tx, event.owner) == (["AckArrived"], tx, "leg")
    taken(endpoint)
    endpoint.receive(arriving(), flow_to("192.0.2.1"), 32.9)
    assert (sent(endpoint), told(endpoint)) == ([], [])
    assert run_out(endpoint) == []
    assert endpoint.active == 0


def test_bye_before_the_ack_ends_the_repeats_of_our_2xx() -> None:
    endpoint, tx = server()
    endpoint.reply(tx, 200, 1.0)
    taken(endpoint)
    for to_tag, still in (("not-ours", ["200"]), (tx.to_tag, [])):
        endpoint.receive(
            arriving("BYE", f"z9hG4bK{to_tag}", number=2, to_tag=to_tag), flow_to("192.0.2.1"), 1.2
        )
        assert [name for _, name in run_out(endpoint, 2)] == still
    run_out(endpoint)
    assert names(told(endpoint)) == ["RequestArrived", "RequestArrived"]  # and no AckMissing


def test_an_invite_is_told_100_only_when_no_answer_comes_at_once() -> None:
    endpoint, tx = server()
    endpoint.expire(0.0999)
    assert sent(endpoint) == []
    endpoint.expire(0.1)
    assert sent(endpoint) == ["100"]
    assert run_out(endpoint, 400) == []
    endpoint.reply(tx, 180, 500.0)
    assert sent(endpoint) == ["180"]


@pytest.mark.parametrize("status", [180, 200, 404])
def test_an_invite_that_is_answered_at_once_needs_no_100(status: int) -> None:
    endpoint, tx = server()
    endpoint.reply(tx, status, 0.0999)
    assert sent(endpoint) == [str(status)]
    endpoint.expire(0.2)
    assert sent(endpoint) == []
    assert endpoint.counters["retransmissions_sent"] == 0


def test_ringing_repeats_its_provisional_each_minute() -> None:
    endpoint, tx = server()
    endpoint.reply(tx, 183, 10.0)
    taken(endpoint)
    assert run_out(endpoint, 200) == [(70.0, "183"), (130.0, "183"), (190.0, "183")]
    endpoint.reply(tx, 486, 200.0)
    assert sent(endpoint) == ["486"]
    assert [at for at, _ in run_out(endpoint, 202)] == [200.5, 201.5]


def test_timer_j_absorbs_for_64_t1() -> None:
    endpoint, tx = server("OPTIONS")
    endpoint.reply(tx, 200, 1.0)
    assert endpoint.next_deadline() == 33.0
    endpoint.expire(33.0)
    assert endpoint.active == 0


def test_servers_of_other_methods_do_not_linger_over_tcp() -> None:
    endpoint, tx = server("OPTIONS", "TCP")
    endpoint.reply(tx, 200, 1.0)
    assert endpoint.active == 0


def test_request_that_the_user_forgets_does_not_stay() -> None:
    endpoint, tx = server("OPTIONS")
    endpoint.expire(32.0)
    assert (endpoint.active, endpoint.counters["timeouts"]) == (0, 1)
    assert endpoint.reply(tx, 200, 33.0) is False
    assert sent(endpoint) == []


# A copy of each request in each state: never a second event, the stored bytes again where there are any.


@pytest.mark.parametrize("method", ["BYE", "INFO", "MESSAGE", "OPTIONS", "REFER", "REGISTER", "UPDATE"])
def test_copies_of_a_request_in_every_state(method: str) -> None:
    endpoint, tx = server(method)
    copy = arriving(method)
    source = flow_to("192.0.2.1")
    endpoint.receive(copy, source, 0.1)
    assert sent(endpoint) == []  # trying
    endpoint.reply(tx, 183, 0.2)
    (provisional,) = taken(endpoint)
    endpoint.receive(copy, source, 0.3)
    assert taken(endpoint) == [provisional]
    endpoint.reply(tx, 200, 0.4)
    (final,) = taken(endpoint)
    endpoint.receive(copy, source, 0.5)
    endpoint.receive(copy, source, 32.3)
    assert taken(endpoint) == [final, final]
    assert told(endpoint) == []
    assert endpoint.counters["retransmissions_absorbed"] == 4


@pytest.mark.parametrize("to_tag", ["", "dialog1"])
@pytest.mark.parametrize("status", [200, 404])
def test_copies_of_an_invite_in_every_state(status: int, to_tag: str) -> None:
    endpoint = Endpoint(SeededChance())
    source = flow_to("192.0.2.1")
    copy = arriving(to_tag=to_tag)
    endpoint.receive(copy, source, 0.0)
    (event,) = told(endpoint)
    assert taken(endpoint) == []
    endpoint.receive(copy, source, 0.05)
    assert sent(endpoint) == ["100"]  # the caller does not know that its INVITE came
    endpoint.reply(event.tx, 180, 0.2)
    (ringing,) = taken(endpoint)
    endpoint.receive(copy, source, 0.3)
    assert taken(endpoint) == [ringing]
    endpoint.reply(event.tx, status, 0.4)
    (final,) = taken(endpoint)
    endpoint.receive(copy, source, 0.5)
    assert taken(endpoint) == [final]
    assert told(endpoint) == []
    branch = "z9hG4bKone" if status == 404 else "z9hG4bKack"
    endpoint.receive(arriving("ACK", branch=branch, to_tag=event.tx.to_tag), source, 0.6)
    told(endpoint)
    endpoint.receive(copy, source, 0.7)
    assert (taken(endpoint), told(endpoint)) == ([], [])


def test_responses_after_the_final_one_are_discarded() -> None:
    endpoint, tx = server()
    assert endpoint.reply(tx, 200, 0.0) is True
    taken(endpoint)
    for status in (180, 200, 487):
        assert endpoint.reply(tx, status, 0.1) is False
    assert (sent(endpoint), endpoint.counters["late_responses"]) == ([], 3)


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_broken_transport_is_told_once(method: str, protocol: str) -> None:
    endpoint = client(method, protocol)
    flow = flow_to("192.0.2.2", protocol)
    endpoint.flow_failed(flow, 0.1)
    endpoint.flow_failed(flow, 0.2)
    failures = [event for event in told(endpoint) if type(event).__name__ == "TransactionFailed"]
    assert [event.cause for event in failures] == ["transport"]
    assert endpoint.active == 0


def test_broken_transport_after_the_final_answer_changes_nothing() -> None:
    endpoint, tx = server("BYE")
    endpoint.reply(tx, 200, 0.0)
    (final,) = taken(endpoint)
    endpoint.flow_failed(tx.flow, 0.1)
    endpoint.receive(arriving("BYE"), flow_to("192.0.2.1"), 0.2)
    assert (taken(endpoint), told(endpoint)) == ([final], [])


def test_caller_whose_connection_dies_while_ringing_is_told() -> None:
    endpoint, tx = server(protocol="TCP")
    tx.owner = "leg"
    endpoint.flow_failed(tx.flow, 1.0)
    failed, closed = told(endpoint)
    assert (names([failed, closed]), failed.owner) == (["TransactionFailed", "FlowClosed"], "leg")
    assert endpoint.reply(tx, 200, 1.1) is False


class Owner:
    """Something that can be watched going away."""


@pytest.mark.parametrize("status", [200, 486])
def test_ended_transactions_leave_nothing_for_the_collector(status: int) -> None:
    endpoint = Endpoint(SeededChance())
    gc.collect()
    gc.disable()
    try:
        owner = Owner()
        watch = weakref.ref(owner)
        tx = endpoint.request(make_request(), PEER, 0.0, owner=owner)
        (invite,) = taken(endpoint)
        endpoint.receive(answer(invite, status), PEER, 0.1)
        told(endpoint)
        run_out(endpoint)
        assert (tx.owner, tx.sent, endpoint.active) == (None, b"", 0)
        del owner, tx
        assert watch() is None
    finally:
        gc.enable()


# Timers


def test_husks_do_not_pile_up() -> None:
    timers: Timers[str, str] = Timers()
    for number in range(10_000):
        timers.cancel(timers.set(1000.0 + number, "x", "y"))
    assert len(timers) == 0
    assert len(timers._heap) <= 512
    assert timers.next_deadline() is None


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60))
def test_timers_come_due_in_order_and_only_the_live(plan: list[tuple[float, bool]]) -> None:
    timers: Timers[int, str] = Timers()
    entries = [timers.set(at, number, "what") for number, (at, _) in enumerate(plan)]
    for entry, (_, cancelled) in zip(entries, plan, strict=True):
        if cancelled:
            timers.cancel(entry)
            timers.cancel(entry)
    live = sorted((at, number) for number, (at, cancelled) in enumerate(plan) if not cancelled)
    assert len(timers) == len(live)
    assert timers.next_deadline() == (live[0][0] if live else None)
    assert [target for target, _ in timers.due(50.0)] == [number for at, number in live if at <= 50]
    assert [target for target, _ in timers.due(100.0)] == [number for at, number in live if at > 50]
    assert len(timers) == 0


def test_entry_set_while_iterating_comes_due_too() -> None:
    timers: Timers[str, str] = Timers()
    timers.set(1.0, "a", "first")
    seen = []
    for target, what in timers.due(2.0):
        seen.append(target + what)
        if what == "first":
            timers.set(1.5, "b", "second")
    assert seen == ["afirst", "bsecond"]


def test_husks_of_delays_do_not_pile_up() -> None:
    delays: Delays[str, str] = Delays()
    kept = delays.set(0.0, 32.0, "kept", "limit")
    for number in range(10_000):
        delays.cancel(delays.set(number / 1000, 32.0, "x", "y"))
    assert len(delays) == 1
    assert sum(map(len, delays._lines.values())) <= 512
    assert delays.next_deadline() == kept.at
    assert list(delays.due(32.0)) == [("kept", "limit")]
    assert (len(delays), delays.next_deadline()) == (0, None)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.sampled_from([0.1, 0.5, 5.0, 32.0]), st.booleans()), max_size=60),
    st.floats(0, 200),
)
def test_delays_come_due_in_order_and_only_the_live(
    plan: list[tuple[float, float, bool]], until: float
) -> None:
    delays: Delays[int, str] = Delays()
    now, live = 0.0, []
    for number, (pause, delay_s, cancelled) in enumerate(plan):
        now += pause
        entry = delays.set(now, delay_s, number, "what")
        if cancelled:
            delays.cancel(entry)
            delays.cancel(entry)
        else:
            live.append((now + delay_s, number))
    live.sort()
    assert delays.soonest <= min(live, default=(inf, 0))[0]
    assert len(delays) == len(live)
    assert delays.next_deadline() == (live[0][0] if live else None)
    assert [target for target, _ in delays.due(until)] == [number for at, number in live if at <= until]
    left = [(at, number) for at, number in live if at > until]
    assert (len(delays), delays.soonest) == (len(left), left[0][0] if left else inf)
    assert [target for target, _ in delays.due(inf)] == [number for _, number in left]


def test_a_fault_in_one_deadline_loses_no_other_and_what_is_cancelled_meanwhile_is_not_done() -> None:
    delays: Delays[str, str] = Delays()
    delays.set(0.0, 1.0, "a", "first")
    doomed = delays.set(0.0, 1.0, "b", "second")
    delays.set(0.5, 0.5, "c", "third")
    for target, _ in delays.due(2.0):
        assert target == "a"
        delays.cancel(doomed)
        break  # as by a fault
    assert list(delays.due(2.0)) == [("c", "third")]
    assert len(delays) == 0


def test_what_a_fault_left_over_comes_first_and_in_its_order() -> None:
    delays: Delays[str, str] = Delays()
    delays.set(0.0, 32.0, "late", "")
    for name in ("fault", "a", "b"):
        delays.set(30.0, 1.0, name, "")
    assert next(iter(delays.due(31.0))) == ("fault", "")
    assert (delays.soonest, len(delays)) == (31.0, 3)
    delays.set(31.0, 0.0, "new", "")
    assert [target for target, _ in delays.due(32.0)] == ["a", "b", "new", "late"]
    assert (len(delays), delays.soonest) == (0, inf)


@pytest.mark.parametrize(("answered", "ends"), [(0.0, 32.0), (10.0, 42.0)])
def test_an_answered_request_absorbs_copies_for_64_t1_by_one_deadline(answered: float, ends: float) -> None:
    endpoint, tx = server("BYE")
    asked = tx.limit
    endpoint.reply(tx, 200, answered)
    assert sent(endpoint) == ["200"]
    assert (tx.limit is asked) is (answered == 0.0)
    assert len(endpoint.timers) == 1
    assert endpoint.next_deadline() == ends
    endpoint.expire(ends)
    assert (tx.over, endpoint.active, len(endpoint.timers)) == (True, 0, 0)


def test_old_peer_without_the_cookie_is_matched_by_its_header_fields() -> None:
    endpoint = Endpoint(SeededChance())
    source = Flow("UDP", "192.0.2.1", 5060, "l")
    endpoint.receive(arriving(branch="1"), source, 0.0)
    endpoint.receive(arriving(branch="1"), source, 0.1)
    (event,) = told(endpoint)
    endpoint.receive(arriving("CANCEL", branch="1"), source, 0.2)
    assert names(told(endpoint)) == ["CancelArrived"]
    endpoint.reply(event.tx, 487, 0.3)
    endpoint.receive(arriving("ACK", branch="1", to_tag=event.tx.to_tag), source, 0.4)
    taken(endpoint)
    assert run_out(endpoint, 5) == []
    assert told(endpoint) == []
