"""Estimated wait (EWT) of those in a queue: one fold of what happens, several estimators over it.

The fold is told each event with its `now` and costs O(1) an event; its state is plain values, so it
survives a snapshot and replays to the same figures. An estimator is a named pure function of that state:

- `pace` (the default): the queue ahead over the pace at which it moves, with those who will give up.
  It is Whitt's QLa, sum over k = 0…ahead of 1 / (c·μ + k·θ), where μ is not only 1 / AHT but learned from
  how fast an agent takes *this* queue while it waits: agents who serve other queues too count for what
  they give.
- `queue_length_patience`: QLa with μ = 1 / AHT; `queue_length`: the same without giving up.
- `head_of_line`: how long the oldest has waited; the last wait when nobody is ahead.
- `last_wait`: the wait of the last one who was served.
- `mean_wait`: the mean wait of the served of late. Known to be poor; for comparison.

One fold is for a queue, whatever priorities wait in it, and a position is the place in the queue's order. Who
comes meanwhile with a higher priority goes ahead: so many more are counted as will come at the rate of late;
where waiting ages, they can only go ahead as long as their lead lasts. Without that the lower ones were
promised too little (docs/routing.md has figures).

Source: Ibrahim and Whitt, Real-Time Delay Estimation in Call Centers (M&SOM 2009), and in overloaded
systems with abandonment (POMS 2009).
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum

import msgspec

MEMORY = 200
"""Events of a kind that a learned figure looks back on: older ones fade."""
KEEP = 1.0 - 1.0 / MEMORY
PRIOR = 10.0
"""How many observations a configured figure is worth."""
COMING_S = 1800.0
"""Time constant of the rate at which a priority comes."""
COMING_LEAST_S = 300.0
"""A rate is taken over no less, however lately the fold began."""
MOST_PRIORITIES = 32
"""Whose rates are kept: of more the one that came least of late is forgotten."""
LEAST_LEFT = 0.05
"""At least this share of the pace is taken to be left behind those who go ahead."""
STRAIN_S = 10.0
"""When the oldest has waited longer, no agent is free: shorter waits are the ringing of phones."""
MEAN_FADES_S = 1800.0
"""Time constant of `mean_wait`."""
FAIR_FROM, GOOD_FROM = 10.0, 50.0
"""Observations from which an estimate deserves the word."""
SMALLEST = 10.0
"""From this argument on four terms of the series of digamma give nine digits."""
HARDLY = 1e-9
"""Below this share of the served, those who give up change no digit that counts."""


class Confidence(StrEnum):
    """A word on an estimate."""

    NONE = "none"
    """There is none: nobody is logged in."""
    GUESS = "guess"
    """From the configured handling time."""
    FAIR = "fair"
    GOOD = "good"


class EwtRule(msgspec.Struct, frozen=True):
    """What an estimator is given by the configuration."""

    estimator: str = "pace"
    aht_s: float = 240.0
    """Handling time until enough was seen."""
    patience_s: float = 0.0
    """Mean patience until enough was seen; 0: not known."""
    most_s: float = 7200.0
    """No estimate is longer."""


class EwtState(msgspec.Struct):
    """All that is remembered of one queue. Times are epoch seconds; the sums fade."""

    waiting: dict[str, float] = {}
    """Interaction → when it entered, oldest first."""
    talking: dict[str, float] = {}
    """Interaction → when it was bridged, until the agent is done with it."""
    agents: int = 0
    """How many are there for this queue, busy or not, as told last."""
    counted_at: float = 0.0
    """Up to when `waited_s` and `strained_s` are counted."""
    talks: float = 0.0
    work_s: float = 0.0
    """Of `talks`: bridge to end of wrap-up."""
    given_up: float = 0.0
    waited_s: float = 0.0
    """Time that anybody waited, in which `given_up` gave up."""
    taken: float = 0.0
    """Taken while the queue was under strain."""
    strained_s: float = 0.0
    """Agents' time under strain, in which `taken` were taken."""
    last_wait_s: float | None = None
    """Of the last one served."""
    served: float = 0.0
    wait_sum_s: float = 0.0
    """Of `served`."""
    served_at: float = 0.0
    """When these two were last counted."""
    coming: dict[int, float] = {}
    """Priority → how many came of late."""
    coming_since: float | None = None
    """When the first one came."""
    coming_at: float = 0.0
    """Up to when `coming` has faded."""


class Ewt:
    """The fold and the estimate of one queue. `now` never runs back; an event told twice counts once."""

    __slots__ = ("_history", "_pace", "rule", "state")

    def __init__(self, rule: EwtRule, state: EwtState | None = None) -> None:
        """Raises `KeyError` for an estimator that is not in `ESTIMATORS`: the configuration checks names."""
        self.rule = rule
        self._pace = PACES.get(rule.estimator)
        self._history = None if self._pace is not None else HISTORIES[rule.estimator]
        self.state = EwtState() if state is None else state
        self.state.waiting = OrderedDict(self.state.waiting)  # its first entry is found at once

    # -- what happens --------------------------------------------------------------------------

    def entered(self, interaction: str, now: float, priority: int = 0) -> None:
        """It waits in this queue from now on."""
        self._count(now)
        state = self.state
        if interaction in state.waiting:
            return
        state.waiting[interaction] = now
        self._fade_coming(now)
        coming = state.coming
        if priority not in coming and len(coming) >= MOST_PRIORITIES:
            del coming[min(coming, key=lambda each: (coming[each], each))]
        coming[priority] = coming.get(priority, 0.0) + 1.0

    def left(self, interaction: str, now: float) -> None:
        """It left without being served and without giving up: overflowed, or moved."""
        self._count(now)
        self.state.waiting.pop(interaction, None)

    def abandoned(self, interaction: str, now: float) -> None:
        """The customer gave up."""
        self._count(now)
        state = self.state
        if state.waiting.pop(interaction, None) is not None:
            state.given_up = state.given_up * KEEP + 1.0
            state.waited_s *= KEEP

    def bridged(self, interaction: str, now: float) -> None:
        """Customer and agent were joined."""
        self._count(now)
        state = self.state
        strained = self._strained_since(now) is not None
        entered_at = state.waiting.pop(interaction, None)
        if entered_at is None:
            return
        state.talking[interaction] = now
        state.last_wait_s = now - entered_at
        state.given_up *= KEEP
        state.waited_s *= KEEP
        if strained:
            state.taken = state.taken * KEEP + 1.0
            state.strained_s *= KEEP
        fade = math.exp((state.served_at - now) / MEAN_FADES_S)
        state.served = state.served * fade + 1.0
        state.wait_sum_s = state.wait_sum_s * fade + state.last_wait_s
        state.served_at = now

    def finished(self, interaction: str, now: float) -> None:
        """The agent is done with it, wrap-up included."""
        state = self.state
        bridged_at = state.talking.pop(interaction, None)
        if bridged_at is not None:
            state.talks = state.talks * KEEP + 1.0
            state.work_s = state.work_s * KEEP + now - bridged_at

    def staffed(self, agents: int, now: float) -> None:
        """So many agents are there for this queue from now on, busy or not."""
        self._count(now)
        self.state.agents = agents

    # -- what comes of it ----------------------------------------------------------------------

    def estimate(
        self, position: int, now: float, priority: int | None = None, ages_per_s: float = 0.0
    ) -> float | None:
        """Seconds that the one at this place (1: next) will still wait; None with nobody logged in.

        Never negative, never above `most_s`. It is meant for who waits: a free agent means no wait.
        `priority`: the one's own, so that those of higher priority who will come are counted as ahead; None:
        nobody goes ahead. `ages_per_s`: points of priority that a second of waiting adds.
        """
        if not self.state.agents:
            return None
        position, most_s = max(1, position), self.rule.most_s
        if self._history is not None:
            return min(max(0.0, self._history(self, position, now)), most_s)
        served, given_up = (self._pace or pace)(self)
        found = time_through(position, served, given_up)
        coming = self.state.coming
        if priority is not None and coming and max(coming) > priority and found < most_s:
            served += (position - 0.5) * given_up
            rate = self._coming_rate(now)
            first = _tail(rate * self._going_ahead(priority, ages_per_s, found), served, given_up)
            # those who come in the wait make it longer, so that more come: 1 + r + r² … with r of the first
            settled = found / max(LEAST_LEFT, 1.0 - first / found)
            found += _tail(rate * self._going_ahead(priority, ages_per_s, settled), served, given_up)
        return min(found, most_s)

    def _going_ahead(self, priority: int, ages_per_s: float, within_s: float) -> float:
        """How many of higher priority come within a time and go ahead, times `_coming_rate`."""
        total = 0.0
        for other, count in self.state.coming.items():
            if other > priority:
                lasts_s = (other - priority) / ages_per_s if ages_per_s else within_s
                total += count * (lasts_s if lasts_s < within_s else within_s)
        return total

    def _coming_rate(self, now: float) -> float:
        """What makes of a count in `coming` so many a second."""
        state = self.state
        since = now if state.coming_since is None else state.coming_since
        age_s = max(COMING_LEAST_S, now - since)
        return math.exp((state.coming_at - now) / COMING_S) / (COMING_S * (1.0 - math.exp(-age_s / COMING_S)))

    def _fade_coming(self, now: float) -> None:
        state = self.state
        if state.coming_since is None:
            state.coming_since = now
        elif now > state.coming_at:
            fade = math.exp((state.coming_at - now) / COMING_S)
            for each in state.coming:
                state.coming[each] *= fade
        state.coming_at = now

    def confidence(self) -> Confidence:
        """How much was seen of what the estimate rests on."""
        state = self.state
        if not state.agents:
            return Confidence.NONE
        if state.talks < FAIR_FROM:
            return Confidence.GUESS
        return Confidence.GOOD if state.talks >= GOOD_FROM else Confidence.FAIR

    def aht_s(self) -> float:
        """Handling time: the configured one, overtaken by what is seen."""
        return (PRIOR * self.rule.aht_s + self.state.work_s) / (PRIOR + self.state.talks)

    def taken_per_s(self) -> float:
        """How many of this queue one agent takes a second while it waits: 1 / AHT, until it is seen."""
        state = self.state
        return (PRIOR + state.taken) / (PRIOR * self.aht_s() + state.strained_s)

    def given_up_per_s(self) -> float:
        """At which rate one who waits gives up: seen over the time waited, from a configured one on if any.

        Without one it begins at 0, and a handling time of waiting that was not seen keeps one early caller
        who hangs up at once from counting for all.
        """
        state, patience_s = self.state, self.rule.patience_s
        if patience_s > 0:
            return (state.given_up + 1.0) / (state.waited_s + patience_s)
        return state.given_up / (state.waited_s + self.rule.aht_s)

    def mean_wait_s(self) -> float | None:
        """Mean wait of the served of late."""
        return self.state.wait_sum_s / self.state.served if self.state.served > 0 else None

    def oldest_s(self, now: float) -> float:
        """How long the oldest has waited."""
        waiting = self.state.waiting
        return now - next(iter(waiting.values())) if waiting else 0.0

    def _strained_since(self, now: float) -> float | None:
        """Since when the oldest has waited longer than phones ring."""
        waiting = self.state.waiting
        since = next(iter(waiting.values())) + STRAIN_S if waiting else math.inf
        return since if since < now else None

    def _count(self, now: float) -> None:
        """Bring the sums of time up to now, before something changes."""
        state = self.state
        if now == state.counted_at:
            return
        waiting = state.waiting
        if waiting:
            state.waited_s += len(waiting) * (now - state.counted_at)
            for oldest in waiting.values():  # the first one alone
                if oldest + STRAIN_S < now:
                    state.strained_s += state.agents * (now - max(oldest + STRAIN_S, state.counted_at))
                break
        state.counted_at = now


# -- estimators --------------------------------------------------------------------------------------------


def pace(ewt: Ewt) -> tuple[float, float]:
    """QLa at the pace at which this queue is seen to move."""
    return ewt.state.agents * ewt.taken_per_s(), ewt.given_up_per_s()


def queue_length_patience(ewt: Ewt) -> tuple[float, float]:
    """QLa: as if the agents did nothing else."""
    return ewt.state.agents / ewt.aht_s(), ewt.given_up_per_s()


def queue_length(ewt: Ewt) -> tuple[float, float]:
    """QL: as if moreover nobody gave up."""
    return ewt.state.agents / ewt.aht_s(), 0.0


def head_of_line(ewt: Ewt, position: int, now: float) -> float:
    """HOL, for the last in the line; nearer ones have their share of it."""
    last = max(position, len(ewt.state.waiting))
    if last == 1:
        return last_wait(ewt, position, now)
    return ewt.oldest_s(now) * position / last


def last_wait(ewt: Ewt, position: int, _now: float) -> float:
    """LES; as long as nobody was served, by the length of the queue."""
    last = ewt.state.last_wait_s
    return time_through(position, *queue_length(ewt)) if last is None else last


def mean_wait(ewt: Ewt, position: int, _now: float) -> float:
    """The plain average; as long as nobody was served, by the length of the queue."""
    mean = ewt.mean_wait_s()
    return time_through(position, *queue_length(ewt)) if mean is None else mean


PACES: dict[str, Callable[[Ewt], tuple[float, float]]] = {
    "pace": pace,
    "queue_length_patience": queue_length_patience,
    "queue_length": queue_length,
}
"""Those that go by the length: how many are served a second, and the rate at which one gives up."""
HISTORIES: dict[str, Callable[[Ewt, int, float], float]] = {
    "head_of_line": head_of_line,
    "last_wait": last_wait,
    "mean_wait": mean_wait,
}
"""Those that go by waits that were: (fold, position, now) -> seconds."""
ESTIMATORS = (*PACES, *HISTORIES)
"""All names; the first is the default."""


def _tail(more: float, served_per_s: float, given_up_per_s: float) -> float:
    """The time that so many more take at the pace behind the line that is there.

    The sum of `time_through` from there on, by its integral.
    """
    if more * given_up_per_s < HARDLY * served_per_s:
        return more / served_per_s
    return math.log1p(more * given_up_per_s / served_per_s) / given_up_per_s


def time_through(position: int, served_per_s: float, given_up_per_s: float) -> float:
    """Sum over k = 0…position - 1 of 1 / (served + k · given up): the mean time until all of them are gone.

    In closed form, (ψ(n + position) - ψ(n)) / given up with n = served / given up, so that ten thousand
    ahead cost no more than one.
    """
    if position == 1 or position * given_up_per_s < HARDLY * served_per_s:
        return position / served_per_s
    n = served_per_s / given_up_per_s
    total, k = 0.0, 0
    while n + k < SMALLEST and k < position:
        total += 1.0 / (n + k)
        k += 1
    low, high = n + k, n + position
    if high > low:
        total += math.log1p((high - low) / low) + _after_log(high) - _after_log(low)
    return total / given_up_per_s


def _after_log(x: float) -> float:
    """ψ(x) - ln x (Abramowitz and Stegun 6.3.18)."""
    square = 1.0 / (x * x)
    return -0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
