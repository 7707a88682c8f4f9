"""From what a service sent to texts by name: the small path language of `take`, and plain fields.

A path is names and indexes with dots between them: `customer.tier`, `owners.0.name`. Texts, numbers, true and
false are taken as text; null, lists and tables are no values.

JSON is opened level by level, only where a path leads: to make values of all of it takes up to 100 ms for
64 KiB (`[1e300,1e300,…]`), and it is done on the loop.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from ccd.model.answers import bounded
from ccd.model.templates import in_words

MOST_DEPTH = 16
"""Names in one path."""
_PART = re.compile(r"[^.\s]{1,64}")
_NAMES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
LONGEST_NUMBER: Final = 64
"""Characters; a longer one is no value."""
LOOKED_AT: Final = 256
"""Fields of which the first that count are taken where no path is named."""


def fault_of_path(path: str) -> str:
    """What is wrong with a path, for people; empty: nothing."""
    parts = path.split(".")
    if len(parts) > MOST_DEPTH:
        return f"has more than {MOST_DEPTH} parts"
    if not all(map(_PART.fullmatch, parts)):
        return "is no path: names and indexes with one dot between them"
    return ""


def opened(value: Any) -> Any:
    """One level of JSON: names or rows whose values are still to be opened; a plain value as it is.

    Raises `msgspec.DecodeError` for what is no JSON. What is no JSON any more (rows of a database) is itself.
    """
    if not isinstance(value, msgspec.Raw):
        return value
    first = bytes(memoryview(value)[:1])
    if first == b"{":
        return _NAMES.decode(value)
    if first == b"[":
        return _ROWS.decode(value)
    if first != b'"' and len(memoryview(value)) > LONGEST_NUMBER:
        return None
    return msgspec.json.decode(value)


def taken(answer: Any, take: Mapping[str, str]) -> dict[str, str]:
    """The named values of an answer; with no `take` all plain fields at its top. Bounded; what is not there
    is left out. `answer`: values, or JSON (`msgspec.Raw`); raises `msgspec.DecodeError` for broken JSON."""
    answer = opened(answer)
    if take:
        found = {name: _at(answer, path) for name, path in take.items()}
    else:
        fields = islice(answer.items(), LOOKED_AT) if isinstance(answer, dict) else ()
        found = {str(name): opened(value) for name, value in fields if not _holds_more(value)}
    plain = (str, int, float, bool)
    return bounded(
        {name: _text(value) for name, value in found.items() if isinstance(value, plain) and value != ""}
    )


def _holds_more(value: Any) -> bool:
    return isinstance(value, msgspec.Raw) and bytes(memoryview(value)[:1]) in (b"{", b"[")


def _text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else in_words(value)


def _at(answer: Any, path: str) -> Any:
    """What stands at a path; what is opened on the way stays open for the next one."""
    for part in path.split("."):
        if isinstance(answer, dict) and part in answer:
            answer[part] = answer = opened(answer[part])
        elif isinstance(answer, list) and part.isascii() and part.isdecimal() and int(part) < len(answer):
            answer[int(part)] = answer = opened(answer[int(part)])
        else:
            return None
    return answer
