"""A SIP stack that keeps what it is given, and a clock moved by hand: for registrar, qualify and trunks."""

from typing import Any

from ccd.errors import Refused
from ccd.model.facts import AnyFact
from ccd.sip.events import Flow, RequestArrived, ResponseArrived, TransactionFailed
from ccd.sip.message import Request, Response, parse
from ccd.sip.transaction import ClientTransaction, ServerTransaction
from ccd.voice.streams import Trust

LISTENER = "0.0.0.0:5060"


class HandClock:
    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


class StackTwin:
    """Takes requests and replies; `deliver` and `fail` bring what the far end does."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.sent: list[ClientTransaction] = []
        self.replies: list[Response] = []
        self.trust: Trust | None = None
        """Whom a connection was last to be made to."""
        self._serial = 0

    def request(self, request: Request, flow: Flow, owner: Any = None) -> ClientTransaction:
        self._serial += 1
        request.prepend("Via", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{self._serial}")
        tx = ClientTransaction(request, flow, ("b", str(self._serial)), owner, "192.0.2.1:5060")
        self.sent.append(tx)
        return tx

    def reply(self, tx: Any, status: int, reason: str | None = None, headers: Any = ()) -> bool:
        response = Response.to_request(tx.request, status, reason, "ours")
        for name, value in headers:
            response.add(name, value)
        self.replies.append(response)
        return True

    def dismiss(self, tx: Any, status: int, headers: Any = ()) -> None:
        self.reply(tx, status, None, headers)

    def flow_to(self, host: str, port: int = 5060, protocol: str = "UDP", trust: Trust | None = None) -> Flow:
        self.trust = trust
        if ":" in host:
            raise Refused("sip-no-transport", "no transport over IPv6")
        return Flow(protocol.upper(), host, port, LISTENER if protocol.upper() == "UDP" else f"tcp-to-{host}")

    def contact_host(self, flow: Flow) -> str:
        return "192.0.2.1:5060"

    def listening(self, protocol: str = "UDP") -> list[tuple[str, int]]:
        return [("0.0.0.0", 5060)]  # noqa: S104

    # what the far end does

    def deliver(self, tx: ClientTransaction, status: int, *headers: tuple[str, str]) -> None:
        response = Response.to_request(tx.request, status, None, "theirs")
        for name, value in headers:
            response.add(name, value)
        tx.owner.heard(ResponseArrived(tx, response, tx.owner), self.clock.now())

    def fail(self, tx: ClientTransaction, cause: Any = "timeout") -> None:
        tx.owner.heard(TransactionFailed(tx, cause, tx.owner), self.clock.now())


class Inbox:
    """The facts posted, in order."""

    def __init__(self) -> None:
        self.facts: list[AnyFact] = []

    def __call__(self, fact: AnyFact) -> None:
        self.facts.append(fact)

    def take(self) -> list[AnyFact]:
        taken, self.facts = self.facts, []
        return taken


def arrived(text: str, flow: Flow) -> RequestArrived:
    """A request as it comes off the wire; `text` with plain line ends and without the empty line."""
    message = parse(("\r\n".join(text.strip().splitlines()) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    tx = ServerTransaction(message, flow, flow, ("k",), "ours")
    return RequestArrived(tx, message, flow)
