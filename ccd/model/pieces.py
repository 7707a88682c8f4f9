"""Numbers and short durations as a row of recorded pieces, by the grammar of the language.

The words are those of `ccd.model.wording`; here they are cut where recordings can be joined. A test holds the
two together: the texts of the pieces, one after another, are the words. English, French, Spanish and German
have a grammar up to 999 999; other languages, and larger numbers, are spoken digit by digit.

Names of pieces, one WAV each below the folder of a language (`docs/speech.md`):

- `numbers/N`: the number as one counts; `numbers/N-m` and `numbers/N-f`: as it stands before a masculine or a
  feminine noun, where that differs (`un minuto`, `una hora`, `eine Minute`, `vingt et une minutes`);
- `numbers/WORD`: what joins them (`numbers/and`, `numbers/hundert`);
- `units/minute`, `units/minutes`, `units/hour`, `units/hours`: the nouns, one and many.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from ccd.model.wording import SPOKEN, counted, is_one, language_of, words
from ccd.model.wording_tables import AND, UNITS

LIMIT: Final = 1_000_000
MINUTE, HOUR = "minute", "hour"
NUMBERS, NOUNS = "numbers/", "units/"
JOINTS: Final = {
    "en": ("hundred", "thousand", "and"),
    "fr": ("cent", "mille", "et"),
    "es": ("ciento", "mil", "y"),
    "de": ("hundert", "tausend", "und"),
}
"""Pieces that are named by their word."""
MOST_PLACES, MOST_MINUTES = 199, 179
"""What a waiting caller is told at most, in practice: so many pieces should be there."""
_M, _F = "-m", "-f"


def pieces(number: int, language: str, unit: str = "") -> tuple[str, ...]:
    """Names of the pieces in the order in which they are spoken.

    `unit`: what is counted, `MINUTE` (from an hour on hours and minutes) or `HOUR`; empty: nothing.
    """
    speech = language_of(language)
    if unit == MINUTE and number >= 60 and speech in SPOKEN:
        hours, minutes = divmod(number, 60)
        joint = (f"{NUMBERS}{AND[speech]}", *pieces(minutes, language, MINUTE)) if minutes else ()
        return (*pieces(hours, language, HOUR), *joint)
    if unit:
        noun = unit if is_one(number, speech) else f"{unit}s"
        form = _F if speech in SPOKEN and UNITS[speech][unit].feminine else _M
        return (*_number(number, speech, form), f"{NOUNS}{noun}")
    return _number(number, speech, "")


def _number(number: int, speech: str, form: str) -> tuple[str, ...]:
    grammar = _GRAMMARS.get(speech)
    if grammar is None or not 0 <= number < LIMIT:
        return tuple(f"{NUMBERS}{digit}" for digit in str(abs(number)))
    return tuple(f"{NUMBERS}{part}" for part in grammar(number, form))


# -- the grammars: parts of a number, `form` as it stands before a noun ------------------------------------


def _english(number: int, _form: str) -> list[str]:
    if number >= 1000:
        rest = number % 1000
        joint = ["and"] if 0 < rest < 100 else []
        return [*_english(number // 1000, ""), "thousand", *joint, *(_english(rest, "") if rest else [])]
    if number >= 100:
        rest = number % 100
        return [str(number // 100), "hundred", *(["and", *_english(rest, "")] if rest else [])]
    if number > 20 and number % 10:
        return [str(number - number % 10), str(number % 10)]
    return [str(number)]


def _french(number: int, form: str) -> list[str]:
    if number >= 1000:
        count, rest = divmod(number, 1000)
        return [*(_french(count, "") if count > 1 else []), "mille", *(_french(rest, form) if rest else [])]
    if number >= 100:
        count, rest = divmod(number, 100)
        head = [str(count)] if count > 1 else []
        return [*head, "cent", *(_french(rest, form) if rest else [])]
    return _french_below_100(number, form)


def _french_below_100(number: int, form: str) -> list[str]:
    if number == 1:
        return ["1-f" if form == _F else "1"]
    if number <= 20 or number in (30, 40, 50, 60, 80):
        return [str(number)]
    if number > 80:  # quatre-vingt-un … quatre-vingt-dix-neuf
        return ["80", *_french_below_100(number - 80, form)]
    tens = 60 if number >= 60 else number - number % 10
    rest = number - tens
    return [str(tens), *(["et"] if rest in (1, 11) else []), *_french_below_100(rest, form)]


def _spanish(number: int, form: str) -> list[str]:
    if number >= 1000:
        count, rest = divmod(number, 1000)
        head = _before_mil(count, form) if count > 1 else []
        return [*head, "mil", *(_spanish(rest, form) if rest else [])]
    if number > 100:
        hundreds, rest = number - number % 100, number % 100
        head_piece = "ciento" if hundreds == 100 else f"{hundreds}{_F if form == _F else ''}"
        return [head_piece, *(_spanish(rest, form) if rest else [])]
    if number in (1, 21):
        return [f"{number}{form}"]
    if number > 30 and number % 10 and number < 100:
        return [str(number - number % 10), "y", *_spanish(number % 10, form)]
    return [str(number)]


def _before_mil(count: int, form: str) -> list[str]:
    """`veintiún mil`, `doscientas mil`: before it hundreds follow the gender, and one does not."""
    hundreds, rest = count - count % 100, count % 100
    if not (hundreds and rest):
        return _spanish(count, form if hundreds else _M)
    return [_spanish(hundreds + 2, form)[0], *_spanish(rest, _M)]


def _german(number: int, form: str) -> list[str]:
    if number >= 1000:
        count, rest = divmod(number, 1000)
        return [*_german(count, _M), "tausend", *(_german(rest, form) if rest else [])]
    if number >= 100:
        count, rest = divmod(number, 100)
        return [*_german(count, _M), "hundert", *(_german(rest, form) if rest else [])]
    return [f"1{form}" if number == 1 else str(number)]


_GRAMMARS: Final = {"en": _english, "fr": _french, "es": _spanish, "de": _german}


# -- what the pieces say -----------------------------------------------------------------------------------


def text_of(name: str, language: str) -> str:
    """The words of a piece, for whoever records it or speaks it; empty: it is no piece."""
    speech = language_of(language)
    if name.startswith(NOUNS):
        noun = name[len(NOUNS) :]
        unit = UNITS.get(speech, {}).get(noun.removesuffix("s"))
        return "" if unit is None else unit.many if noun.endswith("s") else unit.one
    part = name[len(NUMBERS) :]
    if not name.startswith(NUMBERS):
        return ""
    if part in JOINTS.get(speech, ()):
        return part
    digits, _, form = part.partition("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 7 and form in ("", "m", "f")):
        return ""
    return counted(int(digits), language, form == "f") if form else words(digits, "number", "", language)


@cache
def needed(language: str, unit: str = "") -> tuple[str, ...]:
    """The pieces for the places, or with `MINUTE` for the waits, that a caller is told; in their order."""
    most = MOST_MINUTES if unit else MOST_PLACES
    found = dict.fromkeys(name for number in range(1, most + 1) for name in pieces(number, language, unit))
    return tuple(sorted(found, key=_order))


def every(language: str) -> Iterator[str]:
    """All pieces of a language that has a grammar, with those for larger numbers."""
    speech = language_of(language)
    if speech not in SPOKEN:
        return
    large = (100, 101, *range(200, 1000, 100), 1000)
    known = {name for number in (0, *large) for name in pieces(number, speech)}
    feminine = {name for number in (*range(1, 100), *large) for name in pieces(number, speech, HOUR)}
    yield from sorted({*known, *feminine, *needed(speech), *needed(speech, MINUTE)}, key=_order)


def _order(name: str) -> tuple[str, int, str]:
    folder, _, part = name.partition("/")
    digits = part.partition("-")[0]
    return folder, int(digits) if digits.isdecimal() else LIMIT, part
