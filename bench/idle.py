"""How fast ccd stands and how little it holds: time from exec to the first SIP answer, and memory at rest.

Starts `conf/demo` (one media worker, web chat on) three times; memory is the resident size of all our
processes two seconds after the start. Goal: under 1 s, under 90 MB.

Run: python bench/idle.py --json [--quick]
"""

import argparse
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

sys.path.insert(0, str(Path(__file__).parent))
from calls import cpu_s, free_ports, rss_mb

OPTIONS = (
    "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{0}\r\n"
    "From: <sip:p@x>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: p{0}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def one_start(conf: Path) -> dict[str, float]:
    """Start, wait for the first answer, rest, measure, stop."""
    folder = Path(tempfile.mkdtemp(prefix="ccd-idle-"))
    sip, web = free_ports(2)
    settings = {
        "daemon.state_dir": folder / "state", "daemon.runtime_dir": folder / "run",
        "daemon.log_level": "error",
        "sip.transports.0.port": sip, "sip.transports.1.port": sip, "channels.web.port": web,
    }  # fmt: skip
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.settimeout(0.01)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ccd", "--config", str(conf), *words],
        env={**os.environ, "CCD_DEMO_PASSWORD": "demo"},
    )
    try:
        for attempt in range(1000):
            probe.sendto(OPTIONS.format(attempt).encode(), ("127.0.0.1", sip))
            try:
                if probe.recv(2000).startswith(b"SIP/2.0 200"):
                    break
            except (TimeoutError, ConnectionError):
                continue
        else:
            raise SystemExit("ccd does not answer")
        answered_s = time.monotonic() - began
        time.sleep(2)
        cpu0 = cpu_s(process.pid)
        time.sleep(2)
        cpu_pct = 100 * (cpu_s(process.pid) - cpu0) / 2
        return {"answers_sip_s": answered_s, "rss_mb": rss_mb(process.pid), "idle_cpu_pct": cpu_pct}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        probe.close()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one start instead of three")
    options = parser.parse_args()
    conf = Path(__file__).parents[1] / "conf/demo"
    runs = [one_start(conf) for _ in range(1 if options.quick else 3)]
    middle = {key: round(sorted(run[key] for run in runs)[len(runs) // 2], 3) for key in runs[0]}
    middle["runs"] = len(runs)
    print(json.dumps(middle) if options.json else json.dumps(middle, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
