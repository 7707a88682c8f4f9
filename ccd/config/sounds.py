"""Checks of prompts, music and languages against the WAV files that are there.

A prompt must exist in every language in which a flow can come to it. Languages are folders of the
configured prompt folders and of the shipped set; music is looked for in the same way, without language.
"""

from collections.abc import Iterator
from pathlib import Path as FilePath

from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.values import Reader
from ccd.ivr.callbacks import scripts_for
from ccd.ivr.graph import Graph
from ccd.ivr.voicemail_scripts import message_flows
from ccd.model.rules import FlowRule, Rules
from ccd.model.settings import Settings
from ccd.model.steps import AnyStep, Set
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import CHOOSE_PROMPT

SHIPPED = FilePath(__file__).parents[1] / "prompts"
MUSIC = "music"
_TONE = "tone:"
CALLBACK_PROMPTS = ("callback/kept", "callback/here")
"""Said whichever way a callback is asked for; what the built-in flow says besides is checked with it."""


def check_sounds(reader: Reader, settings: Settings, shipped: FilePath = SHIPPED) -> None:
    """All checks of this file; `shipped` is the folder of the set that comes with ccd.

    Without any folder of sounds (a checkout whose set was not built) nothing can be judged.
    """
    if not (shipped.is_dir() or settings.media.prompts or settings.media.music):
        return
    sounds = _Sounds(reader, settings, shipped)
    for key in ("prompts", "music"):
        for at, folder in enumerate(getattr(settings.media, key)):
            if not FilePath(folder).is_dir():
                problem = f"there is no folder {folder}"
                reader.fault(("media", key, at), problem, "create it, or remove it here")
    rules = settings.rules
    sounds.language(("language",), rules.language)
    for agent in rules.agents.values():
        sounds.language(("agents", agent.name, "language"), agent.language)
    for queue in rules.queues.values():
        path: Path = ("queues", queue.name)
        sounds.music((*path, "music"), queue.music)
        sounds.prompt((*path, "announce_wait"), "queue/wait" if queue.announce_wait else "", rules.language)
        said = CALLBACK_PROMPTS if queue.callback is not None else ()
        for name in said:
            sounds.prompt((*path, "callback"), name, rules.language)
        listeners = [rules.agents[name] for name in queue.agents if name in rules.agents]
        for language in sorted({agent.language or rules.language for agent in listeners}):
            sounds.prompt((*path, "whisper"), queue.whisper, language)
    for flow in (*scripts_for(rules).values(), *message_flows(rules).values()):
        for step in flow.steps:
            for _, name in step.says():
                sounds.prompt(("language",), name, rules.language)
    if any(isinstance(step, Voicemail) for step in _all_steps(rules)):
        for language in sorted({agent.language or rules.language for agent in rules.agents.values()}):
            sounds.prompt(("language",), CHOOSE_PROMPT, language)
    for flow in rules.flows.values():
        sounds.language(("flows", flow.name, "language"), flow.language)
        raw = reader.document.get(("flows", flow.name, "steps"))
        if isinstance(raw, list) and len(raw) == len(flow.steps) and flow.steps:
            _flow(sounds, flow, flow.language or rules.language)


def _all_steps(rules: Rules) -> Iterator[AnyStep]:
    for flow in (*rules.flows.values(), *message_flows(rules).values()):
        yield from flow.steps


def _flow(sounds: "_Sounds", flow: FlowRule, language: str) -> None:
    """Walk all (step, language) pairs that can be reached."""
    graph = Graph(flow)
    seen = {(0, language)}
    left = [(0, language)]
    while left:
        at, spoken = left.pop()
        step = flow.steps[at]
        path: Path = ("flows", flow.name, "steps", at)
        if isinstance(step, Set) and step.values.get("language"):
            spoken = step.values["language"]
            if not sounds.language((*path, "values", "language"), spoken):
                continue
        for key, name in step.says():
            sounds.prompt((*path, *key), name, spoken)
        for follower in graph.next(at):
            if (follower, spoken) not in seen:
                seen.add((follower, spoken))
                left.append((follower, spoken))


class _Sounds:
    """What can be played."""

    __slots__ = ("_folders", "_music", "_reader")

    def __init__(self, reader: Reader, settings: Settings, shipped: FilePath) -> None:
        self._reader = reader
        media = settings.media
        self._folders = [*map(FilePath, media.prompts), shipped]
        self._music = [*map(FilePath, media.music), shipped / MUSIC]

    def language(self, path: Path, language: str) -> bool:
        """Fault unless a folder of prompts has the language; nothing to say is fine."""
        if not language or any((folder / language).is_dir() for folder in self._folders):
            return True
        found = {child.name for folder in self._folders for child in _folders_in(folder)}
        languages = sorted(found - {MUSIC, "__pycache__"})
        cure = f"build them by `ccctl prompts build`, or use one of: {listed(languages)}"
        self._reader.fault(path, f'there are no prompts in the language "{language}"', cure)
        return False

    def prompt(self, path: Path, name: str, language: str) -> None:
        """Fault unless there is a WAV for the prompt in the language."""
        if not name or not any((folder / language).is_dir() for folder in self._folders):
            return  # that the language has no prompts at all is told where it is set
        if any(_wav(folder / language, name) for folder in self._folders):
            return
        names = {found for folder in self._folders for found in _names(folder / language)}
        where = f"looked for {language}/{name}.wav in {listed(map(str, self._folders))}"
        cure = did_you_mean(name, names, "build it by `ccctl prompts build`, or put the WAV there")
        self._reader.fault(path, f'there is no prompt "{name}" in "{language}" ({where})', cure)

    def music(self, path: Path, name: str) -> None:
        """Fault unless there is a WAV for the music."""
        if not name or name.startswith(_TONE) or any(_wav(folder, name) for folder in self._music):
            return
        names = {found for folder in self._music for found in _names(folder)}
        where = f"looked for {name}.wav in {listed(map(str, self._music))}"
        cure = did_you_mean(name, names, f"put the WAV there, or use one of: {listed(sorted(names))}")
        self._reader.fault(path, f'there is no music "{name}" ({where})', cure)


def _wav(folder: FilePath, name: str) -> bool:
    return ".." not in name.split("/") and not name.startswith("/") and (folder / f"{name}.wav").is_file()


def _names(folder: FilePath) -> list[str]:
    return [str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.wav")]


def _folders_in(folder: FilePath) -> list[FilePath]:
    return [child for child in folder.iterdir() if child.is_dir()] if folder.is_dir() else []
