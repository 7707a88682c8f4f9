"""Opening legs: to the devices of an agent, or to an outside address through the trunks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ccd.model import facts
from ccd.model.commands import DialLeg
from ccd.model.nouns import Cause
from ccd.model.settings import Settings
from ccd.sip.registrations import Bound
from ccd.voice import engine
from ccd.voice.admitting import onward
from ccd.voice.outgoing import OutgoingLeg
from ccd.voice.session import Session
from ccd.voice.targets import Candidate, shown_name, shown_user
from ccd.voice.texts import TextLeg

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel


_NO_DEVICE = Cause.UNREACHABLE, "no device of the agent is registered"
_NO_TRUNK = Cause.CONGESTION, "no trunk is up and has a free channel for this number"


def dial(channel: "VoiceChannel", command: DialLeg) -> None:
    """Open an audio leg; what goes wrong comes back as `LegEnded`."""
    leg = OutgoingLeg(channel, command)
    if command.devices:
        candidates = _to_devices(channel, command)
        nobody = _NO_DEVICE
    else:
        candidates = channel.trunks.candidates(
            command.address, command.caller_id, own_number=command.own_number
        )
        nobody = _NO_TRUNK
    if not candidates:
        channel.post(facts.LegEnded(command.leg, nobody[0], remote=False, note=nobody[1]))
        return
    if not command.devices:  # our own phones are the end of the way
        peer = channel.legs.get(command.peer)
        leg.hops = onward(peer.hops) if peer is not None and not peer.made_by_us else leg.hops
        if leg.hops < 0:
            note = "it came over too many hops (Max-Forwards): it would go round in circles"
            channel.post(facts.LegEnded(command.leg, Cause.UNREACHABLE, remote=False, note=note))
            return
    place = channel.engine.take_port(command.peer)
    if place is None:
        channel.post(facts.LegEnded(command.leg, Cause.CONGESTION, remote=False, note="no free RTP port"))
        return
    host, port = channel.media_place(place, candidates[0].flow)
    leg.session = Session(host, port, _codecs(channel, command.peer))
    leg.call_id = f"{channel.chance.token(20)}@{channel.settings.sip.domain}"
    channel.legs[leg.id] = leg
    channel.engine.perform(engine.OpenLeg(leg.id, port))
    leg.dial(candidates, at_once=bool(command.devices))


def _codecs(channel: "VoiceChannel", peer: str) -> tuple[str, ...]:
    """The peer's codec first, so that nothing need be transcoded."""
    other = channel.legs.get(peer)
    stream = other.session.stream if other is not None and other.session is not None else None
    if stream is None or stream.codec == channel.codecs[0]:
        return channel.codecs
    return (stream.codec, *(codec for codec in channel.codecs if codec != stream.codec))


def _to_devices(channel: "VoiceChannel", command: DialLeg) -> list[Candidate]:
    return [
        _to_binding(channel, command, bound)
        for device in command.devices
        for bound in channel.registrar.bindings(device)
    ]


def _to_binding(channel: "VoiceChannel", command: DialLeg, bound: Bound) -> Candidate:
    domain = channel.settings.sip.domain
    card = command.card
    user = shown_user(card, card.interaction)
    headers = [
        ("From", f'"{shown_name(card)}" <sip:{user}@{domain}>;tag={channel.chance.token(10)}'),
        ("To", f"<sip:{bound.device}@{domain}>"),
        ("Contact", channel.contact(bound.flow, bound.contact[:5].lower() == "sips:")),
        ("X-CCD-Interaction", card.interaction),
    ]
    if card.consults:
        headers.append(("X-CCD-Consults", card.consults))
    if bound.route:
        headers += [("Route", route) for route in bound.route]
    return Candidate(bound.contact, bound.flow, headers, device=bound.device)


def open_text(channel: "VoiceChannel", command: DialLeg) -> None:
    """Offer a written interaction to the agent's devices, or take it up again after a restart."""
    bindings = [bound for device in command.devices for bound in channel.registrar.bindings(device)]
    leg = TextLeg(channel, command)
    if not command.opening:
        leg.device = command.devices[0] if len(command.devices) == 1 else ""
    elif not bindings:
        note = "no device of the agent is registered"
        channel.post(facts.LegEnded(command.leg, Cause.UNREACHABLE, remote=False, note=note))
        return
    channel.add_text(leg)
    leg.open(bindings, command.opening)


def recording_path(channel: "VoiceChannel", recording: str) -> str:
    """Where a recording lies: a folder a day (UTC), `INTERACTION-N.wav`."""
    day = datetime.fromtimestamp(channel.wall.now(), UTC).strftime("%Y-%m-%d")
    return str(recordings_folder(channel.settings) / day / f"{recording}.wav")


def recordings_folder(settings: Settings) -> Path:
    """Where the folders of days lie."""
    return Path(settings.media.recordings or Path(settings.daemon.state_dir) / "recordings")
