"""Keys as tones in G.711, good and bad ones, made by rule."""

import audioop
import math
import random
from array import array

from ccd.media.g711 import encode
from ccd.media.inband import HIGH, LOW, ToneEar

PAD = "123A456B789C*0#D"
Samples = list[float]


def tone(
    key: str,
    ms: int,
    *,
    level_db: float = -10.0,
    twist_db: float = 0.0,
    off: float = 0.0,
    phases: tuple[float, float] = (0.0, 0.0),
) -> Samples:
    """One key. `level_db`: the peak below full scale; `twist_db`: how much stronger the high tone; `off`: how
    far both frequencies are off, as a part."""
    at = PAD.index(key)
    share = 1 / (1 + 10 ** (twist_db / 20))
    peak = 32767 * 10 ** (level_db / 20)
    turns = [2 * math.pi * hertz * (1 + off) / 8000 for hertz in (LOW[at // 4], HIGH[at % 4])]
    return [
        peak
        * (
            share * math.sin(turns[0] * step + phases[0])
            + (1 - share) * math.sin(turns[1] * step + phases[1])
        )
        for step in range(8 * ms)
    ]


def silence(ms: float) -> Samples:
    return [0.0] * round(8 * ms)


def noisy(samples: Samples, snr_db: float, signal: Samples, chance: random.Random) -> Samples:
    """White noise over all of it, `snr_db` below the power of `signal`."""
    power = sum(value * value for value in signal) / len(signal)
    spread = math.sqrt(power / 10 ** (snr_db / 10))
    return [value + chance.gauss(0, spread) for value in samples]


def linear(samples: Samples) -> bytes:
    return array("h", (max(-32768, min(32767, round(value))) for value in samples)).tobytes()


def hear(sound: Samples | bytes, codec: str = "PCMU", packet: int = 160) -> list[tuple[float, str]]:
    """Seconds and keys that an ear reports, given packets of so many samples."""
    data = encode(sound if isinstance(sound, bytes) else linear(sound), codec)
    found: list[tuple[float, str]] = []
    at = 0
    ear = ToneEar(lambda key: found.append((at / 8000, key)))
    for at in range(0, len(data) - packet + 1, packet):
        ear.put(data[at : at + packet], at & 0xFFFFFFFF, 0, codec)
    return found


def keys(sound: Samples | bytes, codec: str = "PCMU", packet: int = 160) -> str:
    return "".join(key for _, key in hear(sound, codec, packet))


def at_8k(data: bytes, rate: int) -> bytes:
    """Speech of another rate, made as loud as it can be."""
    sound: bytes = audioop.ratecv(data, 2, 1, rate, 8000, None)[0]
    return audioop.mul(sound, 2, 30000 / max(1, audioop.max(sound, 2)))
