"""Thousands of torn and twisted messages at a running daemon: answered or dropped; a call goes on."""

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from typing import Any

from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.wire import Call, Message, Rtp, Ua, sdp

Make = Callable[..., Any]
MESSAGES = 20_000 if os.environ.get("CCD_SOAK") else 3_000
_WORDS = (
    b"\r\n",
    b"\0",
    b";",
    b":",
    b"<",
    b">",
    b'"',
    b",",
    b"=",
    b"sip:",
    b"%",
    b"\xff",
    b" ",
    b"@",
    b"[",
    b"-1",
)


def twisted(chance: random.Random, data: bytes) -> bytes:
    """One to four wounds: bytes flipped, cut out, doubled, words put in, headers lost or repeated."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 8, 40)))
        kind = chance.randrange(6)
        if kind == 0:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:end] + data[at:end] * chance.choice((1, 3, 50)) + data[end:]
        elif kind == 3:
            data = data[:at] + chance.choice(_WORDS) + data[at:]
        else:
            lines = data.split(b"\r\n")
            one = chance.randrange(len(lines))
            lines[one : one + 1] = [] if kind == 4 else [lines[one]] * 2
            data = b"\r\n".join(lines)
    return data[:60_000]


def samples(ua: Ua, inside: list[Message]) -> list[bytes]:
    """Right messages of all kinds, those of a running call among them."""
    uri = f"sip:{DIRECT}@127.0.0.1"
    answer = ua.request("OPTIONS", "sip:x@127.0.0.1")
    status = Message("SIP/2.0 200 OK", answer.headers, sdp())
    outside = [
        ua.request("INVITE", uri, [("Record-Route", "<sip:127.0.0.1;lr>"), ("Require", "timer")], sdp()),
        ua.request("INVITE", "tel:+33-1-23-45-67-81;phone-context=+33", body=sdp(codecs="0 101")),
        ua.request("REGISTER", "sip:interop.invalid", [("Authorization", 'Digest username="a1", nonce="x"')]),
        ua.request("MESSAGE", "sip:chat-1@interop.invalid", [("Content-Type", "text/plain")], "hi"),
        ua.request("CANCEL", uri),
        ua.request("REFER", uri, [("Refer-To", "<sip:302@interop.invalid>")]),
        status,
    ]
    return [bytes(each) for each in (*outside, *inside)]


async def until_read(ua: Ua) -> None:
    """Until all before it is read: a datagram may be lost in the flood, so it is asked again."""
    for _ in range(10):
        with contextlib.suppress(TimeoutError):
            response = await ua.ask(ua.request("OPTIONS", "sip:127.0.0.1"), 1.0)
            assert response.status == 200
            return
    raise AssertionError("OPTIONS is not answered any more")


async def test_torn_messages_hurt_nobody(make_site: Make) -> None:
    site: Site = await make_site(agents=1, chat=True, tables={"sip": {"max_new_calls_per_s": 100000.0}})
    seed = int(os.environ.get("CCD_SEED", "0")) or random.randrange(1_000_000)
    print(f"CCD_SEED={seed}")
    chance = random.Random(seed)
    async with (
        phone(site) as agent,
        caller(site) as outside,
        caller(site, "+33140000066") as vandal,
        await Ua.open(site.address, protocol="TCP") as stream,
    ):
        call, taken = await talk(site, outside, agent)
        vandal.answers_options = False
        right = samples(vandal, [])
        for count in range(MESSAGES):
            vandal.send(twisted(chance, chance.choice(right)))
            if count % 100 == 0:
                await asyncio.sleep(0.02)  # as fast as it is read, no faster
        stream.send(twisted(chance, right[0]) * 3)
        await until_read(outside)
        await bridged(site)
        assert (await agent.register(PASSWORD)).status == 200
        assert (await call.bye()).status == 200
        await taken.expect("BYE")

        async def handled() -> bool:
            return any(record.outcome == "handled" for record in site.records())

        await site.until("the call that ran is filed", handled)
        status = await site.ask("status")
        assert status["daemon"]["behind_s"] < 2.0
        assert (await site.ask("report"))["total"]["faults"] == []


async def test_torn_messages_inside_a_dialog(make_site: Make) -> None:
    """Twisted requests with the tags of a running call; whatever comes of the call, the daemon goes on."""
    site: Site = await make_site(agents=1)
    seed = int(os.environ.get("CCD_SEED", "0")) or random.randrange(1_000_000)
    print(f"CCD_SEED={seed}")
    chance = random.Random(seed)
    async with phone(site) as agent, caller(site) as outside:
        for _ in range(6):
            call, taken = await talk(site, outside, agent)
            for _ in range(MESSAGES // 30):
                leg = chance.choice((call, taken))
                made = [
                    leg.within("INVITE", body=sdp(way=chance.choice(("sendonly", "sendrecv", "inactive")))),
                    leg.within("INFO", [("Content-Type", "application/dtmf-relay")], "Signal=5\r\n"),
                    leg.within("REFER", [("Refer-To", "<sip:999@interop.invalid>")]),
                    leg.within("NOTIFY", [("Event", "refer")], "SIP/2.0 200 OK"),
                    leg.within("UPDATE"),
                    Message("SIP/2.0 200 OK", leg.within("BYE").headers),
                ]
                leg.ua.send(twisted(chance, bytes(chance.choice(made))))
                if chance.random() < 0.1:
                    await asyncio.sleep(0.005)
            outside.send(call.within("BYE"))
            agent.send(taken.within("BYE"))
            await site.until_idle()
            await asyncio.sleep(0.1)
            while not agent.fresh.empty():
                agent.fresh.get_nowait()
        call, taken = await talk(site, outside, agent)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")


async def test_torn_audio_ends_no_call(make_site: Make) -> None:
    """RTP, digits and RTCP cut and twisted, from the party itself; the worker and the call live on."""
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    seed = int(os.environ.get("CCD_SEED", "0")) or random.randrange(1_000_000)
    print(f"CCD_SEED={seed}")
    chance = random.Random(seed)
    rtp, far = await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=rtp.port))
        answer = await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        await bridged(site)
        host, port = answer.media
        await rtp.talk((host, port), 0.2)
        audio = b"\x80\x00\x00\x64\x00\x00\x3e\x80\x00\x00\x00\x07" + b"\x2a" * 160
        digit = b"\x80\x65\x00\x65\x00\x00\x3e\x80\x00\x00\x00\x07" + b"\x05\x8a\x03\x20"
        extended = b"\x9f\x00" + audio[2:12] + b"\x00" * 60 + b"\xbe\xde\x00\x02" + b"\x10" * 120
        padded = b"\xa0" + audio[1:] + b"\xff"
        report = b"\x81\xc9\x00\x07" + bytes(28) + b"\x81\xca\x00\x03" + bytes(4) + b"\x01\x04test\x00\x00"
        sender = b"\x81\xc8\x00\x0c" + bytes(48)
        goodbye = b"\x81\xcb\x00\x01\x00\x00\x00\x07"
        for count in range(MESSAGES):
            whole = chance.choice((audio, digit, extended, padded, report, sender, goodbye))
            data = twisted(chance, whole)[:1600] if chance.random() < 0.9 else whole
            rtp.throw(data, (host, port + chance.randrange(2)))
            if count % 50 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await bridged(site)
        far.packets.clear()
        await rtp.talk((host, port), 0.5, b"\x2b" * 160)
        await far.hears(b"\x2b" * 160, 1)  # audio still goes through
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
        assert record.cause == "normal"
        media = (await site.ask("status"))["daemon"]["counters"]["voice"]["media"]
        assert media
