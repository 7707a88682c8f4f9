"""SIP messages: parse, read, build, write (RFC 3261 §7, §18.3; sans-IO).

`parse` reads the start line and the header table and *checks* every header that the typed properties
give out, by one pattern each; values are turned into objects only when asked for, and kept. So a
typed property of a message that came out of `parse` never raises for what it holds.
"""

import re
from functools import lru_cache
from itertools import compress, islice
from operator import itemgetter
from typing import Final

from ccd.sip.check import check_request_line
from ccd.sip.grammar import KEPT, SipParseError, excerpt, is_token, many, without_breaks
from ccd.sip.headers import REASONS, SINGLE_HEADERS, Hop, make_hop, read_cseq
from ccd.sip.lines import LONE_BREAK, good_lines, read_header
from ccd.sip.table import STAR, Headers, Message, good_headers, name_of
from ccd.sip.uri import Uri, parse_uri

__all__ = [
    "KEEPALIVE_PING",
    "STAR",
    "Message",
    "Request",
    "Response",
    "SipParseError",
    "StreamParser",
    "parse",
]

MAX_MESSAGE_BYTES: Final = 65536
MAX_HEADER_LINES: Final = 512
MAX_LINE_CHARS: Final = 8192
"""Values that were found good are remembered: without a bound on each they could fill the memory."""
_FEW_CHARS: Final = 2 * MAX_HEADER_LINES - 1
"""So few hold neither too many lines nor one that is too long."""


_unfit = re.compile(r"[\x00- ]").search


class Request(Message):
    """A request. `uri` is parsed when first asked for."""

    __slots__ = ("method", "raw_uri")

    def __init__(
        self,
        method: str,
        raw_uri: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        charset: str = "utf-8",
        first: dict[str, str] | None = None,
        hop: Hop | None = None,
    ) -> None:
        """`first` and `hop`: what reading it has found out already."""
        self.headers = headers  # as Message.__init__, without a call of its own: this is the hot path
        self.body = body
        self.charset = charset
        self._cache = self._cseq = None
        self._first = first
        self._hop = hop
        self.method = method
        self.raw_uri = raw_uri

    @classmethod
    def create(cls, method: str, uri: str, headers: Headers = (), body: bytes = b"") -> "Request":
        """Build a request of our own; ValueError on line breaks or a method or name that is no token."""
        if not is_token(method):
            raise ValueError(f"not a method: {excerpt(method)}")
        if not uri or _unfit(uri):
            raise ValueError(f"not a request URI: {excerpt(uri)}")
        return cls(method, uri, good_headers(headers), body)

    @property
    def uri(self) -> Uri:
        return parse_uri(self.raw_uri)

    def outline(self) -> "Request":
        """Only what makes a dialog: enough for as long as an answered request is kept to absorb copies."""
        kept = _those_of(self.headers, _OF_DIALOG)
        return Request(self.method, self.raw_uri, kept, b"", self.charset)

    def start_line(self) -> str:
        return f"{self.method} {self.raw_uri} SIP/2.0"


_COPIED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_OF_DIALOG = frozenset(("From", "To", "Call-ID", "CSeq", "Contact"))


def _those_of(headers: list[tuple[str, str]], names: frozenset[str]) -> list[tuple[str, str]]:
    """Headers of these names, in their order."""
    return list(compress(headers, map(names.__contains__, map(name_of, headers))))


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        charset: str = "utf-8",
        first: dict[str, str] | None = None,
        hop: Hop | None = None,
    ) -> None:
        """`first` and `hop`: as of a request."""
        self.headers = headers  # as Message.__init__, see Request
        self.body = body
        self.charset = charset
        self._cache = self._cseq = None
        self._first = first
        self._hop = hop
        self.status = status
        self.reason = reason

    @classmethod
    def create(cls, status: int, reason: str | None, headers: Headers = (), body: bytes = b"") -> "Response":
        """Build a response from nothing; ValueError as for `Request.create`."""
        return cls(status, _reason(status, reason), good_headers(headers), body)

    @classmethod
    def to_request(
        cls, request: Request, status: int, reason: str | None = None, to_tag: str | None = None
    ) -> "Response":
        """Answer a request (RFC 3261 §8.2.6.2): Via, From, To, Call-ID and CSeq are copied.

        `to_tag` is added to To unless it has one. Also works on the `partial` of a SipParseError.
        """
        headers = _those_of(request.headers, _COPIED)
        response = cls(status, _reason(status, reason), headers, b"", request.charset)
        to = request.get("To")
        if to_tag is not None and to is not None and _takes_tag(request, to):
            headers[headers.index(("To", to))] = ("To", f"{to};tag={without_breaks(to_tag)}")
        return response

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def _takes_tag(request: Request, to: str) -> bool:
    """Whether its To has no tag yet."""
    try:
        return "tag" not in to.lower() or request.to_tag is None
    except SipParseError:
        return False  # answered as it came: no tag can be added to what cannot be read


def _reason(status: int, reason: str | None) -> str:
    if not 100 <= status <= 699:
        raise ValueError(f"not a SIP status: {status}")
    return without_breaks(reason) if reason is not None else REASONS.get(status, "Unknown")


_folds = re.compile(r"(?<![ \t])[ \t]*+\r\n[ \t]++")  # the look back: a run of blanks is tried once only
_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
_values_of_mandatory = itemgetter(*_MANDATORY)  # CSeq last
_LONGEST_METHOD: Final = 64
_copied_lines = re.compile(
    r"\r\n((?=[vftic])(?:via|v|from|f|to|t|call-id|i|cseq)[ \t]*+:"
    r"[^\r\n]*+" + many(r"\r\n[ \t][^\r\n]*+") + r")(?=\r\n|\Z)",
    re.IGNORECASE,
)
"""What an answer copies, found without reading the rest: that may be all that a datagram can hold."""


def parse(data: bytes) -> Request | Response:
    """The message in one datagram (RFC 3261 §7, §18.3). Octets beyond Content-Length are dropped.

    Raises SipParseError, with `partial` filled if the fault can be answered.
    """
    if data[:1] == b"\r":  # empty lines before the start line are allowed (§7.5)
        data = data.lstrip(b"\r\n")
    head, empty_line, body = data.partition(b"\r\n\r\n")
    if not empty_line:
        whole = data.rpartition(b"\r\n")[0]
        raise SipParseError("no empty line after the headers", partial=_answerable(whole))
    try:
        return _read(head, body)
    except SipParseError as fault:
        if fault.partial is None:
            fault.partial = _answerable(head)
        raise


def _answerable(head: bytes) -> Request | None:
    """What an answer needs of a request that is too large or too broken to be read (RFC 3261 §8.2.6.2).

    None where one of those headers is missing, too long or too often there, or where the Via is broken: an
    answer gives them back to the letter or goes astray. Nothing of it is kept in a cache.
    """
    try:
        text, charset = head.decode(), "utf-8"
    except UnicodeDecodeError:
        text, charset = head.decode("latin-1"), "latin-1"
    method, _, rest = text.partition("\r\n")[0].partition(" ")
    if not is_token(method[:_LONGEST_METHOD]) or rest[-8:].upper() != " SIP/2.0":
        return None
    copied = [found[1] for found in islice(_copied_lines.finditer(text), MAX_HEADER_LINES + 1)]
    if len(copied) > MAX_HEADER_LINES or any(len(line) > MAX_LINE_CHARS for line in copied):
        return None
    request = Request(method, rest.rpartition(" ")[0], [], b"", charset)
    faults: dict[str, SipParseError] = {}
    request.headers = _each_once([read_header(_folds.sub(" ", line), faults) for line in copied])
    return request if "Via" not in faults and _is_whole(request) else None


def _read(head: bytes, body: bytes) -> Request | Response:
    try:
        text, charset = head.decode(), "utf-8"
    except UnicodeDecodeError:  # old devices send Latin-1 names: kept so, that copies are to the letter
        text, charset = head.decode("latin-1"), "latin-1"
    lines = text.split("\r\n")
    if len(text) > _FEW_CHARS:
        _check_size(text, lines)
    hop: Hop | None = None
    faults: dict[str, SipParseError] = {}
    try:
        if len(lines) > 1 and lines[1][:5] == "Via: ":  # as it mostly begins: no two say the same
            via = lines[1][5:].strip(" \t")
            hop = make_hop(via)
            headers = [("Via", via), *map(good_lines.__getitem__, lines[2:])]
        else:
            headers = list(map(good_lines.__getitem__, lines[1:]))
    except SipParseError:
        hop = None
        lines, headers = _read_slowly(text, lines, faults)
    first = dict(reversed(headers))
    if len(first) != len(headers):
        _find_doubles(headers, faults)
    start = lines[0]
    message: Request | Response
    if start[:4].upper() == "SIP/":
        status, reason = _read_status_line(start)
        message = Response(status, reason, headers, body, charset, first, hop)
        method = None
    else:
        method, uri, version, good = _read_request_line(start)
        message = Request(method, uri, headers, body, charset, first, hop)
        if not good:
            try:
                check_request_line(method, uri, version)
            except SipParseError as fault:
                faults["start line"] = fault
    _check_whole(message, first, method, faults)
    if faults:
        raise _worst(message, faults)
    return message


def _check_size(text: str, lines: list[str]) -> None:
    if len(lines) > MAX_HEADER_LINES:
        raise SipParseError("too many header lines", 513)
    if len(text) > MAX_LINE_CHARS:
        _check_lengths(lines)


def _check_lengths(lines: list[str]) -> None:
    if len(lines[0]) > MAX_LINE_CHARS:
        raise SipParseError("the start line is too long", 414)  # §21.4.12
    if max(map(len, lines)) > MAX_LINE_CHARS:
        raise SipParseError("a header line is too long", 513)  # §21.5.7


def _read_slowly(
    text: str, lines: list[str], faults: dict[str, SipParseError]
) -> tuple[list[str], list[tuple[str, str]]]:
    """All lines, unfolded, and the headers in them where they are not all as good as they mostly are."""
    headers = _read_each(lines, faults)
    if headers is None:
        faults.clear()
        lines = _folds.sub(" ", text).split("\r\n")
        _check_lengths(lines)
        headers = _read_each(lines, faults)
        if headers is None:
            faults.clear()
    return lines, headers or []


def _read_each(lines: list[str], faults: dict[str, SipParseError]) -> list[tuple[str, str]] | None:
    """The headers of all lines but the first; None if lines are folded."""
    headers = []
    for line in lines[1:]:
        if line[:1] in {" ", "\t"}:
            return None
        headers.append(read_header(line, faults))
    return headers


def _find_doubles(headers: list[tuple[str, str]], faults: dict[str, SipParseError]) -> None:
    seen: set[str] = set()
    for name, _ in headers:
        if name in seen and name in SINGLE_HEADERS:
            faults[name] = SipParseError(f"{name} stands more than once")
        seen.add(name)


@lru_cache(maxsize=KEPT)
def _read_request_line(start: str) -> tuple[str, str, str, bool]:
    """Method, URI and version, and whether all three are good."""
    if "\r" in start or "\n" in start:
        raise SipParseError(LONE_BREAK)
    method, _, rest = start.partition(" ")
    uri, _, version = rest.rpartition(" ")
    try:
        check_request_line(method, uri, version)
    except SipParseError:
        return method, uri, version, False
    return method, uri, version, True


@lru_cache(maxsize=KEPT)
def _read_status_line(start: str) -> tuple[int, str]:
    if "\r" in start or "\n" in start:
        raise SipParseError(LONE_BREAK)
    version, _, rest = start.partition(" ")
    status, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0":
        raise SipParseError(f"SIP version not supported: {excerpt(version)}", 505, code="sip-version")
    if len(status) != 3 or not (status.isascii() and status.isdigit()) or not "100" <= status <= "699":
        raise SipParseError(f"not a status: {excerpt(status)}")
    return int(status), reason


def _check_whole(
    message: Message, first: dict[str, str], method: str | None, faults: dict[str, SipParseError]
) -> None:
    """What no single header shows: presence, methods that agree, the length of the body."""
    try:
        sequence = _values_of_mandatory(first)[-1]
    except KeyError:
        for name in _MANDATORY:
            if name not in first:
                faults.setdefault(name, SipParseError(f"{name} is missing"))
        sequence = first.get("CSeq", "")
    if "CSeq" not in faults:
        message._cseq = cseq = read_cseq(sequence)
        if method is not None and cseq.method != method:
            faults["method"] = SipParseError("the methods of CSeq and start line differ")
    length = first.get("Content-Length")
    if length is not None and "Content-Length" not in faults:
        size, there = int(length), len(message.body)
        if size > there:
            faults["Content-Length"] = SipParseError("the body is shorter than Content-Length says")
        elif size < there:
            message.body = message.body[:size]


def _worst(message: Request | Response, faults: dict[str, SipParseError]) -> SipParseError:
    """The fault to report: an unknown version before all, else the first; with `partial` if answerable."""
    fault = faults.get("start line") or next(iter(faults.values()))
    if isinstance(message, Request) and "Via" not in faults and _is_whole(message):
        message.headers = _each_once(message.headers)
        fault.partial = message
    return fault


def _each_once(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what stands twice and may not: an answer copies each header once."""
    once: set[str] = set()
    kept = []
    for name, value in headers:
        if name not in SINGLE_HEADERS or name not in once:
            kept.append((name, value))
            once.add(name)
    return kept


def _is_whole(request: Request) -> bool:
    return all(map(request.get, _MANDATORY))


class Ping:
    """The type of `KEEPALIVE_PING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "KEEPALIVE_PING"


KEEPALIVE_PING: Final = Ping()
"""A double CRLF on a connection (RFC 5626 §3.5.1): answer with one CRLF."""

_length_line = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)(?=\r\n)", re.IGNORECASE
)
_digits = re.compile(rb"([0-9]{1,9})[ \t]*").fullmatch

Read = Request | Response | SipParseError | Ping


class StreamParser:
    """Cuts a byte stream into messages (RFC 3261 §18.3).

    A fault inside a message leaves the stream usable; after one that hides where the next message
    starts, `broken` is true: answer the fault's `partial` if there is one and close the connection.
    """

    __slots__ = ("_buffer", "_limit", "_scanned", "broken")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        """`limit`: octets a message may have, headers and body together."""
        self._buffer = bytearray()
        self._scanned = 0
        self._limit = limit
        self.broken = False

    def feed(self, data: bytes) -> list[Read]:
        """Take what the connection gave; return the messages, faults and pings now complete."""
        found: list[Read] = []
        if self.broken:
            return found
        self._buffer += data
        while not self.broken and self._skip_empty_lines(found):
            end = self._buffer.find(b"\r\n\r\n", self._scanned)
            if end < 0:
                self._scanned = max(0, len(self._buffer) - 3)
                if len(self._buffer) > self._limit:
                    self._break(found, _too_large(bytes(self._buffer).rpartition(b"\r\n")[0]))
                break
            self._scanned = end
            if not self._take(end, found):
                break
        return found

    def _skip_empty_lines(self, found: list[Read]) -> bool:
        """Drop pongs and note pings before a message; False if there is nothing else yet."""
        buffer = self._buffer
        while buffer[:1] == b"\r":
            if buffer[:4] == b"\r\n\r\n":
                found.append(KEEPALIVE_PING)
                del buffer[:4]
            elif len(buffer) < 4 and b"\r\n\r\n".startswith(buffer):
                return False
            else:
                if buffer[:2] != b"\r\n":
                    self._break(found, SipParseError("a carriage return alone between messages"))
                    return False
                del buffer[:2]
            self._scanned = 0
        return bool(buffer)

    def _take(self, end: int, found: list[Read]) -> bool:
        """Take the message whose headers stop at `end`; False if its body is not complete yet."""
        head = bytes(self._buffer[:end])
        lengths = _length_line.findall(head + b"\r\n")
        digits = _digits(lengths[0]) if len(lengths) == 1 else None
        if digits is None:
            self._break(found, _without_length(head))
            return False
        size = end + 4 + int(digits[1])
        if size > self._limit:
            self._break(found, _too_large(head))
            return False
        if len(self._buffer) < size:
            return False
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        self._scanned = 0
        try:
            found.append(_read(head, body))
        except SipParseError as fault:
            if fault.partial is None:
                fault.partial = _answerable(head)
            found.append(fault)
        return True

    def _break(self, found: list[Read], fault: SipParseError) -> None:
        self.broken = True
        self._buffer.clear()
        found.append(fault)


def _too_large(head: bytes) -> SipParseError:
    return SipParseError("message too large", 513, _answerable(head))


def _without_length(head: bytes) -> SipParseError:
    """The fault of a message on a stream whose end cannot be told."""
    try:
        message = _read(head, b"")
    except SipParseError as fault:
        return fault
    partial = message if isinstance(message, Request) else None
    return SipParseError("Content-Length is missing or unclear on a connection", 400, partial)
