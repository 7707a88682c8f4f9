"""After the call: the agent hung up, and the customer goes on in the flow of the queue (`after_call`).

It is the same interaction: its timeline goes on, its outcome stays, and the talk time ended with the agent's
part. The flow knows `queue`, `agent` and `talked_s` as variables, besides what the flow before the queue set.
Only calls and live texts go on: nobody waits for the answer to a letter. What may have changed since the
conversation began (rules, draining) is looked at when the agent hangs up.
"""

from typing import TYPE_CHECKING

from ccd.bridging.after_calls import hang_up
from ccd.bridging.state import Phase, Talk
from ccd.model import facts
from ccd.model.nouns import Cause, ChannelClass
from ccd.runtime import surveys
from ccd.runtime.leaving import leave
from ccd.runtime.state import AfterCall, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_LIVE = (ChannelClass.VOICE, ChannelClass.LIVE_TEXT)


def remember(centre: "Centre", info: Interaction, talk: Talk) -> None:
    """A conversation begins: keep what the flow after it is to know, where there is one."""
    rule = centre.state.rules.queues.get(info.queue)
    if rule is None or not rule.after_call or talk.own or info.channel_class not in _LIVE:
        if talk.after_call or info.after_call is not None:
            talk.after_call, info.after_call = False, None
        return
    survey = centre.state.rules.surveys.get(rule.after_call)
    talk.after_call = survey is None or survey.send is None
    agent = talk.agent.agent if talk.agent is not None else ""
    variables = centre.flows.variables(info.id)
    info.after_call = AfterCall(centre.now, variables, talk.language, agent, info.queue)


def begin(centre: "Centre", talk: Talk | None, agent: str) -> None:
    """The agent hung up. Where the customer was kept on the line: begin the flow, or let go after all."""
    if talk is None or talk.phase is not Phase.FLOW:
        return
    info = centre.state.interactions[talk.interaction]
    kept, info.after_call = info.after_call, None
    rules = centre.state.rules
    rule = rules.queues.get(info.queue)
    flow = rule.after_call if rule is not None else ""
    kept = kept or AfterCall(centre.now)
    told = {"queue": info.queue, "agent": agent, "talked_s": str(int(centre.now - kept.since))}
    values = kept.variables | told
    why = ""
    if flow not in rules.flows:
        why = "the rules have no flow for it any more"
    elif centre.state.draining:
        why = "the daemon is being drained"
    else:
        why = surveys.not_asked(centre, info, flow, values, talk.language)
    if why:
        centre.history.note(info.id, centre.now, "no after-call flow", flow=flow, why=why)
        leave(centre, info, talk, Cause.NORMAL)
        return
    centre.history.note(info.id, centre.now, "after-call flow", flow=flow)
    begun = centre.flows.start(
        info.id, flow, centre.now, talk.language, kind=info.kind, answered=True, values=values, spoken_to=True
    )
    centre.push(begun)


def hung_up(centre: "Centre", talk: Talk, fact: facts.HangupAsked) -> bool:
    """By the console: for the agent alone, as if the agent had hung up? Then it is done here."""
    if not fact.agent_only:
        return False
    if talk.phase is Phase.TALKING:
        centre.history.note(talk.interaction, centre.now, "agent hung up", by=fact.by)
        hang_up(centre.talks, talk, centre.now)
    return True
