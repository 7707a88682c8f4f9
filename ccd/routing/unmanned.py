"""Whether anybody can be rung for those who wait in a queue, and if nobody can, why not.

An agent who talks, rings or wraps up comes back: a queue that is merely busy has somebody. Who is logged out,
in a pause or without a phone comes only when somebody does something about it.
"""

from collections import Counter
from collections.abc import Iterable

from ccd.model.nouns import Availability
from ccd.routing.state import AgentState

LOGGED_OUT, NO_PHONE = "logged out", "without a phone"


def nobody(agents: Iterable[AgentState]) -> dict[str, int]:
    """How many cannot be rung, by reason (`paused: missed`, `without a phone`, `logged out`), the most
    frequent first; empty as soon as one of the agents can, or there is none."""
    reasons: Counter[str] = Counter()
    for agent in agents:
        why = _why(agent)
        if not why:
            return {}
        reasons[why] += 1
    return dict(reasons.most_common())


def _why(agent: AgentState) -> str:
    if agent.availability is Availability.LOGGED_OUT:
        return LOGGED_OUT
    if agent.availability is Availability.PAUSED:
        return f"paused: {agent.reason}" if agent.reason else "paused"
    return "" if agent.reachable else NO_PHONE
