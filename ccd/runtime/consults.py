"""Consult calls: an agent who has a customer on the line asks somebody about it, by a call of its own.

It is an own call like any other (`own_calls`), beside the customer's interaction, which stays with the agent
and on hold. What is more: both timelines name the other, a colleague's display says who asks and about
which interaction, and the figures of own calls count it apart. How the two are joined stands in `attended`.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Phase, Talk
from ccd.history.explain import CONSULT
from ccd.model.nouns import LegKind
from ccd.model.rules import Target
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def begin(centre: "Centre", info: Interaction) -> None:
    """An agent dials: if a customer is on the line with it meanwhile, the call is about that one."""
    about = _about(centre, info.dialled_by)
    if not about:
        return
    info.consults = about
    record = centre.history.record(info.id)
    if record is not None:
        record.consults = about
    agent = info.dialled_by
    centre.history.note(info.id, centre.now, CONSULT, agent=agent, about=about)
    centre.history.note(about, centre.now, CONSULT, agent=agent, dials=info.target, call=info.id)


def _about(centre: "Centre", agent: str) -> str:
    """The customer in conversation with the agent; of several the one on hold, and of those the last one."""
    router = centre.router.state
    found = []
    for name in router.agents[agent].held:
        talk = centre.talks.get(name)
        if talk is not None and is_with(talk, agent) and talk.agent is not None:
            found.append((talk.agent.held, router.places[name].bridged_at, name))
    return max(found)[2] if found else ""


def is_with(talk: Talk, agent: str) -> bool:
    """Whether the agent speaks with this customer, or has it on hold."""
    audio = talk.customer.kind is LegKind.AUDIO
    return talk.phase is Phase.TALKING and audio and talk.agent is not None and talk.agent.agent == agent


def leg_to(centre: "Centre", talk: Talk, target: Target) -> str:
    """The agent's own call to where it sends its customer blindly, as phones do that know no better while it
    rings; empty: there is none."""
    agent = talk.agent.agent if talk.agent is not None else ""
    state = centre.router.state.agents.get(agent) if is_with(talk, agent) else None
    for name in state.outside if state is not None else ():
        info, consult = centre.state.interactions.get(name), centre.talks.get(name)
        if info is None or consult is None or info.dialled_by != agent:
            continue
        third = consult.third
        if third is not None and (third.agent, third.address) == (target.agent, target.address):
            return consult.customer.leg
    return ""


def customer_gone(centre: "Centre", talk: Talk) -> None:
    """The customer hung up while its agent asks somebody: that call goes on, as one of the agent's own."""
    agent = talk.agent.agent if talk.agent is not None else ""
    state = centre.router.state.agents.get(agent)
    for name in state.outside if state is not None else ():
        info = centre.state.interactions.get(name)
        if info is not None and info.consults == talk.interaction and info.dialled_by == agent:
            centre.history.note(name, centre.now, "customer gone", interaction=talk.interaction)
