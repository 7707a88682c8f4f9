"""What the interpreter says: the steps `answer`, `play` and `hangup`, and the end of their prompts."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Do
from ccd.ivr.input import TYPED_LIMIT, open_value
from ccd.ivr.scripts import ENDS, WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.steps import Answer, Hangup, Play

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows


def type_ahead(flows: "Flows", run: FlowState, digit: str, now: float, out: list[Do]) -> None:
    step = flows.step_of(run)
    if isinstance(step, Play) and step.barge:
        run.typed = (run.typed + digit)[:TYPED_LIMIT]
        flows.run(run, run.at + 1, now, out)


def played(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        flows.run(run, run.at + 1, now, out)


def play_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    flows.run(run, run.at + 1, now, out)


def left(flows: "Flows", run: FlowState, play: str, _now: float, out: list[Do]) -> None:
    if play == run.play:
        flows.end(run, out)


def leave_lost(flows: "Flows", run: FlowState, _: str, _now: float, out: list[Do]) -> None:
    flows.end(run, out)


def do_answer(flows: "Flows", run: FlowState, _step: Answer, _now: float, out: list[Do]) -> int:
    flows.answer(run, out)
    return run.at + 1


def do_play(flows: "Flows", run: FlowState, step: Play, now: float, out: list[Do]) -> int:
    digits = "".join(filter(str.isdecimal, open_value(run.variables, step.digits)))
    said = flows.say(run, step.prompts, step.barge, now, out, digits, step.say)
    if not said or run.kind is LegKind.TEXT:
        return run.at + 1
    run.mode = Mode.PLAYING
    return WAITS


def do_hangup(flows: "Flows", run: FlowState, step: Hangup, now: float, out: list[Do]) -> int:
    prompts = (step.prompt,) if step.prompt else ()
    if not flows.say(run, prompts, False, now, out, say=step.say) or run.kind is LegKind.TEXT:
        return ENDS
    run.mode = Mode.LEAVING
    return WAITS
