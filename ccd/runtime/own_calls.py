"""Agents' own calls: what a phone dials that is no feature code.

In this order: an extension (a colleague, who is rung outside the queues, or a queue, in which the agent
waits like any caller), a number of `[numbers]` (its flow, as for a caller from outside), an outside number,
if `may_dial` of the agent or of `[own_calls]` has how it begins. Everything else is refused: what can be
dialled costs money, and a stolen password is found out by machines within hours.

Each is an interaction of its own. While it lasts the agent is occupied with it to the whole capacity, so
that nothing is offered on top, and is in whatever state of availability it was before, and after. If a
phone of the agent rings for an offer at that instant, the call wins: somebody dialled, so the offer goes
to the next agent, with its place, and is no miss of this one.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from ccd.bridging import thirds
from ccd.bridging.state import Talk
from ccd.history.state import INTERNAL, OUT, REFUSED, UNANSWERED, Detail
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import DEFAULT_LOAD, Cause, ChannelClass, LegKind
from ccd.model.numbers import to_e164
from ccd.model.rules import AgentRule, OwnCalls, Target
from ccd.runtime import consults
from ccd.runtime.beginning import begin
from ccd.runtime.spoken import remember
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_NUMBER = re.compile(r"\+?[0-9]+")


class Refusal(NamedTuple):
    """Why what a phone asks for is not done: for the phone, and in words for the timeline."""

    cause: Cause
    why: str


def dial(centre: "Centre", agent: str, fact: facts.AgentDialled) -> None:
    """An agent's phone dialled something that is no feature code."""
    if fact.leg in centre.talks.legs:
        return  # the same call twice
    target = _target(centre, fact)
    if target is None or centre.state.draining:
        cause = Cause.NOT_FOUND if target is None else Cause.OVERLOAD
        centre.out.append(cmd.ReleaseLeg(fact.leg, cause))
        return
    info, talk = _open(centre, agent, fact, OUT if target.address else INTERNAL)
    refused = _refusal(centre, agent, target)
    if refused is not None:
        centre.history.own_call(info.id, REFUSED)
        centre.history.note(info.id, centre.now, "refused", cause=refused.cause.value, why=refused.why)
        centre.talks.end(talk, refused.cause, centre.now)
        return
    info.dialled_by = agent
    rule = centre.state.rules.agents[agent]
    centre.push(centre.router.engage(agent, info.id, _load(rule), centre.now))
    consults.begin(centre, info)
    _begin(centre, info, talk, rule, target)


def _target(centre: "Centre", fact: facts.AgentDialled) -> Target | None:
    """Where what was dialled leads; None: to nothing at all, it is no number."""
    rules, dialled = centre.state.rules, fact.target
    if dialled in centre.extensions:
        return centre.extensions[dialled]
    if dialled in rules.numbers and ":" not in dialled:
        channel = fact.leg.partition(":")[0]
        return Target(flow=rules.diverted.get(channel, "") or rules.numbers[dialled])
    return Target(address=dialled) if _NUMBER.fullmatch(dialled) else None


def _open(centre: "Centre", agent: str, fact: facts.AgentDialled, direction: str) -> tuple[Interaction, Talk]:
    state, rule = centre.state, centre.state.rules.agents[agent]
    info = Interaction(
        id="",
        leg=fact.leg,
        channel=fact.leg.partition(":")[0],
        channel_class=ChannelClass.VOICE,
        kind=LegKind.AUDIO,
        origin=rule.extension or agent,
        display=rule.display or agent,
        target=fact.target,
        arrived_at=centre.now,
    )
    language = rule.language or state.rules.language
    device = fact.device
    told: dict[str, Detail] = {"agent": agent, "device": device}
    talk = begin(centre, info, language, told, dialled_by=agent, direction=direction)
    talk.own = True
    return info, talk


def _refusal(centre: "Centre", agent: str, target: Target) -> Refusal | None:
    rules = centre.state.rules
    if _running(centre, agent) >= rules.own_calls.most:
        return Refusal(Cause.BUSY, "has as many calls of its own as it may")
    if target.agent:
        return _colleague_refuses(centre, agent, target.agent)
    if not target.address or may_dial(target.address, rules.agents[agent], rules.own_calls):
        return None
    if not target.address.startswith("+"):
        return Refusal(Cause.NOT_FOUND, "no extension, no number of ours, and not in may_dial")
    return Refusal(Cause.FORBIDDEN, "not in may_dial")


def may_dial(number: str, rule: AgentRule, own_calls: OwnCalls) -> bool:
    """Whether an agent's phone may dial an outside number: E.164 by how it begins, a short one as a whole."""
    allowed = own_calls.may_dial if rule.may_dial is None else rule.may_dial
    return _begins(number, allowed)


def _begins(number: str, allowed: tuple[str, ...]) -> bool:
    return any(number == each or (each[0] == "+" and number.startswith(each)) for each in allowed)


def may_transfer(number: str, rule: AgentRule, own_calls: OwnCalls) -> bool:
    """Whether an agent may send a customer on to an outside number, which costs as much as dialling it."""
    allowed = own_calls.may_transfer if rule.may_transfer is None else rule.may_transfer
    return may_dial(number, rule, own_calls) if allowed is None else _begins(number, allowed)


def lets_transfer(centre: "Centre", talk: Talk, address: str) -> bool:
    """Whether the agent in conversation may send its customer on there."""
    rules = centre.state.rules
    rule = rules.agents.get(talk.agent.agent) if talk.agent is not None else None
    return rule is not None and may_transfer(address, rule, rules.own_calls)


def _running(centre: "Centre", agent: str) -> int:
    """How many own calls of the agent run."""
    state, running = centre.router.state.agents.get(agent), centre.state.interactions
    keys = state.outside if state is not None else {}
    return sum(key in running and running[key].dialled_by == agent for key in keys)


def _colleague_refuses(centre: "Centre", agent: str, colleague: str) -> Refusal | None:
    """Rung whatever is declared, but not in the middle of work."""
    view = centre.router.agent_view(colleague, centre.now)
    if colleague == agent:
        return Refusal(Cause.BUSY, "its own extension")
    if view is None or not view.reachable:
        return Refusal(Cause.UNREACHABLE, view.unreachable_why if view is not None else "no such agent")
    return Refusal(Cause.BUSY, f"{colleague} is {view.doing}") if view.load else None


def _load(rule: AgentRule) -> int:
    """The whole of the agent, and never less than a call from a queue takes."""
    return max(rule.capacity, rule.load.get(ChannelClass.VOICE, DEFAULT_LOAD[ChannelClass.VOICE]))


def _begin(centre: "Centre", info: Interaction, talk: Talk, rule: AgentRule, target: Target) -> None:
    if target.queue:
        centre.enqueue(info, target.queue)
        return
    if target.flow:
        start = centre.flows.start
        centre.push(start(info.id, target.flow, centre.now, talk.language, kind=info.kind))
        return
    own = centre.state.rules.own_calls
    until, talk.record_own = centre.now + own.ring_timeout_s, own.record
    centre.history.own_call(info.id, UNANSWERED)
    if target.address:
        tried(centre, target.address, rule.name)
        number = rule.caller_id
        thirds.dial_out(centre.talks, talk, target.address, until, number, own_number=bool(number))
        return
    info.helper = target.agent
    colleague, card = centre.state.rules.agents[target.agent], centre.card(info)
    centre.push(centre.router.occupy(colleague.name, info.id, _load(colleague), centre.now))
    devices = colleague.devices
    thirds.dial_out(centre.talks, talk, "", until, agent=colleague.name, devices=devices, card=card)


def tried(centre: "Centre", number: str, agent: str) -> None:
    """An agent tries to reach this number, answered or not: who calls back reaches that agent first, where
    the flow asks for it (`prefer_last_s`)."""
    remember(centre.state.spoken, to_e164(number, centre.state.rules.country) or number, agent, centre.now)


def keep_whole(centre: "Centre") -> None:
    """New rules are about to be followed: who has more capacity by them is still occupied as a whole."""
    agents, rules = centre.router.state.agents, centre.state.rules.agents
    for info in centre.state.interactions.values():
        for name in (info.dialled_by, info.helper if info.dialled_by else ""):
            if name in rules and _load(rules[name]) > agents[name].outside.get(info.id, 0):
                centre.push(centre.router.occupy(name, info.id, _load(rules[name]), centre.now))


def over(centre: "Centre", info: Interaction) -> None:
    """The call is over for the agent who dialled it."""
    if info.dialled_by:
        agent, info.dialled_by = info.dialled_by, ""
        centre.push(centre.router.vacate(agent, info.id, centre.now))
