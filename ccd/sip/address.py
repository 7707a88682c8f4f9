"""name-addr and addr-spec, as in From, To, Contact, Route and the like (RFC 3261 §20.10, §25.1)."""

from functools import lru_cache

import msgspec

from ccd.sip.grammar import (
    ADDR_SPEC,
    KEPT,
    NAME_ADDR,
    SipParseError,
    excerpt,
    format_params,
    is_token,
    parse_params,
    quote,
    split_list,
    unquote,
    without_breaks,
)
from ccd.sip.uri import Uri, parse_uri


class Address(msgspec.Struct, frozen=True):
    """`"display" <uri>;params`. `display` is unquoted; params are those of the header, not of the URI, and
    not to be changed."""

    display: str
    uri: Uri
    params: dict[str, str | None] = {}

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    @property
    def expires(self) -> int | None:
        """Seconds from the `expires` parameter of a Contact; None if absent or not a number."""
        return read_seconds(self.params.get("expires"))

    @property
    def q(self) -> float:
        """Preference of a Contact from 0 to 1; 1 if absent or malformed."""
        try:
            return min(1.0, max(0.0, float(self.params.get("q") or "1")))
        except ValueError:
            return 1.0

    def __str__(self) -> str:
        display = quote(self.display) + " " if self.display else ""
        return without_breaks(f"{display}<{self.uri}>{format_params(self.params)}")

    @classmethod
    def parse(cls, text: str) -> "Address":
        """One address from a header value; SipParseError if it breaks the grammar."""
        match = NAME_ADDR.fullmatch(text)
        if match is not None:
            quoted, phrase, uri, params = match.groups()
            display = unquote(quoted) if quoted else phrase.strip(" \t")
            return cls(display, parse_uri(uri), parse_params(params) if params else {})
        match = ADDR_SPEC.fullmatch(text)
        if match is None:
            raise SipParseError(f"not an address: {excerpt(text)}")
        return cls("", parse_uri(match[1]), parse_params(match[2]))


@lru_cache(maxsize=KEPT)
def read_address(text: str) -> Address:
    """`Address.parse`, kept: a peer's Contact is the same call after call, a From in all of a call.

    That From is another in each call, so the usual shape is read without the patterns for all shapes.
    """
    head, found, tag = text.partition(">;tag=")
    if found and head.rfind("<") == 0 and ">" not in head and is_token(tag):
        return Address("", parse_uri(head[1:]), {"tag": tag})
    return Address.parse(text)


@lru_cache(maxsize=KEPT)
def read_tag(text: str) -> str | None:
    """The tag of a From or To, without making an Address of what has the usual shape."""
    _, found, tag = text.partition(">;tag=")
    if found:
        if tag.isalnum() or is_token(tag):
            return tag
    elif text[-1:] == ">":
        return None
    return Address.parse(text).tag


def parse_addresses(text: str) -> list[Address]:
    """All addresses of a comma-separated header value."""
    return [Address.parse(part) for part in split_list(text)]


def read_seconds(text: str | None) -> int | None:
    """Delta-seconds; too large a number is cut to 2**32 - 1, nonsense is None (RFC 3261 §20.19)."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return min(int(text), 2**32 - 1) if len(text) <= 40 else 2**32 - 1
