"""In which order the free agents of a queue are asked: named pure functions.

Two sorts. Orders **by state** give each agent a key that changes only when the agent's own state does; it
is the same for every queue, so that one line of the free serves all of them. Orders **by candidate** see
what queue and interaction make of the agent too; they are computed for all who could take the
interaction. The smallest key is asked first; of equal keys the first by name.

One's own strategy is a function from `Candidate` to a key, named in the entry point group
`ccd.strategies` and given to the `Router` by name. It must be pure: a replay calls it again.
"""

from collections.abc import Callable, Mapping
from zlib import crc32

import msgspec

from ccd.model.rules import AgentRule
from ccd.routing.state import AgentState

Key = tuple[float, float]
ByState = Callable[[AgentState, int], Key]
"""(agent, capacity left) -> key."""


class Candidate(msgspec.Struct, frozen=True):
    """One of the free agents, as a strategy sees it."""

    agent: AgentState
    rule: AgentRule
    room: int
    """Capacity left."""
    number: int
    """Place among the agents that the queue names; those it does not name come after them."""
    level: int
    """Sum of the agent's levels over the skills that the interaction asks for."""
    weight: int
    """The agent's share by the queue's `weights`."""
    chance: float
    """Evenly drawn from the offer's number and the agent's name, 0 < chance < 1: the same in a replay."""


Strategy = Callable[[Candidate], tuple[float, ...]]
"""A strategy by candidate."""


def longest_idle(agent: AgentState, _room: int) -> Key:
    """Who has been in the line longest: since ready, last offer, end of conversation or miss."""
    return (agent.line_since, agent.line_seq)


def round_robin(agent: AgentState, _room: int) -> Key:
    """In turn, whoever was asked longest ago, however long the conversations were."""
    return (0.0, agent.turn_seq)


def fewest_handled(agent: AgentState, _room: int) -> Key:
    """Who had the fewest conversations since login; of those, who was asked longest ago."""
    return (agent.totals.handled, agent.turn_seq)


def least_talk_time(agent: AgentState, _room: int) -> Key:
    """Who talked least since login."""
    return (agent.totals.talked_s, agent.turn_seq)


def least_loaded(agent: AgentState, room: int) -> Key:
    """Who has most capacity left; of those, who was asked longest ago."""
    return (-room, agent.turn_seq)


def top_down(candidate: Candidate) -> tuple[float, ...]:
    """In the order in which the queue lists its agents: the first free one, always from the top."""
    return (candidate.number,)


def best_skill(candidate: Candidate) -> tuple[float, ...]:
    """The highest levels in what is asked for; of equals, who has been in the line longest."""
    return (-candidate.level, candidate.agent.line_since, candidate.agent.line_seq)


def weighted_random(candidate: Candidate) -> tuple[float, ...]:
    """By lot, each as often as its weight says (weighted reservoir: the largest chance ** (1 / weight))."""
    return (-(candidate.chance ** (1.0 / candidate.weight)),)


BY_STATE: dict[str, ByState] = {
    "longest_idle": longest_idle,
    "round_robin": round_robin,
    "fewest_handled": fewest_handled,
    "least_talk_time": least_talk_time,
    "least_loaded": least_loaded,
}
BY_CANDIDATE: dict[str, Strategy] = {
    "top_down": top_down,
    "best_skill": best_skill,
    "weighted_random": weighted_random,
}
RING_ALL = "ring_all"
"""All at once; the longest idle first where not all may ring."""
STRATEGIES: Mapping[str, ByState | Strategy] = {**BY_STATE, **BY_CANDIDATE, RING_ALL: longest_idle}
"""By the name used in the configuration."""


def chance_of(offer: int, agent: str) -> float:
    """Evenly spread over 0 < x < 1, from the number of the offer and the agent's name alone.

    The 32 bits of a CRC are mixed further (Murmur3's finaliser): a CRC is linear, neighbours in number
    would else be neighbours in chance.
    """
    mixed = crc32(f"{offer} {agent}".encode())
    mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 16)) + 0.5) / 4294967296.0
