"""Tones written to WAV and found again: who was heard, when, and where it broke off.

Each speaker of a test plays a tone of its own. A Goertzel filter per window says whether the tone is there;
frequencies should differ by 100 Hz or more and be multiples of 50 (a whole number of waves in 20 ms).
"""

import array
import math
import wave
from collections.abc import Sequence
from pathlib import Path

RATE = 8000
WINDOW_MS = 100
STEP_MS = 10
PRESENT = 0.02
"""Amplitude (share of full scale) from which a tone counts as heard."""


def write_tone(
    path: Path, hertz: float, seconds: float, *, amplitude: float = 0.3, rate: int = RATE, channels: int = 1
) -> Path:
    """A 16-bit WAV of one steady tone."""
    step = 2 * math.pi * hertz / rate
    wave_samples = array.array("h")
    for index in range(int(seconds * rate)):
        wave_samples.extend([int(32767 * amplitude * math.sin(step * index))] * channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(wave_samples.tobytes())
    return path


def read_wav(path: Path, channel: int = 0) -> tuple[list[float], int]:
    """Samples of one channel (−1…1) and the rate. A header left unfinished by its writer is forgiven."""
    with wave.open(str(path), "rb") as file:
        channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
        data = file.readframes(file.getnframes())
    if not data:
        data = path.read_bytes()[44:]
    if width != 2:
        raise ValueError(f"{path}: {width * 8}-bit samples, this reader knows 16")
    samples = array.array("h")
    samples.frombytes(data[: len(data) // (2 * channels) * 2 * channels])
    return [sample / 32768 for sample in samples[channel::channels]], rate


def amplitude(samples: Sequence[float], hertz: float, rate: int = RATE) -> float:
    """How strong the tone is in these samples, 0…1 (Goertzel)."""
    if not samples:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = before * before + last * last - turn * before * last
    return 2 * math.sqrt(max(power, 0.0)) / len(samples)


def profile(
    samples: Sequence[float], hertz: float, rate: int = RATE, window_ms: int = WINDOW_MS, step_ms: int = 0
) -> list[float]:
    """The tone's amplitude window by window (`step_ms` apart, default side by side)."""
    size = rate * window_ms // 1000
    step = rate * (step_ms or window_ms) // 1000
    return [
        amplitude(samples[start : start + size], hertz, rate)
        for start in range(0, len(samples) - size + 1, step)
    ]


def heard_ms(samples: Sequence[float], hertz: float, rate: int = RATE, threshold: float = PRESENT) -> int:
    """For how long the tone is there, in ms (grain 100 ms)."""
    return WINDOW_MS * sum(level >= threshold for level in profile(samples, hertz, rate))


def span_ms(
    samples: Sequence[float], hertz: float, rate: int = RATE, threshold: float = PRESENT
) -> tuple[int, int] | None:
    """From when to when the tone is there (first and last 20 ms window with it), in ms; None if never."""
    levels = profile(samples, hertz, rate, 20)
    there = [index for index, level in enumerate(levels) if level >= threshold]
    return (there[0] * 20, there[-1] * 20 + 20) if there else None


def longest_gap_ms(
    samples: Sequence[float], hertz: float, rate: int = RATE, threshold: float = PRESENT
) -> int:
    """Longest hole in the tone between its first and last moment, in ms (grain 10 ms).

    A window of 20 ms still holds half its strength with 10 ms missing, so what is measured is rounded down
    by less than 20 ms: one lost packet (20 ms) is seen as 10–20 ms. Infinite silence gives the whole length.
    """
    levels = profile(samples, hertz, rate, 20, STEP_MS)
    loud = sorted(level for level in levels if level >= threshold)
    # of the tone itself: in speech before it a few windows may hold something of its frequency
    floor = max(threshold, loud[len(loud) // 2] * 0.5) if loud else threshold
    there = [level >= floor for level in levels]
    if True not in there:
        return len(samples) * 1000 // rate
    first, last = there.index(True), len(there) - 1 - there[::-1].index(True)
    longest = run = 0
    for heard in there[first : last + 1]:
        run = 0 if heard else run + 1
        longest = max(longest, run)
    return longest * STEP_MS + (STEP_MS if longest else 0)


def check_heard(
    path: Path,
    present: float,
    absent: Sequence[float] = (),
    *,
    channel: int = 0,
    at_least_ms: int = 1000,
    gap_ms: int = 40,
) -> str:
    """Empty when all is well, else what is wrong in words: `assert not check_heard(…)` explains itself.

    `present` must be heard for `at_least_ms` without a hole over `gap_ms`; none of `absent` may be heard.
    """
    samples, rate = read_wav(path, channel)
    where = f"{path.name} channel {channel} ({len(samples) / rate:.1f} s)"
    problems = []
    there = heard_ms(samples, present, rate)
    if there < at_least_ms:
        problems.append(f"{present} Hz heard for {there} ms only, wanted {at_least_ms}")
    elif (gap := longest_gap_ms(samples, present, rate)) > gap_ms:
        problems.append(f"{present} Hz has a hole of {gap} ms")
    problems += [
        f"{hertz} Hz heard for {wrong} ms, should never"
        for hertz in absent
        if (wrong := heard_ms(samples, hertz, rate))
    ]
    return f"{where}: {'; '.join(problems)}" if problems else ""
