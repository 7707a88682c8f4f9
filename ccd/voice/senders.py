"""Whose guesses at passwords a request is counted with: where it came from, or who stands behind a proxy."""

from collections.abc import Callable

from ccd.sip.events import Flow
from ccd.sip.message import Request, SipParseError

Known = Callable[[Flow], bool]
"""Whether that is an address of a trunk: of a carrier, or of a proxy of our own."""


def sender(request: Request, flow: Flow, known: Known) -> str:
    """The address that is told from others; of what a proxy forwards, that from which the proxy had it.

    Else one scanner out there would have all phones behind the same proxy refused unheard. The proxy writes
    `received` beside what its client says (RFC 3261 §18.2.1); strangers' Vias are not believed.
    """
    if not known(flow):
        return flow.host
    try:
        vias = request.vias
    except SipParseError:
        return flow.host
    if len(vias) < 2:
        return flow.host
    return f"{vias[1].received or vias[1].host} by {flow.host}"[:128]


def nobody(_flow: Flow) -> bool:
    """No trunk is known."""
    return False
