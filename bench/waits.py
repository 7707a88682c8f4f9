"""How true expected waits are for those who are served first and for those who are served later.

One queue of 20 agents on simulated days of eight hours, in which the load swings from 80 to 120 % of what
they can do; a share of the callers has priority 5. Each who had to wait was given an estimate at entry, and
the wait until the conversation judges it. Prints for each share how many were judged, their mean wait, the
mean error (above 0: they waited less), the mean absolute error, and how many of a hundred waited longer than
the whole minutes that they would have been told. Seconds.

Run: python bench/waits.py [--json] [--seeds 4]
"""

import argparse
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ccd.model.facts import AnyFact, LegAnswered
from ccd.model.nouns import ChannelClass
from ccd.model.rules import AgentRule, FlowRule, QueueRule, Rules
from ccd.model.steps import Enqueue
from ccd.routing.phases import Phase
from ccd.testing.made_day import ArrivalsRule, DayRule, ShiftRule, Spread, make_day
from ccd.testing.rehearsal import DayCentre

USUAL, FIRST = "+33100", "+33109"
PRIORITY = {USUAL: 0, FIRST: 5}
AGENTS, HALF_HOURS, TALK_S, PATIENCE_S = 20, 16, 230.0, 400.0
BESIDES_S = 14.0
"""Ringing and wrap-up."""
SWING = (0.8, 1.0, 1.2, 1.1)
"""Offered load over agents, an hour each, again and again."""
SHARES = (0.1, 0.3, 0.5)
NAMES = tuple(f"agent{number:02}" for number in range(AGENTS))


class Judged(DayCentre):
    """A day that notes (priority, expected, waited) of each who had to wait and was served."""

    found: list[tuple[int, float, float]]

    def turned(self, fact: AnyFact) -> None:
        super().turned(fact)
        if isinstance(fact, LegAnswered):
            self.found += [
                (place.priority, place.expected_s, place.bridged_at - place.enqueued_at)
                for place in self.centre.router.state.places.values()
                if place.phase is Phase.CONNECTED
                and place.bridged_at == self.now
                and place.expected_s is not None
            ]


def rules(age_per_min: float) -> Rules:
    """One queue, and a number for each priority."""
    ages = {ChannelClass.VOICE: age_per_min} if age_per_min else {}
    queue = QueueRule(name="sales", agents=NAMES, estimate_wait=True, wrap_up_s=10.0, age_per_min=ages)
    flows = {
        number: FlowRule(name=number, steps=(Enqueue(queue="sales", priority=priority),))
        for number, priority in PRIORITY.items()
    }
    agents = {name: AgentRule(name=name, devices=(f"{name}-phone",)) for name in NAMES}
    return Rules(
        agents=agents, queues={"sales": queue}, flows=flows, numbers={each: each for each in PRIORITY}
    )


def description(first: float) -> DayRule:
    """Callers of both numbers, `first` of them with priority."""
    loads = [SWING[at // 2 % len(SWING)] for at in range(HALF_HOURS)]
    arrivals = tuple(
        ArrivalsRule(
            number=number,
            per_interval=tuple(share * AGENTS * load * 1800 / (TALK_S + BESIDES_S) for load in loads),
            talk=Spread(TALK_S),
            patience_mean_s=PATIENCE_S,
        )
        for number, share in ((USUAL, 1 - first), (FIRST, first))
    )
    return DayRule(arrivals=arrivals, shifts=(ShiftRule(agents=NAMES, begins="08:00", ends="16:00"),))


def measure(first: float, seeds: int, age_per_min: float = 0.0) -> dict[str, dict[str, float]]:
    """Figures by priority, over all seeds."""
    found: list[tuple[int, float, float]] = []
    for seed in range(1, seeds + 1):
        day = Judged(make_day(description(first), seed), rules(age_per_min))
        day.found = found
        day.play()
    return {name: summed(found, PRIORITY[number]) for name, number in (("usual", USUAL), ("first", FIRST))}


def summed(found: list[tuple[int, float, float]], priority: int) -> dict[str, float]:
    """Figures of one priority."""
    mine = [(told, waited) for of, told, waited in found if of == priority]
    errors = [told - waited for told, waited in mine]
    late = sum(waited > 60.0 * max(1, math.ceil(told / 60.0)) for told, waited in mine)
    return {
        "judged": len(mine),
        "wait_s": round(sum(waited for _, waited in mine) / len(mine), 1),
        "bias_s": round(sum(errors) / len(errors), 1),
        "mae_s": round(sum(map(abs, errors)) / len(errors), 1),
        "late_pct": round(100.0 * late / len(mine), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    answer = {f"first {share:.0%}": measure(share, options.seeds) for share in SHARES}
    answer["first 30%, 4 points a minute"] = measure(0.3, options.seeds, 4.0)
    print(json.dumps(answer) if options.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
