"""The embedded engine with real sockets, as a process and as a thread."""

import asyncio
import itertools
import os
import signal
import struct
import subprocess
import sys
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ccd.errors import TryLater
from ccd.media.g711 import PCMA, PCMU
from ccd.media.tones import sine
from ccd.media.wav import write
from ccd.model.nouns import PromptPart
from ccd.model.settings import MediaSettings
from ccd.voice.engine import (
    CloseLeg,
    Digit,
    Join,
    LegClosed,
    LegFailed,
    MaskRecord,
    Music,
    OpenLeg,
    Part,
    PeerLost,
    Play,
    PlayEnded,
    Record,
    Recorded,
    SendDigit,
    SetStream,
    Stop,
    StopRecord,
)
from ccd.voice.media_engine import EmbeddedEngine
from ccd.voice.media_watch import MOST_MISSED
from tests.loopback.media_party import (
    Party,
    assert_continuous,
    drift_s,
    holds,
    loud_pieces,
    power_db,
    settle,
    wait_for,
)
from tests.peers.ports import media_block


class Site:
    """An engine, its facts, and parties with legs named a, b, …"""

    def __init__(self, workers: int, directory: Path) -> None:
        prompts = directory / "prompts"
        (prompts / "xx").mkdir(parents=True)
        (prompts / "xx" / "tone.wav").write_bytes(write(48000, sine(1500, 0.5, 12000, 48000)))
        (prompts / "xx" / "broken.wav").write_bytes(b"RIFFnothing")
        music = directory / "music"
        music.mkdir()
        (music / "hum.wav").write_bytes(write(16000, sine(300, 1.0, 12000, 16000)))
        self.directory = directory
        first = media_block(1000)
        self.settings = MediaSettings(
            workers=workers,
            port_min=first,
            port_max=first + 999,
            prompts=(str(prompts),),
            music=(str(music),),
            dead_after_s=0.5,
        )
        self.engine = EmbeddedEngine(self.settings)
        self.facts: list[Any] = []
        self.parties: dict[str, Party] = {}

    async def add(self, name: str, party: Party, near: str = "", *, known: bool = True) -> Party:
        await party.open()
        taken = self.engine.take_port(near)
        assert taken is not None
        party.target = taken
        self.engine.perform(OpenLeg(name, taken[1], party.stream(known=known)))
        self.parties[name] = party
        return party

    async def pair(self) -> tuple[Party, Party]:
        a = await self.add("a", Party(440, PCMU, ssrc=1))
        b = await self.add("b", Party(880, PCMA, 96, ssrc=2), "a")
        await settle(self.engine)
        return a, b

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def close(self) -> None:
        for party in self.parties.values():
            party.close()
        await self.engine.stop()


@pytest.fixture(params=[1, 0], ids=["process", "thread"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(request.param, tmp_path)
    await site.engine.start(site.facts.append)
    yield site
    await site.close()


def channels(path: Path) -> tuple[array, array, wave._wave_params]:  # type: ignore[type-arg]
    with wave.open(str(path)) as file:
        sound = array("h", file.readframes(file.getnframes()))
        return sound[::2], sound[1::2], file.getparams()


def longest_silence(samples: array) -> float:  # type: ignore[type-arg]
    """Seconds; silence is 10 ms without a sample over 500."""
    worst = run = 0
    for at in range(0, len(samples), 80):
        run = 0 if max(map(abs, samples[at : at + 80])) > 500 else run + 80
        worst = max(worst, run)
    return worst / 8000


@pytest.mark.alone
async def test_two_parties_hear_each_other_and_are_recorded(site: Site) -> None:
    a, b = await site.pair()
    path = site.directory / "calls" / "one.wav"
    site.engine.perform(Join("a", "b"))
    site.engine.perform(Record("r1", "a", "b", str(path)))
    await settle(site.engine)
    await asyncio.gather(a.talk(2.0), b.talk(2.0))
    await wait_for(lambda: len(b.packets) >= 100 and len(a.packets) >= 100)
    site.engine.perform(StopRecord("r1", "a"))
    await wait_for(lambda: site.of(Recorded))
    assert power_db(b.heard(), 440) > -1
    assert power_db(b.heard(), 880) < -30
    assert power_db(a.heard(), 880) > -1
    assert power_db(a.heard(), 440) < -30
    assert_continuous(a.packets)
    assert_continuous(b.packets)
    left, right, params = channels(path)
    assert (params.nchannels, params.sampwidth, params.framerate) == (2, 2, 8000)
    assert power_db(left[:15000], 440) > -1
    assert power_db(left[:15000], 880) < -30
    assert power_db(right[:15000], 880) > -1
    assert power_db(right[:15000], 440) < -30
    assert longest_silence(left[800:15000]) < 0.04
    assert longest_silence(right[800:15000]) < 0.04
    (fact,) = site.of(Recorded)
    assert fact.seconds == pytest.approx(params.nframes / 8000)
    assert fact.note == ""
    assert not list(path.parent.glob("*.part"))


async def test_statistics_at_the_end(site: Site) -> None:
    a, _b = await site.pair()
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    await a.talk(0.2)
    a._sequence += 3
    await a.talk(0.2)
    await settle(site.engine)
    site.engine.perform(CloseLeg("a"))
    site.engine.perform(CloseLeg("b"))
    site.engine.perform(CloseLeg("b"))
    await wait_for(lambda: len(site.of(LegClosed)) == 2)
    stats = {fact.leg: fact.stats for fact in site.of(LegClosed)}
    assert (stats["a"].received, stats["a"].lost, stats["a"].bad) == (20, 3, 0)
    assert stats["b"].sent == 20
    assert stats["a"].jitter_ms < 20 + 1000 * a.late_s


async def test_digits_are_relayed_and_reported_exactly(site: Site) -> None:
    a, b = await site.pair()
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    await a.press("112233")
    await wait_for(lambda: len(b.packets) >= 48 and len(site.of(Digit)) >= 6)
    assert [fact.digit for fact in site.of(Digit)] == list("112233")
    assert {fact.leg for fact in site.of(Digit)} == {"a"}
    events = [packet for packet in b.packets if packet[1] == 96]
    assert len(events) == 48
    starts = [packet for packet in events if packet[2]]
    assert [packet[6][0] for packet in starts] == [1, 1, 2, 2, 3, 3]
    assert len({packet[4] for packet in events}) == 6


@pytest.mark.alone
async def test_digits_of_ours(site: Site) -> None:
    a, _b = await site.pair()
    site.engine.perform(SendDigit("a", "5", 60))
    site.engine.perform(SendDigit("a", "#", 60))
    await wait_for(lambda: len(a.packets) >= 10)
    assert [packet[6][0] for packet in a.packets if packet[2]] == [5, 11]
    times = [packet[0] for packet in a.packets[:5]]
    assert times[-1] - times[0] == pytest.approx(0.08, abs=0.03)
    assert_sequence(a)


def assert_sequence(party: Party) -> None:
    for one, other in zip(party.packets, party.packets[1:], strict=False):
        assert other[3] == (one[3] + 1) & 0xFFFF


@pytest.mark.alone
async def test_prompt_then_music_then_partner_is_one_stream(site: Site) -> None:
    a, b = await site.pair()
    site.engine.perform(Play("a", "p1", (PromptPart("tone"), PromptPart("tone")), "xx"))
    await wait_for(lambda: site.of(PlayEnded))
    assert site.of(PlayEnded) == [PlayEnded("a", "p1", completed=True)]
    await wait_for(lambda: len(a.packets) >= 50)  # its end is told before it is read here
    assert len(a.packets) == 50
    assert power_db(a.heard(), 1500) > -1
    assert abs(drift_s(a.packets)) < 0.04
    site.engine.perform(Music("a", "hum"))
    await wait_for(lambda: len(a.packets) >= 100)
    assert power_db(a.heard(a.packets[52][0]), 300) > -1
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    joined = asyncio.get_running_loop().time()
    await b.talk(0.5)
    await wait_for(lambda: len(a.heard(joined)) >= 4000)
    assert power_db(a.heard(joined + 0.02), 880) > -1
    assert_continuous(a.packets)
    assert sum(packet[2] for packet in a.packets) == 3, "a marker at each change of source"


@pytest.mark.alone
async def test_pacing_keeps_absolute_time(site: Site) -> None:
    a = await site.add("a", Party())
    site.engine.perform(Music("a", "tone:ringback"))
    await wait_for(lambda: len(a.packets) >= 100)
    assert abs(drift_s(a.packets[:100])) < 0.03


async def test_stop_join_and_a_new_play_end_what_played(site: Site) -> None:
    await site.pair()
    prompt = (PromptPart("tone"),)
    for play, command in (("p1", Stop("a")), ("p2", Join("a", "b")), ("p3", Music("a", "hum"))):
        site.engine.perform(Play("a", play, prompt, "xx"))
        await settle(site.engine)
        site.engine.perform(command)
    site.engine.perform(Play("a", "p4", prompt, "xx"))
    site.engine.perform(Play("a", "p5", prompt, "xx"))
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: site.of(LegClosed))
    ended = [(fact.play, fact.completed) for fact in site.of(PlayEnded)]
    assert ended == [("p1", False), ("p2", False), ("p3", False), ("p4", False), ("p5", False)]


@pytest.mark.parametrize("barge", [True, False])
async def test_a_digit_stops_a_prompt_that_may_be_cut(site: Site, barge: bool) -> None:
    a = await site.add("a", Party())
    site.engine.perform(Play("a", "p1", (PromptPart("tone"),), "xx", barge=barge))
    await wait_for(lambda: len(a.packets) >= 3)
    await a.press("4")
    await wait_for(lambda: site.of(PlayEnded))
    assert site.of(Digit) == [Digit("a", "4")]
    assert site.of(PlayEnded) == [PlayEnded("a", "p1", completed=not barge)]


async def test_numbers_are_spoken_from_the_shipped_set(site: Site) -> None:
    a = await site.add("a", Party())
    site.engine.perform(Play("a", "p", (PromptPart("queue/position"), PromptPart(number=71)), "fr"))
    await wait_for(lambda: site.of(PlayEnded), 15)
    assert site.of(PlayEnded)[0].completed
    assert 1.5 < len(a.packets) / 50 < 6


async def test_what_cannot_be_played_says_what_was_looked_for(site: Site) -> None:
    await site.add("a", Party())
    for play, name in (("p1", "nowhere"), ("p2", "../xx/tone"), ("p3", "broken")):
        site.engine.perform(Play("a", play, (PromptPart(name),), "xx"))
        await wait_for(lambda play=play: [f for f in site.of(PlayEnded) if f.play == play])
    notes = {fact.play: fact.note for fact in site.of(PlayEnded)}
    assert not any(fact.completed for fact in site.of(PlayEnded))
    assert "nowhere" in notes["p1"]
    assert str(site.directory / "prompts" / "xx" / "nowhere.wav") in notes["p1"]
    assert "not a name" in notes["p2"]
    assert "broken.wav" in notes["p3"]


async def test_music_that_is_missing_is_replaced_by_the_shipped_one(site: Site) -> None:
    a = await site.add("a", Party())
    site.engine.perform(Music("a", "nowhere"))
    await wait_for(lambda: len(a.packets) >= 20, 10)


@pytest.mark.alone
async def test_the_first_packets_of_a_slow_file_are_no_burst(site: Site) -> None:
    """The beat begins when the file was read, not when it was asked for."""
    slow = site.directory / "music" / "slow.wav"
    slow.write_bytes(write(44056, sine(400, 4.0, 8000, 44056)))
    a = await site.add("a", Party())
    site.engine.perform(Music("a", "slow"))
    await wait_for(lambda: len(a.packets) >= 30, 10)
    assert a.packets[29][0] - a.packets[0][0] > 0.5


async def test_an_address_that_is_none_is_not_looked_up(site: Site) -> None:
    """A name in SDP would stop the loop for a DNS query; the party is found by its packets."""
    a = await site.add("a", Party(440))
    b = await site.add("b", Party(880), "a")
    for host in ("localhost", "::1", "", "0.0.0.0", "1.2.3"):  # noqa: S104
        site.engine.perform(SetStream("b", msgspec.structs.replace(b.stream(), host=host)))
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    await a.talk(0.1)
    await wait_for(lambda: len(b.packets) >= 5)
    assert len(b.packets) == 5
    assert not site.of(LegFailed)


async def test_a_prompt_that_is_still_being_read_ends_with_its_leg(site: Site) -> None:
    await site.add("a", Party())
    site.engine.perform(Play("a", "p1", (PromptPart("tone"),), "xx"))
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: site.of(LegClosed))
    assert site.of(PlayEnded) == [PlayEnded("a", "p1", completed=False)]


async def test_reload_reads_prompts_anew(site: Site) -> None:
    a = await site.add("a", Party())
    site.engine.perform(Play("a", "p1", (PromptPart("tone"),), "xx"))
    await wait_for(lambda: len(site.of(PlayEnded)) == 1)
    (site.directory / "prompts" / "xx" / "tone.wav").write_bytes(write(8000, sine(700, 0.2)))
    site.engine.perform(Play("a", "p2", (PromptPart("tone"),), "xx"))
    await wait_for(lambda: len(site.of(PlayEnded)) == 2 and len(a.packets) >= 50)
    assert len(a.packets) == 50, "still what was read before"
    site.engine.reload()
    site.engine.perform(Play("a", "p3", (PromptPart("tone"),), "xx"))
    await wait_for(lambda: len(site.of(PlayEnded)) == 3 and len(a.packets) >= 60)
    assert len(a.packets) == 60


async def test_a_party_behind_nat_is_answered_where_it_is(site: Site) -> None:
    a = await site.add("a", Party(440), known=False)
    b = await site.add("b", Party(880), "a", known=False)
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    await asyncio.gather(a.talk(0.3), b.talk(0.3))
    await wait_for(lambda: len(a.packets) >= 13 and len(b.packets) >= 13)


async def test_hold_keeps_audio_from_the_held_party(site: Site) -> None:
    a, b = await site.pair()
    site.engine.perform(Join("a", "b"))
    site.engine.perform(SetStream("b", b.stream(send=False)))
    await settle(site.engine)
    await a.talk(0.2)
    await settle(site.engine)
    assert not b.packets
    site.engine.perform(SetStream("b", b.stream()))
    await settle(site.engine)
    await a.talk(0.2)
    await wait_for(lambda: len(b.packets) >= 10)


async def test_part_leaves_both_up_and_silent(site: Site) -> None:
    a, b = await site.pair()
    site.engine.perform(Join("a", "b"))
    site.engine.perform(Part("b"))
    await settle(site.engine)
    await a.talk(0.1)
    await settle(site.engine)
    assert not b.packets
    assert not site.of(LegClosed)


async def test_a_leg_closes_without_a_word_where_nobody_reads_its_statistics(site: Site) -> None:
    await site.pair()
    site.engine.perform(CloseLeg("a", told=False))
    site.engine.perform(CloseLeg("b"))
    await wait_for(lambda: site.of(LegClosed))
    assert [fact.leg for fact in site.of(LegClosed)] == ["b"]


async def test_a_silent_party_is_reported_again_and_again_until_it_is_heard(site: Site) -> None:
    a = await site.add("a", Party(440))
    await site.add("held", Party())
    site.engine.perform(SetStream("held", site.parties["held"].stream(receive=False)))
    await wait_for(lambda: site.of(PeerLost), 10)
    fact = site.of(PeerLost)[0]
    assert fact.leg == "a"
    assert fact.silent_s >= 0.5
    await wait_for(lambda: len(site.of(PeerLost)) == 2, 15)
    assert site.of(PeerLost)[1].silent_s >= 1.0
    await a.talk(0.1)
    # a report may be on its way before we are heard; once we were, the count begins anew
    await wait_for(lambda: any(fact.silent_s < 1.0 for fact in site.of(PeerLost)[2:]), 15)
    assert {fact.leg for fact in site.of(PeerLost)} == {"a"}


@pytest.mark.alone
async def test_recording_is_closed_with_either_leg_and_at_the_end(site: Site) -> None:
    a, _b = await site.pair()
    for name in ("r1", "r2"):
        site.engine.perform(Record(name, "a", "b", str(site.directory / f"{name}.wav")))
        await settle(site.engine)
        await a.talk(0.2)
        site.engine.perform(StopRecord(name, "a"))
    site.engine.perform(Record("r3", "a", "b", str(site.directory / "r3.wav")))
    site.engine.perform(CloseLeg("b"))
    await wait_for(lambda: len(site.of(Recorded)) == 3)
    left, right, _params = channels(site.directory / "r2.wav")
    assert power_db(left[:1500], 440) > -1
    assert not any(right)


async def test_a_recording_that_cannot_be_written_says_why(site: Site) -> None:
    await site.pair()
    (site.directory / "file").write_text("not a directory")
    site.engine.perform(Record("r1", "a", "b", str(site.directory / "file" / "r.wav")))
    site.engine.perform(StopRecord("r1", "a"))
    site.engine.perform(Record("r2", "a", "nobody", str(site.directory / "r2.wav")))
    await wait_for(lambda: len(site.of(Recorded)) == 2)
    notes = {fact.recording: fact.note for fact in site.of(Recorded)}
    assert "cannot write" in notes["r1"]
    assert "nobody" in notes["r2"]


async def test_stopping_the_engine_closes_recordings(site: Site) -> None:
    a, _b = await site.pair()
    site.engine.perform(Record("r1", "a", "b", str(site.directory / "r.wav")))
    await settle(site.engine)
    await a.talk(0.3)
    await site.engine.stop()
    assert [fact.recording for fact in site.of(Recorded)] == ["r1"]
    left, _right, _params = channels(site.directory / "r.wav")
    assert holds(left, 440, 0.15)


@pytest.mark.alone
async def test_a_masked_part_is_silent_in_its_place_on_both_channels(site: Site) -> None:
    """What is said meanwhile has tones of its own: they are heard, and nowhere in the recording."""
    a, b = await site.pair()
    path, time = site.directory / "r.wav", asyncio.get_running_loop().time
    site.engine.perform(Join("a", "b"))
    asked = time()
    site.engine.perform(Record("r1", "a", "b", str(path)))
    await settle(site.engine)
    begun, spoken = time(), []
    for part, (hertz, on) in enumerate(((440, True), (640, False), (440, None)), 1):
        a.sound(hertz)
        b.sound(2 * hertz)
        from_s = time()
        await asyncio.gather(a.talk(0.8), b.talk(0.8))
        spoken.append((from_s, time()))
        # what is still under way belongs to this part
        await wait_for(lambda part=part: min(len(a.packets), len(b.packets)) >= 40 * part)
        if on is not None:
            site.engine.perform(MaskRecord("r1", "a", on))
            await settle(site.engine)
    least = time() - begun
    site.engine.perform(StopRecord("r1", "a"))
    await wait_for(lambda: site.of(Recorded))
    left, right, params = channels(path)
    masked_s = spoken[2][0] - spoken[0][1]
    assert least - 0.1 < params.nframes / 8000 < time() - asked + 0.1, "the time goes on"
    for channel, hertz, party in ((left, 440, b), (right, 880, a)):
        loud = [at for at in range(0, len(channel), 80) if any(channel[at : at + 80])]
        until, since_then = max(itertools.pairwise(loud), key=lambda two: two[1] - two[0])
        # sound late by up to 0.1 s is put where it should have been
        silent_s = (since_then - until) / 8000
        assert 0.7 < silent_s < masked_s + 0.2, f"silent for {silent_s} s, in the place of {masked_s} s"
        before, after, other = channel[: until + 80], channel[since_then:], hertz / 440 * 640
        assert holds(before, hertz, 0.6) and holds(after, hertz, 0.6)
        assert all(power_db(each, other) < -6 for each in loud_pieces(channel)), "not a word of what was said"
        heard = party.heard()
        assert holds(heard[6400:12800], other, 0.7), "they hear each other all the while"
        assert holds(heard[:6400], hertz, 0.7) and holds(heard[12800:], hertz, 0.7)


async def test_a_masked_recording_ends_with_its_leg(site: Site) -> None:
    a, _b = await site.pair()
    site.engine.perform(Record("r1", "a", "b", str(site.directory / "r.wav")))
    site.engine.perform(MaskRecord("r1", "a", True))
    site.engine.perform(MaskRecord("nothing", "a", True))
    await settle(site.engine)
    await a.talk(0.2)
    site.engine.perform(CloseLeg("b"))
    await wait_for(lambda: site.of(Recorded))
    left, _right, _params = channels(site.directory / "r.wav")
    assert not any(left)


def mono(path: Path) -> array:  # type: ignore[type-arg]
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 8000)
        return array("h", file.readframes(file.getnframes()))


@pytest.mark.alone
async def test_a_message_is_mono_ends_by_silence_and_is_played(site: Site) -> None:
    a, b = await site.pair()
    path = site.directory / "m.wav"
    site.engine.perform(Record("m1", "a", "", str(path), silence_s=1.0))
    await settle(site.engine)
    await a.talk(1.0)
    await wait_for(lambda: site.of(Recorded))
    (fact,) = site.of(Recorded)
    sound = mono(path)
    assert power_db(sound[400:7000], 440) > -1
    assert len(sound) / 8000 == pytest.approx(fact.seconds)
    assert fact.seconds - fact.quiet_s == pytest.approx(1.0, abs=0.15)
    assert fact.quiet_s == 0.5, "the rest of the silence is cut off"
    site.engine.perform(Play("b", "p1", file=str(path)))
    await wait_for(lambda: site.of(PlayEnded))
    assert power_db(b.heard()[:7000], 440) > -1
    site.engine.perform(Play("b", "p2", file=str(site.directory / "none.wav")))
    await wait_for(lambda: len(site.of(PlayEnded)) == 2)
    lost = site.of(PlayEnded)[1]
    assert not lost.completed and "none.wav" in lost.note


async def test_a_message_of_nothing_says_that_it_is_silence(site: Site) -> None:
    await site.pair()
    site.engine.perform(Record("m1", "a", "", str(site.directory / "m.wav"), silence_s=0.5))
    await wait_for(lambda: site.of(Recorded))
    (fact,) = site.of(Recorded)
    assert fact.seconds == fact.quiet_s <= 0.5


async def test_a_message_is_whole_when_the_caller_hangs_up(site: Site) -> None:
    a, _b = await site.pair()
    time = asyncio.get_running_loop().time
    asked = time()
    site.engine.perform(Record("m1", "a", "", str(site.directory / "m.wav"), silence_s=5.0))
    await settle(site.engine)
    begun = time()
    await a.talk(0.6)
    least = time() - begun
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: site.of(Recorded))
    most = time() - asked
    (fact,) = site.of(Recorded)
    assert least - 0.15 <= fact.seconds <= most + 0.15 and fact.quiet_s < 0.2 + most - 0.6
    assert holds(mono(site.directory / "m.wav"), 440, 0.3)


@pytest.mark.alone
async def test_a_partner_changes_while_recording_goes_on(site: Site) -> None:
    """Hold: the customer hears music, is recorded all the same, comes back to the agent."""
    a, b = await site.pair()
    path = site.directory / "r.wav"
    site.engine.perform(Join("a", "b"))
    site.engine.perform(Record("r1", "a", "b", str(path)))
    await settle(site.engine)
    talk = asyncio.gather(a.talk(1.5), b.talk(0.5))
    await asyncio.sleep(0.5)
    site.engine.perform(Music("a", "hum"))
    await asyncio.sleep(0.5)
    site.engine.perform(Stop("a"))
    await b.talk(0.5)
    await talk
    site.engine.perform(StopRecord("r1", "a"))
    await wait_for(lambda: site.of(Recorded))
    left, right, _params = channels(path)
    assert longest_silence(left[400:11600]) < 0.04
    assert 0.4 < longest_silence(right[400:11600]) < 0.6
    assert power_db(left[400:11600], 300) < -30
    assert_sequence(a)


# --- ports and many legs ---------------------------------------------------------------------------


async def test_many_legs_come_and_go_and_ports_are_used_again(site: Site) -> None:
    opened = 0
    async with asyncio.timeout(30):
        while opened < 600:
            taken = site.engine.take_port()
            if taken is None:
                await asyncio.sleep(0.01)
                continue
            assert taken[1] % 2 == 0
            site.engine.perform(OpenLeg(f"x{opened}", taken[1]))
            if opened >= 100:
                site.engine.perform(CloseLeg(f"x{opened - 100}"))
            opened += 1
            if opened % 20 == 0:
                await asyncio.sleep(0)
    await wait_for(lambda: len(site.of(LegClosed)) == 500)
    assert not site.of(LegFailed)

    def all_rested() -> bool:
        report = site.engine.report()
        return report["ports_free"] == report["ports_bound"] - 100  # type: ignore[operator]

    await wait_for(all_rested, 8)


async def test_a_port_that_rests_does_not_talk_to_the_next_leg(site: Site) -> None:
    a, _b = await site.pair()
    site.engine.perform(CloseLeg("a"))
    await wait_for(lambda: site.of(LegClosed))
    await a.talk(0.1)
    await settle(site.engine)
    await settle(site.engine)
    each = site.engine.report()["each"]
    assert each[0]["stray"] == 5  # type: ignore[index]


async def test_a_used_up_range_gives_no_port(tmp_path: Path) -> None:
    first = media_block(200)
    engine = EmbeddedEngine(MediaSettings(workers=0, port_min=first, port_max=first + 7))
    await engine.start(lambda _fact: None)
    taken = [engine.take_port() for _ in range(5)]
    assert [port is None for port in taken] == [False] * 4 + [True]
    await engine.stop()


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_last_ports_are_for_those_who_wait(workers: int) -> None:
    """Else nobody could be put through: each caller in the queue needs one more, for the agent."""
    first = media_block(200)
    settings = MediaSettings(workers=workers, port_min=first, port_max=first + 16 * workers - 1)
    engine = EmbeddedEngine(settings)
    await engine.start(lambda _fact: None)
    await wait_for(lambda: all(link.exhausted for link in engine._links), 20)
    assert engine.scarcity() == []
    callers = 0
    while (place := engine.take_port(newcomer=True)) is not None:
        callers += 1
        engine.perform(OpenLeg(f"c{callers}", place[1]))
    assert callers == 6 * workers, "of 8 a worker a quarter is kept"
    (row,) = engine.scarcity()
    assert f"{2 * workers} of {8 * workers} RTP ports" in row["why"]
    assert "new callers get 503" in row["why"]
    for number in range(1, callers + 1):  # whoever is put through has one on the worker of the caller
        place = engine.take_port(f"c{number}")
        if place is not None:
            engine.perform(OpenLeg(f"a{number}", place[1]))
    assert engine.take_port() is None
    assert sum(len(link.legs) for link in engine._links) == 8 * workers
    await engine.stop()


async def test_a_range_that_is_taken_is_an_error_with_an_address(tmp_path: Path) -> None:
    engine = EmbeddedEngine(MediaSettings(workers=0, host="192.0.2.1", port_min=29100, port_max=29103))
    with pytest.raises(TryLater, match=r"192\.0\.2\.1"):
        await engine.start(lambda _fact: None)


async def test_legs_near_each_other_share_a_worker(tmp_path: Path) -> None:
    first = media_block(1000)
    engine = EmbeddedEngine(MediaSettings(workers=2, port_min=first, port_max=first + 999))
    await engine.start(lambda _fact: None)
    ports = []
    for name, near in (("a", ""), ("b", ""), ("c", "a"), ("d", "b")):
        taken = engine.take_port(near)
        assert taken is not None
        engine.perform(OpenLeg(name, taken[1]))
        ports.append(taken[1] >= first + 500)
    assert ports[0] != ports[1]
    assert ports[2:] == ports[:2]
    await engine.stop()


# --- death -----------------------------------------------------------------------------------------


async def test_a_killed_worker_is_replaced_and_its_legs_reported(worker_site: Site) -> None:
    site = worker_site
    a, _b = await site.pair()
    path = site.directory / "r.wav"
    site.engine.perform(Record("r1", "a", "b", str(path)))
    await a.talk(2.5)
    os.kill(site.engine.report()["pids"][0], signal.SIGKILL)  # type: ignore[index]
    await wait_for(lambda: len(site.of(LegFailed)) == 2 and site.of(Recorded))
    assert {fact.leg for fact in site.of(LegFailed)} == {"a", "b"}
    left, _right, params = channels(path)
    assert params.nframes > 8000
    assert holds(left, 440, 0.5)
    assert "died" in site.of(Recorded)[0].note
    await wait_for(lambda: site.engine.report()["ports_free"], 10)
    c = await site.add("c", Party(440))
    d = await site.add("d", Party(880), "c")
    site.engine.perform(Join("c", "d"))
    await settle(site.engine)
    await asyncio.gather(c.talk(0.2), d.talk(0.2))
    await wait_for(lambda: len(d.packets) >= 10)
    site.engine.perform(CloseLeg("a"))


async def test_a_stopped_worker_does_not_stop_the_daemon(worker_site: Site) -> None:
    """A worker that hangs: commands pile up, nothing blocks, the engine can still be stopped."""
    pid = worker_site.engine.report()["pids"][0]  # type: ignore[index]
    os.kill(pid, signal.SIGSTOP)
    for index in range(5000):
        worker_site.engine.perform(Stop(f"x{index}"))
    worker_site.engine.reload()
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGCONT)
    await settle(worker_site.engine)


async def test_a_worker_that_hangs_is_ended_and_replaced(worker_site: Site) -> None:
    """It lives, and its calls would stay up in silence: so many questions without an answer are enough."""
    site = worker_site
    await site.pair()
    watch, pid = site.engine._watch, site.engine.report()["pids"][0]  # type: ignore[index]
    pulse = site.engine._links[0].pulse
    for _ in range(3 * MOST_MISSED):  # one that answers stays
        watch.look()
        await wait_for(lambda: pulse.heard, 10)
    assert not site.of(LegFailed)
    os.kill(pid, signal.SIGSTOP)
    for _ in range(MOST_MISSED + 2):
        watch.look()
    assert "no media worker" in site.engine.scarcity()[0]["why"]
    await wait_for(lambda: len(site.of(LegFailed)) == 2)
    assert "no answer" in site.of(LegFailed)[0].note
    await wait_for(lambda: site.engine.report()["ports_free"], 10)
    assert site.engine.report()["pids"] != [pid]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import asyncio, sys
from ccd.model.settings import MediaSettings
from ccd.voice.media_engine import EmbeddedEngine
async def main():
    engine = EmbeddedEngine(MediaSettings(port_min=int(sys.argv[1]), port_max=int(sys.argv[1]) + 199))
    await engine.start(lambda fact: None)
    print(engine.report()["pids"][0], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_worker_does_not_outlive_its_daemon() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(media_block(200)), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    worker = int(await parent.stdout.readline())
    assert alive(worker)
    parent.kill()
    await parent.wait()
    await wait_for(lambda: not alive(worker))


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


async def test_a_worker_is_small(worker_site: Site) -> None:
    pid = worker_site.engine.report()["pids"][0]  # type: ignore[index]
    assert own_kb(pid) < 16 * 1024


def own_kb(pid: int) -> int:
    """What it holds in memory for itself; of files it shares with all others more or less is mapped."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


async def test_rtcp_reports_count_what_was_heard(worker_site: Site) -> None:
    """The SR that comes after some seconds: its counts and its receiver block."""
    site = worker_site
    a, b = await site.pair()
    loop = asyncio.get_running_loop()
    reports: list[bytes] = []

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            reports.append(data)

    ear, _ = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", a.port + 1))
    site.engine.perform(Join("a", "b"))
    await settle(site.engine)
    await asyncio.gather(a.talk(1.0), b.talk(1.0))
    reports.clear()
    await wait_for(lambda: reports, 10)
    ear.close()
    kind, ssrc = reports[0][1], struct.unpack_from("!I", reports[0], 4)[0]
    assert kind == 200
    assert ssrc == a.packets[0][5]
    assert struct.unpack_from("!II", reports[0], 20) == (50, 50 * 160)
    source, loss = struct.unpack_from("!II", reports[0], 28)
    assert (source, loss) == (1, 0)
    assert struct.unpack_from("!I", reports[0], 36)[0] == 65500 + 49
