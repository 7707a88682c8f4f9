"""Checks of texts that queues say: to who waits, to the agent alone, to who is to leave a message."""

from collections.abc import Iterator

from ccd.config.faults import Path, listed
from ccd.config.outside import check_text
from ccd.config.speech import each_text
from ccd.config.values import Reader
from ccd.model.queue_texts import said_by_queues
from ccd.model.rules import Rules
from ccd.model.step import Key, Say
from ccd.model.steps import Enqueue

WHISPER = "whisper_say"


def check_queue_texts(reader: Reader, rules: Rules) -> None:
    """Each can be said, and is there in the language of who hears it: the centre's, or that of each agent."""
    for path, say in said_by_queues(rules):
        for place, text in each_text((), say):
            check_text(reader, (*path, *place), text, rules.queues)
        if say and path[-1] != WHISPER:
            _in_language(reader, path, say, rules.language, rules.language)
    for path, say, queue in _whispers(rules):
        agents = rules.queues[queue].agents if queue in rules.queues else ()
        spoken = {rules.agents[name].language for name in agents if name in rules.agents}
        for language in sorted({language or rules.language for language in spoken}):
            _in_language(reader, path, say, language, rules.language)


def _whispers(rules: Rules) -> Iterator[tuple[Path, Say, str]]:
    """Each text for agents: where, which, and a queue whose agents may hear it."""
    for queue in rules.queues.values():
        if queue.whisper_say:
            yield ("queues", queue.name, WHISPER), queue.whisper_say, queue.name
    for flow in rules.flows.values():
        for at, step in enumerate(flow.steps):
            if isinstance(step, Enqueue) and step.whisper_say:
                path: Path = ("flows", flow.name, "steps", at, WHISPER)
                yield from ((path, step.whisper_say, queue) for queue in step.queues())


def _in_language(reader: Reader, path: Key, say: Say, language: str, own: str) -> None:
    """Fault unless the text is there in the language; one without a language is in that of the centre."""
    if isinstance(say, str):
        if language != own:
            cure = f'write {{ {own} = "…", {language} = "…" }}'
            reader.fault(path, f'is in one language, and is heard in "{language}" too', cure)
    elif not (say.get(language) or say.get(language.replace("_", "-").partition("-")[0])):
        reader.fault(path, f'says nothing in "{language}"', f'add {language} = "…"; there are: {listed(say)}')
