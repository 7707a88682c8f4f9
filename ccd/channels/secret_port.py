"""The port to secrets that a caller keyed (a PIN, a one-time code) and that no ledger or log may hold.

Facts and commands carry a reference; whoever needs the secret itself resolves it here, when it is needed.
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Secrets(Protocol):
    """Keeps secrets for as long as their conversation needs them."""

    def get(self, ref: str) -> str | None:
        """The secret of a reference; None when it is kept no longer, or never was."""
        ...


class NoSecrets:
    """Keeps none."""

    def get(self, _ref: str) -> str | None:
        return None
