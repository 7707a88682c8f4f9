"""INVITE with Replaces (RFC 3891): a call that is to take the place of another one.

Only a registered phone may send it, as whom it is authenticated. Here the dialog is looked up and what the
RFC refuses is refused; whether this phone may have that call is for the core to say (`runtime.pickups`).
"""

from typing import TYPE_CHECKING

from ccd.sip.endpoint import RequestArrived
from ccd.voice.incoming import IncomingLeg
from ccd.voice.leg_states import LegState
from ccd.voice.referring import leg_of, read_replaces

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

_EARLY = (LegState.ARRIVED, LegState.DIALLING, LegState.RINGING)


def replaced_by(channel: "VoiceChannel", event: RequestArrived, device: str) -> str:
    """The leg whose place is asked for; empty: the INVITE is refused already (§3).

    400: it names no call, several, or a call to be joined too. 403: it comes from a carrier. 481: there is
    no such call, or one that its own caller still waits in. 486: `early-only`, and it is answered.
    """
    stack, values = channel.stack, event.request.get_all("Replaces")
    replaces = read_replaces(values[0]) if len(values) == 1 else None
    if replaces is None or event.request.get("Join"):
        stack.reply(event.tx, 400, reason="Replaces Unclear")
        return ""
    if not device:
        stack.reply(event.tx, 403, reason="Only A Phone Of Ours Takes Over A Call")
        return ""
    leg = channel.legs.get(leg_of(channel, replaces))
    early = leg is not None and leg.state in _EARLY
    if leg is None or (early and isinstance(leg, IncomingLeg)):
        stack.reply(event.tx, 481)
        return ""
    if replaces.early_only and not early:
        stack.reply(event.tx, 486, reason="Answered Already")
        return ""
    return leg.id
