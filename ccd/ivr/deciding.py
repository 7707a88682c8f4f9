"""Steps that are over at once: `set`, `goto`, `branch` and `hours`."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Assigned, Branched, Do
from ccd.ivr.filling import assigned
from ccd.ivr.hours import NOTED, look_up
from ccd.ivr.state import FlowState
from ccd.model.entry import condition_of, told
from ccd.model.steps import Branch, Goto, Hours, Set

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows


def do_set(flows: "Flows", run: FlowState, step: Set, _now: float, out: list[Do]) -> int:
    values = assigned(flows, run, step.values)
    run.variables = run.variables | values
    run.language = values.get("language", run.language)
    out.append(Assigned(run.interaction, flows.label(run), values))
    return run.at + 1


def do_goto(flows: "Flows", run: FlowState, step: Goto, _now: float, _out: list[Do]) -> int:
    return flows.index(run, step.step)


def do_branch(flows: "Flows", run: FlowState, step: Branch, _now: float, out: list[Do]) -> int:
    look_up = flows.look(run.interaction)
    for case in step.cases:
        if condition_of(case.when)(look_up):
            out.append(Branched(run.interaction, flows.label(run), case.when, told(case.when, look_up)))
            return flows.index(run, case.step)
    out.append(Branched(run.interaction, flows.label(run), ""))
    return flows.index(run, step.otherwise) if step.otherwise else run.at + 1


def do_hours(flows: "Flows", run: FlowState, step: Hours, now: float, out: list[Do]) -> int:
    target, noted = look_up(step, flows.calendars.get(step.calendar), now)
    kept = {name: value for name, value in run.variables.items() if name not in NOTED}
    run.variables = kept | noted
    out.append(Assigned(run.interaction, flows.label(run), noted))
    return flows.index(run, target) if target else run.at + 1
