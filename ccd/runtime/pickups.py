"""Call pickup: a phone answers what rings at a colleague, or takes over its own agent's conversation.

Asked for by the feature code `pickup`, or by INVITE with Replaces (RFC 3891). Who may:

- a colleague's phone rings for a queue: whoever serves that queue, is logged in and has nothing at hand;
- it rings for a call dialled to it, or sent on to it: whoever serves a queue together with it;
- one's own conversation, or one's own place in a queue: the agent's own phones, and nobody else's.

Everything else is refused, and where there is a call that was asked for, its timeline says who tried.
"""

from typing import TYPE_CHECKING, NamedTuple

from ccd.bridging import pickups
from ccd.bridging.state import Party, Phase, Role, Talk
from ccd.history.explain import PICKED_UP
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import DEFAULT_LOAD, Availability, Cause, ChannelClass, LegKind
from ccd.routing.phases import Phase as PlacePhase
from ccd.runtime.languages import of_agent
from ccd.runtime.own_calls import Refusal

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_RINGS = (Phase.OUTSIDE_RINGING, Phase.TRANSFERRING)


class Asker(NamedTuple):
    """The phone that asks."""

    agent: str
    leg: str
    device: str


class Found(NamedTuple):
    """The party in whose place it is to be."""

    talk: Talk
    role: Role
    party: Party


def asked(centre: "Centre", fact: facts.TakeOverAsked) -> None:
    """The fact: a phone names the leg whose place it wants."""
    if fact.leg in centre.talks.legs:
        return  # the same call twice
    agent = centre.owners.get(fact.device, "")
    named = centre.talks.legs.get(fact.replaces)
    party = named[0].party(fact.replaces, named[1]) if named is not None else None
    found = Found(*named, party) if named is not None and party is not None else None
    _take(centre, Asker(agent, fact.leg, fact.device), found)


def dialled(centre: "Centre", agent: str, fact: facts.AgentDialled) -> bool:
    """What an agent dialled, if it is the feature code; False: it is not."""
    code = centre.state.rules.features.pickup
    if not code or not fact.target.startswith(code):
        return False
    if fact.leg in centre.talks.legs:
        return True  # the same call twice
    extension = fact.target[len(code) :]
    target = centre.extensions.get(extension)
    if extension and (target is None or not target.agent):
        centre.out.append(cmd.ReleaseLeg(fact.leg, Cause.NOT_FOUND))
        return True
    found = _ringing_at(centre, target.agent) if target is not None else _own(centre, agent)
    _take(centre, Asker(agent, fact.leg, fact.device), found)
    return True


def _of(centre: "Centre", agent: str) -> list[Found]:
    """The agent's parties in all that it holds, is offered, or has outside the queues."""
    state = centre.router.state.agents.get(agent)
    found = []
    for name in (*state.held, *state.outside) if state is not None else ():
        talk = centre.talks.get(name)
        for role, party in talk.parties() if talk is not None else ():
            if talk is not None and _is_of(centre, talk, role, party, agent):
                found.append(Found(talk, role, party))
    return found


def _is_of(centre: "Centre", talk: Talk, role: Role, party: Party, agent: str) -> bool:
    """Whether this party is the agent: who dialled is the customer of an own call."""
    if role is not Role.CUSTOMER:
        return party.agent == agent
    info = centre.state.interactions.get(talk.interaction)
    return info is not None and bool(agent) and info.dialled_by == agent


def _ringing_at(centre: "Centre", colleague: str) -> Found | None:
    """What rings at a colleague; of several the first."""
    for found in _of(centre, colleague):
        party = found.party
        if found.role is not Role.CUSTOMER and party.kind is LegKind.AUDIO and not party.answered:
            return found
    return None


def _own(centre: "Centre", agent: str) -> Found | None:
    """The agent's conversation; of several the one that is not on hold. None: that is none, or not one."""
    found = [each for each in _of(centre, agent) if pickups.may_move(*each)]
    if len(found) > 1:
        found = [each for each in found if not each.party.held]
    return found[0] if len(found) == 1 else None


def _take(centre: "Centre", asker: Asker, found: Found | None) -> None:
    """Do it, or refuse it."""
    refused: Refusal | None = Refusal(Cause.UNREACHABLE, "")
    if found is not None and not asker.agent:
        refused = Refusal(Cause.FORBIDDEN, "the phone is nobody's")
    elif found is not None and found.party.answered:
        refused = _move(centre, asker, found)
    elif found is not None and found.role is Role.AGENT:
        refused = _offered(centre, asker, found)
    elif found is not None:
        refused = _third(centre, asker, found)
    if refused is None:
        return
    centre.out.append(cmd.ReleaseLeg(asker.leg, refused.cause))
    if found is not None:
        told = {"result": "refused", "cause": refused.cause.value, "why": refused.why}
        _note(centre, asker, found, **told)


def _move(centre: "Centre", asker: Asker, found: Found) -> Refusal | None:
    """The agent goes on by another phone of its own."""
    if not _is_of(centre, *found, asker.agent):
        return Refusal(Cause.FORBIDDEN, "a conversation of somebody else")
    if not pickups.may_move(*found):
        return Refusal(Cause.UNREACHABLE, f"it cannot be moved now: {found.talk.phase.value}")
    talk, role, party = found
    held = role is Role.AGENT and party.held
    _note(centre, asker, found, result="moved", former=party.leg)
    pickups.move(centre.talks, talk, role, party, asker.leg, asker.device)
    if held:
        centre.push(centre.router.hold(talk.interaction, False, centre.now))
    return None


def _offered(centre: "Centre", asker: Asker, found: Found) -> Refusal | None:
    """It rings for a queue."""
    talk, _, party = found
    place = centre.router.state.places.get(talk.interaction)
    if talk.phase is not Phase.OFFERED or place is None or place.phase is not PlacePhase.OFFERED or talk.away:
        return Refusal(Cause.UNREACHABLE, f"it does not ring: {talk.phase.value}")
    refused = _not_free(centre, asker, party.agent)
    picked = centre.router.pick_up(talk.interaction, asker.agent, centre.now) if refused is None else None
    if picked is None:
        return refused or Refusal(Cause.FORBIDDEN, f"does not serve {place.queue}, or has no room")
    offer, trace = picked
    _note(centre, asker, found, result="answers", of=party.agent)
    centre.push([trace])
    pickups.answers_offer(
        centre.talks, talk, asker.leg, asker.agent, offer.offer, of_agent(centre, asker.agent)
    )
    centre.history.offer_made(
        talk.interaction, offer.queue, asker.agent, offer.offer, offer.waited_s, centre.now, leg=asker.leg
    )
    return None


def _third(centre: "Centre", asker: Asker, found: Found) -> Refusal | None:
    """It rings because somebody dialled the colleague, or sends a customer on."""
    talk, role, party = found
    info = centre.state.interactions[talk.interaction]
    if role is not Role.THIRD or not party.agent or talk.phase not in _RINGS:
        return Refusal(Cause.VANISHED, f"nobody of ours rings: {talk.phase.value}")
    if not centre.router.same_team(asker.agent, party.agent):
        return Refusal(Cause.FORBIDDEN, f"serves no queue together with {party.agent}")
    if refused := _not_free(centre, asker, party.agent):
        return refused
    _note(centre, asker, found, result="answers", of=party.agent)
    load = centre.router.state.agents[party.agent].outside.get(info.id, DEFAULT_LOAD[ChannelClass.VOICE])
    pickups.answers_third(centre.talks, talk, asker.leg, asker.agent)
    centre.free_helper(info)  # once its phone is told, so that it rings for nothing else before
    info.helper = asker.agent
    centre.push(centre.router.engage(asker.agent, info.id, load, centre.now))
    return None


def _not_free(centre: "Centre", asker: Asker, colleague: str) -> Refusal | None:
    """An agent who has work at hand, or a phone that rings itself, picks up nothing."""
    view = centre.router.agent_view(asker.agent, centre.now)
    if view is None or view.availability is Availability.LOGGED_OUT:
        return Refusal(Cause.FORBIDDEN, "is logged out")
    if asker.agent == colleague:
        return Refusal(Cause.BUSY, "its own phones ring")
    return Refusal(Cause.BUSY, f"is {view.doing}") if view.load else None


def _note(centre: "Centre", asker: Asker, found: Found, **told: str) -> None:
    """For the timeline, as an audit too: who asked, by which phone, and what came of it."""
    who = {"agent": asker.agent, "device": asker.device, "role": found.role.value}
    leg = {"leg": asker.leg} if told["result"] != "refused" else {}
    note = {key: value for key, value in {**who, **told}.items() if value}
    centre.history.note(found.talk.interaction, centre.now, PICKED_UP, **note, **leg)
