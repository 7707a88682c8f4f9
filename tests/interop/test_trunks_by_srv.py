"""A trunk found by SRV: dnsmasq is the DNS, SIPp the carrier's two servers, the real daemon calls them."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ccd.errors import TryLater
from ccd.ids import SeededChance
from ccd.voice.locating import Question, locate
from ccd.voice.names import SystemNames
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import caller
from tests.interop.wire import Call, Ua
from tests.peers.dnsmasq import Dnsmasq, Server
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp
from tests.unit.test_voice_names import SystemTwin

Make = Callable[..., Any]
OUT = "+33123456790"
CARRIER = "carrier.test"
LONG_S = 4.0
"""What a server is waited for where a call is to lose no time on it."""
FLOW = """
[flows.out]
[[flows.out.steps]]
do = "transfer"
address = "+33199887766"
ring_timeout_s = 8.0
"""


@pytest.fixture(autouse=True)
def peers() -> None:
    need("dnsmasq", "sipp")


def tables(dns: str, *more: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    acme = {"host": CARRIER, "priority": 1, "timeout_s": 1.0, "qualify_s": 0.0, "sources": ["192.0.2.1"]}
    for each in more:
        acme.update(each)
    return {
        "numbers": {OUT: "out"},
        "trunks.carrier": {"priority": 90},
        "sip": {"resolvers": [dns], "qualify_timeout_s": 0.5},
        "trunks.acme": acme,
    }


def server(folder: Path, host: str, name: str, transport: str = "u1") -> Sipp:
    port = free_port(host)
    return Sipp("uas_agent", host=host, port=port, folder=folder / name, timeout_s=90.0, transport=transport)


async def trunk(site: Site) -> dict[str, Any]:
    return next(row for row in await site.ask("trunks") if row["trunk"] == "acme")


async def used(site: Site, address: str, timeout_s: float = 10.0) -> None:
    async def look() -> bool:
        return any(each["used"] and each["address"] == address for each in (await trunk(site))["targets"])

    await site.until(f"the trunk uses {address}", look, timeout_s)


async def invited(site: Site) -> list[str]:
    """Whom our INVITEs went to, `UDP 127.0.0.1:5060`, copies apart."""
    traced = [row for row in (await site.ask("sip.trace"))["messages"] if row["direction"] == "out"]
    sent = {row["message"]: row["peer"] for row in traced if row["message"].startswith("INVITE ")}
    return list(sent.values())


async def put_through(site: Site) -> None:
    """Until the caller talks to somebody outside."""

    async def look() -> bool:
        return any(row["phase"] == "outside" for row in (await site.ask("interactions"))["listed"])

    await site.until("a call put through", look)


async def call_through(site: Site, outside: Ua) -> float:
    """Call somebody outside, talk, hang up; seconds until both were put through."""
    started = asyncio.get_running_loop().time()
    call = await outside.call(OUT)
    await call.answered()
    await put_through(site)
    took = asyncio.get_running_loop().time() - started
    assert (await call.bye()).status == 200
    await site.until_idle()
    return took


async def test_the_second_server_takes_over_when_the_first_one_dies(make_site: Make, tmp_path: Path) -> None:
    first, second = server(tmp_path, "127.0.0.1", "first"), server(tmp_path, "127.0.0.2", "second")
    async with Dnsmasq(tmp_path / "dns") as dns, second:
        await dns.serve(
            CARRIER,
            [
                Server("sip2.carrier.test", "127.0.0.2", second.port, priority=20),
                Server("sip1.carrier.test", "127.0.0.1", first.port, priority=10),
            ],
            ttl_s=600,
        )
        async with first:
            site: Site = await make_site(agents=1, extra=FLOW, tables=tables(dns.address))
            await used(site, "127.0.0.1")
            row = await trunk(site)
            assert row["found_by"] == f"SRV _sip._udp.{CARRIER}"
            assert [each["host"] for each in row["targets"]] == ["sip1.carrier.test", "sip2.carrier.test"]
            async with caller(site) as outside:
                await call_through(site, outside)
            await site.until_records(1)
        async with caller(site) as outside:
            await call_through(site, outside)  # the first one is silent, the call goes on to the second
            await used(site, "127.0.0.2")
            await call_through(site, outside)  # and this one goes there at once
        records = await site.until_records(3)
        assert all(record.outcome != "failed" for record in records)
        assert await invited(site) == [f"UDP {each.address}" for each in (first, first, second, second)]
    assert any(row.get("event") == "trunk_target_changed" for row in site.log_lines())


async def test_options_find_the_dead_server_before_a_call_does(make_site: Make, tmp_path: Path) -> None:
    first, second = server(tmp_path, "127.0.0.1", "first"), server(tmp_path, "127.0.0.2", "second")
    servers = [
        Server("sip1.carrier.test", "127.0.0.1", first.port, priority=10),
        Server("sip2.carrier.test", "127.0.0.2", second.port, priority=20),
    ]
    async with Dnsmasq(tmp_path / "dns") as dns, second:
        await dns.serve(CARRIER, servers, ttl_s=600)
        async with first:
            named = tables(dns.address, {"qualify_s": 1.0, "timeout_s": LONG_S})
            site: Site = await make_site(agents=1, extra=FLOW, tables=named)
            await used(site, "127.0.0.1")

            async def both() -> bool:
                return [each["reach"] for each in (await trunk(site))["targets"]] == ["alive", "alive"]

            await site.until("both servers answer OPTIONS", both)
        await used(site, "127.0.0.2")
        row = await trunk(site)
        assert row["up"] and "sip2.carrier.test" in row["note"]
        async with caller(site) as outside:
            assert await call_through(site, outside) < LONG_S
        assert await invited(site) == [f"UDP {second.address}"]
        assert not (await site.ask("status"))["alarms"]


@pytest.mark.long
async def test_the_trunk_moves_with_the_records_and_keeps_the_last_ones_while_the_dns_is_away(
    make_site: Make, tmp_path: Path
) -> None:
    """The shortest time that records are kept for is half a minute: this one waits for it."""
    first, second = server(tmp_path, "127.0.0.1", "first"), server(tmp_path, "127.0.0.2", "second")
    async with Dnsmasq(tmp_path / "dns") as dns, first, second:
        await dns.serve(CARRIER, [Server("sip1.carrier.test", "127.0.0.1", first.port)])
        site: Site = await make_site(agents=1, extra=FLOW, tables=tables(dns.address))
        await used(site, "127.0.0.1")
        await dns.serve(CARRIER, [Server("sip2.carrier.test", "127.0.0.2", second.port)])
        await used(site, "127.0.0.2", 40.0)
        async with caller(site) as outside:
            await call_through(site, outside)
        await dns.stop()

        async def said() -> bool:
            return "the last answer is used" in (await trunk(site))["note"]

        await site.until("the note says that the DNS fails", said, 45.0)
        async with caller(site) as outside:
            await call_through(site, outside)
        assert await invited(site) == [f"UDP {second.address}"] * 2


async def test_a_dns_that_hangs_delays_neither_the_start_nor_a_call(make_site: Make, tmp_path: Path) -> None:
    there = server(tmp_path, "127.0.0.1", "there")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        named = tables(f"127.0.0.1:{deaf.getsockname()[1]}", {"timeout_s": LONG_S})
        named["trunks.other"] = {
            "host": "127.0.0.1",
            "port": there.port,
            "sources": ["192.0.2.2"],
            "priority": 2,
            "qualify_s": 0.0,
        }
        async with there:
            site: Site = await make_site(agents=1, extra=FLOW, tables=named)
            row = await trunk(site)
            assert (row["up"], row["note"]) == (False, "not resolved yet"), "the start did not wait"
            async with caller(site) as outside:
                assert await call_through(site, outside) < LONG_S

            async def told() -> bool:
                return "does not answer" in (await trunk(site))["note"]

            await site.until("the note says that the DNS does not answer", told)
            assert "acme" in str((await site.ask("status"))["alarms"])
            assert await site.terminate() == 0


async def test_503_and_silence_are_the_servers_and_500_is_the_carriers(
    make_site: Make, tmp_path: Path
) -> None:
    """503, silence, 500: then the fourth server is not asked, but the next trunk."""
    ports = {f"127.0.0.{n}": free_port(f"127.0.0.{n}") for n in range(1, 5)}
    spare = free_port()
    async with Dnsmasq(tmp_path / "dns") as dns, AsyncExitStack() as parties:
        await dns.serve(
            CARRIER,
            [Server(f"s{n}.{CARRIER}", at, port, n) for n, (at, port) in enumerate(ports.items())],
            ttl_s=600,
        )
        named = tables(dns.address)
        named["trunks.spare"] = {"host": "127.0.0.1", "port": spare, "priority": 2, "qualify_s": 0.0}
        named["trunks.spare"]["sources"] = ["192.0.2.2"]
        site: Site = await make_site(agents=1, extra=FLOW, tables=named)
        servers = [
            await parties.enter_async_context(await Ua.open(site.address, port=port, host=host))
            for host, port in [*ports.items(), ("127.0.0.1", spare)]
        ]
        busy, silent, broken, unasked, other = servers
        silent.mute = True
        await used(site, "127.0.0.1")
        outside = await parties.enter_async_context(caller(site))
        call = await outside.call(OUT)
        await call.answered()
        for ua, status in ((busy, 503), (broken, 500)):
            taken = await Call.taken(ua, ring=False)
            assert taken.invite.uri.startswith(f"sip:+33199887766@{CARRIER}")
            taken.reply(status)
            await taken.expect("ACK")
        last = await Call.taken(other)
        last.accept()
        await last.expect("ACK")
        await put_through(site)
        assert any(each.method == "INVITE" for each in silent.seen)
        assert not unasked.seen
        assert (await call.bye()).status == 200
        await last.expect("BYE")
        await site.until_idle()


async def test_calls_from_every_server_of_the_carrier_are_taken(make_site: Make, tmp_path: Path) -> None:
    """From 127.0.0.3, which nothing but the DNS names; a stranger's 127.0.0.4 is refused."""
    async with Dnsmasq(tmp_path / "dns") as dns:
        servers = [Server(f"s{n}.{CARRIER}", f"127.0.0.{n}", 5060, priority=n) for n in (2, 3)]
        await dns.serve(CARRIER, servers, ttl_s=600)
        site: Site = await make_site(agents=1, extra=FLOW, tables=tables(dns.address, {"sources": []}))
        await used(site, "127.0.0.2")
        async with await Ua.open(site.address, user="+33140000001", host="127.0.0.3") as third:
            call = await third.call(DIRECT)
            await call.answered()
            assert (await trunk(site))["in_use"] == 1
            assert (await call.bye()).status == 200
        async with await Ua.open(site.address, user="+33140000001", host="127.0.0.4") as stranger:
            call = await stranger.call(DIRECT)
            assert (await call.response(200)).status in {401, 403, 407}


async def test_tcp_servers_have_records_of_their_own(make_site: Make, tmp_path: Path) -> None:
    """`_sip._tcp`, to which a NAPTR record points; the first server refuses the connection, and the call goes
    on at once."""
    second = server(tmp_path, "127.0.0.2", "second", transport="t1")
    async with Dnsmasq(tmp_path / "dns") as dns, second:
        servers = [
            Server("sip1.carrier.test", "127.0.0.1", free_port(), priority=10),
            Server("sip2.carrier.test", "127.0.0.2", second.port, priority=20),
        ]
        pointers = [f"20,1,s,SIP+D2T,,_sip._tcp.{CARRIER}", f"10,1,s,SIP+D2S,,_sip._sctp.{CARRIER}"]
        await dns.serve(CARRIER, servers, protocol="tcp", ttl_s=600, pointers=pointers)
        named = tables(dns.address, {"protocol": "auto", "timeout_s": LONG_S})
        site: Site = await make_site(agents=1, extra=FLOW, tables=named)
        await used(site, "127.0.0.1")
        assert (await trunk(site))["found_by"] == f"NAPTR, SRV _sip._tcp.{CARRIER}"
        async with caller(site) as outside:
            assert await call_through(site, outside) < LONG_S
            await used(site, "127.0.0.2")
            await call_through(site, outside)
        # what is refused is never seen to leave
        assert [peer for peer in await invited(site) if peer == f"TCP {second.address}"] == [
            f"TCP {second.address}"
        ] * 2


async def test_the_registration_moves_to_the_second_server(make_site: Make, tmp_path: Path) -> None:
    keys = {"caller": "0123", "password": PASSWORD}
    first, second = (
        Sipp("uas_registrar", host=host, port=free_port(host), folder=tmp_path / host, keys=keys)
        for host in ("127.0.0.1", "127.0.0.2")
    )
    servers = [
        Server("sip1.carrier.test", "127.0.0.1", first.port, priority=10),
        Server("sip2.carrier.test", "127.0.0.2", second.port, priority=20),
    ]
    account = {"register": True, "username": "0123", "password": "env:CCD_INTEROP_PASSWORD"}
    async with Dnsmasq(tmp_path / "dns") as dns, second:
        await dns.serve(CARRIER, servers, ttl_s=600)
        async with first:
            named = tables(dns.address, {"qualify_s": 1.0}, account)
            site: Site = await make_site(agents=1, extra=FLOW, tables=named)

            async def registered() -> bool:
                return (await trunk(site))["registration"] == "registered"

            await site.until("it is registered", registered)
            await used(site, "127.0.0.1")
        await used(site, "127.0.0.2")
        await site.until("it is registered again", registered)
        row = await trunk(site)
        assert row["up"] and "registered" in row["note"] and "sip2" in row["note"]
        assert await site.terminate() == 0
    changed = [row for row in site.log_lines() if row.get("event") == "trunk_changed"]
    assert [row["up"] for row in changed if row["trunk"] == "acme"] == [True], "it was never down"


async def test_the_dns_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both families, an answer too large for a datagram, a name that is not there, and a DNS that is gone."""
    many = [Server(f"a-server-with-a-long-name-{n}.{CARRIER}", f"192.0.2.{n}", 5060, n) for n in range(1, 17)]
    async with Dnsmasq(tmp_path / "dns") as dns:
        await dns.serve(CARRIER, [*many, Server(many[0].host, "2001:db8::1", 5060, 1)], ttl_s=77)
        names = SystemNames([dns.address], (6, 4))
        SystemTwin(monkeypatch)  # knows no name: that of this machine may be slow, or not reach its DNS
        records, ttl_s = await names.services(f"_sip._udp.{CARRIER}")
        assert ({each.host for each in records}, ttl_s) == ({each.host for each in many}, 77.0)
        found = await names.addresses(many[0].host, of_dns=True)
        assert (found.addresses, found.ttl_s) == (("2001:db8::1", "192.0.2.1"), 77.0)
        assert (await names.services(f"_sip._tcp.{CARRIER}"))[0] == ()
        assert (await names.addresses(f"none.{CARRIER}", of_dns=True)).addresses == ()
        answer = await locate(Question(CARRIER, "udp"), names, SeededChance())
        assert (answer.places[0].address, len(answer.places), answer.keep_s) == ("2001:db8::1", 12, 77.0)
        await dns.stop()
        with pytest.raises(TryLater, match="does not answer"):
            await names.services(f"_sip._udp.{CARRIER}")
        await names.close()
