"""One's own strategies: entry points of the group `ccd.strategies`, each from a candidate to a key.

Loaded once a process: a strategy that is installed while the daemon runs is known after its next start.
Each is tried on an agent before anybody's call depends on it.
"""

from functools import cache
from importlib import metadata
from math import isnan
from typing import cast

from ccd.errors import Misconfigured
from ccd.model.rules import AgentRule
from ccd.routing.state import AgentState
from ccd.routing.strategies import STRATEGIES, Candidate, Strategy

GROUP = "ccd.strategies"
SAMPLE = Candidate(
    agent=AgentState("alice"),
    rule=AgentRule(name="alice"),
    room=100,
    number=0,
    level=0,
    weight=1,
    chance=0.5,
)
"""An agent who has just begun and knows nothing: what a strategy is tried on."""


@cache
def installed() -> dict[str, Strategy]:
    """By name. Raises `Misconfigured` for one that cannot be loaded or takes the name of one of ours."""
    found: dict[str, Strategy] = {}
    for entry in metadata.entry_points(group=GROUP):
        if entry.name in STRATEGIES:
            raise Misconfigured(
                "strategy.taken",
                f"{entry.value}: ccd has a strategy {entry.name} itself; choose another name",
            )
        try:
            found[entry.name] = cast(Strategy, entry.load())
        except (ImportError, AttributeError) as error:
            raise Misconfigured(
                "strategy.broken", f"the strategy {entry.name} ({entry.value}) cannot be loaded: {error}"
            ) from error
        _try(entry, found[entry.name])
    return found


def _try(entry: metadata.EntryPoint, strategy: Strategy) -> None:
    """Raises `Misconfigured` for one that gives no key to be compared."""
    named = f"the strategy {entry.name} ({entry.value})"
    try:
        key: object = strategy(SAMPLE)
    except Exception as error:
        raise Misconfigured(
            "strategy.broken",
            f"{named} fails for an agent who has just begun: {type(error).__name__}: {error}",
        ) from error
    numbers = isinstance(key, tuple) and all(isinstance(each, int | float) for each in key)
    if not numbers or not key or any(isnan(each) for each in cast(tuple[float, ...], key)):
        raise Misconfigured("strategy.broken", f"{named} gives no tuple of numbers, but {key!r}")
