"""Header names and the headers that are neither addresses nor URIs (RFC 3261 §7.3, §20).

Here stand the table of names (long, compact, list or single), Via, CSeq, authentication parameters
and the reason phrases.
"""

import re
from functools import lru_cache

import msgspec

from ccd.sip.grammar import (
    CSEQ,
    KEPT,
    KEPT_SHORT,
    QUOTED,
    SHORT,
    TOKEN,
    VIA,
    SipParseError,
    excerpt,
    format_params,
    is_token,
    parse_params,
    split_list,
    unquote,
    without_breaks,
)
from ccd.sip.uri import check_host, format_host

_LISTS = """
    Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact Content-Encoding
    Content-Language Diversion Error-Info History-Info In-Reply-To P-Asserted-Identity P-Associated-URI
    P-Preferred-Identity Path Proxy-Require Reason Record-Route Require Route Security-Client
    Security-Server Security-Verify Service-Route Supported Unsupported Via Warning
"""
_SINGLES = """
    Call-ID Content-Length Content-Type CSeq Date Event Expires From Max-Forwards Min-Expires Refer-To
    Session-Expires To
"""
LIST_HEADERS = frozenset(_LISTS.split())
"""Headers whose value is a comma-separated list: `get_all` splits them."""

SINGLE_HEADERS = frozenset(_SINGLES.split())
"""Headers that may stand only once (RFC 3261 §7.3.1); twice is a fault."""

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
_OTHERS = (
    "Accept-Resource-Priority Authentication-Info Authorization Content-Disposition Geolocation Join"
    " MIME-Version Min-SE Organization P-Access-Network-Info P-Charging-Vector Priority Privacy"
    " Proxy-Authenticate Proxy-Authorization RAck Remote-Party-ID Replaces Reply-To Resource-Priority"
    " Retry-After RSeq Server SIP-ETag SIP-If-Match Subscription-State Timestamp User-Agent"
    " User-to-User WWW-Authenticate X-CCD-Interaction"
)


def _name_table() -> dict[str, str]:
    names = {*LIST_HEADERS, *SINGLE_HEADERS, *_OTHERS.split(), *_COMPACT.values()}
    table = {name: name for name in names}
    table |= {name.lower(): name for name in names}
    table |= {name.upper(): name for name in names}
    table |= _COMPACT
    table |= {letter.upper(): name for letter, name in _COMPACT.items()}
    return table


NAMES = _name_table()
CANONICAL_NAMES = frozenset(NAMES.values())
"""Names in the form in which nearly all ask for them."""


def canonical_name(name: str) -> str:
    """The one long form of a header name: `v` → `Via`, `call-id` → `Call-ID`, `x-foo` → `X-Foo`."""
    known = NAMES.get(name) or NAMES.get(name.lower())
    return known or "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


class Via(msgspec.Struct):
    """One Via element (RFC 3261 §20.42, RFC 3581). `host` without brackets, also for IPv6."""

    protocol: str
    """Name and version: "SIP/2.0"."""
    transport: str
    """In upper case: "UDP", "TCP", "TLS"…"""
    host: str
    port: int | None = None
    params: dict[str, str | None] = {}

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The port filled in by the peer; None if absent or still empty (see `wants_rport`)."""
        value = self.params.get("rport")
        if not value or not value.isascii() or not value.isdigit() or len(value) > 5:
            return None
        return int(value) if int(value) < 65536 else None

    @property
    def wants_rport(self) -> bool:
        return "rport" in self.params

    def __str__(self) -> str:
        where = format_host(self.host, self.port)
        return without_breaks(f"{self.protocol}/{self.transport} {where}{format_params(self.params)}")

    @classmethod
    def parse(cls, text: str) -> "Via":
        """One Via element; SipParseError if it breaks the grammar."""
        match = VIA.fullmatch(text)
        if match is None:
            raise SipParseError(f"not a Via: {excerpt(text)}")
        name, version, transport, host, port, params = match.groups()
        return cls(
            f"{name.upper()}/{version}",
            transport.upper(),
            check_host(host),
            None if port is None else int(port),
            parse_params(params),
        )


class Hop(msgspec.Struct, frozen=True):
    """The top Via as far as it is needed to find a transaction and the way back (§17.2.3, §18.2.1)."""

    host: str
    port: int | None
    branch: str | None
    wants_rport: bool = False


def make_hop(value: str) -> Hop:
    """The first element of a Via header; SipParseError if any of them breaks the grammar.

    A peer's Via differs from its last one in the branch only.
    """
    head, found, branch = value.partition(";branch=")
    asks = branch[-6:] == ";rport"
    if asks:
        branch = branch[:-6]
    if found and len(head) <= SHORT and (branch.isalnum() or is_token(branch)):
        sent_by = _sent_by(head)
        if sent_by is not None:
            return Hop(sent_by[0], sent_by[1], branch, asks)
    if "\r" in value or "\n" in value:
        raise SipParseError("a line break within a Via")
    vias = [Via.parse(part) for part in split_list(value)]
    top = vias[0]
    return Hop(top.host, top.port, top.branch, top.wants_rport)


read_hop = lru_cache(maxsize=KEPT)(make_hop)
"""The same, kept: a Via that is not read with its message is read to check it, and again when asked for."""


@lru_cache(maxsize=KEPT_SHORT)
def _sent_by(head: str) -> tuple[str, int | None] | None:
    """Host and port of a Via element without parameters; None where the full parser has to look."""
    match = VIA.fullmatch(head)
    if match is None or match[6] or match[4][0] == "[":
        return None
    return match[4], None if match[5] is None else int(match[5])


class CSeq(msgspec.Struct, frozen=True):
    """Sequence number (0 to 2**31 - 1) and method (RFC 3261 §20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """SipParseError if it is no number and method, or the number is out of range."""
        match = CSEQ.fullmatch(text)
        if match is None:
            raise SipParseError(f"not a CSeq: {excerpt(text)}")
        number = int(match[1])
        if number > 2**31 - 1:
            raise SipParseError(f"CSeq number out of range: {excerpt(text)}")
        return cls(number, match[2])


read_cseq = lru_cache(maxsize=KEPT)(CSeq.parse)
"""The same for all who ask: nearly every call says 1 INVITE, 1 ACK, 2 BYE."""

_auth_param = re.compile(rf"({TOKEN})[ \t]*=[ \t]*({QUOTED}|[^\s,\"]+)", re.DOTALL)


def parse_auth(text: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case and parameters (names in lower case, unquoted) of a challenge or credentials.

    SipParseError if it breaks the grammar or names a parameter twice.
    """
    scheme, _, rest = text.strip(" \t").partition(" ")
    params: dict[str, str] = {}
    if not is_token(scheme):
        raise SipParseError(f"not an authentication scheme: {excerpt(text)}")
    for part in split_list(rest.strip(" \t")) if rest.strip(" \t") else []:
        match = _auth_param.fullmatch(part)
        if match is None:
            raise SipParseError(f"not an authentication parameter: {excerpt(part)}")
        name = match[1].lower()
        if name in params:
            raise SipParseError(f"authentication parameter given twice: {excerpt(name)}")
        params[name] = unquote(match[2])
    return scheme.lower(), params


REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    429: "Provide Referrer Identity",
    433: "Anonymity Disallowed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
}
"""Reason phrases by status code (RFC 3261 §21 and later)."""
