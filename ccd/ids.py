"""Ids and chance are injected, so that a run replays to the byte.

Ids made by the single writer (interactions, offers, legs it dials) are counters kept in its state.
Ids made at the edges (legs that arrive, Call-IDs, tags, nonces) come from a `Chance`.
"""

import random
import secrets
from typing import Protocol

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o: read over the telephone
_PAIRS = tuple(_ALPHABET[pair & 31] + _ALPHABET[pair >> 5] for pair in range(1024))


class Chance(Protocol):
    """A source of ids and of random choice."""

    def token(self, length: int = 12) -> str:
        """A fresh string of `length` lower-case letters and digits."""
        ...

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        ...


class SystemChance:
    """Unguessable tokens for tags, nonces and visitors' keys."""

    def token(self, length: int = 12) -> str:
        size = len(_ALPHABET)
        return "".join(_ALPHABET[byte % size] for byte in secrets.token_bytes(length))

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)


_POOL_BYTES = 4096


class FastChance:
    """Unguessable tokens at low cost (tags, branches, Call-IDs, legs): the kernel's chance, fetched in gulps.

    5 random bits a character. A plain generator will not do: who has seen a few hundred tags of one could
    work out the next ones and end other people's calls (RFC 3261 §19.3 asks for cryptographic chance).
    """

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def _bits(self, count: int) -> int:
        start = self._at
        self._at = end = start + (count + 7 >> 3)
        if end > len(self._pool):
            start, self._at = 0, end - start
            self._pool = secrets.token_bytes(max(_POOL_BYTES, self._at))
            end = self._at
        return int.from_bytes(self._pool[start:end], "big")

    def token(self, length: int = 12) -> str:
        bits = self._bits(5 * length)
        pairs = _PAIRS
        text = "".join([pairs[bits >> shift & 1023] for shift in range(0, 5 * length, 10)])
        return text if len(text) == length else text[:length]

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)


class SeededChance(FastChance):
    """The same tokens again for the same seed: tests and rehearsals."""

    __slots__ = ("_random",)

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def _bits(self, count: int) -> int:
        return self._random.getrandbits(count)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)
