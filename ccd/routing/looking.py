"""What can be asked of the engine between two turns. Nothing here changes anything."""

from collections import Counter
from collections.abc import Iterable

from ccd.routing.asked import AgentReasons, reasons
from ccd.routing.matching import Matching
from ccd.routing.phases import Phase
from ccd.routing.state import AgentState, RoutingState
from ccd.routing.unmanned import Staffing, staffing
from ccd.routing.views import (
    AgentView,
    AtWork,
    Figure,
    QueueView,
    at_work_now,
    doing,
    view_agent,
    view_figure,
    view_queue,
)


class Looking:
    """Views of one state through its indexes; the `Router` adds the turns."""

    __slots__ = ("_matching", "state")
    _matching: Matching
    state: RoutingState

    def queue_view(self, name: str, now: float) -> QueueView | None:
        """One queue now; None when there is no such queue."""
        return next(iter(self.queue_views([name], now)), None)

    def queue_views(self, names: Iterable[str], now: float, work: AtWork | None = None) -> list[QueueView]:
        """Those of these queues that there are, now; `work`: what `at_work` said a moment ago."""
        matching, index = self._matching, self._matching.index
        if work is None or work.of is not index:
            work = self.at_work()
        queues = [index.queues[name] for name in names if name in index.queues]
        return [view_queue(index, queue, self.state, matching.expecting, work, now) for queue in queues]

    def at_work(self) -> AtWork:
        """Who has work now, and who wraps up. Walks all agents."""
        return at_work_now(self._matching.index)

    def staffings(self, now: float) -> list[Staffing]:
        """Of all queues, by name: who is there for them, and who waits. Walks no agents."""
        index = self._matching.index
        return [staffing(index, index.queues[name], now) for name in sorted(index.queues)]

    def queue_lengths(self) -> dict[str, int]:
        """How many wait in each queue, those in an offer and callbacks included."""
        return {name: queue.waiting() for name, queue in self._matching.index.queues.items()}

    def doings(self) -> Counter[str]:
        """How many agents of the rules do what, by the words of `AgentView.doing`. Walks all agents."""
        index = self._matching.index
        return Counter([doing(desk, index) for desk in index.desks.values() if not desk.state.removed])

    def phoneless(self) -> list[AgentState]:
        """Who is ready without a phone, whatever else they do, the first to be so first."""
        return list(self._matching.index.presence.phoneless.values())

    def overdue(self, now: float) -> list[AgentState]:
        """Who is too long in a pause or wrap-up, the first to be so first; removed agents are left out."""
        found = self._matching.index.presence.overdue(now)
        return [agent for agent in found if not agent.removed]

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
