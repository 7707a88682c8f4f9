"""What a leg needs now and then: RTCP reports and the watch over a silent party.

One heap of deadlines, one entry a leg; nothing is done per packet.
"""

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Final

from ccd.media.leg import Leg
from ccd.media.rtcp import INTERVAL_S, Reports

GRAIN_S: Final = 0.1
"""Deadlines are rounded up to this, so that many legs are served by one turn."""

Send = Callable[[Leg, bytes], None]
Lost = Callable[[Leg, float], None]


class Upkeep:
    """Deadlines of all legs."""

    __slots__ = ("_count", "_dead_after", "_heap", "_lost", "_lost_legs", "_send", "_wall", "next_due")

    def __init__(self, dead_after_s: float, wall_offset: float, send: Send, lost: Lost) -> None:
        """`wall_offset`: seconds to add to `now` for the time since 1970. `dead_after_s` 0: never."""
        self._dead_after = dead_after_s
        self._wall = wall_offset
        self._send = send
        self._lost = lost
        self._heap: list[tuple[float, int, Leg]] = []
        self._count = count()
        self.next_due = inf
        self._lost_legs: dict[Leg, float] = {}
        """Legs reported lost, and when they are to be reported again."""

    def add(self, leg: Leg, now: float, spread: float) -> None:
        """Begin; `spread` (0 to 1) shifts the first report, so that legs do not report together."""
        wait = INTERVAL_S * (0.5 + spread)
        self._push(leg, now + (min(wait, self._dead_after) if self._dead_after else wait))

    def _push(self, leg: Leg, due: float) -> None:
        due = (int(due / GRAIN_S) + 1) * GRAIN_S
        heap = self._heap
        heapq.heappush(heap, (due, next(self._count), leg))
        if heap[0][2].port is None:
            self._look_ahead()
        else:
            self.next_due = heap[0][0]

    def _look_ahead(self) -> None:
        """Legs that closed meanwhile wake nobody: most calls end before their next deadline."""
        heap = self._heap
        while heap and heap[0][2].port is None:
            heapq.heappop(heap)
        self.next_due = heap[0][0] if heap else inf

    def close(self, leg: Leg, now: float) -> None:
        """The leg is about to close: say BYE if it ever reported. Its heap entry lapses by itself."""
        self._lost_legs.pop(leg, None)
        if isinstance(leg.rtcp, Reports):
            self._send(leg, leg.rtcp.bye(now, now + self._wall))

    def read(self, leg: Leg, data: bytes, now: float) -> None:
        """RTCP came for a leg: a party that reports is alive, even when it is silent."""
        if leg.rtcp is None:
            leg.rtcp = Reports(leg)
        if isinstance(leg.rtcp, Reports) and leg.rtcp.read(data, now):
            leg.heard = now
        else:
            leg.bad += 1

    def run(self, now: float) -> None:
        """Serve the legs whose deadline has come."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            leg = heapq.heappop(heap)[2]
            if leg.port is not None:
                self._serve(leg, now)
        self._look_ahead()

    def _serve(self, leg: Leg, now: float) -> None:
        if leg.address is not None and leg.payload >= 0:
            if leg.rtcp is None:
                leg.rtcp = Reports(leg)
            assert isinstance(leg.rtcp, Reports)  # noqa: S101  the shell's slot, typed as object
            if now >= leg.rtcp.due:
                leg.rtcp.due = now + INTERVAL_S - GRAIN_S
                self._send(leg, leg.rtcp.write(now, now + self._wall))
        due = now + INTERVAL_S
        if self._dead_after and leg.receives:
            due = min(due, self._watch(leg, now))
        self._push(leg, due)

    def _watch(self, leg: Leg, now: float) -> float:
        """Report a party that has been silent too long; when to look again."""
        silent = now - leg.heard
        if silent < self._dead_after:
            self._lost_legs.pop(leg, None)
            return leg.heard + self._dead_after
        again = self._lost_legs.get(leg, 0.0)
        if now >= again:
            again = self._lost_legs[leg] = now + self._dead_after
            self._lost(leg, silent)
        return min(again, now + INTERVAL_S)
