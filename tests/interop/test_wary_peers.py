"""What carriers and phones do within the rules, and few tests think of: slow carriers, two challenges, lost
connections, numbers of their own, other ways to leave. Found by trying the spine as a sceptic would."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PRESS, Site
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.test_carriers import FLOW, OUT, carrier, trunks
from tests.interop.test_own_calls_by_phone import OUTSIDE, allowed, dial, refused
from tests.interop.wire import Call, Message, Rtp, Ua, sdp
from tests.peers.ports import free_port

Make = Callable[..., Any]
TONE = b"\x2a" * 160


async def nothing_left(site: Site) -> None:
    """No leg, dialog or interaction remains."""

    async def empty() -> bool:
        sip = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]
        return bool(sip["legs"] == 0 and sip["dialogs"] == 0)

    await site.until("no leg and no dialog", empty)
    await site.until_idle()


async def outside_talks(site: Site) -> None:
    async def look() -> bool:
        return any(row["phase"] == "outside" for row in (await site.ask("interactions"))["listed"])

    await site.until("a talk with somebody outside", look)


# -- carriers ------------------------------------------------------------------------------------------


async def test_a_carrier_that_takes_its_time_after_100(make_site: Make) -> None:
    """100 is a sign of life: a call abroad may take longer to ring than a dead trunk is waited for."""
    port = free_port()
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port))
    async with carrier(site.port, port) as slow, caller(site) as outside:
        call = await outside.call(OUT)
        await call.answered()
        taken = await Call.taken(slow, ring=False)
        slow.reply(taken.invite, 100)
        await asyncio.sleep(1.6)  # timeout_s is 1
        taken.reply(180)
        taken.accept()
        await taken.expect("ACK")
        await outside_talks(site)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await nothing_left(site)


async def test_early_media_of_the_second_trunk(make_site: Make) -> None:
    ports = [free_port() for _ in range(2)]
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(*ports))
    rtp, far = await Rtp.open(), await Rtp.open()
    async with (
        carrier(site.port, ports[0]) as busy,
        carrier(site.port, ports[1]) as good,
        caller(site) as outside,
    ):
        call = await outside.call(OUT, sdp(port=rtp.port))
        await call.answered()
        first = await Call.taken(busy, ring=False)
        first.reply(503)
        await first.expect("ACK")
        taken = await Call.taken(good, ring=False)
        taken.reply(183, body=sdp(port=far.port))
        await asyncio.sleep(0.2)
        await far.talk(taken.invite.media, 0.5, TONE)
        await rtp.hears(TONE)
        assert (await call.bye()).status == 200
        await taken.expect("CANCEL")
        taken.reply(487)
        await nothing_left(site)


def challenge(name: str, realm: str, nonce: str, more: str = "") -> list[tuple[str, str]]:
    return [(name, f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm=MD5{more}')]


async def challenged(call: Call, invite: Message, status: int, header: list[tuple[str, str]]) -> Message:
    """Challenge an INVITE; the next one."""
    call.ua.reply(invite, status, header)
    await call.expect("ACK")
    return await call.expect("INVITE")


async def test_a_proxy_and_what_is_behind_it_both_challenge_and_the_bye_too(make_site: Make) -> None:
    """407, then 401 (RFC 3261 §22.3), then a stale nonce; and 407 to our BYE, else it is billed on."""
    port = free_port()
    account = {"username": "me", "password": "env:CCD_INTEROP_PASSWORD"}
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port, **account))
    async with carrier(site.port, port) as strict, caller(site) as outside:
        call = await outside.call(OUT)
        await call.answered()
        taken = await Call.taken(strict, ring=False)
        by_proxy = await challenged(taken, taken.invite, 407, challenge("Proxy-Authenticate", "edge", "n1"))
        assert 'nonce="n1"' in by_proxy.get("Proxy-Authorization")
        by_both = await challenged(taken, by_proxy, 401, challenge("WWW-Authenticate", "core", "n2"))
        assert 'nonce="n1"' in by_both.get("Proxy-Authorization")
        assert 'nonce="n2"' in by_both.get("Authorization")
        stale = challenge("WWW-Authenticate", "core", "n3", ", stale=true")
        taken.invite = await challenged(taken, by_both, 401, stale)
        assert 'nonce="n3"' in taken.invite.get("Authorization")
        taken.accept()
        await taken.expect("ACK")
        await outside_talks(site)
        assert (await call.bye()).status == 200
        bye = await taken.heard.get()
        assert bye.method == "BYE"
        strict.reply(bye, 407, challenge("Proxy-Authenticate", "edge", "n4"))
        again = await taken.expect("BYE")
        assert 'nonce="n4"' in again.get("Proxy-Authorization") and again.cseq[0] == bye.cseq[0] + 1
        await nothing_left(site)


async def test_a_wrong_password_is_not_tried_again_and_again(make_site: Make) -> None:
    port = free_port()
    account = {"username": "me", "password": "env:CCD_INTEROP_PASSWORD"}
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port, **account))
    async with carrier(site.port, port) as strict, phone(site) as agent, caller(site) as outside:
        call = await outside.call(OUT)
        await call.answered()
        taken = await Call.taken(strict, ring=False)
        again = await challenged(taken, taken.invite, 401, challenge("WWW-Authenticate", "core", "n1"))
        strict.reply(again, 401, challenge("WWW-Authenticate", "core", "n2"))
        await taken.expect("ACK")
        ringing = await Call.taken(agent)  # back in the flow
        assert len({each.get("Via") for each in strict.seen if each.method == "INVITE"}) == 2, "copies apart"
        assert (await call.bye()).status == 200
        await ringing.expect("CANCEL")
        ringing.reply(487)
        await nothing_left(site)


async def test_a_tcp_trunk_that_closed_its_connection_in_mid_call(make_site: Make) -> None:
    """An idle connection is closed by many; our BYE opens a new one to the Contact (RFC 3261 §18.1.1)."""
    port = free_port()
    site: Site = await make_site(agents=1, tables={"trunks.carrier": {"protocol": "tcp", "port": port}})
    came: asyncio.Queue[Message] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bye = Message.parse(await reader.readuntil(b"\r\n\r\n"))
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        writer.write(bytes(Message("SIP/2.0 200 OK", [(name, bye.get(name)) for name in names])))
        came.put_nowait(bye)
        writer.close()

    contact = f"<sip:pbx@127.0.0.1:{port};transport=tcp>"
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server, phone(site) as agent, await Ua.open(site.address, protocol="TCP") as outside:
        call = await outside.call(DIRECT, headers=[("Contact", contact)])
        await call.answered()
        taken = await Call.taken(agent)
        taken.accept()
        await taken.expect("ACK")
        await bridged(site)
        await outside.close()

        async def closed() -> bool:
            sip = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]
            return bool(sip["connections"] == 0)

        await site.until("its end is noticed", closed)
        assert (await taken.bye()).status == 200
        async with asyncio.timeout(20):
            bye = await came.get()
        assert bye.method == "BYE" and bye.call_id == call.invite.call_id
        await nothing_left(site)


# -- callers and phones --------------------------------------------------------------------------------


async def test_a_phone_that_wants_no_notify_keeps_its_call(make_site: Make) -> None:
    """481 to the NOTIFY of a transfer ends the subscription, not the call (RFC 5057 §5)."""
    site: Site = await make_site(agents=2)
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call, taken = await talk(site, outside, first)
        assert (await taken.ask("REFER", [("Refer-To", "<sip:302@interop.invalid>")])).status == 202
        notify = await taken.heard.get()
        assert notify.method == "NOTIFY"
        first.reply(notify, 481)
        ringing = await Call.taken(second)
        ringing.reply(486)
        await ringing.expect("ACK")
        await bridged(site)
        await asyncio.sleep(0.3)
        await bridged(site)
        assert not any(each.method == "BYE" for each in first.seen)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await nothing_left(site)


async def test_an_ack_without_the_answer_that_we_wait_for(make_site: Make) -> None:
    """Our offer stood in the 200; nobody would ever hear anything, so the call ends at once."""
    site: Site = await make_site(agents=1)
    async with phone(site), caller(site) as outside:
        call = await outside.call(DIRECT, body="")
        assert "m=audio" in (await call.response(200)).body
        call.ack()
        await call.expect("BYE")
        await nothing_left(site)


async def test_digits_of_a_phone_with_a_payload_type_of_its_own(make_site: Make) -> None:
    """We offer telephone-event as 101, it answers 96: it sends 101 and is sent 96 (RFC 3264 §6.1)."""
    site: Site = await make_site(agents=1)
    near, far = await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=near.port))
        answer = await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port, codecs="0 96") + "a=rtpmap:96 telephone-event/8000\r\n")
        await taken.expect("ACK")
        await bridged(site)
        await far.talk(taken.invite.media, 0.1)
        await near.talk(answer.media, 0.1)
        await far.press(taken.invite.media, "5")
        await near.press(answer.media, "7")
        await near.until("the key of the phone", near.digits)
        await far.until("the key of the caller", lambda: far.digits(96))
        assert near.digits() == "5" and far.digits(96) == "7"
        assert (await call.bye()).status == 200


async def test_avpf_is_answered_as_avpf(make_site: Make) -> None:
    """The answer names the transport of the offer (RFC 3264 §6.1)."""
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        call = await outside.call(DIRECT, sdp().replace("RTP/AVP", "RTP/AVPF"))
        assert "RTP/AVPF 0" in (await call.answered()).body
        assert (await call.bye()).status == 200


async def test_sdp_among_other_parts(make_site: Make) -> None:
    """An exchange wraps ISUP up with the SDP (RFC 3204), in the offer and in the answer."""
    port = free_port()
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port))
    near, far = await Rtp.open(), await Rtp.open()
    mixed = [("Content-Type", "multipart/mixed;boundary=unique")]

    def wrapped(body: str) -> str:
        isup = "--unique\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\nISUP\r\n"
        return f"{isup}--unique\r\nContent-Type: application/sdp\r\n\r\n{body}\r\n--unique--\r\n"

    async with carrier(site.port, port) as exchange, caller(site) as outside:
        call = await outside.call(OUT, wrapped(sdp(port=near.port)), headers=mixed)
        answer = await call.answered()
        taken = await Call.taken(exchange, ring=False)
        taken.reply(200, mixed, wrapped(sdp(port=far.port)))
        await taken.expect("ACK")
        await outside_talks(site)
        await near.talk(answer.media, 0.3, TONE)
        await far.hears(TONE, 11)
        again = wrapped(sdp(port=near.port, version=2, way="sendonly"))
        assert "a=recvonly" in (await call.ask("INVITE", mixed, again)).body
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await nothing_left(site)


async def test_bye_before_the_answer(make_site: Make) -> None:
    """A caller may leave an early dialog by BYE (§15): 200 for it, 487 for the INVITE."""
    site: Site = await make_site(agents=1, tables=allowed())
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as far:
        call = await dial(agent, OUTSIDE)
        taken = await Call.taken(far)
        await call.response(180)
        agent.send(call.within("BYE"))
        assert (await call.response(200, method="BYE")).status == 200
        assert (await refused(call)).status == 487
        await taken.expect("CANCEL")
        taken.reply(487)
        await nothing_left(site)


async def test_keys_by_number_in_info(make_site: Make) -> None:
    """`Signal=10` is the star, not a 1; what is no key is none."""
    pressed = {"10": ["*"], "1": ["1"], "#": ["#"], "16": [], "42": []}
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for signal in pressed:
            call = await outside.call(PRESS)
            await call.answered()
            body = f"Signal={signal}\r\nDuration=160\r\n"
            assert (await call.ask("INFO", [("Content-Type", "application/dtmf-relay")], body)).status == 200
            assert (await call.bye()).status == 200
            await site.until_idle()
        records = await site.until_records(len(pressed))
    for keys, record in zip(pressed.values(), records, strict=True):
        noted = [note for note in record.timeline if note.what in {"chose", "bad key"}]
        assert [note.details.get("key", "") for note in noted] == keys


async def test_a_text_within_a_call_is_not_swallowed(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        call = await outside.call(PRESS)
        await call.answered()
        assert (await call.ask("MESSAGE", [("Content-Type", "text/plain")], "Hello?")).status == 403
        assert (await call.bye()).status == 200


# -- odd answers ---------------------------------------------------------------------------------------

ODD: dict[str, list[tuple[str, str]]] = {
    "star": [("Contact", "*")],
    "two contacts": [("Contact", "<sip:a@127.0.0.1:9>, <sip:b@127.0.0.1:9>")],
    "no contact": [],
    "tel contact": [("Contact", "<tel:+33123>")],
    "mail contact": [("Contact", "<mailto:x@y.invalid>")],
    "tel route": [("Record-Route", "<tel:+331>")],
    "named route": [("Record-Route", "<sip:proxy.nowhere.invalid;lr>")],
    "IPv6 route": [("Record-Route", "<sip:[2001:db8::1];lr>")],
    "secure contact": [("Contact", "<sips:a@127.0.0.1:5061>")],
    "TLS contact": [("Contact", "<sip:a@127.0.0.1:5061;transport=tls>")],
    "multicast": [("Contact", "<sip:a@127.0.0.1;maddr=239.255.255.1>")],
    "no port": [("Contact", "<sip:a@127.0.0.1:0>")],
    "reliable": [("Require", "100rel, timer"), ("RSeq", "1"), ("Session-Expires", "90;refresher=uas")],
}


@pytest.mark.parametrize("side", ["phone", "trunk"])
async def test_odd_answers_leave_nothing_behind(make_site: Make, side: str) -> None:
    """Contacts and routes that lead nowhere: the call stands or not, the caller ends it, and all is free."""
    port = free_port()
    site: Site = await make_site(agents=1, extra=FLOW, tables={**trunks(port), "sip": {"t1_ms": 50}})
    async with carrier(site.port, port) as far, phone(site) as agent, caller(site) as outside:
        ua = far if side == "trunk" else agent
        for headers in ODD.values():
            call = await outside.call(OUT if side == "trunk" else DIRECT)
            await call.answered()
            taken = await Call.taken(ua)
            ua.reply(taken.invite, 200, headers, sdp(), tag=taken.tag)
            await asyncio.sleep(0.2)
            assert (await call.bye()).status == 200
            await site.until_idle()
        await nothing_left(site)
