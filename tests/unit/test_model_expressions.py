"""Expressions: meaning, missing values, faults at the column, bounds, and the two ways of working one out."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccd.model.expression_compiler import compiled, condition
from ccd.model.expression_parser import MOST_DEPTH
from ccd.model.expression_text import ExpressionFault
from ccd.model.expression_tree import Value
from ccd.model.expression_values import FUNCTIONS, NO_BOUND
from ccd.model.expressions import MOST_CHARACTERS, Expression, evaluate, parse, truth
from ccd.model.nouns import ChannelClass
from ccd.model.requirements import parse_requirement

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "expressions.md").read_text()


def worked_out(text: str, **values: Any) -> Value:
    """The value of a text, by the tree and by the closures alike; `__` in a name is a dot."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    expression = parse(text)
    value = evaluate(expression, named.get)
    quick = compiled(expression)(named.get)
    assert (type(quick), quick) == (type(value), value)
    assert condition(expression)(named.get) is truth(value)
    return value


# -- meaning ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("12 / 3 / 2", 2.0),
        ("- - 2", 2),
        ("2 - -2", 4),
        ("-n * 2", -10),
        ("not n == 5", False),
        ("not (n == 5 and gone)", True),
        ("true or gone and false", True),
        ("n", 5),
        ("n and word", True),
        ("n in [1, n]", True),
        ("n not in [1, 2,]", True),
        ("n in []", False),
        ("'b' in word", True),
        ("'b' in list", True),
        ("n in word", False),
        ("n in n", False),
        ("word == 'abc'", True),
        ("word < 'b'", True),
        ("word < 5", False),
        ("flag < 1", False),
        ("flag == true", True),
        ("flag == 1", False),
        ("flag != 1", True),
        ("list == list", False),
        ("list != 1", False),
        ("kind == 'voice'", True),
        ("kind in ['voice']", True),
        ("min(3, n, 4.5)", 3),
        ("max(n)", 5),
        ("len(word) + len(list)", 5),
        ("lower('ÀB')", "àb"),
        ("starts_with(word, 'ab')", True),
        ("contains(word, 'bc')", True),
        ("contains(list, 'c')", False),
    ],
)
def test_meaning(text: str, value: Value) -> None:
    values = {"n": 5, "word": "abc", "list": ("a", "b"), "flag": True, "kind": ChannelClass.VOICE}
    assert worked_out(text, **values) == value


@pytest.mark.parametrize(
    "text",
    [
        "gone", "gone + 1", "1 + 'a'", "'a' + 'b'", "true + 1", "n / 0", "n / (n - 5)", "-gone", "-'a'",
        "min(1, gone)", "max('a', 'b')", "len(5)", "len(gone)", "lower(5)", "lower(gone)",
        "huge * huge", "huge + 0.5", "-huge", "999999999999999 * 2", "odd", "odd + 1",
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_missing(text: str) -> None:
    value = worked_out(text, n=5, huge=10**400, odd=None)
    assert value is None


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!=", "in"])
@pytest.mark.parametrize("pair", ["gone {} 1", "1 {} gone", "gone {} gone", "1 / 0 {} 1", "odd {} odd"])
def test_a_comparison_with_a_missing_value_is_false(sign: str, pair: str) -> None:
    text = pair.format(sign)
    assert worked_out(text, odd=object()) is False
    assert worked_out(f"not {text}") is True


@pytest.mark.parametrize("text", ["starts_with(gone, 'a')", "contains(gone, gone)", "contains('a', 1)"])
def test_a_question_about_a_missing_value_is_answered_by_no(text: str) -> None:
    assert worked_out(text) is False


def test_no_more_is_looked_up_than_must_be() -> None:
    for work_out in (evaluate, lambda expression, lookup: compiled(expression)(lookup)):
        asked: list[str] = []

        def lookup(name: str, asked: list[str] = asked) -> Value:
            asked.append(name)
            return name == "yes"

        work_out(parse("no and a or yes or b"), lookup)
        assert asked == ["no", "yes"]


def test_names_are_told_as_they_are_looked_up() -> None:
    expression = parse("queue.\"after-sales\".ewt_s > min(a, -b.c) and not d in [e, queue.'2 b'.x] or a")
    assert expression.names() == {"queue.after-sales.ewt_s", "a", "b.c", "d", "e", "queue.2 b.x"}
    assert parse("len > 5").names() == {"len"}, "a function's name is free where no bracket follows"


def test_an_expression_is_a_plain_value() -> None:
    expression = parse('not a >= 5 and -b + 1 in [2, "x"] or len(c) == 0')
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(expression), type=Expression)
    assert again == expression and hash(again) == hash(expression)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "problem", "cure"),
    [
        ("", 1, "nothing is written here", "write an expression"),
        ("a = 5", 3, '"=" has no meaning', 'write "=="'),
        ("a && b", 3, '"&" has no meaning', 'write "and"'),
        ("a || b", 3, '"|" has no meaning', 'write "or"'),
        ("!a", 1, '"!" has no meaning', 'write "not"'),
        ("a > 80 %", 8, '"%" has no meaning', "write 80"),
        ("a > .5", 5, '"." has no meaning', "write 0.5"),
        ("a @ b", 3, '"@" has no meaning', "only names, numbers"),
        ("a\0b", 2, '"?" has no meaning', "only names"),
        ("a AND b", 3, '"AND" is not a word', 'write "and"'),
        ("a == True", 6, '"True" is not a word', 'write "true"'),
        ("a > 5s", 5, '"5s" is not a number', "units stand in the names"),
        ("a > 1.2.3", 5, '"1.2." is not a number', "one decimal point"),
        ("a > 1234567890123456", 5, "number longer than 15 digits", "smaller"),
        ("a == 'b", 6, "the quote is not closed", "end the text with '"),
        ("(a or b", 1, '"(" is not closed', 'add ")"'),
        ("a or b)", 7, 'nothing opens this ")"', "take it away"),
        ("a in [1, 2", 6, '"[" is not closed', 'add "]"'),
        ("[1, 2] == a", 1, "a list cannot stand here", 'after "in"'),
        ("a or", 5, "is missing before the end", "write it"),
        ("a > > 5", 5, 'is missing before ">"', "write it"),
        ("or a", 1, 'is missing before "or"', "write it"),
        ("a b", 3, '"b" cannot stand here', 'join two terms by "and"'),
        ("1 < a < 5", 7, "comparisons cannot be chained", "a < b and b < c"),
        ("a in b in c", 8, "comparisons cannot be chained", "a < b and b < c"),
        ("mix(a, b)", 1, 'there is no function "mix"', 'did you mean "min"?'),
        ("eval('x')", 1, 'there is no function "eval"', "the functions are min, max, len"),
        ("len(a, b)", 1, '"len" has 2 arguments', "give it 1,"),
        ("min()", 1, '"min" has 0 arguments', "give it at least 1,"),
        ("a.b.__class__(c)", 1, "there is no function", "the functions are"),
        ("x" * 101, 1, "name longer than 100", "shorter"),
    ],
)
def test_faults_stand_at_their_column(text: str, column: int, problem: str, cure: str) -> None:
    with pytest.raises(ExpressionFault) as caught:
        parse(text)
    assert caught.value.column == column
    assert problem in caught.value.problem and cure in caught.value.cure
    assert str(caught.value) == f"column {column}: {caught.value.problem} — {caught.value.cure}"


@pytest.mark.parametrize(
    ("text", "column", "cure"),
    [
        ("caller and customer.segmnt == 1", 12, 'did you mean "customer.segment"?'),
        ("Caller", 1, 'did you mean "caller"?'),
        ("queue.after-sales.ewt_s > 5", 1, "did you mean \"queue.'after-sales'.ewt_s\"?"),
        ("caller in [zzz]", 12, "use a name that is known here"),
    ],
)
def test_an_unknown_name_is_a_fault_where_names_are_known(text: str, column: int, cure: str) -> None:
    known = {"caller", "customer.segment", "queue.after-sales.ewt_s"}
    with pytest.raises(ExpressionFault, match="unknown name") as caught:
        parse(text, known)
    assert (caught.value.column, caught.value.cure) == (column, cure)
    assert parse("caller and queue.'after-sales'.ewt_s", known).names() < known


@pytest.mark.parametrize("opening", ["(", "not ", "-", "len(", "a in [", "1 + ("])
def test_depth_is_bounded(opening: str) -> None:
    closing = {"(": ")", "[": "]"}.get(opening.rstrip()[-1], "")
    deepest = opening * MOST_DEPTH + "a" + closing * MOST_DEPTH
    assert worked_out(deepest) in (None, False, True)
    for times in (MOST_DEPTH + 1, 250):
        with pytest.raises(ExpressionFault, match="deep"):
            parse(opening * times + "a" + closing * times)


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", " and ", " or "])
def test_a_long_chain_is_not_deep(sign: str) -> None:
    longest = MOST_CHARACTERS // (len(sign) + 1)
    worked_out(sign.join("a" * longest), a=1)
    with pytest.raises(ExpressionFault, match="longer than") as caught:
        parse(sign.join("a" * (longest + 2)))
    assert caught.value.column == MOST_CHARACTERS + 1


# -- any text, any tree ----------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c.d", "queue.'x-y'.n", "gone"])
values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-20, 20),
    st.floats(allow_nan=False),
    st.sampled_from(["", "x", "xy", "-5"]),
    st.just(10**400),
    st.lists(st.sampled_from([1, "x", True, None])).map(tuple),
)
lookups = st.dictionaries(st.sampled_from(["a", "b", "c.d", "queue.x-y.n"]), values)
atoms = st.one_of(
    names,
    st.integers(0, 20).map(str),
    st.sampled_from(["0.5", "999999999999999", "'x'", '"xy"', "true", "false"]),
)
BETWEEN = ["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "in", "not in", "and", "or"]


def call(name: str, arguments: list[str]) -> str:
    function = FUNCTIONS[name]
    fitting = (arguments * 2)[: function.most if function.most < NO_BOUND else len(arguments)]
    return f"{name}({', '.join(fitting)})"


trees = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(BETWEEN), inner),
        st.builds("({} in [{}, {}])".format, inner, inner, inner),
        st.builds("{}{}".format, st.sampled_from(["not ", "-"]), inner).map("({})".format),
        st.builds(call, st.sampled_from([*FUNCTIONS]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=12,
)


def made(text: str) -> Expression | ExpressionFault:
    """The expression, or the fault: nothing else may come of a text."""
    try:
        return parse(text)
    except ExpressionFault as fault:
        return fault


@given(trees, lookups)
@example("a / b", {"a": 10**400, "b": 0.5})
def test_the_closures_give_what_the_tree_gives(text: str, named: dict[str, Any]) -> None:
    expression = made(text)
    if isinstance(expression, ExpressionFault):
        assert "deep" in expression.problem
        return
    value = evaluate(expression, named.get)
    quick = compiled(expression)(named.get)
    assert (type(quick), quick) == (type(value), value)
    assert condition(expression)(named.get) is truth(value)


pieces = st.sampled_from(
    ["a", "b.c", "5", "0.5", "'x'", "(", ")", "[", "]", ",", "and", "or", "not", "in", "len", *"+-*/<>!=."]
)


@given(st.one_of(st.text(), st.lists(pieces).map("".join), st.lists(pieces).map(" ".join)), lookups)
def test_any_text_is_an_expression_or_a_fault(text: str, named: dict[str, Any]) -> None:
    result = made(text)
    if isinstance(result, Expression):
        evaluate(result, named.get)
    else:
        assert 1 <= result.column <= len(text) + 1
        assert result.problem and result.cure


products = st.lists(st.sampled_from(["1", "2", "3", "-4", "0.5"]), min_size=1, max_size=3).map("*".join)
sums = st.builds("{} {} {}".format, products, st.sampled_from(["+", "-"]), products) | products
tests = st.builds("{} {} {}".format, sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), sums)
negations = st.builds("{}{}".format, st.sampled_from(["", "not ", "not not "]), tests)
conjunctions = st.lists(negations, min_size=1, max_size=3).map(" and ".join)


@given(st.lists(conjunctions, min_size=1, max_size=3).map(" or ".join))
def test_precedence_is_that_of_python(text: str) -> None:
    assert worked_out(text) is eval(text)  # noqa: S307  the oracle; the text is made right above


# -- the reference ---------------------------------------------------------------------------------

ROW = re.compile(r"^\| (.*?) ?\| (.*?) ?\| (.*?) ?\|$", re.MULTILINE)
PAIR = re.compile(r"^\| `(.*?)` \| `(.*?)` \|$", re.MULTILINE)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def unquoted(cell: str) -> str:
    return cell.strip().strip("`")


def read(text: str) -> Any:
    """A value as the page writes it."""
    if text == "missing":
        return None
    value = msgspec.json.decode(text)
    return tuple(value) if isinstance(value, list) else value


EXAMPLES = [tuple(map(unquoted, row)) for row in ROW.findall(section("Examples"))[2:]]


@pytest.mark.parametrize(("text", "where", "gives"), EXAMPLES)
def test_examples_of_the_reference_hold(text: str, where: str, gives: str) -> None:
    named = {name: read(value) for name, value in re.findall(r"([\w.-]+) = (\[.*?\]|\".*?\"|[\w.]+)", where)}
    expression = parse(text)
    assert set(named) <= expression.names()
    value = evaluate(expression, named.get)
    assert (type(value), value) == (type(read(gives)), read(gives))
    assert compiled(expression)(named.get) == value


def test_the_reference_has_every_function_and_no_other() -> None:
    listed = dict(re.findall(r"^\| `(\w+)\(.*\)` \| (.*) \|$", section("What can be written"), re.MULTILINE))
    listed_functions = {name: words for name, words in listed.items() if words != "a function"}
    assert listed_functions == {name: function.words for name, function in FUNCTIONS.items()}


def test_the_fault_in_the_reference_is_real() -> None:
    wanted = re.search(r"^column 18: .*$", PAGE, re.MULTILINE)
    with pytest.raises(ExpressionFault) as caught:
        parse("customer.segment = 'gold'")
    assert wanted and str(caught.value) == wanted[0]


@pytest.mark.parametrize(("text", "printed"), PAIR.findall(section("Requirements")))
def test_printed_requirements_of_the_reference_hold(text: str, printed: str) -> None:
    assert parse_requirement(text).text == printed


RELAXED = [
    tuple(map(unquoted, row))
    for row in ROW.findall(section("Requirements"))
    if "without" in row[1] or "at most" in row[1]
]


@pytest.mark.parametrize(("text", "by", "then"), RELAXED)
def test_relaxed_requirements_of_the_reference_hold(text: str, by: str, then: str) -> None:
    requirement = parse_requirement(text)
    first, *_, last = by.split()
    relaxed = requirement.without([last]) if first == "without" else requirement.at_most({first: int(last)})
    assert relaxed.text == then


def test_the_reference_has_its_examples() -> None:
    assert len(EXAMPLES) >= 15 and len(RELAXED) >= 5 and len(PAIR.findall(section("Requirements"))) >= 4
