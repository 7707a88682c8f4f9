"""Encrypted legs of the embedded engine with real sockets: bridged to plain ones, forged, keyed anew."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pylibsrtp import Error, Policy, Session

from ccd.media.g711 import PCMU
from ccd.voice.engine import (
    CloseLeg,
    Digit,
    Join,
    LegClosed,
    LegFailed,
    Play,
    PlayEnded,
    Record,
    Recorded,
    SendDigit,
    SetStream,
    Srtp,
    Stream,
)
from tests.loopback.media_party import Party, holds, power_db, settle, wait_for
from tests.loopback.test_media_engine import Site, channels

SUITE = "AEAD_AES_128_GCM"
OURS, THEIRS, FRESH, OTHER = (bytes([n]) * 28 for n in (1, 2, 3, 4))


class Sealed:
    """A transport that seals what is sent."""

    def __init__(self, transport: Any, session: Session) -> None:
        self._transport = transport
        self.session = session
        self.last = b""

    def sendto(self, data: bytes, target: Any) -> None:
        self.last = self.session.protect(data)
        self._transport.sendto(self.last, target)

    def close(self) -> None:
        self._transport.close()


class SecureParty(Party):
    """A phone whose media is encrypted, by libsrtp."""

    transport: Any

    async def open(self) -> None:
        await super().open()
        self.plain = self.transport
        self.torn = 0
        self.key(OURS, THEIRS)

    def key(self, ours: bytes, theirs: bytes) -> None:
        """`theirs`: by which it sends."""
        profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        self.transport = Sealed(self.plain, Session(Policy(theirs, Policy.SSRC_ANY_OUTBOUND, 0, profile)))
        self.opener = Session(Policy(ours, Policy.SSRC_ANY_INBOUND, 0, profile))
        self.srtp = Srtp(SUITE, ours, theirs)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            super().datagram_received(self.opener.unprotect(data), addr)
        except Error:
            self.torn += 1

    def stream(self, *, known: bool = True, send: bool = True, receive: bool = True) -> Stream:
        stream = super().stream(known=known, send=send, receive=receive)
        return msgspec.structs.replace(stream, srtp=self.srtp)


async def pair(site: Site) -> tuple[SecureParty, Party]:
    """One encrypted, one plain; joined."""
    secure = SecureParty(440, PCMU, ssrc=1)
    await site.add("a", secure)
    plain = await site.add("b", Party(880, PCMU, 101, ssrc=2), "a")
    await settle(site.engine)
    site.engine.perform(Join("a", "b"))
    return secure, plain


async def test_bridged_recorded_keyed_and_played(site: Site, tmp_path: Path) -> None:
    """Its numbers roll over meanwhile. The plain side hears it, and what is recorded of it is its tone."""
    a, b = await pair(site)
    path = tmp_path / "talk.wav"
    site.engine.perform(Record("r", "a", "b", str(path)))
    await asyncio.gather(a.talk(1.0), b.talk(1.0))
    await a.press("5")
    site.engine.perform(SendDigit("a", "7"))
    await wait_for(lambda: any(each[1] == 101 for each in a.packets))
    site.engine.perform(CloseLeg("b"))
    await wait_for(lambda: bool(site.of(Recorded)))
    site.engine.perform(Play("a", "p", file=str(path)))
    await wait_for(lambda: bool(site.of(PlayEnded)))
    assert [fact.digit for fact in site.of(Digit)] == ["5"]
    assert power_db(a.heard(), 880) > -12 and power_db(b.heard(), 440) > -3
    left, right, _ = channels(path)
    assert holds(left, 440, 0.6) and holds(right, 880, 0.6)
    assert power_db(left, 880) < -30 and power_db(right, 440) < -30
    numbers = [each[3] for each in a.packets]
    assert numbers == [(numbers[0] + at) & 0xFFFF for at in range(len(numbers))]
    assert a.torn == 0


async def test_forged_and_repeated_packets_move_nothing(site: Site) -> None:
    """Who knows the port but no key can neither be heard, nor draw the audio to itself, nor keep it up."""
    a, b = await pair(site)
    await asyncio.gather(a.talk(0.3), b.talk(0.3))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.setblocking(False)
        forged = struct.pack("!BBHII", 0x80, 0, 1, 160, 99) + b"\x2a" * 160
        for data in (forged, a.transport.last, b"", b"\x80\x00", bytes(1500)):
            for _ in range(10):
                stranger.sendto(data, a.target)
        heard = len(a.packets)
        await asyncio.gather(a.talk(0.3), b.talk(0.3))
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    await wait_for(lambda: len(a.packets) > heard + 5)
    assert not any(each[6] == b"\x2a" * 160 for each in b.packets)
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: bool(site.of(LegClosed)))
    assert site.of(LegClosed)[0].stats.bad == 50


async def test_no_packet_of_ours_is_plain(site: Site) -> None:
    """Audio and reports, also from a leg whose party has not been heard yet."""
    a, b = await pair(site)
    a.opener = Session(Policy(OTHER, Policy.SSRC_ANY_INBOUND, 0, Policy.SRTP_PROFILE_AEAD_AES_128_GCM))
    await b.talk(0.4)
    await wait_for(lambda: a.torn >= 10)
    assert not a.packets


async def test_held_and_keyed_anew(site: Site) -> None:
    a, b = await pair(site)
    await asyncio.gather(a.talk(0.3), b.talk(0.3))
    held = a.stream(send=False)
    site.engine.perform(SetStream("a", held))
    site.engine.perform(SetStream("a", a.stream()))
    await settle(site.engine)
    await asyncio.gather(a.talk(0.3), b.talk(0.3))
    assert a.torn == 0, "under the same keys the streams go on"
    since = len(b.packets)
    a.key(FRESH, OTHER)
    site.engine.perform(SetStream("a", a.stream()))
    await settle(site.engine)
    await asyncio.gather(a.talk(0.3), b.talk(0.3))
    await wait_for(lambda: len(b.packets) >= since + 13)
    assert a.torn <= 1
    site.engine.perform(SetStream("a", Party.stream(a)))
    await settle(site.engine)
    a.transport = a.plain
    since = len(b.packets)
    await a.talk(0.2)
    await wait_for(lambda: len(b.packets) >= since + 8)


async def test_reports_are_encrypted_too(site: Site) -> None:
    a, _ = await pair(site)
    await a.talk(0.2)
    for data in (struct.pack("!BBHI", 0x80, 201, 1, 1), b"rubbish" * 9):
        a.plain.sendto(data, (a.target[0], a.target[1] + 1))
    report = struct.pack("!BBHI", 0x80, 201, 1, 1)
    a.plain.sendto(a.transport.session.protect_rtcp(report), (a.target[0], a.target[1] + 1))
    await a.talk(0.1)
    await settle(site.engine)
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: bool(site.of(LegClosed)))
    assert site.of(LegClosed)[0].stats.bad == 2


async def test_a_suite_that_we_do_not_have_ends_the_leg(site: Site) -> None:
    a, _ = await pair(site)
    stream = msgspec.structs.replace(a.stream(), srtp=Srtp("F8_128_HMAC_SHA1_80", OURS, THEIRS))
    site.engine.perform(SetStream("a", stream))
    await wait_for(lambda: bool(site.of(LegFailed)))
    assert "F8_128_HMAC_SHA1_80" in site.of(LegFailed)[0].note
