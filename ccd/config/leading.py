"""What leads to flows from outside of flows: numbers, queues, channels, profiles."""

from collections.abc import Iterator
from typing import Any

from ccd.config.files import Document
from ccd.model.rules import QueueRule

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


def flows_of(queue: QueueRule) -> set[str]:
    """Flows that go on with the customers of a queue: after the call, after the wait, and beside it."""
    asked = {queue.callback.flow} if queue.callback is not None else set()
    pressed = {flow for key in queue.keys.values() for flow in (key.flow, key.leave)}
    targets = (queue.overflow, queue.closed_to)
    sent = {target.flow for target in targets} | {each.flow for target in targets for each in target.share}
    return ({queue.after_call} | asked | pressed | sent) - {""}


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
