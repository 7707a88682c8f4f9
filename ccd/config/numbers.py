"""Telephone numbers of the configuration as E.164, whole or not at all.

Stricter than what calls bring: a number that a person wrote and that cannot be dialled is a fault.
Up to six digits are a short number of a PBX and stay as they are.
"""

import importlib.util
import re
from functools import cache
from pathlib import Path

import msgspec

from ccd.model.rules import Target

_SEPARATORS = str.maketrans("", "", " \t\u00a0-.()/")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT = re.compile(r"[0-9]{2,6}")


def to_e164(text: str, country: str) -> str:
    """The number with `+` and country code, a short one as it is; empty when it is neither.

    `country`: region (ISO 3166) of numbers written without country code.
    """
    digits = text.translate(_SEPARATORS)
    if _SHORT.fullmatch(digits):
        return digits
    if _E164.fullmatch(digits) and digits[3] != "0":
        return digits
    if not re.fullmatch(r"\+?[0-9]{7,20}", digits):
        return ""
    import phonenumbers  # 33 ms and 3 MB that a configuration in E.164 never pays

    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@cache
def is_country(code: str) -> bool:
    """Whether numbers of this region can be read: looks for its data without loading the library."""
    if not re.fullmatch(r"[A-Z]{2}", code):
        return False
    spec = importlib.util.find_spec("phonenumbers")
    places = (spec.submodule_search_locations if spec else None) or []
    return any((Path(place) / "data" / f"region_{code}.py").exists() for place in places)


def with_numbers(target: Target, country: str) -> Target:
    """The target with its outside numbers, also those among its shares, in E.164."""
    shares = tuple(
        msgspec.structs.replace(share, address=to_e164(share.address, country)) if share.address else share
        for share in target.share
    )
    address = to_e164(target.address, country) if target.address else ""
    return msgspec.structs.replace(target, address=address, share=shares)
