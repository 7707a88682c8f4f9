"""The nouns of the centre: small enums and values that facts, commands and engines share."""

from enum import StrEnum

import msgspec


class ChannelClass(StrEnum):
    """Pace of the work; routing knows classes and loads, never a channel's name."""

    VOICE = "voice"
    LIVE_TEXT = "live_text"
    DEFERRED_TEXT = "deferred_text"
    TASK = "task"


DEFAULT_LOAD = {
    ChannelClass.VOICE: 100,
    ChannelClass.LIVE_TEXT: 30,
    ChannelClass.DEFERRED_TEXT: 10,
    ChannelClass.TASK: 10,
}
"""Load of one interaction on an agent's capacity of 100, where the queue says nothing else."""


class Availability(StrEnum):
    """What an agent declares."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    PAUSED = "paused"


class Cause(StrEnum):
    """Why a leg, an offer or an interaction ended. Edges map these to SIP status and Q.850 cause."""

    NORMAL = "normal"
    """Hung up by its party after talking."""
    CANCELLED = "cancelled"
    """The party that asked for it took it back before it was answered (a caller who left)."""
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    """Declined by a person."""
    UNREACHABLE = "unreachable"
    """No registered device, or the network gave no answer at all."""
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    CONGESTION = "congestion"
    """No free channel, trunk down, or 5xx from every trunk."""
    OVERLOAD = "overload"
    INCOMPATIBLE = "incompatible"
    """No codec in common, or SDP that cannot be used."""
    MEDIA_LOST = "media_lost"
    """No audio packet for the set time."""
    LAPSED = "lapsed"
    """A limit of our own ran out: ring timeout, longest wait."""
    VANISHED = "vanished"
    """The party was lost between accept and bridge."""
    EXPIRED = "expired"
    """The party was not there any more when its session was to be refreshed (RFC 4028)."""
    TOO_LONG = "too_long"
    """It lasted longer than any call may (`daemon.longest_call_s`)."""
    SILENT = "silent"
    """Neither party sent any audio for `media.silent_call_s`."""
    TRANSFERRED = "transferred"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    RESTART = "restart"
    """The daemon was stopped or killed under it."""
    FAULT = "fault"
    """A fault of ours; the log has the reason."""


class LegKind(StrEnum):
    """What a leg carries."""

    AUDIO = "audio"
    TEXT = "text"


class Outcome(StrEnum):
    """How an interaction ended in a queue: all together, with those that wait, they are those offered."""

    HANDLED = "handled"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    CALLBACK_FAILED = "callback_failed"
    """It left the line to be called back, and was not reached in all its attempts and its time."""


class OfferEnd(StrEnum):
    """How an offer ended; each is counted apart."""

    ACCEPTED = "accepted"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INCOMPATIBLE = "incompatible"
    """The phone is there and refuses our audio: no codec in common, or it wants it encrypted."""
    CUSTOMER_LEFT = "customer_left"
    VANISHED = "vanished"
    """The agent accepted and was gone before the bridge: the interaction keeps its place."""
    WITHDRAWN = "withdrawn"
    """Taken back by us: logout, drain, a supervisor, answered elsewhere."""
    TAKEN = "taken"
    """Another agent, whose phone rang at the same time, was faster."""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one device can be reached, as its channel wrote it; only that channel reads `blob`."""

    device: str
    binding: str
    """Key of the binding within the device (a phone may register from several places)."""
    blob: str
    """Opaque to the core: contact, source address, transport, Call-ID… as JSON of the channel."""
    expires_at: float


class PromptPart(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """One piece of something played: a recorded prompt by name, a number, or a text."""

    name: str = ""
    """Name of a WAV of the prompt set, without language and ending: `welcome`, `queue/position`."""
    number: int | None = None
    """Spoken by the recorded pieces of the language (`ccd.model.pieces`) when set."""
    text: str = ""
    """Spoken by the speech engine when set."""
    language: str = ""
    """Language of `text`; empty: that of the play."""
    unit: str = ""
    """What `number` counts: `minute` or `hour`, said after it; empty: nothing."""
