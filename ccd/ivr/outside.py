"""The steps that ask a service outside (`lookup`, `hook`, `send`), and what an answer does.

The wait has a deadline of its own: whatever becomes of the question, the flow goes on in time. The answer to
a question that is awaited no longer changes nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccd.ivr import linking
from ccd.ivr.do import Ask, AskLost, Assigned, Do, Hold, NotAsked
from ccd.ivr.input import TYPED_LIMIT
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.answers import bounded, harmless
from ccd.model.facts import OutsideAnswered
from ccd.model.nouns import LegKind
from ccd.model.outside import STEP_FIELD
from ccd.model.step import Say
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.templates import filled

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

DEFAULT_TIMEOUT_S = 2.0
"""Where neither the step nor a service says anything: the service was taken away by a reload."""


def do_lookup(flows: "Flows", run: FlowState, step: Lookup, now: float, out: list[Do]) -> int:
    ask(flows, run, step, step.service, values_of(flows, run, step.values), now, out)
    hold(flows, run, step.prompt, step.music, now, out, step.say)
    return WAITS


def do_hook(flows: "Flows", run: FlowState, step: Hook, now: float, out: list[Do]) -> int:
    ask(flows, run, step, step.service, values_of(flows, run, step.values), now, out)
    hold(flows, run, step.prompt, step.music, now, out, step.say)
    return WAITS


def do_send(flows: "Flows", run: FlowState, step: Send, now: float, out: list[Do]) -> int:
    if run.sent >= step.most:
        why = f"{run.sent} sent already in this conversation"
        out.append(NotAsked(run.interaction, flows.label(run), step.service, why))
        return flows.index(run, step.on_failure) if step.on_failure else run.at + 1
    run.sent += 1
    values = linking.values_of(flows, run, step)
    if step.on_failure:
        ask(flows, run, step, step.service, values, now, out)
        return WAITS
    pose(flows, run, step, step.service, values, out)  # whatever comes of it is noted, not awaited
    return run.at + 1


# -- asking ------------------------------------------------------------------------------------------


def values_of(flows: "Flows", run: FlowState, templates: Mapping[str, str]) -> dict[str, str]:
    """What is sent: the values of a step, filled in."""
    look_up = flows.look(run.interaction)
    return {name: filled(text, look_up, run.language) for name, text in templates.items()}


def ask(
    flows: "Flows",
    run: FlowState,
    step: Lookup | Hook | Identify | Send | Pay,
    service: str,
    values: dict[str, str],
    now: float,
    out: list[Do],
    mode: Mode = Mode.AWAITING,
    secrets: Mapping[str, str] | None = None,
    new_code: str = "",
    new_code_digits: int = 6,
) -> None:
    """Ask, and wait until the deadline of the step. `secrets` (name → reference) and a one-time code go with
    it, where the step's own keys name none."""
    run.mode = mode
    run.play = ""
    run.ask, timeout_s = pose(flows, run, step, service, values, out, secrets, new_code, new_code_digits)
    flows.wait(run, now + timeout_s)


def pose(
    flows: "Flows",
    run: FlowState,
    step: Lookup | Hook | Identify | Send | Pay,
    service: str,
    values: dict[str, str],
    out: list[Do],
    given: Mapping[str, str] | None = None,
    new_code: str = "",
    new_code_digits: int = 6,
) -> tuple[str, float]:
    """Put a question; its id, and for how long its answer is worth something."""
    run.asks += 1
    question = f"{run.interaction}.a{run.asks}"
    timeout_s = step.timeout_s or DEFAULT_TIMEOUT_S
    named = step.secrets if isinstance(step, Lookup | Hook) else {}
    secrets = {name: kept for name, variable in named.items() if (kept := run.variables.get(variable))}
    secrets |= given or {}
    label = flows.label(run)
    asked = (question, service, values, timeout_s, secrets, new_code, new_code_digits)
    link = linking.wanted(run, step) if isinstance(step, Send) else None
    out.append(Ask(run.interaction, label, *asked, link))
    return question, timeout_s


def hold(
    flows: "Flows", run: FlowState, prompt: str, music: str, now: float, out: list[Do], say: Say = ""
) -> None:
    """Say or play something to one who waits for an answer; the deadline of the question stays."""
    if run.kind is not LegKind.AUDIO or not (prompt or music or say):
        return
    until = run.deadline
    spoken = bool(prompt or say) and flows.say(run, (prompt,) if prompt else (), False, now, out, say=say)
    if not spoken and music:
        flows.answer(run, out)
        out.append(Hold(run.interaction, music))
    if until is not None:
        flows.wait(run, until)


def prompt_over(flows: "Flows", run: FlowState, play: str, _now: float, out: list[Do]) -> None:
    """What was said meanwhile is over: music until the answer comes."""
    step = flows.step_of(run)
    if play == run.play and play:
        run.play = ""
        if isinstance(step, Lookup | Hook) and step.music:
            out.append(Hold(run.interaction, step.music))


def type_ahead(_flows: "Flows", run: FlowState, digit: str, _now: float, _: list[Do]) -> None:
    """Keys pressed meanwhile count for the menu that follows."""
    run.typed = (run.typed + digit)[:TYPED_LIMIT]


# -- answers -----------------------------------------------------------------------------------------


def late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The deadline: go on without an answer."""
    out.append(AskLost(run.interaction, run.ask))
    _go_on(flows, run, OutsideAnswered(run.interaction, run.ask, False), now, out)


def answered(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    if run.ask and answer.ask == run.ask:
        _go_on(flows, run, answer, now, out)


def _go_on(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    step = flows.step_of(run)
    run.ask = ""
    fields = bounded(answer.values) if answer.ok else {}
    if isinstance(step, Send):
        target = "" if answer.ok else step.on_failure
    elif isinstance(step, Hook):
        quiet(run, bool(step.prompt or step.music or step.say), out)
        target = _way(flows, run, step, fields, answer.ok, out)
    else:
        step = flows.step(run, Lookup)
        quiet(run, bool(step.prompt or step.music or step.say), out)
        keep(flows, run, step.default | _prefixed(step.prefix, fields), out)
        target = step.on_failure if not answer.ok else step.on_found if fields else step.on_missing
    if target:
        flows.go(run, target, now, out)
    else:
        flows.run(run, run.at + 1, now, out)


def _way(flows: "Flows", run: FlowState, step: Hook, fields: dict[str, str], ok: bool, out: list[Do]) -> str:
    """Where a hook's answer leads: only to what the step allows."""
    target = fields.pop(STEP_FIELD, "")
    if target in step.may:
        keep(flows, run, step.default | _prefixed(step.prefix, fields), out)
        return target
    keep(flows, run, step.default, out)
    if ok:
        why = f"it named the step {target[:64]!r}, which it may not" if target else "it named no step"
        out.append(NotAsked(run.interaction, flows.label(run), step.service, why))
    return step.on_failure


def keep(flows: "Flows", run: FlowState, values: Mapping[str, str], out: list[Do]) -> None:
    """Set variables that came from outside."""
    kept = harmless(values)
    if kept:
        run.variables = run.variables | kept
        run.language = kept.get("language", run.language)
        out.append(Assigned(run.interaction, flows.label(run), kept))


def _prefixed(prefix: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {prefix + name: value for name, value in fields.items()}


def quiet(run: FlowState, played: bool, out: list[Do]) -> None:
    """What was played meanwhile stops; its end, still to be told, is no longer awaited."""
    if played and run.kind is LegKind.AUDIO:
        run.play = ""
        out.append(Hold(run.interaction))
