"""What came to a queue on a day, read from a ledger beside the daemon: for `ccctl staff --from`."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ccd.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from ccd.history.demand import Demand

LEDGER = "ledger.sqlite"
INTERVALS_MIN = (15, 30, 60)
_AT_ONCE_S = 3600.0
_NO_LIMIT = 1_000_000_000


def own_demand(path: Path, day: str, queue: str, interval_min: int) -> "list[Demand]":
    """The day by interval, on the clock here, from the first with an arrival to the last.

    Looks at what ended by the end of the next day. Raises `Misconfigured` (no such ledger, no such day) and
    `Refused` (nothing came to that queue, with the names of those to which something did).
    """
    from ccd.history.demand import count, intervals, queues_of
    from ccd.history.explain import decode_record
    from ccd.storage.sqlite import SqliteLedger

    began_at, ended_at, until = _bounds(day)
    if interval_min not in INTERVALS_MIN:
        raise Misconfigured("staff.interval", f"--interval {interval_min} — give 15, 30 or 60 minutes")
    step_s = interval_min * 60
    parts = intervals([began_at + step_s * n for n in range(round((ended_at - began_at) / step_s) + 1)])
    others: set[str] = set()
    ledger = SqliteLedger(path / LEDGER if path.is_dir() else path, beside=True)
    try:
        since = began_at
        while since < until:
            for row in ledger.records(since, min(since + _AT_ONCE_S, until), limit=_NO_LIMIT):
                try:
                    record = decode_record(row.body)
                except Refused as error:
                    raise Refused(error.code, f"interaction {row.interaction}: {error.message}") from error
                others |= queues_of(record)
                count(record, queue, parts)
            since += _AT_ONCE_S
    finally:
        ledger.close()
    came = [number for number, part in enumerate(parts) if part.offered]
    if not came:
        seen = f"records name: {', '.join(sorted(others))}" if others else "there are no records of that day"
        raise Refused("staff.nothing", f"nothing came to queue {queue!r} on {day} — {seen}")
    return parts[came[0] : came[-1] + 1]


def _bounds(day: str) -> tuple[float, float, float]:
    """A day's beginning and end on the clock here, and the end of the next one."""
    try:
        first = date.fromisoformat(day)
        days = [first + timedelta(days=after) for after in range(3)]
        moments = [datetime(each.year, each.month, each.day).timestamp() for each in days]
    except (ValueError, OverflowError, OSError):
        raise Misconfigured("staff.day", f"--day {day!r} is no date — write 2026-11-24") from None
    return moments[0], moments[1], moments[2]
