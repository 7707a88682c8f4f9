"""All that the routing engine must remember over a restart: plain values that encode to msgpack and back.

Every index is rebuilt from these and the rules, so nothing here is kept twice. Times are epoch
seconds. Order never depends on how a value got here: ties are broken by counters kept in the state.
"""

from enum import StrEnum

import msgspec

from ccd.model.emergency import Closure
from ccd.model.nouns import Availability, ChannelClass, LegKind, OfferEnd
from ccd.model.rules import Share
from ccd.routing.ewt import EwtState
from ccd.routing.phases import Phase
from ccd.routing.told import Accuracy, Told


class Miss(msgspec.Struct, array_like=True, gc=False):
    """An agent missed this interaction and is not offered it again before `retry_at`."""

    at: float
    end: OfferEnd
    retry_at: float


class Callback(msgspec.Struct, array_like=True, gc=False):
    """The customer of a place left the line and is called back when its turn comes."""

    until: float
    """When it is given up."""
    since: float
    """Since when it may be offered again: the queue's next closing counts from here."""
    rests_until: float = 0.0
    """When the next attempt may be made, while it rests."""
    reached: bool = False
    """The customer was reached and holds the line: served before all who wait."""
    agent_first: bool = False
    """There is something for the agent alone first, whatever the queue says; the customer is called later."""


class Place(msgspec.Struct, omit_defaults=True, gc=False):
    """An interaction from entering a queue to the end of its conversation."""

    interaction: str
    queue: str
    channel_class: ChannelClass
    kind: LegKind
    priority: int
    entered_at: float
    """Since when the customer waits: decides the order; kept when it moves."""
    enqueued_at: float
    """When it entered this queue: limits and figures count from here."""
    seq: int
    """Breaks ties of `entered_at`."""
    phase: Phase = Phase.WAITING
    agent: str = ""
    """Whom it is offered to or talks with; of several offers one (the rest: `other_offers`)."""
    load: int = 0
    """What it takes of that agent's capacity."""
    offer: str = ""
    deadline: float = 0.0
    """When the live offer lapses."""
    line_seq: int = 0
    """The agent's `line_seq` from this offer on."""
    line_before: tuple[float, int, int] = (0.0, 0, 0)
    """The agent's `line_since`, `line_seq` and `turn_seq` before this offer: given back if it ends
    through no doing of the agent."""
    bridged_at: float = 0.0
    announce_at: float = 0.0
    """When its position is told next; 0: never."""
    late: bool = False
    """The longest wait ended, or the queue closed, while a phone rang: given back if nobody takes it."""
    missed: dict[str, Miss] = {}
    """By agent."""
    requirement: str = ""
    """What this interaction asks for besides its queue's requirement; canonical text."""
    stage: int = 0
    """How many of its queue's times (relaxation, tiers) have passed for it, and what conditions gave it:
    a number of `ccd.routing.stages`."""
    given: tuple[str, ...] = ()
    """Relaxations that a condition gave it, by their key: it keeps them."""
    prefer: str = ""
    """The agent that it is kept for until `prefer_until`; empty: anybody's."""
    prefer_until: float = 0.0
    expected_s: float | None = None
    """The wait that was expected when it entered this queue and had to wait; None: none was."""
    told: Told | None = None
    """What the customer was told of it last."""
    spared: tuple[str, ...] = ()
    """Limits at which it was among those who stay, while their queue shares out the others."""
    on_hold: bool = False
    """In conversation, but the agent put the customer on hold and may work on meanwhile."""
    disposition: str = ""
    """What the agent said during the conversation of how it ends."""
    callback: Callback | None = None
    """Set while the customer is to be called back; None: the customer holds the line."""


class WrapUpStage(StrEnum):
    """What a wrap-up waits for; its moves stand in `ccd.routing.wrap_ups`."""

    RUNS = "runs"
    """Its time is not over."""
    OPEN = "open"
    """The agent ends it."""
    OWED = "owed"
    """Nothing but a disposition."""
    OVER = "over"


class Owed(msgspec.Struct, array_like=True, gc=False):
    """A conversation that is over, and what its agent may or must still say of how it ended."""

    interaction: str
    queue: str
    codes: dict[str, str]
    """Code → disposition, as the queue had them when the conversation ended."""
    required: bool
    given: str = ""
    """The disposition; empty: none yet."""


class OtherOffer(msgspec.Struct, array_like=True, gc=False):
    """A live offer of an interaction besides the one that stands in its place; fields as there."""

    offer: str
    deadline: float
    load: int
    line_seq: int
    line_before: tuple[float, int, int]


class LostPlace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The place of a customer who left a queue before a conversation: given back to who calls again soon."""

    interaction: str
    """Whose place it was."""
    queue: str
    channel_class: ChannelClass
    customer: str
    """How the customer is known again."""
    entered_at: float
    """Since when the customer waited."""
    at: float
    """When the customer left."""


class WrapUp(msgspec.Struct, array_like=True, gc=False):
    """Time an agent has after a conversation, under the rules of the moment at which that ended."""

    began_at: float
    until: float | None
    """When its time is over; None: it has no time of its own, or that is over."""
    queue: str
    interaction: str
    stage: WrapUpStage = WrapUpStage.RUNS
    extend_s: float = 0.0
    extensions: int = 0
    """How many are left."""
    longest_at: float | None = None
    """From then on it is too long; None: never."""
    too_long: bool = False
    """That was told."""
    owed: list[Owed] = []
    """Of this conversation and of those before it that were not settled when it ended."""


class PauseStage(StrEnum):
    """How far a pause is; its moves stand in `ccd.routing.pauses`."""

    DUE = "due"
    """Declared, but something is left to finish."""
    RUNS = "runs"
    TOO_LONG = "too_long"


class Pause(msgspec.Struct, array_like=True, gc=False):
    """What the reason of a running pause said when it was declared."""

    paid: bool
    longest_s: float | None
    on_longest: str
    stage: PauseStage = PauseStage.DUE
    until: float | None = None
    """When it is at its longest."""
    seconds: float = 0.0
    """Counted so far."""


class Pending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was asked for an agent that is to take effect when the work at hand is done."""

    availability: Availability
    reason: str
    by: str


class AgentTotals(msgspec.Struct, omit_defaults=True):
    """Seconds since login, by what the agent did. Occupancy = (busy + wrap) / (busy + wrap + idle)."""

    idle_s: float = 0.0
    busy_s: float = 0.0
    wrap_s: float = 0.0
    paused_s: float = 0.0
    """Both paid and unpaid."""
    paid_pause_s: float = 0.0
    unpaid_pause_s: float = 0.0
    pause_s: dict[str, float] = {}
    """By reason."""
    handled: int = 0
    missed: int = 0
    talked_s: float = 0.0
    """In conversations of queues, those that ended."""


class AgentState(msgspec.Struct, omit_defaults=True):
    """What an agent declares and holds."""

    name: str
    availability: Availability = Availability.LOGGED_OUT
    reason: str = ""
    by: str = ""
    since: float = 0.0
    """Since when this availability."""
    reachable: bool = False
    unreachable_why: str = "no device registered"
    line_since: float = 0.0
    """Since when the agent is in the line for work: last ready, offer, end of conversation or miss."""
    line_seq: int = 0
    turn_seq: int = 0
    """Counter at the last offer: who was asked longest ago."""
    load: int = 0
    """Sum of `held` and `outside`."""
    held: dict[str, int] = {}
    """Interaction offered or talked with → load."""
    outside: dict[str, int] = {}
    """Work outside queues (own calls, direct transfers): key → load."""
    outside_since: float = 0.0
    """Since when there is any."""
    wrap_up: WrapUp | None = None
    pause: Pause | None = None
    """While paused, and only then."""
    pending: Pending | None = None
    """While there is work at hand, and only then."""
    misses: dict[OfferEnd, int] = {}
    """In a row, by cause; cleared when an offer is accepted."""
    removed: bool = False
    """No longer in the rules: finishes what it holds, then is forgotten."""
    totals: AgentTotals = msgspec.field(default_factory=AgentTotals)
    counted_at: float = 0.0
    """Up to when `totals` are counted."""


class QueueTotals(msgspec.Struct, omit_defaults=True):
    """Since the queue exists. At any time: offered = handled + abandoned + overflowed + callback_failed
    + waiting."""

    offered: int = 0
    handled: int = 0
    abandoned: int = 0
    overflowed: int = 0
    callback_failed: int = 0
    in_service_level: int = 0


class SharedOut(msgspec.Struct, array_like=True):
    """How often each target of one sharing out had its turn; the last figure is of those who stay."""

    share: tuple[Share, ...]
    """What is counted: other shares are counted anew."""
    taken: list[int]
    """Since the last full hundred."""
    count: list[int]


class ServedMinute(msgspec.Struct, array_like=True, gc=False):
    """How many of a queue were answered or gave up in a minute, for its service level."""

    minute: int
    """Since the epoch."""
    ended: int = 0
    in_time: int = 0
    """Of these, answered within the queue's service level."""


class RoutingState(msgspec.Struct):
    """The whole of it."""

    places: dict[str, Place] = {}
    """By interaction."""
    offers: dict[str, str] = {}
    """Live or accepted offer → interaction."""
    other_offers: dict[str, dict[str, OtherOffer]] = {}
    """By interaction, then agent: phones that ring besides the one in the place (`ring_all`)."""
    agents: dict[str, AgentState] = {}
    queues: dict[str, QueueTotals] = {}
    next_offer: int = 1
    next_seq: int = 1
    draining: bool = False
    waits: dict[str, EwtState] = {}
    """By queue: what its expected wait rests on."""
    accuracy: dict[str, dict[str, Accuracy]] = {}
    """By queue and band of priorities (`expecting.band_of`): how true the waits were that were expected."""
    lost: dict[str, LostPlace] = {}
    """By interaction, the one lost first is the first: places that are kept for who calls again."""
    shared: dict[str, dict[str, SharedOut]] = {}
    """By queue and key (`overflow`, `closed_to`)."""
    closures: dict[str, Closure] = {}
    """By queue closed by hand."""
    served: dict[str, list[ServedMinute]] = {}
    """By queue whose service level a condition asks for: the minutes of the last half hour."""
    looks: dict[str, float] = {}
    """By queue that relaxes on a condition: when it looks next; void while nobody stands in its line."""
