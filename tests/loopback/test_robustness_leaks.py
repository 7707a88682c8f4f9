"""After hundreds of calls of every kind nothing is left: no leg, dialog, transaction, channel, port, text.

Callers and phones here behave as badly as real ones: they cancel, abandon, never acknowledge, answer with
nonsense, transfer, hold, fall silent. Then every table must be empty and the figures must add up.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, PASSWORD, PRESS, Site
from tests.interop.wire import Call, Message, Ua, sdp
from tests.loopback.test_robustness_sip import hung_up_everything

Make = Callable[..., Any]
T1_MS = 50
CALLS = 300


class Robot(Ua):
    """A phone, trunk or caller that answers by itself; `behave` is what it does with a new call."""

    def __init__(self, host: str, server: tuple[str, int], protocol: str) -> None:
        super().__init__(host, server, protocol)
        self.chance = random.Random(1)
        self.taken: dict[str, Call] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.ways: tuple[str, ...] = ("accept",)
        self.deaf: set[str] = set()
        """Calls in which nothing is answered any more."""

    def _take(self, message: Message) -> None:
        if message.call_id in self.deaf:
            return
        if message.call_id in self.dialogs:
            self.dialogs[message.call_id].put_nowait(message)
        method = message.method
        if method == "CANCEL":
            self.reply(message, 200)
            call = self.taken.get(message.call_id)
            if call is not None:
                call.reply(487)
        elif method == "INVITE" and "tag=" in message.get("To"):
            self.reply(message, 200, [("Contact", self.contact)], sdp())
        elif method == "INVITE":
            self._ring(message)
        elif method not in {"", "ACK"}:
            self.reply(message, 200)

    def _ring(self, message: Message) -> None:
        if message.call_id in self.taken:
            return
        call = self.taken[message.call_id] = Call(self, message)
        call.local, call.remote = message.get("To") + f";tag=rb{len(self.taken)}", message.get("From")
        call.target, call.number = message.contact, 100
        task = asyncio.ensure_future(self._behave(call))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _behave(self, call: Call) -> None:
        way = self.chance.choice(self.ways)
        refusals = {"busy": 486, "decline": 603, "broken": 500, "moved": 302, "gone": 404, "full": 503}
        if way in refusals:
            call.reply(refusals[way])
            return
        if way == "dead":
            self.deaf.add(call.invite.call_id)
            return
        call.reply(180)
        if way == "ignore":
            return
        await asyncio.sleep(self.chance.uniform(0, 0.1))
        call.accept(sdp(codecs="18") if way == "bad answer" else "nonsense" if way == "nonsense" else "")
        await asyncio.sleep(self.chance.uniform(0.05, 0.3))
        if way == "hang up":
            self.send(call.within("BYE"))
        elif way == "to queue":
            self.send(call.within("REFER", [("Refer-To", "<sip:202@x>")]))
        elif way == "to outside":
            self.send(call.within("REFER", [("Refer-To", "<sip:+33199999999@x>")]))
        elif way == "to agent":
            self.send(call.within("REFER", [("Refer-To", "<sip:302@x>")]))
        elif way == "hold":
            self.send(call.within("INVITE", [("Contact", self.contact)], sdp(way="sendonly", version=2)))
            await asyncio.sleep(0.1)
            call.ack()
            self.send(call.within("INVITE", [("Contact", self.contact)], sdp(version=3)))
        elif way == "vanish":
            self.deaf.add(call.invite.call_id)


PHONE_WAYS = (
    *("accept", "accept", "accept", "hang up", "busy", "decline", "ignore", "to queue", "to outside"),
    *("to agent", "hold", "bad answer", "nonsense", "vanish", "broken", "moved", "dead"),
)
CARRIER_WAYS = ("accept", "busy", "full", "gone", "hang up", "ignore", "bad answer", "broken")
CALLER_WAYS = (
    *("talk", "talk", "talk", "talk", "cancel", "cancel late", "abandon", "no ack", "bye before ack", "menu"),
    *("bad offer", "late offer", "late nonsense", "unknown", "vanish", "wait", "refused extension"),
)


async def place(outside: Robot, way: str, chance: random.Random) -> None:
    """One caller and what he does."""
    number = {"menu": PRESS, "unknown": "+33100000000"}.get(way, DIRECT)
    body = {"bad offer": sdp(codecs="18"), "late offer": "", "late nonsense": ""}.get(way)
    headers = [("Require", "wonder")] if way == "refused extension" else []
    call = await outside.call(number, body, headers)
    if way == "cancel":
        call.cancel()
    with contextlib.suppress(TimeoutError):
        if way == "cancel late":
            await call.response(100, 3.0)
            call.cancel()
        final = await call.response(200, 5.0)
        if final.status >= 300:
            call.ack_refusal(final)
            return
        if way == "no ack":
            return
        if way == "bye before ack":
            outside.send(call.within("BYE"))
            return
        call.ack(sdp() if way == "late offer" else "x" if way == "late nonsense" else "")
        if way in {"abandon", "cancel", "cancel late", "late nonsense"}:
            await asyncio.sleep(chance.uniform(0, 0.05))
        elif way == "wait":  # silent, but there: nobody hangs up on it for that alone
            with contextlib.suppress(TimeoutError):
                await call.expect("BYE", 3.0)
                return
        elif way == "vanish":
            outside.deaf.add(call.invite.call_id)
            return
        else:
            await asyncio.sleep(chance.uniform(0.2, 1.2))
        outside.send(call.within("BYE"))


async def left_over(site: Site) -> dict[str, Any]:
    """What still stands; empty when nothing does."""
    status = await site.ask("status")
    sip = status["daemon"]["counters"]["voice"]["sip"]
    media = status["daemon"]["counters"]["voice"]["media"]
    found = {name: sip[name] for name in ("legs", "dialogs", "transactions", "texts", "texts_unacknowledged")}
    found["media legs"], found["recordings"] = media["legs"], media["recordings"]
    found["ports in use"] = media["ports_bound"] - media["ports_free"]
    found["interactions"] = (await site.ask("interactions"))["all"]
    found["trunk channels"] = sum(row["in_use"] for row in await site.ask("trunks"))
    found["agents' assignments"] = sum(row["load"] for row in await site.ask("agents") if "load" in row)
    found["workers restarted"] = media["restarts"]
    return {name: value for name, value in found.items() if value}


async def keep_ready(site: Site) -> None:
    """Agents come back from wrap-up and from their misses at once."""
    while True:
        for name in site.agents:
            with contextlib.suppress(AssertionError):
                await site.ask("agent.ready", agent=name)
        await asyncio.sleep(0.3)


async def chats(site: Site) -> None:
    """Visitors who write and go, half of them without a word."""
    async with aiohttp.ClientSession() as web:
        for number in range(20):
            async with web.ws_connect(f"ws://127.0.0.1:{site.chat_port}/chat") as socket:
                await socket.send_json({"type": "hello", "name": str(number)})
                await socket.send_json({"type": "text", "id": "1", "text": "hello"})
                await asyncio.sleep(0.3)
                if number % 2:
                    await socket.send_json({"type": "bye"})


@pytest.mark.long
@pytest.mark.timeout(110)
async def test_after_many_mixed_calls_every_table_is_empty(make_site: Make) -> None:  # noqa: F811
    queue = {"ring_timeout_s": 1.0, "wrap_up_s": 0.0, "record": True, "max_wait_s": 4.0}
    site: Site = await make_site(
        agents=6,
        chat=True,
        tables={
            "sip": {"t1_ms": T1_MS, "max_new_calls_per_s": 200.0},
            "queues.sales": queue,
            "queues.support": {key: value for key, value in queue.items() if key != "record"},
            "media": {"dead_after_s": 3.0},
        },
    )
    chance = random.Random(20261122)
    async with contextlib.AsyncExitStack() as stack:
        phones = []
        for name in site.agents:
            robot = await stack.enter_async_context(await Robot.open(site.address, user=name))
            assert isinstance(robot, Robot)
            phones.append(robot)
            assert (await robot.register(PASSWORD)).status == 200
            await site.login(name)
            robot.ways, robot.chance = PHONE_WAYS, random.Random(name)
        outside = await stack.enter_async_context(await Robot.open(site.address, user="+33140000001"))
        carrier = await stack.enter_async_context(
            await Robot.open(site.address, user="trunk", port=site.trunk_port)
        )
        assert isinstance(outside, Robot) and isinstance(carrier, Robot)
        carrier.ways = CARRIER_WAYS

        busiest: dict[str, int] = {}
        ready, chatting = asyncio.ensure_future(keep_ready(site)), asyncio.ensure_future(chats(site))
        calls = []
        for number in range(CALLS):
            way = CALLER_WAYS[number % len(CALLER_WAYS)]
            calls.append(asyncio.ensure_future(place(outside, way, chance)))
            await asyncio.sleep(0.03)
            if number % 50 == 49:
                for name, value in (await left_over(site)).items():
                    busiest[name] = max(value, busiest.get(name, 0))
        await asyncio.gather(*calls)
        await chatting
        ready.cancel()
        await asyncio.sleep(1.0)
        await hung_up_everything(site)

        async def clean() -> bool:
            return not await left_over(site)

        try:
            await site.until("everything is gone", clean, 30.0, 0.5)
        except AssertionError:
            raise AssertionError(f"left over: {await left_over(site)}\n{site.tail(60)}") from None
        assert len(busiest) >= 8, f"this must be seen at work before it is seen empty: {busiest}"
        figures = await site.figures("sales")
        assert figures["offered"] > 100 and figures["handled"] > 30 and figures["abandoned"] > 30, figures
        parts = ("handled", "abandoned", "overflowed", "waiting")
        assert figures["offered"] == sum(figures[each] for each in parts)
        assert figures["waiting"] == 0
        assert not list((site.folder / "state" / "recordings").rglob("*.part")), "every recording is whole"
        records = site.records()
        assert len({each.interaction for each in records}) == len(records) > 200
        # and everything still works
        for each in phones:
            each.ways = ("accept",)
        await site.ask("agent.ready", agent="a1")
        call = await outside.call(DIRECT)
        await call.answered()
        assert (await call.bye()).status == 200
