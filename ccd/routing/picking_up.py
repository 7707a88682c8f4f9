"""Call pickup: an agent answers what rings at a colleague of the same queue.

It is one more live offer of the place (`ringing`), made by the agent and not by the engine: neither its
turn, nor its level, nor what is free elsewhere is asked. Who answers first has it, as when all ring.
"""

from ccd.model.nouns import Availability
from ccd.routing.decisions import Offer, Traced
from ccd.routing.passed import make_trace
from ccd.routing.phases import Phase
from ccd.routing.shutting import Shutting


class PickingUp(Shutting):
    """The turn about pickup."""

    __slots__ = ()

    def same_team(self, agent: str, other: str) -> bool:
        """Whether two agents serve a queue together."""
        desks = self._matching.index.desks
        one, two = desks.get(agent), desks.get(other)
        if one is None or two is None:
            return False
        both = one.bit | two.bit
        queues = self._matching.index.queues.values()
        return any(queue.stages.members & both == both for queue in queues)

    def pick_up(self, interaction: str, agent: str, now: float) -> tuple[Offer, Traced] | None:
        """An offer of what rings elsewhere, to be answered at once by this agent; None: it may not have it.

        It must serve the queue, be logged in, and have nothing at hand nor ringing, and the place must
        ring for a customer who is on the line.
        """
        index = self._matching.index
        place, desk = self.state.places.get(interaction), index.desks.get(agent)
        queue = index.queues.get(place.queue) if place is not None else None
        if place is None or desk is None or queue is None or not queue.stages.members & desk.bit:
            return None
        load = desk.load_of(index.kinds[queue.kinds[place.channel_class]])
        busy = desk.state.load or load > desk.rule.capacity
        if place.phase is not Phase.OFFERED or place.callback is not None or busy:
            return None
        if desk.state.availability is Availability.LOGGED_OUT:
            return None
        trace = make_trace(
            index, queue, place, now, "offered", "picked up", desk, f"o{self.state.next_offer}"
        )
        return self._matching.offer_also(queue, place, desk, now), Traced(interaction, trace)
