"""Asking over HTTP: JSON in, JSON out, with limits on everything that the server may do.

No redirects, no cookies, no proxies of the environment, no compression (a small answer could unpack to a huge
one); certificates are verified; an answer over 64 KiB is not read to its end. 404, 410 and 204 say that the
server knows nothing of it; every other status but 2xx is a failure.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from ccd.model.outside import WITH_BODY
from ccd.model.settings import OutsideSettings
from ccd.model.takes import opened
from ccd.outside.asker import Unanswered

MOST_BYTES = 65_536
"""Of an answer."""
_CHUNK = 16_384
_NOTHING = (204, 404, 410)
_PLACE = re.compile(r"\{([A-Za-z0-9_]+)\}")
KEEP_OPEN_S = 30.0
"""Idle connections are kept for the next request for so long."""


class HttpAsker:
    """One `kind = "http"` service."""

    def __init__(self, settings: OutsideSettings, user_agent: str) -> None:
        self._settings = settings
        self._in_url = frozenset(_PLACE.findall(settings.url))
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": user_agent,
            **settings.headers,
            **{name: secret.reveal() for name, secret in settings.secret_headers.items()},
        }
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._resolver: _Resolver | None = None

    async def ask(self, values: Mapping[str, str], timeout_s: float) -> dict[str, Any] | list[Any] | None:
        """As `Asker.ask` says; what stands in an object or a list is still to be opened (`opened`)."""
        del timeout_s
        settings, url = self._settings, self._url(values)
        session = self._session or await self._open()
        body = None
        headers = self._headers
        if settings.method in WITH_BODY:
            body = msgspec.json.encode({name: values[name] for name in values if name not in self._in_url})
            headers = {"Content-Type": "application/json", **headers}
        try:
            async with session.request(
                settings.method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return await self._read(answer)
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "not verified"
            raise Unanswered(f"its certificate is not to be trusted: {why}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Unanswered(f"its name {error.host} cannot be resolved") from error
        except aiohttp.ClientConnectorError as error:
            raise Unanswered(f"no connection: {error.strerror or type(error).__name__}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unanswered("its answer is no JSON") from error
        except (aiohttp.ClientError, ValueError, OSError, EOFError) as error:
            raise Unanswered(f"broken answer ({type(error).__name__})") from error

    def _url(self, values: Mapping[str, str]) -> yarl.URL:
        def encoded(found: re.Match[str]) -> str:
            value = values.get(found[1], "")
            if value in (".", ".."):  # would lead to another place of the server
                raise Unanswered(f"{found[1]} is dots only, which cannot stand in an address")
            return quote(value, safe="")

        return yarl.URL(_PLACE.sub(encoded, self._settings.url), encoded=True)

    async def _read(self, answer: aiohttp.ClientResponse) -> dict[str, Any] | list[Any] | None:
        if answer.status in _NOTHING:
            return None
        if 300 <= answer.status < 400:
            raise Unanswered(f"status {answer.status}: redirects are not followed")
        if not 200 <= answer.status < 300:
            raise Unanswered(f"status {answer.status}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Unanswered("its answer is compressed though it was asked not to")
        data = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            data += chunk
            if len(data) > MOST_BYTES:
                raise Unanswered(f"its answer is over {MOST_BYTES // 1024} KiB")
        text = bytes(data).strip()
        if not text:
            return {}
        value = opened(msgspec.Raw(text))
        if not isinstance(value, dict | list):
            raise Unanswered("its answer is no JSON object or list")
        return value

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                tls: ssl.SSLContext | bool = True
                if self._settings.ca:
                    tls = await asyncio.to_thread(_trusting, self._settings.ca)
                self._resolver = _Resolver()
                connector = aiohttp.TCPConnector(
                    limit=self._settings.most,
                    ssl=tls,
                    resolver=self._resolver,
                    keepalive_timeout=KEEP_OPEN_S,
                    ttl_dns_cache=60,
                )
                self._session = aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),  # the channel bounds it
                    auto_decompress=False,
                    trust_env=False,
                )
        return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._resolver is not None:
            await self._resolver.close()


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise Unanswered(f"the file of its authority {ca} cannot be used: {error.strerror}") from error


class _Resolver(AbstractResolver):
    """Looks names up in a thread of its own: a name server that hangs must not hold up other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="ccd-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        def look_up() -> list[Any]:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)

        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
