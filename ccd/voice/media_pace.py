"""Pacing of what we play: every leg once in 20 ms on absolute time, in up to four groups 5 ms apart.

The beat is counted from one start, so a late turn of the loop makes one packet late and never shifts
the ones after it. Waking up costs more than a packet: so legs stand together while a group sends within a
millisecond or so, and there are as few groups as that takes.
"""

from math import inf
from typing import Final

from ccd.media.leg import Leg

SLOTS: Final = 4
STEP_S: Final = 0.02 / SLOTS
FULL: Final = 100
"""Legs of one group before another one begins."""
MAX_BEHIND: Final = 10 * SLOTS
"""After a longer stand-still (200 ms) the missed packets are skipped, not sent in one burst."""


class Pace:
    """The wheel of legs that something is played to."""

    __slots__ = ("_base", "_count", "_slots", "legs", "next_due", "worst_late_s")

    def __init__(self) -> None:
        self._slots: list[dict[Leg, None]] = [{} for _ in range(SLOTS)]
        self._base = 0.0
        self._count = 0
        self.legs: dict[Leg, int] = {}
        self.next_due = inf
        """When the next group that has legs is to send."""
        self.worst_late_s = 0.0

    def _look_ahead(self) -> None:
        if not self.legs:
            self.next_due = inf
            return
        count = self._count
        while not self._slots[count % SLOTS]:
            count += 1
        self.next_due = self._base + count * STEP_S

    def add(self, leg: Leg, now: float) -> None:
        """Begin to beat for a leg; its first packet is due within one round."""
        if leg in self.legs:
            return
        slot = 0
        if self.legs:
            slot = min(range(SLOTS), key=self._worth)
        else:
            self._base, self._count = now, 0
        group = self._slots[slot]
        group[leg] = None
        self.legs[leg] = slot
        if len(group) == 1:
            self._look_ahead()

    def _worth(self, index: int) -> tuple[int, int]:
        """The least for the fullest group that has room, then the next that is empty, then the smallest."""
        size = len(self._slots[index])
        if 0 < size < FULL:
            return -size, 0
        return size, (index - self._count) % SLOTS

    def remove(self, leg: Leg) -> None:
        slot = self.legs.pop(leg, None)
        if slot is not None:
            group = self._slots[slot]
            del group[leg]
            if not group:
                self._look_ahead()

    def due(self, now: float) -> list[Leg]:
        """The legs whose beat has come, once for each beat that has passed."""
        behind = int((now - self._base) / STEP_S) - self._count
        if behind > MAX_BEHIND:
            self._count += behind - behind % SLOTS
            self._look_ahead()
        self.worst_late_s = max(self.worst_late_s, now - self.next_due)
        legs: list[Leg] = []
        while self._base + self._count * STEP_S <= now:
            legs += self._slots[self._count % SLOTS]
            self._count += 1
        self._look_ahead()
        return legs
