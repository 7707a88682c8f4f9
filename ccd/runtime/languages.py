"""Language in which people are spoken to when no flow speaks: customers in their flow's, agents in theirs."""

from typing import TYPE_CHECKING

from ccd.bridging.state import Talk

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def as_the_flow(centre: "Centre", talk: Talk) -> None:
    """The flow gives its customer away: queue, message or callback go on in its language, also when it said
    nothing so far."""
    language = centre.flows.language(talk.interaction)
    if language and language != talk.language:
        talk.language = language


def of_agent(centre: "Centre", agent: str) -> str:
    """That of the whisper, and of the keys of a message."""
    rules = centre.state.rules
    rule = rules.agents.get(agent)
    return (rule.language if rule is not None else "") or rules.language
