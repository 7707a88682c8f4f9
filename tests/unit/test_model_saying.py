"""Templates of what is said: placeholders, faults at their column, and missing values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.expression_text import ExpressionFault
from ccd.model.saying import MOST_SAID, fill, text_of
from ccd.model.templates import MOST_CHARACTERS, check_template, is_constant, pieces

VALUES = {
    "caller_name": "Ann",
    "var.balance": "12.50",
    "queue.sales.ewt_s": 100.0,
    "tags": ("vip", "new"),
    "var.card": "secret:4.s1",
    "var.opens": "08:00",
}


def say(text: str, language: str = "en") -> str:
    return fill(text, language, VALUES.get)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello.", "Hello."),
        ("Hello {caller_name}.", "Hello Ann."),
        ("Hello { caller_name }.", "Hello Ann."),
        ("{var.balance:money:EUR}", "twelve euros and fifty cents"),
        ("Wait {queue.sales.ewt_s:duration:minutes}.", "Wait two minutes."),
        ("{tags}", "vip, new"),
        ("At {var.opens:time}.", "At eight a.m."),  # one full stop
        ("At {var.opens:time}...", "At eight a.m...."),
        ("a {{b}} c", "a {b} c"),
        ("Dear {var.title}, hello {dialled}.", "Dear, hello."),
        ("Card {var.card:digits}, PIN {var.card}.", "Card, PIN."),
        ("", ""),
    ],
)
def test_values_are_put_in(text: str, said: str) -> None:
    assert say(text) == said


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("Hi {callr}", 5, 'unknown name "callr"'),
        ("Hi {caller:nmber}", 11, 'unknown kind "nmber"'),
        ("{caller:money}", 8, '"" is no currency'),
        ("{caller:money:EURO}", 8, '"EURO" is no currency'),
        ("{caller:number:EUR}", 8, '"EUR" means nothing to number'),
        ("{caller:duration:hours}", 8, '"hours" means nothing to duration'),
        ("Hi {caller", 4, "the brace is not closed"),
        ("Hi caller}", 10, "a } without a {"),
        ("Hi {}", 4, "is no placeholder"),
        ("{caller {name}", 1, "is no placeholder"),
        ("{var.}", 2, 'unknown name "var."'),
        ("{queue.sale.free}", 2, 'there is no queue "sale"'),
        ("{queue.sales.fre}", 2, 'unknown figure "fre"'),
        ("x" * (MOST_CHARACTERS + 1), MOST_CHARACTERS + 1, "longer than"),
    ],
)
def test_a_fault_stands_at_its_column(text: str, column: int, problem: str) -> None:
    with pytest.raises(ExpressionFault) as caught:
        check_template(text, ["sales"])
    assert caught.value.column == column and caught.value.problem.startswith(problem)
    assert caught.value.cure


def test_a_missing_language_falls_back_in_order() -> None:
    table = {"en": "e", "fr": "f"}
    assert text_of(table, "fr", "en") == ("fr", "f")
    assert text_of(table, "fr-CA", "en") == ("fr", "f")
    assert text_of(table, "de", "fr") == ("fr", "f")
    assert text_of(table, "de", "it") == ("en", "e")
    assert text_of("plain", "de", "it") == ("de", "plain")
    assert text_of({}, "de") == ("", "") and text_of("", "de") == ("", "")


def test_constant_texts_are_known() -> None:
    assert is_constant("a {{b}} c") and not is_constant("a {caller}")


@given(st.text(alphabet=st.sampled_from("ab{}:. \n") | st.characters(), max_size=60))
def test_any_text_is_good_or_a_fault_within_it(text: str) -> None:
    try:
        found = pieces(text)
    except ExpressionFault as fault:
        column, found = fault.column, ()
    else:
        column = 1
        assert len(fill(text, "en", lambda _name: "x")) <= max(MOST_SAID, len(text))
    assert 1 <= column <= len(text) + 1 and all(found)


@given(st.text(max_size=400))
def test_any_value_becomes_one_bounded_line(value: str) -> None:
    said = fill("{caller_name} {var.x:digits}", "fr", lambda _name: value)
    assert len(said) <= MOST_SAID and "\n" not in said
