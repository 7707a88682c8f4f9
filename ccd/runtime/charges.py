"""Payments that a service was asked for: none of them is lost sight of, whoever hangs up meanwhile.

A flow asks, and as a rule hears what came of it. Where it does not (the customer hung up, an agent took the
call, the daemon was restarted), the interaction stays open until the service has answered, so that the answer
stands in its record. What a person must look at is remembered, and alarms until somebody says that it is
settled: who paid and was gone, and where nobody but the service knows whether the card was charged.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ccd.bridging.state import Phase
from ccd.history.explain import PAYMENT, PAYMENT_ASKED
from ccd.ivr import do
from ccd.ivr.paying import PAID, REFUSED, UNKNOWN, result_of
from ccd.model import facts
from ccd.runtime import recalls
from ccd.runtime.state import Charge, Interaction, OpenPayment

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

GRACE_S: Final = 2.0
"""After its time limit a question may still be answered: the channel counts from a moment later."""
MOST_OPEN: Final = 200
"""Remembered; then the oldest goes. Its record keeps it."""
GONE, ELSEWHERE = "the customer had hung up", "the flow had ended"
RESTARTED, LATE = "the daemon was restarted", "the answer came late"
LONGEST_NOTE: Final = 200
"""Characters of what a service, or a person, says of a payment."""
MOST_ALARMS: Final = 5
"""Shown one by one; a service that is down must not hide everything else."""


# -- what the flow tells ---------------------------------------------------------------------------


def asked(centre: "Centre", want: do.ChargeAsked) -> None:
    """A payment is asked for: its answer is awaited from now on, by whomever."""
    info, talk = centre.state.interactions.get(want.interaction), centre.talks.get(want.interaction)
    if info is None or talk is None:
        return
    until = centre.now + want.timeout_s + GRACE_S
    money = f"{want.amount} {want.currency}"
    info.charges = info.charges | {
        want.ask: Charge(want.service, want.request, money, until, want.recall_queue)
    }
    talk.settles_by = max(talk.settles_by, until)
    centre.history.note(
        info.id, centre.now, PAYMENT_ASKED, service=want.service, amount=money, request=want.request
    )


def over(centre: "Centre", want: do.ChargeOver) -> None:
    """The flow heard what came of it, or waits no longer."""
    info = centre.state.interactions.get(want.interaction)
    if info is not None:
        _settle(centre, info, want.ask, want.result, want.reference, want.reason)


# -- what the flow does not hear -------------------------------------------------------------------


def unheard(centre: "Centre", fact: facts.OutsideAnswered) -> None:
    """An answer that no flow waits for: of a payment it counts all the same."""
    result, told = result_of(fact), fact.values if fact.ok else {}
    reference, why = told.get("reference", ""), told.get("reason", "") or fact.note
    info = centre.state.interactions.get(fact.interaction)
    if info is not None and fact.ask in info.charges:
        talk = centre.talks.get(info.id)
        gone = talk is None or talk.phase is Phase.ENDING
        _settle(centre, info, fact.ask, result, reference, why, GONE if gone else ELSEWHERE)
        return
    centre.state.open_payments = [
        msgspec.structs.replace(each, result=result, reference=reference[:LONGEST_NOTE], why=LATE)
        if each.ask == fact.ask and each.result == UNKNOWN and result != UNKNOWN
        else each
        for each in centre.state.open_payments
    ]


def closed(centre: "Centre", info: Interaction) -> None:
    """The interaction is over: what still stands is not known."""
    for ask in list(info.charges):
        _settle(centre, info, ask, UNKNOWN, "", "no answer", GONE)


def restarted(centre: "Centre") -> None:
    """Questions ended with the former process, and so did calls."""
    for info in list(centre.state.interactions.values()):
        for ask in list(info.charges):
            _settle(centre, info, ask, UNKNOWN, "", "no answer", RESTARTED)


def settled(centre: "Centre", fact: facts.PaymentSettled) -> None:
    """Somebody has looked at it: no alarm any more. The fact itself says who and how."""
    centre.state.open_payments = [each for each in centre.state.open_payments if each.request != fact.request]


def alarms(centre: "Centre") -> list[tuple[str, str, str]]:
    """What alarms: the kind of thing, the interaction, and why."""
    found, shown = centre.state.open_payments, []
    for each in found[-MOST_ALARMS:]:
        what = "payment unknown" if each.result == UNKNOWN else "paid, customer not told"
        named = [f"{each.amount} by {each.service}", f"request {each.request}", each.reference, each.why]
        shown.append((what, each.interaction, ", ".join(name for name in named if name)))
    if len(found) > MOST_ALARMS:
        shown.append(("payments open", "", f"{len(found)} in all, see `ccctl payments list`"))
    return shown


# -- within ----------------------------------------------------------------------------------------


def _settle(
    centre: "Centre", info: Interaction, ask: str, result: str, reference: str, why: str, missed: str = ""
) -> None:
    """`missed`: why its flow did not hear of it; empty: it did."""
    charge = info.charges.get(ask)
    if charge is None:
        return
    info.charges = {name: each for name, each in info.charges.items() if name != ask}
    said = {"reference": reference[:LONGEST_NOTE], "why": why[:LONGEST_NOTE], "but": missed}
    told = {name: value for name, value in said.items() if value}
    centre.history.note(
        info.id, centre.now, PAYMENT, result=result, amount=charge.amount, request=charge.request, **told
    )
    if result == UNKNOWN or (result == PAID and missed):
        reason = ", ".join(each for each in (why, missed) if each)[:LONGEST_NOTE]
        found = OpenPayment(
            centre.now, ask, info.id, charge.service, charge.amount, charge.request, result,
            reference[:LONGEST_NOTE], reason,
        )  # fmt: skip
        centre.state.open_payments = [*centre.state.open_payments[-(MOST_OPEN - 1) :], found]
    if missed in (GONE, RESTARTED) and result != REFUSED and charge.recall_queue:
        _recall(centre, info, charge, result, reference)
    talk = centre.talks.get(info.id)
    if talk is not None:
        talk.settles_by = max((each.until for each in info.charges.values()), default=0.0)
        centre.talks.close_if_done(talk)


def _recall(centre: "Centre", info: Interaction, charge: Charge, result: str, reference: str) -> None:
    """Somebody calls back, and sees why."""
    recall = recalls.keep(centre, info, charge.recall_queue)
    if recall is not None:
        words = [charge.amount, result, reference, charge.request]
        recall.screen = {"payment": ", ".join(word for word in words if word)}
        record = centre.history.record(recall.id)
        if record is not None:
            record.screen = recall.screen


WANTS: dict[type, Callable[["Centre", Any], None]] = {
    do.ChargeAsked: asked,
    do.ChargeOver: over,
}
"""What each want of the step `pay` does."""
