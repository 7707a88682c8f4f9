"""What a step says in its own words: `Hello {caller_name}, your balance is {var.balance:money:EUR}.`

Placeholders are `{NAME}`, `{NAME:KIND}` or `{NAME:KIND:ARGUMENT}`: names are those that conditions know
(`ccd.model.entry`), kinds those of `ccd.model.wording`. `{{` and `}}` are
braces. A missing value is left out.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final

import msgspec

from ccd.model.entry import FIGURES, NAMES, QUEUES, VARIABLES, queue_and_figure
from ccd.model.expression_text import ExpressionFault, nearest, shown
from ccd.model.nouns import PromptPart
from ccd.model.step import Say
from ccd.model.wording import KINDS, figures, is_currency, words

MOST_TEMPLATE: Final = 1000
"""Longest text of one `say`, in characters."""
MOST_SAID: Final = 2000
"""Longest text after its values are in; the rest is left out."""
_GAP: Final = re.compile(r"\s+([,.])")
_ARGUMENTS: Final = {"duration": ("minutes",), "ordinal": ("f", "m")}


class Slot(msgspec.Struct, frozen=True):
    """A placeholder. `column`: of its opening brace, from 1."""

    name: str
    kind: str
    argument: str
    column: int


Piece = str | Slot


@lru_cache(maxsize=2048)
def pieces(text: str) -> tuple[Piece, ...]:
    """Texts and placeholders in order; raises `ExpressionFault` with the column."""
    if len(text) > MOST_TEMPLATE:
        raise ExpressionFault(
            MOST_TEMPLATE + 1, f"longer than {MOST_TEMPLATE} characters", "say it in two steps"
        )
    out: list[Piece] = []
    plain = ""
    at = 0
    while at < len(text):
        char = text[at]
        if char in "{}" and text[at + 1 : at + 2] == char:
            plain, at = plain + char, at + 2
        elif char == "}":
            raise ExpressionFault(at + 1, "a } without a {", "write }} for a brace that is said")
        elif char == "{":
            end = text.find("}", at)
            if end < 0:
                raise ExpressionFault(at + 1, "the brace is not closed", "end the placeholder with }")
            out += [plain, _slot(text[at + 1 : end], at + 1)]
            plain, at = "", end + 1
        else:
            plain, at = plain + char, at + 1
    return tuple([piece for piece in [*out, plain] if piece != ""])


def _slot(inside: str, column: int) -> Slot:
    name, _, rest = inside.partition(":")
    kind, _, argument = rest.partition(":")
    name, kind, argument = name.strip(), kind.strip(), argument.strip()
    if "{" in inside or not name:
        raise ExpressionFault(column, "is no placeholder", "write {NAME}, {NAME:KIND} or {{ for a brace")
    return Slot(name, kind, argument, column)


def check_text(text: str, queues: Collection[str]) -> None:
    """Raises `ExpressionFault`, with the column, for a text that cannot be said."""
    for piece in pieces(text):
        if isinstance(piece, Slot):
            _check_name(piece, queues)
            _check_kind(piece)


def _check_name(slot: Slot, queues: Collection[str]) -> None:
    column = slot.column + 1
    if slot.name.startswith(VARIABLES) and len(slot.name) > len(VARIABLES):
        return
    if not slot.name.startswith(QUEUES):
        if slot.name not in NAMES:
            otherwise = f"use {', '.join(NAMES)}, {VARIABLES}NAME, or {QUEUES}NAME.{FIGURES[0]}"
            cure = nearest(slot.name, list(NAMES), otherwise)
            raise ExpressionFault(column, f"unknown name {shown(slot.name)}", cure)
        return
    queue, figure = queue_and_figure(slot.name)
    if queue not in queues:
        cure = nearest(queue, list(queues), "use the name of a queue")
        raise ExpressionFault(column, f"there is no queue {shown(queue)}", cure)
    if figure not in FIGURES:
        cure = nearest(figure, list(FIGURES), f"a queue has {', '.join(FIGURES)}")
        raise ExpressionFault(column, f"unknown figure {shown(figure)} of a queue", cure)


def _check_kind(slot: Slot) -> None:
    column = slot.column + 1 + len(slot.name)
    if slot.kind and slot.kind not in KINDS:
        cure = nearest(slot.kind, list(KINDS), f"use one of {', '.join(KINDS)}")
        raise ExpressionFault(column, f"unknown kind {shown(slot.kind)}", cure)
    if slot.kind == "money":
        if not is_currency(slot.argument):
            cure = "write the currency, e.g. {var.balance:money:EUR}"
            raise ExpressionFault(column, f"{shown(slot.argument)} is no currency", cure)
    elif slot.argument and slot.argument not in _ARGUMENTS.get(slot.kind, ()):
        cure = (
            f"use one of {', '.join(_ARGUMENTS.get(slot.kind, ()))}"
            if slot.kind in _ARGUMENTS
            else "leave it out"
        )
        raise ExpressionFault(
            column, f"{shown(slot.argument)} means nothing to {slot.kind or 'a text'}", cure
        )


def text_of(say: Say, *languages: str) -> tuple[str, str]:
    """(language, text): of the first language that there is one in, else the first text. Empty: none."""
    if isinstance(say, str):
        return (languages[0], say) if say else ("", "")
    for language in languages:
        for known in (language, language.replace("_", "-").partition("-")[0]):
            if known and say.get(known):
                return known, say[known]
    return next(((language, text) for language, text in say.items() if text), ("", ""))


Render = Callable[[str, str, str, str], str]


def fill(text: str, language: str, look_up: Callable[[str], Any], render: Render = words) -> str:
    """The text with its values in; `render`: `words` to be heard, `figures` to be read."""
    out = []
    whole = True
    for piece in pieces(text):
        if isinstance(piece, str):
            out.append(piece)
            continue
        value = look_up(piece.name)
        if value is not None and value not in ((), ""):
            out.append(render(_plain(value), piece.kind, piece.argument, language))
        else:
            whole = False
    if not whole:  # "Hello {caller_name}, …" without a name is "Hello, …"
        out = [_GAP.sub(r"\1", "".join(out))]
    return " ".join("".join(out).split())[:MOST_SAID]


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def spoken(say: Say, look_up: Callable[[str], Any], *languages: str) -> tuple[PromptPart, ...]:
    """The part that a speech engine speaks; none when there is nothing to say."""
    language, text = text_of(say, *languages)
    said = fill(text, language, look_up) if text else ""
    return (PromptPart(text=said, language=language),) if said else ()


def shown_text(say: Say, look_up: Callable[[str], Any], *languages: str) -> tuple[PromptPart, ...]:
    """The same for those who read."""
    language, text = text_of(say, *languages)
    said = fill(text, language, look_up, figures) if text else ""
    return (PromptPart(text=said, language=language),) if said else ()


def is_constant(text: str) -> bool:
    """Whether nothing is put into it: it can be rendered before it is needed."""
    return not any(isinstance(piece, Slot) for piece in pieces(text))
