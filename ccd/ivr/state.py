"""State of the flows that run: plain values that go into the snapshot.

A running interaction keeps the script that it began with, whatever is reloaded meanwhile: scripts
are numbered, and a number is forgotten once nobody follows it and a newer one took its name.
"""

from enum import StrEnum

import msgspec

from ccd.model.nouns import LegKind
from ccd.model.rules import FlowRule


class Mode(StrEnum):
    """What an interaction in a flow waits for."""

    PLAYING = "playing"
    """The end of the prompts of a `play` step."""
    ASKING = "asking"
    """A key, while a menu's prompt plays."""
    LISTENING = "listening"
    """A key, the menu's prompt being over."""
    QUEUED = "queued"
    """An agent; the queue has it."""
    TRANSFERRING = "transferring"
    """An outside address to answer."""
    COLLECTING = "collecting"
    """Several keys, while the prompt plays and after it."""
    KEYING = "keying"
    """What the channel says of keys that it collects in secret."""
    KEEPING = "keeping"
    """Whether a callback can be kept."""
    REFUSING = "refusing"
    """The end of the prompt that says why it cannot."""
    AWAITING = "awaiting"
    """The answer of a service outside."""
    RECOGNISING = "recognising"
    """The answer of a service outside who the customer is."""
    IDENTIFYING = "identifying"
    """The keys of a customer number."""
    ANSWERING = "answering"
    """A key for a language, or for yes or no, while the question plays and after it."""
    GREETING = "greeting"
    """The end of the prompt that asks for a message."""
    BEEPING = "beeping"
    """The end of the beep after which one speaks."""
    SPEAKING = "speaking"
    """The end of the message, and whether there is one."""
    RATING = "rating"
    """The answer to a question of a survey, while its prompt plays and after it."""
    TONE = "tone"
    """The end of the tone after which an answer is spoken."""
    TELLING = "telling"
    """The end of a spoken answer, and whether there is one."""
    PAYING = "paying"
    """What the channel says of a card's keys, which it collects in secret."""
    CHARGING = "charging"
    """Whether a service takes the money."""
    PROVING = "proving"
    """What the channel says of a PIN's or a code's keys."""
    VERIFYING = "verifying"
    """Whether a service says that the PIN is right."""
    SENDING = "sending"
    """Whether a service has sent a one-time code."""
    COMPARING = "comparing"
    """Whether the code that was keyed is the one that was sent."""
    CALLING_BOT = "calling_bot"
    """A bot to be there."""
    WITH_BOT = "with_bot"
    """The end of the conversation with a bot."""
    LEAVING = "leaving"
    """The end of the goodbye prompt."""


class Event(StrEnum):
    """What may happen to an interaction in a flow."""

    DIGIT = "digit"
    TEXT = "text"
    PROMPT_ENDED = "prompt_ended"
    RESUME = "resume"
    DEADLINE = "deadline"
    REFUSED = "refused"
    KEPT = "kept"
    NO_MESSAGE = "no_message"
    SPOKEN = "spoken"
    KEYED = "keyed"
    ANSWERED = "answered"
    COMPARED = "compared"
    BOT_STARTED = "bot_started"
    BOT_SAID = "bot_said"
    BOT_ENDED = "bot_ended"


class Frame(msgspec.Struct, omit_defaults=True):
    """Where a flow that called another goes on."""

    script: int
    at: int
    """Index of the `call` step."""
    kept: dict[str, str] = {}
    """Variables of the arguments' names, as they were before."""
    arguments: tuple[str, ...] = ()


class FlowState(msgspec.Struct, omit_defaults=True):
    """Where one interaction is."""

    interaction: str
    script: int
    """Number of the script in `FlowsState.scripts`."""
    kind: LegKind
    language: str
    at: int = 0
    """Index of the present step."""
    mode: Mode = Mode.PLAYING
    answered: bool = False
    variables: dict[str, str] = {}
    recognised: str | None = None
    """Who the customer is, as the last step `identify` found; empty: nobody known; None: none has asked."""
    plays: int = 0
    """Prompts asked for so far; makes the ids of plays."""
    play: str = ""
    """The play whose end is awaited; empty: none."""
    typed: str = ""
    """Keys pressed during a prompt that may be cut, of which the next menu takes the first; or collected."""
    no_input: int = 0
    bad_input: int = 0
    until: float = 0.0
    """When all keys together must have come; 0: no limit."""
    secrets: dict[str, int] = {}
    """References to secret keys that variables hold → how many keys."""
    deadline: float | None = None
    moved_at: float = 0.0
    """Instant of the last step, and how many steps were taken at it."""
    steps: int = 0
    asks: int = 0
    """Questions to services outside so far; makes their ids."""
    ask: str = ""
    """The question whose answer is awaited, or the conversation with a bot; empty: none."""
    asked_by: str = ""
    """What it is asked by: `caller` or `number` (of `identify`)."""
    attempts: int = 0
    """Customer numbers keyed in this visit of `identify`."""
    part: str = ""
    """What is keyed in secret now: `card_number`, `expiry`, `security_code`; `pin`, `code`."""
    given: dict[str, str] = {}
    """Part → reference of the keys that came; `sent`: of the code that they must be; `dropped`: of those that
    are dropped meanwhile."""
    tries: int = 0
    """Cards, PINs or codes that were no good in this visit of a step."""
    codes: int = 0
    """One-time codes made in this visit of `identify`."""
    code_until: float = 0.0
    """The one-time code counts until then."""
    claimed: tuple[str, ...] = ()
    """Variables that are true only once the customer has proved it."""
    sent: int = 0
    """What `send` steps sent so far."""
    opened: bool = False
    """On a text leg: the party wrote something already, here or in a flow before."""
    aside: bool = False
    """It runs while the customer waits in a queue: at its end the wait goes on."""
    outer: "FlowState | None" = None
    """The flow that waits for the queue meanwhile."""
    kept: bool = False
    """A callback or a message is kept: it runs beside that, and at its end the line goes down."""
    calls: list[Frame] = []
    """Flows that called, the outermost first."""
    entry: str = ""
    """The flow that it came into first; empty: it runs aside."""
    asked: bool = False
    """It asked for a person: a queue, a callback or a transfer."""


class Failed(msgspec.Struct):
    """Wrong PINs and codes of a customer, or from a number."""

    count: int
    until: float
    """Forgotten then."""


class FlowsState(msgspec.Struct, omit_defaults=True):
    """Everything that the interpreter keeps."""

    running: dict[str, FlowState] = {}
    scripts: dict[int, FlowRule] = {}
    current: dict[str, int] = {}
    """Flow's name → number of the script that new interactions follow."""
    next_script: int = 1
    failed: dict[str, Failed] = {}
    """`customer:ID`, `caller:NUMBER` → wrong PINs and codes, `codes:ID` → those sent; bounded."""
