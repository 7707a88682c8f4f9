"""Softphones that people use: baresip as agents, PJSIP as caller and agent. Each plays its own tone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, PRESS, Site, need
from tests.interop.parties import bridged, caller
from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone
from tests.peers.sipp import Sipp, register, run
from tests.peers.tones import check_heard, heard_ms, read_wav, write_tone

Make = Callable[..., Any]
DOMAIN = "interop.invalid"
FIRST, SECOND, CALLER, MUSIC, WHISPER = 450, 850, 650, 1050, 1450
"""Hz: what the two agents, the caller, the queue's music and the whisper sound like."""


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip")


def sounds(folder: Path) -> dict[str, dict[str, Any]]:
    """Settings with music and a whisper that can be told from speech."""
    write_tone(_made(folder / "prompts" / "en") / "whisper-tone.wav", WHISPER, 1.0)
    write_tone(_made(folder / "music") / "default.wav", MUSIC, 20.0)
    return {"media": {"prompts": [str(folder / "prompts")], "music": [str(folder / "music")]}}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def softphone(site: Site, name: str, hertz: float, folder: Path, **options: Any) -> Baresip:
    return Baresip(
        name, PASSWORD, registrar=site.address, domain=DOMAIN, tone_hz=hertz, folder=folder / name, **options
    )


def customer(site: Site, folder: Path, **options: Any) -> PjsipPhone:
    """A caller behind the trunk."""
    return PjsipPhone(
        "+33140000009",
        registrar=site.address,
        register=False,
        domain=site.address,
        tone_hz=CALLER,
        folder=folder / "customer",
        **options,
    )


async def until_ended(phone: PjsipPhone) -> None:
    await phone.event("recorded")


async def test_two_people_hear_each_other_and_so_does_the_recording(make_site: Make, tmp_path: Path) -> None:
    """The first agent does not answer, the second does; whisper, tones both ways, a stereo recording."""
    rule = {"ring_timeout_s": 2.0, "record": True, "whisper": "whisper-tone"}
    site: Site = await make_site(tables={"queues.sales": rule, **sounds(tmp_path)})
    async with (
        softphone(site, "a1", FIRST, tmp_path) as first,
        softphone(site, "a2", SECOND, tmp_path, answer="auto") as second,
        customer(site, tmp_path) as outside,
    ):
        await site.login("a1")
        await asyncio.sleep(0.05)
        await site.login("a2")
        await outside.dial(PRESS)
        await outside.state("CONFIRMED")
        await asyncio.sleep(0.5)
        await outside.press("1")
        ringing = await first.event("CALL_INCOMING")
        assert "Sales" in str(ringing) and "+33140000009" in str(ringing)
        await first.event("CALL_CLOSED")
        await second.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(4.0)
        await outside.hangup()
        await second.event("CALL_CLOSED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    assert first.count("CALL_ESTABLISHED") == 0
    everybody = {FIRST, SECOND, CALLER, MUSIC, WHISPER}
    faults = [
        check_heard(outside.heard(), SECOND, [FIRST, CALLER, WHISPER], at_least_ms=3000),
        check_heard(second.heard()[0], CALLER, [FIRST, SECOND, MUSIC], at_least_ms=3000),
    ]
    (recording,) = site.recordings()
    faults.append(check_heard(recording, CALLER, everybody - {CALLER}, channel=0, at_least_ms=3000))
    faults.append(check_heard(recording, SECOND, everybody - {SECOND}, channel=1, at_least_ms=3000))
    assert not any(faults), "\n".join(faults)
    samples, rate = read_wav(second.heard()[0])
    assert heard_ms(samples, WHISPER, rate) >= 800, "the agent hears the whisper"
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, MUSIC, rate) >= 1000, "the caller hears music while waiting"
    assert record.agents == ["a2"] and record.outcome == "handled"


async def test_hold_plays_music_to_the_caller(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}, **sounds(tmp_path)})
    async with (
        softphone(site, "a1", FIRST, tmp_path, answer="auto") as agent,
        customer(site, tmp_path) as outside,
    ):
        await site.login()
        await outside.dial(DIRECT)
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(1.5)
        await agent.hold()
        await asyncio.sleep(2.0)
        await agent.resume()
        await asyncio.sleep(1.5)
        await outside.hangup()
        await agent.event("CALL_CLOSED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    at = {note.what: note.at for note in record.timeline}
    held_s = at["resumed"] - at["held"]
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, MUSIC, rate) >= 1500
    assert 2200 <= heard_ms(samples, FIRST, rate) <= 1000 * (record.ended_at - record.began_at - held_s) + 500
    assert heard_ms(samples, CALLER, rate) == 0
    (recording,) = site.recordings()
    for channel, own in ((0, CALLER), (1, FIRST)):
        samples, rate = read_wav(recording, channel)
        assert heard_ms(samples, own, rate) >= 2200
        assert heard_ms(samples, FIRST + CALLER - own, rate) == 0


async def test_pjsip_agent_over_tcp_holds_and_presses_keys(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, tables=sounds(tmp_path))
    agent = PjsipPhone(
        "a1",
        PASSWORD,
        registrar=site.address,
        domain=DOMAIN,
        tone_hz=FIRST,
        answer="auto",
        transport="tcp",
        codecs=("pcma",),
        folder=tmp_path / "agent",
    )
    async with agent, customer(site, tmp_path, codecs=("pcmu",)) as outside:
        await site.login()
        await outside.dial(DIRECT)
        await agent.state("CONFIRMED")
        await bridged(site)
        await asyncio.sleep(1.0)
        await agent.press("42")
        digits = [(await outside.event("digit"))["digit"] for _ in "42"]
        await outside.press("7#")
        digits += [(await agent.event("digit"))["digit"] for _ in "7#"]
        assert digits == list("427#")
        await agent.hold()
        await asyncio.sleep(1.5)
        await agent.resume()
        await asyncio.sleep(1.5)
        await agent.hangup()
        await outside.state("DISCONNECTED")
        await until_ended(outside)
        await until_ended(agent)
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, MUSIC, rate) >= 1000
    assert heard_ms(samples, FIRST, rate) >= 2000 and heard_ms(samples, CALLER, rate) == 0
    samples, rate = read_wav(agent.heard())
    assert heard_ms(samples, CALLER, rate) >= 2000, "µ-law from the caller is A-law for the agent"


async def test_blind_transfer_to_the_other_agent_a_queue_and_outside(make_site: Make, tmp_path: Path) -> None:
    """REFER by a real phone; the caller stays on one record and hears who has the call."""
    need("sipp")
    recorded = {"queues.sales": {"record": True}, "queues.support": {"record": True}}
    allowed = {"own_calls": {"may_transfer": ["+331"]}}
    site: Site = await make_site(tables={**recorded, **allowed, **sounds(tmp_path)})
    carrier = Sipp("uas_agent", port=site.trunk_port, folder=tmp_path / "carrier")
    async with (
        softphone(site, "a1", FIRST, tmp_path, answer="auto") as first,
        softphone(site, "a2", SECOND, tmp_path, answer="auto") as second,
        customer(site, tmp_path) as outside,
        carrier,
    ):
        await site.login("a1")
        await asyncio.sleep(0.05)
        await site.login("a2")
        await outside.dial(DIRECT)
        await first.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(1.5)
        await first.transfer("302")
        await second.event("CALL_ESTABLISHED")
        await first.event("CALL_CLOSED")
        await bridged(site)
        await asyncio.sleep(1.5)
        await second.transfer("202")
        await first.event("CALL_ESTABLISHED")
        await second.event("CALL_CLOSED")
        await bridged(site)
        await asyncio.sleep(1.0)
        await first.transfer("+33199887766")
        await first.event("CALL_CLOSED")

        async def away() -> bool:
            return any(row["phase"] == "outside" for row in (await site.ask("interactions"))["listed"])

        await site.until("outside", away)
        await outside.hangup()
        await until_ended(outside)
        (record,) = await site.until_records(1)
    assert record.agents == ["a1", "a2", "a1"]
    assert [note.what for note in record.timeline].count("transferred") == 2
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, FIRST, rate) >= 2000 and heard_ms(samples, SECOND, rate) >= 1000
    assert len(site.recordings()) == 3
    samples, rate = read_wav(site.recordings()[1], channel=1)
    assert heard_ms(samples, SECOND, rate) >= 1000 and heard_ms(samples, FIRST, rate) == 0


async def test_agents_log_in_from_their_phone(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1)
    async with softphone(site, "a1", FIRST, tmp_path) as agent:
        for code, availability in (
            ("*41", "ready"),
            ("*422", "paused"),
            ("*43", "ready"),
            ("*44", "logged_out"),
        ):
            await agent.dial(code)
            await agent.event("CALL_ESTABLISHED")
            await agent.event("CALL_CLOSED")
            assert (await site.agent("a1"))["availability"] == availability
    samples, rate = read_wav(agent.heard()[0])
    assert max(abs(sample) for sample in samples[: rate * 3]) > 0.05, "a spoken or tone answer"


async def test_a_phone_that_lost_its_cable_is_not_offered_a_caller(make_site: Make, tmp_path: Path) -> None:
    """Killed without a word: found by OPTIONS before a caller is sent there."""
    tables = {"sip": {"qualify_s": 1.0, "qualify_timeout_s": 1.0}}
    site: Site = await make_site(tables=tables)
    async with (
        softphone(site, "a1", FIRST, tmp_path, answer="auto") as first,
        softphone(site, "a2", SECOND, tmp_path, answer="auto") as second,
    ):
        await site.login("a1")
        await asyncio.sleep(0.05)
        await site.login("a2")
        first.kill()

        async def gone() -> bool:
            return not (await site.agent("a1"))["reachable"]

        await site.until("a1 unreachable", gone)
        async with caller(site) as outside:
            call = await outside.call(DIRECT)
            await call.answered()
            await second.event("CALL_ESTABLISHED")
            await bridged(site)
            await call.bye()
        (record,) = await site.until_records(1)
    assert record.agents == ["a2"]
    assert not [note for note in record.timeline if note.what == "offer_ended"]


async def test_two_people_hear_each_other_while_the_centre_is_busy(make_site: Make, tmp_path: Path) -> None:
    """Sixty other calls come and go with their audio; no hole over 40 ms in this one."""
    need("sipp")
    site: Site = await make_site(agents=12, media_ports=800, tables=sounds(tmp_path))
    crowd = Sipp("uas_agent", folder=tmp_path / "phones", timeout_s=60)
    others = [name for name in site.agents if name != "a1"]
    accounts = [(name, PASSWORD) for name in others]
    await register(accounts, site.address, port=crowd.port, domain=DOMAIN)
    async with (
        softphone(site, "a1", FIRST, tmp_path, answer="auto") as agent,
        customer(site, tmp_path) as outside,
        crowd,
    ):
        await site.login("a1")
        await outside.dial(DIRECT)
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await site.login(*others)
        traffic = await run(
            "uac_call",
            site.address,
            service=DIRECT,
            rate=10,
            calls=60,
            keys={"talk_ms": 500},
            folder=tmp_path / "callers",
        )
        assert traffic.failed == 0, traffic.errors
        await outside.hangup()
        await agent.event("CALL_CLOSED")
        await until_ended(outside)
        await site.until_records(61)
    faults = [
        check_heard(outside.heard(), FIRST, [CALLER], at_least_ms=5000),
        check_heard(agent.heard()[0], CALLER, [FIRST], at_least_ms=5000),
    ]
    assert not any(faults), "\n".join(faults)
