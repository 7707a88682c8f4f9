"""Opening WebSockets to bots: certificates are verified; no redirect, cookie, proxy or compression."""

import asyncio
import ssl
from typing import Final

import aiohttp

from ccd.model.settings import BotSettings
from ccd.outside.asker import Unanswered
from ccd.outside.bot_frames import Misbehaved
from ccd.outside.http import Resolver, trusting

MOST_BYTES: Final = 65_536
"""Of one frame that a bot sends; the rest of a larger one is not read."""
HEARTBEAT_S: Final = 10.0
"""A bot is pinged this often, and gone if it does not answer within half of it."""
PROTOCOL: Final = "ccd.bot.v1"


class Dialler:
    """One for the channel; made on the loop."""

    def __init__(self, user_agent: str) -> None:
        self._resolver = Resolver()
        self._authorities: dict[str, ssl.SSLContext] = {}
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_refuse)
        self._session = aiohttp.ClientSession(
            trace_configs=[trace],
            connector=aiohttp.TCPConnector(limit=0, resolver=self._resolver, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent},
            trust_env=False,
        )

    async def dial(self, bot: BotSettings) -> aiohttp.ClientWebSocketResponse:
        """Raises `Misbehaved`, in words for people; the caller bounds the time."""
        headers = {
            **bot.headers,
            **{name: secret.reveal() for name, secret in bot.secret_headers.items()},
        }
        try:
            tls: ssl.SSLContext | bool = await self._trusted(bot.ca) if bot.ca else True
            return await self._session.ws_connect(
                bot.url,
                headers=headers,
                protocols=(PROTOCOL,),
                ssl=tls,
                heartbeat=HEARTBEAT_S,
                max_msg_size=MOST_BYTES,
                compress=0,
                autoclose=True,
                autoping=True,
            )
        except Unanswered as error:
            raise Misbehaved(error.message) from error
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "not verified"
            raise Misbehaved(f"its certificate is not to be trusted: {why}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Misbehaved(f"its name {error.host} cannot be resolved") from error
        except aiohttp.ClientConnectorError as error:
            raise Misbehaved(f"no connection: {error.strerror or type(error).__name__}") from error
        except aiohttp.WSServerHandshakeError as error:
            raise Misbehaved(f"it refused, status {error.status}") from error
        except (aiohttp.ClientError, ValueError, OSError, EOFError) as error:
            raise Misbehaved(f"no connection ({type(error).__name__})") from error

    async def _trusted(self, ca: str) -> ssl.SSLContext:
        known = self._authorities.get(ca)
        if known is None:
            known = self._authorities[ca] = await asyncio.to_thread(trusting, ca)
        return known

    def forget(self) -> None:
        """Read the files of authorities anew."""
        self._authorities.clear()

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()


async def _refuse(
    _session: aiohttp.ClientSession, _context: object, params: aiohttp.TraceRequestRedirectParams
) -> None:
    """The client follows redirects when it opens a WebSocket, with all headers: not to strangers."""
    params.response.close()
    raise Misbehaved(f"it refused, status {params.response.status}: redirects are not followed")
