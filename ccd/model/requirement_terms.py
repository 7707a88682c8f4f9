"""What a requirement is made of: one skill asked at a level, and `and` / `or` over such terms.

There is no `not` in here. When a requirement is read, `not` is carried down to the skills (De Morgan) and
turns each comparison round: `not (french >= 5 or billing)` is `french < 5 and not billing`. So every
term stands for what it lets in, and taking one out or lowering it can only let in more.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TypeAlias, Union

import msgspec

LOWEST_LEVEL = 1
HIGHEST_LEVEL = 10


class Ask(Enum):
    """How a level is asked; each is the opposite of its neighbour."""

    AT_LEAST = ">="
    BELOW = "<"
    EXACTLY = "=="
    OTHER_THAN = "!="


OPPOSITE = {
    Ask.AT_LEAST: Ask.BELOW,
    Ask.BELOW: Ask.AT_LEAST,
    Ask.EXACTLY: Ask.OTHER_THAN,
    Ask.OTHER_THAN: Ask.EXACTLY,
}


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One skill compared with a level 1–10; an agent without the skill counts as level 0."""

    skill: str
    ask: Ask
    level: int

    @property
    def text(self) -> str:
        """`french >= 5`; level 1 is having the skill at all: `french`, `not french`."""
        if self.level == LOWEST_LEVEL and self.ask is Ask.AT_LEAST:
            return self.skill
        if self.level == LOWEST_LEVEL and self.ask is Ask.BELOW:
            return f"not {self.skill}"
        return f"{self.skill} {self.ask.value} {self.level}"

    def lacking(self, skills: Mapping[str, int]) -> str:
        """Why these skills do not do, for people; empty when they do."""
        held = skills.get(self.skill, 0)
        if _HOLDS[self.ask](held, self.level):
            return ""
        if self.ask is Ask.AT_LEAST:
            return f"{self.skill} {held} < {self.level}" if held else f"no {self.skill}"
        if self.ask is Ask.BELOW:
            return (
                f"{self.skill} {held} >= {self.level}" if self.level > LOWEST_LEVEL else f"has {self.skill}"
            )
        if self.ask is Ask.EXACTLY:
            return f"{self.skill} {held} != {self.level}" if held else f"no {self.skill}"
        return f"{self.skill} is {held}"


_HOLDS: dict[Ask, Callable[[int, int], bool]] = {
    Ask.AT_LEAST: lambda held, level: held >= level,
    Ask.BELOW: lambda held, level: held < level,
    Ask.EXACTLY: lambda held, level: held == level,
    Ask.OTHER_THAN: lambda held, level: held != level,
}


class AllOf(msgspec.Struct, frozen=True):
    """Met when every term is; without terms: met by all."""

    terms: tuple["Term", ...]
    text: str = ""


class AnyOf(msgspec.Struct, frozen=True):
    """Met when one term is; it has two terms at least."""

    terms: tuple["Term", ...]
    text: str = ""


Term: TypeAlias = Union[Asked, AllOf, AnyOf]  # noqa: UP007
NOTHING_ASKED = AllOf(())
"""Met by all."""


def all_of(terms: Iterable[Term]) -> Term:
    """The terms joined by `and`: flat, sorted by their text, each once, those met by all left out."""
    flat = _flat(terms, AllOf)
    if len(flat) == 1:
        return next(iter(flat.values()))
    texts = [f"({text})" if isinstance(flat[text], AnyOf) else text for text in flat]
    return AllOf(tuple(flat.values()), " and ".join(texts))


def any_of(terms: Iterable[Term]) -> Term:
    """The terms joined by `or`: flat, sorted by their text, each once; met by all if one of them is."""
    flat = _flat(terms, AnyOf)
    if "" in flat:
        return NOTHING_ASKED
    if len(flat) == 1:
        return next(iter(flat.values()))
    return AnyOf(tuple(flat.values()), " or ".join(flat))


def _flat(terms: Iterable[Term], kind: type[AllOf] | type[AnyOf]) -> dict[str, Term]:
    """Terms by their text in its order, those of the same kind opened up."""
    found: dict[str, Term] = {}
    for term in terms:
        for inner in term.terms if isinstance(term, kind) else (term,):
            found[inner.text] = inner
    return dict(sorted(found.items()))


def depth(term: Term) -> int:
    """How deep the brackets of its text go, as if it stood between `and`s itself."""
    if isinstance(term, Asked):
        return 0
    return max(map(depth, term.terms), default=0) + isinstance(term, AnyOf)


def skills_of(term: Term) -> frozenset[str]:
    """Skills that it names."""
    if isinstance(term, Asked):
        return frozenset({term.skill})
    return frozenset().union(*map(skills_of, term.terms))


def changed(term: Term, change: Callable[[Asked], Term]) -> Term:
    """The same with every asked skill replaced by what `change` makes of it."""
    if isinstance(term, Asked):
        return change(term)
    join = all_of if isinstance(term, AllOf) else any_of
    return join(changed(inner, change) for inner in term.terms)


def lacking(term: Term, skills: Mapping[str, int], inside: bool = False) -> str:
    """Why these skills do not do: what fails of an `and`, every way out of an `or`; empty when they do."""
    if isinstance(term, Asked):
        return term.lacking(skills)
    reasons = [lacking(inner, skills, inside=True) for inner in term.terms]
    if isinstance(term, AnyOf):
        return "" if "" in reasons else " or ".join(reasons)
    reasons = [reason for reason in reasons if reason]
    if not inside or len(reasons) < 2:
        return ", ".join(reasons)
    return "(" + ", ".join(reasons) + ")"


Met: TypeAlias = Callable[[Mapping[str, int]], bool]


def met_of(term: Term) -> Met:
    """A function that says whether skills meet the term, made once and quick to call."""
    if isinstance(term, Asked):
        return _met_of_one(term.skill, term.ask, term.level)
    tests = tuple(map(met_of, term.terms))
    wanted = isinstance(term, AnyOf)
    if len(tests) == 2:
        first, second = tests
        if wanted:
            return lambda skills: first(skills) or second(skills)
        return lambda skills: first(skills) and second(skills)

    def joined(skills: Mapping[str, int]) -> bool:
        for test in tests:
            if test(skills) is wanted:
                return wanted
        return not wanted

    return joined


def _met_of_one(skill: str, ask: Ask, level: int) -> Met:
    if ask is Ask.AT_LEAST:
        return lambda skills: skills.get(skill, 0) >= level
    if ask is Ask.BELOW:
        return lambda skills: skills.get(skill, 0) < level
    if ask is Ask.EXACTLY:
        return lambda skills: skills.get(skill, 0) == level
    return lambda skills: skills.get(skill, 0) != level
