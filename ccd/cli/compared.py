"""Figures of one day under several configurations, side by side: for `ccctl simulate`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccd.history.state import Figures, Record
    from ccd.history.stays import Slice, Stay
    from ccd.model.rules import Rules
    from ccd.testing.day import Day
    from ccd.testing.rehearsal import Rehearsed, Worked

ALL = ""
"""Name of the row that sums up all queues."""


def as_it_was(records: "Sequence[Record]", rules: "Rules", edges: Sequence[float]) -> dict[str, Any]:
    """The day's own records, measured like the rehearsed ones. Occupancy is not in records."""
    return _measured("as it was", records, rules, edges, {})


def as_rehearsed(name: str, result: "Rehearsed", rules: "Rules", edges: Sequence[float]) -> dict[str, Any]:
    """One configuration's figures."""
    lost = sum(not record.queue for record in result.records)
    found = _measured(name, result.records, rules, edges, result.worked)
    return found | {"no_queue": lost, "facts": result.facts, "state_sha256": result.state_sha256}


def interval_edges(day: "Day", interval_min: int) -> list[float]:
    """Bounds of the intervals (epoch seconds) from the one of the first arrival to the one of the last."""
    step_s = interval_min * 60.0
    first, last = day.arrivals[0].at, day.arrivals[-1].at
    begins_at = day.begins_at + max(0.0, (first - day.begins_at) // step_s) * step_s
    number = int((last - begins_at) // step_s) + 1
    return [begins_at + step_s * place for place in range(number + 1)]


def _measured(
    name: str,
    records: "Sequence[Record]",
    rules: "Rules",
    edges: Sequence[float],
    worked: "Mapping[str, Worked]",
) -> dict[str, Any]:
    from ccd.history.stays import by_queue, merged, sliced, stays_of

    stays: list[Stay] = [stay for record in records for stay in stays_of(record)]
    levels = {queue.name: queue.service_level_s for queue in rules.queues.values()}
    figures = by_queue(stays, levels)
    rows = [_row(queue, figures[queue], _of(worked, queue)) for queue in sorted(figures)]
    total = _row(ALL, merged(figures.values()), worked.values())
    slices = [_slice(each) for each in sliced(stays, edges, levels)]
    by_name = {}
    for queue in sorted(figures):
        own = [stay for stay in stays if stay.queue == queue]
        by_name[queue] = [_slice(each) for each in sliced(own, edges, levels)]
    return {"name": name, "total": total, "queues": rows, "intervals": slices, "queue_intervals": by_name}


def _of(worked: "Mapping[str, Worked]", queue: str) -> "list[Worked]":
    return [each for each in worked.values() if queue in each.queues]


def _row(queue: str, figures: "Figures", worked: "Iterable[Worked]") -> dict[str, Any]:
    from ccd.history.figures import abandon_rate_pct, aht_s, asa_s, ended, service_level_pct

    return {
        "queue": queue,
        "offered": figures.offered,
        "handled": figures.handled,
        "abandoned": figures.abandoned,
        "overflowed": figures.overflowed,
        "waiting": figures.offered - ended(figures),
        "service_level_pct": service_level_pct(figures),
        "asa_s": asa_s(figures),
        "talk_s": aht_s(figures),
        "longest_wait_s": figures.wait_max_s,
        "abandon_rate_pct": abandon_rate_pct(figures),
        "occupancy_pct": _occupancy_pct(worked),
    }


def _occupancy_pct(worked: "Iterable[Worked]") -> float | None:
    from ccd.history.figures import share_pct

    all_ = list(worked)
    busy_s = sum(each.busy_s + each.wrap_s for each in all_)
    return share_pct(busy_s, busy_s + sum(each.idle_s for each in all_))


def _slice(part: "Slice") -> dict[str, Any]:
    return {
        "began_at": part.began_at,
        "offered": part.offered,
        "waiting": part.waiting,
        "service_level_pct": part.service_level_pct,
    }
