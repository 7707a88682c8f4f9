"""What can be asked of the engine between two turns. Nothing here changes anything."""

from ccd.routing.asked import AgentReasons, reasons
from ccd.routing.matching import Matching
from ccd.routing.phases import Phase
from ccd.routing.state import RoutingState
from ccd.routing.views import AgentView, Figure, QueueView, view_agent, view_figure, view_queue


class Looking:
    """Views of one state through its indexes; the `Router` adds the turns."""

    __slots__ = ("_matching", "state")
    _matching: Matching
    state: RoutingState

    def queue_view(self, name: str, now: float) -> QueueView | None:
        """One queue now; None when there is no such queue."""
        queue = self._matching.index.queues.get(name)
        if queue is None:
            return None
        matching = self._matching
        return view_queue(matching.index, queue, self.state, matching.expecting, now)

    def queue_figure(self, name: str, figure: str, now: float) -> Figure:
        """One figure of a queue now; None when there is no such queue or figure, or it is not known."""
        queue = self._matching.index.queues.get(name)
        if queue is None:
            return None
        matching = self._matching
        return view_figure(matching.index, queue, matching.expecting, figure, now)

    def agent_view(self, name: str, now: float) -> AgentView | None:
        """One agent now; None when there is no such agent."""
        desk = self._matching.index.desks.get(name)
        return None if desk is None else view_agent(self._matching.index, desk, now)

    def reasons(self, name: str, now: float) -> AgentReasons | None:
        """Why an agent has what it has, and not what waits; None when there is no such agent."""
        desk = self._matching.index.desks.get(name)
        return None if desk is None else reasons(self._matching.index, desk, now)

    def waiting(self, queue: str, now: float = 0.0) -> list[str]:
        """The waiting of a queue in order, those in an offer included. Walks all of them.

        `now` matters where channel classes age at different rates.
        """
        at = self._matching.index.queues.get(queue)
        return [] if at is None else at.order(now)

    def position(self, interaction: str, now: float = 0.0) -> int:
        """Its place in its queue: 1 = next; 0 when it does not wait. `now` as in `waiting`."""
        place = self.state.places.get(interaction)
        if place is None or place.phase is Phase.CONNECTED:
            return 0
        queue = self._matching.index.queues.get(place.queue)
        return 0 if queue is None else queue.rank(place, now)

    def offer_of(self, interaction: str) -> str:
        """The live or accepted offer of an interaction; empty when there is none."""
        place = self.state.places.get(interaction)
        return "" if place is None else place.offer

    def offers_of(self, interaction: str) -> dict[str, str]:
        """Every agent whose phone rings for it, or who accepted it → the offer; empty in conversation."""
        place = self.state.places.get(interaction)
        if place is None or not place.offer:
            return {}
        others = self.state.other_offers.get(interaction, {})
        return {place.agent: place.offer, **{agent: other.offer for agent, other in others.items()}}

    def agent_of(self, interaction: str) -> str:
        """Whom an interaction is offered to or in conversation with; empty when nobody."""
        place = self.state.places.get(interaction)
        return "" if place is None else place.agent
