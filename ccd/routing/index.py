"""Indexes over the routing state: who waits, who is free, who may take what.

Nothing here is stored: it is made from the rules and the state. Who has room for a kind of work is one
set of bits over all agents; who is able to take what a bucket holds is another; both together are those
who could take it now. A change of one agent costs a few operations on such sets, however many queues it
serves; an interaction that arrives finds its agent, and an agent who gets free its work, without a walk
over agents or waiting.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from ccd.model.clock_figures import Clock
from ccd.model.nouns import Availability, ChannelClass
from ccd.model.rules import EMPTY_LOGGED_OUT, EMPTY_NEVER, AgentRule, Rules
from ccd.routing.ability import Bits, SkillTable, numbers_of
from ccd.routing.choosing import Choosing
from ccd.routing.desk import Desk, open_for_work
from ccd.routing.line import Line
from ccd.routing.opening import calendar_of
from ccd.routing.phases import Phase
from ccd.routing.presence import Presence
from ccd.routing.queues import Bucket, Kind, QueueIndex, Strategies
from ccd.routing.served import measured
from ccd.routing.shelves import Shelf, Shelves
from ccd.routing.stages import Stages
from ccd.routing.standing import Turn
from ccd.routing.state import Place, RoutingState

FIRST = 9
"""So many members a trace looks at: one more than it names, as one may be the chosen."""
MOST_ROOM_MASKS = 4096
"""More amounts of room than this are not remembered."""
MOST_NEW = 32
"""An agent who has not looked for so many new buckets looks at all of them by who is able, not one by one."""
MOST_BUCKETS = 256
"""More than this a queue keeps only while they hold something."""


class Index:
    """All queues and desks."""

    __slots__ = (
        "by_number",
        "choosing",
        "clock",
        "desks",
        "epoch",
        "kinds",
        "leaving",
        "logged_in",
        "loosened",
        "places",
        "presence",
        "queues",
        "ready",
        "reserving",
        "rings",
        "room_masks",
        "roomy",
        "shelves",
        "state",
    )

    def __init__(self, rules: Rules, state: RoutingState, own: Strategies) -> None:
        """Build everything; agents of the rules must have a state. Walks all there is."""
        self.state = state
        self.clock = Clock(rules.zone, rules.calendars)
        self.places = state.places
        self.kinds: list[Kind] = []
        self.desks: dict[str, Desk] = {}
        for number, name in enumerate(sorted(state.agents)):
            agent = state.agents[name]
            self.desks[name] = Desk(rules.agents.get(name) or AgentRule(name=name), agent, number)
        self.by_number = list(self.desks.values())
        self.queues = _queues(rules, self.by_number, self.kinds, own)
        for name in self.queues.keys() & state.closures.keys():
            self.queues[name].closure = state.closures[name]
        self.room_masks: dict[int, int] | None = None if any(kind.over for kind in self.kinds) else {}
        """Capacity left → kinds that fit, for agents without loads and ceilings of their own."""
        self.reserving = [queue for queue in self.queues.values() if queue.rule.reserve]
        self.leaving = [queue for queue in self.queues.values() if queue.rule.leave_empty != EMPTY_NEVER]
        self.shelves = Shelves()
        """All buckets of all queues."""
        self.epoch = 1
        """Goes up when some are forgotten: desks look at them anew."""
        self.roomy: list[Bits] = [0] * len(self.kinds)
        """By kind of work: who has room for one more."""
        self.logged_in: Bits = 0
        self.ready: Bits = 0
        """Who declared to be ready, busy or not."""
        self.loosened: dict[str, QueueIndex] = {}
        """Queues that may offer again what they held back for `max_active` or `reserve`."""
        orders = {queue.by_state or "longest_idle" for queue in self.queues.values()}
        self.rings: dict[str, Place] = {}
        """Interactions whose phones ring and that more agents may join, and some whose ring is over."""
        self.choosing = Choosing(self.by_number, {name: Line() for name in sorted(orders)})
        self.presence = Presence(self.by_number)
        for desk in self.by_number:
            self.note_availability(desk)
            self.seat(desk)
        for place in state.places.values():
            self._put(place)
        self.loosened.clear()

    def _put(self, place: Place) -> None:
        queue = self.queues.get(place.queue)
        if queue is None:
            return
        if place.phase is Phase.WAITING:
            self.line_up(queue, place)
        elif place.phase is Phase.RESTING:
            queue.lay_aside(place)
        elif place.phase is Phase.CONNECTED:
            queue.talking += 1
            queue.active += 1
        else:
            queue.begin_ring(place)
            if queue.rings_all:
                self.rings[place.interaction] = place

    # -- places --------------------------------------------------------------------------------

    def line_up(self, queue: QueueIndex, place: Place) -> None:
        """Put a place among the waiting."""
        if place.prefer:
            self.desks[place.prefer].kept[place.interaction] = place
        elif (place.channel_class, place.stage, place.requirement) not in queue.buckets:
            self._add_bucket(queue, place)
        queue.line_up(place)

    def _add_bucket(self, queue: QueueIndex, place: Place) -> None:
        if len(queue.buckets) >= MOST_BUCKETS:
            self._drop_empty(queue)
        key = (place.channel_class, place.stage, place.requirement)
        ability = queue.stages.ability(place.stage, place.requirement)
        bucket = queue.buckets[key] = Bucket(queue, key, ability)
        self.shelves.put(bucket)

    def _drop_empty(self, queue: QueueIndex) -> None:
        """Interactions asked for ever other things besides: forget what nobody asks for now."""
        queue.buckets = {key: bucket for key, bucket in queue.buckets.items() if bucket.head is not None}
        found = [bucket for each in self.queues.values() for bucket in each.buckets.values()]
        self.shelves.clear()
        for bucket in found:
            self.shelves.put(bucket)
        self.epoch += 1

    def step_out(self, queue: QueueIndex, place: Place) -> None:
        """Take a place out of the waiting."""
        queue.step_out(place)
        if place.prefer:
            del self.desks[place.prefer].kept[place.interaction]

    def take_out(self, queue: QueueIndex, place: Place) -> None:
        """Take a place that waits or rests out of its line."""
        if place.phase is Phase.RESTING:
            queue.rouse(place)
        else:
            self.step_out(queue, place)

    # -- desks ---------------------------------------------------------------------------------

    def note_availability(self, desk: Desk) -> None:
        """Keep the sets of those logged in, ready, in a pause or without a phone."""
        self.presence.note(desk)
        availability = desk.state.availability
        desk.logged_out = availability is Availability.LOGGED_OUT
        self.logged_in = _with(self.logged_in, desk.bit, not desk.logged_out)
        self.ready = _with(self.ready, desk.bit, availability is Availability.READY)

    def unseat(self, desk: Desk) -> None:
        """Take a desk from among the free until it is seated again."""
        self._set_room(desk, 0)

    def seat(self, desk: Desk) -> None:
        """Put a desk where its present state belongs; to be called after each change of the agent."""
        room_for: int | None = 0
        if open_for_work(desk.state):
            masks = None if desk.special else self.room_masks
            room_for = None if masks is None else masks.get(desk.rule.capacity - desk.state.load)
        self._set_room(desk, self._count_room(desk) if room_for is None else room_for)

    def _count_room(self, desk: Desk) -> int:
        """Kinds of work that fit into what is left; remembered by the room where that alone decides."""
        found = 0
        for number, kind in enumerate(self.kinds):
            if desk.fits(kind, self.places):
                found |= 1 << number
        masks = None if desk.special else self.room_masks
        if masks is not None and len(masks) < MOST_ROOM_MASKS:
            masks[desk.room()] = found
        return found

    def _set_room(self, desk: Desk, room_for: int) -> None:
        desk.full = desk.away = desk.later = None
        changed = room_for ^ desk.room_for
        if changed:
            bit, roomy = desk.bit, self.roomy
            for kind in kinds_in(changed):
                roomy[kind] ^= bit
            desk.room_for = room_for
            if self.reserving:
                self._loosen_reserves(desk)
        self.choosing.seat(desk)

    def _loosen_reserves(self, desk: Desk) -> None:
        """One more agent is free for what is reserved, so others need not be; or this one is no longer, so
        that it may as well take more of the rest."""
        for queue in self.reserving:
            if queue.stages.members & desk.bit:
                self.loosened[queue.rule.name] = queue

    # -- limits of a queue ---------------------------------------------------------------------

    def empty(self, queue: QueueIndex, what: str) -> bool:
        """Whether nobody is there, by what `join_empty` or `leave_empty` takes for nobody."""
        if what == EMPTY_NEVER:
            return False
        there = self.logged_in if what == EMPTY_LOGGED_OUT else self.ready
        return not queue.stages.members & there

    def loaded(self, queue: QueueIndex) -> tuple[int, int]:
        """(how many wait, those in an offer included; how many of its agents are ready, busy or not)."""
        return queue.waiting(), self.count_ready(queue)

    def count_ready(self, queue: QueueIndex) -> int:
        """How many of its agents are ready, busy or not."""
        return (queue.stages.members & self.ready).bit_count()

    def held_back(self, queue: QueueIndex, channel_class: ChannelClass, free: Bits) -> Bits:
        """Of the free agents, those whom the queue's reserves keep from work of a class."""
        back: Bits = 0
        for kept_class, count in queue.rule.reserve.items():
            kept = queue.kinds[kept_class]
            if kept_class is channel_class:
                continue
            spare = queue.stages.members & self.roomy[kept]
            if spare.bit_count() > count:
                continue
            for number in numbers_of(spare & free):
                if not self._still_roomy(self.by_number[number], queue.kinds[channel_class], kept):
                    back |= 1 << number
        return back

    def _still_roomy(self, desk: Desk, taken: int, kept: int) -> bool:
        """Whether an agent who takes work of one kind has room for the other afterwards."""
        work, other = self.kinds[taken], self.kinds[kept]
        extra = 0 if work.channel_class in other.over else desk.load_of(work)
        held = desk.state.load
        if other.over:
            held -= sum(
                load
                for name, load in desk.state.held.items()
                if self.places[name].channel_class in other.over
            )
        return held + extra + desk.load_of(other) <= desk.rule.capacity

    # -- who and what --------------------------------------------------------------------------

    def best_agent(self, queue: QueueIndex, place: Place) -> Desk | None:
        """The first in the queue's order with room for it who is able to and did not miss it just now."""
        if queue.guarded and queue.full():
            return None
        if place.prefer:
            desk = self.desks[place.prefer]
            return desk if self.may_take_kept(desk, queue, place) else None
        free = self.candidates(queue, place)
        if not free:
            return None
        ability = queue.stages.ability(place.stage, place.requirement)
        for rank in queue.stages.steps[place.stage].ranks:
            if free & rank:
                free &= rank
                break
        return self.choosing.choose(queue, ability, free, self.state.next_offer)

    def candidates(self, queue: QueueIndex, place: Place) -> Bits:
        """All who could take a place that is kept for nobody, whatever `max_active` says."""
        free = self.roomy[queue.kinds[place.channel_class]]
        if free:
            free &= queue.stages.ability(place.stage, place.requirement).bits
        for name in place.missed if free else ():
            desk = self.desks.get(name)
            if desk is not None and free & desk.bit:
                free ^= desk.bit
        if free and queue.rule.reserve:
            free &= ~self.held_back(queue, place.channel_class, free)
        return free

    def may_take_kept(self, desk: Desk, queue: QueueIndex, place: Place) -> bool:
        """Whether the agent that a place is kept for can take it now."""
        if queue.full() or not desk.room_for >> queue.kinds[place.channel_class] & 1:
            return False
        return not (queue.rule.reserve and self.held_back(queue, place.channel_class, desk.bit))

    def best_work(self, desk: Desk, now: float) -> Place | None:
        """The first in the order of all that the agent may take and has room for."""
        if not desk.room_for:
            return None
        room_for = desk.room_for
        self._look_at_new(desk)
        best: Turn | None = None
        for served in desk.served:
            turn = served.first(room_for)
            if turn is not None:
                turn = (turn[0] - served.rack.rate * now, *turn[1:])
                if best is None or turn < best:
                    best = turn
        for shelf in desk.guarded:
            turn = shelf.first(room_for)
            if turn is not None:
                turn = (turn[0] - shelf.rate * now, *turn[1:])
                if (best is None or turn < best) and self._may_begin(desk, shelf.buckets[0]):
                    best = turn
        if best is not None and desk.state.name in self.places[best[3]].missed:
            best = self._first_not_missed(desk, now)
        if desk.kept:
            best = self._first_kept(desk, best, now)
        return None if best is None else self.places[best[3]]

    def serves(self, desk: Desk) -> list[Shelf]:
        """Shelves of buckets whose work the agent is able to take. Walks all."""
        self._look_at_new(desk)
        return [shelf for served in desk.served for shelf in served.shelves()] + desk.guarded

    def _look_at_new(self, desk: Desk) -> None:
        """Find what an agent serves of the shelves that were made since it looked."""
        epoch, count = desk.looked_at
        shelves = self.shelves.all
        if epoch != self.epoch or len(shelves) - count > MOST_NEW:
            self._look_at_all(desk)
        elif count < len(shelves):
            byte, byte_bit = desk.byte, desk.byte_bit
            desk.serve([each for each in shelves[count:] if each.ability.mask[byte] & byte_bit])
            desk.looked_at = (epoch, len(shelves))

    def _look_at_all(self, desk: Desk) -> None:
        """Find what an agent serves, and its neighbours of the same byte in passing: that byte is at hand."""
        first = desk.number & ~7
        neighbours = self.by_number[first : first + 8]
        found: list[list[Shelf]] = [[] for _ in neighbours]
        byte = desk.byte
        for ability, shelves in self.shelves.by_ability.items():
            able = ability.mask[byte]
            if able:
                for at, each in enumerate(neighbours):
                    if able & each.byte_bit:
                        found[at] += shelves
        for each, serves in zip(neighbours, found, strict=True):
            each.serve_nothing()
            each.serve(serves)
            each.looked_at = (self.epoch, len(self.shelves.all))

    def _may_begin(self, desk: Desk, bucket: Bucket) -> bool:
        """Whether the limits of its queue let a free agent take the head of a bucket."""
        queue = bucket.queue
        return not queue.full() and not self.held_back(queue, bucket.key[0], desk.bit)

    def _first_not_missed(self, desk: Desk, now: float) -> Turn | None:
        """The first that the agent did not miss just now (few: one a ring). Looks at all it serves."""
        best: Turn | None = None
        places, name = self.places, desk.state.name
        for bucket in [each for shelf in self.serves(desk) for each in shelf.buckets]:
            if bucket.head is None or not desk.room_for >> bucket.kind & 1:
                continue
            if bucket.guarded and not self._may_begin(desk, bucket):
                continue
            turn = next((turn for turn in bucket.line if name not in places[turn[3]].missed), None)
            if turn is not None:
                standing = (turn[0] - bucket.rate * now, *turn[1:])
                if best is None or standing < best:
                    best = standing
        return best

    def _first_kept(self, desk: Desk, best: Turn | None, now: float) -> Turn | None:
        for place in desk.kept.values():
            queue = self.queues[place.queue]
            if self.may_take_kept(desk, queue, place):
                standing = queue.standing(place, now)
                if best is None or standing < best:
                    best = standing
        return best

    def count_free(self, queue: QueueIndex, place: Place) -> int:
        """How many could take a place now, if it is kept for nobody and the queue is not full."""
        return self.candidates(queue, place).bit_count()

    def first_members(self, queue: QueueIndex) -> tuple[Desk, ...]:
        """The first nine members in the queue's own order: those it names, then those by skill."""
        if queue.first is None:
            numbers = list(islice(queue.stages.listed, FIRST))
            rest = queue.stages.members
            for number in numbers:
                rest &= ~(1 << number)
            while rest and len(numbers) < FIRST and len(queue.stages.listed) < FIRST:
                numbers.append((rest & -rest).bit_length() - 1)
                rest &= rest - 1
            queue.first = tuple([self.by_number[number] for number in numbers])
        return queue.first

    def first_takable(self, queue: QueueIndex, now: float) -> Place | None:
        """The first of a queue's waiting that somebody can take. Walks its heads, not its waiting."""
        if queue.full():
            return None
        found: list[tuple[Turn, Place]] = []
        for bucket in queue.buckets.values():
            place = next((each for each in self._heads(bucket) if self.candidates(queue, each)), None)
            if place is not None:
                found.append((queue.standing(place, now), place))
        for line in queue.kept.values():
            for turn in line:
                place = self.places[turn[3]]
                if self.may_take_kept(self.desks[place.prefer], queue, place):
                    found.append((queue.standing(place, now), place))
                    break
        return min(found)[1] if found else None

    def _heads(self, bucket: Bucket) -> Iterator[Place]:
        """Places of a bucket up to the first that nobody missed: if nobody can take that, nobody can any."""
        for turn in bucket.line:
            place = self.places[turn[3]]
            yield place
            if not place.missed:
                return


@lru_cache(MOST_ROOM_MASKS)
def kinds_in(mask: int) -> tuple[int, ...]:
    """Numbers of the kinds of work in a set of them."""
    return tuple([kind for kind in range(mask.bit_length()) if mask >> kind & 1])


def _with(bits: Bits, bit: Bits, on: bool) -> Bits:
    return bits | bit if on else bits & ~bit


def _queues(rules: Rules, desks: list[Desk], kinds: list[Kind], own: Strategies) -> dict[str, QueueIndex]:
    table = SkillTable(None if desk.state.removed else desk.rule.skills for desk in desks)
    numbers = {desk.state.name: desk.number for desk in desks if not desk.state.removed}
    queues = {
        name: QueueIndex(rule, Stages(rule, rules, table, numbers), kinds, own, calendar_of(rule, rules))
        for name, rule in rules.queues.items()
    }
    for name in measured(rules):
        queues[name].measures = True
    for name, figure in [asked for queue in queues.values() for asked in queue.asks()]:
        if figure == "ewt_s" and name in queues:
            queues[name].estimates = True
    return queues
