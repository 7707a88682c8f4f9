"""After the call with real phones: baresip hangs up, a PJSIP caller hears the question and answers."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, Site, need
from tests.interop.parties import bridged
from tests.interop.test_chat import conversation, softphone, visiting
from tests.interop.test_softphones import CALLER, FIRST, customer, until_ended
from tests.interop.test_softphones import softphone as phone_of
from tests.peers.tones import heard_ms, read_wav, write_tone

Make = Callable[..., Any]
QUESTION, THANKS, MUSIC = 1250, 1650, 1050
"""Hz of the two prompts and of the music."""
FLOW = """
[flows.rate]
steps = [
  { do = "survey", name = "recommend", kind = "nps", prompt = "question", say = "0 to 10?" },
  { do = "hangup", prompt = "thanks" },
]
[surveys.rate]
alert_below = { nps = 7 }
"""


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip")


def sounds(folder: Path, question_s: float = 1.5) -> dict[str, dict[str, Any]]:
    """Prompts that can be told from speech."""
    for name, hertz, seconds in (("question", QUESTION, question_s), ("thanks", THANKS, 1.5)):
        path = folder / "prompts" / "en" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tone(path, hertz, seconds)
    (folder / "music").mkdir(exist_ok=True)
    write_tone(folder / "music" / "default.wav", MUSIC, 20.0)
    return {"media": {"prompts": [str(folder / "prompts")], "music": [str(folder / "music")]}}


async def test_the_agent_hangs_up_and_the_caller_keys_the_answer(make_site: Make, tmp_path: Path) -> None:
    tables = {"queues.sales": {"after_call": "rate", "record": True}, **sounds(tmp_path)}
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    async with (
        phone_of(site, "a1", FIRST, tmp_path, answer="auto") as agent,
        customer(site, tmp_path) as outside,
    ):
        await site.login()
        await outside.dial(DIRECT)
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(2.0)
        await agent.hangup()
        await agent.event("CALL_CLOSED")

        async def asked() -> bool:
            rows = (await site.ask("interactions"))["listed"]
            return [row["phase"] for row in rows] == ["flow"]

        await site.until("the caller is asked", asked)
        await asyncio.sleep(2.5)
        await outside.press("9")
        await outside.state("DISCONNECTED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
        told = await ccctl(site, "report", "--surveys")
    samples, rate = read_wav(outside.heard())
    assert 1200 <= heard_ms(samples, QUESTION, rate) <= 1700, "the whole question"
    assert 1200 <= heard_ms(samples, THANKS, rate) <= 1700, "the whole goodbye"
    assert heard_ms(samples, FIRST, rate) >= 1500, "the agent, before"
    samples, rate = read_wav(agent.heard()[0])
    assert heard_ms(samples, QUESTION, rate) == 0, "the agent is gone by then"
    (recording,) = site.recordings()
    samples, rate = read_wav(recording, 0)
    assert heard_ms(samples, CALLER, rate) >= 1500
    assert heard_ms(samples, QUESTION, rate) == 0, "the recording ended with the conversation"
    assert (record.outcome, record.agents) == ("handled", ["a1"])
    assert [(each.question, each.answer, each.agent) for each in record.answers] == [("recommend", "9", "a1")]
    assert record.talked_s < record.ended_at - record.began_at - 3.0
    row = next(line for line in told.splitlines() if " a1 " in line)
    assert row.split()[:9] == ["rate", "recommend", "sales", "a1", "1", "1", "100", "%", "+100"], told


async def test_the_console_ends_the_agents_part_and_ten_takes_two_keys(
    make_site: Make, tmp_path: Path
) -> None:
    tables = {"queues.sales": {"after_call": "rate"}, **sounds(tmp_path, question_s=12.0)}
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    async with (
        phone_of(site, "a1", FIRST, tmp_path, answer="auto") as agent,
        customer(site, tmp_path) as outside,
    ):
        await site.login()
        await outside.dial(DIRECT)
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        (row,) = (await site.ask("interactions"))["listed"]
        await ccctl(site, "interaction", "hangup", row["interaction"], "--agent")
        await agent.event("CALL_CLOSED")
        await asyncio.sleep(0.5)
        await outside.press("10")
        await outside.state("DISCONNECTED")
        await until_ended(outside)
        (record,) = await site.until_records(1)
    assert [each.answer for each in record.answers] == ["10"]
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, QUESTION, rate) < 9000, "the key cut the question"


async def test_a_visitor_is_asked_in_the_chat_when_the_agent_closes_it(
    make_site: Make, tmp_path: Path
) -> None:
    site: Site = await make_site(
        agents=1, chat=True, tables={"queues.chat": {"after_call": "rate"}, **sounds(tmp_path)}, extra=FLOW
    )
    async with softphone(site, "a1", tmp_path) as agent, visiting(site) as visitor:
        await site.login()
        await visitor.hello(name="Ada")
        await visitor.send("text", text="Where is my parcel?", id="m1")
        who, _ = await conversation(agent)
        await agent.message(who, "At your door.")
        assert (await visitor.get("text"))["text"] == "At your door."
        await agent.message(who, "/close")
        assert (await visitor.get("text", 2))["text"] == "0 to 10?"
        await visitor.send("text", text="3", id="m2")
        await visitor.get("ended")
        (record,) = await site.until_records(1)
    assert [(each.answer, each.agent, each.queue) for each in record.answers] == [("3", "a1", "chat")]
    assert "low score" in [note.what for note in record.timeline] and record.outcome == "handled"
