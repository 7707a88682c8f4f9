"""UPDATE (RFC 3311), and what comes in a dialog whose INVITE is not answered yet (RFC 3261 §12.1).

An UPDATE changes a session without a transaction that lasts; most carry no SDP and only refresh it (RFC
4028). Before the answer the two sides have described themselves at most provisionally: who asks for another
description then is served if ours was said already, else told to wait.
"""

from typing import TYPE_CHECKING

import msgspec

from ccd.errors import CcdError, Refused
from ccd.sip.endpoint import ServerTransaction
from ccd.sip.message import Request, Response
from ccd.sip.parts import sdp_of
from ccd.sip.session_timer import too_small
from ccd.voice import engine
from ccd.voice.admitting import encoding_fault
from ccd.voice.extensions import ALLOW, SUPPORTED, not_supported, unknown_to_us
from ccd.voice.leg_states import LegState
from ccd.voice.refusing import warning

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg

SOON = (("Retry-After", "2"),)


def refused(leg: "CallLeg", tx: ServerTransaction, request: Request) -> bool:
    """Whether a request was answered 420, 415 or 422 at once: what it requires we do not have (§8.2.2.3), its
    body is packed, or its session time is too short."""
    if request.get("Require") is not None and (unknown := unknown_to_us(request)):
        leg.channel.stack.reply(tx, 420, headers=not_supported(unknown))
        return True
    if request.body and (fault := encoding_fault(request)):
        leg.channel.stack.reply(tx, fault[0], headers=fault[1])
        return True
    policy = leg.channel.session_policy
    if request.method in {"INVITE", "UPDATE"} and too_small(request, policy):
        leg.channel.stack.reply(tx, 422, headers=(("Min-SE", str(policy.least_s)),))
        return True
    return False


def on_update(leg: "CallLeg", tx: ServerTransaction, request: Request) -> None:
    """An UPDATE in a call that is answered."""
    stack, session = leg.channel.stack, leg.session
    body = b""
    if request.body:
        if session is None or leg.state is not LegState.UP or leg.offers():
            stack.reply(tx, 491)
            return
        try:
            body = session.answer(sdp_of(request) or b"")
        except CcdError as fault:
            stack.reply(tx, 488, headers=(warning(fault),))
            return
    if leg.dialog is not None:
        leg.dialog.update_target(request)
    answer_update(leg, tx, body)
    if body:
        leg.stream_changed()


def answer_update(leg: "CallLeg", tx: ServerTransaction, body: bytes) -> None:
    """200, with our side of the session where it was asked for."""
    response = Response.to_request(tx.request, 200, None, tx.to_tag)
    response.add("Contact", leg.channel.contact(leg.flow or tx.flow, leg.secure))
    response.add("Allow", ALLOW)
    response.add("Supported", SUPPORTED)
    if leg.liveness is not None and leg.dialog is not None:
        for name, value in leg.liveness.answer(tx.request):
            response.add(name, value)
    if body:
        response.set_body(body, "application/sdp")
    leg.channel.stack.respond(tx, response)


def early_request(leg: "CallLeg", tx: ServerTransaction, request: Request) -> None:
    """A request of the far end before the INVITE has its final answer; BYE apart."""
    stack, number = leg.channel.stack, request.cseq.number
    if not leg.several():  # each that rings counts for itself
        if number <= leg.early_seq:
            stack.reply(tx, 500, headers=SOON)
            return
        leg.early_seq = number
    if refused(leg, tx, request):
        return
    method = request.method
    if method == "UPDATE":
        _early_update(leg, tx, request)
    elif method == "PRACK":
        leg.on_prack(tx, request)
    elif method == "INFO":
        leg.on_info(tx, request)
    elif method == "OPTIONS":
        stack.reply(tx, 200, headers=(("Allow", ALLOW), ("Supported", SUPPORTED)))
    elif method == "INVITE":
        stack.reply(tx, 500, headers=SOON)  # §14.2
    else:
        stack.reply(tx, 403, reason="Not Before The Answer")


def _early_update(leg: "CallLeg", tx: ServerTransaction, request: Request) -> None:
    """RFC 3311 §5.2. An offer is answered where offer and answer went both ways already (183 with SDP)."""
    session = leg.session
    if not request.body:
        answer_update(leg, tx, b"")
        return
    if session is None or session.stream is None or leg.several():
        leg.channel.stack.reply(tx, 500, headers=SOON)
        return
    try:
        body = take_early_offer(leg, request)
    except CcdError as fault:
        leg.channel.stack.reply(tx, 488, headers=(warning(fault),))
        return
    answer_update(leg, tx, body)


def take_early_offer(leg: "CallLeg", request: Request) -> bytes:
    """Our answer to an offer that comes before the INVITE is answered, where the first one was settled.

    What we take from the far end, or do not take yet, stays so. Raises as `Session.answer`.
    """
    session = leg.session
    if session is None or session.stream is None:
        raise Refused("sip-too-early", "the first offer is not answered yet")
    hears = session.stream.receive
    body = session.answer(sdp_of(request) or b"")
    leg.described_anew(body)
    stream = session.stream
    leg.channel.engine.perform(
        engine.SetStream(leg.id, stream if hears else msgspec.structs.replace(stream, receive=False))
    )
    session.told_held = session.held
    return body
