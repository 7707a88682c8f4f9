"""Whether anybody can be rung for those who wait in a queue, and if nobody can, why not.

An agent who talks, rings or wraps up comes back: a queue that is merely busy has somebody. Who is logged out,
in a pause or without a phone comes only when somebody does something about it.
"""

import msgspec

from ccd.routing.callbacks import is_away
from ccd.routing.index import Index
from ccd.routing.opening import takes
from ccd.routing.queues import QueueIndex

LOGGED_OUT, NO_PHONE = "logged out", "without a phone"


class Staffing(msgspec.Struct, frozen=True):
    """Who is there for a queue, and who waits for them: what a look at all queues costs little to know."""

    queue: str
    waiting: int
    """Those in an offer and callbacks included."""
    due: int
    """Of those, who waits for an agent now: callbacks of a closed queue wait for the opening."""
    shut: str
    """By whom it is closed by hand, and why, in words; empty: it is not."""
    logged_in: int
    nobody: dict[str, int]
    """As `nobody` has it."""

    @property
    def served(self) -> bool:
        """Whether somebody can be rung, sooner or later."""
        return bool(self.logged_in) and not self.nobody


def staffing(index: Index, queue: QueueIndex, now: float) -> Staffing:
    """A queue now. Walks those who wait in it only while it is closed."""
    closure, waiting, away = queue.closure, queue.waiting(), 0
    if waiting and not takes(queue.calendar, closure, now):
        away = sum(is_away(index.places[turn[3]]) for _, turn in queue.standings)
    return Staffing(
        queue=queue.rule.name,
        waiting=waiting,
        due=waiting - away,
        shut=closure.why() if closure is not None and closure.holds(now) else "",
        logged_in=(queue.stages.members & index.logged_in).bit_count(),
        nobody=nobody(index, queue),
    )


def nobody(index: Index, queue: QueueIndex) -> dict[str, int]:
    """How many cannot be rung, by reason (`paused: missed`, `without a phone`, `logged out`), the most
    frequent first; empty as soon as one of the agents can, or there is none."""
    members, presence = queue.stages.members, index.presence
    if not members or members & presence.rung:
        return {}
    found = {NO_PHONE: (members & index.ready).bit_count()}
    for reason in sorted(presence.paused):
        why = f"paused: {reason}" if reason else "paused"
        found[why] = (members & presence.paused[reason]).bit_count()
    found[LOGGED_OUT] = (members & ~index.logged_in).bit_count()
    frequent = sorted(found.items(), key=lambda each: -each[1])
    return {why: count for why, count in frequent if count}
