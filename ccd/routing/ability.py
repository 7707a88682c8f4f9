"""Who is able to do what: sets of agents as bits of one whole number, bit N for the agent numbered N.

An `and` over ten thousand agents is then one operation of a tenth of a microsecond, whatever their skills.
Levels do not change between two loads of the rules, so what meets a requirement is computed once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ccd.model.expression_parser import parse_tokens
from ccd.model.expression_text import tokens
from ccd.model.expression_tree import And, Compare, Literal, Name, Node, Not, Or
from ccd.model.requirement_terms import HIGHEST_LEVEL
from ccd.model.requirements import MOST_CHARACTERS, Requirement
from ccd.model.trace import Passed

Bits = int


def numbers_of(bits: Bits) -> Iterator[int]:
    """Numbers of the agents in a set, the highest first. For small sets: each costs the whole width."""
    while bits:
        number = bits.bit_length() - 1
        yield number
        bits ^= 1 << number


def all_numbers_of(bits: Bits) -> list[int]:
    """The same for sets of any size, the lowest first."""
    found = []
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        found.append(at)
        at = text.find("1", at + 1)
    return found


class Ability:
    """A set of agents, also as bytes: whether one agent is in it is then one look-up."""

    __slots__ = ("_by_level", "bits", "mask", "requirement", "unable")

    def __init__(self, bits: Bits, requirement: Requirement, width: int) -> None:
        self.bits = bits
        self.requirement = requirement
        self.mask = bits.to_bytes(width, "little")
        """Bit N stands in byte N >> 3."""
        self.unable: dict[int, tuple[Passed, float]] = {}
        """What some who are not in it lack, and from how many seconds of waiting on that is no matter."""
        self._by_level: list[Bits] | None = None

    def by_level(self, skills_of: Callable[[int], Mapping[str, int]]) -> list[Bits]:
        """The set cut up by the sum of levels over the skills asked for, the highest first."""
        if self._by_level is None:
            sums: dict[int, Bits] = {}
            for number in all_numbers_of(self.bits):
                skills = skills_of(number)
                level = sum([skills.get(skill, 0) for skill in self.requirement.skills])
                sums[level] = sums.get(level, 0) | 1 << number
            self._by_level = [sums[level] for level in sorted(sums, reverse=True)]
        return self._by_level


class SkillTable:
    """Levels of all agents, turned round: who has a skill at a level or above."""

    __slots__ = ("_from_level", "_known", "everybody", "width")

    def __init__(self, agents: Iterable[Mapping[str, int] | None]) -> None:
        """`agents` are the skills of agent 0, 1, 2 …; `None` for one who serves nothing any more."""
        exactly: dict[str, list[bytearray]] = {}
        levels = list(agents)
        self.width = (len(levels) + 7) // 8
        present = bytearray(self.width)
        for number, skills in enumerate(levels):
            if skills is None:
                continue
            present[number >> 3] |= 1 << (number & 7)
            for skill, level in skills.items():
                if skill not in exactly:
                    exactly[skill] = [bytearray(self.width) for _ in range(HIGHEST_LEVEL + 1)]
                exactly[skill][min(level, HIGHEST_LEVEL)][number >> 3] |= 1 << (number & 7)
        self.everybody: Bits = int.from_bytes(present, "little")
        self._from_level = {skill: _sums(sets, self.everybody) for skill, sets in exactly.items()}
        self._known: dict[str, Bits] = {}

    def meeting(self, requirement: Requirement) -> Bits:
        """Agents who meet it."""
        text = requirement.text
        bits = self._known.get(text)
        if bits is None:
            tree = parse_tokens(tokens(text, MOST_CHARACTERS, hyphens=True)) if text else None
            bits = self._known[text] = self.everybody if tree is None else self._meeting(tree)
        return bits

    def _meeting(self, node: Node) -> Bits:
        match node:
            case Name(name=skill):
                return self._at_least(skill, 1)
            case Compare(sign=sign, left=Name(name=skill), right=Literal(value=int(level))):
                return self._compared(skill, sign, level)
            case Not(operand=operand):
                return self.everybody & ~self._meeting(operand)
            case And(terms=terms):
                bits = self.everybody
                for term in terms:
                    bits &= self._meeting(term)
                return bits
            case Or(terms=terms):
                bits = 0
                for term in terms:
                    bits |= self._meeting(term)
                return bits
        raise AssertionError(node)  # `parse_requirement` lets nothing else pass

    def _compared(self, skill: str, sign: str, level: int) -> Bits:
        here, above = self._at_least(skill, level), self._at_least(skill, level + 1)
        match sign:
            case ">=":
                return here
            case ">":
                return above
            case "<":
                return self.everybody & ~here
            case "<=":
                return self.everybody & ~above
            case "==":
                return here & ~above
        return self.everybody & ~(here & ~above)

    def _at_least(self, skill: str, level: int) -> Bits:
        if level <= 0:
            return self.everybody
        sets = self._from_level.get(skill)
        return 0 if sets is None or level > HIGHEST_LEVEL else sets[level]


def _sums(exactly: list[bytearray], everybody: Bits) -> list[Bits]:
    """Sets by the level at least held, from those by the level held; level 0 or above are all."""
    sums = [0] * len(exactly)
    above = 0
    for level in range(len(exactly) - 1, 0, -1):
        above |= int.from_bytes(exactly[level], "little")
        sums[level] = above
    sums[0] = everybody
    return sums
