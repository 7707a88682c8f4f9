"""Checks of what queues tell who waits: the prompts and the recorded pieces of numbers, in every language.

A caller waits in the language of the flow that led there; who overflows takes it along to the next queue.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path as FilePath

from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.model.pieces import MINUTE, needed, text_of
from ccd.model.rules import QueueRule, Rules
from ccd.model.settings import SpeechSettings

MOST_NAMED = 12
"""Missing files that are named; of more the number."""
Prompt = Callable[[Path, str, str], None]
"""A fault at this key unless there is this prompt in this language."""


def check_announcements(
    reader: Reader,
    rules: Rules,
    speech: SpeechSettings,
    folders: Iterable[FilePath],
    prompt: Prompt,
    spoken: Mapping[str, set[str]],
) -> None:
    """`spoken`: queue → the languages in which flows lead to it."""
    places = list(folders)

    @cache
    def missing(language: str, unit: str) -> list[str]:
        return [name for name in needed(language, unit) if not _recorded(places, language, name)]

    told = languages_of(rules, spoken)
    for queue in rules.queues.values():
        path: Path = ("queues", queue.name)
        for language in sorted(told[queue.name]):
            if not any((folder / language).is_dir() for folder in places):
                continue  # told where it is set
            for at, name in enumerate(queue.comfort):
                prompt((*path, "comfort", at), name, language)
            for key, name, unit in _announced(queue):
                prompt((*path, key), name, language)
                _pieces(reader, (*path, key), speech, language, missing(language, unit))


def languages_of(rules: Rules, spoken: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Queue → languages of its callers, also of those that other queues send on; nobody comes: our own."""
    found = {name: set(spoken.get(name, ())) for name in rules.queues}
    more = True
    while more:  # as far as callers are sent on
        more = False
        for queue in rules.queues.values():
            for target in (queue.overflow.queue, queue.closed_to.queue):
                if target in found and not found[queue.name] <= found[target]:
                    found[target] |= found[queue.name]
                    more = True
    return {name: languages or {rules.language} for name, languages in found.items()}


def _announced(queue: QueueRule) -> Iterable[tuple[str, str, str]]:
    """Key, prompt, and what is counted after it."""
    if queue.announce_position:
        yield "announce_position", "queue/position", ""
    if queue.announce_wait:
        yield "announce_wait", "queue/wait", MINUTE


def _recorded(places: list[FilePath], language: str, name: str) -> bool:
    return any((folder / language / f"{name}.wav").is_file() for folder in places)


def _pieces(reader: Reader, path: Path, speech: SpeechSettings, language: str, missing: list[str]) -> None:
    """Warn of pieces without a file: the engine says them, in another voice than the rest."""
    if not missing:
        return
    named = ", ".join(f"{language}/{name}.wav" for name in missing[:MOST_NAMED])
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    problem = (
        f'recorded pieces are missing in "{language}": {named}{more}; '
        f"the speech engine ({speech.engine}) says them, without it this announcement is left out"
    )
    first = text_of(missing[0], language)
    example = f' (the first says "{first}")' if first else ""
    cure = f"record them{example}; `ccctl prompts pieces {language}` lists all with their words"
    reader.faults.add(reader.document.place(path), path, problem, cure, warning=True)
