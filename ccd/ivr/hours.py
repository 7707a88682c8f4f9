"""What the step `hours` finds out: which way a calendar sends an interaction, and what is noted of it."""

from datetime import datetime

from ccd.model.calendar import is_open
from ccd.model.hours import CalendarRule
from ccd.model.steps import Hours
from ccd.model.timetable import timetable_of

HOURS, REASON, OPENING = "hours", "closed_reason", "next_opening"
NOTED = (HOURS, REASON, OPENING)
"""Variables that the step sets or takes away."""


def look_up(step: Hours, calendar: CalendarRule | None, now: float) -> tuple[str, dict[str, str]]:
    """The step to go to (empty: the next one) and the variables, as of `now`.

    Without the calendar, which a reload took away while an older script runs, it is open: as a queue that
    names none.
    """
    state = is_open(calendar, now) if calendar is not None else None
    if calendar is None or state is None or state.open:
        return step.open, {HOURS: "open"}
    noted = {HOURS: "closed", REASON: state.why}
    if state.until is not None:
        noted[OPENING] = local_time(calendar, state.until)
    return step.closed_by.get(state.cause, step.closed), noted


def local_time(calendar: CalendarRule, at: float) -> str:
    """The time that it is then where the calendar counts: `2026-12-24 14:30`."""
    return f"{datetime.fromtimestamp(at, timetable_of(calendar).zone):%Y-%m-%d %H:%M}"
