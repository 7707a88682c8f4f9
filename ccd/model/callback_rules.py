"""Rules of callbacks: how those who leave the line of a queue are called back."""

from ccd.model.frozen import Frozen

CALLBACK_AGENT, CALLBACK_CUSTOMER = "agent", "customer"


class RetryAfter(Frozen, frozen=True):
    """Seconds until a customer who was not reached is called again, by why."""

    busy: float = 120.0
    no_answer: float = 900.0
    """Nobody answered, the call was declined, or the agent hung up while it rang."""
    unreachable: float = 300.0
    """The network did not put the call through."""


class CallbackRule(Frozen, frozen=True):
    """How a queue calls back those who leave its line and keep their place."""

    key: str = ""
    """Key pressed while waiting that asks for a callback; empty: no key does."""
    flow: str = ""
    """Flow that the key begins, with a `callback` step; empty: the number is read back and confirmed."""
    first: str = CALLBACK_AGENT
    """Who is called first: the `agent`, who hears the customer's phone ring, or the `customer`, for whom an
    agent is kept free meanwhile."""
    attempts: int = 3
    """Calls to the customer until it is given up."""
    retry_s: RetryAfter = RetryAfter()
    """Time until the next attempt, by why the last one failed."""
    ring_s: float = 30.0
    """How long the customer's phone rings."""
    valid_s: float = 28_800.0
    """So long after it was asked for it is given up."""
    deny: tuple[str, ...] = ()
    """Beginnings of numbers that are never called back (`+3389`); they go before `allow`."""
    recall: bool = False
    """Who hangs up while waiting is called back too, in the place that was lost (a recall)."""
    recall_after_s: float = 60.0
    """Not before so long: most call again by themselves, and are not called then."""
    recall_waited_s: float = 10.0
    """Who hangs up sooner than so long after entering the queue is not called."""
    allow: tuple[str, ...] = ()
    """If there are any: beginnings of the only numbers that are called back."""
