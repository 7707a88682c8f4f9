"""Trunks from the carrier's side: failover, registration, channels, numbers, early media."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import caller, phone, talk
from tests.interop.wire import Call, Message, Rtp, Ua, sdp
from tests.peers.ports import free_port

Make = Callable[..., Any]
OUT = "+33123456790"
FLOW = """
[flows.out]
[[flows.out.steps]]
do = "transfer"
address = "+33199887766"
ring_timeout_s = 4.0
[[flows.out.steps]]
do = "queue"
queue = "sales"
"""


def trunks(*ports: int, **more: Any) -> dict[str, dict[str, Any]]:
    """Outgoing trunks by priority, over the one that calls come in by."""
    tables: dict[str, dict[str, Any]] = {"numbers": {OUT: "out"}, "trunks.carrier": {"priority": 90}}
    for n, port in enumerate(ports, start=1):
        tables[f"trunks.t{n}"] = {
            "host": "127.0.0.1",
            "port": port,
            "sources": [f"192.0.2.{n}"],
            "priority": n,
            "timeout_s": 1.0,
            "qualify_s": 0.0,
            **more,
        }
    return tables


@asynccontextmanager
async def carrier(site_port: int, port: int) -> AsyncIterator[Ua]:
    async with await Ua.open(f"127.0.0.1:{site_port}", port=port) as ua:
        yield ua


async def test_the_next_trunk_is_tried_on_503_and_on_silence(make_site: Make) -> None:
    ports = [free_port() for _ in range(3)]
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(*ports))
    async with (
        carrier(site.port, ports[0]) as busy,
        carrier(site.port, ports[1]) as silent,
        carrier(site.port, ports[2]) as good,
        caller(site) as outside,
    ):
        silent.mute = True
        call = await outside.call(OUT)
        await call.answered()
        refused = await Call.taken(busy, ring=False)
        refused.reply(503, [("Retry-After", "30")])
        await refused.expect("ACK")
        taken = await Call.taken(good)
        assert any(each.method == "INVITE" for each in silent.seen)
        assert taken.invite.uri.startswith("sip:+33199887766@")
        taken.accept()
        await taken.expect("ACK")
        # the one that said 503 rests: the next call does not go there first
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_idle()
        invites = len([each for each in busy.seen if each.method == "INVITE"])
        again = await outside.call(OUT)
        await again.answered()
        other = await Call.taken(good)
        assert len([each for each in busy.seen if each.method == "INVITE"]) == invites
        assert (await again.bye()).status == 200
        await other.expect("CANCEL")
        await site.until_records(2)


async def test_the_called_partys_no_is_no_reason_for_another_trunk(make_site: Make) -> None:
    """486 goes back into the flow, which then queues the caller."""
    ports = [free_port() for _ in range(2)]
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(*ports))
    async with (
        carrier(site.port, ports[0]) as first,
        carrier(site.port, ports[1]) as second,
        phone(site) as agent,
        caller(site) as outside,
    ):
        call = await outside.call(OUT)
        await call.answered()
        taken = await Call.taken(first)
        taken.reply(486)
        await taken.expect("ACK")
        ringing = await Call.taken(agent)
        ringing.accept()
        await ringing.expect("ACK")
        assert (await call.bye()).status == 200
        assert second.fresh.empty()
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and any(note.what == "outside failed" for note in record.timeline)


async def test_outside_rings_too_long_and_early_media_is_heard(make_site: Make) -> None:
    port = free_port()
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port))
    rtp, far = await Rtp.open(), await Rtp.open()
    async with carrier(site.port, port) as carrying, caller(site) as outside:
        call = await outside.call(OUT, sdp(port=rtp.port))
        await call.answered()
        taken = await Call.taken(carrying, ring=False)
        taken.reply(183, body=sdp(port=far.port))
        await asyncio.sleep(0.2)
        await far.talk(taken.invite.media, 0.5, b"\x2a" * 160)
        await rtp.hears(b"\x2a" * 160)  # the carrier's announcement reaches the caller before the answer
        await taken.expect("CANCEL")
        taken.reply(487)
        await taken.expect("ACK")
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    rtp.close()
    far.close()
    assert record.outcome == "abandoned", "after the time was over the flow queued the caller, who left"


async def test_a_trunk_that_registers(make_site: Make) -> None:
    """Challenge, refresh within the time granted, alarm when it is refused, unregister at the end."""
    port = free_port()
    account = {"register": True, "username": "0123", "password": "env:CCD_INTEROP_PASSWORD", "expires_s": 60}
    async with await Ua.open("127.0.0.1:9", port=port) as registrar:
        registered = asyncio.Event()
        seen: list[Message] = []

        async def serve() -> None:
            while True:
                message = await registrar.fresh.get()
                if message.method != "REGISTER":
                    continue
                seen.append(message)
                host, number = message.get("Via").split()[1].split(";")[0].rsplit(":", 1)
                registrar.server = (host, int(number))
                if not message.get("Authorization"):
                    challenge = 'Digest realm="carrier.test", nonce="abc", qop="auth", algorithm=MD5'
                    registrar.reply(message, 401, [("WWW-Authenticate", challenge)])
                else:
                    contact = message.get("Contact")
                    registrar.reply(message, 200, [("Contact", f"{contact};expires=60"), ("Expires", "60")])
                    registered.set()

        serving = asyncio.ensure_future(serve())
        site: Site = await make_site(
            agents=1, tables={"trunks.t1": {"host": "127.0.0.1", "port": port, **account}}
        )
        async with asyncio.timeout(20):
            await registered.wait()

        async def up() -> bool:
            rows = await site.ask("trunks")
            return any(row.get("trunk", row.get("name")) == "t1" and row["up"] for row in rows)

        await site.until("the trunk is up", up)
        credentials = seen[-1].get("Authorization")
        assert 'username="0123"' in credentials and 'realm="carrier.test"' in credentials
        before = len(seen)
        assert await site.terminate() == 0
        assert any("expires=0" in each.get("Contact") or each.get("Expires") == "0" for each in seen[before:])
        serving.cancel()


async def test_a_trunk_that_dies_raises_an_alarm_and_is_passed_by(make_site: Make) -> None:
    ports = [free_port(), free_port()]
    tables = trunks(*ports, qualify_s=1.0)
    tables["sip"] = {"qualify_timeout_s": 1.0}
    site: Site = await make_site(agents=1, extra=FLOW, tables=tables)
    async with (
        carrier(site.port, ports[0]) as first,
        carrier(site.port, ports[1]) as second,
        caller(site) as outside,
    ):
        first.mute = True

        async def alarmed() -> bool:
            return "t1" in str((await site.ask("status"))["alarms"])

        await site.until("an alarm about t1", alarmed)
        call = await outside.call(OUT)
        await call.answered()
        taken = await Call.taken(second)
        assert not [each for each in first.seen if each.method == "INVITE"], "it was passed by"
        taken.accept()
        await taken.expect("ACK")
        assert (await taken.bye()).status == 200
        await call.expect("BYE")
        first.mute = False

        async def quiet() -> bool:
            return "t1" not in str((await site.ask("status"))["alarms"])

        await site.until("t1 is back", quiet)


async def test_numbers_come_in_many_spellings(make_site: Make) -> None:
    """National, international, tel: and withheld, all to the same flow; the display keeps the name."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        for number, sender, shown in (
            ("0123456781", '"Ada" <sip:0140000001@carrier.test>', "Ada"),
            ("0033123456781", "<sip:+33140000001@carrier.test>", "+33140000001"),
            (DIRECT, '"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
        ):
            call = await outside.call(number, headers=[("From", f"{sender};tag=x{number}")])
            await call.answered()
            taken = await Call.taken(agent)
            assert shown.lower() in taken.invite.get("From").lower()
            assert (await call.bye()).status == 200
            await taken.expect("CANCEL")
            taken.reply(487)
            await taken.expect("ACK")
            await site.until_idle()
        origins = [record.origin for record in site.records()]
        assert origins == ["+33140000001", "+33140000001", ""]
        again, _ = await talk(site, outside, agent)
        assert (await again.bye()).status == 200
