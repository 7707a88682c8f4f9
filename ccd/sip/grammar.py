"""Lexical rules shared by all SIP parsers (RFC 3261 §25.1), as compiled patterns.

Every pattern is anchored and free of nested retries (possessive quantifiers), so that no input costs
more than linear time. They are a little wider than the RFC where the field has settled on more
(`#` in users, `/` and `@` in tags, UTF-8 in unquoted display names) and as strict as RFC 4475 asks.
"""

import re
from typing import TYPE_CHECKING

from ccd.errors import PeerBroke

if TYPE_CHECKING:
    from ccd.sip.message import Request


class SipParseError(PeerBroke):
    """A message, header or URI that breaks the grammar.

    `status` is the answer that fits (400, 505, 513…); `reason` fits its reason phrase; `partial` holds
    the request when enough of it stands (Via, From, To, Call-ID, CSeq) to be answered.
    """

    def __init__(
        self, reason: str, status: int = 400, partial: "Request | None" = None, code: str = "sip-malformed"
    ) -> None:
        super().__init__(code, reason)
        self.reason = reason
        self.status = status
        self.partial = partial


def excerpt(text: str, limit: int = 60) -> str:
    """`text` made printable and short enough to stand in an error message."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return "".join(char if char.isprintable() else "?" for char in shown)


def many(part: str) -> str:
    """`part` any number of times, and none of them given back.

    An atomic group, for Python before 3.11.5 (Debian 12 has 3.11.2) gets a group with `*+` wrong: where
    `part` matches in its beginning only, that is swallowed (cpython issue 106052).
    `[…]*+` is good everywhere.
    """
    return f"(?>(?:{part})*)"


def once(part: str) -> str:
    """`part` once or not at all, and not given back; for the reason see `many`."""
    return f"(?>(?:{part})?)"


KEPT = 256
"""How many values of late each of the caches keeps that a stranger may fill with lines of 8 KB."""
KEPT_SHORT, SHORT = 1024, 256
"""And of what is the same call after call for a peer, of so many characters at most."""

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"  # noqa: S105
LWS = r"[ \t]*+"
PLACE = r"[A-Za-z0-9_][A-Za-z0-9._\-]*+"
"""A host but for IPv6."""
HOST = rf"(?:\[[0-9A-Fa-f:.]++\]|{PLACE})"
PORT = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})(?![0-9])"
QUOTED = '"' + many(r'[^"\\]++|\\.') + '"'
_NAME = r'[^\x00-\x20\x7f;,"<>=]++'
_VALUE = r'[^\x00-\x20\x7f;,"<>]++'
PARAMS = many(rf"{LWS};{LWS}{_NAME}" + once(rf"{LWS}={LWS}(?:{QUOTED}|{_VALUE})")) + LWS

_USER_CHARS = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/#]*+"
_USER = _USER_CHARS + many("%[0-9A-Fa-f]{2}" + _USER_CHARS)
_AFTER_CHARS = r"[A-Za-z0-9\-_.!~*'()&=+$,]*+"
_AFTER_USER = _AFTER_CHARS + many("%[0-9A-Fa-f]{2}" + _AFTER_CHARS)
_URI_PARAMS = many(r';[^\x00-\x20\x7f;?=<>"]++' + once(r'=[^\x00-\x20\x7f;?<>"]*+'))
_URI_HEADERS = r'\?[^\x00-\x20\x7f<>"]*+'
_SIP = r"[sS][iI][pP][sS]?"
_TEL = r"[tT][eE][lL]"
_NUMBER = r"(?:\+[0-9\-.()]++|[0-9A-Fa-f*#\-.()]++)"
_ABSOLUTE = rf'(?!{_SIP}:|{_TEL}:)[A-Za-z][A-Za-z0-9+.\-]*+:[^\x00-\x20\x7f<>"]++'

SIP_URI = re.compile(
    rf"({_SIP}):(?:({_USER})(?::({_AFTER_USER}))?@)?({HOST})(?::({PORT}))?({_URI_PARAMS})({_URI_HEADERS})?"
)
TEL_URI = re.compile(rf"{_TEL}:({_NUMBER})({_URI_PARAMS})")
ABSOLUTE_URI = re.compile(_ABSOLUTE)

_SIP_PLAIN = rf"{_SIP}:(?:{_USER}(?::{_AFTER_USER})?@)?{HOST}(?::{PORT})?{_URI_PARAMS}(?:{_URI_HEADERS})?"
_ANY_URI = rf"(?:{_SIP_PLAIN}|{_TEL}:{_NUMBER}{_URI_PARAMS}|{_ABSOLUTE})"
_PHRASE = r'[^"<>,;:@\\\x00-\x1f\x7f]*+'
NAME_ADDR = re.compile(rf"(?:({QUOTED}){LWS}|({_PHRASE}))<([^<>]*+)>({PARAMS})", re.DOTALL)
ADDR_SPEC = re.compile(rf'([^\x00-\x20\x7f<>",;?]++)({PARAMS})', re.DOTALL)
WELL_FORMED_ADDRESS = re.compile(rf"(?:{QUOTED}{LWS}|{_PHRASE})<{_ANY_URI}>{PARAMS}", re.DOTALL)
"""Accepts, in one go, the usual name-addr; what it does not match goes through the full parser."""

VIA = re.compile(
    rf"({TOKEN}){LWS}/{LWS}({TOKEN}){LWS}/{LWS}({TOKEN})[ \t]++({HOST})(?:{LWS}:{LWS}({PORT}))?({PARAMS})",
    re.DOTALL,
)
PARAM = re.compile(rf"{LWS};{LWS}({_NAME})(?:{LWS}={LWS}({QUOTED}|{_VALUE}))?", re.DOTALL)
URI_PARAM = re.compile(r"([^;=]+)(=?)([^;]*)")
CSEQ = re.compile(rf"([0-9]{{1,40}})[ \t]++({TOKEN})")
DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
is_token = re.compile(TOKEN).fullmatch
_plain_value = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:]+").fullmatch
_escaped_pair = re.compile(r"\\(.)", re.DOTALL)
_element = re.compile(many(rf'[^",<]++|{QUOTED}|<[^>]*+>'), re.DOTALL)


def unquote(text: str) -> str:
    """The content of a quoted-string; anything else comes back as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        inner = text[1:-1]
        return _escaped_pair.sub(r"\1", inner) if "\\" in inner else inner
    return text


def quote(text: str) -> str:
    """`text` as a quoted-string (RFC 3261 §25.1)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_params(text: str) -> dict[str, str | None]:
    """`;a=b;c="d e";f` as a dict: names in lower case, values unquoted, None for a flag; the first wins."""
    params: dict[str, str | None] = {}
    for name, value in PARAM.findall(text):
        key = name.lower()
        if key in params:
            continue
        if value:
            params[key] = unquote(value) if value[0] == '"' else value
        else:
            params[key] = None
    return params


def format_params(params: dict[str, str | None]) -> str:
    """The inverse of `parse_params`; values that are no token or host are quoted."""
    if not params:
        return ""
    parts = []
    for name, value in params.items():
        if value is None:
            parts.append(";" + name)
        elif _plain_value(value):
            parts.append(f";{name}={value}")
        else:
            parts.append(f";{name}={quote(value)}")
    return "".join(parts)


def split_list(value: str, strict: bool = True) -> list[str]:
    """Split at commas that stand outside quotes and angle brackets; elements are stripped.

    Raises SipParseError on an unterminated quote or bracket and on an empty element; if not `strict`,
    takes the rest as one element and leaves empty ones out.
    """
    if "," not in value:
        return [value]
    if '"' in value or "<" in value:
        parts = _split_quoted(value, strict)
    else:
        parts = [part.strip(" \t") for part in value.split(",")]
    if all(parts):
        return parts
    if strict:
        raise SipParseError(f"empty element in a list: {excerpt(value)}")
    return [part for part in parts if part]


def _split_quoted(value: str, strict: bool) -> list[str]:
    parts: list[str] = []
    at = 0
    while True:
        match = _element.match(value, at)
        end = match.end() if match else at
        if end < len(value) and value[end] != ",":
            if strict:
                raise SipParseError(f"unterminated quote or bracket: {excerpt(value)}")
            end = len(value)
        parts.append(value[at:end].strip(" \t"))
        if end == len(value):
            return parts
        at = end + 1


def without_breaks(text: str) -> str:
    """`text` itself; ValueError if it could break out of its header line (CR, LF)."""
    if "\r" in text or "\n" in text:
        raise ValueError(f"a header value must not hold a line break: {excerpt(text)}")
    return text
