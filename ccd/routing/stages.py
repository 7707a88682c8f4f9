"""What a queue asks for as an interaction waits: relaxations and tiers as one row of stages.

Stage 0 holds from the start; each time at which something is given up or a tier opens begins the next.
A stage says what must be met, and who may be asked, in which order of preference.
"""

from ccd.model.requirements import ANYONE, Requirement, parse_requirement
from ccd.model.rules import QueueRule, Rules
from ccd.routing.ability import Ability, Bits, SkillTable

MOST_KNOWN = 4096
"""Most combinations of stage and own requirement kept a queue; then they are computed anew."""


class Stage:
    """From `after_s` of waiting on."""

    __slots__ = ("after_s", "at_most", "drop", "ranks", "who")

    def __init__(self, after_s: float, drop: frozenset[str], at_most: dict[str, int]) -> None:
        self.after_s = after_s
        self.drop = drop
        self.at_most = at_most
        self.who: Bits = 0
        """Who may be asked, if the requirement is met."""
        self.ranks: tuple[Bits, ...] = ()
        """`who` by preference; empty when all are equal."""


class Stages:
    """The stages of one queue over the agents of the index."""

    __slots__ = ("_known", "_requirement", "_table", "listed", "members", "reach", "steps")

    def __init__(self, rule: QueueRule, rules: Rules, table: SkillTable, numbers: dict[str, int]) -> None:
        self._requirement = parse_requirement(rule.requirement)
        self._table = table
        self._known: dict[tuple[int, str], Ability] = {}
        named = _numbered(named_agents(rule), numbers)
        self.listed = {number: at for at, number in enumerate(named)}
        """Numbers of the agents named, in their order → place in it."""
        self.steps = _steps(rule)
        for stage in self.steps:
            _open(stage, rule, rules, table, numbers)
        self.reach: Bits = 0
        """Whoever may come to serve it at some stage."""
        for number in range(len(self.steps)):
            self.reach |= self.ability(number, "").bits
        self.members: Bits = _bits(named) | (self.reach if rule.by_skill else 0)
        """Those named, and with `by_skill` those who meet what is asked at some stage."""

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

    def later(self, stage: int) -> float | None:
        """Seconds of waiting at which the next stage begins; None: this is the last."""
        return self.steps[stage + 1].after_s if stage + 1 < len(self.steps) else None


def stage_at(rule: QueueRule, waited_s: float) -> int:
    """Number of the stage reached after so long."""
    return sum(0.0 < after_s <= waited_s for after_s in _times(rule))


def _times(rule: QueueRule) -> list[float]:
    return sorted({0.0, *(relax.after_s for relax in rule.relax), *(tier.after_s for tier in rule.tiers)})


def named_agents(rule: QueueRule) -> list[str]:
    """All whom a queue names, each once: those of no tier first, then tier by tier."""
    in_tiers = [name for tier in rule.tiers for name in tier.agents]
    first = [name for name in rule.agents if name not in set(in_tiers)]
    return list(dict.fromkeys([*first, *in_tiers]))


def _steps(rule: QueueRule) -> list[Stage]:
    steps = []
    for after_s in _times(rule):
        drop: set[str] = set()
        at_most: dict[str, int] = {}
        for relax in rule.relax:
            if relax.after_s <= after_s:
                drop.update(relax.drop)
                for skill, level in relax.at_most.items():
                    at_most[skill] = min(level, at_most.get(skill, level))
        steps.append(Stage(after_s, frozenset(drop), at_most))
    return steps


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
    for relax in rule.relax:
        for name in relax.open if relax.after_s <= stage.after_s else ():
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
