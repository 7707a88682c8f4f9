"""The closed vocabulary of commands: please do. What comes of one returns as new facts.

A command is carried out only after the facts that caused it are durable. It never fails in the
caller's face: a channel that cannot do it says so with a fact (`LegEnded`, `PromptEnded`, `TextFailed`).
"""

import msgspec

from ccd.model.nouns import Cause, LegKind, PromptPart


class Command(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of all commands; `leg` says which channel carries it out (the part before the colon)."""


class AnswerLeg(Command, frozen=True):
    """Answer a leg that arrived (200 OK; for text: confirm that it is taken)."""

    leg: str


class RingLeg(Command, frozen=True):
    """Tell a leg that arrived that its target rings (180)."""

    leg: str
    early_media: bool = False
    """Let it hear already what it will be bridged with, before it is answered (183 with SDP)."""


class ReleaseLeg(Command, frozen=True):
    """End a leg in whatever state it is: refuse, cancel or hang up. Idempotent."""

    leg: str
    cause: Cause
    by: str = ""
    """Who took what was offered on this leg, as shown to people; empty: nobody, or it was no offer."""


class OfferCard(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an offer shows on the agent's device."""

    interaction: str
    queue: str = ""
    waited_s: int = 0
    caller: str = ""
    caller_name: str = ""
    callback: bool = False
    """The customer holds no line and is called back at `caller`."""
    voicemail_s: int = 0
    """The customer left a message of so many seconds, to be heard; 0: none."""
    screen: dict[str, str] = {}
    """Name → value that the flow gives along; bounded."""
    continues: str = ""
    """Interaction from which it goes on; empty: it began anew."""
    consults: str = ""
    """Interaction about which a colleague asks by this call; empty: it is no such call."""


class DialLeg(Command, frozen=True):
    """Open a leg to an agent's devices or to an outside address; ring until answered or released.

    Exactly one of `devices` and `address` is set. All of the agent's bound devices ring; the first
    that answers wins, the others are cancelled as answered elsewhere. For a text leg `opening` is
    delivered as the first message and the first text that comes back is the answer.
    """

    leg: str
    kind: LegKind
    card: OfferCard
    devices: tuple[str, ...] = ()
    address: str = ""
    caller_id: str = ""
    """Number shown to an outside address (E.164)."""
    opening: tuple[str, ...] = ()
    peer: str = ""
    """Leg it is to be bridged with, for the choice of codec without transcoding."""
    own_number: bool = False
    """`caller_id` is a number of the centre: it goes before the trunk's."""


class PlayPrompt(Command, frozen=True):
    """Play parts one after another to a leg; ends what played before. Ends with `PromptEnded`."""

    leg: str
    play: str
    parts: tuple[PromptPart, ...]
    language: str
    barge: bool = False
    """A digit stops it at once (the digit is reported too)."""


class CollectSecret(Command, frozen=True):
    """Collect keys that nobody else may see; the channel keeps them and posts `SecretCollected`, once.

    From here until then no `DigitPressed` is posted, nobody hears the party, and recordings hold silence.
    """

    leg: str
    secret: str
    """Unique reference under which the keys are kept."""
    least: int
    most: int
    terminator: str
    first_wait_s: float
    wait_s: float
    total_s: float
    """0: no limit."""
    valid: str = ""
    """As `Collect.valid`."""
    play: str = ""
    """The prompt that asks, given next; the times count from its end. Empty: from now."""
    for_nobody: bool = False
    """Keys are dropped as they come, and nothing is posted: until `ForgetSecrets`, or no key for `wait_s`."""


class ForgetSecrets(Command, frozen=True):
    """Forget secrets of a leg's interaction, and stop collecting them. Idempotent; nothing comes of it."""

    leg: str
    secrets: tuple[str, ...]
    """References."""


class CompareSecrets(Command, frozen=True):
    """Compare two secrets, in constant time. Ends with `SecretsCompared`."""

    leg: str
    secret: str
    """What was keyed: its reference, which names the comparison too."""
    other: str
    """Reference of what it should be."""


class StopPrompt(Command, frozen=True):
    """Stop what plays on a leg (prompt or music)."""

    leg: str


class StartMusic(Command, frozen=True):
    """Play music in a loop to a leg until a prompt, a bridge or `StopPrompt`. `tone:ringback` is a tone."""

    leg: str
    music: str


class PlayTone(Command, frozen=True):
    """Play a short named tone (`confirm`, `error`, `beep`) to a leg. Ends with `PromptEnded`."""

    leg: str
    play: str
    tone: str


class PlayRecording(Command, frozen=True):
    """Play a recording of ours to a leg; ends what played before. Ends with `PromptEnded`."""

    leg: str
    play: str
    path: str


class BridgeLegs(Command, frozen=True):
    """Let two audio legs hear each other; each leaves the bridge it was in."""

    a: str
    b: str


class PartLegs(Command, frozen=True):
    """Take a leg out of its bridge; both legs stay up and hear nothing until told."""

    leg: str


class StartRecording(Command, frozen=True):
    """Record a leg's bridge to a stereo WAV: customer left, agent right. Ends with `RecordingEnded`."""

    recording: str
    leg: str
    """The customer's leg (left)."""
    peer: str
    """The agent's leg (right)."""


class RecordMessage(Command, frozen=True):
    """Record what a leg sends to a mono WAV, until it is stopped or falls silent. Ends with
    `RecordingEnded`."""

    recording: str
    leg: str
    silence_s: float
    """So long a silence ends it; 0: none does."""


class MaskRecording(Command, frozen=True):
    """Put silence in place of what both parties say, or end that; the time goes on."""

    recording: str
    leg: str
    on: bool


class StopRecording(Command, frozen=True):
    """End a recording."""

    recording: str
    leg: str


class DeleteFiles(Command, frozen=True):
    """Delete recordings that are kept no longer. Ends with `FilesDeleted`."""

    leg: str
    """`voice:files`: the channel that keeps them; no leg is meant."""
    paths: tuple[str, ...]


class ReportTransfer(Command, frozen=True):
    """Tell the party that asked for a transfer how it goes (NOTIFY sipfrag)."""

    leg: str
    done: bool
    cause: Cause = Cause.NORMAL


class SendText(Command, frozen=True):
    """Give a text to the party of a text leg. Ends with `TextDelivered` or `TextFailed`."""

    leg: str
    message: str
    text: str


class AcknowledgeText(Command, frozen=True):
    """A text that the party sent is durable now: the channel may acknowledge it."""

    leg: str
    message: str


class TellPosition(Command, frozen=True):
    """Tell a waiting party of a text leg its place, how long it will probably wait, or both."""

    leg: str
    position: int
    """1 = next; 0: the place is not told."""
    wait_min: int = 0
    """Whole minutes; 0: the wait is not told."""


class LinkText(msgspec.Struct, frozen=True, omit_defaults=True):
    """A link to be made and sent: the address of the page, and the values in which `{link}` stands for it."""

    url: str
    values: tuple[str, ...]


class AskOutside(Command, frozen=True):
    """Ask a service outside. Ends with `OutsideAnswered`; the flow waits for it no longer than it says."""

    leg: str
    """`outside:ASK`: the built-in channel that asks, and the id of the question."""
    interaction: str
    service: str
    """Name of a `[services.NAME]`."""
    values: dict[str, str]
    timeout_s: float
    secrets: dict[str, str] = {}
    """Name → reference of a secret that the voice channel keeps (`ccd.channels.secrets`)."""
    new_code: str = ""
    """Make a code by chance, keep it under this reference and send it as `code`, and in place of `{code}` in
    the value `text`; empty: none."""
    new_code_digits: int = 6
    link: LinkText | None = None
    """Make the token of a link, post `LinkMade`, and ask once `SendLink` says that it can be opened."""


class SendLink(Command, frozen=True):
    """The digest of a link's token is kept: go on with the question that sends it."""

    leg: str
    """`outside:ASK`."""


class StartBot(Command, frozen=True):
    """Hand a conversation to a bot. `BotStarted` says that it is there; ends with `BotEnded`, once, unless
    `StopBot` came first."""

    leg: str
    """`bot:CONVERSATION`: the built-in channel that talks with bots, and the id of the conversation."""
    interaction: str
    bot: str
    """Name of a `[bots.NAME]`."""
    kind: LegKind
    party: str
    """The customer's leg: on audio the bot hears and speaks to it."""
    language: str
    caller: str
    dialled: str
    values: dict[str, str]
    timeout_s: float
    """To be there."""
    longest_s: float
    """For all of it, from then on."""
    written: tuple[str, ...] = ()
    """What the customer wrote before."""


class TellBot(Command, frozen=True):
    """Pass on what the customer wrote, or a key."""

    leg: str
    text: str = ""
    digit: str = ""


class StopBot(Command, frozen=True):
    """End a conversation with a bot; nothing more is heard of it. Idempotent."""

    leg: str
    why: str = ""
    """Told to the bot."""


AnyCommand = (
    AnswerLeg
    | RingLeg
    | ReleaseLeg
    | DialLeg
    | PlayPrompt
    | CollectSecret
    | ForgetSecrets
    | CompareSecrets
    | StopPrompt
    | StartMusic
    | PlayTone
    | PlayRecording
    | BridgeLegs
    | PartLegs
    | StartRecording
    | RecordMessage
    | MaskRecording
    | StopRecording
    | DeleteFiles
    | ReportTransfer
    | SendText
    | AcknowledgeText
    | TellPosition
    | AskOutside
    | SendLink
    | StartBot
    | TellBot
    | StopBot
)
"""Every command, for decoding."""
