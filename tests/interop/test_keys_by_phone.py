"""Keys by telephone: as tones in the audio, in secret, and cutting a prompt."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccd.history.state import Record
from ccd.media.g711 import encode
from tests.interop.daemon_site import PRESS, Site, need
from tests.interop.pacing import paced
from tests.interop.parties import at_step, caller
from tests.interop.wire import Rtp, sdp
from tests.peers.digits_pcap import can_play, write_tones
from tests.peers.missing import lacking
from tests.peers.sipp import SCENARIOS, Sipp
from tests.unit.tone_keys import linear, silence, tone

Make = Callable[..., Any]
SECRET = "+33177777777"
CARD = "4929123456781231"
SECRET_FLOW = """
[flows.secret]
[[flows.secret.steps]]
do = "answer"
[[flows.secret.steps]]
do = "collect"
variable = "card"
secret = true
least = 12
most = 16
wait_s = 3.0
on_none = "out"
[[flows.secret.steps]]
do = "menu"
prompt = ""
choices = { 1 = "out" }
wait_s = 30.0
[[flows.secret.steps]]
id = "out"
do = "hangup"
"""


def without_events(name: str) -> str:
    """A scenario of SIPp whose caller does not offer telephone events."""
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("a=rtpmap:101", "a=fmtp:101"))]
    return "\n".join(lines).replace("RTP/AVP 0 8 101", "RTP/AVP 0 8")


async def chosen(site: Site) -> list[str]:
    (record,) = await site.until_records(1, 30.0)
    return keys_of(record)


def keys_of(record: Record) -> list[str]:
    return [str(note.details["key"]) for note in record.timeline if note.what == "chose"]


async def in_queue(site: Site) -> None:
    """Until the key has chosen: it comes by another way than the end of the call."""

    async def look() -> bool:
        return any(row["queue"] for row in (await site.ask("interactions"))["listed"])

    await site.until("the caller is in the queue", look)


async def speak(rtp: Rtp, to: tuple[str, int], sound: list[float], kind: int = 0) -> None:
    """Play samples at the pace of a telephone."""
    data = encode(linear(sound), "PCMA" if kind == 8 else "PCMU")
    async for number in paced(len(data) // 160):
        rtp.send(to, data[160 * number :][:160], kind)


async def test_sipp_walks_a_menu_by_tones(make_site: Make, tmp_path: Path) -> None:
    need("sipp")
    if not can_play():
        lacking("SIPp plays captures only with CAP_NET_RAW")
    site: Site = await make_site(agents=1)
    capture = tmp_path / "tones.pcap"
    seconds = write_tones(capture, "2")
    keys = {"digits_pcap": capture, "digits_ms": int(seconds * 1000), "talk_ms": 500}
    scenario = without_events("uac_digits")
    async with Sipp(scenario, site.address, calls=1, service=PRESS, keys=keys, timeout_s=30.0) as sipp:
        result = await sipp.wait()
    assert result.successful == 1, result.errors
    assert await chosen(site) == ["2"]


async def test_tones_of_either_law(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for kind in (0, 8):
            rtp = await Rtp.open()
            call = await outside.call(PRESS, sdp(port=rtp.port, codecs=str(kind)))
            answer = await call.answered()
            await speak(rtp, answer.media, silence(300) + tone("2", 80) + silence(200), kind)
            await in_queue(site)
            assert (await call.bye()).status == 200
            await site.until_idle()
        records = await site.until_records(2)
    assert [keys_of(record) for record in records] == [["2"], ["2"]]


async def test_tones_beside_telephone_events_are_not_digits(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    rtp = await Rtp.open()
    async with caller(site) as outside:
        call = await outside.call(PRESS, sdp(port=rtp.port))
        answer = await call.answered()
        await speak(rtp, answer.media, silence(300) + tone("2", 80) + silence(200))
        assert (await call.bye()).status == 200
        assert await chosen(site) == []


@pytest.mark.parametrize("way", ["events", "info", "tones"])
async def test_a_secret_number_is_nowhere(make_site: Make, way: str) -> None:
    """Not in the ledger's file, log, trace, nor in what the console shows; whichever way it is keyed."""
    site: Site = await make_site(agents=1, tables={"numbers": {SECRET: "secret"}}, extra=SECRET_FLOW)
    rtp = await Rtp.open()
    async with caller(site) as outside:
        codecs = "0" if way == "tones" else "0 101"
        call = await outside.call(SECRET, sdp(port=rtp.port, codecs=codecs))
        answer = await call.answered()
        await at_step(site, "secret/#2")
        for key in CARD:
            if way == "events":
                await rtp.press(answer.media, key)
                await asyncio.sleep(0.05)
            elif way == "info":
                kind = ("Content-Type", "application/dtmf-relay")
                assert (await call.ask("INFO", [kind], f"Signal={key}\r\nDuration=160\r\n")).status == 200
            else:
                await speak(rtp, answer.media, tone(key, 60) + silence(60))

        async def collected() -> dict[str, Any] | None:
            listed = (await site.ask("interactions"))["listed"]
            if not listed:
                return None
            shown: dict[str, Any] = await site.ask("interaction.show", interaction=listed[0]["interaction"])
            return shown if shown["variables"].get("card") else None

        shown = await site.until("the card is collected", collected)
        assert shown["variables"] == {"card": "•••• (16)"}
        trace = json.dumps(await site.ask("sip.trace"))
        assert "INVITE" in trace
        if way == "info":
            assert trace.count("(masked)") >= 16 and "Signal=" not in trace
        await rtp.press(answer.media, "1") if way == "events" else None
        assert (await call.bye()).status in {200, 481}
    await site.until_records(1)
    await site.stop()
    kept = b"".join(file.read_bytes() for file in site.folder.rglob("*") if file.is_file())
    assert b"secret:1.s1" in kept, "what was looked at is the ledger"
    assert CARD.encode() not in kept
    assert not [line for line in site.log_lines() if CARD in json.dumps(line)]
    assert b"DigitPressed" not in kept or way == "events", "only the 1 of the menu, by an event"


@pytest.mark.alone
async def test_a_key_cuts_the_prompt_within_a_tenth_of_a_second(make_site: Make) -> None:
    """Counted in the stream's own packets of 20 ms: at most five of the prompt follow the key.

    In eight of ten tries: a machine that is busy otherwise may be late. Uncut it would be ten each time.
    """
    followed = []
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for _ in range(10):
            rtp = await Rtp.open()
            call = await outside.call(PRESS, sdp(port=rtp.port))
            answer = await call.answered()
            await rtp.until("the prompt plays", lambda rtp=rtp: len(rtp.packets) >= 8)
            before = len(rtp.packets)
            await rtp.press(answer.media, "9")
            await asyncio.sleep(0.1)
            after = rtp.packets[before:]
            # a new source begins with the marker bit: what is before it belongs to the prompt that was cut
            marks = [at for at, each in enumerate(after) if each[1] & 0x80]
            followed.append(marks[0] if marks else len(after))
            await call.bye()
            rtp.close()
    assert sorted(followed)[7] <= 5, followed
