"""Shelves of buckets: what an agent compares when it seeks work.

On a shelf stand buckets that the same agents are able to take and that age alike, mostly those of one queue.
Shelves that age alike stand in one rack. There the first of each shelf is kept as a number, by kind of work,
and all these numbers lie side by side: an agent finds the first of fifty shelves in a few microseconds,
without a look at any of them. Shelves whose queue may hold back what waits (`max_active`, a
reserve) stand in no rack; they are compared one by one.
"""

from collections.abc import Callable
from math import inf
from operator import itemgetter

from ccd.routing.ability import Ability
from ccd.routing.queues import Bucket
from ccd.routing.standing import Turn, key_of

MOST_ON_SHELF = 6
"""So many buckets stand on one shelf: when a head changes all of them are looked at."""
NOWHERE = 0
"""Number of no shelf: nothing ever waits there."""


class Shelf:
    """Buckets of the same ability and rate. One that is guarded holds one bucket."""

    __slots__ = ("ability", "buckets", "number", "rack", "rate")

    def __init__(self, bucket: Bucket, rack: "Rack | None") -> None:
        self.ability = bucket.ability
        self.rate = bucket.rate
        self.buckets = [bucket]
        self.rack = rack
        """None: it is guarded."""
        self.number = NOWHERE if rack is None else rack.put(self)
        bucket.shelf = self
        self.changed(bucket)

    def takes(self, bucket: Bucket) -> bool:
        """Whether a bucket of the same ability may stand here too."""
        alike = bucket.rate == self.rate and not bucket.guarded and self.rack is not None
        return alike and len(self.buckets) < MOST_ON_SHELF

    def add(self, bucket: Bucket) -> None:
        """Let another bucket stand here."""
        self.buckets.append(bucket)
        bucket.shelf = self
        self.changed(bucket)

    def changed(self, bucket: Bucket) -> None:
        """The head of one of its buckets is another one."""
        if self.rack is not None:
            kind = bucket.kind
            alike = [each.head for each in self.buckets if each.kind == kind and each.head is not None]
            self.rack.numbers(kind)[self.number] = min(map(self.rack.key, alike)) if alike else inf

    def first(self, room_for: int) -> Turn | None:
        """The first for which there is room (bit K: for work of kind K)."""
        best: Turn | None = None
        for bucket in self.buckets:
            head = bucket.head
            if head is not None and room_for >> bucket.kind & 1 and (best is None or head < best):
                best = head
        return best


class Rack:
    """Shelves of one rate, by number from 1."""

    __slots__ = ("by_kind", "key", "rate", "shelves")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.key = key_of(rate)
        self.shelves: list[Shelf] = []
        self.by_kind: dict[int, list[float]] = {}
        """What `numbers` gives."""

    def put(self, shelf: Shelf) -> int:
        """Let a shelf stand here; its number."""
        self.shelves.append(shelf)
        for numbers in self.by_kind.values():
            numbers.append(inf)
        return len(self.shelves)

    def numbers(self, kind: int) -> list[float]:
        """By number of the shelf, for its first of a kind of work: never more for a turn that goes before
        another; `inf` for nothing."""
        found = self.by_kind.get(kind)
        if found is None:
            found = self.by_kind[kind] = [inf] * (len(self.shelves) + 1)
        return found


class Served:
    """The shelves of one rack whose work an agent is able to take."""

    __slots__ = ("_pick", "_which", "rack")

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        self._which: tuple[int, ...] = (NOWHERE, NOWHERE)  # two more in front: several are picked always
        self._pick: Callable[[list[float]], tuple[float, ...]] = itemgetter(*self._which)

    def add(self, numbers: tuple[int, ...]) -> None:
        """These too."""
        self._which += numbers
        self._pick = itemgetter(*self._which)

    def shelves(self) -> list[Shelf]:
        """Walks all."""
        return [self.rack.shelves[number - 1] for number in self._which if number]

    def first(self, room_for: int) -> Turn | None:
        """The first of them for which there is room."""
        least, firsts = inf, list[tuple[float, ...]]()
        for kind, numbers in self.rack.by_kind.items():
            if room_for >> kind & 1:
                picked = self._pick(numbers)
                smallest = min(picked)
                if smallest < least:
                    least, firsts = smallest, [picked]
                elif smallest == least < inf:
                    firsts.append(picked)
        best: Turn | None = None
        for picked in firsts:
            for number in self._numbered(picked, least):
                turn = self.rack.shelves[number - 1].first(room_for)
                if turn is not None and (best is None or turn < best):
                    best = turn
        return best

    def _numbered(self, picked: tuple[float, ...], least: float) -> list[int]:
        """Which of the shelves have the least number: mostly one."""
        which = self._which
        if picked.count(least) == 1:
            return [which[picked.index(least)]]
        return [number for number, each in zip(which, picked, strict=True) if each == least]


class Shelves:
    """All shelves of a centre."""

    __slots__ = ("all", "by_ability", "racks")

    def __init__(self) -> None:
        self.all: list[Shelf] = []
        """In the order in which they were made."""
        self.by_ability: dict[Ability, list[Shelf]] = {}
        """The same by who is able: channel classes of a queue mostly ask for the same."""
        self.racks: dict[float, Rack] = {}

    def put(self, bucket: Bucket) -> None:
        """Let a bucket stand on a shelf."""
        shelves = self.by_ability.setdefault(bucket.ability, [])
        if shelves and shelves[-1].takes(bucket):
            shelves[-1].add(bucket)
            return
        rack = None if bucket.guarded else self.racks.get(bucket.rate)
        if rack is None and not bucket.guarded:
            rack = self.racks[bucket.rate] = Rack(bucket.rate)
        shelf = Shelf(bucket, rack)
        shelves.append(shelf)
        self.all.append(shelf)

    def clear(self) -> None:
        """Forget all."""
        self.all.clear()
        self.by_ability.clear()
        self.racks.clear()
