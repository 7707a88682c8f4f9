"""Recordings that are older than `media.recordings_keep_days`: deleted, a folder of a day at a time.

A folder goes when its whole day is old enough. What stays in it: files of interactions that still run (a
message that waits to be heard) and files with a day of their own (`keep_days` of a voicemail or a survey).
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from ccd.runtime.centre import Centre

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_FILE: Final = re.compile(r"(.+)-\d+\.wav(?:\.part)?").fullmatch
"""`INTERACTION-N.wav`."""


class Kept(msgspec.Struct, frozen=True):
    """What must stay, however old it is."""

    running: frozenset[str]
    """Interactions."""
    paths: frozenset[str]


class Deleted(msgspec.Struct, frozen=True):
    """What was deleted."""

    paths: tuple[str, ...] = ()
    size: int = 0
    """Bytes."""
    problem: str = ""
    """The last one that could not be deleted, and why; the others went all the same."""


def kept(centre: Centre) -> Kept:
    """What the state says of files. Cheap: it is a copy of what is there."""
    state = centre.state
    with_a_day = frozenset(path for _at, path in state.deletions)
    return Kept(frozenset(state.interactions), with_a_day | frozenset(state.deleting))


def last_day(now: float, keep_days: float) -> date:
    """The newest day (UTC) of which every recording is old enough."""
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=keep_days + 1)).date()


def delete(folder: Path, last: date, stays: Kept, gone: Callable[[], bool] = lambda: False) -> Deleted:
    """Delete what is of `last` or before; blocking. Ends early once `gone()`. Raises nothing."""
    paths: list[str] = []
    size, problem = 0, ""
    for day in _days(folder, last):
        for path in _files(day):
            found = _FILE(path.name)
            if found is None or found[1] in stays.running or str(path) in stays.paths:
                continue
            if gone():
                return Deleted(tuple(paths), size, problem)
            try:
                freed = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = f"{path}: {error.strerror}"
                continue
            paths.append(str(path))
            size += freed
        try:
            day.rmdir()
        except OSError:
            continue  # something stays in it
    return Deleted(tuple(paths), size, problem)


def _days(folder: Path, last: date) -> Iterator[Path]:
    """Folders of days up to `last`, the oldest first; links are not followed."""
    try:
        found = sorted(each.name for each in os.scandir(folder) if each.is_dir(follow_symlinks=False))
    except OSError:
        return
    limit = last.isoformat()
    yield from (folder / name for name in found if _DAY(name) and name <= limit)


def _files(day: Path) -> list[Path]:
    try:
        return [Path(each.path) for each in os.scandir(day) if each.is_file(follow_symlinks=False)]
    except OSError:
        return []
