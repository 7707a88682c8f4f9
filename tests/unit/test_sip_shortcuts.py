"""What is read or kept without the full parser must say the same as the full parser."""

from math import inf

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccd.ids import SeededChance
from ccd.sip.address import Address, read_address
from ccd.sip.check import CHECKS, _is_bracketed
from ccd.sip.description import SessionDescription, _read_session, parse_sdp
from ccd.sip.dialog import without_tag
from ccd.sip.endpoint import AckArrived, Endpoint, Flow, RequestArrived, ResponseArrived
from ccd.sip.grammar import SipParseError, split_list
from ccd.sip.headers import Via, read_hop
from ccd.sip.message import Request, Response, parse
from ccd.sip.timers import Timers

FLOW = Flow("UDP", "192.0.2.1", 5060, "127.0.0.1:5060")

_displays = st.sampled_from(["", "Bob ", '"Bob" ', '"a > b;tag=no" ', '"<x>;tag=no" '])
_uris = st.sampled_from(["sip:bob@x.test", "sip:bob@x.test;user=phone", "tel:+3312;tag=no"])
_tails = st.lists(
    st.sampled_from([";tag=abc", ";TAG=Q", ";x=1", ";tag", ' ; tag = "q"', ';y="a>b;tag=z"', ";tag=a/b"]),
    max_size=3,
).map("".join)


@pytest.mark.parametrize(
    "value", ["<sip:a@h>;tag=", "<sip:a@h>;tag=a b", "<a<sip:a@h>;tag=1", "<sip:a>b@h>;tag=1"]
)
def test_an_address_that_is_none_is_refused_in_the_usual_shape_too(value: str) -> None:
    for read in (Address.parse, read_address):
        with pytest.raises(SipParseError):
            read(value)


@given(_displays, _uris, _tails)
def test_tags_and_addresses(display: str, uri: str, tail: str) -> None:
    value = f"{display}<{uri}>{tail}"
    try:
        expected = Address.parse(value)
    except SipParseError:
        return
    message = Response.create(200, None, [("From", value), ("To", value)])
    assert (message.from_tag, message.to_tag) == (expected.tag, expected.tag)
    assert msgspec.structs.asdict(read_address(value)) == msgspec.structs.asdict(expected)
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


_sent_by = st.sampled_from(["a.test", "a.test:5062", "a.test : 5062", "[2001:db8::1]:5060", "192.0.2.1:0"])
_via_tails = st.lists(
    st.sampled_from(
        [";branch=z9hG4bK1", ";branch=z9-x", ";rport", ";rport=5060", ";", ";branch=", ' ;branch = "q"', ","]
    ),
    max_size=3,
).map("".join)


@given(_sent_by, _via_tails, st.sampled_from(["SIP/2.0/UDP ", "sip / 2.0 / tcp  ", "SIP/2.0/"]))
def test_the_top_via(sent_by: str, tail: str, protocol: str) -> None:
    value = f"{protocol}{sent_by}{tail}"
    try:
        expected, *_ = [Via.parse(part) for part in split_list(value)]
    except SipParseError:
        with pytest.raises(SipParseError):
            read_hop(value)
        return
    hop = read_hop(value)
    assert (hop.host, hop.port) == (expected.host, expected.port)
    assert (hop.branch, hop.wants_rport) == (expected.branch, expected.wants_rport)


@given(
    _displays,
    st.one_of(_uris, st.sampled_from(["", "sip:", "sip:a@[::1]", "sip:a@[1:2]", "sip:%zz@b"])),
    _tails,
)
@example("", "sip:a@[1:2]", ";tag=abc")
@example("", "sip:%ff@b", ";tag=abc")
@example("", "sip:+3312@x.test", ";tag=abc")
@example("", "sip:+@x.test", ";tag=abc")
@example("", "sip:+12é@x.test", ";tag=abc")
@example("", "sip:bob@", ";tag=abc")
@example("", "sip:bob@x.test@y", ";tag=abc")
@example("", "sip:bob@[1:2]", ";tag=abc")
@example("", "sip:+3312@x.test;user=phone", ";tag=abc")
@example("", "sip:bob@x.test:5062;lr;a=b", ";tag=abc")
@example("", "sip:bob@x.test;=b", ";tag=abc")
@example("", "sip:bob@x.test:70000", ";tag=abc")
@example("", "sip:bob@-x.test", "")
def test_an_address_is_accepted_exactly_when_it_can_be_read(display: str, uri: str, tail: str) -> None:
    value = f"{display}<{uri}>{tail}"
    try:
        Address.parse(value)
    except SipParseError:
        with pytest.raises(SipParseError):
            CHECKS["From"](value)
    else:
        CHECKS["From"](value)


def test_the_numbers_of_many_callers_are_no_reason_to_read_their_place_again() -> None:
    CHECKS["From"]("<sip:+3310@many.test>;tag=a0")
    read = _is_bracketed.cache_info().misses
    for shown in ("<sip:+3311@many.test>;tag=a1", "<sip:+3312@many.test:5062;user=phone>;tag=a2"):
        CHECKS["From"](shown)
    assert _is_bracketed.cache_info().misses == read


_session_lines = st.lists(
    st.sampled_from(
        ["o=- 1 2 IN IP4 192.0.2.1", "o=a b 1 2 IN IP4 x", "o=- x 2 IN IP6 ::1", "s=", "s=a b",
         "c=IN IP4 192.0.2.9", "c=IN IP4 224.2.1.1/127", "c=IN IP5 x", "t=0 0", "t=", "a=sendonly", "b=AS:84",
         "", "no line"]
    ),
    min_size=2,
    max_size=6,
)  # fmt: skip


@given(_session_lines, st.sampled_from(["", "\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.8"]))
@example(["o=- 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"], "")
@example(["o=- 1 2 IN IP4 192.0.2.1", "s=", "t=0 0"], "")
@example(["o=- 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 224.2.1.1/127", "t=0 0"], "")
def test_the_head_of_an_sdp(lines: list[str], media: str) -> None:
    session = "\n".join(["v=0", *lines])
    try:
        expected = _read_session(session)
    except SipParseError:
        with pytest.raises(SipParseError):
            parse_sdp((session + media).encode())
        return
    described = parse_sdp((session + media).encode())
    described.media = []
    assert described == expected


@given(
    st.sampled_from(["audio", "video", "Audio", ""]),
    st.sampled_from(["4000", "0", "59999", "60000", "65535", "65536", "4000/2", "x"]),
    st.sampled_from(["RTP/AVP 0 101", " RTP/AVP 0", "RTP/AVP", "", " ", "RTP/SAVP 8 "]),
    st.sampled_from(["", "\n", "\na=rtpmap:101 telephone-event/8000\na=sendonly\n", "\nc=IN IP4 192.0.2.8"]),
)
def test_the_media_of_an_sdp(kind: str, port: str, terms: str, rest: str) -> None:
    body = f"v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm={kind} {port} {terms}{rest}"

    def read() -> SessionDescription | str:
        try:
            return parse_sdp(body.encode())
        except SipParseError as fault:
            return fault.reason

    found = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccd.sip.description._usual_media", lambda _section: None)
        assert read() == found


def test_a_session_without_an_address_needs_one_for_each_of_its_media() -> None:
    head = "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nt=0 0\n"
    own = "m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.8\n"
    assert len(parse_sdp((head + own + "m=video 0 RTP/AVP 96\n").encode()).media) == 2
    with pytest.raises(SipParseError, match="without c="):
        parse_sdp((head + own + "m=video 4002 RTP/AVP 96\n").encode())


@pytest.mark.parametrize(
    "start", ["INVITE sip:bob@x.test ", "INVITE  SIP/2.0", "IN(VITE sip:bob@x.test SIP/2.0"]
)
def test_a_start_line_with_a_fault_is_refused_each_time(start: str) -> None:
    data = f"{start}\r\nVia: SIP/2.0/UDP a.test;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    data += "To: <sip:b@c>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    partials = []
    for _ in range(2):
        with pytest.raises(SipParseError) as fault:
            parse(data.encode())
        partials.append(fault.value.partial)
    assert partials[0] is not partials[1]


@pytest.mark.parametrize("broken", ["Call-ID: c\rx", "Call-ID: c\nx", "X-Other: \n", "\nX: y"])
def test_a_break_alone_is_refused_where_other_lines_are_remembered(broken: str) -> None:
    good = INVITE.format(to="", method="INVITE", size=0, body="")
    parse(good.encode())
    head, _, _ = good.partition("\r\n\r\n")
    with pytest.raises(SipParseError, match="alone"):
        parse(f"{head}\r\n{broken}\r\n\r\n".encode())
    for start in ("INVITE sip:1000@127.0.0.1 SIP/2.0\r", "SIP/2.0 200 OK\n"):
        with pytest.raises(SipParseError, match="alone"):
            parse(good.replace("INVITE sip:1000@127.0.0.1 SIP/2.0", start, 1).encode())


def test_what_was_received_is_written_with_the_length_that_it_has_now() -> None:
    message = parse(INVITE.format(to="", method="INVITE", size=3, body="v=0").encode())
    message.body = b"v=0123"
    written = message.to_bytes()
    assert written.count(b"Content-Length: ") == 1
    assert written.endswith(b"\r\nContent-Length: 6\r\n\r\nv=0123")


def test_values_that_are_shared_cannot_be_changed() -> None:
    first = parse(INVITE.format(to="", method="INVITE", size=0, body="").encode())
    again = parse(INVITE.format(to=";tag=x", method="INVITE", size=0, body="").encode())
    assert first.contacts[0] is again.contacts[0]
    with pytest.raises(AttributeError):
        first.contacts[0].uri = again.to.uri  # type: ignore[misc]
    with pytest.raises(AttributeError):
        first.to.uri.host = "elsewhere.test"  # type: ignore[misc, union-attr]


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=20))
def test_no_timer_comes_before_the_soonest(plan: list[tuple[float, bool]]) -> None:
    timers: Timers[int, None] = Timers()
    for number, (at, kept) in enumerate(plan):
        entry = timers.set(at, number, None)
        if not kept:
            timers.cancel(entry)
        alive = [when for when, stays in plan[: number + 1] if stays]
        assert timers.soonest <= min(alive, default=inf)
    list(timers.due(50.0))
    left = [at for at, stays in plan if stays and at > 50.0]
    assert timers.soonest <= min(left, default=inf)
    assert timers.next_deadline() == min(left, default=None)
    assert timers.soonest == min(left, default=inf)


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
