"""The step `collect`: several keys become a variable, or a secret of which the flow knows only the name."""

from typing import TYPE_CHECKING

import msgspec

from ccd.ivr import keying
from ccd.ivr.do import Assigned, Do, Missed, Rejected
from ccd.ivr.input import TEXT_WAIT_S, hidden
from ccd.ivr.keying import NOT_VALID, TOO_SHORT, Told
from ccd.ivr.scripts import WAITS, Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.key_checks import LONGEST, check
from ccd.model.nouns import LegKind
from ccd.model.steps_keys import Collect

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Collect)
    if key != step.terminator:
        run.typed = "" if key == "*" else run.typed + (key if key.isdecimal() else "")
    if key == step.terminator or len(run.typed) >= step.most:
        collected(flows, run, "", now, out)
    else:
        run.play = ""
        _wait(flows, run, step, step.wait_s, now)


def keys_awaited(flows: "Flows", run: FlowState, play: str, now: float, _: list[Do]) -> None:
    if play == run.play:
        run.play = ""
        step = flows.step(run, Collect)
        _wait(flows, run, step, step.first_wait_s or step.wait_s, now)


def collected(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step, (typed, run.typed) = flows.step(run, Collect), (run.typed, "")
    if not typed:
        _none(flows, run, step, now, out)
        return
    value = check(typed, step.valid) if len(typed) >= step.least else None
    if value is None:
        why = TOO_SHORT if len(typed) < step.least else NOT_VALID
        _bad(flows, run, step, Rejected(run.interaction, flows.label(run), why, 0, typed), now, out)
        return
    run.variables = run.variables | {step.variable: value}
    out.append(Assigned(run.interaction, flows.label(run), {step.variable: value}))
    flows.run(run, run.at + 1, now, out)


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    run.typed = text[: LONGEST + 1]
    collected(flows, run, "", now, out)


def secret_told(flows: "Flows", run: FlowState, told: Told, now: float, out: list[Do]) -> None:
    """The channel has the keys, or they were bad, or none came. What is told of an earlier try is ignored."""
    step = flows.step(run, Collect)
    if told.secret != run.play:
        return
    if not told.length:
        _none(flows, run, step, now, out)
    elif not told.ok:
        rejected = Rejected(run.interaction, flows.label(run), told.note or NOT_VALID, 0)
        _bad(flows, run, step, rejected, now, out)
    else:
        run.variables = run.variables | {step.variable: told.secret}
        run.secrets = run.secrets | {told.secret: told.length}
        out.append(Assigned(run.interaction, flows.label(run), {step.variable: hidden(told.length)}))
        flows.run(run, run.at + 1, now, out)


def secret_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    _none(flows, run, flows.step(run, Collect), now, out)


def do_collect(flows: "Flows", run: FlowState, step: Collect, now: float, out: list[Do]) -> int:
    run.no_input = run.bad_input = 0
    if step.secret and run.kind is LegKind.TEXT:  # what is written in a chat is no secret any more
        out.append(Missed(run.interaction, flows.label(run), "", 1))
        return flows.index(run, step.on_none) if step.on_none else run.at + 1
    _ask(flows, run, step, None, now, out)
    return WAITS


def _ask(
    flows: "Flows", run: FlowState, step: Collect, first: Words | None, now: float, out: list[Do]
) -> None:
    run.typed, run.until, run.play = "", 0.0, ""
    prompts = (step.prompt,) if step.prompt else ()
    if step.secret:
        _ask_secretly(flows, run, step, first, now, out)
        return
    run.mode = Mode.COLLECTING
    said = flows.say(run, prompts, True, now, out, say=step.say, first=first)
    if not said or run.kind is LegKind.TEXT:
        flows.answer(run, out)
        wait_s = step.first_wait_s or step.wait_s
        _wait(flows, run, step, wait_s if run.kind is LegKind.AUDIO else TEXT_WAIT_S, now)


def _ask_secretly(
    flows: "Flows", run: FlowState, step: Collect, first: Words | None, now: float, out: list[Do]
) -> None:
    run.mode = Mode.KEYING
    prompts = (step.prompt,) if step.prompt else ()
    wanted = keying.Keys(
        step.least,
        step.most,
        step.terminator,
        step.first_wait_s or step.wait_s,
        step.wait_s,
        step.total_s,
        step.valid,
    )
    keying.ask(flows, run, wanted, prompts, now, out, step.say, first)


def _wait(flows: "Flows", run: FlowState, step: Collect, wait_s: float, now: float) -> None:
    if step.total_s and not run.until:
        run.until = now + step.total_s
    until = now + wait_s
    flows.wait(run, min(until, run.until) if run.until else until)


def _none(flows: "Flows", run: FlowState, step: Collect, now: float, out: list[Do]) -> None:
    run.no_input += 1
    out.append(Missed(run.interaction, flows.label(run), "", run.no_input))
    if run.no_input < step.no_input_limit:
        _ask(flows, run, step, Words(step.no_input_prompt, step.no_input_say), now, out)
    else:
        _leave(flows, run, step.on_none, now, out)


def _bad(flows: "Flows", run: FlowState, step: Collect, told: Rejected, now: float, out: list[Do]) -> None:
    run.bad_input += 1
    out.append(msgspec.structs.replace(told, count=run.bad_input))
    if run.bad_input < step.bad_input_limit:
        _ask(flows, run, step, Words(step.bad_input_prompt, step.bad_input_say), now, out)
    else:
        _leave(flows, run, step.on_bad_input or step.on_none, now, out)


def _leave(flows: "Flows", run: FlowState, target: str, now: float, out: list[Do]) -> None:
    if target:
        flows.go(run, target, now, out)
    else:
        flows.run(run, run.at + 1, now, out)
