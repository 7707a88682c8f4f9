"""SDP for audio calls, and its offer/answer (RFC 8866, RFC 3264; telephone-event of RFC 4733).

`SessionDescription` keeps what it does not know of a media section, so that the media lines we refuse
are answered as the RFC asks: same kind, protocol and formats, port 0. One audio line is taken.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address

import msgspec

from ccd.errors import Refused
from ccd.sip.grammar import SipParseError, excerpt

DIGITS = "telephone-event"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly"}
_STATIC = {0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000"}
_STATIC |= {18: "G729/8000"}
_NUMBERS = {encoding.partition("/")[0]: number for number, encoding in _STATIC.items()}
_TAKEN = frozenset({"RTP/AVP", "RTP/AVPF"})
_unicast_ip4 = re.compile(
    r"(?:1?[0-9]{1,2}|20[0-9]|21[0-9]|22[0-3])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
).fullmatch
_DIGITS_PAYLOAD = 101
_MAX_BYTES = 32768
_MAX_MEDIA = 32
_LONGEST_KEPT = 1024


class Incompatible(Refused):
    """Offer and answer have nothing in common that we can do: answer 488."""

    def __init__(self, message: str) -> None:
        super().__init__("sdp-incompatible", message)


class Origin(msgspec.Struct, frozen=True):
    """The `o=` line. `session_id` and `version` name one state of one session: numbers, but of some peers."""

    user: str = "-"
    session_id: int | str = 0
    version: int | str = 0
    host: str = "127.0.0.1"


Attributes = tuple[tuple[str, str | None], ...]
Encodings = tuple[tuple[int, str], ...]


class Terms(msgspec.Struct, frozen=True):
    """What an `m=` section says besides kind and port: a phone says the same in call after call.

    Read once and kept (`_read_terms`), so what is asked of it often is worked out here.
    """

    protocol: str
    formats: tuple[str, ...]
    attributes: Attributes = ()
    host: str | None = None
    """Of its own `c=` line, if it has one."""
    encodings: Encodings = ()
    """Payload type and "NAME/clock" (name in upper case, telephone-event in lower), in offered order."""
    direction: str | None = None
    """One of `DIRECTIONS` if the section says so itself."""
    ptime: int | None = None
    """Milliseconds a packet, as the other side wants it."""
    rtcp_port: int | None = None
    """From `a=rtcp:` (RFC 3605); None: the usual next port."""
    text: str = ""
    """As it is written, from the protocol on, lines ended by CRLF."""


class Media(msgspec.Struct):
    """One `m=` section."""

    kind: str
    port: int
    terms: Terms
    ports: int = 1


def _terms(protocol: str, formats: tuple[str, ...], attributes: Attributes, host: str | None = None) -> Terms:
    values = dict(reversed(attributes))  # the first of a name counts
    lines = [f"{protocol} {' '.join(formats)}"]
    if host is not None:
        lines.append("c=" + _connection(host))
    lines += _attribute_lines(attributes)
    return Terms(
        protocol,
        formats,
        attributes,
        host,
        _encodings(formats, attributes),
        next((key for key, _ in attributes if key in DIRECTIONS), None),
        _small_number(values.get("ptime"), 3),
        _small_number((values.get("rtcp") or "").partition(" ")[0], 5),
        "\r\n".join(lines) + "\r\n",
    )


def _encodings(formats: tuple[str, ...], attributes: Attributes) -> Encodings:
    mapped: dict[str, str] = {}
    for key, value in attributes:
        if key == "rtpmap" and value:
            number, _, encoding = value.partition(" ")
            mapped[number] = encoding.strip()
    found: dict[int, str] = {}
    for number in formats:
        payload = _small_number(number, 3)
        if payload is None or payload > 127:
            continue
        name = mapped.get(number) or _STATIC.get(payload)
        if name:
            found[payload] = _fold(name)
    return tuple(found.items())


def _small_number(text: str | None, digits: int) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= digits else None


@lru_cache(maxsize=256)
def _fold(encoding: str) -> str:
    """Encoding names are compared without case; a channel count of 1 says nothing."""
    name, _, rest = encoding.partition("/")
    if rest.endswith("/1"):
        rest = rest[:-2]
    return f"{DIGITS if name.lower() == DIGITS else name.upper()}/{rest}"


class SessionDescription(msgspec.Struct):
    """A whole SDP. `host` is the session's own `c=` line, which media sections without one use."""

    origin: Origin
    host: str | None = None
    attributes: list[tuple[str, str | None]] = []
    media: list[Media] = []
    name: str = "-"

    def host_of(self, media: Media) -> str | None:
        return media.terms.host or self.host

    def direction_of(self, media: Media) -> str:
        """The direction as its sender wrote it: media section, else session, else sendrecv."""
        if media.terms.direction is not None:
            return media.terms.direction
        return next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")

    @property
    def held(self) -> bool:
        """The sender holds us: its audio is sendonly, inactive, or goes to 0.0.0.0 (RFC 3264 §8.4)."""
        for media in self.media:
            if media.kind == "audio" and media.port:
                return self.direction_of(media) in {"sendonly", "inactive"} or _is_nowhere(
                    self.host_of(media)
                )
        return False

    def to_bytes(self) -> bytes:
        origin = self.origin
        lines = [
            "v=0",
            f"o={origin.user} {origin.session_id} {origin.version} {_connection(origin.host)}",
            f"s={self.name}",
        ]
        if self.host is not None:
            lines.append("c=" + _connection(self.host))
        lines.append("t=0 0")
        lines += _attribute_lines(self.attributes)
        sections = "".join([f"m={_media_line(media)}" for media in self.media])
        return ("\r\n".join(lines) + "\r\n" + sections).encode()

    __bytes__ = to_bytes


def _connection(host: str) -> str:
    return f"IN {'IP6' if ':' in host else 'IP4'} {host}"


def _media_line(media: Media) -> str:
    ports = f"/{media.ports}" if media.ports != 1 else ""
    return f"{media.kind} {media.port}{ports} {media.terms.text}"


def _attribute_lines(attributes: Iterable[tuple[str, str | None]]) -> list[str]:
    return [f"a={key}" if value is None else f"a={key}:{value}" for key, value in attributes]


def _is_nowhere(host: str | None) -> bool:
    return host in {None, "0.0.0.0", "::"}  # noqa: S104 — the hold of RFC 2543, nothing is bound to it


def parse_sdp(body: bytes) -> SessionDescription:
    """Read an SDP body; SipParseError if it breaks the grammar where we depend on it."""
    if len(body) > _MAX_BYTES:
        raise SipParseError("SDP too large", 413)
    session, *sections = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\nm=")
    origin: Origin | None = None
    described = SessionDescription(Origin())
    lines = [line for line in session.split("\n") if line]
    if not lines or lines[0] != "v=0":
        raise SipParseError("SDP does not begin with v=0")
    for line in lines[1:]:
        kind, value = _read_line(line)
        if kind == "a":
            described.attributes.append(_read_attribute(value))
        elif kind == "c":
            described.host = _parse_host(value)
        elif kind == "o":
            origin = described.origin = _parse_origin(value)
        elif kind == "s":
            described.name = value or "-"
    if origin is None:
        raise SipParseError("SDP without o= line")
    described.media = [_parse_media(section) for section in sections]
    return _checked(described)


def _read_line(line: str) -> tuple[str, str]:
    kind = line[:1]
    if line[1:2] != "=" or not kind.isalpha():
        raise SipParseError(f"not an SDP line: {excerpt(line)}")
    return kind, line[2:]


def _read_attribute(value: str) -> tuple[str, str | None]:
    key, colon, rest = value.partition(":")
    return key, rest if colon else None


def _checked(described: SessionDescription) -> SessionDescription:
    if len(described.media) > _MAX_MEDIA:
        raise SipParseError("SDP with too many media lines")
    for media in described.media:
        if media.port and described.host_of(media) is None:
            raise SipParseError("SDP without c= line for its media")
    return described


def _number(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > limit:
        raise SipParseError(f"SDP number out of range: {excerpt(text)}")
    return int(text)


def _parse_origin(value: str) -> Origin:
    words = value.split()
    if len(words) != 6 or words[3] != "IN":
        raise SipParseError(f"not an SDP origin: {excerpt(value)}")
    return Origin(words[0], _number_or_text(words[1]), _number_or_text(words[2]), words[5])


def _number_or_text(word: str) -> int | str:
    """RFC 8866 §5.2 wants a number, yet no one's call hangs on what it is."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 20 else word


def _parse_host(value: str) -> str:
    words = value.split()
    if len(words) != 3 or words[0] != "IN" or words[1] not in {"IP4", "IP6"}:
        raise SipParseError(f"not an SDP connection: {excerpt(value)}")
    return words[2].partition("/")[0]


def _parse_media(section: str) -> Media:
    """One section, from the word after `m=` to its last line."""
    line, _, rest = section.partition("\n")
    words = line.split(None, 2)
    if len(words) < 3:
        raise SipParseError(f"not an SDP media line: {excerpt(line)}")
    read = _read_terms if len(section) <= _LONGEST_KEPT else _read_terms.__wrapped__
    port, _, ports = words[1].partition("/")
    return Media(
        words[0].lower(),
        _number(port, 65535),
        read(words[2], rest),
        _number(ports, 65535) if ports else 1,
    )


@lru_cache(maxsize=4096)
def _read_terms(media_line: str, rest: str) -> Terms:
    """From the protocol on, and the lines below."""
    protocol, *formats = media_line.split()
    if not formats:
        raise SipParseError(f"not an SDP media line: {excerpt(media_line)}")
    host: str | None = None
    attributes = []
    for line in filter(None, rest.split("\n")):
        kind, value = _read_line(line)
        if kind == "a":
            attributes.append(_read_attribute(value))
        elif kind == "c":
            host = _parse_host(value)
    return _terms(protocol, tuple(formats), tuple(attributes), host)


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
    own_digits_payload: int | None = None
    """What our offer called telephone-event: the answerer may call it otherwise, and then sends by our
    number and is sent by its own (RFC 3264 §5.1, §6.1)."""


def offer(
    host: str,
    port: int,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    direction: str = "sendrecv",
    session_id: int = 1,
    version: int = 1,
    digits: bool = True,
) -> SessionDescription:
    """Our offer of one audio stream at `host`:`port`, codecs by preference, digits by RFC 4733.

    `version` must grow by one with each changed description of a session (RFC 3264 §8).
    """
    terms = _describe(_our_payloads(tuple(codecs), digits), direction)
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
def _describe(payloads: Encodings, direction: str, protocol: str = "RTP/AVP") -> Terms:
    lines: list[tuple[str, str | None]] = []
    for number, encoding in payloads:
        lines.append(("rtpmap", f"{number} {encoding}"))
        if encoding.startswith(DIGITS):
            lines.append(("fmtp", f"{number} 0-16"))
    lines += [("ptime", "20"), (direction, None)]
    return _terms(protocol, tuple([str(number) for number, _ in payloads]), tuple(lines))


def _encoding(name: str) -> str:
    number = _NUMBERS.get(name.upper())
    return f"{name.upper()}/8000" if number is None else _STATIC[number]


def answer(
    remote_offer: SessionDescription,
    host: str,
    port: int,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    direction: str = "sendrecv",
    session_id: int = 1,
    version: int = 1,
) -> tuple[SessionDescription, Negotiated]:
    """Answer an offer: the first audio line with a codec of ours, all other lines refused with port 0.

    The codec is the first of the offer's that we have. `direction` is what we would like; the answer
    never says more than the offer allows. Raises Incompatible if no line can be taken.
    """
    wanted = _wanted(tuple(codecs))
    described = SessionDescription(Origin("-", session_id, version, host), host)
    negotiated: Negotiated | None = None
    for media in remote_offer.media:
        payloads = _choose(media, wanted) if negotiated is None else None
        if payloads is None:
            refused = _terms(media.terms.protocol, media.terms.formats, ())
            described.media.append(Media(media.kind, 0, refused))
            continue
        ours = _common(direction, remote_offer.direction_of(media))
        negotiated = _negotiated(remote_offer, media, payloads, ours)
        described.media.append(Media("audio", port, _describe(payloads, ours, media.terms.protocol)))
    if negotiated is None:
        raise _nothing_for_us(codecs)
    return described, negotiated


@lru_cache(maxsize=64)
def _wanted(codecs: tuple[str, ...]) -> frozenset[str]:
    return frozenset([_encoding(name) for name in codecs])


def check_offer(remote_offer: SessionDescription, codecs: Sequence[str]) -> str:
    """The address that its audio is to go to; raises Incompatible as `answer` would."""
    wanted = _wanted(tuple(codecs))
    for media in remote_offer.media:
        if _choose(media, wanted) is not None:
            return _checked_host(remote_offer.host_of(media))
    raise _nothing_for_us(codecs)


def _nothing_for_us(codecs: Sequence[str]) -> Incompatible:
    return Incompatible(f"the offer has no audio stream with one of {', '.join(codecs)} over plain RTP")


def read_answer(our_offer: SessionDescription, answered: SessionDescription) -> Negotiated:
    """What the answer to our offer makes of it; Incompatible if our audio was refused or nothing fits."""
    if len(answered.media) != len(our_offer.media):
        raise Incompatible("the answer has another number of media lines than our offer")
    for ours, theirs in zip(our_offer.media, answered.media, strict=True):
        if ours.kind != "audio" or ours.port == 0:
            continue
        payloads = _choose(theirs, frozenset([encoding for _, encoding in ours.terms.encodings]))
        if payloads is None:
            raise Incompatible("the answer refuses our audio stream or chooses a codec that we did not offer")
        direction = _common(our_offer.direction_of(ours), answered.direction_of(theirs))
        return _negotiated(answered, theirs, payloads, direction, ours.terms.encodings)
    raise Incompatible("our offer had no audio stream")


def _choose(media: Media, wanted: frozenset[str]) -> Encodings | None:
    """The first codec we want, then telephone-event if offered; None if the line cannot be taken."""
    if media.kind != "audio" or not media.port or media.terms.protocol.upper() not in _TAKEN:
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


def _common(ours: str, theirs: str) -> str:
    """Our direction that fits both what we want and what the other side wrote from its own view."""
    theirs = _REVERSED.get(theirs, theirs)
    send = ours in {"sendrecv", "sendonly"} and theirs in {"sendrecv", "sendonly"}
    receive = ours in {"sendrecv", "recvonly"} and theirs in {"sendrecv", "recvonly"}
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


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
    offered: Encodings = (),
) -> Negotiated:
    """`offered`: our encodings, where they were the offer."""
    host = _checked_host(theirs.host_of(media))
    (payload, encoding), *digits = payloads
    return Negotiated(
        codec=encoding.partition("/")[0],
        payload=payload,
        digits_payload=digits[0][0] if digits else None,
        own_digits_payload=next((n for n, name in offered if name.startswith(DIGITS)), None),
        remote_host=host,
        remote_port=media.port,
        send=direction in {"sendrecv", "sendonly"} and not _is_nowhere(host),
        receive=direction in {"sendrecv", "recvonly"},
        ptime_ms=media.terms.ptime or 20,
        remote_rtcp_port=media.terms.rtcp_port,
    )
