"""Checks of what is said: texts of steps and their placeholders, translations, words of menus, `[speech]`."""

import shutil
from collections.abc import Collection, Iterable, Iterator

from ccd.config.clock_names import clock_names
from ccd.config.faults import Path, listed
from ccd.config.values import Reader
from ccd.model.expression_text import ExpressionFault
from ccd.model.numbers import country_of
from ccd.model.queue_texts import said_by_queues
from ccd.model.rules import Rules
from ccd.model.settings import SpeechSettings
from ccd.model.step import Key, Say, Step
from ccd.model.steps import Enqueue, Menu, Play, Set
from ccd.model.steps_calling import Call
from ccd.model.steps_outside import ASKING_STEPS
from ccd.model.steps_speech import Confirm, Language
from ccd.model.templates import check_template
from ccd.model.wording import KINDS, figures, samples_of, words
from ccd.model.wording_tables import GROUPED

KEYS = "0123456789*#"
_SAMPLES = {"date": "2026-01-02", "time": "09:05", "digits": "+33123456789"}


def check_says(reader: Reader, path: Path, step: Step, queues: Collection[str]) -> None:
    """Every text of a step can be said: names and kinds are known, braces in pairs."""
    for key, say in step.texts():
        for place, text in each_text(key, say):
            try:
                check_template(text, queues, clock_names(reader))
            except ExpressionFault as fault:
                reader.fault((*path, *place), f"column {fault.column}: {fault.problem}", fault.cure)


def check_whole(reader: Reader, path: Path, step: Step) -> None:
    """A step that plays has something to play, or says by an empty list that it has nothing."""
    lacks = []
    match step:
        case Play() if not (step.prompts or step.digits or step.say):
            lacks = ["prompts"]
        case Menu():
            lacks = [key for key in ("prompt", "choices") if not (getattr(step, key) or step.say)]
            lacks += ["choices"] if step.say and not step.choices else []
    for key in lacks:
        told = reader.document.get((*path, "say")) is not None and not any(step.texts())
        if reader.document.get((*path, key)) is None and not told:
            cure = f"add {key} = … to this table" + ("" if key == "choices" else ", or say = …")
            reader.faults.add(reader.document.place(path), (*path, key), "is missing", cure)


def each_text(key: Key, say: Say) -> Iterator[tuple[Key, str]]:
    """The texts of one key: where, and which."""
    if isinstance(say, str):
        yield key, say
    else:
        yield from (((*key, language), text) for language, text in say.items())


def must_be_translated(reader: Reader, path: Path, step: Step, language: str, own: str) -> None:
    """Fault unless what a step says is there in the language that the flow may be in.

    A text without a language is in that of the flow, `own`. A `language` step says all its texts.
    """
    if isinstance(step, Language):
        return
    for key, say in step.texts():
        if isinstance(say, str):
            if language != own:
                cure = f'write say = {{ {own} = "…", {language} = "…" }}'
                problem = f'is in one language, and the flow comes here in "{language}" too'
                reader.fault((*path, *key), problem, cure)
        elif not (say.get(language) or say.get(language.replace("_", "-").partition("-")[0])):
            cure = f'add {language} = "…"; there are: {listed(sorted(say))}'
            reader.fault((*path, *key), f'says nothing in "{language}"', cure)


def check_keys(reader: Reader, path: Path, keys: Iterable[str]) -> None:
    """Fault for what is no key of a telephone."""
    for key in keys:
        if len(key) != 1 or key not in KEYS:
            here: Path = (*path, "choices", key)
            reader.fault(here, f'"{key}" is no key of a telephone', "use one of 0-9, * and #")


def check_menu_words(reader: Reader, path: Path, step: Menu) -> None:
    """Labels and words belong to choices; a word belongs to one of them."""
    for table in ("labels", "words"):
        for key in getattr(step, table):
            if key not in step.choices:
                cure = f"use a key of choices: {listed(step.choices)}"
                reader.fault((*path, table, key), f'"{key}" is not one of the choices', cure)
    first: dict[str, str] = {}
    for key, each in step.words.items():
        for word in each:
            if first.setdefault(word.casefold(), key) != key:
                cure = f"leave it at one of them; it stands at {first[word.casefold()]} too"
                reader.fault((*path, "words", key), f'"{word}" chooses two keys', cure)


def check_language(reader: Reader, path: Path, step: Language) -> None:
    """A `language` step has a way to choose, and asks when it needs an answer."""
    check_keys(reader, path, step.choices)
    if not (step.choices or step.by_country):
        cure = 'write choices = { 1 = "fr", 2 = "en" } or by_country = { FR = "fr" }'
        reader.fault(path, "offers no language", cure)
    if step.choices and not (step.say or step.prompt):
        cure = 'write say = { en = "For English, press 2.", fr = "Pour le français, tapez 1." }'
        reader.fault((*path, "say"), "asks nothing", cure)
    for country in step.by_country:
        if len(country) != 2 or not country.isascii() or not country.isupper():
            here: Path = (*path, "by_country", country)
            reader.fault(here, f'"{country}" is no country', "write two capital letters, e.g. FR (ISO 3166)")


def check_confirm(reader: Reader, path: Path, step: Confirm) -> None:
    """A `confirm` step asks, and yes and no differ."""
    if not (step.say or step.prompt):
        cure = 'write e.g. say = "You keyed {var.number:digits}. If this is right, press 1, else 2."'
        reader.fault((*path, "say"), "asks nothing", cure)
    if step.yes == step.no:
        reader.fault(path, "goes on alike whether it is right or not", "name a step for yes, no or both")


def check_speech(reader: Reader, speech: SpeechSettings) -> None:
    """The engine has what it needs; a program that is missing here may be there on the real machine."""
    if speech.engine == "http":
        if not speech.url:
            reader.fault(("speech", "url"), "is missing for the engine http", 'write url = "https://…"')
        elif speech.url.startswith("http:") and speech.secret:
            cure = "use https://, or leave the secret out"
            reader.fault(("speech", "url"), "would send the secret unencrypted", cure)
    if speech.engine == "command":
        if not speech.command:
            cure = 'write e.g. command = ["/usr/local/bin/say", "--language", "{language}"]'
            reader.fault(("speech", "command"), "is missing for the engine command", cure)
        elif shutil.which(speech.command[0]) is None:
            problem = f"there is no program {speech.command[0]}"
            reader.fault(("speech", "command"), problem, "install it, or write its whole path")


def preload(rules: Rules) -> None:
    """Load now what texts with values need: on the loop, it would hold up everybody for 0.1 s once."""
    steps = [step for flow in rules.flows.values() for step in flow.steps]
    said = [text for step in steps for _, say in step.texts() for _, text in each_text((), say)]
    said += [text for step in steps if isinstance(step, ASKING_STEPS) for text in step.values.values()]
    said += [text for step in steps if isinstance(step, Enqueue) for text in step.screen.values()]
    said += [text for step in steps if isinstance(step, Set) for text in step.values.values()]
    said += [text for step in steps if isinstance(step, Call) for text in step.arguments.values()]
    said += [text for _, say in said_by_queues(rules) for _, text in each_text((), say)]
    if any("{" in text for text in said):
        languages = {rules.language, *(flow.language for flow in rules.flows.values())}
        texts = [say for step in steps for _, say in step.texts()] + [say for _, say in said_by_queues(rules)]
        languages |= {key for say in texts if isinstance(say, dict) for key in say}
        languages |= {agent.language for agent in rules.agents.values()}
        for language in sorted(languages - {""}):
            for kind in KINDS:
                sample = _SAMPLES.get(kind, "1")
                words(sample, kind, "EUR" if kind == "money" else "", language)
                figures(sample, kind, "EUR" if kind == "money" else "", language)
    if any(":digits" in text for text in said):
        for code in GROUPED:
            for number in samples_of(code):
                words(number, "digits", "", rules.language)
    if any(isinstance(step, Language) and step.by_country for step in steps):
        country_of("+33123456789")
