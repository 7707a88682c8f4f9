"""URIs in SIP: `sip:`/`sips:` (RFC 3261 §19.1), `tel:` (RFC 3966) and any other, kept as it came.

Users, passwords and hosts are held decoded (no %-escapes, no brackets around IPv6); `str()` writes
them escaped again.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote as percent
from urllib.parse import unquote as unpercent

import msgspec

from ccd.sip.grammar import ABSOLUTE_URI, KEPT, SIP_URI, TEL_URI, URI_PARAM, SipParseError, excerpt

Params = dict[str, str | None]

_USER_SAFE = "-_.!~*'()&=+$,;?/"
_AFTER_USER_SAFE = "-_.!~*'()&=+$,"
_PARAM_SAFE = "-_.!~*'()[]/:&+$"
_HEADER_SAFE = "-_.!~*'()[]/?:+$"
_COUNTED_PARAMS = ("transport", "user", "ttl", "method", "maddr")
"""Parameters that differ when only one of two URIs has them (RFC 3261 §19.1.4)."""
_separators = re.compile(r"[-.()]")


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unpercent(text, errors="strict")
    except UnicodeDecodeError:
        raise SipParseError(f"escapes are not UTF-8: {excerpt(text)}") from None


def _encode(text: str, safe: str) -> str:
    plain = text.isascii() and text.isalnum()  # most users, and nothing in them to be escaped
    return text if plain else percent(text, safe=safe, errors="replace")


def check_host(text: str) -> str:
    """A host as it stands in a URI or Via, without brackets; SipParseError on a wrong IPv6 address."""
    if text[0] != "[":
        return text
    try:
        IPv6Address(text[1:-1])
    except AddressValueError:
        raise SipParseError(f"not an IPv6 address: {excerpt(text)}") from None
    return text[1:-1]


def format_host(host: str, port: int | None = None) -> str:
    """`host[:port]` with brackets around IPv6."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _parse_params(text: str) -> Params:
    params: Params = {}
    if text:
        for name, equals, value in URI_PARAM.findall(text):
            params.setdefault(_decode(name).lower(), _decode(value) if equals else None)
    return params


def _format_params(params: Params) -> str:
    out = []
    for name, value in params.items():
        out.append(";" + _encode(name, _PARAM_SAFE))
        if value is not None:
            out.append("=" + _encode(value, _PARAM_SAFE))
    return "".join(out)


@lru_cache(maxsize=KEPT)
def _write_place(scheme: str, user: str | None, password: str | None, host: str, port: int | None) -> str:
    """A SIP URI up to its parameters; kept, because phones have the same Contact call after call."""
    out = [scheme, ":"]
    if user is not None:
        out.append(_encode(user, _USER_SAFE))
        if password is not None:
            out.append(":" + _encode(password, _AFTER_USER_SAFE))
        out.append("@")
    out.append(format_host(host, port))
    return "".join(out)


class SipUri(msgspec.Struct, eq=False, frozen=True):
    """`sip:user:password@host:port;params?headers`. Equal as RFC 3261 §19.1.4 says."""

    scheme: str = "sip"
    user: str | None = None
    password: str | None = None
    host: str = ""
    """Without brackets, also for IPv6."""
    port: int | None = None
    params: Params = {}
    """Names in lower case; None for a flag such as `lr`."""
    headers: dict[str, str] = {}

    @property
    def transport(self) -> str | None:
        """The `transport` parameter in upper case ("UDP", "TCP"), if there is one."""
        value = self.params.get("transport")
        return value.upper() if value else None

    @property
    def secure(self) -> bool:
        return self.scheme == "sips"

    def __str__(self) -> str:
        text = _write_place(self.scheme, self.user, self.password, self.host, self.port)
        if self.params:
            text += _format_params(self.params)
        if self.headers:
            pairs = (
                f"{_encode(k, _HEADER_SAFE)}={_encode(v, _HEADER_SAFE)}" for k, v in self.headers.items()
            )
            text += "?" + "&".join(pairs)
        return text

    def __hash__(self) -> int:
        return hash((self.scheme, self.user, self.host.lower(), self.port))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SipUri):
            return NotImplemented
        mine = (self.scheme, self.user, self.password, self.host.lower(), self.port)
        if mine != (other.scheme, other.user, other.password, other.host.lower(), other.port):
            return False
        return _same_params(self.params, other.params) and _same_headers(self.headers, other.headers)


def _same_params(mine: Params, theirs: Params) -> bool:
    for name in _COUNTED_PARAMS:
        if (name in mine) != (name in theirs):
            return False
    return all(
        (value or "").lower() == (theirs[name] or "").lower()
        for name, value in mine.items()
        if name in theirs
    )


def _same_headers(mine: dict[str, str], theirs: dict[str, str]) -> bool:
    return {k.lower(): v for k, v in mine.items()} == {k.lower(): v for k, v in theirs.items()}


class TelUri(msgspec.Struct, eq=False, frozen=True):
    """`tel:number;params` (RFC 3966). The number is kept as written; `digits` is for comparing."""

    number: str
    params: Params = {}

    scheme = "tel"

    @property
    def digits(self) -> str:
        """The number without visual separators; the leading `+` stays."""
        return _separators.sub("", self.number)

    @property
    def user(self) -> str:
        """The same as `digits`: what a dial plan looks at, as with `SipUri.user`."""
        return self.digits

    @property
    def phone_context(self) -> str | None:
        return self.params.get("phone-context")

    def __str__(self) -> str:
        return f"tel:{self.number}{_format_params(self.params)}"

    def __hash__(self) -> int:
        return hash(self.digits.lower())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TelUri):
            return NotImplemented
        return self.digits.lower() == other.digits.lower() and _folded(self.params) == _folded(other.params)


def _folded(params: Params) -> dict[str, str]:
    return {name: _separators.sub("", value or "").lower() for name, value in params.items()}


class AbsoluteUri(msgspec.Struct, frozen=True):
    """Any other URI, e.g. `urn:service:sos`: kept letter by letter."""

    raw: str

    @property
    def scheme(self) -> str:
        return self.raw.partition(":")[0].lower()

    @property
    def user(self) -> None:
        """None: only here so that every URI can be asked for its user."""
        return

    def __str__(self) -> str:
        return self.raw


Uri = SipUri | TelUri | AbsoluteUri


@lru_cache(maxsize=KEPT)
def parse_uri(text: str) -> Uri:
    """The URI in `text` (no brackets, no surrounding space); SipParseError if it breaks its grammar.

    Kept, because phones and trunks name the same Contact call after call: its `params` and `headers` are
    others' too, and not to be changed.
    """
    match = SIP_URI.fullmatch(text)
    if match is not None:
        scheme, user, password, host, port, params, headers = match.groups()
        return SipUri(
            scheme.lower(),
            None if user is None else _decode(user),
            None if password is None else _decode(password),
            check_host(host),
            None if port is None else int(port),
            _parse_params(params),
            _parse_headers(headers) if headers else {},
        )
    match = TEL_URI.fullmatch(text)
    if match is not None:
        return TelUri(match[1], _parse_params(match[2]))
    if ABSOLUTE_URI.fullmatch(text):
        return AbsoluteUri(text)
    raise SipParseError(f"not a URI: {excerpt(text)}")


def _parse_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in text[1:].split("&"):
        name, _, value = pair.partition("=")
        if name:
            headers.setdefault(_decode(name), _decode(value))
    return headers
