"""Ids and chance are injected, so that a run replays to the byte.

Ids made by the single writer (interactions, offers, legs it dials) are counters kept in its state.
Ids made at the edges (legs that arrive, Call-IDs, tags, nonces) come from a `Chance`.
"""

import random
import secrets
from typing import Protocol

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o: read over the telephone
_OF_OCTET = bytes(ord(_ALPHABET[octet & 31]) for octet in range(256))


class Chance(Protocol):
    """A source of ids and of random choice."""

    def token(self, length: int = 12) -> str:
        """A fresh string of `length` lower-case letters and digits."""
        ...

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        ...

    def octets(self, count: int) -> bytes:
        """So many octets for a key."""
        ...


class SystemChance:
    """Unguessable tokens for tags, nonces and visitors' keys."""

    def token(self, length: int = 12) -> str:
        size = len(_ALPHABET)
        return "".join(_ALPHABET[byte % size] for byte in secrets.token_bytes(length))

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)

    def octets(self, count: int) -> bytes:
        return secrets.token_bytes(count)


_POOL_BYTES = 4096


def _spelled(octets: bytes) -> str:
    """A character an octet."""
    return octets.translate(_OF_OCTET).decode()


class FastChance:
    """Unguessable tokens at low cost (tags, branches, Call-IDs, legs): the kernel's chance, fetched in gulps.

    5 random bits a character. A plain generator will not do: who has seen a few hundred tags of one could
    work out the next ones and end other people's calls (RFC 3261 §19.3 asks for cryptographic chance).
    """

    __slots__ = ("_at", "_letters")

    def __init__(self) -> None:
        self._letters = ""
        self._at = 0

    def token(self, length: int = 12) -> str:
        start = self._at
        self._at = end = start + length
        if end > len(self._letters):
            self._letters = _spelled(secrets.token_bytes(max(_POOL_BYTES, length)))
            start, self._at = 0, length
            end = length
        return self._letters[start:end]

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)

    def octets(self, count: int) -> bytes:
        return secrets.token_bytes(count)  # not of the pool: a key has no copy there


class SeededChance(FastChance):
    """The same tokens again for the same seed: tests and rehearsals."""

    __slots__ = ("_random",)

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def token(self, length: int = 12) -> str:
        return _spelled(self._random.randbytes(length))

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)
