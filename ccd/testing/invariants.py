"""What must hold in a centre between any two facts, whatever happened before.

Each function gives the faults that it finds, in words; none is the answer one wants.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ccd.bridging.state import Phase as TalkPhase
from ccd.bridging.state import Role
from ccd.history.history import History
from ccd.model.nouns import DEFAULT_LOAD, Availability
from ccd.model.requirements import parse_requirement
from ccd.model.rules import Rules
from ccd.routing.callbacks import customer_first, is_away
from ccd.routing.phases import Phase
from ccd.routing.state import AgentState, Place, WrapUpStage
from ccd.routing.strategies import RING_ALL
from ccd.routing.wrap_ups import owes
from ccd.runtime.centre import Centre
from ccd.testing.fake_channel import FakeChannel

_QUEUED = (TalkPhase.WAITING, TalkPhase.OFFERED, TalkPhase.CONNECTING)


def faults(centre: Centre, channels: Mapping[str, FakeChannel]) -> list[str]:
    """Everything that is wrong now."""
    return [
        *idle_beside_work(centre),
        *rings(centre),
        *loads(centre),
        *own_calls(centre),
        *agreement(centre),
        *figures(centre),
        *dispositions(centre),
        *leaks(centre, channels),
    ]


def idle_beside_work(centre: Centre) -> Iterator[str]:
    """No free agent beside a waiting interaction that it may serve."""
    state, rules = centre.router.state, centre.state.rules
    for place in state.places.values():
        queue = rules.queues.get(place.queue)
        if place.phase is not Phase.WAITING or queue is None:
            continue
        if queue.max_active is not None or queue.reserve or place.prefer:
            continue  # what these hold back is held against the oracle of the routing engine
        for name in rules.agents if queue.by_skill else queue.agents:
            agent = state.agents.get(name)
            if agent is not None and _may_serve(rules, agent, place):
                yield f"agent {name} is free beside interaction {place.interaction} in {place.queue}"


def _may_serve(rules: Rules, agent: AgentState, place: Place) -> bool:
    """Able from the start, open for work, and with room: then nothing but another agent comes before."""
    rule, queue = rules.agents.get(agent.name), rules.queues[place.queue]
    if rule is None or any(agent.name in tier.agents for tier in queue.tiers):
        return False
    asked = parse_requirement(queue.requirement).both(parse_requirement(place.requirement))
    default = queue.load.get(place.channel_class, DEFAULT_LOAD[place.channel_class])
    return (
        asked.met_by(rule.skills)
        and agent.availability is Availability.READY
        and agent.reachable
        and agent.wrap_up is None
        and agent.pending is None
        and agent.name not in place.missed
        and place.channel_class not in rule.most
        and rule.capacity - agent.load >= rule.load.get(place.channel_class, default)
    )


def rings(centre: Centre) -> Iterator[str]:
    """Several offers only while it rings, one of each agent at most; and nobody is free beside a ring that
    may still grow, but who is kept from it."""
    state, rules = centre.router.state, centre.state.rules
    for name, others in state.other_offers.items():
        place = state.places.get(name)
        if place is None or place.phase is not Phase.OFFERED or place.agent in others or not others:
            yield f"interaction {name} has further offers to {sorted(others)}, and should not"
    for place in state.places.values():
        queue = rules.queues.get(place.queue)
        if queue is None or queue.strategy != RING_ALL or place.phase is not Phase.OFFERED:
            continue
        rung = {place.agent, *state.other_offers.get(place.interaction, {})}
        if queue.reserve or queue.tiers or place.prefer or place.late or len(rung) >= queue.ring_all_max:
            continue
        if customer_first(queue, place.callback):
            continue  # one agent is kept for it
        for name in rules.agents if queue.by_skill else queue.agents:
            agent = state.agents.get(name)
            if agent is not None and name not in rung and _may_serve(rules, agent, place):
                yield f"agent {name} is free beside interaction {place.interaction}, which rings elsewhere"


def loads(centre: Centre) -> Iterator[str]:
    """Load is the sum of what is held, and within the capacity unless the rules lowered it since.

    What people took up outside the queues (own calls, transfers) may come on top.
    """
    state = centre.router.state
    holders: dict[str, str] = {}
    for name, agent in state.agents.items():
        if agent.load != sum(agent.held.values()) + sum(agent.outside.values()):
            yield f"agent {name} has load {agent.load}, but holds {agent.held} and {agent.outside}"
        for interaction in agent.held:
            place, others = state.places.get(interaction), state.other_offers.get(interaction, {})
            rings = place is not None and place.phase is Phase.OFFERED
            if interaction in holders and not rings:
                yield f"interaction {interaction} is held by {holders[interaction]} and {name}"
            holders[interaction] = name
            if place is None or (place.agent != name and name not in others):
                yield f"agent {name} holds interaction {interaction}, which is not there"
        for interaction in agent.outside:
            if interaction not in centre.state.interactions:
                yield f"agent {name} is occupied by interaction {interaction}, which is over"
        rule = centre.state.rules.agents.get(name)
        fixed = agent.load - _interruptible(centre, agent) - sum(agent.outside.values())
        if rule is not None and fixed > rule.capacity and not rule.works_on_hold:
            yield f"agent {name} has load {fixed} of {rule.capacity} that nothing may interrupt"


def own_calls(centre: Centre) -> Iterator[str]:
    """Who has a call of its own is occupied with it, and nothing is offered on top."""
    agents, places = centre.router.state.agents, centre.router.state.places
    for name, info in centre.state.interactions.items():
        agent = agents.get(info.dialled_by)
        if not info.dialled_by:
            continue
        if agent is None or name not in agent.outside:
            yield f"agent {info.dialled_by} is not occupied by the call {name} of its own"
        elif any(places[each].phase is Phase.OFFERED for each in agent.held):
            yield f"agent {info.dialled_by} is on its own call {name} and is offered {list(agent.held)}"


def _interruptible(centre: Centre, agent: AgentState) -> int:
    """Load of what an agent holds that other work may come on top of."""
    interrupts = [over for queue in centre.state.rules.queues.values() for over in queue.interrupts.values()]
    classes = {channel_class for over in interrupts for channel_class in over}
    places = centre.router.state.places
    return sum(
        load for name, load in agent.held.items() if name in places and places[name].channel_class in classes
    )


def agreement(centre: Centre) -> Iterator[str]:
    """Composition, bridging, routing and history know the same interactions in the same state."""
    talks, places = centre.talks.state.talks, centre.router.state.places
    if centre.work or centre.talks.commands or centre.talks.events:
        yield "something was left to do after the turn"
    known = centre.state.interactions.keys()
    if known != talks.keys() or known != centre.history.state.open.keys():
        yield f"interactions {sorted(known)}, talks {sorted(talks)}, open {sorted(centre.history.state.open)}"
    for name, place in places.items():
        talk = talks.get(name)
        if talk is None:
            yield f"interaction {name} is over, but {place.phase.value} in {place.queue}"
    others = centre.router.state.other_offers
    for name, talk in talks.items():
        found = places.get(name)
        want = {
            TalkPhase.WAITING: {Phase.WAITING, Phase.RESTING} if talk.away else {Phase.WAITING},
            TalkPhase.OFFERED: {Phase.OFFERED},
            TalkPhase.CALLING: {Phase.OFFERED} if talk.reserved else {Phase.ACCEPTED},
            TalkPhase.CONNECTING: {Phase.ACCEPTED},
            TalkPhase.LISTENING: {Phase.ACCEPTED},
            TalkPhase.TALKING: {Phase.CONNECTED},
            TalkPhase.TRANSFERRING: {Phase.CONNECTED},
        }.get(talk.phase, {None})
        if (found.phase if found is not None else None) not in want:
            yield f"interaction {name} is {talk.phase.value}, for routing {found.phase if found else 'gone'}"
        ours = {party.agent for role, party in talk.parties() if role is Role.AGENT}
        theirs = {found.agent, *others.get(name, {})} if found is not None and ours else ours
        if ours != theirs:
            yield f"interaction {name} is with {sorted(ours)}, for routing with {sorted(theirs)}"
        if talk.customer_gone and talk.phase is not TalkPhase.ENDING and not talk.away:
            yield f"interaction {name} is {talk.phase.value} without its customer"
        if found is not None and talk.away != is_away(found):
            yield f"interaction {name} is away ({talk.away}), for routing {found.callback}"
    yield from _reserved(centre)


def _reserved(centre: Centre) -> Iterator[str]:
    """Never more customers called than agents kept for them: each has one of its own, unless the agent has
    room for several calls."""
    agents: dict[str, str] = {}
    rules, states = centre.state.rules.agents, centre.router.state.agents
    for name, talk in centre.talks.state.talks.items():
        if talk.phase is not TalkPhase.CALLING:
            continue
        party = talk.agent or talk.reserved
        place = centre.router.state.places.get(name)
        if party is None or place is None or place.agent != party.agent:
            yield f"interaction {name} is called back, and no agent is kept for it"
        elif party.agent in agents and (
            party.agent not in rules or states[party.agent].load > rules[party.agent].capacity
        ):
            yield f"agent {party.agent} is kept for {agents[party.agent]} and {name}"
        else:
            agents[party.agent] = name


def figures(centre: Centre) -> Iterator[str]:
    """Those offered are those that left and those that wait, in history and in routing."""
    waiting: dict[str, int] = {}
    for place in centre.router.state.places.values():
        if place.phase is not Phase.CONNECTED:
            waiting[place.queue] = waiting.get(place.queue, 0) + 1
    yield from centre.history.check(waiting)
    for name, totals in centre.router.state.queues.items():
        known = centre.history.state.totals.get(name)
        names = ("offered", "handled", "abandoned", "overflowed", "callback_failed")
        ours = [getattr(totals, name) for name in names]
        theirs = [getattr(known, name) if known else 0 for name in names]
        if ours != theirs:
            yield f"queue {name}: routing counts {ours}, history {theirs}"


def dispositions(centre: Centre) -> Iterator[str]:
    """History keeps the records that agents in wrap-up may still speak of, and no others."""
    owed: dict[str, list[str]] = {}
    for name, agent in centre.router.state.agents.items():
        for each in agent.wrap_up.owed if agent.wrap_up is not None else ():
            owed.setdefault(each.interaction, []).append(name)
        if (
            agent.wrap_up is not None
            and agent.wrap_up.stage is WrapUpStage.OWED
            and not owes(agent.wrap_up.owed)
        ):
            yield f"agent {name} is kept in wrap-up by nothing"
    kept = {name: sorted(each.agents) for name, each in centre.history.state.kept.items()}
    if kept != {name: sorted(each) for name, each in owed.items()}:
        yield f"agents may speak of {owed}, for history {kept}"


def leaks(centre: Centre, channels: Mapping[str, FakeChannel]) -> Iterator[str]:
    """Channels hold no leg and no recording that nobody knows of, and lack none that is counted on."""
    recordings = {each for talk in centre.talks.state.talks.values() for each in talk.recordings}
    for channel in channels.values():
        for leg in channel.legs:
            if leg not in centre.talks.legs and leg not in centre.state.services:
                yield f"leg {leg} is up and nobody knows of it"
        if stray := channel.recording() - recordings:
            yield f"recordings {sorted(stray)} run and nobody knows of them"
    for leg, (talk, role) in centre.talks.legs.items():
        channel_of = channels.get(leg.partition(":")[0])
        waits = any(dial.leg == leg for dial in talk.pending)
        if channel_of is not None and leg not in channel_of.legs and not waits:
            yield f"leg {leg} of interaction {talk.interaction} ({role.value}) is not up"
    for device, bindings in centre.state.bindings.items():
        if not bindings:
            yield f"device {device} is kept without a binding"


def same_state(one: Centre, other: Centre) -> str:
    """Empty when the two are in the same state to the byte; else the first part that differs."""
    if one.dump() == other.dump():
        return ""
    a, b = msgspec.to_builtins(one.state), msgspec.to_builtins(other.state)
    for part in a:
        if a[part] != b[part]:
            return f"{part}: {a[part]} is not {b[part]}"
    return "the order of something differs"


def totals_add_up(history: History) -> bool:
    """With nobody waiting: offered = handled + abandoned + overflowed."""
    return not history.check({})
