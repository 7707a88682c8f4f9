"""What a reload would change, line by line, for `ccctl diff`. Secrets are never shown."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ccd.config.calendar_words import in_words
from ccd.config.faults import Path, shown, written
from ccd.model.hours import CalendarRule
from ccd.model.settings import Secret, Settings

_LEFT_OUT = frozenset({"sources", "country", "zone", "history_days", "longest_call_s", "texts"})
"""No keys of the file: in the rules, texts are those of `texts.toml`, and the others those of `daemon`."""
_FLAT = "rules"
"""Stands in no key of the file: agents, queues and flows are at the top there."""


def diff(old: Settings, new: Settings) -> list[str]:
    """Differences in the words of the file: `+ agents.eve`, `- queues.old`, `~ sip.domain: "a" → "b"`."""
    return list(_struct((), old, new))


def _any(path: Path, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Secret) or isinstance(new, Secret):
        if old != new:
            yield f"~ {written(path)}: changed (a secret)"
    elif isinstance(old, CalendarRule) and isinstance(new, CalendarRule):
        yield from _mapping(path, in_words(old), in_words(new))
    elif isinstance(old, msgspec.Struct) and type(old) is type(new):
        yield from _struct(path, old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(path, old, new)
    elif _has_tables(old) and _has_tables(new):
        yield from _tables(path, old, new)
    elif old != new:
        yield f"~ {written(path)}: {_text(old)} → {_text(new)}"


def _struct(path: Path, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[str]:
    for name in old.__struct_fields__:
        if not path and name in _LEFT_OUT:
            continue
        here = path if not path and name == _FLAT else (*path, name)
        here = path if name == "options" and path[:1] == ("channels",) else here
        yield from _any(here, getattr(old, name), getattr(new, name))


def _mapping(path: Path, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        here = (*path, str(key))
        if key not in new:
            yield f"- {written(here)}{_plain(old[key])}"
        elif key not in old:
            yield f"+ {written(here)}{_plain(new[key])}"
        else:
            yield from _any(here, old[key], new[key])


def _tables(path: Path, old: tuple[Any, ...], new: tuple[Any, ...]) -> Iterator[str]:
    for at in range(max(len(old), len(new))):
        here = (*path, at)
        if at >= len(new):
            yield f"- {written(here)}"
        elif at >= len(old):
            yield f"+ {written(here)}"
        elif type(old[at]) is not type(new[at]):
            yield f"~ {written(here)}: {_kind(old[at])} → {_kind(new[at])}"
        else:
            yield from _any(here, old[at], new[at])


def _has_tables(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(element, msgspec.Struct) for element in value)


def _kind(value: Any) -> str:
    return str(value.__struct_config__.tag or type(value).__name__)


def _plain(value: Any) -> str:
    """` = VALUE` of a single value; a table's name says enough."""
    return "" if isinstance(value, msgspec.Struct | Mapping | Secret) else f" = {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_text(element) for element in value)}]"
    if isinstance(value, msgspec.Struct):
        return "a table"
    return "not set" if value is None else shown(value)
