"""Values in words, as a person says them: numbers, telephone numbers, dates, times, durations, money.

Full grammar for English, French, Spanish and German; other languages get the figures in their own notation,
which a speech engine reads well enough. Nothing raises: what cannot be understood is said as it stands.
Plurals and patterns of figures follow the CLDR (babel), names of numbers come from num2words.
"""

import re
from collections.abc import Callable
from datetime import date, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from ccd.model.numbers import calling_code
from ccd.model.wording_tables import AND, CURRENCIES, GROUPED, HOME, MINUS, PLUS, SIGNS, UNITS, Unit

KINDS: Final = ("number", "ordinal", "digits", "date", "time", "duration", "money", "spell")
SPOKEN: Final = ("en", "fr", "es", "de")
"""Languages with a grammar of their own here."""
MOST_VALUE: Final = 200
"""Longest value that is said, in characters; the rest is left out."""
LARGEST: Final = Decimal(10) ** 12
"""Larger numbers are said as they stand."""


@lru_cache(maxsize=4096)
def words(value: str, kind: str, argument: str, language: str) -> str:
    """A value in words. `kind`: one of `KINDS`, or empty: as it stands; `argument`: e.g. a currency."""
    plain = clean(value)
    speech = language_of(language)
    try:
        if speech not in SPOKEN:
            return _figures(plain, kind, argument, language)
        return _WORDS[kind](plain, argument, language) if kind in _WORDS else plain
    except (ValueError, ArithmeticError, LookupError, NotImplementedError, TypeError):
        return plain


@lru_cache(maxsize=4096)
def figures(value: str, kind: str, argument: str, language: str) -> str:
    """A value as it is written, for those who read: `€12.50`, `25 Dec 2026`."""
    plain = clean(value)
    try:
        return _figures(plain, kind, argument, language)
    except (ValueError, ArithmeticError, LookupError, NotImplementedError, TypeError):
        return plain


def clean(value: str) -> str:
    """Printable, on one line, of bounded length."""
    return "".join(char if char.isprintable() else " " for char in value[:MOST_VALUE]).strip()


def language_of(language: str) -> str:
    """`fr-CA` → `fr`."""
    return language.replace("_", "-").partition("-")[0].lower()


def is_currency(code: str) -> bool:
    """Whether this is a currency (ISO 4217)."""
    from babel.numbers import is_currency as known

    return bool(known(code))


# -- numbers ---------------------------------------------------------------------------------------------


def _decimal(text: str) -> Decimal:
    """The number that a text is; raises ValueError."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not number.is_finite() or abs(number) >= LARGEST or len(text) > 24:
        raise ValueError(text)
    return number


@lru_cache(maxsize=1024)
def _cardinal(number: int, language: str) -> str:
    from num2words import num2words  # 90 ms that a centre without texts to say never pays

    said = str(num2words(number, lang=language_of(language))).replace(",", "")
    if language_of(language) == "es":  # "veintiuno mil" is no Spanish
        said = re.sub(r"\bveintiuno? (?=mil)", "veintiún ", said)
        said = re.sub(r"\buno (?=mil)", "un ", said)
    if language_of(language) == "de":  # "zweihunderteinstausend" is no German
        said = said.replace("einstausend", "eintausend")
    return said


def _number(value: str, _argument: str, language: str) -> str:
    number = _decimal(value)
    whole = int(abs(number))
    said = _cardinal(whole, language)
    fraction = format(abs(number), "f").partition(".")[2].rstrip("0")
    if fraction:
        point = {"en": "point", "fr": "virgule", "es": "coma", "de": "Komma"}[language_of(language)]
        said += f" {point} {' '.join(_cardinal(int(digit), language) for digit in fraction)}"
    return f"{MINUS[language_of(language)]} {said}" if number < 0 else said


def counted(number: int, language: str, feminine: bool) -> str:
    """A whole number, not negative, as it stands before a noun: `vingt et une`, `veintiún`, `ein`."""
    said = _cardinal(number, language)
    match language_of(language):
        case "fr":
            return said + "e" if feminine and (said == "un" or said.endswith((" un", "-un"))) else said
        case "es":
            return _spanish_before(said, feminine)
        case "de" if said.endswith("eins"):
            return said[:-1] + ("e" if feminine else "")
        case _:
            return said


def _spanish_before(said: str, feminine: bool) -> str:
    """`uno` loses its o, or becomes `una`; hundreds below a million follow the gender."""
    if feminine:
        head, cut, tail = said.rpartition("llones") if "llones" in said else said.rpartition("llón")
        tail = tail.replace("cientos", "cientas").replace("quinientos", "quinientas")
        said = head + cut + tail
        return said[:-1] + "a" if said.endswith("uno") else said
    if said.endswith("veintiuno"):
        return said[:-3] + "ún"
    return said[:-1] if said.endswith("uno") else said


def _ordinal(value: str, argument: str, language: str) -> str:
    from num2words import num2words

    number = _decimal(value)
    if number != int(number) or number < 1:
        return _number(value, "", language)
    speech = language_of(language)
    said = str(num2words(int(number), lang=speech, to="ordinal")).replace(",", "")
    if argument == "f" and speech == "fr" and said == "premier":
        return "première"
    if argument == "f" and speech == "es":
        return " ".join(word[:-1] + "a" if word.endswith("o") else word for word in said.split())
    return said


# -- telephone numbers and letters -----------------------------------------------------------------------


def _digits(value: str, _argument: str, language: str) -> str:
    groups, telephone = _groups(value, language)
    pairs = telephone and language_of(language) in ("fr", "es")
    say = _pair if pairs else _one_by_one
    return ", ".join(say(group, language) for group in groups)


def _pair(group: str, language: str) -> str:
    if len(group) != 2 or group[0] in "0+":
        return _one_by_one(group, language)
    return _cardinal(int(group), language)


def _one_by_one(group: str, language: str) -> str:
    plus = PLUS[language_of(language)]
    return " ".join(
        _cardinal(int(char), language) if char in "0123456789" else plus if char == "+" else char
        for char in group
    )


def _groups(value: str, language: str) -> tuple[list[str], bool]:
    """The pieces of a number as people of that language group it, and whether it is a telephone number's."""
    shown = _telephone(value, language)
    pieces = "".join(char if char in "+0123456789" else " " for char in shown).split()
    if not pieces:
        raise ValueError(value)
    if len(pieces) == 1 and len(pieces[0]) > 4:
        whole = pieces[0]
        return [whole[at : at + 3] for at in range(0, len(whole), 3)], False
    return pieces, True


def _telephone(value: str, language: str) -> str:
    """A telephone number as it is written at home, or abroad; any other row of digits as it stands."""
    import phonenumbers

    if any(char.isalpha() for char in value):
        raise ValueError(value)
    home = _territory(language)
    digits = sum(char.isdecimal() for char in value)
    if not value.startswith("+") and digits < 9:
        return value
    if value.startswith("+") and calling_code(value) not in GROUPED:
        return value  # its metadata would have to be loaded here, on the loop
    try:
        number = phonenumbers.parse(value, home)
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_valid_number(number):
        return value
    here = phonenumbers.country_code_for_region(home) == number.country_code
    style = phonenumbers.PhoneNumberFormat.NATIONAL if here else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(number, style))


def samples_of(code: int) -> list[str]:
    """Numbers of a calling code which, said once, have all loaded that its other numbers need."""
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(code)
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    found = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    known = [f"+{number.country_code}{number.national_number}" for number in found if number is not None]
    return [*known, f"+{code}999999999"]  # of no region: it is looked for in all


def _territory(language: str) -> str:
    parts = language.replace("_", "-").split("-")
    return parts[1].upper() if len(parts) > 1 else HOME.get(parts[0].lower(), "US")


def _spell(value: str, _argument: str, language: str) -> str:
    signs = SIGNS[language_of(language)]
    said = [
        _cardinal(int(char), language) if char in "0123456789" else signs.get(char, char.upper())
        for char in value
        if not char.isspace()
    ]
    return ", ".join(said)


# -- dates, times, durations -----------------------------------------------------------------------------


def _date_of(value: str) -> date:
    return date.fromisoformat(value[:10])


def _date(value: str, _argument: str, language: str) -> str:
    from babel.dates import get_month_names
    from num2words import num2words

    day = _date_of(value)
    speech = language_of(language)
    month = get_month_names("wide", locale=speech)[day.month]
    year = str(num2words(day.year, lang=speech, to="year")).replace(",", "")
    match speech:
        case "fr":
            return f"{'premier' if day.day == 1 else _cardinal(day.day, language)} {month} {year}"
        case "es":
            return f"{_cardinal(day.day, language)} de {month} de {year}"
        case "de":  # as after "am", "zum", "bis zum"
            return f"{_ordinal(str(day.day), '', language)}n {month} {year}"
    nth = _ordinal(str(day.day), "", language)
    if _territory(language) == "GB":
        return f"the {nth} of {month} {year}"
    return f"{month} {nth}, {year}"


def _time_of(value: str) -> time:
    found = re.search(r"(?:^|[T ])([0-9]{1,2}):([0-9]{2})(?::[0-9]{2}|$)", value)
    if found is None:
        raise ValueError(value)
    return time(int(found[1]), int(found[2]))


def _time(value: str, _argument: str, language: str) -> str:
    clock = _time_of(value)
    return _CLOCKS[language_of(language)](clock.hour, clock.minute)


def _english_clock(hour: int, minute: int) -> str:
    if (hour, minute) in ((0, 0), (12, 0)):
        return "noon" if hour else "midnight"
    said = _cardinal(hour % 12 or 12, "en")
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{_cardinal(minute, 'en')}"
    return f"{said} {'p.m.' if hour >= 12 else 'a.m.'}"


def _french_clock(hour: int, minute: int) -> str:
    if (hour, minute) in ((0, 0), (12, 0)):
        return "midi" if hour else "minuit"
    said = f"{counted(hour, 'fr', True)} {'heures' if hour > 1 else 'heure'}"
    return f"{said} {counted(minute, 'fr', True)}" if minute else said


def _spanish_clock(hour: int, minute: int) -> str:
    if (hour, minute) == (0, 0):
        return "medianoche"
    said = f"{'la' if hour == 1 else 'las'} {counted(hour, 'es', True)}"
    return f"{said} y {_cardinal(minute, 'es')}" if minute else said


def _german_clock(hour: int, minute: int) -> str:
    if (hour, minute) == (0, 0):
        return "Mitternacht"
    said = f"{counted(hour, 'de', False)} Uhr"
    return f"{said} {_cardinal(minute, 'de')}" if minute else said


_CLOCKS: Final[dict[str, Callable[[int, int], str]]] = {
    "en": _english_clock,
    "fr": _french_clock,
    "es": _spanish_clock,
    "de": _german_clock,
}


def _parts(value: str, argument: str) -> list[tuple[int, str]]:
    """Hours, minutes and seconds that are not nought; from an hour on without seconds."""
    number = _decimal(value)
    if number < 0:
        raise ValueError(value)
    seconds = int(number.quantize(Decimal(1), ROUND_HALF_UP))
    if argument == "minutes" or seconds >= 3600:
        seconds = max(60, (seconds + 30) // 60 * 60)
    hours, rest = divmod(seconds, 3600)
    parts = [(hours, "hour"), (rest // 60, "minute"), (rest % 60, "second")]
    return [(count, unit) for count, unit in parts if count] or [(0, "second")]


def _duration(value: str, argument: str, language: str) -> str:
    units = UNITS[language_of(language)]
    said = [_with_unit(count, units[unit], language) for count, unit in _parts(value, argument)]
    return f" {AND[language_of(language)]} ".join(said)


def is_one(count: int, speech: str) -> bool:
    """Whether a noun that is counted is in the singular."""
    return count < 2 if speech == "fr" else count == 1


def _with_unit(count: int, unit: Unit, language: str) -> str:
    """`vingt et une minutes`, `deux millions d'euros`."""
    speech = language_of(language)
    said = counted(count, language, unit.feminine)
    noun = unit.one if is_one(count, speech) else unit.many
    if count and count % 1_000_000 == 0 and speech in ("fr", "es"):
        noun = f"d'{noun}" if speech == "fr" and noun[0] in "aeiouyéh" else f"de {noun}"
    return f"{said} {noun}"


# -- money -----------------------------------------------------------------------------------------------


def _money(value: str, argument: str, language: str) -> str:
    number = _decimal(value)
    speech = language_of(language)
    currency = CURRENCIES[speech].get(argument)
    if currency is None:
        from babel.numbers import get_currency_name

        name = get_currency_name(argument, count=abs(number), locale=speech)
        return f"{_number(value, '', language)} {name}"
    major, minor, joint = currency
    places = Decimal("0.01") if minor is not None else Decimal(1)
    amount = abs(number).quantize(places, ROUND_HALF_UP)
    whole = int(amount)
    cents = int((amount - whole) * 100)
    said = []
    if whole or not cents:
        said.append(_with_unit(whole, major, language))
    if cents and minor is not None:
        said.append(_with_unit(cents, minor, language))
    text = f" {joint} ".join(said)
    return f"{MINUS[speech]} {text}" if number < 0 and amount else text


_WORDS: Final[dict[str, Callable[[str, str, str], str]]] = {
    "number": _number,
    "ordinal": _ordinal,
    "digits": _digits,
    "date": _date,
    "time": _time,
    "duration": _duration,
    "money": _money,
    "spell": _spell,
}


# -- figures ---------------------------------------------------------------------------------------------


def _locale(language: str) -> Any:
    from babel import Locale, UnknownLocaleError

    for text in (language.replace("-", "_"), language_of(language)):
        try:
            return Locale.parse(text)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en")


def _figures(value: str, kind: str, argument: str, language: str) -> str:
    match kind:
        case "number":
            from babel.numbers import format_decimal

            return str(format_decimal(_decimal(value), locale=_locale(language), decimal_quantization=False))
        case "ordinal":
            return _nth(value, argument, language_of(language))
        case "digits":
            return _telephone(value, language)
        case "date":
            from babel.dates import format_date

            return str(format_date(_date_of(value), "medium", locale=_locale(language)))
        case "time":
            from babel.dates import format_time

            return str(format_time(_time_of(value), "short", locale=_locale(language)))
        case "duration":
            short = {"hour": "h", "minute": "min", "second": "s"}
            return " ".join(f"{count} {short[unit]}" for count, unit in _parts(value, argument))
        case "money":
            from babel.numbers import format_currency

            return str(format_currency(_decimal(value), argument, locale=_locale(language)))
        case _:
            return value


def _nth(value: str, argument: str, speech: str) -> str:
    number = _decimal(value)
    if number != int(number) or number < 1:
        return value
    count = int(number)
    match speech:
        case "fr":
            return f"{count}{'e' if count > 1 else 're' if argument == 'f' else 'er'}"
        case "es":
            return f"{count}.{'ª' if argument == 'f' else 'º'}"
        case "en":
            teens = 10 < count % 100 < 14
            return f"{count}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10, 'th')}"
        case "de":
            return f"{count}."
        case _:
            return str(count)
