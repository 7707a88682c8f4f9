"""What the routing engine costs a fact, from a small centre to a very large one.

    python bench/routing.py [--json] [--facts 20000] [--seed 1]

200 queues of which most ask for a boolean requirement over 60 skills, three channel classes, a queue in
five with a relaxation, one in five that ages. Three sizes: 100, 1 000 and 10 000 agents with ten times as
many interactions waiting. Each is filled first; then comes a mix of arrivals, accepts, misses, ends and
changes of state that keeps the size, each turn of the engine timed by itself, deadlines included. Timed is
the processor time of the thread: the engine never waits, and what else runs here does not count.

Prints for each size the facts a second, mean and 99th percentile of a turn in microseconds, and bytes for
each waiting interaction; and `growth`, the mean at the largest size over that at the smallest.
"""

import argparse
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from ccd.model.nouns import Availability, Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.rules import AgentRule, QueueRule, Relax, Rules
from ccd.routing import decisions as d
from ccd.routing.router import Router

QUEUES, SKILLS = 200, 60
SIZES = {"small": (100, 1_000), "medium": (1_000, 10_000), "large": (10_000, 100_000)}
CLASSES = (ChannelClass.VOICE, ChannelClass.LIVE_TEXT, ChannelClass.DEFERRED_TEXT)
WARM_UP = 5
"""Turns an agent before the measured ones: what an agent serves is found out when it first seeks work."""


def requirement(chance: random.Random) -> str:
    """Two or three skills, joined as people do."""
    one, two, three = (f"s{n}" for n in chance.sample(range(SKILLS), 3))
    level = chance.randint(2, 6)
    return chance.choice(
        [
            f"{one} >= {level}",
            f"{one} or {two} >= {level}",
            f"{one} >= {level} and ({two} or {three} >= 4)",
            f"({one} or {two}) and not {three} >= 9",
        ]
    )


def make_rules(agents: int, chance: random.Random) -> Rules:
    """A centre of so many agents; each has 4 to 10 of the skills, and each queue names some of them."""
    people = {}
    for number in range(agents):
        skills = {f"s{n}": chance.randint(1, 10) for n in chance.sample(range(SKILLS), chance.randint(4, 10))}
        people[f"a{number}"] = AgentRule(name=f"a{number}", skills=skills)
    queues = {}
    for number in range(QUEUES):
        named = number % 4 == 0
        asked = requirement(chance)
        skill = asked.split()[0].strip("(")
        queues[f"q{number}"] = QueueRule(
            name=f"q{number}",
            agents=tuple(f"a{n}" for n in chance.sample(range(agents), agents // 20)) if named else (),
            by_skill=not named,
            requirement="" if named else asked,
            relax=(Relax(40.0, at_most={skill: 2}), Relax(90.0, drop=(skill,))) if number % 5 == 1 else (),
            age_per_min=dict.fromkeys(CLASSES, 1.0) if number % 5 == 2 else {},
            weight=number % 3,
            strategy=("longest_idle", "round_robin", "least_loaded")[number % 3],
            ring_timeout_s=20.0,
            max_wait_s=3600.0 if number % 2 else None,
        )
    return Rules(agents=people, queues=queues)


class Traffic:
    """A router under a mix of facts that keeps about so many waiting."""

    def __init__(self, agents: int, waiting: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 1_800_000_000.0
        self.waiting = waiting
        self.router = Router(make_rules(agents, self.chance))
        self.step = 10.0 / agents
        """Seconds between facts: an agent does something every ten."""
        self.names = [f"a{n}" for n in range(agents)]
        self.ringing: list[tuple[str, str]] = []
        self.talking: list[str] = []
        self.lined_up: list[str] = []
        self.serial = 0
        for name in self.names:
            self.router.set_reachable(name, True, self.now)
            self.router.set_availability(name, Availability.READY, "", "bench", self.now)

    def fill(self, waiting: int) -> None:
        """Interactions until so many wait; the agents are busy then."""
        while len(self.router.state.places) - len(self.ringing) - len(self.talking) < waiting:
            self.now += self.step
            self.note(self.due())
            self.note(self.arrive())
            while self.ringing:
                self.note(self.accept())

    def note(self, out: list[d.Decision]) -> None:
        """Follow what the engine decided."""
        for one in out:
            if isinstance(one, d.Offer):
                self.ringing.append((one.offer, one.interaction))

    # -- facts: each is one turn, as the runtime makes it -------------------------------------

    def arrive(self) -> list[d.Decision]:
        self.serial += 1
        name = f"i{self.serial}"
        channel_class = self.chance.choice(CLASSES)
        self.lined_up.append(name)
        return self.router.enqueue(
            name,
            f"q{self.chance.randrange(QUEUES)}",
            self.now,
            channel_class=channel_class,
            kind=LegKind.AUDIO if channel_class is ChannelClass.VOICE else LegKind.TEXT,
            priority=self.chance.choice([0, 0, 0, 1, 5]),
        )

    def take_ringing(self) -> tuple[str, str] | None:
        """One that still rings."""
        while self.ringing:
            at = self.chance.randrange(len(self.ringing))
            self.ringing[at], self.ringing[-1] = self.ringing[-1], self.ringing[at]
            offer, name = self.ringing.pop()
            if self.router.offer_of(name) == offer:
                return offer, name
        return None

    def accept(self) -> list[d.Decision]:
        found = self.take_ringing()
        if found is None:
            return []
        self.talking.append(found[1])
        return self.router.answered(found[0], self.now) + self.router.bridged(found[1], self.now)

    def miss(self) -> list[d.Decision]:
        found = self.take_ringing()
        return [] if found is None else self.router.missed(found[0], OfferEnd.REJECTED, self.now)

    def end(self) -> list[d.Decision]:
        if not self.talking:
            return []
        at = self.chance.randrange(len(self.talking))
        self.talking[at], self.talking[-1] = self.talking[-1], self.talking[at]
        return self.router.finish(self.talking.pop(), self.now)

    def give_up(self) -> list[d.Decision]:
        at = self.chance.randrange(len(self.lined_up))
        self.lined_up[at], self.lined_up[-1] = self.lined_up[-1], self.lined_up[at]
        name = self.lined_up.pop()
        place = self.router.state.places.get(name)
        if place is None or place.agent:
            return []
        return self.router.withdraw(name, self.now, Cause.CANCELLED)

    def pause(self) -> list[d.Decision]:
        name = self.chance.choice(self.names)
        return self.router.set_availability(name, Availability.PAUSED, "lunch", "bench", self.now)

    def ready(self) -> list[d.Decision]:
        name = self.chance.choice(self.names)
        return self.router.set_availability(name, Availability.READY, "", "bench", self.now)

    def due(self) -> list[d.Decision]:
        return self.router.expire(self.now)

    def next(self) -> Callable[[], list[d.Decision]]:
        """What happens next."""
        self.now += self.step
        at = self.router.next_deadline()
        if at is not None and at <= self.now:
            return self.due
        if len(self.router.state.places) - len(self.talking) < self.waiting:
            return self.arrive
        busy = self.chance.random()
        if self.ringing and busy < 0.45:
            return self.accept if busy < 0.40 else self.miss
        if busy < 0.75:
            return self.end
        return self.chance.choice(
            [self.arrive, self.arrive, self.give_up, self.pause, self.ready, self.ready]
        )


def bytes_a_waiting(agents: int, waiting: int, seed: int) -> float:
    """Memory that the engine takes for each waiting interaction, its indexes and deadlines included."""
    traffic = Traffic(agents, waiting, seed)
    traffic.fill(0)
    before_fill = min(100, waiting // 10)
    traffic.fill(before_fill)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    listed = len(traffic.lined_up)
    traffic.fill(waiting)
    traffic.lined_up = traffic.lined_up[:listed]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / (waiting - before_fill)


def measure(agents: int, waiting: int, facts: int, seed: int) -> dict[str, Any]:
    """One size: figures over `facts` turns."""
    traffic = Traffic(agents, waiting, seed)
    traffic.fill(waiting)
    for _ in range(max(2_000, WARM_UP * agents)):
        traffic.note(traffic.next()())
    gc.collect()
    gc.freeze()
    gc.disable()
    spans: list[int] = []
    mix = dict.fromkeys(["arrive", "accept", "miss", "end", "give_up", "pause", "ready", "due"], 0)
    clock = time.thread_time_ns
    while len(spans) < facts:
        turn = traffic.next()
        began = clock()
        out = turn()
        spans.append(clock() - began)
        traffic.note(out)
        mix[turn.__name__] += 1
    gc.enable()
    gc.unfreeze()
    spans.sort()
    mean = sum(spans) / len(spans) / 1000
    return {
        "agents": agents,
        "waiting": sum(not place.agent for place in traffic.router.state.places.values()),
        "facts_per_s": round(1e6 / mean),
        "mean_us": round(mean, 1),
        "p50_us": round(spans[len(spans) // 2] / 1000, 1),
        "p99_us": round(spans[int(len(spans) * 0.99)] / 1000, 1),
        "max_us": round(spans[-1] / 1000, 1),
        "mix": mix,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--facts", type=int, default=20_000, help="turns measured at each size")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    for name, (agents, waiting) in SIZES.items():
        found[name] = measure(agents, waiting, asked.facts, asked.seed)
        found[name]["bytes_per_waiting"] = round(bytes_a_waiting(agents, waiting, asked.seed))
    found["growth"] = round(found["large"]["mean_us"] / found["small"]["mean_us"], 2)
    if asked.json:
        print(json.dumps(found))
        return
    for name in SIZES:
        one = found[name]
        print(
            f"{name:7} {one['agents']:6} agents {one['waiting']:7} waiting: {one['facts_per_s']:7} facts/s, "
            f"mean {one['mean_us']:6.1f} us, p99 {one['p99_us']:6.1f} us, most {one['max_us']:8.1f} us, "
            f"{one['bytes_per_waiting']} bytes a waiting"
        )
        print("        " + ", ".join(f"{count} {what}" for what, count in one["mix"].items()))
    print(f"growth  {found['growth']}")


if __name__ == "__main__":
    main()
