"""The alarms that stand: since when each does, told in the log when it begins and when it ends.

What is wrong just now is found by looking (`troubles`, the channels, the ledger); the board is shown all
of it now and then, and at each question of a person. Nothing is stored: after a restart alarms begin anew.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import structlog

from ccd.routing.unmanned import Staffing

log = structlog.get_logger("ccd")

NOBODY_LOGGED_IN: Final = "queue without agents"
NOBODY_RUNG: Final = "nobody can be rung"
LEDGER_STALLED: Final = "ledger stalled"
"""The writer tells of it itself, in the same instant."""
MOST_LINES: Final = 50
"""Lines in the log for one look: a network that fails takes hundreds of phones along."""
MOST_STANDING: Final = 2000

Found = Mapping[str, Any]
"""`what`, `name`, `why`."""
_Key = tuple[str, str, int]


class Patience:
    """How long something is looked at before it is an alarm, and how long the alarm stays when it is over for
    the moment but its cause is not; in seconds."""

    __slots__ = ("begins_s", "ends_s")

    def __init__(self, begins_s: float, ends_s: float) -> None:
        self.begins_s = begins_s
        self.ends_s = ends_s


AT_ONCE: Final = Patience(0.0, 0.0)
PATIENCE: Final[Mapping[str, Patience]] = {
    # callers come and go, and agents come back from a pause in the next moment
    NOBODY_LOGGED_IN: Patience(0.0, 60.0),
    NOBODY_RUNG: Patience(15.0, 60.0),
}


class Standing:
    """One thing that is wrong, or has just been."""

    __slots__ = ("begun", "found", "seen", "since")

    def __init__(self, found: Found, now: float) -> None:
        self.found = found
        self.since = self.seen = now
        self.begun = False

    def row(self, now: float) -> dict[str, Any]:
        """As it is shown."""
        return {**self.found, "since": self.since, "for_s": max(0.0, now - self.since)}


class AlarmBoard:
    """All alarms of one daemon."""

    __slots__ = ("_stand",)

    def __init__(self) -> None:
        self._stand: dict[_Key, Standing] = {}

    def look(
        self, found: Iterable[Found], now: float, causes: Collection[tuple[str, str]] = ()
    ) -> list[dict[str, Any]]:
        """Show the board what is wrong now; answers the alarms that stand, in that order, with `since` (epoch
        seconds) and `for_s`. `causes`: kind and name of what would be wrong if anybody were concerned; those
        end a while later."""
        order = self._see(found, now)
        lines = 0
        for key, standing in list(self._stand.items()):
            patience = PATIENCE.get(standing.found["what"], AT_ONCE)
            stays_s = patience.ends_s if standing.begun and key[:2] in causes else 0.0
            if key not in order and now - standing.seen >= stays_s:
                del self._stand[key]
                lines += self._tell(standing, now, lines, on=False) if standing.begun else 0
            elif not standing.begun and standing.seen - standing.since >= patience.begins_s:
                standing.begun = True
                lines += self._tell(standing, now, lines, on=True)
        if lines > MOST_LINES:
            log.warning("alarms", more=lines - MOST_LINES, cure="ccctl status lists all that stand")
        shown = [key for key, standing in self._stand.items() if standing.begun]
        shown.sort(key=lambda key: order.get(key, len(order)))
        return [self._stand[key].row(now) for key in shown]

    def _see(self, found: Iterable[Found], now: float) -> dict[_Key, int]:
        """Note what is wrong; answers its order."""
        order: dict[_Key, int] = {}
        for each in found:
            key = (each["what"], each["name"], 0)
            while key in order:  # several of one kind about nothing in particular
                key = (*key[:2], key[2] + 1)
            order[key] = len(order)
            standing = self._stand.get(key)
            if standing is not None:
                standing.found, standing.seen = each, now
            elif len(self._stand) < MOST_STANDING:
                self._stand[key] = Standing(each, now)
        return order

    def _tell(self, standing: Standing, now: float, lines: int, *, on: bool) -> int:
        """One line, unless there are too many in this look; answers how many there ought to be."""
        found = standing.found
        if found["what"] == LEDGER_STALLED:
            return 0
        said = {"code": found["what"], "name": found["name"], "on": on, "message": found["why"]}
        if lines >= MOST_LINES:
            pass
        elif on:
            log.warning("alarm", **said)
        else:
            log.info("alarm", **said, lasted_s=round(now - standing.since, 1))
        return 1


def causes(queues: Iterable[Staffing]) -> set[tuple[str, str]]:
    """Kind and name of what alarms as soon as somebody waits."""
    return {
        (NOBODY_RUNG if each.logged_in else NOBODY_LOGGED_IN, each.queue)
        for each in queues
        if not each.served
    }


def unserved(view: Staffing) -> tuple[str, str, str] | None:
    """What alarms, the queue, and why: somebody waits and none of its agents can be rung."""
    if view.due <= 0 or view.served:
        return None
    if not view.logged_in:
        return NOBODY_LOGGED_IN, view.queue, f"{view.due} waiting, nobody logged in"
    reasons = ", ".join(f"{count} {why}" for why, count in view.nobody.items())
    return NOBODY_RUNG, view.queue, f"{view.due} waiting; its agents: {reasons}"
