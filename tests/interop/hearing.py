"""What a phone heard, held against what should be said: texts as espeak-ng says them, and prompts."""

import subprocess
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
Sound = np.ndarray[Any, Any]


def rendered(text: str, language: str) -> Sound:
    """What espeak-ng says by itself, at 8 kHz."""
    command = ["espeak-ng", "-v", VOICES[language], "-s", "155", "--stdout", "--stdin"]
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
