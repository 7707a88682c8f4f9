"""SDP as it is written and read (RFC 8866); what two sides make of it stands in `ccd.sip.sdp`.

`SessionDescription` keeps what it does not know of a media section, so that the media lines we refuse
are answered as RFC 3264 asks: same kind, protocol and formats, port 0.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from ccd.sip.crypto import Crypto, is_rtp, masked, read_keys
from ccd.sip.grammar import SipParseError, excerpt

DIGITS = "telephone-event"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
STATIC = {0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000"}
STATIC |= {18: "G729/8000"}
_MAX_BYTES = 32768
_MAX_MEDIA = 32
_LONGEST_KEPT = 1024


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
    mux: bool = False
    """RTP and RTCP may share the port (`a=rtcp-mux`, RFC 5761)."""
    text: str = ""
    """As it is written, from the protocol on, lines ended by CRLF."""
    crypto: tuple[Crypto, ...] = ()
    """The keys for SRTP that it names and that we can use."""
    rtp: bool = False
    """It is RTP as we know it, encrypted by SDES or plain."""


class Media(msgspec.Struct):
    """One `m=` section."""

    kind: str
    port: int
    terms: Terms
    ports: int = 1


def terms_of(
    protocol: str, formats: tuple[str, ...], attributes: Attributes, host: str | None = None
) -> Terms:
    """A section's terms, with what is asked of them often worked out."""
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
        "rtcp-mux" in values,
        "\r\n".join(lines) + "\r\n",
        read_keys(attributes) if "crypto" in values else (),
        is_rtp(protocol),
    )


def with_keys(terms: Terms, lines: tuple[Crypto, ...]) -> Terms:
    """The same with these `a=crypto` lines: keys stand in no terms that are kept."""
    if not lines:
        return terms
    attributes: Attributes = tuple([("crypto", line.to_text()) for line in lines])
    text = terms.text + "".join([f"{line}\r\n" for line in _attribute_lines(attributes)])
    return msgspec.structs.replace(terms, attributes=terms.attributes + attributes, text=text, crypto=lines)


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
        name = mapped.get(number) or STATIC.get(payload)
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
        if not self.attributes:
            return "sendrecv"
        return next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")

    @property
    def held(self) -> bool:
        """The sender holds us: its audio is sendonly, inactive, or goes to 0.0.0.0 (RFC 3264 §8.4)."""
        for media in self.media:
            if media.kind == "audio" and media.port:
                return self.direction_of(media) in {"sendonly", "inactive"} or is_nowhere(self.host_of(media))
        return False

    def to_bytes(self) -> bytes:
        origin = self.origin
        where = _connection(origin.host)
        text = f"v=0\r\no={origin.user} {origin.session_id} {origin.version} {where}\r\ns={self.name}\r\n"
        if self.host is not None:
            text += f"c={where if self.host == origin.host else _connection(self.host)}\r\n"
        text += "t=0 0\r\n"
        for line in _attribute_lines(self.attributes) if self.attributes else ():
            text += f"{line}\r\n"
        for media in self.media:
            ports = f"/{media.ports}" if media.ports != 1 else ""
            text += f"m={media.kind} {media.port}{ports} {media.terms.text}"
        return text.encode()

    __bytes__ = to_bytes


def _connection(host: str) -> str:
    return f"IN {'IP6' if ':' in host else 'IP4'} {host}"


def _attribute_lines(attributes: Iterable[tuple[str, str | None]]) -> list[str]:
    return [f"a={key}" if value is None else f"a={key}:{value}" for key, value in attributes]


def is_nowhere(host: str | None) -> bool:
    """No address at all, or one to which nothing can be sent."""
    return host in {None, "0.0.0.0", "::"}  # noqa: S104 — the hold of RFC 2543, nothing is bound to it


def parse_sdp(body: bytes) -> SessionDescription:
    """Read an SDP body; SipParseError if it breaks the grammar where we depend on it."""
    if len(body) > _MAX_BYTES:
        raise SipParseError("SDP too large", 413)
    session, *sections = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\nm=")
    usual = _usual_session(session)
    if usual is not None:
        user, number, version, address, name, host = usual.groups()
        origin = Origin(user, int(number), int(version), address)
        described = SessionDescription(origin, host, [], list(map(_parse_media, sections)), name or "-")
    else:
        described = _read_session(session)
        described.media = list(map(_parse_media, sections))
    _check(described)
    return described


_usual_session = re.compile(
    r"v=0\no=(\S+) ([0-9]{1,20}) ([0-9]{1,20}) IN IP[46] (\S+)\ns=([^\n]*)\n"
    r"(?:c=IN IP[46] ([^\s/]+)\n)?t=[^\n]*"
).fullmatch
"""What most say before their media, read in one go; anything else line by line."""


def _read_session(session: str) -> SessionDescription:
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
    return described


def _read_line(line: str) -> tuple[str, str]:
    kind = line[:1]
    if line[1:2] != "=" or not kind.isalpha():
        raise SipParseError(f"not an SDP line: {excerpt(masked(line))}")
    return kind, line[2:]


def _read_attribute(value: str) -> tuple[str, str | None]:
    key, colon, rest = value.partition(":")
    return key, rest if colon else None


def _check(described: SessionDescription) -> None:
    if len(described.media) > _MAX_MEDIA:
        raise SipParseError("SDP with too many media lines")
    if described.host is not None:
        return
    for media in described.media:
        if media.port and media.terms.host is None:
            raise SipParseError("SDP without c= line for its media")


def _number(text: str, limit: int) -> int:
    number = int(text) if text.isdigit() and text.isascii() and len(text) <= 20 else limit + 1
    if number > limit:
        raise SipParseError(f"SDP number out of range: {excerpt(text)}")
    return number


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
    keep = len(section) <= _LONGEST_KEPT and "\na=crypto:" not in section  # a key is for one call
    usual = _usual_media(section) if keep else None
    if usual is not None:
        kind, port, said, rest = usual.groups()
        return Media(kind, int(port), _read_terms(said, rest))
    line, _, rest = section.partition("\n")
    words = line.split(None, 2)
    if len(words) < 3:
        raise SipParseError(f"not an SDP media line: {excerpt(line)}")
    read = _read_terms if keep else _read_terms.__wrapped__
    port, _, ports = words[1].partition("/")
    return Media(
        words[0].lower(),
        _number(port, 65535),
        read(words[2], rest),
        _number(ports, 65535) if ports else 1,
    )


_usual_media = re.compile(r"([a-z]++) ([0-9]{1,4}|[1-5][0-9]{4}) (\S[^\n]*+)\n(.*)", re.DOTALL).fullmatch
"""What most say of their media: one port, and not one of the highest."""


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
    return terms_of(protocol, tuple(formats), tuple(attributes), host)
