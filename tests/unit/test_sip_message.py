"""Messages: header table, typed headers, building, answering, stream framing."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ids import SeededChance
from ccd.sip.address import Address, parse_addresses, read_seconds
from ccd.sip.endpoint import Endpoint, Flow
from ccd.sip.grammar import parse_params, split_list
from ccd.sip.headers import CSeq, Via, canonical_name, parse_auth
from ccd.sip.lines import MOST_GOOD_LINES, good_lines
from ccd.sip.message import (
    KEEPALIVE_PING,
    Request,
    Response,
    SipParseError,
    StreamParser,
    parse,
)

INVITE = (
    b"INVITE sip:+33123456789@192.0.2.10;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK776;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice Doe" <sip:+33612345678@example.com>;tag=19283\r\n'
    b"To: <sip:+33123456789@example.com>\r\n"
    b"Call-ID: a84b4c76e66710@pc33.example.com\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:alice@192.0.2.20:5060;transport=udp>\r\n"
    b"Allow: INVITE, ACK,CANCEL\r\n"
    b"Content-Type: Application/SDP;charset=utf-8\r\n"
    b"Content-Length: 4\r\n\r\nv=0\n"
)


def invite(**changes: str) -> bytes:
    """The INVITE with header values replaced (underscore for dash); an empty value takes the header out."""
    head, _, body = INVITE.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    for key, value in changes.items():
        name = key.replace("_", "-")
        lines = [line for line in lines if not line.startswith(name + ":")]
        if value:
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def refused(data: bytes) -> SipParseError:
    with pytest.raises(SipParseError) as caught:
        parse(data)
    return caught.value


def test_typed_headers_of_a_plain_invite() -> None:
    message = parse(INVITE)
    assert isinstance(message, Request)
    assert (message.method, message.raw_uri) == ("INVITE", "sip:+33123456789@192.0.2.10;user=phone")
    assert message.uri.user == "+33123456789"
    assert message.via == Via("SIP/2.0", "UDP", "192.0.2.20", 5060, {"branch": "z9hG4bK776", "rport": None})
    assert (message.via.branch, message.via.rport, message.via.wants_rport) == ("z9hG4bK776", None, True)
    assert (message.from_.display, message.from_.tag, message.to.tag) == ("Alice Doe", "19283", None)
    assert message.cseq == CSeq(314159, "INVITE")
    assert message.contacts[0].uri.user == "alice"
    assert message.get_all("allow") == ["INVITE", "ACK", "CANCEL"]
    assert message.content_type == "application/sdp"
    assert message.max_forwards == 70
    assert (message.expires, message.route, message.record_route) == (None, [], [])
    assert message.body == b"v=0\n"


def test_lines_known_from_earlier_messages_count_in_their_own() -> None:
    assert parse(INVITE).headers == parse(INVITE).headers
    twice = INVITE.replace(b"Max-Forwards: 70\r\n", b"Max-Forwards: 70\r\n" * 2)
    assert "Max-Forwards stands more than once" in str(refused(twice))
    wrong = invite(CSeq="1 BYE")
    assert "methods" in str(refused(wrong))
    assert "methods" in str(refused(wrong)), "a good line in a wrong place is no fault of the line"


def test_good_lines_of_many_strangers_do_not_fill_the_memory() -> None:
    for number in range(2 * MOST_GOOD_LINES):
        parse(INVITE.replace(b"a84b4c76e66710", b"%d" % number))
    assert len(good_lines) <= MOST_GOOD_LINES


def test_branches_do_not_crowd_out_the_lines_that_come_again() -> None:
    good_lines.clear()
    for number in range(10):
        parse(INVITE.replace(b"z9hG4bK776", b"z9hG4bK%d" % number))
    assert not any("Via" in line for line in good_lines)
    assert len(good_lines) == len(parse(INVITE).headers) - 1


def test_a_line_with_a_fault_is_never_taken_for_a_good_one() -> None:
    for _ in range(2):
        error = refused(invite(Contact="<sip:al ice@h>"))
        assert error.partial is not None and error.partial.get("Contact") == "<sip:al ice@h>"
        assert "not a header" in str(refused(INVITE.replace(b"Max-Forwards:", b"Max Forwards:")))
    parse(INVITE)


def test_what_an_invite_of_ours_says_of_itself_is_known_when_it_is_answered() -> None:
    good_lines.clear()
    good_lines.expect("From", "<sip:a@h>;tag=1")
    good_lines.expect("Call-ID", "c" * 400)
    assert dict(good_lines) == {"From: <sip:a@h>;tag=1": ("From", "<sip:a@h>;tag=1")}  # no long ones
    good_lines.clear()
    endpoint = Endpoint(SeededChance())
    request = Request.create("INVITE", "sip:b@h", [("From", "<sip:a@h>;tag=1"), ("Call-ID", "c1")])
    endpoint.request(request, Flow("UDP", "192.0.2.1", 5060, "192.0.2.2:5060"), 0.0)
    assert set(good_lines) == {"From: <sip:a@h>;tag=1", "Call-ID: c1"}


def test_contacts_in_one_header_and_in_several() -> None:
    one, two = "<sip:a@h>", "<sip:b@h>"
    for values, users in (([one], ["a"]), ([one, two], ["a", "b"]), ([f"{one}, {two}"], ["a", "b"])):
        lines = b"".join(b"Contact: %s\r\n" % value.encode() for value in values)
        message = parse(invite(Contact="").replace(b"Max-Forwards", lines + b"Max-Forwards"))
        assert [each.uri.user for each in message.contacts] == users
        assert message.contacts is message.contacts
    message.set("Contact", one)
    assert [each.uri.user for each in message.contacts] == ["a"]
    message.remove("Contact")
    assert message.contacts == []


def test_a_request_that_is_sent_anew_has_one_via() -> None:
    request = parse(INVITE.replace(b"Max-Forwards", b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards"))
    request.set_via("SIP/2.0/UDP h2;branch=z9hG4bKy")
    request.set_via("SIP/2.0/UDP h2;branch=z9hG4bKz")
    assert request.headers[0] == ("Via", "SIP/2.0/UDP h2;branch=z9hG4bKz")
    assert request.get_all("Via") == ["SIP/2.0/UDP h2;branch=z9hG4bKz"] and request.branch == "z9hG4bKz"


def test_typed_headers_are_kept_until_a_header_changes() -> None:
    message = parse(INVITE)
    assert message.from_ is message.from_ and message.via is message.via
    message.set("From", "<sip:bob@h>;tag=x")
    assert message.from_.tag == "x" and message.get("from") == "<sip:bob@h>;tag=x"


def test_compact_names_and_odd_case_are_expanded() -> None:
    data = (
        b"OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/TCP h\r\nF: <sip:a@h>;tag=1\r\nt : <sip:b@h>\r\nI: x\r\n"
        b"cSEQ: 1 OPTIONS\r\nm: <sip:a@h>\r\nk: timer\r\nc: text/plain\r\no: presence\r\nr: <sip:c@h>\r\n"
        b"x-ccd-interaction: 9\r\nx-strange-THING: 1\r\nl: 2\r\n\r\nhi"
    )
    message = parse(data)
    names = "Via From To Call-ID CSeq Contact Supported Content-Type Event Refer-To X-CCD-Interaction"
    assert [name for name, _ in message.headers] == [*names.split(" "), "X-Strange-Thing", "Content-Length"]
    assert message.get("X-STRANGE-thing") == "1" == message.get("x-strange-thing")
    assert message.get("v") == "SIP/2.0/TCP h" and message.get("Missing") is None


def test_folded_headers_are_joined() -> None:
    message = parse(
        INVITE.replace(b"Max-Forwards: 70", b"Subject: one\r\n\ttwo \r\n  three\r\nMax-Forwards: 70")
    )
    assert message.get("Subject") == "one two three"


@pytest.mark.parametrize(
    ("text", "display", "user", "tag"),
    [
        ('"A \\"B\\" \\\\ C" <sip:a@h>;tag=1', 'A "B" \\ C', "a", "1"),
        ("Zoë Čech <sip:a@h>", "Zoë Čech", "a", None),
        ('"Žofie, <x>" <sip:a@h>;tag=2', "Žofie, <x>", "a", "2"),
        ("sip:a@h;tag=3", "", "a", "3"),
        ("<sip:a@h;tag=inner>", "", "a", None),
        ('"" <sip:a@h> ; TAG = 4', "", "a", "4"),
        ("tel:+33123456789;tag=5", "", "+33123456789", "5"),
        ("<tel:+33-1-23;phone-context=x>;tag=6", "", "+33123", "6"),
        ("<urn:service:sos>", "", None, None),
        ("One Two<sip:a@h>", "One Two", "a", None),
    ],
)
def test_addresses(text: str, display: str, user: str | None, tag: str | None) -> None:
    address = Address.parse(text)
    assert (address.display, address.uri.user, address.tag) == (display, user, tag)
    assert Address.parse(str(address)) == address
    assert parse(invite(From=text)).from_ == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"a <sip:a@h>',
        "<sip:a@h",
        "sip:a@h>",
        "a, b <sip:a@h>",
        "<sip:a@h>;",
        "<sip:a@h>;;x",
        "<sip:a b@h>",
        "<sip:a@h>;tag=a b",
        "<>",
        "sip:a@h?x=y",
        "<sip:%FF@h>",
        "<sip:a@[::g]>",
        "<sip:a@h:99999>",
        "a@h",
    ],
)
def test_broken_addresses_are_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        Address.parse(text)
    assert refused(invite(From=text)).status == 400


def test_contact_star_and_lists() -> None:
    star = parse(invite(Contact="*"))
    assert star.contact_is_star and star.contacts == []
    many = parse(invite(Contact='"a, b" <sip:a,b@h>;q=0.5, <sip:c@h>;expires=60,sip:d@h;expires=x'))
    assert not many.contact_is_star
    assert [contact.uri.user for contact in many.contacts] == ["a,b", "c", "d"]
    assert [contact.expires for contact in many.contacts] == [None, 60, None]
    assert [contact.q for contact in many.contacts] == [0.5, 1.0, 1.0]
    assert len(parse_addresses("<sip:a@h;lr>,<sip:b@h;lr>")) == 2


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("SIP/2.0/UDP [2001:db8::9:1]:5061;received=[2001:db8::9:ff];branch=z9hG4bKa", "2001:db8::9:1", 5061),
        ("SIP / 2.0 / UDP   h.example.com : 5070 ; branch = z9hG4bKa", "h.example.com", 5070),
        ("sip/2.0/tls a_b-c;branch=z9hG4bKa", "a_b-c", None),
    ],
)
def test_vias(text: str, host: str, port: int | None) -> None:
    via = Via.parse(text)
    assert (via.protocol, via.host, via.port, via.branch) == ("SIP/2.0", host, port, "z9hG4bKa")
    assert Via.parse(str(via)) == via
    assert via.received in {None, "2001:db8::9:ff"}


@pytest.mark.parametrize("rport", ["", "x", "70000", "٣", "999999999"])
def test_rport_that_is_no_port_is_none(rport: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP h;rport={rport}" if rport else "SIP/2.0/UDP h;rport").rport is None


@pytest.mark.parametrize(
    "value", ["-1 INVITE", "2147483648 INVITE", "9" * 50 + " INVITE", "1", "INVITE", "1 XINVITE"]
)
def test_wrong_cseq_is_refused(value: str) -> None:
    assert refused(invite(CSeq=value)).status == 400


def test_the_largest_cseq_is_taken() -> None:
    assert parse(invite(CSeq="2147483647  INVITE")).cseq.number == 2**31 - 1


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_missing_mandatory_header_is_refused(name: str) -> None:
    fault = refused(invite(**{name.replace("-", "_"): ""}))
    assert fault.reason == f"{name} is missing" and fault.partial is None


def test_content_length_over_datagrams() -> None:
    assert parse(invite(Content_Length="2")).body == b"v="
    assert parse(invite(Content_Length="")).body == b"v=0\n"
    fault = refused(invite(Content_Length="5"))
    assert fault.partial is not None and fault.partial.method == "INVITE"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\x00\x01\x00\x08!\x12\xa4B" + b"0" * 20,
        INVITE.replace(b"Max-Forwards: 70\r\n", b"Max-Forwards: 70\n"),
        INVITE.replace(b"70\r\n", b"70\rX: y\r\n"),
        INVITE.replace(b"Max-Forwards", b"Max Forwards"),
        INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards 70"),
        INVITE.replace(b"INVITE sip", b"IN<VITE sip"),
        INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards: 256"),
        INVITE.replace(b"Allow:", b"X: 1\r\n" * 600 + b"Allow:"),
    ],
)
def test_broken_messages_are_refused(data: bytes) -> None:
    assert refused(data).status in {400, 513}


LONG = b"x" * 20_000


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (INVITE.replace(b"Max-Forwards: 70", b"X-Long: " + LONG), 513),
        (INVITE.replace(b"Max-Forwards: 70", b"X-Long: x\r\n " + LONG), 513),
        (INVITE.replace(b"Allow:", b"X: 1\r\n" * 600 + b"Allow:"), 513),
        (INVITE.replace(b"INVITE sip:", b"INVITE sip:" + LONG), 414),
        (INVITE.replace(b"70\r\n", b"70\rX: y\r\n"), 400),
        (INVITE.partition(b"\r\n\r\n")[0] + b"\r\n", 400),
        (INVITE.partition(b"\r\n\r\n")[0] + b"\r\nX-Cut: of", 400),
    ],
)
def test_what_cannot_be_read_whole_can_be_answered(data: bytes, status: int) -> None:
    fault = refused(data)
    assert fault.status == status and fault.partial is not None
    read = parse(INVITE)
    answered, usual = (Response.to_request(each, status) for each in (fault.partial, read))
    assert answered.to_bytes() == usual.to_bytes()
    # and from a stream, where its end can be told
    if b"\r\n\r\n" in data:
        found = StreamParser().feed(data)[0]
        assert isinstance(found, SipParseError) and found.status == status and found.partial is not None


@pytest.mark.parametrize(
    "data",
    [
        invite(From=f"<sip:{'x' * 20_000}@h>"),
        INVITE.replace(b"Via:", b"Via: " + LONG + b"\r\nVia:", 1),
        INVITE.replace(b"Via:", b"Via: SIP/2.0/UDP h\r\n" * 600 + b"Via:", 1),
        invite(Via="nonsense", X_Long="x" * 20_000),
        invite(Call_ID="", X_Long="x" * 20_000),
        invite(Call_ID="a\rb", X_Long="x" * 20_000),
        INVITE.replace(b"INVITE sip", b"IN<VITE sip").replace(b"Max-Forwards: 70", b"X: " + LONG),
        b"SIP/2.0 200 OK\r\n" + INVITE.partition(b"\r\n")[2].replace(b"Max-Forwards: 70", b"X: " + LONG),
        LONG * 3,
        b"\r\n" * 20_000 + b"x",
    ],
)
def test_what_an_answer_would_have_to_give_back_whole_gets_none(data: bytes) -> None:
    assert refused(data).partial is None


def test_empty_lines_before_a_datagram_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + INVITE).call_id == "a84b4c76e66710@pc33.example.com"


def test_latin1_is_answered_to_the_octet() -> None:
    message = parse(INVITE.replace(b"Alice Doe", b"J\xf6rg"))
    assert message.from_.display == "Jörg"
    assert isinstance(message, Request)
    assert b'"J\xf6rg"' in Response.to_request(message, 100).to_bytes()


def test_building_a_request() -> None:
    request = Request.create("BYE", "sip:a@h", [("v", "SIP/2.0/UDP h"), ("x-a", "1")], b"abc")
    request.add("Route", "<sip:p1;lr>")
    request.add("Route", "<sip:p2;lr>")
    request.prepend("Via", "SIP/2.0/UDP top")
    request.set("X-A", "2")
    request.set("X-B", "new")
    request.remove("Missing")
    assert request.to_bytes() == (
        b"BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP top\r\nVia: SIP/2.0/UDP h\r\nX-A: 2\r\n"
        b"Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nX-B: new\r\nContent-Length: 3\r\n\r\nabc"
    )
    request.set("Route", "<sip:p3;lr>")
    assert [str(address.uri) for address in request.route] == ["sip:p3;lr"]
    request.set_body(b"", "text/plain")
    assert request.content_type == "text/plain" and b"Content-Length: 0\r\n" in bytes(request)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "\r\n"])
def test_line_breaks_cannot_be_injected(value: str) -> None:
    message = parse(INVITE)
    assert isinstance(message, Request)
    before = message.to_bytes()
    for change in (message.add, message.set, message.prepend):
        with pytest.raises(ValueError, match=r"line break|not a header name"):
            change("Subject", value)
        with pytest.raises(ValueError, match="not a header name"):
            change(value, "x")
    for build in (
        lambda: Request.create("BYE", value),
        lambda: Request.create(value, "sip:h"),
        lambda: Request.create("BYE", "sip:h", [("Subject", value)]),
        lambda: Response.create(200, value),
        lambda: Response.to_request(message, 200, value),
        lambda: Response.to_request(message, 200, None, value),
        lambda: str(Address("x" + value, message.uri)),
        lambda: str(Via("SIP/2.0", "UDP", "h", None, {"branch": value})),
    ):
        with pytest.raises(ValueError):
            build()
    assert message.to_bytes() == before


def test_answering_copies_what_the_rfc_says() -> None:
    data = INVITE.replace(b"Max-Forwards", b"Via: SIP/2.0/UDP second\r\nMax-Forwards")
    request = parse(data)
    assert isinstance(request, Request)
    response = Response.to_request(request, 180, to_tag="abc")
    assert response.to_bytes().decode().split("\r\n") == [
        "SIP/2.0 180 Ringing",
        "Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK776;rport",
        "Via: SIP/2.0/UDP second",
        'From: "Alice Doe" <sip:+33612345678@example.com>;tag=19283',
        "To: <sip:+33123456789@example.com>;tag=abc",
        "Call-ID: a84b4c76e66710@pc33.example.com",
        "CSeq: 314159 INVITE",
        "Content-Length: 0",
        "",
        "",
    ]
    assert request.to.tag is None, "the request itself is left alone"


@pytest.mark.parametrize(
    ("to", "tag"),
    [
        ("<sip:a@h> ; Tag=old", "old"),
        ("<sip:tag@h>", "new"),
        ('"x;tag=no" <sip:a@h>', "new"),
        ("sip:a@h", "new"),
    ],
)
def test_a_to_tag_is_added_once(to: str, tag: str) -> None:
    request = parse(invite(To=to))
    assert isinstance(request, Request)
    assert Response.to_request(request, 200, to_tag="new").to.tag == tag


def test_a_status_out_of_range_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="not a SIP status"):
        Response.create(99, None)


def test_the_top_via_can_be_stamped() -> None:
    request = parse(invite(Via="SIP/2.0/UDP h;rport;branch=b, SIP/2.0/TCP other"))
    via = request.via
    via.params["rport"] = "5062"
    via.params["received"] = "2001:db8::1"
    request.set_top_via(via)
    assert [v.host for v in request.vias] == ["h", "other"]
    assert (request.via.rport, request.via.received) == (5062, "2001:db8::1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("", None), ("60", 60), ("-1", None), ("1.5", None), ("9" * 5000, 2**32 - 1), ("²", None)],
)
def test_seconds(text: str | None, seconds: int | None) -> None:
    assert read_seconds(text) == seconds


def test_lists_split_outside_quotes_and_brackets() -> None:
    assert split_list('"a,b" <sip:c,d@h>, e') == ['"a,b" <sip:c,d@h>', "e"]
    assert split_list('a, "b', strict=False) == ["a", '"b']
    assert split_list("a,,b,", strict=False) == ["a", "b"]
    for broken in ("a,,b", ",", "a,", 'a, "b', "a, <b"):
        with pytest.raises(SipParseError):
            split_list(broken)


def test_header_parameters() -> None:
    assert parse_params(';A=1 ; b="x\\"; y";c;a=2') == {"a": "1", "b": 'x"; y', "c": None}


def test_authentication_parameters() -> None:
    scheme, params = parse_auth('Digest realm="a, b", nonce=abc ,qop="auth,auth-int", STALE=true')
    assert scheme == "digest"
    assert params == {"realm": "a, b", "nonce": "abc", "qop": "auth,auth-int", "stale": "true"}
    assert parse_auth("Negotiate") == ("negotiate", {})
    for broken in ("", "Digest realm", 'Digest realm="a', "Digest a=1, a=2", "Digest a=1,,b=2", '"x" a=1'):
        with pytest.raises(SipParseError):
            parse_auth(broken)


def test_canonical_names() -> None:
    assert [canonical_name(name) for name in ("v", "CALL-id", "cseq", "x-FOO-bar", "www-authenticate")] == [
        "Via",
        "Call-ID",
        "CSeq",
        "X-Foo-Bar",
        "WWW-Authenticate",
    ]


# -- streams


def feed(data: bytes, size: int, limit: int = 65536) -> list[object]:
    parser = StreamParser(limit)
    found: list[object] = []
    for at in range(0, len(data), size):
        found += parser.feed(data[at : at + size])
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 500, 10_000])
def test_streams_are_cut_wherever_they_break(size: int) -> None:
    bye = b"BYE sip:a@h SIP/2.0\r\nv: SIP/2.0/TCP h\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>;tag=2\r\ni: x\r\n"
    bye += b"CSeq: 2 BYE\r\nL :\r\n  0\r\n\r\n"
    found = feed(b"\r\n\r\n" + INVITE + bye + b"\r\n\r\n" + INVITE + b"\r\n" + bye, size)
    kinds = [found[0], found[3]]
    assert kinds == [KEEPALIVE_PING, KEEPALIVE_PING] and len(found) == 6
    messages = [item for item in found if isinstance(item, Request)]
    assert [message.method for message in messages] == ["INVITE", "BYE", "INVITE", "BYE"]
    assert [message.body for message in messages] == [b"v=0\n", b"", b"v=0\n", b""]


def test_a_fault_inside_a_message_leaves_the_stream_usable() -> None:
    parser = StreamParser()
    found = parser.feed(invite(CSeq="1 BYE") + INVITE)
    assert isinstance(found[0], SipParseError) and found[0].partial is not None
    assert isinstance(found[1], Request) and not parser.broken


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (invite(Content_Length=""), 400),
        (invite(Content_Length="-1"), 400),
        (INVITE.replace(b"Max-Forwards: 70", b"l: 3\r\nMax-Forwards: 70"), 400),
        (invite(Content_Length="999999"), 513),
        (INVITE[:50] + b"x" * 2000, 513),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"\rx" + INVITE, 400),
    ],
)
def test_a_stream_whose_next_message_cannot_be_found_is_broken(data: bytes, status: int) -> None:
    parser = StreamParser(limit=1500)
    found = parser.feed(data)
    assert isinstance(found[-1], SipParseError) and found[-1].status == status
    assert parser.broken and parser.feed(INVITE) == []


@pytest.mark.parametrize("data", [invite(Content_Length="999999"), INVITE[:-8] + b"\r\nX: " + b"x" * 2000])
def test_a_message_too_large_for_a_stream_can_be_answered(data: bytes) -> None:
    (fault,) = StreamParser(limit=1500).feed(data)
    assert isinstance(fault, SipParseError) and fault.partial is not None
    assert (fault.status, fault.partial.call_id) == (513, "a84b4c76e66710@pc33.example.com")


# -- properties

WORDS = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, WORDS, st.dictionaries(WORDS.map(str.lower), st.none() | TEXTS, max_size=4))
def test_addresses_round_trip(display: str, host: str, params: dict[str, str | None]) -> None:
    address = Address(display, Address.parse("<sip:u@example.com>").uri, params)
    assert Address.parse(str(address)) == address
    assert parse(invite(From=str(address), Contact=f"{address}, {address}")).contacts == [address, address]


@given(
    st.lists(st.tuples(WORDS, TEXTS.map(lambda text: text.strip(" \t"))), max_size=8), st.binary(max_size=50)
)
def test_any_headers_round_trip(headers: list[tuple[str, str]], body: bytes) -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    for name, value in headers:
        request.add("X-" + name, value)
    request.body = body
    again = parse(request.to_bytes())
    assert again.body == body
    assert again.headers[:-1] == [header for header in request.headers if header[0] != "Content-Length"]
