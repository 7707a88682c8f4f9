"""A simulated pool of agents with one queue that estimates its waits, and perhaps another that does not.

Seeded, exponential times, first come first served (or the other queue before ours). Each arrival that
finds all agents busy is given an estimate by every estimator; the wait that came true judges it.
"""

import heapq
import random
from collections import deque

import msgspec

from ccd.routing.ewt import ESTIMATORS, Ewt, EwtRule
from ccd.routing.told import Accuracy

FIRST = 5
"""Priority of those who are served first."""


class Load(msgspec.Struct, frozen=True):
    """What the pool is put to."""

    agents: int
    ratio: float
    """Offered load of our queue over agents."""
    patience_s: float
    elsewhere: float = 0.0
    """Offered load of the other queue over agents."""
    elsewhere_first: bool = False
    """The other ones are served before ours: a higher priority."""
    first: float = 0.0
    """Share of ours that is served before the others of ours."""
    aht_s: float = 240.0
    configured_aht_s: float = 180.0


class WaitingPool:
    """One run; `accuracy` by the estimator's name is what comes of it."""

    def __init__(self, load: Load, seed: int) -> None:
        self.load = load
        self.dice = random.Random(seed)
        self.now = 0.0
        self.free = load.agents
        self.line: deque[str] = deque()
        self.since: dict[str, float] = {}
        self.ours = 0
        self.served = 0
        self.told: dict[str, dict[str, float]] = {}
        self.accuracy = {name: Accuracy() for name in ESTIMATORS}
        self.waits_s = 0.0
        self.priority: dict[str, int] = {}
        self.plain: dict[str, float | None] = {}
        self.counting: dict[int, Accuracy] = {0: Accuracy(), FIRST: Accuracy()}
        """By priority, of the default estimator."""
        self.ignoring: dict[int, Accuracy] = {0: Accuracy(), FIRST: Accuracy()}
        """The same if nobody were taken to go ahead later."""
        rules = (EwtRule(name, aht_s=load.configured_aht_s) for name in ESTIMATORS)
        self.folds = {rule.estimator: Ewt(rule) for rule in rules}
        self.events: list[tuple[float, int, str, str]] = []
        self.count = 0
        for fold in self.folds.values():
            fold.staffed(load.agents, self.now)
        self.later(self.rate(load.ratio), "arrives", "ours")
        if load.elsewhere:
            self.later(self.rate(load.elsewhere), "arrives", "other")

    def rate(self, ratio: float) -> float:
        return ratio * self.load.agents / self.load.aht_s

    def later(self, rate: float, what: str, who: str) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + self.dice.expovariate(rate), self.count, what, who))

    def tell(self, what: str, who: str) -> None:
        for fold in self.folds.values():
            getattr(fold, what)(who, self.now)

    def run(self, served: int) -> "WaitingPool":
        """Until so many of ours were served; the first tenth is not judged."""
        while self.served < served:
            self.now, _, what, who = heapq.heappop(self.events)
            getattr(self, f"_{what}")(who)
            while self.free and self.line:
                self._serve(self._next(), judged=self.served > served / 10)
        return self

    def _next(self) -> str:
        if self.load.first:
            who = max(self.line, key=lambda each: self.priority[each])  # of equals the first
            self.line.remove(who)
            return who
        others = (who for who in self.line if self.load.elsewhere_first and who.startswith("other"))
        who = next(others, self.line[0])
        self.line.remove(who)
        return who

    def _arrives(self, kind: str) -> None:
        self.later(self.rate(self.load.ratio if kind == "ours" else self.load.elsewhere), "arrives", kind)
        who = f"{kind} {self.count}"
        self.priority[who] = FIRST if self.load.first and self.dice.random() < self.load.first else 0
        self.since[who] = self.now
        self.line.append(who)
        if self.load.patience_s:
            self.later(1 / self.load.patience_s, "gives_up", who)
        if kind == "ours":
            self.ours += 1
            mine = self.priority[who]
            for fold in self.folds.values():
                fold.entered(who, self.now, mine)
            if not self.free:
                at = self.ours if not mine else sum(self.priority[each] == mine for each in self.line)
                self.plain[who] = self.folds["pace"].estimate(at, self.now)
                found = {name: fold.estimate(at, self.now, mine) for name, fold in self.folds.items()}
                self.told[who] = {name: each for name, each in found.items() if each is not None}

    def _gives_up(self, who: str) -> None:
        if self.since.pop(who, None) is None:
            return
        self.line.remove(who)
        self.told.pop(who, None)
        if who.startswith("ours"):
            self.ours -= 1
            self.tell("abandoned", who)

    def _serve(self, who: str, judged: bool) -> None:
        waited_s = self.now - self.since.pop(who)
        self.free -= 1
        if who.startswith("ours"):
            self.ours -= 1
            self.served += 1
            self.tell("bridged", who)
            told = self.told.pop(who, {})
            if judged:
                self.waits_s += waited_s if told else 0.0
                for name, estimate_s in told.items():
                    self.accuracy[name].came_true(estimate_s, waited_s)
                plain = self.plain.pop(who, None)
                if plain is not None:
                    self.counting[self.priority[who]].came_true(told["pace"], waited_s)
                    self.ignoring[self.priority[who]].came_true(plain, waited_s)
        self.later(1 / self.load.aht_s, "ends", who)

    def _ends(self, who: str) -> None:
        self.free += 1
        if who.startswith("ours"):
            self.tell("finished", who)
