"""SDP for audio calls, and its offer/answer (RFC 8866, RFC 3264; telephone-event of RFC 4733).

`SessionDescription` keeps what it does not know of a media section, so that the media lines we refuse
are answered as the RFC asks: same kind, protocol and formats, port 0. One audio line is taken.
"""

import re
from collections.abc import Sequence
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


class Incompatible(Refused):
    """Offer and answer have nothing in common that we can do: answer 488."""

    def __init__(self, message: str) -> None:
        super().__init__("sdp-incompatible", message)


class Origin(msgspec.Struct, frozen=True):
    """The `o=` line. `session_id` and `version` name one state of one session."""

    user: str = "-"
    session_id: int = 0
    version: int = 0
    host: str = "127.0.0.1"


class Media(msgspec.Struct):
    """One `m=` section."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    host: str | None = None
    """Of its own `c=` line, if it has one."""
    attributes: list[tuple[str, str | None]] = []
    ports: int = 1

    def get(self, name: str) -> str | None:
        """The value of the first attribute of that name; None if absent or without value."""
        return next((value for key, value in self.attributes if key == name), None)

    @property
    def direction(self) -> str | None:
        """One of `DIRECTIONS` if the section says so itself."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), None)

    @property
    def encodings(self) -> dict[int, str]:
        """Payload type → "NAME/clock" (name in upper case, telephone-event in lower), in offered order."""
        mapped: dict[str, str] = {}
        for key, value in self.attributes:
            if key == "rtpmap" and value:
                number, _, encoding = value.partition(" ")
                mapped[number] = encoding.strip()
        found = {}
        for number in self.formats:
            if not (number.isascii() and number.isdigit()) or len(number) > 3 or int(number) > 127:
                continue
            name = mapped.get(number) or _STATIC.get(int(number))
            if name:
                found[int(number)] = _fold(name)
        return found

    @property
    def ptime(self) -> int | None:
        """Milliseconds a packet, as the other side wants it."""
        value = self.get("ptime")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) < 4 else None

    @property
    def rtcp_port(self) -> int | None:
        """From `a=rtcp:` (RFC 3605); None: the usual next port."""
        word = (self.get("rtcp") or "").partition(" ")[0]
        return int(word) if word.isascii() and word.isdigit() and len(word) < 6 else None


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
        return media.host or self.host

    def direction_of(self, media: Media) -> str:
        """The direction as its sender wrote it: media section, else session, else sendrecv."""
        session = next((key for key, _ in self.attributes if key in DIRECTIONS), None)
        return media.direction or session or "sendrecv"

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
        for media in self.media:
            ports = f"{media.port}/{media.ports}" if media.ports != 1 else str(media.port)
            lines.append(f"m={media.kind} {ports} {media.protocol} {' '.join(media.formats)}")
            if media.host is not None:
                lines.append("c=" + _connection(media.host))
            lines += _attribute_lines(media.attributes)
        return ("\r\n".join(lines) + "\r\n").encode()

    __bytes__ = to_bytes


def _connection(host: str) -> str:
    return f"IN {'IP6' if ':' in host else 'IP4'} {host}"


def _attribute_lines(attributes: list[tuple[str, str | None]]) -> list[str]:
    return [f"a={key}" if value is None else f"a={key}:{value}" for key, value in attributes]


def _is_nowhere(host: str | None) -> bool:
    return host in {None, "0.0.0.0", "::"}  # noqa: S104 — the hold of RFC 2543, nothing is bound to it


def parse_sdp(body: bytes) -> SessionDescription:
    """Read an SDP body; SipParseError if it breaks the grammar where we depend on it."""
    if len(body) > _MAX_BYTES:
        raise SipParseError("SDP too large", 413)
    text = body.decode("utf-8", "replace")
    origin: Origin | None = None
    described = SessionDescription(Origin())
    section: Media | None = None
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or lines[0] != "v=0":
        raise SipParseError("SDP does not begin with v=0")
    for line in lines[1:]:
        kind, equals, value = line[:1], line[1:2], line[2:]
        if equals != "=" or not kind.isalpha():
            raise SipParseError(f"not an SDP line: {excerpt(line)}")
        if kind == "a":
            key, colon, rest = value.partition(":")
            (described if section is None else section).attributes.append((key, rest if colon else None))
        elif kind == "m":
            section = _parse_media(value)
            described.media.append(section)
        elif kind == "c":
            (described if section is None else section).host = _parse_host(value)
        elif kind == "o" and section is None:
            origin = described.origin = _parse_origin(value)
        elif kind == "s" and section is None:
            described.name = value or "-"
    if origin is None:
        raise SipParseError("SDP without o= line")
    return _checked(described)


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
    return Origin(words[0], _number(words[1], 10**20), _number(words[2], 10**20), words[5])


def _parse_host(value: str) -> str:
    words = value.split()
    if len(words) != 3 or words[0] != "IN" or words[1] not in {"IP4", "IP6"}:
        raise SipParseError(f"not an SDP connection: {excerpt(value)}")
    return words[2].partition("/")[0]


def _parse_media(value: str) -> Media:
    words = value.split()
    if len(words) < 4:
        raise SipParseError(f"not an SDP media line: {excerpt(value)}")
    port, _, ports = words[1].partition("/")
    return Media(
        words[0].lower(),
        _number(port, 65535),
        words[2],
        words[3:],
        ports=_number(ports, 65535) if ports else 1,
    )


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
    payloads: dict[int, str] = {}
    for name in codecs:
        number = _NUMBERS.get(name.upper(), 96 + len(payloads))
        payloads[number] = _encoding(name)
    if digits:
        payloads[_DIGITS_PAYLOAD] = f"{DIGITS}/8000"
    media = Media("audio", port, "RTP/AVP", [str(number) for number in payloads])
    media.attributes = [*_describe(payloads), (direction, None)]
    return SessionDescription(Origin("-", session_id, version, host), host, media=[media])


def _describe(payloads: dict[int, str]) -> list[tuple[str, str | None]]:
    lines: list[tuple[str, str | None]] = []
    for number, encoding in payloads.items():
        lines.append(("rtpmap", f"{number} {encoding}"))
        if encoding.startswith(DIGITS):
            lines.append(("fmtp", f"{number} 0-16"))
    lines.append(("ptime", "20"))
    return lines


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
    wanted = {_encoding(name) for name in codecs}
    described = SessionDescription(Origin("-", session_id, version, host), host)
    negotiated: Negotiated | None = None
    for media in remote_offer.media:
        payloads = _choose(media, wanted) if negotiated is None else None
        if payloads is None:
            described.media.append(Media(media.kind, 0, media.protocol, list(media.formats)))
            continue
        ours = _common(direction, remote_offer.direction_of(media))
        negotiated = _negotiated(remote_offer, media, payloads, ours)
        taken = Media("audio", port, media.protocol, [str(number) for number in payloads])
        taken.attributes = [*_describe(payloads), (ours, None)]
        described.media.append(taken)
    if negotiated is None:
        raise _nothing_for_us(codecs)
    return described, negotiated


def check_offer(remote_offer: SessionDescription, codecs: Sequence[str]) -> None:
    """Raises Incompatible as `answer` would."""
    wanted = {_encoding(name) for name in codecs}
    for media in remote_offer.media:
        if _choose(media, wanted) is not None:
            _checked_host(remote_offer.host_of(media))
            return
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
        payloads = _choose(theirs, set(ours.encodings.values()))
        if payloads is None:
            raise Incompatible("the answer refuses our audio stream or chooses a codec that we did not offer")
        direction = _common(our_offer.direction_of(ours), answered.direction_of(theirs))
        return _negotiated(answered, theirs, payloads, direction)
    raise Incompatible("our offer had no audio stream")


def _choose(media: Media, wanted: set[str]) -> dict[int, str] | None:
    """The first codec we want, then telephone-event if offered; None if the line cannot be taken."""
    if media.kind != "audio" or not media.port or media.protocol.upper() not in _TAKEN:
        return None
    encodings = media.encodings
    for number, encoding in encodings.items():
        if encoding in wanted and not encoding.startswith(DIGITS):
            chosen = {number: encoding}
            event = f"{DIGITS}/{encoding.split('/')[1]}"
            digits = next((n for n, other in encodings.items() if other == event), None)
            if digits is not None:
                chosen[digits] = event
            return chosen
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
    theirs: SessionDescription, media: Media, payloads: dict[int, str], direction: str
) -> Negotiated:
    host = _checked_host(theirs.host_of(media))
    payload, *digits = payloads
    return Negotiated(
        codec=payloads[payload].partition("/")[0],
        payload=payload,
        digits_payload=digits[0] if digits else None,
        remote_host=host,
        remote_port=media.port,
        send=direction in {"sendrecv", "sendonly"} and not _is_nowhere(host),
        receive=direction in {"sendrecv", "recvonly"},
        ptime_ms=media.ptime or 20,
        remote_rtcp_port=media.rtcp_port,
    )
