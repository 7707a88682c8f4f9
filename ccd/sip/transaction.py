"""SIP transactions as tables (RFC 3261 §17, with the Accepted states of RFC 6026).

Four machines share one set of states, events and actions. A transaction has two timers:

========== ======================= =====================================================
timer      RESEND_DUE              LIMIT_DUE
========== ======================= =====================================================
INVITE     A (client), G (server), B (calling), D (completed), M (accepted) of the client
           repeats of our 2xx      H (completed), I (confirmed), L (accepted) of the server
other      E (client)              F (waiting), K, J (completed); J also ends a request
                                   that the user never answered
========== ======================= =====================================================

Two things are ours: `ACKED` splits Accepted in two, before and after the ACK for our 2xx; and a ringing
INVITE repeats its provisional response each minute, as §13.3.1.1 asks of the user. And after the final
response a transport error changes nothing (§17.2.4 only says SHOULD): copies must still be absorbed, and
the ACK may come over a new connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Any

from ccd.errors import IllegalMove
from ccd.sip.events import Flow
from ccd.sip.message import Request
from ccd.sip.timers import Entry


class State(IntEnum):
    """Where a transaction stands."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    ACKED = auto()
    TERMINATED = auto()


class Input(IntEnum):
    """What happens to a transaction. The three responses are received by a client, given to a server."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    REJECTION = auto()
    REQUEST = auto()
    """The request again: the first made the transaction."""
    ACK = auto()
    CANCEL = auto()
    BYE = auto()
    """The dialog of our 2xx was ended by the other side: its ACK is no longer missed."""
    RESEND_DUE = auto()
    LIMIT_DUE = auto()
    TRANSPORT_ERROR = auto()


class Action(IntEnum):
    """What the endpoint does on a move; the order in the table is the order of doing."""

    RESEND = auto()
    """Send the stored bytes once more."""
    SEND = auto()
    """Send and store the response given."""
    BACK_OFF = auto()
    """Set the next repeat: doubled, at most T2 except for an INVITE client."""
    SLOW_DOWN = auto()
    """Next repeat after T2: a provisional came for a request other than INVITE."""
    REPEAT = auto()
    """Start repeating at T1 over an unreliable transport."""
    REPEAT_ALWAYS = auto()
    """Start repeating at T1 over any transport: a 2xx to INVITE goes end to end (§13.3.1.4)."""
    KEEP_RINGING = auto()
    """Repeat a provisional above 100 in a minute."""
    STOP = auto()
    """Stop both timers."""
    STOP_REPEAT = auto()
    """Stop the repeats only."""
    LINGER = auto()
    """Stay for the time of the new state to absorb copies; over TCP often no time at all. It takes the place
    of a limit that was set before."""
    ACK_REJECTION = auto()
    """Build, store and send the ACK for a non-2xx final response (§17.1.1.3)."""
    RELEASE_CANCEL = auto()
    """Send the CANCEL that waited for a provisional (§9.1)."""
    EXPECT_ACK = auto()
    """Let the ACK find this transaction by its dialog: it comes in a transaction of its own."""
    ABSORB = auto()
    """Count a copy that needs no answer."""
    TELL = auto()
    TELL_SUCCESS = auto()
    """Tell a 2xx of a To-tag not seen before; repeat the ACK for one seen."""
    TELL_ACK = auto()
    TELL_CANCEL = auto()
    TELL_TIMEOUT = auto()
    TELL_TRANSPORT = auto()
    TELL_ACK_MISSING = auto()
    COUNT_TIMEOUT = auto()
    END = auto()
    """Leave all tables and let go of the owner."""


# a member taken out of its enum costs 600 instructions
_CALLING, _TRYING, _PROCEEDING, _COMPLETED = State.CALLING, State.TRYING, State.PROCEEDING, State.COMPLETED
_CONFIRMED, _ACCEPTED, _TERMINATED = State.CONFIRMED, State.ACCEPTED, State.TERMINATED

Move = tuple[State, tuple[Action, ...]]
Moves = Mapping[tuple[State, Input], Move]
Key = tuple[object, ...]

S, I, A = State, Input, Action  # noqa: E741  the tables are read by eye

INVITE_CLIENT: Moves = {
    (S.CALLING, I.PROVISIONAL): (S.PROCEEDING, (A.STOP, A.TELL, A.RELEASE_CANCEL)),
    (S.CALLING, I.SUCCESS): (S.ACCEPTED, (A.STOP, A.TELL_SUCCESS, A.LINGER)),
    (S.CALLING, I.REJECTION): (S.COMPLETED, (A.STOP, A.ACK_REJECTION, A.TELL, A.LINGER)),
    (S.CALLING, I.RESEND_DUE): (S.CALLING, (A.RESEND, A.BACK_OFF)),
    (S.CALLING, I.LIMIT_DUE): (S.TERMINATED, (A.TELL_TIMEOUT, A.END)),
    (S.CALLING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.TELL_TRANSPORT, A.END)),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.TELL,)),
    (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, (A.STOP, A.TELL_SUCCESS, A.LINGER)),
    (S.PROCEEDING, I.REJECTION): (S.COMPLETED, (A.STOP, A.ACK_REJECTION, A.TELL, A.LINGER)),
    # Only after a CANCEL: 64*T1 without a final answer ends it (§9.1).
    (S.PROCEEDING, I.LIMIT_DUE): (S.TERMINATED, (A.TELL_TIMEOUT, A.END)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.TELL_TRANSPORT, A.END)),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, (A.ABSORB,)),
    # A forking proxy passes on each 2xx, even after a rejection (§16.7 step 5): it must be ACKed and ended.
    (S.COMPLETED, I.SUCCESS): (S.COMPLETED, (A.TELL_SUCCESS,)),
    (S.COMPLETED, I.REJECTION): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
    (S.ACCEPTED, I.PROVISIONAL): (S.ACCEPTED, (A.ABSORB,)),
    (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, (A.TELL_SUCCESS,)),
    (S.ACCEPTED, I.REJECTION): (S.ACCEPTED, (A.ABSORB,)),
    (S.ACCEPTED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, ()),
}

OTHER_CLIENT: Moves = {
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, (A.TELL,)),
    (S.TRYING, I.SUCCESS): (S.COMPLETED, (A.STOP, A.TELL, A.LINGER)),
    (S.TRYING, I.REJECTION): (S.COMPLETED, (A.STOP, A.TELL, A.LINGER)),
    (S.TRYING, I.RESEND_DUE): (S.TRYING, (A.RESEND, A.BACK_OFF)),
    (S.TRYING, I.LIMIT_DUE): (S.TERMINATED, (A.TELL_TIMEOUT, A.END)),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.TELL_TRANSPORT, A.END)),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.TELL,)),
    (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, (A.STOP, A.TELL, A.LINGER)),
    (S.PROCEEDING, I.REJECTION): (S.COMPLETED, (A.STOP, A.TELL, A.LINGER)),
    (S.PROCEEDING, I.RESEND_DUE): (S.PROCEEDING, (A.RESEND, A.SLOW_DOWN)),
    (S.PROCEEDING, I.LIMIT_DUE): (S.TERMINATED, (A.TELL_TIMEOUT, A.END)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.TELL_TRANSPORT, A.END)),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, (A.ABSORB,)),
    (S.COMPLETED, I.SUCCESS): (S.COMPLETED, (A.ABSORB,)),
    (S.COMPLETED, I.REJECTION): (S.COMPLETED, (A.ABSORB,)),
    (S.COMPLETED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
}

# A response given after the final one is discarded, not sent (§17.2.1, §17.2.2): moves without action.
INVITE_SERVER: Moves = {
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND, A.KEEP_RINGING)),
    (S.PROCEEDING, I.SUCCESS): (
        S.ACCEPTED,
        (A.STOP, A.SEND, A.EXPECT_ACK, A.REPEAT_ALWAYS, A.LINGER),
    ),
    (S.PROCEEDING, I.REJECTION): (S.COMPLETED, (A.STOP, A.SEND, A.REPEAT, A.LINGER)),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.ABSORB, A.RESEND)),
    (S.PROCEEDING, I.ACK): (S.PROCEEDING, (A.ABSORB,)),
    (S.PROCEEDING, I.CANCEL): (S.PROCEEDING, (A.TELL_CANCEL,)),
    (S.PROCEEDING, I.RESEND_DUE): (S.PROCEEDING, (A.RESEND, A.KEEP_RINGING)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.TELL_TRANSPORT, A.END)),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, ()),
    (S.COMPLETED, I.SUCCESS): (S.COMPLETED, ()),
    (S.COMPLETED, I.REJECTION): (S.COMPLETED, ()),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.ABSORB, A.RESEND)),
    (S.COMPLETED, I.ACK): (S.CONFIRMED, (A.STOP, A.LINGER)),
    (S.COMPLETED, I.CANCEL): (S.COMPLETED, ()),
    (S.COMPLETED, I.RESEND_DUE): (S.COMPLETED, (A.RESEND, A.BACK_OFF)),
    # H: the rejection was never acknowledged. The call is over either way, so it is only counted.
    (S.COMPLETED, I.LIMIT_DUE): (S.TERMINATED, (A.COUNT_TIMEOUT, A.END)),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
    (S.CONFIRMED, I.PROVISIONAL): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.SUCCESS): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.REJECTION): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.REQUEST): (S.CONFIRMED, (A.ABSORB,)),
    (S.CONFIRMED, I.ACK): (S.CONFIRMED, (A.ABSORB,)),
    (S.CONFIRMED, I.CANCEL): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.CONFIRMED, I.TRANSPORT_ERROR): (S.CONFIRMED, ()),
    (S.ACCEPTED, I.PROVISIONAL): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.REJECTION): (S.ACCEPTED, ()),
    # RFC 6026 leaves the 2xx to the user; here the transaction repeats it, so a copy may hurry it.
    (S.ACCEPTED, I.REQUEST): (S.ACCEPTED, (A.ABSORB, A.RESEND)),
    (S.ACCEPTED, I.ACK): (S.ACKED, (A.STOP_REPEAT, A.TELL_ACK)),
    (S.ACCEPTED, I.CANCEL): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.BYE): (S.ACKED, (A.STOP_REPEAT,)),
    (S.ACCEPTED, I.RESEND_DUE): (S.ACCEPTED, (A.RESEND, A.BACK_OFF)),
    (S.ACCEPTED, I.LIMIT_DUE): (S.TERMINATED, (A.TELL_ACK_MISSING, A.END)),
    (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, ()),
    (S.ACKED, I.PROVISIONAL): (S.ACKED, ()),
    (S.ACKED, I.SUCCESS): (S.ACKED, ()),
    (S.ACKED, I.REJECTION): (S.ACKED, ()),
    (S.ACKED, I.REQUEST): (S.ACKED, (A.ABSORB,)),
    (S.ACKED, I.ACK): (S.ACKED, (A.ABSORB,)),
    (S.ACKED, I.CANCEL): (S.ACKED, ()),
    (S.ACKED, I.BYE): (S.ACKED, ()),
    (S.ACKED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.ACKED, I.TRANSPORT_ERROR): (S.ACKED, ()),
}

OTHER_SERVER: Moves = {
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.TRYING, I.SUCCESS): (S.COMPLETED, (A.SEND, A.LINGER)),
    (S.TRYING, I.REJECTION): (S.COMPLETED, (A.SEND, A.LINGER)),
    (S.TRYING, I.REQUEST): (S.TRYING, (A.ABSORB,)),
    (S.TRYING, I.LIMIT_DUE): (S.TERMINATED, (A.COUNT_TIMEOUT, A.END)),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.END,)),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, (A.SEND, A.LINGER)),
    (S.PROCEEDING, I.REJECTION): (S.COMPLETED, (A.SEND, A.LINGER)),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.ABSORB, A.RESEND)),
    (S.PROCEEDING, I.LIMIT_DUE): (S.TERMINATED, (A.COUNT_TIMEOUT, A.END)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.END,)),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, ()),
    (S.COMPLETED, I.SUCCESS): (S.COMPLETED, ()),
    (S.COMPLETED, I.REJECTION): (S.COMPLETED, ()),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.ABSORB, A.RESEND)),
    (S.COMPLETED, I.LIMIT_DUE): (S.TERMINATED, (A.END,)),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
}


def linger_s(moves: Moves, state: State, reliable: bool, t1: float, t4: float) -> float:
    """Seconds to stay in `state` once entered: timers D, H, I, J, K, L, M; 0: not at all."""
    if state is _ACCEPTED or (state is _COMPLETED and moves is INVITE_SERVER):
        return 64 * t1
    if reliable:
        return 0.0
    if state is _CONFIRMED or moves is OTHER_CLIENT:
        return t4
    return 64 * t1


def look_up(moves: Moves, state: State, happened: Input) -> Move:
    """The move for `happened` in `state`; raises `IllegalMove` where the table has none."""
    move = moves.get((state, happened))
    if move is None:
        raise IllegalMove(
            "sip-transaction", f"SIP transaction: {happened.name} cannot happen in state {state.name}"
        )
    return move


class Transaction:
    """What clients and servers have in common. Times are seconds on the endpoint's clock."""

    __slots__ = (
        "flow",
        "interval",
        "key",
        "last_status",
        "limit",
        "moves",
        "owner",
        "repeat",
        "request",
        "sent",
        "state",
    )

    def __init__(
        self, request: Request, flow: Flow, moves: Moves, state: State, key: Key, owner: Any
    ) -> None:
        self.request = request
        self.flow = flow
        """Where its messages go; for a server where its responses go."""
        self.moves = moves
        self.state = state
        self.key = key
        self.owner = owner
        """The user's object; comes with each event; let go when the transaction ends."""
        self.sent = b""
        """What was sent last, to be sent again as it is."""
        self.last_status = 0
        """Status of the last response that was told to or given by the user (100 too); 0 before the first."""
        self.interval = 0.0
        self.repeat: Entry[Transaction, Input] | None = None
        self.limit: Entry[Transaction, Input] | None = None

    @property
    def answered(self) -> bool:
        """True after a final response; a server discards what is given later."""
        return self.last_status >= 200

    @property
    def over(self) -> bool:
        """True at the very end, when even copies are no longer absorbed."""
        return self.state is _TERMINATED


class ClientTransaction(Transaction):
    """A request of ours."""

    __slots__ = ("acks", "cancel_headers", "is_cancel", "sent_by")

    def __init__(self, request: Request, flow: Flow, key: Key, owner: Any, sent_by: str) -> None:
        if request.method == "INVITE":
            Transaction.__init__(self, request, flow, INVITE_CLIENT, _CALLING, key, owner)
        else:
            Transaction.__init__(self, request, flow, OTHER_CLIENT, _TRYING, key, owner)
        self.sent_by = sent_by
        self.acks: dict[str, tuple[Flow, bytes] | None] = {}
        """To-tags of the 2xx told, with the ACK once the user gave it."""
        self.cancel_headers: tuple[tuple[str, str], ...] | None = None
        """Not None: to be cancelled at the first provisional, with these headers."""
        self.is_cancel = False
        """Made by `Endpoint.cancel`: nobody is told of its end."""


class ServerTransaction(Transaction):
    """A request of theirs."""

    __slots__ = ("ack_key", "merge_key", "size", "source", "to_tag")

    def __init__(self, request: Request, flow: Flow, source: Flow, key: Key, to_tag: str) -> None:
        if request.method == "INVITE":
            Transaction.__init__(self, request, flow, INVITE_SERVER, _PROCEEDING, key, None)
        else:
            Transaction.__init__(self, request, flow, OTHER_SERVER, _TRYING, key, None)
        self.source = source
        """Where the request really came from."""
        self.to_tag = to_tag
        """The tag for our responses: the request's own, or a fresh one when it has none."""
        self.ack_key: Key | None = None
        self.merge_key: Key | None = None
        self.size = 0
        """Octets of the request where it is a large one."""
