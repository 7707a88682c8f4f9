"""What becomes of an interaction that its queue gives back: a queue, an agent, outside, or its flow."""

from typing import TYPE_CHECKING

from ccd.bridging import thirds
from ccd.bridging.state import Phase, Talk
from ccd.history.state import Detail
from ccd.ivr import do
from ccd.model.nouns import Cause
from ccd.model.rules import Target, way_of
from ccd.routing import decisions as dec
from ccd.runtime import callbacks, emergency, voicemail
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

OVERFLOW_RING_S = 40.0
"""How long an overflow target outside, or an agent, rings."""
MOST_OVERFLOWS = 20
"""At one instant: full queues that overflow into each other (through a flow, too) would never end."""


def overflowed(centre: "Centre", decision: dec.Overflow) -> None:
    """A queue gave an interaction back."""
    talk = centre.talks.get(decision.interaction)
    info = centre.state.interactions.get(decision.interaction)
    if talk is None or info is None or talk.phase is not Phase.WAITING:
        return
    callbacks.stop_asking(centre, talk)
    target = decision.target
    why = centre.in_force.why(decision.queue, decision.why)
    details: dict[str, Detail] = {"queue": decision.queue, "why": why}
    if decision.share_pct:
        details |= {"share_pct": decision.share_pct, "to": way_of(target)}
    centre.history.note(info.id, centre.now, "overflow", **details)
    if _in_circles(centre, info):
        centre.push([do.HangUp(info.id, Cause.CONGESTION, "overflows in circles")])
    elif decision.why != "closed" or not emergency.excuse(centre, info, talk, decision):
        send_on(centre, info, talk, decision.target, decision.why)


def send_on(centre: "Centre", info: Interaction, talk: Talk, target: Target, why: str) -> None:
    """Send an interaction that is in no queue where its queue says; nowhere: its flow goes on."""
    target = voicemail.target_of(centre, info, target)
    if target.queue:
        centre.enqueue(info, target.queue)
    elif target.agent:
        _overflow_to_agent(centre, info, target.agent)
    elif target.address:
        until = centre.now + OVERFLOW_RING_S
        thirds.dial_out(centre.talks, talk, target.address, until, talk.origin)
    elif flow := voicemail.flow_of(target):
        centre.talks.back_to_flow(talk)
        start, told = centre.flows.start, talk.language
        centre.push(start(info.id, flow, centre.now, told, kind=info.kind, answered=True, spoken_to=True))
    else:
        centre.talks.back_to_flow(talk)
        resume(centre, info.id, why)


def _in_circles(centre: "Centre", info: Interaction) -> bool:
    if info.overflowed_at != centre.now:
        info.overflowed_at, info.overflows = centre.now, 0
    info.overflows += 1
    return info.overflows > MOST_OVERFLOWS


def _overflow_to_agent(centre: "Centre", info: Interaction, agent: str) -> None:
    """Ring an agent outside the queue, who need not be logged in; one with work is not disturbed."""
    talk = centre.talks.state.talks[info.id]
    rule = centre.state.rules.agents.get(agent)
    view = centre.router.agent_view(agent, centre.now)
    if rule is None or view is None or not view.reachable or view.load:
        why = Cause.BUSY if view is not None and view.load else Cause.UNREACHABLE
        centre.history.note(info.id, centre.now, "outside failed", agent=agent, cause=why.value)
        centre.talks.back_to_flow(talk)
        resume(centre, info.id, why.value)
        return
    info.helper = agent
    centre.push(centre.router.occupy(agent, info.id, 100, centre.now))
    until, card = centre.now + OVERFLOW_RING_S, centre.card(info)
    thirds.dial_out(centre.talks, talk, "", until, agent=agent, devices=rule.devices, card=card)


def resume(centre: "Centre", interaction: str, why: str) -> None:
    """Go on with the flow; one that is over hangs up."""
    if centre.flows.where(interaction):
        centre.push(centre.flows.resume(interaction, why, centre.now))
    else:
        centre.push([do.HangUp(interaction, Cause.LAPSED, why)])
