"""Services outside on virtual time: what each answers, and when.

    sim.outside.answers["crm"] = Answers({"tier": "gold"}, after=0.3)

A service that is not named says nothing at all: the flow goes on at its deadline.
"""

from collections.abc import Callable

import msgspec

from ccd.channels.port import Post
from ccd.channels.secrets import Secrets
from ccd.ids import SeededChance
from ccd.model.commands import AskOutside
from ccd.model.facts import OutsideAnswered
from ccd.outside.echo import CODE, made_code

Later = Callable[[float, Callable[[], None]], None]
"""(seconds from now, what happens then)."""


class Answers(msgspec.Struct, frozen=True):
    """What a service says to every question."""

    values: dict[str, str] = {}
    """Empty: it knows nothing of it."""
    ok: bool = True
    after: float = 0.1
    """Seconds; it may be more than the flow waits."""
    note: str = ""
    times: int = 1
    """So often the same fact comes."""


class FakeOutside:
    """Stands for the channel `outside`; it keeps what it was asked."""

    def __init__(self, post: Post, later: Later, secrets: Secrets | None = None) -> None:
        """`secrets`: where one-time codes are put."""
        self._post = post
        self._later = later
        self._secrets = secrets if secrets is not None else Secrets()
        self._chance = SeededChance(7)
        self.got: list[dict[str, str]] = []
        """For each question the secrets that a service would have got, by name."""
        self.asked: list[AskOutside] = []
        self.answers: dict[str, Answers] = {}
        self.otherwise: Answers | None = None
        """What services say that are not named; None: nothing."""

    def perform(self, command: AskOutside) -> None:
        """Answer when it is time."""
        self.asked.append(command)
        if command.new_code:
            self._secrets.put(command.new_code, made_code(self._chance, command.new_code_digits))
        wanted = command.secrets | ({CODE: command.new_code} if command.new_code else {})
        self.got.append({name: self._secrets.get(kept) or "" for name, kept in wanted.items()})
        answer = self.answers.get(command.service, self.otherwise)
        if answer is None:
            return
        fact = OutsideAnswered(
            command.interaction,
            command.leg.partition(":")[2],
            answer.ok,
            answer.values,
            answer.note,
            round(1000 * answer.after, 1),
        )
        for _ in range(answer.times):
            self._later(answer.after, lambda: self._post(fact))
