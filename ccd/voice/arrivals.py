"""What arrives outside a dialog: calls from trunks, what agents dial, and texts from their phones.

Who sent it decides: a trunk is known by its source address, a device by digest. A caller that is
neither is challenged as a device, and so turned away.
"""

from typing import TYPE_CHECKING

from ccd.errors import CcdError, Refused
from ccd.model import facts
from ccd.model.nouns import ChannelClass, LegKind
from ccd.sip import sdp
from ccd.sip.address import Address
from ccd.sip.crypto import Wanted
from ccd.sip.description import SessionDescription, parse_sdp
from ccd.sip.endpoint import RequestArrived
from ccd.sip.grammar import SipParseError
from ccd.sip.message import Request
from ccd.sip.network import check_network
from ccd.sip.parts import sdp_of
from ccd.sip.session_timer import too_small
from ccd.voice.diverted import diverted_from
from ccd.voice.extensions import not_supported, unknown_to_us
from ccd.voice.incoming import IncomingLeg
from ccd.voice.numbers import number_of
from ccd.voice.refusing import warning
from ccd.voice.replacing import replaced_by
from ccd.voice.securing import wanted
from ccd.voice.trunk import Trunk

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

# a member taken out of its enum costs 600 instructions
_VOICE, _AUDIO = ChannelClass.VOICE, LegKind.AUDIO

UNREADABLE = "sip-body"


def take_invite(channel: "VoiceChannel", event: RequestArrived) -> None:
    """A call: from a trunk it becomes an interaction, from a device it is something an agent dialled."""
    stack, request = channel.stack, event.request
    trunk = _trunk_of(channel, event)
    device = ""
    if trunk is None:  # first of all: a flood of strangers must not use up the room of those we know
        found = channel.registrar.authenticate(event)
        if found is None:
            return
        device = found
    dialogs = max(len(channel.dialogs), len(channel.legs))
    ground = channel.door.admit(dialogs, channel.clock.now(), colleague=bool(device))
    if ground:
        retry = (("Retry-After", str(channel.settings.sip.retry_after_s)),)
        stack.dismiss(event.tx, 503, headers=retry)  # a flood must not fill the table of transactions either
        return
    replaced = ""
    if request.get("Replaces"):
        replaced = replaced_by(channel, event, device)
        if not replaced:
            return
    if not request.contacts:
        stack.reply(event.tx, 400, reason="Contact Missing")
        return
    if request.get("Require") is not None and (unknown := unknown_to_us(request)):
        stack.reply(event.tx, 420, headers=not_supported(unknown))
        return
    if too_small(request, channel.session_policy):
        stack.reply(event.tx, 422, headers=(("Min-SE", str(channel.session_policy.least_s)),))
        return
    offer: SessionDescription | None = None
    try:
        secrecy = wanted(channel, event.flow, device, trunk.name if trunk is not None else "")
        host = channel.media_place(("", 0), event.flow)[0]
        offer = _offer_of(request, channel.codecs, host, secrecy)
    except CcdError as fault:
        status = {"sip-malformed": 400, UNREADABLE: 415}.get(fault.code, 488)
        if status == 488:
            whose = {"device": device} if device else {"trunk": trunk.name if trunk is not None else ""}
            channel.log.warning("call refused: nothing in common", **whose, problem=str(fault))
        headers = (warning(fault), ("Accept", "application/sdp"))
        stack.reply(event.tx, status, headers=headers)
        return
    if trunk is not None and not channel.trunks.take(trunk.name):
        stack.reply(event.tx, 503, headers=(("Retry-After", "10"),))
        return
    leg = IncomingLeg(channel, f"{channel.name}:{channel.chance.token(10)}", event.tx, event.flow)
    leg.trunk, leg.device = trunk.name if trunk is not None else "", device
    leg.offer = offer
    channel.legs[leg.id] = leg
    channel.remember_call(request.call_id, leg.id)
    if trunk is not None:
        _post_arrival(channel, leg, request, trunk)
    elif replaced:
        channel.post(facts.TakeOverAsked(leg.id, device, replaced))
    else:
        channel.post(facts.AgentDialled(leg.id, device, _dialled(channel, request)))


def _trunk_of(channel: "VoiceChannel", event: RequestArrived) -> Trunk | None:
    """The trunk that a call came by; None: what sends it must prove to be a device.

    A phone and a trunk may share an address (a PBX, a test on one machine): who sends from the very
    address of a binding is that phone, and who names a device and shows credentials is judged by them.
    So may many phones and a carrier share a proxy before us: what it forwards (a second Via) comes from
    its address, whoever sent it, and then only the name of a device that is bound there makes a phone.
    """
    registrar, flow = channel.registrar, event.flow
    if registrar.device_at(flow) and len(event.request.get_all("Via")) == 1:
        return None
    trunk = channel.trunks.source(flow)
    device = registrar.claimed(event.request) if trunk is not None else ""
    if trunk is not None and device:
        if registrar.stands_at(device, flow):
            return None
        asked = event.request.get("Authorization") or event.request.get("Proxy-Authorization")
        return None if asked or event.flow.port not in trunk.ports else trunk
    return trunk


def _post_arrival(channel: "VoiceChannel", leg: IncomingLeg, request: Request, trunk: Trunk) -> None:
    caller = channel.trunks.caller(trunk, request)
    target = channel.trunks.dialled(trunk, request)
    country = trunk.settings.country or channel.settings.daemon.country
    channel.post(
        facts.LegArrived(
            leg=leg.id,
            channel=channel.name,
            channel_class=_VOICE,
            kind=_AUDIO,
            origin=caller.number,
            target=target,
            display=caller.name,
            via=trunk.name,
            diverted_from=diverted_from(request, target, country),
        )
    )


def _dialled(channel: "VoiceChannel", request: Request) -> str:
    uri = request.uri
    user = getattr(uri, "user", "") or ""
    return user if user[:1] in {"*", "#"} else number_of(uri, channel.settings.daemon.country)


def _offer_of(
    request: Request, codecs: tuple[str, ...], host: str, secrecy: Wanted
) -> SessionDescription | None:
    """The SDP offer, None where the caller leaves the offer to us. Raises for one that cannot be used:
    said at once, before anybody is told of the call."""
    if not request.body:
        return None
    body = sdp_of(request) if request.content_type else None
    if body is None:
        raise Refused(UNREADABLE, "only application/sdp is understood")
    offer = parse_sdp(body)
    check_network(host, sdp.check_offer(offer, codecs, secrecy))
    return offer


def take_message(channel: "VoiceChannel", event: RequestArrived) -> None:
    """A text from an agent's phone to a correspondent of ours."""
    request = event.request
    device = channel.registrar.authenticate(event)
    if device is None:
        return
    user = getattr(request.uri, "user", "") or ""
    leg = channel.correspondent(user, device)
    if leg is None:
        channel.stack.reply(event.tx, 404, reason="No Such Conversation")
    elif request.content_type not in {"text/plain", ""}:
        channel.stack.reply(event.tx, 415, headers=(("Accept", "text/plain"),))
    elif not leg.belongs_to(device):
        channel.stack.reply(event.tx, 403, reason="Conversation Of Another Agent")
    else:
        leg.receive(event.tx, request, device)


def refer_target(channel: "VoiceChannel", request: Request) -> str:
    """The number in Refer-To; empty when there is none that we can read."""
    value = request.get("Refer-To")
    if not value:
        return ""
    try:
        uri = Address.parse(value).uri
    except SipParseError:
        return ""
    return number_of(uri, channel.settings.daemon.country)
