"""Texts of flows by telephone: a PJSIP phone hears what espeak-ng rendered, and answers it by keys."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from ccd.media.resample import resample
from ccd.media.wav import read
from tests.interop.daemon_site import Site, need
from tests.loopback.webchat_visitor import Visitor
from tests.peers.missing import lacking
from tests.peers.pjsip import PjsipPhone, have_pjsua
from tests.peers.tones import read_wav

Make = Callable[..., Awaitable[Site]]
NUMBER = "+33123456785"
FLOW = """
[flows.said]
language = "en"
[[flows.said.steps]]
do = "language"
choices = { 1 = "fr", 2 = "en" }
say = { en = "For English, press 2.", fr = "Pour le français, tapez 1." }
[[flows.said.steps]]
id = "ask"
do = "collect"
variable = "account"
say = { en = "Your account?", fr = "Votre compte ?" }
most = 4
[[flows.said.steps]]
do = "confirm"
say = { en = "You keyed {var.account:digits}.", fr = "Vous avez tapé {var.account:digits}." }
yes = "due"
no = "ask"
[[flows.said.steps]]
id = "due"
do = "hangup"
say = { en = "You owe {var.account:money:EUR}.", fr = "Vous devez {var.account:money:EUR}." }
"""
BACK = "Vous avez tapé quatre sept un un."
DUE = "Vous devez quatre mille sept cent onze euros."


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("espeak-ng")
    if not have_pjsua():
        lacking("pjsua2 is missing")


def rendered(text: str, voice: str = "fr") -> bytes:
    """What espeak-ng says by itself, at 8 kHz."""
    command = ["espeak-ng", "-v", voice, "-s", "155", "--stdout", "--stdin"]
    data = bytearray(subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout)
    data[40:44] = (len(data) - 44).to_bytes(4, "little")
    sound = read(bytes(data), text)
    return resample(sound.linear, sound.rate, 8000)


def likeness(heard: np.ndarray[Any, Any], text: str, voice: str = "fr") -> float:
    """How well the best second of what was heard fits the middle second of the text (1: the same)."""
    whole = np.frombuffer(rendered(text, voice), dtype="<i2").astype(float)
    middle = len(whole) // 2
    wanted = whole[middle - 4000 : middle + 4000]
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    product = product[: len(heard) - len(wanted)]
    sums = np.concatenate(([0.0], np.cumsum(heard**2)))
    power = sums[len(wanted) :][: len(product)] - sums[: len(product)]
    loud = power > 0.05 * power.max()
    return float(np.max(product[loud] / np.sqrt(power[loud] * np.sum(wanted**2))))


async def test_a_caller_hears_a_number_said_back_and_confirms_it(make_site: Make, tmp_path: Path) -> None:
    site = await make_site(tables={"numbers": {NUMBER: "said"}}, extra=FLOW)
    outside = PjsipPhone(
        "+33140000009",
        registrar=site.address,
        register=False,
        domain=site.address,
        folder=tmp_path / "customer",
    )
    async with outside:
        await outside.dial(NUMBER)
        await outside.state("CONFIRMED")
        await asyncio.sleep(1.0)
        await outside.press("1")
        await asyncio.sleep(1.5)
        await outside.press("4711")
        await asyncio.sleep(5.0)
        await outside.press("1")
        await outside.event("recorded", timeout_s=20)
        (record,) = await site.until_records(1)
    assert record.outcome == "flow"
    assert [note.details["key"] for note in record.timeline if note.what == "chose"] == ["1", "1"]
    assert not [note for note in record.timeline if note.what == "prompt failed"]
    samples, rate = read_wav(outside.heard())
    linear = (np.asarray(samples) * 32768).astype("<i2").tobytes()
    heard = np.frombuffer(resample(linear, rate, 8000), dtype="<i2").astype(float)
    assert likeness(heard, BACK) > 0.9
    assert likeness(heard, DUE) > 0.9
    assert likeness(heard, "Nous sommes fermés aujourd'hui, veuillez rappeler demain.") < 0.6


BILLS = """
[flows.bills]
language = "en"
[[flows.bills.steps]]
do = "set"
values = { balance = "12.50" }
[[flows.bills.steps]]
id = "about"
do = "menu"
prompt = "menu"
choices = { 1 = "owed", 2 = "rest" }
labels = { 1 = "Invoice", 2 = "Else" }
words = { 1 = ["bill"] }
[[flows.bills.steps]]
id = "owed"
do = "hangup"
say = "You owe {var.balance:money:EUR}."
[[flows.bills.steps]]
id = "rest"
do = "queue"
queue = "chat"
"""


async def test_a_visitor_of_the_web_chat_reads_the_menu_and_chooses_by_a_word(make_site: Make) -> None:
    site = await make_site(chat=True, tables={"channels.web": {"flow": "bills"}}, extra=BILLS)
    async with aiohttp.ClientSession() as client:
        visitor = Visitor(await client.ws_connect(f"http://127.0.0.1:{site.chat_port}/chat"))
        await visitor.hello(name="Ada")
        await visitor.send("text", text="hello", id="m0")  # no answer to a menu that nobody has read yet
        menu = await visitor.get("text")
        assert menu["text"] == "For sales, press 1. For support, press 2.\n1: Invoice\n2: Else"
        await visitor.send("text", text="It is about my bill!", id="m1")
        assert (await visitor.get("text", 2))["text"] == "You owe €12.50."
        await visitor.get("ended")
        await visitor.close()
    (record,) = await site.until_records(1)
    assert record.outcome == "flow"
