"""What a step says in its own words: `Hello {caller_name}, your balance is {var.balance:money:EUR}.`

The templates are those of `ccd.model.templates`; here values become words to be heard, or figures to be read.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from ccd.model.nouns import PromptPart
from ccd.model.step import Say
from ccd.model.templates import pieces, value_of
from ccd.model.wording import figures, words

MOST_SAID: Final = 2000
"""Longest text after its values are in; the rest is left out."""
_GAP: Final = re.compile(r"\s+([,.])")


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
    out: list[str] = []
    whole = True
    for piece in pieces(text):
        if isinstance(piece, str):
            ended = bool(out) and out[-1].endswith(".") and piece[:1] == "." and piece[:2] != ".."
            out.append(piece[1:] if ended else piece)  # "at eight a.m." ends the sentence, too
            continue
        value = value_of(piece, look_up)
        if value is not None:
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
