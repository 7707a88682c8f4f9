"""What is declared for an agent: at once, when the work at hand is done, or by the time a pause has lasted.

What a request does, by whether the agent has work at hand (offers, conversations, own calls, wrap-up):

| asked | no work | work |
|---|---|---|
| ready | at once | at once; nothing is pending any more |
| ready, in wrap-up that owes a disposition | | pending until it is given; the last one counts |
| pause, logout | at once | at once; nothing is pending any more |
| pause, logout when done | at once | pending: no new work, then it takes effect; the last one counts |
| ready when done | illegal | illegal |
"""

from ccd.errors import IllegalMove
from ccd.model.nouns import Availability
from ccd.model.rules import PAUSE_LOG_OUT, PAUSE_READY
from ccd.routing.decisions import AvailabilityPending, Decision, PauseTooLong
from ccd.routing.desk import Desk, at_work
from ccd.routing.pauses import PauseEvent, next_stage
from ccd.routing.state import AgentState, Pending
from ccd.routing.wrap_ups import owes
from ccd.routing.wrapping import Wrapping


class Declaring(Wrapping):
    """The turns about what agents declare; the `Router` adds those about their work."""

    __slots__ = ()

    def set_availability(
        self,
        agent: str,
        availability: Availability,
        reason: str,
        by: str,
        now: float,
        when_done: bool = False,
    ) -> list[Decision]:
        """The last request wins, at once: what is held goes on, a live offer is withdrawn unless READY.

        READY and LOGGED_OUT end wrap-up; while that owes a disposition READY is pending. Nothing changed: [].
        `when_done`: offers, conversations and wrap-up
        are finished first, and no new work comes meanwhile. Raises `IllegalMove` for READY when done.
        """
        if when_done and availability is Availability.READY:
            raise IllegalMove(
                "routing_when_done", f"agent {agent} cannot be ready only when the work is done"
            )
        desk = self._matching.index.desks.get(agent)
        if desk is None or desk.state.removed:
            return []
        state, pending = desk.state, Pending(availability, reason, by)
        owing = state.wrap_up is not None and owes(state.wrap_up.owed)
        if (when_done and at_work(state)) or (owing and availability is Availability.READY):
            if state.pending == pending:
                return []
            state.pending = pending
            self._matching.index.seat(desk)
            return [AvailabilityPending(agent, availability, reason, by)]
        out: list[Decision] = []
        had, state.pending = state.pending, None
        if (state.availability, state.reason) != (availability, reason):
            self._declare(desk, availability, reason, by, now, out)
        elif had is not None or availability is Availability.READY:
            self._go_on(desk, now, out)
        return out

    def _declare(
        self, desk: Desk, availability: Availability, reason: str, by: str, now: float, out: list[Decision]
    ) -> None:
        loose = self._matching.set_availability(desk, availability, reason, by, now, out)
        self._matching.settle(loose, [desk], "withdrawn", now, out)

    def _go_on(self, desk: Desk, now: float, out: list[Decision]) -> None:
        """Asked again for what an agent is: nothing is pending any more, and READY ends wrap-up."""
        state = desk.state
        if state.availability is Availability.READY and state.wrap_up is not None:
            out.extend(self.end_wrap_up(state.name, now))
            return
        self._matching.index.seat(desk)
        self._matching.freed(desk, "agent free", now, out)

    def longest_pause(self, agent: AgentState, now: float, out: list[Decision]) -> None:
        """A pause is at its longest: what its reason says for that."""
        pause = agent.pause
        if pause is None or pause.longest_s is None:
            return
        pause.stage = next_stage(pause.stage, PauseEvent.LONGEST, agent.name)
        then = {PAUSE_READY: Availability.READY, PAUSE_LOG_OUT: Availability.LOGGED_OUT}.get(pause.on_longest)
        if then is None:
            self._matching.index.presence.note_overdue(agent)
            out.append(PauseTooLong(agent.name, agent.reason, pause.longest_s))
        else:
            by = f"policy:longest_s {agent.reason} {pause.longest_s:g}"
            self._declare(self._matching.index.desks[agent.name], then, "", by, now, out)
