"""The outbox: gives each command to the channel that owns its leg, in order, a slice at a time.

A channel that is not there, or that raises (a bug of it), costs that one leg and nothing else.
"""

from collections import deque
from collections.abc import Callable, Mapping

from ccd.channels.port import Channel, Post
from ccd.clock import monotonic
from ccd.model.commands import AnyCommand, BridgeLegs, ReleaseLeg
from ccd.model.facts import LegEnded
from ccd.model.nouns import Cause
from ccd.runtime.ports import Fault, ReportFault, describe

SLICE_S = 0.001


class Outbox:
    """Commands whose facts are durable, on their way to the channels."""

    __slots__ = ("_channels", "_commands", "_post", "_report", "_soon", "performed")

    def __init__(
        self,
        channels: Mapping[str, Channel],
        post: Post,
        soon: Callable[[Callable[[], None]], object],
        report: ReportFault,
    ) -> None:
        """`channels` is looked into at each command; `soon` is the loop's `call_soon`."""
        self._channels = channels
        self._post = post
        self._soon = soon
        self._report = report
        self._commands: deque[AnyCommand] = deque()
        self.performed = 0

    def send(self, commands: list[AnyCommand]) -> None:
        """Carry out commands now; what does not fit in a slice follows with the loop's next round."""
        going = bool(self._commands)
        self._commands.extend(commands)
        if not going and commands:
            self._go_on()

    def __len__(self) -> int:
        return len(self._commands)

    def _go_on(self) -> None:
        commands, channels, until = self._commands, self._channels, monotonic() + SLICE_S
        while commands:
            command = commands[0]
            leg = command.a if type(command) is BridgeLegs else command.leg  # type: ignore[union-attr]
            channel = channels.get(leg.partition(":")[0])
            self.performed += 1
            if channel is None:
                self._lose(leg, f"no channel {leg.partition(':')[0]!r} for {describe(command)}")
            else:
                try:
                    channel.perform(command)
                except Exception as error:
                    self._failed(channel, command, leg, error)
            commands.popleft()  # only now: a `send` from within must queue up behind
            if commands and monotonic() >= until:
                self._soon(self._go_on)
                return

    def _failed(self, channel: Channel, command: AnyCommand, leg: str, error: Exception) -> None:
        self._report(Fault("channel", error, describe(command)))
        self._lose(leg, f"channel {channel.name!r} failed at {type(command).__name__}")
        if type(command) is not ReleaseLeg:
            self._let_go(channel, leg)

    def _lose(self, leg: str, note: str) -> None:
        self._post(LegEnded(leg, Cause.FAULT, remote=False, note=note))

    def _let_go(self, channel: Channel, leg: str) -> None:
        """The core counts the leg as ended, so the channel must not keep it open."""
        release = ReleaseLeg(leg, Cause.FAULT)
        try:
            channel.perform(release)
        except Exception as error:
            self._report(Fault("channel", error, describe(release)))
