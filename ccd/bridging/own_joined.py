"""Two calls of one agent become one: the far end of the one sits down where the agent sat in the other."""

from ccd.bridging import recording
from ccd.bridging.state import HEARS_MUSIC, Phase, Role, Talk
from ccd.bridging.talks import Talks
from ccd.model import commands as cmd
from ccd.model.nouns import Cause


def is_given(talk: Talk) -> bool:
    """Whether its far end may go: it has answered."""
    return talk.phase is Phase.OUTSIDE and talk.third is not None


def is_kept(talk: Talk) -> bool:
    """Whether somebody else may sit in it: it was answered, by a person or a queue, and no flow has it."""
    reached = talk.phase in (Phase.OUTSIDE, Phase.TALKING, *HEARS_MUSIC)
    return reached and talk.customer.answered and not (talk.asking or talk.away or talk.customer_gone)


def take_seat(talks: Talks, talk: Talk, given: Talk) -> None:
    """The far end of `given` is the customer of `talk` from here on.

    The agent's leg there is released; `given` has nobody any more, and is to be ended.
    """
    party, former = given.third, talk.customer
    if party is None:
        return
    for each in (talk, given):
        recording.stop_recordings(talks, each)
    given.third = None
    del talks.legs[former.leg]
    talk.customer, talk.playing = party, ""
    talk.own = bool(party.agent)
    talks.legs[party.leg] = (talk, Role.CUSTOMER)
    _join(talks, talk)
    talks.commands.append(cmd.ReleaseLeg(former.leg, Cause.TRANSFERRED))


def _join(talks: Talks, talk: Talk) -> None:
    """Let the two hear each other, or the one who is not on hold music."""
    customer, far = talk.customer, talk.third or talk.agent
    if talk.phase in HEARS_MUSIC or far is None:
        talks.start_music(talk)
        return
    if not (customer.held or far.held):
        talks.commands.append(cmd.BridgeLegs(customer.leg, far.leg))
    for one, other in ((customer, far), (far, customer)):
        if other.held and not one.held:
            talks.commands.append(cmd.PartLegs(other.leg))
            talks.commands.append(cmd.StartMusic(one.leg, talk.music))
    if talk.phase is Phase.OUTSIDE and talk.record_own:
        recording.record(talks, talk, far.leg, customer.leg)
    elif talk.phase is Phase.TALKING and talk.record:
        recording.record(talks, talk, customer.leg, far.leg)
