"""What a peer is: it can be started and stopped, and `async with` does both."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from tests.peers.process import WAIT_S


class Peer(ABC):
    """`async with` starts it and always stops it, also where its start failed half way."""

    @abstractmethod
    async def start(self, timeout_s: float = WAIT_S) -> None:
        """Until it can be used."""

    @abstractmethod
    async def stop(self) -> None:
        """End it; also what never started can be stopped."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
