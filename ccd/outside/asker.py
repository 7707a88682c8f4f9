"""What the channel asks through: one asker a service, over HTTP or SQL."""

from collections.abc import Mapping
from typing import Any, Protocol

from ccd.errors import CcdError


class Unanswered(CcdError):
    """The service did not answer as it should; the message says why, without any value that was sent."""

    def __init__(self, message: str) -> None:
        super().__init__("outside.unanswered", message)


class Asker(Protocol):
    """Asks one service."""

    async def ask(self, values: Mapping[str, str], timeout_s: float) -> dict[str, Any] | list[Any] | None:
        """What it answered; None: it knows nothing of it. Raises `Unanswered`; may be cancelled.

        The caller bounds the time; `timeout_s` is for what goes on elsewhere (a thread, a server).
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads. Idempotent."""
        ...
