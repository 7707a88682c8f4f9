"""One call rehearsed through the whole centre: what is heard, when keys are given, and where it ends."""

import pytest

from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule
from ccd.model.rules import AgentRule, FlowRule, QueueRule, Rules
from ccd.model.steps import (
    Answer,
    AnyStep,
    Branch,
    CallBack,
    Case,
    Collect,
    Enqueue,
    Goto,
    Hangup,
    Menu,
    Play,
    Set,
    Transfer,
)
from ccd.model.steps_calling import Call, Return
from ccd.model.steps_outside import Lookup
from ccd.model.steps_voicemail import Voicemail
from ccd.testing.flow_rehearsal import KEY_S, LONGEST_S, Caller, Played, rehearse_call
from ccd.testing.parties import PROMPT_S

AT = 1_800_000_000.0
MENU = Menu(
    prompt="menu",
    choices={"1": "sales", "2": "number", "3": "out", "4": "later", "5": "sub"},
    id="menu",
    wait_s=5.0,
    no_input_limit=2,
    no_input_prompt="no-input",
    bad_input_prompt="bad-input",
    on_no_input="bye",
)
MAIN: tuple[AnyStep, ...] = (
    Answer(),
    MENU,
    Enqueue(queue="sales", id="sales"),
    Hangup(prompt="goodbye", id="bye"),
    Collect(variable="number", prompt="key-it", id="number"),
    Hangup(),
    Transfer(address="+33900", id="out"),
    Hangup(),
    CallBack(queue="sales", id="later"),
    Hangup(),
    Call(flow="other", id="sub", arguments={"who": "x"}),
    Hangup(prompt="after"),
)


def rules(*steps: AnyStep, **queue: object) -> Rules:
    return Rules(
        agents={"ann": AgentRule(name="ann", devices=("ann-phone",))},
        queues={
            "sales": QueueRule(
                name="sales",
                agents=("ann",),
                callback=CallbackRule(),
                **queue,  # type: ignore[arg-type]
            )
        },
        flows={
            "main": FlowRule(name="main", steps=steps or MAIN),
            "other": FlowRule(name="other", steps=(Play(prompts=("hello",)), Return())),
        },
        calendars={"never": CalendarRule(name="never", zone="UTC", week=((),) * 7)},
        country="FR",
    )


def played(*keys: str, steps: tuple[AnyStep, ...] = (), **queue: object) -> Played:
    return rehearse_call(rules(*steps, **queue), Caller("main", "+33612345678", "+33100", keys), AT)


@pytest.mark.parametrize(
    ("keys", "ends", "hears"),
    [
        (("1",), "queue:sales", ["menu"]),
        (("wait", "1"), "queue:sales", ["menu", "no-input", "menu"]),
        (("8", "1"), "queue:sales", ["menu", "bad-input", "menu"]),
        ((), "hangup", ["menu", "no-input", "menu", "goodbye"]),
        (("2", "1", "2", "#"), "hangup", ["menu", "key-it"]),
        (("3",), "transfer:+33900", ["menu"]),
        (("4",), "callback:sales", ["menu", "callback/kept"]),
        (("5",), "hangup", ["menu", "hello", "after"]),
        (("wait", "hangup"), "caller", ["menu", "no-input", "menu"]),
    ],
)
def test_where_it_ends_and_what_is_heard(keys: tuple[str, ...], ends: str, hears: list[str]) -> None:
    found = played(*keys)
    assert (found.ends, found.hears) == (ends, hears)
    assert found.keys_left == []
    assert found.events[-1].what == "ends"


def test_keys_are_given_when_the_flow_listens_and_variables_told() -> None:
    found = played("2", "1", "wait", "7")
    assert found.variables == {"number": "1"}
    assert [event.at_s for event in found.events if event.what == "key"] == [KEY_S, 2 * KEY_S]
    assert found.keys_left == ["7"]
    assert found.spent_s == 2 * KEY_S + 5.0


def test_steps_are_told_with_their_kinds_also_of_flows_that_are_called() -> None:
    found = played("5")
    assert found.steps == ["main/#1", "main/menu", "main/sub", "other/#1", "other/#2", "main/#12"]
    assert [event.details for event in found.events if event.what == "step"][-3:] == [
        "play",
        "return",
        "hangup",
    ]
    assert found.spent_s == KEY_S + 2 * PROMPT_S


def test_a_flow_that_never_ends_is_left_after_an_hour() -> None:
    found = played(steps=(Play(prompts=("a",), id="a"), Goto(step="a")))
    assert found.ends == "endless" and found.spent_s <= LONGEST_S


def test_a_queue_that_gives_back_at_once_is_not_the_end() -> None:
    found = played("1", calendar="never")
    assert (found.ends, found.hears) == ("hangup", ["menu", "goodbye"])


def test_a_fault_of_the_script_is_told() -> None:
    found = played(steps=(Call(flow="main"),))
    assert found.ends == "fault:fault"
    assert any("8 deep" in event.details for event in found.events)


def test_conditions_see_the_caller_and_the_number_dialled() -> None:
    steps = (
        Branch(cases=(Case(when='caller == "+33612345678" and dialled == "+33100"', step="yes"),)),
        Hangup(),
        Set(values={"it": "held"}, id="yes"),
        Hangup(prompt="bye"),
    )
    assert played(steps=steps).variables == {"it": "held"}


def test_the_same_call_is_the_same_to_the_event() -> None:
    assert played("wait", "5") == played("wait", "5")


def test_a_message_that_was_left_is_where_it_ends() -> None:
    found = played("1", "#", steps=(Voicemail(queue="sales"),))
    assert found.ends == "voicemail:sales"


def test_texts_are_heard_with_their_values_in() -> None:
    found = played(steps=(Play(prompts=("hello",), say="You call {dialled}."), Hangup()))
    assert found.hears == ["hello", "You call +33100."]


@pytest.mark.parametrize(
    ("ewt_s", "ends"), [(301.0, "hangup"), (300.0, "queue:sales"), (None, "queue:sales")]
)
def test_a_figure_that_is_given_stands_in_for_that_of_the_empty_centre(
    ewt_s: float | None, ends: str
) -> None:
    steps = (
        Branch(cases=(Case(when="queue.sales.ewt_s > 300", step="long"),)),
        Enqueue(queue="sales"),
        Hangup(id="long", say="{queue.sales.ewt_s:duration:minutes}"),
    )
    figures = {} if ewt_s is None else {"queue.sales.ewt_s": ewt_s}
    found = rehearse_call(rules(*steps), Caller("main", figures=figures), AT)
    assert found.ends == ends
    assert ("five minutes" in found.hears) is (ends == "hangup")


def test_no_key_is_pressed_while_a_service_is_asked() -> None:
    """The next key is for the menu that follows, however long the prompts before it are."""
    menu = Menu(prompt="menu", choices={"1": "end"}, id="menu", no_input_limit=1)
    steps = (Lookup(service="crm", prompt="hold"), Play(prompts=("a", "b")), menu, Hangup(id="end"))
    found = played("1", steps=steps)
    assert found.hears == ["hold", "a", "b", "menu"] and found.ends == "hangup"
