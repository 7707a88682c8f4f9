"""One agent in the index: what kinds of work it has room for, and where it sits among the free."""

from ccd.model.nouns import Availability, ChannelClass
from ccd.model.rules import AgentRule
from ccd.model.trace import Passed
from ccd.routing.ability import Bits
from ccd.routing.line import Line
from ccd.routing.queues import Kind
from ccd.routing.shelves import Served, Shelf
from ccd.routing.state import AgentState, Place

_READY = Availability.READY

Seat = tuple[float, float, int]
"""Key of an order by state and the agent's number: the smallest is asked first."""


def open_for_work(agent: AgentState) -> bool:
    """Ready, reachable, not in wrap-up, nothing pending: may be offered what its capacity allows."""
    if agent.availability is not _READY or agent.pending is not None:
        return False
    return agent.reachable and agent.wrap_up is None and not agent.removed


def at_work(agent: AgentState) -> bool:
    """Something is left to finish: an offer, a conversation, an own call, or wrap-up."""
    return bool(agent.held or agent.outside) or agent.wrap_up is not None


class Desk:
    """One agent with its rule and its place in the index."""

    __slots__ = (
        "away",
        "bit",
        "byte",
        "byte_bit",
        "full",
        "guarded",
        "kept",
        "later",
        "logged_out",
        "looked_at",
        "number",
        "room_for",
        "rule",
        "seats",
        "served",
        "special",
        "state",
    )

    def __init__(self, rule: AgentRule, state: AgentState, number: int) -> None:
        self.rule = rule
        self.state = state
        self.number = number
        """By name: of equals the smaller number goes first."""
        self.bit: Bits = 1 << number
        self.byte, self.byte_bit = number >> 3, 1 << (number & 7)
        self.special = bool(rule.load or rule.most)
        """Whether more than capacity and load decide what it has room for."""
        self.away: Passed | None = None
        """That the agent is logged out or in a pause, in a trace's words; made as `full` is."""
        self.logged_out = True
        self.full: Passed | None = None
        """That it has no room, in a trace's words; made when first asked for, until it is seated anew. Kept
        where that is said of any work alike, so not of one that is special."""
        self.later: Passed | None = None
        """That it has room but others go first, likewise."""
        self.room_for = 0
        """Bit K: has room for work of kind K now."""
        self.seats: dict[str, Seat] = {}
        """Where it sits in the line of the free, by name of the order."""
        self.served: list[Served] = []
        """Shelves whose work the agent is able to take, of those that it has looked at, by rack."""
        self.guarded: list[Shelf] = []
        """Those that stand in no rack."""
        self.looked_at = (0, 0)
        """Epoch of the shelves, and how many of them the agent has looked at."""
        self.kept: dict[str, Place] = {}
        """Waiting for this agent before all others."""

    def serve(self, shelves: list[Shelf]) -> None:
        """The agent is able to take the work of these too."""
        self.guarded += [each for each in shelves if each.rack is None]
        for rack in dict.fromkeys([each.rack for each in shelves]):
            if rack is None:
                continue
            served = next((each for each in self.served if each.rack is rack), None)
            if served is None:
                served = Served(rack)
                self.served.append(served)
            served.add(tuple([each.number for each in shelves if each.rack is rack]))

    def serve_nothing(self) -> None:
        """Forget what it is able to take."""
        self.served, self.guarded = [], []

    def room(self) -> int:
        """Capacity left."""
        return self.rule.capacity - self.state.load

    def is_in(self, mask: bytes) -> bool:
        """Whether the agent is in a set (`Ability.mask`)."""
        return bool(mask[self.byte] & self.byte_bit)

    def load_of(self, kind: Kind) -> int:
        """What work of a kind takes of this agent."""
        load = self.rule.load
        return max(1, load[kind.channel_class]) if kind.channel_class in load else kind.load

    def fits(self, kind: Kind, places: dict[str, Place]) -> bool:
        """Whether there is room for one more of a kind, if the agent is open for work."""
        state, rule = self.state, self.rule
        used = state.load
        if kind.over and used:
            used -= held_of(state, places, kind.over)
        if used + self.load_of(kind) > rule.capacity:
            return False
        most = rule.most.get(kind.channel_class)
        return most is None or count_held(state, places, kind.channel_class) < most


def held_of(agent: AgentState, places: dict[str, Place], classes: frozenset[ChannelClass]) -> int:
    """Load of what is held of some channel classes."""
    return sum(load for name, load in agent.held.items() if places[name].channel_class in classes)


def count_held(agent: AgentState, places: dict[str, Place], channel_class: ChannelClass) -> int:
    """How many interactions of a channel class are offered to the agent or held."""
    return sum(places[name].channel_class is channel_class for name in agent.held)


FreeLines = dict[str, Line[Seat]]
"""By name of the order: all who have room for anything."""
