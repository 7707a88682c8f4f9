"""Texts as clips: rendered once by a speech engine, kept on disk by what they are, found again at once.

`clip` blocks and belongs on a thread aside; several threads may ask. Two that ask for the same text at once
wait for one rendering. An engine that failed is left alone for `REST_S` in that language: meanwhile nobody
waits for it.
"""

import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ccd.clock import monotonic
from ccd.errors import CcdError, TryLater
from ccd.media.g711 import RATE
from ccd.media.playout import Clip
from ccd.media.resample import resample
from ccd.media.wav import read, write
from ccd.voice.audio_build import sized, trim
from ccd.voice.audio_files import load
from ccd.voice.speech_engines import Running, render
from ccd.voice.speech_plan import SpeechPlan

REST_S: Final = 10.0
RECOUNT: Final = 100
"""Files written between two counts of the cache: other workers write there, too."""
FORM: Final = 1
"""Changes when the same text would be made into other audio."""


class Speech:
    """One worker's voice."""

    def __init__(self, plan: SpeechPlan) -> None:
        self.plan = plan
        self._running = Running()
        self._lock = threading.Lock()
        self._making: dict[Path, threading.Event] = {}
        self._rests: dict[str, tuple[float, str]] = {}
        """Language → until when it rests, and why."""
        self._bytes = -1
        """Size of the cache as last known; -1: not counted."""
        self._written = 0

    def clip(self, language: str, text: str) -> Clip:
        """The text as audio; raises `TryLater` or `Misconfigured`."""
        path = self.path(language, text)
        with self._lock:
            other = self._making.get(path)
            if other is None:
                mine = self._making[path] = threading.Event()
        if other is not None:
            other.wait(self.plan.timeout_s)
            return self._kept(path) or self._render(path, language, text)
        try:
            return self._kept(path) or self._render(path, language, text)
        finally:
            with self._lock:
                del self._making[path]
            mine.set()

    def is_kept(self, language: str, text: str) -> bool:
        """Whether it is on disk."""
        return bool(self.plan.cache) and self.path(language, text).exists()

    def close(self) -> None:
        """Break off what is being rendered; nothing is begun any more."""
        self._running.close()

    # -- the cache -----------------------------------------------------------------------------------

    def path(self, language: str, text: str) -> Path:
        """Its file: the name is a hash of everything that makes the sound what it is."""
        plan = self.plan
        what = [FORM, plan.engine, plan.url, plan.command, plan.voice(language), plan.speed, language, text]
        name = hashlib.sha256(msgspec.json.encode(what)).hexdigest()
        return Path(plan.cache) / name[:2] / f"{name}.wav"

    def _kept(self, path: Path) -> Clip | None:
        if not self.plan.cache:
            return None
        try:
            os.utime(path)  # used now: others go first
            return load(path)
        except FileNotFoundError:
            return None
        except (OSError, CcdError):  # torn by a full disk, say: made anew
            with suppress(OSError):
                path.unlink()
            return None

    def _render(self, path: Path, language: str, text: str) -> Clip:
        if self._running.closed:
            raise TryLater("speech", "the media worker ends")
        until, why = self._rests.get(language, (0.0, ""))
        if monotonic() < until:
            raise TryLater("speech", why)
        try:
            sound = read(
                sized(render(self.plan, language, text, self._running)), "the speech engine's answer"
            )
        except CcdError as error:
            self._rests[language] = (monotonic() + REST_S, error.message)
            raise
        linear = trim(resample(sound.linear, sound.rate, RATE))
        if self.plan.cache:
            with suppress(OSError):  # a full disk: it is said all the same
                self._keep(path, write(RATE, linear))
        return Clip(linear)

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(dir=path.parent, suffix=".new")  # 0600: it may be about a person
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
            os.replace(name, path)
        except OSError:
            with suppress(OSError):
                os.unlink(name)
            raise
        with self._lock:
            self._written += 1
            if self._bytes < 0 or self._written % RECOUNT == 0:
                self._bytes = sum(size for _, size, _ in _files(self.plan.cache))
            else:
                self._bytes += len(data)
            if self._bytes > self.plan.cache_bytes:
                self._bytes = prune(self.plan.cache, self.plan.cache_bytes)


def _files(folder: str) -> list[tuple[float, int, str]]:
    """(last use, bytes, path)"""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with suppress(OSError):
                state = os.stat(path)
                found.append((state.st_mtime, state.st_size, path))
    return found


def prune(folder: str, most: int) -> int:
    """Remove what was not used for longest until a tenth of the bound is free; the bytes that stay."""
    files = sorted(_files(folder))
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= most * 9 // 10:
            break
        with suppress(OSError):
            os.unlink(path)
            total -= size
    return total
