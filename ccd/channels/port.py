"""What a channel is: a small mandatory protocol, and tiny optional abilities asked by `isinstance`.

A channel turns its outside world into facts and carries out commands. It is the only owner of its
legs: a leg id is `NAME:TOKEN`, with NAME the channel's configured name.

States of a leg, as the core sees them (each arrow a fact, in brackets the command that asks for it):

    arrived ──[AnswerLeg]──▶ answered ──▶ ended          a leg from outside (LegArrived)
    dialled ──LegRinging──▶ LegAnswered ──▶ LegEnded      a leg we open (DialLeg)

Every leg ends with exactly one `LegEnded`, whoever ended it, also after `ReleaseLeg`.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from ccd.clock import Clock
from ccd.ids import Chance
from ccd.model.commands import AnyCommand
from ccd.model.facts import AnyFact
from ccd.model.nouns import Binding, ChannelClass

Post = Callable[[AnyFact], None]
"""Puts a fact into the one inbox; never blocks, never fails. To be called on the loop's thread."""


class Channel(Protocol):
    """One configured channel instance."""

    @property
    def name(self) -> str:
        """Its configured name: the part of its leg ids before the colon."""
        ...

    @property
    def channel_class(self) -> ChannelClass:
        """Pace of the work that arrives on it."""
        ...

    async def start(self, post: Post) -> None:
        """Open sockets and begin to post facts. Raises `Misconfigured` or `TryLater`, named for people."""
        ...

    def perform(self, command: AnyCommand) -> None:
        """Carry out one command. Must not block and must not raise for what the outside does."""
        ...

    async def stop(self) -> None:
        """Close everything; legs still open end without further facts. Idempotent."""
        ...


@runtime_checkable
class Drains(Protocol):
    """Can refuse new work while what runs goes on."""

    def drain(self, on: bool) -> None: ...


@runtime_checkable
class KeepsBindings(Protocol):
    """Owns agents' devices and wants back, after a restart, the bindings that the ledger kept."""

    def restore(self, bindings: list[Binding]) -> None: ...


@runtime_checkable
class ResumesLegs(Protocol):
    """Can go on, after a restart, with legs that outlive a process (a visitor who comes back)."""

    def resume(self, legs: list[str]) -> None:
        """Take back the legs of this channel that the ledger knows as live; called once, after `start`.

        Each goes on when its party comes back, or ends with `LegEnded` when it does not in time.
        """
        ...


@runtime_checkable
class Reloads(Protocol):
    """Takes new settings while running; settings were checked before, so it cannot fail."""

    def reload(self, settings: Any) -> None: ...


@runtime_checkable
class Reports(Protocol):
    """Shows its inner state to `ccctl`: plain JSON-able values."""

    def report(self, topic: str, argument: str = "") -> Any:
        """`topic` is one of the channel's own words (`trunks`, `devices`, `sip trace`); None if unknown."""
        ...


class AdapterSpec(Protocol):
    """What an adapter package publishes under the entry point group `ccd.adapters`."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> type[Any]:
        """msgspec Struct of its options; `config/` checks the file against it, key by key."""
        ...

    def build(self, name: str, options: Any, clock: Clock, chance: Chance) -> Channel:
        """Make one instance."""
        ...
