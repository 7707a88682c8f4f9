"""Announcements of recorded pieces, one of them missing: the engine says it, in its place, into real RTP."""

from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ccd.media.g711 import PCMU, decode
from ccd.media.tones import sine
from ccd.media.wav import write
from ccd.model.nouns import PromptPart
from ccd.model.settings import MediaSettings
from ccd.voice.engine import OpenLeg, Play, PlayEnded
from ccd.voice.media_engine import EmbeddedEngine
from ccd.voice.speech import Speech
from ccd.voice.speech_plan import SpeechPlan
from tests.loopback.media_party import Party, power_db, wait_for
from tests.loopback.test_speech import correlation
from tests.peers.ports import media_block

LANGUAGE = "fr-BE"
"""It has a grammar, and no set that ships."""
PLACE = (PromptPart("queue/position"), PromptPart(number=71), PromptPart("queue/thanks"))
RECORDED = {"queue/position": 400, "numbers/60": 600, "numbers/et": 800, "queue/thanks": 1000}
"""Name → Hz of its recording; `numbers/11` has none."""
RECORDED_S = 0.5


def record(folder: Path) -> None:
    for name, hertz in RECORDED.items():
        path = folder / LANGUAGE / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write(8000, sine(hertz, RECORDED_S)))


class Line:
    """An engine with one party, which hears the announcement."""

    def __init__(self, folder: Path, plan: SpeechPlan | None) -> None:
        self.facts: list[object] = []
        first = media_block(200)
        settings = MediaSettings(
            workers=1, port_min=first, port_max=first + 199, dead_after_s=0.0, prompts=(str(folder),)
        )
        self.engine = EmbeddedEngine(settings, speech=plan)
        self.party = Party(codec=PCMU)

    async def open(self) -> None:
        await self.engine.start(self.facts.append)
        await self.party.open()
        taken = self.engine.take_port()
        assert taken is not None
        self.party.target = taken
        self.engine.perform(OpenLeg("a", taken[1], self.party.stream()))

    async def play(self, play: str, parts: tuple[PromptPart, ...] = PLACE) -> PlayEnded:
        self.engine.perform(Play("a", play, parts, LANGUAGE))
        await wait_for(lambda: self.ended(play) is not None, 20)
        found = self.ended(play)
        assert found is not None
        return found

    def ended(self, play: str) -> PlayEnded | None:
        return next((each for each in self.facts if isinstance(each, PlayEnded) and each.play == play), None)


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    made: list[Line] = []
    yield made
    for line in made:
        line.party.close()
        await line.engine.stop()


async def begin(lines: list[Line], folder: Path, plan: SpeechPlan | None) -> Line:
    line = Line(folder, plan)
    lines.append(line)
    await line.open()
    return line


@pytest.mark.needs("espeak-ng")
async def test_a_missing_piece_is_spoken_between_the_recorded_ones(lines: list[Line], tmp_path: Path) -> None:
    record(tmp_path / "prompts")
    plan = SpeechPlan("espeak", str(tmp_path / "speech"), voices={LANGUAGE: "fr"})
    line = await begin(lines, tmp_path / "prompts", plan)
    assert await line.play("p1") == PlayEnded("a", "p1", True)
    spoken = array("h", decode(Speech(plan).clip(LANGUAGE, "onze").ulaw, PCMU))
    size = int(RECORDED_S * 8000)
    whole = len(RECORDED) * size + len(spoken)
    await wait_for(
        lambda: len(line.party.heard()) >= whole - 320, 5
    )  # its end is told before it is read here
    heard = line.party.heard()
    assert abs(len(heard) - whole) <= 640
    for at, name in enumerate(("queue/position", "numbers/60", "numbers/et")):
        middle = heard[at * size + 800 : (at + 1) * size - 800]
        assert power_db(middle, RECORDED[name]) > -1.0, name
    assert correlation(heard[3 * size : 3 * size + len(spoken)], spoken) > 0.95, "onze"
    assert power_db(heard[-size + 800 : -800], RECORDED["queue/thanks"]) > -1.0
    await line.play("p2")
    await wait_for(lambda: len(line.party.heard()) >= 2 * whole - 640, 5)
    assert abs(len(line.party.heard()) - 2 * whole) <= 960, "and again, from memory"


async def test_without_an_engine_nothing_is_half_said(lines: list[Line], tmp_path: Path) -> None:
    record(tmp_path / "prompts")
    line = await begin(lines, tmp_path / "prompts", None)
    end = await line.play("p1")
    assert (end.completed, "numbers/11" in end.note) == (False, True)


async def test_a_prompt_that_is_no_piece_is_not_made_up(lines: list[Line], tmp_path: Path) -> None:
    record(tmp_path / "prompts")
    plan = SpeechPlan("espeak", str(tmp_path / "speech"), voices={LANGUAGE: "fr"})
    line = await begin(lines, tmp_path / "prompts", plan)
    end = await line.play("p1", (PromptPart("queue/gone"), PromptPart(number=11)))
    assert (end.completed, "queue/gone" in end.note) == (False, True)
