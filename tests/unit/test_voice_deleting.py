"""Files are deleted off the loop, and only recordings."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccd.model import facts
from ccd.model.commands import DeleteFiles
from ccd.voice import deleting
from ccd.voice.channel import VoiceChannel


def test_recordings_are_removed_and_nothing_else(tmp_path: Path) -> None:
    base, other = tmp_path / "recordings", tmp_path / "other.wav"
    (base / "2026-11-27").mkdir(parents=True)
    message, notes = base / "2026-11-27" / "1-1.wav", base / "notes.txt"
    link = base / "link.wav"
    link.symlink_to(other)
    for file in (message, notes, other):
        file.write_text("x")
    climbing = base / ".." / "other.wav"
    asked = tuple(map(str, (message, notes, climbing, link, base / "gone.wav")))
    told = deleting.removed(base, asked)
    assert told == "notes.txt: no recording; other.wav: no recording; link.wav: no recording"
    assert not message.exists() and notes.exists() and other.exists()


def test_a_file_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "1-1.wav"
    folder.mkdir()
    assert deleting.removed(tmp_path, (str(folder),)).startswith("1-1.wav: ")


async def test_it_is_done_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    removed = deleting.removed

    def watched(base: Path, paths: tuple[str, ...]) -> str:
        threads.append(threading.get_ident())
        return removed(base, paths)

    monkeypatch.setattr(deleting, "removed", watched)
    posted: asyncio.Queue[Any] = asyncio.Queue()
    file = tmp_path / "1-1.wav"
    file.write_text("x")
    media, daemon = SimpleNamespace(recordings=str(tmp_path)), SimpleNamespace(state_dir="")
    channel = SimpleNamespace(settings=SimpleNamespace(media=media, daemon=daemon), post=posted.put_nowait)
    deleting.delete(cast(VoiceChannel, channel), DeleteFiles("voice:files", (str(file),)))
    async with asyncio.timeout(5):
        assert await posted.get() == facts.FilesDeleted((str(file),))
    assert not file.exists() and threads[0] != threading.get_ident()
