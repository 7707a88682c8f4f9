"""What queues have to say: to those who wait, and to the agent alone before the bridge.

Texts get what is known of the caller put in, at the moment when they are said.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging.state import Talk
from ccd.model.nouns import PromptPart
from ccd.model.rules import QueueRule
from ccd.model.saying import spoken
from ccd.model.step import Say

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def said(say: Say, look_up: Callable[[str], Any], language: str, own: str) -> tuple[PromptPart, ...]:
    """A text in the language; one without a language is in that of the centre, `own`."""
    return spoken(say, look_up, own) if isinstance(say, str) else spoken(say, look_up, language, own)


def comfort_of(centre: "Centre", talk: Talk, rule: QueueRule) -> tuple[tuple[PromptPart, ...], ...]:
    """The words of comfort of a queue, for a customer who waits in it: prompts, then texts."""
    prompts = tuple([(PromptPart(name),) for name in rule.comfort])
    if not rule.comfort_say:
        return prompts
    look, language = centre.flows.look(talk.interaction), centre.state.rules.language
    texts = [said(say, look, talk.language, language) for say in rule.comfort_say]
    return prompts + tuple(texts)


def whisper(centre: "Centre", talk: Talk) -> tuple[tuple[PromptPart, ...], str]:
    """The parts, and the language of the agent who accepted; the customer's is for the customer."""
    if not (talk.whisper or talk.whisper_say):
        return (), ""
    rules = centre.state.rules
    rule = rules.agents.get(talk.agent.agent) if talk.agent is not None else None
    language = (rule.language if rule is not None else "") or rules.language
    parts: tuple[PromptPart, ...] = (PromptPart(talk.whisper),) if talk.whisper else ()
    if talk.whisper_say:
        parts += said(talk.whisper_say, centre.flows.look(talk.interaction), language, rules.language)
    return parts, language
