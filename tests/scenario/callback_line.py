"""A queue with one agent who talks, and callers behind it: the ground of the scenarios about callbacks."""

from typing import Any

import msgspec

from ccd.history.state import Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import centre

ANN_CALLS, BEN_CALLS, CAT_CALLS = "+33611111111", "+33622222222", "+33633333333"


class Line:
    """A centre of one agent, ann, who talks; callers wait for her, and some of them leave the line."""

    def __init__(self, *, busy: bool = True, callback: dict[str, Any] | None = None, **sales: Any) -> None:
        rule = CallbackRule(**(callback or {}))
        self.sim: SimulatedCentre = centre("ann", callback=rule, **{"agents": ("ann",), **sales})
        self.first = ""
        if busy:
            self.first = self.sim.call(origin="+33600000000")
            self.sim.run(5)

    def call(self, origin: str, **how: Any) -> str:
        """Somebody calls and waits; the interaction."""
        leg = self.sim.call(origin=origin, **how)
        self.sim.run(1)
        return self.sim.interaction_of(leg)

    def leave(self, interaction: str, number: str = "") -> None:
        """The customer leaves the line to be called back, and the goodbye is over."""
        self.sim.tell(facts.CallbackAsked(interaction, "test", number))
        self.sim.run(3)

    def end_first(self) -> None:
        self.sim.hang_up(self.first)

    def phase(self, interaction: str) -> str:
        talk = self.sim.centre.talks.get(interaction)
        return talk.phase.value if talk is not None else "ended"

    def place(self, interaction: str) -> str:
        return self.sim.centre.router.state.places[interaction].phase.value

    def waiting(self) -> list[str]:
        return self.sim.centre.router.waiting("sales", self.sim.now)

    def record(self, interaction: str) -> Record:
        row = self.sim.ledger.record(interaction)
        assert row is not None
        return msgspec.msgpack.decode(row.body, type=Record)

    def dialled(self) -> list[str]:
        """Numbers outside that were called."""
        return [each.address for each in self.sim.performed(cmd.DialLeg) if each.address]  # type: ignore[union-attr]

    def figures(self) -> tuple[int, ...]:
        """Offered, handled, abandoned, overflowed, callbacks that failed."""
        totals = self.sim.centre.router.state.queues["sales"]
        return totals.offered, totals.handled, totals.abandoned, totals.overflowed, totals.callback_failed
