"""The header table of a SIP message, and the typed headers made from it (RFC 3261 §7.3, §20).

Headers are always changed through the methods (`add`, `set`, `remove`, `prepend`), never in the
`headers` list itself; typed values are made when first asked for and kept until a header changes.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Final, TypeVar

from ccd.sip.address import Address, read_address, read_seconds, read_tag
from ccd.sip.grammar import SipParseError, excerpt, is_token, split_list, without_breaks
from ccd.sip.headers import (
    CANONICAL_NAMES,
    LIST_HEADERS,
    NAMES,
    CSeq,
    Hop,
    Via,
    canonical_name,
    read_cseq,
    read_hop,
)

STAR: Final = "*"
"""What `Contact: *` stands for: all bindings (RFC 3261 §10.2.2)."""

Parsed = TypeVar("Parsed")
Headers = Iterable[tuple[str, str]]

name_of: Callable[[tuple[str, str]], str] = itemgetter(0)
_value_of: Callable[[tuple[str, str]], str] = itemgetter(1)


class Message:
    """What requests and responses have in common. `body` may be set freely; see `set_body` for its type."""

    __slots__ = ("_cache", "_cseq", "_first", "_hop", "body", "charset", "headers")

    headers: list[tuple[str, str]]
    body: bytes

    def __init__(self, headers: list[tuple[str, str]], body: bytes = b"", charset: str = "utf-8") -> None:
        """`headers`: canonical names, values without line breaks (not checked here)."""
        self.headers = headers
        self.body = body
        self.charset = charset
        self._cache: dict[str, Any] | None = None
        self._first: dict[str, str] | None = None  # name → first value, made when asked for
        self._hop: Hop | None = None
        self._cseq: CSeq | None = None

    # -- the header table

    def get(self, name: str) -> str | None:
        """The first value of a header, whatever form its name has; None if absent."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self.headers))
        value = first.get(name)
        if value is None and name not in CANONICAL_NAMES:
            return first.get(canonical_name(name))
        return value

    def get_all(self, name: str) -> list[str]:
        """All values of a header in order; list headers (Via, Contact, Allow…) split into elements."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self.headers))
        if name not in first:
            if name in CANONICAL_NAMES:
                return []
            name = canonical_name(name)
        values = [value for header, value in self.headers if header == name]
        if name not in LIST_HEADERS or (len(values) == 1 and values[0] and "," not in values[0]):
            return values
        return [part for value in values if value for part in split_list(value, strict=False)]

    def _changed(self) -> None:
        self._first = self._cache = self._hop = self._cseq = None

    def add(self, name: str, value: str) -> None:
        """Append a header; ValueError on a line break or a name that is no token."""
        self.headers.append((good_name(name), without_breaks(value)))
        self._changed()

    def extend(self, headers: Headers) -> None:
        """Append several headers; ValueError as for `add`."""
        self.headers += good_headers(headers)
        self._changed()

    def prepend(self, name: str, value: str) -> None:
        """Put a header before all others (a new top Via, Route or Record-Route)."""
        self.headers.insert(0, (good_name(name), without_breaks(value)))
        self._changed()

    def set_via(self, value: str) -> None:
        """Replace all Vias by one, the first of all headers; `value` is of our own making."""
        headers = self.headers
        if headers and headers[0][0] == "Via":  # only where it is sent anew
            headers = [header for header in headers if header[0] != "Via"]
        self.headers = [("Via", value), *headers]
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Replace all headers of that name by one, in the place of the first."""
        name = good_name(name)
        header = (name, without_breaks(value))
        places = [at for at, (known, _) in enumerate(self.headers) if known == name]
        if places:
            self.headers[places[0]] = header
            for at in reversed(places[1:]):
                del self.headers[at]
        else:
            self.headers.append(header)
        self._changed()

    def remove(self, name: str) -> None:
        """Take out all headers of that name; nothing happens if there is none."""
        name = canonical_name(name)
        self.headers = [header for header in self.headers if header[0] != name]
        self._changed()

    def set_top_via(self, via: Via) -> None:
        """Replace the first Via element only, e.g. to note where the request really came from."""
        at, value = next((i, v) for i, (name, v) in enumerate(self.headers) if name == "Via")
        rest = split_list(value)[1:]
        text = ", ".join([str(via), *rest])
        self.headers[at] = ("Via", text)
        if self._first is not None:
            self._first["Via"] = text
        self._hop = None
        cache = self._typed_values()
        cache.pop("Via", None)
        cache["top Via"] = via

    @property
    def size(self) -> int:
        """About how many octets the message takes, start line and names of headers left out."""
        return sum([len(value) for _, value in self.headers]) + len(self.body)

    def set_body(self, body: bytes, content_type: str) -> None:
        """Give the message a body and its Content-Type."""
        self.set("Content-Type", content_type)
        self.body = body

    # -- typed headers, made once and kept until a header changes

    def _typed_values(self) -> dict[str, Any]:
        """What was made of the headers so far; of most messages nothing is."""
        cache = self._cache
        if cache is None:
            cache = self._cache = {}
        return cache

    def _typed(self, name: str, make: Callable[[str], Parsed]) -> Parsed:
        cache = self._typed_values()
        found: Parsed | None = cache.get(name)
        if found is None:
            value = self.get(name)
            if value is None:
                raise SipParseError(f"{name} is missing")
            found = cache[name] = make(value)
        return found

    def _typed_list(self, name: str, make: Callable[[str], Parsed]) -> list[Parsed]:
        cache = self._typed_values()
        found: list[Parsed] | None = cache.get(name)
        if found is None:
            found = cache[name] = [make(part) for part in self.get_all(name)]
        return found

    @property
    def vias(self) -> list[Via]:
        return self._typed_list("Via", Via.parse)

    @property
    def via(self) -> Via:
        """The top Via; only this one is parsed."""
        cache = self._typed_values()
        found: Via | None = cache.get("top Via")
        if found is None:
            value = self.get("Via")
            if value is None:
                raise SipParseError("Via is missing")
            found = cache["top Via"] = Via.parse(split_list(value)[0])
        return found

    @property
    def from_(self) -> Address:
        return self._typed("From", read_address)

    @property
    def to(self) -> Address:
        return self._typed("To", read_address)

    # These are asked for many times a message: no call more than it takes.

    @property
    def from_tag(self) -> str | None:
        """The tag of From, as `from_.tag`; the usual shape is read without making an Address."""
        if self._first is None:
            self._first = dict(reversed(self.headers))
        try:
            return read_tag(self._first["From"])
        except KeyError:
            raise SipParseError("From is missing") from None

    @property
    def to_tag(self) -> str | None:
        """The tag of To, as `to.tag`."""
        if self._first is None:
            self._first = dict(reversed(self.headers))
        try:
            return read_tag(self._first["To"])
        except KeyError:
            raise SipParseError("To is missing") from None

    @property
    def hop(self) -> Hop:
        """What the top Via says of who sent the message to us."""
        found = self._hop
        if found is None:
            text = self.get("Via")
            if text is None:
                raise SipParseError("Via is missing")
            found = self._hop = read_hop(text)
        return found

    @property
    def branch(self) -> str | None:
        """The branch of the top Via, as `via.branch`."""
        return self.hop.branch

    @property
    def call_id(self) -> str:
        value = self._first.get("Call-ID") if self._first is not None else self.get("Call-ID")
        if not value:
            raise SipParseError("Call-ID is missing")
        return value

    @property
    def cseq(self) -> CSeq:
        found = self._cseq
        if found is None:
            text = self.get("CSeq")
            if text is None:
                raise SipParseError("CSeq is missing")
            found = self._cseq = read_cseq(text)
        return found

    @property
    def contact_is_star(self) -> bool:
        return self.get("Contact") == STAR

    @property
    def contacts(self) -> list[Address]:
        """All Contact addresses; empty if there is none, and for `Contact: *` (see `contact_is_star`)."""
        cache = self._cache
        if cache is None:
            cache = self._cache = {}
        found: list[Address] | None = cache.get("Contact")
        if found is not None:
            return found
        value = self.get("Contact")
        if value is None or value == STAR:
            return []
        if self._first is not None and len(self._first) == len(self.headers) and "," not in value:
            found = cache["Contact"] = [read_address(value)]  # as most say it: once, and one address
            return found
        return self._typed_list("Contact", read_address)

    @property
    def route(self) -> list[Address]:
        return self._typed_list("Route", read_address)

    @property
    def record_route(self) -> list[Address]:
        return self._typed_list("Record-Route", read_address)

    @property
    def expires(self) -> int | None:
        """Seconds; None if absent or malformed (then the default counts, RFC 3261 §20.19)."""
        return read_seconds(self.get("Expires"))

    @property
    def content_type(self) -> str:
        """Type and subtype in lower case without parameters; empty if there is none."""
        value = self.get("Content-Type")
        if value is None or value == "application/sdp":  # nearly all there is
            return value or ""
        return value.partition(";")[0].strip(" \t").lower()

    @property
    def max_forwards(self) -> int | None:
        value = self.get("Max-Forwards")
        return int(value) if value else None

    # -- writing

    def start_line(self) -> str:
        """The first line, without its line break."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire; Content-Length is written here and nowhere else."""
        start, end = self.start_line(), f"Content-Length: {len(self.body)}\r\n\r\n"
        text = "\r\n".join([start, *map(": ".join, self.headers), end])
        if text.find("\r\nContent-Length: ", 0, -len(end)) >= 0:  # only in what was received
            kept = [header for header in self.headers if header[0] != "Content-Length"]
            text = "\r\n".join([start, *map(": ".join, kept), end])
        return text.encode(self.charset, "replace") + self.body

    __bytes__ = to_bytes

    def __repr__(self) -> str:
        return f"<{self.start_line()} {self.get('Call-ID')}>"


def good_name(name: str) -> str:
    """The canonical form of a header name of ours; ValueError if it is no token."""
    known = NAMES.get(name)
    if known is not None:
        return known
    if not is_token(name):
        raise ValueError(f"not a header name: {excerpt(name)}")
    return canonical_name(name)


def good_headers(headers: Headers) -> list[tuple[str, str]]:
    """Headers of ours with canonical names; ValueError on a line break or a name that is no token."""
    good = list(headers)
    if not CANONICAL_NAMES.issuperset(map(name_of, good)):
        good = [(good_name(name), value) for name, value in good]
    without_breaks("".join(map(_value_of, good)))
    return good
