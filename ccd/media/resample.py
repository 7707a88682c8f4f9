"""Change of sampling rate by a windowed-sinc polyphase filter, done with whole-array operations.

For a ratio up/down in lowest terms, the outputs with the same index modulo `up` share one set of
coefficients and take inputs `down` apart; each coefficient is one multiply-add over a strided slice,
which `audioop` does in C. 24 bits of headroom in 32-bit words keep rounding below 16-bit audio.
"""

import audioop
import math
from array import array
from functools import lru_cache
from typing import Final

ZEROS: Final = 16
"""Zero crossings of the sinc on each side of the centre."""
ROLL_OFF: Final = 0.92
"""Pass band as a part of half the lower rate: 3.68 kHz at 8 kHz."""
KAISER: Final = 8.0
"""Window shape: about 80 dB of stop band."""
MAX_PHASES: Final = 640
SCALE: Final = 8
"""Bits by which 16-bit samples are lifted while we add up."""


def resample(linear: bytes, source: int, target: int) -> bytes:
    """16-bit mono audio at `source` Hz as audio at `target` Hz, of the same duration."""
    if source == target or not linear:
        return linear
    shared = math.gcd(source, target)
    up, down = target // shared, source // shared
    if up > MAX_PHASES:  # an odd rate: bring it near by interpolation first
        near = round(source / 100) * 100 or target
        return resample(audioop.ratecv(linear, 2, 1, source, near, None)[0], near, target)
    return _polyphase(linear, up, down, min(1.0, target / source))


def _polyphase(linear: bytes, up: int, down: int, cut: float) -> bytes:
    """`cut`: pass band relative to the input's half rate."""
    cut *= ROLL_OFF
    reach = math.ceil(ZEROS / cut)
    count = len(linear) // 2
    total = -(-count * up // down)
    edge = bytes(4 * (reach + down + 1))
    wide = audioop.lin2lin(linear, 2, 4)
    lifted = array("i", edge + audioop.mul(wide, 4, 1.0 / (1 << (16 - SCALE))) + edge + edge)
    lead = reach + down + 1
    out = array("h", bytes(2 * total))
    bank = _bank(up, reach, cut)
    for phase in range(min(up, total)):
        length = -(-(total - phase) // up)
        whole, part = divmod(phase * down, up)
        taps = bank[part]
        row = bytes(4 * length)
        for index, weight in enumerate(taps):
            start = lead + whole - reach + index
            piece = lifted[start : start + down * (length - 1) + 1 : down].tobytes()
            row = audioop.add(row, audioop.mul(piece, 4, weight), 4)
        out[phase::up] = array("h", audioop.lin2lin(_saturate(row), 4, 2))
    return out.tobytes()


def _saturate(row: bytes) -> bytes:
    """Back to full 32-bit scale; what is too loud is clipped, not wrapped."""
    return audioop.mul(row, 4, float(1 << (16 - SCALE)))


@lru_cache(maxsize=4)
def _bank(up: int, reach: int, cut: float) -> list[list[float]]:
    """The coefficients of all phases; the prompts of a set share one rate."""
    return [_taps(part / up, reach, cut) for part in range(up)]


def _taps(offset: float, reach: int, cut: float) -> list[float]:
    """Coefficients for an output `offset` (0 to 1) input samples after an input sample."""
    taps = []
    for index in range(2 * reach + 1):
        distance = index - reach - offset
        edge = distance / (reach + 1)
        angle = math.pi * cut * distance
        sinc = 1.0 if distance == 0 else math.sin(angle) / angle
        taps.append(cut * sinc * _bessel(KAISER * math.sqrt(max(0.0, 1 - edge * edge))))
    scale = 1.0 / sum(taps)
    return [tap * scale for tap in taps]


def _bessel(value: float) -> float:
    """Modified Bessel function of the first kind, order zero, by its series."""
    total, term, index = 1.0, 1.0, 1
    while term > 1e-9 * total:
        term *= (value / (2 * index)) ** 2
        total += term
        index += 1
    return total
