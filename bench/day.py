"""A simulated day of a whole centre: 8 hours, 60 agents, 6 000 interactions on three channels, explained.

3 600 calls (1 600 through a menu), 1 600 chats and 800 mails go through the real engines on virtual time,
each with its decisions kept. `day_s` is the time for that, with a ledger in memory; `made_s` to draw
the day; `replay_s` to bring a fresh centre to the same state from the facts that the day left.
`same_bytes`: a second run gives the same state (the replay raises if it does not). `explained`: interactions
of which each decision is kept. `growth`: processor time a fact of a day four times as large in all (240
agents, 24 000 interactions) / time a fact of this one. Goal: under 20 s, growth about 1.

Run: python bench/day.py --json [--quick]
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ccd.history.stays import by_queue, merged, stays_of
from ccd.testing.made_day import make_day
from ccd.testing.rehearsal import DayCentre, Rehearsed
from tests.scenario.day_rules import day_rule, day_rules

HOURS, AGENTS, INTERACTIONS = 8, 60, 6000
AN_HOUR = 150
"""Arrivals of `day_rule` at scale 1."""


def play(hours: int, agents: int, interactions: int) -> tuple[DayCentre, Rehearsed, float, float, float]:
    """A day; seconds to draw it and to play it, and of the processor to play it."""
    scale = interactions / hours / AN_HOUR
    began = time.perf_counter()
    day = make_day(day_rule(hours, scale, agents), 1)
    made = time.perf_counter()
    cpu = time.process_time()
    centre = DayCentre(day, day_rules(agents))
    found = centre.play()
    return centre, found, made - began, time.perf_counter() - made, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="an hour: shows that it runs")
    options = parser.parse_args()
    hours = 1 if options.quick else HOURS
    interactions = INTERACTIONS * hours // HOURS
    centre, found, made_s, day_s, cpu_s = play(hours, AGENTS, interactions)
    began = time.perf_counter()
    centre.replayed()  # raises if the state differs in a byte
    replay_s = time.perf_counter() - began
    again = play(hours, AGENTS, interactions)[1]
    _, large, _, _, large_s = play(hours, AGENTS * 4, interactions * 4)
    whole = merged(by_queue((stay for each in found.records for stay in stays_of(each)), {}).values())
    answer = {
        "hours": hours,
        "agents": AGENTS,
        "interactions": len(found.records),
        "channels": len({record.channel for record in found.records}),
        "offered": whole.offered,
        "handled": whole.handled,
        "abandoned": whole.abandoned,
        "overflowed": whole.overflowed,
        "explained": sum(bool(record.traces) and not record.traces_dropped for record in found.records),
        "facts": found.facts,
        "made_s": round(made_s, 3),
        "day_s": round(day_s, 3),
        "facts_per_s": round(found.facts / day_s),
        "replay_s": round(replay_s, 3),
        "replayed_facts_per_s": round(found.facts / replay_s),
        "same_bytes": again.state_sha256 == found.state_sha256,
        "growth": round((large_s / large.facts) / (cpu_s / found.facts), 2),
    }
    print(json.dumps(answer) if options.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
