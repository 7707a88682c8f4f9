"""The interpreter of flows: steps, menus and their limits, at deadlines and one tick each side."""

import msgspec
import pytest

from ccd.ivr.do import Answer, Assigned, Chose, Do, HangUp, Missed, PlayParts, Queue, TransferTo
from ccd.ivr.flows import STEP_LIMIT, Flows
from ccd.ivr.input import TEXT_WAIT_S, TYPED_LIMIT
from ccd.ivr.scripts import PLAY_LIMIT_S
from ccd.ivr.state import FlowsState
from ccd.model import rules as model
from ccd.model.nouns import Cause, LegKind, PromptPart
from ccd.model.steps import Answer as StepAnswer
from ccd.model.steps import AnyStep, Enqueue, Goto, Hangup, Menu, Play, Set, Transfer

TICK = 0.001
T0 = 1000.0

WELCOME = (
    StepAnswer(),
    Play(prompts=("welcome",), id="hello"),
    Menu(
        prompt="which",
        id="ask",
        choices={"1": "sales", "2": "support", "9": "bye"},
        wait_s=5.0,
        no_input_limit=3,
        bad_input_limit=2,
        no_input_prompt="nothing-heard",
        bad_input_prompt="wrong-key",
        on_no_input="support",
    ),
    Enqueue(queue="sales", id="sales"),
    Goto(step="bye"),
    Enqueue(queue="support", id="support", priority=3),
    Hangup(id="bye", prompt="goodbye"),
)


def flows_of(*steps: AnyStep, language: str = "", more: dict[str, model.FlowRule] | None = None) -> Flows:
    flow = model.FlowRule(name="main", steps=steps, language=language)
    return Flows(model.Rules(flows={"main": flow} | (more or {})))


def parts(*names: str) -> tuple[PromptPart, ...]:
    return tuple(PromptPart(name) for name in names)


def begin(*steps: AnyStep, kind: LegKind = LegKind.AUDIO) -> tuple[Flows, list[Do]]:
    flows = flows_of(*steps)
    return flows, flows.start("7", "main", T0, "en", kind=kind)


def at_menu() -> Flows:
    """WELCOME, its greeting over, the menu's prompt (play 7.p2) playing."""
    flows, _ = begin(*WELCOME)
    flows.prompt_ended("7", "7.p1", True, T0 + 2)
    assert flows.where("7") == "main/ask"
    return flows


def test_a_call_walks_through_greeting_menu_and_queue() -> None:
    flows, out = begin(*WELCOME)
    assert out == [Answer("7"), PlayParts("7", "7.p1", parts("welcome"), "en", True)]
    assert flows.where("7") == "main/hello"
    assert flows.prompt_ended("7", "7.p1", True, T0 + 2) == [
        PlayParts("7", "7.p2", parts("which"), "en", True)
    ]
    assert flows.prompt_ended("7", "7.p2", True, T0 + 6) == []
    assert flows.digit("7", "1", T0 + 7) == [Chose("7", "ask", "1"), Queue("7", "sales", None)]
    assert flows.where("7") == "main/sales"
    assert flows.next_deadline() is None


def test_a_key_during_the_menus_prompt_chooses_at_once() -> None:
    flows = at_menu()
    assert flows.digit("7", "2", T0 + 3) == [Chose("7", "ask", "2"), Queue("7", "support", 3)]
    assert flows.prompt_ended("7", "7.p2", False, T0 + 3) == []
    assert flows.where("7") == "main/support"


def test_a_key_pressed_during_the_greeting_is_taken_by_the_menu() -> None:
    flows, _ = begin(*WELCOME)
    assert flows.digit("7", "1", T0 + 1) == [Chose("7", "ask", "1"), Queue("7", "sales", None)]


def test_a_key_pressed_ahead_that_the_menu_does_not_know_only_cuts_the_greeting() -> None:
    flows, _ = begin(*WELCOME)
    assert flows.digit("7", "5", T0 + 1) == [PlayParts("7", "7.p2", parts("which"), "en", True)]
    assert flows.prompt_ended("7", "7.p1", False, T0 + 1) == []
    assert flows.next_deadline() == T0 + 1 + PLAY_LIMIT_S


def test_a_prompt_that_may_not_be_cut_ignores_keys() -> None:
    flows, _ = begin(Play(prompts=("law",), barge=False), *WELCOME)
    assert flows.digit("7", "1", T0 + 1) == []
    assert flows.prompt_ended("7", "7.p1", True, T0 + 2) == [
        PlayParts("7", "7.p2", parts("welcome"), "en", True)
    ]


def test_no_key_counts_from_the_end_of_the_prompt() -> None:
    flows = at_menu()
    assert flows.expire(T0 + 100) == []
    flows.prompt_ended("7", "7.p2", True, T0 + 100)
    due = T0 + 105
    assert flows.next_deadline() == due
    assert flows.expire(due - TICK) == []
    assert flows.expire(due) == [
        Missed("7", "ask", "", 1),
        PlayParts("7", "7.p3", parts("nothing-heard", "which"), "en", True),
    ]
    assert flows.expire(due + TICK) == []


def test_at_the_no_input_limit_the_flow_goes_to_its_step() -> None:
    flows = at_menu()
    now = T0 + 2
    for turn in range(2, 5):
        flows.prompt_ended("7", f"7.p{turn}", True, now)
        now += 5
        out = flows.expire(now)
    assert out == [Missed("7", "ask", "", 3), Queue("7", "support", 3)]


def test_without_a_step_for_no_input_it_hangs_up_and_says_why() -> None:
    flows, _ = begin(Menu(prompt="", choices={"1": "x"}, no_input_limit=1), Hangup(id="x"))
    assert flows.expire(T0 + 5) == [
        Missed("7", "#1", "", 1),
        HangUp("7", Cause.NORMAL, "no key pressed at #1"),
    ]
    assert flows.where("7") == ""


def test_a_wrong_key_is_told_and_at_the_limit_it_hangs_up() -> None:
    flows = at_menu()
    assert flows.digit("7", "4", T0 + 3) == [
        Missed("7", "ask", "4", 1),
        PlayParts("7", "7.p3", parts("wrong-key", "which"), "en", True),
    ]
    assert flows.digit("7", "4", T0 + 4) == [
        Missed("7", "ask", "4", 2),
        HangUp("7", Cause.NORMAL, "too many wrong keys at ask"),
    ]


def test_a_key_one_tick_before_the_deadline_still_chooses() -> None:
    flows = at_menu()
    flows.prompt_ended("7", "7.p2", True, T0)
    assert flows.digit("7", "1", T0 + 5 - TICK)[-1] == Queue("7", "sales", None)
    assert flows.next_deadline() is None
    assert flows.expire(T0 + 5) == []


def test_counts_of_misses_begin_anew_at_the_next_visit() -> None:
    menu = Menu(prompt="p", id="m", choices={"1": "again"}, bad_input_limit=2)
    flows, _ = begin(menu, Goto(step="m", id="again"))
    flows.digit("7", "4", T0)
    flows.digit("7", "1", T0)
    assert flows.digit("7", "4", T0)[0] == Missed("7", "m", "4", 1)


def test_a_menu_before_answer_answers_by_itself_once() -> None:
    menu = Menu(prompt="p", choices={"1": "end"})
    _, out = begin(menu, StepAnswer(), Hangup(id="end"))
    assert out == [Answer("7"), PlayParts("7", "7.p1", parts("p"), "en", True)]
    flows, out = begin(Menu(prompt="", id="m", choices={"1": "end"}), StepAnswer(id="end"))
    assert out == [Answer("7")]
    assert flows.digit("7", "1", T0) == [Chose("7", "m", "1"), HangUp("7")]


def test_a_leg_that_is_up_is_not_answered_again() -> None:
    flows = flows_of(StepAnswer(), Play(prompts=("a",)))
    out = flows.start("7", "main", T0, "en", answered=True)
    assert out == [PlayParts("7", "7.p1", parts("a"), "en", True)]


def test_a_queue_before_answer_leaves_the_leg_ringing() -> None:
    assert begin(Enqueue(queue="q"))[1] == [Queue("7", "q", None)]


def test_goodbye_is_played_to_its_end_before_the_release() -> None:
    flows, out = begin(*WELCOME[-1:])
    assert out == [Answer("7"), PlayParts("7", "7.p1", parts("goodbye"), "en", False)]
    assert flows.digit("7", "1", T0 + 1) == []
    assert flows.prompt_ended("7", "7.p1", True, T0 + 2) == [HangUp("7")]
    assert flows.prompt_ended("7", "7.p1", True, T0 + 2) == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((Hangup(prompt="bye"),), [HangUp("7")]),
        (
            (Play(prompts=("a",)), Menu(prompt="m", choices={"1": "x"}), Hangup(id="x")),
            [Missed("7", "#2", "", 1)],
        ),
        ((Play(prompts=("a",)), Enqueue(queue="q")), [Queue("7", "q", None)]),
    ],
)
def test_a_prompt_whose_end_is_never_reported_holds_nobody_for_ever(
    steps: tuple[AnyStep, ...], expected: list[Do]
) -> None:
    flows, _ = begin(*steps)
    assert flows.expire(T0 + PLAY_LIMIT_S - TICK) == []
    out: list[Do] = []
    for _ in range(9):
        due = flows.next_deadline()
        if due is None or out:
            break
        out = [do for do in flows.expire(due) if not isinstance(do, PlayParts)]
    assert out == expected


def test_the_end_of_another_prompt_is_not_taken_for_ours() -> None:
    flows, _ = begin(*WELCOME)
    assert flows.prompt_ended("7", "announce-3", True, T0) == []
    assert flows.where("7") == "main/hello"


def test_a_prompt_that_cannot_be_played_does_not_stop_the_flow() -> None:
    flows, _ = begin(*WELCOME)
    assert flows.prompt_ended("7", "7.p1", False, T0)[0] == PlayParts("7", "7.p2", parts("which"), "en", True)


def test_overflow_into_no_target_goes_on_with_the_next_step() -> None:
    flows = at_menu()
    flows.digit("7", "1", T0 + 3)
    assert flows.digit("7", "9", T0 + 4) == []
    assert flows.resume("7", "max_wait", T0 + 60) == [PlayParts("7", "7.p3", parts("goodbye"), "en", False)]


def test_a_transfer_that_fails_goes_on_with_the_next_step() -> None:
    flows, out = begin(Transfer(address="+33123456789", ring_timeout_s=12.0), Enqueue(queue="q"))
    assert out == [TransferTo("7", "+33123456789", 12.0)]
    assert flows.resume("7", "busy", T0 + 9) == [Queue("7", "q", None)]


def test_after_the_last_step_it_hangs_up() -> None:
    flows, _ = begin(Enqueue(queue="q"))
    assert flows.resume("7", "full", T0) == [HangUp("7")]
    assert flows.resume("7", "full", T0) == []
    assert begin()[1] == [HangUp("7")]


def test_language_and_priority_are_variables_that_act() -> None:
    flows, out = begin(
        Set(values={"language": "fr", "priority": "5", "topic": "bill"}),
        Play(prompts=("a", "b")),
        Enqueue(queue="q"),
    )
    assert out[0] == Assigned("7", "#1", {"language": "fr", "priority": "5", "topic": "bill"})
    assert out[2] == PlayParts("7", "7.p1", parts("a", "b"), "fr", True)
    assert flows.variables("7") == {"language": "fr", "priority": "5", "topic": "bill"}
    assert flows.language("7") == "fr"
    assert flows.prompt_ended("7", "7.p1", True, T0) == [Queue("7", "q", 5)]
    assert flows.variables("8") == {} and flows.language("8") == ""


def test_a_priority_of_the_queue_step_wins_and_one_that_is_no_number_is_none() -> None:
    _, out = begin(Set(values={"priority": "5"}), Enqueue(queue="q", priority=0))
    assert out[-1] == Queue("7", "q", 0)
    _, out = begin(Set(values={"priority": "high"}), Enqueue(queue="q"))
    assert out[-1] == Queue("7", "q", None)


def test_the_flows_own_language_counts_before_the_centres() -> None:
    flows = flows_of(Play(prompts=("a",)), language="fr")
    assert flows.start("7", "main", T0, "en")[1] == PlayParts("7", "7.p1", parts("a"), "fr", True)


def test_an_endless_loop_is_ended_as_a_fault_of_the_script() -> None:
    flows, out = begin(Goto(step="b", id="a"), Goto(step="a", id="b"))
    (end,) = out
    assert isinstance(end, HangUp) and end.cause is Cause.FAULT
    assert f"{STEP_LIMIT} steps without waiting" in end.note
    assert flows.where("7") == ""


def test_a_full_queue_tried_again_and_again_at_one_instant_ends_too() -> None:
    flows, out = begin(Enqueue(queue="q", id="q"), Goto(step="q"))
    for _ in range(STEP_LIMIT):
        out = flows.resume("7", "full", T0)
        if not isinstance(out[-1], Queue):
            break
    assert isinstance(out[-1], HangUp) and out[-1].cause is Cause.FAULT
    flows, _ = begin(Enqueue(queue="q", id="q"), Goto(step="q"))
    for second in range(STEP_LIMIT):
        assert flows.resume("7", "max_wait", T0 + second + 1) == [Queue("7", "q", None)]


def test_a_menu_that_waits_for_nothing_and_comes_back_to_itself_ends_too() -> None:
    menu = Menu(prompt="", choices={}, id="m", wait_s=0.0, no_input_limit=1, on_no_input="m")
    flows, _ = begin(menu)
    end = flows.expire(T0)[-1]
    assert isinstance(end, HangUp) and end.cause is Cause.FAULT
    assert flows.next_deadline() is None


def test_a_step_or_flow_that_does_not_exist_ends_as_a_fault_and_says_so() -> None:
    flows, out = begin(Goto(step="nowhere"))
    assert out == [HangUp("7", Cause.FAULT, "#1 goes to a step that does not exist")]
    assert flows.start("8", "other", T0, "en") == [HangUp("8", Cause.FAULT, "there is no flow 'other'")]


def test_facts_about_strangers_are_ignored() -> None:
    flows, _ = begin(*WELCOME)
    assert flows.digit("8", "1", T0) == flows.text("8", "1", T0) == []
    assert flows.prompt_ended("8", "7.p1", True, T0) == flows.resume("8", "", T0) == []
    flows.stop("8", T0)
    assert flows.where("8") == ""


def test_stop_forgets_the_interaction_and_its_deadline() -> None:
    flows = at_menu()
    flows.prompt_ended("7", "7.p2", True, T0)
    flows.stop("7", T0)
    flows.stop("7", T0)
    assert flows.next_deadline() is None
    assert flows.expire(T0 + 100) == []
    assert flows.state == FlowsState(scripts=flows.state.scripts, current={"main": 1}, next_script=2)


def test_another_flow_keeps_what_is_known_of_the_interaction() -> None:
    other = model.FlowRule(name="other", steps=(StepAnswer(), Play(prompts=("x",))))
    flows = flows_of(Set(values={"language": "fr"}), Play(prompts=("a",)), more={"other": other})
    flows.start("7", "main", T0, "en")
    assert flows.start("7", "other", T0, "en") == [PlayParts("7", "7.p2", parts("x"), "fr", True)]
    assert flows.prompt_ended("7", "7.p1", False, T0) == []
    assert flows.variables("7") == {"language": "fr"}


# -- text legs ----------------------------------------------------------------------------------------


def test_a_text_leg_skips_prompts_without_a_text_and_chooses_by_a_word() -> None:
    menu = Menu(
        prompt="which", id="ask", choices={"1": "q", "A": "q"}, bad_input_prompt="wrong", say="Letter?"
    )
    steps = (StepAnswer(), Play(prompts=("a",)), menu, Enqueue(queue="q", id="q"))
    flows, out = begin(*steps, kind=LegKind.TEXT)
    letter = PromptPart(text="Letter?", language="en")
    assert out == [PlayParts("7", "7.p1", (letter,), "en", True)]
    assert flows.text("7", "first words", T0) == []
    assert flows.text("7", " hello ", T0) == [
        Missed("7", "ask", "hello", 1),
        PlayParts("7", "7.p2", (letter,), "en", True),
    ]
    assert flows.text("7", " a\n", T0) == [Chose("7", "ask", "a"), Queue("7", "q", None)]
    assert flows.text("7", "1", T0) == []


def test_a_text_leg_has_longer_to_write() -> None:
    flows, _ = begin(Menu(prompt="p", choices={"1": "q"}, no_input_limit=1), kind=LegKind.TEXT)
    assert flows.expire(T0 + TEXT_WAIT_S - TICK) == []
    assert isinstance(flows.expire(T0 + TEXT_WAIT_S)[-1], HangUp)


def test_a_text_leg_ends_without_a_spoken_goodbye() -> None:
    assert begin(*WELCOME[-1:], kind=LegKind.TEXT)[1] == [HangUp("7")]


def test_text_on_a_call_is_not_a_key() -> None:
    flows = at_menu()
    assert flows.text("7", "1", T0) == []
    assert flows.where("7") == "main/ask"


# -- reload and restart ---------------------------------------------------------------------------------


def test_a_reload_leaves_running_interactions_on_their_script() -> None:
    flows = at_menu()
    new = model.FlowRule(name="main", steps=(Enqueue(queue="new"),))
    flows.load_rules(model.Rules(flows={"main": new}))
    assert flows.start("8", "main", T0, "en") == [Queue("8", "new", None)]
    assert flows.digit("7", "1", T0 + 3)[-1] == Queue("7", "sales", None)
    flows.stop("7", T0)
    flows.load_rules(model.Rules(flows={"main": new}))
    assert list(flows.state.scripts.values()) == [new]


def test_a_flow_that_was_removed_still_runs_to_its_end() -> None:
    flows = at_menu()
    flows.load_rules(model.Rules())
    assert flows.digit("7", "2", T0 + 3)[-1] == Queue("7", "support", 3)
    assert flows.start("8", "main", T0, "en")[0] == HangUp("8", Cause.FAULT, "there is no flow 'main'")


def test_after_a_restart_from_the_snapshot_everything_goes_on() -> None:
    flows = at_menu()
    flows.prompt_ended("7", "7.p2", True, T0 + 4)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(flows.state), type=FlowsState)
    rules = model.Rules(flows={"main": model.FlowRule(name="main", steps=WELCOME)})
    again = Flows(rules, state)
    assert again.next_deadline() == flows.next_deadline() == T0 + 9
    assert again.expire(T0 + 9) == flows.expire(T0 + 9)
    assert again.state == flows.state


def test_waits_that_ended_do_not_pile_up() -> None:
    flows = flows_of(*WELCOME)
    for call in range(2000):
        flows.start(str(call), "main", T0, "en")
        flows.stop(str(call), T0)
    assert len(flows._deadlines) < 200


def test_keys_pressed_ahead_are_bounded() -> None:
    plays = [Play(prompts=("a",)) for _ in range(40)]
    flows, _ = begin(*plays)
    for _ in range(30):
        flows.digit("7", "1", T0)
    assert flows.state.running["7"].typed == "1" * TYPED_LIMIT
