"""A slow, obvious matcher: lists, loops, and a look at every pair after every turn."""

import math
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

from ccd.model.emergency import Closure
from ccd.model.entry import condition_of
from ccd.model.nouns import DEFAULT_LOAD, ChannelClass, OfferEnd
from ccd.model.requirements import Requirement, parse_requirement
from ccd.model.rules import AgentRule, QueueRule, Relax, Rules
from ccd.routing.callbacks import MARGIN_S
from ccd.routing.strategies import chance_of

Stage = tuple[int, frozenset[int]]
"""How many times have passed, and what conditions gave."""

parsed = cache(parse_requirement)
"""Texts are few, and asked about at each look."""


def stages(queue: QueueRule) -> list[Stage]:
    """All that there can be."""
    conditions = [at for at, relax in enumerate(queue.relax) if relax.when]
    given = [c for count in range(len(conditions) + 1) for c in combinations(conditions, count)]
    return [(at, frozenset(each)) for at in range(len(times(queue))) for each in given]


def in_force(queue: QueueRule, stage: Stage) -> list[Relax]:
    """What is given up at a stage."""
    if not queue.relax:
        return []
    at = times(queue)[stage[0]]
    given = enumerate(queue.relax)
    return [relax for n, relax in given if (n in stage[1] if relax.when else relax.after_s <= at)]


def times(queue: QueueRule) -> list[float]:
    return sorted({0.0, *(r.after_s for r in queue.relax), *(t.after_s for t in queue.tiers)})


@dataclass
class Ring:
    """What an agent has of an interaction: an offer, then the conversation."""

    held: int
    """Load taken when it was offered; a reload does not change it."""
    deadline: float = 0.0
    before: tuple[Any, ...] = ()
    after: int = 0
    offer: str = ""


@dataclass
class Piece:
    """An interaction as the oracle sees it."""

    name: str
    queue: QueueRule
    channel_class: ChannelClass
    priority: int
    entered_at: float
    seq: int
    enqueued_at: float
    own: str = ""
    phase: str = "waiting"
    rings: dict[str, Ring] = field(default_factory=dict)
    """By agent; more than one only while they ring."""
    missed: dict[str, float] = field(default_factory=dict)
    max_wait_fired: bool = False
    on_hold: bool = False
    stage: int = 0
    given: set[int] = field(default_factory=set)
    """Places in the queue's list of the relaxations that a condition gave it."""
    prefer: str = ""
    prefer_until: float = 0.0
    bridged_at: float = 0.0
    said: bool = False
    """A disposition was given in the conversation."""
    callback: bool = False
    until: float = 0.0
    since: float = 0.0
    rests_until: float = 0.0
    reached: bool = False

    @property
    def agent(self) -> str:
        """Who accepted it, once somebody did."""
        return next(iter(self.rings), "")

    @property
    def at(self) -> Stage:
        return (self.stage, frozenset(self.given))

    @property
    def calls_first(self) -> bool:
        """Its customer is called before the one agent it is offered to."""
        rule = self.queue.callback
        return self.callback and not self.reached and rule is not None and rule.first == "customer"

    def order(self, now: float) -> tuple[float, float, int]:
        if self.reached:
            return (-math.inf, self.entered_at, self.seq)
        rate = self.queue.age_per_min.get(self.channel_class, 0.0) / 60
        points = self.priority + self.queue.weight + rate * (now - self.entered_at)
        return (-points, self.entered_at, self.seq)


@dataclass
class Person:
    """An agent as the oracle sees it."""

    rule: AgentRule
    ready: str = "logged_out"
    reason: str = ""
    reachable: bool = False
    turn: tuple[float, int] = (0.0, 0)
    asked: int = 0
    outside: dict[str, int] = field(default_factory=dict)
    wrap_until: float = 0.0
    """When its time is over; 0: it has none."""
    wrap_open: bool = False
    """Until it is ended by hand."""
    owed: set[str] = field(default_factory=set)
    """Until a disposition of these is given."""
    extensions: int = 0
    extend_s: float = 0.0
    misses: dict[str, int] = field(default_factory=dict)
    handled: int = 0
    talked_s: float = 0.0

    @property
    def wraps(self) -> bool:
        return bool(self.wrap_until or self.wrap_open or self.owed)

    def stop_wrap_up(self) -> None:
        self.wrap_until, self.wrap_open = 0.0, False
        self.owed.clear()


class Oracle:
    """Lists and loops only."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.people = {name: Person(agent) for name, agent in rules.agents.items()}
        self.pieces: dict[str, Piece] = {}
        self.counter = 0
        self.offer_number = 1
        self.counts = {
            name: [0] * 5 for name in rules.queues
        }  # offered handled abandoned overflowed callback_failed
        self.looks: dict[str, float] = {}
        self.closures: dict[str, Closure] = {}
        self.offers: list[tuple[str, str]] = []
        self.overflows: list[str] = []

    def tick(self) -> int:
        self.counter += 1
        return self.counter

    # -- who may -------------------------------------------------------------------------------

    def used(self, agent: str, without: tuple[ChannelClass, ...] = ()) -> int:
        """Load of an agent, some channel classes not counted."""
        held = [p for p in self.pieces.values() if agent in p.rings and p.channel_class not in without]
        return sum(p.rings[agent].held for p in held if not p.on_hold) + sum(
            self.people[agent].outside.values()
        )

    def cost(self, agent: str, queue: QueueRule, channel_class: ChannelClass) -> int:
        own = self.people[agent].rule.load
        return own.get(channel_class, queue.load.get(channel_class, DEFAULT_LOAD[channel_class]))

    def has_room(self, agent: str, queue: QueueRule, channel_class: ChannelClass) -> bool:
        """Open for work, and one more of this queue and class fits."""
        person = self.people[agent]
        over = queue.interrupts.get(channel_class, ())
        fits = self.used(agent, over) + self.cost(agent, queue, channel_class) <= person.rule.capacity
        count = sum(agent in p.rings and p.channel_class is channel_class for p in self.pieces.values())
        return (
            person.ready == "ready"
            and person.reachable
            and not person.wraps
            and fits
            and count < person.rule.most.get(channel_class, 99)
        )

    def asked_for(self, queue: QueueRule, stage: Stage, own: str) -> Requirement:
        asked = parsed(queue.requirement).both(parsed(own))
        for relax in in_force(queue, stage):
            asked = asked.at_most(relax.at_most).without(relax.drop)
        return asked

    def named(self, agent: str, queue: QueueRule) -> bool:
        return agent in queue.agents or any(agent in tier.agents for tier in queue.tiers)

    def rank(self, agent: str, queue: QueueRule, stage: Stage) -> int | None:
        """Which in the order of tiers; None: not to be asked at this stage."""
        at = times(queue)[stage[0]]
        in_tier = [tier for tier in queue.tiers if agent in tier.agents]
        opened = [n for n, tier in enumerate(queue.tiers, 1) if tier in in_tier and tier.after_s <= at]
        if opened:
            return opened[0]
        if not in_tier and (agent in queue.agents or queue.by_skill):
            return 1 if queue.tiers and queue.tiers[0].after_s == 0 else 0
        for relax in in_force(queue, stage):
            for name in relax.open:
                if self.serves(agent, self.rules.queues[name]):
                    return 99
        return None

    def serves(self, agent: str, queue: QueueRule) -> bool:
        """As the queue is at the start, tiers aside."""
        able = parsed(queue.requirement).met_by(self.people[agent].rule.skills)
        return able and (queue.by_skill or self.named(agent, queue))

    def able(self, agent: str, queue: QueueRule, stage: Stage, own: str) -> bool:
        met = self.asked_for(queue, stage, own).met_by(self.people[agent].rule.skills)
        return met and self.rank(agent, queue, stage) is not None

    def members(self, queue: QueueRule) -> list[str]:
        return [
            name
            for name in self.people
            if self.named(name, queue)
            or (queue.by_skill and any(self.able(name, queue, stage, "") for stage in stages(queue)))
        ]

    def full(self, queue: QueueRule) -> bool:
        active = sum(p.queue is queue and p.phase not in ("waiting", "resting") for p in self.pieces.values())
        return queue.max_active is not None and active >= queue.max_active

    def reserved(self, agent: str, piece: Piece) -> bool:
        """Would leave too few of the queue's agents free for what it reserves them for."""
        queue = piece.queue
        for kept, count in queue.reserve.items():
            free = [name for name in self.members(queue) if self.has_room(name, queue, kept)]
            if kept is piece.channel_class or agent not in free or len(free) > count:
                continue
            over = queue.interrupts.get(kept, ())
            extra = 0 if piece.channel_class in over else self.cost(agent, queue, piece.channel_class)
            load = self.used(agent, over) + extra + self.cost(agent, queue, kept)
            if load > self.people[agent].rule.capacity:
                return True
        return False

    def can(self, agent: str, piece: Piece) -> bool:
        queue = piece.queue
        return (
            (agent == piece.prefer if piece.prefer else self.able(agent, queue, piece.at, piece.own))
            and self.has_room(agent, queue, piece.channel_class)
            and agent not in piece.missed
            and agent not in piece.rings
            and (piece.phase == "offered" or not self.full(queue))
            and not self.reserved(agent, piece)
        )

    def key(self, agent: str, piece: Piece) -> tuple[Any, ...]:
        person, queue = self.people[agent], piece.queue
        room = person.rule.capacity - self.used(agent)
        named = list(
            dict.fromkeys([*(a for a in queue.agents if not self.tiered(a, queue)), *self.in_tiers(queue)])
        )
        wanted = self.asked_for(queue, piece.at, piece.own).skills
        chance = chance_of(self.offer_number, agent)
        return {
            "longest_idle": lambda: person.turn,
            "ring_all": lambda: person.turn,
            "round_robin": lambda: (person.asked,),
            "fewest_handled": lambda: (person.handled, person.asked),
            "least_talk_time": lambda: (person.talked_s, person.asked),
            "least_loaded": lambda: (-room, person.asked),
            "top_down": lambda: (named.index(agent) if agent in named else 99,),
            "best_skill": lambda: (-sum(person.rule.skills.get(s, 0) for s in wanted), *person.turn),
            "weighted_random": lambda: (-(chance ** (1 / queue.weights.get(agent, 1))),),
        }[queue.strategy]()

    def tiered(self, agent: str, queue: QueueRule) -> bool:
        return agent in self.in_tiers(queue)

    def in_tiers(self, queue: QueueRule) -> list[str]:
        return [name for tier in queue.tiers for name in tier.agents]

    # -- pairing -------------------------------------------------------------------------------

    def waiting(self, now: float) -> list[Piece]:
        return sorted(
            (p for p in self.pieces.values() if p.phase == "waiting"), key=lambda piece: piece.order(now)
        )

    def pair(self, now: float) -> None:
        """The first of all waiting that anybody can take goes to the best who can; then the first ring that
        anybody may join; again until none."""
        while self.take_waiting(now) or self.join_a_ring(now):
            pass
        self.watch(now)

    # -- conditions ----------------------------------------------------------------------------

    def watch(self, now: float) -> None:
        """Queues with a condition look at each full 5 s while anybody waits in them."""
        for queue in self.rules.queues.values():
            watches = any(relax.when for relax in queue.relax)
            if watches and self.anyone(queue.name) and self.looks.get(queue.name, -1.0) < now:
                self.looks[queue.name] = math.ceil(now / 5) * 5

    def anyone(self, queue: str) -> bool:
        return any(p.queue.name == queue and p.phase == "waiting" for p in self.pieces.values())

    def holding(self, queue: QueueRule, now: float, without: str = "") -> set[int]:
        """The relaxations whose condition holds, seen before one more enters."""
        figures: dict[str, float] = {}
        for name in self.rules.queues:
            queued = ("waiting", "resting", "offered", "accepted")
            mine = [p for p in self.pieces.values() if p.queue.name == name and p.phase in queued]
            mine = [p for p in mine if p.name != without]
            longest = max([now - p.entered_at for p in mine if not p.callback or p.reached], default=0.0)
            known = {"waiting": len(mine), "longest_wait_s": max(0.0, longest)}
            figures |= {f"queue.{name}.{figure}": value for figure, value in known.items()}
            figures |= known if name == queue.name else {}
        relax = enumerate(queue.relax)
        return {n for n, each in relax if each.when and condition_of(each.when)(figures.get)}

    def give(self, piece: Piece, holding: set[int]) -> None:
        if not piece.prefer:
            waited, relax = times(piece.queue)[piece.stage], piece.queue.relax
            piece.given |= {n for n in holding if relax[n].after_s <= waited}

    def enter(self, piece: Piece, now: float) -> None:
        """What conditions give when one enters: to those before it, then to it."""
        holding = self.holding(piece.queue, now, without=piece.name)
        for each in self.pieces.values():
            if each.queue is piece.queue and each.phase == "waiting" and each.order(now) <= piece.order(now):
                self.give(each, holding)

    def take_waiting(self, now: float) -> bool:
        for piece in self.waiting(now):
            able = [name for name in self.people if self.can(name, piece)]
            if able:
                self.offer(piece, min(able, key=lambda name: self.preference(name, piece)), now)
                while joining := self.joining(piece):
                    self.offer(piece, min(joining, key=lambda name: self.preference(name, piece)), now)
                return True
        return False

    def join_a_ring(self, now: float) -> bool:
        ringing = [p for p in self.pieces.values() if p.phase == "offered"]
        for piece in sorted(ringing, key=lambda piece: piece.order(now)):
            joining = self.joining(piece)
            if joining:
                self.offer(piece, min(joining, key=lambda name: self.preference(name, piece)), now)
                return True
        return False

    def joining(self, piece: Piece) -> list[str]:
        """Who may be rung besides those who ring: of the best tier that anybody is asked of."""
        queue = piece.queue
        if queue.strategy != "ring_all" or piece.prefer or piece.max_wait_fired or piece.calls_first:
            return []
        if len(piece.rings) >= queue.ring_all_max:
            return []
        able = [name for name in self.people if self.can(name, piece)]
        ranks = [self.rank(name, queue, piece.at) for name in (*able, *piece.rings)]
        best = min((rank for rank in ranks if rank is not None), default=None)
        return [name for name in able if self.rank(name, queue, piece.at) == best]

    def preference(self, agent: str, piece: Piece) -> tuple[Any, ...]:
        """Tier, strategy, and the name, which breaks ties as nothing else does."""
        rank = 0 if piece.prefer else self.rank(agent, piece.queue, piece.at)
        return (rank, *self.key(agent, piece), agent)

    def offer(self, piece: Piece, agent: str, now: float) -> None:
        person = self.people[agent]
        voice = piece.channel_class is ChannelClass.VOICE
        deadline = now + (piece.queue.ring_timeout_s if voice else piece.queue.text_timeout_s)
        rule = piece.queue.callback
        if piece.calls_first and rule is not None:
            deadline = now + rule.ring_s + MARGIN_S
        ring = Ring(
            self.cost(agent, piece.queue, piece.channel_class),
            deadline,
            (person.turn, person.asked),
            self.tick(),
        )
        self.offer_number += 1
        person.turn, person.asked = (now, ring.after), ring.after
        piece.phase, piece.rings[agent] = "offered", ring
        self.offers.append((piece.name, agent))

    # -- ends ----------------------------------------------------------------------------------

    def release(self, piece: Piece, agent: str, now: float, restore: bool) -> None:
        person = self.people[agent]
        ring = piece.rings.pop(agent)
        if not piece.rings:
            piece.phase = "waiting"
        if not restore:
            person.turn = (now, self.tick())
        elif person.turn[1] == ring.after:
            person.turn, person.asked = ring.before
        else:
            for later in [p.rings[agent] for p in self.pieces.values() if agent in p.rings]:
                if later.before and later.before[0][1] == ring.after:
                    later.before = ring.before
        piece.on_hold = False

    def release_all(self, piece: Piece, now: float) -> None:
        for agent in list(piece.rings):
            self.release(piece, agent, now, restore=True)

    def take(self, piece: Piece, agent: str, now: float) -> None:
        """The agent answers; the others' phones are still."""
        for other in [name for name in piece.rings if name != agent]:
            self.release(piece, other, now, restore=True)
        piece.phase = "accepted"
        self.people[agent].misses.clear()

    def miss(self, piece: Piece, agent: str, end: str, now: float) -> None:
        person = self.people[agent]
        self.release(piece, agent, now, restore=False)
        piece.missed[agent] = now + piece.queue.retry_same_after_s
        if piece.prefer == agent:
            piece.prefer = ""
        person.misses[end] = person.misses.get(end, 0) + 1
        limit = piece.queue.on_miss.get(OfferEnd(end), 0)
        if limit and person.misses[end] >= limit and person.ready == "ready":
            self.declare(agent, "paused", piece.queue.miss_pause_reason, now)
        if piece.name in self.pieces and not piece.rings:
            self.too_late(piece, now)

    def put_by(self, piece: Piece, now: float) -> bool:
        """A callback past its time ends, one whose queue is closed rests."""
        if not piece.callback or piece.reached:
            return False
        piece.since, piece.max_wait_fired = now, False
        if piece.until <= now:
            del self.pieces[piece.name]
            self.counts[piece.queue.name][4] += 1
        elif self.closed(piece.queue, now):
            self.lay_aside(piece, min(piece.until, self.opens(piece.queue, now)))
        else:
            return False
        return True

    def lay_aside(self, piece: Piece, until: float) -> None:
        piece.phase, piece.rests_until, piece.max_wait_fired = "resting", until, False

    def wake(self, piece: Piece, now: float) -> None:
        piece.phase = "waiting"
        if piece.prefer and self.people[piece.prefer].ready == "logged_out":
            piece.prefer = ""
        self.put_by(piece, now)

    def too_late(self, piece: Piece, now: float) -> None:
        if piece.callback:
            self.put_by(piece, now)
            return
        limit = piece.queue.max_wait_s
        late = limit is not None and piece.enqueued_at + limit <= now
        closing = self.closing(piece)
        late = late or (closing is not None and closing <= now)
        if late or self.nobody(piece.queue, piece.queue.leave_empty):
            self.overflow(piece)

    def closed(self, queue: QueueRule, at: float) -> bool:
        """By hand, or by the hours: calendars of these tests are open but for exceptional closings."""
        hand = self.closures.get(queue.name)
        by_hand = hand is not None and hand.since <= at < (math.inf if hand.until is None else hand.until)
        return by_hand or any(start <= at < until for start, until in self.shut_hours(queue))

    def shut_hours(self, queue: QueueRule) -> list[tuple[float, float]]:
        if not queue.calendar:
            return []
        return [(each.start, each.until) for each in self.rules.calendars[queue.calendar].exceptional]

    def opens(self, queue: QueueRule, at: float) -> float:
        """When a queue that is closed at that moment opens, as far as anybody knows; inf: nobody does."""
        hand = self.closures.get(queue.name)
        ends = [until for _, until in self.shut_hours(queue)]
        ends += [math.inf if hand.until is None else hand.until] if hand is not None else []
        opened = [end for end in sorted(ends) if end > at and not self.closed(queue, end)]
        return min(opened, default=math.inf)

    def resting_for_closure(self, queue: QueueRule) -> list[Piece]:
        hand = self.closures.get(queue.name)
        resting = [p for p in self.pieces.values() if p.queue is queue and p.phase == "resting"]
        if hand is None:
            return []
        opens = self.opens(queue, hand.since)
        found = [p for p in resting if p.rests_until == min(p.until, opens)]
        return sorted(found, key=lambda piece: (piece.entered_at, piece.seq))

    def shut(self, queue: QueueRule, closure: Closure, now: float) -> None:
        resting = self.resting_for_closure(queue)
        self.closures[queue.name] = closure
        for piece in resting:
            piece.rests_until = min(piece.until, self.opens(queue, now))
        self.fire(now)

    def reopen(self, queue: QueueRule, now: float) -> None:
        resting = self.resting_for_closure(queue)
        self.closures.pop(queue.name, None)
        for piece in resting:
            self.wake(piece, now)
            self.pair(now)

    def closing(self, piece: Piece) -> float | None:
        """The first closed moment from its entering on; of a callback from when it may be tried."""
        queue, since = piece.queue, piece.since if piece.callback else piece.enqueued_at
        if piece.callback and (piece.reached or piece.phase == "resting"):
            return None
        if queue.on_close != "overflow" and not piece.callback:
            return None
        spans = self.shut_hours(queue)
        hand = self.closures.get(queue.name)
        if hand is not None:
            spans.append((hand.since, math.inf if hand.until is None else hand.until))
        return min((max(start, since) for start, until in spans if until > since), default=None)

    def overloaded(self, queue: QueueRule, queued: int) -> bool:
        """One more than `queued` is more than `max_load` for each ready agent."""
        ready = sum(self.people[name].ready == "ready" for name in self.members(queue))
        return queue.max_load is not None and queued + 1 > queue.max_load * ready

    def nobody(self, queue: QueueRule, what: str) -> bool:
        there = {"logged_out": ("ready", "paused"), "not_ready": ("ready",)}.get(what)
        return there is not None and not any(self.people[n].ready in there for n in self.members(queue))

    def desert(self, queues: list[QueueRule]) -> None:
        for queue in queues:
            if self.nobody(queue, queue.leave_empty):
                for piece in [p for p in self.pieces.values() if p.queue is queue and p.phase == "waiting"]:
                    if not piece.callback:
                        self.overflow(piece)

    def overflow(self, piece: Piece) -> None:
        del self.pieces[piece.name]
        self.counts[piece.queue.name][3] += 1
        self.overflows.append(piece.name)

    def declare(self, agent: str, ready: str, reason: str, now: float) -> None:
        person = self.people[agent]
        if person.ready == "logged_out":
            person.handled, person.talked_s = 0, 0.0
        if ready == "ready" and person.ready != "ready":
            person.misses.clear()
            person.turn = (now, self.tick())
        person.ready, person.reason = ready, reason
        if ready != "paused":
            person.stop_wrap_up()
        if ready == "ready":
            return
        mine = [p for p in self.pieces.values() if agent in p.rings and p.phase == "offered"]
        for piece in mine:
            self.release(piece, agent, now, restore=True)
        if ready == "logged_out":
            kept = [p for p in self.pieces.values() if p.prefer == agent and p.phase == "waiting"]
            for piece in kept:
                piece.prefer = ""
            mine += [piece for piece in kept if piece not in mine]
        self.desert([queue for queue in self.rules.queues.values() if agent in self.members(queue)])
        for piece in mine:
            if piece.name in self.pieces and not piece.rings:
                self.too_late(piece, now)

    def finish(self, piece: Piece, now: float) -> None:
        agent = piece.agent
        self.people[agent].talked_s += now - piece.bridged_at
        self.release(piece, agent, now, restore=False)
        self.wrap_up(self.people[agent], piece, now)
        piece.said = False

    def wrap_up(self, person: Person, piece: Piece, now: float) -> None:
        """What is added to the agent's wrap-up by the end of a conversation."""
        own, queue = person.rule, piece.queue
        rule = own if own.wrap_up is not None or own.wrap_up_s is not None else queue
        timed = rule.wrap_up is None and bool(rule.wrap_up_s)
        if person.ready == "logged_out":
            return
        if timed:
            person.wrap_until = max(person.wrap_until, now + (rule.wrap_up_s or 0.0))
            person.extensions, person.extend_s = queue.wrap_up_extensions, queue.wrap_up_extend_s
        person.wrap_open = person.wrap_open or rule.wrap_up == "until_ended"
        if person.wrap_open:
            person.wrap_until = 0.0
        if queue.dispositions and queue.disposition == "required" and not piece.said:
            person.owed.add(piece.name)

    def say(self, person: Person, name: str, now: float) -> None:
        """An agent says how its part in a conversation ended, or ends; it may be in it again."""
        piece = self.pieces.get(name)
        if piece is not None and piece.agent == person.rule.name and piece.queue.dispositions:
            piece.said = True
        owed = name in person.owed
        person.owed.discard(name)
        if owed and not person.wraps:
            person.turn = (now, self.tick())

    # -- time ----------------------------------------------------------------------------------

    def dues(self) -> list[tuple[float, int, str, str]]:
        out = [(p.wrap_until, 1, name, "") for name, p in self.people.items() if p.wrap_until]
        for piece in self.pieces.values():
            if piece.phase == "connected":
                continue
            out += [(at, 2, piece.name, agent) for agent, at in piece.missed.items()]
            if piece.stage + 1 < len(times(piece.queue)):
                out.append((piece.enqueued_at + times(piece.queue)[piece.stage + 1], 3, piece.name, ""))
            if piece.prefer:
                out.append((piece.prefer_until, 4, piece.name, ""))
            if piece.phase == "offered":
                out += [(ring.deadline, 5, ring.offer, piece.name) for ring in piece.rings.values()]
            if piece.queue.max_wait_s is not None and not piece.max_wait_fired and not piece.callback:
                out.append((piece.enqueued_at + piece.queue.max_wait_s, 7, piece.name, ""))
            closing = self.closing(piece)
            if closing is not None and not piece.max_wait_fired:
                out.append((closing, 6, piece.name, ""))
            if piece.callback and not piece.reached and not piece.max_wait_fired:
                out.append((piece.until, 9, piece.name, ""))
            if piece.phase == "resting":
                out.append((piece.rests_until, 10, piece.name, ""))
        out += [(at, 12, queue, "") for queue, at in self.looks.items() if self.anyone(queue)]
        return sorted(out)

    def fire(self, now: float) -> None:
        while (dues := self.dues()) and dues[0][0] <= now:
            _, kind, name, agent = dues[0]
            if kind == 1:
                self.people[name].wrap_until = 0.0
                if not self.people[name].owed:
                    self.people[name].turn = (now, self.tick())
            elif kind == 2:
                del self.pieces[name].missed[agent]
            elif kind == 3:
                holding = self.holding(self.pieces[name].queue, now)
                self.pieces[name].stage += 1
                if self.pieces[name].phase == "waiting":
                    self.give(self.pieces[name], holding)
            elif kind == 4:
                self.pieces[name].prefer = ""
            elif kind == 5:
                rings = self.pieces[agent].rings
                missing = next(each for each, ring in rings.items() if ring.offer == name)
                self.miss(self.pieces[agent], missing, "no_answer", now)
            elif kind == 12:
                self.looks[name] = (now // 5 + 1) * 5
                holding = self.holding(self.rules.queues[name], now)
                for piece in self.pieces.values():
                    if piece.queue.name == name and piece.phase == "waiting":
                        self.give(piece, holding)
            elif kind == 10:
                self.wake(self.pieces[name], now)
            elif self.pieces[name].callback:
                piece = self.pieces[name]
                if piece.phase in ("offered", "accepted"):
                    piece.max_wait_fired = True
                elif kind == 9:
                    del self.pieces[name]
                    self.counts[piece.queue.name][4] += 1
                else:
                    self.put_by(piece, now)
            else:
                self.pieces[name].max_wait_fired = True
                if self.pieces[name].phase == "waiting":
                    self.overflow(self.pieces[name])
            self.pair(now)
