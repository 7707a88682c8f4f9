"""Requirements: canonical text, who meets them and why not, faults at the column, and how they relax."""

import copy
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.expression_parser import MOST_DEPTH
from ccd.model.expression_text import ExpressionFault, is_skill_name
from ccd.model.requirements import ANYONE, MOST_CHARACTERS, Requirement, parse_requirement

SKILLS = ("billing", "french", "sales", "second-line")
Skills = dict[str, int]
Oracle = Callable[[Skills], bool]

COMPARED: dict[str, Callable[[int, int], bool]] = {
    ">=": int.__ge__,
    ">": int.__gt__,
    "<": int.__lt__,
    "<=": int.__le__,
    "==": int.__eq__,
    "!=": int.__ne__,
}
held = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10))


def compared(skill: str, sign: str, level: int) -> tuple[str, Oracle]:
    return f"{skill}{sign} {level}", lambda skills: COMPARED[sign](skills.get(skill, 0), level)


def negated(written: tuple[str, Oracle]) -> tuple[str, Oracle]:
    text, holds = written
    return f"not ({text})", lambda skills: not holds(skills)


def joined(word: str, written: list[tuple[str, Oracle]]) -> tuple[str, Oracle]:
    """Text and a brute-force evaluation of it, put together from the same parts."""
    texts, oracles = [f"({text})" for text, _ in written], [holds for _, holds in written]
    combine = all if word == "and" else any
    return f" {word} ".join(texts), lambda skills: combine(holds(skills) for holds in oracles)


leaves = st.one_of(
    st.builds(lambda skill: (skill, lambda skills: skills.get(skill, 0) >= 1), st.sampled_from(SKILLS)),
    st.builds(compared, st.sampled_from(SKILLS), st.sampled_from([*COMPARED]), st.integers(1, 9)),
)
written = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(negated),
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=10,
).filter(lambda pair: pair[0].count("(") < 14)
requirements = written.map(lambda pair: parse_requirement(pair[0]))


@given(written, held)
def test_it_is_met_as_a_brute_force_evaluation_says(pair: tuple[str, Oracle], skills: Skills) -> None:
    text, holds = pair
    requirement = parse_requirement(text, SKILLS)
    assert requirement.met_by(skills) is holds(skills)
    assert (requirement.lacking(skills) == "") is holds(skills)
    assert requirement.skills <= set(SKILLS)


@given(requirements)
def test_the_canonical_text_parses_back_to_an_equal_requirement(requirement: Requirement) -> None:
    again = parse_requirement(requirement.text)
    assert again == requirement and again.text == requirement.text
    assert hash(again) == hash(requirement) and again.skills == requirement.skills
    assert pickle.loads(pickle.dumps(requirement)) == copy.copy(requirement) == requirement  # noqa: S301


@given(requirements, requirements, held)
def test_both_asks_for_both(one: Requirement, other: Requirement, skills: Skills) -> None:
    both = one.both(other)
    assert both.met_by(skills) is (one.met_by(skills) and other.met_by(skills))
    assert both == other.both(one) == both.both(one) == parse_requirement(both.text)
    assert one.both(ANYONE) == ANYONE.both(one) == one


@given(requirements, held, st.sets(st.sampled_from(SKILLS)))
def test_without_a_skill_it_lets_in_more(requirement: Requirement, skills: Skills, dropped: set[str]) -> None:
    relaxed = requirement.without(dropped)
    assert relaxed.skills.isdisjoint(dropped)
    assert relaxed.met_by(skills) or not requirement.met_by(skills)
    assert parse_requirement(relaxed.text) == relaxed
    if dropped == set(SKILLS):
        assert relaxed == ANYONE


@given(requirements, held, st.dictionaries(st.sampled_from(SKILLS), st.integers(-1, 11)))
def test_at_most_lets_in_more(requirement: Requirement, skills: Skills, levels: dict[str, int]) -> None:
    relaxed = requirement.at_most(levels)
    assert relaxed.met_by(skills) or not requirement.met_by(skills)
    assert parse_requirement(relaxed.text) == relaxed
    assert relaxed.at_most(levels).at_most(levels) == relaxed.at_most(levels)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  french>=5\n and (billing  or sales>=7)", "(billing or sales >= 7) and french >= 5"),
        ("french and french and french >= 1", "french"),
        ("french > 4", "french >= 5"),
        ("french <= 4", "french < 5"),
        ("french < 1", "not french"),
        ("not not french", "french"),
        ("not french >= 5", "french < 5"),
        ("not (french == 5)", "french != 5"),
        ("not (b or not a >= 3)", "a >= 3 and not b"),
        ("a and (b and (c))", "a and b and c"),
        ("c or (b and a) or c", "a and b or c"),
        ("second-line and lang.fr", "lang.fr and second-line"),
        ("français >= 5", "français >= 5"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert parse_requirement(text).text == canonical


@pytest.mark.parametrize(
    ("text", "skills", "reason"),
    [
        ("billing >= 5", {"billing": 3}, "billing 3 < 5"),
        ("french", {}, "no french"),
        ("french >= 5", {}, "no french"),
        ("not french", {"french": 2}, "has french"),
        ("french < 5", {"french": 7}, "french 7 >= 5"),
        ("french == 5", {"french": 4}, "french 4 != 5"),
        ("french == 5", {}, "no french"),
        ("french != 5", {"french": 5}, "french is 5"),
        ("french and billing >= 5", {"billing": 3}, "billing 3 < 5, no french"),
        ("french and billing >= 5", {"billing": 5}, "no french"),
        ("french or billing >= 5", {"billing": 3}, "billing 3 < 5 or no french"),
        ("french or (billing and sales)", {}, "(no billing, no sales) or no french"),
        ("french or (billing and sales)", {"billing": 1}, "no sales or no french"),
        ("french or billing >= 5", {"french": 1}, ""),
    ],
)
def test_reasons_are_for_people(text: str, skills: Skills, reason: str) -> None:
    assert parse_requirement(text).lacking(skills) == reason


def test_a_reason_is_never_long() -> None:
    text = " and ".join(f"skill_{number}" for number in range(50))
    assert len(parse_requirement(text).lacking({})) == 120


@pytest.mark.parametrize(
    ("text", "relaxed"),
    [
        ("french and (billing or sales >= 7)", "french"),
        ("french and sales and not billing", "french and sales"),
        ("french and billing", "french"),
        ("not (french or billing)", "not french"),
        ("billing", ""),
        ("french", "french"),
    ],
)
def test_without_billing(text: str, relaxed: str) -> None:
    assert parse_requirement(text).without({"billing"}).text == relaxed


@pytest.mark.parametrize(
    ("text", "level", "lowered"),
    [
        ("french >= 7", 5, "french >= 5"),
        ("french >= 7", 1, "french"),
        ("french >= 3", 5, "french >= 3"),
        ("french >= 7 and sales", 0, "sales"),
        ("french >= 7 or sales", 0, ""),
        ("french == 7", 5, "french < 8 and french >= 5"),
        ("french == 10", 5, "french >= 5"),
        ("french < 7", 5, "french < 7"),
        ("not french >= 7", 5, "french < 7"),
        ("not french < 7", 5, "french >= 5"),
        ("not french", 5, "not french"),
        ("french != 7", 5, "french != 7"),
    ],
)
def test_french_at_most(text: str, level: int, lowered: str) -> None:
    assert parse_requirement(text).at_most({"french": level}).text == lowered


@pytest.mark.parametrize(
    ("text", "column", "problem", "cure"),
    [
        ("french and biling", 12, 'unknown skill "biling"', 'did you mean "billing"?'),
        ("BILLING", 1, 'unknown skill "BILLING"', 'did you mean "billing"?'),
        ("french >= 11", 11, "a level must stand here", "write a whole number from 1 to 10"),
        ("french >= 0", 11, "a level must stand here", "write a whole number from 1 to 10"),
        ("french >= 2.5", 11, "a level must stand here", "write a whole number from 1 to 10"),
        ("french >= true", 11, "a level must stand here", "write a whole number from 1 to 10"),
        ("french >= sales", 11, "a level must stand here", "write a whole number from 1 to 10"),
        ("french > 10", 8, '"french > 10" is met by nobody', "levels end at 10: write french >= 10"),
        ("french <= 10", 8, '"french <= 10" is met by all', "leave it out"),
        ("5 <= french", 1, "a skill must stand here", "write the skill first: french >= 5"),
        ("sales and true", 11, "a requirement knows only skills and levels", "french >= 5 and"),
        ("french in [5, 7]", 8, "levels are compared one by one", "write french >= 5 or french == 3"),
        ("french + 1", 1, "a requirement knows only skills and levels", "french >= 5 and"),
        ("french >=", 10, "is missing before the end", "write it"),
        ("french sales", 8, '"sales" cannot stand here', 'join two terms by "and", "or"'),
    ],
)
def test_faults_stand_at_their_column(text: str, column: int, problem: str, cure: str) -> None:
    with pytest.raises(ExpressionFault) as caught:
        parse_requirement(text, SKILLS)
    assert caught.value.column == column
    assert problem in caught.value.problem and cure in caught.value.cure
    assert str(caught.value) == f"column {column}: {caught.value.problem} — {caught.value.cure}"


def made(text: str) -> Requirement | ExpressionFault:
    """The requirement, or the fault: nothing else may come of a text."""
    try:
        return parse_requirement(text)
    except ExpressionFault as fault:
        return fault


pieces = st.sampled_from(
    ["a", "b-c", ">=", "5", "11", "(", ")", "and", "or", "not", ",", "[", "in", "+", "'"]
)


@given(st.one_of(st.text(), st.lists(pieces).map(" ".join)))
def test_any_text_is_a_requirement_or_a_fault(text: str) -> None:
    result = made(text)
    if isinstance(result, Requirement):
        assert made(result.text) == result
    else:
        assert 1 <= result.column <= len(text) + 1
        assert result.problem and result.cure


def nested(levels: int, letter: str = "x") -> str:
    """`x1 and (y1 or x2 and (y2 or …))`, so many brackets deep: none of them can be left out."""
    text = f"{letter}0"
    for level in range(levels, 0, -1):
        text = f"{letter}{level} and (y{level} or {text})"
    return text


@pytest.mark.parametrize("text", ["(" * 1000 + "a" + ")" * 1000, "not " * 900 + "a", nested(MOST_DEPTH)])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(ExpressionFault, match="deep"):
        parse_requirement(text)


@pytest.mark.parametrize("levels", range(MOST_DEPTH - 1))
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_made_of_deep_ones_can_be_read_again(levels: int, turned: bool) -> None:
    requirement = parse_requirement(f"not ({nested(levels - 1)})" if turned else nested(levels))
    for made_of_it in (
        requirement.both(parse_requirement(f"y or {nested(levels, 'z')}")),
        requirement.without({"x1"}),
        requirement.at_most({"x2": 0}),
    ):
        assert made(made_of_it.text) == made_of_it


def test_length_is_bounded() -> None:
    with pytest.raises(ExpressionFault, match="longer than") as caught:
        parse_requirement("a or " * 900)
    assert caught.value.column == MOST_CHARACTERS + 1
    long = parse_requirement(" and ".join(f"skill_{number:05}" for number in range(240)))
    with pytest.raises(ExpressionFault, match="longer than"):
        long.both(parse_requirement(long.text.replace("skill", "other")))


def test_it_does_not_change() -> None:
    requirement = parse_requirement("french")
    for change in (
        lambda: setattr(requirement, "text", "x"),
        lambda: setattr(requirement, "other", 1),
        lambda: delattr(requirement, "text"),
    ):
        with pytest.raises(AttributeError):
            change()
    assert requirement != "french" and repr(requirement) == "Requirement('french')"


@pytest.mark.parametrize("name", ["french", "second-line", "lang.fr", "français", "b2b", "n_1"])
def test_names_of_skills(name: str) -> None:
    assert is_skill_name(name)
    assert parse_requirement(name).skills == {name}


@pytest.mark.parametrize("name", ["", "and", "Not", "2nd", "a b", "a-", "a.", "-a", "a'b", "x" * 101])
def test_what_is_no_name_of_a_skill(name: str) -> None:
    assert not is_skill_name(name)


@given(st.one_of(st.text(), st.from_regex(r"[\w.-]{1,8}", fullmatch=True)))
def test_a_name_of_a_skill_is_what_a_requirement_reads_as_one(name: str) -> None:
    result = made(name)
    reads_as_one = isinstance(result, Requirement) and result.skills == {name}
    assert is_skill_name(name) is reads_as_one
