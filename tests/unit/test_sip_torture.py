"""RFC 4475, all 49 messages; and that no octets whatever raise anything but SipParseError."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.message import Request, Response, SipParseError, StreamParser, parse
from ccd.sip.uri import AbsoluteUri, SipUri

FOLDER = Path(__file__).parent.parent / "data" / "rfc4475"
MESSAGES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.dat"))}

VALID = [
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
]
INVALID = [
    "badinv01",
    "clerr",
    "ncl",
    "scalar02",
    "scalarlg",
    "quotbal",
    "ltgtruri",
    "lwsruri",
    "lwsstart",
    "trws",
    "escruri",
    "baddate",
    "regbadct",
    "badaspec",
    "baddn",
    "badvers",
    "mismatch01",
    "mismatch02",
    "bigcode",
]
REFUSED_LATER = [
    "badbranch",
    "unkscm",
    "novelsc",
    "unksm2",
    "bext01",
    "invut",
    "regaut01",
    "bcast",
    "zeromf",
    "cparam01",
    "cparam02",
]
REFUSED_LATER += ["regescrt", "sdp01", "inv2543"]
REFUSED_NOW = ["insuf", "multi01", "mcl01"]


def touch(message: Request | Response) -> None:
    """Ask for everything typed; nothing may raise after `parse` accepted the message."""
    for via in message.vias:
        assert str(via)
        for name in ("branch", "received", "rport", "wants_rport"):
            getattr(via, name)
    assert message.via == message.vias[0]
    for address in [message.from_, message.to, *message.contacts, *message.route, *message.record_route]:
        assert str(address)
        for name in ("tag", "expires", "q"):
            getattr(address, name)
        assert address.uri.user is None or isinstance(address.uri.user, str)
    assert message.call_id
    assert message.cseq
    for name in ("expires", "max_forwards", "content_type", "contact_is_star"):
        getattr(message, name)
    if isinstance(message, Request):
        assert message.uri


def test_the_collection_is_complete() -> None:
    named = [*VALID, *INVALID, *REFUSED_LATER, *REFUSED_NOW]
    assert len(VALID) == 13 and len(INVALID) == 19
    assert sorted(named) == sorted(MESSAGES) and len(MESSAGES) == 49


@pytest.mark.parametrize("name", [*VALID, *REFUSED_LATER])
def test_wellformed_messages_are_accepted_and_survive_a_round_trip(name: str) -> None:
    message = parse(MESSAGES[name])
    touch(message)
    again = parse(message.to_bytes())
    rest = [header for header in message.headers if header[0] != "Content-Length"]
    assert [header for header in again.headers if header[0] != "Content-Length"] == rest
    assert again.body == message.body
    assert again.start_line() == message.start_line()


@pytest.mark.parametrize("name", [*INVALID, *REFUSED_NOW])
def test_invalid_messages_are_refused(name: str) -> None:
    with pytest.raises(SipParseError) as caught:
        parse(MESSAGES[name])
    assert caught.value.status == (505 if name == "badvers" else 400)
    assert caught.value.reason.isprintable()


# §3.1.2 says of these requests that they should be answered; the others have no usable Via or are responses
@pytest.mark.parametrize("name", sorted({*INVALID, "multi01", "mcl01"} - {"badinv01", "scalarlg", "bigcode"}))
def test_refused_requests_can_be_answered(name: str) -> None:
    data = MESSAGES[name] + (b"\r\n" if name == "baddn" else b"")
    with pytest.raises(SipParseError) as caught:
        parse(data)
    partial = caught.value.partial
    assert partial is not None
    answered = Response.to_request(partial, caught.value.status, caught.value.reason, "tag1")
    lines = answered.to_bytes().decode().split("\r\n")
    assert lines[0].startswith(f"SIP/2.0 {caught.value.status} ")
    for header in ("From", "To", "Call-ID", "CSeq"):
        assert len([line for line in lines if line.startswith(header + ":")]) == 1


@pytest.mark.parametrize("name", ["badinv01", "scalarlg", "bigcode", "insuf"])
def test_what_cannot_be_answered_has_no_partial(name: str) -> None:
    with pytest.raises(SipParseError) as caught:
        parse(MESSAGES[name])
    assert caught.value.partial is None


def test_unquoted_display_name_is_the_fault_of_baddn() -> None:
    with pytest.raises(SipParseError, match="not an address: Bell, Alexander"):
        parse(MESSAGES["baddn"] + b"\r\n")


def test_wsinv_is_read_as_the_rfc_explains() -> None:
    message = parse(MESSAGES["wsinv"])
    assert isinstance(message, Request)
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.max_forwards == 68
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [via.transport for via in message.vias] == ["UDP", "TCP", "UDP"]
    assert [via.branch for via in message.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert message.get("Subject") == ""
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.contacts[0].display == 'Quoted string ""'
    assert message.contacts[0].q == 0.33
    assert message.contacts[0].params["secondparam"] is None
    assert len(message.body) == 150


def test_intmeth_keeps_every_odd_octet() -> None:
    message = parse(MESSAGES["intmeth"])
    assert isinstance(message, Request)
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert isinstance(message.uri, SipUri)
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"


def test_escapes_are_decoded_where_they_are_escapes_only() -> None:
    message = parse(MESSAGES["esc01"])
    assert isinstance(message, Request) and isinstance(message.uri, SipUri)
    assert message.uri.user == "sips:user@example.com"
    assert message.from_.uri.user == "I have spaces"
    assert isinstance(message.contacts[0].uri, SipUri)
    assert message.contacts[0].uri.params == {"lr": None, "name": "value%41"}
    esc02 = parse(MESSAGES["esc02"])
    assert len(esc02.contacts) == 2 and esc02.get("C%6Fntact")
    assert [contact.uri.user for contact in parse(MESSAGES["escnull"]).contacts] == ["\0", "\0\0"]


def test_octets_after_the_message_are_dropped() -> None:
    message = parse(MESSAGES["dblreq"])
    assert message.body == b"" and message.cseq.method == "REGISTER"


def test_unknown_schemes_are_kept_for_the_user_to_refuse() -> None:
    for name in ("unkscm", "novelsc"):
        message = parse(MESSAGES[name])
        assert isinstance(message, Request) and isinstance(message.uri, AbsoluteUri)
    assert parse(MESSAGES["unksm2"]).to.uri == AbsoluteUri("isbn:2983792873")


def survives(data: bytes) -> None:
    try:
        message = parse(data)
    except SipParseError as fault:
        if fault.partial is not None:
            Response.to_request(fault.partial, fault.status, fault.reason, "t").to_bytes()
        return
    touch(message)
    parse(message.to_bytes())


def test_mutated_torture_messages_raise_nothing_else() -> None:
    chance = random.Random(4475)
    pool = list(MESSAGES.values())
    salt = [b"\r\n", b";", b",", b'"', b"<", b">", b":", b"=", b"\0", b"\xff", b"%", b"[", b"]", b" ", b"@"]
    for _ in range(12_000):
        data = bytearray(chance.choice(pool))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            what = chance.randrange(4)
            if what == 0:
                data[at] = chance.randrange(256)
            elif what == 1:
                data[at:at] = chance.choice(salt)
            elif what == 2:
                del data[at : at + chance.randint(1, 8)]
            else:
                other = chance.choice(pool)
                data[at:at] = other[chance.randrange(len(other)) :][:40]
            data = data or bytearray(b"x")
        survives(bytes(data))


@given(st.binary(max_size=600))
def test_random_octets_raise_nothing_else(data: bytes) -> None:
    survives(data)
    survives(b"INVITE sip:a@b SIP/2.0\r\n" + data + b"\r\n\r\n")
    StreamParser().feed(data)


@given(st.lists(st.sampled_from([b"\r\n", b"l: ", b"v: ", b"9", b"SIP/2.0", b"\0", b"a", b" "]), max_size=40))
def test_streams_of_fragments_raise_nothing(parts: list[bytes]) -> None:
    parser = StreamParser(limit=200)
    for part in parts:
        parser.feed(part)


@pytest.mark.parametrize(
    "seed", ['"', "<", ";a", ",", " ", ";a=", "\\", "%41", "a:", '"a" ', ';a="', "[", "."]
)
def test_long_nonsense_costs_linear_time(seed: str) -> None:
    long = seed * (60_000 // len(seed))
    for name in ("Via", "From", "Contact", "Route", "CSeq", "Warning", "Date"):
        for text in (long, f"<sip:{long}>", f"SIP/2.0/UDP h{long}", f'"{long}', f"<sip:a@b>{long}"):
            survives(f"INVITE sip:a@b SIP/2.0\r\n{name}: {text}\r\n\r\n".encode())
    survives(f"INVITE sip:{long} SIP/2.0\r\n\r\n".encode())
