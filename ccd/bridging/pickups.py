"""A phone takes the place of another: of one that rings (pickup), or of one in conversation (moved).

The new leg came in from an agent's phone. Where it picks up, it is answered first, and only what its phone
confirms counts: until then the colleague's phone rings on, and who is there first has the call.
"""

from ccd.bridging import recording
from ccd.bridging.state import HEARS_MUSIC, Party, Phase, Role, Talk
from ccd.bridging.talks import Talks
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind


def answers_offer(talks: Talks, talk: Talk, leg: str, agent: str, offer: str, language: str) -> None:
    """The agent's phone answers an offer of its own, beside those that ring."""
    party = Party(leg=leg, kind=LegKind.AUDIO, agent=agent, offer=offer, language=language)
    talk.also_ringing = [*talk.also_ringing, party]
    talks.legs[leg] = (talk, Role.AGENT)
    talks.commands.append(cmd.AnswerLeg(leg))


def answers_third(talks: Talks, talk: Talk, leg: str, agent: str) -> None:
    """The agent is the one whom the call goes to, in place of the colleague who rings."""
    talks.release(talk, Role.THIRD, Cause.ANSWERED_ELSEWHERE)
    talk.third = Party(leg=leg, kind=LegKind.AUDIO, agent=agent)
    talks.legs[leg] = (talk, Role.THIRD)
    talks.commands.append(cmd.AnswerLeg(leg))


def may_move(talk: Talk, role: Role, party: Party) -> bool:
    """Whether this party's phone may be another one from now on: in conversation, or waiting in a queue."""
    if not party.answered or party.kind is not LegKind.AUDIO or talk.customer_gone or talk.away:
        return False
    if role is Role.AGENT:
        return talk.phase is Phase.TALKING
    if role is Role.THIRD:
        return talk.phase is Phase.OUTSIDE
    return talk.phase is Phase.OUTSIDE or (
        talk.phase in (Phase.TALKING, *HEARS_MUSIC) and not talk.asking and not talk.playing
    )


def move(talks: Talks, talk: Talk, role: Role, party: Party, leg: str, device: str) -> None:
    """The party speaks by this phone from now on; the former one is told that it was answered elsewhere."""
    recording.stop_recordings(talks, talk)
    former, party.leg, party.device, party.held = party.leg, leg, device, False
    del talks.legs[former]
    talks.legs[leg] = (talk, role)
    talks.commands.append(cmd.AnswerLeg(leg))
    _join_anew(talks, talk, role, party)
    talks.commands.append(cmd.ReleaseLeg(former, Cause.ANSWERED_ELSEWHERE))


def _join_anew(talks: Talks, talk: Talk, role: Role, party: Party) -> None:
    """Let the party hear what it heard before, and be recorded as before."""
    if talk.phase in HEARS_MUSIC:
        talks.start_music(talk)
        return
    far = talk.third or talk.agent or talk.customer
    other = far if role is Role.CUSTOMER else talk.customer
    if talk.asking or other.held:
        talks.commands.append(cmd.StartMusic(party.leg, talk.music))
    else:
        talks.commands.append(cmd.BridgeLegs(talk.customer.leg, far.leg))
    if talk.phase is Phase.OUTSIDE and talk.record_own:
        recording.record(talks, talk, far.leg, talk.customer.leg)
    elif talk.phase is Phase.TALKING and talk.record:
        recording.record(talks, talk, talk.customer.leg, far.leg)
