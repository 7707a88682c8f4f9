"""The closed vocabulary of facts: what happened outside, in the past tense, never refused.

A fact enters the one inbox, is appended to the ledger with its time, and is then handed to the
engines. Facts are versioned by adding fields with defaults; a field is never renamed or removed.
A leg id is `CHANNEL:TOKEN`; the part before the colon names the channel instance that owns the leg.
"""

from ccd.model.fact import Fact as Fact  # noqa: PLC0414 (found here too)
from ccd.model.facts_erasing import CustomerErased as CustomerErased  # noqa: PLC0414 (these too)
from ccd.model.facts_erasing import NameDigest as NameDigest  # noqa: PLC0414
from ccd.model.facts_outside import BotEnded as BotEnded  # noqa: PLC0414 (these too)
from ccd.model.facts_outside import BotSaid as BotSaid  # noqa: PLC0414
from ccd.model.facts_outside import BotStarted as BotStarted  # noqa: PLC0414
from ccd.model.facts_outside import LinkMade as LinkMade  # noqa: PLC0414
from ccd.model.facts_outside import OutsideAnswered as OutsideAnswered  # noqa: PLC0414
from ccd.model.nouns import Availability, Binding, Cause, ChannelClass, LegKind
from ccd.model.rules import Rules

# -- the daemon itself -------------------------------------------------------------------------


class DaemonStarted(Fact, frozen=True):
    """The daemon starts; all that lived only in the former process (audio legs) is gone."""

    version: str
    boot: str
    """Fresh token; ids made at the edges of this run start with it."""


class DaemonStopped(Fact, frozen=True):
    """The daemon ends in order."""


class RulesLoaded(Fact, frozen=True):
    """The configuration that the engines follow from here on."""

    rules: Rules
    by: str = ""


class ProfileSet(Fact, frozen=True):
    """A profile of the rules is turned on or off; turned on again it gets the new end and reason."""

    profile: str
    on: bool
    by: str
    """`ccctl:USER`."""
    until: float | None = None
    """When it ends by itself, epoch seconds; at that instant it is off. None: when it is turned off."""
    reason: str = ""


class NoticeSet(Fact, frozen=True):
    """Somebody at the console sets a notice: said to each new caller before the flow begins."""

    by: str
    """`ccctl:USER`."""
    until: float
    """When it ends by itself, epoch seconds."""
    text: str = ""
    prompt: str = ""
    numbers: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    language: str = ""


class NoticeRemoved(Fact, frozen=True):
    """Somebody at the console takes a notice away."""

    notice: str
    by: str


class CustomerForgotten(Fact, frozen=True):
    """Somebody at the console makes the centre forget a customer."""

    customer: str
    """A number, or how a customer is identified."""
    by: str


class QueueClosed(Fact, frozen=True):
    """Somebody at the console closes a queue: as if its calendar were closed."""

    queue: str
    by: str
    until: float | None = None
    """When it opens again by itself, epoch seconds; None: when it is opened by hand."""
    reason: str = ""
    text: str = ""
    """Said to who is sent away."""
    prompt: str = ""


class QueueOpened(Fact, frozen=True):
    """Somebody at the console opens a queue that was closed by hand."""

    queue: str
    by: str


class DrainAsked(Fact, frozen=True):
    """From now on no new interaction is taken."""

    on: bool
    by: str


class TimePassed(Fact, frozen=True):
    """A deadline of an engine is due. Carries nothing: `now` says it all."""


# -- legs --------------------------------------------------------------------------------------


class LegArrived(Fact, frozen=True):
    """Somebody outside started a conversation on a channel (a call came in, a visitor opened a chat)."""

    leg: str
    channel: str
    channel_class: ChannelClass
    kind: LegKind
    origin: str
    """Address of the customer: E.164 number, visitor key, mail address. Empty when withheld."""
    target: str
    """What was reached: number dialled in E.164, or a name of the channel (`web:support`)."""
    display: str = ""
    via: str = ""
    """Trunk or source the leg came through."""
    flow: str = ""
    """Flow that the channel's own settings ask for; else `target` is looked up among the numbers."""
    continues: str = ""
    """Digest of the token that the customer brought (`ccd.channels.links`): it goes on from another
    interaction; empty: it begins anew."""
    diverted_from: str = ""
    """Number that the customer dialled, where that one sent the call on to `target`."""


class AgentDialled(Fact, frozen=True):
    """An agent's own phone dialled something (a feature code, a colleague, a number)."""

    leg: str
    device: str
    target: str


class LegRinging(Fact, frozen=True):
    """The far end of a leg that we dialled rings."""

    leg: str
    early_media: bool = False
    """It sends audio already: the other party should hear that, not a tone of ours."""


class LegAnswered(Fact, frozen=True):
    """The far end of a leg that we dialled accepted, or a leg that we answered confirmed (ACK)."""

    leg: str
    device: str = ""
    """Which device of the agent answered."""


class LegEnded(Fact, frozen=True):
    """The leg is gone; the last fact about it."""

    leg: str
    cause: Cause
    sip_status: int = 0
    q850: int = 0
    remote: bool = True
    """The far end ended it (else we did)."""
    note: str = ""


class LegHeld(Fact, frozen=True):
    """The party put us on hold (re-INVITE with sendonly or inactive)."""

    leg: str


class LegResumed(Fact, frozen=True):
    """The party took us off hold."""

    leg: str


class TransferAsked(Fact, frozen=True):
    """The party asks to send the other side of its bridge elsewhere (REFER)."""

    leg: str
    target: str
    """User part dialled: an agent's extension, a queue's number, or an outside address in E.164."""
    attended: bool = False
    """To the far end of another call of the same party, whatever the target says (Replaces)."""
    replaces: str = ""
    """Leg of that other call; empty: it is none that stands here."""


class TakeOverAsked(Fact, frozen=True):
    """An agent's phone asks to be put in the place of another leg (INVITE with Replaces, RFC 3891)."""

    leg: str
    """The phone's, which is not answered yet."""
    device: str
    replaces: str
    """Leg whose place it is to take: one that rings at a phone of ours, or one in conversation."""


class MediaLost(Fact, frozen=True):
    """No packet came from the party for the set time though it should send."""

    leg: str
    silent_s: float
    alive: bool = False
    """It answered when it was asked by the signalling: it is silent, not gone."""
    both: bool = False
    """So is the party it is joined with, and for longer than a call may be silent."""


class DigitPressed(Fact, frozen=True):
    """One DTMF digit, however it was sent: 0–9, *, #, A–D."""

    leg: str
    digit: str


class SecretCollected(Fact, frozen=True):
    """What was keyed in secret (`CollectSecret`) is complete, or did not come: never the keys themselves."""

    leg: str
    secret: str
    """The reference that was asked with."""
    length: int
    """So many keys; 0: none came."""
    ok: bool
    """They are valid, and kept under the reference until the leg ends."""
    note: str = ""


class SecretsCompared(Fact, frozen=True):
    """Whether two secrets are the same (`CompareSecrets`)."""

    leg: str
    secret: str
    """The reference of what was keyed."""
    ok: bool
    """The same; false also when one of them is kept no longer."""


class PromptEnded(Fact, frozen=True):
    """A prompt came to its end, was stopped, or could not be played."""

    leg: str
    play: str
    completed: bool
    note: str = ""


class RecordingEnded(Fact, frozen=True):
    """A recording is closed and whole on disk."""

    recording: str
    path: str
    seconds: float
    note: str = ""
    quiet_s: float = 0.0
    """Of a message: so much of it, at its end, is silence."""


class FilesDeleted(Fact, frozen=True):
    """Recordings that were to be deleted are gone."""

    paths: tuple[str, ...]
    note: str = ""
    """Those that are not, and why; empty: all are."""


# -- text --------------------------------------------------------------------------------------


class TextReceived(Fact, frozen=True):
    """A party wrote."""

    leg: str
    text: str
    message: str
    """Id given by the channel; the same id twice is the same message."""


class TextDelivered(Fact, frozen=True):
    """A text of ours reached the party's device."""

    leg: str
    message: str


class TextFailed(Fact, frozen=True):
    """A text of ours could not be delivered."""

    leg: str
    message: str
    cause: Cause


# -- agents and devices ------------------------------------------------------------------------


class AvailabilityAsked(Fact, frozen=True):
    """An agent, or somebody for the agent, declares a new availability."""

    agent: str
    availability: Availability
    reason: str = ""
    by: str = ""
    """`phone:DEVICE`, `ccctl:USER`, `policy:…`."""
    when_done: bool = False
    """Of a pause or logout: when the work at hand is done."""


class WrapUpEndAsked(Fact, frozen=True):
    """An agent, or somebody for the agent, ends wrap-up early."""

    agent: str
    by: str = ""


class WrapUpExtendAsked(Fact, frozen=True):
    """An agent, or somebody for the agent, needs more time for wrap-up."""

    agent: str
    by: str = ""


class PaymentSettled(Fact, frozen=True):
    """Somebody has looked at a payment that was left open."""

    request: str
    by: str = ""
    note: str = ""
    """What was found or done."""


class DispositionGiven(Fact, frozen=True):
    """Somebody says how an interaction ended; the last one counts."""

    interaction: str
    code: str
    """A code or a name of the queue's list, as it was said."""
    by: str
    """`phone:DEVICE`, `ccctl:USER`."""
    device: str = ""
    """Whose agent says it; empty: it holds for everybody who had a part in it."""
    leg: str = ""
    """Text leg that is told what came of it."""


class DeviceBound(Fact, frozen=True):
    """A device registered or refreshed (kept in the ledger so that phones survive our restart)."""

    binding: Binding


class DeviceUnbound(Fact, frozen=True):
    """A binding is gone: unregistered, expired, or its connection closed."""

    device: str
    binding: str
    cause: str


class DeviceReachable(Fact, frozen=True):
    """A bound device answers again."""

    device: str
    round_trip_ms: float = 0.0


class DeviceLost(Fact, frozen=True):
    """A bound device does not answer: its agent is not offered work on it until it is back."""

    device: str
    cause: str


class TrunkChanged(Fact, frozen=True):
    """A trunk came up or went down (alarm)."""

    trunk: str
    up: bool
    note: str = ""


# -- people at the console ---------------------------------------------------------------------


class HangupAsked(Fact, frozen=True):
    """Somebody at the console ends an interaction."""

    interaction: str
    by: str
    agent_only: bool = False
    """Only the agent's part in a conversation: the customer goes on where the queue has a flow for that."""


class ChangeAsked(Fact, frozen=True):
    """Somebody at the console changes how an interaction waits; what is `None` stays."""

    interaction: str
    by: str
    priority: int | None = None
    requirement: str | None = None
    queue: str | None = None


class CallbackAsked(Fact, frozen=True):
    """Somebody at the console lets a waiting customer leave the line, to be called back."""

    interaction: str
    by: str
    number: str = ""
    """Where; empty: the number that the customer calls from."""


class MaskAsked(Fact, frozen=True):
    """Somebody at the console puts silence in place of what is recorded from now on, or ends that."""

    interaction: str
    on: bool
    by: str


AnyFact = (
    DaemonStarted
    | DaemonStopped
    | RulesLoaded
    | ProfileSet
    | NoticeSet
    | NoticeRemoved
    | CustomerForgotten
    | CustomerErased
    | QueueClosed
    | QueueOpened
    | DrainAsked
    | TimePassed
    | LegArrived
    | AgentDialled
    | LegRinging
    | LegAnswered
    | LegEnded
    | LegHeld
    | LegResumed
    | TransferAsked
    | TakeOverAsked
    | MediaLost
    | DigitPressed
    | SecretCollected
    | SecretsCompared
    | PromptEnded
    | RecordingEnded
    | TextReceived
    | TextDelivered
    | TextFailed
    | AvailabilityAsked
    | WrapUpEndAsked
    | WrapUpExtendAsked
    | PaymentSettled
    | DispositionGiven
    | DeviceBound
    | DeviceUnbound
    | DeviceReachable
    | DeviceLost
    | TrunkChanged
    | HangupAsked
    | ChangeAsked
    | CallbackAsked
    | OutsideAnswered
    | LinkMade
    | MaskAsked
    | FilesDeleted
    | BotStarted
    | BotSaid
    | BotEnded
)
"""Every fact, for decoding."""
