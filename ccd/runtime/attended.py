"""Attended transfer: an agent joins the customer with whom it asked about it, and is out.

The phone names its two calls, in whichever order; which is which is seen here. Outcomes by what the call of
the agent's own has come to:

- answered by a colleague or outside: joined at once. A colleague holds the interaction from here on, as if it
  had been offered there: load, talk time, wrap-up, disposition. Outside: as after a blind transfer;
- still ringing: goes on ringing for the customer, who hears music, and ends as a blind transfer does;
- in a queue, with nobody there yet: the customer waits in that queue instead, with the age that it has;
- over, of somebody else, or in the hands of a flow: refused, and nothing has changed.

What does not reach an agent must be allowed to it as by a blind transfer (`may_transfer`).
"""

from typing import TYPE_CHECKING, NamedTuple

from ccd.bridging import attended, transfer
from ccd.bridging.state import Phase, Role, Talk
from ccd.history.explain import ATTENDED
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from ccd.runtime import own_calls, own_joined
from ccd.runtime.leaving import leave
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

RINGS_S = 30.0
"""How long one that rings already goes on ringing for the customer."""
CALL_LOAD = 100
_IN_QUEUE = (Phase.WAITING, Phase.OFFERED, Phase.CONNECTING)
_JOINABLE = (Phase.OUTSIDE, Phase.OUTSIDE_RINGING, Phase.TALKING)


class Pair(NamedTuple):
    """The two calls of the agent."""

    talk: Talk
    """The customer's."""
    consult: Talk
    """The agent's own."""


class Refusal(NamedTuple):
    """Why they are not joined: for the phone, and in words for the timeline."""

    cause: Cause
    why: str


def asked(centre: "Centre", fact: facts.TransferAsked) -> None:
    """The fact: an agent joins its customer with the far end of its other call."""
    found = centre.talks.legs.get(fact.leg)
    if found is None:
        transfer.refuse(centre.talks, fact.leg, Cause.VANISHED)
        return
    if own := own_joined.of_one_agent(centre, fact):
        own_joined.asked(centre, fact, own)
        return
    pair = _pair(centre, fact)
    if isinstance(pair, Pair):
        pair = _refusal(centre, pair) or pair
    if isinstance(pair, Refusal):
        transfer.refuse(centre.talks, fact.leg, pair.cause)
        refused = {"cause": pair.cause.value, "why": pair.why}
        centre.history.note(found[0].interaction, centre.now, ATTENDED, result="refused", **refused)
        return
    if pair.consult.phase in _IN_QUEUE:
        _to_queue(centre, pair)
    else:
        _join(centre, pair)
    centre.settle()  # the agent lets go of the customer before its own call is over, and looks for no work
    party = pair.talk.agent
    info = centre.state.interactions[pair.consult.interaction]
    if fact.leg == pair.consult.customer.leg:
        centre.out.append(cmd.ReportTransfer(fact.leg, done=True))
    _leave_consult(centre, info, pair.consult, party.agent if party is not None else "")


def _leave_consult(centre: "Centre", info: Interaction, consult: Talk, taker: str) -> None:
    """The agent's own call is over. Who took it out of a queue goes on with the customer: no wrap-up now,
    but what it owes of the consult stays owed."""
    place, agent = centre.router.state.places.get(info.id), centre.router.state.agents.get(taker)
    goes_on = place is not None and agent is not None and place.agent == taker and agent.wrap_up is None
    leave(centre, info, consult, Cause.TRANSFERRED)
    if goes_on:
        centre.push(centre.router.end_wrap_up(taker, centre.now))


def _pair(centre: "Centre", fact: facts.TransferAsked) -> Pair | Refusal:
    """Which of the two calls is the customer's, and which the agent's own."""
    legs = centre.talks.legs
    other = legs.get(fact.replaces)
    if other is None or other[0].phase is Phase.ENDING:
        return Refusal(Cause.VANISHED, "the other call is over, or never was one of ours")
    found, first, second = legs[fact.leg], fact.leg, fact.replaces
    if (found[1], other[1]) == (Role.CUSTOMER, Role.AGENT):
        found, other, first, second = other, found, second, first
    talk, consult = found[0], other[0]
    agent = talk.agent.agent if talk.agent is not None and talk.agent.leg == first else ""
    dialled = centre.state.interactions[consult.interaction].dialled_by
    if not agent or not dialled or consult.customer.leg != second:
        return Refusal(Cause.FORBIDDEN, "not a customer and a call of the agent's own")
    if agent != dialled:
        return Refusal(Cause.FORBIDDEN, f"the other call is one of {dialled}")
    if not transfer.can_transfer(talk, first) or talk.customer.kind is not LegKind.AUDIO:
        return Refusal(Cause.FORBIDDEN, f"the customer is not in conversation: {talk.phase.value}")
    return Pair(talk, consult)


def _refusal(centre: "Centre", pair: Pair) -> Refusal | None:
    consult = pair.consult
    if consult.phase in _IN_QUEUE:
        return None
    party = attended.far_end(consult)
    if party is None or consult.phase not in _JOINABLE or consult.asking:
        return Refusal(Cause.UNREACHABLE, f"nobody is there to be joined: {consult.phase.value}")
    if party.address and not own_calls.lets_transfer(centre, pair.talk, party.address):
        return Refusal(Cause.FORBIDDEN, "not in may_transfer")
    return None


def _join(centre: "Centre", pair: Pair) -> None:
    """The far end is the customer's from here on, rings or answered."""
    talk, consult = pair
    party = attended.far_end(consult)
    if party is None or talk.agent is None:
        return
    info = centre.state.interactions[talk.interaction]
    result = "joined" if party.answered else "rings"
    _note(centre, pair, talk.agent.agent, party.agent or party.address, result, leg=party.leg)
    info.helper = party.agent
    if party.agent and not party.answered:
        rings = centre.router.occupy(party.agent, info.id, CALL_LOAD, centre.now)
        centre.push(rings)
    attended.take_over(centre.talks, talk, consult, centre.now + RINGS_S)


def _to_queue(centre: "Centre", pair: Pair) -> None:
    """Nobody is there yet: the customer waits in the agent's place."""
    talk, consult = pair
    info = centre.state.interactions[talk.interaction]
    queue = centre.state.interactions[consult.interaction].queue
    agent = talk.agent.agent if talk.agent is not None else ""
    _note(centre, pair, agent, queue, "waits")
    asked_by = transfer.to_queue(centre.talks, talk)
    centre.enqueue(info, queue, again=True, passed_on_by=asked_by)


def _note(centre: "Centre", pair: Pair, agent: str, to: str, result: str, **leg: str) -> None:
    """Both timelines say it; the customer's has the leg that it gets from the other."""
    talk, consult = pair
    asked_s = round(centre.now - centre.state.interactions[consult.interaction].arrived_at, 1)
    told = {"agent": agent, "to": to, "result": result}
    note = centre.history.note
    note(talk.interaction, centre.now, ATTENDED, **told, call=consult.interaction, consulted_s=asked_s, **leg)
    note(consult.interaction, centre.now, ATTENDED, **told, customer=talk.interaction)
