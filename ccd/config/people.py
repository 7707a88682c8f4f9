"""Checks of agents, devices, queues, extensions and feature codes against each other."""

import re
from collections.abc import Collection, Iterator

from ccd.config.circles import circles, led_to
from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.values import Reader
from ccd.model.nouns import OfferEnd
from ccd.model.numbers import to_e164
from ccd.model.rules import QueueRule, Share, Target, pause_names, way_of
from ccd.model.settings import Settings

MISSES = (OfferEnd.NO_ANSWER, OfferEnd.BUSY, OfferEnd.REJECTED, OfferEnd.UNREACHABLE, OfferEnd.INCOMPATIBLE)
_EXTENSION = re.compile(r"[0-9*#]{1,15}")


def check_people(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    _devices(reader, settings)
    for queue in settings.rules.queues.values():
        _queue(reader, settings, queue)
    _circles(reader, settings.rules.queues)
    _features(reader, settings)
    _pauses(reader, settings)
    _extensions(reader, settings)


def known(reader: Reader, section: str) -> Collection[str]:
    """Names that the files define in a section, also those whose tables have faults."""
    raw = reader.document.tree.get(section)
    return raw.keys() if isinstance(raw, dict) else ()


def must_be_known(reader: Reader, path: Path, name: str, section: str) -> bool:
    """Fault unless `name` is defined in `section` (`queues`, `flows`…)."""
    names = known(reader, section)
    if name in names:
        return True
    cure = did_you_mean(name, names, f"define [{section}.{name}]; defined are: {listed(names)}")
    reader.fault(path, f'there is no {section[:-1]} "{name}"', cure)
    return False


# -- agents and devices --------------------------------------------------------------------------


def _devices(reader: Reader, settings: Settings) -> None:
    owners: dict[str, str] = {}
    for agent in settings.rules.agents.values():
        for at, device in enumerate(agent.devices):
            path: Path = ("agents", agent.name, "devices", at)
            if not must_be_known(reader, path, device, "devices"):
                continue
            owner = owners.setdefault(device, agent.name)
            if owner != agent.name or device in agent.devices[:at]:
                problem = f'the device "{device}" belongs to agent "{owner}" already'
                reader.fault(path, problem, "give each agent devices of their own")
    for name in settings.devices:
        if name not in owners:
            cure = f'add "{name}" to the devices of an agent, or remove it'
            reader.fault(("devices", name), "belongs to no agent", cure)


# -- queues --------------------------------------------------------------------------------------


def _queue(reader: Reader, settings: Settings, queue: QueueRule) -> None:
    path: Path = ("queues", queue.name)
    seen: set[str] = set()
    for at, name in enumerate(queue.agents):
        here: Path = (*path, "agents", at)
        if must_be_known(reader, here, name, "agents") and name in seen:
            reader.fault(here, f'the agent "{name}" is named twice', "name each agent once")
        seen.add(name)
    if not queue.agents and not queue.tiers and not queue.by_skill:
        place = reader.document.place((*path, "agents"))
        reader.faults.add(place, (*path, "agents"), "nobody serves this queue", "name its agents", True)
    for end in queue.on_miss:
        if end not in MISSES:
            cure = f"choose from: {listed(str(miss) for miss in MISSES)}"
            reader.fault((*path, "on_miss", str(end)), "is no way to miss an offer", cure)
    _overflow(reader, settings, queue)


def _overflow(reader: Reader, settings: Settings, queue: QueueRule) -> None:
    path: Path = ("queues", queue.name, "overflow")
    if queue.overflow == Target():
        return
    check_target(reader, settings, path, queue.overflow)
    raw = reader.document.get(path[:-1]) or {}
    limits = ["max_wait_s", "max_length", "max_load", "max_ewt_s", "join_empty", "leave_empty"]
    if queue.closed_to == Target():
        limits.append("calendar")
    if not any(limit in raw for limit in limits):
        problem = "can never happen: the queue has no limit"
        reader.fault(path, problem, f"set one of {', '.join(limits)}")


def check_target(reader: Reader, settings: Settings, path: Path, target: Target) -> None:
    """Fault unless exactly one way is named and it exists, or shares each of which does, within a hundred."""
    used = _ways(reader, settings, path, target)
    if target.share and used:
        reader.fault(path, f"names {listed([*used, 'share'])} at a time", "keep one of them")
    seen: dict[str, int] = {}
    for at, share in enumerate(target.share):
        here: Path = (*path, "share", at)
        if not _ways(reader, settings, here, share):
            reader.fault(here, "leads nowhere", "name its queue, flow, agent or address")
        elif (first := seen.setdefault(way_of(share), at)) != at:
            reader.fault(here, f"goes where share[{first}] goes", "add the two up in one")
    given = sum(share.pct for share in target.share)
    if given > 100:
        problem = f"adds up to {given} %"
        reader.fault((*path, "share"), problem, "let all pct add up to 100 at most: the rest stays in line")


def _ways(reader: Reader, settings: Settings, path: Path, target: Target | Share) -> list[str]:
    """The keys that name a way; a fault unless it is one at most and what they name exists."""
    ways = {"queue": target.queue, "flow": target.flow, "agent": target.agent, "address": target.address}
    if isinstance(target, Target):
        ways["voicemail"] = target.voicemail
    used = [way for way, name in ways.items() if name]
    if len(used) > 1:
        reader.fault(path, f"names {listed(used)} at a time", "keep one of them")
    for way in used:
        if way == "address":
            must_be_number(reader, (*path, way), target.address, settings.daemon.country)
        else:
            table = "queues" if way == "voicemail" else f"{way}s"
            must_be_known(reader, (*path, way), ways[way], table)
    return used


def must_be_number(reader: Reader, path: Path, text: str, country: str) -> str:
    """The number in E.164 (or short); empty after a fault."""
    number = to_e164(text, country)
    if not number:
        cure = f"write it with + and country code, e.g. +33123456789, or as dialled in {country}"
        reader.fault(path, f'"{text}" is no telephone number', cure)
    return number


def _circles(reader: Reader, queues: dict[str, QueueRule]) -> None:
    """Overflow from queue to queue must end: two full queues would pass an interaction on for ever."""
    into = {name: led_to(queue.overflow) for name, queue in queues.items()}
    for circle in circles(into):
        problem = f"goes in a circle: {' → '.join(circle)}"
        cure = "let the last of them overflow into a flow, or not at all"
        reader.fault(("queues", circle[0], "overflow"), problem, cure)


# -- what is dialled -----------------------------------------------------------------------------


def _features(reader: Reader, settings: Settings) -> None:
    features = settings.rules.features
    codes = {name: getattr(features, name) for name in features.__struct_fields__}
    for name, code in codes.items():
        path: Path = ("features", name)
        if code and not _EXTENSION.fullmatch(code):
            reader.fault(path, f'"{code}" cannot be dialled', "use the keys 0-9, * and #")
        for other, code_of_other in codes.items():
            clash = code == code_of_other and other < name
            followed = other in {"pause", "disposition", "pickup"} and name != other
            clash = clash or (followed and code.startswith(code_of_other))
            if code and code_of_other and clash:
                problem = f'"{code}" clashes with features.{other} "{code_of_other}"'
                reader.fault(path, problem, "choose another code")


def _pauses(reader: Reader, settings: Settings) -> None:
    reasons = settings.rules.pause_reasons
    names = pause_names(reasons)
    firsts: dict[str, str] = {}
    for code, reason in reasons.items():
        path: Path = ("pause_reasons", code)
        if not re.fullmatch(r"[0-9]{1,6}", code):
            reader.fault(path, "is no code", "use 1 to 6 digits, e.g. 1 = …")
        first = firsts.setdefault(names[code], code)
        if reason != reasons[first]:
            problem = f'says other than {first} of the same reason "{names[code]}"'
            reader.fault(path, problem, "say the same in both, or choose another name")
        limited = isinstance(reason, str) or reason.longest_s is not None
        if not limited and "on_longest" in (reader.document.get(path) or {}):
            cure = "set longest_s, or remove on_longest"
            reader.fault((*path, "on_longest"), "can never happen: the reason has no longest_s", cure)


def _extensions(reader: Reader, settings: Settings) -> None:
    features = settings.rules.features
    codes = [getattr(features, name) for name in features.__struct_fields__]
    taken: dict[str, Path] = {}
    for path, extension in _all_extensions(settings):
        if not extension:
            continue
        if not _EXTENSION.fullmatch(extension):
            reader.fault(path, f'"{extension}" cannot be dialled', "use at most 15 of the keys 0-9, * and #")
        code = next((code for code in codes if code and extension.startswith(code)), "")
        if code:
            reader.fault(path, f'"{extension}" clashes with the feature code {code}', "choose another number")
        first = taken.setdefault(extension, path)
        if first != path:
            problem = f'"{extension}" is the extension of {first[0]}.{first[1]} already'
            cure = f"choose another number; the other stands in {reader.document.place(first)}"
            reader.fault(path, problem, cure)


def _all_extensions(settings: Settings) -> Iterator[tuple[Path, str]]:
    for agent in settings.rules.agents.values():
        yield ("agents", agent.name, "extension"), agent.extension
    for queue in settings.rules.queues.values():
        yield ("queues", queue.name, "extension"), queue.extension
