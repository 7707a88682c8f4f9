"""The words of the control socket, shared by its server and its client.

One JSON object a line, both ways. Asked: `{"id":1,"verb":"agents","args":{}}`. Answered:
`{"id":1,"ok":true,"result":…}` or `{"id":1,"ok":false,"error":{"kind","code","problem","cure"}}`.
After the verb `watch` a frame follows each second until the connection is closed: the same answer
with the same id and `"more":true`.
"""

from typing import Any

import msgspec

from ccd.errors import CcdError, Misconfigured, Refused, TryLater

LINE_LIMIT = 64 * 1024
"""Longest question, in bytes."""
WATCH = "watch"
FRAME_S = 1.0
"""A frame of `watch` each so many seconds."""
_DASH = " — "


class Question(msgspec.Struct, frozen=True):
    """What a client asks."""

    verb: str
    id: int | str = 0
    args: dict[str, Any] = {}


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a question was not answered."""

    kind: str
    """`refused`, `misconfigured`, `try_later`, `usage` or `fault`: what the asker can do about it."""
    code: str
    problem: str
    cure: str = ""
    details: list[Any] = []
    """One value a reason where there are several (faults of a configuration)."""


class Answer(msgspec.Struct, frozen=True):
    """What comes back."""

    id: int | str
    ok: bool
    result: Any = msgspec.UNSET
    error: Trouble | msgspec.UnsetType = msgspec.UNSET
    more: bool | msgspec.UnsetType = msgspec.UNSET
    """Set on the frames of a `watch`."""


def trouble_of(error: CcdError) -> Trouble:
    """An error of ours as the client gets it; what follows a dash in its words is the cure."""
    kind = "fault"
    if isinstance(error, Refused):
        kind = "refused"
    elif isinstance(error, TryLater):
        kind = "try_later"
    elif isinstance(error, Misconfigured):
        kind = "misconfigured"
    faults = getattr(error, "faults", ())  # of a configuration: rank 4 does not import its sibling
    problem, _, cure = error.message.partition(_DASH)
    if faults:
        count = sum(not getattr(fault, "warning", False) for fault in faults)
        problem = f"the configuration has {count} fault{'' if count == 1 else 's'}; the former one stays"
        cure = "mend what is listed and ask again"
    return Trouble(kind, error.code, problem, cure, [msgspec.to_builtins(fault) for fault in faults])
