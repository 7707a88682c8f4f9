"""Callbacks: the customer leaves the line, and a new leg is opened when the turn comes.

    WAITING (away) ──offer──▶ OFFERED ──the agent answers──▶ CALLING ──▶ TALKING      agent first
    WAITING (away) ──offer──▶ CALLING ──▶ OFFERED ──the agent answers──▶ … TALKING    customer first

Failure cases and what comes of them:

- the customer is busy, does not answer or cannot be reached: `CallFailed`; the agent's leg is released;
- the agent hangs up while the customer's phone rings: the same, `by_agent`;
- the offer is withdrawn while the customer is called first: that call is cancelled, nothing has failed;
- the line of the customer is not down `GOODBYE_S` after the goodbye began: it is taken down;
- the daemon is restarted: whoever was called, or held the line again for an agent, is called anew.
"""

from typing import TYPE_CHECKING

from ccd.bridging import events as ev
from ccd.bridging.state import Move, Party, Phase, Role, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind, PromptPart

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks

GOODBYE_S = 15.0
"""Longest goodbye to one who leaves the line."""
AFTER_S = 180.0
"""Longest flow after that was settled: then the line is taken down, and the place counts."""
KEPT = (PromptPart("callback/kept"),)
HERE = (PromptPart("callback/here"),)
RINGBACK = "tone:ringback"
_ON_THE_PHONE = frozenset({Phase.WAITING, Phase.OFFERED, Phase.CALLING, Phase.CONNECTING, Phase.LISTENING})


def leave_line(
    talks: "Talks", talk: Talk, number: str, now: float, goodbye: tuple[PromptPart, ...] = KEPT
) -> None:
    """Say goodbye to a customer who is to be called back at `number`, then take the line down."""
    talk.number, talk.away, talk.asking = number, True, False
    if talk.customer_gone:
        talks.events.append(ev.LineLeft(talk.interaction))
        return
    if not goodbye:
        hang_up(talks, talk)
        return
    talks.answer(talk)
    talk.playing = talks.play_id()
    talks.set_deadline(talk, now + GOODBYE_S)
    talks.commands.append(cmd.PlayPrompt(talk.customer.leg, talk.playing, goodbye, talk.language))


def stay_on(talks: "Talks", talk: Talk, number: str, now: float) -> bool:
    """Let a flow talk on to a customer who is to be called back; whether there still is one."""
    talk.number, talk.away = number, True
    if talk.customer_gone:
        talk.asking = False
        talks.events.append(ev.LineLeft(talk.interaction))
        return False
    talk.asking, talk.playing = True, ""
    talks.answer(talk)
    talks.set_deadline(talk, now + AFTER_S)
    return True


def begin(talks: "Talks", interaction: str, number: str, display: str, language: str) -> Talk:
    """A customer who holds no line from the beginning: a recall."""
    party = Party(leg="", kind=LegKind.AUDIO, address=number)
    talk = Talk(
        interaction=interaction,
        customer=party,
        origin=number,
        display=display,
        language=language,
        customer_gone=True,
        number=number,
        away=True,
    )
    talks.state.talks[interaction] = talk
    return talk


def hang_up(talks: "Talks", talk: Talk) -> None:
    """The goodbye is over: take the line down."""
    talks.legs.pop(talk.customer.leg, None)
    talks.commands.append(cmd.ReleaseLeg(talk.customer.leg, Cause.NORMAL))
    _line_left(talks, talk)


def line_down(talks: "Talks", talk: Talk, cause: Cause) -> None:
    """The leg of a customer who is away ended: that of the goodbye, or that of the attempt that runs."""
    if talk.phase is Phase.CALLING:
        _fail(talks, talk, cause)
    else:
        _line_left(talks, talk)


def _line_left(talks: "Talks", talk: Talk) -> None:
    talk.customer_gone, talk.playing, talk.asking = True, "", False
    talks.set_deadline(talk, 0.0)
    talks.events.append(ev.LineLeft(talk.interaction))


def dial(talks: "Talks", talk: Talk, until: float, caller_id: str) -> None:
    """Call the customer back; who answered the offer hears it ring. Given up at `until`."""
    talk.move(Move.CALL)
    if not talk.customer_gone:  # the daemon stood still: the goodbye is overdue, and so is the call
        talks.legs.pop(talk.customer.leg, None)
        talks.commands.append(cmd.ReleaseLeg(talk.customer.leg, Cause.NORMAL))
        talk.playing = ""
    leg = talks.leg_id()
    talk.customer = Party(leg=leg, kind=LegKind.AUDIO, address=talk.number)
    talk.customer_gone = False
    talks.legs[leg] = (talk, Role.CUSTOMER)
    talks.set_deadline(talk, until)
    peer = ""
    if talk.agent is not None:
        peer = talk.agent.leg
        talks.commands.append(cmd.StartMusic(peer, RINGBACK))
    card = cmd.OfferCard(talk.interaction)
    talks.commands.append(
        cmd.DialLeg(leg, LegKind.AUDIO, card, address=talk.number, caller_id=caller_id, peer=peer)
    )
    talks.note(talk, "calling back", leg=leg, address=talk.number)


def dial_first(talks: "Talks", talk: Talk, offer: str, agent: str, until: float, caller_id: str) -> None:
    """Call the customer back while this agent, to whom it is offered, is kept free for it."""
    talk.reserved = Party(leg="", kind=LegKind.AUDIO, agent=agent, offer=offer)
    dial(talks, talk, until, caller_id)


def ringing(talks: "Talks", talk: Talk, early_media: bool) -> None:
    """The customer's phone rings; what its network says about that the agent hears at once."""
    customer, agent = talk.customer, talk.agent
    if talk.phase is Phase.CALLING and early_media and agent is not None and not customer.early_media:
        customer.early_media = True
        talks.commands.append(cmd.BridgeLegs(customer.leg, agent.leg))


def answered(talks: "Talks", talk: Talk) -> None:
    """The customer took the call: the agent is there, or is rung now while the customer hears music."""
    talk.customer.answered, talk.away = True, False
    talks.set_deadline(talk, 0.0)
    reserved, talk.reserved = talk.reserved, None
    if talk.agent is not None:
        talks.bridge(talk)
    elif reserved is not None:
        talk.playing = talks.play_id()
        talks.commands.append(cmd.PlayPrompt(talk.customer.leg, talk.playing, HERE, talk.language))
        talks.events.append(ev.CustomerReached(talk.interaction, reserved.offer, reserved.agent))


def withdrawn(talks: "Talks", talk: Talk, offer: str) -> bool:
    """Whether the offer was one whose customer is called first; that call is cancelled then."""
    if talk.reserved is None or talk.reserved.offer != offer:
        return False
    _drop_call(talks, talk)
    return True


def agent_left(talks: "Talks", talk: Talk) -> None:
    """The agent hung up while the customer's phone rang."""
    _drop_call(talks, talk)
    talks.events.append(ev.CallFailed(talk.interaction, Cause.CANCELLED, by_agent=True))


def too_long(talks: "Talks", talk: Talk) -> None:
    """The customer's phone rang for its time, or the goodbye never ended."""
    if talk.phase is Phase.CALLING:
        talks.legs.pop(talk.customer.leg, None)
        talks.commands.append(cmd.ReleaseLeg(talk.customer.leg, Cause.NO_ANSWER))
        _fail(talks, talk, Cause.NO_ANSWER)
    elif not talk.customer_gone:
        hang_up(talks, talk)


def _drop_call(talks: "Talks", talk: Talk) -> None:
    talks.legs.pop(talk.customer.leg, None)
    talks.commands.append(cmd.ReleaseLeg(talk.customer.leg, Cause.CANCELLED))
    _back(talks, talk)


def _fail(talks: "Talks", talk: Talk, cause: Cause) -> None:
    if talk.agent is not None:
        talks.release(talk, Role.AGENT, Cause.NORMAL)
    _back(talks, talk)
    talks.events.append(ev.CallFailed(talk.interaction, cause))


def _back(talks: "Talks", talk: Talk) -> None:
    """Wait for the next attempt."""
    talk.move(Move.OFFER_OVER)
    talk.customer_gone, talk.reserved = True, None
    talks.set_deadline(talk, 0.0)


def restarted(talks: "Talks", talk: Talk) -> bool:
    """After a restart: whether this is a callback, which goes on without any of the legs that it had."""
    kept = talk.away and talk.message is not None and not talk.speaks
    if not (talk.number or kept) or talk.phase not in _ON_THE_PHONE:
        return False
    if kept and not talk.customer_gone and talk.phase is Phase.WAITING:
        talks.events.append(ev.LineLeft(talk.interaction))  # the goodbye is over
    for party in (talk.customer, talk.agent, *talk.also_ringing):
        if party is not None:
            talks.legs.pop(party.leg, None)
    talk.phase, talk.away, talk.customer_gone = Phase.WAITING, True, True
    talk.asking = False
    talk.agent, talk.reserved, talk.also_ringing = None, None, []
    talk.playing = talk.whispering = ""
    talks.set_deadline(talk, 0.0)
    return True
