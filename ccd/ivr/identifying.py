"""The step `identify`: who the customer is, by the number that calls or by a customer number that is keyed.

A PIN and a one-time code, which prove it, are asked for by `ccd.ivr.proving`.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccd.ivr import outside, proving
from ccd.ivr.do import AskLost, Do, Rejected
from ccd.ivr.input import TEXT_WAIT_S
from ccd.ivr.keying import NOT_VALID
from ccd.ivr.proving import CUSTOMER, CUSTOMER_NAME, IDENTIFIED
from ccd.ivr.scripts import WAITS, Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.answers import bounded
from ccd.model.facts import OutsideAnswered
from ccd.model.key_checks import check
from ccd.model.nouns import LegKind
from ccd.model.steps_outside import Identify

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

BY_CALLER, BY_NUMBER = "caller", "number"
"""How somebody is identified; also the names of the values that the services get."""
MOST_TYPED = 64
"""Characters of a customer number that is written."""
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


def do_identify(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> int:
    if run.variables.get(CUSTOMER):
        proving.recognise(run, "", out)
    run.variables = run.variables | {CUSTOMER: "", CUSTOMER_NAME: "", IDENTIFIED: ""}
    run.attempts = 0
    caller = outside.values_of(flows, run, {BY_CALLER: "{caller}"})[BY_CALLER]
    if step.caller_service and _PHONE.fullmatch(caller):
        _ask(flows, run, step, BY_CALLER, caller, now, out)
    elif step.number_service:
        _ask_number(flows, run, step, None, now, out)
    else:
        return _unknown(flows, run, step)
    return WAITS


def late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The deadline: go on without an answer."""
    out.append(AskLost(run.interaction, run.ask))
    _told(flows, run, {}, False, now, out)


def answered(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    if run.ask and answer.ask == run.ask:
        _told(flows, run, bounded(answer.values) if answer.ok else {}, answer.ok, now, out)


def _told(
    flows: "Flows", run: FlowState, fields: dict[str, str], ok: bool, now: float, out: list[Do]
) -> None:
    """A service says who it is; one that fails says nothing, and nobody is asked twice for that."""
    step = flows.step(run, Identify)
    run.ask = ""
    outside.quiet(run, bool(step.music), out)
    by, run.asked_by = run.asked_by, ""
    customer = fields.pop(CUSTOMER, "")
    if customer:
        name = fields.pop(CUSTOMER_NAME, "")
        known = {CUSTOMER: customer, CUSTOMER_NAME: name, IDENTIFIED: "" if proving.wanted(step) else by}
        values = {step.prefix + key: value for key, value in fields.items()} | known
        outside.keep(flows, run, values, out)
        if proving.wanted(step):
            proving.begin(flows, run, step, tuple(values), now, out)
        else:
            proving.recognise(run, customer, out)
            flows.run(run, flows.index(run, step.on_known) if step.on_known else run.at + 1, now, out)
    elif by == BY_CALLER and step.number_service:
        _ask_number(flows, run, step, None, now, out)
    elif by == BY_NUMBER and ok and run.attempts < step.attempts:
        _ask_number(flows, run, step, Words(step.retry_prompt, step.retry_say), now, out)
    else:
        flows.run(run, _unknown(flows, run, step), now, out)


def _unknown(flows: "Flows", run: FlowState, step: Identify) -> int:
    return flows.index(run, step.on_unknown) if step.on_unknown else run.at + 1


def _ask(
    flows: "Flows", run: FlowState, step: Identify, by: str, number: str, now: float, out: list[Do]
) -> None:
    service = step.caller_service if by == BY_CALLER else step.number_service
    values: Mapping[str, str] = outside.values_of(flows, run, step.values)
    asked = {**values, by: number}
    outside.ask(flows, run, step, service, asked, now, out, Mode.RECOGNISING)
    run.asked_by = by
    outside.hold(flows, run, "", step.music, now, out)


# -- the customer number -----------------------------------------------------------------------------


def _ask_number(
    flows: "Flows", run: FlowState, step: Identify, first: Words | None, now: float, out: list[Do]
) -> None:
    run.mode = Mode.IDENTIFYING
    run.typed = ""
    prompts = (step.prompt,) if step.prompt else ()
    said = flows.say(run, prompts, True, now, out, say=step.say, first=first)
    if not said or run.kind is LegKind.TEXT:
        flows.answer(run, out)
        flows.wait(run, now + (step.wait_s if run.kind is LegKind.AUDIO else TEXT_WAIT_S))


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Identify)
    run.typed = "" if key == "*" else run.typed + key.replace("#", "")
    if key == "#" or len(run.typed) >= step.most:
        keyed(flows, run, "", now, out)
    else:
        run.play = ""
        flows.wait(run, now + step.wait_s)


def keys_awaited(flows: "Flows", run: FlowState, play: str, now: float, _: list[Do]) -> None:
    if play == run.play:
        run.play = ""
        flows.wait(run, now + flows.step(run, Identify).wait_s)


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    run.typed = text[:MOST_TYPED]
    keyed(flows, run, "", now, out)


def keyed(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The keys are complete, or no more came: ask who has this number."""
    step, (number, run.typed) = flows.step(run, Identify), (run.typed, "")
    run.attempts += 1
    valid = check(number, step.valid) if number else None
    if number and valid is None:
        out.append(Rejected(run.interaction, flows.label(run), NOT_VALID, run.attempts, number))
    if valid is not None:
        _ask(flows, run, step, BY_NUMBER, valid, now, out)
    elif run.attempts < step.attempts:
        _ask_number(flows, run, step, Words(step.retry_prompt, step.retry_say), now, out)
    else:
        flows.run(run, _unknown(flows, run, step), now, out)
