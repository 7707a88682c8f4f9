"""What the composition itself remembers, and the whole of what a snapshot holds."""

import re
from functools import lru_cache

import msgspec

from ccd.bridging.state import BridgingState
from ccd.history.state import HistoryState
from ccd.ivr.state import FlowsState
from ccd.model.emergency import Notice
from ccd.model.nouns import Binding, Cause, ChannelClass, LegKind, Outcome, PromptPart
from ccd.model.profiles import ProfileOn
from ccd.model.rules import Rules, Target
from ccd.routing.state import RoutingState

IDENTITY = "customer "
"""Before the name of one who was identified: it is no number, and none of a channel's addresses."""
MOST_NAMES = 1024
"""So many answers of `known_names` are kept: it is asked three times a call, each time for the same."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Callback(msgspec.Struct, omit_defaults=True):
    """What the composition remembers of a callback; when it is tried stands in routing."""

    number: str
    asked_at: float
    queue: str
    """Where it was asked for: one callback a number and queue."""
    attempts: int = 0
    """Those that failed."""
    last: Cause | None = None
    """Why the last attempt failed."""
    wished_at: float = 0.0
    """The time that the customer asked for; 0: in turn."""
    recall_of: str = ""
    """The interaction that its customer gave up; empty: the customer asked for it."""


class Question(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A question to a service outside that stands."""

    service: str
    at: float
    """When it was put."""


class Charge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A payment that a service was asked for, and has not answered."""

    service: str
    request: str
    """Its idempotency key."""
    amount: str
    """With its currency."""
    until: float
    """Then nobody waits for the answer any more."""
    recall_queue: str = ""


class OpenPayment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A payment that a person is to look at."""

    at: float
    ask: str
    interaction: str
    service: str
    amount: str
    request: str
    result: str
    """`paid`: but nobody was told; `unknown`: only the service knows."""
    reference: str
    why: str


class BotTalk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A conversation that a bot leads now."""

    conversation: str
    bot: str
    at: float
    """When it was handed over."""


class AfterCall(msgspec.Struct, omit_defaults=True):
    """What is kept during a conversation for the flow after it."""

    since: float
    """When the conversation began."""
    variables: dict[str, str] = {}
    """What the flow before the queue set."""
    language: str = ""
    """The one that the customer was spoken to in."""
    agent: str = ""
    """Who spoke with the customer."""
    queue: str = ""


class Continued(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The interaction that one goes on from, as far as it must be known."""

    interaction: str
    chain: str
    channel: str
    channel_class: ChannelClass
    kind: LegKind
    origin: str
    """Address of its customer."""
    display: str
    target: str
    identified: str = ""
    variables: dict[str, str] = {}
    """What the conversation that goes on begins with."""


class Link(msgspec.Struct, omit_defaults=True):
    """A link that is out."""

    of: Continued
    flow: str
    language: str
    ends_at: float
    uses: int
    """So often it may still be opened."""
    digest: str = ""
    """Of its token; empty: the token is being made."""


class Interaction(msgspec.Struct, omit_defaults=True):
    """What the composition itself remembers of a running interaction."""

    id: str
    leg: str
    channel: str
    channel_class: ChannelClass
    kind: LegKind
    origin: str
    display: str
    target: str
    arrived_at: float
    line_since: float = 0.0
    """Since when its customer is on the line, or was called back; 0: on none whose time is limited."""
    diverted_from: str = ""
    """Number that was dialled first, where that one sent the call on to `target`."""
    queue: str = ""
    entered_at: float = 0.0
    """When it first entered a queue: kept across overflow and transfer, so the place is kept too."""
    priority: int | None = None
    requirement: str = ""
    """What it asks for besides its queue's requirement: kept across overflow and transfer."""
    outcome: Outcome | None = None
    overflows: int = 0
    """Since `overflowed_at` without time passing: what goes round in circles is ended."""
    overflowed_at: float = 0.0
    dialled_by: str = ""
    """Agent whose phone dialled it and who is occupied with it; empty: a customer's."""
    consults: str = ""
    """Interaction about which its agent asks somebody by this call; empty: it is no such call."""
    helper: str = ""
    """Agent occupied for it outside routing: target of a transfer, or of an overflow to an agent."""
    callback: Callback | None = None
    """How it is called back, or was."""
    questions: dict[str, Question] = {}
    """Those to services outside that stand, by their ids."""
    message_path: str = ""
    """File of the message that its customer left; empty: none was left."""
    screen: dict[str, str] = {}
    """What agents are shown with its offers: kept across overflow and transfer."""
    charges: dict[str, Charge] = {}
    """Payments that are asked for, by the ids of their questions."""
    bot: BotTalk | None = None
    after_call: AfterCall | None = None
    """None: its queue has no flow for after the call."""

    identified: str = ""
    """Who its customer is, as a service said in a step `identify`; empty: nobody said."""
    continues: Continued | None = None
    """What it goes on from; None: it began anew."""
    asked_about: tuple[str, str] | None = None
    """Queue and agent that the question of a survey, put to its customer last, is about."""

    @property
    def address(self) -> str:
        """How its customer was reached first: in a chat that goes on from a call, the number that called."""
        return self.continues.origin if self.continues is not None else self.origin

    @property
    def customer(self) -> str:
        """How its customer is known again by one name: the number in E.164, without one who was identified.

        The number goes first: a service that fails at the second call must not make a stranger of somebody.
        """
        return next(iter(self.known_as), "")

    @property
    def known_as(self) -> tuple[str, ...]:
        """Every name by which its customer is known again; none: not at all."""
        continues = self.continues
        return known_names(self.origin if continues is None else continues.origin, self.identified)


@lru_cache(MOST_NAMES)
def known_names(address: str, identified: str) -> tuple[str, ...]:
    """Every name by which one is known again at `address` who is `identified` (empty: is not)."""
    number = (address,) if _E164.fullmatch(address) else ()
    return (*number, f"{IDENTITY}{identified}") if identified else number


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One thing said to a customer before all else goes on."""

    part: PromptPart
    language: str


class Saying(msgspec.Struct, omit_defaults=True):
    """A customer is told something; then the flow begins, or it goes where its queue sends it."""

    play: str
    until: float
    """Then what is said counts as over."""
    lines: list[Line]
    """What is still to be said after this."""
    flow: str = ""
    """Flow that begins then; empty: on to `target`."""
    target: Target = Target()
    why: str = ""
    """Why its queue gave it back."""


class Spoken(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who was in conversation with a customer last, and since when."""

    agent: str
    at: float


class LowScore(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer's answer that somebody should look at."""

    at: float
    interaction: str
    survey: str
    question: str
    answer: str
    agent: str


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An answer to a question of a survey whose recording is kept."""

    at: float
    interaction: str
    survey: str
    question: str
    queue: str
    agent: str
    """Who spoke with the customer last."""
    recording: str
    seconds: float


STATE_VERSION = 6
"""To be raised with each change of any engine's state that an old snapshot does not fit."""


class CentreState(msgspec.Struct):
    """Everything a snapshot holds."""

    version: int = 0
    """`STATE_VERSION` of who wrote it; 0: none of ours."""
    rules: Rules = Rules()
    """Those in force: what everybody looks at."""
    base: Rules | None = None
    """Those without the profiles that are on; None while none is on, so `rules` are the base."""
    profiles: list[ProfileOn] = []
    """Those that are on, in the order in which they were turned on."""
    routing: RoutingState | None = None
    flows: FlowsState | None = None
    bridging: BridgingState | None = None
    history: HistoryState | None = None
    interactions: dict[str, Interaction] = {}
    interactions_made: int = 0
    callbacks: dict[str, str] = {}
    """Pending callbacks: number and queue → interaction."""
    bindings: dict[str, dict[str, Binding]] = {}
    lost: dict[str, str] = {}
    """Bound devices that do not answer → why."""
    trunks: dict[str, str] = {}
    """Trunks that are down → why."""
    services: dict[str, str] = {}
    """Legs of agents who dialled a feature code → play awaited."""
    spoken: dict[str, Spoken] = {}
    """By the customer's address, the latest last; bounded by `ccd.runtime.spoken`."""
    surveyed: dict[str, float] = {}
    """Customer's number → when a survey asked last, the latest last; bounded by `ccd.runtime.surveys`."""
    low_scores: list[LowScore] = []
    """The latest of them; bounded by `ccd.runtime.surveys`."""
    spoken_answers: dict[str, KeptAnswer] = {}
    """By file, the latest last; bounded by `ccd.runtime.spoken_answers`."""
    open_payments: list[OpenPayment] = []
    """Those that nobody has settled yet; bounded by `ccd.runtime.charges`."""
    notices: dict[str, Notice] = {}
    """By id, those in force in the order in which they were set."""
    notices_made: int = 0
    links: dict[str, Link] = {}
    """By the question that sends it, the oldest first; bounded by `ccd.runtime.links`."""
    link_ends: list[tuple[float, str]] = []
    """Heap of when which link is void."""
    saying: dict[str, Saying] = {}
    """By interaction, those to whom something is said first, the one whose time is over first first."""
    deletions: list[tuple[float, str]] = []
    """Heap of when which file of a message or a spoken answer is to be deleted."""
    deleting: list[str] = []
    """Files that are being deleted."""
    erasing: list[str] = []
    """Interactions that run and whose customer is erased when they are over."""
    draining: bool = False
    boot: str = ""
