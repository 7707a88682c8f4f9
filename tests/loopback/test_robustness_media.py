"""Hostile RTP and RTCP: garbage, injection, absurd digits, payloads nobody agreed on (RFC 3550, 4733)."""

import asyncio
import random
import struct
from collections.abc import Callable
from typing import Any

from ccd.media.leg import Leg
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, PRESS, Site
from tests.interop.parties import bridged, caller, phone
from tests.interop.wire import Call, Rtp, sdp

Make = Callable[..., Any]
CALLER, AGENT, EVIL = b"\x11" * 160, b"\x22" * 160, b"\x66" * 160


def heard(rtp: Rtp) -> set[bytes]:
    """The different sounds that came."""
    return {packet[12:13] for packet in rtp.packets if packet[1] & 0x7F == 0}


def injected(sequence: int) -> bytes:
    """A packet as the parties' own, of a stream that is not theirs."""
    return struct.pack("!BBHII", 0x80, 0, sequence, sequence * 160, 0xBAD) + EVIL


async def both_talk(
    ours: Rtp, to: tuple[str, int], theirs: Rtp, place: tuple[str, int], seconds: float
) -> None:
    await asyncio.gather(ours.talk(to, seconds, CALLER), theirs.talk(place, seconds, AGENT))


async def test_nobody_else_gets_into_a_call(make_site: Make) -> None:  # noqa: F811
    """Injection while both talk, and while one is silent: not heard, and not sent the sound either."""
    site: Site = await make_site(agents=1)
    chance = random.Random(3)
    async with phone(site) as agent, caller(site) as outside:
        one, two, evil = await Rtp.open(), await Rtp.open(), await Rtp.open("127.0.0.9")
        call = await outside.call(DIRECT, sdp(port=one.port))
        to = (await call.answered()).media
        taken = await Call.taken(agent)
        place = taken.invite.media
        taken.accept(sdp(port=two.port))
        await taken.expect("ACK")
        await bridged(site)
        await both_talk(one, to, two, place, 0.4)
        one.packets.clear()
        two.packets.clear()
        assert evil._transport is not None

        def spray() -> None:
            for port in (to[1], place[1]):
                evil._transport.sendto(injected(chance.randrange(1 << 16)), ("127.0.0.1", port))
                for data in (
                    chance.randbytes(172),
                    b"\x80",
                    b"",
                    chance.randbytes(12),
                    b"\x80\x00" + b"\xff" * 9000,
                ):
                    evil._transport.sendto(data, ("127.0.0.1", port))  # type: ignore[union-attr]
                    evil._transport.sendto(data, ("127.0.0.1", port + 1))  # type: ignore[union-attr]

        talking = asyncio.ensure_future(both_talk(one, to, two, place, 1.0))
        for _ in range(50):
            spray()
            await asyncio.sleep(0.02)
        await talking
        await two.hears(CALLER, 41)
        await one.hears(AGENT, 41)
        assert heard(two) == {CALLER[:1]} and heard(one) == {AGENT[:1]}
        one.packets.clear()
        two.packets.clear()
        for _ in range(60):  # the caller says nothing for over a second, the agent goes on
            spray()
            two.send(place, AGENT)
            await asyncio.sleep(0.02)
        assert EVIL[:1] not in heard(two), "injected into a silent party's stream"
        assert not evil.packets, "the sound was sent to a stranger"
        await one.hears(AGENT, 51)
        await both_talk(one, to, two, place, 0.4)
        assert heard(two) == {CALLER[:1]}
        assert (await call.bye()).status == 200
        for each in (one, two, evil):
            each.close()


async def test_absurd_digits_and_payloads(make_site: Make) -> None:  # noqa: F811
    """Events beyond the keypad, endless, of the wrong size, payloads never agreed on: no digit, no harm."""
    site: Site = await make_site(agents=1)
    chance = random.Random(5)
    async with caller(site) as outside:
        rtp = await Rtp.open()
        call = await outside.call(PRESS, sdp(port=rtp.port))
        to = (await call.answered()).media
        await rtp.talk(to, 0.2)
        for event in (16, 64, 200, 255):
            for flags in (0x0A, 0x8A, 0xFF):
                rtp.send(to, struct.pack("!BBH", event, flags, 0xFFFF), 101, mark=True)
        for payload in (b"", b"\x01", b"\x01\x8a\x00", chance.randbytes(1400)):
            rtp.send(to, payload, 101)
        for kind in range(128):
            if kind not in {0, 101}:
                rtp.send(to, chance.randbytes(160), kind)
        assert rtp._transport is not None
        for _ in range(300):  # RTCP: any length, any type, counts that lie
            head = bytes([0x80 | chance.randrange(32), chance.choice([200, 201, 202, 203, 204, 205])])
            rtp._transport.sendto(head + chance.randbytes(chance.randint(0, 200)), (to[0], to[1] + 1))
        await asyncio.sleep(0.2)
        (row,) = (await site.ask("interactions"))["listed"]
        assert row["phase"] == "flow", row
        await rtp.press(to, "1")  # a real digit still counts

        async def waits() -> bool:
            (now,) = (await site.ask("interactions"))["listed"]
            return bool(now["phase"] != "flow")

        await site.until("the menu took the digit", waits)
        assert (await call.bye()).status == 200
        rtp.close()
    report = (await site.ask("status"))["daemon"]["counters"]["voice"]["media"]
    assert report["restarts"] == 0


def packet(sequence: int, ssrc: int) -> bytearray:
    return bytearray(struct.pack("!BBHII", 0x80, 0, sequence, sequence * 160, ssrc) + b"\x11" * 160)


def take(leg: Leg, source: tuple[str, int], sequence: int, ssrc: int, now: float) -> None:
    data = packet(sequence, ssrc)
    leg.receive(data, len(data), source, now, int(now * 8000))


def test_who_may_take_over_a_stream() -> None:
    """The source that SDP named, always; the same stream from elsewhere; after silence another port of the
    named host, and another host only where the named one was never heard (NAT)."""
    named, nat, evil = ("10.0.0.1", 4000), ("192.0.2.7", 9999), ("203.0.113.6", 666)

    def fresh(first: tuple[str, int]) -> Leg:
        leg = Leg("x", 1, 1, 1, 0.0, lambda *_: None)
        leg.set_stream("PCMU", 0, 101, named, True, True, 0.0)
        take(leg, first, 1, 77, 1.0)
        assert leg.source == first
        return leg

    leg = fresh(named)
    take(leg, evil, 1, 66, 1.1)
    take(leg, evil, 2, 66, 100.0)
    assert leg.source == leg.address == named and leg.bad == 2
    take(leg, ("10.0.0.1", 4002), 1, 78, 100.1)
    assert leg.source == ("10.0.0.1", 4002), "another stream of the same host, after silence"
    take(leg, evil, 5, 78, 100.2)
    assert leg.source == evil, "a phone that moved keeps its SSRC, which a stranger cannot know"
    take(leg, named, 9, 55, 100.21)
    assert leg.source == named, "the named source needs no silence: nobody can keep it out"
    leg = fresh(nat)
    take(leg, evil, 1, 66, 1.2)
    assert leg.source == nat
    leg = fresh(evil)  # it was faster than the real one
    take(leg, named, 1, 77, 1.01)
    assert leg.source == named


async def test_sound_for_places_that_cannot_be_reached(make_site: Make) -> None:  # noqa: F811
    """SDP naming broadcast, reserved or absurd addresses: refused, or the worker lives with what fails."""
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        hosts = ("255.255.255.255", "240.0.0.1", "0.0.0.1", "224.0.0.1", "::1", "x.invalid", "127.0.0.1")
        for host in hosts:
            for port in (1, 9, 65535, 70000):
                call = await outside.call(DIRECT, sdp(host, port))
                answer = await call.response(200)
                if answer.status >= 300:
                    assert answer.status in {400, 488}, (host, port, answer.start)
                    call.ack_refusal(answer)
                    continue
                call.ack()
                await asyncio.sleep(0.06)  # music goes there
                assert (await call.bye()).status == 200
        await site.until_idle()
    report = (await site.ask("status"))["daemon"]["counters"]["voice"]["media"]
    assert report["restarts"] == 0 and report["legs"] == 0
