"""RTCP of the embedded engine with real sockets: to the next port, to a named one, or by the port of RTP."""

import asyncio
import struct
from typing import Any

import msgspec

from ccd.media.g711 import PCMU
from ccd.voice.engine import CloseLeg, LegClosed, SetStream, Stream
from tests.loopback.media_party import Party, settle, wait_for
from tests.loopback.test_encrypted_legs import SecureParty
from tests.loopback.test_media_engine import Site

REPORT = struct.pack("!BBHI", 0x80, 201, 1, 1)


class Ear(asyncio.DatagramProtocol):
    """Another socket of a phone, for reports."""

    def __init__(self) -> None:
        self.came: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.came.append(data)


async def ear() -> tuple[Ear, Any, int]:
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    return heard, transport, transport.get_extra_info("sockname")[1]


def kinds(data: bytes) -> list[int]:
    """Of the reports in one packet."""
    found, at = [], 0
    while at + 4 <= len(data):
        found.append(data[at + 1])
        at += 4 + 4 * struct.unpack_from("!H", data, at + 2)[0]
    return found


async def closed(site: Site) -> int:
    """End the leg, which says goodbye to a party that has reported; its packets that were none."""
    await settle(site.engine)
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: bool(site.of(LegClosed)))
    return int(site.of(LegClosed)[0].stats.bad)


def muxed(party: Party, on: bool = True) -> Stream:
    return msgspec.structs.replace(party.stream(), mux=on)


async def test_to_the_port_that_the_far_end_named(site: Site) -> None:
    a = await site.add("a", Party(440, PCMU))
    heard, transport, port = await ear()
    site.engine.perform(SetStream("a", msgspec.structs.replace(a.stream(), rtcp_port=port)))
    await settle(site.engine)
    transport.sendto(REPORT, (a.target[0], a.target[1] + 1))
    await a.talk(0.1)
    assert await closed(site) == 0
    await wait_for(lambda: heard.came)
    assert kinds(heard.came[0]) == [201, 202, 203], "and nobody hears it at the next port"
    transport.close()


async def test_who_is_behind_a_nat_gets_it_beside_its_audio(site: Site) -> None:
    """What SDP says of ports is of no use where it is wrong about that of RTP."""
    a = await site.add("a", Party(440, PCMU))
    wrong, transport, port = await ear()
    elsewhere = msgspec.structs.replace(a.stream(), port=9, rtcp_port=port)
    site.engine.perform(SetStream("a", elsewhere))
    await settle(site.engine)
    await a.talk(0.7)
    transport.sendto(REPORT, (a.target[0], a.target[1] + 1))
    await a.talk(0.1)
    await closed(site)
    assert wrong.came == []
    transport.close()


async def test_by_the_port_of_rtp_both_ways(site: Site) -> None:
    a = await site.add("a", Party(440, PCMU))
    site.engine.perform(SetStream("a", muxed(a)))
    await settle(site.engine)
    await a.talk(0.1)
    a.transport.sendto(REPORT, a.target)
    await a.talk(0.1)
    assert await closed(site) == 0, "a report is no broken packet"
    await wait_for(lambda: any(each[1] == 201 & 0x7F for each in a.packets))


async def test_shared_no_more_after_another_answer(site: Site) -> None:
    a = await site.add("a", Party(440, PCMU))
    for on in (True, False):
        site.engine.perform(SetStream("a", muxed(a, on)))
    await settle(site.engine)
    a.transport.sendto(REPORT, a.target)
    await a.talk(0.1)
    assert await closed(site) == 1


async def test_encrypted_ones_by_the_port_of_rtp(site: Site) -> None:
    """Also a forged one, which proves nothing; and back to a port of its own, with the audio going on."""
    a = SecureParty(440, PCMU, ssrc=1)
    await site.add("a", a)
    b = await site.add("b", Party(880, PCMU, ssrc=2), "a")
    site.engine.perform(SetStream("a", muxed(a)))
    await settle(site.engine)
    await a.talk(0.1)
    a.plain.sendto(REPORT, a.target)
    a.plain.sendto(a.transport.session.protect_rtcp(REPORT), a.target)
    await a.talk(0.1)
    site.engine.perform(SetStream("a", a.stream()))
    await settle(site.engine)
    await a.talk(0.1)
    assert b is not None and await closed(site) == 1
    assert site.of(LegClosed)[0].stats.received == 15
