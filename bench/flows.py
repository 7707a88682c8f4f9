"""What flows cost: steps a second of the interpreter, and prompts played to many callers by the daemon.

    python bench/flows.py --json          both, three times each (about 2 minutes)
    python bench/flows.py --json --quick  one short run of each, for CI

`steps_per_s`: one core, no daemon; each interaction answers, sets variables, asks a calendar, branches twice,
plays, gets a wrong key and a right one at a menu, keys in a number with `collect`, is told goodbye. Goal:
50,000. `us_per_packet`: CPU time of the media worker, kernel work included, over the packets that reached
200 callers by real SIP and RTP; goal 15. `jitter_p99_ms`: how far two packets of a stream are from 20 ms
apart, by the kernel's stamps of arrival; goal 3. Daemon and worker are pinned to the first core, the callers
to the second.
"""

import argparse
import json
import os
import re
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from calls import free_ports, p99
from media import cpu_ns, stolen_s

from ccd.control.client import ControlClient
from ccd.ivr import moves
from ccd.ivr.do import PlayParts
from ccd.ivr.flows import Flows
from ccd.model.hours import CalendarRule, Span
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import Answer, Branch, Case, Goto, Hangup, Hours, Menu, Play, Set
from ccd.model.steps_keys import Collect

HOST = "127.0.0.1"
CALLS = 200
LOOK_S = 0.005
"""So often the callers look into their sockets; the times of arrival are the kernel's."""
SO_TIMESTAMPNS = 35
GOALS = {"steps_per_s": 50_000, "us_per_packet": 15.0, "jitter_p99_ms": 3.0}

STEPS = (
    Answer(),
    Set(values={"language": "en", "line": "support"}),
    Hours(calendar="office", open="open", closed="open"),
    Set(values={"tier": "gold"}, id="open"),
    Branch(
        cases=(Case(when='var.tier == "silver"', step="bye"), Case(when='var.tier == "gold"', step="hello"))
    ),
    Play(prompts=("welcome", "notice"), id="hello"),
    Menu(prompt="choose", choices={"1": "number", "2": "bye"}, id="choose"),
    Collect(variable="number", prompt="number", id="number", least=8, most=10, valid="phone"),
    Set(values={"priority": "5"}),
    Branch(cases=(Case(when='var.number == "17"', step="choose"),)),
    Goto(step="bye"),
    Hangup(id="bye", prompt="goodbye"),
)


def play_through(count: int) -> None:
    """So many interactions through the flow, as facts of a real day would come."""
    office = CalendarRule(name="office", zone="UTC", week=((Span(0, 86_400),),) * 7)
    box: list[Flows] = []

    def look(interaction: str) -> Any:
        variables = box[0].state.running[interaction].variables
        return lambda name: variables.get(name.removeprefix("var."))

    rules = Rules(flows={"f": FlowRule(name="f", steps=STEPS)}, calendars={"office": office})
    flows = Flows(rules, None, look)
    box.append(flows)
    now = 1_700_000_000.0
    for number in range(count):
        name = str(number)
        now += 0.01
        out = flows.start(name, "f", now, "en")
        play = next(do.play for do in out if isinstance(do, PlayParts))
        flows.prompt_ended(name, play, True, now + 4)
        for key in "910612345678":
            now += 0.01
            flows.digit(name, key, now)
        flows.next_deadline()
        run = flows.state.running[name]
        flows.prompt_ended(name, run.play, True, now + 1)
        assert name not in flows.state.running


def steps_of_one() -> int:
    """Steps that one interaction takes, counted in the interpreter's own table."""
    counted = 0
    table = dict(moves.STEPS)

    def counting(run: Any) -> Any:
        def counted_run(*args: Any) -> Any:
            nonlocal counted
            counted += 1
            return run(*args)

        return counted_run

    try:
        moves.STEPS.update({kind: counting(run) for kind, run in table.items()})
        play_through(1)
    finally:
        moves.STEPS.update(table)
    return counted


def interpreter(interactions: int) -> dict[str, float]:
    each = steps_of_one()
    began = time.process_time()
    play_through(interactions)
    seconds = time.process_time() - began
    events = 14
    return {
        "steps_per_s": round(each * interactions / seconds),
        "events_per_s": round(events * interactions / seconds),
        "us_per_interaction": round(1e6 * seconds / interactions, 1),
    }


# -- prompts to many callers -----------------------------------------------------------------------------


def arrived(media: socket.socket) -> Iterator[tuple[int, float]]:
    """Sequence and time of arrival of all that lies in a socket."""
    while True:
        try:
            data, ancillary, _, _ = media.recvmsg(400, 64)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
        yield struct.unpack_from("!H", data, 2)[0], seconds + nanoseconds / 1e9


class Callers:
    """So many calls on one SIP socket, each with a media socket of its own."""

    def __init__(self, sip_port: int) -> None:
        self.server = (HOST, sip_port)
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind((HOST, 0))
        self.sip.settimeout(5.0)
        self.media: list[socket.socket] = []
        self.answers: dict[int, str] = {}

    def _send(self, method: str, call: int, cseq: int, to: str = "", body: str = "") -> None:
        here = f"{HOST}:{self.sip.getsockname()[1]}"
        lines = [
            f"{method} sip:1000@{HOST}:{self.server[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{call}{method}{cseq}",
            f"From: <sip:+3361234{call:04}@{HOST}>;tag=c{call}",
            f"To: {to or f'<sip:1000@{HOST}>'}",
            f"Call-ID: flows-{call}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:caller@{here}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto("\r\n".join([*lines, "", body]).encode(), self.server)

    def call(self, number: int) -> None:
        """Ring and wait until it is answered."""
        media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        media.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        media.bind((HOST, 0))
        media.setblocking(False)
        self.media.append(media)
        port = media.getsockname()[1]
        body = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        body += f"m=audio {port} RTP/AVP 0 101\r\n"
        body += "a=rtpmap:101 telephone-event/8000\r\n"
        self._send("INVITE", number, 1, body=body)
        while number not in self.answers:
            text = self.sip.recv(4000).decode()
            found = re.search(r"^Call-ID: flows-(\d+)", text, re.MULTILINE | re.IGNORECASE)
            if found is None or not text.startswith("SIP/2.0 200"):
                continue
            to = re.search(r"^To: *(.*)\r$", text, re.MULTILINE | re.IGNORECASE)
            self.answers[int(found[1])] = to[1] if to else ""
        self._send("ACK", number, 1, self.answers[number])

    def listen(self, seconds: float) -> tuple[int, list[float]]:
        """Packets, and how far each is from its place after the one before it, in ms."""
        poll = select.epoll()
        sockets = {one.fileno(): one for one in self.media}
        for number in sockets:
            poll.register(number, select.EPOLLIN)
        last: dict[int, tuple[int, float]] = {}
        off: list[float] = []
        packets = 0
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(LOOK_S)  # nobody waits in the poll: on loopback the sender would pay to wake them
            for number, _ in poll.poll(0):
                for sequence, at in arrived(sockets[number]):
                    packets += 1
                    if number in last:
                        steps = (sequence - last[number][0]) & 0xFFFF
                        off.append(abs(at - last[number][1] - 0.02 * steps) * 1000)
                    last[number] = (sequence, at)
        poll.close()
        return packets, off

    def hang_up(self) -> None:
        for number, to in self.answers.items():
            self._send("BYE", number, 2, to)
        time.sleep(0.5)
        for one in (self.sip, *self.media):
            one.close()


def configure(folder: Path, sip_port: int) -> None:
    """A daemon whose number 1000 plays a long prompt."""
    (folder / "prompts" / "en").mkdir(parents=True)
    with wave.open(str(folder / "prompts" / "en" / "long.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(os.urandom(2 * 8000 * 60))
    lines = [
        'language = "en"', "[daemon]", f'state_dir = "{folder}/state"', f'runtime_dir = "{folder}/run"',
        'log_level = "error"', "[sip]", 'domain = "bench.invalid"', "qualify_s = 0.0",
        "[[sip.transports]]", 'protocol = "udp"', f'host = "{HOST}"', f"port = {sip_port}",
        "[media]", "workers = 1", f'host = "{HOST}"', "port_min = 10000", "port_max = 12999",
        "dead_after_s = 0.0", f'prompts = ["{folder}/prompts"]',
        "[trunks.load]", f'host = "{HOST}"', f'sources = ["{HOST}"]', "qualify_s = 0.0",
        "[numbers]", '"1000" = "f"', "[[flows.f.steps]]", 'do = "menu"', 'id = "m"', 'prompt = "long"',
        'choices = { 1 = "m" }',
    ]  # fmt: skip
    (folder / "ccd.toml").write_text("\n".join(lines) + "\n")


def prompts(calls: int, seconds: float) -> dict[str, float]:
    """One run against a daemon of its own."""
    with tempfile.TemporaryDirectory(prefix="ccd-flows-") as name:
        folder = Path(name)
        (sip_port,) = free_ports(1)
        configure(folder, sip_port)
        command = ["taskset", "-c", "0", sys.executable, "-m", "ccd", "--config", str(folder)]
        log = (folder / "log").open("wb")
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
        os.sched_setaffinity(0, {1})
        try:
            control = folder / "run" / "control.sock"
            until = time.monotonic() + 20
            while not control.exists():
                if time.monotonic() > until or daemon.poll() is not None:
                    sys.exit("the daemon did not start:\n" + (folder / "log").read_text())
                time.sleep(0.05)
            callers = Callers(sip_port)
            for number in range(calls):
                callers.call(number)
            time.sleep(0.5)
            with ControlClient(control) as client:
                worker = client.ask("status")["daemon"]["counters"]["voice"]["media"]["pids"][0]
            callers.listen(0.5)  # what lies in the sockets
            before, stolen = cpu_ns(worker), stolen_s()
            packets, off = callers.listen(seconds)
            spent, taken = cpu_ns(worker) - before, stolen_s() - stolen
            callers.hang_up()
        finally:
            daemon.terminate()
            daemon.wait(20)
            log.close()
            os.sched_setaffinity(0, {0, 1})
    return {
        "calls": calls,
        "packets": packets,
        "expected": round(calls * 50 * seconds),
        "us_per_packet": round(spent / 1000 / max(1, packets), 2),
        "jitter_p50_ms": round(statistics.median(off), 2) if off else 0.0,
        "jitter_p99_ms": round(p99(off), 2),
        "stolen_pct": round(100 * taken / seconds, 1),
    }


def medians(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Each figure's median; of those with a goal also the least and the most."""
    found: dict[str, Any] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    for key in GOALS.keys() & runs[0].keys():
        found[f"{key}_spread"] = [min(run[key] for run in runs), max(run[key] for run in runs)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="short, for CI")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("interpreter", "prompts"), default=None)
    options = parser.parse_args()
    runs = 1 if options.quick else options.runs
    result: dict[str, Any] = {"goals": GOALS, "load_before": os.getloadavg()[0]}
    if options.only != "prompts":
        count = 1000 if options.quick else 10_000
        result["interpreter"] = medians([interpreter(count) for _ in range(runs)])
    if options.only != "interpreter":
        calls, seconds = (40, 2.0) if options.quick else (CALLS, 10.0)
        result["prompts"] = medians([prompts(calls, seconds) for _ in range(runs)])
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
