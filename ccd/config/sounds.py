"""Checks of prompts, music and languages against the WAV files that are there.

A prompt must exist in every language in which a flow can come to it. Languages are folders of the
configured prompt folders and of the shipped set; music is looked for in the same way, without language.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath

from ccd.config.announced import check_announcements, languages_of
from ccd.config.calls import called_by
from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.leading import entries, flows_of
from ccd.config.speech import must_be_translated
from ccd.config.values import Reader
from ccd.ivr.callbacks import scripts_for
from ccd.ivr.graph import Graph
from ccd.ivr.voicemail_scripts import message_flows
from ccd.model.rules import FlowRule, Rules
from ccd.model.settings import Settings
from ccd.model.steps import AnyStep, Enqueue, Set
from ccd.model.steps_calling import Call
from ccd.model.steps_outside import Hook, Identify, Lookup
from ccd.model.steps_speech import Language
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
        said = CALLBACK_PROMPTS if queue.callback is not None else ()
        for name in said:
            sounds.prompt((*path, "callback"), name, rules.language)
        sounds.whisper((*path, "whisper"), queue.whisper, queue.name, rules)
    for flow in (*scripts_for(rules).values(), *message_flows(rules).values()):
        for step in flow.steps:
            for _, name in step.says():
                sounds.prompt(("language",), name, rules.language)
    called = {name for flow in rules.flows.values() for _, name in called_by(flow)}
    led_to = entries(reader.document)
    if any(isinstance(step, Voicemail) for step in _all_steps(rules)):
        for language in sorted({agent.language or rules.language for agent in rules.agents.values()}):
            sounds.prompt(("language",), CHOOSE_PROMPT, language)
    whole = {name: flow for name, flow in rules.flows.items() if _is_whole(reader, flow)}
    for flow in rules.flows.values():
        sounds.language(("flows", flow.name, "language"), flow.language)
        if flow.name in whole:
            _languages(sounds, flow)
        if flow.name in whole and (flow.name in led_to or flow.name not in called):
            _flow(sounds, rules, whole, flow.name, flow.language or rules.language)
    _flows_of_queues(sounds, rules, whole)
    check_announcements(reader, rules, settings.speech, sounds.folders, sounds.prompt, sounds.waits)


def _flows_of_queues(sounds: "_Sounds", rules: Rules, whole: Mapping[str, FlowRule]) -> None:
    """Flows in which customers of a queue go on, in each language that they may be spoken to in there.

    Such a flow may lead to a queue again, and so bring a language where it was not before.
    """
    seen: set[tuple[str, str]] = set()
    while True:
        spoken = languages_of(rules, sounds.waits)
        ways = {
            (flow, language)
            for queue in rules.queues.values()
            for flow in flows_of(queue)
            for language in spoken[queue.name]
            if flow in whole and sounds.has(language)
        }
        if ways <= seen:
            return
        for flow, language in sorted(ways - seen):
            _flow(sounds, rules, whole, flow, language)
        seen |= ways


def _languages(sounds: "_Sounds", flow: FlowRule) -> None:
    """Languages that can be chosen need their prompts, or nothing could be played in them."""
    for at, step in enumerate(flow.steps):
        if isinstance(step, Language):
            for key, language in step.languages():
                sounds.language(("flows", flow.name, "steps", at, *key), language)


def _all_steps(rules: Rules) -> Iterator[AnyStep]:
    for flow in (*rules.flows.values(), *message_flows(rules).values()):
        yield from flow.steps


def _is_whole(reader: Reader, flow: FlowRule) -> bool:
    """Whether all its steps could be read."""
    raw = reader.document.get(("flows", flow.name, "steps"))
    return isinstance(raw, list) and len(raw) == len(flow.steps) > 0


Visit = tuple[str, str, int, str]
"""Flow, the language it was come into with, step, the language at it."""


def _flow(sounds: "_Sounds", rules: Rules, flows: Mapping[str, FlowRule], name: str, language: str) -> None:
    """Walk all (step, language) pairs that can be reached, into the flows that are called and back."""
    graphs = {each: Graph(flow) for each, flow in flows.items() if flow.steps}
    own = flows[name].language or rules.language
    left: list[Visit] = [(name, language, 0, language)]
    seen = set(left)
    back: dict[tuple[str, str], list[Visit]] = {}
    spoken_at_end: dict[tuple[str, str], list[str]] = {}

    def go(visits: Iterable[Visit]) -> None:
        for visit in visits:
            if visit not in seen:
                seen.add(visit)
                left.append(visit)

    while left:
        flow, entry, at, spoken = left.pop()
        graph = graphs[flow]
        step = graph.flow.steps[at]
        path: Path = ("flows", flow, "steps", at)
        if isinstance(step, Set) and step.values.get("language"):
            spoken = step.values["language"]
            if not sounds.language((*path, "values", "language"), spoken):
                continue
        for key, prompt in step.says():
            sounds.prompt((*path, *key), prompt, spoken)
        if isinstance(step, Enqueue):
            for queue in step.queues():
                sounds.whisper((*path, "whisper"), step.whisper, queue, rules)
                sounds.waits.setdefault(queue, set()).add(spoken)
        if isinstance(step, Lookup | Hook | Identify):
            sounds.music((*path, "music"), step.music)
        must_be_translated(sounds.reader, path, step, spoken, own)
        if isinstance(step, Call) and step.flow in graphs:
            called = (step.flow, spoken)
            back.setdefault(called, []).append((flow, entry, at, spoken))
            go([(step.flow, spoken, 0, spoken)])
            for after in spoken_at_end.get(called, ()):
                go((flow, entry, follower, after) for follower in graph.next(at))
            continue
        if graph.returns(at) and spoken not in spoken_at_end.setdefault((flow, entry), []):
            spoken_at_end[flow, entry].append(spoken)
            for caller, into, place, _ in back.get((flow, entry), ()):
                go((caller, into, follower, spoken) for follower in graphs[caller].next(place))
        go((flow, entry, follower, after) for after in step.speaks(spoken) for follower in graph.next(at))


class _Sounds:
    """What can be played."""

    __slots__ = ("_music", "folders", "reader", "waits")

    def __init__(self, reader: Reader, settings: Settings, shipped: FilePath) -> None:
        self.reader = reader
        media = settings.media
        self.folders = [*map(FilePath, media.prompts), shipped]
        self.waits: dict[str, set[str]] = {}
        """Queue → languages in which flows lead to it."""
        self._music = [*map(FilePath, media.music), shipped / MUSIC]

    def language(self, path: Path, language: str) -> bool:
        """Fault unless a folder of prompts has the language; nothing to say is fine."""
        if not language or self.has(language):
            return True
        found = {child.name for folder in self.folders for child in _folders_in(folder)}
        languages = sorted(found - {MUSIC, "__pycache__"})
        cure = f"build them by `ccctl prompts build`, or use one of: {listed(languages)}"
        self.reader.fault(path, f'there are no prompts in the language "{language}"', cure)
        return False

    def has(self, language: str) -> bool:
        """Whether there are any prompts in it."""
        return any((folder / language).is_dir() for folder in self.folders)

    def prompt(self, path: Path, name: str, language: str) -> None:
        """Fault unless there is a WAV for the prompt in the language."""
        if not name or not self.has(language):
            return  # that the language has no prompts at all is told where it is set
        if any(_wav(folder / language, name) for folder in self.folders):
            return
        names = {found for folder in self.folders for found in _names(folder / language)}
        where = f"looked for {language}/{name}.wav in {listed(map(str, self.folders))}"
        cure = did_you_mean(name, names, "build it by `ccctl prompts build`, or put the WAV there")
        self.reader.fault(path, f'there is no prompt "{name}" in "{language}" ({where})', cure)

    def whisper(self, path: Path, name: str, queue: str, rules: Rules) -> None:
        """Fault unless there is a WAV for the whisper in the language of each agent of the queue."""
        agents = rules.queues[queue].agents if queue in rules.queues else ()
        listeners = [rules.agents[agent] for agent in agents if agent in rules.agents]
        for language in sorted({agent.language or rules.language for agent in listeners}):
            self.prompt(path, name, language)

    def music(self, path: Path, name: str) -> None:
        """Fault unless there is a WAV for the music."""
        if not name or name.startswith(_TONE) or any(_wav(folder, name) for folder in self._music):
            return
        names = {found for folder in self._music for found in _names(folder)}
        where = f"looked for {name}.wav in {listed(map(str, self._music))}"
        cure = did_you_mean(name, names, f"put the WAV there, or use one of: {listed(sorted(names))}")
        self.reader.fault(path, f'there is no music "{name}" ({where})', cure)


def _wav(folder: FilePath, name: str) -> bool:
    return ".." not in name.split("/") and not name.startswith("/") and (folder / f"{name}.wav").is_file()


def _names(folder: FilePath) -> list[str]:
    return [str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.wav")]


def _folders_in(folder: FilePath) -> list[FilePath]:
    return [child for child in folder.iterdir() if child.is_dir()] if folder.is_dir() else []
