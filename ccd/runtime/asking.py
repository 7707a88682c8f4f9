"""What all verbs of the console share: how arguments are taken, and how a name is refused."""

from collections.abc import Awaitable, Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from ccd.errors import Refused

Call = Callable[[dict[str, Any], str], Any | Awaitable[Any]]
"""Gets the arguments and who asks (`ccctl:USER`); raises `Refused`."""


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of arguments."""


_A = TypeVar("_A", bound=Args)


def look(function: Callable[[_A], Any], kind: type[_A]) -> Call:
    """A verb that changes nothing, so nobody needs to know who asked."""
    return lambda args, _by: function(_take(args, kind))


def act(function: Callable[[_A, str], Any], kind: type[_A]) -> Call:
    """A verb that acts: who asked stands in the fact."""
    return lambda args, by: function(_take(args, kind), by)


def _take(args: dict[str, Any], kind: type[_A]) -> _A:
    try:
        return msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__) or "none"
        raise Refused("control.args", f"wrong arguments: {error} — arguments are: {known}") from error


def unknown(noun: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    cure = f"did you mean {near[0]}?" if near else f"known: {listed or '(none)'}"
    return Refused(f"{noun}.unknown", f"there is no {noun} {name!r} — {cure}")
