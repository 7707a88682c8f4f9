"""Voicemail by telephone: PJSIP leaves a tone as its message, baresip is the agent who hears it; masking."""

import asyncio
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import bridged
from tests.interop.test_softphones import CALLER, DOMAIN, FIRST, customer, until_ended
from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import check_heard, heard_ms, profile, read_wav, write_tone

Make = Callable[..., Any]
LEAVE = "+33123456789"
FLOW = """
[[flows.leave.steps]]
do = "voicemail"
queue = "sales"
silence_s = 1.0
on_empty = "bye"
[[flows.leave.steps]]
do = "hangup"
id = "bye"
"""


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip")


def agent_phone(site: Site, folder: Path, **options: Any) -> Baresip:
    own = folder / "a1"
    return Baresip(
        "a1", PASSWORD, registrar=site.address, domain=DOMAIN, tone_hz=FIRST, folder=own, **options
    )


async def voicemail_site(make_site: Make) -> Site:
    tables = {"numbers": {LEAVE: "leave"}, "queues.sales": {"load": {"task": 100}}}
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    return site


async def speaks(site: Site, outside: PjsipPhone) -> str:
    """The caller dials, cuts the prompt by a key, and speaks after the beep: the interaction."""
    await outside.dial(LEAVE)
    await outside.state("CONFIRMED")
    await asyncio.sleep(0.3)
    await outside.press("1")

    async def look() -> str:
        for row in (await site.ask("interactions"))["listed"]:
            shown = await site.ask("interaction.show", interaction=row["interaction"])
            if any("speaks a message" in line for line in shown["timeline"]):
                return str(row["interaction"])
        return ""

    return str(await site.until("the caller speaks", look))


async def kept(site: Site, interaction: str) -> dict[str, Any]:
    """Until the message waits and the caller's line is down; how it stands then."""

    async def look() -> dict[str, Any] | None:
        row: dict[str, Any] = await site.ask("interaction.show", interaction=interaction)
        return row if row["voicemail"] and any("left the line" in line for line in row["timeline"]) else None

    row: dict[str, Any] = await site.until("the message is kept", look)
    return row


def tone_of(path: Path) -> int:
    samples, rate = read_wav(path)
    return heard_ms(samples, CALLER, rate)


@pytest.mark.long
async def test_a_tone_is_left_and_the_agent_hears_it_twice_and_is_done(
    make_site: Make, tmp_path: Path
) -> None:
    site = await voicemail_site(make_site)
    async with agent_phone(site, tmp_path) as agent, customer(site, tmp_path) as outside:
        name = await speaks(site, outside)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3.0)
        await outside.press("#")
        spoke_ms = 1000 * (asyncio.get_running_loop().time() - began)
        row = await kept(site, name)
        await until_ended(outside)
        assert row["channel_class"] == "task" and row["voicemail"]["number"] == "+33140000009"
        assert "voicemail" in await ccctl(site, "interactions")
        assert row["voicemail"]["path"] in await ccctl(site, "interaction", "show", name)
        (file,) = site.recordings()
        with wave.open(str(file)) as sound:
            assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)
        left_ms = tone_of(file)
        assert 2500 <= left_ms <= spoke_ms + 1500
        assert file.stat().st_mode & 0o007 == 0, "not for everybody to read"

        await site.login("a1")
        event = await agent.event("CALL_INCOMING")
        assert "+33140000009" in event["peeruri"] and "voicemail 0:0" in event["peerdisplayname"], event
        await agent.accept()
        await agent.event("CALL_ESTABLISHED")
        assert (await site.agent("a1"))["doing"] == "listening"
        await asyncio.sleep(left_ms / 1000 + 0.7)
        await agent.press("1")
        await asyncio.sleep(left_ms / 1000 + 0.7)
        await agent.press("#")
        await agent.event("CALL_CLOSED")
        (record,) = await site.until_records(1)
    assert (record.outcome, record.agents) == ("handled", ["a1"])
    heard = tone_of(agent.heard()[0])
    spoken_ms = 1500  # of the keys that are named after it, some sounds like the tone
    assert 2 * left_ms - 400 <= heard <= 2 * left_ms + spoken_ms, f"{left_ms} ms were left, {heard} heard"
    figures = await site.figures("sales")
    assert [figures[key] for key in ("offered", "handled", "abandoned", "overflowed")] == [1, 1, 0, 0]


@pytest.mark.long
async def test_silence_ends_it_and_a_killed_daemon_keeps_it(make_site: Make, tmp_path: Path) -> None:
    site = await voicemail_site(make_site)
    spoken = write_tone(tmp_path / "spoken.wav", CALLER, 6.0)
    with wave.open(str(spoken), "rb") as file:
        parameters, frames = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(spoken), "wb") as file:
        file.setparams(parameters)
        file.writeframes(frames + bytes(2 * 8000 * 30))
    async with customer(site, tmp_path, source=spoken) as outside:
        name = await speaks(site, outside)
        row = await kept(site, name)
        await until_ended(outside)
    (file_kept,) = site.recordings()
    left_ms = tone_of(file_kept)
    assert left_ms >= 2000 and row["voicemail"]["seconds"] * 1000 <= left_ms + 800, "the silence is cut off"
    await site.kill()
    await site.start()
    async with agent_phone(site, tmp_path, answer="auto") as agent:
        await site.login("a1")
        await agent.event("CALL_ESTABLISHED")
        await asyncio.sleep(left_ms / 1000 + 1.5)
        await agent.hangup()
        await agent.event("CALL_CLOSED")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and "voicemail done" in [note.what for note in record.timeline]
    assert left_ms - 300 <= tone_of(agent.heard()[0]) <= left_ms + 1000


async def test_who_hangs_up_while_speaking_has_left_it_and_is_called_back(
    make_site: Make, tmp_path: Path
) -> None:
    site = await voicemail_site(make_site)
    async with agent_phone(site, tmp_path, answer="auto") as agent:
        async with customer(site, tmp_path) as outside:
            name = await speaks(site, outside)
            await asyncio.sleep(2.6)
            await outside.hangup()
            await kept(site, name)
        far = PjsipPhone(
            "carrier",
            port=site.trunk_port,
            tone_hz=CALLER + 500,
            answer="auto",
            folder=tmp_path / "far",
            register=False,
        )
        async with far:
            await site.login("a1")
            await agent.event("CALL_ESTABLISHED")
            await asyncio.sleep(2.0)
            await agent.press("2")
            await bridged(site)
            await asyncio.sleep(2.0)
            await agent.hangup()
            (record,) = await site.until_records(1)
    assert (record.outcome, record.agents) == ("handled", ["a1"])
    samples, rate = read_wav(agent.heard()[0])
    assert heard_ms(samples, CALLER + 500, rate) >= 1500, "the customer, who is there"
    assert heard_ms(samples, CALLER, rate) >= 700, "the message before"


async def test_a_masked_part_is_silent_in_the_recording_and_the_rest_is_not(
    make_site: Make, tmp_path: Path
) -> None:
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True, "mask_key": "*"}})
    async with agent_phone(site, tmp_path, answer="auto") as agent, customer(site, tmp_path) as outside:
        await site.login("a1")
        await outside.dial(DIRECT)
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        (row,) = (await site.ask("interactions"))["listed"]
        name = row["interaction"]
        await asyncio.sleep(2.0)
        assert "is masked" in await ccctl(site, "interaction", "mask", name, "on")
        await asyncio.sleep(2.0)
        await agent.press("*")
        await asyncio.sleep(2.0)
        await outside.hangup()
        await agent.event("CALL_CLOSED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    at = {note.what: note.at for note in record.timeline if "masked" in note.what}
    masked_s = at["recording unmasked"] - at["recording masked"]
    (recording,) = site.recordings()
    for channel, own, other in ((0, CALLER, FIRST), (1, FIRST, CALLER)):
        samples, rate = read_wav(recording, channel)
        there = [level >= 0.02 for level in profile(samples, own, rate)]
        silent = [at for at, heard in enumerate(there[3:-3], 3) if not heard]
        first, last = silent[0], silent[-1]
        assert silent == list(range(first, last + 1)), "one piece, and sound around it"
        assert first >= 15 and len(there) - last >= 15, silent
        assert abs(len(silent) / 10 - masked_s) <= 0.5, f"masked for {masked_s} s: {silent}"
        assert heard_ms(samples, other, rate) == 0
        assert not any(samples[(first + 1) * 800 : last * 800]), "not a sample of it"
    notes = {note.what: note.details["by"] for note in record.timeline if "masked" in note.what}
    assert notes["recording masked"].startswith("ccctl:") and notes["recording unmasked"] == "phone:a1"
    assert not check_heard(outside.heard(), FIRST, [CALLER], at_least_ms=5000), "they talk all the while"


async def test_the_file_of_a_message_is_deleted_once_it_was_heard_and_kept_long_enough(
    make_site: Make, tmp_path: Path
) -> None:
    tables = {
        "numbers": {LEAVE: "leave"},
        "queues.sales": {"load": {"task": 100}},
        "queues.sales.voicemail": {"keep_days": 0.0},
    }
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    async with agent_phone(site, tmp_path) as agent, customer(site, tmp_path) as outside:
        name = await speaks(site, outside)
        await asyncio.sleep(2.5)
        await outside.press("#")
        await kept(site, name)
        (file,) = site.recordings()
        assert str(file) in await ccctl(site, "voicemail", "list", "--queue", "sales")
        await site.login("a1")
        await agent.event("CALL_INCOMING")
        await agent.accept()
        await agent.event("CALL_ESTABLISHED")
        assert site.recordings() == [file]
        await agent.press("#")
        await agent.event("CALL_CLOSED")
        await site.until_records(1)

        async def gone() -> bool:
            return not site.recordings()

        await site.until("the file is deleted", gone)
        assert "no messages" in await ccctl(site, "voicemail", "list")
