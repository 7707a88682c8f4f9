"""Offer and answer of audio calls (RFC 3264; telephone-event of RFC 4733).

One audio line is taken; the other media lines of an offer are refused.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

import msgspec

from ccd.errors import Refused
from ccd.sip.crypto import PLAIN, Agreed, Keys, Wanted, encrypts, why_not
from ccd.sip.crypto import read_answer as read_keys_taken
from ccd.sip.description import (
    DIGITS,
    STATIC,
    Encodings,
    Media,
    Origin,
    SessionDescription,
    Terms,
    is_nowhere,
    terms_of,
    with_keys,
)
from ccd.sip.grammar import excerpt

_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly"}
_NUMBERS = {encoding.partition("/")[0]: number for number, encoding in STATIC.items()}
_unicast_ip4 = re.compile(
    r"(?:1?[0-9]{1,2}|20[0-9]|21[0-9]|22[0-3])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
).fullmatch
_DIGITS_PAYLOAD = 101


class Incompatible(Refused):
    """Offer and answer have nothing in common that we can do: answer 488."""

    def __init__(self, message: str) -> None:
        super().__init__("sdp-incompatible", message)


class Negotiated(msgspec.Struct, frozen=True):
    """What offer and answer agreed on for our one audio stream."""

    codec: str
    """Encoding name: "PCMU", "PCMA"…"""
    payload: int
    digits_payload: int | None
    """Payload type of telephone-event; None: the other side takes none."""
    remote_host: str
    remote_port: int
    send: bool = True
    """We may send."""
    receive: bool = True
    """We shall be sent something."""
    ptime_ms: int = 20
    """What the other side would like to get."""
    remote_rtcp_port: int | None = None
    """Where the other side takes RTCP; None: at the next port."""
    mux: bool = False
    """RTCP goes by the port of RTP, both ways (RFC 5761)."""
    own_digits_payload: int | None = None
    """What our offer called telephone-event: the answerer may call it otherwise, and then sends by our
    number and is sent by its own (RFC 3264 §5.1, §6.1)."""
    protocol: str = PLAIN
    crypto: Agreed | None = None
    """By which keys it is encrypted (RFC 4568); None: it is not."""


def offer(
    host: str,
    port: int,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    direction: str = "sendrecv",
    session_id: int = 1,
    version: int = 1,
    digits: bool = True,
    keys: Keys | None = None,
    mux: bool = False,
) -> SessionDescription:
    """Our offer of one audio stream at `host`:`port`, codecs by preference, digits by RFC 4733.

    `version` must grow by one with each changed description of a session (RFC 3264 §8). `mux`: it is agreed
    on already that RTCP shares the port.
    """
    payloads = _our_payloads(tuple(codecs), digits)
    if keys is None:
        terms = _describe(payloads, direction, PLAIN, mux)
    else:
        terms = with_keys(_describe(payloads, direction, keys.protocol, mux), keys.offer())
    return SessionDescription(
        Origin("-", session_id, version, host), host, media=[Media("audio", port, terms)]
    )


@lru_cache(maxsize=64)
def _our_payloads(codecs: tuple[str, ...], digits: bool) -> Encodings:
    payloads: dict[int, str] = {}
    for name in codecs:
        number = _NUMBERS.get(name.upper(), 96 + len(payloads))
        payloads[number] = _encoding(name)
    if digits:
        payloads[_DIGITS_PAYLOAD] = f"{DIGITS}/8000"
    return tuple(payloads.items())


@lru_cache(maxsize=1024)
def _describe(payloads: Encodings, direction: str, protocol: str, mux: bool) -> Terms:
    lines: list[tuple[str, str | None]] = []
    for number, encoding in payloads:
        lines.append(("rtpmap", f"{number} {encoding}"))
        if encoding.startswith(DIGITS):
            lines.append(("fmtp", f"{number} 0-16"))
    lines += [("ptime", "20"), (direction, None), *([("rtcp-mux", None)] if mux else [])]
    return terms_of(protocol, tuple([str(number) for number, _ in payloads]), tuple(lines))


def _encoding(name: str) -> str:
    number = _NUMBERS.get(name.upper())
    return f"{name.upper()}/8000" if number is None else STATIC[number]


def answer(
    remote_offer: SessionDescription,
    host: str,
    port: int,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    direction: str = "sendrecv",
    session_id: int = 1,
    version: int = 1,
    keys: Keys | None = None,
) -> tuple[SessionDescription, Negotiated]:
    """Answer an offer: one audio line with a codec of ours, all other lines refused with port 0.

    It is the first that can be encrypted, if that is wanted (`keys`), else the first. The codec is the first
    of the offer's that we have. `direction` is what we would like; the answer never says more than the offer
    allows. Raises Incompatible if no line can be taken.
    """
    taken, payloads, encrypted = _take(
        remote_offer, codecs, keys.wanted if keys is not None else Wanted.PLAIN
    )
    ours = _common(direction, remote_offer.direction_of(taken))
    agreed = keys.answer(taken.terms.crypto) if keys is not None and encrypted else None
    mux = _may_mux(taken, payloads)
    terms = _describe(payloads, ours, taken.terms.protocol, mux)
    if agreed is not None:
        terms = with_keys(terms, (agreed.ours,))
    described = SessionDescription(Origin("-", session_id, version, host), host)
    for media in remote_offer.media:
        if media is taken:
            described.media.append(Media("audio", port, terms))
        else:
            refused = terms_of(media.terms.protocol, media.terms.formats, ())
            described.media.append(Media(media.kind, 0, refused))
    return described, _negotiated(remote_offer, taken, payloads, ours, agreed=agreed, mux=mux)


def _may_mux(offered: Media, payloads: Encodings) -> bool:
    """Whether RTCP may share the port: it is offered, and no payload type looks like RTCP (RFC 5761 §4)."""
    return offered.terms.mux and not any(64 <= number <= 95 for number, _ in payloads)


def _take(
    offered: SessionDescription, codecs: Sequence[str], wanted: Wanted
) -> tuple[Media, Encodings, bool]:
    """The line to take, what of it, and whether it is encrypted. Raises Incompatible."""
    found: tuple[Media, Encodings, bool] | None = None
    why = ""
    for media in offered.media:
        payloads = _choose(media, _wanted(tuple(codecs)))
        if payloads is None:
            continue
        terms = media.terms
        encrypted = encrypts(terms.protocol, terms.crypto, wanted)
        if encrypted:
            return media, payloads, True
        if encrypted is None:
            why = why or why_not(terms.protocol, terms.crypto, wanted)
        elif found is None:
            found = media, payloads, False
    if found is None:
        raise Incompatible(why or f"the offer has no audio stream with one of {', '.join(codecs)} over RTP")
    return found


@lru_cache(maxsize=64)
def _wanted(codecs: tuple[str, ...]) -> frozenset[str]:
    return frozenset([_encoding(name) for name in codecs])


def check_offer(
    remote_offer: SessionDescription, codecs: Sequence[str], wanted: Wanted = Wanted.PLAIN
) -> str:
    """The address that its audio is to go to; raises Incompatible as `answer` would."""
    media, _, _ = _take(remote_offer, codecs, wanted)
    return _checked_host(remote_offer.host_of(media))


def read_answer(
    our_offer: SessionDescription, answered: SessionDescription, wanted: Wanted = Wanted.PLAIN
) -> Negotiated:
    """What the answer to our offer makes of it; Incompatible if our audio was refused or nothing fits."""
    if len(answered.media) != len(our_offer.media):
        raise Incompatible("the answer has another number of media lines than our offer")
    for ours, theirs in zip(our_offer.media, answered.media, strict=True):
        if ours.kind != "audio" or ours.port == 0:
            continue
        offered, digits = _said(ours.terms.encodings)
        payloads = _choose(theirs, offered)
        if payloads is None:
            raise Incompatible("the answer refuses our audio stream or chooses a codec that we did not offer")
        agreed = read_keys_taken(ours.terms.crypto, theirs.terms.crypto)
        if agreed is None and encrypts(theirs.terms.protocol, (), wanted) is None:
            raise Incompatible(
                "the answer has no SRTP by a key that we offered, and plain audio is not taken"
            )
        direction = _common(our_offer.direction_of(ours), answered.direction_of(theirs))
        mux = ours.terms.mux and theirs.terms.mux
        return _negotiated(answered, theirs, payloads, direction, digits, agreed, mux)
    raise Incompatible("our offer had no audio stream")


@lru_cache(maxsize=64)
def _said(encodings: Encodings) -> tuple[frozenset[str], int | None]:
    """What an offer of ours has, and its number for telephone-events."""
    digits = next((number for number, name in encodings if name.startswith(DIGITS)), None)
    return frozenset([encoding for _, encoding in encodings]), digits


def _choose(media: Media, wanted: frozenset[str]) -> Encodings | None:
    """The first codec we want, then telephone-event if offered; None if the line cannot be taken."""
    if media.kind != "audio" or not media.port or not media.terms.rtp:
        return None
    return _first_wanted(media.terms.encodings, wanted)


@lru_cache(maxsize=1024)
def _first_wanted(encodings: Encodings, wanted: frozenset[str]) -> Encodings | None:
    for number, encoding in encodings:
        if encoding in wanted and not encoding.startswith(DIGITS):
            event = f"{DIGITS}/{encoding.split('/')[1]}"
            digits = next((n for n, other in encodings if other == event), None)
            chosen = (number, encoding)
            return (chosen,) if digits is None else (chosen, (digits, event))
    return None


@lru_cache(maxsize=16)
def _common(ours: str, theirs: str) -> str:
    """Our direction that fits both what we want and what the other side wrote from its own view."""
    theirs = _REVERSED.get(theirs, theirs)
    send = ours in {"sendrecv", "sendonly"} and theirs in {"sendrecv", "sendonly"}
    receive = ours in {"sendrecv", "recvonly"} and theirs in {"sendrecv", "recvonly"}
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


@lru_cache(maxsize=1024)
def _checked_host(host: str | None) -> str:
    """A unicast IP address as text; Incompatible for names and multicast, which we never send to."""
    if host is not None and _unicast_ip4(host):
        return host
    try:
        address = ip_address(host or "")
    except ValueError:
        raise Incompatible(f"the media address is not an IP address: {excerpt(host or '')}") from None
    if address.is_multicast:
        raise Incompatible(f"the media address is multicast: {excerpt(str(address))}")
    return str(address)


def _negotiated(
    theirs: SessionDescription,
    media: Media,
    payloads: Encodings,
    direction: str,
    own_digits: int | None = None,
    agreed: Agreed | None = None,
    mux: bool = False,
) -> Negotiated:
    """`own_digits`: our number for telephone-events, where ours was the offer."""
    host = _checked_host(theirs.host_of(media))
    terms = media.terms
    payload, encoding = payloads[0]
    return Negotiated(
        codec=encoding.partition("/")[0],
        payload=payload,
        digits_payload=payloads[1][0] if len(payloads) > 1 else None,
        own_digits_payload=own_digits,
        remote_host=host,
        remote_port=media.port,
        send=direction in {"sendrecv", "sendonly"} and not is_nowhere(host),
        receive=direction in {"sendrecv", "recvonly"},
        ptime_ms=terms.ptime or 20,
        remote_rtcp_port=terms.rtcp_port,
        mux=mux,
        protocol=terms.protocol,
        crypto=agreed,
    )
