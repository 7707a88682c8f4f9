"""What callers and the daemon's loop notice of services that hang, answer rubbish or fail.

So many callers (300) ring within a second (raw SIP over UDP), and the flow of each asks an HTTP service
on loopback: `do = "lookup"`, 2 s at most. Then it goes on: `do = "hangup"` with a prompt, which answers the
call. A real daemon runs as its own process, with a task beside it that sets a timer each 5 ms and notes how
late it fires: `loop_lag_p99_ms` is that, between the first INVITE and the last answer. Other work on the
machine makes timers late too; so `own_lag_p99_ms` counts of each lag no more than the CPU time that the
loop's thread used since the timer before, and the fault `none` (the same calls, nothing is asked) says what
is there anyway. `answered_after_s` is from INVITE to 200; for `hang` and the like that is the time limit
and what comes on top: `late_p99_ms`, `late_max_ms`. The service is never passed over (`failures` is high),
so that every caller really waits, but for the fault `passed_over`, which has the usual settings.

Run: python bench/lookups.py --json [--callers 300] [--faults hang,status_500]
"""
# ruff: noqa: ASYNC110, ASYNC220, ASYNC240  a bench may look again, and has nobody else to wait for

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aiohttp import web

HOST = "127.0.0.1"
TIMEOUT_S = 2.0
WITHIN_S = 1.0
"""All callers ring within this time."""
EVERY_S = 0.005
FAULTS = ("none", "good", "status_500", "rubbish", "huge", "hang", "hang_in_body", "passed_over")
HUNG = ("hang", "hang_in_body", "passed_over")
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


# -- the daemon, in a process of its own -------------------------------------------------------------


async def watched(config: Path, into: Path) -> None:
    """The daemon with a timer beside it that notes (epoch seconds, lag in ms, part of it that is our own)."""
    from ccd.config.load import load
    from ccd.daemon import serve

    lags: list[tuple[float, float, float]] = []
    loop = asyncio.get_running_loop()

    def fire(due: float, cpu: float) -> None:
        used = time.thread_time()
        lag = max(0.0, time.monotonic() - due)
        lags.append((time.time(), 1000 * lag, 1000 * min(lag, used - cpu)))
        loop.call_later(EVERY_S, fire, time.monotonic() + EVERY_S, used)

    settings = load(config, os.environ)
    loop.call_soon(fire, time.monotonic(), time.thread_time())
    await serve(config, {}, settings)
    into.write_text(json.dumps(lags))


# -- the server --------------------------------------------------------------------------------------


async def answer(request: web.Request) -> web.StreamResponse:
    """What the fault in the path asks for."""
    fault = request.path.split("/")[1]
    if fault == "status_500":
        return web.Response(status=500)
    if fault == "rubbish":
        return web.Response(body=os.urandom(20_000))
    if fault == "good":
        return web.json_response({"tier": "gold", "more": ["x" * 100] * 500})
    response = web.StreamResponse()
    if fault == "huge":
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(160):
                await response.write(b"x" * 65_536)
        return response
    if fault == "hang_in_body":
        await response.prepare(request)
        await response.write(b'{"tier": ')
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return response


# -- the callers -------------------------------------------------------------------------------------


class Callers(asyncio.DatagramProtocol):
    """So many user agents on one socket."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.to = to
        self.began: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self.ended: set[str] = set()
        self.port = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        for kind in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, kind, 4_000_000)

    def send(self, call: str, method: str, number: int, to_tag: str = "", body: str = "") -> None:
        branch = f"z9hG4bK{call}{number if method != 'ACK' else 'a'}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        message = (
            f"{method} sip:1000@{HOST}:{self.to[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch={branch}\r\n"
            f"From: <sip:+33612345678@{HOST}>;tag={call}\r\nTo: <sip:1000@{HOST}>{to_tag}\r\n"
            f"Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:c@{HOST}:{self.port}>\r\n"
            f"Max-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.transport.sendto(message.encode(), self.to)

    def ring(self, call: str) -> None:
        self.began[call] = time.monotonic()
        self.send(call, "INVITE", 1, body=SDP)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        now = time.monotonic()
        head = data.decode().partition("\r\n\r\n")[0]
        start, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        call, method = headers["call-id"], headers["cseq"].split()[1]
        if not start.startswith("SIP/2.0"):  # BYE of the daemon
            copied = [
                line for line in lines if line.lower().startswith(("via", "from", "to", "call-id", "cseq"))
            ]
            reply = "\r\n".join(["SIP/2.0 200 OK", *copied, "Content-Length: 0", "", ""])
            self.transport.sendto(reply.encode(), addr)
            self.ended.add(call)
            return
        status = int(start.split()[1])
        tag = ";tag=" + headers["to"].rpartition("tag=")[2]
        if method == "INVITE" and status >= 200:
            self.send(call, "ACK", 1, tag)
            if status < 300 and call not in self.answered:
                self.answered[call] = now
                self.send(call, "BYE", 2, tag)
            elif status >= 300:
                self.refused[call] = start
        elif method == "BYE":
            self.ended.add(call)


# -- a run -------------------------------------------------------------------------------------------


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((HOST, 0))
        port: int = one.getsockname()[1]
        return port


def configure(folder: Path, sip: int, trunk: int, base: str) -> None:
    lines = [
        'language = "en"', "[daemon]", f'state_dir = "{folder}/state"', f'runtime_dir = "{folder}/run"',
        'log = "json"', 'log_level = "warning"', "[sip]", "qualify_s = 0.0", "max_dialogs = 20000",
        "[[sip.transports]]", f'host = "{HOST}"', f"port = {sip}", "[media]", f'host = "{HOST}"',
        "port_min = 10000", "port_max = 31999", "[trunks.load]", f'host = "{HOST}"', f"port = {trunk}",
        f'sources = ["{HOST}"]', "qualify_s = 0.0", "[numbers]", '"1000" = "in"',
    ]  # fmt: skip
    (folder / "ccd.toml").write_text("\n".join(lines) + "\n" + flow("none", base))


def flow(fault: str, base: str) -> str:
    """The service and the flow for a fault."""
    answers = "hang" if fault == "passed_over" else fault
    high = "" if fault == "passed_over" else "failures = 1000\nmost = 1000\n"
    service = (
        f'[services.crm]\nkind = "http"\nurl = "{base}/{answers}/{{number}}"\ntimeout_s = {TIMEOUT_S}\n{high}'
    )
    lookup = '[[flows.in.steps]]\ndo = "lookup"\nservice = "crm"\nvalues = { number = "{caller}" }\n'
    return (
        service
        + "[flows.in]\n"
        + ("" if fault == "none" else lookup)
        + '[[flows.in.steps]]\ndo = "hangup"\nprompt = "goodbye"\n'
    )


def share(values: list[float], part: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))] if ranked else 0.0


async def run(fault: str, callers: int, base: str) -> dict[str, Any]:
    """One fault: the figures."""
    with tempfile.TemporaryDirectory(prefix="ccd-bench-") as name:
        folder = Path(name)
        sip, trunk = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        configure(folder, sip, trunk, base)
        text = (folder / "ccd.toml").read_text().replace(flow("none", base), flow(fault, base))
        (folder / "ccd.toml").write_text(text)
        lags = folder / "lags.json"
        command = [sys.executable, __file__, "--daemon", str(folder), str(lags)]
        if shutil.which("taskset"):
            command = ["taskset", "-c", "0", *command]
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            protocol = await _ready(folder, sip, daemon)
            await asyncio.sleep(1.0)
            figures = await _ring(protocol, callers)
            rows = await asyncio.to_thread(_services, folder)
        finally:
            daemon.send_signal(signal.SIGTERM)
            await asyncio.to_thread(daemon.wait, 30)
        noted = json.loads(lags.read_text())
        began, ended = figures.pop("began_at"), figures.pop("ended_at")
        within = [lag for at, lag, _ in noted if began <= at <= ended]
        own = [lag for at, _, lag in noted if began <= at <= ended]
        took = figures.pop("took")
        expected = TIMEOUT_S if fault in HUNG else 0.0
        late = [1000 * (each - expected) for each in took]
        return {
            "fault": fault,
            **figures,
            "answered_after_p50_s": round(share(took, 0.5), 3),
            "answered_after_max_s": round(share(took, 1.0), 3),
            "late_p99_ms": round(share(late, 0.99), 1),
            "late_max_ms": round(share(late, 1.0), 1),
            "loop_lag_p50_ms": round(share(within, 0.5), 2),
            "loop_lag_p99_ms": round(share(within, 0.99), 2),
            "loop_lag_max_ms": round(share(within, 1.0), 2),
            "own_lag_p99_ms": round(share(own, 0.99), 2),
            "own_lag_max_ms": round(share(own, 1.0), 2),
            "asked": sum(row["asked"] for row in rows),
            "failed": sum(row["failed"] for row in rows),
        }


def _services(folder: Path) -> list[dict[str, Any]]:
    from ccd.control.client import ControlClient

    with ControlClient(folder / "run" / "control.sock") as control:
        return list(control.ask("services"))


async def _ready(folder: Path, sip: int, daemon: subprocess.Popen[bytes]) -> Callers:
    loop = asyncio.get_running_loop()
    for _ in range(200):
        if daemon.poll() is not None:
            break
        if (folder / "run" / "control.sock").exists():
            _, protocol = await loop.create_datagram_endpoint(
                lambda: Callers((HOST, sip)), local_addr=(HOST, 0)
            )
            return protocol
        await asyncio.sleep(0.1)
    raise SystemExit("the daemon did not start:\n" + (folder / "log").read_text()[-3000:])


async def _ring(protocol: Callers, callers: int) -> dict[str, Any]:
    began_at, began = time.time(), time.monotonic()
    for number in range(callers):
        protocol.ring(f"c{number}")
        due = began + WITHIN_S * (number + 1) / callers
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    until = time.monotonic() + 20.0
    while len(protocol.answered) + len(protocol.refused) < callers and time.monotonic() < until:
        await asyncio.sleep(0.02)
    ended_at = time.time()
    until = time.monotonic() + 5.0
    while len(protocol.ended) < len(protocol.answered) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    protocol.transport.close()
    took = [at - protocol.began[call] for call, at in protocol.answered.items()]
    return {
        "callers": callers,
        "answered": len(took),
        "refused": len(protocol.refused),
        "took": took,
        "began_at": began_at,
        "ended_at": ended_at,
    }


async def measure(faults: list[str], callers: int) -> list[dict[str, Any]]:
    """All runs, one after the other. The server is a process of its own, or it would hold up the callers."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--server", stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    base = (await server.stdout.readline()).decode().strip()
    rows = []
    try:
        for fault in faults:
            rows.append(await run(fault, callers, base))
            print(json.dumps(rows[-1]), file=sys.stderr)
    finally:
        server.kill()
        await server.wait()
    return rows


async def serve_faults() -> None:
    """The server; prints its address and runs until it is killed."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, backlog=1024).start()
    print(f"http://{HOST}:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    if sys.argv[1:2] == ["--daemon"]:
        import uvloop

        from ccd.runtime.log import configure as configure_log

        configure_log("json", "warning", os.environ)
        uvloop.run(watched(Path(sys.argv[2]), Path(sys.argv[3])))
        return
    if sys.argv[1:2] == ["--server"]:
        asyncio.run(serve_faults())
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    parser.add_argument("--callers", type=int, default=300)
    parser.add_argument("--faults", default=",".join(FAULTS))
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    rows = asyncio.run(measure(options.faults.split(","), options.callers))
    report = {"timeout_s": TIMEOUT_S, "load_average": round(os.getloadavg()[0], 2), "faults": rows}
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
