"""An agent in conversation sends the customer through a flow, e.g. to pay, and gets the customer back.

The agent dials the `code` of the flow; the phone puts the customer on hold for that. The agent stays
occupied. The flow knows `agent` and `queue`, and what the flow before the queue set where the queue has an
`after_call`. A step that would leave (`queue`, `transfer`, `hangup`) only ends the flow.
"""

from typing import TYPE_CHECKING

from ccd.bridging import asides
from ccd.bridging.state import Phase, Talk
from ccd.model.nouns import LegKind

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

PASSED_ON, REFUSED = "agent/passed-on", "agent/refused"


def dialled(centre: "Centre", agent: str, code: str, by: str) -> str | None:
    """The prompt that answers the agent; None: no flow has this code."""
    flows = centre.state.rules.flows.values()
    flow = next((flow.name for flow in flows if flow.code and flow.code == code), "")
    if not flow:
        return None
    talks = [talk for talk in centre.talks.state.talks.values() if _may_begin(talk, agent)]
    if len(talks) != 1:  # nobody to send, or who of them?
        return REFUSED
    (talk,) = talks
    info = centre.state.interactions[talk.interaction]
    kept = info.after_call.variables if info.after_call is not None else {}
    values = kept | {"agent": agent, "queue": info.queue}
    centre.history.note(info.id, centre.now, "goes through a flow", flow=flow, agent=agent, by=by)
    asides.begin(centre.talks, talk)
    count_from = int(1000 * centre.now)  # no flow before has come so far
    step_aside = centre.flows.step_aside
    centre.push(step_aside(info.id, flow, centre.now, talk.language, values, count_from=count_from))
    return PASSED_ON


def back(centre: "Centre", talk: Talk) -> None:
    """The flow is over."""
    centre.history.note(talk.interaction, centre.now, "back with the agent")
    asides.back(centre.talks, talk)


def _may_begin(talk: Talk, agent: str) -> bool:
    speaks = talk.agent is not None and talk.agent.agent == agent and talk.agent.kind is LegKind.AUDIO
    audio = talk.customer.kind is LegKind.AUDIO
    return talk.phase is Phase.TALKING and speaks and audio and not (talk.asking or talk.customer_gone)
