"""Services outside on virtual time: what each answers, and when.

    sim.outside.answers["crm"] = Answers({"tier": "gold"}, after=0.3)

A service that is not named says nothing at all: the flow goes on at its deadline.
"""

from collections.abc import Callable

import msgspec

from ccd.channels.links import digest, made_token
from ccd.channels.port import Post
from ccd.channels.secrets import Secrets
from ccd.ids import SeededChance
from ccd.model.commands import AskOutside, SendLink
from ccd.model.facts import LinkMade, OutsideAnswered
from ccd.outside.echo import CODE, made_code
from ccd.outside.links import with_link

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
        self.links: dict[str, str] = {}
        """Question → the token of the link that it sends."""
        self.sent: dict[str, dict[str, str]] = {}
        """Question → its values with the link in them, once they may leave."""
        self._unsent: dict[str, dict[str, str]] = {}
        self.answers: dict[str, Answers] = {}
        self.otherwise: Answers | None = None
        """What services say that are not named; None: nothing."""

    def perform(self, command: AskOutside | SendLink) -> None:
        """Answer when it is time."""
        if isinstance(command, SendLink):
            ask = command.leg.partition(":")[2]
            self.sent[ask] = self._unsent.pop(ask)
            return
        self.asked.append(command)
        if command.new_code:
            self._secrets.put(command.new_code, made_code(self._chance, command.new_code_digits))
        if command.link is not None:
            token = made_token(self._chance)
            ask = command.leg.partition(":")[2]
            self.links[ask] = token
            self._unsent[ask] = command.values | with_link(command.link, command.values, token)
            self._later(0.0, lambda: self._post(LinkMade(command.interaction, ask, digest(token))))
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
