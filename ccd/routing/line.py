"""A sorted sequence of tuples in blocks: add, remove and rank in a few microseconds at 100 000 entries.

A heap would need lazy deletion and could not answer "what is my place"; one flat list would move a
megabyte an insertion. Blocks of at most `SPLIT` entries keep both cheap.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

SPLIT = 1024

T = TypeVar("T", bound=tuple[object, ...])


class Line(Generic[T]):
    """Entries in ascending order, each at most once."""

    __slots__ = ("_blocks", "_count")

    def __init__(self) -> None:
        self._blocks: list[list[T]] = [[]]
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
        where = self._block_of(entry) if len(self._blocks) > 1 else 0
        block = self._blocks[where]
        insort(block, entry)
        self._count += 1
        if len(block) > SPLIT:
            half = len(block) // 2
            self._blocks.insert(where + 1, block[half:])
            del block[half:]

    def remove(self, entry: T) -> None:
        """Take out an entry; raises `KeyError` when it is not there."""
        where = self._block_of(entry) if len(self._blocks) > 1 else 0
        block = self._blocks[where]
        at = bisect_left(block, entry)
        if at == len(block) or block[at] != entry:
            raise KeyError(entry)
        del block[at]
        self._count -= 1
        if not block and len(self._blocks) > 1:
            del self._blocks[where]

    def rank(self, entry: T) -> int:
        """How many entries are smaller."""
        blocks = self._blocks
        if len(blocks) == 1:
            return bisect_left(blocks[0], entry)
        where = self._block_of(entry)
        return sum(map(len, blocks[:where])) + bisect_left(blocks[where], entry)

    def _block_of(self, entry: T) -> int:
        """Index of the first block whose last entry is not smaller, else of the last block."""
        blocks = self._blocks
        low, high = 0, len(blocks) - 1
        while low < high:
            middle = (low + high) // 2
            if blocks[middle][-1] < entry:
                low = middle + 1
            else:
                high = middle
        return low
