"""Prompts and music of a media worker: found by name, read and coded once, kept in memory.

`find` may read files and belongs on a thread aside; `ready` only looks into memory. Names are
relative paths without ending (`queue/position`); nothing outside the directories can be named.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ccd.errors import Misconfigured
from ccd.media.g711 import RATE
from ccd.media.playout import Clip
from ccd.media.resample import resample
from ccd.media.tones import tone
from ccd.media.wav import read
from ccd.model.nouns import PromptPart
from ccd.model.pieces import pieces

SHIPPED: Final = Path(__file__).resolve().parent.parent / "prompts"
"""The set that ships with ccd."""
TONE: Final = "tone:"
FILE: Final = "file:"
MUSIC: Final = "music:"
SAY: Final = "say:"
"""Before the language of a text that a speech engine speaks."""
MOST_SAID: Final = 100_000
"""Frames of 20 ms of such texts kept in memory: 2000 s, 32 MB."""
DEFAULT_MUSIC: Final = "default"
MAX_BYTES: Final = 200 << 20

Key = tuple[str, str]
"""(language or kind, name)"""


class Library:
    """Clips by key, from the given directories and then the shipped ones."""

    def __init__(self, prompts: Sequence[str], music: Sequence[str]) -> None:
        self._prompts = [*map(Path, prompts), SHIPPED]
        self._music = [*map(Path, music), SHIPPED / "music"]
        self._clips: dict[Key, Clip] = {}
        self._said: dict[Key, Clip] = {}
        self._said_frames = 0

    def keep_said(self, key: Key, clip: Clip) -> None:
        """Remember a rendered text; those said longest ago are forgotten. On the loop's thread only."""
        old = self._said.pop(key, None)
        self._said[key] = clip
        self._said_frames += clip.frames - (old.frames if old is not None else 0)
        while self._said_frames > MOST_SAID and len(self._said) > 1:
            self._said_frames -= self._said.pop(next(iter(self._said))).frames

    def said(self, key: Key) -> Clip | None:
        """A rendered text that is in memory."""
        clip = self._said.pop(key, None)
        if clip is not None:
            self._said[key] = clip  # used last now
        return clip

    def forget(self) -> None:
        """Read everything again when it is asked for next; what plays goes on."""
        self._clips = {}

    def keep(self, key: Key, clip: Clip) -> None:
        """Remember a clip for a prompt that has no file, until `forget`. On the loop's thread only."""
        self._clips[key] = clip

    def ready(self, keys: Sequence[Key]) -> list[Clip] | None:
        """The clips if all of them are in memory."""
        clips = self._clips
        found = [self.said(key) if key[0].startswith(SAY) else clips.get(key) for key in keys]
        return None if None in found else [clip for clip in found if clip is not None]

    def find(self, keys: Sequence[Key]) -> list[Clip]:
        """The clips, read if need be; raises `Misconfigured` that says what was looked for where."""
        return [self._clip(key) for key in keys]

    def _clip(self, key: Key) -> Clip:
        clips = self._clips
        clip = clips.get(key)
        if clip is None:
            clip = self._load(*key)
            if key[0] != FILE:  # recordings are heard once or twice
                clips[key] = clip
        return clip

    def _load(self, kind: str, name: str) -> Clip:
        if kind == TONE:
            made = tone(name)
            if made is None:
                raise Misconfigured("tone", f"there is no tone {name!r}")
            return Clip(made)
        if kind == FILE:
            return load(Path(name))
        if not is_name(name) or (kind != MUSIC and not is_name(kind)):
            problem = "one of them is not a name (letters, digits, - _ . and /)"
            raise Misconfigured("prompt", f"prompt {name!r} in language {kind!r}: {problem}")
        where = self._music if kind == MUSIC else [directory / kind for directory in self._prompts]
        for directory in where:
            path = directory / f"{name}.wav"
            if path.is_file():
                return load(path)
        places = ", ".join(str(directory / f"{name}.wav") for directory in where)
        what = f"music {name!r}" if kind == MUSIC else f"prompt {name!r} in language {kind!r}"
        raise Misconfigured("prompt", f"{what} is missing; looked for {places}")


def is_name(name: str) -> bool:
    """Whether it may name a file below a directory of prompts."""
    parts = name.split("/")
    return bool(name) and all(
        part
        and not part.startswith(".")
        and part.replace("-", "a").replace("_", "a").replace(".", "a").isalnum()
        for part in parts
    )


def load(path: Path) -> Clip:
    """Read one WAV file; raises `Misconfigured`."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise Misconfigured("prompt", f"{path}: larger than {MAX_BYTES >> 20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured("prompt", f"{path}: cannot be read: {error.strerror}") from error
    sound = read(data, str(path))
    return Clip(resample(sound.linear, sound.rate, RATE))


def keys_of(parts: Sequence[PromptPart], language: str, tone_name: str, file: str = "") -> list[Key]:
    """What a `Play` needs, in order."""
    if file:
        return [(FILE, file)]
    if tone_name:
        return [(TONE, tone_name)]
    keys: list[Key] = []
    for part in parts:
        if part.text:
            keys.append((SAY + (part.language or language), part.text))
        elif part.number is not None:
            keys += [(language, name) for name in pieces(part.number, language, part.unit)]
        elif part.name:
            keys.append((language, part.name))
    return keys


def music_key(name: str) -> Key:
    """The key of `tone:ringback`, `default`, …"""
    if name.startswith(TONE):
        return (TONE, name[len(TONE) :])
    return (MUSIC, name or DEFAULT_MUSIC)
