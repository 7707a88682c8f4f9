"""Keys that nobody may see: collected by a channel, kept in memory only, handed out by reference.

Nothing here is ever written, logged or part of a fact. `KeyCollector` is pure (the channel brings keys and
time); `Secrets` is what an adapter asks that has to pass a card number on.
"""

from hmac import compare_digest
from typing import Final

from ccd.model.commands import CollectSecret
from ccd.model.facts import SecretCollected
from ccd.model.key_checks import check

MOST_KEPT: Final = 10_000
LONGEST_S: Final = 300.0
"""Where the step sets no limit for all keys together."""
TOO_SHORT, NOT_VALID, NO_KEY, BROKEN_OFF = "too short", "not valid", "no key", "broken off"


class Secrets:
    """Values by reference, for one run of the daemon. Shows nothing of them when it is printed."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{len(self._values)} secrets>"

    def put(self, ref: str, value: str) -> None:
        """Keep a value; at the limit the oldest goes."""
        if len(self._values) >= MOST_KEPT:
            del self._values[next(iter(self._values))]
        self._values[ref] = value

    def get(self, ref: str) -> str | None:
        """The value; None when it was never kept, or is forgotten."""
        return self._values.get(ref)

    def drop(self, ref: str) -> None:
        """Forget one that was used."""
        self._values.pop(ref, None)

    def same(self, one: str, other: str) -> bool:
        """Whether both are kept, and the same; how long it takes says nothing of where they differ."""
        values = self._values.get(one), self._values.get(other)
        known = None not in values
        return compare_digest(*[(value or "").encode() for value in values]) and known

    def forget(self, interaction: str) -> None:
        """Forget all of an interaction (`secret:INTERACTION.…`)."""
        start = f"secret:{interaction}."
        for ref in [ref for ref in self._values if ref.startswith(start)]:
            del self._values[ref]


def interaction_of(ref: str) -> str:
    """Whose secret it is."""
    return ref.removeprefix("secret:").rpartition(".")[0]


class KeyCollector:
    """One `CollectSecret` at work. Shows nothing of the keys when it is printed."""

    __slots__ = ("_heels", "_keyed", "_keys", "_secrets", "command")

    def __init__(self, command: CollectSecret, secrets: Secrets, *, heels: bool = False) -> None:
        """`heels`: another collector became full just now; a terminator that comes first belongs to that."""
        self.command = command
        self._secrets = secrets
        self._keys = ""
        self._keyed = 0
        self._heels = heels

    def __repr__(self) -> str:
        return f"<collects {self.command.secret}>"

    def press(self, key: str) -> SecretCollected | None:
        """One key; the outcome when it was the last one."""
        command = self.command
        heels, self._heels = self._heels, False
        if command.for_nobody or (heels and key == command.terminator):
            return None
        if key == command.terminator:
            return self.over()
        if key == "*":
            self._keys = ""
        elif key.isdecimal():
            self._keys += key
        return self.over() if len(self._keys) >= command.most else None

    @property
    def full(self) -> bool:
        """So many came that a terminator on their heels means nothing any more."""
        return self._keyed >= self.command.most

    @property
    def awaits_terminator(self) -> bool:
        """The terminator that people press all the same is still to come, maybe while another collects."""
        return self.full or self._heels

    def after(self, key: str) -> None:
        """A key after the last one."""
        if key == self.command.terminator:
            self._keyed = 0

    def over(self) -> SecretCollected:
        """The last key came, or the time is up: judge, keep what is good, forget the rest."""
        keys, self._keys = self._keys, ""
        self._keyed = length = len(keys)
        command = self.command
        if not length:
            return SecretCollected(command.leg, command.secret, 0, False, NO_KEY)
        if length < command.least:
            return SecretCollected(command.leg, command.secret, length, False, TOO_SHORT)
        value = check(keys, command.valid)
        if value is None:
            return SecretCollected(command.leg, command.secret, length, False, NOT_VALID)
        self._secrets.put(command.secret, value)
        return SecretCollected(command.leg, command.secret, length, True)

    def break_off(self) -> SecretCollected:
        """Something else happens on the leg: what was keyed so far is forgotten."""
        self._keys = ""
        return SecretCollected(self.command.leg, self.command.secret, 0, False, BROKEN_OFF)
