"""After the agent hung up: the customer stays on the line, and a flow goes on with it.

Only after an end that the agent meant: a customer whose agent's phone was lost, or failed, is let go of as
ever. While a transfer rings, its end decides (`bridging.thirds`).
"""

from typing import TYPE_CHECKING

from ccd.bridging.recording import stop_recordings
from ccd.bridging.state import Move, Phase, Role, Talk
from ccd.model.nouns import Cause

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def keep(talks: "Talks", talk: Talk, cause: Cause) -> bool:
    """The agent's leg ended: keep the customer for the flow, if there is one. Whether it was kept."""
    if not talk.after_call or cause is not Cause.NORMAL or talk.customer_gone or talk.own:
        return False
    talk.move(Move.AFTER_CALL)
    talk.after_call = False
    stop_recordings(talks, talk)
    return True


def hang_up(talks: "Talks", talk: Talk, now: float) -> bool:
    """End the agent's leg, as if the agent had hung up. False: nobody is in conversation."""
    agent = talk.agent
    if talk.phase is not Phase.TALKING or agent is None:
        return False
    talks.release(talk, Role.AGENT, Cause.NORMAL, keep=True)
    talks.agent_gone(talk, Cause.NORMAL, now)
    return True
