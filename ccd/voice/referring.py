"""REFER read and answered: a blind transfer, or an attended one (RFC 3515, 3891, 5589 §7).

An attended transfer names another dialog of the same phone in Refer-To, as `Replaces` within the URI. Both
calls end at us, so nothing is asked of the far ends: the dialog is looked up here, and the core joins who is
behind it with the customer. Its URI, where a phone would send an INVITE, says nothing new and is not read.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.sip.address import Address
from ccd.sip.grammar import SipParseError
from ccd.sip.message import Request
from ccd.sip.uri import SipUri
from ccd.voice.causes import refusal
from ccd.voice.leg_states import LegState

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel


_NAMES_A_CALL = re.compile(r"[?&]replaces=", re.IGNORECASE)
"""A header within the URI (RFC 3261 §19.1.1), also where the rest of Refer-To cannot be read."""


class Replaces(NamedTuple):
    """A dialog as RFC 3891 §6.1 names it: by the tag of who is to be called, ours, and the phone's."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False
    """Not once it is answered (§7.1)."""


def read(channel: "VoiceChannel", leg: str, request: Request) -> facts.TransferAsked | None:
    """What a REFER on this leg asks for; None: Refer-To is missing, or cannot be read."""
    value = request.get("Refer-To") or ""
    if not _NAMES_A_CALL.search(value):
        target = channel.refer_target(request)
        return facts.TransferAsked(leg, target) if target else None
    replaces = _replaces_in(value)
    if replaces is None:
        return None
    target = channel.refer_target(request)
    return facts.TransferAsked(leg, target, attended=True, replaces=leg_of(channel, replaces))


def _replaces_in(refer_to: str) -> Replaces | None:
    """The dialog in the URI of Refer-To; None: it is not whole."""
    try:
        uri = Address.parse(refer_to).uri
    except SipParseError:
        return None
    headers = uri.headers if isinstance(uri, SipUri) else {}
    value = next((value for name, value in headers.items() if name.lower() == "replaces"), "")
    return read_replaces(value)


def read_replaces(value: str) -> Replaces | None:
    """A Replaces value; None: it is not whole."""
    call_id, *rest = (part.strip() for part in value.split(";"))
    params = {name.strip().lower(): tag.strip() for name, _, tag in (part.partition("=") for part in rest)}
    found = Replaces(call_id, params.get("to-tag", ""), params.get("from-tag", ""), "early-only" in params)
    return found if all(found[:3]) else None


def leg_of(channel: "VoiceChannel", replaces: Replaces) -> str:
    """The leg of this dialog, also one that still rings; empty: there is none.

    Some phones write the two tags the other way round. As both must be right, that lets nobody in.
    """
    for ours, theirs in (replaces[1:3], replaces[2:0:-1]):
        leg = channel.dialogs.get((replaces.call_id, ours, theirs))
        if leg is not None and leg.state is not LegState.GONE:
            return leg.id
        early = channel.leg_of_call(replaces.call_id)
        if early is not None and early.has_early(ours, theirs):
            return early.id
    return ""


def told(report: cmd.ReportTransfer) -> tuple[int, str]:
    """Status and phrase for the phone that asked for a transfer: how that went."""
    if report.done:
        return 200, "OK"
    if report.cause is Cause.VANISHED:  # the call that was to be replaced (RFC 3891 §3)
        return 481, "Call/Transaction Does Not Exist"
    refused = refusal(report.cause)
    return refused.status, refused.phrase
