"""What is wrong just now, from all who can tell: the ledger, the centre, the channels."""

from ccd.runtime import outside_views, troubles
from ccd.runtime.alarm_board import LEDGER_STALLED, causes
from ccd.runtime.doors import Doors, gather
from ccd.runtime.troubles import Troubles, View, alarm


def _ahead(ahead_s: float) -> str:
    by = f"{ahead_s:.0f} s" if ahead_s < 600 else f"{ahead_s / 3600:.1f} h"
    return (
        f"ccd is {by} ahead of this machine's clock, which was set back: its times never run back, so opening"
        " hours and records are early until the machine has caught up, a restart does not change that"
    )


def look(doors: Doors) -> list[View]:
    """The alarms that stand (`AlarmBoard.look`)."""
    seen = Troubles(doors.centre, doors.clock.now())
    return doors.board.look(_found(doors, seen), seen.now, causes(seen.queues))


def _found(doors: Doors, seen: Troubles) -> list[View]:
    found = []
    if doors.runtime.pressure().stalled:
        why = "the ledger cannot be written; new calls are refused until it can"
        found.append(alarm(LEDGER_STALLED, "", why))
    found += troubles.found(doors.centre, seen)
    found += outside_views.alarms(gather(doors, "services"))
    for row in gather(doors, "recording faults"):
        found.append(alarm("recordings fail", "", f"{row['failed']} in a row: {row['problem']}"))
    if ahead_s := doors.ahead_s():
        found.append(alarm("clock ahead", "", _ahead(ahead_s)))
    found += [alarm("calls turned away", "", row["why"]) for row in gather(doors, "door")]
    found += [alarm("audio ports used up", "", row["why"]) for row in gather(doors, "ports")]
    found += [alarm("disk nearly full", path, how) for path, how in doors.full_disks().items()]
    if doors.backups is not None and doors.backups.problem:
        found.append(alarm("backup failed", "", doors.backups.problem))
    for row in gather(doors, "certificates"):
        what = "certificate ends" if row["urgent"] else "certificate to renew"
        found.append(alarm(what, row["file"], f"{row['why']}: renew it, then `ccctl reload`"))
    return found
