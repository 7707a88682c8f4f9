"""A carrier's proxy: Kamailio with digest registration and Record-Route, both directions, UDP and TCP."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need, tls_transport
from tests.interop.parties import bridged, phone
from tests.interop.wire import Call, Message, Ua, sdp
from tests.peers import sipp
from tests.peers.certificates import authority, signed
from tests.peers.kamailio import EDGE, Kamailio
from tests.peers.pjsip import PjsipPhone
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp
from tests.peers.tones import check_heard

Make = Callable[..., Any]
DOMAIN = "interop.invalid"
NEAR, FAR = 450, 850
"""Hz: what the agent and who is called sound like."""
ACCOUNT, OUT = "0123456789", "+33123456790"
FLOW = """
[flows.out]
[[flows.out.steps]]
do = "transfer"
address = "+33199887766"
"""


async def registered(
    make_site: Make,
    carrier: Kamailio,
    protocol: str,
    listening: str = "",
    tables: dict[str, Any] | None = None,
    **more: str,
) -> Site:
    """A centre whose only trunk is registered there; `listening`: a transport of its own beside the usual."""
    trunk = {
        "host": carrier.host,
        "port": carrier.tls_port if protocol == "tls" else carrier.port,
        "protocol": protocol,
        **more,
        "register": True,
        "username": ACCOUNT,
        "password": "env:CCD_INTEROP_PASSWORD",
        "realm": carrier.realm,
        "sources": ["127.0.0.1"],
        "qualify_s": 0.0,
    }
    site: Site = await make_site(
        agents=1,
        extra=FLOW + listening,
        tables={"trunks.carrier": trunk, "numbers": {OUT: "out"}, **(tables or {})},
    )

    async def up() -> bool:
        return bool((await site.ask("trunks"))[0]["up"])

    await site.until("registered at Kamailio", up)
    return site


def by_tls(folder: Path, far: str) -> tuple[Kamailio, dict[str, str]]:
    """The carrier with a certificate, and what a centre needs that believes it, and has one itself."""
    ca = authority(folder)
    shown = signed(folder, ca, "DNS:carrier.test")
    carrier = Kamailio(ACCOUNT, PASSWORD, carrier=far, folder=folder / "kamailio", certificate=shown)
    own = signed(folder, ca, "IP:127.0.0.1", file="own")
    listening = tls_transport(own, free_port("127.0.0.1"))
    return carrier, {"ca": str(ca.file), "certificate_name": "carrier.test", "listening": listening}


@pytest.mark.parametrize("protocol", ["udp", "tcp", "tls"])
async def test_calls_from_and_to_the_outside_through_a_proxy(
    make_site: Make, tmp_path: Path, protocol: str
) -> None:
    need("kamailio", "sipp", "openssl")
    far = Sipp("uas_agent", folder=tmp_path / "far", timeout_s=60)
    carrier = Kamailio(ACCOUNT, PASSWORD, carrier=far.address, folder=tmp_path / "kamailio")
    trust: dict[str, str] = {}
    if protocol == "tls":
        carrier, trust = by_tls(tmp_path, far.address)
    async with carrier, far:
        site = await registered(make_site, carrier, protocol, **trust)
        async with phone(site) as agent, await Ua.open(carrier.address, user="+33140000077") as outside:
            # in: the proxy finds us by our registration, our BYE goes back through it
            call = await outside.call(DIRECT)
            answer = await call.response(200)
            assert any(f":{carrier.port}" in hop for hop in answer.all("Record-Route"))
            outside.send(acknowledged(call, routes(answer)))
            taken = await Call.taken(agent)
            assert "+33140000077" in taken.invite.get("From")
            taken.accept()
            await taken.expect("ACK")
            assert (await taken.bye()).status == 200
            await call.expect("BYE")
            (record,) = await site.until_records(1)
            assert record.outcome == "handled" and record.target == DIRECT
            # out: challenged with 407 by the proxy, answered by the carrier behind it
            result = await sipp.run(
                "uac_call",
                carrier.address,
                service=OUT,
                keys={**sipp.PATIENT, "talk_ms": 1500},
                folder=tmp_path / "near",
                timeout_s=40,
            )
            assert result.clean and result.calls == 1, result.errors
            records = await site.until_records(2)
            words = [note.what for note in records[-1].timeline]
            assert "outside answered" in words, records[-1].timeline


async def test_a_carrier_by_tls_that_takes_encrypted_audio_only(make_site: Make, tmp_path: Path) -> None:
    """An agent calls somebody outside: PJSIP behind Kamailio refuses our first offer, which plain audio would
    do for, and takes the second. Both are heard; towards the agent's phone, over UDP, it is plain."""
    need("kamailio", "openssl")
    far = PjsipPhone(
        "far", register=False, srtp="mandatory", answer="auto", tone_hz=FAR, folder=tmp_path / "far"
    )
    carrier, trust = by_tls(tmp_path, f"{far.host}:{far.port}")
    async with carrier, far:
        tables = {"own_calls": {"may_dial": ["+331"]}}
        site = await registered(make_site, carrier, "tls", tables=tables, **trust)
        agent = PjsipPhone(
            "a1", PASSWORD, registrar=site.address, domain=DOMAIN, tone_hz=NEAR, folder=tmp_path / "a1"
        )
        async with agent:
            await agent.dial("+33199887766")
            await agent.state("CONFIRMED")
            (row,) = (await site.ask("interactions"))["listed"]
            shown = await site.ask("interaction.show", interaction=row["interaction"])
            await asyncio.sleep(1.5)
            await agent.hangup()
            await agent.event("recorded")
            await far.event("recorded")
            (record,) = await site.until_records(1)
    assert record.outcome == "answered"
    assert [party["srtp"] for party in shown["parties"]] == ["", "AES_CM_128_HMAC_SHA1_80"]
    faults = [check_heard(agent.heard(), FAR, [NEAR]), check_heard(far.heard(), NEAR, [FAR])]
    assert not any(faults), "\n".join(faults)


async def test_one_edge_for_phones_and_carriers(make_site: Make, tmp_path: Path) -> None:
    """Phones register (Path, RFC 3327), are rung and dial through it; a carrier's call that comes from the
    very same address is no phone's, however few phones there are."""
    need("kamailio")
    port = free_port()
    site: Site = await make_site(agents=1, tables={"trunks.carrier": {"port": port}})
    edge = Kamailio("", "", carrier=site.address, port=port, folder=tmp_path / "edge", config=EDGE)
    async with edge, await Ua.open(edge.address, user="a1") as agent:
        assert (await agent.register(PASSWORD)).status == 200
        await site.login()
        async with await Ua.open(edge.address, user="+33140000077") as outside:
            call = await outside.call(DIRECT)
            answer = await call.response(200)
            outside.send(acknowledged(call, routes(answer)))
            assert f":{edge.port}" in answer.get("Record-Route")
            taken = await Call.taken(agent)
            hops = taken.invite.all("Record-Route")
            assert f":{edge.port}" in hops[0]
            taken.accept()
            await taken.expect("ACK")
            await bridged(site)
            assert (await taken.ask("BYE", [("Route", hop) for hop in hops])).status == 200
            await call.expect("BYE")
            (record,) = await site.until_records(1)
        refused = await agent.ask(agent.request("INVITE", f"sip:*43@{edge.address}", (), sdp()))
        assert refused.status == 401, "what a phone dials is no call of the carrier's"
    assert record.outcome == "handled"


def routes(answer: Message) -> list[tuple[str, str]]:
    """The route set of an answer to us."""
    return [("Route", hop) for hop in reversed(answer.all("Record-Route"))]


def acknowledged(call: Call, route: list[tuple[str, str]]) -> bytes:
    """An ACK by the route set of the answer."""
    ack = call.within("ACK", route)
    call.number -= 1
    ack.headers = [(name, f"{call.number} ACK" if name == "CSeq" else value) for name, value in ack.headers]
    return bytes(ack)


async def test_a_carrier_with_another_certificate_gets_no_password_and_no_call(
    make_site: Make, tmp_path: Path
) -> None:
    need("kamailio", "openssl")
    ca = authority(tmp_path)
    shown = signed(tmp_path, ca, "DNS:somebody.test")
    carrier = Kamailio(ACCOUNT, PASSWORD, folder=tmp_path / "kamailio", certificate=shown)
    async with carrier:
        trunk = {
            "host": carrier.host,
            "port": carrier.tls_port,
            "protocol": "tls",
            "ca": str(ca.file),
            "certificate_name": "carrier.test",
            "register": True,
            "username": ACCOUNT,
            "password": "env:CCD_INTEROP_PASSWORD",
            "sources": ["127.0.0.1"],
            "qualify_s": 1.0,
        }
        site: Site = await make_site(agents=1, tables={"trunks.carrier": trunk})

        async def told() -> bool:
            return "tls_failed" in site.process.tail()

        await site.until("the certificate was refused", told)
        (row,) = await site.ask("trunks")
        assert not row["up"]
        assert "Hostname mismatch, certificate is not valid for 'carrier.test'" in site.process.tail()
    assert "REGISTER" not in carrier.tail()
