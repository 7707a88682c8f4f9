"""Tones made by rule: 425 Hz call progress as in most of Europe (ITU-T E.180), and short signals."""

import math
from array import array
from typing import Final

from ccd.media.g711 import RATE

LEVEL: Final = 4000
"""Peak amplitude, about -18 dBm0."""
RAMP: Final = 40
"""Samples (5 ms) of fade at each end, against clicks."""

Part = tuple[float, float]
"""(frequency in Hz, seconds); frequency 0 is silence."""

TONES: Final[dict[str, tuple[Part, ...]]] = {
    "ringback": ((425, 1.5), (0, 3.5)),
    "busy": ((425, 0.5), (0, 0.5)),
    "congestion": ((425, 0.25), (0, 0.25)),
    "beep": ((1000, 0.25), (0, 0.05)),
    "confirm": ((600, 0.12), (0, 0.04), (800, 0.16), (0, 0.08)),
    "error": ((400, 0.2), (0, 0.08), (300, 0.3), (0, 0.08)),
}


def tone(name: str) -> bytes | None:
    """The named tone as 16-bit audio at 8 kHz; None when there is none of that name."""
    parts = TONES.get(name)
    return None if parts is None else b"".join(sine(frequency, seconds) for frequency, seconds in parts)


def sine(frequency: float, seconds: float, level: int = LEVEL, rate: int = RATE) -> bytes:
    """One sine with soft ends."""
    count = round(seconds * rate)
    if not frequency:
        return bytes(2 * count)
    turn = 2 * math.pi * frequency / rate
    samples = array("h", (round(level * math.sin(turn * index)) for index in range(count)))
    for index in range(min(RAMP, count // 2)):
        samples[index] = samples[index] * index // RAMP
        samples[-1 - index] = samples[-1 - index] * index // RAMP
    return samples.tobytes()
