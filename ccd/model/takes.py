"""From what a service sent to texts by name: the small path language of `take`, and plain fields.

A path is names and indexes with dots between them: `customer.tier`, `owners.0.name`. Texts, numbers, true and
false are taken as text; null, lists and tables are no values.
"""

import re
from collections.abc import Mapping
from typing import Any

from ccd.model.answers import bounded
from ccd.model.templates import in_words

MOST_DEPTH = 16
"""Names in one path."""
_PART = re.compile(r"[^.\s]{1,64}")


def fault_of_path(path: str) -> str:
    """What is wrong with a path, for people; empty: nothing."""
    parts = path.split(".")
    if len(parts) > MOST_DEPTH:
        return f"has more than {MOST_DEPTH} parts"
    if not all(map(_PART.fullmatch, parts)):
        return "is no path: names and indexes with one dot between them"
    return ""


def taken(answer: Any, take: Mapping[str, str]) -> dict[str, str]:
    """The named values of an answer; with no `take` all plain fields at its top. Bounded; what is not there
    is left out."""
    if take:
        found = {name: _at(answer, path) for name, path in take.items()}
    else:
        found = answer if isinstance(answer, dict) else {}
    plain = (str, int, float, bool)
    return bounded(
        {str(name): _text(value) for name, value in found.items() if isinstance(value, plain) and value != ""}
    )


def _text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else in_words(value)


def _at(answer: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(part)
        elif isinstance(answer, list) and part.isascii() and part.isdecimal() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer
