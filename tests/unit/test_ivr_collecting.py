"""The step `collect`: terminators, limits, times at each deadline and a tick each side; secret keys."""

import pytest

from ccd.ivr.do import Assigned, CollectSecretly, Do, Missed, PlayParts, Rejected
from ccd.ivr.flows import Flows
from ccd.ivr.keying import SECRET_LIMIT_S
from ccd.ivr.scripts import PLAY_LIMIT_S
from ccd.model import rules as model
from ccd.model.nouns import LegKind
from ccd.model.steps import Play
from ccd.model.steps_keys import Collect

T0, TICK = 1000.0, 0.001
AFTER = (
    Play(prompts=("next",), id="next"),
    Play(prompts=("none",), id="none"),
    Play(prompts=("bad",), id="bad"),
)


def begin(kind: LegKind = LegKind.AUDIO, **keys: object) -> tuple[Flows, list[Do]]:
    step = Collect(variable="v", **keys)  # type: ignore[arg-type]
    flow = model.FlowRule(name="f", steps=(step, *AFTER))
    flows = Flows(model.Rules(flows={"f": flow}))
    return flows, flows.start("7", "f", T0, "en", kind=kind)


def press(flows: Flows, keys: str, now: float = T0) -> list[Do]:
    out: list[Do] = []
    for key in keys:
        out += flows.digit("7", key, now)
    return out


def said(out: list[Do]) -> list[str]:
    return [part.name for do in out if isinstance(do, PlayParts) for part in do.parts]


def where(flows: Flows) -> str:
    return flows.where("7").removeprefix("f/")


@pytest.mark.parametrize(
    ("keys", "pressed", "value"),
    [
        ({}, "12#", "12"),
        ({}, "9*12#", "12"),
        ({"most": 3}, "123", "123"),
        ({"terminator": "*"}, "12*", "12"),
        ({"terminator": "*"}, "1#2*", "12"),
        ({"terminator": "", "most": 2}, "1#2", "12"),
        ({}, "1A2#", "12"),
        ({"valid": "date:DDMMYYYY", "most": 8}, "24122026", "2026-12-24"),
        ({"valid": "phone:FR"}, "0612345678#", "+33612345678"),
    ],
)
def test_what_is_kept(keys: dict[str, object], pressed: str, value: str) -> None:
    flows, _ = begin(**keys)
    out = press(flows, pressed)
    assert flows.variables("7") == {"v": value}
    assert Assigned("7", "#1", {"v": value}) in out
    assert where(flows) == "next"


def test_times_of_the_first_key_of_the_next_and_of_all() -> None:
    flows, _ = begin(prompt="ask", first_wait_s=9.0, wait_s=4.0, total_s=10.0, on_none="none")
    assert flows.next_deadline() == T0 + PLAY_LIMIT_S
    flows.prompt_ended("7", "7.p1", True, T0)
    assert flows.next_deadline() == T0 + 9
    flows.expire(T0 + 9 - TICK)
    assert where(flows) == "#1"
    press(flows, "1", T0 + 8)
    assert flows.next_deadline() == T0 + 10, "all keys together have ten seconds, this one would have four"
    flows.expire(T0 + 10 - TICK)
    assert where(flows) == "#1"
    flows.expire(T0 + 10)
    assert flows.variables("7") == {"v": "1"} and where(flows) == "next"


def test_beginning_anew_does_not_give_more_time_in_all() -> None:
    flows, _ = begin(wait_s=4.0, total_s=10.0)
    for second in range(0, 10, 2):
        press(flows, "1*", T0 + second)
    assert flows.next_deadline() == T0 + 10


def test_bad_input_is_asked_again_until_the_limit() -> None:
    keys = {"prompt": "ask", "valid": "luhn", "bad_input_limit": 2, "bad_input_prompt": "wrong"}
    flows, _ = begin(**keys, on_bad_input="bad", on_none="none")
    out = press(flows, "11#")
    assert out[0] == Rejected("7", "#1", "not valid", 1, "11")
    assert said(out) == ["wrong", "ask"] and where(flows) == "#1"
    out = press(flows, "12#")
    assert out[0] == Rejected("7", "#1", "not valid", 2, "12")
    assert where(flows) == "bad" and flows.variables("7") == {}


def test_too_few_keys_are_bad_and_without_a_step_of_its_own_go_as_none() -> None:
    flows, _ = begin(least=4, bad_input_limit=1, on_none="none")
    out = press(flows, "123#")
    assert out[0] == Rejected("7", "#1", "too short", 1, "123")
    assert where(flows) == "none"


def test_no_key_is_asked_again_until_the_limit() -> None:
    flows, _ = begin(prompt="ask", no_input_limit=2, no_input_prompt="hello", on_none="none")
    flows.prompt_ended("7", "7.p1", True, T0)
    out = flows.expire(T0 + 5)
    assert out[0] == Missed("7", "#1", "", 1) and said(out) == ["hello", "ask"]
    out = press(flows, "#", T0 + 6)
    assert out[0] == Missed("7", "#1", "", 2) and where(flows) == "none"


def test_a_written_word_is_checked_too() -> None:
    flows, _ = begin(LegKind.TEXT, valid="iban", bad_input_limit=1, on_bad_input="bad")
    out = flows.text("7", "GB82 WEST 1234 5698 7654 32", T0)
    assert Assigned("7", "#1", {"v": "GB82WEST12345698765432"}) in out


# -- secret keys -----------------------------------------------------------------------------------------


def test_a_secret_is_asked_of_the_channel_before_the_prompt() -> None:
    flows, out = begin(
        prompt="card", secret=True, least=12, most=19, valid="luhn", first_wait_s=8.0, total_s=60.0
    )
    wants = [do for do in out if isinstance(do, CollectSecretly | PlayParts)]
    assert wants[0] == CollectSecretly("7", "secret:7.s1", 12, 19, "#", 8.0, 5.0, 60.0, "luhn", "7.p1")
    assert isinstance(wants[1], PlayParts) and wants[1].play == "7.p1"
    assert press(flows, "4111") == [], "keys that slipped through mean nothing"
    assert flows.prompt_ended("7", "7.p1", False, T0) == []
    out = flows.secret_collected("7", "secret:7.s1", 16, True, "", T0 + 9)
    assert Assigned("7", "#1", {"v": "•••• (16)"}) in out
    assert flows.variables("7") == {"v": "secret:7.s1"}
    assert flows.shown("7") == {"v": "•••• (16)"}
    assert where(flows) == "next"


def test_what_is_told_of_another_try_is_ignored() -> None:
    flows, _ = begin(secret=True, bad_input_limit=2, on_bad_input="bad")
    out = flows.secret_collected("7", "secret:7.s1", 3, False, "too short", T0)
    assert out[0] == Rejected("7", "#1", "too short", 1)
    assert flows.secret_collected("7", "secret:7.s1", 3, False, "too short", T0) == [], "the same fact twice"
    flows.secret_collected("7", "secret:7.s2", 3, False, "too short", T0)
    assert where(flows) == "bad"


def test_no_key_and_a_channel_that_says_nothing_are_alike() -> None:
    flows, _ = begin(secret=True, on_none="none")
    due = T0 + PLAY_LIMIT_S + SECRET_LIMIT_S
    assert flows.next_deadline() == due
    flows.expire(due - TICK)
    assert where(flows) == "#1"
    flows.expire(due)
    assert where(flows) == "none"
    flows, _ = begin(secret=True, on_none="none")
    flows.secret_collected("7", "secret:7.s1", 0, False, "no key", T0)
    assert where(flows) == "none"


def test_what_is_written_is_no_secret() -> None:
    _, out = begin(LegKind.TEXT, secret=True, on_none="none")
    assert not any(isinstance(do, CollectSecretly) for do in out)
    assert Missed("7", "#1", "", 1) in out


def test_a_secret_is_neither_spoken_nor_called() -> None:
    flow = model.FlowRule(
        name="f", steps=(Collect(variable="v", secret=True), Play(prompts=(), digits="v", id="speak"))
    )
    flows = Flows(model.Rules(flows={"f": flow}))
    flows.start("7", "f", T0, "en")
    out = flows.secret_collected("7", "secret:7.s1", 4, True, "", T0)
    assert not any(isinstance(do, PlayParts) for do in out)
