"""The web chat over real sockets: the protocol, the page, broken connections, and refusals."""

# ruff: noqa: ASYNC110  polling is what a test does that may not know the insides

import asyncio
import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from ccd_webchat import server
from ccd_webchat.adapter import SPEC
from ccd_webchat.settings import WebchatSettings

from ccd.channels.links import MOST_WRONG_PER_MIN
from ccd.channels.port import Drains, Reports, ResumesLegs
from ccd.clock import SystemClock
from ccd.errors import Misconfigured, TryLater
from ccd.ids import SystemChance
from ccd.model import commands as do
from ccd.model.facts import LegAnswered, LegArrived, LegEnded, TextDelivered, TextReceived
from ccd.model.nouns import Cause, ChannelClass
from tests.loopback.webchat_visitor import NONSENSE, WAIT_S, WebOutside


@pytest.fixture
async def outside() -> AsyncIterator[WebOutside]:
    outside = await WebOutside.begin(resume_s=30.0)
    yield outside
    await outside.close()


async def test_a_conversation_from_hello_to_bye(outside: WebOutside) -> None:
    visitor = await outside.connect()
    welcome = await visitor.hello(name="Ada")
    assert welcome["resumed"] is False and len(welcome["token"]) >= 24
    await visitor.send("text", id="c1", text="Where is my parcel? 📦")
    received = await outside.fact(TextReceived)
    assert received.text == "Where is my parcel? 📦" and received.message == "c1"
    arrived = await outside.fact(LegArrived)
    assert (arrived.target, arrived.display) == ("web:support", "Ada")
    assert arrived.channel_class is ChannelClass.LIVE_TEXT
    leg = arrived.leg
    outside.channel.perform(do.AcknowledgeText(leg, "c1"))
    outside.channel.perform(do.TellPosition(leg, 2))
    outside.channel.perform(do.AnswerLeg(leg))
    outside.channel.perform(do.SendText(leg, "s1", "On its way."))
    assert await visitor.get("text") == {"type": "text", "id": "s1", "text": "On its way.", "from": "agent"}
    kinds = [frame["type"] for frame in visitor.frames]
    assert kinds == ["welcome", "ack", "position", "answered", "text"]
    assert await outside.fact(TextDelivered) == TextDelivered(leg, "s1")
    await visitor.send("bye")
    ended = await outside.fact(LegEnded)
    assert (ended.cause, ended.remote) == (Cause.NORMAL, True)
    assert (await visitor.get("ended"))["cause"] == "normal"
    assert await visitor.closed() == 1000


async def test_a_release_by_the_core_is_told_after_the_last_text(outside: WebOutside) -> None:
    leg = await outside.arrive()
    visitor = outside.visitors[leg]
    outside.channel.perform(do.SendText(leg, "s1", "Goodbye."))
    outside.channel.perform(do.ReleaseLeg(leg, Cause.LAPSED))
    assert await visitor.closed() == 1000
    assert [frame["type"] for frame in visitor.frames][-2:] == ["text", "ended"]
    assert (await outside.fact(LegEnded)).cause is Cause.LAPSED


async def test_a_broken_connection_is_resumed_with_what_was_missed(outside: WebOutside) -> None:
    leg = await outside.arrive()
    visitor = outside.visitors[leg]
    visitor.vanish()
    await visitor.closed()
    async with asyncio.timeout(WAIT_S):
        while outside.web.report("visitors")[0]["connected"]:
            await asyncio.sleep(0.002)
    outside.channel.perform(do.SendText(leg, "s1", "Are you there?"))
    again = await outside.connect()
    assert (await again.hello(visitor.token))["resumed"] is True
    assert (await again.get("text"))["text"] == "Are you there?"
    await outside.fact(TextDelivered)
    await again.send("text", id="c9", text="yes")
    assert (await outside.fact(TextReceived, 2)).leg == leg
    assert not [fact for fact in outside.facts if isinstance(fact, LegEnded)]
    assert outside.web.report("counters")["resumed"] == 1


async def test_a_visitor_who_stays_away_is_ended_by_the_clock() -> None:
    outside = await WebOutside.begin(resume_s=0.05)
    leg = await outside.arrive()
    outside.visitors[leg].vanish()
    ended = await outside.fact(LegEnded)
    assert ended.leg == leg and ended.cause is Cause.CANCELLED
    await outside.close()


async def test_after_a_restart_of_the_daemon_the_visitor_goes_on() -> None:
    first = await WebOutside.begin()
    leg = await first.arrive()
    visitor = first.visitors[leg]
    await first.channel.stop()
    assert await visitor.closed() == 1001
    await first.close()
    second = await WebOutside.begin()
    assert isinstance(second.channel, ResumesLegs)
    second.channel.resume([leg])
    again = await second.connect()
    assert (await again.hello(visitor.token))["resumed"] is True
    second.channel.perform(do.SendText(leg, "s1", "We are back."))
    assert (await again.get("text"))["text"] == "We are back."
    await again.send("text", id="w0", text="hello")
    assert await second.fact(TextReceived) == TextReceived(leg, "hello", "w0")
    await second.close()


@pytest.mark.parametrize("data", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_is_answered_or_closed_and_counted(outside: WebOutside, data: str | bytes) -> None:
    visitor = await outside.connect()
    await (visitor.socket.send_bytes if isinstance(data, bytes) else visitor.socket.send_str)(data)
    assert await visitor.closed() in (1008, 1009)
    if visitor.socket.close_code == 1008:
        (fault,) = visitor.of("fault")
        assert fault["problem"]
        assert outside.web.report("counters")["faults"] == 1
    assert outside.facts == []


async def test_a_wrong_frame_in_a_conversation_is_told_and_the_conversation_goes_on(
    outside: WebOutside,
) -> None:
    leg = await outside.arrive()
    visitor = outside.visitors[leg]
    await visitor.send("text", id="c1", text=7)
    fault = await visitor.get("fault")
    assert "Expected `str`, got `int`" in fault["problem"]
    await visitor.send("hello")
    await visitor.get("fault", 2)
    await visitor.send("text", id="c1", text="now right")
    assert (await outside.fact(TextReceived, 2)).text == "now right"


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        ((), "", 101),
        ((), "OWN", 101),
        ((), "https://evil.example", 403),
        ((), "http://[", 403),
        ((), "null", 403),
        (("https://www.example.com",), "https://www.example.com", 101),
        (("https://www.example.com",), "https://www.example.com.evil.example", 403),
        (("https://www.example.com",), "http://www.example.com", 403),
        (("*",), "https://evil.example", 101),
    ],
)
async def test_only_allowed_pages_may_open_the_chat(
    allowed: tuple[str, ...], origin: str, status: int
) -> None:
    outside = await WebOutside.begin(allowed_origins=allowed)
    origin = outside.url if origin == "OWN" else origin
    headers = {"Origin": origin} if origin else {}
    try:
        visitor = await outside.connect(headers=headers)
        await visitor.hello()
        assert status == 101
    except aiohttp.WSServerHandshakeError as error:
        assert error.status == status  # noqa: PT017
    await outside.close()


async def test_the_page_is_whole_and_locked_down(outside: WebOutside) -> None:
    status, text, headers = await outside.http("/")
    assert status == 200 and 'const path = "/chat"' in text
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not re.search(r"""(src|href)=|https?://|\son\w+=["']""", text)
    assert headers["Server"] == "ccd" and headers["X-Content-Type-Options"] == "nosniff"


async def test_the_policy_allows_the_pages_own_script_and_style_alone(outside: WebOutside) -> None:
    _, text, headers = await outside.http("/")
    for tag in ("script", "style"):
        match = re.search(f"<{tag}>(.*)</{tag}>", text, re.S)
        assert match is not None
        digest = base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in headers["Content-Security-Policy"]


async def test_what_is_no_websocket_is_told_so(outside: WebOutside) -> None:
    status, text, _ = await outside.http("/chat")
    assert (status, text) == (426, "This is a WebSocket.\n")
    assert (await outside.http("/etc/passwd"))[0] == 404
    assert (await outside.http("/chat", Origin="https://evil.example"))[0] == 403


async def test_without_a_page_only_the_socket_is_served() -> None:
    outside = await WebOutside.begin(page=False)
    assert (await outside.http("/"))[0] == 404
    await (await outside.connect()).hello()
    await outside.close()


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SPARE_CONNECTIONS", 1)
    outside = await WebOutside.begin(max_visitors=1)
    first, _ = await outside.connect(), await outside.connect()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await outside.connect()
    assert caught.value.status == 503
    await first.close()
    async with asyncio.timeout(WAIT_S):
        while outside.web._connections == 2:
            await asyncio.sleep(0.002)
    await (await outside.connect()).hello()
    await outside.close()


async def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd_webchat.visits.HELLO_S", 0.02)
    outside = await WebOutside.begin()
    assert await (await outside.connect()).closed() == 1008
    monkeypatch.setattr("ccd_webchat.visits.HELLO_S", WAIT_S)
    monkeypatch.setattr("ccd_webchat.visits.FIRST_TEXT_S", 0.02)
    visitor = await outside.connect()
    await visitor.hello()
    assert await visitor.closed() == 1008
    assert outside.facts == []
    await outside.close()


async def test_a_reader_that_stands_still_is_closed_and_gets_everything_when_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "WRITE_S", 0.1)
    outside = await WebOutside.begin()
    leg = await outside.arrive()
    visitor = outside.visitors[leg]
    assert visitor.socket._response.connection is not None
    transport = visitor.socket._response.connection.transport
    transport.pause_reading()  # type: ignore[union-attr]
    for number in range(150):
        outside.channel.perform(do.SendText(leg, f"s{number}", "x" * 100_000))
    async with asyncio.timeout(WAIT_S):
        while outside.web.report("visitors")[0]["connected"]:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(server, "WRITE_S", WAIT_S)
    again = await outside.connect(max_msg_size=0)
    await again.hello(visitor.token, after="none")
    visitor.vanish()
    await again.get("text", 150)
    assert [frame["id"] for frame in again.of("text")] == [f"s{number}" for number in range(150)]
    await outside.fact(TextDelivered, 150)
    await outside.close()


async def test_more_frames_than_may_wait_close_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "QUEUED_FRAMES", 20)
    outside = await WebOutside.begin()
    leg = await outside.arrive()
    for number in range(50):
        outside.channel.perform(do.SendText(leg, f"s{number}", "x"))
    assert await outside.visitors[leg].closed() == 1008
    assert not [fact for fact in outside.facts if isinstance(fact, LegEnded)]
    await outside.close()


async def test_a_port_that_is_taken_and_an_address_that_is_not_ours_are_named(outside: WebOutside) -> None:
    taken = SPEC.build("two", WebchatSettings(port=outside.web.port), SystemClock(), SystemChance())
    with pytest.raises(
        TryLater, match=f"channel two: another program listens on 127.0.0.1:{outside.web.port}"
    ):
        await taken.start(outside.facts.append)
    await taken.stop()
    far = SPEC.build("far", WebchatSettings(host="192.0.2.1", port=0), SystemClock(), SystemChance())
    with pytest.raises(Misconfigured, match=r"cannot listen on 192\.0\.2\.1:0"):
        await far.start(outside.facts.append)


async def test_half_a_request_and_a_dead_tcp_connection_disturb_nobody(outside: WebOutside) -> None:
    for data in (b"", b"GET /chat HTTP/1.1\r\nHost:", b"\x00" * 5000, b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", outside.web.port)) as raw:
            raw.sendall(data)
            await asyncio.sleep(0)
    assert await outside.arrive()


async def test_a_request_that_is_no_http_is_refused_and_counted_without_a_traceback(
    outside: WebOutside, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    nonsense = (b"GET / HTTP/9.9\r\n\r\n", b"\x00 nothing at all\r\n\r\n", b"GET /chat\xff\r\n\r\n")
    for data in nonsense:
        reader, writer = await asyncio.open_connection("127.0.0.1", outside.web.port)
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), WAIT_S)
        assert answer.startswith(b"HTTP/1.") and b" 400 " in answer
        assert b"Traceback" not in answer
        writer.close()
    assert outside.web.report("counters") == {"bad_requests": len(nonsense)}
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err + caplog.text


async def test_started_twice_it_listens_once_and_stops(outside: WebOutside) -> None:
    port = outside.web.port
    await outside.web.start(outside.facts.append)
    assert outside.web.port == port
    await outside.web.stop()
    assert outside.web.port == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


async def test_its_abilities_and_reports(outside: WebOutside) -> None:
    assert isinstance(outside.channel, Drains) and isinstance(outside.channel, ResumesLegs)
    assert isinstance(outside.channel, Reports)
    leg = await outside.arrive()
    outside.channel.perform(do.AnswerLeg(leg))
    await outside.fact(LegAnswered)
    (row,) = json.loads(json.dumps(outside.channel.report("visitors")))
    assert row == {
        "leg": leg,
        "name": "Ada",
        "connected": True,
        "arrived": True,
        "answered": True,
        "unacknowledged": 1,
        "undelivered": 0,
    }
    assert outside.channel.report("trunks") is None


async def test_a_web_chat_declines_what_only_calls_can_do(outside: WebOutside) -> None:
    outside.channel.perform(do.DialLeg("web:d1", do.LegKind.TEXT, do.OfferCard("1"), devices=("alice",)))
    ended = await outside.fact(LegEnded)
    assert (ended.leg, ended.cause) == ("web:d1", Cause.UNREACHABLE)
    assert "cannot call anybody" in ended.note


def test_the_adapter_is_light_until_a_channel_is_built() -> None:
    script = (
        "import sys, ccd_webchat.adapter as a; assert a.SPEC.name == 'webchat'; "
        "print(sorted(m for m in ('aiohttp', 'ccd_webchat.server', 'ssl', 'asyncio') if m in sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert out.stdout == "[]\n"


def test_without_aiohttp_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ccd_webchat.server", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(Misconfigured, match=r"pip install 'ccd\[webchat\]'"):
        SPEC.build("web", None, SystemClock(), SystemChance())


async def test_a_trusted_proxy_says_who_guesses_and_nobody_else_may() -> None:
    outside = await WebOutside.begin(trusted_proxies=("127.0.0.1/32",))
    guesser, honest = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}, {"X-Forwarded-For": "203.0.113.9"}
    for number in range(MOST_WRONG_PER_MIN):
        visitor = await outside.connect(headers=guesser)
        await visitor.send("hello", link="wrong")
        leg = (await outside.fact(LegArrived, number + 1)).leg
        outside.channel.perform(do.ReleaseLeg(leg, Cause.FORBIDDEN))
        assert await visitor.closed() == 1000
    refused = await outside.connect(headers=guesser)
    await refused.send("hello", link="wrong")
    assert await refused.closed() == 1013
    through = await outside.connect(headers=honest)
    assert (await through.hello(link="t0ken"))["resumed"] is False
    await outside.close()
    alone = await WebOutside.begin()
    for number, source in enumerate(("203.0.113.1", "203.0.113.2")):
        visitor = await alone.connect(headers={"X-Forwarded-For": source})
        await visitor.hello()
        assert alone.web.report("counters")["unknown_proxy"] == number + 1, "and the log says it once"
    await alone.close()
