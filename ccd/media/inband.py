"""Digits heard as tones in G.711 audio (ITU-T Q.23, Q.24), for callers whose phones send no RFC 4733.

A window of 20 ms moves on by 10 ms. In each, the strength of the eight frequencies is measured by
correlation with tables of sine and cosine (`audioop.findfactor` does the sums in C). A window counts
for a key when one low and one high tone hold nearly all of its energy: speech spreads it over its
harmonics. Two such windows in a row with the same key are a digit (40 ms, Q.24); it is over after four
without it, so that a break of 10 ms does not make two digits, and a pause of 40 ms does.

Cheapest looks first: silence costs one sum of squares, most speech half of the correlations.
"""

import audioop
import math
from array import array
from collections.abc import Callable
from typing import Final

from ccd.media.g711 import RATE, decode
from ccd.media.packet import TIMESTAMP_MASK

LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
KEYS: Final = ("123A", "456B", "789C", "*0#D")
WINDOW: Final = 160
HOP: Final = 80
LEAST_RMS: Final = 200
"""About -41 dB below a full sine: the quietest that Q.24 asks for is -29 dBm; softer is echo."""
SHARE: Final = 0.90
"""Part of the energy that the two tones must have; at 15 dB of signal to noise they have 0.97."""
FIRST_SHARE: Final = 0.34
"""The same in the first, coarse look, which sees a tone that is 1.5 % off at less than half its energy."""
LEAST_LOW: Final = 0.05
TWIST_LOW: Final = 10 ** (6.5 / 10)
"""How much stronger the low tone may be (Q.24: 4 dB, with room for noise)."""
TWIST_HIGH: Final = 10 ** (8.5 / 10)
"""How much stronger the high tone may be (8 dB)."""
OVERTONE: Final = 0.06
"""Most energy of the high tone's second harmonic, as a part of the tone's own (-12 dB): speech has more.
The low tones' harmonics lie among the high tones and say nothing."""
DETUNED: Final = (-0.015, -0.0075, 0.0, 0.0075, 0.015)
HITS: Final = 2
MISSES: Final = 4
_SCALE: Final = 16000
_find: Final = audioop.findfactor
_rms: Final = audioop.rms

Table = tuple[bytes, bytes]


def _table(hertz: float) -> Table:
    """Cosine and sine over one window, as 16-bit samples."""
    turn = 2 * math.pi * hertz / RATE
    wave = [
        array("h", (round(_SCALE * function(turn * at)) for at in range(WINDOW))).tobytes()
        for function in (math.cos, math.sin)
    ]
    return wave[0], wave[1]


_LOW: Final = tuple(_table(hertz) for hertz in LOW)
_HIGH: Final = tuple(_table(hertz) for hertz in HIGH)
_FINE: Final = {hertz: tuple(_table(hertz * (1 + off)) for off in DETUNED) for hertz in LOW + HIGH}
_OVER: Final = {hertz: _table(2 * hertz) for hertz in HIGH}
_UNIT: Final = _SCALE * _SCALE / 2
"""Turns squared factors into mean squares of the tone in the window."""


def _power(window: bytes, table: Table) -> float:
    """Mean square of a tone in a window."""
    cosine, sine = _find(window, table[0]), _find(window, table[1])
    return (cosine * cosine + sine * sine) * _UNIT


def key_in(window: bytes) -> str:
    """The key whose tones fill this window of linear audio; empty: none."""
    rms = _rms(window, 2)
    if rms < LEAST_RMS:
        return ""
    total = float(rms * rms)
    lows = [_power(window, table) for table in _LOW]
    low = max(lows)
    if low < LEAST_LOW * total:
        return ""
    highs = [_power(window, table) for table in _HIGH]
    high = max(highs)
    if low + high < FIRST_SHARE * total or high < LEAST_LOW * total:
        return ""
    row, column = lows.index(low), highs.index(high)
    low = max([_power(window, table) for table in _FINE[LOW[row]]])
    high = max([_power(window, table) for table in _FINE[HIGH[column]]])
    if low + high < SHARE * total or low > TWIST_LOW * high or high > TWIST_HIGH * low:
        return ""
    if _power(window, _OVER[HIGH[column]]) > OVERTONE * high:
        return ""
    return KEYS[row][column]


class ToneEar:
    """Listens to one party's packets. `report` is called with each key, once, when it is sure."""

    __slots__ = ("_active", "_hits", "_misses", "_next", "_rest", "_seen", "report")

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self._rest = b""
        """Linear audio that is not looked at wholly."""
        self._next = -1
        """Timestamp that the next packet should have."""
        self._seen = ""
        self._hits = 0
        self._active = ""
        """The key that is held, and was reported."""
        self._misses = 0

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None:
        """One packet of G.711."""
        del clock
        linear = decode(payload, codec)
        if timestamp != self._next:  # lost, late, or a new stream: what is apart is not looked at as one
            self._rest = b""
        self._next = (timestamp + len(payload)) & TIMESTAMP_MASK
        rest = self._rest + linear if self._rest else linear
        at = 0
        while at + 2 * WINDOW <= len(rest):
            self._take(key_in(rest[at : at + 2 * WINDOW]))
            at += 2 * HOP
        self._rest = rest[at:]

    def _take(self, key: str) -> None:
        """What one window held."""
        if key != self._active:
            self._misses += 1
            if self._misses >= MISSES:
                self._active = ""
        else:
            self._misses = 0
        if not key:
            self._seen, self._hits = "", 0
            return
        self._hits = self._hits + 1 if key == self._seen else 1
        self._seen = key
        if self._hits >= HITS and key != self._active:
            self._active, self._misses = key, 0
            self.report(key)
