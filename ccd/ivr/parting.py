"""Steps that leave the flow for a while: `queue`, `callback` and `transfer`."""

from typing import TYPE_CHECKING

from ccd.ivr.callbacks import ASK_AGAIN, SAID
from ccd.ivr.do import Assigned, CallBack, Do, Queue, TransferTo
from ccd.ivr.filling import queue_of, unknown_queue
from ccd.ivr.input import open_value, whole
from ccd.ivr.screens import screen_of
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.steps import CallBack as StepCallBack
from ccd.model.steps import Enqueue, Transfer
from ccd.model.steps_voicemail import Voicemail

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

_QUEUED = Mode.QUEUED  # a member taken out of its enum costs 600 machine instructions
TAGS = "tags"
"""Variable of words about the interaction, with spaces or commas between."""


def resumed(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    flows.run(run, run.at + 1, now, out)


def refused(flows: "Flows", run: FlowState, why: str, now: float, out: list[Do]) -> None:
    run.mode = Mode.REFUSING
    run.typed = why
    if why in SAID and run.kind is LegKind.AUDIO:
        flows.say(run, (f"callback/{why}",), False, now, out)
    else:
        refusal_told(flows, run, run.play, now, out)


def refusal_told(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play != run.play:
        return
    step = flows.step_of(run)
    why, run.typed = run.typed, ""
    if why in ASK_AGAIN and isinstance(step, StepCallBack) and step.on_refused:
        flows.go(run, step.on_refused, now, out)
    else:
        flows.run(run, run.at + 1, now, out)


def refusal_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    refusal_told(flows, run, run.play, now, out)


def do_queue(flows: "Flows", run: FlowState, step: Enqueue, _now: float, out: list[Do]) -> int:
    queue = queue_of(flows, run, step)
    if queue is None:
        return unknown_queue(flows, run, step, out)
    if step.tags:
        known = run.variables.get(TAGS, "").replace(",", " ").split()
        tags = {TAGS: " ".join([*known, *(tag for tag in step.tags if tag not in known)])}
        run.variables = run.variables | tags
        out.append(Assigned(run.interaction, flows.label(run), tags))
    priority = step.priority
    if priority is None:
        priority = whole(run.variables.get("priority", ""))
    run.mode = _QUEUED
    if run.typed:
        run.typed = ""
    prefer: tuple[str, ...] = (step.prefer,) if step.prefer else ()
    if named := run.variables.get(step.prefer_variable):
        prefer = (named, *prefer)
    kept = step.prefer_wait_s if prefer or step.prefer_last_s else 0.0
    out.append(
        Queue(
            run.interaction,
            queue,
            priority,
            step.requirement,
            prefer,
            step.prefer_last_s,
            kept,
            step.whisper,
            screen_of(step.screen, flows.look(run.interaction), run.language) if step.screen else {},
            step.whisper_say,
        )
    )
    return WAITS


def do_call_back(flows: "Flows", run: FlowState, step: StepCallBack, _now: float, out: list[Do]) -> int:
    queue = queue_of(flows, run, step)
    if queue is None:
        return unknown_queue(flows, run, step, out)
    run.mode = Mode.KEEPING
    run.typed = ""
    priority = whole(run.variables.get("priority", ""))
    number = open_value(run.variables, step.number)
    at = open_value(run.variables, step.at)
    goes_on = bool(step.on_kept)
    out.append(CallBack(run.interaction, queue, number, priority, at, step.calendar, goes_on))
    return WAITS


def kept(flows: "Flows", run: FlowState, values: dict[str, str], now: float, out: list[Do]) -> None:
    """The place is safe, and the customer still there: the flow says what it has to say, beside it."""
    step = flows.step_of(run)
    run.kept, run.aside, run.outer = True, False, None
    if values:
        run.variables = run.variables | values
        out.append(Assigned(run.interaction, flows.label(run), values))
    flows.go(run, step.on_kept if isinstance(step, StepCallBack | Voicemail) else "", now, out)


def do_transfer(_flows: "Flows", run: FlowState, step: Transfer, _now: float, out: list[Do]) -> int:
    run.mode = Mode.TRANSFERRING
    run.typed = ""
    out.append(TransferTo(run.interaction, step.address, step.ring_timeout_s))
    return WAITS
