"""Which agent spoke with a customer last, or tried to reach them: a bounded memory."""

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


def last_with(spoken: dict[str, Spoken], customer: str, since: float, number: str = "") -> str:
    """The agent who spoke with the customer, or dialled them, last, not before `since`; empty: nobody.

    `number`: the customer's address in E.164, where the channel writes it in another way.
    """
    known = [each for each in (spoken.get(customer), spoken.get(number)) if each is not None]
    last = max(known, key=lambda each: each.at, default=None)
    return last.agent if last is not None and last.at >= since else ""
