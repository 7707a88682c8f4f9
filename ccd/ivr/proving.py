"""How a customer proves to be the one whom `identify` found: a PIN that a service checks, a one-time code.

Both are keyed in secret. The flow knows references only, and learns whether they were right. Attempts are
limited in a call by the step, and for the customer and the number that calls by `ccd.ivr.locks`. Who does not
prove it is nobody: what was set of the customer is taken away again.
"""

from typing import TYPE_CHECKING, Final

from ccd.ivr import keying, locks, outside
from ccd.ivr.do import AskLost, Assigned, Compare, Do, Missed, Recognised, Rejected, Remarked
from ccd.ivr.input import secret_name
from ccd.ivr.scripts import Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.answers import bounded
from ccd.model.facts import OutsideAnswered
from ccd.model.nouns import LegKind
from ccd.model.proofs import OneTimeCode
from ccd.model.steps_outside import Identify

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

CUSTOMER, CUSTOMER_NAME, IDENTIFIED = "customer", "customer_name", "identified"
MOST_KEY = 128
"""Characters of a customer's name by which they are known again."""
"""Variables that the step sets."""
PIN, CODE = "pin", "code"
SENT: Final = "sent"
"""In `FlowState.given`: the reference of the code that was sent."""
KEY_WAIT_S: Final = 5.0
PIN_WAIT_S: Final = 15.0
"""Time for the first key of a PIN."""
TOTAL_S: Final = 120.0
COMPARE_S: Final = 5.0
"""The channel has compared by then."""
SHOWN: Final = 2
"""Last characters of an address that people may see."""


def wanted(step: Identify) -> bool:
    """Whether the step asks for any proof."""
    return step.pin is not None or step.one_time_code is not None


def begin(
    flows: "Flows", run: FlowState, step: Identify, claimed: tuple[str, ...], now: float, out: list[Do]
) -> None:
    """Somebody is found; `claimed` are the variables that say who."""
    run.claimed, run.given, run.codes = claimed, {}, 0
    if run.kind is LegKind.TEXT:
        _refuse(flows, run, step, "what is written is no secret", now, out)
    elif step.pin is not None:
        _enter(run, PIN)
        _ask(flows, run, step, None, now, out)
    else:
        _enter(run, CODE)
        _send(flows, run, step, now, out)


def keyed(flows: "Flows", run: FlowState, told: keying.Told, now: float, out: list[Do]) -> None:
    """The channel has the keys, or they were bad, or none came."""
    if told.secret != run.play:
        return
    step = flows.step(run, Identify)
    if run.part == CODE and told.length <= 1:
        _none(flows, run, step, now, out)
    elif not told.length:
        _missed(flows, run, step, now, out)
    elif not told.ok:
        why = told.note or keying.NOT_VALID
        out.append(Rejected(run.interaction, flows.label(run), why, run.tries + 1))
        _wrong(flows, run, step, now, out)
    elif locks.locked(flows.state.failed, _names(flows, run), step.lock_after, now):
        run.given = run.given | {run.part: told.secret}
        _refuse(flows, run, step, "locked", now, out)
    else:
        run.given = run.given | {run.part: told.secret}
        _judge(flows, run, step, now, out)


def unheard(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The channel said nothing of the keys."""
    step = flows.step(run, Identify)
    if run.part == CODE:
        _none(flows, run, step, now, out)
    else:
        _missed(flows, run, step, now, out)


def verified(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    """The service says whether the PIN is right."""
    if not run.ask or answer.ask != run.ask:
        return
    step, run.ask = flows.step(run, Identify), ""
    keying.forget(run, out)
    if not answer.ok:  # it counts: a service may say by an error that the PIN is wrong
        _refuse(flows, run, step, "no answer", now, out)
    elif bounded(answer.values).get(CUSTOMER) == run.variables.get(CUSTOMER):
        _proved(flows, run, step, now, out)
    else:
        out.append(Rejected(run.interaction, flows.label(run), f"wrong {PIN}", run.tries + 1))
        _wrong(flows, run, step, now, out)


def sent(flows: "Flows", run: FlowState, answer: OutsideAnswered, now: float, out: list[Do]) -> None:
    """The service has sent the code, or has not."""
    if not run.ask or answer.ask != run.ask:
        return
    step, run.ask = flows.step(run, Identify), ""
    keying.forget(run, out, keying.DROPPED)
    if not answer.ok:
        _refuse(flows, run, step, "the code could not be sent", now, out)
        return
    run.code_until = now + _code(step).valid_s
    _ask(flows, run, step, None, now, out)


def late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """A service did not answer in time."""
    out.append(AskLost(run.interaction, run.ask))
    run.ask = ""
    _refuse(flows, run, flows.step(run, Identify), "no answer", now, out)


def compared(flows: "Flows", run: FlowState, told: tuple[str, bool], now: float, out: list[Do]) -> None:
    """The channel says whether the code is the one that was sent."""
    secret, ok = told
    if secret != run.given.get(CODE):
        return
    step = flows.step(run, Identify)
    keying.forget(run, out, CODE)
    if ok:
        keying.forget(run, out)
        _proved(flows, run, step, now, out)
    else:
        out.append(Rejected(run.interaction, flows.label(run), f"wrong {CODE}", run.tries + 1))
        _wrong(flows, run, step, now, out)


def not_compared(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The channel said nothing."""
    _refuse(flows, run, flows.step(run, Identify), "not compared", now, out)


# -- asking ------------------------------------------------------------------------------------------


def _enter(run: FlowState, part: str) -> None:
    run.part, run.tries, run.no_input = part, 0, 0


def _ask(
    flows: "Flows", run: FlowState, step: Identify, first: Words | None, now: float, out: list[Do]
) -> None:
    if locks.locked(flows.state.failed, _names(flows, run), step.lock_after, now):
        _refuse(flows, run, step, "locked", now, out)
        return
    run.mode = Mode.PROVING
    if run.part == PIN:
        assert step.pin is not None  # noqa: S101  # begun only with one
        prompt, say = step.pin.prompts()[0], step.pin.say
        keys = keying.Keys(step.pin.least, step.pin.most, "#", PIN_WAIT_S, KEY_WAIT_S, TOTAL_S)
    else:
        code = _code(step)
        prompt, say = code.prompts()[0], code.say
        keys = keying.Keys(code.digits, code.digits, "#", code.wait_s, KEY_WAIT_S, code.wait_s + TOTAL_S)
    keying.ask(flows, run, keys, (prompt,) if prompt else (), now, out, say, first)


def _judge(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    names = _names(flows, run)
    if run.part == PIN:
        assert step.pin is not None  # noqa: S101  # begun only with one
        locks.count(flows.state.failed, names, step.locked_s, now)
        values = outside.values_of(flows, run, step.values) | {CUSTOMER: run.variables.get(CUSTOMER, "")}
        secrets = {PIN: run.given[PIN]}
        keying.drop(run, out)
        outside.ask(flows, run, step, step.pin.service, values, now, out, Mode.VERIFYING, secrets)
    elif now > run.code_until:
        out.append(Rejected(run.interaction, flows.label(run), "the code is too old", run.tries + 1))
        _none(flows, run, step, now, out)
    else:
        locks.count(flows.state.failed, names, step.locked_s, now)
        run.mode, run.play = Mode.COMPARING, ""
        out.append(Compare(run.interaction, run.given[CODE], run.given.get(SENT, "")))
        flows.wait(run, now + COMPARE_S)


def _send(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    """Have a code made and sent; what was sent before counts no longer."""
    code = _code(step)
    keying.forget(run, out)
    filled = outside.values_of(flows, run, code.values | {"to": code.to})
    to = filled["to"]
    failed = flows.state.failed
    if locks.locked(failed, [*_names(flows, run), _sends(run)], step.lock_after, now):
        _refuse(flows, run, step, "locked", now, out)
        return
    if not to:
        _refuse(flows, run, step, "there is nobody to send the code to", now, out)
        return
    locks.count(failed, [_sends(run)], step.locked_s, now)
    flows.answer(run, out)
    run.codes += 1
    keying.drop(run, out)
    reference = secret_name(run.interaction, run.plays + 1)
    run.plays += 1
    run.given = run.given | {SENT: reference}
    shown = "•••" + (to[-SHOWN:] if len(to) > 2 * SHOWN else "")
    out.append(
        Remarked(
            run.interaction, "one-time code", {"step": flows.label(run), "to": shown, "n": f"{run.codes}"}
        )
    )
    values = filled | {"text": code.text}
    outside.ask(flows, run, step, code.service, values, now, out, Mode.SENDING, None, reference, code.digits)


# -- outcomes ----------------------------------------------------------------------------------------


def _missed(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    run.no_input += 1
    out.append(Missed(run.interaction, flows.label(run), "", run.no_input))
    _wrong(flows, run, step, now, out)


def _none(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    """No code came, or one too old: a new one, as often as that may be."""
    run.no_input += 1
    out.append(Missed(run.interaction, flows.label(run), "", run.no_input))
    if run.codes <= _code(step).resends:
        _send(flows, run, step, now, out)
    else:
        _refuse(flows, run, step, "no code came", now, out)


def _wrong(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    proof = step.pin if run.part == PIN else step.one_time_code
    assert proof is not None  # noqa: S101  # begun only with one
    run.tries += 1
    if run.tries < proof.attempts:
        _ask(flows, run, step, Words(proof.prompts()[1], proof.wrong_say), now, out)
    else:
        _refuse(flows, run, step, "too many attempts", now, out)


def _proved(flows: "Flows", run: FlowState, step: Identify, now: float, out: list[Do]) -> None:
    """The attempt is none of the wrong ones. Those of this customer are forgotten; those from this number
    count on, or who has one account could try others for ever."""
    failed, names = flows.state.failed, _names(flows, run)
    failed.pop(names[0], None)
    if run.part == CODE:
        failed.pop(_sends(run), None)
    locks.take_back(failed, names[1:])
    by = run.variables.get(IDENTIFIED, "")
    run.variables = run.variables | {IDENTIFIED: f"{by}+{run.part}" if by else run.part}
    if run.part == PIN and step.one_time_code is not None:
        _enter(run, CODE)
        _send(flows, run, step, now, out)
        return
    out.append(Assigned(run.interaction, flows.label(run), {IDENTIFIED: run.variables[IDENTIFIED]}))
    recognise(run, run.variables.get(CUSTOMER, ""), out)
    _leave(run)
    flows.run(run, flows.index(run, step.on_known) if step.on_known else run.at + 1, now, out)


def recognise(run: FlowState, customer: str, out: list[Do]) -> None:
    """Say who it is; the next step may ask at once, before anybody has heard it. Empty: nobody known."""
    run.recognised = customer[:MOST_KEY]
    out.append(Recognised(run.interaction, run.recognised))


def _refuse(flows: "Flows", run: FlowState, step: Identify, why: str, now: float, out: list[Do]) -> None:
    keying.forget(run, out)
    details = {"step": flows.label(run), "why": why}
    out.append(Remarked(run.interaction, "not identified", details))
    run.variables = run.variables | dict.fromkeys((*run.claimed, CUSTOMER, CUSTOMER_NAME, IDENTIFIED), "")
    _leave(run)
    target = step.on_refused or step.on_unknown
    flows.run(run, flows.index(run, target) if target else run.at + 1, now, out)


def _leave(run: FlowState) -> None:
    run.claimed, run.part, run.code_until = (), "", 0.0


def _names(flows: "Flows", run: FlowState) -> list[str]:
    """What attempts are counted for: the customer, and the number that calls if it is known."""
    caller = outside.values_of(flows, run, {"caller": "{caller}"})["caller"]
    return [f"customer:{run.variables.get(CUSTOMER, '')}", *([f"caller:{caller}"] if caller else [])]


def _sends(run: FlowState) -> str:
    """What codes that are sent are counted for: who never keys them is not to be flooded with messages."""
    return f"codes:{run.variables.get(CUSTOMER, '')}"


def _code(step: Identify) -> OneTimeCode:
    assert step.one_time_code is not None  # noqa: S101  # begun only with one
    return step.one_time_code
