"""The steps `voicemail` and `record`: a message is asked for and recorded; what of a call is recorded."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Beep, Do, EndMessage, NoRoom, SwitchRecording, TakeMessage
from ccd.ivr.filling import queue_of, unknown_queue
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.steps_voicemail import Record, Voicemail

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

BEEP_S = 5.0
"""A beep whose end was not reported for so long counts as ended."""
CLOSING_S = 20.0
"""Longer than bridging waits for the end of a recording that it stopped: what it says of it comes before."""


def do_voicemail(flows: "Flows", run: FlowState, step: Voicemail, now: float, out: list[Do]) -> int:
    run.typed = ""
    if run.kind is LegKind.TEXT:
        return flows.index(run, step.on_empty) if step.on_empty else run.at + 1
    queue = queue_of(flows, run, step)
    if queue is None:
        return unknown_queue(flows, run, step, out)
    if flows.full(queue):
        out.append(NoRoom(run.interaction, flows.label(run), queue))
        return flows.index(run, step.on_full) if step.on_full else run.at + 1
    run.mode = Mode.GREETING
    prompt = step.greeting()
    if not flows.say(run, (prompt,) if prompt else (), True, now, out, say=step.say):
        flows.answer(run, out)
        _beep(flows, run, now, out)
    return WAITS


def key(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """Who knows the prompt need not hear it."""
    _beep(flows, run, now, out)


def greeted(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        _beep(flows, run, now, out)


def greeting_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    _beep(flows, run, now, out)


def _beep(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    if not flows.step(run, Voicemail).beep:
        _speak(flows, run, now, out)
        return
    run.mode = Mode.BEEPING
    run.plays += 1
    run.play = f"{run.interaction}.p{run.plays}"
    out.append(Beep(run.interaction, run.play))
    flows.wait(run, now + BEEP_S)


def beeped(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        _speak(flows, run, now, out)


def beep_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    _speak(flows, run, now, out)


def _speak(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    step = flows.step(run, Voicemail)
    run.mode, run.play = Mode.SPEAKING, ""
    # nothing was set since the step began: it is the queue of then
    queue = queue_of(flows, run, step) or step.queue
    goodbye, goes_on = step.goodbye, bool(step.on_kept)
    out.append(TakeMessage(run.interaction, queue, step.silence_s, step.min_s, goodbye, goes_on))
    flows.wait(run, now + step.max_s)


def spoken(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    if key == "#":
        long_enough(flows, run, key, now, out)


def long_enough(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    flows.wait(run, now + CLOSING_S)
    out.append(EndMessage(run.interaction))


def no_message(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Voicemail)
    if step.on_empty:
        flows.go(run, step.on_empty, now, out)
    else:
        flows.run(run, run.at + 1, now, out)


def do_record(_flows: "Flows", run: FlowState, step: Record, _now: float, out: list[Do]) -> int:
    out.append(SwitchRecording(run.interaction, step.switch))
    return run.at + 1
