"""SDP and offer/answer (RFC 8866, RFC 3264)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.description import DIRECTIONS, SessionDescription, parse_sdp
from ccd.sip.grammar import SipParseError
from ccd.sip.sdp import Incompatible, Negotiated, answer, offer, read_answer

PHONE = """v=0
o=- 3909312345 3909312345 IN IP4 192.0.2.20
s=pjmedia
b=AS:84
t=0 0
a=X-nat:0
m=audio 4002 RTP/AVP 96 8 0 101
c=IN IP4 192.0.2.21
b=TIAS:64000
a=rtcp:4010 IN IP4 192.0.2.21
a=rtpmap:96 opus/48000/2
a=rtpmap:8 pcma/8000/1
a=rtpmap:101 Telephone-Event/8000
a=fmtp:101 0-16
a=ptime:30
m=video 4004 RTP/AVP 97
c=IN IP4 192.0.2.21
a=rtpmap:97 H264/90000
a=sendonly
"""


def sdp(*media: str, connection: str = "c=IN IP4 192.0.2.20") -> SessionDescription:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.20",
        "s=-",
        *([connection] if connection else []),
        "t=0 0",
        *media,
    ]
    return parse_sdp("\r\n".join(lines).encode())


def test_an_answer_takes_the_first_codec_of_the_offer_that_we_have() -> None:
    described, got = answer(
        parse_sdp(PHONE.encode()), "198.51.100.1", 20000, ("PCMU", "PCMA"), "sendrecv", 7, 3
    )
    assert got == Negotiated("PCMA", 8, 101, "192.0.2.21", 4002, True, True, 30, 4010)
    assert described.to_bytes().decode().split("\r\n") == [
        "v=0",
        "o=- 7 3 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 20000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "m=video 0 RTP/AVP 97",
        "",
    ]


def test_an_origin_that_is_no_number_is_kept() -> None:
    """RFC 8866 §5.2 wants numbers; who writes something else is understood all the same."""
    read = parse_sdp(b"v=0\r\no=pbx a1-b2 123456789012345678901234 IN IP4 h\r\ns=-\r\n")
    assert (read.origin.session_id, read.origin.version) == ("a1-b2", "123456789012345678901234")
    assert b"o=pbx a1-b2 123456789012345678901234 IN IP4 h\r\n" in read.to_bytes()


@pytest.mark.parametrize(("digits", "shared"), [(101, True), (96, True), (80, False), (95, False)])
def test_rtcp_shares_the_port_unless_a_payload_type_looks_like_it(digits: int, shared: bool) -> None:
    """RFC 5761 §4: 64 to 95 with the marker are 192 to 223."""
    lines = [f"m=audio 4002 RTP/AVP 8 {digits}", f"a=rtpmap:{digits} telephone-event/8000", "a=rtcp-mux"]
    described, got = answer(sdp(*lines), "198.51.100.1", 20000)
    assert got.mux is shared and (b"a=rtcp-mux" in described.to_bytes()) is shared


@pytest.mark.parametrize(("ours", "theirs"), [(True, True), (True, False), (False, True), (False, False)])
def test_rtcp_shares_the_port_where_both_say_so(ours: bool, theirs: bool) -> None:
    mine = offer("198.51.100.1", 20000, mux=ours)
    said = sdp("m=audio 4002 RTP/AVP 8", *(["a=rtcp-mux"] if theirs else []))
    assert read_answer(mine, said).mux is (ours and theirs)


def test_an_offer_and_its_answer_agree() -> None:
    ours = offer("2001:db8::1", 20000, ("PCMA", "PCMU"), "sendrecv", 5, 1)
    assert b"c=IN IP6 2001:db8::1\r\n" in bytes(ours)
    answered, theirs = answer(parse_sdp(bytes(ours)), "2001:db8::2", 30000, ("PCMU",))
    mine = read_answer(ours, parse_sdp(bytes(answered)))
    assert (mine.codec, mine.payload, mine.digits_payload) == ("PCMU", 0, 101)
    assert (mine.remote_host, mine.remote_port) == ("2001:db8::2", 30000)
    assert (theirs.codec, theirs.remote_host, theirs.remote_port) == ("PCMU", "2001:db8::1", 20000)


def test_dynamic_payload_numbers_are_those_of_the_other_side() -> None:
    described, got = answer(
        sdp("m=audio 4000 RTP/AVP 110 99", "a=rtpmap:110 PCMU/8000", "a=rtpmap:99 telephone-event/8000"),
        "198.51.100.1",
        1,
    )
    assert (got.codec, got.payload, got.digits_payload) == ("PCMU", 110, 99)
    assert described.media[0].terms.formats == ("110", "99")


def test_telephone_event_of_another_clock_is_not_ours() -> None:
    wide = sdp("m=audio 4000 RTP/AVP 0 99", "a=rtpmap:99 telephone-event/48000")
    assert answer(wide, "198.51.100.1", 1)[1].digits_payload is None
    assert offer("h", 1, digits=False).media[0].terms.formats == ("8", "0")


def test_a_codec_of_another_clock_is_not_ours() -> None:
    with pytest.raises(Incompatible):
        answer(sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"), "198.51.100.1", 1)


@pytest.mark.parametrize(
    ("theirs", "wanted", "written", "send", "receive"),
    [
        ("sendrecv", "sendrecv", "sendrecv", True, True),
        ("sendonly", "sendrecv", "recvonly", False, True),
        ("recvonly", "sendrecv", "sendonly", True, False),
        ("inactive", "sendrecv", "inactive", False, False),
        ("sendrecv", "sendonly", "sendonly", True, False),
        ("sendonly", "sendonly", "inactive", False, False),
        ("recvonly", "recvonly", "inactive", False, False),
        ("sendrecv", "inactive", "inactive", False, False),
    ],
)
def test_directions(theirs: str, wanted: str, written: str, send: bool, receive: bool) -> None:
    asked = sdp("m=audio 4000 RTP/AVP 0", f"a={theirs}")
    described, got = answer(asked, "198.51.100.1", 1, direction=wanted)
    assert (described.media[0].terms.direction, got.send, got.receive) == (written, send, receive)
    assert asked.held == (theirs in {"sendonly", "inactive"})


@pytest.mark.parametrize("ours", DIRECTIONS)
@pytest.mark.parametrize("theirs", DIRECTIONS)
def test_both_sides_see_the_same_directions(ours: str, theirs: str) -> None:
    asked = offer("192.0.2.1", 1, direction=ours)
    answered, there = answer(asked, "192.0.2.2", 2, direction=theirs)
    here = read_answer(asked, answered)
    assert (here.send, here.receive) == (there.receive, there.send)


def test_direction_of_the_session_counts_where_the_media_says_nothing() -> None:
    held = sdp("a=sendonly", "m=audio 4000 RTP/AVP 0")
    assert held.held and answer(held, "198.51.100.1", 1)[1].send is False
    assert not sdp("a=sendonly", "m=audio 4000 RTP/AVP 0", "a=sendrecv").held


@pytest.mark.parametrize("connection", ["c=IN IP4 0.0.0.0", "c=IN IP6 ::"])
def test_hold_by_address(connection: str) -> None:
    held = sdp("m=audio 4000 RTP/AVP 0", connection=connection)
    got = answer(held, "198.51.100.1", 1)[1]
    assert held.held and not got.send and got.receive


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 0 RTP/AVP 0",),
        ("m=video 4000 RTP/AVP 31",),
        ("m=audio 4000 RTP/SAVP 0",),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0",),
        ("m=audio 4000 RTP/AVP 18",),
        ("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
        ("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"),
        ("m=audio 4000 RTP/AVP 0", "c=IN IP6 ff02::1"),
        ("m=audio 4000 RTP/AVP 0", "c=IN IP4 phone.example.com"),
        ("m=audio 4000 RTP/AVP 0", "c=IN IP4 256.1.1.1"),
        (),
    ],
)
def test_what_cannot_be_taken_is_incompatible(media: tuple[str, ...]) -> None:
    with pytest.raises(Incompatible):
        answer(sdp(*media), "198.51.100.1", 1)


def test_only_one_audio_line_is_taken() -> None:
    many = sdp("m=audio 1 RTP/SAVP 0", "m=audio 2 RTP/AVP 0", "m=audio 3 RTP/AVP 0", "m=image 4/2 udptl t38")
    described, got = answer(many, "198.51.100.1", 9)
    assert got.remote_port == 2
    assert [(m.kind, m.port, m.terms.protocol) for m in described.media] == [
        ("audio", 0, "RTP/SAVP"),
        ("audio", 9, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"),
        ("image", 0, "udptl"),
    ]


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 0 RTP/AVP 0",),
        ("m=audio 4000 RTP/AVP 3",),
        ("m=audio 4 RTP/AVP 0", "m=audio 5 RTP/AVP 0"),
        (),
    ],
)
def test_answers_that_do_not_fit_our_offer(media: tuple[str, ...]) -> None:
    with pytest.raises(Incompatible):
        read_answer(offer("192.0.2.1", 1), sdp(*media))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"o=- 1 1 IN IP4 h",
        b"v=1\r\n",
        b"v=0\r\nm=audio 1 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IP4 h\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP5 h\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 65536 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\njunk\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\n" + b"m=audio 0 RTP/AVP 0\r\n" * 33,
        b"v=0\r\n" + b"a=x\r\n" * 10_000,
    ],
)
def test_broken_sdp_is_refused(body: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_sdp(body)


@given(
    st.lists(st.sampled_from([*PHONE.splitlines(), "m=audio 1 RTP/AVP 0 x 200 ³", "a=ptime:", "a=rtpmap:8"]))
)
def test_any_mixture_of_lines_raises_only_what_is_said(lines: list[str]) -> None:
    try:
        described = parse_sdp("\r\n".join(["v=0", "o=- 1 1 IN IP4 192.0.2.1", *lines]).encode())
        described.held  # noqa: B018
        assert parse_sdp(bytes(described)) == described
        answered, got = answer(described, "198.51.100.1", 1)
        assert len(answered.media) == len(described.media)
        assert read_answer(described, parse_sdp(bytes(answered))).codec == got.codec
    except (SipParseError, Incompatible):
        return


@given(st.binary(max_size=200))
def test_random_octets(body: bytes) -> None:
    for data in (body, b"v=0\r\no=- 1 1 IN IP4 h\r\n" + body):
        try:
            parse_sdp(data)
        except SipParseError:
            continue
