"""What is wanted of encrypted audio towards whom, by configuration and by how SIP reaches them.

Keys of SRTP stand readable in SDP (RFC 4568): where SIP itself is not encrypted, audio that is hides little.
"""

from typing import TYPE_CHECKING

from ccd.model.settings import SRTP_OFF, SRTP_REQUIRED, Settings
from ccd.sip.crypto import Agreed, Keys, Wanted
from ccd.sip.endpoint import Flow
from ccd.voice.engine import Srtp

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

# a member taken out of its enum costs 600 instructions
_PLAIN, _PREFERRED, _IF_ALONE, _REQUIRED = Wanted.PLAIN, Wanted.PREFERRED, Wanted.IF_ALONE, Wanted.REQUIRED


def likely(settings: Settings) -> bool:
    """Whether calls are to be expected that are encrypted: there is SIP over TLS, or audio that must be."""
    trunks, devices = settings.trunks.values(), settings.devices.values()
    asked = {trunk.srtp for trunk in trunks} | {device.srtp for device in devices}
    protocols = {trunk.protocol for trunk in trunks} | {each.protocol for each in settings.sip.transports}
    return SRTP_REQUIRED in asked or bool(protocols & {"tls", "auto"})


def wanted(channel: "VoiceChannel", flow: Flow, device: str = "", trunk: str = "") -> Wanted:
    """Towards a device or a trunk that is reached by `flow`."""
    settings = channel.settings
    peer = settings.devices.get(device) if device else settings.trunks.get(trunk)
    if peer is None or peer.srtp == SRTP_OFF:
        return _PLAIN
    if peer.srtp == SRTP_REQUIRED:
        return _REQUIRED
    return _PREFERRED if flow.protocol == "TLS" else _IF_ALONE


def keys_for(channel: "VoiceChannel", flow: Flow, device: str = "", trunk: str = "") -> Keys:
    """For one call, or one try to reach somebody: nobody else hears of these keys."""
    return Keys(wanted(channel, flow, device, trunk), channel.chance.octets)


def insisting(keys: Keys, device: str) -> Keys | None:
    """For an offer of encrypted audio only, in place of one that was refused; None: it would be the same, or
    is not wanted. A carrier that is not reached by TLS has refused something else: it is not called twice."""
    if keys.wanted is _PREFERRED or (device and keys.wanted is _IF_ALONE):
        return keys.insisting()
    return None


def no_keys() -> Keys:
    """Plain audio only."""
    return Keys(_PLAIN, _no_octets)


def _no_octets(_count: int) -> bytes:
    raise ValueError("plain audio has no keys")


def srtp_of(agreed: Agreed) -> Srtp:
    """For the media engine."""
    return Srtp(agreed.ours.suite, agreed.ours.key, agreed.theirs.key, agreed.theirs.mki)


def shown(channel: "VoiceChannel", leg: str) -> list[dict[str, str]]:
    """Of an audio leg that stands: by which suite it is encrypted; empty: it is not."""
    found = channel.legs.get(leg)
    stream = found.session.stream if found is not None and found.session is not None else None
    if stream is None:
        return []
    return [{"leg": leg, "srtp": stream.srtp.suite if stream.srtp is not None else ""}]
