"""The SIP transaction layer of one element, without sockets (RFC 3261 §8, §9, §13.3.1.4, §17, §18; RFC 3581).

Bytes and messages go in with `now`; events for the user collect in `events`, bytes for the sockets in
`out`; the shell drains both after each call, and calls `expire` when `next_deadline` has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccd.sip.events import (
    AckArrived,
    AckMissing,
    BadMessage,
    CancelArrived,
    Event,
    Flow,
    FlowClosed,
    RequestArrived,
    ResponseArrived,
    TransactionFailed,
)
from ccd.sip.hop import COOKIE, format_sent_by, server_key, set_via, stamp
from ccd.sip.lines import good_lines
from ccd.sip.message import Message, Request, Response, SipParseError, parse
from ccd.sip.runner import TRYING_AFTER_S, Chance, Runner
from ccd.sip.transaction import ClientTransaction, Input, Key, ServerTransaction, State, Transaction

# a member taken out of its enum costs 600 instructions
_CALLING, _PROCEEDING, _ACCEPTED = State.CALLING, State.PROCEEDING, State.ACCEPTED
_TERMINATED, _TRYING = State.TERMINATED, State.TRYING
_REQUEST, _RESEND_DUE, _LIMIT_DUE, _BYE = Input.REQUEST, Input.RESEND_DUE, Input.LIMIT_DUE, Input.BYE
_ACK, _REJECTION = Input.ACK, Input.REJECTION
_OF_CLASS = (_REJECTION, Input.PROVISIONAL, Input.SUCCESS, *[_REJECTION] * 4)
"""What a response is, by the first digit of its status."""

__all__ = [
    "AckArrived",
    "AckMissing",
    "BadMessage",
    "CancelArrived",
    "Chance",
    "ClientTransaction",
    "Endpoint",
    "Event",
    "Flow",
    "FlowClosed",
    "RequestArrived",
    "ResponseArrived",
    "ServerTransaction",
    "State",
    "TransactionFailed",
]


LARGE = 4096
MOST_LARGE_BYTES = 64 << 20
"""Requests beyond `LARGE` octets are kept (they are, for half a minute) up to this sum; then 513."""


class Endpoint(Runner):
    """Client and server transactions of one element.

    `limit` bounds the open transactions: beyond it new requests get a stateless 503; requests outside a
    dialog other than INVITE get it at half of it, so that a flood of those leaves room for calls.
    """

    def __init__(
        self,
        chance: Chance,
        *,
        t1: float = 0.5,
        t2: float = 4.0,
        t4: float = 5.0,
        now: float = 0.0,
        limit: int = 60_000,
        retry_after_s: int = 5,
    ) -> None:
        super().__init__(chance, t1, t2, t4, now)
        self._limit = limit
        self._retry_after_s = retry_after_s

    # What the shell calls

    @property
    def active(self) -> int:
        """Transactions not yet ended, those that only absorb copies included."""
        return len(self._clients) + len(self._servers)

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One UDP datagram. Never raises for what the peer sent."""
        self._size = len(data)
        message: Request | Response | None = None
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._receive_response(message, now)
            else:
                self._receive_request(message, flow, now)
        except SipParseError as error:
            if message is None and not data.strip(b"\r\n\0 "):
                self.counters["keep_alives"] += 1
            else:
                self.refuse(error, flow, message)

    def receive_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """One message from a stream, already parsed. Never raises for what the peer sent."""
        self._size = message.size
        try:
            if isinstance(message, Response):
                self._receive_response(message, now)
            else:
                self._receive_request(message, flow, now)
        except SipParseError as error:
            self.refuse(error, flow, message)

    def refuse(self, error: SipParseError, flow: Flow, message: Message | None = None) -> None:
        """Count a message that could not be parsed; answer it without state where its header allows."""
        self.counters["bad_messages"] += 1
        request = error.partial if message is None else message
        if isinstance(request, Request) and request.method != "ACK":
            try:
                answer_flow = stamp(request, flow)
                response = Response.to_request(request, error.status, error.reason, self._chance.token(10))
                self.out.append((answer_flow, response.to_bytes()))
            except (SipParseError, ValueError):
                pass  # not even enough header for an answer
        self.events.append(BadMessage(flow, f"{error.status} {error.reason}"))

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection broke or could not be made, or a datagram could not be sent.

        One datagram that could not be sent (a cable moved, a route gone for a second) is a loss like others:
        its copies may get through. Only what has heard nothing yet and may be tried elsewhere fails at once.
        """
        self.counters["transport_errors"] += 1
        for tx in list(self._by_flow.get(flow, ())):
            if not tx.over and (flow.reliable or _is_a_try(tx)):
                self._move(tx, Input.TRANSPORT_ERROR, now)
        if flow.reliable:
            self.events.append(FlowClosed(flow))

    def next_deadline(self) -> float | None:
        """When `expire` has something to do; None: nothing is waiting."""
        return self.timers.next_deadline()

    def expire(self, now: float) -> None:
        """Do what is due at `now`."""
        for tx, happened in self.timers.due(now):
            self._move(tx, happened, now)

    # What the user calls

    def request(
        self,
        request: Request,
        flow: Flow,
        now: float,
        owner: Any = None,
        via_host: str = "",
        via_port: int = 0,
    ) -> ClientTransaction:
        """Send a request (not ACK, not CANCEL) in a new transaction; sets its one Via.

        `via_host` and `via_port`: what the peer should answer to; empty: the flow's local end.
        """
        sent_by = format_sent_by(via_host, via_port) if via_host else flow.local
        branch = COOKIE + self._chance.token(16)
        set_via(request, flow, sent_by, branch)
        if request.method == "INVITE":  # it has several answers, which repeat these to the letter
            good_lines.expect("From", request.get("From") or "")
            good_lines.expect("Call-ID", request.call_id)
        tx = ClientTransaction(request, flow, (branch, request.method), owner, sent_by)
        self._start_client(tx, now)
        return tx

    def send_ack(self, tx: ClientTransaction, ack: Request, flow: Flow, now: float) -> None:
        """Send the ACK for a 2xx to `tx`; it is kept, and sent again for each copy of that 2xx."""
        self._now = now
        set_via(ack, flow, tx.sent_by, COOKIE + self._chance.token(16))
        data = ack.to_bytes()
        if not tx.over:  # nearly always there is one 2xx, and the ACK is for that
            tag = next(iter(tx.acks)) if len(tx.acks) == 1 else ack.to_tag or ""
            tx.acks[tag] = (flow, data)
            tx.request = tx.request.outline()  # a forked 2xx may still need it, for 64*T1
        if tx.state is _ACCEPTED:
            tx.sent = b""
        self.out.append((flow, data))

    def cancel(self, tx: ClientTransaction, now: float, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Give up an INVITE: CANCEL goes out at once, or after the first provisional (§9.1).

        Nothing happens when it has its final answer. The user then hears of 487, of another final, of a 2xx
        that crossed the CANCEL, or of a timeout 64*T1 after the CANCEL.
        """
        if tx.request.method != "INVITE" or tx.cancel_headers is not None:
            return
        if tx.state is _CALLING or tx.state is _PROCEEDING:
            tx.cancel_headers = tuple(headers)
            self._now = now
            if tx.state is _PROCEEDING:
                self._release_cancel(tx)

    def respond(self, tx: ServerTransaction, response: Response, now: float) -> bool:
        """Answer a request. False, and nothing sent, when it has its final answer or has ended."""
        if tx.answered or tx.over:
            self.counters["late_responses"] += 1
            return False
        self._move(tx, _OF_CLASS[response.status // 100], now, response)
        return True

    def reply(
        self,
        tx: ServerTransaction,
        status: int,
        now: float,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> bool:
        """Answer with a plain response carrying the transaction's To-tag; like `respond`."""
        response = Response.to_request(tx.request, status, reason, tx.to_tag if status > 100 else None)
        for name, value in headers:
            response.add(name, value)
        return self.respond(tx, response, now)

    def dismiss(
        self, tx: ServerTransaction, status: int, now: float, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Refuse a request and forget it at once (§8.2.7): nothing is kept for, or sent again to, a stranger.

        A lost answer is made up for by the request's own retransmission.
        """
        self._now = now
        response = Response.to_request(tx.request, status, None, tx.to_tag)
        for name, value in headers:
            response.add(name, value)
        self.out.append((tx.flow, response.to_bytes()))
        tx.last_status = status
        tx.state = _TERMINATED
        self._end(tx)

    # Requests in

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        key = server_key(request, "INVITE" if method == "ACK" else method)
        tx = self._servers.get(key)
        if method == "ACK":
            self._receive_ack(request, tx, flow, now)
        elif tx is not None:
            self._move(tx, _REQUEST, now)
        elif method == "CANCEL":
            self._receive_cancel(request, key, flow, now)
        else:
            self._receive_new(request, key, flow, now)

    def _receive_new(self, request: Request, key: Key, flow: Flow, now: float) -> None:
        answer_flow = stamp(request, flow)
        to_tag = request.to_tag
        invite = request.method == "INVITE"
        if self._full(request, answer_flow, self._limit if invite or to_tag else self._limit // 2):
            return
        merge_key = None
        if invite and not to_tag:
            merge_key = (request.call_id, request.from_tag, request.cseq.number)
            if merge_key in self._by_merge:  # the same call by two ways (§8.2.2.2)
                self.counters["merged_requests"] += 1
                self._reply_stateless(request, answer_flow, 482)
                return
        tx = self._open_server(request, key, answer_flow, flow, to_tag)
        if merge_key is not None:
            tx.merge_key = merge_key
            self._by_merge[merge_key] = tx
        if invite:
            tx.repeat = self.timers.set(now, TRYING_AFTER_S, tx, _RESEND_DUE)
        else:
            tx.limit = self.timers.set(now, 64 * self._t1, tx, _LIMIT_DUE)
        accepted = self._by_dialog.get((request.call_id, to_tag)) if request.method == "BYE" else None
        if accepted is not None:
            self._move(accepted, _BYE, now)
        self.events.append(RequestArrived(tx, request, flow))

    def _full(self, request: Request, flow: Flow, room: int) -> bool:
        """Whether there is no room for the state of one more request; it is answered then."""
        if len(self._clients) + len(self._servers) >= room:
            self.counters["refused_busy"] += 1
            self._reply_stateless(request, flow, 503, self._retry_after_s)
            return True
        if self._size > LARGE and self._large_bytes + self._size > MOST_LARGE_BYTES:
            self.counters["refused_large"] += 1
            self._reply_stateless(request, flow, 513)
            return True
        return False

    def _open_server(
        self, request: Request, key: Key, answer_flow: Flow, flow: Flow, to_tag: str | None
    ) -> ServerTransaction:
        tx = ServerTransaction(request, answer_flow, flow, key, to_tag or self._chance.token(10))
        self._servers[key] = tx
        if answer_flow.reliable:  # over UDP a failing flow concerns requests of ours only (`flow_failed`)
            self._join_flow(tx)
        if self._size > LARGE:
            tx.size = self._size
            self._large_bytes += self._size
        return tx

    def _receive_ack(self, ack: Request, tx: ServerTransaction | None, flow: Flow, now: float) -> None:
        if tx is None:
            tx = self._by_ack.get((ack.call_id, ack.to_tag, ack.cseq.number))
        if tx is None:
            self.counters["stray_acks"] += 1
            self.events.append(AckArrived(ack, flow, None))
        else:
            self._flow = flow
            self._move(tx, _ACK, now, ack)

    def _receive_cancel(self, cancel: Request, key: Key, flow: Flow, now: float) -> None:
        invite = self._servers.get(server_key(cancel, "INVITE"))
        if invite is None and self._full(cancel, flow, self._limit // 2):
            return
        tx = self._open_server(cancel, key, stamp(cancel, flow), flow, cancel.to_tag)
        if invite is None:
            self.reply(tx, 481, now)
            return
        tx.to_tag = invite.to_tag
        self.reply(tx, 200, now)
        self._move(invite, Input.CANCEL, now, cancel)

    def _reply_stateless(self, request: Request, flow: Flow, status: int, retry_after_s: int = 0) -> None:
        response = Response.to_request(request, status, None, request.to_tag or self._chance.token(10))
        if retry_after_s:
            response.add("Retry-After", str(retry_after_s))
        self.out.append((flow, response.to_bytes()))

    # Responses in

    def _receive_response(self, response: Response, now: float) -> None:
        tx = self._clients.get((response.hop.branch, response.cseq.method))
        if tx is None:
            self.counters["stray_responses"] += 1
            return
        self._move(tx, _OF_CLASS[response.status // 100], now, response)


def _is_a_try(tx: Transaction) -> bool:
    """A request of ours outside a dialog that nobody has answered."""
    if not isinstance(tx, ClientTransaction) or tx.is_cancel:
        return False
    return tx.state in {_CALLING, _TRYING} and not tx.request.to.tag
