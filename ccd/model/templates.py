"""Texts with values in them, the one language of all: `{caller}`, `{var.balance:money:EUR}`.

Placeholders are `{NAME}`, `{NAME:KIND}` or `{NAME:KIND:ARGUMENT}`: names are those that conditions know
(`ccd.model.entry`), kinds those of `ccd.model.wording`. `{{` and `}}` are braces. A missing value, and keys
that are kept secret, give nothing. What is said (`ccd.model.saying`) and what is sent to services and shown
to agents (`filled`) differ only in how a value is put into words.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final

import msgspec

from ccd.model.clock_figures import NO_CLOCK, ClockNames
from ccd.model.entry import check_name
from ccd.model.expression_text import ExpressionFault, nearest, shown
from ccd.model.wording import KINDS, figures, is_currency

MOST_CHARACTERS: Final = 2000
"""Longest text of a template."""
SECRET: Final = "secret:"  # noqa: S105 (the beginning of references, itself no secret)
"""How a reference to keys begins that only the channel knows; no template gives it away."""
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
    if len(text) > MOST_CHARACTERS:
        problem = f"longer than {MOST_CHARACTERS} characters"
        raise ExpressionFault(MOST_CHARACTERS + 1, problem, "shorten it, or use two")
    out: list[Piece] = []
    plain = ""
    at = 0
    while at < len(text):
        char = text[at]
        if char in "{}" and text[at + 1 : at + 2] == char:
            plain, at = plain + char, at + 2
        elif char == "}":
            raise ExpressionFault(at + 1, "a } without a {", "write }} for the brace itself")
        elif char == "{":
            end = text.find("}", at)
            if end < 0:
                cure = "end the placeholder with }, or write {{ for the brace itself"
                raise ExpressionFault(at + 1, "the brace is not closed", cure)
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


def check_template(
    text: str, queues: Collection[str], clock: ClockNames = NO_CLOCK, also: Collection[str] = ()
) -> None:
    """Raises `ExpressionFault`, with the column, for what is no template or asks for what is not there.

    `also`: names that stand for something here; they have no kinds.
    """
    for piece in pieces(text):
        if isinstance(piece, Slot) and piece.name in also:
            if piece.kind:
                column = piece.column + 1 + len(piece.name)
                raise ExpressionFault(column, f"{piece.name} has no kind", f"write {{{piece.name}}}")
        elif isinstance(piece, Slot):
            check_name(piece.name, piece.column + 1, queues, clock)
            _check_kind(piece)


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


def value_of(slot: Slot, look_up: Callable[[str], Any]) -> Any:
    """The value of a placeholder; None when there is none, or it is a secret."""
    value = look_up(slot.name)
    each = value if isinstance(value, tuple) else (value,)
    secret = any(isinstance(part, str) and part.startswith(SECRET) for part in each)
    return None if secret or value in ((), "") else value


def filled(
    text: str, look_up: Callable[[str], Any], language: str = "en", encode: Callable[[str], str] = str
) -> str:
    """The template with its values, for machines and screens: as they are, or as their kind is written in the
    language, each through `encode`. Raises `ExpressionFault` for what is no template."""
    out = []
    for piece in pieces(text):
        if isinstance(piece, str):
            out.append(piece)
        elif (value := value_of(piece, look_up)) is not None:
            plain = in_words(value)
            shown_as = figures(plain, piece.kind, piece.argument, language) if piece.kind else plain
            out.append(encode(shown_as))
    return "".join(out)


def is_constant(text: str) -> bool:
    """Whether nothing is put into it."""
    return not any(isinstance(piece, Slot) for piece in pieces(text))


def in_words(value: object) -> str:
    """A value as text: nothing for one that is missing, `true` and `false`, numbers as short as can be."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}"
        case list() | tuple():
            return ",".join(map(in_words, value))
        case _:
            return str(value)
