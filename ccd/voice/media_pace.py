"""Pacing of what we play: every leg once in 20 ms on absolute time, spread over sub-ticks.

The beat is counted from one start, so a late turn of the loop makes one packet late and never shifts
the ones after it.
"""

from typing import Final

from ccd.media.leg import Leg

SLOTS: Final = 4
STEP_S: Final = 0.02 / SLOTS
MAX_BEHIND: Final = 10 * SLOTS
"""After a longer stand-still (200 ms) the missed packets are skipped, not sent in one burst."""


class Pace:
    """The wheel of legs that something is played to."""

    __slots__ = ("_base", "_count", "_slots", "legs", "worst_late_s")

    def __init__(self) -> None:
        self._slots: list[dict[Leg, None]] = [{} for _ in range(SLOTS)]
        self._base = 0.0
        self._count = 0
        self.legs: dict[Leg, int] = {}
        self.worst_late_s = 0.0

    @property
    def next_due(self) -> float:
        return self._base + self._count * STEP_S if self.legs else float("inf")

    def add(self, leg: Leg, now: float) -> None:
        """Begin to beat for a leg; its first packet is due at once or within one round."""
        if leg in self.legs:
            return
        if not self.legs:
            self._base, self._count = now, 0
        slot = min(range(SLOTS), key=lambda index: (len(self._slots[index]), (index - self._count) % SLOTS))
        self._slots[slot][leg] = None
        self.legs[leg] = slot

    def remove(self, leg: Leg) -> None:
        slot = self.legs.pop(leg, None)
        if slot is not None:
            del self._slots[slot][leg]

    def due(self, now: float) -> list[Leg]:
        """The legs whose beat has come, once for each beat that has passed."""
        behind = int((now - self._base) / STEP_S) - self._count
        if behind > MAX_BEHIND:
            self._count += behind - behind % SLOTS
        late = now - (self._base + self._count * STEP_S)
        self.worst_late_s = max(self.worst_late_s, late)
        legs: list[Leg] = []
        while self._base + self._count * STEP_S <= now:
            legs += self._slots[self._count % SLOTS]
            self._count += 1
        return legs
