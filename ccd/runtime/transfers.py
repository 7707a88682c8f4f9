"""A conversation goes to another agent: because its agent sends it on, or can be reached no more.

Targets are the extensions of agents and queues and, for calls, numbers outside; in writing their names will
do, too. The next agent of a written conversation is shown what was said (`bridging.transcripts`).
"""

from typing import TYPE_CHECKING

from ccd.bridging import transfer
from ccd.bridging.state import Talk
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, LegKind
from ccd.model.rules import Target
from ccd.routing.views import AgentView
from ccd.runtime import attended, consults, own_calls
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

TRANSFER_S = 30.0
"""How long the target of a blind transfer rings; a written one has the `text_timeout_s` of its queue."""
CALL_LOAD = 100


def asked(centre: "Centre", fact: facts.TransferAsked) -> None:
    """The fact: an agent sends the customer on."""
    if fact.attended:
        attended.asked(centre, fact)
        return
    found = centre.talks.legs.get(fact.leg)
    if found is None or not transfer.can_transfer(found[0], fact.leg):
        transfer.refuse(centre.talks, fact.leg, Cause.FORBIDDEN)
        return
    talk = found[0]
    info = centre.state.interactions[talk.interaction]
    centre.history.note(info.id, centre.now, "transfer asked", target=fact.target)
    target = _target(centre, talk, fact.target)
    if other := consults.leg_to(centre, talk, target):
        attended.asked(centre, facts.TransferAsked(fact.leg, fact.target, attended=True, replaces=other))
    elif target.queue:
        asked_by = transfer.to_queue(centre.talks, talk)
        centre.enqueue(info, target.queue, again=True, passed_on_by=asked_by)
    elif target.agent:
        _to_agent(centre, info, talk, target.agent)
    elif target.address.startswith("+") and talk.customer.kind is LegKind.AUDIO:
        if not own_calls.lets_transfer(centre, talk, target.address):
            centre.history.note(info.id, centre.now, "transfer refused", why="not in may_transfer")
            transfer.refuse(centre.talks, fact.leg, Cause.FORBIDDEN)
            return
        transfer.to_outside(centre.talks, talk, target.address, info.origin, centre.now + TRANSFER_S)
    else:
        transfer.refuse(centre.talks, fact.leg, Cause.NOT_FOUND)


def text_failed(centre: "Centre", fact: facts.TextFailed) -> None:
    """The fact: where the agent of a chat can be reached no more, the customer gets the old place back."""
    found = centre.talks.legs.get(fact.leg)
    if found is None or fact.cause is not Cause.UNREACHABLE or not transfer.is_stranded(*found):
        return
    talk = found[0]
    info = centre.state.interactions[talk.interaction]
    lost = transfer.to_queue(centre.talks, talk, Cause.UNREACHABLE)
    centre.history.note(info.id, centre.now, "agent lost", agent=lost)
    centre.enqueue(info, info.queue, again=True)


def _target(centre: "Centre", talk: Talk, said: str) -> Target:
    known = centre.extensions.get(said)
    if known is None and talk.customer.kind is LegKind.TEXT:
        if said in centre.state.rules.queues:
            return Target(queue=said)
        if said in centre.state.rules.agents:
            return Target(agent=said)
    return known or Target(address=said)


def _to_agent(centre: "Centre", info: Interaction, talk: Talk, agent: str) -> None:
    """Offer it to this agent alone, who must have room for it."""
    view = centre.router.agent_view(agent, centre.now)
    written = talk.customer.kind is LegKind.TEXT
    place = centre.router.state.places.get(info.id)
    load = place.load if written and place is not None else CALL_LOAD
    if talk.agent is None:
        return
    if agent == talk.agent.agent:
        transfer.refuse(centre.talks, talk.agent.leg, Cause.BUSY)
        return
    if view is None or not (_has_room(view, load) if written else view.doing == "idle"):
        cause = Cause.BUSY if view is not None and view.reachable else Cause.UNREACHABLE
        transfer.refuse(centre.talks, talk.agent.leg, cause)
        return
    rule = centre.state.rules.queues.get(info.queue)
    until = centre.now + (rule.text_timeout_s if written and rule is not None else TRANSFER_S)
    info.helper = agent
    centre.push(centre.router.occupy(agent, info.id, load, centre.now))
    devices = centre.state.rules.agents[agent].devices
    transfer.to_agent(centre.talks, talk, agent, devices, centre.card(info), until)


def _has_room(view: AgentView, load: int) -> bool:
    """Whether an agent may be asked to take a written conversation beside the work at hand."""
    ready = view.availability is Availability.READY and view.reachable and not view.wrap_up
    return ready and view.load + load <= view.capacity
