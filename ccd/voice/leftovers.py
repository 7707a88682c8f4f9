"""Recordings that a crash left behind as `.wav.part`: made whole after the next start.

When the machine loses power, or systemd ends what is left of a daemon that died, nobody renames them. What
another process still writes grows, so only files are taken that stay as long as they are for a while.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

import structlog

from ccd.media.g711 import RATE
from ccd.media.wav import HEADER_BYTES, header
from ccd.voice.recorder import BATCH_S, PART

log = structlog.get_logger("voice")

STILL_S: Final = 2 * BATCH_S
"""A recording that runs grows with each batch."""
DAYS: Final = 3
"""Newest folders looked into: a crash leaves nothing in older ones, and a year of calls is a long list."""
_CHANNELS: Final = slice(22, 24)
"""Where a WAV header has the number of channels."""


async def rescue(base: Path) -> None:
    """Look for such files, wait, and finish those that nobody writes any more."""
    before = await asyncio.to_thread(_sizes, base)
    if not before:
        return
    await asyncio.sleep(STILL_S)
    after = await asyncio.to_thread(_sizes, base)
    for path in [path for path, size in after.items() if before.get(path) == size]:
        try:
            seconds = await asyncio.to_thread(make_whole, path)
        except OSError as error:
            log.warning("recording not rescued", path=path, problem=error.strerror)
        else:
            log.info("recording rescued", path=path.removesuffix(PART), seconds=round(seconds, 1))


def _sizes(base: Path) -> dict[str, int]:
    """Unfinished files of the newest days, and their sizes in octets."""
    found: dict[str, int] = {}
    try:
        with os.scandir(base) as entries:
            days = sorted((each.path for each in entries if each.is_dir()), reverse=True)[:DAYS]
        for day in days:
            with os.scandir(day) as entries:
                found |= {each.path: each.stat().st_size for each in entries if each.name.endswith(PART)}
    except OSError:  # no recordings yet, or one was finished while we looked
        return found
    return found


def make_whole(path: str) -> float:
    """Let the header count what is there, and give the file its name; the answer is its length in seconds.

    Raises `OSError`; a file that has that name already is never replaced.
    """
    with open(path, "r+b") as file:
        channels = int.from_bytes(file.read(HEADER_BYTES)[_CHANNELS], "little") or 1
        size = max(0, os.fstat(file.fileno()).st_size - HEADER_BYTES)
        size -= size % (2 * channels)
        file.seek(0)
        file.write(header(RATE, channels, size))
    os.link(path, path.removesuffix(PART))
    os.unlink(path)
    return size / (2 * channels * RATE)
