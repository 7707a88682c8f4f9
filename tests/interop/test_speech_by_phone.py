"""Texts of flows by telephone: a PJSIP phone hears what espeak-ng rendered, and answers it by keys."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.interop.daemon_site import Site, need
from tests.interop.hearing import heard, in_pieces, rendered
from tests.interop.parties import at_step
from tests.loopback.webchat_visitor import Visitor
from tests.peers.missing import lacking
from tests.peers.pjsip import PjsipPhone, have_pjsua

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
        await at_step(site, "said/ask")
        await outside.press("4711")
        await at_step(site, "said/#3")
        await asyncio.sleep(3.5)  # the number is said back, whole
        await outside.press("1")
        await outside.event("recorded", timeout_s=20)
        (record,) = await site.until_records(1)
    assert record.outcome == "flow"
    assert [note.details["key"] for note in record.timeline if note.what == "chose"] == ["1", "1"]
    assert not [note for note in record.timeline if note.what == "prompt failed"]
    sound = heard(outside.heard())
    for text in (BACK, DUE):
        assert in_pieces(sound, rendered(text, "fr")), (text, in_pieces(sound, rendered(text, "fr")))
    for other in ("Vous avez tapé quatre sept un deux.", "Vous devez quatre mille sept cent douze euros."):
        assert not in_pieces(sound, rendered(other, "fr")), "one word differs"


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
