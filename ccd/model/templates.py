"""Texts with `{name}` in them, as the values of requests have: `{caller}`, `{var.order}`.

The names are those that conditions know (`ccd.model.entry`). A name without a value gives nothing. `{{` and
`}}` stand for the braces themselves.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from ccd.model.entry import check_when
from ccd.model.expression_text import ExpressionFault, shown

MOST_CHARACTERS = 2000
"""Longest text of a template."""
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_."-]*')

Pieces = tuple[tuple[str, str], ...]
"""(text before, name) by turns; the last name is empty."""


@lru_cache(maxsize=1024)
def pieces_of(text: str) -> Pieces:
    """The pieces of a template. Raises `ExpressionFault` with the column."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionFault(MOST_CHARACTERS, f"longer than {MOST_CHARACTERS} characters", "shorten it")
    pieces: list[tuple[str, str]] = []
    before, at = "", 0
    for found in _PIECE.finditer(text):
        before += text[at : found.start()]
        at = found.end()
        if found[0] in ("{{", "}}"):
            before += found[0][0]
        elif found[1] is None:
            cure = "write {{ and }} for the braces themselves"
            raise ExpressionFault(found.start() + 1, f"a lone {found[0]}", cure)
        elif not _NAME.fullmatch(found[1]):
            cure = "write {caller}, {var.NAME} or another name that conditions know"
            raise ExpressionFault(found.start() + 1, f"{shown(found[1])} is no name", cure)
        else:
            pieces.append((before, found[1]))
            before = ""
    return (*pieces, (before + text[at:], ""))


def names_of(text: str) -> tuple[str, ...]:
    """The names that stand in a template, in their order. Raises `ExpressionFault`."""
    return tuple([name for _, name in pieces_of(text) if name])


def check_template(text: str, queues: Collection[str]) -> None:
    """Raises `ExpressionFault` for what is no template, or asks for what is not there."""
    for name in names_of(text):
        check_when(name, queues)


def filled(text: str, look_up: Callable[[str], Any]) -> str:
    """The template with the values of its names. Raises `ExpressionFault` for what is no template."""
    return "".join([before + (in_words(look_up(name)) if name else "") for before, name in pieces_of(text)])


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
