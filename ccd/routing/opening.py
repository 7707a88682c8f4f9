"""The hours of a queue: whether it takes anything now, when it closes on one who waits, what is said of it.

Whether it is open is asked of its calendar (`ccd.model.calendar`) at the moment of entering, and again at
the closing: nothing is remembered, so a restart and new rules give the answer of the rules in force.
"""

import msgspec

from ccd.errors import Misconfigured
from ccd.model.calendar import is_open, next_change
from ccd.model.hours import CalendarRule
from ccd.model.rules import QueueRule, Rules, Target
from ccd.model.timetable import timetable_of
from ccd.model.trace import Trace


def calendar_of(rule: QueueRule, rules: Rules) -> CalendarRule | None:
    """The hours that a queue keeps; None: always open. Raises `Misconfigured` for an unknown calendar."""
    if not rule.calendar:
        return None
    calendar = rules.calendars.get(rule.calendar)
    if calendar is None:
        known = ", ".join(rules.calendars) or "none is defined"
        raise Misconfigured(
            "calendar", f"queue {rule.name}: calendar '{rule.calendar}' is not one of {known}"
        )
    return calendar


def is_open_at(calendar: CalendarRule | None, now: float) -> bool:
    """Whether a queue with these hours takes what arrives at `now`."""
    return calendar is None or timetable_of(calendar).is_open(now)


def closed_from(calendar: CalendarRule, entered_at: float) -> float | None:
    """The first closed moment for one who entered then: that moment itself, or the closing; None: never."""
    return next_change(calendar, entered_at) if is_open_at(calendar, entered_at) else entered_at


def overflow_target(rule: QueueRule, why: str) -> Target:
    """Where who overflows from a queue goes."""
    return rule.closed_to if why == "closed" and rule.closed_to != Target() else rule.overflow


def with_hours(trace: Trace, calendar: CalendarRule, entered_at: float) -> Trace:
    """The trace of an overflow because the queue is closed: why, until when; no agent was looked at."""
    closed = closed_from(calendar, entered_at)
    if closed is None:
        return trace
    state = is_open(calendar, closed)
    return msgspec.structs.replace(trace, detail=state.why, until=state.until or 0.0, passed=(), others=0)
