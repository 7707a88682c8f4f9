"""What grows on the disk: how full it is, and what is old and to go. All of it aside of the loop.

The kernel tells nobody that a disk fills up, so it is looked at once a minute. What is old is looked for
a while after the start, and then a few times a day.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ccd.clock import Clock
from ccd.errors import CcdError
from ccd.model import facts
from ccd.model.settings import Settings
from ccd.pieces import PIECE_S, Rests
from ccd.runtime.centre import Centre
from ccd.runtime.old_recordings import Deleted, delete, kept, known, last_day

log = structlog.get_logger("ccd")

LOOK_S = 60.0
FIRST_DELETION_S = 300.0
DELETIONS_S = 6 * 3600.0
LEAP_S = 24 * 3600.0
"""So long between two looks, or since the newest fact of the run before, and the clock is in doubt."""
HOLD_S = 24 * 3600.0
CLEAR_PCT = 1.0
"""The disk must be emptier by so much than the limit before the alarm ends: it does not come and go."""


class Space(msgspec.Struct, frozen=True):
    """One file system, as `df` counts: what only root may use is not there."""

    path: str
    """What we keep on it."""
    free: int
    size: int

    @property
    def full_pct(self) -> float:
        return 100.0 * (self.size - self.free) / self.size if self.size else 0.0


def space_of(path: Path) -> Space | None:
    """Of the file system that holds a path; None where it cannot be told (yet). Blocking."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    return Space(str(path), found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize)


def spaces_of(paths: tuple[Path, ...]) -> list[Space]:
    """Of each file system once."""
    seen, found = set(), []
    for path in paths:
        try:
            device = os.stat(path).st_dev
        except OSError:
            continue
        space = space_of(path)
        if device not in seen and space is not None:
            seen.add(device)
            found.append(space)
    return found


class Upkeep:
    """The disk of one daemon."""

    __slots__ = (
        "_ahead_s",
        "_alarms",
        "_centre",
        "_clock",
        "_delete_at",
        "_ended",
        "_forget",
        "_ledger",
        "_looked_at",
        "_post",
        "_recordings",
        "_settings",
        "_stay",
    )

    def __init__(
        self,
        centre: Centre,
        clock: Clock,
        settings: Callable[[], Settings],
        ledger: Path,
        recordings: Callable[[Settings], Path],
        post: Callable[[facts.AnyFact], Any],
        forget: Callable[[float], Awaitable[None]],
        stay: Callable[[], Awaitable[None]] | None = None,
        last_at: float = 0.0,
        ahead_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`settings`: in force now; `recordings`: their folder; `forget`: deletes facts older than a time;
        `stay`: has the ledger look whether its files lie where they were (`Ledger.stay`);
        `last_at`: time of the newest fact before this start; `ahead_s`: see `SystemClock`."""
        self._centre = centre
        self._clock = clock
        self._settings = settings
        self._ledger = ledger
        self._recordings = recordings
        self._post = post
        self._forget = forget
        self._stay = stay
        self._alarms: dict[str, str] = {}
        self._ended = False
        self._ahead_s = ahead_s
        self._delete_at = clock.now() + FIRST_DELETION_S
        self._looked_at = last_at or clock.now()

    def alarms(self) -> dict[str, str]:
        """What we keep on a disk that is nearly full, and how it stands."""
        return self._alarms

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self.look()
                await self.keep_place()
                if self.may_delete():
                    await self.delete_old()
                await asyncio.sleep(LOOK_S)
        finally:
            self._ended = True

    async def look(self) -> None:
        """How full the disks are now."""
        settings = self._settings()
        folders = (self._ledger.parent, self._recordings(settings))
        spaces, size = await asyncio.to_thread(lambda: (spaces_of(folders), _size(self._ledger)))
        before, limit = self._alarms, settings.daemon.disk_alarm_pct
        self._alarms = {
            each.path: _words(each, size if each.path == str(self._ledger.parent) else 0)
            for each in spaces
            if each.full_pct >= limit - (CLEAR_PCT if each.path in before else 0.0) and limit < 100.0
        }
        for path in self._alarms.keys() - before.keys():
            log.warning("disk nearly full", path=path, how=self._alarms[path])
        for path in before.keys() - self._alarms.keys():
            log.info("disk has room again", path=path)

    def may_delete(self) -> bool:
        """Whether what is old is to go now. After a leap of the clock nothing does for a day: were it wrong
        (an empty battery, a machine that came back from another time), all of it would look old."""
        now = self._clock.now()
        leap_s, self._looked_at = now - self._looked_at, now
        if leap_s > LEAP_S:
            self._delete_at = now + HOLD_S
            cure = "look whether the clock of this machine is right"
            log.warning("deletions held", leap_h=round(leap_s / 3600), for_h=HOLD_S / 3600, cure=cure)
        if now < self._delete_at or self._ahead_s() > LEAP_S:
            return False
        self._delete_at = now + DELETIONS_S
        return True

    async def keep_place(self) -> None:
        """An idle centre writes nothing for hours: the ledger is asked to look after its files meanwhile."""
        if self._stay is None:
            return
        try:
            await self._stay()
        except CcdError as fault:  # the next commit says so too, and new calls are refused then
            log.error("ledger not in its place", problem=fault.message)

    async def delete_old(self) -> Deleted:
        """Delete facts and recordings that are too old, if there is such an age; the recordings that went.

        Too old at its beginning: forgetting may take an hour, in which the clock may leap.
        """
        settings, now = self._settings(), self._clock.now()
        if settings.ledger.keep_days:
            await self._forget(now - settings.ledger.keep_days * 86_400.0)
        keep_days = settings.media.recordings_keep_days
        if not keep_days:
            return Deleted()
        last = last_day(now, keep_days)
        folder = self._recordings(settings)
        said = known(self._centre)

        def sweep() -> Deleted:
            stays = kept(said, Rests(PIECE_S))
            return delete(folder, last, stays, lambda: self._ended, Rests(PIECE_S))

        done = await asyncio.to_thread(sweep)
        if done.files:
            log.info(
                "old recordings deleted", files=done.files, mb=round(done.size / 1e6, 1), until=str(last)
            )
        if done.problem:
            log.error("old recordings not deleted", problem=done.problem)
        if done.listed:
            self._post(facts.FilesDeleted(done.listed))
        return done


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _words(space: Space, ledger: int) -> str:
    grown = f", of it the ledger {ledger / 1e9:.1f} GB" if ledger else ""
    return f"{space.full_pct:.0f} % full, {space.free / 1e9:.1f} of {space.size / 1e9:.1f} GB left{grown}"
