"""What the runtime asks of the engines, and what it tells the daemon."""

from collections.abc import Callable, Generator
from typing import Protocol

import msgspec

from ccd.channels.ledger import RecordRow
from ccd.model.commands import AnyCommand
from ccd.model.facts import AnyFact


class Turns(Protocol):
    """The engines as one: pure and synchronous.

    The same facts with the same times give the same state again, *also where a turn raises*: a turn that
    failed half-way live fails half-way in a replay, so the fact stays in the ledger and no mark is needed.
    """

    def turn(self, fact: AnyFact, now: float) -> list[AnyCommand]:
        """Take one fact; `now` in seconds since the epoch, never less than the last one."""
        ...

    def next_deadline(self) -> float | None:
        """When a `TimePassed` fact is due; None: never."""
        ...

    def take_records(self) -> list[RecordRow]:
        """Records filed by turns since the last call."""
        ...

    def dump(self) -> bytes:
        """The whole state, for a snapshot."""
        ...

    def dump_in_pieces(self) -> Generator[int, None, list[bytes]]:
        """The same in parts, yielding the size of each piece, which takes well under a millisecond. No turn
        may be taken before `packing.LET_GO` is yielded, or its end."""
        ...

    def load(self, state: bytes) -> None:
        """Take over a dumped state.

        Raises `Refused` or a `msgspec` error, nothing changed, for the dump of another version.
        """
        ...


class Fault(msgspec.Struct, frozen=True):
    """A bug of ours that was caught; the loop went on."""

    where: str
    """`fact`, `turn`, `records`, `deadline`, `channel` or `ledger`."""
    error: Exception
    about: str = ""
    """The fact or command with its ids."""
    seq: int = 0
    """The fact's number in the ledger, 0 where there is none."""


class Alarm(msgspec.Struct, frozen=True):
    """A state that a person must know of; told once when it begins (`on`) and once when it ends."""

    code: str
    message: str
    on: bool


class Pressure(msgspec.Struct, frozen=True):
    """How far the writer is behind: grounds for a channel to refuse new work."""

    waiting: int
    """Facts whose commands have not been released: in the inbox, turned, or being stored."""
    oldest_s: float
    """Age of the oldest of them."""
    stalled: bool
    """The ledger cannot be written at present."""


ReportFault = Callable[[Fault], None]
ReportAlarm = Callable[[Alarm], None]

_IDS = (
    "leg", "a", "b", "agent", "device", "interaction", "recording", "trunk", "play", "message", "target",
)  # fmt: skip


def describe(value: AnyFact | AnyCommand) -> str:
    """Name and ids of a fact or command for a log line: never what a customer said or wrote."""
    ids = (f"{name}={getattr(value, name)}" for name in _IDS if getattr(value, name, ""))
    return " ".join((type(value).__name__, *ids))
