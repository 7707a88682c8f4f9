"""What a crash left of recordings: whole files under their names, and nothing of others touched."""

import asyncio
from pathlib import Path

import pytest

from ccd.media.wav import header, read
from ccd.voice import leftovers
from ccd.voice.leftovers import make_whole, rescue

SECOND = 8000


def left(folder: Path, name: str, channels: int, samples: int, *, counted: int = 0, odd: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav.part"
    path.write_bytes(header(8000, channels, counted) + b"\1\0" * channels * samples + b"\7" * odd)
    return path


@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_counts_what_is_there(tmp_path: Path, channels: int) -> None:
    path = left(tmp_path, "7-1", channels, 2 * SECOND, counted=SECOND, odd=1)
    assert make_whole(str(path)) == 2.0
    assert not path.exists()
    whole = (tmp_path / "7-1.wav").read_bytes()
    assert whole[:44] == header(8000, channels, 2 * SECOND * 2 * channels)
    assert len(read(whole, "7-1").linear) == 2 * SECOND * 2


def test_a_finished_recording_of_that_name_is_never_replaced(tmp_path: Path) -> None:
    path = left(tmp_path, "7-1", 2, SECOND)
    (tmp_path / "7-1.wav").write_bytes(b"another call")
    with pytest.raises(FileExistsError):
        make_whole(str(path))
    assert (tmp_path / "7-1.wav").read_bytes() == b"another call"
    assert path.exists()


async def test_what_still_grows_is_left_to_who_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two daemons may share a folder of recordings; the worker of a killed daemon lives a moment longer."""
    dead, alive = left(tmp_path / "2026-11-27", "1-1", 2, 10), left(tmp_path / "2026-11-28", "2-1", 2, 10)
    old = [left(tmp_path / f"2026-11-0{day}", "0-1", 2, 10) for day in range(1, 4)]

    async def meanwhile(seconds: float) -> None:
        assert seconds == leftovers.STILL_S
        with alive.open("ab") as file:
            file.write(b"\1\0\1\0")

    monkeypatch.setattr(asyncio, "sleep", meanwhile)
    await rescue(tmp_path)
    assert not dead.exists() and dead.with_suffix("").exists()
    assert alive.exists() and not alive.with_suffix("").exists()
    assert [path.exists() for path in old] == [True, True, False], (
        "the third newest day is the last looked at"
    )


async def test_without_recordings_there_is_nothing_to_do(tmp_path: Path) -> None:
    await rescue(tmp_path / "none")
    assert not (tmp_path / "none").exists()
