"""Dialogs: identifiers, route sets, sequence numbers, targets (RFC 3261 §12)."""

from typing import Any

import pytest

from ccd.sip.dialog import Dialog, key_of
from ccd.sip.message import Request, Response, SipParseError, parse
from tests.unit.sip_pair import answer, arriving, make_request

PROXIES = ["<sip:p1.example.test;lr>", "<sip:p2.example.test;lr>"]


def incoming(method: str = "INVITE", number: int = 1, **headers: str) -> Request:
    request = parse(arriving(method, number=number))
    assert isinstance(request, Request)
    for name, value in headers.items():
        request.set(name.replace("_", "-"), value)
    return request


def our_invite() -> tuple[Request, Response]:
    request = make_request()
    request.prepend("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKone")
    response = parse(answer(request.to_bytes(), 200))
    assert isinstance(response, Response)
    return request, response


def served(**headers: Any) -> Dialog:
    return Dialog.as_server(incoming(**headers), "local1", "<sip:ccd@192.0.2.9>")


def test_dialog_of_the_called_side() -> None:
    dialog = served(Record_Route=", ".join(PROXIES))
    assert dialog.key == ("call-1", "local1", "from1")
    assert dialog.local_uri == "<sip:bob@example.test>"
    assert dialog.remote_uri == '"Alice" <sip:alice@example.test>'
    assert str(dialog.remote_target) == "sip:alice@192.0.2.1"
    assert dialog.route_set == PROXIES
    assert (dialog.remote_seq, dialog.local_seq, dialog.secure) == (1, 0, False)


def test_request_of_the_called_side_swaps_the_ends() -> None:
    bye = served().request("BYE")
    assert (bye.method, bye.raw_uri) == ("BYE", "sip:alice@192.0.2.1")
    assert (bye.from_.tag, bye.to.tag, bye.call_id) == ("local1", "from1", "call-1")
    assert (bye.cseq.number, bye.cseq.method, bye.max_forwards) == (1, "BYE", 70)
    assert bye.get("Contact") is None
    assert bye.to.display == "Alice"


def test_dialog_of_the_calling_side_turns_the_route_round() -> None:
    request, response = our_invite()
    response.add("Record-Route", ", ".join(PROXIES))
    dialog = Dialog.as_client(request, response)
    assert dialog.key == ("call-1", "from1", "to1")
    assert dialog.route_set == PROXIES[::-1]
    assert (dialog.local_seq, dialog.confirmed) == (1, True)
    bye = dialog.request("BYE")
    assert (bye.cseq.number, bye.raw_uri) == (2, "sip:bob@192.0.2.2")
    assert bye.get_all("Route") == PROXIES[::-1]


def test_both_ends_of_one_call_have_the_same_dialog_seen_from_two_sides() -> None:
    request, response = our_invite()
    caller = Dialog.as_client(request, response)
    callee = Dialog.as_server(request, "to1")
    assert (caller.call_id, caller.local_tag, caller.remote_tag) == (
        callee.call_id,
        callee.remote_tag,
        callee.local_tag,
    )
    assert key_of(caller.request("BYE")) == callee.key
    assert key_of(callee.request("BYE")) == caller.key


def test_ack_has_the_number_of_its_invite_and_can_carry_the_answer() -> None:
    request, response = our_invite()
    dialog = Dialog.as_client(request, response)
    dialog.request("INFO")
    ack = dialog.ack(response, body=b"v=0\r\n", content_type="application/sdp")
    assert (ack.method, ack.cseq.number, ack.cseq.method) == ("ACK", 1, "ACK")
    assert (ack.to.tag, ack.raw_uri, ack.body) == ("to1", "sip:bob@192.0.2.2", b"v=0\r\n")
    assert ack.content_type == "application/sdp"
    assert dialog.request("BYE").cseq.number == 3


def test_refreshing_requests_carry_our_contact() -> None:
    dialog = served()
    assert dialog.request("INVITE").get("Contact") == "<sip:ccd@192.0.2.9>"
    assert dialog.request("UPDATE", contact="<sip:new@192.0.2.9>").get("Contact") == "<sip:new@192.0.2.9>"
    info = dialog.request("INFO", headers=[("Info-Package", "x")], body=b"5", content_type="text/plain")
    assert (info.get("Contact"), info.get("Info-Package"), info.body) == (None, "x", b"5")


def test_strict_router_becomes_the_request_uri() -> None:
    dialog = served(Record_Route="<sip:old.example.test;x=1>, <sip:p2.example.test;lr>")
    bye = dialog.request("BYE")
    assert bye.raw_uri == "sip:old.example.test;x=1"
    assert bye.get_all("Route") == ["<sip:p2.example.test;lr>", "<sip:alice@192.0.2.1>"]
    assert dialog.next_hop.host == "old.example.test"  # type: ignore[union-attr]


def test_next_hop_is_the_target_without_proxies() -> None:
    assert str(served().next_hop) == "sip:alice@192.0.2.1"


def test_requests_out_of_order_are_refused() -> None:
    dialog = served()
    assert [dialog.accepts(incoming("BYE", number)) for number in (1, 0, 5, 4, 5, 6)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_ack_and_cancel_have_no_place_in_the_order() -> None:
    dialog = served()
    assert dialog.accepts(incoming("ACK")) and dialog.accepts(incoming("CANCEL"))
    assert dialog.remote_seq == 1


def test_first_request_of_the_other_side_is_taken_whatever_its_number() -> None:
    request, response = our_invite()
    assert Dialog.as_client(request, response).accepts(incoming("BYE", 0))


def test_target_moves_with_reinvite_but_not_with_bye() -> None:
    dialog = served()
    dialog.update_target(incoming("BYE", 2, Contact="<sip:wrong@192.0.2.66>"))
    assert str(dialog.remote_target) == "sip:alice@192.0.2.1"
    for _ in range(2):
        assert dialog.request("INFO").raw_uri == "sip:alice@192.0.2.1"
    dialog.update_target(incoming("INVITE", 3, Contact="<sip:new@192.0.2.77:5090>"))
    assert dialog.request("BYE").raw_uri == "sip:new@192.0.2.77:5090"


def test_early_dialog_takes_route_and_target_of_the_2xx() -> None:
    request, response = our_invite()
    ringing = parse(answer(request.to_bytes(), 180))
    assert isinstance(ringing, Response)
    ringing.add("Record-Route", "<sip:early.example.test;lr>")
    ringing.add("Contact", "<sip:early@192.0.2.3>")
    dialog = Dialog.as_client(request, ringing)
    assert dialog.confirmed is False
    response.add("Record-Route", PROXIES[0])
    dialog.confirm(response)
    assert (dialog.confirmed, dialog.route_set) == (True, PROXIES[:1])
    assert str(dialog.remote_target) == "sip:bob@192.0.2.2"


def test_response_without_contact_leaves_the_request_uri() -> None:
    request, response = our_invite()
    response.remove("Contact")
    assert Dialog.as_client(request, response).request("BYE").raw_uri == "sip:bob@192.0.2.2"


def test_caller_without_contact_is_refused() -> None:
    request = incoming()
    request.remove("Contact")
    with pytest.raises(SipParseError, match="Contact"):
        Dialog.as_server(request, "local1")


def test_peer_without_tags_gets_none() -> None:
    dialog = served(From="<sip:old@example.test>")
    assert dialog.remote_tag == ""
    assert dialog.request("BYE").to.tag is None


def test_tel_uri_as_party_survives() -> None:
    dialog = served(From="<tel:+33123456789>;tag=from1")
    assert dialog.request("BYE").get("To") == "<tel:+33123456789>;tag=from1"


def test_secure_call_is_known() -> None:
    request = incoming()
    request.raw_uri = "sips:bob@example.test"
    assert Dialog.as_server(request, "x").secure
