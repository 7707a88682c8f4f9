"""The verbs about copies of the ledger: make one, and look how far it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.runtime.asking import Args, Call, act, look
from ccd.runtime.backups import Backups


class _None(Args, frozen=True):
    """A verb without arguments."""


class _Backup(Args, frozen=True):
    to: str = ""
    """Whole path of the file; empty: one named by the time, in `backups` of the state folder."""
    keep: int = 0
    """So many stay in that folder, the older ones go; 0: all stay."""


def verbs(backups: Backups | None, clock: Clock) -> Mapping[str, Call]:
    """The part of the control server's table that is about copies."""
    if backups is None:  # a simulated centre has no file to copy
        return {}

    def start(asked: _Backup, by: str) -> dict[str, Any]:
        if asked.keep < 0 or (asked.keep and asked.to):
            cure = "a whole number from 1, and no name of your own"
            raise Refused("backup.keep", f"keep {asked.keep} is for the folder {backups.folder} — {cure}")
        if asked.to and not Path(asked.to).is_absolute():
            raise Refused("backup.path", f"{asked.to} is no whole path — begin it with /")
        target = Path(asked.to) if asked.to else backups.name(clock.now())
        backups.start(target, asked.keep, by)
        return {"path": str(target)}

    def state(_asked: _None) -> dict[str, Any]:
        return backups.view()

    return {"backup.start": act(start, _Backup), "backup": look(state, _None)}
