"""Runs the transaction tables: holds the open transactions and does what a move says (RFC 3261 §17)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from ccd.sip.events import (
    AckArrived,
    AckMissing,
    CancelArrived,
    Event,
    Flow,
    ResponseArrived,
    TransactionFailed,
)
from ccd.sip.hop import same_hop
from ccd.sip.lines import good_lines
from ccd.sip.message import Message, Request, Response
from ccd.sip.timers import Delays
from ccd.sip.transaction import (
    INVITE_SERVER,
    OTHER_SERVER,
    Action,
    ClientTransaction,
    Input,
    Key,
    ServerTransaction,
    State,
    Transaction,
    linger_s,
    look_up,
)

# a member taken out of its enum costs 600 instructions
_RESEND_DUE, _LIMIT_DUE = Input.RESEND_DUE, Input.LIMIT_DUE
_CALLING = State.CALLING

RING_AGAIN_S = 60.0
TRYING_AFTER_S = 0.1
"""An INVITE without an answer by then gets 100; RFC 3261 §17.2.1 grants 200 ms to those that answer."""
MOST_FORKS = 16
"""Different 2xx to one INVITE that are told; a peer that makes up tags must not fill the memory."""


class Chance(Protocol):
    """Where branches and tags come from."""

    def token(self, length: int = 12) -> str: ...


class Runner:
    """Open transactions, their timers, and one method an `Action`. Base of `Endpoint`."""

    def __init__(self, chance: Chance, t1: float, t2: float, t4: float, now: float) -> None:
        self.events: deque[Event] = deque()
        self.out: list[tuple[Flow, bytes]] = []
        self.counters: dict[str, int] = dict.fromkeys(
            (
                "retransmissions_sent",
                "retransmissions_absorbed",
                "bad_messages",
                "keep_alives",
                "timeouts",
                "transport_errors",
                "acks_missing",
                "stray_responses",
                "stray_acks",
                "late_responses",
                "merged_requests",
                "refused_busy",
                "refused_large",
            ),
            0,
        )
        self._chance = chance
        self._t1, self._t2, self._t4 = t1, t2, t4
        self._now = now
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._by_ack: dict[Key, ServerTransaction] = {}
        self._by_dialog: dict[Key, ServerTransaction] = {}  # with the latest 2xx to INVITE of ours
        self._by_merge: dict[Key, ServerTransaction] = {}
        self._by_flow: dict[Flow, set[Transaction]] = {}  # over a connection all, over UDP requests of ours
        self.timers: Delays[Transaction, Input] = Delays()
        self._message: Any = None  # what the move is about; each action knows its type
        self._flow: Flow | None = None
        self._size = 0  # octets of the message being received
        self._large_bytes = 0  # of the large requests that are kept
        self._perform: dict[Action, Callable[[Any], None]] = {
            Action.RESEND: self._resend,
            Action.SEND: self._send,
            Action.BACK_OFF: self._back_off,
            Action.SLOW_DOWN: self._slow_down,
            Action.REPEAT: self._repeat,
            Action.REPEAT_ALWAYS: self._repeat_always,
            Action.KEEP_RINGING: self._keep_ringing,
            Action.STOP: self._stop,
            Action.STOP_REPEAT: self._stop_repeat,
            Action.LINGER: self._linger,
            Action.ACK_REJECTION: self._ack_rejection,
            Action.RELEASE_CANCEL: self._release_cancel,
            Action.EXPECT_ACK: self._expect_ack,
            Action.ABSORB: self._absorb,
            Action.TELL: self._tell,
            Action.TELL_SUCCESS: self._tell_success,
            Action.TELL_ACK: self._tell_ack,
            Action.TELL_CANCEL: self._tell_cancel,
            Action.TELL_TIMEOUT: self._tell_timeout,
            Action.TELL_TRANSPORT: self._tell_transport,
            Action.TELL_ACK_MISSING: self._tell_ack_missing,
            Action.COUNT_TIMEOUT: self._count_timeout,
            Action.END: self._end,
        }

    def _move(self, tx: Transaction, happened: Input, now: float, message: Message | None = None) -> None:
        try:
            tx.state, actions = tx.moves[tx.state, happened]
        except KeyError:
            tx.state, actions = look_up(tx.moves, tx.state, happened)  # says what is wrong
        self._now = now
        self._message = message
        perform = self._perform
        for action in actions:
            perform[action](tx)

    def _resend(self, tx: Transaction) -> None:
        if tx.sent:
            self.counters["retransmissions_sent"] += 1
            self.out.append((tx.flow, tx.sent))
            # timers B and F, 64 T1 from the start: one T1 was over when the first repeat was due
            if tx.limit is None and tx.repeat is not None and isinstance(tx, ClientTransaction):
                tx.limit = self.timers.set(tx.repeat.at, 63 * self._t1, tx, _LIMIT_DUE)
        elif tx.moves is INVITE_SERVER and isinstance(tx, ServerTransaction):
            self._trying(tx)

    def _trying(self, tx: ServerTransaction) -> None:
        """100: nothing else was said for `TRYING_AFTER_S`, or the INVITE came again before that."""
        tx.last_status = 100
        tx.sent = Response.to_request(tx.request, 100).to_bytes()
        self.out.append((tx.flow, tx.sent))

    def _send(self, tx: ServerTransaction) -> None:
        response: Response = self._message
        tx.last_status = response.status
        tx.sent = response.to_bytes()
        self.out.append((tx.flow, tx.sent))
        if response.status >= 200 and tx.moves is OTHER_SERVER:
            tx.request = _outline(tx.request.method)  # nothing but `sent` is needed from here on

    def _back_off(self, tx: Transaction) -> None:
        tx.interval *= 2
        if tx.state is not _CALLING and tx.interval > self._t2:
            tx.interval = self._t2
        tx.repeat = self.timers.set(self._now, tx.interval, tx, _RESEND_DUE)

    def _slow_down(self, tx: Transaction) -> None:
        tx.repeat = self.timers.set(self._now, self._t2, tx, _RESEND_DUE)

    def _repeat(self, tx: Transaction) -> None:
        if not tx.flow.reliable:
            self._repeat_always(tx)

    def _repeat_always(self, tx: Transaction) -> None:
        tx.interval = self._t1
        tx.repeat = self.timers.set(self._now, self._t1, tx, _RESEND_DUE)

    def _keep_ringing(self, tx: ServerTransaction) -> None:
        self._stop_repeat(tx)
        if tx.last_status > 100:
            tx.repeat = self.timers.set(self._now, RING_AGAIN_S, tx, _RESEND_DUE)

    def _stop(self, tx: Transaction) -> None:
        if tx.repeat is not None:
            self.timers.cancel(tx.repeat)
            tx.repeat = None
        if tx.limit is not None:
            self.timers.cancel(tx.limit)
            tx.limit = None

    def _stop_repeat(self, tx: Transaction) -> None:
        if tx.repeat is not None:
            self.timers.cancel(tx.repeat)
            tx.repeat = None

    def _linger(self, tx: Transaction) -> None:
        stay_s = linger_s(tx.moves, tx.state, tx.flow.reliable, self._t1, self._t4)
        former = tx.limit
        if stay_s > 0:
            if former is not None:
                if former.at == self._now + stay_s:
                    return  # a request that is answered the moment it comes: it could stay as long unanswered
                self.timers.cancel(former)
            tx.limit = self.timers.set(self._now, stay_s, tx, _LIMIT_DUE)
        else:
            self._move(tx, _LIMIT_DUE, self._now)

    def _ack_rejection(self, tx: ClientTransaction) -> None:
        response: Response = self._message
        tx.sent = same_hop(tx.request, "ACK", response.get("To") or "").to_bytes()
        self.out.append((tx.flow, tx.sent))

    def _expect_ack(self, tx: ServerTransaction) -> None:
        invite = tx.request  # our response says the same, but its headers were not read yet
        tx.ack_key = (invite.call_id, tx.to_tag, invite.cseq.number)
        if tx.merge_key is not None:  # the first of a dialog: all that follow say To like this, to the letter
            good_lines.expect("To", f"{invite.get('To')};tag={tx.to_tag}")
        self._by_ack[tx.ack_key] = tx
        self._by_dialog[tx.ack_key[:2]] = tx

    def _absorb(self, _tx: Transaction) -> None:
        self.counters["retransmissions_absorbed"] += 1

    def _tell(self, tx: ClientTransaction) -> None:
        response: Response = self._message
        if response.status > 100 and not tx.is_cancel:
            tx.last_status = response.status
            self.events.append(ResponseArrived(tx, response, tx.owner))

    def _tell_success(self, tx: ClientTransaction) -> None:
        response: Response = self._message
        tag = response.to_tag or ""
        if tag not in tx.acks and len(tx.acks) < MOST_FORKS:
            tx.acks[tag] = None
            self._tell(tx)
            return
        self.counters["retransmissions_absorbed"] += 1
        ack = tx.acks.get(tag)
        if ack is not None:
            self.counters["retransmissions_sent"] += 1
            self.out.append(ack)

    def _tell_ack(self, tx: ServerTransaction) -> None:
        self.events.append(AckArrived(self._message, self._flow or tx.source, tx, tx.owner))
        # From here on it only absorbs copies, thousands of them at a time: keep no more than that needs.
        tx.owner, tx.sent, tx.request = None, b"", _outline("INVITE")

    def _tell_cancel(self, tx: ServerTransaction) -> None:
        self.events.append(CancelArrived(tx, self._message, tx.owner))

    def _tell_timeout(self, tx: ClientTransaction) -> None:
        self.counters["timeouts"] += 1
        if not tx.is_cancel:
            self.events.append(TransactionFailed(tx, "timeout", tx.owner))

    def _tell_transport(self, tx: ClientTransaction | ServerTransaction) -> None:
        if not (isinstance(tx, ClientTransaction) and tx.is_cancel):
            self.events.append(TransactionFailed(tx, "transport", tx.owner))

    def _tell_ack_missing(self, tx: ServerTransaction) -> None:
        self.counters["acks_missing"] += 1
        self.events.append(AckMissing(tx, tx.owner))

    def _count_timeout(self, _tx: Transaction) -> None:
        self.counters["timeouts"] += 1

    def _end(self, tx: ClientTransaction | ServerTransaction) -> None:
        if tx.repeat is not None or (tx.limit is not None and tx.limit.target is not None):
            self._stop(tx)  # else it ends because its limit came
        if isinstance(tx, ClientTransaction):
            self._clients.pop(tx.key, None)
            self._leave_flow(tx)
            tx.acks.clear()
        else:
            self._servers.pop(tx.key, None)
            if tx.flow.reliable:
                self._leave_flow(tx)
            self._large_bytes -= tx.size
            if tx.ack_key is not None:
                self._by_ack.pop(tx.ack_key, None)
                if self._by_dialog.get(tx.ack_key[:2]) is tx:
                    del self._by_dialog[tx.ack_key[:2]]
            if tx.merge_key is not None:
                self._by_merge.pop(tx.merge_key, None)
        tx.owner = None
        tx.sent = b""

    def _leave_flow(self, tx: Transaction) -> None:
        peers = self._by_flow.get(tx.flow)
        if peers is not None:
            peers.discard(tx)
            if not peers:
                del self._by_flow[tx.flow]

    def _join_flow(self, tx: Transaction) -> None:
        peers = self._by_flow.get(tx.flow)
        if peers is None:
            self._by_flow[tx.flow] = {tx}
        else:
            peers.add(tx)

    def _start_client(self, tx: ClientTransaction, now: float) -> None:
        self._now = now
        self._clients[tx.key] = tx
        self._join_flow(tx)
        tx.sent = tx.request.to_bytes()
        self.out.append((tx.flow, tx.sent))
        self._repeat(tx)
        if tx.repeat is None:  # else it is set with the first repeat, before which most are answered
            tx.limit = self.timers.set(now, 64 * self._t1, tx, _LIMIT_DUE)

    def _release_cancel(self, tx: ClientTransaction) -> None:
        if tx.cancel_headers is None:
            return
        cancel = same_hop(tx.request, "CANCEL", tx.request.get("To") or "")
        for name, value in tx.cancel_headers:
            cancel.add(name, value)
        cancelling = ClientTransaction(cancel, tx.flow, (tx.key[0], "CANCEL"), None, tx.sent_by)
        cancelling.is_cancel = True
        self._start_client(cancelling, self._now)
        tx.limit = self.timers.set(self._now, 64 * self._t1, tx, _LIMIT_DUE)


@lru_cache(maxsize=16)
def _outline(method: str) -> Request:
    """What is left of a request of theirs while its transaction only absorbs copies: the same for all."""
    return Request(method, "", [])
