"""A step in words for people: its kind, what it does, and what each way out of it means.

The tables know the steps that need words of their own; any other step gets words from its keys.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ccd.model.links import LinkRule
from ccd.model.rules import FlowRule
from ccd.model.settings import Settings
from ccd.model.step import HANG_UP, Key, Step
from ccd.model.steps import Branch
from ccd.model.steps_speech import Language

Texts = Mapping[str, Mapping[str, str]]
"""Language → prompt → what it says."""


class Kind(msgspec.Struct, frozen=True):
    """How a kind of step is shown."""

    word: str
    colour: str
    icon: str
    """Path of an SVG image of 16 by 16."""


_SPEAKER = "M2 6h3l4-4v12l-4-4H2zM11 5q3 3 0 6M13 3q5 5 0 10"
_KEYS = "".join(f"M{x} {y}h2v2h-2z" for y in (2, 6, 10) for x in (3, 7, 11))
_PHONE = "M3 2l3 0 1 4-2 1q1 3 4 4l1-2 4 1 0 3q-2 1-4 0-6-2-7-7 -1-2 0-3z"
_DOWN = "M1 10q7-6 14 0l-2 3-3-2v-2q-2-1-4 0v2l-3 2z"
_PEOPLE = "M5 3a2 2 0 1 0 .1 0zM11 3a2 2 0 1 0 .1 0zM1 14q0-6 4-6t4 6zM8 14q0-6 4-5t4 5z"
_CLOCK = "M8 1a7 7 0 1 0 .1 0zM8 4v4l3 2"
_DIAMOND = "M8 1l7 7-7 7-7-7z"
_PENCIL = "M2 14l1-4 8-8 3 3-8 8z"
_RIGHT = "M1 7h8V3l6 5-6 5V9H1z"
_BACK = "M15 7H7V3L1 8l6 5V9h8z"
_BOX = "M2 2h12v12H2zM5 5h6v6H5z"
_DOT = "M8 3a5 5 0 1 0 .1 0z"
_BUBBLE = "M1 2h14v9H7l-4 4v-4H1z"
_LINK = "M3 3h4v4H3zM9 9h4v4H9zM7 5h4v4"

_BLUE, _GREEN, _AMBER, _PURPLE, _GREY, _RED, _TEAL = (
    "#0072b2", "#007a5a", "#b35c00", "#8a4b84", "#5b6770", "#b3261e", "#00697a",
)  # fmt: skip

KINDS: dict[str, Kind] = {
    "answer": Kind("Answer", _GREY, _PHONE),
    "play": Kind("Play", _BLUE, _SPEAKER),
    "menu": Kind("Menu", _PURPLE, _KEYS),
    "set": Kind("Set", _GREY, _PENCIL),
    "queue": Kind("Queue", _GREEN, _PEOPLE),
    "collect": Kind("Keyed in", _PURPLE, _KEYS),
    "callback": Kind("Call back", _GREEN, _PHONE),
    "transfer": Kind("Transfer", _GREEN, _RIGHT),
    "goto": Kind("Go to", _GREY, _RIGHT),
    "branch": Kind("Branch", _AMBER, _DIAMOND),
    "hours": Kind("Open?", _AMBER, _CLOCK),
    "hangup": Kind("Hang up", _RED, _DOWN),
    "call": Kind("Call flow", _TEAL, _BOX),
    "return": Kind("Return", _TEAL, _BACK),
    "identify": Kind("Identify", _AMBER, _LINK),
    "lookup": Kind("Look up", _TEAL, _LINK),
    "hook": Kind("Service", _TEAL, _LINK),
    "send": Kind("Send", _TEAL, _BUBBLE),
    "language": Kind("Language", _PURPLE, _BUBBLE),
    "confirm": Kind("Confirm", _PURPLE, _KEYS),
    "record": Kind("Record", _GREY, _DOT),
    "voicemail": Kind("Voicemail", _GREEN, _BUBBLE),
    "bot": Kind("Bot", _TEAL, _BUBBLE),
    "survey": Kind("Survey", _PURPLE, _BUBBLE),
    "pay": Kind("Pay", _TEAL, _LINK),
}
"""By the word after `do`; a step that is not in it is shown by that word."""

WAYS: dict[str, str] = {
    "on_no_input": "no key",
    "on_bad_input": "wrong key",
    "on_none": "nothing keyed",
    "otherwise": "else",
    "step": "",
}
"""By the last key of a target; of others the key itself, without `on_`."""
NEXT: dict[str, str] = {
    "queue": "given back",
    "transfer": "not reached",
    "callback": "cannot be",
}
"""Why the next step follows, by the word after `do`; nothing: it simply does."""
_UNTOLD = frozenset({"id", "barge"})


def tag_of(step: Step) -> str:
    """The word after `do`."""
    return str(type(step).__struct_config__.tag)


def kind_of(step: Step) -> Kind:
    tag = tag_of(step)
    return KINDS.get(tag) or Kind(tag.replace("_", " ").capitalize(), _GREY, _DOT)


def way_label(step: Step, key: Key, target: str) -> str:
    """What leads this way: `1`, `no key`, `closed`, a condition; of a mere list of steps, the step's id."""
    if isinstance(step, Branch) and key[0] == "cases":
        return step.cases[int(key[1])].when
    if isinstance(key[-1], int):
        return target
    last = key[-1]
    if len(key) > 1:
        return last
    return WAYS.get(last, last.removeprefix("on_").replace("_", " "))


def next_label(step: Step) -> str:
    """Why the next step follows."""
    tag = tag_of(step)
    if tag == "hours":
        return " or ".join(word for word in ("open", "closed") if not getattr(step, word))
    if tag == "branch":
        return "else"
    return NEXT.get(tag, "")


def ways_of(flow: FlowRule, at: int) -> Iterator[tuple[str, int | None]]:
    """Each way out of a step: its label, and the step it leads to; None: nowhere, the call is over."""
    step = flow.steps[at]
    ids = {each.id: place for place, each in reversed(list(enumerate(flow.steps))) if each.id}
    for key, target in step.targets().items():
        if target in ids:
            yield way_label(step, key, target), ids[target]
    if step.goes_on():
        yield next_label(step), at + 1 if at + 1 < len(flow.steps) else None
    for why, to in step.leaves().items():
        if to == HANG_UP:
            yield why, None


def details(step: Step, spoken: Mapping[str, str], language: str = "") -> list[str]:
    """What the step does, a line a thing: prompts and texts with their words, then its other keys.

    `language`: in which a text of several is shown; one that lacks it is shown in its first.
    """
    told = [*_words(step, spoken, language)]
    shown = [*step.targets(), *(key for key, _ in step.says()), *(key for key, _ in step.texts())]
    elsewhere = {key[0] for key in shown}
    for field in msgspec.structs.fields(type(step)):
        value = getattr(step, field.name)
        if field.name in _UNTOLD or field.name in elsewhere or value == field.default or not value:
            continue
        told += _value(field.name, value)
    return told


_QUESTION = ("prompt", "prompts", "say")
_WHEN = {"no_input": "no key", "bad_input": "wrong key"}


def _words(step: Step, spoken: Mapping[str, str], language: str) -> list[str]:
    """What is said, a line each: first what asks or tells, then what is said before it is asked again."""
    told: dict[str, Key] = {}
    for key, name in step.says():
        text = spoken.get(name, "")
        if name:
            told.setdefault(f"“{text}”" if text else f"♪ {name}", key)
    for key, say in step.texts():
        if isinstance(say, str):
            texts = [say]
        elif isinstance(step, Language):  # asks in each of them
            texts = list(say.values())
        else:
            texts = [say.get(language, next(iter(say.values())))]
        told |= {f"“{text}”": key for text in texts}
    ordered = sorted(told.items(), key=lambda each: each[1][0] not in _QUESTION)
    return [f"{_when(key)}{line}" for line, key in ordered]


def _when(key: Key) -> str:
    """When it is said, where that is not at first."""
    named = str(key[0]).rpartition("_")[0]
    return f"{_WHEN[named]}: " if named in _WHEN else ""


def _value(name: str, value: object) -> Iterator[str]:
    if isinstance(value, LinkRule):
        yield f"link to {value.flow} on {value.channel}"
    elif isinstance(value, dict):
        yield from (f"{key} = {each}" for key, each in value.items())
    elif name in ("queue", "flow", "address", "calendar"):
        yield str(value)
    elif isinstance(value, str | int | float):
        shown = f"{value:g}" if isinstance(value, float) else value
        yield f"{name.replace('_', ' ')}: {shown}"
    elif isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        yield f"{name.replace('_', ' ')}: {', '.join(value)}"


def texts_of(settings: Settings) -> dict[str, dict[str, str]]:
    """What the prompts say, where a texts.toml has it; the folders of the configuration come first.

    A texts.toml that cannot be read says nothing here (`ccctl prompts build` tells of it).
    """
    shipped = Path(__file__).parents[1] / "prompts"
    found: dict[str, dict[str, str]] = {}
    for folder in [shipped, *map(Path, reversed(settings.media.prompts))]:
        for file in sorted(folder.glob("*/texts.toml")):
            try:
                texts = tomllib.loads(file.read_text(encoding="utf-8")).get("texts")
            except (OSError, ValueError):
                continue
            if isinstance(texts, dict):
                words = {name: text for name, text in texts.items() if isinstance(text, str)}
                found.setdefault(file.parent.name, {}).update(words)
    return found
