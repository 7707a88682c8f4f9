"""kill -9 under traffic: what was accepted is there afterwards, and the centre goes on by itself.

Callers are on the bare wire, each with a number of its own: who was answered must have exactly one record.
Phones are SIPp and never register again. A visitor of the web chat writes all the time: what was acknowledged
must reach the agent. Three kills here, ten with CCD_SOAK=1 (make soak).
"""

import asyncio
import contextlib
import itertools
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from ccd.runtime.centre import Centre
from ccd.runtime.replay import replay
from ccd.runtime.state import CentreState
from ccd.storage.sqlite import SqliteLedger
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import caller
from tests.interop.wire import Ua
from tests.loopback.webchat_visitor import Visitor
from tests.peers import sipp
from tests.peers.sipp import Sipp

Make = Callable[..., Any]
SOAK = bool(os.environ.get("CCD_SOAK"))
KILLS = 10 if SOAK else 3
RATE = 20.0
TALK_S = 0.4
SPEAKERS = [f"a{n}" for n in range(1, 21)]
WRITER, LUNCHING, ABSENT = "a21", "a22", "a23"


class Traffic:
    """Callers at a steady rate; `answered` are those who got a 200."""

    def __init__(self, ua: Ua) -> None:
        self.ua = ua
        self.answered: set[str] = set()
        self._numbers = itertools.count(140_100_000)
        self._calls: set[asyncio.Task[None]] = set()
        self._pump = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            task = asyncio.ensure_future(self._call(f"+33{next(self._numbers)}"))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            await asyncio.sleep(1 / RATE)

    async def _call(self, number: str) -> None:
        sender = ("From", f"<sip:{number}@interop.invalid>;tag=t{number[1:]}")
        with contextlib.suppress(TimeoutError):
            call = await self.ua.call(DIRECT, headers=[sender])
            response = await call.response(200, 3.0)
            if response.status != 200:
                call.ack_refusal(response)
                return
            self.answered.add(number)
            call.ack()
            await asyncio.sleep(TALK_S + random.random())
            await call.bye()

    async def stop(self) -> None:
        self._pump.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=10)


class Chatting:
    """A visitor who writes a numbered line again and again, and comes back after each break."""

    def __init__(self, site: Site, client: aiohttp.ClientSession) -> None:
        self.site, self.client = site, client
        self.acknowledged: set[str] = set()
        self.written = 0
        self.token = ""
        self.resumed: list[bool] = []
        self.visitor: Visitor | None = None
        self.over = False
        self._loop = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        pending = ""
        while not (self.over and not pending):
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, AssertionError, TimeoutError):
                url = f"http://127.0.0.1:{self.site.chat_port}/chat"
                self.visitor = visitor = Visitor(await self.client.ws_connect(url))
                welcome = await visitor.hello(token=self.token, name="Ada")
                self.resumed += [welcome["resumed"]] if self.token else []
                self.token = visitor.token
                while not (self.over and not pending):
                    pending = pending or self._next()
                    await visitor.send("text", id=pending, text=f"line {pending}")
                    acks = [frame["id"] for frame in visitor.of("ack")]
                    while pending not in acks:
                        if visitor._reader.done():
                            raise ConnectionError
                        await asyncio.sleep(0.005)
                        acks = [frame["id"] for frame in visitor.of("ack")]
                    self.acknowledged.add(pending)
                    pending = ""
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)

    def _next(self) -> str:
        self.written += 1
        return f"n{self.written}"

    async def finish(self) -> None:
        self.over = True
        async with asyncio.timeout(20):
            await self._loop
        if self.visitor is not None:
            await self.visitor.close()

    def stop(self) -> None:
        self._loop.cancel()


class Writer:
    """The agent who writes: takes the conversation by one answer, then reads."""

    def __init__(self, ua: Ua) -> None:
        self.ua = ua
        self.lines: list[str] = []
        self.correspondents: set[str] = set()
        self._answered = False
        self._loop = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            message = await self.ua.fresh.get()
            if message.method != "MESSAGE":
                continue
            self.ua.reply(message, 200)
            self.lines += re.findall(r"line (n\d+)", message.body)
            found = re.search(r"sip:(chat-[^@>]+)@", message.get("From"))
            assert found
            self.correspondents.add(found[1])
            if not self._answered:
                self._answered = True
                kind = ("Content-Type", "text/plain")
                uri = f"sip:{found[1]}@interop.invalid"
                answer = await self.ua.authorised("MESSAGE", uri, [kind], "I read you")
                assert answer.status == 200, answer.start

    def stop(self) -> None:
        self._loop.cancel()


@pytest.mark.long
async def test_kill_9_at_random_moments_loses_nothing(make_site: Make, tmp_path: Path) -> None:
    need("sipp")
    tables = {
        "queues.sales": {"agents": [*SPEAKERS, LUNCHING, ABSENT], "ring_timeout_s": 5.0},
        "queues.chat": {"agents": [WRITER]},
        "media": {"dead_after_s": 0.0},
        "ledger": {"snapshot_every_facts": 1000},
    }
    site: Site = await make_site(agents=23, chat=True, media_ports=1600, tables=tables)
    seed = int(os.environ.get("CCD_SEED", "0")) or random.randrange(1_000_000)
    print(f"CCD_SEED={seed}")
    moments = random.Random(seed)
    crowd = Sipp("uas_agent", timeout_s=300, folder=tmp_path / "phones")
    accounts = [(name, PASSWORD) for name in [*SPEAKERS, LUNCHING, ABSENT]]
    await sipp.register(accounts, site.address, port=crowd.port, domain="interop.invalid")
    async with (
        crowd,
        await Ua.open(site.address, user=WRITER) as pen,
        caller(site) as outside,
        aiohttp.ClientSession() as client,
    ):
        assert (await pen.register(PASSWORD)).status == 200
        await site.login(*SPEAKERS, WRITER, LUNCHING)
        await site.ask("agent.pause", agent=LUNCHING, reason="lunch")
        registrations = [each for each in pen.seen if "REGISTER" in each.get("CSeq")]
        writer, chatting, traffic = Writer(pen), Chatting(site, client), Traffic(outside)
        try:
            await asyncio.sleep(4.0)
            for _ in range(KILLS):
                await asyncio.sleep(moments.uniform(0.4, 2.0))
                await site.kill()
                await site.start()
                await check_agents(site)
            await asyncio.sleep(1.0)
            await traffic.stop()
            await chatting.finish()
            await site.until("only the chat is left", lambda: _left(site, 1), 30)
            await asyncio.sleep(0.3)
        finally:
            writer.stop()
            chatting.stop()
            await traffic.stop()
        await check_callers(site, traffic.answered)
        assert chatting.resumed and all(chatting.resumed), "the visitor found the conversation again"
        missing = chatting.acknowledged - set(writer.lines)
        assert not missing, f"acknowledged, but the agent never read: {missing}"
        assert len(writer.correspondents) == 1, "one conversation all the time"
        assert len([each for each in pen.seen if "REGISTER" in each.get("CSeq")]) == len(registrations)
        await site.ask(
            "interaction.hangup", interaction=next(iter(writer.correspondents)).removeprefix("chat-")
        )
        await check_next_call(site, outside)
        check_snapshots(site)


async def _left(site: Site, count: int) -> bool:
    return bool((await site.ask("interactions"))["all"] <= count)


async def check_agents(site: Site) -> None:
    """Everybody as before, and reachable without having registered again."""
    for row in await site.ask("agents"):
        expected = {LUNCHING: "paused", ABSENT: "logged_out"}.get(row["agent"], "ready")
        assert row["availability"] == expected and row["reachable"], row
    assert (await site.agent(LUNCHING))["reason"] == "lunch"


async def check_callers(site: Site, answered: set[str]) -> None:
    """Exactly one record for each caller who was answered; the figures add up."""
    records = site.records()
    origins = Counter(record.origin for record in records)
    twice = {number for number, count in origins.items() if count > 1}
    assert not twice and not answered - set(origins), (twice, answered - set(origins))
    assert len(answered) > 20
    report = await site.ask("report")
    assert report["total"]["faults"] == []
    figures = await site.figures("sales")
    parts = ("handled", "abandoned", "overflowed", "waiting")
    assert figures["offered"] == sum(figures[part] for part in parts)
    voice = [record for record in records if record.channel == "voice"]
    assert figures["offered"] == len(voice)
    assert figures["handled"] == sum(record.outcome == "handled" for record in voice)
    assert figures["handled"] > len(voice) / 2


class FromTheBeginning(SqliteLedger):
    """A ledger whose snapshots a replay does not take over."""

    def load_snapshot(self) -> None:
        return None


def check_snapshots(site: Site) -> None:
    """What the daemon was, packed while calls came in, is what its facts make of nothing."""
    with contextlib.closing(FromTheBeginning(site.folder / "state" / "ledger.sqlite", beside=True)) as ledger:
        kept = list(ledger.snapshots())
        for snapshot in kept:
            centre = Centre()
            replay(centre, ledger, until=snapshot.seq, file_records=False)
            assert centre.state == msgspec.msgpack.decode(snapshot.state, type=CentreState), snapshot.seq
    if SOAK:  # in a short run the last kill may have come before the first snapshot
        assert kept


async def check_next_call(site: Site, outside: Ua) -> None:
    before = (await site.figures("sales"))["handled"]
    call = await outside.call(DIRECT)
    await call.answered()

    async def handled() -> bool:
        return bool((await site.figures("sales"))["handled"] == before + 1)

    await site.until("the next call is answered by a phone that was not touched", handled)
    assert (await call.bye()).status == 200
