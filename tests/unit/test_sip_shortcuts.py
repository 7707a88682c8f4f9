"""What is read or kept without the full parser must say the same as the full parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ids import SeededChance
from ccd.sip.address import Address
from ccd.sip.dialog import without_tag
from ccd.sip.endpoint import AckArrived, Endpoint, Flow, RequestArrived, ResponseArrived
from ccd.sip.grammar import SipParseError
from ccd.sip.message import Request, Response, parse

FLOW = Flow("UDP", "192.0.2.1", 5060, "127.0.0.1:5060")

_displays = st.sampled_from(["", "Bob ", '"Bob" ', '"a > b;tag=no" ', '"<x>;tag=no" '])
_uris = st.sampled_from(["sip:bob@x.test", "sip:bob@x.test;user=phone", "tel:+3312;tag=no"])
_tails = st.lists(
    st.sampled_from([";tag=abc", ";TAG=Q", ";x=1", ";tag", ' ; tag = "q"', ';y="a>b;tag=z"', ";tag=a/b"]),
    max_size=3,
).map("".join)


@given(_displays, _uris, _tails)
def test_tags_and_addresses(display: str, uri: str, tail: str) -> None:
    value = f"{display}<{uri}>{tail}"
    try:
        expected = Address.parse(value)
    except SipParseError:
        return
    message = Response.create(200, None, [("From", value), ("To", value)])
    assert (message.from_tag, message.to_tag) == (expected.tag, expected.tag)
    shown = Address.parse(without_tag(value))
    assert (shown.display, shown.uri, shown.params) == (expected.display, expected.uri, {})


def test_a_bare_address_has_its_tag_too() -> None:
    message = Response.create(200, None, [("From", "sip:a@b;tag=1"), ("To", "sip:a@b")])
    assert (message.from_tag, message.to_tag) == ("1", None)
    with pytest.raises(SipParseError):
        _ = Response.create(200, None).to_tag


@given(
    st.lists(
        st.sampled_from([";branch=z9hG4bK1", ";Branch=z2", ";rport", ';x="a;branch=no"', ";branch=a/b"]),
        max_size=3,
    ).map("".join),
    st.sampled_from(["", ", SIP/2.0/UDP b.test;branch=z9hG4bKother"]),
)
def test_branches(params: str, more: str) -> None:
    message = Response.create(200, None, [("Via", f"SIP/2.0/UDP a.test{params}{more}")])
    assert message.branch == message.via.branch


INVITE = (
    "INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    "From: <sip:a@192.0.2.1>;tag=f\r\nTo: <sip:1000@127.0.0.1>{to}\r\nCall-ID: c1\r\n"
    "CSeq: 1 {method}\r\nContact: <sip:a@192.0.2.1>\r\nContent-Length: {size}\r\n\r\n{body}"
)


def test_a_confirmed_call_keeps_only_what_absorbs_copies() -> None:
    """Tens of thousands of answered INVITEs are kept for 32 s: they must not hold legs and bodies."""
    endpoint = Endpoint(SeededChance())
    endpoint.receive(INVITE.format(to="", method="INVITE", size=3, body="v=0").encode(), FLOW, 1.0)
    arrived = endpoint.events.popleft()
    assert isinstance(arrived, RequestArrived)
    tx = arrived.tx
    tx.owner = owner = object()
    endpoint.reply(tx, 200, 1.1)
    assert tx.request.body == b"v=0"
    assert tx.sent
    ack = INVITE.replace("INVITE sip", "ACK sip").replace("K1\r", "K2\r")
    ack = ack.format(to=f";tag={tx.to_tag}", method="ACK", size=0, body="")
    endpoint.receive(ack.encode(), FLOW, 1.2)
    told = endpoint.events.popleft()
    assert isinstance(told, AckArrived)
    assert told.owner is owner
    assert (tx.owner, tx.sent, tx.request.body, tx.request.headers) == (None, b"", b"", [])
    endpoint.out.clear()
    endpoint.receive(INVITE.format(to="", method="INVITE", size=3, body="v=0").encode(), FLOW, 1.3)
    assert not endpoint.events
    assert not endpoint.out


def test_an_acknowledged_invite_of_ours_keeps_what_a_fork_needs() -> None:
    endpoint = Endpoint(SeededChance())
    headers = [
        ("From", "<sip:a@b>;tag=f"), ("To", "<sip:c@d>"), ("Call-ID", "c"), ("CSeq", "1 INVITE"),
        ("Contact", "<sip:a@b>"), ("X-CCD-Interaction", "7"),
    ]  # fmt: skip
    tx = endpoint.request(Request.create("INVITE", "sip:c@d", headers, b"v=0"), FLOW, 1.0)
    answer = parse(Response.to_request(tx.request, 200, None, "t").to_bytes())
    endpoint.receive_message(answer, FLOW, 1.1)
    told = endpoint.events.popleft()
    assert isinstance(told, ResponseArrived)
    ack = Request.create("ACK", "sip:c@d", [("To", "<sip:c@d>;tag=t"), *headers[:1], *headers[2:3]])
    endpoint.send_ack(tx, ack, FLOW, 1.1)
    assert (tx.sent, tx.request.body, tx.request.get("X-CCD-Interaction")) == (b"", b"", None)
    assert tx.request.get("Contact") == "<sip:a@b>"
    endpoint.out.clear()
    endpoint.receive_message(answer, FLOW, 1.6)
    assert [data[:3] for _, data in endpoint.out] == [b"ACK"]
