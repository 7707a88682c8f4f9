"""What the daemon tells its media workers of speech: the plan, and texts known before they are said."""

from pathlib import Path
from typing import Final

from ccd.model.rules import Rules
from ccd.model.saying import fill
from ccd.model.settings import Settings
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
    """Texts of flows that are the same for everybody, each in its language; no text twice."""
    found: dict[tuple[str, str], None] = {}
    for flow in rules.flows.values():
        for step in flow.steps:
            for _, say in step.texts():
                known = {flow.language or rules.language: say} if isinstance(say, str) else say
                for language, text in known.items():
                    if text and is_constant(text):
                        found[language, fill(text, language, lambda _name: None)] = None
    return tuple(found)[:MOST_AHEAD]
