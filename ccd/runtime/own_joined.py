"""An agent joins two calls of its own, and is out: two colleagues, or one and somebody outside, or a queue.

One of the two goes on, with one record: the one that stands in a queue, else the one with the number outside,
else the one that is sent on. The far end of the other sits down in it where the agent sat. A colleague has
the call from then on as if it had dialled it, and is occupied with it. Two numbers outside are not joined:
nobody of ours would be there to hang up what both cost.
"""

from typing import TYPE_CHECKING, NamedTuple

from ccd.bridging import own_joined
from ccd.bridging.state import Phase, Role, Talk
from ccd.history.explain import ATTENDED
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.runtime.leaving import leave
from ccd.runtime.own_calls import Refusal

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


class Pair(NamedTuple):
    """The two calls."""

    kept: Talk
    given: Talk


def of_one_agent(centre: "Centre", fact: facts.TransferAsked) -> tuple[Talk, Talk] | None:
    """The call that is sent on and the other, if both were dialled by the same agent's phones."""
    legs = centre.talks.legs
    one, two = legs.get(fact.leg), legs.get(fact.replaces)
    if one is None or two is None or one[0] is two[0] or (one[1], two[1]) != (Role.CUSTOMER, Role.CUSTOMER):
        return None
    by = [centre.state.interactions[each[0].interaction].dialled_by for each in (one, two)]
    return (one[0], two[0]) if by[0] and by[0] == by[1] else None


def asked(centre: "Centre", fact: facts.TransferAsked, calls: tuple[Talk, Talk]) -> None:
    """The fact, of two own calls."""
    pair = _pair(*calls)
    if isinstance(pair, Refusal):
        centre.out.append(cmd.ReportTransfer(fact.leg, done=False, cause=pair.cause))
        told = {"result": "refused", "cause": pair.cause.value, "why": pair.why}
        centre.history.note(calls[0].interaction, centre.now, ATTENDED, **told)
        return
    centre.out.append(cmd.ReportTransfer(fact.leg, done=True))
    _join(centre, pair)


def _pair(first: Talk, second: Talk) -> Pair | Refusal:
    """Which of them goes on, and which gives its far end."""
    kept, given = first, second
    if first.phase is Phase.OUTSIDE and (second.phase is not Phase.OUTSIDE or _is_outside(second)):
        kept, given = second, first
    if not own_joined.is_given(given) or not own_joined.is_kept(kept):
        phases = f"{first.phase.value} and {second.phase.value}"
        return Refusal(Cause.UNREACHABLE, f"not both have somebody who answered: {phases}")
    if _is_outside(kept) and _is_outside(given):
        return Refusal(Cause.FORBIDDEN, "two numbers outside, and nobody of ours")
    return Pair(kept, given)


def _is_outside(talk: Talk) -> bool:
    return talk.third is not None and bool(talk.third.address)


def _join(centre: "Centre", pair: Pair) -> None:
    kept, given = pair
    party = given.third
    if party is None:
        return
    info, other = (centre.state.interactions[talk.interaction] for talk in pair)
    agent, info.dialled_by, info.consults = info.dialled_by, party.agent, ""
    _note(centre, pair, agent, party.agent or party.address, party.leg)
    own_joined.take_seat(centre.talks, kept, given)
    if party.agent:
        load = centre.router.state.agents[party.agent].outside.get(other.id, 0)
        centre.push(centre.router.occupy(party.agent, info.id, load, centre.now))
        record = centre.history.record(info.id)
        if record is not None:
            record.agents.append(party.agent)
    else:
        info.origin, info.display = party.address, ""
    centre.settle()  # both lines of the agent's phone are told before it looks for work
    leave(centre, other, given, Cause.TRANSFERRED)
    centre.push(centre.router.vacate(agent, info.id, centre.now))


def _note(centre: "Centre", pair: Pair, agent: str, to: str, leg: str) -> None:
    """Both timelines name the other; the one that goes on has the leg that it gets."""
    kept, given = pair
    told = {"agent": agent, "to": to, "result": "joined"}
    note = centre.history.note
    note(kept.interaction, centre.now, ATTENDED, **told, call=given.interaction, leg=leg)
    note(given.interaction, centre.now, ATTENDED, **told, call=kept.interaction)
