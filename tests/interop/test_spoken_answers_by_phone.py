"""A question answered aloud by a real phone: PJSIP speaks a tone, which is found in the file that is kept."""

import asyncio
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccd.media.tones import TONES
from tests.interop.console import ccctl
from tests.interop.daemon_site import Site
from tests.interop.test_softphones import CALLER, customer, until_ended
from tests.interop.test_survey_by_phone import QUESTION, THANKS, sounds
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import heard_ms, read_wav, write_tone

Make = Callable[..., Any]
ASK = "+33123456789"
FLOW = """
[flows.ask]
steps = [
  { do = "survey", name = "why", kind = "free", prompt = "question", silence_s = 1.5 },
  { do = "hangup", prompt = "thanks" },
]
[surveys.ask]
keep_days = 7
"""


async def asking_site(make_site: Make, folder: Path) -> Site:
    tables = {"numbers": {ASK: "ask"}, **sounds(folder)}
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    return site


async def speaks(site: Site, outside: PjsipPhone) -> None:
    """The caller dials, hears the question and the tone, and speaks: until the daemon says so."""
    await outside.dial(ASK)
    await outside.state("CONFIRMED")

    async def look() -> bool:
        for row in (await site.ask("interactions"))["listed"]:
            shown = await site.ask("interaction.show", interaction=row["interaction"])
            return any("speaks an answer" in line for line in shown["timeline"])
        return False

    await site.until("the caller speaks", look)


def spoken_ms(path: Path) -> int:
    """How much of the caller's tone is in the file, which is mono at 8 kHz."""
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)
    samples, rate = read_wav(path)
    assert heard_ms(samples, QUESTION, rate) == 0, "the question is not in it"
    return heard_ms(samples, CALLER, rate)


async def test_an_answer_is_spoken_after_the_tone_kept_and_listed(make_site: Make, tmp_path: Path) -> None:
    site = await asking_site(make_site, tmp_path)
    async with customer(site, tmp_path) as outside:
        await speaks(site, outside)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3.0)
        await outside.press("#")
        spoke_ms = 1000 * (asyncio.get_running_loop().time() - began)
        await outside.state("DISCONNECTED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    (file,) = site.recordings()
    assert 2500 <= spoken_ms(file) <= spoke_ms + 1000
    assert file.stat().st_mode & 0o007 == 0, "not for everybody to read"
    (answer,) = record.answers
    assert (answer.question, answer.kind, answer.path) == ("why", "free", str(file))
    assert abs(answer.seconds * 1000 - spoken_ms(file)) <= 700
    told = await ccctl(site, "survey", "answers", "--survey", "ask")
    assert str(file) in told and " why " in told, told
    shown = await ccctl(site, "interaction", "show", record.interaction)
    assert f"spoken, 0:0{round(answer.seconds)}, {file}" in shown, shown
    samples, rate = read_wav(outside.heard())
    assert 1200 <= heard_ms(samples, QUESTION, rate) <= 1700, "the whole question"
    assert 1200 <= heard_ms(samples, THANKS, rate) <= 1700, "and the goodbye"
    beep_hz = TONES["beep"][0][0]
    assert heard_ms(samples, beep_hz, rate) >= 100, "the tone says when to speak"


async def test_who_hangs_up_while_answering_has_answered(make_site: Make, tmp_path: Path) -> None:
    site = await asking_site(make_site, tmp_path)
    async with customer(site, tmp_path) as outside:
        await speaks(site, outside)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(2.5)
        await outside.hangup()
        spoke_ms = 1000 * (asyncio.get_running_loop().time() - began)
        (record,) = await site.until_records(1)
    (file,) = site.recordings()
    assert 1800 <= spoken_ms(file) <= spoke_ms + 1000
    assert [each.path for each in record.answers] == [str(file)]


async def test_silence_is_no_answer_and_leaves_no_file(make_site: Make, tmp_path: Path) -> None:
    site = await asking_site(make_site, tmp_path)
    still = write_tone(tmp_path / "still.wav", CALLER, 1.0)
    with wave.open(str(still), "rb") as file:
        parameters = file.getparams()
    with wave.open(str(still), "wb") as file:
        file.setparams(parameters)
        file.writeframes(bytes(2 * parameters.framerate * 60))
    async with customer(site, tmp_path, source=still) as outside:
        await speaks(site, outside)
        await outside.state("DISCONNECTED")
        await until_ended(outside)
        (record,) = await site.until_records(1)

    async def gone() -> bool:
        return not site.recordings()

    await site.until("the file is deleted", gone)
    assert record.answers == [] and "unanswered" in [note.what for note in record.timeline]
    assert "no spoken answers" in await ccctl(site, "survey", "answers")
