"""Bots on virtual time: what each does with the conversations that it is given.

    sim.bots.plays["clerk"] = Plays(says=("Good day.",), ends=BotEnds(step="sales", values={"topic": "x"}))

A bot that is not named is never there: the flow goes on at its deadline.
"""

from collections.abc import Callable

import msgspec

from ccd.channels.port import Post
from ccd.model.commands import StartBot, StopBot, TellBot
from ccd.model.facts import BotEnded, BotSaid, BotStarted

Later = Callable[[float, Callable[[], None]], None]
"""(seconds from now, what happens then)."""


class BotEnds(msgspec.Struct, frozen=True):
    """How a bot ends a conversation."""

    step: str = ""
    values: dict[str, str] = {}
    ok: bool = True
    note: str = ""
    after: float = 5.0
    """Seconds after it came."""
    times: int = 1
    """So often the same fact comes."""


class Plays(msgspec.Struct, frozen=True):
    """What a bot does."""

    after: float = 0.1
    """Seconds until it is there."""
    starts: bool = True
    says: tuple[str, ...] = ()
    """At first."""
    echoes: bool = False
    """Says again whatever is written."""
    ends: BotEnds | None = None
    """None: never."""


class FakeBots:
    """Stands for the channel `bot`; it keeps what it was told."""

    def __init__(self, post: Post, later: Later) -> None:
        self._post = post
        self._later = later
        self.plays: dict[str, Plays] = {}
        self.otherwise: Plays | None = None
        """What bots do that are not named; None: nothing."""
        self.running: dict[str, StartBot] = {}
        """By leg."""
        self.begun: list[StartBot] = []
        self.told: list[TellBot] = []
        self.stopped: list[StopBot] = []

    def perform(self, command: StartBot | TellBot | StopBot) -> None:
        """Carry out one command."""
        if isinstance(command, StartBot):
            self._start(command)
        elif isinstance(command, TellBot):
            self._tell(command)
        else:
            self.stopped.append(command)
            self.running.pop(command.leg, None)

    def _start(self, command: StartBot) -> None:
        self.begun.append(command)
        self.running[command.leg] = command
        plays = self.plays.get(command.bot, self.otherwise)
        if plays is None:
            return
        name = command.leg.partition(":")[2]
        if plays.starts:
            self._at(command, plays.after, BotStarted(command.interaction, name))
            for text in plays.says:
                self._at(command, plays.after, BotSaid(command.interaction, name, text))
        ends = plays.ends
        if ends is not None:
            fact = BotEnded(command.interaction, name, ends.ok, ends.step, ends.values, ends.note)
            for _ in range(ends.times):
                self._later(ends.after, lambda: self._end(command, fact))

    def _at(self, command: StartBot, after: float, fact: BotStarted | BotSaid) -> None:
        self._later(after, lambda: self._post(fact) if command.leg in self.running else None)

    def _end(self, command: StartBot, fact: BotEnded) -> None:
        """Also when it was stopped a moment ago: the two may cross."""
        self.running.pop(command.leg, None)
        self._post(fact)

    def _tell(self, command: TellBot) -> None:
        self.told.append(command)
        begun = self.running.get(command.leg)
        plays = self.plays.get(begun.bot, self.otherwise) if begun is not None else None
        if begun is not None and plays is not None and plays.echoes and command.text:
            name = command.leg.partition(":")[2]
            self._post(BotSaid(begun.interaction, name, command.text))
