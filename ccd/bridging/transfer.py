"""Blind transfer (RFC 3515 seen from above; in writing, a word): one timeline, the customer never dropped.

States: TALKING ──TRANSFER──▶ TRANSFERRING ──▶ TALKING (other agent) | OUTSIDE | TALKING (first agent again)
| WAITING (who asked is gone and nobody answered, or the target is a queue).
"""

from ccd.bridging import recording, texts, thirds
from ccd.bridging.state import Move, Phase, Role, Talk
from ccd.bridging.talks import Talks
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind


def can_transfer(talk: Talk, leg: str) -> bool:
    """Only the agent in conversation may send the customer on."""
    has_it = talk.agent is not None and talk.agent.leg == leg
    return talk.phase is Phase.TALKING and has_it and not (talk.asking or talk.customer_gone)


def is_stranded(talk: Talk, role: Role) -> bool:
    """Whether a text that could not be brought to this party leaves the customer without an agent.

    Of audio, the media tell.
    """
    return role is Role.AGENT and talk.phase is Phase.TALKING and talk.customer.kind is LegKind.TEXT


def refuse(talks: Talks, leg: str, cause: Cause) -> None:
    """The transfer cannot be tried; the conversation goes on as it was."""
    talks.commands.append(cmd.ReportTransfer(leg, done=False, cause=cause))


def to_agent(
    talks: Talks, talk: Talk, agent: str, devices: tuple[str, ...], card: cmd.OfferCard, until: float
) -> None:
    """Ring another agent; the customer hears music."""
    set_out(talks, talk, until)
    thirds.dial(talks, talk, agent=agent, devices=devices, card=card)


def to_outside(talks: Talks, talk: Talk, address: str, caller_id: str, until: float) -> None:
    """Ring an outside address; the customer hears music."""
    set_out(talks, talk, until)
    thirds.dial(talks, talk, address=address, caller_id=caller_id)


def to_queue(talks: Talks, talk: Talk, cause: Cause = Cause.TRANSFERRED) -> str:
    """Free the agent, whose name is the answer; the composition then lets the customer wait in the queue."""
    agent = talk.agent
    if agent is not None:
        if cause is Cause.TRANSFERRED:
            talks.commands.append(cmd.ReportTransfer(agent.leg, done=True))
        talks.release(talk, Role.AGENT, cause)
    texts.forget_sending(talk)
    recording.stop_recordings(talks, talk)
    return agent.agent if agent is not None else ""


def set_out(talks: Talks, talk: Talk, until: float) -> None:
    """The customer is on the way to somebody else, and hears music until then."""
    talk.move(Move.TRANSFER)
    talks.set_deadline(talk, until)
    if talk.agent is None:
        return
    talk.transferor = talk.agent.agent
    if (
        talk.agent.kind is LegKind.AUDIO and not talk.agent.held
    ):  # else they are parted and the music plays already
        talks.commands.append(cmd.PartLegs(talk.agent.leg))
        talks.start_music(talk)
