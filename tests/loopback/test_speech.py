"""Texts spoken by real engines into real RTP: what arrives is what was rendered; no leg waits for another."""

import asyncio
import stat
import sys
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ccd.media.g711 import PCMA, PCMU
from ccd.media.wav import read
from ccd.model.nouns import PromptPart
from ccd.model.settings import MediaSettings
from ccd.voice.engine import CloseLeg, OpenLeg, Play, PlayEnded, Stop
from ccd.voice.media_engine import EmbeddedEngine
from ccd.voice.speech import Speech
from ccd.voice.speech_plan import SpeechPlan
from tests.loopback.media_party import Party, settle, wait_for
from tests.peers.ports import media_block

HELLO = "Hello Ann, your balance is twelve euros and fifty cents."
SLOW = [sys.executable, "-c", "import time; time.sleep(30)"]


class Site:
    """An engine that speaks, and its facts."""

    def __init__(self, plan: SpeechPlan, workers: int) -> None:
        first = media_block(200)
        settings = MediaSettings(workers=workers, port_min=first, port_max=first + 199, dead_after_s=0.0)
        self.engine = EmbeddedEngine(settings, speech=plan)
        self.facts: list[object] = []
        self.parties: list[Party] = []

    async def add(self, name: str, codec: str = PCMU) -> Party:
        party = Party(codec=codec)
        await party.open()
        self.parties.append(party)
        taken = self.engine.take_port()
        assert taken is not None
        party.target = taken
        self.engine.perform(OpenLeg(name, taken[1], party.stream()))
        return party

    def say(self, leg: str, play: str, text: str, language: str = "en") -> None:
        self.engine.perform(Play(leg, play, (PromptPart(text=text, language=language),), "fr"))

    def ended(self, play: str) -> PlayEnded | None:
        plays = [fact for fact in self.facts if isinstance(fact, PlayEnded) and fact.play == play]
        return plays[0] if plays else None

    async def over(self, play: str, seconds: float = 20.0) -> PlayEnded:
        await wait_for(lambda: self.ended(play) is not None, seconds)
        fact = self.ended(play)
        assert fact is not None
        return fact


@pytest.fixture
async def sites() -> AsyncIterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        for party in site.parties:
            party.close()
        await site.engine.stop()


async def begin(sites: list[Site], plan: SpeechPlan, workers: int = 1) -> Site:
    site = Site(plan, workers)
    await site.engine.start(site.facts.append)
    sites.append(site)
    return site


def correlation(heard: array, sent: array) -> float:  # type: ignore[type-arg]
    """Best normalised correlation of two sounds that begin within a frame of each other."""
    best = 0.0
    one, other = np.asarray(heard, float), np.asarray(sent, float)
    for lag in range(-160, 161):
        a, b = one[max(0, lag) :], other[max(0, -lag) :]
        count = min(len(a), len(b), 16000)
        power = float(np.sum(a[:count] ** 2) * np.sum(b[:count] ** 2))
        best = max(best, float(np.dot(a[:count], b[:count])) / power**0.5 if power else 0.0)
    return best


@pytest.mark.needs("espeak-ng")
def test_the_correlation_tells_texts_apart() -> None:
    """The measure itself: another text does not pass."""
    plan = SpeechPlan("espeak", "")
    one, other = (
        Speech(plan).clip("en", text) for text in (HELLO, "Nothing of the kind was ever said here.")
    )
    from ccd.media.g711 import decode

    sounds = [array("h", decode(clip.ulaw, PCMU)) for clip in (one, other)]
    assert correlation(sounds[0], sounds[0]) > 0.99
    assert correlation(sounds[0], sounds[1]) < 0.5


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize(("workers", "codec"), [(1, PCMU), (0, PCMA)])
async def test_a_party_hears_what_espeak_rendered(
    sites: list[Site], tmp_path: Path, workers: int, codec: str
) -> None:
    plan = SpeechPlan("espeak", str(tmp_path / "speech"))
    site = await begin(sites, plan, workers)
    party = await site.add("a", codec)
    site.say("a", "p1", HELLO)
    assert (await site.over("p1")) == PlayEnded("a", "p1", True)
    file = Speech(plan).path("en", HELLO)
    rendered = array("h", read(file.read_bytes(), "rendered").linear)
    await wait_for(lambda: len(party.heard()) >= len(rendered) - 320)  # its end is told before it is read
    heard = party.heard()
    assert abs(len(heard) - len(rendered)) <= 320
    assert correlation(heard, rendered) > 0.97
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.needs("espeak-ng")
async def test_a_text_is_rendered_once_and_the_disk_serves_the_next_worker(
    sites: list[Site], tmp_path: Path
) -> None:
    counter = tmp_path / "count"
    program = (
        "import sys, subprocess; open(sys.argv[1], 'a').write('x'); "
        "subprocess.run(['espeak-ng', '--stdout', '--stdin'], check=True)"
    )
    command = (sys.executable, "-c", program, str(counter))
    plan = SpeechPlan("command", str(tmp_path / "speech"), command=command)
    site = await begin(sites, plan)
    for leg in ("a", "b"):
        await site.add(leg)
    for leg in ("a", "b"):
        site.say(leg, f"p{leg}", "one moment")
    for leg in ("a", "b"):
        assert (await site.over(f"p{leg}")).completed
    again = await begin(sites, plan, 0)
    await again.add("c")
    again.say("c", "pc", "one moment")
    assert (await again.over("pc")).completed
    assert counter.read_text() == "x"


@pytest.mark.needs("espeak-ng")
async def test_texts_ahead_are_rendered_before_anybody_asks(sites: list[Site], tmp_path: Path) -> None:
    plan = SpeechPlan("espeak", str(tmp_path / "speech"))
    site = await begin(sites, plan)
    site.engine.prepare((("en", "Goodbye."), ("fr", "Au revoir.")))
    speech = Speech(plan)
    await wait_for(lambda: speech.is_kept("en", "Goodbye.") and speech.is_kept("fr", "Au revoir."), 20)


async def test_a_slow_engine_delays_nobody_else_and_is_left_out_at_the_time_out(
    sites: list[Site], tmp_path: Path
) -> None:
    plan = SpeechPlan("command", "", command=tuple(SLOW), timeout_s=1.5, most=1)
    site = await begin(sites, plan)
    await site.add("a")
    other = await site.add("b")
    await settle(site.engine)
    site.say("a", "p1", "never")
    site.engine.perform(Play("b", "t1", tone="confirm"))
    assert (await site.over("t1")).completed
    late = await site.over("p1")
    assert not late.completed and "took more than 1.5 s" in late.note and "never" not in late.note
    site.say("a", "p2", "not now either")  # the engine rests: nobody waits for it again
    site.engine.perform(Play("b", "t2", tone="confirm"))
    assert "took more than" in (await site.over("p2")).note and (await site.over("t2")).completed
    assert other.heard()
    order = [fact.play for fact in site.facts if isinstance(fact, PlayEnded)]
    assert order == ["t1", "p1", "p2", "t2"]


@pytest.mark.needs("espeak-ng")
async def test_what_cannot_be_rendered_is_left_out_and_the_rest_is_played(
    sites: list[Site], tmp_path: Path
) -> None:
    plan = SpeechPlan("espeak", str(tmp_path), voices={"en": "zzz"})
    site = await begin(sites, plan)
    party = await site.add("a")
    parts = (PromptPart(text="broken", language="en"), PromptPart("welcome"))
    site.engine.perform(Play("a", "p1", parts, "en"))
    ended = await site.over("p1")
    assert ended.completed and "espeak-ng failed" in ended.note
    assert len(party.heard()) > 4000


async def test_a_party_that_leaves_while_its_text_is_rendered(sites: list[Site], tmp_path: Path) -> None:
    plan = SpeechPlan("command", "", command=tuple(SLOW), timeout_s=1.0, most=1)
    site = await begin(sites, plan)
    await site.add("a")
    await site.add("b")
    site.say("a", "p1", "left")
    site.engine.perform(Stop("a"))
    left = await site.over("p1")
    assert (left.completed, left.note) == (False, ""), "ended by leaving, not by the time"
    site.say("b", "p2", "gone")
    site.engine.perform(CloseLeg("b"))
    gone = await site.over("p2")
    assert (gone.completed, gone.note) == (False, "")
    await asyncio.sleep(1.2)  # the threads end in peace
    plays = [fact for fact in site.facts if isinstance(fact, PlayEnded)]
    assert len(plays) == 2


async def test_the_worker_ends_at_once_while_a_text_is_rendered(sites: list[Site], tmp_path: Path) -> None:
    plan = SpeechPlan("command", "", command=tuple(SLOW), timeout_s=25.0)
    site = Site(plan, 0)
    await site.engine.start(site.facts.append)
    await site.add("a")
    site.say("a", "p1", "never")
    await asyncio.sleep(0.5)
    async with asyncio.timeout(3):
        await site.engine.stop()
    site.parties[0].close()
