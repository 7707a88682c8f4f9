"""A daemon under test: its own process on loopback with free ports, a configuration written for the test.

The daemon is what users start (`python -m ccd --config DIR`); tests see it from outside only: SIP,
RTP, the control socket, the ledger's records, its log.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ccd.history.state import Record
from tests.peers.certificates import Certificate
from tests.peers.missing import lacking
from tests.peers.ports import free_port, media_block
from tests.peers.process import WAIT_S, PeerMissing, PeerProcess, program

READY_S = 60.0
"""How fast a start is, `bench/idle.py` tells."""
PASSWORD = "interop-1"  # of every phone
PRESS = "+33123456780"
"""Number with a menu: 1 sales, 2 support."""
DIRECT = "+33123456781"
"""Number that goes to the queue `sales` at once."""
CHAT = "+33123456782"


def need(*names: str) -> None:
    """Skip (in CI: fail) where a program is missing."""
    for name in names:
        try:
            program(name)
        except PeerMissing as missing:
            lacking(str(missing))


def tls_transport(own: Certificate, port: int) -> str:
    """A transport that speaks TLS, for `extra` of a site."""
    return (
        f'[[sip.transports]]\nprotocol = "tls"\nhost = "127.0.0.1"\nport = {port}\n'
        f'certificate = "{own.file}"\nkey = "{own.key}"\n'
    )


class Site:
    """One configured daemon; start, kill, start again over the same state."""

    def __init__(
        self,
        folder: Path,
        *,
        agents: int = 2,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
        extra: str = "",
        chat: bool = False,
        host: str = "127.0.0.1",
        media_ports: int = 400,
        prefix: Sequence[str] = (),
        module: str = "ccd",
    ) -> None:
        """`tables`: keys to add to or replace in a table (`{"queues.sales": {"record": True}}`);
        `extra`: TOML put at the end; `prefix` runs it elsewhere (a network namespace); `module`: what is run
        in place of the daemon, and runs it.
        """
        self.folder = folder
        self.host = host
        self.port = free_port(host)
        self.trunk_port = free_port(host)
        self.chat_port = free_port(host)
        self.agents = [f"a{n}" for n in range(1, agents + 1)]
        # a socket's path has room for 107 bytes only, and pytest's folders are long
        self.runtime_dir = Path(tempfile.mkdtemp(prefix="ccd-"))
        self._tables = self._defaults(media_ports, chat)
        for name, keys in (tables or {}).items():
            self._tables.setdefault(name, {}).update(keys)
        self.extra = extra
        self._prefix = list(prefix)
        self._module = module
        self._process: PeerProcess | None = None
        self._runs = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.write()

    def _defaults(self, media_ports: int, chat: bool) -> dict[str, dict[str, Any]]:
        first = media_block(media_ports)
        tables: dict[str, dict[str, Any]] = {
            "": {"language": "en"},
            "daemon": {
                "state_dir": str(self.folder / "state"),
                "runtime_dir": str(self.runtime_dir),
                "log": "json",
                "log_level": "info",
                "drain_s": 1.0,
                "disk_alarm_pct": 100.0,  # that of this machine is not what is tested
            },
            "sip": {"domain": "interop.invalid", "qualify_s": 0.0},
            "media": {
                "workers": 1,
                "host": self.host,
                "port_min": first,
                "port_max": first + media_ports - 1,
            },
            "trunks.carrier": {
                "host": self.host,
                "port": self.trunk_port,
                "sources": [self.host],
                "qualify_s": 0.0,
            },
            "queues.sales": {"display": "Sales", "extension": "201", "agents": self.agents},
            "queues.support": {"display": "Support", "extension": "202", "agents": self.agents},
            "numbers": {PRESS: "menu", DIRECT: "direct", "1000": "direct"},
            "pause_reasons": {"1": "lunch", "2": "training"},
        }
        for n, name in enumerate(self.agents):
            tables[f"devices.{name}"] = {"password": "env:CCD_INTEROP_PASSWORD"}
            tables[f"agents.{name}"] = {"devices": [name], "extension": str(301 + n)}
        if chat:
            tables["queues.chat"] = {"display": "Chat", "extension": "203", "agents": self.agents}
            tables["channels.web"] = {
                "adapter": "webchat",
                "host": "127.0.0.1",
                "port": self.chat_port,
                "flow": "chat",
                "messages_per_min": 1000,
            }
        return tables

    def set(self, table: str, **keys: Any) -> None:
        """Change the configuration on disk (for a reload or the next start)."""
        self._tables.setdefault(table, {}).update(keys)
        self.write()

    def table(self, name: str) -> dict[str, Any]:
        """The keys of a table as they are written."""
        return self._tables[name]

    def drop(self, table: str) -> None:
        del self._tables[table]
        self.write()

    def write(self) -> None:
        lines: list[str] = []
        for name, keys in self._tables.items():
            lines += [f"[{name}]"] if name else []
            lines += [f"{_key(key)} = {_value(value)}" for key, value in keys.items()]
        lines += [
            *("[[sip.transports]]", 'protocol = "udp"', f'host = "{self.host}"', f"port = {self.port}"),
            *("[[sip.transports]]", 'protocol = "tcp"', f'host = "{self.host}"', f"port = {self.port}"),
            _FLOWS if "channels.web" not in self._tables else _FLOWS + _CHAT_FLOW,
            self.extra,
        ]
        (self.folder / "ccd.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the daemon; returns when it says READY."""
        self._runs += 1
        notify = str(self.runtime_dir / "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(notify)
            told.setblocking(False)
            self._process = PeerProcess(
                f"ccd-{self._runs}",
                [*self._prefix, sys.executable, *_WARN, "-m", self._module, "--config", str(self.folder)],
                self.folder,
                env={
                    "CCD_INTEROP_PASSWORD": PASSWORD,
                    "NOTIFY_SOCKET": notify,
                    "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in (".", "adapters")),
                },
                grace_s=10.0,
            )
            await self._process.start()
            await self._until_ready(told)

    async def _until_ready(self, told: socket.socket) -> None:
        process = self.process
        loop = asyncio.get_running_loop()
        ended = asyncio.ensure_future(process.process.wait())
        try:
            async with asyncio.timeout(READY_S):
                while True:
                    heard = asyncio.ensure_future(loop.sock_recv(told, 4096))
                    await asyncio.wait({heard, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if not heard.done():
                        heard.cancel()
                        await asyncio.wait({heard})
                        raise AssertionError(process.words("ended instead of starting"))
                    if b"READY=1" in heard.result():
                        return
        except TimeoutError:
            raise AssertionError(process.words("was not ready in time")) from None
        finally:
            ended.cancel()

    @property
    def process(self) -> PeerProcess:
        assert self._process is not None, "the daemon was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.process.pid

    async def kill(self) -> None:
        """As a power cut would: no signal handler runs. Its workers notice and leave by themselves."""
        os.kill(self.pid, signal.SIGKILL)
        await self.process.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.process.wait(20.0)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Whatever is sent meanwhile is there together when the daemon goes on."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def hup(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        for file in self.runtime_dir.iterdir():
            file.unlink(missing_ok=True)
        self.runtime_dir.rmdir()

    # -- what can be seen from outside ---------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def ask(self, verb: str, **args: Any) -> Any:
        """One verb of the control socket; AssertionError when it is refused."""
        reader, writer = await asyncio.open_unix_connection(str(self.runtime_dir / "control.sock"))
        try:
            writer.write(json.dumps({"id": 1, "verb": verb, "args": args}).encode() + b"\n")
            async with asyncio.timeout(WAIT_S):
                answer = json.loads(await reader.readuntil(b"\n"))
        finally:
            writer.close()
        assert answer["ok"], f"{verb} {args}: {answer.get('error')}"
        return answer["result"]

    async def login(self, *names: str) -> None:
        """Agents log in by ccctl (all of them when none is named)."""
        for name in names or self.agents:
            await self.ask("agent.login", agent=name)

    async def agent(self, name: str) -> dict[str, Any]:
        for row in await self.ask("agents"):
            if row["agent"] == name:
                return dict(row)
        raise AssertionError(f"no agent {name}")

    async def until(self, what: str, look: Any, timeout_s: float = WAIT_S, every_s: float = 0.05) -> Any:
        """Ask again until `look()` (awaitable) answers something true; that value."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            found = await look()
            if found:
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not in {timeout_s} s: {what}\n{self.tail(40)}")
            await asyncio.sleep(every_s)

    async def until_records(self, count: int, timeout_s: float = WAIT_S) -> list[Record]:
        """Wait for so many filed interactions."""

        async def look() -> list[Record]:
            found = self.records()
            return found if len(found) >= count else []

        found: list[Record] = await self.until(f"{count} records", look, timeout_s)
        return found

    async def until_idle(self, timeout_s: float = WAIT_S) -> None:
        """No interaction runs, and what ended is filed."""

        async def look() -> bool:
            return (await self.ask("interactions"))["all"] == 0

        await self.until("all interactions ended", look, timeout_s)
        await asyncio.sleep(0.1)

    def records(self) -> list[Record]:
        """All filed interactions, oldest first, read beside the running daemon."""
        rows = self._read("SELECT body FROM records ORDER BY began_at")
        return [msgspec.msgpack.decode(body, type=Record) for (body,) in rows]

    def _read(self, query: str) -> list[Any]:
        path = self.folder / "state" / "ledger.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            return db.execute(query).fetchall()

    async def figures(self, queue: str) -> dict[str, int]:
        """The running totals of a queue."""
        report = await self.ask("report")
        for row in report["total"]["queues"]:
            if row["queue"] == queue:
                return dict(row)
        raise AssertionError(f"no queue {queue} in {report}")

    def log_lines(self) -> list[dict[str, Any]]:
        """The daemon's log, all runs."""
        found = []
        for path in sorted(self.folder.glob("ccd-*.log")):
            for line in path.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def complaints(self) -> list[str]:
        """What must never be in the log: tracebacks, errors, warnings of Python."""
        found = []
        for path in sorted(self.folder.glob("ccd-*.log")):
            text = path.read_text(errors="replace")
            if "Traceback" in text or "Warning:" in text:
                found.append(text[-3000:])
        found += [json.dumps(row) for row in self.log_lines() if row.get("event") == "fault"]
        return found

    def recordings(self) -> list[Path]:
        return sorted((self.folder / "state" / "recordings").rglob("*.wav"))

    def tail(self, lines: int = 25) -> str:
        return self.process.tail(lines)


ROOT = Path(__file__).resolve().parents[2]
_WARN = ("-W", "default", "-W", "ignore:'audioop' is deprecated:DeprecationWarning")

_FLOWS = """
[flows.menu]
[[flows.menu.steps]]
do = "answer"
[[flows.menu.steps]]
id = "choose"
do = "menu"
prompt = "menu"
choices = { 1 = "sales", 2 = "support", 9 = "bye" }
wait_s = 6.0
no_input_prompt = "no-input"
on_no_input = "bye"
[[flows.menu.steps]]
id = "sales"
do = "queue"
queue = "sales"
[[flows.menu.steps]]
do = "goto"
step = "bye"
[[flows.menu.steps]]
id = "support"
do = "queue"
queue = "support"
[[flows.menu.steps]]
id = "bye"
do = "hangup"
prompt = "goodbye"

[flows.direct]
[[flows.direct.steps]]
do = "queue"
queue = "sales"
"""

_CHAT_FLOW = """
[flows.chat]
[[flows.chat.steps]]
do = "queue"
queue = "chat"
"""


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and "+" not in key else f'"{key}"'


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)
