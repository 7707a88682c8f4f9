"""A call whose customer gets a link and opens it: SIP, an HTTP service for the message, and the chat."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from ccd_webchat.visits import TRY_LATER

from ccd.channels.links import MOST_WRONG_PER_MIN
from ccd.model.links import REFUSED
from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import caller, phone, talk
from tests.interop.test_chat import correspondent
from tests.loopback.webchat_visitor import Visitor
from tests.peers.ports import free_port

Make = Callable[..., Any]
NUMBER = "+33140000001"
KIND = ("Content-Type", "text/plain")
LATER = "+33123456799"
"""Number that sends a link and hangs up."""


class Texts:
    """A gateway for text messages: it gets them by HTTP, and shows what the customer got."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.port = free_port("127.0.0.1")

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.json_response({"id": str(len(self.got)), "said": self.got[-1]["text"]})

    async def token(self) -> str:
        """Of the link in the last message."""
        async with asyncio.timeout(20):
            while not self.got:  # noqa: ASYNC110  it cannot tell
                await asyncio.sleep(0.01)
        found = re.search(r"(https?://\S+)#([a-z0-9]+)", self.got[-1]["text"])
        assert found, self.got
        return found[2]


@pytest.fixture
async def texts() -> AsyncIterator[Texts]:
    gateway = Texts()
    app = web.Application()
    app.router.add_post("/messages", gateway.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", gateway.port).start()
    yield gateway
    await runner.cleanup()


def flows(texts: Texts) -> str:
    return f"""
[services.texts]
kind = "http"
url = "http://127.0.0.1:{texts.port}/messages"
method = "POST"

[[flows.later.steps]]
do = "answer"
[[flows.later.steps]]
do = "set"
values = {{ order = "4711" }}
[[flows.later.steps]]
do = "send"
service = "texts"
values = {{ to = "{{caller}}", text = "Write to us: {{link}}" }}
link = {{ channel = "web", flow = "chat_after_call", keep = ["order"] }}
[[flows.later.steps]]
do = "hangup"

[[flows.chat_after_call.steps]]
do = "queue"
queue = "chat"
screen = {{ order = "{{var.order}}", number = "{{caller}}" }}

[flows.rate]
steps = [
  {{ do = "survey", name = "recommend", kind = "nps", say = "0 to 10?" }},
  {{ do = "hangup" }},
]
[surveys.rate]
alert_below = {{ nps = 7 }}
[surveys.rate.send]
service = "texts"
channel = "web"
values = {{ to = "{{caller}}", text = "How was it with {{var.agent}}? {{link}}" }}
"""


async def site_of(make_site: Make, texts: Texts, **tables: Any) -> Site:
    site: Site = await make_site(
        agents=1,
        chat=True,
        tables={
            "channels.web": {"public_url": "https://chat.example.com/"},
            "numbers": {LATER: "later"},
            **tables,
        },
        extra=flows(texts),
    )
    return site


@asynccontextmanager
async def opening(site: Site, token: str, source: str = "127.0.0.1") -> AsyncIterator[Visitor]:
    """What the page does when the link is opened; `source`: from where."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(source, 0))) as client:
        async with client.get(f"http://127.0.0.1:{site.chat_port}/") as page:
            assert "location.hash" in await page.text()
        visitor = Visitor(await client.ws_connect(f"http://127.0.0.1:{site.chat_port}/chat"))
        try:
            await visitor.hello(link=token)
            yield visitor
        finally:
            await visitor.close()


def unseen(site: Site, token: str) -> None:
    """The token stands in no file of the daemon: ledger, records, log."""
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    assert files and not [path for path in files if token.encode() in path.read_bytes()]


async def test_a_caller_is_sent_a_link_and_goes_on_in_the_chat(make_site: Make, texts: Texts) -> None:
    site = await site_of(make_site, texts)
    async with caller(site, NUMBER) as outside, phone(site) as agent:
        call = await outside.call(LATER)
        await call.answered()
        token = await texts.token()
        assert texts.got[-1]["to"] == NUMBER
        assert texts.got[-1]["text"] == f"Write to us: https://chat.example.com/#{token}"
        await call.expect("BYE")
        (first,) = await site.until_records(1)
        async with opening(site, token) as visitor:
            offer = await agent.incoming("MESSAGE")
            agent.reply(offer, 200)
            assert NUMBER in offer.body and "4711" in offer.body
            uri = correspondent(offer)
            assert (await agent.authorised("MESSAGE", uri, [KIND], "Hello, about 4711?")).status == 200
            assert (await visitor.get("text"))["text"] == "Hello, about 4711?"
            assert (await agent.authorised("MESSAGE", uri, [KIND], "/close")).status == 200
            await visitor.get("ended")
        async with opening(site, token) as visitor:
            assert (await visitor.get("text"))["text"] == REFUSED["en"], "it was used"
            await visitor.get("ended")
        records = await site.until_records(2)
        shown = await ccctl(site, "interaction", "show", first.interaction)
        explained = await ccctl(site, "interaction", "explain", records[-1].interaction)
    one, two = sorted(records, key=lambda record: int(record.interaction))
    assert (one.chain, one.continued_as) == (one.interaction, [two.interaction])
    assert (two.chain, two.continues, two.channel) == (one.interaction, one.interaction, "web")
    assert two.agents == ["a1"]
    assert re.search(rf"continued as\s+{two.interaction}", shown), shown
    assert f"continues {one.interaction}" in explained
    unseen(site, token)


async def test_a_customer_gets_in_while_somebody_else_guesses(make_site: Make, texts: Texts) -> None:
    site = await site_of(make_site, texts)
    async with caller(site, NUMBER) as outside, phone(site) as agent, aiohttp.ClientSession() as client:
        call = await outside.call(LATER)
        await call.answered()
        token = await texts.token()
        await call.expect("BYE")
        for number in range(MOST_WRONG_PER_MIN + 5):
            guesser = Visitor(await client.ws_connect(f"http://127.0.0.1:{site.chat_port}/chat"))
            await guesser.send("hello", link=f"{token[:-2]}{number:02}")
            refused = await guesser.closed() == TRY_LATER
            if refused:
                assert "too many links" in guesser.of("fault")[0]["problem"]
                break
            assert guesser.of("text")[0]["text"] == REFUSED["en"]
        assert refused and number >= MOST_WRONG_PER_MIN
        async with opening(site, token, "127.0.0.9") as visitor:
            offer = await agent.incoming("MESSAGE")
            agent.reply(offer, 200)
            assert NUMBER in offer.body
            await visitor.send("bye")
        await site.until_records(2)


async def test_a_survey_by_a_link_is_answered_after_a_crash_and_booked_to_the_call(
    make_site: Make, texts: Texts
) -> None:
    site = await site_of(make_site, texts, **{"queues.sales": {"after_call": "rate"}})
    async with caller(site, NUMBER) as outside, phone(site) as agent:
        call, _ = await talk(site, outside, agent, DIRECT)
        await call.bye()
        token = await texts.token()
        assert texts.got[-1]["text"].startswith("How was it with a1? https://chat.example.com/#")
        await site.until_records(1)
        await site.kill()
        await site.start()
        async with opening(site, token) as visitor:
            assert (await visitor.get("text"))["text"] == "0 to 10?"
            await visitor.send("text", id="m1", text="3")
            await visitor.get("ack")
            await visitor.get("ended")
        records = await site.until_records(2)
        told = await ccctl(site, "report", "--surveys")
        alarms = (await site.ask("status"))["alarms"]
    (first,) = [record for record in records if record.channel == "voice"]
    assert [(each.question, each.answer, each.queue, each.agent) for each in first.answers] == [
        ("recommend", "3", "sales", "a1")
    ]
    assert {each["what"]: each["name"] for each in alarms}.get("low score") == first.interaction
    row = next(line for line in told.splitlines() if " a1 " in line)
    assert row.split()[:6] == ["rate", "recommend", "sales", "a1", "1", "1"], told
    unseen(site, token)
