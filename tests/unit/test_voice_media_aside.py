"""The threads beside the media loop outlive a job that fails: the next caller must have music."""

import select
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccd.media.playout import Playout
from ccd.voice.audio_files import Library, music_key
from ccd.voice.media_aside import After, Aside
from ccd.voice.media_legs import Legs


def settled(aside: Aside) -> None:
    """Until something came back from the thread."""
    select.select([aside.wake], [], [], 30)
    aside.settle()


def test_a_job_that_fails_is_told_and_the_next_one_done() -> None:
    told: list[str] = []
    done: list[int] = []
    aside = Aside("ccd-test", told.append)

    def fails() -> After:
        raise OSError(24, "Too many open files")

    aside.put(fails)
    aside.put(lambda: lambda: done.append(1))
    while not done:
        settled(aside)
    aside.close()
    aside.release()
    assert len(told) == 1 and "ccd-test" in told[0] and "Too many open files" in told[0]


def test_music_without_a_file_descriptor_is_silence_until_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the music asked for nor the one in its stead can be read: read when asked again."""
    with wave.open(str(tmp_path / "default.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\1" * 800)
    library = Library((), (str(tmp_path),))
    read = Path.read_bytes
    left: list[int] = []

    def no_more(path: Path) -> bytes:
        if not left:
            raise OSError(24, "Too many open files")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", no_more)
    told: list[tuple[Any, str]] = []
    legs: Any = SimpleNamespace(
        _speaking=SimpleNamespace(can_say=lambda _keys: False),
        _fetched=lambda _leg, clips, _waiting, problem: told.append((clips, problem)),
    )
    leg: Any = None
    for _ in range(2):
        Legs._read(legs, library, leg, [music_key("jazz")], Playout("", (), True, False))()
        left.append(1)
    assert told[0][0] == [] and "jazz" in told[0][1]
    assert len(told[1][0]) == 1, "the default one, now that there is a descriptor"
