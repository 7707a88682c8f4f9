"""dnsmasq as the DNS of carriers: SRV records and their hosts, on a port of the loopback; a test may change
its zone, and stop it."""

import asyncio
import getpass
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.peers.ports import free_port
from tests.peers.process import PeerFailed, PeerProcess, program

READY_S = 20.0
_PROBE = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05ready\x04test\x00\x00\x01\x00\x01"


class Server(NamedTuple):
    """One SRV target of a carrier."""

    host: str
    address: str
    port: int
    priority: int = 10
    weight: int = 10


class Dnsmasq:
    """`async with Dnsmasq(folder) as dns: await dns.serve("carrier.test", servers)`."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port(host)
        self._folder = folder
        self._argv: list[str] = []
        self._process: PeerProcess | None = None
        self._runs = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def serve(
        self,
        name: str,
        servers: Sequence[Server],
        *,
        protocol: str = "udp",
        ttl_s: int = 1,
        pointers: Sequence[str] = (),
    ) -> None:
        """From now on the name has these SRV records and no others. `pointers`: its NAPTR records, as
        `ORDER,PREFERENCE,FLAGS,SERVICE,,REPLACEMENT`."""
        records = [
            f"--srv-host=_sip._{protocol}.{name},{each.host},{each.port},{each.priority},{each.weight}"
            for each in servers
        ]
        records += [f"--naptr-record={name},{each}" for each in pointers]
        records += [f"--host-record={each.host},{each.address}" for each in servers]
        self._argv = [*records, f"--local=/{name}/", f"--local-ttl={ttl_s}"]
        await self.stop()
        await self.start()

    async def start(self) -> None:
        """Answer again."""
        self._runs += 1
        plain = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll"]
        where = [f"--port={self.port}", f"--listen-address={self.host}", "--bind-interfaces", "--pid-file="]
        who = [f"--user={getpass.getuser()}", "--log-facility=-", "--local=/test/"]
        argv = [program("dnsmasq"), *plain, *where, *who, *self._argv]
        self._process = PeerProcess(f"dnsmasq-{self._runs}", argv, self._folder)
        await self._process.start()
        await self._until_it_answers(self._process)

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def _until_it_answers(self, process: PeerProcess) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect((self.host, self.port))
            while process.running and loop.time() < end:
                try:
                    await loop.sock_sendall(probe, _PROBE)
                    async with asyncio.timeout(0.2):
                        await loop.sock_recv(probe, 512)
                    return
                except (OSError, TimeoutError):
                    await asyncio.sleep(0.05)
        raise PeerFailed(process.words("does not answer"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
