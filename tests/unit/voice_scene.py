"""A whole voice channel on a clock moved by hand: SIP is given to it and taken from it as text.

Only the sockets below, the audio beside and the core above are played.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from ccd.ids import SeededChance
from ccd.model.commands import AnswerLeg
from ccd.model.rules import Rules
from ccd.model.settings import (
    DeviceSettings,
    MediaSettings,
    Secret,
    Settings,
    SipSettings,
    TransportSettings,
    TrunkSettings,
)
from ccd.sip.events import Flow
from ccd.sip.message import Request, Response, parse
from ccd.sip.registering import Authorizer
from ccd.voice import engine
from ccd.voice.channel import VoiceChannel
from tests.peers.ports import free_port
from tests.unit.voice_twins import HandClock, Inbox

HERE = "127.0.0.1"
CARRIER = 45_060
"""The carrier's port."""
PASSWORD = "secret-1"  # of the phone a1
SDP = (
    f"v=0\r\no=- 7 1 IN IP4 {HERE}\r\ns=-\r\nc=IN IP4 {HERE}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


class Audio:
    """A media engine that only keeps what it is told."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.hear: Any = None
        self.scarce = False
        """Newcomers get no port."""
        self._ports = itertools.count(20_000, 2)

    async def start(self, hear: Any) -> None:
        self.hear = hear

    def take_port(self, near: str = "", *, newcomer: bool = False) -> tuple[str, int] | None:
        del near
        if self.scarce and newcomer:
            return None
        return HERE, next(self._ports)

    def scarcity(self) -> list[dict[str, str]]:
        return []

    def perform(self, command: Any) -> None:
        self.done.append(command)

    def reload(self) -> None:
        pass

    def prepare(self, texts: Any) -> None:
        del texts

    def report(self) -> dict[str, object]:
        return {}

    async def stop(self) -> None:
        pass

    def streams(self, leg: str) -> list[engine.Stream]:
        """What was agreed on for a leg, in order."""
        return [
            each.stream
            for each in self.done
            if isinstance(each, engine.SetStream | engine.OpenLeg) and each.leg == leg and each.stream
        ]


class Scene:
    """The channel with one trunk, and the carrier behind it."""

    def __init__(self, **trunk: Any) -> None:
        self.clock = HandClock()
        self.audio = Audio()
        self.inbox = Inbox()
        self.sent: list[tuple[float, Request | Response]] = []
        self.settings = Settings(
            rules=Rules(),
            sip=SipSettings(transports=(TransportSettings(host=HERE, port=free_port()),)),
            media=MediaSettings(host=HERE),
            devices={"a1": DeviceSettings(name="a1", password=Secret(PASSWORD))},
            trunks={
                "carrier": TrunkSettings(
                    name="carrier", host=HERE, port=CARRIER, sources=(HERE,), qualify_s=0, **trunk
                )
            },
        )
        audio: Any = self.audio
        self.channel = VoiceChannel(self.settings, audio, self.clock, SeededChance(5), lambda: (0.0, False))
        self.stack: Any = self.channel.stack
        self._branch = itertools.count(1)

    async def start(self) -> "Scene":
        await self.channel.start(self.inbox)
        self.stack._send = self._keep
        key = next(iter(self.stack._udp))
        self.flow = Flow("UDP", HERE, CARRIER, key)
        self.inbox.take()
        return self

    async def stop(self) -> None:
        await self.channel.stop()

    def _keep(self, _flow: Flow, data: bytes) -> None:
        self.sent.append((self.clock.time, parse(data)))

    # -- what the far end sees and does ----------------------------------------------------------------

    def take(self) -> list[Any]:
        """What was sent since the last look, 100 apart."""
        taken, self.sent = self.sent, []
        return [message for _, message in taken if getattr(message, "status", 0) != 100]

    def names(self) -> list[str]:
        return [shown(message) for message in self.take()]

    def give(self, text: str) -> None:
        self.stack.take_datagram(text.encode(), self.flow)

    def request(
        self,
        method: str,
        number: int = 1,
        headers: Sequence[str] = (),
        body: str = "",
        to_tag: str = "",
        *,
        call: str = "call",
        branch: str = "",
        uri: str = "",
        kind: str = "application/sdp",
    ) -> str:
        """A request of the carrier; its Via branch. A header given replaces ours."""
        branch = branch or f"z9hG4bKc{next(self._branch)}"
        given = {each.partition(":")[0] for each in headers}
        lines = [
            f"Via: SIP/2.0/{self.flow.protocol} {HERE}:{CARRIER};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:+33612345678@{HERE}>;tag=them",
            f"To: <sip:+33100@{HERE}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:carrier@{HERE}:{CARRIER}>",
            *([f"Content-Type: {kind}"] if body else []),
        ]
        kept = [line for line in lines if line.partition(":")[0] not in given]
        place = uri or f"sip:+33100@{HERE}"
        head = [f"{method} {place} SIP/2.0", *kept, *headers, f"Content-Length: {len(body.encode())}"]
        self.give("\r\n".join([*head, "", body]))
        return branch

    def register(self, contact: str, scheme: str = "sip") -> Response:
        """The phone a1 registers from the carrier's place; our last answer."""
        place = f"{scheme}:{self.settings.sip.domain}"
        address = f"<{scheme}:a1@{self.settings.sip.domain}>"
        headers = [f"From: {address};tag=r", f"To: {address}", f"Contact: <{contact}>", "Expires: 600"]
        self.request("REGISTER", 1, headers, uri=place, call="register")
        (challenge,) = self.take()
        proof = Authorizer("a1", PASSWORD, "", self.channel.chance)
        assert proof.take(challenge)
        shown = [f"{name}: {value}" for name, value in proof.headers("REGISTER", place)]
        self.request("REGISTER", 2, [*headers, *shown], uri=place, call="register")
        (answer,) = self.take()
        assert isinstance(answer, Response)
        return answer

    def call(self, headers: Sequence[str] = (), body: str = SDP) -> tuple[str, Response]:
        """A call that is answered; its leg, and our 200."""
        self.request("INVITE", 1, headers, body)
        leg = self.facts()[-1].leg
        self.channel.perform(AnswerLeg(leg))
        ok = self.take()[-1]
        assert ok.status == 200
        self.request("ACK", 1, (), "", tag_of(ok))
        self.facts()
        return leg, ok

    def response(
        self, request: Request, status: int, headers: Sequence[str] = (), body: str = "", tag: str = "t1"
    ) -> None:
        """An answer of the carrier."""
        to = request.get("To") or ""
        lines = [
            f"SIP/2.0 {status} Whatever",
            *(f"Via: {via}" for via in request.get_all("Via")),
            f"From: {request.get('From')}",
            "To: " + (to if "tag=" in to else f"{to};tag={tag}"),
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.get('CSeq')}",
            f"Contact: <sip:there-{tag}@{HERE}:{CARRIER}>",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body.encode())}",
        ]
        self.give("\r\n".join([*lines, "", body]))

    def run(self, seconds: float) -> list[tuple[float, str]]:
        """Let time pass; what was sent meanwhile, and when (from now on)."""
        began, until = self.clock.time, self.clock.time + seconds
        self.sent.clear()
        while True:
            deadlines = [self.stack.endpoint.next_deadline(), self.channel.watch.next_deadline()]
            known = [at for at in deadlines if at is not None and at <= until]
            if not known:
                break
            self.clock.time = max(self.clock.time, *[min(known)])
            self.stack._wake()
            self.channel.watch.expire(self.clock.time)
        self.clock.time = until
        sent, self.sent = self.sent, []
        log = [(round(at - began, 3), shown(message)) for at, message in sent]
        return [each for each in log if each[1] != "100"]

    def facts(self) -> list[Any]:
        return self.inbox.take()


def shown(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else str(message.status)


def tag_of(response: Response) -> str:
    found = re.search(r";tag=([^;]+)", response.get("To") or "")
    return found[1] if found else ""
