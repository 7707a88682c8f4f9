"""Lines into calls against the real media engine: what is heard, played, given up, and left behind."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from ccd.media.g711 import PCMA
from ccd.media.packet import HEADER
from ccd.voice.audio_lines import AudioLines, Line
from ccd.voice.engine import Digit, LegClosed, Play, PlayEnded
from ccd.voice.media_engine import EmbeddedEngine
from ccd.voice.speech_plan import SpeechPlan
from tests.loopback.media_party import Party, assert_continuous, assert_one_stream, power_db, settle, wait_for
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
        self.opened: list[Line] = []

    async def open(self, party: Party | None = None, hear: Callable[[bytes], Any] | None = None) -> Line:
        self.party = await self.site.add("c", party or Party())
        line = self.lines.open_line("bot:1.b1", "c", hear or self.heard.__iadd__)
        assert line is not None
        self.opened.append(line)
        await settle(self.site.engine)
        return line

    async def close(self) -> None:
        """Also what a test that failed left open: another one would be blamed for it."""
        for line in self.opened:
            line.close()
        await self.site.close()

    def got(self) -> bytes:
        """What the caller was sent."""
        return b"".join(packet[-1] for packet in self.party.packets)


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    site = Site(1, tmp_path)
    await site.engine.start(site.facts.append)
    made = Call(site)
    yield made
    await made.close()


SPEAKS = """
import math, struct, sys, wave
text = sys.stdin.read()
if "broken" in text:
    sys.exit("no voice today")
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    wave_ = [int(12000 * math.sin(2 * math.pi * 1000 * at / 8000)) for at in range(800 * len(text.split()))]
    file.writeframes(struct.pack(f"<{len(wave_)}h", *wave_))
sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
"""
"""A tone of a tenth of a second for each word."""
QUIET = b"\x91"


@pytest.fixture
async def speaking(tmp_path: Path) -> AsyncIterator[Call]:
    site = Site(1, tmp_path)
    command = (sys.executable, "-c", SPEAKS, str(tmp_path / "said.wav"))
    site.engine = EmbeddedEngine(site.settings, speech=SpeechPlan("command", "", command=command))
    made = Call(site)

    def hear(fact: Any) -> None:
        if not (isinstance(fact, PlayEnded) and made.lines.play_ended(fact)):
            site.facts.append(fact)

    await site.engine.start(hear)
    yield made
    await made.close()


def kinds(got: bytes) -> list[tuple[str, int]]:
    """What was heard, in order: `loud`, `quiet` or `said`, and how many packets of it."""
    found: list[tuple[str, int]] = []
    for at in range(0, len(got), 160):
        packet = got[at : at + 160]
        kind = "loud" if packet[:1] == LOUD else "quiet" if packet[:1] == QUIET else "said"
        kind = kind if packet == packet[:1] * 160 else "said"
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + 1)
        else:
            found.append((kind, 1))
    return found


async def test_texts_and_audio_are_heard_in_their_order_and_the_caller_all_the_time(speaking: Call) -> None:
    line = await speaking.open(Party(440))
    done: list[str] = []
    line.play(LOUD * 1600)
    line.when_played(lambda: done.append("audio"))
    line.say("one two three", "en", done.append)
    line.when_played(lambda: done.append("text"))
    line.say("four five", "en", done.append)
    line.play(QUIET * 800)
    line.when_played(lambda: done.append("all"))
    assert (line.ahead_texts, line.ahead_s) == (2, pytest.approx(0.3))
    await wait_for(lambda: done == ["audio"])
    heard = len(speaking.heard)
    await speaking.party.talk(0.2)
    await wait_for(lambda: len(speaking.heard) >= heard + 1600)
    assert done == ["audio"], "heard while the text is made or spoken"
    await wait_for(lambda: done == ["audio", "text", "all"])
    await wait_for(lambda: kinds(speaking.got())[-1] == ("quiet", 5))
    (loud, ten), (said, count), _ = kinds(speaking.got())
    assert (loud, ten, said) == ("loud", 10, "said") and 22 <= count <= 27, "both texts, whole"
    assert_one_stream(speaking.party.packets)
    assert line.ahead_texts == 0 and not speaking.site.of(PlayEnded), "it is no play of the centre's"
    line.close()


async def test_a_text_that_cannot_be_said_is_told_and_what_follows_is_heard(speaking: Call) -> None:
    line = await speaking.open()
    told: list[str] = []
    line.say("broken", "en", told.append)
    line.play(LOUD * 320)
    await wait_for(lambda: kinds(speaking.got()) == [("loud", 2)])
    assert len(told) == 1 and "no voice today" in told[0]
    line.close()


async def test_without_a_speech_engine_it_says_so(tmp_path: Path) -> None:
    site = Site(1, tmp_path)
    call, told = Call(site), list[str]()
    await site.engine.start(lambda fact: call.lines.play_ended(fact) if isinstance(fact, PlayEnded) else None)
    line = await call.open()
    line.say("Hello", "en", told.append)
    await wait_for(lambda: told == ["a text is left out: there is no speech engine"])
    line.close()
    await site.close()


@pytest.mark.parametrize("how", ["stop", "close"])
async def test_stop_and_close_silence_a_text_at_once(speaking: Call, how: str) -> None:
    line = await speaking.open()
    done: list[str] = []
    line.say(" ".join(["word"] * 100), "en", done.append)
    line.say("another", "en", done.append)
    line.when_played(lambda: done.append("mark"))
    await wait_for(lambda: len(speaking.party.packets) >= 5)
    line.stop() if how == "stop" else line.close()
    assert done == (["mark"] if how == "stop" else []) and line.ahead_texts == 0
    await speaking.party.quiet()
    assert len(speaking.party.packets) < 250, "of 500 and more"
    if how == "stop":
        line.play(LOUD * 160)
        await wait_for(lambda: kinds(speaking.got())[-1] == ("loud", 1))
        line.close()


@pytest.mark.alone
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
    await call.party.quiet()
    count = len(call.party.packets)
    assert count < 250, "silence at once, instead of 500"
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
    await wait_for(lambda: call.site.of(Digit))
    assert [fact.digit for fact in call.site.of(Digit)] == ["5"]
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
