"""Indexes over the routing state: who waits in what order, who is free in what order.

Nothing here is stored: `build` makes it from the rules and the state. A queue keeps its waiting in one
`Line` a channel class (so that "the first whose load fits" is the head of a line) and its free agents
in one `Line` a remaining capacity (so that "the first who has room" is the head of a few lines). A
change of one agent costs a few microseconds for each queue the agent serves, whatever waits there.
"""

from ccd.errors import Misconfigured
from ccd.model.nouns import DEFAULT_LOAD, Availability, ChannelClass
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.routing.line import Line
from ccd.routing.phases import Phase
from ccd.routing.state import AgentState, Place, RoutingState
from ccd.routing.strategies import STRATEGIES, Strategy

_READY = Availability.READY

Turn = tuple[int, float, int, str]
"""(minus priority, entered_at, seq, interaction): the smallest is served first."""

Seat = tuple[float, int, str]
"""Key of the strategy and the agent's name: the smallest is asked first."""


def turn_of(place: Place) -> Turn:
    """Where a place stands in the one global order of the waiting."""
    return (-place.priority, place.entered_at, place.seq, place.interaction)


def open_for_work(agent: AgentState) -> bool:
    """Ready, reachable, not in wrap-up: may be offered what its capacity allows."""
    return agent.availability is _READY and agent.reachable and agent.wrap_up is None and not agent.removed


def _strategy(rule: QueueRule) -> Strategy:
    strategy = STRATEGIES.get(rule.strategy)
    if strategy is None:
        known = ", ".join(sorted(STRATEGIES))
        raise Misconfigured(
            "strategy", f"queue {rule.name}: strategy '{rule.strategy}' is not one of {known}"
        )
    return strategy


class QueueIndex:
    """One queue's waiting and free agents."""

    __slots__ = ("free", "lines", "loads", "members", "ringing", "rule", "strategy", "talking")

    def __init__(self, rule: QueueRule) -> None:
        self.rule = rule
        self.strategy = _strategy(rule)
        self.loads = {
            channel_class: max(1, rule.load.get(channel_class, default))
            for channel_class, default in DEFAULT_LOAD.items()
        }
        self.members: list[Desk] = []
        self.lines: dict[ChannelClass, Line[Turn]] = {}
        self.ringing: Line[Turn] = Line()
        """Those in a live or accepted offer: they keep their place but are not matched."""
        self.free: dict[int, Line[Seat]] = {}
        self.talking = 0

    def waiting(self) -> int:
        """How many wait, those in an offer included."""
        return len(self.ringing) + sum(len(line) for line in self.lines.values())

    def line_up(self, place: Place) -> None:
        """Put a place among the waiting."""
        line = self.lines.get(place.channel_class)
        if line is None:
            line = self.lines[place.channel_class] = Line()
        line.add(turn_of(place))

    def step_out(self, place: Place) -> None:
        """Take a place out of the waiting."""
        self.lines[place.channel_class].remove(turn_of(place))

    def rank(self, place: Place) -> int:
        """1 = next."""
        turn = turn_of(place)
        rank = 1 + self.ringing.rank(turn)
        for line in self.lines.values():
            rank += line.rank(turn)
        return rank

    def order(self) -> list[str]:
        """The waiting in order. Walks all: for people, not for the hot path."""
        turns = list(self.ringing)
        for line in self.lines.values():
            turns.extend(line)
        return [turn[3] for turn in sorted(turns)]

    def count_free(self, load: int) -> int:
        """How many agents have room for `load`."""
        count = 0
        for room, line in self.free.items():
            if room >= load:
                count += len(line)
        return count


class Desk:
    """One agent with its rule and where it sits in the free lines."""

    __slots__ = ("queues", "rule", "seats", "state")

    def __init__(self, rule: AgentRule, state: AgentState) -> None:
        self.rule = rule
        self.state = state
        self.queues: list[tuple[QueueIndex, int]] = []
        """Queues served and the agent's index among their members."""
        self.seats: list[tuple[Line[Seat], Seat]] = []

    def room(self) -> int:
        """Capacity left."""
        return self.rule.capacity - self.state.load


class Index:
    """All queues and desks."""

    __slots__ = ("desks", "places", "queues")

    def __init__(self, rules: Rules, state: RoutingState) -> None:
        """Build everything; agents of the rules must have a state. Walks all there is."""
        self.places = state.places
        self.queues = {name: QueueIndex(rule) for name, rule in rules.queues.items()}
        self.desks: dict[str, Desk] = {}
        for name, agent in state.agents.items():
            self.desks[name] = Desk(rules.agents.get(name) or AgentRule(name=name), agent)
        for queue in self.queues.values():
            for number, name in enumerate(dict.fromkeys(queue.rule.agents)):
                desk = self.desks.get(name)
                if desk is not None and not desk.state.removed:
                    queue.members.append(desk)
                    desk.queues.append((queue, number))
        for desk in self.desks.values():
            self.seat(desk)
        for place in state.places.values():
            self._put(place)

    def _put(self, place: Place) -> None:
        queue = self.queues.get(place.queue)
        if queue is None:
            return
        if place.phase is Phase.WAITING:
            queue.line_up(place)
        elif place.phase is Phase.CONNECTED:
            queue.talking += 1
        else:
            queue.ringing.add(turn_of(place))

    def unseat(self, desk: Desk) -> None:
        """Take a desk out of the free lines until it is seated again."""
        for line, seat in desk.seats:
            line.remove(seat)
        desk.seats.clear()

    def seat(self, desk: Desk) -> None:
        """Put a desk where its present state belongs; to be called after each change of the agent."""
        self.unseat(desk)
        state = desk.state
        room = desk.rule.capacity - state.load
        if room <= 0 or not open_for_work(state):
            return
        for queue, number in desk.queues:
            line_of_room = queue.free.get(room)
            if line_of_room is None:
                line_of_room = queue.free[room] = Line()
            since, seq = queue.strategy(state, number)
            taken = (since, seq, state.name)
            line_of_room.add(taken)
            desk.seats.append((line_of_room, taken))

    def best_agent(self, queue: QueueIndex, place: Place) -> Desk | None:
        """The first in the queue's order with room for it who did not miss it just now."""
        load = queue.loads[place.channel_class]
        missed = place.missed
        best: Seat | None = None
        for room, line in queue.free.items():
            if room < load or not line:
                continue
            seat = line.first() if not missed else next((s for s in line if s[2] not in missed), None)
            if seat is not None and (best is None or seat < best):
                best = seat
        return None if best is None else self.desks[best[2]]

    def best_work(self, desk: Desk) -> Place | None:
        """The first in the order of all the queues the agent serves that fits; None if not open for work."""
        state = desk.state
        room = desk.rule.capacity - state.load
        if room <= 0 or not open_for_work(state):
            return None
        best: Turn | None = None
        for queue, _ in desk.queues:
            for channel_class, line in queue.lines.items():
                if not line or queue.loads[channel_class] > room:
                    continue
                turn = self._first_for(state.name, line)
                if turn is not None and (best is None or turn < best):
                    best = turn
        return None if best is None else self.places[best[3]]

    def _first_for(self, agent: str, line: Line[Turn]) -> Turn | None:
        """Head of a line, past what the agent missed just now (few: one a ring)."""
        places = self.places
        head = line.first()
        if head is None or agent not in places[head[3]].missed:
            return head
        return next((turn for turn in line if agent not in places[turn[3]].missed), None)
