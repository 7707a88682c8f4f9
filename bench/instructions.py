"""Machine instructions that the daemon spends on a queue call, counted by valgrind: the same again to 2 %.

The load is that of calls.py (INVITE → queue → a free agent's phone → answer → 2 s → BYE, no RTP), few calls a
second, because the daemon runs forty times slower when it is counted. Instructions of the daemon itself, all
threads, in user mode: not the media worker's, not the kernel's. What the daemon does when it has no calls is
counted for as long, and subtracted. Clocks say what a call costs on a machine and in an hour; this says
whether a change made it less. At so few calls a second nothing comes together that would under traffic
(datagrams, commits, commands), so a call costs more than at 100 a second.

valgrind cannot run an interpreter with newer vector code than it knows: take the distribution's own python.
Needs valgrind and SIPp (apt-get install valgrind sip-tester).

Run: python bench/instructions.py --json [--calls 60] [--rate 3] [--turns 3]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from calls import CORES, TALK_S, Site, family

AGENTS = 30
SETTLE_S = 2.0
"""From the last BYE until what a call leaves behind (timers of 32 s apart) is done."""


def control(pid: int, *arguments: str) -> None:
    """Steer the counting in the daemon."""
    subprocess.run(["callgrind_control", *arguments, str(pid)], check=True, stdout=subprocess.DEVNULL)


def counted(folder: Path, pid: int) -> int:
    """Instructions since the last call of this."""
    known = set(folder.glob("callgrind.out*"))
    control(pid, "-d")
    new = [path for path in folder.glob("callgrind.out*") if path not in known]
    lines = re.findall(
        r"^(?:totals|summary): (\d+)", "\n".join(path.read_text() for path in new), re.MULTILINE
    )
    if not lines:
        raise SystemExit(f"valgrind wrote no figures to {folder}")
    return int(lines[-1])


def measure(folder: Path, calls: int, rate: int, turns: int) -> dict[str, object]:
    under = (
        "valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=no", "--compress-strings=no",
        f"--callgrind-out-file={folder}/callgrind.out", f"--log-file={folder}/valgrind.log",
    )  # fmt: skip
    site = Site(folder, AGENTS, under)
    try:
        site.start()
        pid = family(site.daemon.pid)[0]
        site.run(10, 2)  # warm up, not counted
        each, idle_s = [], calls / rate + TALK_S + SETTLE_S
        control(pid, "-i", "on")
        site.run(rate, 10 / rate)
        time.sleep(SETTLE_S)
        counted(folder, pid)
        time.sleep(idle_s)
        idle = counted(folder, pid)
        for _ in range(turns):
            row = site.run(rate, calls / rate)
            time.sleep(SETTLE_S)
            spent = counted(folder, pid)
            print(json.dumps({"instructions": spent, **row}), file=sys.stderr)
            if row["failed"] or row["handled"] != calls:
                raise SystemExit(f"calls failed: {row}; fewer a second (--rate)?")
            each.append((spent - idle) / calls)
        middle = sorted(each)[len(each) // 2]
        return {
            "instructions_per_call": round(middle),
            "spread": [round(one) for one in each],
            "idle_per_s": round(idle / idle_s),
            "load": {"agents": AGENTS, "calls": calls, "rate": rate, "talk_s": TALK_S, "cores": CORES},
            "python": sys.version.split()[0],
        }
    finally:
        site.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--rate", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--keep", help="folder to keep logs in")
    options = parser.parse_args()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="ccd-instructions-"))
    folder.mkdir(parents=True, exist_ok=True)
    result = measure(folder, options.calls, options.rate, options.turns)
    if not options.keep:
        shutil.rmtree(folder)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
