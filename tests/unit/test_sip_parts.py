"""Bodies of several parts: the SDP is found, whatever is round it; torn ones raise nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.message import Request
from ccd.sip.parts import sdp_of

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ISUP = b"--b1\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x00\x49--x\r\n"


def invite(kind: str, body: bytes) -> Request:
    return Request.create("INVITE", "sip:a@ccd.test", [("Content-Type", kind)] if kind else [], body)


def part(body: bytes, head: bytes = b"Content-Type: application/sdp") -> bytes:
    return b"--b1\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("application/sdp", SDP, SDP),
        ("", SDP, SDP),
        ("", b"", b""),
        ("multipart/mixed;boundary=b1", part(SDP) + ISUP + b"--b1--\r\n", SDP),
        ('multipart/mixed; boundary="b1"', b"preamble\r\n" + ISUP + part(SDP) + b"--b1--", SDP),
        ("multipart/mixed;boundary=b1", part(SDP, b"content-type : APPLICATION/SDP; x=y\r\nA: b"), SDP),
        ("multipart/mixed;boundary=b1", part(SDP).replace(b"\r\n", b"\n"), SDP.replace(b"\r\n", b"\n")),
        ("multipart/mixed;boundary=b1", ISUP + b"--b1--\r\n" + part(SDP), None),
        ("multipart/mixed;boundary=b1", part(SDP, b"X: application/sdp"), None),
        ("multipart/mixed", part(SDP), None),
        ("text/plain", SDP, None),
    ],
)
def test_the_sdp_of_a_body(kind: str, body: bytes, found: bytes | None) -> None:
    given_back = sdp_of(invite(kind, body))
    assert given_back is None if found is None else (given_back or b"").strip() == found.strip()


@given(st.binary(max_size=200), st.text('ab1"; =-', max_size=12))
def test_whatever_comes(noise: bytes, boundary: str) -> None:
    body = noise + part(SDP) + noise
    assert sdp_of(invite(f"multipart/mixed;boundary={boundary}", body)) is None or boundary
