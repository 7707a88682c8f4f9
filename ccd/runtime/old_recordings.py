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

from ccd import files
from ccd.errors import Refused
from ccd.runtime.centre import Centre

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_FILE: Final = re.compile(r"(.+)-\d+\.wav(?:\.part)?").fullmatch
"""`INTERACTION-N.wav`."""


class Kept(msgspec.Struct, frozen=True):
    """What must stay, however old it is, and what is to be told of when it goes."""

    running: frozenset[str] = frozenset()
    """Interactions."""
    paths: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    """Paths that the state knows of."""


class Known(msgspec.Struct, frozen=True):
    """What the state says of files, copied in an instant; `kept` sorts it beside the loop."""

    running: tuple[str, ...]
    deletions: tuple[tuple[float, str], ...]
    deleting: tuple[str, ...]
    listed: tuple[str, ...]


class Deleted(msgspec.Struct, frozen=True):
    """What was deleted: a day may have a million files."""

    files: int = 0
    size: int = 0
    """Bytes."""
    listed: tuple[str, ...] = ()
    """Those of `Kept.listed`."""
    problem: str = ""
    """The last one that could not be deleted, and why; the others went all the same."""


def known(centre: Centre) -> Known:
    """What the state says of files now."""
    state = centre.state
    return Known(
        tuple(state.interactions), tuple(state.deletions), tuple(state.deleting), tuple(state.spoken_answers)
    )


def kept(said: Known, rest: Callable[[], None] = lambda: None) -> Kept:
    """The same to look things up in; `rest` is called now and then."""
    paths = set(said.deleting)
    for _at, path in said.deletions:
        paths.add(path)
        rest()
    return Kept(frozenset(said.running), frozenset(paths), frozenset(said.listed))


def last_day(now: float, keep_days: float) -> date:
    """The newest day (UTC) of which every recording is old enough."""
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=keep_days + 1)).date()


def delete(
    folder: Path,
    last: date,
    stays: Kept,
    gone: Callable[[], bool] = lambda: False,
    rest: Callable[[], None] = lambda: None,
) -> Deleted:
    """Delete what is of `last` or before; blocking. Ends early once `gone()`; `rest` is called after each
    file. Raises nothing."""
    count, size, problem, listed = 0, 0, "", list[str]()
    for day in _days(folder, last):
        for path in _files(day):
            found = _FILE(path.name)
            if found is None or found[1] in stays.running or str(path) in stays.paths:
                continue
            if gone():
                return Deleted(count, size, tuple(listed), problem)
            try:
                size += files.delete(folder, path)
            except (OSError, Refused) as error:
                problem = f"{path}: {error.strerror if isinstance(error, OSError) else error.message}"
                continue
            count += 1
            if str(path) in stays.listed:
                listed.append(str(path))
            rest()
        files.delete_empty(folder, day)
    return Deleted(count, size, tuple(listed), problem)


def _days(folder: Path, last: date) -> Iterator[Path]:
    """Folders of days up to `last`, the oldest first; links are not followed."""
    try:
        found = sorted(each.name for each in os.scandir(folder) if each.is_dir(follow_symlinks=False))
    except OSError:
        return
    limit = last.isoformat()
    yield from (folder / name for name in found if _DAY(name) and name <= limit)


def _files(day: Path) -> Iterator[Path]:
    """One after the other: they are deleted meanwhile, and there may be very many."""
    try:
        with os.scandir(day) as found:
            yield from (Path(each.path) for each in found if each.is_file(follow_symlinks=False))
    except OSError:
        return
