"""Phones that talk encrypted: SRTP with keys in SDP, over TLS; baresip and PJSIP, and a plain trunk."""

import array
import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccd.media.g711 import PCMU, decode
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_softphones import CALLER, DOMAIN, FIRST, customer, until_ended
from tests.interop.test_tls_by_phone import Safe
from tests.interop.wire import Call, sdp
from tests.interop.wire_capture import Capture, Packet, can_capture
from tests.peers.baresip import Baresip
from tests.peers.missing import lacking
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import amplitude, check_heard

Make = Callable[..., Any]
RULE = {"queues.sales": {"record": True}, "media": {"codecs": ["PCMU"]}}


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip", "openssl")
    if not can_capture():
        lacking("capturing packets needs root")


def agent_of(safe: Safe, folder: Path) -> dict[str, Any]:
    """Of both kinds of phone: over TLS, and no word in clear."""
    return {
        "registrar": safe.address, "domain": DOMAIN, "tone_hz": FIRST, "folder": folder / "a1",
        "answer": "auto", "transport": "tls", "ca": safe.ca.file, "srtp": "mandatory",
    }  # fmt: skip


def overheard(packets: list[Packet]) -> set[float]:
    """The tones that a listener on the wire hears who takes it for G.711; in its last two seconds."""
    assert len(packets) > 50, "nothing was captured"
    samples = array.array("h", decode(b"".join(each.payload[:160] for each in packets[-100:]), PCMU))
    if sys.byteorder == "big":
        samples.byteswap()
    loud = [sample / 32768 for sample in samples]
    return {hertz for hertz in (FIRST, CALLER) if amplitude(loud, hertz) > 0.05}  # 0.3 is sent


def listen_in(
    site: Site, outside: PjsipPhone, packets: list[Packet]
) -> tuple[set[float], set[float], set[float], set[float]]:
    """What is heard of the caller and by the caller, of the agent and by the agent."""
    first = int(site.table("media")["port_min"])
    ours = range(first, first + 400)
    talk = [each for each in packets if each.payload_type == 0]
    from_far = [each for each in talk if each.target in ours]
    from_us = [each for each in talk if each.source in ours]
    theirs = outside.rtp_ports
    return (
        overheard([each for each in from_far if each.source in theirs]),
        overheard([each for each in from_us if each.target in theirs]),
        overheard([each for each in from_far if each.source not in theirs]),
        overheard([each for each in from_us if each.target not in theirs]),
    )


async def messages(site: Site) -> str:
    return "\n".join(row["message"] for row in (await site.ask("sip.trace"))["messages"])


async def test_both_encrypted_nobody_on_the_wire_hears_them(make_site: Make, tmp_path: Path) -> None:
    """Nothing is configured, and both insist: PJSIP in its offer, baresip when it refuses our first one."""
    safe = Safe(tmp_path)
    site: Site = await make_site(agents=1, extra=safe.transport, tables=RULE)
    safely = {"transport": "tls", "ca": safe.ca.file, "srtp": "mandatory", "registrar": safe.address}
    with Capture() as seen:
        async with (
            Baresip("a1", PASSWORD, **agent_of(safe, tmp_path)) as agent,
            PjsipPhone(
                "+33140000009", register=False, tone_hz=CALLER, folder=tmp_path / "customer", **safely
            ) as outside,
        ):  # fmt: skip
            await site.login()
            await outside.dial(DIRECT)
            await outside.state("CONFIRMED")
            await bridged(site)
            (row,) = (await site.ask("interactions"))["listed"]
            shown = await site.ask("interaction.show", interaction=row["interaction"])
            await asyncio.sleep(1.5)
            traced = await messages(site)
            await outside.hangup()
            await until_ended(outside)
            (record,) = await site.until_records(1)
            heard = agent.heard()[0]
            heard_on_the_wire = listen_in(site, outside, seen.packets)
    assert record.outcome == "handled"
    (recording,) = site.recordings()
    faults = [
        check_heard(outside.heard(), FIRST, [CALLER]),
        check_heard(heard, CALLER, [FIRST]),
        check_heard(recording, CALLER, [FIRST], channel=0),
        check_heard(recording, FIRST, [CALLER], channel=1),
    ]
    assert not any(faults), "\n".join(faults)
    assert heard_on_the_wire == (set(), set(), set(), set())
    assert [party["srtp"] for party in shown["parties"]] == ["AES_CM_128_HMAC_SHA1_80"] * 2
    assert "RTP/SAVP" in traced and "inline:(masked)" in traced
    told = (tmp_path / "customer" / "pjsip.log").read_text()
    keys = {key.encode() for key in re.findall(r"inline:([A-Za-z0-9+/]{16})", told)}
    assert len(keys) >= 2, "its own and ours, as it saw them"
    kept = [traced.encode(), *(file.read_bytes() for file in site.folder.rglob("*") if file.is_file())]
    assert not any(key in data for key in keys for data in kept), "a key stands where it should not"


async def test_an_agent_who_must_be_encrypted_talks_to_a_plain_trunk(make_site: Make, tmp_path: Path) -> None:
    """Keys both ways, hold and resume by re-INVITE: only the trunk's side can be overheard."""
    safe = Safe(tmp_path)
    tables = {**RULE, "devices.a1": {"srtp": "required"}}
    site: Site = await make_site(agents=1, extra=safe.transport, tables=tables)
    with Capture() as seen:
        async with (
            PjsipPhone("a1", PASSWORD, **agent_of(safe, tmp_path)) as agent,
            customer(site, tmp_path) as outside,
        ):
            await site.login()
            await outside.dial(DIRECT)
            await agent.state("CONFIRMED")
            await bridged(site)
            await agent.press("4")
            await outside.press("7")
            assert (await outside.event("digit"))["digit"] == "4"
            assert (await agent.event("digit"))["digit"] == "7"
            await agent.hold()
            await asyncio.sleep(0.3)
            await agent.resume()
            await asyncio.sleep(1.5)
            await agent.hangup()
            await until_ended(outside)
            await until_ended(agent)
            heard_on_the_wire = listen_in(site, outside, seen.packets)
    faults = [
        check_heard(outside.heard(), FIRST, [CALLER], gap_ms=3000),
        check_heard(agent.heard(), CALLER, [FIRST], gap_ms=3000),
    ]
    assert not any(faults), "\n".join(faults)
    assert heard_on_the_wire == ({CALLER}, {FIRST}, set(), set()), "only what is plain can be heard"


async def test_who_must_be_encrypted_is_told_so(make_site: Make) -> None:
    """A phone that must, and offers or answers plain audio: 488 with the reason, or the call is ended."""
    site: Site = await make_site(agents=1, tables={"devices.a1": {"srtp": "required"}})
    async with phone(site) as agent, caller(site) as outside:
        refused = await agent.authorised("INVITE", f"sip:201@{site.address}", (), sdp())
        assert refused.status == 488 and "SRTP is required here" in refused.get("Warning")
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        assert "m=audio" in taken.invite.body and " RTP/SAVP " in taken.invite.body
        assert " RTP/AVP " not in taken.invite.body and "a=crypto:1 AES_CM_128" in taken.invite.body
        taken.accept()
        await taken.expect("BYE")
        await call.bye()
    assert not any("inline:" in line and "(masked)" not in line for line in map(str, site.log_lines()))
