"""Calls that agents' phones dial: what the phone is told of the far end, and who hears whom on hold.

The dialling leg is the interaction's customer. It is answered when the far end is, so that the phone shows
and sounds what is the case: 180 while it rings, the far end's own sound (early media) by 183, a refusal with
the status of its cause. Once it is answered, by a queue or a flow, it is treated as any caller.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Phase, Role, Talk
from ccd.model import commands as cmd

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def is_silent(talk: Talk) -> bool:
    """Whether it is one that is not answered yet: no tone or music of ours reaches it."""
    return talk.own and not talk.customer.answered


def ringing(talks: "Talks", talk: Talk, early_media: bool) -> None:
    """The far end rings; with early media its sound is what the phone is to play."""
    if is_silent(talk) and talk.phase is Phase.OUTSIDE_RINGING:
        talks.commands.append(cmd.RingLeg(talk.customer.leg, early_media))


def held(talks: "Talks", talk: Talk, role: Role, on: bool) -> None:
    """Either side put the other on hold, who hears music then, or took it back."""
    third = talk.third
    if not talk.own or third is None or talk.phase is not Phase.OUTSIDE:
        return
    me, other = (talk.customer, third) if role is Role.CUSTOMER else (third, talk.customer)
    if on:
        talks.commands.append(cmd.PartLegs(me.leg))
        talks.commands.append(cmd.StartMusic(other.leg, talk.music))
    elif other.held:
        talks.commands.append(cmd.StartMusic(me.leg, talk.music))
    else:
        talks.commands.append(cmd.BridgeLegs(talk.customer.leg, third.leg))
