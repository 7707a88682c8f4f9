"""The whole centre on virtual time. Payments by card, PINs and one-time codes: what is asked, what is kept,
what is forgotten, and what may happen in the midst."""

from datetime import UTC, datetime

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.steps import AnyStep, Hangup, Menu, Set
from ccd.model.steps_pay import Pay
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules
from tests.scenario.test_centre_outside import prompts, variables
from tests.scenario.test_centre_secrets import everything

CARD, CODE = "4929123456781236", "8615"
PAID = Answers({"paid": "true", "reference": "R-77", "last4": "1236"}, after=0.5)
REFUSED = Answers({"paid": "false", "reason": "insufficient funds"}, after=0.5)
PAY = Pay(
    service="psp",
    amount="{var.amount}",
    currency="EUR",
    values={"order": "4711"},
    id="pay",
    on_paid="paid",
    on_refused="refused",
    on_given_up="given-up",
    on_failure="failed",
    timeout_s=3.0,
)
ENDS = tuple(Hangup(prompt=name, id=name) for name in ("paid", "refused", "given-up", "failed"))


def paying(amount: str = "12.50", **answers: Answers) -> SimulatedCentre:
    sim = SimulatedCentre(rules(Set(values={"amount": amount}), PAY, *ENDS))
    sim.outside.answers.update(answers)
    return sim


def expiry(sim: SimulatedCentre, months: int = 0) -> str:
    """MMYY so many months from now."""
    now = datetime.fromtimestamp(sim.now, UTC)
    whole = 12 * now.year + now.month - 1 + months
    return f"{whole % 12 + 1:02}{whole // 12 % 100:02}"


def key_card(sim: SimulatedCentre, call: str, card: str = CARD) -> None:
    sim.act(sim.voice.digit, call, card + "#")
    sim.act(sim.voice.digit, call, expiry(sim, 3))
    sim.act(sim.voice.digit, call, CODE)


# -- pay -----------------------------------------------------------------------------------------------


def test_a_card_is_keyed_charged_and_forgotten() -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    key_card(sim, call)
    assert sim.outside.got == [{"card_number": CARD, "expiry": expiry(sim, 3), "security_code": CODE}]
    (asked,) = sim.outside.asked
    request = f"1-{int(1000 * sim.now)}"
    assert asked.values == {"amount": "12.50", "currency": "EUR", "order": "4711", "request": request}
    assert prompts(sim, call)[-1] == "pay/wait"
    sim.run(0.5 - TICK)
    assert repr(sim.voice.secrets) == "<3 secrets>"
    sim.run(TICK)
    assert repr(sim.voice.secrets) == "<0 secrets>", "at once, not only when the call ends"
    assert prompts(sim, call) == ["pay/card", "pay/expiry", "pay/security-code", "pay/wait", "paid"]
    kept = {name: value for name, value in variables(sim, call).items() if name.startswith("payment_")}
    assert kept == {
        "payment_result": "paid",
        "payment_reference": "R-77",
        "payment_last4": "1236",
        "payment_reason": "",
    }
    assert CARD not in everything(sim)
    sim.check_replay()


def test_keys_pressed_while_the_service_is_asked_are_for_nobody() -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    key_card(sim, call)
    sim.act(sim.voice.digit, call, CARD)
    sim.run(0.6)
    assert not [fact for fact in sim.facts if isinstance(fact, facts.DigitPressed)]
    assert CARD not in everything(sim)
    assert prompts(sim, call)[-1] == "paid"


def test_keys_count_again_after_it() -> None:
    steps: tuple[AnyStep, ...] = (
        msgspec.structs.replace(PAY, amount="1", on_paid="menu"),
        Menu(prompt="more", choices={"1": "refused"}, id="menu"),
        *ENDS,
    )
    sim = SimulatedCentre(rules(*steps))
    sim.outside.answers["psp"] = PAID
    call = sim.call()
    key_card(sim, call)
    sim.run(0.6)
    sim.act(sim.voice.digit, call, "1")
    assert prompts(sim, call)[-1] == "refused"


@pytest.mark.parametrize(
    ("answer", "end", "result"),
    [
        (Answers({"paid": "perhaps"}), "failed", "unknown"),
        (Answers({}), "failed", "unknown"),
        (Answers(ok=False, note="status 500"), "failed", "unknown"),
        (Answers({"paid": "true"}, after=3.0 + TICK), "failed", "unknown"),
        (Answers({"paid": "true"}, after=3.0 - TICK), "paid", "paid"),
    ],
)
def test_each_answer_has_its_end_and_is_asked_for_once(answer: Answers, end: str, result: str) -> None:
    sim = paying(psp=answer)
    call = sim.call()
    key_card(sim, call)
    sim.run(min(answer.after, 3.0) + TICK)
    assert prompts(sim, call)[-1] == end
    assert variables(sim, call)["payment_result"] == result
    assert len(sim.outside.asked) == 1 and repr(sim.voice.secrets) == "<0 secrets>"
    sim.run(0.5)
    assert prompts(sim, call)[-1] == end, "what comes late changes nothing"
    sim.check_replay()


def test_a_refused_card_is_asked_for_again_as_often_as_that_may_be() -> None:
    sim = paying(psp=REFUSED)
    call = sim.call()
    key_card(sim, call)
    sim.run(0.6)
    assert prompts(sim, call)[-2:] == ["pay/refused", "pay/card"]
    key_card(sim, call)
    sim.run(0.6)
    assert prompts(sim, call)[-1] == "refused"
    assert variables(sim, call)["payment_reason"] == "insufficient funds"
    assert len({asked.values["request"] for asked in sim.outside.asked}) == 2


def test_bad_keys_are_asked_for_again_then_given_up() -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    sim.act(sim.voice.digit, call, "4929123456781232#")
    assert prompts(sim, call)[-2:] == ["pay/again", "pay/card"]
    sim.act(sim.voice.digit, call, "492#")
    sim.act(sim.voice.digit, call, CARD + "#")
    assert prompts(sim, call)[-1] == "pay/expiry", "the last try counts"
    for keys in (expiry(sim, -2), "1399", "12#"):
        assert "given-up" not in prompts(sim, call)
        sim.act(sim.voice.digit, call, keys)
    assert prompts(sim, call)[-1] == "given-up"
    assert sim.outside.asked == [] and repr(sim.voice.secrets) == "<0 secrets>"
    assert variables(sim, call)["payment_result"] == "none"
    sim.check_replay()


def test_who_keys_nothing_is_asked_three_times() -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    sim.run(80)
    assert prompts(sim, call).count("pay/card") == 3 and prompts(sim, call)[-1] == "given-up"


@pytest.mark.parametrize("months", [0, 1, 240])
def test_a_card_is_good_in_its_last_month(months: int) -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    sim.act(sim.voice.digit, call, CARD + "#")
    sim.act(sim.voice.digit, call, expiry(sim, months))
    assert prompts(sim, call)[-1] == "pay/security-code"


@pytest.mark.parametrize("amount", ["", "0", "0.00", "-3", "12,50", "1e3", "x" * 90, "12.5555"])
def test_what_is_no_amount_is_never_asked_for(amount: str) -> None:
    sim = paying(amount, psp=PAID)
    call = sim.call()
    sim.run(0.1)
    assert prompts(sim, call) == ["failed"] and sim.outside.asked == []
    assert variables(sim, call)["payment_result"] == "none"


def test_on_a_text_channel_no_card_is_asked_for() -> None:
    sim = paying(psp=PAID)
    sim.act(sim.web.arrive, "web:1", "web:support")
    sim.run(1)
    assert sim.outside.asked == [] and not sim.performed(cmd.CollectSecret)


@pytest.mark.parametrize("digits", [0, 5, 17, 21, 25])
def test_who_hangs_up_in_the_midst_takes_it_along(digits: int) -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    for key in (CARD + "#" + expiry(sim, 3) + CODE)[:digits]:
        sim.act(sim.voice.digit, call, key)
    sim.hang_up(call)
    sim.run(5)
    assert repr(sim.voice.secrets) == "<0 secrets>"
    assert sim.centre.state.interactions == {} and sim.centre.flows.state.running == {}
    sim.check_replay()


def test_a_restart_while_the_service_is_asked_ends_the_call() -> None:
    sim = paying(psp=PAID)
    call = sim.call()
    key_card(sim, call)
    sim.restart()
    sim.run(5)
    assert CARD not in everything(sim) and not sim.centre.state.interactions


def test_the_same_answer_twice_counts_once() -> None:
    sim = paying(psp=msgspec.structs.replace(REFUSED, times=3))
    call = sim.call()
    key_card(sim, call)
    sim.run(0.6)
    assert prompts(sim, call)[-1] == "pay/card"
    assert sim.centre.flows.state.running[sim.interaction_of(call)].tries == 1


def test_of_an_answer_only_harmless_fields_become_variables() -> None:
    wild = {"paid": "true", "last4": "92912", "language": "xx", "customer": "9", "priority": "999"}
    sim = paying(psp=Answers(wild))
    call = sim.call()
    key_card(sim, call)
    sim.run(0.6)
    kept = variables(sim, call)
    assert kept["payment_last4"] == "" and not {"language", "customer", "priority"} & kept.keys()
