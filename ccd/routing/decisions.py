"""What the engine decides, as frozen values: the caller turns each into commands, notes and figures.

Decisions come in the order in which they are to be carried out. Times are epoch seconds, durations
seconds. Every end of an offer that the engine itself brings about is an `OfferWithdrawn` (the agent's
leg is to be released); ends that the caller reported are not repeated, but counted in `Missed`.
"""

import msgspec

from ccd.model.nouns import Availability, LegKind, OfferEnd, Outcome
from ccd.model.rules import Relax, Target
from ccd.model.trace import Trace


class Decided(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all decisions."""


class Offer(Decided, frozen=True):
    """Put the interaction to the agent: dial the agent's devices until `deadline`."""

    offer: str
    interaction: str
    agent: str
    queue: str
    kind: LegKind
    deadline: float
    waited_s: float
    """Since the customer entered (`entered_at`)."""


class OfferWithdrawn(Decided, frozen=True):
    """The engine ended a live offer (or one accepted and not yet bridged): release the agent's leg.

    `end`: CUSTOMER_LEFT, NO_ANSWER (the deadline passed), WITHDRAWN (pause, logout, queue gone), TAKEN
    (another agent was faster) or UNREACHABLE (the agent's last device was lost while it rang).
    """

    offer: str
    interaction: str
    agent: str
    end: OfferEnd
    by: str = ""
    """Agent who took it."""


class Missed(Decided, frozen=True):
    """An agent did not take an offer; for timeline and figures. Also follows an `OfferWithdrawn` that is
    the agent's miss (NO_ANSWER, UNREACHABLE)."""

    offer: str
    interaction: str
    agent: str
    queue: str
    end: OfferEnd


class Overflow(Decided, frozen=True):
    """The interaction is out of the queue and given back: send it to `target`.

    An empty target: the flow goes on at its next step, if it has one, else hang up.
    """

    interaction: str
    queue: str
    target: Target
    why: str
    """`closed`, `max_wait`, `max_length`, `max_load`, `max_ewt`, `no_agents`, `queue_removed`,
    `no_such_queue`."""
    share_pct: int = 0
    """The share of this target, where the queue shares out who overflows."""


class Relaxed(Decided, frozen=True):
    """A condition of its queue holds, so that less is asked for one that waits; it stays so for it."""

    interaction: str
    queue: str
    relax: Relax
    was: dict[str, float | bool | str | None]
    """Figure → what it was; None: unknown."""


class Stayed(Decided, frozen=True):
    """The interaction stays in its queue at a limit, among those whom the queue's shares leave there."""

    interaction: str
    queue: str
    why: str
    """As of an `Overflow`."""
    pct: int
    """The share of those who stay."""


class Position(Decided, frozen=True):
    """Tell the waiting customer its place, how long it will probably wait, or both; or only comfort it."""

    interaction: str
    position: int
    """1 = next; 0: the place is not told."""
    wait_s: float | None = None
    """In whole minutes; None: the wait is not told."""


class AvailabilityChanged(Decided, frozen=True):
    """An agent's availability is now this (asked for, or by policy)."""

    agent: str
    availability: Availability
    reason: str
    by: str
    """As asked (`phone:DEVICE`, `ccctl:USER`) or `policy:on_miss no_answer 3`."""


class AvailabilityPending(Decided, frozen=True):
    """An agent will be this when the work at hand is done."""

    agent: str
    availability: Availability
    reason: str
    by: str


class PauseEnded(Decided, frozen=True):
    """An agent's pause is over, by hand, by its longest time, or for another reason."""

    agent: str
    reason: str
    paid: bool
    seconds: float
    """Work and wrap-up that were finished meanwhile are not counted."""


class PauseTooLong(Decided, frozen=True):
    """An agent's pause has lasted as long as its reason allows, and goes on."""

    agent: str
    reason: str
    longest_s: float


class StaleOffer(Decided, frozen=True):
    """The offer answered is no longer live (lapsed, withdrawn, answered twice): release that leg."""

    offer: str


class Handled(Decided, frozen=True):
    """The interaction is in conversation from now on: what `bridged` counted."""

    interaction: str
    agent: str
    queue: str
    waited_s: float
    """From entering this queue to the bridge."""
    in_service_level: bool
    worked_s: float = 0.0
    """The agent's work with it began so long before: `waited_s` ends there."""


class LeftQueue(Decided, frozen=True):
    """The interaction left the queue without a conversation: what `withdraw` or an overflow counted."""

    interaction: str
    queue: str
    outcome: Outcome
    waited_s: float


class CallbackOver(Decided, frozen=True):
    """A callback is given up and out of its queue: the interaction ends."""

    interaction: str
    why: str
    """`attempts`: all were made; `valid_s`: its time is over; `queue_removed`."""


class Finished(Decided, frozen=True):
    """A conversation of a queue ended for this agent: what `finish` or `move` counted."""

    interaction: str
    agent: str
    queue: str
    talked_s: float


class WrapUpStarted(Decided, frozen=True):
    """The agent is in wrap-up until then (None: until something is done for it)."""

    agent: str
    queue: str
    interaction: str
    until: float | None
    disposes: bool = False
    """The agent may say how the interaction ended: a `DispositionSettled` will follow."""


class WrapUpExtended(Decided, frozen=True):
    """The agent's wrap-up lasts longer: until then."""

    agent: str
    queue: str
    interaction: str
    until: float
    by: str


class WrapUpTooLong(Decided, frozen=True):
    """The agent's wrap-up has lasted as long as it may, and goes on."""

    agent: str
    queue: str
    interaction: str


class DispositionNoted(Decided, frozen=True):
    """Somebody said how the agent's conversation ended; the last word counts."""

    agent: str
    queue: str
    interaction: str
    disposition: str
    by: str


class DispositionSettled(Decided, frozen=True):
    """What was said last of an agent's conversation cannot be changed any more: to be counted."""

    agent: str
    queue: str
    interaction: str
    disposition: str
    """Empty: none was given."""
    required: bool


class WrapUpEnded(Decided, frozen=True):
    """The agent's wrap-up is over (time, by hand, ready, logout, or a next wrap-up)."""

    agent: str
    queue: str
    interaction: str
    seconds: float


class Changed(Decided, frozen=True):
    """A waiting interaction was given another priority, requirement or queue, and what that did."""

    interaction: str
    queue: str
    """Where it waits from now on."""
    before: int
    """Its place in the queue that it waited in; 1 = next."""
    after: int
    """Its place from now on, before anybody is looked for."""


class PlaceKept(Decided, frozen=True):
    """The customer left a queue and gets this place back who calls again by then."""

    interaction: str
    queue: str
    until: float


class PlaceForgotten(Decided, frozen=True):
    """The place of an interaction that is over is kept no longer: nobody called again in time."""

    interaction: str
    queue: str


class PlaceTakenBack(Decided, frozen=True):
    """An interaction has the place that its customer lost with another one, and waits since `entered_at`."""

    interaction: str
    queue: str
    place_of: str
    """The interaction whose place it was."""
    lost_s: float
    """How long ago that one ended."""
    entered_at: float


class Traced(Decided, frozen=True):
    """One pass about an interaction, for `interaction explain`."""

    interaction: str
    trace: Trace


Decision = (
    Offer
    | OfferWithdrawn
    | Missed
    | Overflow
    | Stayed
    | Relaxed
    | Position
    | AvailabilityChanged
    | AvailabilityPending
    | PauseEnded
    | PauseTooLong
    | StaleOffer
    | Handled
    | LeftQueue
    | CallbackOver
    | Finished
    | WrapUpStarted
    | WrapUpExtended
    | WrapUpTooLong
    | WrapUpEnded
    | DispositionNoted
    | DispositionSettled
    | Changed
    | PlaceKept
    | PlaceForgotten
    | PlaceTakenBack
    | Traced
)
"""Every decision."""
