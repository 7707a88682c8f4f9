"""Who can be rung, who is in which pause, and who is an alarm: kept, so that a look now and then is cheap.

Sets of agents are bits as in `Index`. They change with what an agent declares and with its phones, a few
times an hour each; work passes them by.
"""

from collections.abc import Iterable

from ccd.model.nouns import Availability
from ccd.routing.ability import Bits
from ccd.routing.desk import Desk
from ccd.routing.state import AgentState, PauseStage


class Presence:
    """Of all desks of an index."""

    __slots__ = ("_overdue", "_reasons", "paused", "phoneless", "rung")

    def __init__(self, desks: Iterable[Desk]) -> None:
        self.rung: Bits = 0
        """Ready with a phone: rung sooner or later, though busy now."""
        self.paused: dict[str, Bits] = {}
        """By reason, the empty one too."""
        self.phoneless: dict[str, AgentState] = {}
        """Ready without a phone, the first to be so first; after other rules by name."""
        self._reasons: dict[int, str] = {}
        """Number of an agent in a pause → reason under which it is kept."""
        self._overdue: dict[str, AgentState] = {}
        """Who was found too long in a pause or wrap-up, also some for whom that is over."""
        for desk in desks:
            self.note(desk)
            pause, wrap_up = desk.state.pause, desk.state.wrap_up
            too_long = pause is not None and pause.stage is PauseStage.TOO_LONG
            if too_long or (wrap_up is not None and wrap_up.too_long):
                self.note_overdue(desk.state)

    def note(self, desk: Desk) -> None:
        """To be called after each change of what an agent declares, and of whether it can be reached."""
        agent, bit = desk.state, desk.bit
        ready = agent.availability is Availability.READY
        if ready and agent.reachable:
            self.rung |= bit
        else:
            self.rung &= ~bit
        if ready and not agent.reachable:
            self.phoneless.setdefault(agent.name, agent)
        else:
            self.phoneless.pop(agent.name, None)
        reason = agent.reason if agent.availability is Availability.PAUSED else None
        if reason != self._reasons.get(desk.number):
            self._change_reason(desk.number, bit, reason)

    def _change_reason(self, number: int, bit: Bits, reason: str | None) -> None:
        before = self._reasons.pop(number, None)
        if before is not None:
            self.paused[before] ^= bit
            if not self.paused[before]:
                del self.paused[before]  # reasons may be anything, where none are set up
        if reason is not None:
            self._reasons[number] = reason
            self.paused[reason] = self.paused.get(reason, 0) | bit

    def note_overdue(self, agent: AgentState) -> None:
        """A pause or a wrap-up has just become too long."""
        self._overdue.setdefault(agent.name, agent)

    def overdue(self, now: float) -> list[AgentState]:
        """Who is too long in a pause or wrap-up, the first to be so first; forgets who is no longer."""
        for name in [name for name, agent in self._overdue.items() if not is_overdue(agent, now)]:
            del self._overdue[name]
        return list(self._overdue.values())


def is_overdue(agent: AgentState, now: float) -> bool:
    """Whether its pause or its wrap-up lasts longer than it may."""
    pause, wrap_up = agent.pause, agent.wrap_up
    if pause is not None and pause.until is not None and pause.until <= now:
        return True
    return wrap_up is not None and wrap_up.longest_at is not None and wrap_up.longest_at <= now
