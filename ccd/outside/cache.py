"""Answers that are good for a while: bounded, the one not asked for longest goes first. Time: an argument."""

from collections import OrderedDict

MOST_KEPT = 1000
"""Answers of one service."""

Key = tuple[tuple[str, str], ...]


class Answers:
    """What a service answered of late."""

    __slots__ = ("_kept", "keep_s")

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._kept: OrderedDict[Key, tuple[float, dict[str, str]]] = OrderedDict()

    def get(self, key: Key, now: float) -> dict[str, str] | None:
        """The answer, if it is good still."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept[0] <= now:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def put(self, key: Key, answer: dict[str, str], now: float) -> None:
        """Keep an answer."""
        if self.keep_s <= 0:
            return
        self._kept[key] = (now + self.keep_s, answer)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)
