"""A visitor of the web chat and an agent's softphone exchange texts through the queue (RFC 3428)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.interop.daemon_site import PASSWORD, Site
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.wire import Message
from tests.loopback.webchat_visitor import Visitor
from tests.peers.pjsip import PjsipPhone

Make = Callable[..., Any]


@asynccontextmanager
async def visiting(site: Site) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as client:
        visitor = Visitor(await client.ws_connect(f"http://127.0.0.1:{site.chat_port}/chat"))
        try:
            yield visitor
        finally:
            await visitor.close()


def softphone(site: Site, name: str, folder: Path) -> PjsipPhone:
    return PjsipPhone(name, PASSWORD, registrar=site.address, domain="interop.invalid", folder=folder / name)


async def conversation(agent: PjsipPhone) -> tuple[str, str]:
    """The next message that reaches the phone: its correspondent and what it says."""
    event = await agent.event("message")
    found = re.search(r"sip:(chat-[^@>]+@[^>;]+)", event["sender"])
    assert found, event
    return f"sip:{found[1]}", event["body"]


async def test_visitor_and_softphone_write_to_each_other(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, chat=True)
    async with softphone(site, "a1", tmp_path) as agent, visiting(site) as visitor:
        await site.login()
        await visitor.hello(name="Ada")
        await visitor.send("text", text="Where is my parcel?", id="m1")
        who, offer = await conversation(agent)
        assert "[Chat]" in offer and "Ada" in offer and "Where is my parcel?" in offer
        await agent.message(who, "Hello Ada, let me look. Ça va ?")
        first = await visitor.get("text")
        assert first["text"] == "Hello Ada, let me look. Ça va ?"
        sent = await agent.event("message_status")
        assert sent["code"] == 200
        await visitor.send("text", text="Merci — 你好", id="m2")
        again, text = await conversation(agent)
        assert (again, text) == (who, "Merci — 你好")
        assert (await site.agent("a1"))["load"] == 30
        await agent.message(who, "/close")
        await visitor.get("ended")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and record.agents == ["a1"] and record.channel == "web"


async def test_refuse_sends_it_to_the_next_agent(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=2, chat=True)
    async with (
        softphone(site, "a1", tmp_path) as first,
        softphone(site, "a2", tmp_path) as second,
        visiting(site) as visitor,
    ):
        await site.login("a1")
        await visitor.hello(name="Bo")
        await visitor.send("text", text="Anybody?", id="m1")
        who, _ = await conversation(first)
        await site.login("a2")
        await first.message(who, "/refuse")
        who, offer = await conversation(second)
        assert "Anybody?" in offer
        await second.message(who, "Yes, me.")
        assert (await visitor.get("text"))["text"] == "Yes, me."
        await visitor.send("bye")
        (record,) = await site.until_records(1)
        misses = (await site.figures("chat"))["misses"]
    assert record.agents == ["a2"] and misses == {"rejected": 1}


async def test_a_chat_beside_a_call(make_site: Make, tmp_path: Path) -> None:
    """Load 30 and 100: an agent in a chat gets no call, and the other one does."""
    site: Site = await make_site(agents=2, chat=True)
    async with softphone(site, "a1", tmp_path) as writer, visiting(site) as visitor:
        await site.login("a1")
        await visitor.hello()
        await visitor.send("text", text="Hello", id="m1")
        who, _ = await conversation(writer)
        await writer.message(who, "Hello")
        await visitor.get("text")
        async with phone(site, "a2") as speaker, caller(site) as outside:
            call, _ = await talk(site, outside, speaker)
            await bridged(site, 2)
            await call.bye()
            await site.until_records(1)
        await writer.message(who, "/close")
        await visitor.get("ended")
        records = await site.until_records(2)
    assert sorted((record.channel, *record.agents) for record in records) == [("voice", "a2"), ("web", "a1")]


async def test_a_stranger_cannot_write_into_a_conversation(make_site: Make, tmp_path: Path) -> None:
    """Neither without the password nor as another agent."""
    site: Site = await make_site(agents=2, chat=True)
    async with phone(site, "a1") as agent, phone(site, "a2", login=False) as other, visiting(site) as visitor:
        await visitor.hello()
        await visitor.send("text", text="secret", id="m1")
        offer = await agent.incoming("MESSAGE")
        agent.reply(offer, 200)
        found = re.search(r"sip:(chat-[^@>]+@[^>;]+)", offer.get("From"))
        assert found
        uri, kind = f"sip:{found[1]}", ("Content-Type", "text/plain")
        bare = await other.ask(other.request("MESSAGE", uri, [kind], "hi"))
        assert bare.status == 401
        assert (await other.authorised("MESSAGE", uri, [kind], "hi")).status == 403
        nobody = "sip:chat-999@interop.invalid"
        assert (await agent.authorised("MESSAGE", nobody, [kind], "hi")).status == 404
        assert not visitor.of("text")
        assert (await agent.authorised("MESSAGE", uri, [kind], "hi, it is me")).status == 200
        assert (await visitor.get("text"))["text"] == "hi, it is me"


async def test_a_waiting_and_a_running_chat_live_through_an_orderly_restart(make_site: Make) -> None:
    """SIGTERM and start: who waited is offered, who was in conversation goes on in the same one."""
    tables = {"queues.chat": {"agents": ["a1"]}, "daemon": {"drain_s": 60.0}}
    site: Site = await make_site(agents=2, chat=True, tables=tables)
    kind = ("Content-Type", "text/plain")
    async with phone(site, "a1") as agent, aiohttp.ClientSession() as client:
        url = f"http://127.0.0.1:{site.chat_port}/chat"
        first, waiting = Visitor(await client.ws_connect(url)), Visitor(await client.ws_connect(url))
        await first.hello(name="Ada")
        await first.send("text", text="one", id="m1")
        offer = await agent.incoming("MESSAGE")
        agent.reply(offer, 200)
        uri = correspondent(offer)
        assert (await agent.authorised("MESSAGE", uri, [kind], "yes?")).status == 200
        await first.get("text")
        await site.ask("agent.pause", agent="a1", reason="lunch")
        await waiting.hello(name="Bo")
        await waiting.send("text", text="two", id="m2")
        await waiting.get("ack")
        async with asyncio.timeout(20):  # a chat that lives on need not be waited for
            assert await site.terminate() == 0
        await site.start()
        assert (await site.ask("interactions"))["all"] == 2
        again, other = Visitor(await client.ws_connect(url)), Visitor(await client.ws_connect(url))
        assert (await again.hello(token=first.token))["resumed"]
        assert (await other.hello(token=waiting.token))["resumed"]
        await again.send("text", text="three", id="m3")
        relayed = await agent.incoming("MESSAGE")
        agent.reply(relayed, 200)
        assert correspondent(relayed) == uri and "three" in relayed.body
        assert (await site.agent("a1"))["availability"] == "paused"
        await site.ask("agent.ready", agent="a1")
        late = await agent.incoming("MESSAGE")
        agent.reply(late, 200)
        assert "two" in late.body and correspondent(late) != uri
        assert (await agent.authorised("MESSAGE", correspondent(late), [kind], "here")).status == 200
        assert (await other.get("text"))["text"] == "here"
        for talk_uri in (uri, correspondent(late)):
            assert (await agent.authorised("MESSAGE", talk_uri, [kind], "/close")).status == 200
        records = await site.until_records(2)
        for each in (first, waiting, again, other):
            await each.close()
    assert [record.outcome for record in records] == ["handled", "handled"]


def correspondent(message: Message) -> str:
    found = re.search(r"sip:(chat-[^@>]+@[^>;]+)", message.get("From"))
    assert found, message.headers
    return f"sip:{found[1]}"
