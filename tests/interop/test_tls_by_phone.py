"""Softphones that register and talk over TLS, with a certificate that they verify."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need, tls_transport
from tests.interop.parties import bridged, caller
from tests.interop.test_softphones import CALLER, DOMAIN, FIRST, customer, until_ended
from tests.peers.baresip import Baresip
from tests.peers.certificates import Certificate, authority, signed
from tests.peers.pjsip import PjsipPhone
from tests.peers.ports import free_port
from tests.peers.process import PeerFailed
from tests.peers.tones import check_heard

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip", "openssl")


class Safe:
    """A centre with a certificate, and the authority that its phones trust."""

    def __init__(self, folder: Path) -> None:
        self.ca: Certificate = authority(folder)
        self.own = signed(folder, self.ca, "IP:127.0.0.1", "DNS:centre.test")
        self.port = free_port("127.0.0.1")
        self.address = f"127.0.0.1:{self.port}"

    @property
    def transport(self) -> str:
        return tls_transport(self.own, self.port)


def phone(kind: str, safe: Safe, folder: Path, ca: Certificate) -> Any:
    make: Any = Baresip if kind == "baresip" else PjsipPhone
    return make(
        "a1", PASSWORD, registrar=safe.address, domain=DOMAIN, tone_hz=FIRST, folder=folder / "a1",
        answer="auto", transport="tls", ca=ca.file,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["pjsip", "baresip"])
async def test_an_agent_over_tls(make_site: Make, tmp_path: Path, kind: str) -> None:
    """The phone registers, is called over the connection that it made, and both are heard."""
    safe = Safe(tmp_path)
    site: Site = await make_site(agents=1, extra=safe.transport, tables={"sip": {"qualify_s": 1.0}})
    async with phone(kind, safe, tmp_path, safe.ca) as agent, customer(site, tmp_path) as outside:
        await site.login()
        await outside.dial(DIRECT)
        await outside.state("CONFIRMED")
        await bridged(site)
        await asyncio.sleep(2.0)
        (device,) = await site.ask("devices")
        (binding,) = device["bindings"]
        traced = await site.ask("sip.trace")
        await outside.hangup()
        await until_ended(outside)
        (record,) = await site.until_records(1)
        heard = agent.heard()[0] if kind == "baresip" else agent.heard()
    assert record.outcome == "handled" and record.agents == ["a1"]
    assert binding["source"].startswith("tls:") and binding["reach"] == "alive", "it answers OPTIONS"
    sent = [row["message"] for row in traced["messages"] if row["direction"] == "out"]
    (invite,) = [message for message in sent if message.startswith("INVITE")]
    assert "\r\nVia: SIP/2.0/TLS 127.0.0.1:" in invite and ";transport=tls>" in invite
    faults = [check_heard(outside.heard(), FIRST, [CALLER]), check_heard(heard, CALLER, [FIRST])]
    assert not any(faults), "\n".join(faults)


async def test_pjsip_by_sips(make_site: Make, tmp_path: Path) -> None:
    """It registers, calls and is called by `sips:`, and hangs up on who answers with another Contact."""
    safe = Safe(tmp_path)
    site: Site = await make_site(agents=1, extra=safe.transport)
    agent = PjsipPhone(
        "a1", PASSWORD, registrar=safe.address, domain=DOMAIN, folder=tmp_path / "a1",
        answer="auto", transport="tls", ca=safe.ca.file, scheme="sips",
    )  # fmt: skip
    async with agent, caller(site) as outside:
        await agent.dial(f"sips:*41@{DOMAIN}")
        await agent.state("CONFIRMED")
        await agent.state("DISCONNECTED")
        call = await outside.call(DIRECT)
        await call.answered()
        await bridged(site)
        sent = [
            row["message"] for row in (await site.ask("sip.trace"))["messages"] if row["direction"] == "out"
        ]
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.outcome == "handled"
    (invite,) = [message for message in sent if message.startswith("INVITE sips:")]
    (ok,) = [
        each for each in sent if each.startswith("SIP/2.0 200") and "INVITE" in each and "sips:*41" in each
    ]
    for message in (invite, ok):
        assert "\r\nContact: <sips:ccd@127.0.0.1:" in message, message


async def test_a_phone_that_does_not_trust_us_sends_nothing(make_site: Make, tmp_path: Path) -> None:
    safe = Safe(tmp_path)
    site: Site = await make_site(agents=1, extra=safe.transport)
    stranger = authority(tmp_path, "stranger")
    distrustful = phone("pjsip", safe, tmp_path, stranger)
    try:
        with pytest.raises((PeerFailed, TimeoutError)):
            await distrustful.start(5.0)
    finally:
        await distrustful.stop()
    assert not any("REGISTER" in row["message"] for row in (await site.ask("sip.trace"))["messages"])


async def test_a_certificate_renewed_by_a_reload(make_site: Make, tmp_path: Path) -> None:
    safe = Safe(tmp_path)
    site: Site = await make_site(agents=1, extra=safe.transport)
    assert await shown(safe) == {"IP Address": "127.0.0.1", "DNS": "centre.test"}

    async def alarmed() -> bool:
        return "certificate to renew" in str((await site.ask("status"))["alarms"])

    await site.until("the alarm: it ends in nine days", alarmed)
    signed(tmp_path, safe.ca, "IP:127.0.0.1", "DNS:renewed.test", days=90)
    assert await alarmed()
    await site.ask("reload")
    assert await shown(safe) == {"IP Address": "127.0.0.1", "DNS": "renewed.test"}

    async def renewed() -> bool:
        return not await alarmed()

    await site.until("the end of the alarm", renewed)
    told = [row["on"] for row in site.log_lines() if row.get("code") == "certificate to renew"]
    assert told == [True, False]


async def shown(safe: Safe) -> dict[str, str]:
    """What our certificate says now."""
    context = ssl.create_default_context(cafile=str(safe.ca.file))
    _, writer = await asyncio.open_connection("127.0.0.1", safe.port, ssl=context)
    found = writer.get_extra_info("peercert")
    writer.close()
    return dict(found["subjectAltName"])
