"""A question of a survey that stays without an answer: why, and how the flow goes on."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Do, Unanswered
from ccd.ivr.state import FlowState
from ccd.model.steps_surveys import Survey

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

SKIPPED, NO_INPUT, BAD_INPUT = "skipped", "no input", "bad input"


def give_up(flows: "Flows", run: FlowState, step: Survey, why: str, now: float, out: list[Do]) -> None:
    """No answer: on with `on_none`, or the next step."""
    out.append(unanswered(flows, run, step, why))
    if step.on_none:
        flows.go(run, step.on_none, now, out)
    else:
        flows.run(run, run.at + 1, now, out)


def unanswered(flows: "Flows", run: FlowState, step: Survey, why: str) -> Unanswered:
    """For the figures and the timeline."""
    return Unanswered(run.interaction, survey_of(flows, run), step.name, step.kind, why)


def survey_of(flows: "Flows", run: FlowState) -> str:
    """The flow that asks."""
    return flows.state.scripts[run.script].name
