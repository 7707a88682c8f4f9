"""What leads to flows from outside of flows: numbers, queues, channels, profiles."""

from collections.abc import Iterator
from typing import Any

from ccd.config.files import Document

_NUMBERS, _FLOWS, _KEYS = "numbers", "flows", "keys"
_FLOW = ("flow", "after_call")


def entries(document: Document) -> set[str]:
    """Flows that something besides another flow's `call` leads to, as the files have it.

    Whatever key is called `flow` or `after_call` names one (a queue's overflow, a callback, a channel),
    and so do the values of `numbers` and of a profile's `flows`, and `leave` of a key in a queue's `keys`.
    """
    return {
        name
        for section, tree in document.tree.items()
        if section != _FLOWS
        for name in _named(section, tree)
        if isinstance(name, str)
    }


def _named(key: str, value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if key in (_NUMBERS, _FLOWS):
            yield from value.values()
        if key == _KEYS:
            yield from (each.get("leave") for each in value.values() if isinstance(each, dict))
        for inner, each in value.items():
            yield from _named(inner, each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(key, each)
    elif key in _FLOW:
        yield value
