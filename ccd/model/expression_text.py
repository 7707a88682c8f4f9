"""The letters of the expression language: its tokens with their columns, and its one kind of fault.

Expressions and requirements are written by administrators in the configuration. Every pattern is free
of nested retries (possessive quantifiers): no text costs more than linear time.
"""

import difflib
import re
from collections.abc import Collection
from enum import Enum, auto

import msgspec

from ccd.errors import Misconfigured

MOST_NAME = 100
"""Longest name, in characters."""
MOST_DIGITS = 15
"""Longest number, in digits: what floating point holds exactly."""
WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
"""Words of the language: they cannot be names."""


class ExpressionFault(Misconfigured):
    """An expression or requirement that cannot be used.

    `column` counts characters from 1 at the beginning of the text; `problem` and `cure` are for people.
    """

    def __init__(self, column: int, problem: str, cure: str) -> None:
        super().__init__("expression", f"column {column}: {problem} — {cure}")
        self.column = column
        self.problem = problem
        self.cure = cure


class Kind(Enum):
    """What a token is."""

    NUMBER = auto()
    TEXT = auto()
    NAME = auto()
    WORD = auto()
    SIGN = auto()
    END = auto()


class Token(msgspec.Struct, frozen=True, gc=False):
    """One token: `text` as the parser wants it (quotes taken off), `column` where it begins."""

    kind: Kind
    text: str
    column: int

    def is_word(self, word: str) -> bool:
        """Whether it is this word of the language (and not a text that reads the same)."""
        return self.kind is Kind.WORD and self.text == word

    def shown(self) -> str:
        """The token as a message names it."""
        return "the end" if self.kind is Kind.END else shown(self.text)


_SKIP = re.compile(r"\s*+")
_NUMBER = re.compile(r"[0-9]++(?>(?:\.[0-9]++)?)")
_TEXT = re.compile(r"\"([^\"]*+)\"|'([^']*+)'")
_NAME = re.compile(r"[^\W\d]\w*+(?>(?:\.(?:\w++|\"[^\".]++\"|'[^'.]++'))*)")
_SKILL = re.compile(r"[^\W\d]\w*+(?>(?:[-.]\w++)*)")
_PLAIN = re.compile(r"\w++")
_SIGN = re.compile(r"<=|>=|==|!=|[<>()\[\],+\-*/]")
_QUOTE = re.compile("[\"']")
_FOREIGN = {
    "=": 'write "==" to compare',
    "&": 'write "and"',
    "|": 'write "or"',
    "!": 'write "not", or "!=" to compare',
    "%": "percentages are plain numbers: write 80 for 80 %",
    ".": "write 0.5, not .5; a dot joins two parts of a name, without spaces",
    "“": "write straight quotes",
    "”": "write straight quotes",
    "’": "write straight quotes",
}
_ALLOWED = "only names, numbers, quoted texts and the signs < <= > >= == != + - * / ( ) [ ] , can stand here"


def tokens(text: str, longest: int, hyphens: bool = False) -> list[Token]:
    """All tokens of a text of at most `longest` characters, the END token last.

    With `hyphens` a hyphen inside a name belongs to it (`second-line`): for requirements, which know no
    minus. Raises `ExpressionFault`.
    """
    if len(text) > longest:
        raise ExpressionFault(longest + 1, f"longer than {longest} characters", "say it shorter, or in parts")
    found = []
    end = len(text)
    at = _after_space(text, 0)
    while at < end:
        token, at = _token(text, at, _SKILL if hyphens else _NAME)
        found.append(token)
        at = _after_space(text, at)
    found.append(Token(Kind.END, "", end + 1))
    return found


def is_skill_name(text: str) -> bool:
    """Whether a requirement can name a skill of this name: letters, digits, `_`, and `-` or `.` inside."""
    return len(text) <= MOST_NAME and text.lower() not in WORDS and _SKILL.fullmatch(text) is not None


def written(name: str) -> str:
    """A dotted name as an expression writes it: odd parts in quotes, `queue.'after-sales'.ewt_s`."""
    parts = name.split(".")
    return ".".join(part if _PLAIN.fullmatch(part) else f"'{part}'" for part in parts)


def nearest(word: str, known: Collection[str], otherwise: str) -> str:
    """The cure for a misspelt word: the nearest known one, else `otherwise`."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return f'did you mean "{names[near[0]]}"?' if near else otherwise


def shown(text: str) -> str:
    """A piece of the text as a message prints it: quoted, short, printable."""
    short = text if len(text) <= 40 else text[:39] + "…"
    return '"' + "".join(char if char.isprintable() else "?" for char in short) + '"'


def _after_space(text: str, at: int) -> int:
    match = _SKIP.match(text, at)
    return match.end() if match else at


def _token(text: str, at: int, names: re.Pattern[str]) -> tuple[Token, int]:
    """The token that begins at index `at`, and the index after it."""
    if match := _SIGN.match(text, at):
        return Token(Kind.SIGN, match[0], at + 1), match.end()
    if match := names.match(text, at):
        return _name(match[0], at + 1), match.end()
    if match := _NUMBER.match(text, at):
        _check_number(text, match)
        return Token(Kind.NUMBER, match[0], at + 1), match.end()
    if match := _TEXT.match(text, at):
        return Token(Kind.TEXT, match[0][1:-1], at + 1), match.end()
    char = text[at]
    if char in "\"'":
        raise ExpressionFault(at + 1, "the quote is not closed", f"end the text with {char}")
    raise ExpressionFault(at + 1, f"{shown(char)} has no meaning", _FOREIGN.get(char, _ALLOWED))


def _name(text: str, column: int) -> Token:
    if text.lower() in WORDS:
        if text not in WORDS:
            raise ExpressionFault(column, f"{shown(text)} is not a word", f'write "{text.lower()}"')
        return Token(Kind.WORD, text, column)
    name = _QUOTE.sub("", text)
    if len(name) > MOST_NAME:
        raise ExpressionFault(column, f"name longer than {MOST_NAME} characters", "use a shorter name")
    return Token(Kind.NAME, name, column)


def _check_number(text: str, match: re.Match[str]) -> None:
    """Refuses `5s` and `1.2.3`, and more digits than a number holds."""
    column = match.start() + 1
    following = text[match.end() : match.end() + 1]
    if following == "." or following.isalnum() or following == "_":
        raise ExpressionFault(
            column,
            f"{shown(match[0] + following)} is not a number",
            "write digits, at most with one decimal point; units stand in the names (_s is seconds)",
        )
    if len(match[0]) > MOST_DIGITS:
        raise ExpressionFault(column, f"number longer than {MOST_DIGITS} digits", "use a smaller number")
