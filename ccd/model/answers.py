"""What an answer from outside may bring into a conversation: texts by name, bounded.

The outside is not trusted: whatever it sends, nothing of it is long, holds control characters, or sets a
variable that acts (`language`, `priority`) to what the centre cannot bear.
"""

import re
from collections.abc import Mapping

MOST_FIELDS = 32
"""Fields of one answer; the others are left out."""
MOST_CHARACTERS = 1024
"""Of one value; the rest is cut off."""
LARGEST_PRIORITY = 1000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
_WHOLE = re.compile(r"-?[0-9]{1,4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def is_name(name: str) -> bool:
    """Whether a field may be called so."""
    return _NAME.fullmatch(name) is not None


def bounded(values: Mapping[str, str]) -> dict[str, str]:
    """The fields that may come in: good names, one line each, so many and so long at most."""
    out: dict[str, str] = {}
    for name, value in values.items():
        if len(out) >= MOST_FIELDS:
            break
        if is_name(name):
            out[name] = one_line(value)
    return out


def one_line(value: str) -> str:
    """The text on one line, no longer than a value may be."""
    return _CONTROL.sub(" ", value[:MOST_CHARACTERS])


def harmless(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without a `language` that is none and a `priority` beyond all bounds."""
    out = dict(variables)
    if "language" in out and not _LANGUAGE.fullmatch(out["language"]):
        del out["language"]
    worth = out.get("priority")
    if worth is not None and not (_WHOLE.fullmatch(worth) and abs(int(worth)) <= LARGEST_PRIORITY):
        del out["priority"]
    return out
