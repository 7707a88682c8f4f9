"""Requirements: what skills, at what level, an agent must have for an interaction.

    french >= 5 and (billing or sales >= 7)

A requirement is an expression (`docs/reference/expressions.md`) of skills alone: `and`, `or`, `not`,
brackets, and a skill compared with a level from 1 to 10. A skill by itself asks for level 1; an agent
without the skill counts as level 0. Its `text` is canonical: `not` carried down to the skills, terms
sorted, each once. Requirements of the same text are equal, and the text parses back to the same one.
"""

from collections.abc import Collection, Mapping
from typing import Final, NoReturn

from ccd.model import requirement_terms as terms
from ccd.model.expression_parser import MOST_DEPTH, parse_tokens
from ccd.model.expression_text import ExpressionFault, Kind, nearest, shown, tokens
from ccd.model.expression_tree import And, Compare, Literal, Name, Node, Not, Or
from ccd.model.requirement_terms import HIGHEST_LEVEL, LOWEST_LEVEL, OPPOSITE, Ask, Asked, Term

MOST_CHARACTERS = 4000
"""Longest text, written or canonical."""
MOST_REASON = 120
"""Longest reason of `lacking`, in characters."""


class Requirement:
    """What an agent must have; immutable, equal and hashed by its canonical `text`.

    `skills` are the skills named. Made by `parse_requirement`, and by the methods from others.
    """

    __slots__ = ("_met", "_term", "skills", "text")
    text: str
    skills: frozenset[str]
    _term: Term
    _met: terms.Met

    def __init__(self, term: Term) -> None:
        if len(term.text) > MOST_CHARACTERS:
            raise ExpressionFault(
                MOST_CHARACTERS + 1,
                f"a requirement longer than {MOST_CHARACTERS} characters",
                "ask for fewer skills",
            )
        keep = object.__setattr__
        keep(self, "text", term.text)
        keep(self, "skills", terms.skills_of(term))
        keep(self, "_term", term)
        keep(self, "_met", terms.met_of(term))

    def met_by(self, skills: Mapping[str, int]) -> bool:
        """Whether an agent with these levels does."""
        return self._met(skills)

    def lacking(self, skills: Mapping[str, int]) -> str:
        """Why an agent with these levels does not do: `billing 3 < 5`, `no french`; empty when met."""
        reason = terms.lacking(self._term, skills)
        return reason if len(reason) <= MOST_REASON else reason[: MOST_REASON - 1] + "…"

    def both(self, other: "Requirement") -> "Requirement":
        """Both at once. Raises `ExpressionFault` when that is longer than `MOST_CHARACTERS`."""
        if not self.text or self.text == other.text:
            return other
        return Requirement(terms.all_of((self._term, other._term))) if other.text else self

    def without(self, skill_names: Collection[str]) -> "Requirement":
        """The same with every term about these skills counted as met, `not` terms too: it lets in more.

        An alternative that is dropped meets its whole `or`: `french and (billing or sales)` without
        billing is `french`.
        """
        if self.skills.isdisjoint(skill_names):
            return self

        def dropped(asked: Asked) -> Term:
            return terms.NOTHING_ASKED if asked.skill in skill_names else asked

        return Requirement(terms.changed(self._term, dropped))

    def at_most(self, levels: Mapping[str, int]) -> "Requirement":
        """The same with no skill asked above its level here; 0 or less asks it no more.

        Only what asks for a level is lowered. What keeps a level out stays as it is (`french < 5`,
        `not french`, `french != 5`, and so `not french >= 5`): it lets in as many or more, never fewer.
        An exact level opens downwards: `french == 7` at most 5 is `french < 8 and french >= 5`.
        Raises `ExpressionFault` when that is longer than `MOST_CHARACTERS`.
        """
        if self.skills.isdisjoint(levels):
            return self
        return Requirement(terms.changed(self._term, lambda asked: _lowered(asked, levels)))

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Requirement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Requirement({self.text!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return parse_requirement, (self.text,)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a requirement does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a requirement does not change: {name}")


ANYONE: Final = Requirement(terms.NOTHING_ASKED)
"""Asks for nothing: its text is empty, and all meet it."""


def parse_requirement(text: str, known: Collection[str] | None = None) -> Requirement:
    """The requirement of a text; empty text is `ANYONE`. With `known`, other skills than those are faults.

    Raises `ExpressionFault` with the column.
    """
    found = tokens(text, MOST_CHARACTERS, hyphens=True)
    if found[0].kind is Kind.END:
        return ANYONE
    term = _term(parse_tokens(found), False, known)
    if terms.depth(term) >= MOST_DEPTH:
        raise ExpressionFault(1, f"nested more than {MOST_DEPTH - 1} deep", "say it with fewer brackets")
    return Requirement(term)


def _lowered(asked: Asked, levels: Mapping[str, int]) -> Term:
    level = levels.get(asked.skill, HIGHEST_LEVEL)
    if level >= asked.level or asked.ask not in {Ask.AT_LEAST, Ask.EXACTLY}:
        return asked
    lower = _at_least(asked.skill, level)
    if asked.ask is Ask.AT_LEAST:
        return lower
    below = asked.level < HIGHEST_LEVEL
    return terms.all_of([Asked(asked.skill, Ask.BELOW, asked.level + 1), lower]) if below else lower


def _at_least(skill: str, level: int) -> Term:
    return Asked(skill, Ask.AT_LEAST, level) if level >= LOWEST_LEVEL else terms.NOTHING_ASKED


# -- from the tree of an expression ----------------------------------------------------------------


def _term(node: Node, turned: bool, known: Collection[str] | None) -> Term:
    """The term of a node, of its opposite when `turned`."""
    match node:
        case And(terms=nodes) | Or(terms=nodes):
            join = terms.all_of if isinstance(node, And) is not turned else terms.any_of
            return join([_term(inner, turned, known) for inner in nodes])
        case Not(operand=operand):
            return _term(operand, not turned, known)
        case Name():
            return _asked(_skill(node, known), Ask.AT_LEAST, LOWEST_LEVEL, turned)
        case Compare():
            return _compared(node, turned, known)
    raise ExpressionFault(
        node.column,
        "a requirement knows only skills and levels",
        'write it as "french >= 5 and (billing or sales)"',
    )


def _compared(node: Compare, turned: bool, known: Collection[str] | None) -> Term:
    if not isinstance(node.left, Name):
        raise ExpressionFault(
            node.left.column, "a skill must stand here", "write the skill first: french >= 5"
        )
    skill = _skill(node.left, known)
    if node.sign == "in":
        raise ExpressionFault(
            node.column, "levels are compared one by one", "write french >= 5 or french == 3"
        )
    level = node.right.value if isinstance(node.right, Literal) else None
    if type(level) is not int or not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
        raise ExpressionFault(
            node.right.column, "a level must stand here", f"write a whole number from 1 to {HIGHEST_LEVEL}"
        )
    if level == HIGHEST_LEVEL and node.sign in {">", "<="}:
        none = node.sign == ">"
        raise ExpressionFault(
            node.column,
            f"{shown(f'{skill} {node.sign} {level}')} is met by {'nobody' if none else 'all'}",
            f"levels end at {HIGHEST_LEVEL}: write {skill} >= {level}" if none else "leave it out",
        )
    step = node.sign in {">", "<="}
    return _asked(skill, _ASKS[node.sign], level + step, turned)


_ASKS = {
    ">=": Ask.AT_LEAST,
    ">": Ask.AT_LEAST,
    "<": Ask.BELOW,
    "<=": Ask.BELOW,
    "==": Ask.EXACTLY,
    "!=": Ask.OTHER_THAN,
}
"""What each sign asks; > and <= of the next level up."""


def _asked(skill: str, ask: Ask, level: int, turned: bool) -> Asked:
    return Asked(skill, OPPOSITE[ask] if turned else ask, level)


def _skill(node: Name, known: Collection[str] | None) -> str:
    if known is not None and node.name not in known:
        cure = nearest(node.name, known, "add it to the skills of an agent")
        raise ExpressionFault(node.column, f"unknown skill {shown(node.name)}", cure)
    return node.name
