"""Opening WebSockets to bots: certificates are verified; no redirect, cookie, proxy or compression."""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

from ccd.model.settings import BotSettings
from ccd.outside.bot_frames import Misbehaved
from ccd.outside.websocket import WebSocket, connect

PROTOCOL: Final = "ccd.bot.v1"


class Dialler:
    """One for the channel; keeps whom it trusts."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._trusted: dict[str, ssl.SSLContext] = {}

    async def dial(self, bot: BotSettings) -> WebSocket:
        """Raises `Misbehaved`, in words for people; the caller bounds the time."""
        headers = {
            "User-Agent": self._user_agent,
            **bot.headers,
            **{name: secret.reveal() for name, secret in bot.secret_headers.items()},
        }
        trust = await self._trust(bot.ca) if urlsplit(bot.url).scheme == "wss" else None
        return await connect(bot.url, headers, PROTOCOL, trust)

    async def _trust(self, ca: str) -> ssl.SSLContext:
        known = self._trusted.get(ca)
        if known is None:
            try:
                known = await asyncio.to_thread(ssl.create_default_context, cafile=ca or None)
            except (OSError, ssl.SSLError) as error:
                why = error.strerror or "no PEM"
                raise Misbehaved(f"the file of its authority {ca} cannot be used: {why}") from error
            self._trusted[ca] = known
        return known

    def forget(self) -> None:
        """Read the files of authorities anew."""
        self._trusted.clear()
