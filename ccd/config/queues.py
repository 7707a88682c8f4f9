"""Checks of how a queue chooses: requirement, relaxation, tiers, strategy, limits, and what can be held."""

from collections.abc import Callable, Collection, Iterator, Mapping

from ccd.config.clock_names import clock_names
from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.opening import check_closing_circles, check_opening
from ccd.config.strategies import installed
from ccd.config.values import Reader
from ccd.config.waiting_keys import check_waiting_keys
from ccd.errors import Misconfigured
from ccd.model.clock_figures import ClockNames
from ccd.model.entry import check_relax_when, check_when
from ccd.model.expression_text import ExpressionFault
from ccd.model.nouns import ChannelClass
from ccd.model.requirement_terms import HIGHEST_LEVEL, LOWEST_LEVEL
from ccd.model.requirements import parse_requirement
from ccd.model.rules import AgentRule, EntryRule, QueueRule
from ccd.model.settings import Settings
from ccd.routing.stages import MOST_CONDITIONS
from ccd.routing.strategies import RING_ALL, STRATEGIES


def check_queues(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    skills = all_skills(settings)
    for agent in settings.rules.agents.values():
        _skills(reader, agent)
        _own_loads(reader, agent)
    for queue in settings.rules.queues.values():
        path: Path = ("queues", queue.name)
        _strategy(reader, path, queue)
        _ring_all(reader, path, queue)
        check_requirement(reader, (*path, "requirement"), queue.requirement, skills)
        _by_skill(reader, settings, path, queue)
        _entry(reader, settings, path, queue, skills)
        _relax(reader, settings, path, queue, skills)
        _tiers(reader, settings, path, queue)
        _weights(reader, path, queue)
        _reserve(reader, settings, path, queue)
        _interrupts(reader, path, queue)
        _loads(reader, settings, path, queue)
        check_opening(reader, settings, path, queue)
        check_waiting_keys(reader, path, queue)
    check_closing_circles(reader, settings.rules.queues)


def all_skills(settings: Settings) -> set[str]:
    """Every skill that an agent has."""
    return {skill for agent in settings.rules.agents.values() for skill in agent.skills}


def check_requirement(reader: Reader, path: Path, text: str, skills: Collection[str]) -> None:
    """Fault, with the column, unless the text is a requirement of skills that agents have."""
    try:
        parse_requirement(text, skills)
    except ExpressionFault as fault:
        reader.fault(path, f"column {fault.column}: {fault.problem}", fault.cure)


def check_condition(
    reader: Reader,
    path: Path,
    text: str,
    queues: Collection[str],
    check: Callable[[str, Collection[str], ClockNames], None] = check_when,
) -> None:
    """Fault, with the column, unless the text is a condition about what is there."""
    try:
        check(text, queues, clock_names(reader))
    except ExpressionFault as fault:
        reader.fault(path, f"column {fault.column}: {fault.problem}", fault.cure)


def must_be_agent(reader: Reader, settings: Settings, path: Path, name: str) -> bool:
    """Fault unless there is such an agent."""
    agents = settings.rules.agents
    if name in agents:
        return True
    raw = reader.document.tree.get("agents")
    known = raw.keys() if isinstance(raw, dict) else agents.keys()
    if name not in known:
        cure = did_you_mean(name, known, f"define [agents.{name}]; defined are: {listed(known)}")
        reader.fault(path, f'there is no agent "{name}"', cure)
    return False


# -- agents --------------------------------------------------------------------------------------


def _skills(reader: Reader, agent: AgentRule) -> None:
    for skill, level in agent.skills.items():
        path: Path = ("agents", agent.name, "skills", skill)
        if not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
            problem = f"must be from {LOWEST_LEVEL} to {HIGHEST_LEVEL}, is {level}"
            reader.fault(path, problem, "choose such a level, or leave the skill out")
        try:
            parse_requirement(skill)
        except ExpressionFault:
            cure = "write letters, digits, _ and -, no word of the language (and, or, not …)"
            reader.fault(path, f'"{skill}" cannot be named in a requirement', cure)


def _own_loads(reader: Reader, agent: AgentRule) -> None:
    for channel_class, load in agent.load.items():
        if load > agent.capacity:
            path: Path = ("agents", agent.name, "load", str(channel_class))
            problem = f"{load} is more than the agent's capacity of {agent.capacity}"
            reader.fault(path, problem, "lower the load, or raise the capacity")


# -- queues --------------------------------------------------------------------------------------


def _strategy(reader: Reader, path: Path, queue: QueueRule) -> None:
    try:
        own = installed()
    except Misconfigured as fault:
        reader.fault((*path, "strategy"), fault.message, "repair or remove that package")
        return
    known = [*STRATEGIES, *own]
    if queue.strategy not in known:
        cure = did_you_mean(queue.strategy, known, f"choose one of: {listed(known, 20)}")
        problem = f'must be one of {listed(known, 20)}, is "{queue.strategy}"'
        reader.fault((*path, "strategy"), problem, cure)


def _ring_all(reader: Reader, path: Path, queue: QueueRule) -> None:
    """What goes with the strategy `ring_all`, and what only with it."""
    if queue.strategy != RING_ALL:
        if reader.document.get((*path, "ring_all_max")) is not None:
            problem = f'the strategy "{queue.strategy}" rings one agent at a time'
            reader.fault((*path, "ring_all_max"), problem, f'set strategy = "{RING_ALL}", or remove this')
    elif queue.retry_same_after_s <= 0:
        problem = "must be more than 0 with ring_all, or who declines would be rung again at once"
        reader.fault((*path, "retry_same_after_s"), problem, "set some seconds, or remove it (30)")


def _by_skill(reader: Reader, settings: Settings, path: Path, queue: QueueRule) -> None:
    if not queue.by_skill:
        return
    here: Path = (*path, "by_skill")
    if not reader.document.get((*path, "requirement")):
        reader.fault(here, "needs a requirement to choose by", "set requirement, or name agents")
    elif not _serving(settings.rules.agents, queue):
        place = reader.document.place(here)
        cure = "give agents the skills, or name some"
        reader.faults.add(place, here, "no agent meets the requirement from the start", cure, warning=True)


def _entry(reader: Reader, settings: Settings, path: Path, queue: QueueRule, skills: Collection[str]) -> None:
    for at, rule in enumerate(queue.entry):
        check_entry_rule(reader, settings, (*path, "entry", at), rule, skills)


def check_entry_rule(
    reader: Reader, settings: Settings, path: Path, rule: EntryRule, skills: Collection[str]
) -> None:
    """Condition and requirement ask about what is there, and the rule changes something."""
    if rule.when:
        check_condition(reader, (*path, "when"), rule.when, settings.rules.queues)
    check_requirement(reader, (*path, "requirement"), rule.requirement, skills)
    if not rule.add and not rule.requirement and not reader.document.get((*path, "add")):
        reader.fault(path, "changes nothing", "set add or requirement")


def _relax(reader: Reader, settings: Settings, path: Path, queue: QueueRule, skills: Collection[str]) -> None:
    latest = 0.0
    for at, relax in enumerate(queue.relax):
        here: Path = (*path, "relax", at)
        if relax.when:
            check_condition(reader, (*here, "when"), relax.when, settings.rules.queues, check_relax_when)
        elif not relax.after_s:
            reader.fault(here, "says neither when nor after how long", "set after_s, when, or both")
        elif relax.after_s <= latest:
            problem = f"must come after {latest:g} s, is {relax.after_s:g}"
            reader.fault((*here, "after_s"), problem, "write the earliest first")
        latest = latest if relax.when else max(latest, relax.after_s)
        for number, skill in enumerate(relax.drop):
            _must_be_skill(reader, (*here, "drop", number), skill, skills)
        for skill in relax.at_most:
            _must_be_skill(reader, (*here, "at_most", skill), skill, skills)
        for number, name in enumerate(relax.open):
            _must_be_other_queue(reader, settings, (*here, "open", number), name, queue)
        if not relax.drop and not relax.at_most and not relax.open:
            reader.fault(here, "gives nothing up", "add drop, at_most or open")
    conditions = [at for at, relax in enumerate(queue.relax) if relax.when]
    for at in conditions[MOST_CONDITIONS:]:
        problem = f"is the relaxation number {conditions.index(at) + 1} with a condition"
        cure = f"a queue may have {MOST_CONDITIONS}: join some with `or`"
        reader.fault((*path, "relax", at, "when"), problem, cure)


def _must_be_skill(reader: Reader, path: Path, skill: str, skills: Collection[str]) -> None:
    if skill not in skills:
        cure = did_you_mean(skill, skills, f"skills of agents are: {listed(sorted(skills))}")
        reader.fault(path, f'no agent has the skill "{skill}"', cure)


def _must_be_other_queue(reader: Reader, settings: Settings, path: Path, name: str, queue: QueueRule) -> None:
    known = reader.document.tree.get("queues")
    names = known.keys() if isinstance(known, dict) else settings.rules.queues.keys()
    if name not in names:
        reader.fault(
            path, f'there is no queue "{name}"', did_you_mean(name, names, f"defined are: {listed(names)}")
        )
    elif name == queue.name:
        reader.fault(path, "is this queue itself", "name the queue whose agents are to help")


def _tiers(reader: Reader, settings: Settings, path: Path, queue: QueueRule) -> None:
    seen: dict[str, int] = {}
    latest = 0.0
    for at, tier in enumerate(queue.tiers):
        here: Path = (*path, "tiers", at)
        if tier.after_s < latest:
            problem = f"must not come before {latest:g} s, is {tier.after_s:g}"
            reader.fault((*here, "after_s"), problem, "write the earliest tier first")
        latest = max(latest, tier.after_s)
        for number, name in enumerate(tier.agents):
            where: Path = (*here, "agents", number)
            if must_be_agent(reader, settings, where, name) and name in seen:
                problem = f'the agent "{name}" is in tier {seen[name] + 1} already'
                reader.fault(where, problem, "name each agent in one tier")
            seen.setdefault(name, at)
        if not tier.agents:
            reader.fault((*here, "agents"), "names nobody", "name its agents, or remove the tier")


def _weights(reader: Reader, path: Path, queue: QueueRule) -> None:
    here: Path = (*path, "weights")
    if queue.weights and queue.strategy != "weighted_random":
        reader.fault(
            here, f'the strategy "{queue.strategy}" knows no weights', 'set strategy = "weighted_random"'
        )
    named = list(dict.fromkeys([*queue.agents, *(name for tier in queue.tiers for name in tier.agents)]))
    for name in queue.weights:
        if name not in named and not queue.by_skill:
            cure = did_you_mean(name, named, f"its agents are: {listed(named)}")
            reader.fault((*here, name), "does not serve this queue", cure)


def _reserve(reader: Reader, settings: Settings, path: Path, queue: QueueRule) -> None:
    serving = set(_serving(settings.rules.agents, queue))
    for channel_class, count in queue.reserve.items():
        if serving and count >= len(serving):
            problem = f"keeps {count} of {len(serving)} agents: nothing else would ever be offered"
            reader.fault((*path, "reserve", str(channel_class)), problem, "keep fewer, or name more agents")


def _interrupts(reader: Reader, path: Path, queue: QueueRule) -> None:
    for channel_class, over in queue.interrupts.items():
        here: Path = (*path, "interrupts", str(channel_class))
        for at, held in enumerate(over):
            if held is ChannelClass.VOICE:
                reader.fault((*here, at), "a call is never interrupted", "remove it")
            elif held is channel_class:
                reader.fault((*here, at), "would interrupt its own kind", "remove it")


def _loads(reader: Reader, settings: Settings, path: Path, queue: QueueRule) -> None:
    """Work that costs more than each of the queue's agents can hold would wait for ever."""
    agents = list(_serving(settings.rules.agents, queue).values())
    for channel_class, load in queue.load.items():
        able = [agent for agent in agents if agent.load.get(channel_class, load) <= agent.capacity]
        if agents and not able:
            most = max(agent.capacity for agent in agents)
            problem = f"{load} is more than any agent of the queue can hold, at most {most}"
            reader.fault(
                (*path, "load", str(channel_class)), problem, "lower the load, or raise an agent's capacity"
            )


def _serving(agents: Mapping[str, AgentRule], queue: QueueRule) -> dict[str, AgentRule]:
    """Agents who may come to serve the queue, without those who only help."""
    return {name: agents[name] for name in _names(agents, queue) if name in agents}


def _names(agents: Mapping[str, AgentRule], queue: QueueRule) -> Iterator[str]:
    yield from queue.agents
    for tier in queue.tiers:
        yield from tier.agents
    if queue.by_skill:
        try:
            asked = parse_requirement(queue.requirement)
        except ExpressionFault:
            return
        yield from (name for name, agent in agents.items() if asked.met_by(agent.skills))
