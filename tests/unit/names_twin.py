"""A DNS in memory: zones that tests change, that fails or hangs when told to."""

import asyncio

from ccd.errors import TryLater
from ccd.voice.locating import Found, Naptr, Srv


class NamesTwin:
    def __init__(self) -> None:
        self.records: dict[str, tuple[Srv, ...]] = {}
        self.pointing: dict[str, tuple[Naptr, ...]] = {}
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.ttl_s = 300.0
        self.failing: set[str] = set()
        """Names for which no server answers; `*`: for all."""
        self.hanging = False
        self.asked: list[str] = []
        self.closed = False

    async def services(self, name: str) -> tuple[tuple[Srv, ...], float]:
        await self._ask(name)
        return self.records.get(name, ()), self.ttl_s

    async def pointers(self, name: str) -> tuple[Naptr, ...]:
        await self._ask(name)
        return self.pointing.get(name, ())

    async def addresses(self, host: str, *, of_dns: bool) -> Found:
        await self._ask(host)
        return Found(self.hosts.get(host, ()), self.ttl_s)

    async def close(self) -> None:
        self.closed = True

    async def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.hanging:
            await asyncio.Event().wait()
        if self.failing & {name, "*"}:
            raise TryLater("dns", f"the DNS does not answer for {name}")

    def zone(self, host: str = "carrier.test", protocol: str = "udp", *servers: tuple[int, int, str]) -> None:
        """SRV of a host: priority, weight and address of each server, named by its place."""
        named = [(f"s{n}.{host}", *server) for n, server in enumerate(servers, start=1)]
        self.records[f"_sip._{protocol}.{host}"] = tuple(
            Srv(priority, weight, 5060, name) for name, priority, weight, _ in named
        )
        self.hosts |= {name: (address,) for name, _, _, address in named}


async def settle() -> None:
    """Let the tasks of a twin's look-up run to their ends: nothing in there waits for a time."""
    for _ in range(20):
        await asyncio.sleep(0)
