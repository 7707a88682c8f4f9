"""The whole centre on virtual time. Payments by card, PINs and one-time codes: what is asked, what is kept,
what is forgotten, and what may happen in the midst."""

import logging
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.facts import OutsideAnswered
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.steps import AnyStep, Hangup, Menu, Set
from ccd.model.steps_outside import Identify
from ccd.model.steps_pay import Pay
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules, whats
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


# -- PIN -----------------------------------------------------------------------------------------------

ANNA = {"customer": "77", "customer_name": "Anna", "mobile": "+33611223344"}
FOUND = (Hangup(prompt="known", id="known"), Hangup(prompt="refused", id="refused"))
BY_PIN = Identify(
    caller_service="crm",
    pin=Pin("pins"),
    on_known="known",
    on_refused="refused",
    lock_after=5,
    locked_s=600.0,
    timeout_s=2.0,
    id="who",
)
RIGHT, WRONG = Answers({"customer": "77"}), Answers({})


def proving(step: Identify, **answers: Answers) -> SimulatedCentre:
    sim = SimulatedCentre(rules(step, *FOUND))
    sim.outside.answers.update({"crm": Answers(ANNA)} | answers)
    return sim


def try_pin(sim: SimulatedCentre, call: str, pin: str = "9172") -> None:
    sim.act(sim.voice.digit, call, pin + "#")
    sim.run(0.2)


def test_the_right_pin_makes_the_customer_known() -> None:
    sim = proving(BY_PIN, pins=RIGHT)
    call = sim.call()
    sim.run(0.2)
    assert prompts(sim, call) == ["identify/pin"]
    assert variables(sim, call)["identified"] == ""
    sim.act(sim.voice.digit, call, "9172#")
    assert sim.outside.got[-1] == {"pin": "9172"}
    assert sim.outside.asked[-1].values == {"customer": "77"}
    sim.run(0.2)
    assert prompts(sim, call)[-1] == "known" and variables(sim, call)["identified"] == "pin"
    assert repr(sim.voice.secrets) == "<0 secrets>" and "9172" not in everything(sim)
    assert sim.centre.flows.state.failed == {}
    sim.check_replay()


@pytest.mark.parametrize("answer", [WRONG, Answers({"customer": "78"}), Answers({"ok": "true"})])
def test_a_wrong_pin_is_asked_for_again_then_nobody_is_known(answer: Answers) -> None:
    sim = proving(BY_PIN, pins=answer)
    call = sim.call()
    sim.run(0.2)
    for _ in range(2):
        try_pin(sim, call)
        assert prompts(sim, call)[-2:] == ["identify/wrong", "identify/pin"]
    try_pin(sim, call)
    assert prompts(sim, call)[-1] == "refused"
    assert not any(variables(sim, call).values()), "nothing of who it was not"
    sim.check_replay()
    sim.hang_up(call)
    assert "not identified" in whats(sim, call)


def test_too_many_wrong_pins_in_whatever_calls_lock_the_customer_and_the_number() -> None:
    sim = proving(BY_PIN, pins=WRONG)
    for tries in (3, 2):
        call = sim.call()
        sim.run(0.2)
        for _ in range(tries):
            try_pin(sim, call)
        if tries == 2:
            assert prompts(sim, call)[-1] == "refused", "locked before its third attempt"
        sim.hang_up(call)
    assert set(sim.centre.flows.state.failed) == {"customer:77", "caller:+33612345678"}
    locked_at = sim.now - 0.2
    sim.check_replay()
    sim.restart()
    sim.outside.answers["pins"] = RIGHT
    other = sim.call(origin="+33699999999")
    sim.run(0.2)
    assert prompts(sim, other)[-1] == "refused", "the customer, from whatever number; after a restart too"
    sim.hang_up(other)
    sim.run(locked_at + 600.0 - sim.now + 1)
    late = sim.call()
    sim.run(0.2)
    try_pin(sim, late)
    assert prompts(sim, late)[-1] == "known"


@pytest.mark.parametrize(("later_s", "end"), [(-TICK, "refused"), (TICK, "identify/pin")])
def test_the_lock_ends_to_the_tick(later_s: float, end: str) -> None:
    step = msgspec.structs.replace(BY_PIN, lock_after=1)
    sim = proving(step, pins=WRONG)
    call = sim.call()
    sim.run(0.2)
    sim.act(sim.voice.digit, call, "9172#")
    began = sim.now
    sim.run(1)
    sim.hang_up(call)
    sim.run(began + 600.0 - sim.now + later_s - 0.1)
    again = sim.call()
    sim.run(0.1)
    assert prompts(sim, again)[-1] == end


def test_who_has_an_account_cannot_try_others_for_ever() -> None:
    """One's own right PIN takes no wrong ones away from the number."""
    sim = proving(BY_PIN, pins=WRONG)
    call = sim.call()
    sim.run(0.2)
    try_pin(sim, call)
    sim.outside.answers["pins"] = RIGHT
    try_pin(sim, call)
    assert prompts(sim, call)[-1] == "known"
    assert {name: each.count for name, each in sim.centre.flows.state.failed.items()} == {
        "caller:+33612345678": 1
    }


@pytest.mark.parametrize("answer", [Answers(ok=False), Answers({"customer": "77"}, after=2.0 + TICK)])
def test_a_service_that_fails_lets_nobody_in_and_is_no_way_around_the_limit(answer: Answers) -> None:
    sim = proving(BY_PIN, pins=answer)
    call = sim.call()
    sim.run(0.2)
    sim.act(sim.voice.digit, call, "9172#")
    sim.run(2.0)
    assert prompts(sim, call)[-1] == "refused"
    assert sim.centre.flows.state.failed["customer:77"].count == 1


def test_many_calls_at_once_are_no_way_around_the_limit() -> None:
    sim = proving(
        msgspec.structs.replace(BY_PIN, lock_after=2), pins=msgspec.structs.replace(WRONG, after=1.5)
    )
    calls = [sim.call(origin=f"+3361234567{n}") for n in range(5)]
    sim.run(0.2)
    for call in calls:
        sim.act(sim.voice.digit, call, "9172#")
    sim.run(5)
    assert len([asked for asked in sim.outside.asked if asked.service == "pins"]) == 2


# -- one-time code -----------------------------------------------------------------------------------

BY_CODE = msgspec.structs.replace(
    BY_PIN,
    pin=None,
    one_time_code=OneTimeCode("sms", "{var.mobile}", "Your code is {code}.", valid_s=100.0, resends=1),
)


def code_of(sim: SimulatedCentre) -> str:
    return next(got["code"] for got in reversed(sim.outside.got) if "code" in got)


def test_the_code_that_was_sent_makes_the_customer_known() -> None:
    sim = proving(BY_CODE, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    asked = sim.outside.asked[-1]
    assert asked.values == {"to": "+33611223344", "text": "Your code is {code}."} and asked.new_code
    code = code_of(sim)
    assert len(code) == 6 and prompts(sim, call) == ["identify/code"]
    sim.act(sim.voice.digit, call, code)
    assert prompts(sim, call)[-1] == "known" and variables(sim, call)["identified"] == "code"
    assert repr(sim.voice.secrets) == "<0 secrets>" and code not in everything(sim)
    record = sim.centre.history.record("1")
    assert record is not None
    note = next(note for note in record.timeline if note.what == "one-time code")
    assert note.details["to"] == "•••44"
    sim.check_replay()


@pytest.mark.parametrize(("later_s", "end"), [(-TICK, "known"), (TICK, "identify/code")])
def test_a_code_counts_until_its_time_is_up(later_s: float, end: str) -> None:
    step = msgspec.structs.replace(
        BY_CODE, one_time_code=OneTimeCode("sms", "{var.mobile}", valid_s=20.0, wait_s=60.0)
    )
    sim = proving(step, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    code = code_of(sim)
    sim.run(20.0 + later_s)
    sim.act(sim.voice.digit, call, code)
    sim.run(0.2)
    assert prompts(sim, call)[-1] == end
    assert (code_of(sim) == code) == (end == "known"), "a new one is sent"


def test_a_wrong_code_is_asked_for_again_then_nobody_is_known() -> None:
    sim = proving(BY_CODE, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    wrong = f"{(int(code_of(sim)) + 1) % 10**6:06}"
    for _ in range(3):
        assert prompts(sim, call)[-1] == "identify/code"
        sim.act(sim.voice.digit, call, wrong)
    assert prompts(sim, call)[-1] == "refused"
    assert sim.centre.flows.state.failed["customer:77"].count == 3
    assert wrong not in everything(sim)
    sim.check_replay()


def test_a_new_code_is_sent_once_and_the_old_one_counts_no_longer() -> None:
    sim = proving(BY_CODE, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    old = code_of(sim)
    sim.act(sim.voice.digit, call, "0#")
    sim.run(0.2)
    assert code_of(sim) != old
    sim.act(sim.voice.digit, call, old)
    assert prompts(sim, call)[-1] == "identify/code"
    sim.act(sim.voice.digit, call, "0#")
    assert prompts(sim, call)[-1] == "refused"
    assert len([asked for asked in sim.outside.asked if asked.new_code]) == 2


def test_codes_that_nobody_keys_are_sent_so_often_at_most() -> None:
    sim = proving(BY_CODE, sms=Answers({}))
    for number in range(4):
        call = sim.call(origin=f"+3361234567{number}")
        sim.run(0.3)
        sim.act(sim.voice.digit, call, "0#")
        sim.run(0.3)
        sim.hang_up(call)
    assert len([asked for asked in sim.outside.asked if asked.new_code]) == BY_CODE.lock_after
    sim.check_replay()


@pytest.mark.parametrize("mobile", ["", "+33611223344"])
def test_a_code_that_cannot_be_sent_lets_nobody_in(mobile: str) -> None:
    sim = proving(BY_CODE, crm=Answers({"customer": "77", "mobile": mobile}), sms=Answers(ok=False))
    call = sim.call()
    sim.run(0.3)
    assert prompts(sim, call) == ["refused"]


def test_a_pin_and_a_code_say_so_both() -> None:
    sim = proving(msgspec.structs.replace(BY_CODE, pin=Pin("pins")), pins=RIGHT, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    try_pin(sim, call)
    assert prompts(sim, call)[-1] == "identify/code" and variables(sim, call)["identified"] == "pin"
    sim.act(sim.voice.digit, call, code_of(sim))
    assert prompts(sim, call)[-1] == "known" and variables(sim, call)["identified"] == "pin+code"


def test_keys_that_nobody_keeps_are_no_code() -> None:
    sim = proving(BY_CODE, sms=Answers({}))
    call = sim.call()
    sim.run(0.2)
    leg = sim.voice.legs[call]
    secret = leg.secret
    assert secret is not None
    leg.secret = None
    sim.tell(facts.SecretCollected(call, secret.command.secret, 6, True))
    sim.tell(facts.SecretsCompared(call, "secret:1.s99", True))
    assert prompts(sim, call)[-1] == "identify/code" and variables(sim, call)["identified"] == ""


# -- whatever happens ----------------------------------------------------------------------------------

BOTH = msgspec.structs.replace(BY_CODE, pin=Pin("pins"), on_known="pay", on_refused="failed")
LONG_PIN = "58204617"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    card=st.sampled_from(["4929123456781236", "378282246310005", "4929123456781239"]),
    answers=st.lists(
        st.sampled_from([PAID, REFUSED, Answers(ok=False), Answers({})]), min_size=3, max_size=3
    ),
    right=st.booleans(),
    script=st.lists(
        st.sampled_from(["pin", "code", "card", "expiry", "cvv", "*", "#", "0#", "wait"]), max_size=10
    ),
    leaves=st.booleans(),
)
def test_whatever_is_keyed_in_whatever_order_it_is_nowhere(
    caplog: pytest.LogCaptureFixture,
    card: str,
    answers: list[Answers],
    right: bool,
    script: list[str],
    leaves: bool,
) -> None:
    """No card, PIN or code is in any fact, command, record, snapshot, view or line of the log."""
    caplog.set_level(logging.DEBUG)
    sim = SimulatedCentre(rules(BOTH, msgspec.structs.replace(PAY, amount="3.20"), *ENDS))
    sim.outside.answers.update(crm=Answers(ANNA), sms=Answers({}), pins=RIGHT if right else WRONG)
    call = sim.call(origin="")
    sim.run(0.2)
    said = ""
    keys = {"pin": LONG_PIN, "card": card + "#", "expiry": expiry(sim, 5), "cvv": CODE}
    for number, word in enumerate(["pin", "code", *script]):
        sim.outside.answers["psp"] = answers[number % 3]
        if word == "wait":
            sim.run(12)
            continue
        code = code_of(sim) if any("code" in got for got in sim.outside.got) else ""
        for key in keys.get(word, code if word == "code" else word):
            one = sim.voice.legs.get(call)
            if one is not None and one.secret is not None:  # secret from before the prompt until all is over
                sim.act(sim.voice.digit, call, key)
        sim.run(0.3)
    if leaves and call in sim.voice.legs:
        sim.hang_up(call)
        assert repr(sim.voice.secrets) == "<0 secrets>"
    said = everything(sim) + caplog.text
    codes = [got["code"] for got in sim.outside.got if got.get("code")]
    for secret in (card, LONG_PIN, *codes):
        assert secret not in said
    assert not [fact for fact in sim.facts if isinstance(fact, facts.DigitPressed)]
    sim.replayed()


def test_an_answer_for_another_question_changes_nothing() -> None:
    sim = proving(BY_PIN)
    call = sim.call()
    sim.run(0.2)
    sim.act(sim.voice.digit, call, "9172#")
    for ask in ("1.a1", "1.a9", ""):
        sim.tell(OutsideAnswered("1", ask, True, {"customer": "77"}))
    assert prompts(sim, call)[-1] == "identify/pin"
    assert variables(sim, call)["identified"] == ""
