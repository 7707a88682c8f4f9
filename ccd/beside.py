"""The processes beside the daemon: `python -m ccd beside snapshot|backup|forget`, each with a ledger.

A module of its own, with no more than they need: what is read at their start comes to the core's caches in
the place of what calls need.
"""

import gc
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ccd.clock import cpu_seconds
from ccd.config.strategies import installed as own_strategies
from ccd.errors import CcdError
from ccd.pieces import Rests
from ccd.runtime.centre import Centre
from ccd.runtime.forgetting import forget_old
from ccd.runtime.process import step_up
from ccd.runtime.snapshot import make_snapshot
from ccd.storage.backup import main_backup
from ccd.storage.sqlite import SqliteLedger

COMMAND = (sys.executable, "-m", "ccd", "beside")
"""Begins their commands."""


def _snapshot(path: str) -> int:
    """See `runtime.snapshot`. A replay leaves no cyclic garbage, and looking for it walks all memory."""
    gc.disable()
    try:
        with closing(SqliteLedger(Path(path), beside=True)) as ledger:
            make_snapshot(ledger, Centre(own_strategies()), step_up, Rests(clock=cpu_seconds))
    finally:
        gc.enable()
    return 0


def _forget(path: str, before: float) -> int:
    """See `runtime.forgetting`: a line says what went, if anything did."""
    try:
        with closing(SqliteLedger(Path(path), beside=True)) as ledger:
            done = forget_old(ledger, lambda: Centre(own_strategies()), before)
    except CcdError as fault:
        print(fault)
        return 1
    if done.facts or done.records:
        print(f"{done.facts} facts, {done.records} records")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 not done, 2 another call than these. What a snapshot raises is raised: the daemon
    tells its last words."""
    match list(sys.argv[1:] if argv is None else argv):
        case ["snapshot", path]:
            return _snapshot(path)
        case ["backup", ledger, target, keep]:
            return main_backup(ledger, target, keep)
        case ["forget", path, before]:
            return _forget(path, float(before))
    print("one of: snapshot LEDGER, backup LEDGER TARGET KEEP, forget LEDGER BEFORE", file=sys.stderr)
    return 2


if __name__ == "__main__":  # a daemon that runs still, of files from before `ccd beside`
    sys.exit(main())
