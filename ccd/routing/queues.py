"""One queue's waiting: a bucket for each set of interactions that the same agents may take.

In a bucket all have the same queue, channel class, stage and own requirement, so their order never
changes among themselves: ageing is the same for all of them. Only the heads of buckets are compared, at
`now`. See docs/decisions/0009-routing-buckets.md.
"""

import sys
from heapq import heappush
from math import inf
from typing import TYPE_CHECKING

import msgspec

from ccd.errors import Misconfigured
from ccd.model.emergency import Closure
from ccd.model.hours import CalendarRule
from ccd.model.nouns import DEFAULT_LOAD, ChannelClass, LegKind
from ccd.model.rules import CLOSE_OVERFLOW, QueueRule
from ccd.routing.ability import Ability
from ccd.routing.line import Line
from ccd.routing.stages import Stages
from ccd.routing.standing import Standing, Turn, line_of
from ccd.routing.state import Place
from ccd.routing.strategies import BY_CANDIDATE, BY_STATE, RING_ALL, STRATEGIES, Strategy

if TYPE_CHECKING:
    from ccd.routing.desk import Desk
    from ccd.routing.shelves import Shelf

Key = tuple[ChannelClass, int, str]
"""What a bucket holds: channel class, stage, own requirement."""

Since = tuple[float, int, str]
"""(entered_at, seq, interaction)."""

Strategies = dict[str, Strategy]


class Kind(msgspec.Struct, frozen=True):
    """What work takes of an agent: whether there is room for it is kept once a kind, not once a queue."""

    channel_class: ChannelClass
    load: int
    over: frozenset[ChannelClass]
    """Channel classes that it may interrupt: what is held of them takes no room from it."""


class Bucket:
    """Interactions in one line. `head` is kept so that many buckets are compared without a call."""

    __slots__ = ("ability", "guarded", "head", "key", "kind", "line", "queue", "rate", "shelf")

    def __init__(self, queue: "QueueIndex", key: Key, ability: Ability) -> None:
        self.queue = queue
        self.key = key
        self.ability = ability
        self.kind = queue.kinds[key[0]]
        self.rate = queue.rates[key[0]]
        self.line = line_of(self.rate)
        self.head: Turn | None = None
        self.guarded = queue.guarded
        self.shelf: Shelf | None = None
        """Where it stands; None: nowhere yet."""

    def set_head(self, turn: Turn | None) -> None:
        """This is the first of it from now on; None: it is empty."""
        self.head = turn
        if self.shelf is not None:
            self.shelf.changed(self)


class QueueIndex:
    """One queue: its waiting, its stages, and how many of it are with agents."""

    __slots__ = (
        "active",
        "buckets",
        "by_candidate",
        "by_state",
        "calendar",
        "closes",
        "closure",
        "estimates",
        "first",
        "guarded",
        "kept",
        "kinds",
        "measures",
        "oldest",
        "rates",
        "rings_all",
        "rule",
        "single",
        "speaks",
        "stages",
        "standings",
        "talking",
        "watches",
    )

    def __init__(
        self,
        rule: QueueRule,
        stages: Stages,
        kinds: list[Kind],
        own: Strategies,
        calendar: CalendarRule | None = None,
    ) -> None:
        self.rule = rule
        self.calendar = calendar
        """Its hours; None: always open."""
        self.closure: Closure | None = None
        """By whom and until when it is closed by hand."""
        self.closes = rule.on_close == CLOSE_OVERFLOW
        """Whether its closing sends away who waits."""
        self.estimates = rule.estimate_wait or rule.announce_wait or rule.max_ewt_s is not None
        """Whether it asks for its expected wait, or a relaxation does."""
        self.measures = False
        """Whether some condition asks for its service level."""
        self.watches = bool(stages.conditional)
        """Whether it relaxes on a condition."""
        self.speaks = rule.announce_position or rule.announce_wait or bool(rule.comfort or rule.comfort_say)
        """Whether it tells its waiting customers anything."""
        self.stages = stages
        self.single = stages.are_one()
        """Whether it asks for the same however long one waits."""
        self.by_state, self.by_candidate = strategy_of(rule, own)
        self.rings_all = rule.strategy == RING_ALL
        self.rates = {each: rule.age_per_min.get(each, 0.0) / 60.0 for each in ChannelClass}
        """Points of priority a second of waiting adds."""
        self.kinds = {each: _number(_kind(rule, each), kinds) for each in ChannelClass}
        """Number of its kind of work by channel class."""
        self.buckets: dict[Key, Bucket] = {}
        """Also those that are empty for now: they are filled again soon."""
        self.kept: dict[float, Line[Turn]] = {}
        """Those kept for one agent, by their rate: in no bucket, but they have their place."""
        self.standings = Standing()
        """All who wait, also who is in an offer or rests: they keep their place but are not matched."""
        self.first: tuple[Desk, ...] | None = None
        """The members that a trace looks at; None: nobody asked yet."""
        self.oldest: list[Since] | None = None
        """Heap of since when those who hold the line wait, also some who do no longer; None: nobody asked."""
        self.guarded = rule.max_active is not None or bool(rule.reserve)
        """Whether something else than room and ability may keep a free agent from what waits."""
        self.talking = 0
        self.active = 0
        """In an offer or in conversation."""

    def asks(self) -> list[tuple[str, str]]:
        """(queue, figure) that its relaxations ask about."""
        return [asked for each in self.stages.conditional for asked in each.asks]

    def anyone(self) -> bool:
        """Whether somebody stands in its line, in no offer and not at rest."""
        heads = any(bucket.head is not None for bucket in self.buckets.values())
        return heads or any(self.kept.values())

    # -- order ---------------------------------------------------------------------------------

    def turn_of(self, place: Place) -> Turn:
        """Where a place stands among those of the same rate of ageing."""
        if place.callback is not None and place.callback.reached:
            return (-inf, place.entered_at, place.seq, place.interaction)
        rate = self.rates[place.channel_class]
        points = place.priority + self.rule.weight
        order = rate * place.entered_at - points if rate else -points
        return (order, place.entered_at, place.seq, place.interaction)

    def standing(self, place: Place, now: float) -> Turn:
        """Where a place stands in the one order of all that waits in the centre, at `now`."""
        order, entered_at, seq, name = self.turn_of(place)
        return (order - self.rates[place.channel_class] * now, entered_at, seq, name)

    def waiting(self) -> int:
        """How many wait, those in an offer included."""
        return len(self.standings)

    def rank(self, place: Place, now: float) -> int:
        """1 = next."""
        return self.standings.rank(self.turn_of(place), self.rates[place.channel_class], now)

    def newcomer(self, now: float) -> Place:
        """A call that arrives now with the queue's own priority: for questions, it never lines up."""
        own = self.rule.priority
        call, sound = ChannelClass.VOICE, LegKind.AUDIO
        return Place("", self.rule.name, call, sound, own, now, now, seq=sys.maxsize)

    def order(self, now: float) -> list[str]:
        """The waiting in order. Walks all: for people, not for the hot path."""
        turns = [(turn[0] - rate * now, *turn[1:]) for rate, turn in self.standings]
        return [turn[3] for turn in sorted(turns)]

    def lined_up(self) -> list[str]:
        """All that wait in no offer, in no order."""
        lines = [*(bucket.line for bucket in self.buckets.values()), *self.kept.values()]
        return [turn[3] for line in lines for turn in line]

    # -- lining up -----------------------------------------------------------------------------

    def line_up(self, place: Place) -> None:
        """Put a place among the waiting; its bucket is there, or it is kept for one agent."""
        turn, rate = self.turn_of(place), self.rates[place.channel_class]
        self.standings.step_in(turn, rate)
        if self.oldest is not None:
            self._remember(place)
        if place.prefer:
            line = self.kept.get(rate)
            if line is None:
                line = self.kept[rate] = line_of(rate)
            line.add(turn)
            return
        bucket = self.buckets[(place.channel_class, place.stage, place.requirement)]
        bucket.line.add(turn)
        if bucket.head is None or turn < bucket.head:
            bucket.set_head(turn)

    def step_out(self, place: Place) -> None:
        """Take a place out of the waiting."""
        turn, rate = self.turn_of(place), self.rates[place.channel_class]
        self.standings.step_out(turn, rate)
        if place.prefer:
            self.kept[rate].remove(turn)
            return
        bucket = self.buckets[(place.channel_class, place.stage, place.requirement)]
        bucket.line.remove(turn)
        if turn == bucket.head:
            bucket.set_head(bucket.line.first())

    def lay_aside(self, place: Place) -> None:
        """A callback rests: it keeps its place and is not matched."""
        self.standings.step_in(self.turn_of(place), self.rates[place.channel_class])

    def rouse(self, place: Place) -> None:
        """It does no longer; it stands in no line."""
        self.standings.step_out(self.turn_of(place), self.rates[place.channel_class])

    def begin_ring(self, place: Place) -> None:
        """A phone rings for a place."""
        self.standings.step_in(self.turn_of(place), self.rates[place.channel_class])
        if self.oldest is not None:
            self._remember(place)  # it may never have lined up, or its customer holds the line again
        self.active += 1

    def end_ring(self, place: Place) -> None:
        """It does no longer, or the conversation begins."""
        self.standings.step_out(self.turn_of(place), self.rates[place.channel_class])
        self.active -= 1

    def _remember(self, place: Place) -> None:
        heap = self.oldest
        if heap is None or len(heap) > 64 + 4 * self.waiting():
            self.oldest = None  # most of it is of those who left: made anew when somebody asks
        else:
            heappush(heap, (place.entered_at, place.seq, place.interaction))

    def holds_back(self) -> bool:
        """Whether it may keep its work from an agent who is able to take it and has room."""
        return bool(self.rule.reserve) or self.full()

    def full(self) -> bool:
        """Whether `max_active` is reached: then nothing more of it is offered."""
        most = self.rule.max_active
        return most is not None and self.active >= most


def _kind(rule: QueueRule, channel_class: ChannelClass) -> Kind:
    load = max(1, rule.load.get(channel_class, DEFAULT_LOAD[channel_class]))
    return Kind(channel_class, load, frozenset(rule.interrupts.get(channel_class, ())))


def _number(kind: Kind, kinds: list[Kind]) -> int:
    if kind not in kinds:
        kinds.append(kind)
    return kinds.index(kind)


def strategy_of(rule: QueueRule, own: Strategies) -> tuple[str, Strategy | None]:
    """Name of an order by state, or a strategy by candidate; raises `Misconfigured` for an unknown one."""
    if rule.strategy in BY_STATE:
        return rule.strategy, None
    if rule.strategy == RING_ALL:
        return "longest_idle", None
    strategy = BY_CANDIDATE.get(rule.strategy) or own.get(rule.strategy)
    if strategy is None:
        known = ", ".join(sorted({*STRATEGIES, *own}))
        raise Misconfigured(
            "strategy", f"queue {rule.name}: strategy '{rule.strategy}' is not one of {known}"
        )
    return "", strategy
