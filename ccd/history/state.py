"""What history remembers: open records, and figures by queue and day. Plain values for the snapshot."""

import msgspec

from ccd.history.customers import Contacts
from ccd.history.flow_state import FlowFigures
from ccd.model.nouns import Cause, ChannelClass, OfferEnd
from ccd.model.trace import Trace

Detail = str | int | float | bool
WORKED_S = "worked_s"
"""Detail of `bridged`: the agent's work began so long before, and the wait ended there."""

IN, OUT, INTERNAL = "in", "out", "internal"
"""Directions: from a customer; by an agent to an outside number; by an agent to the centre itself."""
ANSWERED, UNANSWERED, REFUSED = "answered", "unanswered", "refused"


class Note(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One entry of a timeline."""

    at: float
    what: str
    """A short fixed word: `arrived`, `step`, `queued`, `offer`, `offer_ended`, `bridged`, `held`…"""
    details: dict[str, Detail] = {}


class SurveyAnswer(msgspec.Struct, frozen=True):
    """What a customer answered to one question."""

    at: float
    survey: str
    """The flow that asked."""
    question: str
    kind: str
    answer: str
    """The score, the word of the choice, or what was written; of a spoken one the name of its recording."""
    queue: str
    agent: str
    """Who spoke with the customer last."""
    path: str = ""
    """File of a spoken answer; empty: it was keyed or written."""
    seconds: float = 0.0
    """Its length."""


class Record(msgspec.Struct, omit_defaults=True):
    """One interaction from arrival to close: a single timeline over all its legs, queues and agents."""

    interaction: str
    channel: str
    channel_class: ChannelClass
    origin: str
    target: str
    began_at: float
    ended_at: float = 0.0
    outcome: str = ""
    """`handled`, `abandoned`, `overflowed`, `callback_failed`; `flow` for one that never was in a queue.

    An agent's own call that reached no queue: `answered`, `unanswered` or `refused`.
    """
    cause: Cause = Cause.NORMAL
    queue: str = ""
    """The last queue it was in."""
    agents: list[str] = []
    """Who spoke with it, in order."""
    waited_s: float = 0.0
    """In queues, all together."""
    talked_s: float = 0.0
    disposition: str = ""
    """What was said last of how it ended; empty: nothing."""
    disposition_by: str = ""
    """Who said it: `phone:DEVICE`, `ccctl:USER`."""
    dialled_by: str = ""
    """The agent whose own call it is; empty: a customer's."""
    direction: str = IN
    consults: str = ""
    """Interaction about which the agent asked somebody by this call of its own; empty: it is no such call."""
    answered_at: float = 0.0
    """When an own call was answered, unless by a queue; 0: not."""
    answers: list[SurveyAnswer] = []
    """To questions of surveys, in order."""
    screen: dict[str, str] = {}
    """What its agents were shown with the offer, by name."""
    chain: str = ""
    """The first of the interactions that belong together; empty: it stands alone."""
    continues: str = ""
    """The interaction from which it goes on; empty: it began anew."""
    continued_as: list[str] = []
    """Interactions that went on from it, in order."""
    timeline: list[Note] = []
    notes_dropped: int = 0
    traces: list[Trace] = []
    traces_dropped: int = 0


SurveyKey = tuple[str, str, str, str, str]
"""Survey, question, its kind, queue and agent."""


class Figures(msgspec.Struct, omit_defaults=True):
    """Counts and sums of one queue over one span; durations in seconds. Formulas: docs/kpi.md."""

    offered: int = 0
    handled: int = 0
    abandoned: int = 0
    overflowed: int = 0
    callback_failed: int = 0
    """Asked to be called back and were not reached."""
    in_service_level: int = 0
    wait_sum_s: float = 0.0
    """Of the handled, from entering the queue to the bridge."""
    wait_max_s: float = 0.0
    """Of all that left the queue, handled or not."""
    abandon_wait_sum_s: float = 0.0
    talks: int = 0
    """Ended conversations; one moved to another agent counts once for each agent."""
    talk_sum_s: float = 0.0
    wrap_sum_s: float = 0.0
    misses: dict[OfferEnd, int] = {}
    dispositions: dict[str, int] = {}
    """Of ended conversations, by what was said last of each; one moved to another agent counts for each."""
    dispositions_missing: int = 0
    """Conversations of which one was required and none given."""


class SurveyFigures(msgspec.Struct, omit_defaults=True):
    """One question by one agent of one queue over one span. Formulas: docs/kpi.md."""

    asked: int = 0
    answered: int = 0
    given_up: int = 0
    """Skipped, or no answer in time; who hung up is in neither."""
    low: int = 0
    """Answers below `alert_below`."""
    answers: dict[str, int] = {}
    """By answer; of questions that are answered in one's own words there are none here."""


class Pauses(msgspec.Struct, omit_defaults=True):
    """Pauses of one agent for one reason over one span, those that ended."""

    count: int = 0
    paid_s: float = 0.0
    unpaid_s: float = 0.0


class Kept(msgspec.Struct):
    """An interaction of which somebody may still say how it ended."""

    agents: list[str]
    """Who may; once nobody may any more it is let go of."""
    record: Record | None = None
    """As it was filed; None: it is not closed yet."""


class Linked(msgspec.Struct, omit_defaults=True):
    """An interaction that may still be gone on with, by links that are out."""

    holds: int
    """Links that are out, and conversations that they began and that run."""
    record: Record | None = None
    """As it was filed; None: it is not closed yet, or stands in `kept` or `lost`."""


class OwnFigures(msgspec.Struct, omit_defaults=True):
    """An agent's own calls over one span, those that ended; none of them is in a queue's figures
    unless it was a queue that was dialled."""

    out: int = 0
    internal: int = 0
    answered: int = 0
    refused: int = 0
    """Not allowed, or nothing there: never dialled."""
    consults: int = 0
    """Dialled while a customer was on the line, to ask about it."""
    talk_sum_s: float = 0.0


class HistoryState(msgspec.Struct):
    """The whole of it."""

    open: dict[str, Record] = {}
    kept: dict[str, Kept] = {}
    """By interaction: those that agents in wrap-up may still speak of."""
    lost: dict[str, Record] = {}
    """Filed ones whose customer may call again and take the place back: filed anew with that."""
    linked: dict[str, Linked] = {}
    """By interaction: those whose record is filed anew when somebody goes on from it."""
    days: dict[int, dict[str, Figures]] = {}
    """By day (days since 1970-01-01, UTC) and queue; the oldest go."""
    totals: dict[str, Figures] = {}
    """By queue, since the ledger began."""
    pauses: dict[int, dict[str, dict[str, Pauses]]] = {}
    """By day, agent and reason; a pause belongs to the day on which it ended. The oldest go."""
    surveys: dict[int, dict[SurveyKey, SurveyFigures]] = {}
    """By day and question; an answer belongs to the day on which it was asked or given. The oldest go."""
    survey_totals: dict[SurveyKey, SurveyFigures] = {}
    """By question, since the ledger began."""
    own: dict[int, dict[str, OwnFigures]] = {}
    """By day and agent; a call belongs to the day on which it ended. The oldest go."""
    flows: dict[int, dict[str, FlowFigures]] = {}
    """By day and flow: the steps that were taken. The oldest go."""
    customers: dict[str, Contacts] = {}
    """By the name that a customer is known by; bounded by `ccd.history.customers`."""
