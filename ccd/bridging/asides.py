"""A customer in conversation goes through a flow, and comes back: the agent waits, on the line, with music.

Neither hears the other meanwhile. Who hangs up ends the conversation as ever.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Talk
from ccd.model import commands as cmd

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def begin(talks: "Talks", talk: Talk) -> None:
    """Part them; the flow speaks to the customer from here on."""
    talk.asking, talk.playing = True, ""
    agent = talk.agent
    if agent is not None and not agent.held:
        talks.commands.append(cmd.PartLegs(agent.leg))
        talks.commands.append(cmd.StartMusic(agent.leg, talk.music))


def held(talks: "Talks", talk: Talk, leg: str, on: bool) -> None:
    """The agent, who waits, put us on hold or took us back: music for the agent, the flow goes on."""
    talks.commands.append(cmd.StopPrompt(leg) if on else cmd.StartMusic(leg, talk.music))


def back(talks: "Talks", talk: Talk) -> None:
    """The flow is over: join them, or let the customer wait for the agent to come back."""
    talk.asking, talk.playing = False, ""
    agent = talk.agent
    if agent is None:
        return
    if agent.held:
        talks.start_music(talk)
    else:
        talks.commands.append(cmd.BridgeLegs(talk.customer.leg, agent.leg))
