"""One's own strategies: entry points of the group `ccd.strategies`, each from a candidate to a key.

Loaded once a process: a strategy that is installed while the daemon runs is known after its next start.
"""

from functools import cache
from importlib import metadata
from typing import cast

from ccd.errors import Misconfigured
from ccd.routing.strategies import STRATEGIES, Strategy

GROUP = "ccd.strategies"


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
    return found
