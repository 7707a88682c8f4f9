"""Names as this machine knows them: SRV of the DNS, hosts by the system, so that /etc/hosts counts.

With `sip.resolvers` those servers are asked for everything, and the system only for what they do not know.
Nothing here blocks: what hangs ends by its time limit, and few look-ups of the system hang at a time.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

from ccd.errors import TryLater
from ccd.model.resolvers import resolver_of
from ccd.model.settings import SipSettings
from ccd.voice.locating import AGAIN_S, Found, Naptr, Srv

if TYPE_CHECKING:
    from ccd.voice.dns_records import DnsRecords

SYSTEM_S = 5.0
SYSTEM_KEPT_S = 60.0
"""The system does not say for how long its answer is good."""
MOST_SYSTEM = 4


class SystemNames:
    """The `Names` of a daemon."""

    def __init__(self, resolvers: Iterable[str], families: Iterable[int]) -> None:
        """`resolvers`: DNS servers, none: the system's; `families`: 4 and 6, the preferred one first."""
        self._servers = [resolver_of(each) for each in resolvers]
        self._families = tuple(dict.fromkeys(families))
        self._records: DnsRecords | None = None
        self._hanging: dict[str, asyncio.Future[tuple[str, ...] | None]] = {}

    async def services(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records and their time to live."""
        return await (await self._dns()).services(name)

    async def pointers(self, name: str) -> tuple[Naptr, ...]:
        """NAPTR records."""
        return await (await self._dns()).pointers(name)

    async def addresses(self, host: str, *, of_dns: bool) -> Found:
        """By the DNS or by the system, which is also asked for what the DNS does not know."""
        if of_dns or self._servers:
            found = await self._of_dns(host)
            if found.addresses:
                return found
        return Found(await self._of_system(host), SYSTEM_KEPT_S)

    async def close(self) -> None:
        """Leave what still hangs."""
        hanging, self._hanging = self._hanging, {}
        for asked in hanging.values():
            asked.cancel()

    async def _dns(self) -> "DnsRecords":
        """The first time in a thread: importing takes longer than the loop may stand still."""
        if self._records is None:
            module = await asyncio.to_thread(import_module, "ccd.voice.dns_records")
            self._records = module.DnsRecords(self._servers)
        return self._records

    async def _of_dns(self, host: str) -> Found:
        """All families; one that fails does not hide what the other has."""
        records = await self._dns()
        answers = await asyncio.gather(
            *(records.addresses(host, family) for family in self._families), return_exceptions=True
        )
        good = [each for each in answers if isinstance(each, Found) and each.addresses]
        failed = next((each for each in answers if isinstance(each, BaseException)), None)
        if failed is not None and not good:
            raise failed
        ttl_s = AGAIN_S if failed is not None else min((each.ttl_s for each in good), default=AGAIN_S)
        return Found(tuple(address for each in good for address in each.addresses), ttl_s)

    async def _of_system(self, host: str) -> tuple[str, ...]:
        """A thread may hang in there for half a minute: nobody waits so long, and who asks for the same
        host meanwhile joins."""
        asked = self._hanging.get(host)
        if asked is None:
            if len(self._hanging) >= MOST_SYSTEM:
                raise TryLater("names", f"the DNS does not answer for {host}: other look-ups hang")
            asked = self._hanging[host] = _in_a_thread(host, self._families)
            asked.add_done_callback(lambda done: self._forget(host, done))
        try:
            async with asyncio.timeout(SYSTEM_S):
                found = await asyncio.shield(asked)
        except TimeoutError:
            found = None
        if found is None:
            raise TryLater("names", f"the DNS does not answer for {host}")
        return found

    def _forget(self, host: str, done: asyncio.Future[tuple[str, ...] | None]) -> None:
        if self._hanging.get(host) is done:
            del self._hanging[host]


def _in_a_thread(host: str, families: tuple[int, ...]) -> asyncio.Future[tuple[str, ...] | None]:
    """A thread of its own that nobody waits for at the end, as one waits for those of a pool: a daemon must
    stop while the DNS is away."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[str, ...] | None] = loop.create_future()

    def tell(found: tuple[str, ...] | None) -> None:
        if not future.done():
            future.set_result(found)

    def look() -> None:
        found = _look_up(host, families)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, found)

    Thread(target=look, name="names", daemon=True).start()
    return future


def _look_up(host: str, families: tuple[int, ...]) -> tuple[str, ...] | None:
    """None: try later. Addresses of other families than ours only where there are none of ours."""
    try:
        entries = socket.getaddrinfo(host, None, proto=socket.IPPROTO_UDP)
    except socket.gaierror as fault:
        return None if fault.errno == socket.EAI_AGAIN else ()
    except (OSError, UnicodeError):
        return ()
    found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    ours = [each for family in families for each in found if _version(each) == family]
    return tuple(ours or found)


def families_of(sip: SipSettings) -> tuple[int, ...]:
    """Families of addresses that we can send to, in the order of the transports."""
    return tuple(dict.fromkeys(_version(each.host) for each in sip.transports))


def _version(address: str) -> int:
    return ip_address(address.partition("%")[0]).version
