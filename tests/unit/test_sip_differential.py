"""Our codec against `sipmessage`, an independent one: where both accept, both must read the same.

Known differences, each on purpose, each with a test below:

1. `sipmessage` reads headers lazily, so its `parse` accepts broken ones; we compare the typed ones.
2. It refuses absolute URIs (`urn:service:sos`, `isbn:…`); we keep them as they came.
3. It does not accept white space inside `SIP / 2.0 / UDP`, nor `;` in users; RFC 4475 calls both valid.
4. It keeps the brackets around IPv6 hosts and the case of parameter names; we take off and fold them.
5. It refuses UTF-8 in unquoted display names and `#` in users, which devices send.
6. It reads two quoted display names in one list as one name, and leaves some quoted pairs quoted.
7. It loses a header whose value stands wholly on the folded line (the Contact of esc01).
8. It loses a header with white space before its colon (some Vias of longreq).
9. It makes every kind of white space in a display name a plain one.
10. Of a parameter given twice, against RFC 3261 §7.3.1, it takes the last one and we the first.
11. It takes `%41` in a header parameter for `A`; there it is a token like any other (§25.1), not an escape.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sipmessage
from hypothesis import assume, given
from hypothesis import strategies as st

from ccd.sip.address import Address, parse_addresses
from ccd.sip.grammar import SipParseError
from ccd.sip.headers import CSeq, Via
from ccd.sip.message import Request, parse
from ccd.sip.uri import AbsoluteUri, SipUri, TelUri, Uri, parse_uri

FOLDER = Path(__file__).parent.parent / "data" / "rfc4475"


UNLIKE = {"intmeth", "esc01", "longreq"}
"""Differences 6 to 8 show here."""


def lower(params: sipmessage.Parameters) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, value in params.items():
        found.setdefault(name.lower(), value)
    return found


def same_uri(ours: Uri, theirs: sipmessage.URI) -> None:
    if isinstance(ours, TelUri):
        assert (theirs.scheme, theirs.user) == ("tel", ours.number)
        return
    assert isinstance(ours, SipUri)
    assert (ours.scheme, ours.user, ours.password, ours.port) == (
        theirs.scheme.lower(),
        theirs.user,
        theirs.password,
        theirs.port,
    )
    assert ours.host.lower() == theirs.host.strip("[]").lower()
    assert ours.params.keys() == lower(theirs.parameters).keys()


def same_address(ours: Address, theirs: sipmessage.Address) -> None:
    # spaces between words mean one space (RFC 3261 §25.1, LWS): the oracle folds them, we keep them
    assert ours.display.split() == theirs.name.split()
    same_uri(ours.uri, theirs.uri)
    assert ours.params.keys() == lower(theirs.parameters).keys()
    assert ours.tag == lower(theirs.parameters).get("tag")


def same_via(ours: Via, theirs: sipmessage.Via) -> None:
    assert (ours.transport, ours.port) == (theirs.transport.upper(), theirs.port)
    assert ours.host.lower() == theirs.host.strip("[]").lower()
    assert ours.branch == lower(theirs.parameters).get("branch")
    assert ours.params.keys() == lower(theirs.parameters).keys()


def same_message(data: bytes) -> bool:
    """Compare all typed headers; False if either side refuses any."""
    try:
        theirs = sipmessage.Message.parse(data)
        read = [theirs.from_address, theirs.to_address, theirs.via, theirs.contact, theirs.route, theirs.cseq]
        ours = parse(data)
    except (SipParseError, ValueError, AttributeError, IndexError, KeyError, AssertionError):
        return False
    assert None not in read[:3]
    same_address(ours.from_, theirs.from_address)
    same_address(ours.to, theirs.to_address)
    for via, other_via in zip(ours.vias, theirs.via, strict=True):
        same_via(via, other_via)
    for contact, other in zip(ours.contacts, theirs.contact, strict=True):
        same_address(contact, other)
    for route, other in zip(ours.route, theirs.route, strict=True):
        same_address(route, other)
    assert (ours.cseq.number, ours.cseq.method) == (theirs.cseq.sequence, theirs.cseq.method)
    assert ours.call_id == theirs.call_id
    if isinstance(ours, Request):
        assert isinstance(theirs, sipmessage.Request)
        assert ours.method == theirs.method
        same_uri(ours.uri, theirs.uri)
    return True


def test_torture_messages_are_read_the_same() -> None:
    messages = {path.stem: path.read_bytes() for path in FOLDER.glob("*.dat") if path.stem not in UNLIKE}
    compared = {name for name, data in messages.items() if same_message(data)}
    assert {"escnull", "lwsdisp", "inv2543", "zeromf"} <= compared
    assert len(compared) >= 15


def both(
    text: str, ours: Callable[[str], object], theirs: Callable[[str], object]
) -> tuple[object, object] | None:
    try:
        return ours(text), theirs(text)
    except (SipParseError, ValueError, AttributeError, IndexError, KeyError, AssertionError):
        return None


PARTS = st.sampled_from(
    [
        "sip:",
        "sips:",
        "tel:",
        "+33123",
        "alice",
        "@",
        "h.example.com",
        "192.0.2.1",
        "[2001:db8::1]",
        ":5060",
        ";lr",
        ";transport=tcp",
        ";tag=9",
        ";x",
        '"A \\"b"',
        " ",
        "<",
        ">",
        ",",
        "%41",
        "<sip:a@h>",
        "<sip:b@h;lr>",
        "<tel:+331>",
        ";expires=60",
        "Bob ",
        "SIP/2.0/UDP ",
        ";branch=z9hG4bKx",
        ";rport",
        "1",
        "INVITE",
    ]
)
TEXTS = st.lists(PARTS, min_size=1, max_size=7).map("".join)


@given(TEXTS)
def test_uris_are_read_the_same(text: str) -> None:
    for scheme in ("", "sip:"):
        found = both(scheme + text, parse_uri, sipmessage.URI.parse)
        if found is not None and not isinstance(found[0], AbsoluteUri):
            same_uri(*found)  # type: ignore[arg-type]


@given(TEXTS)
def test_addresses_are_read_the_same(text: str) -> None:
    assume(text.count('"A') < 2)
    names = re.findall(r";([a-z]+)", text)
    assume(len(names) == len(set(names)))
    assume("%" not in text.partition(";")[2])
    found = both(text, Address.parse, sipmessage.Address.parse)
    if found is not None and not isinstance(found[0].uri, AbsoluteUri):  # type: ignore[attr-defined]
        same_address(*found)  # type: ignore[arg-type]


ADDRESSES = st.lists(st.sampled_from(["<sip:a@h>", "<sip:b,c@h>;tag=1", "sip:c@h;q=1", "Bob <sip:d@h;lr>"]))


@given(ADDRESSES, ADDRESSES)
def test_lists_are_read_the_same(before: list[str], after: list[str]) -> None:
    parts = [*before, '"x, \\"y" <sip:b@h>;tag=1', *after]
    text = ", ".join(parts)
    ours, theirs = parse_addresses(text), sipmessage.Address.parse_many(text)
    for mine, other in zip(ours, theirs, strict=True):
        same_address(mine, other)
    assert len(ours) == len(parts)


@given(TEXTS)
def test_vias_and_cseqs_are_read_the_same(text: str) -> None:
    found = both("SIP/2.0/" + text, Via.parse, sipmessage.Via.parse)
    if found is not None:
        same_via(*found)  # type: ignore[arg-type]
    pair = both(text, CSeq.parse, sipmessage.CSeq.parse)
    if pair is not None:
        assert str(pair[0]) == str(pair[1])


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=15),
    st.text("abc019-._", min_size=1),
)
def test_they_read_what_we_write(display: str, user: str) -> None:
    ours = Address(display, SipUri("sip", user, None, "example.com", 5060, {"lr": None}), {"tag": "x"})
    theirs = sipmessage.Address.parse(str(ours))
    same_address(ours, theirs)
    assert Address.parse(str(theirs)) == ours


# -- the known differences


def test_two_quoted_names_in_one_list_are_ours_alone() -> None:
    text = '"x" <sip:a@h>, "y" <sip:b@h>'
    assert [address.display for address in parse_addresses(text)] == ["x", "y"]
    assert len(sipmessage.Address.parse_many(text)) == 1


def test_absolute_uris_are_ours_alone() -> None:
    assert parse_uri("urn:service:sos") == AbsoluteUri("urn:service:sos")
    with pytest.raises(ValueError):
        sipmessage.URI.parse("urn:service:sos")


@pytest.mark.parametrize("name", ["wsinv", "semiuri"])
def test_valid_torture_messages_that_are_ours_alone(name: str) -> None:
    data = (FOLDER / f"{name}.dat").read_bytes()
    assert parse(data).call_id
    assert not same_message(data)


def test_what_devices_send_is_ours_alone() -> None:
    assert parse_uri("sip:*21#@h").user == "*21#"
    assert Address.parse("Zoë <sip:a@h>").display == "Zoë"
    with pytest.raises(ValueError):
        sipmessage.URI.parse("sip:*21#@h")


def test_of_a_parameter_given_twice_the_first_counts() -> None:
    text = "sip:alice;tag=9+33123;tag=9"
    assert (Address.parse(text).tag, lower(sipmessage.Address.parse(text).parameters).get("tag")) == (
        "9+33123",
        "9",
    )


def test_a_percent_sign_in_a_header_parameter_is_no_escape() -> None:
    text = "<sip:a@h>;lr%41"
    assert list(Address.parse(text).params) == ["lr%41"]
    assert list(lower(sipmessage.Address.parse(text).parameters)) == ["lra"]
