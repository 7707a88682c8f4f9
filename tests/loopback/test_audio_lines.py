"""Lines into calls against the real media engine: what is heard, played, given up, and left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from ccd.media.g711 import PCMA
from ccd.media.packet import HEADER
from ccd.voice.audio_lines import AudioLines, Line
from ccd.voice.engine import LegClosed, Play
from tests.loopback.media_party import Party, assert_continuous, power_db, settle, wait_for
from tests.loopback.test_media_engine import Site

LOUD = b"\x11"


class Call:
    """A caller in the media engine, and lines into the call."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.heard = bytearray()
        legs = {"c": 1, "d": 1}
        channel: Any = SimpleNamespace(engine=site.engine, legs=legs, log=structlog.get_logger())
        self.lines = AudioLines(channel)

    async def open(self, party: Party | None = None, hear: Callable[[bytes], Any] | None = None) -> Line:
        self.party = await self.site.add("c", party or Party())
        line = self.lines.open_line("bot:1.b1", "c", hear or self.heard.__iadd__)
        assert line is not None
        await settle(self.site.engine)
        return line

    def got(self) -> bytes:
        """What the caller was sent."""
        return b"".join(packet[-1] for packet in self.party.packets)


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    site = Site(1, tmp_path)
    await site.engine.start(site.facts.append)
    yield Call(site)
    await site.close()


async def test_what_is_played_is_one_steady_stream_and_more_comes_behind_a_pause(call: Call) -> None:
    line = await call.open()
    line.play(LOUD * 8000)
    assert line.ahead_s == pytest.approx(1.0)
    done: list[str] = []
    line.when_played(lambda: done.append("first"))
    await wait_for(lambda: done == ["first"])
    await wait_for(lambda: call.got() == LOUD * 8000)
    assert_continuous(call.party.packets)
    assert 0.9 <= call.party.packets[-1][0] - call.party.packets[0][0] <= 1.3, "in its own time"
    await asyncio.sleep(0.3)
    line.play(LOUD * 100)
    await wait_for(lambda: len(call.party.packets) == 51)
    before, after = call.party.packets[-2], call.party.packets[-1]
    assert after[2] and after[4] - before[4] >= 2000, "marked, and the time went on in the pause"
    assert after[-1] == LOUD * 100 + b"\xff" * 60, "filled up with silence"
    line.close()


async def test_the_line_hears_the_caller_through_another_codec(call: Call) -> None:
    from array import array

    from ccd.media.g711 import PCMU, decode

    line = await call.open(Party(440, PCMA))
    await call.party.talk(1.0)
    await wait_for(lambda: len(call.heard) == 8000)
    samples = array("h")
    samples.frombytes(decode(bytes(call.heard), PCMU))
    assert power_db(samples, 440) > -1.0
    line.close()


async def test_stop_gives_up_what_waits_and_says_so(call: Call) -> None:
    line = await call.open()
    done: list[int] = []
    line.when_played(lambda: done.append(0))
    line.play(LOUD * 80_000)
    line.when_played(lambda: done.append(1))
    await wait_for(lambda: len(call.party.packets) >= 5)
    line.stop()
    assert done == [0, 1] and line.ahead_s == 0.0
    count = len(call.party.packets)
    await asyncio.sleep(0.15)
    assert len(call.party.packets) <= count + 2, "silence at once"
    line.play(LOUD * 160)
    await wait_for(lambda: len(call.party.packets) > count)
    line.close()


async def test_a_closed_line_leaves_the_call_as_it_was(call: Call) -> None:
    line = await call.open(Party(440))
    line.play(LOUD * 80_000)
    line.when_played(lambda: pytest.fail("nobody waits any more"))
    line.close()
    line.close()
    line.play(LOUD)
    line.stop()
    await wait_for(lambda: [fact.leg for fact in call.site.of(LegClosed)] == ["bot:1.b1"])
    call.heard.clear()
    await call.party.talk(0.2)
    assert call.heard == b""
    call.party.packets.clear()
    call.site.engine.perform(Play("c", "p1", tone="beep"))
    await wait_for(lambda: call.party.packets)


async def test_nobody_else_gets_a_word_in(call: Call) -> None:
    line = await call.open()
    ours = line._socket
    assert ours is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(HEADER.pack(0x80, 0, 1, 1, 1) + b"x" * 160, ours.getsockname())
    await asyncio.sleep(0.1)
    assert call.heard == b""
    line.close()


async def test_keys_reach_the_engine_and_are_no_audio(call: Call) -> None:
    line = await call.open()
    await call.party.press("5")
    await settle(call.site.engine)
    assert [fact.digit for fact in call.site.facts if hasattr(fact, "digit")] == ["5"]
    assert call.heard == b""
    line.close()


async def test_a_fault_at_one_line_does_not_silence_the_other(call: Call) -> None:
    line = await call.open()
    other = await call.site.add("d", Party())
    second = call.lines.open_line("bot:2.b1", "d", lambda _: None)
    assert second is not None
    await settle(call.site.engine)

    def fail() -> None:
        raise RuntimeError("a bug")

    line.play(LOUD * 320)
    line.when_played(fail)
    second.play(LOUD * 3200)
    await wait_for(lambda: len(other.packets) == 20)
    assert line._socket is None
    second.close()


async def test_no_leg_and_no_port_give_no_line(call: Call) -> None:
    assert call.lines.open_line("bot:1.b1", "gone", lambda _: None) is None
    while call.site.engine.take_port() is not None:
        pass
    assert call.lines.open_line("bot:1.b1", "c", lambda _: None) is None
