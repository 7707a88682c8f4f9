"""What agents do outside the queues: their own calls, and transfers that came to them directly."""

from ccd.routing.decisions import Decision
from ccd.routing.desks import count_time, take_outside, take_turn
from ccd.routing.picking_up import PickingUp


class OwnWork(PickingUp):
    """The turns about work outside the queues; the `Router` adds those about all other work."""

    __slots__ = ()

    def occupy(self, agent: str, key: str, load: int, now: float) -> list[Decision]:
        """The agent does something outside the queues; the same key again replaces its load."""
        desk = self._matching.index.desks.get(agent)
        if desk is None:
            return []
        take_outside(self._matching.index, desk, key, load, now)
        out: list[Decision] = []
        self._matching.freed(desk, "agent free", now, out)  # the same key may cost less than before
        return out

    def engage(self, agent: str, key: str, load: int, now: float) -> list[Decision]:
        """The agent takes up something outside the queues: `occupy`, and what rings there goes to others."""
        out = self.occupy(agent, key, load, now)
        desk = self._matching.index.desks.get(agent)
        if desk is not None and (loose := self._matching.silence(desk, now, out)):
            self._matching.settle(loose, [], "withdrawn", now, out)
        return out

    def vacate(self, agent: str, key: str, now: float) -> list[Decision]:
        """What `occupy` said is over; the agent goes to the end of the line."""
        out: list[Decision] = []
        desk = self._matching.index.desks.get(agent)
        if desk is None or key not in desk.state.outside:
            return out
        count_time(desk.state, now)
        desk.state.load -= desk.state.outside.pop(key)
        take_turn(self.state, desk.state, now)
        self._matching.index.seat(desk)
        self._matching.freed(desk, "agent free", now, out)
        return out
