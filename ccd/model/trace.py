"""One routing decision as kept for `interaction explain`: who was chosen, who was passed over and why.

A trace is values, not sentences: it is written on the hot path and turned into words only when a
person asks (`ccd.history.explain`).
"""

from enum import StrEnum

import msgspec


class Why(StrEnum):
    """Why an agent was passed over."""

    PAUSED = "paused"
    PENDING = "pending"
    """Finishes its work, then pauses or logs out."""
    LOGGED_OUT = "logged_out"
    LOAD = "load"
    MISSED = "missed"
    NO_DEVICE = "no_device"
    WRAP_UP = "wrap_up"
    LATER_IN_ORDER = "later_in_order"
    REMOVED = "removed"
    SKILL = "skill"
    TIER = "tier"
    CEILING = "ceiling"
    RESERVE = "reserve"
    PREFERRED = "preferred"
    MAX_ACTIVE = "max_active"
    RINGS = "rings"
    """Its phone rings for this interaction already."""


class Passed(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One agent passed over."""

    agent: str
    why: Why
    at: float = 0.0
    """Since when (paused, logged out, missed, later in order) or until when (wrap-up, skill, tier,
    preferred); epoch seconds, 0: for good."""
    detail: str = ""
    """Pause reason (or what is pending), `load/capacity`, end of the missed offer, why the device is gone,
    what skill lacks,
    `class held/most` of a ceiling, what a reserve keeps, the preferred agent, `active/most` of a queue."""


class Trace(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One pass of the engine about one interaction."""

    at: float
    what: str
    """`offered`, `waits`, `overflowed`, `stays` (at a limit that sends others away), `took back`
    (a place lost before)."""
    queue: str
    agent: str = ""
    """The agent chosen; empty when nobody was."""
    offer: str = ""
    cue: str = ""
    """What set off the pass: `arrived`, `agent free`, `missed`, `retry`, `withdrawn`, `rules`,
    `relaxed`, `kept no longer`, `changed`, `queue free`, `joins` (it rings already), or why it overflowed."""
    passed: tuple[Passed, ...] = ()
    others: int = 0
    """Members of the queue not listed in `passed` (bounded to 8)."""
    free: int = 0
    """Members open for work with room for it, the chosen one included."""
    position: int = 0
    """Place in the line (1 = next) when the pass was made."""
    detail: str = ""
    """More about an overflow: why the queue is closed (`holiday: Christmas Day`), how loaded it is."""
    until: float = 0.0
    """Until when, epoch seconds; 0: nobody knows."""
    also: tuple[str, ...] = ()
    """Agents whose phones ring at once besides the chosen one's (`ring_all`)."""
