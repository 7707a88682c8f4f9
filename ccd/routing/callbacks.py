"""What a callback is to the engine: a place that keeps its order while its customer holds no line.

A customer who leaves the line to be called back keeps `entered_at`, `seq`, priority and ageing: the place
stands in the same order as those who hold the line. It is offered like any other when its turn comes. While
it may not be tried (the goodbye still plays, the last attempt failed a moment ago, the queue is closed) it
rests: it keeps its place and holds up nobody behind it.

What sends away those who hold a line (longest wait, closing, nobody there) keeps a callback: nobody is
waiting at a telephone. It ends by a conversation, by its last attempt, by its time, or by hand.
"""

from ccd.model.callback_rules import CALLBACK_CUSTOMER, CallbackRule
from ccd.model.nouns import LegKind, Outcome
from ccd.model.rules import QueueRule
from ccd.routing.opening import closing_from, reopens_at, takes
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.state import Callback, Place

_AUDIO = LegKind.AUDIO  # a member taken out of its enum costs 600 machine instructions
USUAL = CallbackRule()
MARGIN_S = 10.0
"""An agent is kept for a customer who is called first for so much longer than that phone rings."""


def customer_first(rule: QueueRule, callback: Callback | None) -> bool:
    """Whether the customer is called before the agent that the place is offered to."""
    if callback is None or callback.reached or callback.agent_first:
        return False
    return (rule.callback or USUAL).first == CALLBACK_CUSTOMER


def is_away(place: Place) -> bool:
    """Whether its customer holds no line now."""
    callback = place.callback
    return callback is not None and not callback.reached and place.phase is not Phase.CONNECTED


def is_called(queue: QueueIndex | None, place: Place) -> bool:
    """Whether its customer is being called back now, for the agent who has it."""
    if not is_away(place) or queue is None or (place.callback is not None and place.callback.agent_first):
        return False
    first = customer_first(queue.rule, place.callback)
    return place.phase is Phase.ACCEPTED or (place.phase is Phase.OFFERED and first)


def hears_message(place: Place) -> bool:
    """Whether its agent is busy with what comes before the customer."""
    return place.callback is not None and place.callback.agent_first and place.phase is Phase.ACCEPTED


def offer_s(rule: QueueRule, place: Place) -> float:
    """How long an offer of a place stands."""
    if place.callback is not None and customer_first(rule, place.callback):
        return (rule.callback or USUAL).ring_s + MARGIN_S
    return rule.ring_timeout_s if place.kind is _AUDIO else rule.text_timeout_s


def given_up_as(place: Place) -> Outcome:
    """How a place counts that ends without a conversation by the customer's doing, or by hand."""
    held = place.callback is None or place.callback.reached
    return Outcome.ABANDONED if held else Outcome.CALLBACK_FAILED


def given_up_at(place: Place) -> float | None:
    """When a callback that has not reached its customer is over; None: never, or it is to be judged at the
    end of the attempt that runs."""
    callback = place.callback
    return None if callback is None or callback.reached or place.late else callback.until


def rests_until(place: Place) -> float | None:
    """When a resting callback may be tried again; None: it does not rest."""
    callback = place.callback
    return None if callback is None or place.phase is not Phase.RESTING else callback.rests_until


def callback_closing(queue: QueueIndex | None, callback: Callback, phase: Phase) -> float | None:
    """When the hours of its queue are over for a callback that is not resting; None: never."""
    if queue is None or callback.reached or phase is Phase.RESTING:
        return None
    return closing_from(queue.calendar, queue.closure, callback.since)


def opens_at(queue: QueueIndex, now: float, until: float) -> float | None:
    """When a queue that is closed now opens, at the latest `until`; None: it is open."""
    if takes(queue.calendar, queue.closure, now):
        return None
    opening = reopens_at(queue.calendar, queue.closure, now)
    return until if opening is None else min(opening, until)
