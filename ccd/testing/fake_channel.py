"""A channel without an outside: the test plays the outside party.

It keeps the state of its legs and behaves as `ccd.channels.port` demands (it passes the contract
suite), so that a test of the centre sees what a real channel would do: a release is confirmed by
one `LegEnded`, a new prompt ends the former one, a key cuts a prompt that may be cut.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from ccd.channels.port import Post
from ccd.channels.secrets import KeyCollector, Secrets, interaction_of
from ccd.errors import Refused
from ccd.ids import Chance, SeededChance
from ccd.model import commands as do
from ccd.model.commands import AnyCommand
from ccd.model.facts import (
    AgentDialled,
    AnyFact,
    DigitPressed,
    FilesDeleted,
    LegAnswered,
    LegArrived,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    MediaLost,
    PromptEnded,
    RecordingEnded,
    SecretCollected,
    SecretsCompared,
    TakeOverAsked,
    TextDelivered,
    TextFailed,
    TextReceived,
    TransferAsked,
)
from ccd.model.nouns import Cause, ChannelClass, LegKind

C = TypeVar("C")


class LegState(StrEnum):
    """State of a live leg; an ended one is in `FakeChannel.ended`."""

    ARRIVED = "arrived"
    DIALLED = "dialled"
    RINGING = "ringing"
    ANSWERED = "answered"


class FakeLeg:
    """What the channel knows of one live leg."""

    __slots__ = (
        "barge",
        "device",
        "dial",
        "id",
        "kind",
        "music",
        "owner",
        "peer",
        "play",
        "secret",
        "seen",
        "state",
    )

    def __init__(
        self, leg: str, kind: LegKind, state: LegState, dial: do.DialLeg | None = None, device: str = ""
    ) -> None:
        self.id = leg
        self.kind = kind
        self.state = state
        self.dial = dial
        """The command that opened it; None for a leg that arrived."""
        self.device = device
        """The agent's phone that it came from; empty: another leg."""
        self.play = ""
        """Prompt or tone that plays."""
        self.barge = False
        self.secret: KeyCollector | None = None
        """What takes its keys while they are for nobody else."""
        self.owner = ""
        """The interaction whose secrets it keyed."""
        self.music = ""
        self.peer = ""
        """Leg it is bridged with."""
        self.seen: set[str] = set()
        """Ids of the texts that its party wrote."""


class FakeChannel:
    """One channel instance in memory; also `Drains` and `ResumesLegs`."""

    def __init__(
        self,
        name: str = "fake",
        channel_class: ChannelClass = ChannelClass.VOICE,
        *,
        chance: Chance | None = None,
        prompts_end: bool = False,
    ) -> None:
        """`prompts_end`: prompts and tones are over as soon as they begin, heard to their end."""
        self._name = name
        self._class = channel_class
        self._chance = chance or SeededChance()
        self._prompts_end = prompts_end
        self._post: Post | None = None
        self._draining = False
        self._recordings: dict[str, tuple[str, str]] = {}
        self.masked: set[str] = set()
        """Recordings that are, or were at their end, silence."""
        self.spoken_s = 12.0
        """How long everybody's messages are, whenever they are ended."""
        self.missing: set[str] = set()
        """Recordings whose file is gone."""
        self.kind = LegKind.AUDIO if channel_class is ChannelClass.VOICE else LegKind.TEXT
        self.legs: dict[str, FakeLeg] = {}
        self.ended: dict[str, Cause] = {}
        self.secrets = Secrets()
        """What was keyed in secret."""
        self.performed: list[AnyCommand] = []
        """Every command, in order."""
        self.acknowledged: list[tuple[str, str]] = []
        """(leg, message) of texts that the core took over."""
        self.sent: list[tuple[str, str]] = []
        """(leg, text) that reached a party, the opening of a dialled text leg among them."""

    # -- the Channel protocol and its abilities ------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def channel_class(self) -> ChannelClass:
        return self._class

    async def start(self, post: Post) -> None:
        self._post = post

    async def stop(self) -> None:
        self._post = None
        self.legs.clear()
        self._recordings.clear()

    def drain(self, on: bool) -> None:
        self._draining = on

    def resume(self, legs: list[str]) -> None:
        for leg in legs:
            if leg.startswith(f"{self._name}:"):
                self.legs[leg] = FakeLeg(leg, self.kind, LegState.ARRIVED)

    def perform(self, command: AnyCommand) -> None:
        self.performed.append(command)
        PERFORMS[type(command)](self, command)

    def commands(self, kind: type[C]) -> list[C]:
        """The performed commands of one type."""
        return [command for command in self.performed if isinstance(command, kind)]

    # -- the outside party, played by the test -----------------------------------------------------------

    def arrive(
        self,
        origin: str = "+33612345678",
        target: str = "+33123456789",
        *,
        flow: str = "",
        display: str = "",
        via: str = "",
        continues: str = "",
        diverted_from: str = "",
    ) -> str:
        """Somebody calls or writes; the new leg's id. Raises `Refused` while drained."""
        if self._draining:
            raise Refused("channel.draining", f"{self._name} takes no new conversations: it is drained")
        leg = self._open(LegState.ARRIVED)
        whence = (leg, self._name, self._class, self.kind, origin, target, display, via, flow, continues)
        self._tell(LegArrived(*whence, diverted_from))
        return leg

    def dial_from(self, device: str, target: str) -> str:
        """An agent's phone dials; the new leg's id."""
        leg = self._open(LegState.ARRIVED, device)
        self._tell(AgentDialled(leg, device, target))
        return leg

    def replace(self, device: str, other: str) -> str:
        """An agent's phone asks to be in the place of another leg; its own leg."""
        leg = self._open(LegState.ARRIVED, device)
        self._tell(TakeOverAsked(leg, device, other))
        return leg

    def ring(self, leg: str, early_media: bool = False) -> None:
        """The far end of a dialled leg rings; `early_media`: with sound of its own."""
        if self._live(leg).state is LegState.DIALLED:
            self.legs[leg].state = LegState.RINGING
            self._tell(LegRinging(leg, early_media))

    def answer(self, leg: str, device: str = "") -> None:
        """The far end of a dialled leg accepts; `device` defaults to the first that was dialled."""
        one = self._live(leg)
        if one.state in (LegState.DIALLED, LegState.RINGING):
            one.state = LegState.ANSWERED
            devices = one.dial.devices if one.dial is not None else ()
            self._tell(LegAnswered(leg, device or next(iter(devices), "")))

    def end(self, leg: str, cause: Cause = Cause.NORMAL) -> None:
        """The far end hangs up, gives up, is busy, declines…"""
        self._live(leg)
        self._end(leg, cause, remote=True)

    def digit(self, leg: str, digits: str) -> None:
        """The party presses keys, one fact each; the first cuts a prompt that may be cut."""
        one = self._live(leg)
        for digit in digits:
            if one.secret is not None:
                self._told(one, one.secret.press(digit))
            else:
                self._tell(DigitPressed(leg, digit))
            if one.barge:
                self._cut(one)

    def time_out_secret(self, leg: str) -> None:
        """No further key comes of those that are collected in secret."""
        one = self._live(leg)
        if one.secret is not None:
            self._told(one, one.secret.over())

    def finish_prompt(self, leg: str) -> None:
        """What plays comes to its end."""
        one = self._live(leg)
        if one.play:
            play, one.play, one.barge = one.play, "", False
            self._tell(PromptEnded(leg, play, True))

    def text(self, leg: str, text: str, message: str) -> None:
        """The party writes; the same `message` twice is the same text (a client that sends again)."""
        one = self._live(leg)
        if message in one.seen:
            return
        one.seen.add(message)
        if one.state in (LegState.DIALLED, LegState.RINGING) and one.kind is LegKind.TEXT:
            self.answer(leg)
        self._tell(TextReceived(leg, text, message))

    def hold(self, leg: str, on: bool = True) -> None:
        """The party puts us on hold, or takes us off."""
        self._live(leg)
        self._tell(LegHeld(leg) if on else LegResumed(leg))

    def lose_media(self, leg: str, silent_s: float = 30.0, *, alive: bool = False) -> None:
        """Nothing was heard of the party for so long; `alive`: yet it answers when it is asked."""
        self._live(leg)
        self._tell(MediaLost(leg, silent_s, alive))

    def vanish(self) -> None:
        """The process dies: every leg and recording is gone, and nobody is told."""
        self.legs.clear()
        self._recordings.clear()

    def recording(self) -> set[str]:
        """Recordings that run."""
        return set(self._recordings)

    def transfer(self, leg: str, target: str) -> None:
        """The party asks to send its peer elsewhere."""
        self._live(leg)
        self._tell(TransferAsked(leg, target))

    def attend(self, leg: str, other: str, target: str = "") -> None:
        """The party asks to send its peer to the far end of another call of its own."""
        self._live(leg)
        replaces = other if other in self.legs else ""
        self._tell(TransferAsked(leg, target, attended=True, replaces=replaces))

    def _live(self, leg: str) -> FakeLeg:
        """The leg, or `Refused`: a test that plays a party that has gone is wrong."""
        one = self.legs.get(leg)
        if one is None:
            raise Refused("leg.unknown", f"{self._name} has no live leg {leg!r}")
        return one

    def _open(self, state: LegState, device: str = "") -> str:
        leg = f"{self._name}:{self._chance.token()}"
        self.legs[leg] = FakeLeg(leg, self.kind, state, device=device)
        return leg

    def _tell(self, fact: AnyFact) -> None:
        if self._post is not None:
            self._post(fact)

    # -- carrying out commands -----------------------------------------------------------------------------

    def _answer(self, command: do.AnswerLeg) -> None:
        one = self.legs.get(command.leg)
        if one is not None and one.state is LegState.ARRIVED:
            one.state = LegState.ANSWERED
            self._tell(LegAnswered(command.leg, one.device))

    def _release(self, command: do.ReleaseLeg) -> None:
        if command.leg in self.legs:
            self._end(command.leg, command.cause, remote=False)

    def _dial(self, command: do.DialLeg) -> None:
        if command.leg in self.legs:
            return
        self.legs[command.leg] = FakeLeg(command.leg, command.kind, LegState.DIALLED, command)
        self.sent += [(command.leg, text) for text in command.opening]
        if not command.devices and not command.address:
            self._end(command.leg, Cause.UNREACHABLE, remote=False)

    def _play(self, command: do.PlayPrompt | do.PlayTone | do.PlayRecording) -> None:
        one = self.legs.get(command.leg)
        if one is None or one.kind is LegKind.TEXT:
            self._tell(PromptEnded(command.leg, command.play, False, "nothing can be played to this leg"))
            return
        self._cut(one)
        one.play = command.play
        one.music = ""
        one.barge = isinstance(command, do.PlayPrompt) and command.barge
        if self._prompts_end:
            self.finish_prompt(command.leg)

    def _collect_secret(self, command: do.CollectSecret) -> None:
        one = self.legs.get(command.leg)
        if one is not None:
            one.secret = KeyCollector(command, self.secrets)
            one.owner = interaction_of(command.secret)

    def _forget_secrets(self, command: do.ForgetSecrets) -> None:
        for secret in command.secrets:
            self.secrets.drop(secret)
        one = self.legs.get(command.leg)
        if one is not None and one.secret is not None and one.secret.command.secret in command.secrets:
            one.secret = None

    def _compare_secrets(self, command: do.CompareSecrets) -> None:
        if command.leg in self.legs:
            same = self.secrets.same(command.secret, command.other)
            self._tell(SecretsCompared(command.leg, command.secret, same))

    def _told(self, one: FakeLeg, told: SecretCollected | None) -> None:
        if told is not None and one.secret is not None:
            for_nobody, one.secret = one.secret.command.for_nobody, None
            if not for_nobody:
                self._tell(told)

    def _break_off(self, one: FakeLeg) -> None:
        if one.secret is not None:
            self._told(one, one.secret.break_off())

    def _play_recording(self, command: do.PlayRecording) -> None:
        if command.path not in self.missing:
            self._play(command)
        else:
            self._tell(PromptEnded(command.leg, command.play, False, f"{command.path}: cannot be read"))

    def _stop_prompt(self, command: do.StopPrompt) -> None:
        one = self.legs.get(command.leg)
        if one is not None:
            self._cut(one)
            one.music = ""

    def _music(self, command: do.StartMusic) -> None:
        one = self.legs.get(command.leg)
        if one is not None:
            self._cut(one)
            self._break_off(one)
            one.music = command.music

    def _bridge(self, command: do.BridgeLegs) -> None:
        a, b = self.legs.get(command.a), self.legs.get(command.b)
        if a is None or b is None:
            return
        for one in (a, b):
            self._part(one)
            self._cut(one)
            self._break_off(one)
            one.music = ""
        a.peer, b.peer = b.id, a.id

    def _part_legs(self, command: do.PartLegs) -> None:
        one = self.legs.get(command.leg)
        if one is not None:
            self._part(one)

    def _record(self, command: do.StartRecording) -> None:
        if command.leg in self.legs:
            self._recordings[command.recording] = (command.leg, command.peer)
        else:
            self._tell(RecordingEnded(command.recording, "", 0.0, "the leg is gone"))

    def _record_message(self, command: do.RecordMessage) -> None:
        if command.leg in self.legs:
            self._recordings[command.recording] = (command.leg, "")
        else:
            self._tell(RecordingEnded(command.recording, "", 0.0, "the leg is gone"))

    def fall_silent(self, leg: str, quiet_s: float = 5.0) -> None:
        """The party says nothing more: its message is over."""
        self._live(leg)
        for recording, legs in list(self._recordings.items()):
            if legs == (leg, ""):
                del self._recordings[recording]
                seconds = self.spoken_s + quiet_s
                self._tell(RecordingEnded(recording, f"{recording}.wav", seconds, quiet_s=quiet_s))

    def _mask(self, command: do.MaskRecording) -> None:
        if command.recording in self._recordings:
            (self.masked.add if command.on else self.masked.discard)(command.recording)

    def _stop_recording(self, command: do.StopRecording) -> None:
        legs = self._recordings.pop(command.recording, None)
        if legs is not None:
            seconds = 1.0 if legs[1] else self.spoken_s
            self._tell(RecordingEnded(command.recording, f"{command.recording}.wav", seconds))

    def _delete_files(self, command: do.DeleteFiles) -> None:
        if command.paths:
            self._tell(FilesDeleted(command.paths))

    def _send(self, command: do.SendText) -> None:
        if command.leg in self.legs:
            self.sent.append((command.leg, command.text))
            self._tell(TextDelivered(command.leg, command.message))
        else:
            self._tell(TextFailed(command.leg, command.message, Cause.VANISHED))

    def _acknowledge(self, command: do.AcknowledgeText) -> None:
        self.acknowledged.append((command.leg, command.message))

    def _nothing(self, command: AnyCommand) -> None:
        """Only recorded: no party of ours takes notice."""

    def _cut(self, one: FakeLeg) -> None:
        if one.play:
            play, one.play, one.barge = one.play, "", False
            self._tell(PromptEnded(one.id, play, False))

    def _part(self, one: FakeLeg) -> None:
        peer = self.legs.get(one.peer)
        one.peer = ""
        if peer is not None:
            peer.peer = ""

    def _end(self, leg: str, cause: Cause, *, remote: bool) -> None:
        one = self.legs.pop(leg)
        if one.owner:
            self.secrets.forget(one.owner)
        self._part(one)
        for recording, legs in list(self._recordings.items()):
            if leg in legs:
                self._stop_recording(do.StopRecording(recording, leg))
        self.ended[leg] = cause
        self._tell(LegEnded(leg, cause, remote=remote))


PERFORMS: dict[type[AnyCommand], Callable[[FakeChannel, Any], None]] = {
    do.AnswerLeg: FakeChannel._answer,
    do.RingLeg: FakeChannel._nothing,
    do.ReleaseLeg: FakeChannel._release,
    do.DialLeg: FakeChannel._dial,
    do.PlayPrompt: FakeChannel._play,
    do.CollectSecret: FakeChannel._collect_secret,
    do.ForgetSecrets: FakeChannel._forget_secrets,
    do.CompareSecrets: FakeChannel._compare_secrets,
    do.StopPrompt: FakeChannel._stop_prompt,
    do.StartMusic: FakeChannel._music,
    do.PlayTone: FakeChannel._play,
    do.PlayRecording: FakeChannel._play_recording,
    do.BridgeLegs: FakeChannel._bridge,
    do.PartLegs: FakeChannel._part_legs,
    do.StartRecording: FakeChannel._record,
    do.RecordMessage: FakeChannel._record_message,
    do.MaskRecording: FakeChannel._mask,
    do.StopRecording: FakeChannel._stop_recording,
    do.DeleteFiles: FakeChannel._delete_files,
    do.ReportTransfer: FakeChannel._nothing,
    do.SendText: FakeChannel._send,
    do.AcknowledgeText: FakeChannel._acknowledge,
    do.TellPosition: FakeChannel._nothing,
    do.AskOutside: FakeChannel._nothing,
    do.SendLink: FakeChannel._nothing,
    do.StartBot: FakeChannel._nothing,
    do.TellBot: FakeChannel._nothing,
    do.StopBot: FakeChannel._nothing,
}
"""What carries out each command."""
