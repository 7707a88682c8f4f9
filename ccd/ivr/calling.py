"""The steps `call` and `return`: who called stands in a stack of frames in the interaction's state."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Assigned, Do
from ccd.ivr.filling import assigned
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Frame
from ccd.model.nouns import Cause
from ccd.model.steps_calling import Call, Return

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

MOST_CALLS = 8
"""How deep calls may be."""


def do_call(flows: "Flows", run: FlowState, step: Call, _now: float, out: list[Do]) -> int:
    number = flows.state.current.get(step.flow)
    if number is None:  # a reload took it away; this script is older
        return _cannot(flows, run, f"there is no flow {step.flow!r} to call", out)
    if len(run.calls) >= MOST_CALLS:
        return _cannot(flows, run, f"calls are {MOST_CALLS} deep already, {step.flow!r} is not called", out)
    names, variables = assigned(flows, run, step.arguments), run.variables
    kept = {name: variables[name] for name in names if name in variables}
    run.calls = [*run.calls, Frame(run.script, run.at, kept, tuple(names))]
    if names:
        run.variables = variables | names
        out.append(Assigned(run.interaction, flows.label(run), names))
    run.script, run.at = number, 0
    return 0


def do_return(flows: "Flows", run: FlowState, _step: Return, _now: float, _out: list[Do]) -> int:
    """Past the last step: where a flow that comes to its end is, too."""
    return len(flows.state.scripts[run.script].steps)


def come_back(run: FlowState) -> int:
    """The called flow is over: the index of the caller's next step."""
    frame = run.calls[-1]
    run.calls = run.calls[:-1]
    if frame.arguments:
        others = {name: value for name, value in run.variables.items() if name not in frame.arguments}
        run.variables = others | frame.kept
    run.script, run.at = frame.script, frame.at
    return frame.at + 1


def _cannot(flows: "Flows", run: FlowState, why: str, out: list[Do]) -> int:
    """End for a fault of the script: nothing is left to be run."""
    flows.end(run, out, Cause.FAULT, f"{why} at {flows.label(run)}")
    return WAITS
