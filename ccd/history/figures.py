"""KPI formulas by the names of the field, and the report. docs/kpi.md prints each as it is here."""

from datetime import date, timedelta

import msgspec

from ccd.history.state import Figures
from ccd.model.nouns import OfferEnd

DAY_S = 86_400
_EPOCH = date(1970, 1, 1)


def day_of(now: float) -> int:
    """Days since the epoch, UTC."""
    return int(now // DAY_S)


def day_name(day: int) -> str:
    """`2026-11-22`."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def share_pct(part: float, whole: float) -> float | None:
    """Per cent, or None when there is nothing to divide by: no figure is better than an invented one."""
    return 100.0 * part / whole if whole > 0 else None


def mean_s(total_s: float, count: int) -> float | None:
    """Seconds each, or None when there was none."""
    return total_s / count if count > 0 else None


def service_level_pct(figures: Figures) -> float | None:
    """Handled within the queue's service level / (handled + abandoned)."""
    return share_pct(figures.in_service_level, figures.handled + figures.abandoned)


def asa_s(figures: Figures) -> float | None:
    """Average speed of answer: wait of the handled / handled."""
    return mean_s(figures.wait_sum_s, figures.handled)


def aht_s(figures: Figures) -> float | None:
    """Average handling time: (talk + wrap-up) / ended conversations."""
    return mean_s(figures.talk_sum_s + figures.wrap_sum_s, figures.talks)


def abandon_rate_pct(figures: Figures) -> float | None:
    """Abandoned / (handled + abandoned + overflowed + callback_failed): of those that left the queue."""
    return share_pct(figures.abandoned, ended(figures))


def ended(figures: Figures) -> int:
    """All that left the queue, each once."""
    return figures.handled + figures.abandoned + figures.overflowed + figures.callback_failed


class QueueReport(msgspec.Struct, frozen=True):
    """One queue's line of the report; None where there is nothing to divide by."""

    queue: str
    offered: int
    handled: int
    abandoned: int
    overflowed: int
    callback_failed: int
    waiting: int
    service_level_pct: float | None
    asa_s: float | None
    aht_s: float | None
    abandon_rate_pct: float | None
    wait_max_s: float
    misses: dict[OfferEnd, int]
    dispositions: dict[str, int] = {}
    dispositions_missing: int = 0


class PauseReport(msgspec.Struct, frozen=True):
    """One line of an agent's pauses: those for one reason that ended in the span, in seconds."""

    agent: str
    reason: str
    count: int
    paid_s: float
    unpaid_s: float


class Report(msgspec.Struct, frozen=True):
    """All queues over one span."""

    span: str
    """A day (UTC) or `since the ledger began`."""
    queues: list[QueueReport]
    faults: list[str]
    """Figures that do not add up; empty as it should be."""


def report_queue(queue: str, figures: Figures, waiting: int) -> QueueReport:
    """One line."""
    return QueueReport(
        queue=queue,
        offered=figures.offered,
        handled=figures.handled,
        abandoned=figures.abandoned,
        overflowed=figures.overflowed,
        callback_failed=figures.callback_failed,
        waiting=waiting,
        service_level_pct=service_level_pct(figures),
        asa_s=asa_s(figures),
        aht_s=aht_s(figures),
        abandon_rate_pct=abandon_rate_pct(figures),
        wait_max_s=figures.wait_max_s,
        misses=dict(figures.misses),
        dispositions=dict(sorted(figures.dispositions.items())),
        dispositions_missing=figures.dispositions_missing,
    )


def find_faults(totals: dict[str, Figures], waiting: dict[str, int]) -> list[str]:
    """What does not add up, in words; by queue, those offered are all that left it and those that wait."""
    faults = []
    for queue in sorted(totals.keys() | waiting.keys()):
        figures = totals.get(queue) or Figures()
        now = waiting.get(queue, 0)
        if figures.offered != ended(figures) + now:
            faults.append(
                f"queue {queue}: offered {figures.offered} is not handled {figures.handled} + abandoned "
                f"{figures.abandoned} + overflowed {figures.overflowed} "
                f"+ callback_failed {figures.callback_failed} + waiting {now}"
            )
        if figures.in_service_level > figures.handled:
            faults.append(f"queue {queue}: in service level {figures.in_service_level} of {figures.handled}")
    return faults
