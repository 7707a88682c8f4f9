"""A slow, obvious matcher: lists, loops, and a look at every pair after every turn."""

from dataclasses import dataclass, field
from typing import Any

from ccd.model.nouns import DEFAULT_LOAD, ChannelClass, OfferEnd
from ccd.model.rules import AgentRule, QueueRule, Rules


@dataclass
class Piece:
    """An interaction as the oracle sees it."""

    name: str
    queue: QueueRule
    channel_class: ChannelClass
    order: tuple[int, float, int]
    enqueued_at: float
    phase: str = "waiting"
    agent: str = ""
    offer: str = ""
    deadline: float = 0.0
    before: tuple[Any, ...] = ()
    after: int = 0
    missed: dict[str, float] = field(default_factory=dict)
    max_wait_fired: bool = False
    held: int = 0
    """Load taken when it was offered; a reload does not change it."""

    @property
    def load(self) -> int:
        return self.queue.load.get(self.channel_class, DEFAULT_LOAD[self.channel_class])


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
    misses: dict[str, int] = field(default_factory=dict)


class Oracle:
    """Lists and loops only."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.people = {name: Person(agent) for name, agent in rules.agents.items()}
        self.pieces: dict[str, Piece] = {}
        self.counter = 0
        self.counts = {name: [0, 0, 0, 0] for name in rules.queues}  # offered handled abandoned overflowed
        self.offers: list[tuple[str, str]] = []
        self.overflows: list[str] = []

    def tick(self) -> int:
        self.counter += 1
        return self.counter

    def used(self, agent: str) -> int:
        held = sum(p.held for p in self.pieces.values() if p.agent == agent)
        return held + sum(self.people[agent].outside.values())

    def can(self, agent: str, piece: Piece) -> bool:
        person = self.people[agent]
        return (
            agent in piece.queue.agents
            and person.ready == "ready"
            and person.reachable
            and not person.wrap_until
            and agent not in piece.missed
            and self.used(agent) + piece.load <= person.rule.capacity
        )

    def key(self, agent: str, queue: QueueRule) -> tuple[Any, ...]:
        person = self.people[agent]
        if queue.strategy == "top_down":
            return (queue.agents.index(agent),)
        return (person.asked,) if queue.strategy == "round_robin" else person.turn

    def pair(self, now: float) -> None:
        """The first of all waiting that anybody can take goes to the best who can; again until none."""
        while True:
            waiting = sorted((p for p in self.pieces.values() if p.phase == "waiting"), key=lambda p: p.order)
            for piece in waiting:
                able = [name for name in self.people if self.can(name, piece)]
                if able:
                    # the name breaks ties, as nothing else does
                    self.offer(piece, min(able, key=lambda name: (*self.key(name, piece.queue), name)), now)
                    break
            else:
                return

    def offer(self, piece: Piece, agent: str, now: float) -> None:
        person = self.people[agent]
        piece.before = (person.turn, person.asked)
        piece.after = self.tick()
        person.turn, person.asked = (now, piece.after), piece.after
        voice = piece.channel_class is ChannelClass.VOICE
        piece.deadline = now + (piece.queue.ring_timeout_s if voice else piece.queue.text_timeout_s)
        piece.phase, piece.agent, piece.held = "offered", agent, piece.load
        self.offers.append((piece.name, agent))

    def release(self, piece: Piece, now: float, restore: bool) -> None:
        person = self.people[piece.agent]
        if not restore:
            person.turn = (now, self.tick())
        elif person.turn[1] == piece.after:
            person.turn, person.asked = piece.before
        piece.agent = ""

    def miss(self, piece: Piece, end: str, now: float) -> None:
        agent = piece.agent
        person = self.people[agent]
        self.release(piece, now, restore=False)
        piece.phase = "waiting"
        piece.missed[agent] = now + piece.queue.retry_same_after_s
        person.misses[end] = person.misses.get(end, 0) + 1
        limit = piece.queue.on_miss.get(OfferEnd(end), 0)
        if limit and person.misses[end] >= limit and person.ready == "ready":
            self.declare(agent, "paused", piece.queue.miss_pause_reason, now)
        self.too_late(piece, now)

    def too_late(self, piece: Piece, now: float) -> None:
        limit = piece.queue.max_wait_s
        if limit is not None and piece.enqueued_at + limit <= now:
            self.overflow(piece)

    def overflow(self, piece: Piece) -> None:
        del self.pieces[piece.name]
        self.counts[piece.queue.name][3] += 1
        self.overflows.append(piece.name)

    def declare(self, agent: str, ready: str, reason: str, now: float) -> None:
        person = self.people[agent]
        if ready == "ready" and person.ready != "ready":
            person.misses.clear()
            person.turn = (now, self.tick())
        person.ready, person.reason = ready, reason
        if ready != "paused":
            person.wrap_until = 0.0
        if ready != "ready":
            for piece in [p for p in self.pieces.values() if p.agent == agent and p.phase == "offered"]:
                self.release(piece, now, restore=True)
                piece.phase = "waiting"
                self.too_late(piece, now)

    def finish(self, piece: Piece, now: float) -> None:
        agent = piece.agent
        self.release(piece, now, restore=False)
        wrap = self.people[agent].rule.wrap_up_s
        wrap = piece.queue.wrap_up_s if wrap is None else wrap
        if wrap > 0 and self.people[agent].ready != "logged_out":
            self.people[agent].wrap_until = max(self.people[agent].wrap_until, now + wrap)

    def dues(self) -> list[tuple[float, int, str, str]]:
        out = [(p.wrap_until, 1, name, "") for name, p in self.people.items() if p.wrap_until]
        for piece in self.pieces.values():
            if piece.phase == "connected":
                continue
            out += [(at, 2, piece.name, agent) for agent, at in piece.missed.items()]
            if piece.phase == "offered":
                out.append((piece.deadline, 3, piece.offer, piece.name))
            if piece.queue.max_wait_s is not None and not piece.max_wait_fired:
                out.append((piece.enqueued_at + piece.queue.max_wait_s, 4, piece.name, ""))
        return sorted(out)

    def fire(self, now: float) -> None:
        while (dues := self.dues()) and dues[0][0] <= now:
            _, kind, name, agent = dues[0]
            if kind == 1:
                self.people[name].wrap_until = 0.0
                self.people[name].turn = (now, self.tick())
            elif kind == 2:
                del self.pieces[name].missed[agent]
            elif kind == 3:
                self.miss(self.pieces[agent], "no_answer", now)
            else:
                self.pieces[name].max_wait_fired = True
                if self.pieces[name].phase == "waiting":
                    self.overflow(self.pieces[name])
            self.pair(now)
