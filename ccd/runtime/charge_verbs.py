"""The verbs `payments` and `payment.settle`: payments that a person is to look at."""

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import facts
from ccd.runtime.asking import Args, Call, act, look
from ccd.runtime.centre import Centre
from ccd.runtime.charges import LONGEST_NOTE
from ccd.runtime.loop import Runtime
from ccd.runtime.state import OpenPayment
from ccd.runtime.views import View


class _None(Args, frozen=True):
    """A verb without arguments."""


class _Settle(Args, frozen=True):
    request: str
    note: str = ""


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about payments."""

    def row(each: OpenPayment) -> View:
        return {
            "request": each.request,
            "interaction": each.interaction,
            "at": each.at,
            "age_s": max(0.0, clock.now() - each.at),
            "amount": each.amount,
            "service": each.service,
            "result": each.result,
            "reference": each.reference,
            "why": each.why,
        }

    def payments(_asked: _None) -> list[View]:
        return [row(each) for each in centre.state.open_payments]

    async def settle(asked: _Settle, by: str) -> View:
        found = [each for each in centre.state.open_payments if each.request == asked.request]
        if not found:
            cure = "`ccctl payments list` shows those that are"
            raise Refused("payment.unknown", f"no payment {asked.request!r} is open — {cure}")
        if len(asked.note) > LONGEST_NOTE:
            raise Refused("payment.note", f"the note is over {LONGEST_NOTE} characters — make it shorter")
        shown = row(found[0])
        runtime.post(facts.PaymentSettled(asked.request, by, asked.note))
        await runtime.stored()
        return {**shown, "by": by, "note": asked.note}

    return {"payments": look(payments, _None), "payment.settle": act(settle, _Settle)}
