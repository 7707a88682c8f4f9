"""Profiles of the file: read, checked by themselves, and checked as the rules they make when they are on.

A profile is a small configuration over the other one. What it says is held against the same structs and
the same checks: each is applied to the base, the checks run over the outcome, and what they find new is
told at the key of the profile that brought it about.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from ccd.config.faults import FaultList, Path, Place, did_you_mean, listed, written
from ccd.config.files import Document
from ccd.config.numbers import with_numbers
from ccd.config.opening import TARGETS
from ccd.config.own_calls import check_own_calls
from ccd.config.people import check_people, check_target, known, must_be_known
from ccd.config.queues import check_queues
from ccd.config.sounds import check_sounds
from ccd.config.values import Reader
from ccd.config.wrap_ups import check_wrap_ups
from ccd.model.numbers import to_e164
from ccd.model.profiles import JOIN, LEAVE, MOVES, apply_profiles, touched_keys
from ccd.model.rules import AgentRule, ProfileRule, QueueRule, Rules, Target
from ccd.model.settings import Settings

SECTION = "profiles"
VOICE = "voice"
"""The built-in channel, which stands in no section."""
_NAMES = inspect.type_info(list[str])


def refine(reader: Reader, profile: ProfileRule) -> ProfileRule:
    """The profile with the keys that it changes read as those of agents and queues are."""
    path: Path = (SECTION, profile.name)
    moves = dict.fromkeys(MOVES, _NAMES)
    agents = {
        name: reader.changes(AgentRule, (*path, "agents", name), raw, moves)
        for name, raw in profile.agents.items()
    }
    queues = {
        name: reader.changes(QueueRule, (*path, "queues", name), raw) for name, raw in profile.queues.items()
    }
    return msgspec.structs.replace(profile, agents=agents, queues=queues)


def normalise(profile: ProfileRule, country: str) -> ProfileRule:
    """All telephone numbers in E.164."""
    numbers = {_number(text, country): flow for text, flow in profile.numbers.items()}
    queues = {name: _with_number(changes, country) for name, changes in profile.queues.items()}
    agents = {
        name: {**changes, **({"caller_id": to_e164(number, country)} if number else {})}
        for name, changes in profile.agents.items()
        for number in (changes.get("caller_id", ""),)
    }
    resting = {name: with_numbers(target, country) for name, target in profile.suspend.queues.items()}
    suspend = msgspec.structs.replace(profile.suspend, queues=resting)
    return msgspec.structs.replace(profile, agents=agents, numbers=numbers, queues=queues, suspend=suspend)


def _number(text: str, country: str) -> str:
    return text if ":" in text else to_e164(text, country)


def _with_number(changes: dict[str, Any], country: str) -> dict[str, Any]:
    targets = {
        key: msgspec.to_builtins(with_numbers(msgspec.convert(changes[key], Target), country))
        for key in TARGETS
        if key in changes
    }
    return {**changes, **targets}


# -- each by itself ------------------------------------------------------------------------------------


def check_profiles(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    profiles = settings.rules.profiles
    for profile in profiles.values():
        _itself(reader, settings, profile)
        _when_on(reader, settings, profile)
    _same_keys(reader, list(profiles.values()))


def _itself(reader: Reader, settings: Settings, profile: ProfileRule) -> None:
    path: Path = (SECTION, profile.name)
    if not any(True for _ in touched_keys(profile)):
        cure = "say under it what is other while it is on, or remove it"
        reader.faults.add(reader.document.place(path), path, "changes nothing", cure, True)
    for name, changes in profile.agents.items():
        if must_be_known(reader, (*path, "agents", name), name, "agents"):
            _moves(reader, settings, (*path, "agents", name), name, changes)
    for name in profile.queues:
        must_be_known(reader, (*path, "queues", name), name, "queues")
    for name, flow in profile.flows.items():
        if must_be_known(reader, (*path, "flows", name), name, "flows"):
            must_be_known(reader, (*path, "flows", name), flow, "flows")
    _numbers(reader, settings, (*path, "numbers"), profile.numbers)
    for name, target in profile.suspend.queues.items():
        here: Path = (*path, "suspend", "queues", name)
        if must_be_known(reader, here, name, "queues"):
            check_target(reader, settings, here, target)
    for name, target in profile.suspend.channels.items():
        _channel(reader, settings, (*path, "suspend", "channels", name), name, target)


def _moves(reader: Reader, settings: Settings, path: Path, agent: str, changes: dict[str, Any]) -> None:
    for move in MOVES:
        for at, name in enumerate(changes.get(move, ())):
            here: Path = (*path, move, at)
            if not must_be_known(reader, here, name, "queues"):
                continue
            queue = settings.rules.queues.get(name)
            serves = queue is None or agent in queue.agents
            if move == JOIN and name in changes.get(LEAVE, ()):
                reader.fault(here, f'joins and leaves the queue "{name}" at a time', "keep one of the two")
            elif name in changes[move][:at]:
                reader.fault(here, f'the queue "{name}" is named twice', "name each queue once")
            elif queue is not None and serves == (move == JOIN):
                problem = f'is {"" if serves else "not "}among the agents of the queue "{name}" anyway'
                reader.faults.add(reader.document.place(here), here, problem, "remove it here", True)


def _numbers(reader: Reader, settings: Settings, path: Path, numbers: dict[str, str]) -> None:
    country = settings.daemon.country
    answered = {_number(text, country): text for text in settings.rules.numbers}
    seen: dict[str, str] = {}
    for text, flow in numbers.items():
        here: Path = (*path, text)
        number = _number(text, country)
        if number not in answered:
            cure = did_you_mean(text, answered.values(), f"answered are: {listed(answered.values())}")
            reader.fault(here, "is no number of [numbers]", cure)
        elif (first := seen.setdefault(number, text)) != text:
            reader.fault(here, f'is the same number as "{first}"', "keep one of the two")
        must_be_known(reader, here, flow, "flows")


def _channel(reader: Reader, settings: Settings, path: Path, name: str, target: Target) -> None:
    channels = [VOICE, *known(reader, "channels")]
    if name not in channels:
        cure = did_you_mean(name, channels, f"defined are: {listed(channels)}")
        reader.fault(path, f'there is no channel "{name}"', cure)
    elif not (target.flow or target.queue) or target.agent or target.address:
        cure = 'write { flow = "NAME" } or { queue = "NAME" }; to let it wait, name a queue that rests too'
        reader.fault(path, "must name the flow or the queue that takes its new interactions", cure)
    else:
        check_target(reader, settings, path, target)


def _same_keys(reader: Reader, profiles: list[ProfileRule]) -> None:
    """Two profiles that say something about one key may be on together: the later one counts."""
    first: dict[tuple[str, ...], str] = {}
    for profile in profiles:
        for key in touched_keys(profile):
            moves = key[0] == "agents" and key[2] in MOVES
            same = (*key[:2], JOIN, key[3]) if moves else key
            other = first.setdefault(same, profile.name)
            if other != profile.name:
                path: Path = (SECTION, profile.name, *key)
                problem = f'profile "{other}" says something about this too'
                cure = "when both are on, the one turned on later counts; keep it in one if that is not meant"
                reader.faults.add(reader.document.place(path), path, problem, cure, True)


# -- each over the base --------------------------------------------------------------------------------


class _Applied(Document):
    """The document as it would be written with a profile on; places lead to the profile's own keys."""

    __slots__ = ("_base", "_origins")

    def __init__(self, base: Document, profile: ProfileRule, rules: Rules) -> None:
        super().__init__(base.root, base.folder)
        self._base = base
        self._origins = dict(_origins(profile, rules))
        self.tree = {
            **base.tree,
            "agents": dict(_tables(base, "agents")),
            "queues": dict(_tables(base, "queues")),
        }
        for section, name, key in {tuple(map(str, path[:3])) for path in self._origins}:
            table = self.tree[section].get(name)
            rule = getattr(rules, section).get(name)
            if isinstance(table, dict) and rule is not None:
                self.tree[section][name] = {**table, key: msgspec.to_builtins(getattr(rule, key))}
        for name in profile.queues:  # also keys whose values were not taken: that they are set counts
            table, raw = self.tree["queues"].get(name), base.get((SECTION, profile.name, "queues", name))
            if isinstance(table, dict) and isinstance(raw, dict):
                self.tree["queues"][name] = {**raw, **table}

    def origin(self, path: Path) -> Path:
        """The key of the profile that a path comes from; the path itself where it is the base's."""
        for size in range(len(path), 2, -1):
            found = self._origins.get(path[:size])
            if found is not None:
                return (*found, *path[size:])
        return path

    def place(self, path: Path) -> Place:
        return self._base.place(self.origin(path))


def _tables(document: Document, section: str) -> dict[str, Any]:
    raw = document.tree.get(section)
    return raw if isinstance(raw, dict) else {}


def _origins(profile: ProfileRule, rules: Rules) -> Iterator[tuple[Path, Path]]:
    """Key of an agent or a queue with the profile on → key of the profile that sets it."""
    path: Path = (SECTION, profile.name)
    for name, changes in profile.agents.items():
        for key in changes.keys() - set(MOVES):
            yield ("agents", name, key), (*path, "agents", name, key)
        for at, queue in enumerate(changes.get(JOIN, ())):
            members = rules.queues[queue].agents if queue in rules.queues else ()
            if name in members:
                yield ("queues", queue, "agents", members.index(name)), (*path, "agents", name, JOIN, at)
        for at, queue in enumerate(changes.get(LEAVE, ())):
            yield ("queues", queue, "agents"), (*path, "agents", name, LEAVE, at)
    for name, changes in profile.queues.items():
        for key in changes:
            yield ("queues", name, key), (*path, "queues", name, key)
    for name, target in profile.suspend.queues.items():
        if target != Target():
            for key in ("max_length", "max_wait_s", "overflow", "calendar", "closed_to", "on_close"):
                yield ("queues", name, key), (*path, "suspend", "queues", name)


class _Found(FaultList):
    """Gathers what is wrong with a profile on, each once."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Place, Path, str, str, bool]] = []

    def add(self, place: Place, path: Path, problem: str, cure: str, warning: bool = False) -> None:
        self.found.append((place, path, problem, cure, warning))


def _when_on(reader: Reader, settings: Settings, profile: ProfileRule) -> None:
    rules = apply_profiles(settings.rules, [profile.name])
    document, faults = _Applied(reader.document, profile, rules), _Found()
    applied = reader.over(document, faults)
    with_it = msgspec.structs.replace(settings, rules=rules)
    check_people(applied, with_it)
    check_own_calls(applied, with_it)
    check_queues(applied, with_it)
    check_wrap_ups(applied, with_it, meanwhile=True)
    check_sounds(applied, msgspec.structs.replace(settings, rules=rules))
    before = {(fault.key, fault.problem) for fault in reader.faults.sorted()}
    for _, path, problem, cure, warning in faults.found:
        if (written(path), problem) in before or _rests(profile, path):
            continue
        told = document.origin(path)
        if told == path:
            told = (SECTION, profile.name, *path)
        place = reader.document.place(told)
        reader.faults.add(place, told, f"with this profile on: {problem}", cure, warning)


def _rests(profile: ProfileRule, path: Path) -> bool:
    """That nobody serves a suspended queue is what was asked for."""
    return path[:1] == ("queues",) and path[1] in profile.suspend.queues and path[2:] == ("agents",)
