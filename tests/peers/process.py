"""A foreign program under our care: started in its own process group, logged to a file, always stopped."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self


class PeerMissing(RuntimeError):
    """The program is not installed; the message says how to get it."""


class PeerFailed(RuntimeError):
    """The program did not do what it was asked; the message ends with the tail of its log."""


WAIT_S = 20.0
"""For whatever a peer is to do: long, as a busy machine is no fault, and nothing waits for it in vain."""
AHEAD = -10
"""Nice value of a phone, as of the media workers that it listens to: what loads the machine is the tests."""

HOW_TO_GET = {
    "sipp": "apt-get install sip-tester",
    "baresip": "apt-get install baresip-core",
    "ip": "apt-get install iproute2",
    "iptables": "apt-get install iptables",
    "espeak-ng": "apt-get install espeak-ng",
    "sox": "apt-get install sox",
    "kamailio": "apt-get install kamailio",
    "chromium": "apt-get install chromium",
    "dnsmasq": "apt-get install dnsmasq-base",
}


def program(name: str) -> str:
    """Full path of a program. Raises `PeerMissing` with the command that installs it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise PeerMissing(f"{name} is missing: {HOW_TO_GET.get(name, 'install ' + name)}")
    return path


def have(name: str) -> bool:
    """Whether a program is installed."""
    try:
        program(name)
    except PeerMissing:
        return False
    return True


def pinned(argv: list[str], cpu: int | None) -> list[str]:
    """The same command held on one core (benches); None leaves it to the kernel."""
    return argv if cpu is None else [program("taskset"), "-c", str(cpu), *argv]


class PeerProcess:
    """One foreign process; `async with` starts it and stops its whole group at the end."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        folder: Path,
        *,
        env: dict[str, str] | None = None,
        piped: bool = False,
        ahead: bool = False,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = 2.0,
    ) -> None:
        """`piped`: keep stdin and stdout as pipes (stderr alone goes to the log); `ahead`: it plays and
        listens in real time and goes before others, where we may say so.
        """
        self.name = name
        self.argv = argv
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.grace_s = grace_s
        self._env = env
        self._piped = piped
        self._ahead = ahead
        self._stop_signal = stop_signal
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        pipe = asyncio.subprocess.PIPE if self._piped else asyncio.subprocess.DEVNULL
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv,
                cwd=self.folder,
                env=None if self._env is None else {**os.environ, **self._env},
                stdin=pipe,
                stdout=pipe if self._piped else log,
                stderr=log,
                start_new_session=True,
            )
        if self._ahead:
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, AHEAD)

    async def wait(self, timeout_s: float) -> int:
        """Exit code of the process; stops it and raises `PeerFailed` when it takes longer."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.process.wait()
        except TimeoutError:
            await self.stop()
            raise PeerFailed(self.words(f"still running after {timeout_s} s")) from None

    def signal(self, which: signal.Signals) -> None:
        """To the whole group; nothing happens when it is gone."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, which)

    async def stop(self) -> int | None:
        """Ask politely, then kill; returns the exit code, None when it never started."""
        if self._process is None:
            return None
        for which, patience_s in ((self._stop_signal, self.grace_s), (signal.SIGKILL, 5.0)):
            self.signal(which)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    code = await self.process.wait()
                    _close_pipes(self.process)
                    return code
        raise PeerFailed(self.words("survived SIGKILL"))

    def tail(self, lines: int = 25) -> str:
        """The end of the log, baresip's meters left out."""
        if not self.log.exists():
            return ""
        text = self.log.read_text(errors="replace").replace("\r", "\n")
        kept = [line[:200] for line in text.splitlines() if line.strip() and "(bit/s)" not in line]
        return "\n".join(kept[-lines:])

    def words(self, problem: str) -> str:
        return f"{self.name}: {problem}\n  command: {' '.join(self.argv)}\n  log {self.log}:\n{self.tail()}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _close_pipes(process: asyncio.subprocess.Process) -> None:
    """Let go of the pipes now, not when the collector finds them after the loop is closed."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
