"""What came to a queue by interval of the day, from filed records: the traffic to staff for.

All that became of an interaction counts in the interval in which it entered the queue (docs/kpi.md), a
re-entry as another one. Only ended interactions have records; wrap-up ends after the record is filed, so
it is not in them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from ccd.history.state import Record


class Demand(msgspec.Struct):
    """Counts and sums of one interval; seconds."""

    began_at: float
    ended_at: float
    offered: int = 0
    handled: int = 0
    abandoned: int = 0
    wait_sum_s: float = 0.0
    """Of all that left the queue, in whatever way."""
    talks: int = 0
    """Conversations, one for each agent."""
    talk_sum_s: float = 0.0

    @property
    def calls_per_h(self) -> float:
        """Arrivals at the pace of this interval."""
        return self.offered * 3600.0 / (self.ended_at - self.began_at)

    def work_s(self, wrap_up_s: float) -> float | None:
        """Agents' time for each handled one: all its conversations, each with so long a wrap-up."""
        return (self.talk_sum_s + self.talks * wrap_up_s) / self.handled if self.handled else None

    @property
    def patience_s(self) -> float | None:
        """Mean patience: waits of all / who gave up. Who was served had waited too without giving up."""
        return self.wait_sum_s / self.abandoned if self.abandoned and self.wait_sum_s > 0 else None


def intervals(edges: Sequence[float]) -> list[Demand]:
    """One empty interval between each edge and the next (epoch seconds, ascending)."""
    return [Demand(began, ended) for began, ended in pairwise(edges)]


def count(record: Record, queue: str, into: Sequence[Demand]) -> None:
    """Add one record to the intervals; what entered the queue outside of them is left out."""
    starts = [each.began_at for each in into]
    entered_at = 0.0
    stay: Demand | None = None
    """Where the last entry into this queue counts; None: it went to another queue, or outside the span."""
    waits = False
    for note in record.timeline:
        if note.what == "queued":
            at = bisect_right(starts, note.at) - 1
            here = note.details.get("queue") == queue and at >= 0 and note.at < into[at].ended_at
            stay, entered_at, waits = (into[at] if here else None), note.at, True
            if stay is not None:
                stay.offered += 1
        elif stay is not None and waits and note.what in {"bridged", "left_queue"}:
            waits = False
            stay.wait_sum_s += note.at - entered_at
            stay.handled += note.what == "bridged"
            stay.abandoned += note.details.get("outcome") == "abandoned"
        elif stay is not None and note.what == "agent_left":
            talked_s = note.details.get("talked_s", 0.0)
            stay.talks += 1
            stay.talk_sum_s += talked_s if isinstance(talked_s, (int, float)) else 0.0


def total(parts: Iterable[Demand]) -> Demand:
    """All intervals as one."""
    whole = Demand(0.0, 0.0)
    for number, part in enumerate(parts):
        whole.began_at = part.began_at if number == 0 else min(whole.began_at, part.began_at)
        whole.ended_at = max(whole.ended_at, part.ended_at)
        for name in ("offered", "handled", "abandoned", "wait_sum_s", "talks", "talk_sum_s"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    return whole


def queues_of(record: Record) -> set[str]:
    """Every queue that it entered."""
    return {str(note.details.get("queue")) for note in record.timeline if note.what == "queued"}
