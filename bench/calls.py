"""Queue calls a second on one core: INVITE → queue → a free agent's phone → answer → 2 s → BYE, no RTP.

200 agents who talk for 2 s carry 98 calls a second: `cpu_ms_per_call` is measured at 100 with 210 of them.
The ladder needs more, so it runs in a second centre with 1 300 (`--agents`), from 100 calls a second on.
The load is SIPp (callers, and one SIPp as the agents' phones, which register with digest) on one core;
the daemon with its media worker and ledger is pinned to the other. CPU is that of all our processes,
user and system, from /proc. The set-up of a call is what SIPp measures from INVITE to 200 plus what the
ledger says from the queue to the bridge with the agent; `setup_p99_ms` is the 99th percentile of these sums.
`max_clean_cps`: highest rate of the ladder with no failed call and set-up p99 ≤ 50 ms, after 4 s at that rate
(a jump in the rate is not what is measured).

A virtual machine is not always given its cores: `stolen_pct` is the share of [server core, load core] that
others had meanwhile. A stretch in which that was over 1 % is run again, up to `--tries` times, unless it was
clean all the same (CPU is always measured again). The last one counts; every one is printed. Nor is a core
always as fast: `bare_ms_per_call` is what bare_sip.py, which answers calls and does nothing else, costs at
the same rate in the same run, as a measuring rod.

Run: python bench/calls.py --json [--quick]
"""

import argparse
import csv
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ccd.control.client import ControlClient

HERE = Path(__file__).parent
TALK_S = 2.0
AGENTS_AT_100 = 210
LADDER = (150, 200, 250, 300, 350, 400, 450, 500, 600)
Row = dict[str, Any]
TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = 0, 1
CORES = f"server {SERVER_CORE}, load {LOAD_CORE}"
QUIET_PCT = 1.0
MOST_TRIES = 4
CLEAN_MS = 50.0


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def family(pid: int) -> list[int]:
    """The process and its children, grandchildren too."""
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found


def cpu_s(pid: int) -> float:
    """CPU of the family, with that of its processes that have ended: else what one of them (a snapshot) had
    used before a stretch would be taken off the stretch in which it ends."""
    total = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def rss_mb(pid: int) -> float:
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def stolen() -> list[tuple[int, int]]:
    """(stolen, all) ticks of cores 0 and 1: what the host gave to others while we wanted to run."""
    lines = Path("/proc/stat").read_text().splitlines()[1:3]
    counts = [[int(field) for field in line.split()[1:9]] for line in lines]
    return [(ticks[7], sum(ticks)) for ticks in counts]


def stolen_pct(before: list[tuple[int, int]]) -> list[float]:
    """Per cent of each core that others had since."""
    return [
        round(100 * (taken - taken0) / max(1, whole - whole0), 1)
        for (taken, whole), (taken0, whole0) in zip(stolen(), before, strict=True)
    ]


def p99(values: list[float]) -> float:
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)] if values else 0.0


def clean(row: Row) -> bool:
    """No call failed and nobody waited long to be connected."""
    return bool(not row["failed"] and row["handled"] == row["calls"] and row["setup_p99_ms"] <= CLEAN_MS)


def pinned(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command


class Site:
    """A daemon with its agents, and their phones."""

    def __init__(self, folder: Path, agents: int, under: tuple[str, ...] = ()) -> None:
        """`under`: a program, with its options, to run the daemon under."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.under = under
        self.agents = agents
        self.sip, self.phones, self.callers, self.registrar, self.bare = free_ports(5)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = (folder / "ccd.log").open("wb")
        self._write_conf()

    def _write_conf(self) -> None:
        names = [f"a{n}" for n in range(self.agents)]
        lines = [
            'language = "en"', "[daemon]", f'state_dir = "{self.folder}/state"',
            f'runtime_dir = "{self.folder}/run"', 'log = "json"', 'log_level = "warning"',
            "[sip]", 'domain = "bench.invalid"', "qualify_s = 0.0", "max_dialogs = 20000",
            "[[sip.transports]]", 'protocol = "udp"', 'host = "127.0.0.1"', f"port = {self.sip}",
            "[media]", "workers = 1", 'host = "127.0.0.1"', "port_min = 10000", "port_max = 31999",
            "[trunks.load]", 'host = "127.0.0.1"', f"port = {self.callers}", 'sources = ["127.0.0.1"]',
            "qualify_s = 0.0",
            "[queues.q]", "agents = [" + ", ".join(f'"{name}"' for name in names) + "]",
            "[numbers]", '"1000" = "f"', "[flows.f]", "[[flows.f.steps]]", 'do = "queue"', 'queue = "q"',
        ]  # fmt: skip
        for name in names:
            lines += [f"[agents.{name}]", f'devices = ["{name}"]']
            lines += [f"[devices.{name}]", 'password = "env:BENCH_PASSWORD"']
        (self.folder / "ccd.toml").write_text("\n".join(lines) + "\n")
        rows = [
            "SEQUENTIAL",
            *(f"{n};[authentication username={n} password=bench];{self.phones}" for n in names),
        ]
        (self.folder / "phones.csv").write_text("\n".join(rows) + "\n")

    def start(self) -> None:
        command = [*self.under, sys.executable, "-m", "ccd", "--config", str(self.folder)]
        environ = {**os.environ, "BENCH_PASSWORD": "bench"}
        self.daemon = subprocess.Popen(
            pinned(SERVER_CORE, command), env=environ, stdout=self.log, stderr=self.log
        )
        self.processes.append(self.daemon)
        self._await_options(self.sip)
        self._sipp("agent.xml", self.phones, ["-aa", "-m", "100000000"])
        register = self._sipp(
            "register.xml", self.registrar,
            ["-inf", str(self.folder / "phones.csv"), "-m", str(self.agents), "-r", "200",
             f"127.0.0.1:{self.sip}"],
        )  # fmt: skip
        if register.wait(60) != 0:
            raise SystemExit("the phones could not register; see " + str(self.folder))
        with ControlClient(self.folder / "run" / "control.sock") as control:
            for n in range(self.agents):
                control.ask("agent.login", agent=f"a{n}")

    def _await_options(self, port: int) -> None:
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.settimeout(0.2)
        message = (
            "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK%d\r\n"
            "From: <sip:p@x>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: p%d\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        for attempt in range(500 if self.under else 100):
            probe.sendto((message % (attempt, attempt)).encode(), ("127.0.0.1", port))
            try:
                probe.recv(2000)
                break
            except TimeoutError:
                continue
        else:
            raise SystemExit("the daemon does not answer; see " + str(self.folder))
        probe.close()

    def _sipp(self, scenario: str, port: int, extra: list[str]) -> subprocess.Popen[bytes]:
        command = [
            "sipp", "-sf", str(HERE / "sipp" / scenario), "-i", "127.0.0.1", "-p", str(port),
            "-nostdin", *extra,
        ]  # fmt: skip
        process = subprocess.Popen(
            pinned(LOAD_CORE, command), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        return process

    def run(self, rate: int, seconds: float) -> Row:
        """Calls at a rate; figures of that stretch."""
        for old in self.folder.glob("caller_*"):
            old.unlink()
        calls = int(rate * seconds)
        before = self._last_record()
        # time for the first calls to reach the steady state is counted in: every call is counted whole
        cpu0, wall0, others = cpu_s(self.daemon.pid), time.monotonic(), stolen()
        load = self._sipp(
            "caller.xml", self.callers,
            ["-s", "1000", "-r", str(rate), "-m", str(calls), "-l", "100000", "-trace_stat", "-trace_logs",
             "-fd", "1", f"127.0.0.1:{self.sip}"],
        )  # fmt: skip
        load.wait(seconds + 90)
        cpu1, wall1, taken = cpu_s(self.daemon.pid), time.monotonic(), stolen_pct(others)
        memory = rss_mb(self.daemon.pid)
        time.sleep(0.5)
        figures = self._statistics()
        answers, waits = self._answers(), self._waits(before)
        setups = [waits[each] + answers[each] for each in waits if each in answers]
        return {
            "rate": rate,
            "calls": calls,
            "failed": figures["FailedCall(C)"],
            "retransmissions": figures["Retransmissions(C)"],
            "cpu_ms_per_call": round(1000 * (cpu1 - cpu0) / calls, 3),
            "cpu_pct": round(100 * (cpu1 - cpu0) / (wall1 - wall0), 1),
            "setup_p99_ms": round(p99(setups), 1),
            "handled": len(setups),
            "rss_mb": round(memory, 1),
            "stolen_pct": taken,
        }

    def run_quiet(self, rate: int, seconds: float, enough: Callable[[Row], bool], tries: int) -> Row:
        """`run`, again while the machine is given to others and that may be why it is not enough."""
        for left in range(tries - 1, -1, -1):
            row = self.run(rate, seconds)
            print(json.dumps(row), file=sys.stderr)
            if enough(row) or max(row["stolen_pct"]) <= QUIET_PCT or not left:
                break
        return row

    def run_bare(self, rate: int, seconds: float) -> float:
        """CPU milliseconds a call of the measuring rod."""
        command = pinned(SERVER_CORE, [sys.executable, str(HERE / "bare_sip.py"), str(self.bare)])
        bare = subprocess.Popen(command)
        self.processes.append(bare)
        self._await_options(self.bare)
        before = cpu_s(bare.pid)
        calls = int(rate * seconds)
        load = self._sipp(
            "caller.xml",
            self.callers,
            ["-s", "1", "-r", str(rate), "-m", str(calls), f"127.0.0.1:{self.bare}"],
        )
        if load.wait(seconds + 90) != 0:
            raise SystemExit("the measuring rod failed; see " + str(self.folder))
        spent = cpu_s(bare.pid) - before
        bare.terminate()
        bare.wait(10)
        return round(1000 * spent / calls, 3)

    def _statistics(self) -> dict[str, float]:
        path = next(iter(self.folder.glob("caller_*_.csv")))
        rows = list(csv.DictReader(path.open(), delimiter=";"))
        return {key: float(rows[-1][key]) for key in ("FailedCall(C)", "Retransmissions(C)")}

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.folder}/state/ledger.sqlite?mode=ro", uri=True)

    def _last_record(self) -> float:
        with self._database() as db:
            return float(db.execute("SELECT coalesce(max(ended_at), 0) FROM records").fetchone()[0])

    def _answers(self) -> dict[str, float]:
        """Milliseconds from INVITE to 200, by the number that called."""
        lines = next(iter(self.folder.glob("caller_*_logs.log"))).read_text().split()
        answers = {}
        for number, *times in (line.split(";") for line in lines):
            # SIPp writes a variable that is zero as nothing: a call may begin on a whole second
            begun_s, begun_us, answered_s, answered_us = (float(each or 0) for each in times)
            answers[number] = 1000 * (answered_s - begun_s) + (answered_us - begun_us) / 1000
        return answers

    def _waits(self, after: float) -> dict[str, float]:
        """Milliseconds from the queue to the bridge of each handled call, by the number that called."""
        waits = {}
        with self._database() as db:
            query = "SELECT body FROM records WHERE ended_at > ? AND outcome = 'handled'"
            for (body,) in db.execute(query, (after,)):
                record = msgspec.msgpack.decode(body)
                waits[record["origin"]] = 1000 * record["waited_s"]
        return waits

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()


def at_100(folder: Path, quick: bool, tries: int) -> tuple[float, list[Row]]:
    """CPU ms a call of the measuring rod; rows at 100 calls a second, sorted by CPU."""
    site = Site(folder, AGENTS_AT_100)
    try:
        site.start()
        site.run(50, 1 if quick else 4)  # warm up
        bare = site.run_bare(100, 2 if quick else 15)
        quiet = partial(site.run_quiet, 100, 15, lambda _row: False, tries)
        once = partial(site.run, 100, 3) if quick else quiet
        rows = [once() for _ in range(1 if quick else 3)]
        return bare, sorted(rows, key=lambda row: float(row["cpu_ms_per_call"]))
    finally:
        site.stop()


def ladder(folder: Path, agents: int, tries: int) -> list[Row]:
    """Rows at rising rates, the first at 100 calls a second, the last the first that was not clean."""
    site = Site(folder, agents)
    rows: list[Row] = []
    try:
        site.start()
        for rate in (100, *LADDER):
            if rate * TALK_S > agents * 0.95 or (rows and not clean(rows[-1])):
                break
            site.run(rate, 4)  # the worker binds the ports that this rate needs; then the steady state counts
            rows.append(site.run_quiet(rate, 12, clean, tries))
        return rows
    finally:
        site.stop()


def measure(quick: bool, folder: Path, agents: int, tries: int) -> dict[str, object]:
    bare, few = at_100(folder / "few", quick, tries)
    many = [] if quick else ladder(folder / "many", agents, tries)
    middle = few[len(few) // 2]
    return {
        "cpu_ms_per_call": middle["cpu_ms_per_call"],
        "bare_ms_per_call": bare,
        "ratio_to_bare": round(middle["cpu_ms_per_call"] / bare, 2),
        "cpu_ms_spread": [row["cpu_ms_per_call"] for row in few],
        "max_clean_cps": max([0, *(row["rate"] for row in (middle, *many) if clean(row))]),
        "setup_p99_ms": middle["setup_p99_ms"],
        "stolen_pct": middle["stolen_pct"],
        "rss_mb": max(row["rss_mb"] for row in (middle, *many)),
        "ladder": many,
        "load": {
            "agents": AGENTS_AT_100,
            "agents_of_ladder": agents,
            "talk_s": TALK_S,
            "media": "no RTP",
            "cores": CORES,
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="3 s at 100 calls a second only")
    parser.add_argument("--agents", type=int, default=1300, help="those of the ladder")
    parser.add_argument("--tries", type=int, default=MOST_TRIES, help="most runs of one stretch")
    parser.add_argument("--keep", help="folder to keep logs in")
    options = parser.parse_args()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="ccd-calls-"))
    folder.mkdir(parents=True, exist_ok=True)
    result = measure(options.quick, folder, options.agents, options.tries)
    if not options.keep:
        shutil.rmtree(folder)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
