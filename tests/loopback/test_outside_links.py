"""Links in messages, over a real HTTP server: when they leave, what they say, and what nobody may see."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from ccd.channels.links import digest
from ccd.channels.secrets import Secrets
from ccd.ids import SeededChance
from ccd.model.commands import AskOutside, LinkText, SendLink
from ccd.model.facts import AnyFact, LinkMade, OutsideAnswered
from ccd.model.settings import OutsideSettings
from ccd.outside.channel import OutsideChannel

LEG = "outside:1.a1"
PAGE = "https://chat.example.com/"
WAIT_S = 10.0


class Gateway:
    """The server, the channel, and the facts."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.facts: list[AnyFact] = []
        self.came = asyncio.Event()
        self.channel = OutsideChannel({}, Secrets(), "ccd/test")

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.json_response({"id": "7", "sent": self.got[-1]["text"]})

    async def open(self, port: int) -> None:
        service = OutsideSettings(
            name="texts",
            kind="http",
            url=f"http://127.0.0.1:{port}/",
            method="POST",
            timeout_s=WAIT_S,
            cache_s=60.0,
        )
        self.channel = OutsideChannel({"texts": service}, Secrets(), "ccd/test", SeededChance(3))
        await self.channel.start(self.post)

    def post(self, fact: AnyFact) -> None:
        self.facts.append(fact)
        self.came.set()

    async def fact(self, count: int) -> AnyFact:
        async with asyncio.timeout(WAIT_S):
            while len(self.facts) < count:
                self.came.clear()
                await self.came.wait()
        return self.facts[count - 1]

    def ask(self, timeout_s: float = WAIT_S, url: str = PAGE) -> None:
        values = {"to": "+331", "text": "here: {link}", "other": "{link}"}
        command = AskOutside(LEG, "1", "texts", values, timeout_s, link=LinkText(url, ("text",)))
        self.channel.perform(command)


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_post("/", gateway.take)
    runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await gateway.open(runner.addresses[0][1])
    yield gateway
    await gateway.channel.stop()
    await runner.cleanup()


async def test_the_message_leaves_once_the_digest_is_kept_and_nobody_is_told_the_token(
    gateway: Gateway,
) -> None:
    gateway.ask()
    made = await gateway.fact(1)
    assert isinstance(made, LinkMade) and (made.interaction, made.ask) == ("1", "1.a1")
    assert not gateway.got
    gateway.channel.perform(SendLink(LEG))
    answered = await gateway.fact(2)
    assert isinstance(answered, OutsideAnswered) and answered.ok and answered.values == {"id": "7"}
    (message,) = gateway.got
    address, _, token = message["text"].removeprefix("here: ").partition("#")
    assert address == PAGE and len(token) == 26 and digest(token) == made.digest
    assert message["other"] == "{link}", "only the values that are named"
    assert token not in json.dumps([str(fact) for fact in gateway.facts])


async def test_each_message_has_a_token_of_its_own(gateway: Gateway) -> None:
    for number in (1, 3):
        gateway.ask()
        await gateway.fact(number)
        gateway.channel.perform(SendLink(LEG))
        await gateway.fact(number + 1)
    one, two = gateway.facts[0], gateway.facts[2]
    assert isinstance(one, LinkMade) and isinstance(two, LinkMade) and one.digest != two.digest
    assert len(gateway.got) == 2, "never from a cache"


async def test_what_is_never_kept_is_never_sent(gateway: Gateway) -> None:
    gateway.ask(timeout_s=0.05)
    answered = await gateway.fact(2)
    assert isinstance(answered, OutsideAnswered) and not answered.ok and "not kept" in answered.note
    gateway.channel.perform(SendLink(LEG))
    gateway.channel.perform(SendLink("outside:nobody"))
    assert not gateway.got


@pytest.mark.parametrize("url", [""])
async def test_a_page_without_an_address_is_named(gateway: Gateway, url: str) -> None:
    gateway.ask(url=url)
    answered = await gateway.fact(1)
    assert isinstance(answered, OutsideAnswered) and "public_url" in answered.note
