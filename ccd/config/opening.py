"""Checks of the hours that a queue keeps: its calendar, and where who comes too late goes."""

from ccd.config.circles import circles, led_to
from ccd.config.faults import Path
from ccd.config.people import check_target, must_be_known
from ccd.config.values import Reader
from ccd.model.rules import QueueRule, Target
from ccd.model.settings import Settings
from ccd.routing.opening import overflow_target

TARGETS = ("overflow", "closed_to")
"""Keys of a queue that say where its interactions go; an outside number among them is put into E.164."""


def check_opening(reader: Reader, settings: Settings, path: Path, queue: QueueRule) -> None:
    """Fault for an unknown calendar. `closed_to` and `on_close` count without one too: any queue may be
    closed by hand (`ccctl queue close`)."""
    if queue.calendar:
        must_be_known(reader, (*path, "calendar"), queue.calendar, "calendars")
    if queue.closed_to != Target():
        check_target(reader, settings, (*path, "closed_to"), queue.closed_to)


def check_closing_circles(reader: Reader, queues: dict[str, QueueRule]) -> None:
    """Queues of one calendar are closed at a time: they must not pass who comes too late round among them.

    Queues of different calendars may: the night's goes to the day's, the day's to the night's.
    """
    into = {name: _closes_into(queues, name) for name in queues}
    for circle in circles(into):
        by_hours = next((name for name in circle if queues[name].closed_to != Target()), "")
        if by_hours:  # else all go on by `overflow`, which is checked for circles of its own
            problem = f"goes in a circle while {queues[by_hours].calendar} is closed: {' → '.join(circle)}"
            cure = "let one of them go to a flow, or to a queue of other hours"
            reader.fault(("queues", by_hours, "closed_to"), problem, cure)


def _closes_into(queues: dict[str, QueueRule], name: str) -> list[str]:
    """The queues of the same hours that take who finds this one closed."""
    hours = queues[name].calendar
    found = led_to(overflow_target(queues[name], "closed")) if hours else []
    return [into for into in found if into in queues and queues[into].calendar == hours]
