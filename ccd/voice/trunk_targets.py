"""The targets of one trunk: which is used now, what becomes of one that fails, and when it is taken back.

The best one that is not known to be bad is used. One that failed rests: half a minute, then twice as long for
each time that it fails again, so that a target which comes and goes does not drag the trunk along; one that
lives again rests too before it is taken back. Where all are bad the least bad one is used, of several the one
that has rested most: a carrier's second server may answer nobody who is not registered there.
Sans-IO; `now` in seconds.
"""

from collections.abc import Iterable

from ccd.sip.events import Flow
from ccd.voice.locating import Place
from ccd.voice.qualify import Reach, Watched

REST_S = 30.0
MOST_REST_S = 600.0
FORGIVEN_S = 900.0
"""So long after its last failure a target counts as new."""
MOST_TRIES = 4
"""Targets that one call is sent to, one after the other."""


class Target:
    """One target as it stands."""

    __slots__ = ("_failed_at", "_failures", "busy_until", "flow", "place", "rest_until", "watched")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.flow: Flow | None = None
        """UDP: the way to it. Over TCP it is asked for anew each time."""
        self.watched: Watched | None = None
        """What its OPTIONS say; None: it is not asked."""
        self.rest_until = 0.0
        self.busy_until = 0.0
        """It refused a call for itself (503): calls go to others first, registration stays."""
        self._failures = 0
        self._failed_at = 0.0

    @property
    def lost(self) -> bool:
        return self.watched is not None and self.watched.reach is Reach.LOST

    @property
    def declines(self) -> bool:
        """Its answer to OPTIONS is 503: it is there and wants no work."""
        return self.watched is not None and self.watched.status == 503

    def fail(self, now: float) -> None:
        """It was silent, or could not be reached."""
        if now - self._failed_at > FORGIVEN_S:
            self._failures = 0
        if now >= self.rest_until or not self._failures:
            self._failures += 1
        self._failed_at = now
        self.rest(now)

    def rest(self, now: float) -> None:
        """Not to be taken (back) for a while."""
        rest_s = min(REST_S * 2.0 ** min(max(0, self._failures - 1), 10), MOST_REST_S)
        self.rest_until = max(self.rest_until, now + rest_s)

    def badness(self, now: float) -> int:
        """0: nothing is known against it."""
        if self.lost:
            return 3
        if self.declines:
            return 2
        return 1 if now < self.rest_until else 0


class Targets:
    """All targets of one trunk, best first."""

    __slots__ = ("all", "in_use")

    def __init__(self) -> None:
        self.all: list[Target] = []
        self.in_use: Target | None = None

    def take(self, places: Iterable[Place]) -> bool:
        """These are the places now; what is known of one that stays is kept. True: they are others."""
        former = {(each.place.address, each.place.port): each for each in self.all}
        fresh: list[Target] = []
        for place in places:
            target = former.get((place.address, place.port)) or Target(place)
            target.place = place
            if target not in fresh:
                fresh.append(target)
        if self.in_use not in fresh:
            self.in_use = None
        changed = set(former) != {(each.place.address, each.place.port) for each in fresh}
        self.all = fresh
        return changed

    def at(self, host: str, port: int) -> Target | None:
        """The target of that address and port."""
        return next(
            (each for each in self.all if (each.place.address, each.place.port) == (host, port)), None
        )

    def choose(self, now: float) -> Target | None:
        """The one to use now; None: there is none at all. That in use stays while none of a better
        priority is good: a fresh draw by weight is no reason to move."""

        def rank(target: Target) -> tuple[int, float, int, bool]:
            bad = target.badness(now)
            rest_until = target.rest_until if bad else 0.0
            return bad, rest_until, target.place.priority, target is not self.in_use

        return min(self.all, key=rank, default=None)

    def spare(self, target: Target, now: float) -> bool:
        """Whether another one is good for calls."""
        return any(
            not each.badness(now) and now >= each.busy_until for each in self.all if each is not target
        )

    def for_a_call(self, now: float) -> list[Target]:
        """Where a call is to be tried, in this order. Those that are lost are left out while others live."""

        def rank(target: Target) -> tuple[int, bool, int, bool]:
            place = target.place
            return target.badness(now), now < target.busy_until, place.priority, target is not self.in_use

        found = sorted(self.all, key=rank)
        living = [each for each in found if not each.lost]
        return (living or found[:1])[:MOST_TRIES]

    def next_review(self, now: float) -> float | None:
        """When one has rested that is better than that in use."""
        used = self.in_use
        if used is None:
            return None
        limit = used.place.priority if not used.badness(now) else 1 << 16
        resting = [each for each in self.all if each is not used and each.badness(now) == 1]
        return min((each.rest_until for each in resting if each.place.priority < limit), default=None)
