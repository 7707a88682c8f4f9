"""Figures of agents' own calls by agent and day: apart from those of the queues."""

import msgspec

from ccd.history.figures import day_of
from ccd.history.state import OUT, REFUSED, HistoryState, OwnFigures, Record

KEEP_DAYS = 40
"""Days of figures that are kept."""


class OwnReport(msgspec.Struct, frozen=True):
    """One line: an agent's own calls that ended in the span."""

    agent: str
    out: int
    """To outside numbers, those refused included."""
    internal: int
    """To colleagues, queues and numbers of the centre."""
    answered: int
    """By a colleague or outside; one answered in a queue is handled there."""
    refused: int
    consults: int
    """Of all of them: dialled while a customer was on the line, to ask about it."""
    talk_sum_s: float
    """Of all conversations in them."""


def count(state: HistoryState, record: Record) -> None:
    """An own call is over."""
    days = state.own
    figures = days.setdefault(day_of(record.ended_at), {}).setdefault(record.dialled_by, OwnFigures())
    if record.direction == OUT:
        figures.out += 1
    else:
        figures.internal += 1
    figures.answered += bool(record.answered_at)
    figures.refused += record.outcome == REFUSED
    figures.consults += bool(record.consults)
    figures.talk_sum_s += record.talked_s
    for old in sorted(days)[:-KEEP_DAYS]:
        del days[old]


def report(state: HistoryState, now: float) -> list[OwnReport]:
    """Those that ended today (UTC), by agent."""
    today = state.own.get(day_of(now), {})
    return [
        OwnReport(agent, own.out, own.internal, own.answered, own.refused, own.consults, own.talk_sum_s)
        for agent, own in sorted(today.items())
    ]
