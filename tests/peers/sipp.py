"""SIPp as trunk, caller, crowd of phones: started, watched, and its figures read.

Scenarios are files of `tests/data/sipp` (by name), any path, or XML given as a string.
A `{{word}}` in a scenario is replaced by `keys["word"]` or its value in `DEFAULTS` (SIPp's own `-key` does
not reach pauses and file names): `keys={"talk_ms": 2000}`.
"""

import asyncio
import contextlib
import csv
import itertools
import re
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.digits_pcap import write_digits
from tests.peers.ports import free_block
from tests.peers.process import WAIT_S, PeerFailed, PeerProcess, pinned, program

SCENARIOS = Path(__file__).resolve().parents[1] / "data" / "sipp"
DEFAULTS: Mapping[str, str] = {
    "talk_ms": "1000",
    "ring_ms": "200",
    "caller": "+33140000001",
    "expires": "600",
    "domain": "127.0.0.1",
    "reject": "486 Busy Here",
    "digit_wait_ms": "1500",
    "digit": "1",
    "hold_ms": "1000",
    "wait_ms": "60000",
    "linger_ms": "2000",
    "expect": "404",
    "password": "secret",
    "again_ms": "500",
}
PATIENT: Mapping[str, str] = {"again_ms": "2000"}
"""For runs that must be `clean`: what is not answered is sent again (T1) and counted all the same, but not
what a busy machine answers late.
"""
_runs = itertools.count(1)
_NORMAL = re.compile(r"jumping to label|Automatic response mode|following events occurred|Aborted call with")
_KEY = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class SippResult:
    """What one run of SIPp counted."""

    exit_code: int | None
    calls: int
    successful: int
    failed: int
    retransmissions: int
    """Messages that SIPp sent again because no answer came in time."""
    unexpected: int
    elapsed_s: float
    errors: str
    """What SIPp complained about (its -trace_err), empty when all was well."""
    figures: Mapping[str, str] = field(repr=False)
    """The whole last line of SIPp's statistics, by SIPp's own column names."""
    rtt_ms: Sequence[float] = field(repr=False, default=())
    """Each call's response time 1 (INVITE to 200), when asked for with rtt=True."""
    folder: Path = field(default=Path(), repr=False)

    @property
    def clean(self) -> bool:
        """All calls ended as the scenario says, nothing was sent twice."""
        return self.failed == 0 and self.successful == self.calls and self.retransmissions == 0


class Sipp:
    """One SIPp process. `async with Sipp("uas_agent") as agents: … agents.address …; agents.result()`."""

    def __init__(
        self,
        scenario: str | Path,
        target: str = "",
        *,
        rate: float = 1.0,
        calls: int | None = None,
        limit: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        media_port: int = 0,
        service: str = "service",
        user: str = "",
        password: str = "",
        csv_file: Path | None = None,
        rows: Sequence[Sequence[str]] | None = None,
        keys: Mapping[str, object] | None = None,
        digits: str = "",
        transport: str = "u1",
        outbound: str = "",
        recv_timeout_ms: int = 0,
        timeout_s: float = 120.0,
        lost_pct: float = 0.0,
        rtt: bool = False,
        cpu: int | None = None,
        prefix: Sequence[str] = (),
        folder: Path | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        """`target`: host:port called (empty for a callee); `rows` or `csv_file` fill [field0]…;
        `digits`: pressed by `uac_digits` (RFC 4733, needs a raw socket); `outbound`: -rsa;
        `prefix`: run it elsewhere (a network namespace); `lost_pct`: packets it drops by chance;
        `cpu`: the one core it may use; `rtt`: keep each call's response time.
        """
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sipp-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.host = host
        self.port = port or free_block(2, host)
        self.media_port = media_port or free_block(4, host)
        self.timeout_s = timeout_s
        self.number = next(_runs)
        name = f"sipp-{self.number}"
        self._stat = self.folder / f"{name}.csv"
        self._errors = self.folder / f"{name}.err"
        file = self._scenario(scenario, keys or {}, digits)
        argv = [program("sipp"), "-sf", str(file), "-i", host, "-p", str(self.port), "-mp"]
        argv += [str(self.media_port), "-t", transport, "-r", str(rate), "-nostdin", "-s", service]
        argv += ["-trace_stat", "-stf", str(self._stat), "-fd", "1"]
        argv += ["-trace_err", "-error_file", str(self._errors), "-timeout", f"{timeout_s:.0f}s"]
        for flag, value in (
            ("-m", calls),
            ("-l", limit),
            ("-au", user),
            ("-ap", password),
            ("-rsa", outbound),
            ("-recv_timeout", recv_timeout_ms or None),
            ("-lost", lost_pct or None),
        ):
            argv += [flag, str(value)] if value not in (None, "") else []
        rows_file = self._rows(csv_file, rows)
        argv += ["-inf", str(rows_file)] if rows_file else []
        argv += ["-trace_rtt", "-rtt_freq", "1"] if rtt else []
        argv += ["-aa"] if not target else []  # phones answer OPTIONS and INFO
        argv += [*extra, *([target] if target else [])]
        self._process = PeerProcess(
            name,
            [*prefix, *pinned(argv, cpu)],
            self.folder,
            env={"TERM": "dumb"},
            stop_signal=signal.SIGUSR1,
            grace_s=1.0,
        )

    @property
    def address(self) -> str:
        """host:port where it listens."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _scenario(self, scenario: str | Path, keys: Mapping[str, object], digits: str) -> Path:
        if isinstance(scenario, Path):
            text = scenario.read_text(encoding="utf-8")
        elif scenario.lstrip().startswith("<"):
            text = scenario
        else:
            text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        values: dict[str, object] = {**DEFAULTS, **keys}
        if digits:
            capture = self.folder / f"digits-{self.number}.pcap"
            seconds = write_digits(capture, digits)
            values |= {"digits_pcap": capture, "digits_ms": int(seconds * 1000)}
        file = self.folder / f"scenario-{self.number}.xml"
        file.write_text(_KEY.sub(lambda found: str(values[found[1]]), text), encoding="utf-8")
        return file

    def _rows(self, csv_file: Path | None, rows: Sequence[Sequence[str]] | None) -> Path | None:
        if rows is None:
            return csv_file
        file = self.folder / f"rows-{self.number}.csv"
        file.write_text("SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in rows), encoding="utf-8")
        return file

    async def start(self) -> None:
        await self._process.start()

    async def ready(self, timeout_s: float = WAIT_S) -> None:
        """Until it listens (its port is taken)."""
        async with asyncio.timeout(timeout_s):
            # the kernel tells nobody when a foreign process binds, so we look
            while self._process.running and not _listens(  # noqa: ASYNC110
                self._process.process.pid, self.port
            ):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.05)
        if not self._process.running:
            raise PeerFailed(self._process.words("ended at once"))

    async def wait(self) -> SippResult:
        """Until its calls are done; `PeerFailed` when it hangs beyond its own timeout."""
        code = await self._process.wait(self.timeout_s + 2)
        return self._result(code)

    async def stop(self) -> SippResult:
        """End it (calls in progress are dropped after a moment) and read its figures."""
        if self._process.running:
            self._process.signal(signal.SIGUSR1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._process.process.wait()
        code = await self._process.stop()
        return self._result(code)

    def counted(self) -> SippResult:
        """The figures of the last second, while it runs."""
        return self._result(None)

    def tail(self) -> str:
        return self._process.tail()

    def _result(self, code: int | None) -> SippResult:
        figures = _last_line(self._stat)
        if not figures and code not in (None, 0):
            raise PeerFailed(self._process.words(f"ended with {code} before its first call"))
        errors = _complaints(self._errors)

        def number(name: str) -> int:
            return int(figures.get(name, "0") or "0")

        return SippResult(
            exit_code=code,
            calls=number("TotalCallCreated"),
            successful=number("SuccessfulCall(C)"),
            failed=number("FailedCall(C)"),
            retransmissions=number("Retransmissions(C)"),
            unexpected=number("FailedUnexpectedMessage(C)"),
            elapsed_s=_seconds(figures.get("ElapsedTime(C)", "")),
            errors=errors,
            figures=figures,
            rtt_ms=_response_times(self.folder),
            folder=self.folder,
        )

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self.ready()
        except BaseException:
            await self._process.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.stop()


async def run(scenario: str | Path, target: str = "", **options: object) -> SippResult:
    """Run SIPp to its end (`calls` should be given) and return its figures. Options: those of `Sipp`."""
    sipp = Sipp(scenario, target, **{"calls": 1, **options})  # type: ignore[arg-type]
    try:
        await sipp.start()
        return await sipp.wait()
    finally:
        await sipp.stop()


async def register(
    users: Sequence[tuple[str, str]],
    registrar: str,
    *,
    port: int,
    domain: str = "127.0.0.1",
    rate: float = 100.0,
    expires_s: int = 600,
    **options: object,
) -> SippResult:
    """Register (name, password) pairs by digest; the contact and the source are this host's `port`,
    so that a `uas_…` scenario started afterwards on the same port is all these phones.
    """
    rows = [(name, f"[authentication username={name} password={password}]") for name, password in users]
    given: dict[str, object] = {
        "calls": len(users),
        "rate": rate,
        "rows": rows,
        "port": port,
        "keys": {**PATIENT, "domain": domain, "expires": expires_s},
        "timeout_s": 30.0,
        **options,
    }
    return await run("register", registrar, **given)


def _complaints(file: Path) -> str:
    """The -trace_err file, one complaint a line, without what our scenarios provoke on purpose."""
    if not file.exists():
        return ""
    text = re.sub(r"\d{4}-\d\d-\d\d\t[\d:.]+\t[\d.]+: ", "\n", file.read_text(errors="replace"))
    return "\n".join(line for line in text.splitlines() if line.strip() and not _NORMAL.search(line))


def _last_line(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = file.read_text(errors="replace").splitlines()
    if len(lines) < 2:
        return {}
    names, values = (next(csv.reader([line], delimiter=";")) for line in (lines[0], lines[-1]))
    return dict(zip(names, values, strict=False))


def _response_times(folder: Path) -> list[float]:
    """Milliseconds, from SIPp's -trace_rtt file (date;ms;name)."""
    times: list[float] = []
    for file in sorted(folder.glob("*_rtt.csv")):
        for line in file.read_text(errors="replace").splitlines()[1:]:
            parts = line.split(";")
            if len(parts) >= 2:
                times.append(float(parts[1]))
    return times


def _seconds(text: str) -> float:
    """SIPp's HH:MM:SS or HH:MM:SS:µs."""
    parts = [int(part) for part in text.split(":")] if text else [0, 0, 0]
    hours, minutes, seconds, *rest = parts
    return hours * 3600 + minutes * 60 + seconds + (rest[0] / 1e6 if rest else 0.0)


def _listens(pid: int, port: int) -> bool:
    """Whether somebody holds the port in the network namespace of that process."""
    wanted = f":{port:04X}"
    for name in ("udp", "udp6", "tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{name}", encoding="ascii") as table:
            for line in itertools.islice(table, 1, None):
                if line.split()[1].endswith(wanted):
                    return True
    return False
