"""The media engine port: commands to a media engine and facts from it.

The embedded engine (worker processes, or a thread) implements it; rtpengine will. Everything is
addressed by leg id. A local port is given out only after it was bound (`PortsReady`), so no address
in an SDP can fail to exist. Audio packets never pass here, only what happens to them.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from ccd.model.nouns import PromptPart


class MediaCommand(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Base of commands to the engine."""


class Srtp(msgspec.Struct, frozen=True):
    """Encrypted audio of one leg (RFC 3711), its keys exchanged in SDP (RFC 4568). Secrets: never logged."""

    suite: str
    """Name of RFC 4568 §6.2 or RFC 7714 §14.2: `AES_CM_128_HMAC_SHA1_80`…"""
    ours: bytes
    """Master key and salt by which we send."""
    theirs: bytes
    """Those by which the far end sends."""
    mki: int = 0
    """Octets of the master key identifier in the far end's packets; ours have none."""

    def __repr__(self) -> str:
        return f"Srtp({self.suite}, (masked))"


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """What SDP negotiated for one leg (RFC 3264)."""

    codec: str
    """`PCMU` or `PCMA` (encoding name of RFC 3551)."""
    payload: int
    """RTP payload type of the codec."""
    digits: int | None = None
    """Payload type of telephone-event (RFC 4733); None: not offered."""
    host: str = ""
    """Where the far end wants its packets; corrected by symmetric RTP."""
    port: int = 0
    send: bool = True
    """We may send (false: they hold us, direction inactive or sendonly on their side)."""
    receive: bool = True
    digits_in: int | None = None
    """Payload type of the telephone-events that come in, where it is another; None: the same."""
    srtp: Srtp | None = None
    """None: plain RTP. The same keys again: the streams go on under them."""
    rtcp_port: int = 0
    """Where the far end takes RTCP, at the same host; 0: at the port after that of RTP."""
    mux: bool = False
    """RTCP goes by the port of RTP, both ways (RFC 5761)."""


class OpenLeg(MediaCommand, frozen=True):
    """Take the bound port for a leg. `stream` None: our SDP offer is out, the answer is awaited."""

    leg: str
    port: int
    stream: Stream | None = None


class SetStream(MediaCommand, frozen=True):
    """Negotiation done or changed (answer, re-INVITE)."""

    leg: str
    stream: Stream


class CloseLeg(MediaCommand, frozen=True):
    """End. The port goes back after a rest."""

    leg: str
    told: bool = True
    """`LegClosed` answers, with the leg's statistics. Who reads none says so: it costs more than the end."""


class Play(MediaCommand, frozen=True):
    """Play parts one after another; ends what played. Answered by `PlayEnded`."""

    leg: str
    play: str
    parts: tuple[PromptPart, ...] = ()
    language: str = ""
    tone: str = ""
    """Named tone instead of parts: `confirm`, `error`, `beep`."""
    barge: bool = False
    file: str = ""
    """A WAV file of ours instead of parts: a recording."""


class Music(MediaCommand, frozen=True):
    """Loop music by name (or `tone:ringback`) until `Stop`, `Play` or `Join`."""

    leg: str
    name: str


class Stop(MediaCommand, frozen=True):
    """Stop what plays. A running `Play` is answered by `PlayEnded(completed=False)`."""

    leg: str


class Join(MediaCommand, frozen=True):
    """Let two legs hear each other; what played on either stops; each leaves its former partner."""

    a: str
    b: str


class Part(MediaCommand, frozen=True):
    """Take a leg out of its pair."""

    leg: str


class SendDigit(MediaCommand, frozen=True):
    """Send one digit as RFC 4733 events."""

    leg: str
    digit: str
    duration_ms: int = 100


class Record(MediaCommand, frozen=True):
    """Record what `left` sends on the left and what `right` sends on the right channel."""

    recording: str
    left: str
    right: str
    """Empty: only `left` is recorded, mono."""
    path: str
    silence_s: float = 0.0
    """So long a silence of `left` ends it; 0: none does. Only of mono ones: most of it is cut off."""


class MaskRecord(MediaCommand, frozen=True):
    """Write silence in place of both parties from now on, or no more."""

    recording: str
    leg: str
    on: bool


class StopRecord(MediaCommand, frozen=True):
    """Close a recording; answered by `Recorded`. Closing either leg does it too."""

    recording: str
    leg: str


class Mask(MediaCommand, frozen=True):
    """What the party keys is secret from now on, or no more: nobody hears it, recordings hold silence."""

    leg: str
    on: bool


AnyMediaCommand = (
    OpenLeg
    | SetStream
    | CloseLeg
    | Play
    | Music
    | Stop
    | Join
    | Part
    | SendDigit
    | Record
    | MaskRecord
    | StopRecord
    | Mask
)


class MediaFact(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Base of facts from the engine."""


class PlayEnded(MediaFact, frozen=True):
    """A `Play` is over: to its end, or stopped (digit, Stop, Join), or impossible (see note)."""

    leg: str
    play: str
    completed: bool
    note: str = ""


class Digit(MediaFact, frozen=True):
    """The party pressed a key (reported once a digit, at its start)."""

    leg: str
    digit: str
    tone: bool = False
    """It came as a tone in the audio: who hears the party has heard it."""


class PeerLost(MediaFact, frozen=True):
    """A party that should send has been silent for `silent_s`: told each time that it has become too long
    again, until it is heard."""

    leg: str
    silent_s: float


class LegStats(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of one leg at its end."""

    received: int = 0
    sent: int = 0
    lost: int = 0
    """Packets missing by sequence number (RFC 3550 A.3)."""
    jitter_ms: float = 0.0
    """Interarrival jitter (RFC 3550 A.8)."""
    bad: int = 0
    """Packets dropped: not RTP, unknown payload type, wrong source."""


class LegClosed(MediaFact, frozen=True):
    """Answer to a `CloseLeg` that wants it `told`."""

    leg: str
    stats: LegStats


class LegFailed(MediaFact, frozen=True):
    """The engine lost the leg (its worker died): the voice channel ends the call cleanly."""

    leg: str
    note: str


class Recorded(MediaFact, frozen=True):
    """A recording is closed and whole on disk."""

    recording: str
    leg: str
    path: str
    seconds: float
    note: str = ""
    quiet_s: float = 0.0
    """So much of a mono one, at its end, is silence."""


AnyMediaFact = PlayEnded | Digit | PeerLost | LegClosed | LegFailed | Recorded

Hear = Callable[[AnyMediaFact], None]
"""Called on the loop's thread for each fact of the engine."""


class MediaEngine(Protocol):
    """One media engine. All calls on the loop's thread; none blocks."""

    async def start(self, hear: Hear) -> None:
        """Ready when it returns: workers up, ports bound. Raises `Misconfigured` or `TryLater`."""
        ...

    def take_port(self, near: str = "", *, newcomer: bool = False) -> tuple[str, int] | None:
        """A bound local (host, port) for a new leg, on the worker of the leg `near` when given.

        Legs that are to be bridged must be on one worker. A `newcomer` leaves the last ports to those who are
        there: who waits needs one more, for the agent. None: no port free (answer 503).
        """
        ...

    def scarcity(self) -> list[dict[str, str]]:
        """One row with the `why` while newcomers are refused for want of ports, none else."""
        ...

    def perform(self, command: AnyMediaCommand) -> None:
        """Give one command; unknown legs are ignored (they died with their worker)."""
        ...

    def reload(self) -> None:
        """Read prompts and music again."""
        ...

    def prepare(self, texts: tuple[tuple[str, str], ...]) -> None:
        """Render texts, (language, text), in the background, so that they are there when they are played."""
        ...

    def report(self) -> dict[str, object]:
        """Counters for `ccctl status`: legs, ports free, packets, worst lateness."""
        ...

    async def stop(self) -> None: ...
