"""In which order the free agents of a queue are asked: named pure functions.

A strategy gives each agent a key; the smallest key is asked first. The key may depend only on what
changes together with the agent's own state, so that an agent is put in its place once a change.
"""

from collections.abc import Callable

from ccd.routing.state import AgentState

Key = tuple[float, int]
Strategy = Callable[[AgentState, int], Key]
"""(agent, index of the agent among the queue's members) -> key."""


def longest_idle(agent: AgentState, _index: int) -> Key:
    """Who has been in the line longest: since ready, last offer, end of conversation or miss."""
    return (agent.line_since, agent.line_seq)


def round_robin(agent: AgentState, _index: int) -> Key:
    """In turn, whoever was asked longest ago, however long the conversations were."""
    return (0.0, agent.turn_seq)


def top_down(_agent: AgentState, index: int) -> Key:
    """In the order in which the queue lists its agents: the first free one, always from the top."""
    return (0.0, index)


STRATEGIES: dict[str, Strategy] = {
    "longest_idle": longest_idle,
    "round_robin": round_robin,
    "top_down": top_down,
}
"""By the name used in the configuration."""
