"""The whole centre on virtual time. PINs and one-time codes: who gets in, who does not, and for how long; and
that nothing of what is keyed in secret is anywhere."""

import logging

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.model import facts
from ccd.model.facts import OutsideAnswered
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.steps import Hangup
from ccd.model.steps_outside import Identify
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules, whats
from tests.scenario.test_centre_outside import prompts, variables
from tests.scenario.test_centre_payments import CODE, ENDS, PAID, PAY, REFUSED, expiry
from tests.scenario.test_centre_secrets import everything

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


def known_as(sim: SimulatedCentre, call: str) -> str:
    """Who the centre takes the caller for, beyond this flow."""
    return sim.centre.state.interactions[sim.interaction_of(call)].identified


def try_pin(sim: SimulatedCentre, call: str, pin: str = "9172") -> None:
    sim.act(sim.voice.digit, call, pin + "#")
    sim.run(0.2)


def test_the_right_pin_makes_the_customer_known() -> None:
    sim = proving(BY_PIN, pins=RIGHT)
    call = sim.call()
    sim.run(0.2)
    assert prompts(sim, call) == ["identify/pin"]
    assert variables(sim, call)["identified"] == "" and known_as(sim, call) == ""
    sim.act(sim.voice.digit, call, "9172#")
    assert sim.outside.got[-1] == {"pin": "9172"}
    assert sim.outside.asked[-1].values == {"customer": "77"}
    sim.run(0.2)
    assert prompts(sim, call)[-1] == "known" and variables(sim, call)["identified"] == "pin"
    assert known_as(sim, call) == "77"
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
    assert known_as(sim, call) == ""
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
