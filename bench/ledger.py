"""What the runtime and the ledger cost a fact, besides the engines' own turns.

    python bench/ledger.py [--json] [--rate 4000] [--seconds 4] [--sync normal]

Prints CPU microseconds a fact (all threads of the process) at a steady rate and at saturation, the
delay from post to command, the lag of the loop, and how fast a replay reads.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import uvloop

from ccd.channels.ledger import RecordRow
from ccd.clock import SystemClock
from ccd.model.commands import AnyCommand, RingLeg
from ccd.model.facts import AnyFact, LegRinging
from ccd.model.nouns import ChannelClass
from ccd.model.settings import LedgerSettings
from ccd.runtime.loop import Runtime
from ccd.runtime.replay import replay
from ccd.storage.sqlite import SqliteLedger

RECORD_EACH = 10
"""One record of 600 bytes for so many facts: about what a call makes."""


class EmptyTurns:
    """Engines that cost nothing: one command a fact, a record each tenth."""

    def __init__(self) -> None:
        self.count = 0
        self.rows: list[RecordRow] = []

    def turn(self, fact: AnyFact, now: float) -> list[AnyCommand]:
        self.count += 1
        if not self.count % RECORD_EACH:
            self.rows.append(RecordRow(f"{self.count}", "sales", "voice", now, now, "handled", b"x" * 600))
        return [RingLeg(fact.leg)]  # type: ignore[union-attr]

    def next_deadline(self) -> float | None:
        return None

    def take_records(self) -> list[RecordRow]:
        rows, self.rows = self.rows, []
        return rows

    def dump(self) -> bytes:
        return b""

    def dump_in_pieces(self) -> Generator[int, None, list[bytes]]:
        yield 0
        return [self.dump()]

    def load(self, state: bytes) -> None:
        del state


class Sink:
    """A channel that notes when its commands come."""

    name = "voice"
    channel_class = ChannelClass.VOICE

    def __init__(self) -> None:
        self.posted: dict[str, float] = {}
        self.delays: list[float] = []

    async def start(self, post: object) -> None:
        del post

    async def stop(self) -> None:
        return None

    def perform(self, command: AnyCommand) -> None:
        self.delays.append(time.monotonic() - self.posted.pop(command.leg))  # type: ignore[union-attr]


def _p99(values: list[float]) -> float:
    return round(sorted(values)[int(len(values) * 0.99)] * 1000, 2) if values else 0.0


async def _lags(into: list[float]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.005)
        into.append(time.monotonic() - began - 0.005)


async def _baseline(rate: int, seconds: float) -> float:
    """CPU of the load maker alone for the same facts."""
    sink, cpu, made = Sink(), time.process_time(), 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while made < passed * rate:
            sink.posted[f"voice:{made}"] = time.monotonic()
            LegRinging(f"voice:{made}")
            made += 1
        await asyncio.sleep(0.001)
    return (time.process_time() - cpu) / made * 1e6


async def _run(path: Path, sync: str, rate: int, seconds: float) -> dict[str, float]:
    """`rate` 0: as fast as it goes, kept at most 2000 facts ahead."""
    ledger, sink, lags = SqliteLedger(path, sync), Sink(), list[float]()
    settings = LedgerSettings(sync=sync)
    runtime = Runtime(EmptyTurns(), ledger, SystemClock(), {"voice": sink}, settings)
    runtime.start()
    watch = asyncio.create_task(_lags(lags))
    made, cpu, began = 0, time.process_time(), time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        until = passed * rate if rate else made + max(0, 2000 - len(sink.posted))
        while made < until:
            leg = f"voice:{made}"
            sink.posted[leg] = time.monotonic()
            runtime.post(LegRinging(leg))
            made += 1
        await asyncio.sleep(0.001 if rate else 0)
    await runtime.settled()
    used, passed = time.process_time() - cpu, time.monotonic() - began
    watch.cancel()
    await runtime.stop()
    return {
        "facts_per_s": round(made / passed),
        "cpu_us_per_fact": round(used / made * 1e6, 2),
        "delay_p99_ms": _p99(sink.delays),
        "delay_mean_ms": round(sum(sink.delays) / len(sink.delays) * 1000, 2),
        "loop_lag_p99_ms": _p99(lags),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rate", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--sync", choices=("normal", "full"), default="normal")
    parser.add_argument("--switch-interval-ms", type=float, default=5.0)
    options = parser.parse_args()
    sys.setswitchinterval(options.switch_interval_ms / 1000)
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        idle = uvloop.run(_baseline(options.rate, min(options.seconds, 2.0)))
        result["load_maker_us_per_fact"] = round(idle, 2)
        for name, rate in (("steady", options.rate), ("saturated", 0)):
            path = Path(folder) / f"{name}.sqlite"
            result[name] = uvloop.run(_run(path, options.sync, rate, options.seconds))
        ledger, turns = SqliteLedger(path), EmptyTurns()
        done = replay(turns, ledger, file_records=False)
        result["replay_facts_per_s"] = round(done.facts / done.seconds)
        ledger.close()
    print(
        json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items())
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
