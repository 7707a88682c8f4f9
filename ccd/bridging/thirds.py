"""Third parties: outside addresses, agents rung outside the queue, and targets of transfers."""

from typing import TYPE_CHECKING

from ccd.bridging import events as ev
from ccd.bridging import own_calls, recording, texts
from ccd.bridging.state import Move, Party, Phase, Role, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def dial_out(
    talks: "Talks",
    talk: Talk,
    address: str,
    until: float,
    caller_id: str = "",
    *,
    agent: str = "",
    devices: tuple[str, ...] = (),
    card: cmd.OfferCard | None = None,
    own_number: bool = False,
) -> None:
    """Connect the customer to an outside address, or to an agent outside the queue, by `until`."""
    talk.move(Move.DIAL_OUT)
    talks.set_deadline(talk, until)
    if not own_calls.is_silent(talk):  # else its phone makes the tones, from what we tell of the far end
        talks.answer(talk)
        if talk.customer.kind is LegKind.AUDIO:
            talk.playing = ""
            talks.commands.append(cmd.StartMusic(talk.customer.leg, "tone:ringback"))
    dial(
        talks,
        talk,
        address=address,
        agent=agent,
        devices=devices,
        card=card,
        caller_id=caller_id,
        own_number=own_number,
    )


def dial(
    talks: "Talks",
    talk: Talk,
    *,
    address: str = "",
    agent: str = "",
    devices: tuple[str, ...] = (),
    card: cmd.OfferCard | None = None,
    caller_id: str = "",
    own_number: bool = False,
) -> None:
    """Ring a third party (transfer target or outside address)."""
    third = Party(leg=talks.leg_id(), kind=talk.customer.kind, agent=agent, address=address)
    talk.third = third
    talks.legs[third.leg] = (talk, Role.THIRD)
    card = card or cmd.OfferCard(talk.interaction, caller=talk.origin, caller_name=talk.display)
    opening = texts.opening(talk, third) if third.kind is LegKind.TEXT else ()
    talks.commands.append(
        cmd.DialLeg(
            third.leg,
            third.kind,
            card,
            devices,
            address,
            caller_id,
            opening,
            talk.customer.leg,
            own_number,
        )
    )


def ringing(talks: "Talks", talk: Talk, third: Party, early_media: bool) -> None:
    """It rings; its early media is heard at once."""
    if third.kind is LegKind.TEXT or third.early_media:
        return
    own_calls.ringing(talks, talk, early_media)
    if early_media and not third.answered:
        third.early_media = True
        talks.commands.append(cmd.BridgeLegs(talk.customer.leg, third.leg))


def answered(talks: "Talks", talk: Talk, third: Party) -> None:
    """The third party took the call: customer and third hear each other, who transferred is out."""
    talks.set_deadline(talk, 0.0)
    if talk.phase is Phase.OUTSIDE_RINGING:
        talk.move(Move.OUT_ANSWERED)
        talks.answer(talk)
        _join(talks, talk, third)
        talks.note(talk, "outside answered", address=third.address, agent=third.agent)
        if talk.own:
            talks.events.append(ev.OwnAnswered(talk.interaction, third.agent))
        return
    transferor = talk.agent
    recording.stop_recordings(talks, talk)
    if transferor is not None:
        talks.commands.append(cmd.ReportTransfer(transferor.leg, done=True))
        talks.release(talk, Role.AGENT, Cause.TRANSFERRED)
    texts.forget_sending(talk)
    if third.agent:
        talk.move(Move.BRIDGE)
        talk.agent, talk.third = third, None
        talks.legs[third.leg] = (talk, Role.AGENT)
        talks.join_agent(talk, third)
    else:
        talk.move(Move.TO_OUTSIDE)
        _join(talks, talk, third)
    talks.events.append(
        ev.TransferDone(talk.interaction, talk.transferor, to_agent=third.agent, address=third.address)
    )
    talk.transferor = ""


def _join(talks: "Talks", talk: Talk, third: Party) -> None:
    if third.kind is LegKind.TEXT:
        texts.give_rest(talks, talk, Role.THIRD)
    else:
        talks.commands.append(cmd.BridgeLegs(talk.customer.leg, third.leg))
        if talk.record_own:
            recording.record(talks, talk, third.leg, talk.customer.leg)


def gone(talks: "Talks", talk: Talk, cause: Cause, now: float) -> None:
    """The third party did not take the call, or left it."""
    third, talk.third = talk.third, None
    if third is None:
        return
    talks.set_deadline(talk, 0.0)
    if talk.phase is Phase.OUTSIDE_RINGING:
        if talk.customer.kind is LegKind.AUDIO and talk.customer.answered:
            talks.commands.append(cmd.StopPrompt(talk.customer.leg))
        talks.events.append(ev.OutsideFailed(talk.interaction, cause))
    elif talk.phase is Phase.OUTSIDE:
        if talk.own:
            talks.events.append(ev.TalkOver(talk.interaction, third.agent, by_agent=False))
        talks.end(talk, cause, now)
    elif talk.phase is Phase.TRANSFERRING:
        talk.transferor = ""
        stranded = talk.agent is None
        if talk.agent is not None:
            talk.move(Move.TRANSFER_FAILED)
            talks.commands.append(cmd.ReportTransfer(talk.agent.leg, done=False, cause=cause))
            if talk.agent.kind is LegKind.TEXT:
                texts.give_rest(talks, talk, Role.AGENT)
            elif not talk.agent.held:
                talks.commands.append(cmd.BridgeLegs(talk.customer.leg, talk.agent.leg))
            elif third.early_media:
                talks.start_music(talk)
        talks.events.append(ev.TransferFailed(talk.interaction, cause, third.agent, stranded))
