"""By telephone: what a flow says after a message is kept, and what an agent hears alone: recognised in it.

PJSIP is the caller, baresip the agent, espeak-ng the voice.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import Site, need
from tests.interop.hearing import ENOUGH, find, heard
from tests.interop.parties import bridged
from tests.interop.test_softphones import CALLER, FIRST, customer, until_ended
from tests.interop.test_voicemail_by_phone import agent_phone, kept
from tests.peers.missing import lacking
from tests.peers.pjsip import have_pjsua
from tests.peers.tones import heard_ms, read_wav

Make = Callable[..., Any]
LEAVE, CALL = "+33123456789", "+33123456786"
ASK = "Dites-nous tout après le signal sonore."
THANKS = "Merci, nous avons bien votre message."
BYE = "À bientôt dans notre magasin."
WHISPER = "Un client de la région parisienne vous appelle."
FLOWS = f"""
[flows.leave]
language = "fr"
[[flows.leave.steps]]
do = "set"
values = {{ team = "sales" }}
[[flows.leave.steps]]
do = "voicemail"
queue = "{{var.team}}"
among = ["sales"]
say = "{ASK}"
silence_s = 0.0
on_kept = "thanks"
on_empty = "bye"
[[flows.leave.steps]]
id = "thanks"
do = "menu"
say = "{THANKS}"
choices = {{ 1 = "bye" }}
on_no_input = "bye"
on_bad_input = "bye"
[[flows.leave.steps]]
id = "bye"
do = "hangup"
say = "{BYE}"
[flows.talk]
language = "fr"
[[flows.talk.steps]]
do = "queue"
queue = "sales"
whisper_say = {{ fr = "{WHISPER}", en = "{WHISPER}" }}
"""


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip", "espeak-ng")
    if not have_pjsua():
        lacking("pjsua2 is missing")


async def test_a_message_is_kept_then_the_flow_speaks_and_asks(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, tables={"numbers": {LEAVE: "leave"}}, extra=FLOWS)
    async with customer(site, tmp_path) as outside:
        await outside.dial(LEAVE)
        await outside.state("CONFIRMED")
        name = await _named(site, "speaks a message")
        await asyncio.sleep(2.5)
        await outside.press("#")
        await _named(site, "voicemail kept")
        shown = await site.ask("interaction.show", interaction=name)
        assert not any("left the line" in line for line in shown["timeline"]), "the caller is still there"
        await asyncio.sleep(2.8)
        await outside.press("1")
        row = await kept(site, name)
        await until_ended(outside)
    assert row["queue"] == "sales"
    (file,) = site.recordings()
    samples, rate = read_wav(file)
    assert heard_ms(samples, CALLER, rate) >= 1500, "the message, and nothing of what was said after it"
    sound = heard(outside.heard())
    places = [find(sound, text, "fr") for text in (ASK, THANKS, BYE)]
    assert all(fit >= ENOUGH for fit, _ in places), places
    assert [at for _, at in places] == sorted(at for _, at in places)
    assert find(sound, "Le musée ouvre ses portes demain matin.", "fr")[0] < ENOUGH


async def test_an_agent_hears_the_whisper_before_the_caller(make_site: Make, tmp_path: Path) -> None:
    tables = {"numbers": {CALL: "talk"}, "agents.a1": {"language": "fr"}}
    site: Site = await make_site(agents=1, tables=tables, extra=FLOWS)
    async with agent_phone(site, tmp_path) as agent, customer(site, tmp_path) as outside:
        await site.login("a1")
        await outside.dial(CALL)
        await agent.event("CALL_INCOMING")
        await agent.accept()
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(1.5)
        await outside.hangup()
        await agent.event("CALL_CLOSED")
        await site.until_records(1)
    (file,) = agent.heard()
    fit, _ = find(heard(file), WHISPER, "fr")
    assert fit >= ENOUGH, f"the whisper: {fit:.2f}"
    samples, rate = read_wav(file)
    assert heard_ms(samples, CALLER, rate) >= 700, "then the caller"
    assert find(heard(outside.heard()), WHISPER, "fr")[0] < ENOUGH, "the caller does not hear it"
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, FIRST, rate) >= 700, "the agent"


async def _named(site: Site, note: str) -> str:
    """Until an interaction has this note: its name."""

    async def look() -> str:
        for row in (await site.ask("interactions"))["listed"]:
            shown = await site.ask("interaction.show", interaction=row["interaction"])
            if any(note in line for line in shown["timeline"]):
                return str(row["interaction"])
        return ""

    return str(await site.until(note, look))
