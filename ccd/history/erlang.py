"""Erlang's formulas: what waits and losses a pool of agents would give under a known traffic.

B: nobody waits, whoever finds all agents busy is lost (M/M/c/c). C: everybody waits for ever (M/M/c).
A: everybody waits until patience ends (Palm's M/M/c+M). Arrivals are Poisson, handling times and
patience exponential. Shares are 0..1, times seconds, traffic calls an hour. All sums are of positive
terms taken relative to the largest one, so 10 000 agents cost no digits.

Sources: Erlang 1917; Palm 1957; Garnett, Mandelbaum, Reiman 2002 (A); the time-dependent shares of A
are those of a pure death process, summed as a negative binomial.
"""

import math
from collections.abc import Callable
from typing import Protocol

from ccd.errors import Refused

MOST_AGENTS = 10_000
"""Largest pool that is computed."""
MOST_WAITING = 250_000
"""Erlang A is not computed where more would wait: a pool so far overloaded has no figures worth a wait."""
SHORTEST_S, LONGEST_S = 0.001, 1e9
"""Handling times and patiences that are computed."""
_TIMES = f"give {SHORTEST_S:g} to {LONGEST_S:g} s"
HOUR_S = 3600.0
_NOTHING = 1e-18
"""A term below this share of the largest one ends a sum."""


def load_erl(calls_per_h: float, aht_s: float) -> float:
    """Offered load in erlangs: agents that would be busy all the time."""
    return calls_per_h * aht_s / HOUR_S


def blocking(agents: float, load: float) -> float:
    """Erlang B: the share of arrivals that find all agents (or lines) busy. `agents` may be a fraction."""
    return 1.0 / _inverse_blocking(agents, load) if load > 0 else float(agents == 0)


def _inverse_blocking(agents: float, load: float) -> float:
    """1 / B by I(k) = 1 + k / a · I(k-1): sums of positive terms, infinite where B is below any float."""
    whole = math.floor(agents)
    rest = agents - whole
    inverse = 1.0 if rest == 0 else _fraction_of_an_agent(rest, load)
    for k in range(1, whole + 1):
        inverse = 1.0 + (k + rest) / load * inverse
    return inverse


def _fraction_of_an_agent(agents: float, load: float) -> float:
    """1 / B for less than one agent: a · ∫ e^(-a t) (1 + t)^agents dt = e^a a^-agents Γ(agents + 1, a)."""
    shape = agents + 1.0
    if load < shape + 1.0:
        term = total = 1.0 / shape
        k = shape
        while term > total * _NOTHING:
            k += 1.0
            term *= load / k
            total += term
        return math.exp(load - agents * math.log(load)) * math.gamma(shape) - load * total
    return load * _upper_gamma_fraction(shape, load)


def _upper_gamma_fraction(shape: float, x: float) -> float:
    """Γ(shape, x) / (x^shape e^-x) by Lentz's continued fraction, for x > shape + 1."""
    tiny = 1e-300
    b = x + 1.0 - shape
    c, d = 1.0 / tiny, 1.0 / b
    fraction = d
    for k in range(1, 10_000):
        a = -k * (k - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        change = c * d
        fraction *= change
        if abs(change - 1.0) < 1e-15:
            break
    return fraction


class Pool(Protocol):
    """What one can ask of a pool of agents, whatever the model."""

    load: float
    """Offered load, erlangs."""
    p_wait: float
    """Share that waits at all."""
    p_abandon: float
    """Share that gives up."""
    occupancy: float
    """Share of their time that agents are busy; 1 when overloaded."""
    asa_s: float
    """Mean wait of the served; infinite when the line grows without end."""
    wait_mean_s: float
    """Mean wait of all, the lost ones too."""
    waiting: float
    """Mean number of waiting ones."""

    def served_within(self, t_s: float) -> float:
        """Share of all arrivals that is served after a wait of at most `t_s`: the service level."""
        ...

    def abandons_within(self, t_s: float) -> float:
        """Share of all arrivals that gives up after a wait of at most `t_s`."""
        ...

    def waits_over(self, t_s: float) -> float:
        """Share of all arrivals that still waits after `t_s`."""
        ...


class ErlangC:
    """A pool where nobody gives up. With as much load as agents, or more, the line grows without end."""

    __slots__ = (
        "_drain_per_s",
        "asa_s",
        "load",
        "occupancy",
        "p_abandon",
        "p_wait",
        "wait_mean_s",
        "waiting",
    )

    def __init__(self, agents: int, calls_per_h: float, aht_s: float) -> None:
        """Raises `Refused` for figures that mean nothing."""
        check_traffic(agents, calls_per_h, aht_s)
        self.load = load = load_erl(calls_per_h, aht_s)
        self.p_abandon = 0.0
        self._drain_per_s = (agents - load) / aht_s
        if load >= agents:
            self.p_wait, self.occupancy = 1.0, 1.0
            self.asa_s = self.waiting = math.inf
        else:
            spare = (agents - load) / agents
            self.p_wait = 1.0 / (_inverse_blocking(agents, load) * spare + 1.0 - spare) if load > 0 else 0.0
            self.occupancy = load / agents
            self.asa_s = self.p_wait / self._drain_per_s
            self.waiting = calls_per_h / HOUR_S * self.asa_s
        self.wait_mean_s = self.asa_s

    def served_within(self, t_s: float) -> float:
        return 1.0 - self.waits_over(t_s)

    def abandons_within(self, t_s: float) -> float:  # noqa: ARG002  nobody does
        return 0.0

    def waits_over(self, t_s: float) -> float:
        return self.p_wait * math.exp(-max(0.0, self._drain_per_s) * t_s)


class ErlangA:
    """A pool where whoever waits gives up after an exponential patience of mean `patience_s`."""

    __slots__ = (
        "_first", "_per_aht", "_shares", "_theta", "asa_s", "load", "occupancy",
        "p_abandon", "p_wait", "wait_mean_s", "waiting",
    )  # fmt: skip

    def __init__(self, agents: int, calls_per_h: float, aht_s: float, patience_s: float) -> None:
        """Raises `Refused` for figures that mean nothing, or where more than `MOST_WAITING` would wait."""
        check_traffic(agents, calls_per_h, aht_s)
        if not SHORTEST_S <= patience_s <= LONGEST_S:
            raise Refused("erlang.patience", f"a patience of {patience_s:g} s cannot be computed — {_TIMES}")
        self.load = load = load_erl(calls_per_h, aht_s)
        self._theta = theta = 1.0 / patience_s
        self._per_aht = agents * patience_s / aht_s
        arrivals = calls_per_h / HOUR_S
        self._first, self._shares = self._line(agents, arrivals * patience_s)
        self.p_wait = math.fsum(self._shares)
        self.waiting = math.fsum(k * share for k, share in self._states())
        self.wait_mean_s = self.waiting / arrivals if arrivals > 0 else 0.0
        self.p_abandon = min(1.0, theta * self.wait_mean_s)
        self.occupancy = min(1.0, load * (1.0 - self.p_abandon) / agents)
        self.asa_s = self._wait_of_the_served() / (1.0 - self.p_abandon) if self.p_abandon < 1.0 else math.inf

    def _line(self, agents: int, most: float) -> tuple[int, list[float]]:
        """The states with all agents busy: the fewest waiting, and the share of time of it and each next.

        One waiting more is `most / (per_aht + k)` times as likely, `most` = arrivals in a patience.
        """
        if most <= 0:
            return 0, []
        over = max(0.0, most - self._per_aht)
        if over + 10.0 * math.sqrt(most) > MOST_WAITING:
            cure = "give fewer calls, more agents or less patience"
            raise Refused("erlang.waiting", f"over {MOST_WAITING:,} would wait — {cure}")
        first, weights = _weights(math.floor(over), lambda k: most / (self._per_aht + k))
        below = weights[0] * (_inverse_blocking(agents, self.load) - 1.0) if first == 0 else 0.0
        whole = math.fsum(weights) + below
        return first, [weight / whole for weight in weights]

    def _states(self) -> enumerate[float]:
        return enumerate(self._shares, self._first)

    def _wait_of_the_served(self) -> float:
        """E[V e^(-θ V)], V the wait that an endlessly patient one would have behind k others."""
        n = self._per_aht
        steps = math.fsum(1.0 / (n + i) for i in range(1, self._first + 1))
        total = 0.0
        for k, share in self._states():
            steps += 1.0 / (n + k + 1)
            total += share * n / (n + k + 1) * steps
        return total / self._theta

    def served_within(self, t_s: float) -> float:
        gone = self._gone_within(self._per_aht + 1.0, t_s)
        n = self._per_aht
        parts = (share * n / (n + k + 1) * gone[k] for k, share in self._states())
        return min(1.0, 1.0 - self.p_wait + math.fsum(parts))

    def abandons_within(self, t_s: float) -> float:
        return max(0.0, 1.0 - self.served_within(t_s) - self.waits_over(t_s))

    def waits_over(self, t_s: float) -> float:
        gone = self._gone_within(self._per_aht, t_s)
        still = math.fsum(share * (1.0 - gone[k]) for k, share in self._states())
        return math.exp(-self._theta * t_s) * still

    def _gone_within(self, n: float, t_s: float) -> list[float]:
        """By k: the chance I(k + 1, n) that k + 1 have left the line within `t_s`, the k-th last at n + k.

        In patiences, the number of departures is negative binomial: C(n + j - 1, j) x^n (1 - x)^j with
        x = e^(-θ t). Its terms are taken as logarithms, x^n alone may be below any float.
        """
        left = -math.expm1(-self._theta * t_s)
        if left == 0.0:
            return [0.0] * (self._first + len(self._shares))
        log_left, log_term = math.log(left), -n * self._theta * t_s
        fewer, gone = math.exp(log_term), []
        gone.append(max(0.0, 1.0 - fewer))
        for j in range(1, self._first + len(self._shares)):
            log_term += math.log((n + j - 1.0) / j) + log_left
            fewer += math.exp(log_term)
            gone.append(max(0.0, 1.0 - fewer))
        return gone


def _weights(peak: int, ratio: Callable[[int], float]) -> tuple[int, list[float]]:
    """A one-peaked row of weights, 1 at `peak`, down to nothing on both sides: first index, weights.

    `ratio(k)` is weight k over weight k - 1.
    """
    down = []
    k, weight = peak, 1.0
    while k > 0:
        weight /= ratio(k)
        if weight < _NOTHING:
            break
        k -= 1
        down.append(weight)
    row = [*reversed(down), 1.0]
    first, k, weight = k, peak, 1.0
    while True:
        k += 1
        step = ratio(k)
        weight *= step
        if weight < _NOTHING * (1.0 - step):
            return first, row
        row.append(weight)


def check_traffic(agents: int, calls_per_h: float, aht_s: float) -> None:
    """Raises `Refused` for figures that mean nothing or that are too large to be computed."""
    if not 1 <= agents <= MOST_AGENTS:
        raise Refused("erlang.agents", f"{agents} agents cannot be computed — give 1 to {MOST_AGENTS}")
    if not 0 <= calls_per_h < math.inf:
        raise Refused("erlang.calls", f"{calls_per_h:g} calls an hour mean nothing — give 0 or more")
    if not SHORTEST_S <= aht_s <= LONGEST_S:
        raise Refused("erlang.aht", f"a handling time of {aht_s:g} s cannot be computed — {_TIMES}")
