"""Is a header value well formed? One function a header, called while the header table is read.

The usual shape is accepted by one compiled pattern; only what that does not match goes through the
full parser, which then says what is wrong. What RFC 4475 §3.1.2 calls invalid is refused here.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from ccd.sip.address import Address, parse_addresses
from ccd.sip.grammar import (
    CSEQ,
    DATE,
    KEPT,
    KEPT_SHORT,
    PLACE,
    PORT,
    SHORT,
    SIP_URI,
    TOKEN,
    WELL_FORMED_ADDRESS,
    SipParseError,
    excerpt,
    is_token,
    many,
    once,
    split_list,
)
from ccd.sip.headers import CSeq, read_hop
from ccd.sip.uri import SipUri, parse_uri

_version = re.compile(r"[sS][iI][pP]/[0-9]+\.[0-9]+").fullmatch
_number = re.compile(r"[0-9]{1,10}").fullmatch
_retry_after = re.compile(r"([0-9]{1,40})(?![0-9])").match
_warning = re.compile(r"[0-9]{3}[ \t]").match
_well_formed_address = WELL_FORMED_ADDRESS.fullmatch
_SIMPLE_PARAMS = many(r";[A-Za-z0-9._\-]++" + once(r"=[A-Za-z0-9._\-]++"))
_usual_address = re.compile(
    rf"<sip:\+?[A-Za-z0-9]++@{PLACE}{once(f':{PORT}')}{_SIMPLE_PARAMS}>{once(f';tag={TOKEN}')}"
).fullmatch
"""A number or a plain name at a host: well formed, and read faster than by the pattern for all of them."""
_well_formed_uri = SIP_URI.fullmatch
_well_formed_cseq = CSEQ.fullmatch


@lru_cache(maxsize=KEPT)
def check_request_line(method: str, uri: str, version: str) -> None:
    """Refuses a method that is no token, a wrong or unfit URI (400), another version (505)."""
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        if _version(version):
            raise SipParseError(f"SIP version not supported: {excerpt(version)}", 505, code="sip-version")
        raise SipParseError(f"not a SIP version at the end of the request line: {excerpt(version)}")
    if not is_token(method):
        raise SipParseError(f"not a method: {excerpt(method)}")
    match = _well_formed_uri(uri)
    if match is not None and match[7] is None and "%" not in uri and "[" not in uri:
        return
    parsed = parse_uri(uri)
    if isinstance(parsed, SipUri) and match is not None and match[7] is not None:
        raise SipParseError(f"headers in a request URI: {excerpt(uri)}")


def _address(value: str) -> None:
    """From or To; with a display and without its tag it is the same as in the last call, of many who call."""
    if _usual_address(value):
        return
    head, found, tag = value.partition(">;tag=")
    if found and len(head) <= SHORT and (tag.isalnum() or is_token(tag)) and _is_bracketed(head):
        return
    _one_address(value)


@lru_cache(maxsize=KEPT_SHORT)
def _is_bracketed(head: str) -> bool:
    """Whether it is an address up to the closing bracket, of the usual shape."""
    return _well_formed_address(head + ">") is not None and "%" not in head and "[" not in head


@lru_cache(maxsize=KEPT)
def _one_address(value: str) -> None:
    if not (_well_formed_address(value) and "%" not in value and "[" not in value):
        Address.parse(value)


@lru_cache(maxsize=KEPT)
def _addresses(value: str) -> None:
    if not (_well_formed_address(value) and "%" not in value and "[" not in value):
        parse_addresses(value)


def _contacts(value: str) -> None:
    if value != "*":
        _addresses(value)


def _cseq(value: str) -> None:
    match = _well_formed_cseq(value)
    if match is None or len(match[1]) > 9:
        CSeq.parse(value)


def _call_id(value: str) -> None:
    if not value or " " in value or "\t" in value:
        raise SipParseError(f"not a Call-ID: {excerpt(value)}")


def _max_forwards(value: str) -> None:
    if not _number(value) or int(value) > 255:
        raise SipParseError(f"not a Max-Forwards from 0 to 255: {excerpt(value)}")


def _content_length(value: str) -> None:
    if not _number(value):
        raise SipParseError(f"not a Content-Length: {excerpt(value)}")


def _date(value: str) -> None:
    if not DATE.fullmatch(value):
        raise SipParseError(f"not a date in GMT: {excerpt(value)}")


def _seconds(value: str) -> None:
    match = _retry_after(value)
    if match is None or int(match[1]) > 2**32 - 1:
        raise SipParseError(f"not a number of seconds: {excerpt(value)}")


def _warnings(value: str) -> None:
    if not all(_warning(part) for part in split_list(value)):
        raise SipParseError(f"not a Warning: {excerpt(value)}")


CHECKS: dict[str, Callable[[str], object]] = {
    "Via": read_hop,
    "From": _address,
    "To": _address,
    "Call-ID": _call_id,
    "CSeq": _cseq,
    "Contact": _contacts,
    "Route": _addresses,
    "Record-Route": _addresses,
    "Max-Forwards": _max_forwards,
    "Content-Length": _content_length,
    "Date": _date,
    "Retry-After": _seconds,
    "Warning": _warnings,
}
"""By canonical header name; each raises SipParseError."""
