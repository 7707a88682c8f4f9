"""Values in words, checked by hand in four languages; and never an exception, whatever the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.wording import KINDS, LARGEST, MOST_VALUE, figures, words

ENGLISH = [
    ("0", "number", "", "zero"),
    ("7", "number", "", "seven"),
    ("21", "number", "", "twenty-one"),
    ("100", "number", "", "one hundred"),
    ("101", "number", "", "one hundred and one"),
    ("1234", "number", "", "one thousand two hundred and thirty-four"),
    ("1000000", "number", "", "one million"),
    ("-3", "number", "", "minus three"),
    ("12.50", "number", "", "twelve point five"),
    ("1.05", "number", "", "one point zero five"),
    ("1", "ordinal", "", "first"),
    ("22", "ordinal", "", "twenty-second"),
    ("4711", "digits", "", "four seven one one"),
    ("+12125550123", "digits", "", "two one two, five five five, zero one two three"),
    ("+33123456789", "digits", "", "plus three three, one, two three, four five, six seven, eight nine"),
    ("2026-12-25", "date", "", "December twenty-fifth, twenty twenty-six"),
    ("1999-01-01", "date", "", "January first, nineteen ninety-nine"),
    ("09:00", "time", "", "nine a.m."),
    ("17:30", "time", "", "five thirty p.m."),
    ("09:05", "time", "", "nine oh five a.m."),
    ("00:00", "time", "", "midnight"),
    ("12:00", "time", "", "noon"),
    ("2026-12-26 09:00", "time", "", "nine a.m."),
    ("1", "duration", "", "one second"),
    ("61", "duration", "", "one minute and one second"),
    ("4800", "duration", "", "one hour and twenty minutes"),
    ("100", "duration", "minutes", "two minutes"),
    ("1", "money", "EUR", "one euro"),
    ("12.50", "money", "EUR", "twelve euros and fifty cents"),
    ("1.01", "money", "GBP", "one pound and one penny"),
    ("2.02", "money", "GBP", "two pounds and two pence"),
    ("0.5", "money", "USD", "fifty cents"),
    ("0", "money", "USD", "zero dollars"),
    ("-12.5", "money", "EUR", "minus twelve euros and fifty cents"),
    ("1500", "money", "JPY", "one thousand five hundred yen"),
    ("12", "money", "PLN", "twelve Polish zlotys"),
    ("AB-12", "spell", "", "A, B, dash, one, two"),
]
FRENCH = [
    ("0", "number", "", "zéro"),
    ("1", "number", "", "un"),
    ("21", "number", "", "vingt et un"),
    ("71", "number", "", "soixante et onze"),
    ("80", "number", "", "quatre-vingts"),
    ("81", "number", "", "quatre-vingt-un"),
    ("99", "number", "", "quatre-vingt-dix-neuf"),
    ("100", "number", "", "cent"),
    ("200", "number", "", "deux cents"),
    ("201", "number", "", "deux cent un"),
    ("1000", "number", "", "mille"),
    ("2000", "number", "", "deux mille"),
    ("80000", "number", "", "quatre-vingt mille"),
    ("1000000", "number", "", "un million"),
    ("-80", "number", "", "moins quatre-vingts"),
    ("1.5", "number", "", "un virgule cinq"),
    ("1", "ordinal", "", "premier"),
    ("1", "ordinal", "f", "première"),
    ("2", "ordinal", "", "deuxième"),
    ("21", "ordinal", "", "vingt et unième"),
    ("+33123456789", "digits", "", "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"),
    ("0612003480", "digits", "", "zéro six, douze, zéro zéro, trente-quatre, quatre-vingts"),
    ("4711", "digits", "", "quatre sept un un"),
    ("2026-01-01", "date", "", "premier janvier deux mille vingt-six"),
    ("2026-12-25", "date", "", "vingt-cinq décembre deux mille vingt-six"),
    ("09:00", "time", "", "neuf heures"),
    ("01:00", "time", "", "une heure"),
    ("21:30", "time", "", "vingt et une heures trente"),
    ("00:00", "time", "", "minuit"),
    ("12:00", "time", "", "midi"),
    ("4860", "duration", "", "une heure et vingt et une minutes"),
    ("1", "duration", "", "une seconde"),
    ("0", "money", "EUR", "zéro euro"),
    ("1.5", "money", "EUR", "un euro et cinquante centimes"),
    ("21", "money", "EUR", "vingt et un euros"),
    ("21", "money", "GBP", "vingt et une livres sterling"),
    ("200", "money", "EUR", "deux cents euros"),
    ("2000000", "money", "EUR", "deux millions d'euros"),
    ("3000000", "money", "USD", "trois millions de dollars"),
    ("12.01", "money", "CHF", "douze francs suisses et un centime"),
    ("a@b.fr", "spell", "", "A, arobase, B, point, F, R"),
]
SPANISH = [
    ("0", "number", "", "cero"),
    ("1", "number", "", "uno"),
    ("16", "number", "", "dieciséis"),
    ("21", "number", "", "veintiuno"),
    ("22", "number", "", "veintidós"),
    ("31", "number", "", "treinta y uno"),
    ("100", "number", "", "cien"),
    ("101", "number", "", "ciento uno"),
    ("500", "number", "", "quinientos"),
    ("1000", "number", "", "mil"),
    ("21000", "number", "", "veintiún mil"),
    ("31000", "number", "", "treinta y un mil"),
    ("201000", "number", "", "doscientos un mil"),
    ("1000000", "number", "", "un millón"),
    ("-5", "number", "", "menos cinco"),
    ("1.5", "number", "", "uno coma cinco"),
    ("1", "ordinal", "", "primero"),
    ("3", "ordinal", "f", "tercera"),
    ("912345678", "digits", "", "nueve uno dos, treinta y cuatro, cincuenta y seis, setenta y ocho"),
    ("4711", "digits", "", "cuatro siete uno uno"),
    ("2026-01-01", "date", "", "uno de enero de dos mil veintiséis"),
    ("2026-12-25", "date", "", "veinticinco de diciembre de dos mil veintiséis"),
    ("01:00", "time", "", "la una"),
    ("09:00", "time", "", "las nueve"),
    ("21:05", "time", "", "las veintiuna y cinco"),
    ("00:00", "time", "", "medianoche"),
    ("3660", "duration", "", "una hora y un minuto"),
    ("75600", "duration", "", "veintiuna horas"),
    ("1", "money", "EUR", "un euro"),
    ("21", "money", "EUR", "veintiún euros"),
    ("31", "money", "EUR", "treinta y un euros"),
    ("101", "money", "EUR", "ciento un euros"),
    ("0", "money", "EUR", "cero euros"),
    ("12.50", "money", "EUR", "doce euros con cincuenta céntimos"),
    ("2000000", "money", "EUR", "dos millones de euros"),
    ("21", "money", "GBP", "veintiuna libras"),
    ("200", "money", "GBP", "doscientas libras"),
    ("500.01", "money", "GBP", "quinientas libras con un penique"),
    ("2", "money", "USD", "dos dólares"),
]
GERMAN = [
    ("0", "number", "", "null"),
    ("1", "number", "", "eins"),
    ("16", "number", "", "sechzehn"),
    ("21", "number", "", "einundzwanzig"),
    ("77", "number", "", "siebenundsiebzig"),
    ("200", "number", "", "zweihundert"),
    ("1000000", "number", "", "eine Million"),
    ("2000000", "number", "", "zwei Millionen"),
    ("-3", "number", "", "minus drei"),
    ("1.5", "number", "", "eins Komma fünf"),
    ("1", "ordinal", "", "erste"),
    ("3", "ordinal", "", "dritte"),
    ("7", "ordinal", "", "siebte"),
    ("21", "ordinal", "", "einundzwanzigste"),
    ("4711", "digits", "", "vier sieben eins eins"),
    ("+4930123456", "digits", "", "null drei null, eins zwei drei vier fünf sechs"),
    ("2026-01-01", "date", "", "ersten Januar zweitausendsechsundzwanzig"),
    ("2026-12-25", "date", "", "fünfundzwanzigsten Dezember zweitausendsechsundzwanzig"),
    ("1999-03-03", "date", "", "dritten März neunzehnhundertneunundneunzig"),
    ("09:00", "time", "", "neun Uhr"),
    ("01:00", "time", "", "ein Uhr"),
    ("21:30", "time", "", "einundzwanzig Uhr dreißig"),
    ("00:00", "time", "", "Mitternacht"),
    ("3660", "duration", "", "eine Stunde und eine Minute"),
    ("7201", "duration", "", "zwei Stunden"),
    ("61", "duration", "", "eine Minute und eine Sekunde"),
    ("1", "money", "EUR", "ein Euro"),
    ("101", "money", "EUR", "einhundertein Euro"),
    ("12.50", "money", "EUR", "zwölf Euro und fünfzig Cent"),
    ("0.01", "money", "EUR", "ein Cent"),
    ("2000000", "money", "EUR", "zwei Millionen Euro"),
    ("3", "money", "GBP", "drei Pfund"),
    ("5", "money", "CHF", "fünf Schweizer Franken"),
    ("AB1", "spell", "", "A, B, eins"),
]
TABLE = [
    (language, *row)
    for language, rows in (("en", ENGLISH), ("fr", FRENCH), ("es", SPANISH), ("de", GERMAN))
    for row in rows
]


@pytest.mark.parametrize(("language", "value", "kind", "argument", "said"), TABLE)
def test_in_words(language: str, value: str, kind: str, argument: str, said: str) -> None:
    assert words(value, kind, argument, language) == said


@pytest.mark.parametrize(
    ("language", "value", "kind", "argument", "shown"),
    [
        ("en", "12.5", "money", "EUR", "€12.50"),
        ("fr", "12.5", "money", "EUR", "12,50\u00a0€"),
        ("en", "2026-12-25 09:00", "date", "", "Dec 25, 2026"),
        ("en-GB", "2026-12-25", "date", "", "25 Dec 2026"),
        ("de", "2026-12-25", "date", "", "25.12.2026"),
        ("fr", "17:30", "time", "", "17:30"),
        ("en", "1234567.5", "number", "", "1,234,567.5"),
        ("fr", "1", "ordinal", "", "1er"),
        ("en", "112", "ordinal", "", "112th"),
        ("en", "4800", "duration", "", "1 h 20 min"),
        ("fr", "+33123456789", "digits", "", "01 23 45 67 89"),
        ("en", "AB12", "spell", "", "AB12"),
        ("xx", "12.5", "money", "EUR", "€12.50"),
    ],
)
def test_in_figures(language: str, value: str, kind: str, argument: str, shown: str) -> None:
    assert figures(value, kind, argument, language) == shown


def test_british_english_says_dates_and_numbers_its_own_way() -> None:
    said = words("2026-12-25", "date", "", "en-GB")
    assert said == "the twenty-fifth of December twenty twenty-six"
    assert words("+442079460958", "digits", "", "en-GB").startswith("zero two zero, seven nine four six")


def test_another_language_gets_figures() -> None:
    assert words("1234.5", "number", "", "it") == "1.234,5"


@pytest.mark.parametrize("value", ["soon", "", "12,5", "NaN", "1e400", "9" * 30, "2026-13-45", "25:61", "٣"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("spell", "digits")])
def test_what_is_no_such_value_is_said_as_it_stands(kind: str, value: str) -> None:
    if not (value == "٣" and kind in ("number", "ordinal", "duration", "money")):  # a digit is a digit
        assert words(value, kind, "EUR", "fr") == value


@given(
    value=st.one_of(
        st.text(max_size=300), st.decimals().map(str), st.integers().map(str), st.dates().map(str)
    ),
    kind=st.sampled_from([*KINDS, "", "nonsense"]),
    argument=st.sampled_from(["", "EUR", "JPY", "XAU", "f", "minutes", "???"]),
    language=st.sampled_from(["en", "fr", "es", "de", "en-GB", "fr_CA", "it", "xx", "", "zz-ZZ"]),
)
def test_nothing_raises(value: str, kind: str, argument: str, language: str) -> None:
    for said in (words(value, kind, argument, language), figures(value, kind, argument, language)):
        assert len(said) <= 40 * MOST_VALUE
        assert all(char.isprintable() or char in "\u00a0\u202f\u200f\u200e\u061c" for char in said)


@given(st.integers(-(10**12) + 1, 10**12 - 1), st.sampled_from(["en", "fr", "es", "de"]))
def test_every_whole_number_has_words(number: int, language: str) -> None:
    said = words(str(number), "number", "", language)
    assert said and not any(char.isdigit() for char in said)
    assert abs(number) < LARGEST
