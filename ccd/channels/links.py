"""Tokens of links that continue an interaction on another channel, for whoever makes or is shown one.

A token is chance of 130 bits. Only its digest goes into facts: who reads the ledger, a log or a record cannot
open anything. A channel to which a customer brings a token (in the address of a page, a reply, a subject)
says `LegArrived(..., continues=digest(token))`, and the centre judges it. Nothing else is to be done.
"""

import hashlib
from typing import Final

from ccd.ids import Chance

TOKEN_CHARACTERS: Final = 26
"""Of 32 letters and digits each."""
LONGEST: Final = 64
"""Characters of what is looked at as a token at all."""
MOST_WRONG_PER_MIN: Final = 60
"""Wrong tokens that a channel takes to the centre in a minute."""


def made_token(chance: Chance) -> str:
    """A fresh token."""
    return chance.token(TOKEN_CHARACTERS)


def digest(token: str) -> str:
    """What facts say in place of a token: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def address(url: str, token: str) -> str:
    """The link: the token stands behind `#`, so that it never reaches a web server or its log."""
    return f"{url}#{token}"


class WrongTokens:
    """How many wrong tokens came of late: a bucket that fills again; time is an argument, in seconds."""

    __slots__ = ("_at", "_left", "_per_min")

    def __init__(self, per_min: int = MOST_WRONG_PER_MIN) -> None:
        self._per_min = per_min
        self._left = float(per_min)
        self._at = 0.0

    def full(self, now: float) -> bool:
        """Whether no token is to be looked at for a while."""
        self._fill(now)
        return self._left < 1.0

    def count(self, now: float) -> None:
        """One more was wrong."""
        self._fill(now)
        self._left = max(0.0, self._left - 1.0)

    def _fill(self, now: float) -> None:
        self._left = min(float(self._per_min), self._left + max(0.0, now - self._at) * self._per_min / 60.0)
        self._at = now
