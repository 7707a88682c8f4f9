"""The number that a caller dialled before somebody sent the call on to us.

Diversion (RFC 5806) lists who diverted, the latest first; History-Info (RFC 7044) all that were tried, the
first with index 1. Both are only as true as the trunk that they came by.
"""

import re

from ccd.sip.address import Address
from ccd.sip.grammar import SipParseError
from ccd.sip.message import Request
from ccd.voice.numbers import number_of

MOST = 20
_HIDDEN = re.compile(r"[;?&]\s*privacy\s*=\s*\"?(?:full|uri|history|id|session|header)", re.IGNORECASE)
_INDEX = re.compile(r";\s*index\s*=\s*([0-9][0-9.]*)", re.IGNORECASE)


def diverted_from(request: Request, target: str, country: str) -> str:
    """In E.164 where it is such a number; empty: the call was not sent on, or nobody says from where.

    `target`: what was dialled in the end, normalised.
    """
    first = _first(request, country)
    return "" if first == target else first


def _first(request: Request, country: str) -> str:
    diversions = request.get_all("Diversion")
    if diversions:
        return _number(diversions[-1], country)
    entries = request.get_all("History-Info")[:MOST]
    if len(entries) < 2:  # the first alone is the call as it stands
        return ""
    return _number(min(entries, key=_index), country)


def _index(entry: str) -> tuple[int, ...]:
    found = _INDEX.search(entry)
    return tuple(int(part[:9]) for part in found[1].split(".") if part) if found is not None else (1 << 30,)


def _number(value: str, country: str) -> str:
    if _HIDDEN.search(value):
        return ""
    try:
        return number_of(Address.parse(value).uri, country)
    except SipParseError:
        return ""
