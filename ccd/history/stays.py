"""Stays in queues, read from records, and the figures of a span made of them: for what-if.

One stay is one entry into one queue (docs/kpi.md: re-entries count again). The formulas are those of
`figures`; here the same counts are made from timelines, so that a day that was and a day that was only
rehearsed are measured with one measure.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from ccd.history.state import WORKED_S, Figures, Record
from ccd.model.nouns import Outcome


class Stay(msgspec.Struct):
    """From entering a queue to the bridge, or to leaving it otherwise. Epoch seconds."""

    queue: str
    entered_at: float
    left_at: float = 0.0
    """0.0: waits still."""
    outcome: str = ""
    """`handled`, `abandoned`, `overflowed`, `callback_failed`; empty: waits still."""
    agent: str = ""
    """Who took it."""
    talk_s: float = 0.0
    """All that agents spoke with it until it entered the next queue."""
    talked_until: float = 0.0
    """When the (last) agent's part ended."""
    answer_s: float = 0.0
    """From the offer that was taken to the bridge."""

    @property
    def wait_s(self) -> float:
        """Of one that has left."""
        return self.left_at - self.entered_at


def stays_of(record: Record) -> list[Stay]:
    """Every stay, oldest first."""
    stays: list[Stay] = []
    offered_at = 0.0
    for note in record.timeline:
        what, details = note.what, note.details
        if what == "queued":
            stays.append(Stay(str(details.get("queue", "")), note.at))
        elif not stays:
            continue
        elif what == "offer":
            offered_at = note.at
        elif what in {"bridged", "left_queue"} and not stays[-1].outcome:
            stay = stays[-1]
            worked_s = details.get(WORKED_S, 0.0)
            stay.left_at = note.at - (worked_s if isinstance(worked_s, (int, float)) else 0.0)
            stay.outcome = "handled" if what == "bridged" else str(details.get("outcome", ""))
            if what == "bridged":
                stay.agent, stay.answer_s = str(details.get("agent", "")), stay.left_at - offered_at
        elif what == "agent_left":
            talked_s = details.get("talked_s", 0.0)
            stay = _talked_in(stays, str(details.get("agent", "")))
            stay.talk_s += talked_s if isinstance(talked_s, (int, float)) else 0.0
            stay.talked_until = note.at
    return stays


def _talked_in(stays: list[Stay], agent: str) -> Stay:
    """The stay that led to this agent's talk: one sent on to a queue enters it before the talk is filed."""
    for stay in reversed(stays):
        if stay.agent == agent and not stay.talked_until:
            return stay
    return stays[-1]


class Slice(msgspec.Struct):
    """One interval of a day; what became of an interaction counts where it entered the queue."""

    began_at: float
    ended_at: float
    offered: int = 0
    in_service_level: int = 0
    answered_or_left: int = 0
    """Handled and abandoned."""
    waiting_s: float = 0.0
    """Waiting of all who waited in this interval, together."""

    @property
    def waiting(self) -> float:
        """How many waited, on the mean of the interval."""
        return self.waiting_s / (self.ended_at - self.began_at)

    @property
    def service_level_pct(self) -> float | None:
        """As the formula of the day, of this interval's arrivals."""
        return 100.0 * self.in_service_level / self.answered_or_left if self.answered_or_left else None


def count_stay(figures: Figures, stay: Stay, service_level_s: float) -> None:
    """Add one stay to the figures."""
    figures.offered += 1
    if not stay.outcome:
        return
    wait_s = stay.wait_s
    figures.wait_max_s = max(figures.wait_max_s, wait_s)
    if stay.outcome == Outcome.HANDLED:
        figures.handled += 1
        figures.in_service_level += wait_s <= service_level_s
        figures.wait_sum_s += wait_s
        figures.talk_sum_s += stay.talk_s
        figures.talks += 1
    elif stay.outcome == Outcome.ABANDONED:
        figures.abandoned += 1
        figures.abandon_wait_sum_s += wait_s
    elif stay.outcome == Outcome.CALLBACK_FAILED:
        figures.callback_failed += 1
    else:
        figures.overflowed += 1


def by_queue(stays: Iterable[Stay], service_level_s: Mapping[str, float]) -> dict[str, Figures]:
    """Figures of each queue; a queue without a service level of its own has 20 s."""
    found: dict[str, Figures] = {}
    for stay in stays:
        figures = found.setdefault(stay.queue, Figures())
        count_stay(figures, stay, service_level_s.get(stay.queue, 20.0))
    return found


def merged(parts: Iterable[Figures]) -> Figures:
    """Several queues as one."""
    whole = Figures()
    for part in parts:
        for name in ("offered", "handled", "abandoned", "overflowed", "callback_failed", "in_service_level",
                     "wait_sum_s", "abandon_wait_sum_s", "talks", "talk_sum_s"):  # fmt: skip
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.wait_max_s = max(whole.wait_max_s, part.wait_max_s)
    return whole


def sliced(
    stays: Iterable[Stay], edges: Sequence[float], service_level_s: Mapping[str, float]
) -> list[Slice]:
    """The stays by interval: one interval between each edge and the next, ascending."""
    parts = [Slice(began, ended) for began, ended in pairwise(edges)]
    for stay in stays:
        _count_in(parts, stay, edges, service_level_s.get(stay.queue, 20.0))
    return parts


def _count_in(parts: list[Slice], stay: Stay, edges: Sequence[float], limit_s: float) -> None:
    at = bisect_right(edges, stay.entered_at) - 1
    if not 0 <= at < len(parts):
        return
    part = parts[at]
    part.offered += 1
    if stay.outcome in {Outcome.HANDLED, Outcome.ABANDONED}:
        part.answered_or_left += 1
        part.in_service_level += stay.outcome == Outcome.HANDLED and stay.wait_s <= limit_s
    left_at = stay.left_at or edges[-1]
    for each in parts[at:]:
        if each.began_at >= left_at:
            return
        each.waiting_s += min(left_at, each.ended_at) - max(stay.entered_at, each.began_at)
