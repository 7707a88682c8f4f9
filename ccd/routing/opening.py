"""The hours of a queue: whether it takes anything now, when it closes on one who waits, what is said of it.

Whether it is open is asked of its calendar (`ccd.model.calendar`) at the moment of entering, and again at
the closing: nothing is remembered, so a restart and new rules give the answer of the rules in force.
"""

import msgspec

from ccd.errors import Misconfigured
from ccd.model.calendar import is_open, next_change
from ccd.model.emergency import Closure
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


def takes(calendar: CalendarRule | None, closure: Closure | None, now: float) -> bool:
    """Whether a queue with these hours, and perhaps closed by hand, takes what arrives at `now`."""
    return is_open_at(calendar, now) and not (closure is not None and closure.holds(now))


def closing_from(calendar: CalendarRule | None, closure: Closure | None, entered_at: float) -> float | None:
    """The first closed moment for one who entered then, by its hours or by hand; None: never."""
    hours = None if calendar is None else closed_from(calendar, entered_at)
    if closure is None or (closure.until is not None and closure.until <= entered_at):
        return hours
    by_hand = max(entered_at, closure.since)
    return by_hand if hours is None else min(hours, by_hand)


def reopens_at(calendar: CalendarRule | None, closure: Closure | None, now: float) -> float | None:
    """When a queue that is closed at `now` takes something again; None: nobody knows."""
    at: float | None = now
    if closure is not None and closure.holds(now):
        at = closure.until
    if at is not None and calendar is not None and not is_open_at(calendar, at):
        at = next_change(calendar, at)
    return at


def overflow_target(rule: QueueRule, why: str) -> Target:
    """Where who overflows from a queue goes."""
    return rule.closed_to if why == "closed" and rule.closed_to != Target() else rule.overflow


def with_hours(
    trace: Trace, calendar: CalendarRule | None, closure: Closure | None, entered_at: float
) -> Trace:
    """The trace of an overflow because the queue is closed: why, until when; no agent was looked at."""
    closed = closing_from(calendar, closure, entered_at)
    if closed is None:
        return trace
    if closure is not None and closure.holds(closed):
        until = reopens_at(calendar, closure, closed) or 0.0
        return msgspec.structs.replace(trace, detail=closure.why(), until=until, passed=(), others=0)
    if calendar is None:
        return trace
    state = is_open(calendar, closed)
    return msgspec.structs.replace(trace, detail=state.why, until=state.until or 0.0, passed=(), others=0)
