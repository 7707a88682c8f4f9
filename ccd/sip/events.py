"""What the SIP endpoint tells its user, and the flow that names where a message came from or goes to.

Each event carries `owner`: the object that the user gave to the transaction (None where there is none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ccd.sip.message import Request, Response

if TYPE_CHECKING:
    from ccd.sip.transaction import ClientTransaction, ServerTransaction


class Flow(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A path to one peer (RFC 5626 §2): for UDP listener and address, for TCP one connection."""

    protocol: str
    """`UDP` or `TCP`."""
    host: str
    """The peer's address without brackets."""
    port: int
    local: str
    """UDP: `host:port` of our listener. TCP: the id of the connection, empty before it stands."""

    @property
    def reliable(self) -> bool:
        """True when the transport itself repeats what was lost (RFC 3261 §17: no retransmissions)."""
        return self.protocol != "UDP"


class RequestArrived(msgspec.Struct):
    """A new request, in or out of a dialog; never ACK or CANCEL. Answer with `Endpoint.respond`."""

    tx: ServerTransaction
    request: Request
    flow: Flow
    owner: Any = None


class AckArrived(msgspec.Struct):
    """The ACK for our 2xx, once; with `tx` None it matches no INVITE that we still know."""

    request: Request
    flow: Flow
    tx: ServerTransaction | None
    owner: Any = None


class CancelArrived(msgspec.Struct):
    """The caller gave up an INVITE that has no final answer yet: answer `tx` with 487.

    The CANCEL itself is already answered; `request` is the CANCEL, for its Reason header (RFC 3326).
    """

    tx: ServerTransaction
    request: Request
    owner: Any = None


class ResponseArrived(msgspec.Struct):
    """A provisional above 100, the final, or a further 2xx of another branch of a forked INVITE.

    Each 2xx to an INVITE told here has a To-tag not told before; the user answers every one with
    `send_ack`, and ends with BYE those it cannot use (§13.2.2.4) - also when it has cancelled.
    """

    tx: ClientTransaction
    response: Response
    owner: Any = None


class TransactionFailed(msgspec.Struct):
    """No final answer within 64*T1 (timers B and F), or the transport is broken.

    `tx` is a server transaction only when the flow of an unanswered INVITE died: there is nobody to answer.
    """

    tx: ClientTransaction | ServerTransaction
    cause: Literal["timeout", "transport"]
    owner: Any = None


class AckMissing(msgspec.Struct):
    """Our 2xx was not acknowledged within 64*T1: end the dialog with BYE (§13.3.1.4)."""

    tx: ServerTransaction
    owner: Any = None


class BadMessage(msgspec.Struct):
    """What came over `flow` was no SIP message; a request was answered where its header allowed it."""

    flow: Flow
    reason: str
    owner: Any = None


class FlowClosed(msgspec.Struct):
    """A connection is gone (TCP): bindings and routes over it are void. Its transactions failed before."""

    flow: Flow
    owner: Any = None


Event = (
    RequestArrived
    | AckArrived
    | CancelArrived
    | ResponseArrived
    | TransactionFailed
    | AckMissing
    | BadMessage
    | FlowClosed
)
