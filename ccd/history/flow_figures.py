"""Folds of the steps of flows: visits, ways out, time and who hung up, by flow and day (docs/kpi.md).

O(1) a step, and bounded: a flow has at most `MOST_STEPS` lines a day (a reload may rename steps at noon),
a step at most `MOST_WAYS`; what is beyond counts under `OTHERS`.
"""

import msgspec

from ccd.history.figures import DAY_S, day_name, day_of, mean_s, share_pct
from ccd.history.flow_state import FlowFigures, StepFigures
from ccd.history.own_calls import KEEP_DAYS

MOST_FLOWS, MOST_STEPS, MOST_WAYS = 1000, 1000, 100
OTHERS = "(others)"
HUNG_UP = "(hung up)"
"""The way out of a step in which the customer hung up, as the interpreter has it."""


class StepReport(msgspec.Struct, frozen=True):
    """One step's line."""

    step: str
    visits: int
    hung_up: int
    hung_up_pct: float | None
    spent_mean_s: float | None
    spent_max_s: float
    to: dict[str, int]


class FlowReport(msgspec.Struct, frozen=True):
    """One flow's lines."""

    flow: str
    day: str
    entered: int
    over: int
    contained: int
    hung_up: int
    containment_pct: float | None
    steps: list[StepReport]


Days = dict[int, dict[str, FlowFigures]]
"""By day (days since 1970-01-01, UTC) and flow."""


class FlowFold:
    """The fold over one state; the interpreter of flows tells it of each step (`ccd.ivr.scripts.Watch`)."""

    __slots__ = ("_begins_at", "_days", "_ends_at", "_today")

    def __init__(self, days: Days) -> None:
        self._days = days
        self._begins_at = self._ends_at = 0.0
        self._today: dict[str, FlowFigures] = {}

    def entered(self, flow: str, now: float) -> None:
        """An interaction came into the centre by this flow."""
        self._flow(flow, now).entered += 1

    def stepped(self, flow: str, step: str, before: str, spent_s: float, now: float) -> None:
        """A step was come to, from the one before (empty: from none of its flow) after so long in that."""
        figures = self._flow(flow, now)
        if before:
            _leave(_step(figures, before), step, spent_s)
        _step(figures, step).visits += 1

    def left(self, flow: str, step: str, how: str, spent_s: float, now: float) -> None:
        """A step was left for none of its flow."""
        figures = _step(self._flow(flow, now), step)
        figures.hung_up += how == HUNG_UP
        _leave(figures, how, spent_s)

    def over(self, entry: str, asked: bool, hung_up: bool, now: float) -> None:
        """An interaction left the flows; counts on the day on which it did."""
        figures = self._flow(entry, now)
        figures.over += 1
        if not asked:
            figures.contained += 1
            figures.hung_up += hung_up

    def report(self, now: float, day: str = "", flow: str = "") -> list[FlowReport]:
        """Figures of a day (`2026-11-22`, UTC; empty: today), of all flows or of one."""
        wanted = day or day_name(day_of(now))
        found = next((flows for at, flows in self._days.items() if day_name(at) == wanted), {})
        return [_report(name, wanted, each) for name, each in sorted(found.items()) if flow in ("", name)]

    def days(self) -> list[str]:
        """Days of which there are figures."""
        return [day_name(day) for day in sorted(self._days)]

    def _flow(self, flow: str, now: float) -> FlowFigures:
        if not self._begins_at <= now < self._ends_at:
            self._turn_day(day_of(now))
        found = self._today.get(flow)
        if found is None:
            if len(self._today) >= MOST_FLOWS:
                flow = OTHERS
            found = self._today.setdefault(flow, FlowFigures())
        return found

    def _turn_day(self, day: int) -> None:
        self._begins_at, self._ends_at = float(day * DAY_S), float((day + 1) * DAY_S)
        self._today = self._days.setdefault(day, {})
        for old in sorted(self._days)[:-KEEP_DAYS]:
            del self._days[old]


def _step(figures: FlowFigures, step: str) -> StepFigures:
    found = figures.steps.get(step)
    if found is None:
        if len(figures.steps) >= MOST_STEPS:
            step = OTHERS
        found = figures.steps.setdefault(step, StepFigures())
    return found


def _leave(figures: StepFigures, to: str, spent_s: float) -> None:
    if spent_s:
        figures.spent_sum_s += spent_s
        figures.spent_max_s = max(figures.spent_max_s, spent_s)
    ways = figures.to
    if to in ways:
        ways[to] += 1
    else:
        to = to if len(ways) < MOST_WAYS else OTHERS
        ways[to] = ways.get(to, 0) + 1


def containment_pct(figures: FlowFigures) -> float | None:
    """Over without having asked for a person / over."""
    return share_pct(figures.contained, figures.over)


def _report(name: str, day: str, figures: FlowFigures) -> FlowReport:
    return FlowReport(
        flow=name,
        day=day,
        entered=figures.entered,
        over=figures.over,
        contained=figures.contained,
        hung_up=figures.hung_up,
        containment_pct=containment_pct(figures),
        steps=[_step_report(step, each) for step, each in figures.steps.items()],
    )


def _step_report(step: str, figures: StepFigures) -> StepReport:
    return StepReport(
        step=step,
        visits=figures.visits,
        hung_up=figures.hung_up,
        hung_up_pct=share_pct(figures.hung_up, figures.visits),
        spent_mean_s=mean_s(figures.spent_sum_s, sum(figures.to.values())),
        spent_max_s=figures.spent_max_s,
        to=dict(sorted(figures.to.items(), key=lambda each: -each[1])),
    )
