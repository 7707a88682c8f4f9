"""Bots over real sockets: the protocol, and each thing that a bot may do wrong and what comes of it."""

# ruff: noqa: ASYNC110  polling is what a test does that may not know the insides

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ccd.channels.audio import Hear
from ccd.model.commands import StartBot, StopBot, TellBot
from ccd.model.facts import AnyFact, BotEnded, BotSaid, BotStarted
from ccd.model.nouns import LegKind
from ccd.model.rules import Rules
from ccd.model.settings import BotSettings, Secret, Settings
from ccd.outside import bot_talk
from ccd.outside.bots import BotChannel
from tests.loopback.bot_server import BotServer, Talk
from tests.peers.ports import free_port

SHORT_S = 0.6
"""For what is to take too long."""
ENOUGH_S = 10.0


class Wire:
    """A line into a call that is no call."""

    def __init__(self, hear: Hear) -> None:
        self.hear = hear
        self.audio = bytearray()
        self.stopped = 0
        self.closed = False
        self.said: list[tuple[str, str]] = []
        self.cannot = ""
        self.ahead_texts = 0
        self.waiting: list[Any] = []

    @property
    def ahead_s(self) -> float:
        return len(self.audio) / 8000

    def play(self, audio: bytes) -> None:
        self.audio += audio

    def say(self, text: str, language: str, failed: Any) -> None:
        self.said.append((text, language))
        if self.cannot:
            failed(self.cannot)

    def when_played(self, happen: Any) -> None:
        if self.audio:
            self.waiting.append(happen)
        else:
            happen()

    def played(self) -> None:
        """All is played now."""
        self.audio.clear()
        waiting, self.waiting = self.waiting, []
        for happen in waiting:
            happen()

    def stop(self) -> None:
        self.stopped += 1
        self.played()

    def close(self) -> None:
        self.closed = True


class Door:
    """Opens wires."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.parties: list[tuple[str, str]] = []
        self.shut = False

    def open_line(self, name: str, party: str, hear: Hear) -> Wire | None:
        if self.shut:
            return None
        self.parties.append((name, party))
        self.wires.append(Wire(hear))
        return self.wires[-1]


class Site:
    """A bot, the channel that talks with it, and the facts that came."""

    def __init__(self) -> None:
        self.server = BotServer()
        self.door = Door()
        self.facts: list[AnyFact] = []
        self.channel = BotChannel({}, self.door, "ccd/test")
        self._came = asyncio.Event()

    async def open(self, **settings: Any) -> None:
        bot = BotSettings(name="clerk", **{"url": self.server.url, **settings})
        self.channel = BotChannel({"clerk": bot}, self.door, "ccd/test")
        await self.channel.start(self.post)

    def post(self, fact: AnyFact) -> None:
        self.facts.append(fact)
        self._came.set()

    def begin(self, number: int = 1, kind: LegKind = LegKind.TEXT, **more: Any) -> str:
        leg = f"bot:{number}.b1"
        known = {"timeout_s": ENOUGH_S, "longest_s": 20.0, "values": {"number": "+331"}}
        self.channel.perform(
            StartBot(
                leg=leg,
                interaction=str(number),
                bot="clerk",
                kind=kind,
                party="voice:x",
                language="fr",
                caller="+33612345678",
                dialled="+33100",
                **{**known, **more},
            )
        )
        return leg

    async def fact(self, kind: type, count: int = 1) -> Any:
        async with asyncio.timeout(ENOUGH_S):
            while len(found := [fact for fact in self.facts if type(fact) is kind]) < count:
                self._came.clear()
                await self._came.wait()
        return found[count - 1]

    async def failed(self) -> str:
        """Why it failed; nothing of it is left."""
        fact = await self.fact(BotEnded)
        assert not fact.ok and fact.step == "" and fact.values == {}
        async with asyncio.timeout(ENOUGH_S):
            while self.channel._tasks:
                await asyncio.wait(list(self.channel._tasks))
        assert all(wire.closed for wire in self.door.wires)
        assert self.row()["running"] == 0 and self.row()["failed"] == 1
        return str(fact.note)

    def row(self) -> dict[str, Any]:
        (row,) = self.channel.report("bots")
        return row  # type: ignore[no-any-return]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.server.open()
    yield site
    await site.channel.stop()
    await site.server.close()


# -- the protocol -------------------------------------------------------------------------------------


async def test_a_written_conversation_from_start_to_end(site: Site) -> None:
    await site.open(headers={"X-Line": "1"}, secret_headers={"Authorization": Secret("Bearer t")})
    leg = site.begin(written=("Before.",))
    site.channel.perform(TellBot(leg, "While it was dialled."))
    await site.fact(BotStarted)
    talk = await site.server.talk()
    assert talk.headers["Authorization"] == "Bearer t" and talk.headers["X-Line"] == "1"
    assert talk.headers["User-Agent"] == "ccd/test" and "Cookie" not in talk.headers
    assert talk.socket.ws_protocol == "ccd.bot.v1"
    assert await talk.get("start") == {
        "type": "start",
        "version": 1,
        "interaction": "1",
        "conversation": "1.b1",
        "kind": "text",
        "language": "fr",
        "caller": "+33612345678",
        "dialled": "+33100",
        "values": {"number": "+331"},
    }
    site.channel.perform(TellBot(leg, "Où est mon colis ? 📦"))
    site.channel.perform(TellBot(leg, digit="5"))
    await talk.get("digit")
    texts = [frame["text"] for frame in talk.of("text")]
    assert texts == ["Before.", "While it was dialled.", "Où est mon colis ? 📦"]
    await talk.send("text", text="En route.")
    await talk.send("mark", name="m")
    assert await talk.get("mark") == {"type": "mark", "name": "m"}
    assert await site.fact(BotSaid) == BotSaid("1", "1.b1", "En route.")
    await talk.send(
        "end", step="sales", values={"topic": "x", "n": 3, "ok": True, "no": None, "l": [1]}, reason="done"
    )
    ended = await site.fact(BotEnded)
    assert ended == BotEnded("1", "1.b1", True, "sales", {"topic": "x", "n": "3", "ok": "true"}, "done")
    await asyncio.wait_for(talk.over.wait(), ENOUGH_S)
    assert [type(fact) for fact in site.facts] == [BotStarted, BotSaid, BotEnded]
    assert site.row() == {"bot": "clerk", "running": 0, "talked": 1, "ended": 1, "stopped": 0, "failed": 0}


async def test_audio_goes_both_ways_and_the_end_waits_for_what_is_played(site: Site) -> None:
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    talk = await site.server.talk()
    start = await talk.get("start")
    assert start["kind"] == "audio" and start["audio"] == {"encoding": "mulaw", "rate": 8000, "frame_ms": 20}
    await site.fact(BotStarted)
    (wire,) = site.door.wires
    assert site.door.parties == [("bot:1.b1", "voice:x")]
    for number in range(5):
        wire.hear(bytes([number]) * 160)
    await talk.until(lambda: len(talk.audio) == 800)
    assert talk.audio == b"".join(bytes([number]) * 160 for number in range(5))
    await talk.play(b"\x11" * 1600)
    await talk.send("mark", name="said")
    await talk.send("stop")
    await talk.get("mark")
    assert wire.stopped == 1 and wire.audio == b"", "the mark comes when its audio is given up, too"
    await talk.play(b"\x12" * 1600)
    await talk.send("end", reason="bye")
    await talk.socket.ping()
    while len(wire.audio) < 1600 or not wire.waiting:
        await asyncio.sleep(0.002)
    assert not [fact for fact in site.facts if isinstance(fact, BotEnded)]
    wire.played()
    assert (await site.fact(BotEnded)).note == "bye" and wire.closed


async def test_on_a_call_a_text_is_said_in_the_caller_s_language(site: Site) -> None:
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    talk = await site.server.talk()
    await talk.get("start")
    (wire,) = site.door.wires
    await talk.send("text", text="Votre colis\n arrive.")
    await site.fact(BotSaid)
    wire.cannot = "a text is left out: there is no speech engine"
    await talk.send("text", text="  ")
    await talk.send("text", text="Demain.")
    assert (await talk.get("error"))["reason"] == wire.cannot
    assert wire.said == [("Votre colis arrive.", "fr"), ("Demain.", "fr")]
    await talk.send("end")
    assert (await site.fact(BotEnded)).ok, "the conversation goes on without it"
    said = [(fact.text, fact.note) for fact in site.facts if isinstance(fact, BotSaid)]
    assert said[0] == ("Votre colis\n arrive.", "") and said[-1] == ("", wire.cannot)


@pytest.mark.parametrize(
    ("ahead", "text", "why"),
    [
        (0, "x" * 2001, "it sent a text of over 2000 characters to be said"),
        (16, "x", "it floods: over 16 texts ahead"),
    ],
)
async def test_on_a_call_it_says_too_much(site: Site, ahead: int, text: str, why: str) -> None:
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    talk = await site.server.talk()
    await talk.get("start")
    site.door.wires[0].ahead_texts = ahead
    await talk.send("text", text=text)
    assert await site.failed() == why


async def test_what_is_said_goes_in_larger_pieces_where_that_is_asked_for(site: Site) -> None:
    await site.open(frame_ms=60)
    site.begin(kind=LegKind.AUDIO)
    await site.fact(BotStarted)
    talk = await site.server.talk()
    assert (await talk.get("start"))["audio"]["frame_ms"] == 60
    for number in range(7):
        site.door.wires[0].hear(bytes([number]) * 160)
    await talk.until(lambda: len(talk.audio) == 960)
    assert talk.audio == b"".join(bytes([number]) * 160 for number in range(6))


async def test_a_conversation_that_is_taken_away_is_told_so(site: Site) -> None:
    await site.open()
    leg = site.begin(kind=LegKind.AUDIO)
    await site.fact(BotStarted)
    talk = await site.server.talk()
    site.channel.perform(StopBot(leg, "left"))
    assert site.door.wires[0].closed, "the call is free at once"
    assert await talk.get("end") == {"type": "end", "reason": "left"}
    await asyncio.wait_for(talk.over.wait(), ENOUGH_S)
    site.channel.perform(StopBot(leg, "left"))
    site.channel.perform(TellBot(leg, "late"))
    assert [type(fact) for fact in site.facts] == [BotStarted]
    assert site.row()["stopped"] == 1


async def test_one_that_does_not_close_is_cut(site: Site) -> None:
    site.server.reads = False
    await site.open()
    leg = site.begin()
    await site.fact(BotStarted)
    site.channel.perform(StopBot(leg, "left"))
    async with asyncio.timeout(ENOUGH_S):
        await asyncio.wait(list(site.channel._tasks))
    assert site.row()["running"] == 0
    (await site.server.talk()).over.set()


async def test_the_channel_stops_while_bots_talk(site: Site) -> None:
    await site.open()
    for number in (1, 2, 3):
        site.begin(number, LegKind.AUDIO)
        await site.fact(BotStarted, number)
    await site.channel.stop()
    for talk in site.server.talks:
        assert talk.of("end") == [{"type": "end", "reason": "restart"}]
    assert all(wire.closed for wire in site.door.wires)
    assert not [fact for fact in site.facts if isinstance(fact, BotEnded)]


# -- what a bot does wrong ----------------------------------------------------------------------------


async def test_nobody_listens(site: Site) -> None:
    await site.open(url=f"ws://127.0.0.1:{free_port()}/clerk")
    site.begin()
    assert (await site.failed()).startswith("no connection")


async def test_it_refuses(site: Site) -> None:
    async def no(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    site.server.answer = no
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    assert await site.failed() == "it refused, status 403"
    assert site.door.wires == []


async def test_it_sends_somewhere_else(site: Site) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.path_qs)
        raise web.HTTPFound("/clerk?again")

    site.server.answer = elsewhere
    await site.open()
    site.begin()
    assert await site.failed() == "it refused, status 302"
    assert seen == ["/clerk"]


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def test_it_hangs_at_connect(site: Site) -> None:
    site.server.answer = hang
    await site.open()
    site.begin(timeout_s=SHORT_S)
    assert await site.failed() == "it was not there within 0.6 s"


async def test_it_is_stopped_while_it_is_dialled(site: Site) -> None:
    dialled = asyncio.Event()

    async def begin(request: web.Request) -> web.StreamResponse:
        dialled.set()
        return await hang(request)

    site.server.answer = begin
    await site.open()
    leg = site.begin(timeout_s=60.0)
    await asyncio.wait_for(dialled.wait(), ENOUGH_S)
    site.channel.perform(StopBot(leg, "left"))
    async with asyncio.timeout(ENOUGH_S):
        await asyncio.wait(list(site.channel._tasks))
    assert site.facts == [] and site.row()["running"] == 0


async def test_it_dies_in_mid_talk(site: Site) -> None:
    async def die(talk: Talk) -> None:
        await talk.get("start")
        transport = talk.socket._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()

    site.server.plot = die
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    assert await site.failed() in {"the connection broke", "it closed without an end (code 1006)"}


async def test_it_closes_without_an_end(site: Site) -> None:
    async def close(talk: Talk) -> None:
        await talk.get("start")
        await talk.socket.close(code=1011)

    site.server.plot = close
    await site.open()
    site.begin()
    assert await site.failed() == "it closed without an end (code 1011)"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("rubbish", "it sent no frame of ours"),
        ("[1]", "it sent no frame of ours"),
        ('{"type": "dance"}', "it sent no frame of ours"),
        ('{"type": "text"}', "it sent no frame of ours"),
        ('{"type": "text", "text": 3}', "it sent no frame of ours"),
        ('{"type": "end", "values": []}', "it sent no frame of ours"),
        (json.dumps({"type": "end", "values": {"a": "x" * 16_384}}), "it sent values of over 16 KiB"),
        ("[" * 60_000, "it sent no frame of ours"),
        (json.dumps({"type": "text", "text": "x" * 4001}), "it sent a text of over 4000 characters"),
        (json.dumps({"type": "mark", "name": "x" * 65}), "it sent a mark with a name of over 64"),
        ("x" * 10_000_000, "it broke the protocol"),
        (b"x" * 10_000_000, "it broke the protocol"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_it_sends_rubbish(site: Site, data: str | bytes, why: str) -> None:
    async def babble(talk: Talk) -> None:
        with contextlib.suppress(ConnectionError):
            await (talk.socket.send_str(data) if isinstance(data, str) else talk.socket.send_bytes(data))

    site.server.plot = babble
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    assert (await site.failed()).startswith(why)


async def test_a_value_that_is_none_and_a_key_unknown_do_no_harm(site: Site) -> None:
    values = {"a b": "x", "long": "x" * 5000, "nl": "a\nb", **{f"v{n}": "1" for n in range(100)}}

    async def end(talk: Talk) -> None:
        await talk.send("end", values=values, reason="r" * 500, step="s" * 500, more=1)

    site.server.plot = end
    await site.open()
    site.begin()
    fact = await site.fact(BotEnded)
    assert fact.ok and len(fact.values) == 32 and "a b" not in fact.values
    assert len(fact.values["long"]) == 1024 and fact.values["nl"] == "a b"
    assert len(fact.note) == 200 and len(fact.step) == 64


async def test_it_floods_with_texts(site: Site) -> None:
    async def flood(talk: Talk) -> None:
        while not talk.over.is_set():
            await talk.send("text", text="x")

    site.server.plot = flood
    await site.open()
    site.begin()
    assert (await site.failed()).startswith("it floods: over 60 texts")
    assert len([fact for fact in site.facts if isinstance(fact, BotSaid)]) <= 120


async def test_it_floods_with_audio_and_the_loop_turns_on(site: Site) -> None:
    async def flood(talk: Talk) -> None:
        while not talk.over.is_set():
            await talk.socket.send_bytes(b"\x11" * 1600)

    site.server.plot = flood
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    why = await site.failed()
    assert why.startswith("it floods: over 120 s of audio ahead")


async def test_it_floods_with_tiny_frames(site: Site) -> None:
    async def flood(talk: Talk) -> None:
        while not talk.over.is_set():
            await talk.socket.send_bytes(b"\x11")
            await asyncio.sleep(0)  # it has the loop of what it floods

    site.server.plot = flood
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    assert (await site.failed()).startswith("it floods: over 3000 frames")


async def test_it_does_not_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.server.reads = False
    await site.open()
    leg = site.begin()
    await site.fact(BotStarted)
    for _ in range(4000):
        site.channel.perform(TellBot(leg, "x" * 4000))
        await asyncio.sleep(0)
        if site.row()["failed"]:
            break
    assert await site.failed() == "it does not read what it is sent"
    (await site.server.talk()).over.set()


async def test_it_never_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow ends it in time; this is the net below."""
    monkeypatch.setattr(bot_talk, "CLOSE_S", 0.2)
    await site.open()
    site.begin(longest_s=0.2)
    assert await site.failed() == "it talked for too long"


async def test_the_call_is_gone_when_the_bot_comes(site: Site) -> None:
    site.door.shut = True
    await site.open()
    site.begin(kind=LegKind.AUDIO)
    assert await site.failed() == "the call is gone, or there is no room for media"


async def test_more_than_may_be_at_a_time_and_a_bot_that_is_gone(site: Site) -> None:
    await site.open(most=1)
    site.begin(1)
    await site.fact(BotStarted)
    site.begin(2)
    assert (await site.fact(BotEnded)).note == "1 conversations run already"
    site.channel.reload(Settings(rules=Rules()))
    site.begin(3)
    assert (await site.fact(BotEnded, 2)).note == "there is no bot clerk any more"
    talk = await site.server.talk()
    await talk.send("end")
    assert (await site.fact(BotEnded, 3)).ok, "what ran when the bot was taken away ends as it began"


# -- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.mark.parametrize(
    ("host", "trusted", "why"),
    [
        ("localhost", True, ""),
        ("localhost", False, "its certificate is not to be trusted"),
        ("127.0.0.1", True, "its certificate is not to be trusted"),
    ],
)
async def test_certificates_are_verified(
    certificate: tuple[Path, Path], host: str, trusted: bool, why: str
) -> None:
    key, cert = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    site = Site()
    await site.server.open(tls)
    ca = str(cert) if trusted else ""
    await site.open(
        url=f"wss://{host}:{site.server.port}/clerk", ca=ca, secret_headers={"Authorization": Secret("t")}
    )
    site.begin(timeout_s=5.0)
    if why:
        assert (await site.failed()).startswith(why)
        assert site.server.talks == [], "no secret was sent"
    else:
        await site.fact(BotStarted)
    await site.channel.stop()
    await site.server.close()


# -- the page -----------------------------------------------------------------------------------------


async def test_the_bot_of_the_page_works(site: Site) -> None:
    page = (Path(__file__).parents[2] / "docs" / "bots.md").read_text()
    code = page.split("```python\n")[1].split("```")[0].partition("app = ")[0]
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102  it is our own page
    site.server.answer = space["clerk"]
    await site.open()
    leg = site.begin()
    site.channel.perform(TellBot(leg, "hello"))
    assert (await site.fact(BotSaid)).text == "You wrote: hello"
    site.channel.perform(TellBot(leg, "bye"))
    ended = await site.fact(BotEnded)
    assert (ended.ok, ended.step, ended.values) == (True, "people", {"topic": "bye"})
    site.begin(2, LegKind.AUDIO)
    await site.fact(BotStarted, 2)
    site.door.wires[0].hear(b"\x11" * 160)
    async with asyncio.timeout(ENOUGH_S):
        while site.door.wires[0].audio != b"\x11" * 160:
            await asyncio.sleep(0.002)
