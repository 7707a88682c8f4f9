"""What the interpreter of flows wants done: the outcomes of one turn, in order.

The runtime maps them to commands (`PlayParts` → `PlayPrompt` or a text) and to notes on the
interaction's timeline (`Chose`, `Missed`, `Assigned`). Every one names its interaction.
"""

from typing import Any

import msgspec

from ccd.model.links import LinkRule
from ccd.model.nouns import Cause, LegKind, PromptPart
from ccd.model.step import Say


class LinkWanted(msgspec.Struct, frozen=True):
    """A link that goes with a question to a service."""

    rule: LinkRule
    values: tuple[str, ...]
    """Names of the values in which it stands."""
    language: str
    variables: dict[str, str]
    """What the conversation that it begins knows at first."""


class Do(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of all outcomes."""

    interaction: str


class Answer(Do, frozen=True):
    """Answer the leg; given at most once, and before the first prompt if the flow did not say so."""


class PlayParts(Do, frozen=True):
    """Play prompts one after another; `prompt_ended` with the same `play` is awaited on audio legs.

    On a text leg only a menu's prompt comes this way (to be shown), and its end is not awaited.
    """

    play: str
    """Unique within the interaction."""
    parts: tuple[PromptPart, ...]
    language: str
    barge: bool
    """A digit stops it; the channel stops it by itself."""


class Queue(Do, frozen=True):
    """Wait in a queue; `resume` goes on with the flow when the queue overflows into no target."""

    queue: str
    priority: int | None
    requirement: str = ""
    """What this interaction asks for besides the queue's requirement."""
    prefer: tuple[str, ...] = ()
    """Whom it is kept for at first, for `prefer_wait_s`: the first of these who is an agent."""
    prefer_last_s: float = 0.0
    """Nobody named: whoever spoke with this customer last, if that is no longer ago."""
    prefer_wait_s: float = 0.0
    whisper: str = ""
    """What the agent hears instead of the queue's whisper."""
    screen: dict[str, str] = {}
    """What the agent is shown with the offer; empty: as before."""
    whisper_say: Say = ""
    """What is said to the agent, after `whisper`, instead of the queue's."""


class CallBack(Do, frozen=True):
    """The customer leaves the line and is called back; else `refuse` goes on with the flow."""

    queue: str
    number: str
    """Empty: the one that the customer calls from."""
    priority: int | None = None
    at: str = ""
    """The time that the customer would like, as it was said; empty: in turn."""
    calendar: str = ""
    """Whose time that is; empty: that of the queue's calendar."""
    goes_on: bool = False
    """Once it is kept, `kept` goes on with the flow; `LeaveLine` follows."""


class LeaveLine(Do, frozen=True):
    """A customer whose callback, or message, is kept has heard all there is: take the line down."""

    note: str = ""
    """Why, where it is a fault."""


class Stay(Do, frozen=True):
    """A flow that ran while the customer waited is over: the wait goes on."""


class Beep(Do, frozen=True):
    """Play a beep; `prompt_ended` with the same `play` is awaited."""

    play: str


class TakeMessage(Do, frozen=True):
    """Record what the customer says, to be heard by an agent of the queue; `no_message` goes on with the flow
    when there was nothing."""

    queue: str
    silence_s: float
    min_s: float
    goodbye: str
    goes_on: bool = False
    """Once it is kept, `kept` goes on with the flow in place of the goodbye; `LeaveLine` follows."""


class NoRoom(Do, frozen=True):
    """No message is taken: the queue has as many as it takes (timeline)."""

    step: str
    queue: str


class EndMessage(Do, frozen=True):
    """The customer has said it all, or spoken long enough."""


class SwitchRecording(Do, frozen=True):
    """Conversations are recorded from here on, or not, or masked: `on`, `off`, `mask`, `unmask`."""

    switch: str


class TransferTo(Do, frozen=True):
    """Dial an outside address; `resume` goes on with the flow when that fails."""

    address: str
    ring_timeout_s: float


class HangUp(Do, frozen=True):
    """Release now (a goodbye prompt has been played already); the interaction left the flow."""

    cause: Cause = Cause.NORMAL
    note: str = ""
    """Why, for the timeline; empty when the flow simply said so."""


class Chose(Do, frozen=True):
    """A menu got a key that it knows (timeline)."""

    step: str
    key: str


class CollectSecretly(Do, frozen=True):
    """Collect keys that nobody may see; `secret_collected` of the same `secret` is awaited."""

    secret: str
    least: int
    most: int
    terminator: str
    first_wait_s: float
    wait_s: float
    total_s: float
    valid: str
    play: str
    """Of the prompt that follows; empty: none does."""
    for_nobody: bool = False
    """They are dropped, and nothing is awaited."""


class Forget(Do, frozen=True):
    """Forget secrets, and stop dropping keys."""

    secrets: tuple[str, ...]


class Compare(Do, frozen=True):
    """Compare what was keyed with what it should be; `secrets_compared` is awaited."""

    secret: str
    other: str


class Remarked(Do, frozen=True):
    """Something for the timeline only: never with what was keyed in it."""

    what: str
    details: dict[str, str]


class Rejected(Do, frozen=True):
    """What was keyed is not what the step asks for (timeline)."""

    step: str
    why: str
    count: int
    """How many in this visit of the step."""
    typed: str = ""
    """Never given for secret keys."""


class Missed(Do, frozen=True):
    """A menu got no key in time (`key` empty) or one that it does not know (timeline)."""

    step: str
    key: str
    count: int
    """How many of this kind in this visit of the menu."""


class Branched(Do, frozen=True):
    """A branch took a case (timeline)."""

    step: str
    case: str
    """The condition that held; empty: none did."""
    was: dict[str, Any] = {}
    """What it saw of figures, times, history and notices."""


class Asked(Do, frozen=True):
    """A question of a survey is put to the customer, for the first time in this visit of the step."""

    survey: str
    """The flow in which it stands."""
    question: str
    kind: str


class Answered(Do, frozen=True):
    """A question of a survey was answered."""

    survey: str
    question: str
    kind: str
    answer: str
    """The score in digits, the word of the choice, or what was written."""


class Unanswered(Do, frozen=True):
    """A question of a survey was given up."""

    survey: str
    question: str
    kind: str
    why: str
    """`skipped`, `no input` or `bad input`."""


class TakeAnswer(Do, frozen=True):
    """Record the answer to a question of a survey from now on; `answer_spoken` tells what came of it."""

    survey: str
    question: str
    silence_s: float
    min_s: float


class EndAnswer(Do, frozen=True):
    """The customer has said it all, or spoken long enough."""

    dropped: bool = False
    """What was said is not to be kept."""


class Assigned(Do, frozen=True):
    """Variables of the interaction were set (timeline)."""

    step: str
    values: dict[str, str]


class Recognised(Do, frozen=True):
    """A service said who the customer is; empty: what was said before counts no more."""

    customer: str


class Ask(Do, frozen=True):
    """Ask a service outside; `answered` brings what it says."""

    step: str
    ask: str
    """Unique among all questions."""
    service: str
    values: dict[str, str]
    timeout_s: float
    secrets: dict[str, str] = {}
    """Name → reference of a secret."""
    new_code: str = ""
    """Reference for a one-time code that is made and sent with it; empty: none."""
    new_code_digits: int = 6
    link: LinkWanted | None = None


class AskLost(Do, frozen=True):
    """No answer in time: one that comes later is ignored (timeline)."""

    ask: str


class ChargeAsked(Do, frozen=True):
    """The question `ask` is for money: what comes of it is not lost sight of."""

    ask: str
    service: str
    request: str
    amount: str
    currency: str
    timeout_s: float
    recall_queue: str = ""


class ChargeOver(Do, frozen=True):
    """The flow knows what came of a payment, or waits for it no longer."""

    ask: str
    result: str
    reference: str = ""
    reason: str = ""


class NotAsked(Do, frozen=True):
    """A service is not asked (timeline)."""

    step: str
    service: str
    why: str


class Hold(Do, frozen=True):
    """Play music while a service is asked; without music: stop what plays."""

    music: str = ""


class StartBot(Do, frozen=True):
    """Hand the conversation to a bot; `bot_started` and `bot_ended` of it are awaited."""

    step: str
    conversation: str
    """Unique among all conversations with bots."""
    bot: str
    kind: LegKind
    language: str
    values: dict[str, str]
    timeout_s: float
    longest_s: float


class TellBot(Do, frozen=True):
    """Pass on what the customer wrote, or a key."""

    conversation: str
    text: str = ""
    digit: str = ""


class StopBot(Do, frozen=True):
    """Take the conversation away from the bot: one that comes late is ignored."""

    conversation: str
    why: str


class BotOver(Do, frozen=True):
    """The flow goes on without the bot (timeline)."""

    step: str
    conversation: str
    bot: str
    how: str
    """`ended`, `left`, `failed` or `too long`."""
    why: str = ""
