"""What bridging tells the other engines (through the composition in `runtime/centre.py`)."""

import msgspec

from ccd.bridging.state import Phase
from ccd.model.nouns import Cause, OfferEnd


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of what bridging tells."""

    interaction: str


class CustomerGone(Event, frozen=True):
    """The customer's leg ended; `phase` is where the interaction stood then."""

    phase: Phase
    cause: Cause


class AgentAccepted(Event, frozen=True):
    """The agent's leg answered its offer."""

    offer: str


class AgentMissed(Event, frozen=True):
    """The agent's leg ended before the bridge."""

    offer: str
    end: OfferEnd


class Bridged(Event, frozen=True):
    """Customer and agent hear (or read) each other now."""

    agent: str


class TalkOver(Event, frozen=True):
    """The conversation with the agent ended; `by_agent`: the agent hung up."""

    agent: str
    by_agent: bool


class LineLeft(Event, frozen=True):
    """The line of a customer who is to be called back is down."""


class CallFailed(Event, frozen=True):
    """A customer was called back and did not answer; `by_agent`: the agent hung up before that."""

    cause: Cause
    by_agent: bool = False


class CustomerReached(Event, frozen=True):
    """A customer who is called first answered: the agent kept for it is to be rung."""

    offer: str
    agent: str


class MessageSpoken(Event, frozen=True):
    """The customer's message is over and on disk; `spoken_s` without the silence at its end, 0: none."""

    spoken_s: float


class MessageDone(Event, frozen=True):
    """The agent heard the message and hung up: it is dealt with."""


class MessagePutOff(Event, frozen=True):
    """The agent pressed no key after the message."""


class AnswerSpoken(Event, frozen=True):
    """A spoken answer is over; `path` is empty when there is none to be kept."""

    survey: str
    question: str
    recording: str
    path: str
    seconds: float
    unwanted: str = ""
    """What is on disk all the same, to be deleted."""


class PromptOver(Event, frozen=True):
    """A prompt of the flow ended."""

    play: str
    completed: bool
    note: str = ""


class OutsideFailed(Event, frozen=True):
    """An outside address asked for by the flow could not be reached, or was left."""

    cause: Cause


class OwnAnswered(Event, frozen=True):
    """An agent's own call was answered: by another agent, or (empty) outside."""

    agent: str


class TransferDone(Event, frozen=True):
    """A blind transfer was answered by another agent (`to_agent`) or outside (`address`)."""

    from_agent: str
    to_agent: str = ""
    address: str = ""


class TransferFailed(Event, frozen=True):
    """A blind transfer was not answered. `stranded`: who asked for it is gone too."""

    cause: Cause
    to_agent: str = ""
    stranded: bool = False


class Closed(Event, frozen=True):
    """The interaction is over, all its legs and recordings too."""

    cause: Cause
    ended_at: float


class Noted(Event, frozen=True):
    """A line for the timeline."""

    what: str
    details: dict[str, str | int | float] = {}


AnyEvent = (
    CustomerGone
    | AgentAccepted
    | AgentMissed
    | Bridged
    | TalkOver
    | LineLeft
    | CallFailed
    | CustomerReached
    | MessageSpoken
    | MessageDone
    | MessagePutOff
    | AnswerSpoken
    | PromptOver
    | OutsideFailed
    | OwnAnswered
    | TransferDone
    | TransferFailed
    | Closed
    | Noted
)
