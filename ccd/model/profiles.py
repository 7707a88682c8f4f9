"""Profiles: what one command changes in the rules for a while ("peak mode"), as pure functions.

The rules in force are always made anew from the base rules and the profiles that are on, in the order in
which they were turned on: so every order of on and off leads back to the base. Where two profiles set the
same key, the one turned on later counts. Suspensions come last: what is suspended by any of them rests.
Everything works over the fields of the rule structs, so each key of an agent or a queue can be changed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from ccd.model.rules import CLOSE_SERVE, AgentRule, FlowRule, ProfileRule, QueueRule, Rules, Target
from ccd.model.steps import Answer, Enqueue

JOIN, LEAVE = "join", "leave"
MOVES = (JOIN, LEAVE)
"""Keys of an agent in a profile that are no keys of an agent."""
_SERVED_BY: dict[str, Any] = {"agents": (), "by_skill": False, "tiers": (), "relax": ()}
"""What of a queue's rule says who serves it → the value that says nobody."""
_NOBODY = {name: value for name, value in _SERVED_BY.items() if name in QueueRule.__struct_fields__}
_R = TypeVar("_R", AgentRule, QueueRule)


class ProfileOn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A profile that is on."""

    profile: str
    by: str
    since: float
    until: float | None = None
    """When it ends by itself; at that instant it is off."""
    reason: str = ""


def apply_profiles(base: Rules, names: Iterable[str]) -> Rules:
    """The rules in force when the profiles of these names are on over `base`, in this order.

    Unknown profiles, and what a profile says of agents, queues, numbers or flows that `base` does not have,
    change nothing: the configuration was checked for them.
    """
    chosen = [base.profiles[name] for name in names if name in base.profiles]
    if not chosen:
        return base
    queues, agents = dict(base.queues), dict(base.agents)
    numbers, flows = dict(base.numbers), dict(base.flows)
    for profile in chosen:
        for name, changes in profile.queues.items():
            if name in queues:
                queues[name] = changed(queues[name], changes)
        for name, changes in profile.agents.items():
            if name in agents:
                agents[name] = changed(agents[name], _keys(changes))
                _move(queues, name, changes)
        numbers.update((number, flow) for number, flow in profile.numbers.items() if number in numbers)
        flows.update((name, base.flows[by]) for name, by in profile.flows.items() if by in base.flows)
    for name, (_, target) in suspended(base, chosen).items():
        queues[name] = rested(queues[name], target)
    diverted = _divert(chosen, flows, queues)
    return msgspec.structs.replace(
        base, queues=queues, agents=agents, numbers=numbers, flows=flows, diverted=diverted
    )


def changed(rule: _R, changes: dict[str, Any]) -> _R:
    """The rule with other values (plain ones, as in the file) for some of its keys."""
    if not changes:
        return rule
    return msgspec.convert({**msgspec.to_builtins(rule), **changes}, type(rule))


def _keys(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if key not in MOVES}


def _move(queues: dict[str, QueueRule], agent: str, changes: dict[str, Any]) -> None:
    """Put an agent last among those of the queues it joins, and take it out of those it leaves."""
    for name in changes.get(LEAVE, ()):
        if name in queues:
            left = tuple(each for each in queues[name].agents if each != agent)
            queues[name] = msgspec.structs.replace(queues[name], agents=left)
    for name in changes.get(JOIN, ()):
        if name in queues and agent not in queues[name].agents:
            queues[name] = msgspec.structs.replace(queues[name], agents=(*queues[name].agents, agent))


def rested(queue: QueueRule, target: Target) -> QueueRule:
    """The rule of a suspended queue: nobody serves it. With a target who waits goes there at once, and so
    does who arrives; without one they wait, and the queue's own limits hold."""
    resting = msgspec.structs.replace(queue, **_NOBODY)
    if target == Target():
        return resting
    always_open = {"calendar": "", "closed_to": Target(), "on_close": CLOSE_SERVE}
    return msgspec.structs.replace(resting, max_length=0, max_wait_s=0.0, overflow=target, **always_open)


def suspended(base: Rules, profiles: Iterable[ProfileRule]) -> dict[str, tuple[str, Target]]:
    """Queue → the profile that suspends it (the last one does) and where its interactions go."""
    return {
        queue: (profile.name, target)
        for profile in profiles
        for queue, target in profile.suspend.queues.items()
        if queue in base.queues
    }


def _divert(
    profiles: Iterable[ProfileRule], flows: dict[str, FlowRule], queues: dict[str, QueueRule]
) -> dict[str, str]:
    """Channel → flow; where the target is a queue, a flow that leads there is added."""
    out: dict[str, str] = {}
    for profile in profiles:
        for channel, target in profile.suspend.channels.items():
            if target.flow in flows:
                out[channel] = target.flow
            elif target.queue in queues:
                name = f"to queue {target.queue}"  # no name of a file has a space in it
                flows[name] = FlowRule(name=name, steps=(Answer(), Enqueue(queue=target.queue)))
                out[channel] = name
    return out


def touched_queues(profile: ProfileRule) -> Iterator[str]:
    """Queues in which things are other while the profile is on; a queue may come twice."""
    yield from profile.queues
    yield from profile.suspend.queues
    for changes in profile.agents.values():
        for move in MOVES:
            yield from changes.get(move, ())


def touched_keys(profile: ProfileRule) -> Iterator[tuple[str, ...]]:
    """Where in the file the profile says something that another one may say too, from its table on."""
    for section in ("agents", "queues"):
        for name, changes in getattr(profile, section).items():
            for key, value in changes.items():
                if section == "agents" and key in MOVES:
                    yield from ((section, name, key, queue) for queue in value)
                else:
                    yield section, name, key
    for section in ("numbers", "flows"):
        yield from ((section, name) for name in getattr(profile, section))
    yield from (("suspend", "queues", name) for name in profile.suspend.queues)
    yield from (("suspend", "channels", name) for name in profile.suspend.channels)


def differences(base: Rules, other: Rules) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Key in the words of the file, its value in `base` and in `other`, wherever they differ.

    The two have the same agents and queues; a flow's value is the name of the one that runs.
    """
    for section in ("agents", "queues"):
        for name, rule in getattr(base, section).items():
            new = getattr(other, section)[name]
            for field in rule.__struct_fields__ if new is not rule else ():
                before, after = getattr(rule, field), getattr(new, field)
                if before != after:
                    yield (section, name, field), before, after
    for number, flow in base.numbers.items():
        if other.numbers[number] != flow:
            yield ("numbers", number), flow, other.numbers[number]
    for name, script in base.flows.items():
        if other.flows[name] != script:
            yield ("flows", name), name, other.flows[name].name
    for channel, flow in other.diverted.items():
        yield ("channels", channel), "its own flow", flow
