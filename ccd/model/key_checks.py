"""What keyed digits must be, and what they are kept as: `check(text, valid)`.

Pure, and the same for the interpreter of flows and for a channel that collects in secret. Written down once
more as rules for people in docs/keys.md.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

from ccd.model.numbers import to_e164

LONGEST: Final = 64
"""More characters than this are never valid: it bounds what a regular expression can cost."""
LONGEST_PATTERN: Final = 120
MOST_REPEATS: Final = 3
KINDS: Final = ("luhn", "iban", "date:DDMM", "date:DDMMYYYY", "phone", "phone:COUNTRY", "regex:…")
EXPIRY: Final = "expiry"
"""`expiry:YYMM`: a card's MMYY, no sooner than that month. For `pay` only: it goes by the calendar."""
MOST_YEARS: Final = 20
"""No card is good for longer."""
LEAP: Final = 2000
"""A year that has every day; a date without a year is checked against it."""

_REPEAT = re.compile(r"(?<!\\)(?:\\\\)*([*+{?])")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_PHONE = re.compile(r"\+?[0-9]{3,15}")


def fault_of(valid: str) -> str:
    """What is wrong with the rule itself, in words; empty: nothing."""
    kind, _, rest = valid.partition(":")
    if kind == "regex":
        return _pattern_fault(rest)
    if kind == "phone" and rest:
        return "" if re.fullmatch("[A-Z]{2}", rest) else f"{rest!r} is no country code such as FR"
    return "" if not valid or valid in KINDS[:5] else f"there is no check {valid!r}"


def check(text: str, valid: str) -> str | None:
    """The text as it is kept; None: it is not valid. `valid` empty: anything is."""
    if len(text) > LONGEST:
        return None
    kind, _, rest = valid.partition(":")
    if kind == "regex":
        return text if _compiled(rest).fullmatch(text) else None
    if kind == "luhn":
        return text if luhn(text) else None
    if kind == "iban":
        return iban(text)
    if kind == "date":
        return day(text, rest)
    if kind == "phone":
        return phone(text, rest)
    if kind == EXPIRY:
        return text if expires(text, rest) else None
    return text


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 Annex B: the check digit of card numbers. One digit alone is none."""
    if len(digits) < 2 or not (digits.isascii() and digits.isdecimal()):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        worth = int(digit) << (place & 1)
        total += worth - 9 if worth > 9 else worth
    return total % 10 == 0


def iban(text: str) -> str | None:
    """ISO 13616: country, check digits (ISO 7064 mod 97-10) and account; in capitals, without spaces."""
    written = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(written):
        return None
    turned = "".join(str(int(character, 36)) for character in written[4:] + written[:4])
    return written if int(turned) % 97 == 1 else None


def day(digits: str, form: str) -> str | None:
    """A date of the calendar: ISO 8601, `--12-24` when it has no year."""
    if len(digits) != len(form) or not (digits.isascii() and digits.isdecimal()):
        return None
    year = int(digits[4:]) if len(form) == 8 else LEAP
    try:
        found = date(year, int(digits[2:4]), int(digits[:2]))
    except ValueError:
        return None
    return found.isoformat() if len(form) == 8 else f"--{found:%m-%d}"


def expires(digits: str, since: str) -> bool:
    """Whether MMYY is a month from `since` (YYMM) on, and not too far away."""
    if len(digits) != 4 or not (digits.isascii() and digits.isdecimal()) or not "01" <= digits[:2] <= "12":
        return False
    months = 12 * (int(digits[2:]) - int(since[:2])) + int(digits[:2]) - int(since[2:])
    return 0 <= months <= 12 * MOST_YEARS


def phone(text: str, country: str) -> str | None:
    """A telephone number: of a country's plan in E.164, else any of 3 to 15 digits, `00` being `+`."""
    number = "+" + text[2:] if text.startswith("00") else text
    if country:
        return to_e164(number, country) or None
    return number if _PHONE.fullmatch(number) else None


@lru_cache(64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _pattern_fault(pattern: str) -> str:
    """Refuses what may take more than polynomial time, by rules that are easy to say."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        return f"a regular expression has 1 to {LONGEST_PATTERN} characters"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"the regular expression does not compile: {error}"
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern)
    if re.search(r"\(\?(?!:)", bare):
        return "only plain groups (…) and (?:…) may stand in it"
    if re.search(r"\\[0-9]", pattern):
        return "references to groups may not stand in it"
    if len(re.findall(r"[*+]|\{\d*,\d*\}", bare)) > MOST_REPEATS:
        return f"at most {MOST_REPEATS} repetitions of no fixed count may stand in it"
    if re.search(r"\)(?:[*+]|\{)", bare):
        return "a group may not be repeated: repeat characters or [sets] instead"
    return ""
