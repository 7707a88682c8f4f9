"""What a phone heard, held against what should be said: texts as espeak-ng says them, and prompts."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccd.media.resample import resample
from ccd.media.wav import read
from tests.interop.daemon_site import ROOT
from tests.peers.tones import read_wav

RATE = 8000
PROMPTS = ROOT / "ccd" / "prompts"
VOICES = {"fr": "fr", "en": "en-gb"}
ENOUGH = 0.85
"""Likeness from which something is heard; other words reach half of it."""
PIECE_S = 0.4
SHORT_S = 0.12
"""A piece so short that most of them lie between two shifts or gaps of a busy machine."""
SLACK_S = 0.25
"""So far may a short piece lie from where the others put it: what all shifts of a prompt come to."""
MOST = 0.75
"""Share of the short pieces that must be heard."""
HOLE_S = 0.3
"""The longest stretch of pieces that may be unheard: a word that differs is longer, a late packet shorter."""
Sound = np.ndarray[Any, Any]


def rendered(text: str, language: str, voice: str = "") -> Sound:
    """What espeak-ng says by itself, at 8 kHz."""
    command = ["espeak-ng", "-v", voice or VOICES[language], "-s", "155", "--stdout", "--stdin"]
    data = bytearray(subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout)
    data[40:44] = (len(data) - 44).to_bytes(4, "little")
    sound = read(bytes(data), text)
    return np.frombuffer(resample(sound.linear, sound.rate, RATE), dtype="<i2").astype(float)


def wanted(name: str, language: str) -> Sound:
    """A shipped prompt by its name, else a text."""
    file = PROMPTS / language / f"{name}.wav"
    if " " in name or not file.exists():
        return rendered(name, language)
    sound = read(file.read_bytes(), name)
    return np.frombuffer(resample(sound.linear, sound.rate, RATE), dtype="<i2").astype(float)


def heard(path: Path) -> Sound:
    """A WAV of a phone, at 8 kHz."""
    samples, rate = read_wav(path)
    linear = (np.asarray(samples) * 32767).astype("<i2").tobytes()
    return np.frombuffer(resample(linear, rate, RATE), dtype="<i2").astype(float)


def first_loud(sound: Sound) -> int:
    """The sample at which it is first well above silence."""
    return int(np.argmax(np.abs(sound) > 0.1 * np.abs(sound).max()))


def beginning(sound: Sound, seconds: float = 0.8) -> Sound:
    """Its first loud part: a prompt that a key cut is told by it."""
    first = first_loud(sound)
    return sound[first : first + int(seconds * RATE)]


def likeness(whole: Sound, part: Sound) -> tuple[float, float]:
    """How well the best piece of the whole fits the part (1: the same), and at which second it is."""
    size = 1 << (len(whole) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    product = product[: len(whole) - len(part)]
    sums = np.concatenate(([0.0], np.cumsum(whole**2)))
    power = sums[len(part) :][: len(product)] - sums[: len(product)]
    fits = np.where(
        power > 0.05 * power.max(), product / np.sqrt(np.maximum(power, 1.0) * np.sum(part**2)), 0.0
    )
    best = int(np.argmax(fits))
    return float(fits[best]), best / RATE


def find(whole: Sound, name: str, language: str) -> tuple[float, float]:
    """How surely a prompt or text is heard, and at which second: by the best of three pieces of its
    beginning, as a phone that stretches one of them (its jitter buffer under load) still plays the others.
    """
    sound = wanted(name, language)
    first, size = first_loud(sound), int(PIECE_S * RATE)
    pieces = [sound[first + at : first + at + size] for at in (0, size, 2 * size)]
    loud = [each for each in pieces if len(each) == size and np.abs(each).max() > 0.2 * np.abs(sound).max()]
    return max(likeness(whole, each) for each in loud)


def must_be_heard(whole: Sound, said: list[tuple[str, str]], after_s: float = 0.0) -> float:
    """Each (prompt or text, language) in this order; a second at which the last one is heard."""
    at_s = after_s
    for name, language in said:
        fit, at = find(whole[int(at_s * RATE) :], name, language)
        assert fit >= ENOUGH, f"{name!r} is not heard after second {at_s:.1f}: {fit:.2f}"
        at_s += at
    return at_s


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a sound was heard, in its order and its own time but for gaps and shifts."""

    share: float
    """Of its loud pieces, 0…1."""
    hole_s: float
    """The longest stretch of it that was not heard."""

    def __bool__(self) -> bool:
        return self.share >= MOST and self.hole_s <= HOLE_S


def in_pieces(whole: Sound, part: Sound) -> Heard:
    """Hold a sound against what a phone heard, piece by piece, each with a small shift of its own.

    A phone on a busy machine loses packets, stretches and repeats: each shifts all that follows, and one
    correlation of the whole is gone. Where the sound lies is tried from the best place of each piece.
    """
    size = int(SHORT_S * RATE)
    places = _loud_places(part, size)
    pieces = list(zip(places, _fits(whole, [part[at : at + size] for at in places]), strict=True))
    assert pieces, "the sound that is wanted is too short or silent"
    starts = {int(np.argmax(fits)) - at for at, fits in pieces}
    return max((_heard_at(start, pieces) for start in starts), key=lambda each: (each.share, -each.hole_s))


def _loud_places(part: Sound, size: int) -> list[int]:
    """Where its pieces begin, half over each other, without those that are next to silent."""
    places = range(first_loud(part), len(part) - size, size // 2)
    power = {at: float(np.sum(part[at : at + size] ** 2)) for at in places}
    return [at for at in places if power[at] > 0.02 * max(power.values())]


def _fits(whole: Sound, pieces: list[Sound]) -> Iterator[Sound]:
    """How well each piece fits at each place of the whole, −1…1; 0 where there is next to silence."""
    length = len(pieces[0])
    size = 1 << (len(whole) + length).bit_length()
    turned = np.fft.rfft(whole, size)
    sums = np.concatenate(([0.0], np.cumsum(whole**2)))
    power = sums[length:] - sums[:-length]
    there = power > 0.01 * power.max()
    root = np.sqrt(np.maximum(power, 1.0))
    for piece in pieces:
        product = np.fft.irfft(turned * np.conj(np.fft.rfft(piece, size)), size)[: len(power)]
        yield np.where(there, product / (root * np.sqrt(np.sum(piece**2))), 0.0)


def _heard_at(start: int, pieces: list[tuple[int, Sound]]) -> Heard:
    """With the sound's beginning near `start` (in samples): which of its pieces are heard."""
    slack = int(SLACK_S * RATE)
    found = [
        bool(np.any(fits[max(0, start + at - slack) : max(0, start + at + slack)] >= ENOUGH))
        for at, fits in pieces
    ]
    longest = run = 0
    for each in found:
        run = 0 if each else run + 1
        longest = max(longest, run)
    return Heard(sum(found) / len(found), (longest + 1) * SHORT_S / 2 if longest else 0.0)
