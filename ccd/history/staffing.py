"""How many agents a traffic needs, by Erlang C, or by Erlang A where it is known how long people wait.

The figures are those of docs/kpi.md, forecast instead of counted: the service level divides by all who
were offered, the given-up included; the average speed of answer is of the served. Pure; no history in it.
"""

import math

import msgspec

from ccd.errors import Misconfigured, Refused
from ccd.history.erlang import MOST_AGENTS, ErlangA, ErlangC, Pool, check_traffic, load_erl


class Traffic(msgspec.Struct, frozen=True):
    """What comes in."""

    calls_per_h: float
    aht_s: float
    """Mean work for each: talk and wrap-up."""
    patience_s: float = 0.0
    """Mean time until one who waits gives up; 0: nobody does (Erlang C)."""


class Target(msgspec.Struct, frozen=True):
    """What must be held; all that are given, at once."""

    service_level_pct: float | None = None
    within_s: float = 20.0
    """The wait up to which one counts as served in time."""
    asa_s: float | None = None
    """At most."""
    abandon_pct: float | None = None
    """At most; needs a patience."""
    occupancy_pct: float | None = None
    """At most: agents must breathe."""


class Forecast(msgspec.Struct, frozen=True):
    """What so many agents would give; None where there is nothing to divide by, or no end."""

    agents: int
    service_level_pct: float | None
    asa_s: float | None
    """None without calls, and where the line grows without end."""
    abandon_pct: float | None
    """None without a patience: then nothing is known of it."""
    occupancy_pct: float
    wait_pct: float | None
    """Who waits at all."""


def pool(traffic: Traffic, agents: int) -> Pool:
    """The model for this traffic. Raises `Refused` for figures that mean nothing."""
    if traffic.patience_s > 0:
        return ErlangA(agents, traffic.calls_per_h, traffic.aht_s, traffic.patience_s)
    return ErlangC(agents, traffic.calls_per_h, traffic.aht_s)


def forecast(traffic: Traffic, agents: int, within_s: float) -> Forecast:
    """The figures of so many agents."""
    model = pool(traffic, agents)
    some = traffic.calls_per_h > 0
    return Forecast(
        agents=agents,
        service_level_pct=100.0 * model.served_within(within_s) if some else None,
        asa_s=model.asa_s if some and model.asa_s < math.inf else None,
        abandon_pct=100.0 * model.p_abandon if some and traffic.patience_s > 0 else None,
        occupancy_pct=100.0 * model.occupancy,
        wait_pct=100.0 * model.p_wait if some else None,
    )


def holds(model: Pool, target: Target) -> bool:
    """Whether every part of the target is held."""
    level, asa_s = target.service_level_pct, target.asa_s
    return (
        (level is None or 100.0 * model.served_within(target.within_s) >= level)
        and (asa_s is None or model.asa_s <= asa_s)
        and (target.abandon_pct is None or 100.0 * model.p_abandon <= target.abandon_pct)
        and (target.occupancy_pct is None or 100.0 * model.occupancy <= target.occupancy_pct)
    )


def agents_needed(traffic: Traffic, target: Target) -> int:
    """The fewest agents that hold the target; 0 without calls.

    Raises `Misconfigured` for a target that means nothing, `Refused` for such a traffic and when no pool
    that can be computed holds it. Every figure only gets better with one agent more, so the search halves.
    """
    check_traffic(1, traffic.calls_per_h, traffic.aht_s)
    check_target(traffic, target)
    if traffic.calls_per_h == 0:
        return 0
    good = bad = max(1, math.ceil(min(MOST_AGENTS, load_erl(traffic.calls_per_h, traffic.aht_s))))
    step = 1
    if holds(pool(traffic, good), target):
        while bad == good or (bad > 0 and holds(pool(traffic, bad), target)):
            good, bad, step = bad, max(0, bad - step), 2 * step
    else:
        while good == bad or not holds(pool(traffic, good), target):
            if good == MOST_AGENTS:
                raise Refused("staff.target", f"not even {MOST_AGENTS} agents hold the target — lower it")
            bad, good, step = good, min(MOST_AGENTS, good + step), 2 * step
    while good - bad > 1:
        middle = (good + bad) // 2
        if holds(pool(traffic, middle), target):
            good = middle
        else:
            bad = middle
    return good


def scheduled(agents: int, shrinkage_pct: float) -> int:
    """Heads to be put on the roster for so many at work: leave, sickness, training, breaks take the rest."""
    if not 0 <= shrinkage_pct < 100:
        raise Misconfigured(
            "staff.shrinkage", f"a shrinkage of {shrinkage_pct:g} % — give 0 to less than 100"
        )
    heads = agents / (1.0 - shrinkage_pct / 100.0)
    return math.ceil(heads - 1e-9)


def check_target(traffic: Traffic, target: Target) -> None:
    """Raises `Misconfigured` for a target that means nothing, or cannot be told from this traffic."""
    shares = (("service level", target.service_level_pct), ("occupancy", target.occupancy_pct))
    for name, value in shares:
        if value is not None and not 0 < value <= 100:
            raise Misconfigured("staff.target", f"{name} of {value:g} % — give more than 0, at most 100")
    if not (target.within_s >= 0 and (target.asa_s is None or target.asa_s >= 0)):
        raise Misconfigured("staff.target", "a time of less than 0 s — give 0 or more")
    if target.abandon_pct is None:
        return
    if not 0 < target.abandon_pct <= 100:
        raise Misconfigured("staff.target", f"abandon rate of {target.abandon_pct:g} % — give above 0 to 100")
    if traffic.patience_s <= 0:
        cure = "give the mean patience in seconds too"
        raise Misconfigured("staff.patience", f"without a patience nobody gives up: no abandon rate — {cure}")
