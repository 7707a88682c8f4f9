"""When a new call is refused at the door: 503 with Retry-After instead of growing queues.

Four grounds, each counted apart: too many dialogs, too many new calls a second (token bucket with half a
second of burst), a writer that is behind (the oldest fact waits too long), and datagrams that wait too long
to be read.
"""

from collections.abc import Callable

from ccd.model.settings import SipSettings

MOST_BEHIND_S = 2.0
MOST_LATE_S = 0.5
"""So long datagrams may come late (`UdpListener.late_s`). After a pause of the machine what came meanwhile is
read sooner: 1.5 s at 200 calls a second, half of what the core could do, turned nobody away."""
BURST_S = 0.5
QUIET_S = 60.0
"""So long after the last refusal it is no alarm any more, and counting begins anew."""
_TOLD = {
    "dialogs": "for more calls than sip.max_dialogs",
    "rate": "for more new calls than sip.max_new_calls_per_s",
    "behind": "while the writer was behind",
    "late": "while messages of SIP were read too late: more calls than this core can do",
}
"""Grounds that somebody ought to know of. The others are an alarm of their own, or somebody's wish."""

Behind = Callable[[], tuple[float, bool]]
"""Age of the oldest fact that is not carried out yet (s), and whether the ledger cannot be written."""


class Door:
    """Admits new calls."""

    __slots__ = (
        "_behind",
        "_burst",
        "_last",
        "_late_s",
        "_rate",
        "_tokens",
        "_turned_at",
        "_turned_away",
        "draining",
        "most_dialogs",
        "refused",
    )

    def __init__(
        self, settings: SipSettings, behind: Behind, late_s: Callable[[], float], now: float
    ) -> None:
        """`late_s`: for how long datagrams have been read too late."""
        self.most_dialogs = settings.max_dialogs
        self._rate = settings.max_new_calls_per_s
        self._burst = max(1.0, self._rate * BURST_S)
        self._tokens = self._burst
        self._last = now
        self._behind = behind
        self._late_s = late_s
        self.draining = False
        self.refused: dict[str, int] = {}
        self._turned_away: dict[str, int] = {}
        self._turned_at = now

    def admit(self, dialogs: int, now: float, *, colleague: bool = False) -> str:
        """Empty: come in. Else the ground for refusing, counted.

        `colleague`: an agent's phone; while draining the core refuses its calls, but takes its codes
        (pause, log out), which agents need most when the centre closes.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        ground = self._ground(dialogs, colleague)
        if ground:
            self._count(ground, now)
        else:
            self._tokens -= 1.0
        return ground

    def turned_away(self, now: float) -> list[dict[str, str]]:
        """One row with the `why` while new calls are refused for too much load, none else."""
        if not self._turned_away or now - self._turned_at > QUIET_S:
            return []
        counts = "; ".join(f"{count} {_TOLD[ground]}" for ground, count in self._turned_away.items())
        return [{"why": f"new calls got 503: {counts}"}]

    def _count(self, ground: str, now: float) -> None:
        self.refused[ground] = self.refused.get(ground, 0) + 1
        if ground in _TOLD:
            if now - self._turned_at > QUIET_S:
                self._turned_away.clear()
            self._turned_away[ground] = self._turned_away.get(ground, 0) + 1
            self._turned_at = now

    def _ground(self, dialogs: int, colleague: bool) -> str:
        if self.draining and not colleague:
            return "draining"
        if dialogs >= self.most_dialogs:
            return "dialogs"
        if self._tokens < 1.0:
            return "rate"
        age_s, stalled = self._behind()
        if stalled:
            return "ledger"
        if age_s > MOST_BEHIND_S:
            return "behind"
        return "late" if self._late_s() > MOST_LATE_S else ""
