"""Telephone numbers that people write or key in as E.164, whole or not at all.

Stricter than what calls bring: a number that a person gave and that cannot be dialled is none.
Up to six digits are a short number of a PBX and stay as they are.
"""

import re

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


def country_of(number: str) -> str:
    """Region (ISO 3166) of a number in E.164; empty: not known, as of a short or withheld one."""
    if not _E164.fullmatch(number):
        return ""
    import phonenumbers

    code = calling_code(number)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    if len(regions) == 1:
        return str(regions[0])  # without the metadata of the country, which take some ms to load
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def calling_code(number: str) -> int:
    """Country calling code (ITU E.164) of a number that begins with `+`; 0: none."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    for size in (1, 2, 3):
        code = number[1 : 1 + size]
        if code.isdecimal() and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            return int(code)
    return 0
