"""The whole centre on virtual time. Who hangs up while a card is charged: nothing charged is invisible."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.runtime.charges import ELSEWHERE, GONE, GRACE_S, LATE, MOST_OPEN, RESTARTED
from ccd.runtime.troubles import alarms
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules, whats
from tests.scenario.test_centre_payments import CARD, ENDS, PAID, PAY, REFUSED, key_card
from tests.scenario.test_centre_secrets import everything


def paying(answer: Answers | None, recall_queue: str = "") -> SimulatedCentre:
    pay = msgspec.structs.replace(PAY, amount="12.50", recall_queue=recall_queue)
    sim = SimulatedCentre(rules(pay, *ENDS, callback=CallbackRule(recall_after_s=60.0)))
    if answer is not None:
        sim.outside.answers["psp"] = answer
    return sim


def charged(sim: SimulatedCentre) -> tuple[str, str]:
    """A call whose card is being charged; its leg, and the request."""
    call = sim.call()
    key_card(sim, call)
    return call, f"1-{int(1000 * sim.now)}"


def payment(sim: SimulatedCentre, call: str) -> dict[str, Any]:
    record = sim.centre.history.record(sim.interaction_of(call)) or sim.record(call)
    (note,) = [note for note in record.timeline if note.what == "payment"]
    return note.details


def shown(sim: SimulatedCentre) -> list[tuple[str, str]]:
    found = alarms(sim.centre, sim.now)
    return [(each["what"], each["why"]) for each in found if each["what"].startswith("pa")]


def test_the_answer_that_comes_after_the_customer_is_in_the_record() -> None:
    sim = paying(PAID)
    call, request = charged(sim)
    sim.hang_up(call)
    assert sim.centre.state.interactions, "it is not closed before its money is accounted for"
    sim.run(0.5)
    assert sim.centre.state.interactions == {}
    told = {"amount": "12.50 EUR", "request": request, "reference": "R-77", "but": GONE}
    assert payment(sim, call) == {"result": "paid", **told}
    record = sim.record(call)
    assert record.ended_at < sim.now, "the call was over when its customer hung up"
    lines = "\n".join(explain(record))
    assert f"payment asked: service psp, amount 12.50 EUR, request {request}" in lines
    assert f"payment: result paid, amount 12.50 EUR, request {request}, reference R-77, but {GONE}" in lines
    assert CARD not in everything(sim)
    sim.check_replay()


def test_an_alarm_stands_until_somebody_has_looked_at_it() -> None:
    sim = paying(PAID)
    call, request = charged(sim)
    sim.hang_up(call)
    sim.run(86_400)
    why = f"12.50 EUR by psp, request {request}, R-77, {GONE}"
    assert shown(sim) == [("paid, customer not told", why)]
    sim.tell(facts.PaymentSettled("another", "ccctl:test"))
    assert len(shown(sim)) == 1
    sim.tell(facts.PaymentSettled(request, "ccctl:test", "refunded"))
    assert shown(sim) == []
    sim.check_replay()


def test_a_payment_that_its_customer_heard_of_alarms_nobody() -> None:
    for answer in (PAID, REFUSED):
        sim = paying(answer)
        call, _ = charged(sim)
        sim.run(0.6)
        sim.hang_up(call)
        sim.run(60)
        assert payment(sim, call)["result"] == ("paid" if answer is PAID else "refused")
        assert "but" not in payment(sim, call) and shown(sim) == []


def test_a_refused_card_of_one_who_is_gone_is_told_and_alarms_nobody() -> None:
    sim = paying(REFUSED, recall_queue="sales")
    call, _ = charged(sim)
    sim.hang_up(call)
    sim.run(5)
    assert payment(sim, call)["why"] == "insufficient funds" and payment(sim, call)["but"] == GONE
    assert shown(sim) == [] and "recall kept" not in whats(sim, call)


@pytest.mark.parametrize("answer", [None, Answers(ok=False, note="status 500"), Answers({"paid": "perhaps"})])
def test_where_only_the_service_knows_it_alarms_whether_the_customer_is_there_or_not(
    answer: Answers | None,
) -> None:
    for stays in (True, False):
        sim = paying(answer)
        call, request = charged(sim)
        if not stays:
            sim.hang_up(call)
        sim.run(3.0 + GRACE_S - TICK)
        assert stays or bool(sim.centre.state.interactions) is (answer is None)
        sim.run(2 * TICK)
        assert sim.centre.state.interactions == {} or stays
        ((what, why),) = shown(sim)
        assert what == "payment unknown" and request in why and (GONE in why) is not stays
        sim.run(60)
        assert payment(sim, call)["result"] == "unknown"
        sim.check_replay()


def test_an_answer_that_comes_when_all_is_over_still_corrects_what_is_open() -> None:
    sim = paying(msgspec.structs.replace(PAID, after=30.0, times=2))
    call, request = charged(sim)
    sim.hang_up(call)
    sim.run(20)
    assert payment(sim, call)["result"] == "unknown"
    sim.run(20)
    assert shown(sim) == [("paid, customer not told", f"12.50 EUR by psp, request {request}, R-77, {LATE}")]
    sim.check_replay()


def test_the_same_answer_twice_counts_once() -> None:
    sim = paying(msgspec.structs.replace(PAID, times=3))
    call, _ = charged(sim)
    sim.hang_up(call)
    sim.run(5)
    assert payment(sim, call)["result"] == "paid" and len(shown(sim)) == 1


def test_a_restart_in_the_midst_leaves_it_unknown() -> None:
    for gone in (False, True):
        sim = paying(PAID)
        call, request = charged(sim)
        if gone:
            sim.hang_up(call)
        sim.restart()
        sim.run(TICK)
        assert payment(sim, call)["result"] == "unknown" and payment(sim, call)["but"] == RESTARTED
        assert [what for what, _ in shown(sim)] == ["payment unknown"]
        assert sim.centre.state.open_payments[0].request == request
        sim.run(20)
        assert not sim.centre.state.interactions
        sim.check_replay()


def test_a_flow_that_was_left_meanwhile_does_not_hide_it() -> None:
    """However that may come about."""
    sim = paying(PAID)
    call, _ = charged(sim)
    sim.centre.flows.stop("1", sim.now)
    sim.run(0.5)
    assert payment(sim, call)["but"] == ELSEWHERE and len(shown(sim)) == 1


def test_whoever_paid_and_was_gone_is_called_back_where_that_is_set() -> None:
    sim = paying(PAID, recall_queue="sales")
    sim.login("ann")
    call, request = charged(sim)
    sim.hang_up(call)
    sim.run(0.5)
    assert "recall kept" in whats(sim, call)
    (recall,) = sim.centre.state.interactions.values()
    assert recall.callback is not None and recall.callback.recall_of == "1" and recall.queue == "sales"
    assert recall.screen == {"payment": f"12.50 EUR, paid, R-77, {request}"}
    sim.run(61)
    assert sim.centre.talks.state.talks[recall.id].agent is not None, "an agent calls, and sees why"
    sim.check_replay()


def test_of_many_the_newest_are_kept_and_few_are_shown() -> None:
    sim = paying(None)
    for _ in range(MOST_OPEN + 3):
        call = sim.call()
        key_card(sim, call)
        sim.hang_up(call)
        sim.run(6)
    assert len(sim.centre.state.open_payments) == MOST_OPEN
    assert [what for what, _ in shown(sim)] == [*["payment unknown"] * 5, "payments open"]
    assert f"{MOST_OPEN} in all" in shown(sim)[-1][1]
