"""Words for `ccd.model.wording`: currencies, units of time, signs, by language."""

from typing import Final

import msgspec


class Unit(msgspec.Struct, frozen=True):
    """A noun that is counted."""

    one: str
    many: str
    feminine: bool = False


Currency = tuple[Unit, Unit | None, str]
"""The whole unit, its hundredth if it has one, and what joins them."""


def _currency(
    joint: str, one: str, many: str, cent: str = "", cents: str = "", her: bool = False
) -> Currency:
    return Unit(one, many, her), Unit(cent, cents) if cent else None, joint


CURRENCIES: Final[dict[str, dict[str, Currency]]] = {
    "en": {
        "EUR": _currency("and", "euro", "euros", "cent", "cents"),
        "USD": _currency("and", "dollar", "dollars", "cent", "cents"),
        "CAD": _currency("and", "Canadian dollar", "Canadian dollars", "cent", "cents"),
        "GBP": _currency("and", "pound", "pounds", "penny", "pence"),
        "CHF": _currency("and", "Swiss franc", "Swiss francs", "centime", "centimes"),
        "JPY": _currency("and", "yen", "yen"),
    },
    "fr": {
        "EUR": _currency("et", "euro", "euros", "centime", "centimes"),
        "USD": _currency("et", "dollar", "dollars", "cent", "cents"),
        "CAD": _currency("et", "dollar canadien", "dollars canadiens", "cent", "cents"),
        "GBP": _currency("et", "livre sterling", "livres sterling", "penny", "pence", True),
        "CHF": _currency("et", "franc suisse", "francs suisses", "centime", "centimes"),
        "JPY": _currency("et", "yen", "yens"),
    },
    "es": {
        "EUR": _currency("con", "euro", "euros", "céntimo", "céntimos"),
        "USD": _currency("con", "dólar", "dólares", "centavo", "centavos"),
        "CAD": _currency("con", "dólar canadiense", "dólares canadienses", "centavo", "centavos"),
        "GBP": _currency("con", "libra", "libras", "penique", "peniques", True),
        "CHF": _currency("con", "franco suizo", "francos suizos", "céntimo", "céntimos"),
        "JPY": _currency("con", "yen", "yenes"),
    },
    "de": {
        "EUR": _currency("und", "Euro", "Euro", "Cent", "Cent"),
        "USD": _currency("und", "Dollar", "Dollar", "Cent", "Cent"),
        "CAD": _currency("und", "kanadischer Dollar", "kanadische Dollar", "Cent", "Cent"),
        "GBP": _currency("und", "Pfund", "Pfund", "Penny", "Pence"),
        "CHF": _currency("und", "Schweizer Franken", "Schweizer Franken", "Rappen", "Rappen"),
        "JPY": _currency("und", "Yen", "Yen"),
    },
}
"""Other currencies are said by their CLDR name, with decimals."""

UNITS: Final[dict[str, dict[str, Unit]]] = {
    "en": {
        "hour": Unit("hour", "hours"),
        "minute": Unit("minute", "minutes"),
        "second": Unit("second", "seconds"),
    },
    "fr": {
        "hour": Unit("heure", "heures", True),
        "minute": Unit("minute", "minutes", True),
        "second": Unit("seconde", "secondes", True),
    },
    "es": {
        "hour": Unit("hora", "horas", True),
        "minute": Unit("minuto", "minutos"),
        "second": Unit("segundo", "segundos"),
    },
    "de": {
        "hour": Unit("Stunde", "Stunden", True),
        "minute": Unit("Minute", "Minuten", True),
        "second": Unit("Sekunde", "Sekunden", True),
    },
}
AND: Final = {"en": "and", "fr": "et", "es": "y", "de": "und"}
MINUS: Final = {"en": "minus", "fr": "moins", "es": "menos", "de": "minus"}
PLUS: Final = {"en": "plus", "fr": "plus", "es": "más", "de": "plus"}
HOME: Final = {"en": "US", "fr": "FR", "es": "ES", "de": "DE", "it": "IT", "nl": "NL", "pt": "PT"}
"""Country whose way of writing telephone numbers a language has, where it names none (`en-GB`)."""
SIGNS: Final = {
    "en": {"-": "dash", ".": "dot", "@": "at", "_": "underscore", "/": "slash", "+": "plus"},
    "fr": {"-": "tiret", ".": "point", "@": "arobase", "_": "tiret bas", "/": "barre", "+": "plus"},
    "es": {"-": "guion", ".": "punto", "@": "arroba", "_": "guion bajo", "/": "barra", "+": "más"},
    "de": {"-": "Strich", ".": "Punkt", "@": "at", "_": "Unterstrich", "/": "Schrägstrich", "+": "plus"},
}
GROUPED: Final = (1, 31, 32, 33, 34, 39, 41, 43, 44, 49, 351, 352, 353)
"""Calling codes whose numbers are said in the groups of their country; others by threes."""
