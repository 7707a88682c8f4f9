"""Service level of a queue over the last half hour: a fold of its minutes.

Service level % = 100 × handled within `service_level_s` / (handled + abandoned), as in the report of the day
(`docs/kpi.md`); here of a window, because what is done about it is done now. Kept only for queues whose
figure some condition asks for, and in the routing state: a restart goes on with it.
"""

from collections.abc import Iterable

from ccd.model.rules import QueueRule, Rules
from ccd.model.steps import Branch
from ccd.routing.state import RoutingState, ServedMinute

MINUTES = 30
"""Minutes looked back on, the present one included."""
FIGURE = "service_level_pct"


def note_served(state: RoutingState, queue: str, in_time: bool, now: float) -> None:
    """One was answered (`in_time` or later), or gave up (never in time)."""
    minute = int(now // 60)
    minutes = state.served.setdefault(queue, [])
    if not minutes or minutes[-1].minute != minute:
        minutes.append(ServedMinute(minute))
        while minutes[0].minute <= minute - MINUTES:
            del minutes[0]
    minutes[-1].ended += 1
    minutes[-1].in_time += in_time


def service_level_pct(state: RoutingState, queue: str, now: float) -> float | None:
    """Of the last 30 minutes, the running one included; None: nobody was answered or gave up in them."""
    first = int(now // 60) - MINUTES
    minutes = [each for each in state.served.get(queue, ()) if each.minute > first]
    ended = sum(each.ended for each in minutes)
    return 100.0 * sum(each.in_time for each in minutes) / ended if ended else None


def measured(rules: Rules) -> frozenset[str]:
    """Queues whose service level some condition asks for; by name, so a text may name one too many."""
    found = {rule.name for rule in rules.queues.values() if any(FIGURE in text for text in _own(rule))}
    for text in _texts(rules):
        if FIGURE in text:
            found.update(name for name in rules.queues if name in text)
    return frozenset(found)


def _own(rule: QueueRule) -> Iterable[str]:
    return (relax.when for relax in rule.relax)


def _texts(rules: Rules) -> Iterable[str]:
    """Every condition that may name a queue."""
    for queue in rules.queues.values():
        yield from _own(queue)
        yield from (entry.when for entry in queue.entry)
    yield from (entry.when for entry in rules.entry)
    for flow in rules.flows.values():
        for step in flow.steps:
            if isinstance(step, Branch):
                yield from (case.when for case in step.cases)
