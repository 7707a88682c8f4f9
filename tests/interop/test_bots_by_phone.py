"""Bots with a real phone and a real visitor: PJSIP and an aiohttp bot hear each other's tones."""

import asyncio
import audioop
import math
import signal
import struct
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import Site, need
from tests.interop.hearing import heard as sound_of
from tests.interop.hearing import in_pieces, rendered
from tests.interop.test_chat import conversation, softphone, visiting
from tests.interop.test_softphones import CALLER, customer, until_ended
from tests.loopback.bot_server import BotServer, Talk
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import heard_ms, longest_gap_ms, read_wav, span_ms, write_tone

Make = Callable[..., Any]
BOT = "+33123456790"
SPEAKS, LEFT, FAILED, SALES = 850, 1250, 1650, 2050
"""Hz of the bot and of three prompts."""
FLOW = """
[[flows.bot.steps]]
do = "bot"
bot = "clerk"
values = {{ number = "{{caller}}" }}
may = ["sales"]
on_leave = "left"
on_failure = "failed"
[[flows.bot.steps]]
do = "hangup"
[[flows.bot.steps]]
do = "hangup"
id = "left"
prompt = "left"
[[flows.bot.steps]]
do = "hangup"
id = "failed"
prompt = "failed"
[[flows.bot.steps]]
do = "hangup"
id = "sales"
prompt = "sales"
[bots.clerk]
url = "{url}"
timeout_s = 2.0
longest_s = {longest_s}
secret_headers = {{ Authorization = "env:CCD_INTEROP_PASSWORD" }}
"""


PEOPLE = """[[flows.bot.steps]]
do = "queue"
queue = "chat"
"""
"""In place of hanging up."""


def tone(hertz: int, seconds: float) -> bytes:
    """µ-law."""
    samples = [int(9000 * math.sin(2 * math.pi * hertz * at / 8000)) for at in range(int(8000 * seconds))]
    return audioop.lin2ulaw(struct.pack(f"<{len(samples)}h", *samples), 2)


def heard_by(talk: Talk, folder: Path) -> tuple[list[float], int]:
    """What the bot heard."""
    path = folder / "bot.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(audioop.ulaw2lin(bytes(talk.audio), 2))
    return read_wav(path)


@pytest.fixture
async def bot() -> AsyncIterator[BotServer]:
    server = BotServer()
    await server.open()
    yield server
    await server.close()


async def site_of(
    make_site: Make, bot: BotServer, folder: Path, longest_s: float = 30.0, **more: Any
) -> Site:
    for name, hertz in (("left", LEFT), ("failed", FAILED), ("sales", SALES)):
        path = folder / "prompts" / "en" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tone(path, hertz, 1.5)
    tables: dict[str, dict[str, Any]] = {
        "numbers": {BOT: "bot"},
        "media": {"prompts": [str(folder / "prompts")]},
    }
    if not more.pop("speech", True):
        tables["speech"] = {"engine": "command", "command": ["false"]}
    if more.get("chat"):
        tables["channels.web"] = {"flow": "bot"}
    extra = FLOW.format(url=bot.url, longest_s=longest_s)
    if more.pop("people", False):
        extra = extra.replace('[[flows.bot.steps]]\ndo = "hangup"\n', PEOPLE, 1)
    site: Site = await make_site(agents=1, tables=tables, extra=extra, **more)
    return site


def ms(phone: PjsipPhone, hertz: int) -> int:
    samples, rate = read_wav(phone.heard())
    return heard_ms(samples, hertz, rate)


@pytest.mark.alone
@pytest.mark.parametrize("codec", ["pcmu", "pcma"])
async def test_the_bot_hears_the_caller_and_the_caller_the_bot(
    make_site: Make, bot: BotServer, tmp_path: Path, codec: str
) -> None:
    site = await site_of(make_site, bot, tmp_path)
    async with customer(site, tmp_path, codecs=(codec,)) as outside:
        await outside.dial(BOT)
        talk = await bot.talk()
        start = await talk.get("start")
        assert start["values"] == {"number": "+33140000009"} and talk.headers["Authorization"] == "interop-1"
        await talk.play(tone(SPEAKS, 2.0))
        await talk.send("mark", name="said")
        await talk.get("mark")
        await asyncio.sleep(0.5)
        await talk.play(tone(SPEAKS, 1.0))
        await talk.send("end", step="sales", values={"topic": "invoice"})
        await until_ended(outside)
        (record,) = await site.until_records(1)
    samples, rate = read_wav(outside.heard())
    assert 2800 <= heard_ms(samples, SPEAKS, rate) <= 3500, "all of it, once, though it was sent at once"
    assert 1200 <= heard_ms(samples, SALES, rate) <= 1700, "the flow went on where the bot said"
    first, last = span_ms(samples[: int(rate * 2.6)], SPEAKS, rate) or (0, 0)
    assert longest_gap_ms(samples[first * rate // 1000 : (first + 1900) * rate // 1000], SPEAKS, rate) <= 40
    assert last > first
    samples, rate = heard_by(talk, tmp_path)
    assert heard_ms(samples, CALLER, rate) >= 2800, "the caller, all the time"
    assert heard_ms(samples, SPEAKS, rate) == 0, "not itself"
    notes = {note.what: note.details for note in record.timeline}
    assert notes["bot over"]["how"] == "ended" and notes["set"]["topic"] == "invoice"
    assert not site.complaints()


async def test_the_caller_cuts_in_and_then_leaves_by_a_key(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    site = await site_of(make_site, bot, tmp_path)
    async with customer(site, tmp_path) as outside:
        await outside.dial(BOT)
        talk = await bot.talk()
        await talk.get("start")
        await talk.play(tone(SPEAKS, 10.0))
        await outside.state("CONFIRMED")
        await asyncio.sleep(1.0)
        await outside.press("5")
        assert (await talk.get("digit"))["digit"] == "5"
        await talk.send("stop")
        await asyncio.sleep(1.0)
        await talk.play(tone(SPEAKS, 10.0))
        await asyncio.sleep(0.5)
        await outside.press("0")
        assert (await talk.get("end"))["reason"] == "left"
        await until_ended(outside)
    # 1.5 s and what the keys take, of 20 s; how fast a key cuts is measured elsewhere, alone
    assert 1000 <= ms(outside, SPEAKS) <= 4000, "twice cut off"
    assert ms(outside, LEFT) >= 800, "of 1.5 s; a busy machine may lose some"


@pytest.mark.parametrize("how", ["dies", "never ends", "refuses"])
async def test_a_bot_that_fails_leaves_the_caller_to_the_flow(
    make_site: Make, bot: BotServer, tmp_path: Path, how: str
) -> None:
    longest_s = 5.0
    site = await site_of(make_site, bot, tmp_path, longest_s=longest_s)
    if how == "refuses":
        await bot.close()
    async with customer(site, tmp_path) as outside:
        await outside.dial(BOT)
        if how != "refuses":
            talk = await bot.talk()
            await talk.get("start")
            await talk.play(tone(SPEAKS, 8.0))
            if how == "dies":
                await asyncio.sleep(1.0)
                talk.socket._req.transport.abort()  # type: ignore[union-attr]
        await until_ended(outside)
        (record,) = await site.until_records(1)
    assert ms(outside, FAILED) >= 800, "of 1.5 s; a busy machine may lose some"
    (over,) = [note.details["how"] for note in record.timeline if note.what == "bot over"]
    assert over == ("too long" if how == "never ends" else "failed")


async def test_the_caller_hangs_up_and_a_drain_waits_for_a_bot(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    site = await site_of(make_site, bot, tmp_path)
    async with customer(site, tmp_path) as outside:
        await outside.dial(BOT)
        talk = await bot.talk()
        await outside.state("CONFIRMED")
        await outside.hangup()
        assert (await talk.get("end"))["reason"] == "left"
        await until_ended(outside)
        await site.until_idle()
        await outside.dial(BOT)
        talk = await bot.talk(2)
        await talk.get("start")
        site.process.process.send_signal(signal.SIGTERM)
        assert (await talk.get("end"))["reason"] in ("restart", "left"), "after drain_s"
        await asyncio.wait_for(site.process.process.wait(), 30)
    assert not site.complaints()


async def test_a_visitor_writes_with_a_bot_and_the_daemon_is_killed(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    site = await site_of(make_site, bot, tmp_path, chat=True)
    async with visiting(site) as visitor:
        await visitor.hello(name="Ada")
        await visitor.send("text", text="Where is my parcel?", id="m1")
        talk = await bot.talk()
        assert (await talk.get("start"))["kind"] == "text"
        assert (await talk.get("text"))["text"] == "Where is my parcel?"
        await talk.send("text", text="At your door.")
        assert (await visitor.get("text"))["text"] == "At your door."
        await visitor.send("text", text="Thanks", id="m2")
        await talk.get("text", 2)
        await site.kill()
        await asyncio.wait_for(talk.over.wait(), 30)
        await site.start()
        async with visiting(site) as again:
            await again.hello(visitor.token)
            await again.get("ended")
            (record,) = await site.until_records(1)
    assert [note.details["how"] for note in record.timeline if note.what == "bot over"] == ["failed"]


async def test_a_caller_hears_what_a_bot_writes_and_cuts_in(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    need("espeak-ng")
    site = await site_of(make_site, bot, tmp_path)
    said, cut = "Good day, your parcel is at the door of your house.", "one two three four five six " * 20
    async with customer(site, tmp_path) as outside:
        await outside.dial(BOT)
        talk = await bot.talk()
        await talk.get("start")
        await talk.send("text", text=said)
        await talk.send("mark", name="said")
        await talk.get("mark")
        heard = len(talk.audio)
        await talk.send("text", text=cut)
        await asyncio.sleep(1.5)
        await outside.press("5")
        await talk.get("digit")
        assert len(talk.audio) - heard > 8000, "the bot hears the caller while it speaks"
        await talk.send("stop")
        await asyncio.sleep(0.2)
        await talk.play(tone(SPEAKS, 1.0))
        await talk.send("end", step="sales")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    samples, rate = read_wav(outside.heard())
    assert rate == 8000 and in_pieces(sound_of(outside.heard()), rendered(said, "en", voice="en"))
    assert heard_ms(samples, SPEAKS, rate) >= 850, "its audio comes after the text that was cut off"
    whole_s = len(rendered(cut, "en", voice="en")) / 8_000
    assert len(samples) / rate < whole_s, "cut off"
    assert [note.details["characters"] for note in record.timeline if note.what == "text"] == [
        len(said),
        len(cut),
    ]
    assert not site.complaints()


async def test_without_a_voice_the_bot_and_the_record_are_told(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    site = await site_of(make_site, bot, tmp_path, speech=False)
    async with customer(site, tmp_path) as outside:
        await outside.dial(BOT)
        talk = await bot.talk()
        await talk.get("start")
        await talk.send("text", text="Good day.")
        why = (await talk.get("error"))["reason"]
        assert "false failed with code 1" in why
        await talk.send("end")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    assert [note.details for note in record.timeline if note.what == "bot text not said"] == [{"why": why}]
    lines = (await site.ask("interaction.explain", interaction=record.interaction))["lines"]
    assert any("bot text not said" in line for line in lines)


async def test_an_agent_reads_on_the_softphone_what_visitor_and_bot_wrote(
    make_site: Make, bot: BotServer, tmp_path: Path
) -> None:
    site = await site_of(make_site, bot, tmp_path, chat=True, people=True)
    async with softphone(site, "a1", tmp_path) as agent, visiting(site) as visitor:
        await site.login()
        await visitor.hello(name="Ada")
        await visitor.send("text", text="Where is my parcel?", id="m1")
        talk = await bot.talk()
        await talk.get("text")
        await talk.send("text", text="À votre porte.")
        await visitor.get("text")
        await visitor.send("text", text="It is not!", id="m2")
        await talk.get("text", 2)
        await talk.send("end")
        who, offer = await conversation(agent)
        lines = ["customer: Where is my parcel?", "bot: À votre porte.", "customer: It is not!"]
        assert offer.splitlines()[1:] == lines
        await agent.message(who, "I am on my way.")
        assert (await visitor.get("text", 2))["text"] == "I am on my way."
    assert not site.complaints()
