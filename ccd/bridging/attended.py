"""Attended transfer: the far end of an agent's own call becomes the party of the agent's customer.

The customer's interaction goes the ways of a blind transfer (`transfer`, `thirds`) whose target rings or has
answered already, so all that can happen from there on is settled there. The agent's own call is left without
a far end, and ended by the composition.
"""

from ccd.bridging import recording, thirds, transfer
from ccd.bridging.state import Party, Role, Talk
from ccd.bridging.talks import Talks
from ccd.model import commands as cmd


def far_end(consult: Talk) -> Party | None:
    """Who is asked: a colleague or somebody outside, or the agent of the queue that was dialled."""
    return consult.third or consult.agent


def take_over(talks: Talks, talk: Talk, consult: Talk, until: float) -> None:
    """Join the customer with the far end of the agent's own call, at once or (by `until`) when it answers."""
    party = far_end(consult)
    if party is None:
        return
    recording.stop_recordings(talks, consult)
    consult.third = consult.agent = None
    party.offer = ""
    transfer.set_out(talks, talk, until)
    talk.third = party
    talks.legs[party.leg] = (talk, Role.THIRD)
    if not party.answered:
        if party.early_media:
            talks.commands.append(cmd.BridgeLegs(talk.customer.leg, party.leg))
        return
    thirds.answered(talks, talk, party)
    if party.agent and party.held:  # as when an agent puts the customer on hold
        talks.commands.append(cmd.PartLegs(party.leg))
        talks.start_music(talk)
