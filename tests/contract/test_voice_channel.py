"""The built-in voice channel passes the contract suite too: real sockets, a carrier played by hand."""

import asyncio
import itertools
import re
from pathlib import Path
from typing import cast

import pytest

from ccd.channels.port import Channel
from ccd.clock import SystemClock
from ccd.errors import Refused
from ccd.ids import SeededChance
from ccd.model.facts import AnyFact, LegArrived, TrunkChanged
from ccd.model.rules import Rules
from ccd.model.settings import MediaSettings, Settings, SipSettings, TransportSettings, TrunkSettings
from ccd.testing.contract import ChannelContract, DrainContract, until
from ccd.voice.channel import VoiceChannel
from ccd.voice.media_engine import EmbeddedEngine
from tests.peers.ports import free_block, free_port

HOST = "127.0.0.1"
SDP = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n"
SDP += "a=rtpmap:101 telephone-event/8000\r\n"
_TAG = re.compile(r"^To:.*;tag=([^;\s]+)", re.MULTILINE | re.IGNORECASE)


class Caller:
    """One call of the carrier, from its side."""

    def __init__(self, number: int) -> None:
        self.call_id = f"contract-{number}@{HOST}"
        self.leg = ""
        self.to_tag = ""
        self.branch = ""
        self.status = 0
        self.gone = False


class Carrier(asyncio.DatagramProtocol):
    """A trunk that sends calls: just enough SIP (RFC 3261) for one party at a time."""

    def __init__(self, ccd: tuple[str, int]) -> None:
        self.ccd = ccd
        self.calls: dict[str, Caller] = {}
        self.branches = itertools.count(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def send(self, method: str, call: Caller, cseq: int, body: str = "", branch: str = "") -> str:
        branch = branch or f"z9hG4bK{next(self.branches)}"
        tag = f";tag={call.to_tag}" if call.to_tag and method != "CANCEL" else ""
        lines = [
            f"{method} sip:+33100@{HOST}:{self.ccd[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:+33612345678@{HOST}>;tag=caller",
            f"To: <sip:+33100@{HOST}>{tag}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:carrier@{HOST}:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.transport.sendto("\r\n".join([*lines, "", body]).encode(), self.ccd)
        return branch

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        text = data.decode()
        first, _, rest = text.partition("\r\n")
        headers = dict(line.partition(": ")[::2] for line in rest.partition("\r\n\r\n")[0].split("\r\n"))
        call = self.calls.get(headers.get("Call-ID", ""))
        if not first.startswith("SIP/2.0"):
            if call is not None and first.startswith("BYE"):
                call.gone = True
            if not first.startswith("ACK"):
                kept = [f"{name}: {headers[name]}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
                self.transport.sendto(
                    "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), self.ccd
                )
            return
        status = int(first.split()[1])
        if call is None or not headers["CSeq"].endswith("INVITE") or status < 180:
            return
        call.status = status
        found = _TAG.search(text)
        call.to_tag = found[1] if found else ""
        if status >= 200:
            branch = headers["Via"].partition("branch=")[2].partition(";")[0]
            self.send("ACK", call, 1, branch="" if status < 300 else branch)


class VoiceOutside:
    """A started voice channel with a trunk known by its address."""

    channel: Channel
    facts: list[AnyFact]

    @classmethod
    async def start(cls, folder: Path) -> "VoiceOutside":
        self = cls()
        port = free_port()
        first = free_block(102)
        media = MediaSettings(
            workers=0, host=HOST, port_min=first, port_max=first + 100, recordings=str(folder)
        )
        trunk = TrunkSettings(name="carrier", host=HOST, port=free_port(), sources=(HOST,), qualify_s=0)
        settings = Settings(
            rules=Rules(),
            sip=SipSettings(transports=(TransportSettings(host=HOST, port=port),), t1_ms=50),
            media=media,
            trunks={"carrier": trunk},
        )
        self.facts = []
        voice = VoiceChannel(
            settings, EmbeddedEngine(media), SystemClock(), SeededChance(), lambda: (0.0, False)
        )
        self.channel = voice
        self.numbers = itertools.count(1)
        await voice.start(self.hear)
        _, self.carrier = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Carrier((HOST, port)), local_addr=(HOST, 0)
        )
        return self

    def hear(self, fact: AnyFact) -> None:
        """The suite is about legs; what the trunk does is told beside them."""
        if not isinstance(fact, TrunkChanged):
            self.facts.append(fact)

    async def arrive(self) -> str:
        call = Caller(next(self.numbers))
        self.carrier.calls[call.call_id] = call
        seen = len(self.facts)
        call.branch = self.carrier.send("INVITE", call, 1, SDP)

        def fresh() -> list[str]:
            return [fact.leg for fact in self.facts[seen:] if isinstance(fact, LegArrived)]

        await until(lambda: bool(fresh()) or call.status >= 300, "the call comes in or is refused")
        if not fresh():
            raise Refused("sip", f"refused with {call.status}")
        call.leg = fresh()[0]
        return call.leg

    async def leave(self, leg: str) -> None:
        call = next(call for call in self.carrier.calls.values() if call.leg == leg)
        if call.status == 200:
            self.carrier.send("BYE", call, 2)
        elif call.status < 200:
            self.carrier.send("CANCEL", call, 1, branch=call.branch)

    async def babble(self) -> None:
        for data in (
            b"",
            b"\r\n\r\n",
            b"INVITE",
            b"\xff" * 2000,
            b"INVITE sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n",
        ):
            self.carrier.transport.sendto(data, self.carrier.ccd)
        stray = Caller(0)
        stray.to_tag = "nobody"
        for method in ("BYE", "CANCEL", "ACK", "PUBLISH"):
            self.carrier.send(method, stray, 7)

    async def settle(self) -> None:
        before = -1
        while before != len(self.facts):
            before = len(self.facts)
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.channel.stop()
        self.carrier.transport.close()


class TestVoiceChannel(DrainContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def open(self) -> VoiceOutside:
        return await VoiceOutside.start(self.folder)


def test_the_suite_is_the_whole_one() -> None:
    suite = {name for name in dir(ChannelContract) if name.startswith("test_")}
    assert suite <= set(dir(TestVoiceChannel)) and len(suite) > 8
