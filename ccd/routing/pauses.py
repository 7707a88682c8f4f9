"""What a pause is counted as and how long it may last: begun, at its longest, over.

A pause begins for the clock when its agent has nothing left to finish: neither work nor wrap-up. What its
reason says at that declaration holds to its end, whatever the rules say meanwhile.
"""

from collections.abc import Mapping
from enum import StrEnum

from ccd.errors import IllegalMove
from ccd.model.nouns import Availability
from ccd.model.rules import PauseReason, pause_reason
from ccd.routing.deadlines import Deadlines, Due
from ccd.routing.decisions import Decision, PauseEnded
from ccd.routing.desk import at_work
from ccd.routing.state import AgentState, Pause, PauseStage


class PauseEvent(StrEnum):
    """What can happen to a pause before it ends; it may end at any stage."""

    BEGIN = "begin"
    """Nothing is left to finish."""
    LONGEST = "longest"
    """It has lasted as long as it may."""


MOVES: dict[tuple[PauseStage, PauseEvent], PauseStage] = {
    (PauseStage.DUE, PauseEvent.BEGIN): PauseStage.RUNS,
    (PauseStage.RUNS, PauseEvent.LONGEST): PauseStage.TOO_LONG,
}


def next_stage(stage: PauseStage, event: PauseEvent, agent: str) -> PauseStage:
    """The stage after `event`; raises `IllegalMove` for a pair that the table does not have."""
    after = MOVES.get((stage, event))
    if after is None:
        raise IllegalMove("routing_pause", f"the pause of {agent} is {stage}: '{event}' is not possible")
    return after


def declare_pause(agent: AgentState, reasons: Mapping[str, PauseReason | str]) -> None:
    """Note what the reason of a pause just declared says of it."""
    if agent.availability is Availability.PAUSED:
        rule = pause_reason(reasons, agent.reason)
        agent.pause = Pause(rule.paid, rule.longest_s, rule.on_longest)


def begin_pause(agent: AgentState, deadlines: Deadlines, now: float) -> None:
    """Let the longest time of a pause run from here on, once nothing is left to finish."""
    pause = agent.pause
    if pause is None or pause.stage is not PauseStage.DUE or at_work(agent):
        return
    pause.stage = next_stage(pause.stage, PauseEvent.BEGIN, agent.name)
    if pause.longest_s is not None:
        pause.until = now + pause.longest_s
        deadlines.push(pause.until, Due.PAUSE, agent.name)


def end_pause(agent: AgentState, out: list[Decision]) -> None:
    """Close a pause, if any, before the availability changes; the time is to be counted up to here."""
    pause = agent.pause
    if pause is None:
        return
    agent.pause = None
    out.append(PauseEnded(agent.name, agent.reason, pause.paid, pause.seconds))


def count_pause(agent: AgentState, span: float) -> None:
    """Add seconds of pause to the totals, paid or not, and to those of its reason."""
    totals, pause = agent.totals, agent.pause
    totals.paused_s += span
    totals.pause_s[agent.reason] = totals.pause_s.get(agent.reason, 0.0) + span
    if pause is None or pause.paid:
        totals.paid_pause_s += span
    else:
        totals.unpaid_pause_s += span
    if pause is not None:
        pause.seconds += span
