"""SIP over TLS between our stack and itself, and Python's ssl (OpenSSL) as the peer that we did not write."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ccd.errors import Misconfigured
from ccd.model.settings import SipSettings, TransportSettings
from ccd.sip.events import Flow, RequestArrived, ResponseArrived, TransactionFailed
from ccd.voice.streams import StreamLimits, Trust
from tests.loopback.test_sip_stack import PATIENT, QUICK, Station, make_request, raw
from tests.peers.certificates import Certificate, authority, signed

pytestmark = pytest.mark.needs("openssl")
Open = Callable[..., Any]


@pytest.fixture
async def open_station(server: Certificate) -> AsyncIterator[Open]:
    stations: list[Station] = []

    async def open_one(
        certificate: Certificate | None = server,
        settings: SipSettings = PATIENT,
        limits: StreamLimits | None = None,
    ) -> Station:
        station = Station(len(stations) + 1, settings, limits)
        stations.append(station)
        transports = [TransportSettings(protocol="udp", host="127.0.0.1", port=0)]
        if certificate is not None:
            file, key = map(str, certificate)
            transports.append(
                TransportSettings(protocol="tls", host="127.0.0.1", port=0, certificate=file, key=key)
            )
        await station.stack.start(tuple(transports), station.hear)
        return station

    yield open_one
    for station in stations:
        await station.stack.stop()
    await asyncio.sleep(0)  # let closed transports say so


async def connected(
    station: Station, ca: Path, name: str = "centre.test"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client of Python's ssl that verifies."""
    context = ssl.create_default_context(cafile=str(ca))
    host, port = station.at("TLS")
    return await asyncio.open_connection(host, port, ssl=context, server_hostname=name)


def handshakes_failed(station: Station) -> int:
    return int(str(station.stack.report()["handshakes_failed"]))


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not ready():  # noqa: ASYNC110  what is awaited tells nobody
            await asyncio.sleep(0.005)


async def test_a_request_goes_out_and_its_answer_comes_back_encrypted(
    open_station: Open, signer: Certificate
) -> None:
    a, b = await open_station(None), await open_station()
    flow = a.stack.flow_to(*b.at("TLS"), "TLS", Trust("centre.test", str(signer.file)))
    assert flow.protocol == "TLS" and flow.reliable
    a.stack.request(make_request(), flow)
    assert (await a.first(ResponseArrived)).response.status == 200
    arrived = (await b.first(RequestArrived)).request
    assert arrived.via.transport == "TLS"
    again = a.stack.flow_to(*b.at("TLS"), "TLS", Trust("centre.test", str(signer.file)))
    assert again == flow, "one connection serves them all"


@pytest.mark.parametrize(
    ("name", "trusts"),
    [("other.test", True), ("centre.test", False)],
    ids=["a certificate for another name", "an authority that we do not know"],
)
async def test_nothing_is_sent_to_somebody_who_is_not_whom_we_expect(
    open_station: Open, signer: Certificate, certificates: Path, name: str, trusts: bool
) -> None:
    a, b = await open_station(None), await open_station()
    ca = signer if trusts else authority(certificates, "stranger")
    a.stack.request(make_request(), a.stack.flow_to(*b.at("TLS"), "TLS", Trust(name, str(ca.file))))
    assert (await a.first(TransactionFailed)).cause == "transport"
    assert handshakes_failed(a) == 1
    assert not b.of(RequestArrived)


async def test_a_phone_s_connection_is_used_both_ways(open_station: Open, signer: Certificate) -> None:
    station: Station = await open_station()
    reader, writer = await connected(station, signer.file)
    writer.write(raw("TLS"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
    flow: Flow = station.of(RequestArrived)[0].flow
    assert station.stack.contact_host(flow) == f"127.0.0.1:{station.at('TLS')[1]}"
    station.stack.request(make_request(call="to the phone"), flow)
    sent = await reader.readuntil(b"\r\n\r\n")
    assert sent.startswith(b"OPTIONS ") and b"Via: SIP/2.0/TLS 127.0.0.1:" in sent
    writer.close()
    await writer.wait_closed()


async def test_who_speaks_no_tls_is_counted_and_cut_off(open_station: Open) -> None:
    station: Station = await open_station()
    reader, writer = await asyncio.open_connection(*station.at("TLS"))
    writer.write(raw("TCP") * 3)
    assert b"SIP/2.0" not in await reader.read()
    await until(lambda: handshakes_failed(station) == 1)
    assert station.stack.report()["connections"] == 0
    assert not station.of(RequestArrived)
    writer.close()


async def test_who_begins_no_handshake_is_cut_off_and_counts_among_the_connections(
    open_station: Open,
) -> None:
    station: Station = await open_station(limits=StreamLimits(handshake_s=1.0, a_host=3))
    clients = [await asyncio.open_connection(*station.at("TLS")) for _ in range(3)]
    await until(lambda: station.stack.report()["connections"] == 3)
    reader, writer = await asyncio.open_connection(*station.at("TLS"))
    assert await reader.read() == b"", "the fourth of a host is refused before it costs a handshake"
    assert station.stack.report()["connections_refused"] == 1
    await until(lambda: station.stack.report()["connections"] == 0)
    assert handshakes_failed(station) == 3
    for _, each in [*clients, (reader, writer)]:
        each.close()


async def test_the_first_message_has_its_own_time_after_the_handshake(
    open_station: Open, signer: Certificate
) -> None:
    station: Station = await open_station(limits=StreamLimits(handshake_s=1.0, first_message_s=20.0))
    reader, writer = await connected(station, signer.file)
    await asyncio.sleep(1.3)
    writer.write(raw("TLS"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
    writer.close()


async def test_a_renewed_certificate_is_shown_without_a_restart(
    open_station: Open, signer: Certificate, certificates: Path
) -> None:
    changing = signed(certificates, signer, "DNS:old.test", file="changing")
    station: Station = await open_station(changing)
    _, before = await connected(station, signer.file, "old.test")
    signed(certificates, signer, "DNS:new.test", file="changing")
    with pytest.raises(ssl.SSLCertVerificationError):
        await connected(station, signer.file, "new.test")
    station.stack.renew()
    reader, after = await connected(station, signer.file, "new.test")
    changing.file.write_text("rubbish")
    station.stack.renew()  # logged; the one in memory stays in use
    _, still = await connected(station, signer.file, "new.test")
    after.write(raw("TLS"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
    for writer in (before, after, still):
        writer.close()


async def test_old_versions_of_tls_are_not_spoken(open_station: Open, signer: Certificate) -> None:
    station: Station = await open_station()
    context = ssl.create_default_context(cafile=str(signer.file))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    host, port = station.at("TLS")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(host, port, ssl=context, server_hostname="centre.test")


async def test_a_certificate_that_cannot_be_used_stops_the_start(
    certificates: Path, server: Certificate
) -> None:
    station = Station(1, QUICK, None)
    other = certificates / "other.key"
    other.write_text("no key")
    settings = TransportSettings(
        protocol="tls", host="127.0.0.1", port=0, certificate=str(server.file), key=str(other)
    )
    with pytest.raises(Misconfigured, match=str(other)):
        await station.stack.start((settings,), station.hear)


def test_the_same_on_the_loop_of_the_daemon(server: Certificate, signer: Certificate) -> None:
    """uvloop's TLS is not asyncio's: a client that verifies, one without TLS, and one that says nothing."""

    async def all_three() -> None:
        station = Station(1, QUICK, StreamLimits(handshake_s=1.0))
        file, key = map(str, server)
        settings = TransportSettings(protocol="tls", host="127.0.0.1", port=0, certificate=file, key=key)
        await station.stack.start((settings,), station.hear)
        reader, writer = await connected(station, signer.file)
        writer.write(raw("TLS"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        plain, silent = [await asyncio.open_connection(*station.at("TLS")) for _ in range(2)]
        plain[1].write(raw("TCP") * 3)
        await until(lambda: handshakes_failed(station) == 2)
        await until(lambda: station.stack.report()["connections"] == 1)
        for each in (writer, plain[1], silent[1]):
            each.close()
        await until(lambda: station.stack.report()["connections"] == 0)
        await station.stack.stop()

    uvloop.run(all_three())
