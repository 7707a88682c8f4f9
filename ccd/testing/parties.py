"""How the people of a simulated centre behave, and the channel instance that they live on.

A behaviour is plain data with times in virtual seconds; `LivelyChannel` plays it: it is the fake channel
whose far ends ring, answer, fail and fall silent by themselves.
"""

from collections.abc import Callable

import msgspec

from ccd.errors import CcdError
from ccd.model import commands as cmd
from ccd.model.commands import AnyCommand
from ccd.model.nouns import Cause, ChannelClass, LegKind
from ccd.testing.fake_channel import FakeChannel, FakeLeg, LegState

Later = Callable[[float, Callable[[], None]], None]
"""(seconds from now, what happens then)."""

PROMPT_S = 2.0
"""How long one part of a prompt plays."""


class Behaviour(msgspec.Struct, frozen=True):
    """What a phone does when it is dialled."""

    answers_after: float | None = 2.0
    """Seconds of ringing before it is answered; None: never."""
    fails_after: float | None = None
    """Seconds before it ends the ringing with `cause`; None: never."""
    cause: Cause = Cause.BUSY
    hangs_up_after: float | None = None
    """Seconds after its answer before it is gone; 0: it vanishes before it can be bridged."""
    rings_after: float | None = 0.1
    """Seconds before it rings; None: it does not say so."""
    early_media: bool = False
    says: str = "hello"
    """What a person writes to accept a written offer."""


NEVER = Behaviour(answers_after=None)
BUSY = Behaviour(answers_after=None, fails_after=0.2, rings_after=None)
REJECTS = Behaviour(answers_after=None, fails_after=3.0, cause=Cause.REJECTED)
VANISHES = Behaviour(hangs_up_after=0.5)
"""Accepts and is lost half a second later: before the bridge, if a whisper plays meanwhile."""


class LivelyChannel(FakeChannel):
    """A fake channel whose far ends behave by themselves."""

    def __init__(
        self, name: str, channel_class: ChannelClass, later: Later, find: Callable[[str], Behaviour | None]
    ) -> None:
        """`find` gives the behaviour of a device or an outside address; None: it cannot be reached."""
        super().__init__(name, channel_class)
        self._later = later
        self._find = find
        self.run = 0
        """Which life of the process this is: what was planned in a former one does not happen."""
        self.bridged: Callable[[str, str], None] = lambda _a, _b: None
        """Told of each two legs that hear each other from now on."""

    def vanish(self) -> None:
        super().vanish()
        self.run += 1

    def perform(self, command: AnyCommand) -> None:
        super().perform(command)
        if isinstance(command, cmd.DialLeg):
            self._dialled(command)
        elif isinstance(command, cmd.PlayPrompt | cmd.PlayTone | cmd.PlayRecording):
            parts = len(command.parts) if isinstance(command, cmd.PlayPrompt) else 1
            leg, play = command.leg, command.play
            self._plan(leg, PROMPT_S * parts, lambda one: one.play == play, self.finish_prompt)
        elif isinstance(command, cmd.CollectSecret) and not command.for_nobody:
            secret = command.secret
            patience_s = command.first_wait_s + (2 * PROMPT_S if command.play else 0.0)
            self._plan(command.leg, patience_s, lambda one: _collects(one, secret), self.time_out_secret)
        elif isinstance(command, cmd.BridgeLegs):
            self.bridged(command.a, command.b)

    def _dialled(self, command: cmd.DialLeg) -> None:
        if command.leg not in self.legs:
            return
        if command.kind is LegKind.TEXT and not command.opening:
            self.legs[command.leg].state = LegState.ANSWERED  # goes on after a restart
            return
        targets = [*command.devices, *([command.address] if command.address else [])]
        found = {target: self._find(target) for target in targets}
        ringing = {target: behaviour for target, behaviour in found.items() if behaviour is not None}
        if not ringing:
            self.end(command.leg, Cause.UNREACHABLE)
        left = set(ringing)
        for target, behaviour in ringing.items():
            self._ring_at(command, target, behaviour, left)

    def _ring_at(self, command: cmd.DialLeg, target: str, behaviour: Behaviour, left: set[str]) -> None:
        """One device of those that ring together."""
        leg = command.leg

        def ring(_leg: str) -> None:
            self.ring(leg, behaviour.early_media)

        def answer(_leg: str) -> None:
            if command.kind is LegKind.TEXT:
                self.answer(leg, target)
                self.text(leg, behaviour.says, f"{leg}-accept")
            else:
                self.answer(leg, target)
            if behaviour.hangs_up_after is not None:
                self._plan(leg, behaviour.hangs_up_after, _always, self.end)

        def fail(_leg: str) -> None:
            left.discard(target)
            if not left:
                self.end(leg, behaviour.cause)

        if behaviour.rings_after is not None:
            self._plan(leg, behaviour.rings_after, _unanswered, ring)
        if behaviour.answers_after is not None:
            self._plan(leg, behaviour.answers_after, _unanswered, answer)
        if behaviour.fails_after is not None:
            self._plan(leg, behaviour.fails_after, _unanswered, fail)

    def _plan(
        self, leg: str, after: float, still: Callable[[FakeLeg], bool], do: Callable[[str], None]
    ) -> None:
        """Let something happen to a leg later, if the leg is `still` there and so."""
        run = self.run

        def happen() -> None:
            one = self.legs.get(leg)
            if one is not None and run == self.run and still(one):
                do(leg)

        self._later(after, happen)


def _always(_one: FakeLeg) -> bool:
    return True


def _collects(one: FakeLeg, secret: str) -> bool:
    return one.secret is not None and one.secret.command.secret == secret


def _unanswered(one: FakeLeg) -> bool:
    return one.state in (LegState.DIALLED, LegState.RINGING)


class BrokenCentre(CcdError):
    """An invariant does not hold."""

    def __init__(self, message: str) -> None:
        super().__init__("testing.invariant", message)
