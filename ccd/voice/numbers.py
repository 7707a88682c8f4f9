"""Telephone numbers: what carriers and people write, as E.164, and back to what people read.

E.164 numbers get their `+`. Short codes, extensions and feature codes stay as they are, withheld
numbers become empty, names (`sip:bob@…`) stay names. RFC 3966 (tel:, phone-context), RFC 3325
(asserted identity), RFC 3323 (privacy). Metadata: `phonenumbers`, loaded at the first number that needs it.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from ccd.sip.message import Request
from ccd.sip.uri import AbsoluteUri, SipUri, TelUri

_WITHHELD = frozenset(
    {"", "anonymous", "restricted", "private", "unavailable", "unknown", "withheld", "unassigned", "blocked"}
)
_PRIVATE = frozenset({"id", "user", "full"})
_HIDDEN = re.compile(r";\s*privacy\s*=\s*\"?(?:full|uri)", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " \t\u00a0-.()/")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIALLED = re.compile(r"\+?[0-9]+")
_CODE = re.compile(r"[0-9A-D*#]+")
_CONTEXT = re.compile(r"phone-context=([^;]+)", re.IGNORECASE)
_SHORT = 6
_LONG = 10
_WITH_TRUNK_ZERO = ("+330", "+440", "+490", "+320", "+310", "+410", "+430", "+460", "+610")


class Caller(NamedTuple):
    """Who calls: `number` in E.164 (empty when withheld or not a number we may show), `name` shown."""

    number: str
    name: str


@lru_cache(maxsize=16384)
def normalise(raw: str, country: str) -> str:
    """A number as written by a carrier or a person → E.164, or what it is when it is no such number.

    `country` is the region (ISO 3166, `FR`) of numbers without country code. Empty: withheld.
    """
    text, _, params = (unquote(raw) if "%" in raw else raw).strip().partition(";")
    if text[:4].lower() == "tel:":
        text = text[4:]
    if text.lower() in _WITHHELD:
        return ""
    digits = text.translate(_SEPARATORS)
    context = _CONTEXT.search(params) if params else None
    if context and not digits.startswith("+"):
        return _in_context(digits, context[1].strip(), country)
    if _E164.fullmatch(digits) and not digits.startswith(_WITH_TRUNK_ZERO):
        return digits
    if not _DIALLED.fullmatch(digits):
        return digits if _CODE.fullmatch(digits) else text
    if digits[0] != "+" and len(digits) <= _SHORT:
        return digits
    return _parsed(digits, country)


def _in_context(digits: str, context: str, country: str) -> str:
    """A local number with its context (RFC 3966 §5.1.5): a country code or the head of a number."""
    import phonenumbers  # 3 MB and 50 ms that a centre without such numbers never pays

    if not context.startswith("+") or not context[1:].isdecimal():
        return normalise(digits, country)
    region = phonenumbers.region_code_for_country_code(int(context[1:6]))
    if region != "ZZ":
        return normalise(digits, region)
    return _valid(context + digits, country) or normalise(digits, country)


def _parsed(digits: str, country: str) -> str:
    """Let the numbering plan decide; what it does not know stays as dialled."""
    found = _valid(digits, country)
    if found:
        return found
    if digits[0] == "+":
        return digits
    if digits.startswith("00"):
        return _valid("+" + digits[2:], country) or "+" + digits[2:].lstrip("0")
    if digits[0] != "0" and len(digits) >= _LONG:
        return _valid("+" + digits, country) or digits  # many carriers leave the plus away
    return digits


def _valid(digits: str, country: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(digits, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=16384)
def shown(number: str, country: str) -> str:
    """A number for people: national form at home, international abroad; anything else unchanged."""
    if not _E164.fullmatch(number):
        return number
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    home = country and phonenumbers.country_code_for_region(country) == parsed.country_code
    form = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(parsed, form))


def is_e164(number: str) -> bool:
    """Whether it is a whole number with country code (then it can be dialled through any trunk)."""
    return _E164.fullmatch(number) is not None


def number_of(uri: SipUri | TelUri | AbsoluteUri, country: str) -> str:
    """The number or name in a URI, normalised; empty when it has none."""
    if isinstance(uri, SipUri):
        return normalise(uri.user or "", country)
    if isinstance(uri, TelUri):
        context = uri.params.get("phone-context")
        return normalise(f"{uri.number};phone-context={context}" if context else uri.number, country)
    return ""


def caller_of(request: Request, country: str) -> Caller:
    """Who calls, as a trusted trunk says it, unless private.

    P-Asserted-Identity (RFC 3325), else its forerunner Remote-Party-ID, else From.
    """
    party = _calling_party(request)
    if _wants_privacy(request) or (party and _HIDDEN.search(party)):
        return Caller("", "")
    sender = request.from_
    name = (sender.display or "").strip()
    asserted = request.get("P-Asserted-Identity")
    number = _asserted_number(asserted, country) if asserted else ""
    if not number and party:
        number = _asserted_number(party, country)
    number = number or number_of(sender.uri, country)
    if name.lower() in _WITHHELD or (number and normalise(name, country) == number):
        name = ""
    return Caller(number, name)


def _calling_party(request: Request) -> str:
    """Remote-Party-ID of who calls (draft-ietf-sip-privacy-04 §5), as Cisco and others still send it."""
    parties = request.get_all("Remote-Party-ID")
    return next((each for each in parties if "party=called" not in each.lower()), "") if parties else ""


def _wants_privacy(request: Request) -> bool:
    """RFC 3323 §4.2; `none` and `critical` alone do not hide anything."""
    value = request.get("Privacy")
    if not value:
        return False
    return not _PRIVATE.isdisjoint(part.strip().lower() for part in value.split(";"))


def _asserted_number(value: str, country: str) -> str:
    """Number of the first identity that has one (`<tel:…>` or `<sip:…>`); a bad header says nothing."""
    for found in re.findall(r"(?:tel|sips?):([^@>,\s]+)", value, re.IGNORECASE):
        number = normalise(found, country)
        if is_e164(number):
            return number
    return ""
