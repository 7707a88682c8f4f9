"""Keys of SRTP in SDP (RFC 4568), read, offered and answered."""

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.crypto import KEY_OCTETS, OFFERED, Crypto, Keys, Wanted, masked, read_keys
from ccd.sip.description import SessionDescription, parse_sdp
from ccd.sip.sdp import Incompatible, answer, check_offer, offer, read_answer

KEY = bytes(range(30))
INLINE = "inline:" + base64.b64encode(KEY).decode()
CM80 = "AES_CM_128_HMAC_SHA1_80"
_count = itertools.count(1)


def draw(octets: int) -> bytes:
    """Another key each time."""
    return next(_count).to_bytes(4, "big") * (octets // 4) + bytes(octets % 4)


def keys(wanted: Wanted) -> Keys:
    return Keys(wanted, draw)


def sdp(*media: str) -> SessionDescription:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.20", "s=-", "c=IN IP4 192.0.2.20", "t=0 0", *media]
    return parse_sdp("\r\n".join([*lines, ""]).encode())


def line(value: str) -> tuple[Crypto, ...]:
    return read_keys((("crypto", value),))


@pytest.mark.parametrize(
    ("value", "mki"),
    [
        (f"1 {CM80} {INLINE}", 0),
        (f"1 {CM80} {INLINE}|2^31", 0),
        (f"1 {CM80} {INLINE}|1048576", 0),
        (f"1 {CM80} {INLINE}|2^20|1:4", 4),
        (f"1 {CM80} {INLINE}|1:128", 128),
        (f"1 {CM80.lower()} {INLINE} WSH=64", 0),
        (f"1 {CM80} {INLINE} -UNHEARD_OF=1", 0),
    ],
)
def test_a_line_that_we_can_use(value: str, mki: int) -> None:
    assert line(value) == (Crypto(1, CM80, KEY, mki),)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {CM80}",
        f"x {CM80} {INLINE}",
        f"1 F8_128_HMAC_SHA1_80 {INLINE}",
        f"1 AEAD_AES_128_GCM {INLINE}",
        f"1 {CM80} {INLINE[:-4]}",
        f"1 {CM80} {INLINE};{INLINE}",
        f"1 {CM80} {INLINE}|2^31|1:400",
        f"1 {CM80} inline:ÄÖÜ",
        f"1 {CM80} {INLINE} UNENCRYPTED_SRTP",
        f"1 {CM80} {INLINE} UNAUTHENTICATED_SRTP",
        f"1 {CM80} {INLINE} KDR=1",
        f"1 {CM80} {INLINE} FEC_KEY={INLINE}",
    ],
)
def test_a_line_that_is_left_out(value: str) -> None:
    assert line(value) == ()


@pytest.mark.parametrize("suite", KEY_OCTETS)
def test_what_is_written_is_read(suite: str) -> None:
    own = Crypto(7, suite, draw(KEY_OCTETS[suite]))
    assert line(own.to_text()) == (own,)


@given(
    st.text(max_size=300) | st.from_regex(r"[0-9]{0,12} ?[A-Z_0-9]{0,30} ?inline:[A-Za-z0-9+/=|:^;]{0,99}")
)
def test_odd_lines_never_break_a_description(value: str) -> None:
    """A description with them is taken as plain, or refused in words."""
    value = value.replace("\n", " ").replace("\r", " ")
    described = sdp("m=audio 4000 RTP/AVP 0", f"a=crypto:{value}", f"a=crypto:{value}")
    own = keys(Wanted.PREFERRED)
    _, negotiated = answer(described, "192.0.2.1", 20000, keys=own)
    assert negotiated.codec == "PCMU"
    assert (negotiated.crypto is not None) == bool(described.media[0].terms.crypto)


def test_no_key_in_what_is_shown() -> None:
    text = base64.b64encode(KEY).decode()
    own = Crypto(1, CM80, KEY)
    assert str(KEY) not in repr(own) and text not in repr(own)
    assert masked(f"a=crypto:{own.to_text()}|2^31") == f"a=crypto:1 {CM80} inline:(masked)|2^31"


OUTCOMES = {
    # (who offers, who answers): encrypted, plain, or refused
    ("plain", "plain"): "plain",
    ("plain", "if alone"): "plain",
    ("plain", "preferred"): "plain",
    ("plain", "required"): "refused",
    ("if alone", "plain"): "plain",
    ("if alone", "if alone"): "plain",
    ("if alone", "preferred"): "plain",
    ("if alone", "required"): "refused",
    ("preferred", "plain"): "plain",
    ("preferred", "if alone"): "plain",
    ("preferred", "preferred"): "encrypted",
    ("preferred", "required"): "encrypted",
    ("required", "plain"): "refused",
    ("required", "if alone"): "encrypted",
    ("required", "preferred"): "encrypted",
    ("required", "required"): "encrypted",
}


@pytest.mark.parametrize(("ours", "theirs"), OUTCOMES)
def test_what_comes_of_an_offer(ours: str, theirs: str) -> None:
    """Both sides agree on both keys; the SDP goes over the wire."""
    offerer, answerer = keys(Wanted(ours)), keys(Wanted(theirs))
    described = offer("192.0.2.1", 20000, keys=offerer)
    heard = parse_sdp(described.to_bytes())
    outcome = OUTCOMES[ours, theirs]
    if outcome == "refused":
        with pytest.raises(Incompatible, match=r"SRTP is (required|off) here"):
            answer(heard, "192.0.2.2", 30000, keys=answerer)
        with pytest.raises(Incompatible, match=r"SRTP is (required|off) here"):
            check_offer(heard, ("PCMU", "PCMA"), answerer.wanted)
        return
    assert check_offer(heard, ("PCMU", "PCMA"), answerer.wanted) == "192.0.2.1"
    answered, there = answer(heard, "192.0.2.2", 30000, keys=answerer)
    here = read_answer(described, parse_sdp(answered.to_bytes()), offerer.wanted)
    if outcome == "plain":
        assert here.crypto is there.crypto is None
        assert b"crypto" not in answered.to_bytes()
        return
    assert here.crypto is not None and there.crypto is not None
    assert (here.crypto.ours, here.crypto.theirs) == (there.crypto.theirs, there.crypto.ours)
    assert here.crypto.ours.key != here.crypto.theirs.key
    assert here.protocol == ("RTP/SAVP" if ours == "required" else "RTP/AVP")


def test_the_suites_that_are_offered() -> None:
    described = offer("192.0.2.1", 20000, keys=keys(Wanted.REQUIRED))
    lines = parse_sdp(described.to_bytes()).media[0].terms.crypto
    assert [each.suite for each in lines] == list(OFFERED)
    assert len({each.key for each in lines}) == len(lines)


def test_the_line_that_can_be_encrypted_is_taken() -> None:
    """Some offer twice, plain and encrypted, in either order (RFC 3264: the other is refused)."""
    plain = ("m=audio 4000 RTP/AVP 0",)
    secure = ("m=audio 4002 RTP/SAVP 0", f"a=crypto:3 {CM80} {INLINE}")
    for media, taken in (((*plain, *secure), 1), ((*secure, *plain), 0)):
        answered, negotiated = answer(sdp(*media), "192.0.2.1", 20000, keys=keys(Wanted.IF_ALONE))
        assert negotiated.remote_port == 4002 and negotiated.crypto is not None
        assert [bool(each.port) for each in answered.media] == [at == taken for at in (0, 1)]
        assert answered.media[taken].terms.crypto[0].tag == 3


@pytest.mark.parametrize(
    ("media", "why"),
    [
        (("m=audio 4000 RTP/SAVP 0",), "without a key in a=crypto"),
        (
            ("m=audio 4000 RTP/SAVP 0", f"a=crypto:1 F8_128_HMAC_SHA1_80 {INLINE}"),
            "without a key in a=crypto",
        ),
        (("m=audio 4000 UDP/TLS/RTP/SAVPF 0", "a=fingerprint:sha-256 AA"), "no audio stream"),
        (("m=audio 4000 RTP/AVP 18",), "no audio stream"),
    ],
)
def test_offers_without_a_key_for_us(media: tuple[str, ...], why: str) -> None:
    with pytest.raises(Incompatible, match=why):
        answer(sdp(*media), "192.0.2.1", 20000, keys=keys(Wanted.PREFERRED))


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 4000 RTP/SAVP 0",),
        ("m=audio 4000 RTP/SAVP 0", f"a=crypto:9 {CM80} {INLINE}"),
        ("m=audio 4000 RTP/SAVP 0", f"a=crypto:1 AES_CM_128_HMAC_SHA1_32 {INLINE}"),
        ("m=audio 4000 RTP/AVP 0",),
    ],
)
def test_answers_that_take_no_key_of_ours(media: tuple[str, ...]) -> None:
    own = keys(Wanted.REQUIRED)
    described = offer("192.0.2.1", 20000, keys=own)
    with pytest.raises(Incompatible, match="no SRTP by a key that we offered"):
        read_answer(described, sdp(*media), own.wanted)


def test_keys_do_not_stay_in_what_is_remembered_of_descriptions() -> None:
    text = f"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 {CM80} {INLINE}"
    assert sdp(text).media[0].terms is not sdp(text).media[0].terms
    plain = "m=audio 4000 RTP/AVP 0\r\na=ptime:20"
    assert sdp(plain).media[0].terms is sdp(plain).media[0].terms
