"""Long work cut into pieces: what is due on the loop meanwhile waits for one piece, not for the whole.

For answers to people about hundreds of things. What is looked at may change between two pieces, so each
piece must stand for itself; engines are never changed in pieces.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from ccd.clock import monotonic

PIECE_S: Final = 0.001
"""After so long the others are let in; nothing on the loop takes over 2 ms."""

WORK_S: Final = 0.005
"""So long work beside the loop goes on before it rests."""

_T = TypeVar("_T")
_R = TypeVar("_R")


class Pieces:
    """The pieces of one long work."""

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = clock() + PIECE_S

    def over(self) -> bool:
        """Whether this piece has lasted long enough."""
        return self._clock() >= self._until

    async def rest(self) -> None:
        """Let all that is due be done; the next piece begins."""
        await asyncio.sleep(0)
        self._until = self._clock() + PIECE_S

    async def each(self, items: Iterable[_T], make: Callable[[_T], _R]) -> list[_R]:
        """`make` of each item, with rests; an item alone must not take long."""
        made = []
        for item in items:
            if self.over():
                await self.rest()
            made.append(make(item))
        return made


class Rests:
    """Work beside the loop, in a thread or a process, that takes half of a core at most.

    To be called often. What holds the interpreter's lock in a thread of ours must rest after `PIECE_S`: the
    loop waits as long.
    """

    __slots__ = ("_began", "_clock", "_sleep", "_work_s")

    def __init__(
        self,
        work_s: float = WORK_S,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` says how long it works: what counts the processor's time leaves out how long it waited."""
        self._work_s = work_s
        self._clock = clock
        self._sleep = sleep
        self._began = clock()

    def __call__(self) -> None:
        """Sleep as long as it has worked, if it is time to."""
        worked = self._clock() - self._began
        if worked >= self._work_s:
            self._sleep(worked)
            self._began = self._clock()
