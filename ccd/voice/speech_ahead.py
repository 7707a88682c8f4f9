"""What the daemon tells its media workers of speech: the plan, and texts known before they are said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ccd.model.queue_texts import said_by_queues
from ccd.model.rules import Rules
from ccd.model.saying import fill
from ccd.model.settings import Settings
from ccd.model.step import Say
from ccd.model.templates import is_constant
from ccd.voice.speech_plan import MB, SpeechPlan, Texts

MOST_AHEAD: Final = 500
"""Texts rendered ahead; what is more waits until it is said."""


def plan_of(settings: Settings) -> SpeechPlan:
    """The plan that the settings say."""
    speech = settings.speech
    return SpeechPlan(
        engine=speech.engine,
        cache=speech.cache or str(Path(settings.daemon.state_dir) / "speech"),
        cache_bytes=speech.cache_mb * MB,
        url=speech.url,
        header=speech.header,
        secret=speech.secret.reveal(),
        command=speech.command,
        voices=speech.voices,
        speed=speech.speed,
        timeout_s=speech.timeout_s,
        most=speech.most,
    )


def texts_ahead(rules: Rules) -> Texts:
    """Texts of flows and queues that are the same for everybody, each in its language; no text twice."""
    found: dict[tuple[str, str], None] = {}
    for own, say in _said(rules):
        known = {own: say} if isinstance(say, str) else say
        for language, text in known.items():
            if text and is_constant(text):
                found[language, fill(text, language, lambda _name: None)] = None
    return tuple(found)[:MOST_AHEAD]


def _said(rules: Rules) -> Iterator[tuple[str, Say]]:
    """Each text, and the language of one that names none."""
    for flow in rules.flows.values():
        for step in flow.steps:
            yield from ((flow.language or rules.language, say) for _, say in step.texts())
    yield from ((rules.language, say) for _, say in said_by_queues(rules))
