"""Which agent spoke with a customer last: a bounded memory, for the preferred agent."""

from ccd.runtime.state import Spoken

MOST_REMEMBERED = 20_000
"""Customers; then the one spoken with longest ago is forgotten."""


def remember(spoken: dict[str, Spoken], customer: str, agent: str, now: float) -> None:
    """A conversation began. Nothing is kept of a customer without an address."""
    if not customer:
        return
    spoken.pop(customer, None)
    if len(spoken) >= MOST_REMEMBERED:
        del spoken[next(iter(spoken))]
    spoken[customer] = Spoken(agent, now)


def last_with(spoken: dict[str, Spoken], customer: str, since: float) -> str:
    """The agent who spoke with the customer last, not before `since`; empty: nobody."""
    last = spoken.get(customer)
    return last.agent if last is not None and last.at >= since else ""
