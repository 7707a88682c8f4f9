"""Which agent spoke with a customer last, or tried to reach them: a bounded memory."""

from collections.abc import Iterable

from ccd.runtime.state import Spoken

MOST_REMEMBERED = 20_000
"""Customers; then the one spoken with longest ago is forgotten."""


def remember(spoken: dict[str, Spoken], customer: str, agent: str, now: float) -> None:
    """A conversation began, or the agent dialled the customer. Nothing is kept of one without an address."""
    if not customer:
        return
    spoken.pop(customer, None)
    if len(spoken) >= MOST_REMEMBERED:
        del spoken[next(iter(spoken))]
    spoken[customer] = Spoken(agent, now)


def last_with(spoken: dict[str, Spoken], names: Iterable[str], since: float) -> str:
    """The agent who spoke with the customer, or dialled them, last, not before `since`; empty: nobody.

    `names`: those by which the customer is known, as the address, that in E.164, and who was identified.
    """
    known = [each for each in map(spoken.get, names) if each is not None]
    last = max(known, key=lambda each: each.at, default=None)
    return last.agent if last is not None and last.at >= since else ""
