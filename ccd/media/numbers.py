"""Numbers as a row of spoken parts, by the grammar of the language.

The parts are names of prompts below `numbers/`. English and French have a grammar up to 999 999;
other languages, and larger numbers, are spoken digit by digit.
"""

from typing import Final

LIMIT: Final = 1_000_000


def spell(number: int, language: str) -> tuple[str, ...]:
    """Names of the parts in the order they are spoken."""
    grammar = _GRAMMARS.get(language.partition("-")[0].partition("_")[0].lower())
    if number < 0 or number >= LIMIT or grammar is None:
        return tuple(f"numbers/{digit}" for digit in str(abs(number)))
    return tuple(f"numbers/{part}" for part in grammar(number))


def _english(number: int) -> list[str]:
    if number >= 1000:
        rest = number % 1000
        joint = ["and"] if 0 < rest < 100 else []
        return [*_english(number // 1000), "thousand", *joint, *(_english(rest) if rest else [])]
    if number >= 100:
        rest = number % 100
        return [str(number // 100), "hundred", *(["and", *_english(rest)] if rest else [])]
    if number > 20 and number % 10:
        return [str(number - number % 10), str(number % 10)]
    return [str(number)]


def _french(number: int) -> list[str]:
    if number >= 1000:
        count, rest = divmod(number, 1000)
        return [*(_french(count) if count > 1 else []), "mille", *(_french(rest) if rest else [])]
    if number >= 100:
        count, rest = divmod(number, 100)
        head = [str(count)] if count > 1 else []
        return [*head, "cent", *(_french(rest) if rest else [])]
    return _french_below_100(number)


def _french_below_100(number: int) -> list[str]:
    if number <= 20 or number in (30, 40, 50, 60, 80):
        return [str(number)]
    if number > 80:  # quatre-vingt-un … quatre-vingt-dix-neuf
        return ["80", str(number - 80)]
    tens = 60 if number >= 60 else number - number % 10
    rest = number - tens
    return [str(tens), *(["et"] if rest in (1, 11) else []), str(rest)]


_GRAMMARS: Final = {"en": _english, "fr": _french}
