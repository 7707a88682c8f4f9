"""Tokens of links that continue an interaction on another channel, for whoever makes or is shown one.

A token is chance of 130 bits. Only its digest goes into facts: who reads the ledger, a log or a record cannot
open anything. A channel to which a customer brings a token (in the address of a page, a reply, a subject)
says `LegArrived(..., continues=digest(token))`, and the centre judges it. Nothing else is to be done.
"""

import hashlib
from collections import OrderedDict
from typing import Final

from ccd.ids import Chance

TOKEN_CHARACTERS: Final = 26
"""Of 32 letters and digits each."""
LONGEST: Final = 64
"""Characters of what is looked at as a token at all."""
MOST_WRONG_PER_MIN: Final = 20
"""Wrong tokens from one address that a channel takes to the centre in a minute."""
MOST_WRONG_OF_ALL_PER_MIN: Final = 1_200
"""Wrong tokens from all addresses together: no more than what the centre does not notice."""
MOST_ADDRESSES: Final = 4_096
"""Addresses of which wrong tokens are remembered; then the one that was wrong longest ago is forgotten."""


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
    """Who is not listened to for having shown too many wrong tokens of late; time is an argument, in seconds.

    Each address has a limit of its own, so that who guesses keeps nobody else out, and all of them have one
    together, for those who guess from everywhere. An address is any text by which a channel knows the far end
    (an IP address, a number); those whose address is not known (empty) share one.
    """

    __slots__ = ("_all", "_by_address", "_most", "_per_min")

    def __init__(
        self,
        per_min: int = MOST_WRONG_PER_MIN,
        of_all_per_min: int = MOST_WRONG_OF_ALL_PER_MIN,
        most_addresses: int = MOST_ADDRESSES,
    ) -> None:
        self._per_min = per_min
        self._most = most_addresses
        self._all = _Bucket(of_all_per_min)
        self._by_address: OrderedDict[str, _Bucket] = OrderedDict()

    def full(self, address: str, now: float) -> bool:
        """Whether no token from this address is to be looked at for a while."""
        bucket = self._by_address.get(address)
        return self._all.empty(now) or (bucket is not None and bucket.empty(now))

    def count(self, address: str, now: float) -> None:
        """One more was wrong."""
        self._all.take(now)
        bucket = self._by_address.get(address)
        if bucket is None:
            bucket = self._by_address[address] = _Bucket(self._per_min)
            if len(self._by_address) > self._most:
                self._by_address.popitem(last=False)
        self._by_address.move_to_end(address)
        bucket.take(now)

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._by_address)


class _Bucket:
    """So many at once, and filled again within a minute."""

    __slots__ = ("_at", "_left", "_per_min")

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._left = float(per_min)
        self._at = 0.0

    def empty(self, now: float) -> bool:
        self._fill(now)
        return self._left < 1.0

    def take(self, now: float) -> None:
        self._fill(now)
        self._left = max(0.0, self._left - 1.0)

    def _fill(self, now: float) -> None:
        self._left = min(float(self._per_min), self._left + max(0.0, now - self._at) * self._per_min / 60.0)
        self._at = now
