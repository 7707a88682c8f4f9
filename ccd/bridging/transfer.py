"""Blind transfer (RFC 3515 seen from above): one timeline, the customer never dropped.

States: TALKING ──TRANSFER──▶ TRANSFERRING ──▶ TALKING (other agent) | OUTSIDE | TALKING (first agent again)
| WAITING (who asked is gone and nobody answered, or the target is a queue).
"""

from ccd.bridging import recording, thirds
from ccd.bridging.state import Move, Phase, Role, Talk
from ccd.bridging.talks import Talks
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind


def can_transfer(talk: Talk, leg: str) -> bool:
    """Only the agent in conversation may send the customer on; writing has no REFER."""
    speaks = talk.agent is not None and talk.agent.leg == leg and talk.agent.kind is LegKind.AUDIO
    return talk.phase is Phase.TALKING and speaks and not talk.asking


def refuse(talks: Talks, leg: str, cause: Cause) -> None:
    """The transfer cannot be tried; the conversation goes on as it was."""
    talks.commands.append(cmd.ReportTransfer(leg, done=False, cause=cause))


def to_agent(
    talks: Talks, talk: Talk, agent: str, devices: tuple[str, ...], card: cmd.OfferCard, until: float
) -> None:
    """Ring another agent; the customer hears music."""
    _set_out(talks, talk, until)
    thirds.dial(talks, talk, agent=agent, devices=devices, card=card)


def to_outside(talks: Talks, talk: Talk, address: str, caller_id: str, until: float) -> None:
    """Ring an outside address; the customer hears music."""
    _set_out(talks, talk, until)
    thirds.dial(talks, talk, address=address, caller_id=caller_id)


def to_queue(talks: Talks, talk: Talk) -> str:
    """Free the agent, whose name is the answer; the composition then lets the customer wait in the queue."""
    agent = talk.agent
    if agent is not None:
        talks.commands.append(cmd.ReportTransfer(agent.leg, done=True))
        talks.release(talk, Role.AGENT, Cause.TRANSFERRED)
    recording.stop_recordings(talks, talk)
    return agent.agent if agent is not None else ""


def _set_out(talks: Talks, talk: Talk, until: float) -> None:
    talk.move(Move.TRANSFER)
    talks.set_deadline(talk, until)
    if talk.agent is None:
        return
    talk.transferor = talk.agent.agent
    if not talk.agent.held:  # else they are parted and the music plays already
        talks.commands.append(cmd.PartLegs(talk.agent.leg))
        talks.start_music(talk)
