"""Checks of wrap-up and dispositions: keys that contradict each other, keys that can do nothing."""

import re
from collections.abc import Mapping
from typing import Any

from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.model.rules import (
    DISPOSITION_REQUIRED,
    WRAP_UP_NONE,
    WRAP_UP_TIMED,
    WRAP_UP_UNTIL_ENDED,
    AgentRule,
    QueueRule,
)
from ccd.model.settings import Settings
from ccd.routing.wrap_ups import mode_of


def check_wrap_ups(reader: Reader, settings: Settings, meanwhile: bool = False) -> None:
    """All checks of this file. `meanwhile`, with a profile on, a key of the base may rest."""
    for queue in settings.rules.queues.values():
        path: Path = ("queues", queue.name)
        raw = reader.document.get(path) or {}
        _length(reader, path, queue)
        _dispositions(reader, path, raw, queue)
    for agent in settings.rules.agents.values():
        _length(reader, ("agents", agent.name), agent)
    if not meanwhile:
        _idle_keys(reader, settings)


def _idle_keys(reader: Reader, settings: Settings) -> None:
    """Keys that can do nothing, whoever's wrap-up it is."""
    queues, agents = settings.rules.queues.values(), settings.rules.agents.values()
    own = [agent for agent in agents if _says_mode(agent)]
    theirs = max((agent.wrap_up_extensions or 0 for agent in agents), default=0)
    for queue in queues:
        path: Path = ("queues", queue.name)
        raw = reader.document.get(path) or {}
        _contradiction(reader, path, raw, queue)
        timed = _is_timed(queue) or any(map(_is_timed, own))
        _extensions(reader, path, raw, timed, queue.wrap_up_extensions or theirs)
        waits = _waits(queue) or any(agent.wrap_up == WRAP_UP_UNTIL_ENDED for agent in own)
        _longest(reader, path, raw, waits)
    most = max((queue.wrap_up_extensions for queue in queues), default=0)
    for agent in agents:
        path = ("agents", agent.name)
        raw = reader.document.get(path) or {}
        _contradiction(reader, path, raw, agent)
        timed = _is_timed(agent) if _says_mode(agent) else any(map(_is_timed, queues))
        extensions = agent.wrap_up_extensions
        _extensions(reader, path, raw, timed, most if extensions is None else extensions)
        waits = agent.wrap_up == WRAP_UP_UNTIL_ENDED or any(map(_waits, queues))
        _longest(reader, path, raw, waits)


def _says_mode(agent: AgentRule) -> bool:
    """Whether the queues' words for how wrap-up ends do not count for this agent."""
    return agent.wrap_up is not None or agent.wrap_up_s is not None


def _waits(queue: QueueRule) -> bool:
    """Whether a wrap-up of the queue may last until something is done for it."""
    return queue.wrap_up == WRAP_UP_UNTIL_ENDED or queue.disposition == DISPOSITION_REQUIRED


def _is_timed(rule: AgentRule | QueueRule) -> bool:
    return mode_of(rule.wrap_up, rule.wrap_up_s) == WRAP_UP_TIMED


def _length(reader: Reader, path: Path, rule: AgentRule | QueueRule) -> None:
    if rule.wrap_up == WRAP_UP_TIMED and not rule.wrap_up_s:
        reader.fault((*path, "wrap_up"), "needs a length", "set wrap_up_s, e.g. wrap_up_s = 30")


def _contradiction(reader: Reader, path: Path, raw: Mapping[str, Any], rule: AgentRule | QueueRule) -> None:
    if rule.wrap_up in (WRAP_UP_NONE, WRAP_UP_UNTIL_ENDED) and rule.wrap_up_s and "wrap_up_s" in raw:
        problem = f'contradicts wrap_up = "{rule.wrap_up}"'
        cure = 'write wrap_up = "timed", or remove it; wrap_up_longest_s limits one that waits'
        reader.fault((*path, "wrap_up_s"), problem, cure)


def _extensions(reader: Reader, path: Path, raw: Mapping[str, Any], timed: bool, extensions: int) -> None:
    key = "wrap_up_extensions"
    if raw.get(key) and not timed:
        cure = "set wrap_up_s, or remove it"
        reader.fault((*path, key), "can never happen: no wrap-up here is timed", cure)
    elif "wrap_up_extend_s" in raw and not extensions:
        problem = "can never happen: wrap-up may not be extended"
        reader.fault((*path, "wrap_up_extend_s"), problem, f"set {key}, e.g. {key} = 2, or remove it")


def _longest(reader: Reader, path: Path, raw: Mapping[str, Any], waits: bool) -> None:
    if "wrap_up_longest_s" in raw and not waits:
        problem = "can never happen: wrap-up always ends by its time"
        cure = 'write wrap_up = "until_ended" or disposition = "required", or remove it'
        reader.fault((*path, "wrap_up_longest_s"), problem, cure)


def _dispositions(reader: Reader, path: Path, raw: Mapping[str, Any], queue: QueueRule) -> None:
    if "disposition" in raw and not queue.dispositions:
        cure = 'set dispositions, e.g. { 1 = "sale", 2 = "call_back" }'
        reader.fault((*path, "disposition"), "there is no list to give one of", cure)
    firsts: dict[str, str] = {}
    for code, name in queue.dispositions.items():
        here: Path = (*path, "dispositions", code)
        if not re.fullmatch(r"[0-9]{1,6}", code):
            reader.fault(here, "is no code", "use 1 to 6 digits, e.g. 1 = …")
        first = firsts.setdefault(name, code)
        if first != code:
            problem = f'"{name}" has the code {first} already'
            reader.fault(here, problem, "give each disposition one code")
