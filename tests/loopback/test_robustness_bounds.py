"""Bounds that hold under any input: time to parse, state kept for strangers, what is remembered."""

import random
import time

import pytest

from ccd.errors import CcdError
from ccd.ids import SeededChance
from ccd.sip import endpoint as layer
from ccd.sip.description import parse_sdp
from ccd.sip.endpoint import Endpoint, Flow
from ccd.sip.message import MAX_LINE_CHARS, SipParseError, StreamParser, parse
from ccd.sip.sdp import check_offer

FLOW = Flow("UDP", "192.0.2.9", 5060, "198.51.100.1:5060")
SIZE = 60_000
FILLERS = (
    b";a",
    b";a=b",
    b',"',
    b"<",
    b"<>",
    b'"\\',
    b"\\",
    b" ",
    b"\t ",
    b"%41",
    b"a:",
    b"@",
    b"sip:",
    b",",
    b"<sip:a@b>,",
    b"\xc3\xa9",
    b"[:",
    b"1",
    b"=",
    b'";',
)


def message(**changes: bytes) -> bytes:
    """A small INVITE with some headers changed."""
    headers = {
        "Via": b"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport",
        "From": b"<sip:a@x>;tag=1",
        "To": b"<sip:b@y>",
        "Call-ID": b"c@x",
        "CSeq": b"1 INVITE",
        "Contact": b"<sip:a@192.0.2.9>",
        **changes,
    }
    lines = [name.replace("_", "-").encode() + b": " + value for name, value in headers.items()]
    return b"\r\n".join([b"INVITE sip:b@y SIP/2.0", *lines, b"", b""])


@pytest.mark.parametrize(
    "name", ["Via", "From", "To", "Contact", "Route", "Call-ID", "CSeq", "Authorization"]
)
def test_no_header_costs_more_than_linear_time(name: str) -> None:
    """Every filler, to the longest line that we take: a whole parse stays far below a media packet's time."""
    good = {"Via": b"SIP/2.0/UDP h", "CSeq": b"1 INVITE", "Authorization": b'Digest username="'}
    for filler in FILLERS:
        room = MAX_LINE_CHARS - 100
        value = (good.get(name, b"<sip:a@x>") + filler * SIZE)[:room]
        began = time.process_time()
        for _ in range(3):
            try:
                found = parse(message(**{name: value}))
                _ = found.get_all(name), found.vias, found.contacts, found.route
            except SipParseError:
                pass
        assert time.process_time() - began < 0.3, (name, filler)


def test_a_line_that_is_too_long_is_refused_folded_or_not() -> None:
    for value in (b"x" * SIZE, b"x\r\n " * (SIZE // 4)):
        with pytest.raises(SipParseError) as refused:
            parse(message(Subject=value))
        assert refused.value.status == 513
    assert parse(message(Subject=b"x" * 8000)).get("Subject") == "x" * 8000


def test_blanks_in_a_message_with_a_folded_line_cost_linear_time() -> None:
    """Each run of blanks is looked at once: 8000 in each of seven lines took a second of the loop."""
    blanks = {f"X{number}": b"x" + b" " * 8000 + b"y" for number in range(7)}
    began = time.process_time()
    assert parse(message(Subject=b"a \t\r\n\t b", **blanks)).get("Subject") == "a b"
    with pytest.raises(SipParseError):
        parse(message(Subject=b"a\r\n b", **{"Max-Forwards": b" " * SIZE}))
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "filler",
    [
        b"a\r\n",
        b"-" * 63 + b":\r\n",
        b"a-" * 31 + b":\r\n",
        b" \r\n",
        b"v:\r\n",
        b"X: y\r\n ",
        b"t: x\r\n y\r\n",
        b"-",
    ],
)
def test_what_is_refused_for_its_size_costs_little(filler: bytes) -> None:
    """What an answer needs is found without reading the rest. Before that it took up to 17 ms of the loop."""
    data = message().removesuffix(b"\r\n") + filler * (SIZE // len(filler)) + b"\r\n\r\n"
    began = time.process_time()
    for _ in range(10):
        with pytest.raises(SipParseError):
            parse(data)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "filler", [b"a=rtpmap:0 PCMU/8000\r\n", b"m=audio 1 RTP/AVP 0\r\n", b"a=x\r\n", b"c=IN IP4 1\r\n"]
)
def test_no_sdp_costs_more_than_linear_time(filler: bytes) -> None:
    head = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    )
    began = time.process_time()
    try:
        offer = parse_sdp(head + filler * (SIZE // len(filler)))
        check_offer(offer, ("PCMU",))
    except CcdError:
        pass
    assert time.process_time() - began < 0.5


def test_a_slow_stream_costs_no_more_than_a_fast_one() -> None:
    """64 kB of headers octet by octet: no scan begins anew each time."""
    parser, data = StreamParser(), message(Subject=b"x" * 8000, **{f"X{n}": b"y" * 4000 for n in range(12)})
    began = time.process_time()
    found = [each for octet in data for each in parser.feed(bytes([octet]))]
    assert found and time.process_time() - began < 1.5


def other(method: str, number: int, size: int = 0) -> bytes:
    changed = message(CSeq=f"1 {method}".encode(), Via=b"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%d" % number)
    data = changed.replace(b"INVITE", method.encode()).replace(b"c@x", b"c%d@x" % number)
    return data.replace(b"\r\n\r\n", b"\r\n" + b"X-P: %s\r\n" % (b"p" * 4000) * (size // 4000) + b"\r\n")


def test_cancels_of_nothing_fill_no_memory() -> None:
    """They are bounded as other requests are; beyond that they are refused without state."""
    endpoint = Endpoint(SeededChance(), limit=100)
    for number in range(500):
        endpoint.receive(other("CANCEL", number), FLOW, 1.0)
    assert endpoint.active == 50
    answers = [data.split(b" ")[1] for _, data in endpoint.out]
    assert answers.count(b"481") == 50 and answers.count(b"503") == 450
    endpoint.expire(100.0)
    assert endpoint.active == 0


def test_large_requests_are_kept_up_to_a_sum() -> None:
    """A flood of 48 kB requests: 64 MB are kept, the rest is answered 513; then there is room again."""
    endpoint = Endpoint(SeededChance())
    for number in range(2000):
        endpoint.receive(other("OPTIONS", number, 48_000), FLOW, 1.0)
        endpoint.out.clear()
    kept = endpoint.active * len(other("OPTIONS", 1999, 48_000))
    assert layer.MOST_LARGE_BYTES * 0.99 < kept < layer.MOST_LARGE_BYTES * 1.01
    assert endpoint.counters["refused_large"] == 2000 - endpoint.active
    endpoint.receive(other("OPTIONS", 9999), FLOW, 1.0)  # a usual one is not concerned
    assert endpoint.counters["refused_large"] == 2000 - endpoint.active + 1
    endpoint.expire(100.0)
    assert endpoint.active == 0
    endpoint.receive(other("OPTIONS", 0, 48_000), FLOW, 101.0)
    assert endpoint.active == 1


def test_a_dismissed_request_leaves_nothing_behind() -> None:
    """§8.2.7: one answer, no state; the ACK that follows and a copy of the request do no harm."""
    endpoint = Endpoint(SeededChance())
    endpoint.receive(message(), FLOW, 1.0)
    (event,) = endpoint.events
    endpoint.events.clear()
    endpoint.dismiss(event.tx, 401, 1.0, [("WWW-Authenticate", "Digest x")])  # type: ignore[union-attr]
    assert [data.split(b" ")[1] for _, data in endpoint.out] == [b"401"]
    assert endpoint.active == 0 and endpoint.next_deadline() is None
    assert not endpoint.reply(event.tx, 200, 1.0)  # type: ignore[union-attr]
    for table in ("_servers", "_by_flow", "_by_merge", "_by_ack", "_by_dialog"):
        assert not getattr(endpoint, table), table
    endpoint.receive(message(), FLOW, 1.1)
    assert endpoint.active == 1


def test_random_bytes_never_raise() -> None:
    """10,000 datagrams of noise and near-misses straight into the transaction layer."""
    chance, endpoint = random.Random(2), Endpoint(SeededChance(), limit=500)
    whole = message()
    for number in range(10_000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        endpoint.receive(
            bytes(data) if number % 3 else chance.randbytes(chance.randint(0, 400)), FLOW, number * 0.01
        )
        endpoint.expire(number * 0.01)
        endpoint.events.clear()
        endpoint.out.clear()
    assert endpoint.active <= 500
