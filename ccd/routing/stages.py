"""What a queue asks for as an interaction waits: relaxations and tiers as one row of stages.

Stage 0 holds from the start; each time at which something is given up or a tier opens begins the next.
A stage says what must be met, and who may be asked, in which order of preference.

Where relaxations have a condition there is such a row for each set of them that may have been given: the
number of a stage is its place in the row plus the length of a row for each set before (sets as bits, the
first condition is bit 0). So a place needs one number, and a queue without conditions has one row as ever.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ccd.model.entry import asked_by, condition_of
from ccd.model.requirements import ANYONE, Requirement, parse_requirement
from ccd.model.rules import QueueRule, Relax, Rules
from ccd.routing.ability import Ability, Bits, SkillTable

MOST_CONDITIONS = 4
"""Most relaxations of a queue that have a condition: each doubles its stages."""
MOST_KNOWN = 4096
"""Most combinations of stage and own requirement kept a queue; then they are computed anew."""


class Conditional(msgspec.Struct, frozen=True):
    """A relaxation with a condition."""

    relax: Relax
    key: str
    """How a place remembers that it was given: the same after a reload that keeps its condition."""
    holds: Callable[[Callable[[str], Any]], bool]
    asks: tuple[tuple[str, str], ...]
    """(queue, figure) that the condition asks about; of the clock: empty, and the whole name."""


class Stage:
    """From `after_s` of waiting on."""

    __slots__ = ("after_s", "at_most", "drop", "given", "ranks", "who")

    def __init__(
        self, after_s: float, given: tuple[Relax, ...], drop: frozenset[str], at_most: dict[str, int]
    ) -> None:
        self.after_s = after_s
        self.given = given
        """All that is given up in it."""
        self.drop = drop
        self.at_most = at_most
        self.who: Bits = 0
        """Who may be asked, if the requirement is met."""
        self.ranks: tuple[Bits, ...] = ()
        """`who` by preference; empty when all are equal."""


class Stages:
    """The stages of one queue over the agents of the index."""

    __slots__ = (
        "_due",
        "_known",
        "_requirement",
        "_row",
        "_table",
        "conditional",
        "count",
        "listed",
        "mask",
        "members",
        "reach",
        "steps",
    )

    def __init__(self, rule: QueueRule, rules: Rules, table: SkillTable, numbers: dict[str, int]) -> None:
        self._requirement = parse_requirement(rule.requirement)
        self._table = table
        self._known: dict[tuple[int, str], Ability] = {}
        named = _numbered(named_agents(rule), numbers)
        self.listed = {number: at for at, number in enumerate(named)}
        """Numbers of the agents named, in their order → place in it."""
        self.conditional = conditional(rule)
        times = _times(rule)
        self._row = len(times)
        self._due = [
            sum(1 << at for at, each in enumerate(self.conditional) if each.relax.after_s <= after_s)
            for after_s in times
        ]
        """By place in the row: the conditions that may give something by then, as bits."""
        self.steps = _steps(rule, self.conditional)
        for stage in self.steps:
            _open(stage, rule, rules, table, numbers)
        self.reach: Bits = 0
        """Whoever may come to serve it at some stage."""
        for number in range(len(self.steps)):
            self.reach |= self.ability(number, "").bits
        self.members: Bits = _bits(named) | (self.reach if rule.by_skill else 0)
        """Those named, and with `by_skill` those who meet what is asked at some stage."""
        self.count = self.members.bit_count()
        self.mask = self.members.to_bytes(table.width, "little")
        """The members as `Ability.mask` has them."""

    def ability(self, stage: int, own: str) -> Ability:
        """Who is able to take an interaction that has come to a stage and asks for `own` besides."""
        found = self._known.get((stage, own))
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            requirement = self.requirement(stage, own)
            bits = self.steps[stage].who & self._table.meeting(requirement)
            found = self._known[(stage, own)] = Ability(bits, requirement, self._table.width)
        return found

    def requirement(self, stage: int, own: str) -> Requirement:
        """What must be met at a stage."""
        step = self.steps[stage]
        asked = self._requirement.both(parse_requirement(own)) if own else self._requirement
        return asked.at_most(step.at_most).without(step.drop) if asked is not ANYONE else asked

    def are_one(self) -> bool:
        """Whether waiting changes nothing: there is but the stage that everybody begins with."""
        return self._row == 1

    def later(self, stage: int) -> float | None:
        """Seconds of waiting at which the next stage begins; None: this is the last."""
        return self.steps[stage + 1].after_s if (stage + 1) % self._row else None

    def to_come(self, stage: int) -> range:
        """The stages that time alone brings after this one."""
        return range(stage + 1, stage - stage % self._row + self._row)

    def new(self, stage: int, holding: Bits) -> Bits:
        """Of the conditions that hold, those that give something to one at this stage."""
        return holding & self._due[stage % self._row] & ~(stage // self._row)

    def given(self, stage: int, conditions: Bits) -> int:
        """The stage of one at `stage` that is given what these conditions give."""
        return stage + self._row * (conditions & ~(stage // self._row))

    def changes(self, stage: int) -> bool:
        """Whether it asks for less, or opens more, than the stage before; else only a condition counts."""
        before, now = self.steps[stage - 1], self.steps[stage]
        return (before.given, before.who, before.ranks) != (now.given, now.who, now.ranks)


def conditional(rule: QueueRule) -> tuple[Conditional, ...]:
    """The relaxations of a queue that have a condition. Raises `ExpressionFault`."""
    found = [relax for relax in rule.relax if relax.when][:MOST_CONDITIONS]
    return tuple(
        [
            Conditional(each, key_of(each), condition_of(each.when), tuple(asked_by(each.when, rule.name)))
            for each in found
        ]
    )


def key_of(relax: Relax) -> str:
    """How a relaxation with a condition is known again."""
    return f"{relax.when} after {relax.after_s:g}" if relax.after_s else relax.when


def stage_at(rule: QueueRule, waited_s: float, given: Iterable[str] = ()) -> int:
    """Number of the stage of one that waited so long and was given these (keys that are gone count for
    nothing)."""
    times = _times(rule)
    keys = [key_of(relax) for relax in rule.relax if relax.when][:MOST_CONDITIONS]
    bits = sum(1 << at for at, key in enumerate(keys) if key in given)
    return sum(0.0 < after_s <= waited_s for after_s in times) + len(times) * bits


def _times(rule: QueueRule) -> list[float]:
    return sorted({0.0, *(relax.after_s for relax in rule.relax), *(tier.after_s for tier in rule.tiers)})


def named_agents(rule: QueueRule) -> list[str]:
    """All whom a queue names, each once: those of no tier first, then tier by tier."""
    in_tiers = [name for tier in rule.tiers for name in tier.agents]
    first = [name for name in rule.agents if name not in set(in_tiers)]
    return list(dict.fromkeys([*first, *in_tiers]))


def _steps(rule: QueueRule, conditions: tuple[Conditional, ...]) -> list[Stage]:
    timed = [relax for relax in rule.relax if not relax.when]
    steps = []
    for bits in range(1 << len(conditions)):
        given = [each.relax for at, each in enumerate(conditions) if bits >> at & 1]
        for after_s in _times(rule):
            due = [each for each in timed if each.after_s <= after_s]
            steps.append(_step(after_s, due + given))
    return steps


def _step(after_s: float, given: list[Relax]) -> Stage:
    drop: set[str] = set()
    at_most: dict[str, int] = {}
    for relax in given:
        drop.update(relax.drop)
        for skill, level in relax.at_most.items():
            at_most[skill] = min(level, at_most.get(skill, level))
    return Stage(after_s, tuple(given), frozenset(drop), at_most)


def _open(stage: Stage, rule: QueueRule, rules: Rules, table: SkillTable, numbers: dict[str, int]) -> None:
    """Who may be asked at a stage: first those of no tier, then tier by tier, then who joins in."""
    in_tiers = _bits(_numbered([name for tier in rule.tiers for name in tier.agents], numbers))
    first = table.everybody if rule.by_skill else _bits(_numbered(list(rule.agents), numbers))
    first &= ~in_tiers
    tiers = sorted(rule.tiers, key=lambda tier: tier.after_s)
    groups = [_bits(_numbered(list(tier.agents), numbers)) for tier in tiers if tier.after_s <= stage.after_s]
    if tiers and tiers[0].after_s <= 0:
        groups[0] |= first
    else:
        groups.insert(0, first)
    joining = 0
    for relax in stage.given:
        for name in relax.open:
            other = rules.queues.get(name)
            if other is not None:
                joining |= _own_agents(other, table, numbers)
    own = 0
    for group in groups:
        own |= group
    groups.append(joining & ~own)
    ranks = tuple(group for group in groups if group)
    stage.who = own | joining
    stage.ranks = ranks if len(ranks) > 1 else ()


def _own_agents(rule: QueueRule, table: SkillTable, numbers: dict[str, int]) -> Bits:
    """Who serves another queue as it is from the start: those it names, and with `by_skill` those able."""
    named = _bits(_numbered(named_agents(rule), numbers))
    able = table.meeting(parse_requirement(rule.requirement))
    return able if rule.by_skill else named & able


def _numbered(names: list[str], numbers: dict[str, int]) -> list[int]:
    return [numbers[name] for name in dict.fromkeys(names) if name in numbers]


def _bits(agents: list[int]) -> Bits:
    bits = 0
    for number in agents:
        bits |= 1 << number
    return bits
