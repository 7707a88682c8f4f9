"""A sorted sequence of tuples in blocks: add, remove and rank in a few microseconds at 100 000 entries.

A heap would need lazy deletion and could not answer "what is my place"; one flat list would move a
megabyte an insertion. Blocks of at most `SPLIT` entries keep both cheap.

Beside each block stand its entries' keys, plain numbers in one piece of memory: a search reads a few lines of
the processor's cache there, where it would wait for two or three of memory at each entry that it compares.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, Generic, TypeVar

SPLIT = 1024

T = TypeVar("T", bound=tuple[Any, ...])


first_of: Callable[[tuple[Any, ...]], float] = itemgetter(0)
"""The key of entries whose first part is a number."""


class Line(Generic[T]):
    """Entries in ascending order, each at most once.

    `key`: never falls from one entry to the next; equal keys are allowed, and cost a comparison of entries.
    """

    __slots__ = ("_blocks", "_count", "_key", "_keys")

    def __init__(self, key: Callable[[T], float] = first_of) -> None:
        self._key = key
        self._blocks: list[list[T]] = [[]]
        self._keys: list[array[float]] = [array("d")]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        for block in self._blocks:
            yield from block

    def first(self) -> T | None:
        """The smallest entry; None when empty."""
        return self._blocks[0][0] if self._count else None

    def add(self, entry: T) -> None:
        """Insert an entry that is not in the line."""
        key = self._key(entry)
        where, block = len(self._blocks) - 1, self._blocks[-1]
        at = len(block)
        if block and entry < block[-1]:  # mostly it is the last of all
            where, at = self._find(entry, key)
            block = self._blocks[where]
        keys = self._keys[where]
        block.insert(at, entry)
        keys.insert(at, key)
        self._count += 1
        if len(block) > SPLIT:
            half = len(block) // 2
            self._blocks.insert(where + 1, block[half:])
            self._keys.insert(where + 1, keys[half:])
            del block[half:]
            del keys[half:]

    def remove(self, entry: T) -> None:
        """Take out an entry; raises `KeyError` when it is not there."""
        where, at, block = 0, 0, self._blocks[0]
        if not block or block[0] != entry:  # mostly it is the first of all
            where, at = self._find(entry, self._key(entry))
            block = self._blocks[where]
            if at == len(block) or block[at] != entry:
                raise KeyError(entry)
        del block[at]
        del self._keys[where][at]
        self._count -= 1
        if not block and len(self._blocks) > 1:
            del self._blocks[where]
            del self._keys[where]

    def rank(self, entry: T) -> int:
        """How many entries are smaller."""
        last = self._blocks[-1]
        if not last or last[-1] < entry:
            return self._count
        where, at = self._find(entry, self._key(entry))
        return sum(map(len, self._blocks[:where])) + at if where else at

    def rank_unlike(self, entry: T) -> int:
        """The same for one whose key may be false among these."""
        return sum([bisect_left(block, entry) for block in self._blocks])

    def _find(self, entry: T, key: float) -> tuple[int, int]:
        """Number of the block, and the place in it, where the entry is or would be."""
        where = 0 if len(self._blocks) == 1 else self._block_of(entry, key)
        keys = self._keys[where]
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            at = bisect_left(self._blocks[where], entry, at, bisect_right(keys, key, at))
        return where, at

    def _block_of(self, entry: T, key: float) -> int:
        """Index of the first block whose last entry is not smaller, else of the last block."""
        blocks, keys = self._blocks, self._keys
        low, high = 0, len(blocks) - 1
        while low < high:
            middle = (low + high) // 2
            last = keys[middle][-1]
            if last < key or (last == key and blocks[middle][-1] < entry):
                low = middle + 1
            else:
                high = middle
        return low
