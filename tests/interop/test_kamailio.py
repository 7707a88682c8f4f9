"""A carrier's proxy: Kamailio with digest registration and Record-Route, both directions, UDP and TCP."""

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
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp

Make = Callable[..., Any]
ACCOUNT, OUT = "0123456789", "+33123456790"
FLOW = """
[flows.out]
[[flows.out.steps]]
do = "transfer"
address = "+33199887766"
"""


async def registered(
    make_site: Make, carrier: Kamailio, protocol: str, listening: str = "", **more: str
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
        agents=1, extra=FLOW + listening, tables={"trunks.carrier": trunk, "numbers": {OUT: "out"}}
    )

    async def up() -> bool:
        return bool((await site.ask("trunks"))[0]["up"])

    await site.until("registered at Kamailio", up)
    return site


@pytest.mark.parametrize("protocol", ["udp", "tcp", "tls"])
async def test_calls_from_and_to_the_outside_through_a_proxy(
    make_site: Make, tmp_path: Path, protocol: str
) -> None:
    need("kamailio", "sipp", "openssl")
    far = Sipp("uas_agent", folder=tmp_path / "far", timeout_s=60)
    ca = authority(tmp_path)
    carrier = Kamailio(
        ACCOUNT,
        PASSWORD,
        carrier=far.address,
        folder=tmp_path / "kamailio",
        certificate=signed(tmp_path, ca, "DNS:carrier.test") if protocol == "tls" else None,
    )
    trust: dict[str, str] = {}
    if protocol == "tls":
        own = signed(tmp_path, ca, "IP:127.0.0.1", file="own")
        trust = {
            "ca": str(ca.file),
            "certificate_name": "carrier.test",
            "listening": tls_transport(own, free_port("127.0.0.1")),
        }
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
                keys={"talk_ms": 1500},
                folder=tmp_path / "near",
                timeout_s=40,
            )
            assert result.clean and result.calls == 1, result.errors
            records = await site.until_records(2)
            words = [note.what for note in records[-1].timeline]
            assert "outside answered" in words, records[-1].timeline


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
