"""The small parts of asking outside: templates, paths, statements, the circuit and the cache."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.answers import MOST_CHARACTERS, MOST_FIELDS, bounded, harmless
from ccd.model.expression_text import ExpressionFault
from ccd.model.selects import fault_of_select, parameters_of
from ccd.model.takes import fault_of_path, opened, taken
from ccd.model.templates import check_template, filled, pieces
from ccd.outside.cache import MOST_KEPT, Answers
from ccd.outside.circuit import Circuit

# -- templates ---------------------------------------------------------------------------------------

VALUES = {
    "caller": "+331",
    "var.n": 2.5,
    "tags": ("a", "b"),
    "queue.q.open": True,
    "language": "en",
    "var.due": "12.5",
    "var.pin": "secret:7.s1",
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{caller}", "+331"),
        ("<{caller}|{var.n}|{tags}|{queue.q.open}|{dialled}>", "<+331|2.5|a,b|true|>"),
        ("{{caller}} }}{{", "{caller} }{"),
        ("{{{caller}}}", "{+331}"),
        ("{ caller }", "+331"),
        ("{var.due:money:EUR}", "€12.50"),
        ("<{var.pin}|{var.pin:digits}>", "<|>"),
    ],
)
def test_templates_are_filled(text: str, said: str) -> None:
    assert filled(text, VALUES.get) == said


@pytest.mark.parametrize(
    ("text", "column"), [("a{", 2), ("}", 1), ("{}", 1), ("ab{{{ x{y}", 5), ("x" * 2001, 2001)]
)
def test_what_is_no_template_is_told_with_its_column(text: str, column: int) -> None:
    with pytest.raises(ExpressionFault) as caught:
        pieces(text)
    assert caught.value.column == column


@pytest.mark.parametrize(
    "text",
    [
        "{callr}",
        "{queue.none.open}",
        "{queue.q.colour}",
        "{1 + 1}",
        "{a b}",
        "{caller:nmber}",
        "{caller:money}",
    ],
)
def test_names_are_checked(text: str) -> None:
    with pytest.raises(ExpressionFault):
        check_template(text, {"q"})
    check_template("{caller} {var.anything} {queue.q.open}", {"q"})


@given(st.text(max_size=60))
def test_no_text_breaks_a_template(text: str) -> None:
    try:
        said = filled(text, VALUES.get)
    except ExpressionFault:
        return
    assert isinstance(said, str)


# -- answers -----------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=20,
)


@given(answer=json_values, take=st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4))
def test_whatever_is_answered_becomes_bounded_texts(answer: object, take: dict[str, str]) -> None:
    out = taken(answer, take)
    assert len(out) <= MOST_FIELDS
    assert all(isinstance(value, str) and len(value) <= MOST_CHARACTERS for value in out.values())
    assert all(value.isprintable() or not any(ord(c) < 32 for c in value) for value in out.values())


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=20,
)
paths = st.lists(st.sampled_from(["a", "b", "0", "1", "x"]), min_size=1, max_size=4).map(".".join)


@given(
    answer=st.dictionaries(st.sampled_from(["a", "b", "0"]), plain_json) | st.lists(plain_json, max_size=3),
    take=st.dictionaries(st.text(max_size=8), paths, max_size=6),
)
def test_json_is_taken_as_the_values_that_it_stands_for(answer: Any, take: dict[str, str]) -> None:
    assert taken(msgspec.Raw(msgspec.json.encode(answer)), take) == taken(answer, take)


def test_json_is_opened_no_further_than_a_path_leads() -> None:
    row = b"[" + b",".join([b"1e300"] * 100) + b"]"
    answer = opened(msgspec.Raw(b'{"a":' + row + b',"b":{"c":2}}'))
    assert taken(answer, {"c": "b.c", "again": "b.c"}) == {"c": "2", "again": "2"}
    assert isinstance(answer["a"], msgspec.Raw)
    assert taken(answer, {"first": "a.0", "far": "a.100"}) == {"first": "1e+300"}
    assert all(isinstance(each, msgspec.Raw) for each in answer["a"][1:])


def test_a_number_that_goes_on_and_on_is_no_value() -> None:
    long = b"1." + b"1" * 500 + b"e-200"
    assert taken(msgspec.Raw(b'{"a":' + long + b',"b":1.50}'), {}) == {"b": "1.5"}


@pytest.mark.parametrize("text", [b"<html>", b'{"a":}', b"{", b""])
def test_what_is_no_json_is_told(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        taken(msgspec.Raw(text), {})


def test_paths() -> None:
    answer = {"a": {"b": [1, {"c": "x"}]}, "0": "zero", "t": True, "l": [], "e": ""}
    take = {
        "x": "a.b.1.c",
        "one": "a.b.0",
        "zero": "0",
        "t": "t",
        "l": "l",
        "e": "e",
        "far": "a.b.9",
        "p": "a.b.c",
    }
    assert taken(answer, take) == {"x": "x", "one": "1", "zero": "zero", "t": "true"}
    assert taken([{"a": 1}], {"a": "0.a"}) == {"a": "1"}
    assert taken([1], {}) == {}


@pytest.mark.parametrize("path", ["", ".", "a..b", "a b", "a.", ".".join("a" * 17)])
def test_bad_paths(path: str) -> None:
    assert fault_of_path(path)


def test_good_paths() -> None:
    assert not fault_of_path("customer.owners.0.first-name")


def test_bounds() -> None:
    wide = bounded({f"n{n}": "x" for n in range(100)})
    assert len(wide) == MOST_FIELDS
    assert bounded({"a": "x\ny\x1b[31m", "": "x", "1a": "x", "a b": "x"}) == {"a": "x y [31m"}
    acts = {"language": "../x", "priority": "1e9", "other": "../x"}
    assert harmless(acts) == {"other": "../x"}
    good = {"language": "pt-BR", "priority": "-5"}
    assert harmless(good) == good
    assert harmless({"priority": "1001"}) == {}


# -- statements --------------------------------------------------------------------------------------


def test_parameters_of_a_statement() -> None:
    text = "SELECT ':a', \":b\", c::int -- :d\n, /* :e */ :f, :g1, :f FROM t"
    assert parameters_of(text) == ["f", "g1", "f"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT 1", ""),
        ("  -- x\n select ';' ;", ""),
        ("with a as (select 1) select * from a", ""),
        ("SELECT 1; DELETE FROM t", "several"),
        ("DELETE FROM t", "no SELECT"),
        ("selection", "no SELECT"),
        ("", "no SELECT"),
    ],
)
def test_one_select_only(text: str, fault: str) -> None:
    told = fault_of_select(text)
    assert fault in told and bool(fault) is bool(told)


# -- circuit and cache -------------------------------------------------------------------------------


def test_the_circuit_opens_rests_tries_and_closes() -> None:
    circuit = Circuit(failures=2, rest_s=30.0)
    assert circuit.may_ask(0.0)
    circuit.fail(0.0, "a")
    circuit.succeed(5.0)
    circuit.fail(1.0, "b")
    assert circuit.may_ask(1.0) and not circuit.open
    circuit.fail(2.0, "c")
    assert circuit.open and circuit.rests(2.0) == 30.0
    assert not circuit.may_ask(32.0 - 0.001)
    assert circuit.may_ask(32.0), "one tries it"
    assert not circuit.may_ask(32.0), "and only one"
    circuit.fail(33.0, "d")
    assert not circuit.may_ask(62.9) and circuit.may_ask(63.0)
    circuit.succeed(7.0)
    assert not circuit.open and circuit.may_ask(63.0) and circuit.in_row == 0
    assert circuit.passed == 3 and circuit.failed == 4 and circuit.note == "d"
    assert circuit.latency_ms(0.5) == 7.0 and Circuit(1, 1.0).latency_ms(0.5) is None


def test_a_try_that_never_ends_does_not_shut_it_for_ever() -> None:
    circuit = Circuit(failures=1, rest_s=30.0)
    circuit.fail(0.0, "x")
    assert circuit.may_ask(30.0) and not circuit.may_ask(59.0) and circuit.may_ask(60.0)


def test_answers_are_kept_for_a_while_and_so_many() -> None:
    answers = Answers(10.0)
    key = (("a", "1"),)
    answers.put(key, {"x": "y"}, 0.0)
    assert answers.get(key, 10.0 - 0.001) == {"x": "y"}
    assert answers.get(key, 10.0) is None and len(answers) == 0
    for number in range(MOST_KEPT + 5):
        answers.put((("a", str(number)),), {}, 0.0)
    assert len(answers) == MOST_KEPT and answers.get((("a", "0"),), 1.0) is None
    off = Answers(0.0)
    off.put(key, {}, 0.0)
    assert off.get(key, 0.0) is None
