"""Two endpoints and a wire between them on a hand-driven clock, for the tests of the SIP core."""

import heapq
import random
from collections.abc import Callable
from typing import Any

from ccd.ids import SeededChance
from ccd.sip.endpoint import Endpoint, Event, Flow
from ccd.sip.message import Request, Response, parse

CALLER = "192.0.2.1"
CALLEE = "192.0.2.2"


def flow_to(host: str, protocol: str = "UDP", local: str = "192.0.2.9:5060") -> Flow:
    return Flow(protocol, host, 5060, local)


PEER = flow_to(CALLEE)


def make_request(method: str = "INVITE", call: str = "call-1", number: int = 1, to_tag: str = "") -> Request:
    return Request.create(
        method,
        f"sip:bob@{CALLEE}",
        [
            ("Max-Forwards", "70"),
            ("From", "Alice <sip:alice@example.test>;tag=from1"),
            ("To", f"<sip:bob@example.test>{';tag=' + to_tag if to_tag else ''}"),
            ("Call-ID", call),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:alice@{CALLER}>"),
        ],
    )


def arriving(
    method: str = "INVITE", branch: str = "z9hG4bKone", protocol: str = "UDP", **fields: Any
) -> bytes:
    """A request as a peer at CALLER sends it."""
    request = make_request(method, **fields)
    request.prepend("Via", f"SIP/2.0/{protocol} {CALLER}:5060;branch={branch};rport")
    return request.to_bytes()


def answer(sent: bytes, status: int, to_tag: str = "to1") -> bytes:
    """A response of the peer to bytes that we sent."""
    request = parse(sent)
    assert isinstance(request, Request)
    response = Response.to_request(request, status, None, to_tag if status > 100 else None)
    if 200 <= status < 300:
        response.add("Contact", f"<sip:bob@{CALLEE}>")
    return response.to_bytes()


def sent(endpoint: Endpoint) -> list[str]:
    """Take what is to be sent, as method or status."""
    return [name_of(data) for data in taken(endpoint)]


def taken(endpoint: Endpoint) -> list[bytes]:
    batch, endpoint.out = endpoint.out, []
    return [data for _, data in batch]


def name_of(data: bytes) -> str:
    message = parse(data)
    return message.method if isinstance(message, Request) else str(message.status)


def told(endpoint: Endpoint) -> list[Any]:
    """Take the events."""
    events: list[Any] = list(endpoint.events)
    endpoint.events.clear()
    return events


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def run_out(endpoint: Endpoint, until: float = float("inf")) -> list[tuple[float, str]]:
    """Let every deadline come exactly on time; what was sent, and when."""
    log = []
    while (at := endpoint.next_deadline()) is not None and at <= until:
        endpoint.expire(at)
        log += [(at, name) for name in sent(endpoint)]
    return log


class Wire:
    """Carries datagrams between two endpoints with loss, copies and random delay (so: reordering)."""

    def __init__(self, seed: int, loss: float = 0.0, copies: float = 0.0, delay_s: float = 0.05) -> None:
        self.random = random.Random(seed)
        self.loss, self.copies, self.delay_s = loss, copies, delay_s
        self.now = 0.0
        self.ends = {
            CALLER: Endpoint(SeededChance(seed * 2 + 1)),
            CALLEE: Endpoint(SeededChance(seed * 2 + 2)),
        }
        self.users: dict[str, Callable[[Event], None]] = {}
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = 0

    def later(self, delay_s: float, do: Callable[[], object]) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (self.now + delay_s, self._serial, do))

    def run(self, until: float) -> None:
        """Until nothing is left to happen, at most to `until`."""
        self._settle()
        while True:
            times = [end.next_deadline() for end in self.ends.values()]
            times.append(self._queue[0][0] if self._queue else None)
            known = [at for at in times if at is not None]
            if not known or min(known) > until:
                return
            self.now = max(self.now, min(known))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
                self._settle()
            for end in self.ends.values():
                end.expire(self.now)
            self._settle()

    def _settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for host, end in self.ends.items():
                while end.events:
                    busy = True
                    self.users[host](end.events.popleft())
                batch, end.out = end.out, []
                for flow, data in batch:
                    busy = True
                    self._carry(host, flow, data)

    def _carry(self, source: str, flow: Flow, data: bytes) -> None:
        for _ in range(2 if self.random.random() < self.copies else 1):
            if self.random.random() >= self.loss:
                self.later(
                    self.random.uniform(0.001, self.delay_s),
                    lambda: self.ends[flow.host].receive(
                        data, flow_to(source, local=f"{flow.host}:5060"), self.now
                    ),
                )
