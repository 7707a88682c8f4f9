"""The endpoint as a whole: CANCEL races, forks, loss, strange traffic (RFC 3261 §9, §13, §17; RFC 3581)."""

from typing import Any

import pytest

from ccd.ids import SeededChance
from ccd.sip.endpoint import (
    AckArrived,
    CancelArrived,
    Endpoint,
    Flow,
    RequestArrived,
    TransactionFailed,
)
from ccd.sip.lines import good_lines
from ccd.sip.message import Request, parse
from tests.unit.sip_pair import (
    CALLER,
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

SOURCE = flow_to(CALLER)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(SeededChance())


def invite(endpoint: Endpoint, owner: Any = "leg") -> tuple[Any, bytes]:
    tx = endpoint.request(make_request(), PEER, 0.0, owner=owner, via_host="192.0.2.9", via_port=5070)
    (data,) = taken(endpoint)
    return tx, data


def arrive(endpoint: Endpoint, data: bytes | None = None, now: float = 0.0) -> RequestArrived:
    endpoint.receive(data or arriving(), SOURCE, now)
    (event,) = told(endpoint)
    assert isinstance(event, RequestArrived)
    taken(endpoint)
    return event


def make_ack(tag: str = "to1") -> Request:
    return make_request("ACK", to_tag=tag)


# Requests out


def test_via_is_ours_alone(endpoint: Endpoint) -> None:
    request = make_request("OPTIONS")
    request.prepend("Via", "SIP/2.0/UDP left.from.another.try;branch=z9hG4bKold")
    endpoint.request(request, PEER, 0.0, via_host="2001:db8::1", via_port=5070)
    (data,) = taken(endpoint)
    (via,) = parse(data).vias
    assert (via.transport, via.host, via.port, via.wants_rport) == ("UDP", "2001:db8::1", 5070, True)
    assert via.branch is not None and via.branch.startswith("z9hG4bK") and len(via.branch) > 15


def test_without_a_host_the_flows_local_end_stands_in_via(endpoint: Endpoint) -> None:
    endpoint.request(make_request("OPTIONS"), PEER, 0.0)
    assert parse(taken(endpoint)[0]).via.host == "192.0.2.9"


def test_two_requests_do_not_share_a_branch(endpoint: Endpoint) -> None:
    for _ in range(100):
        endpoint.request(make_request("OPTIONS"), PEER, 0.0)
    assert len({parse(data).via.branch for data in taken(endpoint)}) == 100


# CANCEL as caller


def test_cancel_waits_for_the_first_provisional(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.cancel(tx, 0.1, [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    endpoint.cancel(tx, 0.2)
    assert sent(endpoint) == []
    endpoint.receive(answer(data, 100), PEER, 0.3)
    (raw,) = taken(endpoint)
    cancel = parse(raw)
    assert isinstance(cancel, Request) and cancel.method == "CANCEL"
    original = parse(data)
    assert cancel.get("Via") == original.get("Via")
    assert (cancel.cseq.number, cancel.cseq.method, cancel.to.tag) == (1, "CANCEL", None)
    assert cancel.get("Reason") is not None
    endpoint.receive(answer(data, 180), PEER, 0.4)
    assert sent(endpoint) == []  # one CANCEL only
    endpoint.receive(answer(raw, 200), PEER, 0.5)
    endpoint.receive(answer(data, 487), PEER, 0.6)
    assert sent(endpoint) == ["ACK"]
    assert [event.response.status for event in told(endpoint)] == [180, 487]  # none of the CANCEL's own
    run_out(endpoint)
    assert endpoint.active == 0


def test_cancel_while_ringing_goes_at_once(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 0.1)
    endpoint.cancel(tx, 0.2)
    endpoint.cancel(tx, 0.3)
    assert sent(endpoint) == ["CANCEL"]


def test_cancel_carries_the_route_of_the_invite(endpoint: Endpoint) -> None:
    request = make_request()
    request.add("Route", "<sip:p1.example.test;lr>, <sip:p2.example.test;lr>")
    tx = endpoint.request(request, PEER, 0.0)
    (data,) = taken(endpoint)
    endpoint.receive(answer(data, 180), PEER, 0.1)
    endpoint.cancel(tx, 0.2)
    assert len(parse(taken(endpoint)[0]).route) == 2


def test_2xx_crossing_the_cancel_is_told_to_be_acked_and_ended(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 0.1)
    told(endpoint)
    endpoint.cancel(tx, 0.2)
    (cancel,) = taken(endpoint)
    endpoint.receive(answer(data, 200), PEER, 0.25)
    endpoint.receive(answer(cancel, 200), PEER, 0.3)
    (event,) = told(endpoint)
    assert (event.response.status, event.owner) == (200, "leg")
    endpoint.send_ack(tx, make_ack(), PEER, 0.3)
    assert sent(endpoint) == ["ACK"]


def test_2xx_before_the_held_cancel_leaves_no_cancel(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.cancel(tx, 0.1)
    endpoint.receive(answer(data, 200), PEER, 0.2)
    assert names(told(endpoint)) == ["ResponseArrived"]
    assert sent(endpoint) == []


def test_cancel_after_the_final_answer_is_nothing(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 486), PEER, 0.1)
    taken(endpoint)
    endpoint.cancel(tx, 0.2)
    assert (sent(endpoint), tx.cancel_headers) == ([], None)


def test_peer_that_answers_the_cancel_but_not_the_invite_is_given_up(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 10.0)
    told(endpoint)
    endpoint.cancel(tx, 20.0)
    (cancel,) = taken(endpoint)
    endpoint.receive(answer(cancel, 200), PEER, 20.1)
    run_out(endpoint, 51.9)
    assert told(endpoint) == []
    run_out(endpoint, 52.0)  # 64*T1 after the CANCEL
    (failed,) = told(endpoint)
    assert (type(failed), failed.cause, tx.over) == (TransactionFailed, "timeout", True)


def test_the_end_of_a_request_is_set_with_its_first_repeat_and_does_not_move_when_that_is_late(
    endpoint: Endpoint,
) -> None:
    tx, _ = invite(endpoint)
    assert tx.limit is None  # nothing to cancel where the answer comes before
    endpoint.expire(0.7)
    assert sent(endpoint) == ["INVITE"]
    assert tx.limit.at == 32.0
    over_tcp = endpoint.request(make_request(), flow_to(PEER.host, "TCP"), 0.7)
    assert over_tcp.limit is not None and over_tcp.limit.at == 32.7


def test_silent_peer_after_cancel_is_told_once(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 10.0)
    told(endpoint)
    endpoint.cancel(tx, 20.0)
    log = run_out(endpoint)
    assert [name for _, name in log] == ["CANCEL"] * 11
    (failed,) = told(endpoint)
    assert (type(failed), failed.tx, failed.owner) == (TransactionFailed, tx, "leg")


def test_cancel_of_another_method_is_not_sent(endpoint: Endpoint) -> None:
    tx = endpoint.request(make_request("OPTIONS"), PEER, 0.0)
    taken(endpoint)
    endpoint.cancel(tx, 0.1)
    assert sent(endpoint) == []


# CANCEL as callee


def test_cancel_of_a_ringing_call_is_answered_and_told_once(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    event.tx.owner = "leg"
    endpoint.reply(event.tx, 180, 0.1)
    taken(endpoint)
    endpoint.receive(arriving("CANCEL"), SOURCE, 0.2)
    endpoint.receive(arriving("CANCEL"), SOURCE, 0.3)  # a copy
    first, second = taken(endpoint)
    assert first == second and name_of(first) == "200"
    assert parse(first).to.tag == event.tx.to_tag
    (cancelled,) = told(endpoint)
    assert isinstance(cancelled, CancelArrived)
    assert (cancelled.tx, cancelled.owner, cancelled.request.method) == (event.tx, "leg", "CANCEL")
    endpoint.reply(event.tx, 487, 0.4)
    assert sent(endpoint) == ["487"]


def test_copy_of_the_invite_after_the_cancel_does_not_revive_the_call(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    endpoint.receive(arriving("CANCEL"), SOURCE, 0.2)
    told(endpoint)
    endpoint.reply(event.tx, 487, 0.2)
    taken(endpoint)
    endpoint.receive(arriving(), SOURCE, 0.3)
    assert (sent(endpoint), told(endpoint)) == (["487"], [])
    assert endpoint.reply(event.tx, 200, 0.4) is False


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_our_final_answer_is_answered_without_effect(endpoint: Endpoint, status: int) -> None:
    event = arrive(endpoint)
    endpoint.reply(event.tx, status, 0.1)
    taken(endpoint)
    endpoint.receive(arriving("CANCEL"), SOURCE, 0.2)
    assert (sent(endpoint), told(endpoint)) == (["200"], [])
    assert event.tx.last_status == status


def test_cancel_of_nothing_is_answered_481(endpoint: Endpoint) -> None:
    endpoint.receive(arriving("CANCEL", branch="z9hG4bKother"), SOURCE, 0.2)
    assert (sent(endpoint), told(endpoint)) == (["481"], [])


# 2xx, ACK, forks


def test_copy_of_a_2xx_gets_the_same_ack_again(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    ok = answer(data, 200)
    endpoint.receive(ok, PEER, 0.1)
    endpoint.receive(ok, PEER, 0.15)  # before the user has its ACK ready
    assert (sent(endpoint), names(told(endpoint))) == ([], ["ResponseArrived"])
    other = flow_to("192.0.2.77")
    endpoint.send_ack(tx, make_ack(), other, 0.2)
    (first,) = taken(endpoint)
    endpoint.receive(ok, PEER, 31.0)
    assert endpoint.out == [(other, first)]
    assert told(endpoint) == []
    via = parse(first).via
    assert via.branch != parse(data).via.branch
    assert (via.host, via.port) == ("192.0.2.9", 5070)


def test_each_fork_is_told_once_and_has_its_own_ack(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    for tag in ("a", "b", "a", "b"):
        endpoint.receive(answer(data, 200, tag), PEER, 0.1)
    assert [event.response.to.tag for event in told(endpoint)] == ["a", "b"]
    endpoint.send_ack(tx, make_ack("a"), PEER, 0.2)
    endpoint.send_ack(tx, make_ack("b"), PEER, 0.2)
    for_a, for_b = taken(endpoint)
    endpoint.receive(answer(data, 200, "b"), PEER, 0.3)
    endpoint.receive(answer(data, 200, "a"), PEER, 0.3)
    assert taken(endpoint) == [for_b, for_a]


def test_2xx_of_a_fork_after_a_rejection_is_told(endpoint: Endpoint) -> None:
    _, data = invite(endpoint)
    endpoint.receive(answer(data, 603, "a"), PEER, 0.1)
    endpoint.receive(answer(data, 200, "b"), PEER, 0.2)
    assert [event.response.status for event in told(endpoint)] == [603, 200]


def test_forks_without_end_are_bounded(endpoint: Endpoint) -> None:
    _, data = invite(endpoint)
    for number in range(1000):
        endpoint.receive(answer(data, 200, f"tag{number}"), PEER, 0.1)
    assert len(told(endpoint)) == 16


def test_ack_of_a_2xx_that_reuses_the_branch_is_found(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    endpoint.reply(event.tx, 200, 0.1)
    taken(endpoint)
    endpoint.receive(arriving("ACK", to_tag=event.tx.to_tag), SOURCE, 0.2)
    (acked,) = told(endpoint)
    assert isinstance(acked, AckArrived) and acked.tx is event.tx


def test_ack_of_another_dialog_does_not_stop_the_2xx(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    endpoint.reply(event.tx, 200, 0.0)
    taken(endpoint)
    endpoint.receive(arriving("ACK", branch="z9hG4bKx", to_tag="not-ours"), SOURCE, 0.2)
    (stray,) = told(endpoint)
    assert isinstance(stray, AckArrived) and stray.tx is None
    assert run_out(endpoint, 2) == [(0.5, "200"), (1.5, "200")]


# Requests in


def test_answers_go_back_to_the_source_when_rport_is_asked_for(endpoint: Endpoint) -> None:
    nat = Flow("UDP", "203.0.113.5", 40123, "192.0.2.9:5060")
    endpoint.receive(arriving("OPTIONS"), nat, 0.0)
    (event,) = told(endpoint)
    endpoint.reply(event.tx, 200, 0.1)
    ((flow, data),) = endpoint.out
    via = parse(data).via
    assert (flow, via.received, via.rport) == (nat, "203.0.113.5", 40123)


@pytest.mark.parametrize(
    ("sent_by", "source", "received", "port"),
    [
        ("192.0.2.1:5062", ("192.0.2.1", 40123), None, 5062),  # §18.2.2: the port that Via names
        ("192.0.2.1", ("192.0.2.1", 40123), None, 5060),
        ("phone.example.test:5062", ("192.0.2.1", 40123), "192.0.2.1", 5062),
        ("10.0.0.7:5062", ("203.0.113.5", 40123), "203.0.113.5", 40123),  # a NAT stands between
        ("[2001:db8::7]:5062", ("2001:db8::7", 40123), None, 5062),
    ],
)
def test_answers_without_rport(
    endpoint: Endpoint, sent_by: str, source: tuple[str, int], received: str | None, port: int
) -> None:
    data = arriving("OPTIONS").replace(b"192.0.2.1:5060", sent_by.encode()).replace(b";rport", b"")
    endpoint.receive(data, Flow("UDP", *source, "l"), 0.0)
    (event,) = told(endpoint)
    endpoint.reply(event.tx, 200, 0.1)
    ((flow, raw),) = endpoint.out
    assert (flow.host, flow.port, parse(raw).via.received) == (source[0], port, received)


def test_same_call_by_two_ways_is_merged(endpoint: Endpoint) -> None:
    arrive(endpoint)
    endpoint.receive(arriving(branch="z9hG4bKloop"), SOURCE, 0.1)
    assert (sent(endpoint), told(endpoint)) == (["482"], [])
    # with credentials it is a new request
    endpoint.receive(arriving(branch="z9hG4bKnext", number=2), SOURCE, 0.2)
    assert names(told(endpoint)) == ["RequestArrived"]


def test_two_peers_may_share_a_branch(endpoint: Endpoint) -> None:
    arrive(endpoint, arriving("OPTIONS"))
    other = arriving("OPTIONS", call="call-2").replace(b"192.0.2.1:5060", b"192.0.2.8:5060")
    endpoint.receive(other, flow_to("192.0.2.8"), 0.1)
    assert names(told(endpoint)) == ["RequestArrived"]


def test_bad_request_is_answered_400_and_told(endpoint: Endpoint) -> None:
    endpoint.receive(arriving("OPTIONS").replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INFO"), SOURCE, 0.0)
    assert (sent(endpoint), names(told(endpoint))) == (["400"], ["BadMessage"])
    assert endpoint.active == 0


def test_bad_ack_and_noise_get_no_answer(endpoint: Endpoint) -> None:
    endpoint.receive(arriving("ACK").replace(b"CSeq: 1 ACK", b"CSeq: 1 BYE"), SOURCE, 0.0)
    endpoint.receive(b"\x16\x03\x01hello", SOURCE, 0.0)
    assert (sent(endpoint), endpoint.counters["bad_messages"]) == ([], 2)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0"])
def test_keep_alives_are_no_bad_messages(endpoint: Endpoint, data: bytes) -> None:
    endpoint.receive(data, SOURCE, 0.0)
    assert (told(endpoint), endpoint.counters["keep_alives"], endpoint.counters["bad_messages"]) == ([], 1, 0)


def test_response_to_nothing_is_counted(endpoint: Endpoint) -> None:
    endpoint.receive(answer(arriving("OPTIONS", branch="z9hG4bKguess"), 200), PEER, 0.0)
    assert (told(endpoint), endpoint.counters["stray_responses"]) == ([], 1)


def test_flood_is_bounded_and_leaves_room_for_calls() -> None:
    endpoint = Endpoint(SeededChance(), limit=100)
    for number in range(1000):
        endpoint.receive(arriving("OPTIONS", branch=f"z9hG4bK{number}"), SOURCE, 0.0)
    assert len(told(endpoint)) == endpoint.active == 50
    refused = taken(endpoint)
    assert len(refused) == 950 and {name_of(data) for data in refused} == {"503"}
    assert parse(refused[0]).get("Retry-After") == "5"
    endpoint.receive(arriving("BYE", to_tag="dialog1"), SOURCE, 0.0)
    for number in range(60):
        endpoint.receive(arriving(branch=f"z9hG4bKi{number}", call=f"c{number}"), SOURCE, 0.0)
    assert len(told(endpoint)) == 50
    run_out(endpoint, 100)
    assert endpoint.counters["refused_busy"] == 961


def test_the_one_tag_is_in_all_answers(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    endpoint.reply(event.tx, 180, 0.1)
    endpoint.reply(event.tx, 200, 0.2)
    assert {parse(data).to.tag for data in taken(endpoint)} == {event.tx.to_tag}
    again = arrive(endpoint, arriving("BYE", to_tag="dialog1"))
    assert again.tx.to_tag == "dialog1"


def test_the_to_of_our_2xx_is_known_before_the_ack_says_it(endpoint: Endpoint) -> None:
    tx = arrive(endpoint, arriving(call="known-to")).tx
    line = f"To: <sip:bob@example.test>;tag={tx.to_tag}"
    good_lines.pop(line, None)  # other tests say the same
    endpoint.reply(tx, 180, 0.1)
    assert line not in good_lines
    endpoint.reply(tx, 200, 0.2)
    assert good_lines[line] == ("To", line[4:])
    assert line.encode() in taken(endpoint)[-1]


def test_flow_of_a_dead_connection_fails_its_own_only(endpoint: Endpoint) -> None:
    flows = [Flow("TCP", "192.0.2.2", 5060, f"tcp{number}") for number in range(2)]
    txs = [endpoint.request(make_request("INFO"), flow, 0.0, owner=flow.local) for flow in flows]
    endpoint.flow_failed(flows[0], 0.1)
    assert names(told(endpoint)) == ["TransactionFailed", "FlowClosed"]
    assert [tx.over for tx in txs] == [True, False]


# A network that is gone for a moment


def test_a_call_that_rings_outlives_a_datagram_that_cannot_be_sent(endpoint: Endpoint) -> None:
    """A probe to the same carrier finds no route for a second: the calls that ring there are not over."""
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 0.5)
    told(endpoint)
    probe = endpoint.request(make_request("OPTIONS", call="probe"), PEER, 1.0, owner="probe")
    endpoint.flow_failed(PEER, 1.0)
    (failed,) = told(endpoint)
    assert isinstance(failed, TransactionFailed) and failed.tx is probe
    endpoint.receive(answer(data, 200), PEER, 4.0)
    assert names(told(endpoint)) == ["ResponseArrived"] and not tx.over


def test_a_hang_up_is_sent_again_until_the_network_is_back(endpoint: Endpoint) -> None:
    tx = endpoint.request(make_request("BYE", to_tag="theirs"), PEER, 0.0)
    (data,) = taken(endpoint)
    endpoint.flow_failed(PEER, 0.0)
    assert told(endpoint) == []
    endpoint.expire(0.5)
    assert taken(endpoint) == [data]
    endpoint.receive(answer(data, 200), PEER, 0.6)
    assert names(told(endpoint)) == ["ResponseArrived"] and tx.last_status == 200


def test_a_network_that_stays_gone_ends_a_hang_up_by_its_time(endpoint: Endpoint) -> None:
    endpoint.request(make_request("BYE", to_tag="theirs"), PEER, 0.0)
    endpoint.flow_failed(PEER, 0.0)
    endpoint.expire(31.9)
    assert told(endpoint) == []
    endpoint.expire(32.0)
    (failed,) = told(endpoint)
    assert isinstance(failed, TransactionFailed) and failed.cause == "timeout"


def test_a_cancel_is_sent_again_too(endpoint: Endpoint) -> None:
    tx, data = invite(endpoint)
    endpoint.receive(answer(data, 180), PEER, 0.5)
    endpoint.cancel(tx, 1.0)
    (cancel,) = taken(endpoint)
    endpoint.flow_failed(PEER, 1.0)
    endpoint.expire(1.5)
    assert taken(endpoint) == [cancel]


def test_a_call_that_nobody_has_answered_goes_elsewhere_at_once(endpoint: Endpoint) -> None:
    invite(endpoint)
    endpoint.flow_failed(PEER, 0.0)
    (failed,) = told(endpoint)
    assert isinstance(failed, TransactionFailed) and failed.cause == "transport"


def test_a_caller_whose_answer_cannot_be_sent_for_a_moment_gets_it_later(endpoint: Endpoint) -> None:
    event = arrive(endpoint)
    endpoint.reply(event.tx, 200, 1.0)
    (data,) = taken(endpoint)
    endpoint.flow_failed(event.tx.flow, 1.0)
    assert told(endpoint) == []
    endpoint.expire(1.5)
    assert taken(endpoint) == [data]
