"""The step `pay`: three things are keyed in secret, one after another, then a service takes the money.

The flow knows references only. They are forgotten as soon as the service has answered, or is waited for no
longer; what is keyed meanwhile is dropped. A payment is asked for once: where no usable answer comes, nobody
but the service knows whether it was paid, and the flow does not ask again.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ccd.ivr import keying, outside
from ccd.ivr.do import AskLost, ChargeAsked, ChargeOver, Do, Missed, NotAsked, Rejected
from ccd.ivr.scripts import WAITS, Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.answers import bounded
from ccd.model.facts import OutsideAnswered
from ccd.model.key_checks import EXPIRY
from ccd.model.nouns import LegKind
from ccd.model.step import own_prompt
from ccd.model.steps_pay import USUAL, Pay

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

CARD, EXPIRES, SECURITY_CODE = "card_number", "expiry", "security_code"
PARTS: Final = (CARD, EXPIRES, SECURITY_CODE)
"""What is keyed, in this order; also the names of the secrets that the service gets."""
AMOUNT, CURRENCY, REQUEST = "amount", "currency", "request"
"""Values that the service gets. `request` is another one for each payment that is asked for,
for good: it has the time in it, as the numbers of interactions begin anew with a new ledger."""
PAID, REFUSED, UNKNOWN, NONE = "paid", "refused", "unknown", "none"
"""Results."""
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LAST4 = re.compile(r"[0-9]{4}")
WEST_S: Final = 12 * 3600.0
"""A card is good until its month has ended everywhere: the last place is 12 hours behind UTC."""


def do_pay(flows: "Flows", run: FlowState, step: Pay, now: float, out: list[Do]) -> int:
    run.tries, run.given = 0, {}
    why = _why_not(flows, run, step)
    if why:
        out.append(NotAsked(run.interaction, flows.label(run), step.service, why))
        _keep(flows, run, step, {}, NONE, out)
        return flows.index(run, step.on_failure) if step.on_failure else run.at + 1
    _ask(flows, run, step, CARD, None, now, out)
    return WAITS


def keyed(flows: "Flows", run: FlowState, told: keying.Told, now: float, out: list[Do]) -> None:
    """The channel has one of the three, or it was no good, or no key came."""
    if told.secret != run.play:
        return
    step = flows.step(run, Pay)
    if not told.length:
        _missed(flows, run, step, now, out)
    elif not told.ok:
        count = run.no_input + run.bad_input + 1
        why = told.note or keying.NOT_VALID
        out.append(Rejected(run.interaction, f"{flows.label(run)} {run.part}", why, count))
        run.bad_input += 1
        _again(flows, run, step, now, out)
    else:
        run.given = run.given | {run.part: told.secret}
        left = [part for part in PARTS if part not in run.given]
        if left:
            _ask(flows, run, step, left[0], None, now, out)
        else:
            _charge(flows, run, step, now, out)


def unheard(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The channel said nothing of the keys."""
    _missed(flows, run, flows.step(run, Pay), now, out)


def answered(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    """The service took the money, or did not, or nobody knows."""
    if run.ask and answer.ask == run.ask:
        _over(flows, run, bounded(answer.values) if answer.ok else {}, now, out, answer.note)


def result_of(answer: OutsideAnswered) -> str:
    """What an answer says: `paid`, `refused`, or nothing that could be relied on."""
    return _result(answer.values if answer.ok else {})


def _result(fields: Mapping[str, str]) -> str:
    return {"true": PAID, "false": REFUSED}.get(fields.get("paid", ""), UNKNOWN)


def late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """No answer in time."""
    out.append(AskLost(run.interaction, run.ask))
    _over(flows, run, {}, now, out, "no answer in time")


# -- keys --------------------------------------------------------------------------------------------


def _why_not(flows: "Flows", run: FlowState, step: Pay) -> str:
    if run.kind is LegKind.TEXT:
        return "what is written is no secret"
    values = _values(flows, run, step)
    if not _AMOUNT.fullmatch(values[AMOUNT]) or not float(values[AMOUNT]):
        return f"{values[AMOUNT][:32]!r} is no amount"
    if not _CURRENCY.fullmatch(values[CURRENCY]):
        return f"{values[CURRENCY][:32]!r} is no currency"
    return ""


def _values(flows: "Flows", run: FlowState, step: Pay) -> dict[str, str]:
    return outside.values_of(flows, run, step.values | {AMOUNT: step.amount, CURRENCY: step.currency})


def _ask(
    flows: "Flows", run: FlowState, step: Pay, part: str, first: Words | None, now: float, out: list[Do]
) -> None:
    if part != run.part or not first:
        run.no_input = run.bad_input = 0
    run.mode, run.part = Mode.PAYING, part
    if part == CARD:
        prompt, say, least, most, valid = step.prompt_of("card"), step.card_say, 12, 19, "luhn"
    elif part == EXPIRES:
        month = datetime.fromtimestamp(now - WEST_S, UTC)
        prompt, say = step.prompt_of("expiry"), step.expiry_say
        least, most, valid = 4, 4, f"{EXPIRY}:{month:%y%m}"
    else:
        prompt, say = step.prompt_of("security_code"), step.security_code_say
        least, most, valid = 3, 4, ""
    keys = keying.Keys(least, most, "#", step.first_wait_s, step.wait_s, step.total_s, valid)
    keying.ask(flows, run, keys, (prompt,) if prompt else (), now, out, say, first)


def _missed(flows: "Flows", run: FlowState, step: Pay, now: float, out: list[Do]) -> None:
    run.no_input += 1
    label = f"{flows.label(run)} {run.part}"
    out.append(Missed(run.interaction, label, "", run.no_input + run.bad_input))
    _again(flows, run, step, now, out)


def _again(flows: "Flows", run: FlowState, step: Pay, now: float, out: list[Do]) -> None:
    if run.no_input + run.bad_input < step.input_limit:
        misses = run.no_input, run.bad_input
        _ask(flows, run, step, run.part, Words(step.prompt_of("again"), step.again_say), now, out)
        run.no_input, run.bad_input = misses
        return
    keying.forget(run, out)
    _keep(flows, run, step, {}, NONE, out)
    _go(flows, run, step.on_given_up or step.on_failure, now, out)


# -- the payment -------------------------------------------------------------------------------------


def _charge(flows: "Flows", run: FlowState, step: Pay, now: float, out: list[Do]) -> None:
    values = _values(flows, run, step) | {REQUEST: f"{run.interaction}-{int(1000 * now)}"}
    secrets = dict(run.given)
    keying.drop(run, out)
    outside.ask(flows, run, step, step.service, values, now, out, Mode.CHARGING, secrets)
    timeout_s = step.timeout_s or outside.DEFAULT_TIMEOUT_S
    request, amount, currency = values[REQUEST], values[AMOUNT], values[CURRENCY]
    out.append(
        ChargeAsked(
            run.interaction, run.ask, step.service, request, amount, currency, timeout_s, step.recall_queue
        )
    )
    outside.hold(flows, run, own_prompt(step.prompt, step.say, USUAL["wait"]), "", now, out, step.say)


def _over(
    flows: "Flows", run: FlowState, fields: dict[str, str], now: float, out: list[Do], note: str = ""
) -> None:
    result, reason = _result(fields), fields.get("reason", "") or note
    out.append(ChargeOver(run.interaction, run.ask, result, fields.get("reference", ""), reason))
    step, run.ask = flows.step(run, Pay), ""
    keying.forget(run, out)
    outside.quiet(run, bool(step.prompt or step.say), out)
    _keep(flows, run, step, fields, result, out)
    if result == REFUSED:
        run.tries += 1
        if run.tries < step.attempts:
            _ask(flows, run, step, CARD, Words(step.prompt_of("refused"), step.refused_say), now, out)
        else:
            _go(flows, run, step.on_refused or step.on_failure, now, out)
    else:
        _go(flows, run, step.on_paid if result == PAID else step.on_failure, now, out)


def _keep(
    flows: "Flows", run: FlowState, step: Pay, fields: dict[str, str], result: str, out: list[Do]
) -> None:
    """Of the answer only what is known to be harmless: of the card the last four digits at most."""
    kept = {"result": result, "reference": fields.get("reference", ""), "reason": fields.get("reason", "")}
    last4 = fields.get("last4", "")
    kept["last4"] = last4 if _LAST4.fullmatch(last4) else ""
    outside.keep(flows, run, {step.prefix + name: value for name, value in kept.items()}, out)


def _go(flows: "Flows", run: FlowState, target: str, now: float, out: list[Do]) -> None:
    run.part = ""
    if target:
        flows.go(run, target, now, out)
    else:
        flows.run(run, run.at + 1, now, out)
