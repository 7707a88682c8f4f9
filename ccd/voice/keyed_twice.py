"""Keys that a phone sends in two ways at once, RFC 4733 and SIP INFO (phones' menus offer both together).

Each press then reaches us twice, a moment apart. The second one is no key: a menu would take `11` for `1`.
"""

from collections import deque
from enum import Enum
from typing import Final, NamedTuple

TOGETHER_S: Final = 1.5
"""So long apart the two may come: the event at the press, INFO often not before the release."""
MOST_UNPAIRED: Final = 32
"""Presses remembered of a leg."""


class Way(Enum):
    """How a key came."""

    AUDIO = "audio"
    """Telephone event or tones."""
    INFO = "info"


class _Press(NamedTuple):
    key: str
    way: Way
    at: float


class KeyedTwice:
    """All legs of a channel; remembers only those whose keys are pressed."""

    __slots__ = ("_legs",)

    def __init__(self) -> None:
        self._legs: dict[str, deque[_Press]] = {}

    def again(self, leg: str, key: str, way: Way, now: float) -> bool:
        """Whether this is a press that came the other way already; each press has one twin at most."""
        waiting = self._legs.setdefault(leg, deque(maxlen=MOST_UNPAIRED))
        while waiting and waiting[0].at < now - TOGETHER_S:
            waiting.popleft()
        twin = next((each for each in waiting if each.key == key and each.way is not way), None)
        if twin is None:
            waiting.append(_Press(key, way, now))
            return False
        waiting.remove(twin)
        return True

    def forget(self, leg: str) -> None:
        """The leg is over."""
        self._legs.pop(leg, None)

    def __len__(self) -> int:
        return len(self._legs)
