"""The step `collect`: several keys become a variable."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Assigned, Do
from ccd.ivr.input import TEXT_WAIT_S
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.steps import Collect

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Collect)
    run.typed = "" if key == "*" else run.typed + key.replace("#", "")
    if key == "#" or len(run.typed) >= step.most:
        collected(flows, run, "", now, out)
    else:
        run.play = ""
        flows.wait(run, now + step.wait_s)


def keys_awaited(flows: "Flows", run: FlowState, play: str, now: float, _: list[Do]) -> None:
    if play == run.play:
        run.play = ""
        flows.wait(run, now + flows.step(run, Collect).wait_s)


def collected(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step, (typed, run.typed) = flows.step(run, Collect), (run.typed, "")
    if typed:
        run.variables = run.variables | {step.variable: typed}
        out.append(Assigned(run.interaction, flows.label(run), {step.variable: typed}))
    if typed or not step.on_none:
        flows.run(run, run.at + 1, now, out)
    else:
        flows.go(run, step.on_none, now, out)


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    run.typed = text
    collected(flows, run, "", now, out)


def do_collect(flows: "Flows", run: FlowState, step: Collect, now: float, out: list[Do]) -> int:
    run.mode = Mode.COLLECTING
    run.typed = ""
    said = flows.say(run, (step.prompt,) if step.prompt else (), True, now, out, say=step.say)
    if not said or run.kind is LegKind.TEXT:
        flows.answer(run, out)
        flows.wait(run, now + (step.wait_s if run.kind is LegKind.AUDIO else TEXT_WAIT_S))
    return WAITS
