"""What our phones have in common: each request gets its answer, and all else they tell is an event."""

import asyncio
import itertools
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from tests.peers.peer import Peer
from tests.peers.process import WAIT_S, PeerFailed, PeerProcess


class SteeredPhone(Peer):
    """A foreign phone over a control line of JSON objects; `async with` starts it and stops it.

    A phone gives `start` and `stop`, and reads its line: an answer goes to `_answered`, an event to `_told`.
    """

    KIND: ClassVar[str]
    """The key under which an event says what it is."""

    def __init__(self, process: PeerProcess) -> None:
        self.events: list[dict[str, Any]] = []
        """Every event since the start, as the phone gave it."""
        self._process = process
        self._taken = 0
        self._changed = asyncio.Condition()
        self._tokens = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @abstractmethod
    async def start(self, timeout_s: float = WAIT_S) -> None:
        """Until it can be steered and, where it shall register, is registered."""

    @abstractmethod
    async def stop(self) -> None:
        """End its calls, unregister, complete its recordings; also what never started can be stopped."""

    def words(self, problem: str) -> str:
        """The problem with all that helps to find its cause."""
        return self._process.words(problem)

    # what happens

    async def event(
        self,
        *kinds: str,
        timeout_s: float = WAIT_S,
        where: Callable[[dict[str, Any]], bool] = lambda event: True,
    ) -> dict[str, Any]:
        """The next event of one of these kinds after the last one that was taken here.

        So it does not matter whether it came before or after one began to wait. Raises `PeerFailed`.
        """
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while True:
                    for index in range(self._taken, len(self.events)):
                        if self.events[index][self.KIND] in kinds and where(self.events[index]):
                            self._taken = index + 1
                            return self.events[index]
                    await self._changed.wait()
        except TimeoutError:
            since = self.events[self._taken :]
            raise PeerFailed(self.words(f"no {' or '.join(kinds)}; since: {since}")) from None

    async def stream(self) -> AsyncIterator[dict[str, Any]]:
        """All events from the first on, as they come."""
        for index in itertools.count():
            async with self._changed:
                while index >= len(self.events):
                    await self._changed.wait()
            yield self.events[index]

    def count(self, kind: str) -> int:
        """How many events of this kind came."""
        return sum(event[self.KIND] == kind for event in self.events)

    # the control line

    async def _answer(self, what: str, send: Callable[[int], None], timeout_s: float) -> dict[str, Any]:
        """Send a request under a fresh token and wait for its answer; `what` names it when none comes."""
        token = next(self._tokens)
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = waiting
        send(token)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            raise PeerFailed(self.words(f"no answer to {what}")) from None
        finally:
            del self._answers[token]

    def _answered(self, token: int, message: dict[str, Any]) -> None:
        waiting = self._answers.get(token)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _told(self, message: dict[str, Any]) -> None:
        async with self._changed:
            self.events.append(message)
            self._changed.notify_all()
