"""Prompts made from text: espeak-ng speaks what a `texts.toml` says, we write 8 kHz WAV files.

`DIRECTORY/LANGUAGE/texts.toml` has one table, `[texts]`, of prompt name to text, and may say
`voice` (of espeak-ng) and `speed` (words a minute). What a person recorded is never overwritten
unless `force` is set. Used by `ccctl prompts build` and to make the set that ships.
"""

import audioop
import math
import shutil
import subprocess
import tomllib
from array import array
from pathlib import Path
from typing import Any, Final

from ccd.errors import Misconfigured, TryLater
from ccd.media.g711 import RATE
from ccd.media.resample import resample
from ccd.media.tones import sine
from ccd.media.wav import read, write
from ccd.voice.audio_files import is_name

TEXTS: Final = "texts.toml"
SPEED: Final = 155
TIMEOUT_S: Final = 30.0
QUIET: Final = 200
"""Samples below this are silence, cut at both ends."""
LEAD: Final = RATE // 50
TAIL: Final = RATE // 12
PEAK: Final = 20000
"""Prompts are lifted to this peak (-4.3 dBFS)."""


def build_prompts(directory: str | Path, language: str, force: bool = False) -> list[Path]:
    """Render the missing prompts of one language (all with `force`); the files that were written.

    Raises `Misconfigured` for faults in `texts.toml`, `TryLater` when espeak-ng is missing or fails.
    """
    folder = Path(directory) / language
    texts, voice, speed = read_texts(folder / TEXTS, language)
    program = shutil.which("espeak-ng")
    built = []
    for name, text in texts.items():
        path = folder / f"{name}.wav"
        if path.exists() and not force:
            continue
        if program is None:
            raise TryLater("espeak", "espeak-ng is not installed; on Debian: apt-get install espeak-ng")
        linear = trim(_speak(program, voice, speed, text))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write(RATE, linear))
        built.append(path)
    return built


def read_texts(path: Path, language: str) -> tuple[dict[str, str], str, int]:
    """(texts by name, voice, speed); raises `Misconfigured`."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured("texts", f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured("texts", f"{path}: {error}") from error
    texts = table.get("texts")
    if not isinstance(texts, dict):
        raise Misconfigured("texts", f'{path}: a table [texts] with lines NAME = "what is said" is missing')
    for name, text in texts.items():
        if not is_name(name) or not isinstance(text, str) or not text.strip():
            raise Misconfigured("texts", f"{path}: {name!r} must be a prompt name with a text")
    return texts, str(table.get("voice", language)), int(table.get("speed", SPEED))


def _speak(program: str, voice: str, speed: int, text: str) -> bytes:
    """The text as 16-bit audio at 8 kHz."""
    command = [program, "-v", voice, "-s", str(speed), "--stdout", "--stdin"]
    try:
        done = subprocess.run(  # noqa: S603  a program found by name, with texts of the administrator
            command, input=text.encode(), capture_output=True, timeout=TIMEOUT_S, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise TryLater("espeak", f"espeak-ng took more than {TIMEOUT_S:.0f} s for {text!r}") from error
    except subprocess.CalledProcessError as error:
        problem = error.stderr.decode(errors="replace").strip()
        raise TryLater("espeak", f"espeak-ng with voice {voice!r} failed: {problem}") from error
    sound = read(sized(done.stdout), "espeak-ng")
    return resample(sound.linear, sound.rate, RATE)


def sized(data: bytes) -> bytes:
    """A WAV that was written to a pipe: the sizes in its header are unknown, made what they are."""
    if len(data) <= 44 or data[36:40] != b"data":
        return data
    return data[:40] + (len(data) - 44).to_bytes(4, "little") + data[44:]


def trim(linear: bytes) -> bytes:
    """Cut silence at both ends to a short, even lead and tail; lift to an even loudness."""
    samples = array("h", linear)
    loud = [index for index in range(0, len(samples), 16) if abs(samples[index]) > QUIET]
    if not loud:
        return linear
    samples = samples[max(0, loud[0] - LEAD) : loud[-1] + TAIL]
    cut = samples.tobytes()
    peak = audioop.max(cut, 2)
    return audioop.mul(cut, 2, PEAK / peak) if peak else cut


def compose_music() -> bytes:
    """The music that ships: a slow round of four broken chords, 8 kHz, about 19 s; loops without a seam."""
    beat = 0.3
    chords = [
        (220.0, 261.63, 329.63, 440.0),
        (174.61, 220.0, 261.63, 349.23),
        (196.0, 246.94, 293.66, 392.0),
        (164.81, 207.65, 246.94, 329.63),
    ]
    order = (0, 1, 2, 3, 2, 1, 2, 3)
    count = round(beat * RATE)
    total = count * len(order) * len(chords) * 2
    mix = array("i", bytes(4 * total))
    for step in range(total // count):
        chord = chords[step // len(order) // 2 % len(chords)]
        ring = _pluck(chord[order[step % len(order)]], 4 * count)
        if step % len(order) == 0:
            ring = array("i", map(int.__add__, ring, _pluck(chord[0] / 2, 4 * count)))
        start = step * count
        for index, value in enumerate(ring):
            mix[(start + index) % total] += value  # what rings on goes round into the beginning
    return array("h", (max(-32768, min(32767, value)) for value in mix)).tobytes()


def _pluck(frequency: float, count: int) -> "array[int]":
    """One soft note of three partials that dies away."""
    note = array("i", bytes(4 * count))
    for partial, level in ((1, 2600), (2, 900), (3, 300)):
        wave = array("h", sine(frequency * partial, count / RATE, level))
        for index, value in enumerate(wave):
            note[index] += int(value * math.exp(-2.6 * partial * index / RATE))
    return note
