"""The whole centre on virtual time. Services outside: answers, deadlines, and what may happen meanwhile."""

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.facts import OutsideAnswered
from ccd.model.rules import FlowRule
from ccd.model.steps import Answer, AnyStep, Branch, Case, Collect, Enqueue, Hangup, Menu, Play
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, rules, whats

LOOKUP = Lookup(
    service="crm",
    id="ask",
    values={"number": "{caller}", "line": "{dialled}"},
    default={"tier": "standard"},
    on_found="found",
    on_missing="missing",
    on_failure="failure",
    timeout_s=2.0,
)
ENDS = (
    Hangup(prompt="found", id="found"),
    Hangup(prompt="missing", id="missing"),
    Hangup(prompt="failure", id="failure"),
)
GOLD = {"tier": "gold", "language": "fr"}


def sim_of(*steps: AnyStep, **answers: Answers) -> SimulatedCentre:
    sim = SimulatedCentre(rules(*steps))
    sim.outside.answers.update(answers)
    return sim


def prompts(sim: SimulatedCentre, leg: str) -> list[str]:
    return [
        part.name
        for command in sim.commands
        if isinstance(command, cmd.PlayPrompt) and command.leg == leg
        for part in command.parts
    ]


def variables(sim: SimulatedCentre, leg: str) -> dict[str, str]:
    return sim.centre.flows.variables(sim.interaction_of(leg))


def outcomes(sim: SimulatedCentre, leg: str) -> list[object]:
    return [note.details["outcome"] for note in sim.record(leg).timeline if note.what == "asked outside"]


# -- lookup ------------------------------------------------------------------------------------------


def test_an_answer_sets_variables_and_leads_to_its_step() -> None:
    sim = sim_of(LOOKUP, *ENDS, crm=Answers(GOLD, after=0.3))
    call = sim.call()
    sim.run(0.3 - TICK)
    assert prompts(sim, call) == []
    sim.run(TICK)
    assert prompts(sim, call) == ["found"]
    assert variables(sim, call)["tier"] == "gold"
    (play,) = sim.performed(cmd.PlayPrompt)
    assert isinstance(play, cmd.PlayPrompt) and play.language == "fr"
    (asked,) = sim.outside.asked
    assert asked.leg == "outside:1.a1" and asked.service == "crm" and asked.timeout_s == 2.0
    assert asked.values == {"number": "+33612345678", "line": "+33100"} and asked.secrets == {}
    sim.check_replay()


@pytest.mark.parametrize(
    ("answers", "prompt", "tier"),
    [
        (Answers({}), "missing", "standard"),
        (Answers({"owner": "eve"}), "found", "standard"),
        (Answers(GOLD, ok=False, note="status 500"), "failure", "standard"),
    ],
)
def test_each_outcome_has_its_way_and_the_default_stands_in(answers: Answers, prompt: str, tier: str) -> None:
    sim = sim_of(LOOKUP, *ENDS, crm=answers)
    call = sim.call()
    sim.run(0.1)
    assert prompts(sim, call) == [prompt]
    assert variables(sim, call)["tier"] == tier


@pytest.mark.parametrize(
    ("after", "prompt"), [(2.0 - TICK, "found"), (2.0, "found"), (2.0 + TICK, "failure"), (9.0, "failure")]
)
def test_the_deadline_and_one_tick_each_side(after: float, prompt: str) -> None:
    sim = sim_of(LOOKUP, *ENDS, crm=Answers(GOLD, after=after))
    call = sim.call()
    sim.run(2.0)
    assert prompts(sim, call) == [prompt], "on time, whatever the service does"
    sim.run(60)
    assert prompts(sim, call) == [prompt], "what comes late changes nothing"
    assert len(outcomes(sim, call)) == 1
    sim.check_replay()


def test_a_service_that_says_nothing_leads_on_at_the_deadline() -> None:
    sim = sim_of(LOOKUP, *ENDS)
    call = sim.call()
    sim.run(2.0 - TICK)
    assert prompts(sim, call) == []
    sim.run(TICK)
    assert prompts(sim, call) == ["failure"]
    assert variables(sim, call)["tier"] == "standard"
    sim.run(10)
    assert outcomes(sim, call) == ["no answer in time"]


def test_the_same_answer_twice_counts_once() -> None:
    twice = (LOOKUP, Lookup(service="slow", id="found", timeout_s=5.0, on_failure="failure"), *ENDS[1:])
    sim = sim_of(*twice, crm=Answers(GOLD, times=3))
    call = sim.call()
    sim.run(1)
    assert sim.centre.flows.where(sim.interaction_of(call)) == "straight/found", "waits for its own answer"
    sim.run(4.1 - TICK)
    assert prompts(sim, call) == []
    sim.run(TICK)
    assert prompts(sim, call) == ["failure"]


def test_an_answer_to_an_earlier_question_is_none_to_the_next() -> None:
    steps = (
        Lookup(service="crm", timeout_s=1.0),
        Lookup(service="other", timeout_s=5.0, on_found="found", on_failure="failure"),
        *ENDS,
    )
    sim = sim_of(*steps[:2], ENDS[0], ENDS[2], crm=Answers(GOLD, after=1.5))
    call = sim.call()
    sim.run(5.9)
    assert prompts(sim, call) == []
    sim.run(0.1)
    assert prompts(sim, call) == ["failure"]


def test_a_caller_who_hangs_up_while_waiting_leaves_nothing_behind() -> None:
    sim = sim_of(LOOKUP, *ENDS, crm=Answers(GOLD, after=1.0))
    call = sim.call(patience=0.5)
    sim.run(10)
    assert call in sim.voice.ended and prompts(sim, call) == []
    assert sim.centre.state.interactions == {} and sim.centre.flows.state.running == {}
    assert sim.centre.next_deadline() is None
    assert "asked outside" not in whats(sim, call)
    sim.check_replay()


def test_a_reload_may_take_the_service_away() -> None:
    sim = sim_of(LOOKUP, *ENDS)
    call = sim.call()
    sim.run(1)
    fresh = msgspec.structs.replace(rules(Hangup(prompt="excuse")))
    sim.tell(facts.RulesLoaded(fresh, "test"))
    interaction = sim.interaction_of(call)
    sim.tell(OutsideAnswered(interaction, "1.a1", False, note="there is no service crm any more"))
    assert prompts(sim, call) == ["failure"], "its script goes on to the end"


def test_an_answer_for_nobody_is_ignored() -> None:
    sim = sim_of(LOOKUP, *ENDS)
    call = sim.call()
    for interaction, ask in (("99", "99.a1"), ("1", "1.a2"), ("1", ""), ("", "1.a1")):
        sim.tell(OutsideAnswered(interaction, ask, True, {"tier": "gold"}))
    assert prompts(sim, call) == [] and "tier" not in variables(sim, call)
    sim.check_replay()


def test_what_comes_from_outside_is_bounded_and_cannot_set_what_acts_to_rubbish() -> None:
    wild = {f"f{n}": "x" * 5000 for n in range(50)}
    sim = sim_of(
        LOOKUP, *ENDS, crm=Answers({"language": "../../etc", "priority": "9" * 400, "a\nb": "c"} | wild)
    )
    call = sim.call()
    sim.run(1)
    kept = variables(sim, call)
    assert "language" not in kept and "priority" not in kept and "a\nb" not in kept
    assert len(kept) <= 33 and all(len(value) <= 1024 for value in kept.values())
    assert sim.centre.flows.language(sim.interaction_of(call)) == "en"


def test_a_lookup_answers_before_a_queue_and_the_branch_sees_it() -> None:
    steps = (
        Lookup(service="crm", values={"number": "{caller}"}, prefix="crm_", timeout_s=1.0),
        Branch(cases=(Case(when='var.crm_tier == "gold"', step="vip"),)),
        Hangup(prompt="excuse"),
        Enqueue(queue="sales", id="vip"),
    )
    sim = sim_of(*steps, crm=Answers({"tier": "gold"}))
    sim.login("ann")
    call = sim.call()
    sim.run(10)
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    record = sim.record(call)
    (line,) = [line for line in explain(record) if "asked outside" in line]
    assert "service crm" in line and "outcome found" in line and "took ms 100.0" in line


def test_music_and_a_prompt_while_it_waits_are_over_with_the_answer() -> None:
    held = msgspec.structs.replace(LOOKUP, prompt="wait", music="default", timeout_s=6.0)
    sim = sim_of(held, *ENDS, crm=Answers(GOLD, after=5.0))
    call = sim.call()
    assert prompts(sim, call) == ["wait"] and sim.heard(call).play
    sim.run(2.0 + TICK)
    assert sim.heard(call).music == "default" and not sim.heard(call).play
    sim.run(3.0)
    assert prompts(sim, call) == ["wait", "found"]
    assert not sim.heard(call).music


def test_an_answer_cuts_the_prompt_and_the_flow_goes_on_at_once() -> None:
    held = msgspec.structs.replace(LOOKUP, prompt="wait", on_found="talk")
    steps = (held, Play(prompts=("sorry",), id="talk"), *ENDS[1:])
    sim = sim_of(*steps, crm=Answers(GOLD, after=1.0))
    call = sim.call()
    sim.run(1.0)
    assert prompts(sim, call) == ["wait", "sorry"]
    sim.run(1.9)
    assert prompts(sim, call) == ["wait", "sorry"], "the end of the cut prompt is not taken for this one's"
    sim.run(0.1 + TICK)
    assert prompts(sim, call)[-1] != "sorry"


def test_keys_pressed_meanwhile_count_for_the_menu() -> None:
    steps = (
        Lookup(service="crm", timeout_s=2.0),
        Menu(prompt="menu", choices={"7": "missing"}, id="menu", no_input_limit=1),
        ENDS[1],
    )
    sim = sim_of(*steps, crm=Answers(GOLD, after=1.0))
    call = sim.call(keys=((0.5, "7"),))
    sim.run(1.0)
    assert prompts(sim, call) == ["missing"]


def test_a_text_leg_goes_on_by_the_deadline_after_a_restart() -> None:
    steps = (LOOKUP, Enqueue(queue="sales", id="found"), Enqueue(queue="help", id="missing"), ENDS[2])
    sim = sim_of(*steps[:3], Enqueue(queue="help", id="failure"))
    chat = sim.chat("hello")
    sim.run(1.0)
    sim.restart()
    assert sim.centre.flows.where(sim.interaction_of(chat)) == "straight/ask"
    sim.run(1.0 - TICK)
    assert sim.centre.state.interactions["1"].queue == ""
    sim.run(TICK)
    assert sim.centre.state.interactions["1"].queue == "help"


def test_a_call_is_over_after_a_restart_and_its_answer_ignored() -> None:
    sim = sim_of(LOOKUP, *ENDS)
    sim.call()
    sim.run(1.0)
    sim.restart()
    sim.tell(OutsideAnswered("1", "1.a1", True, GOLD))
    sim.run(10)
    assert sim.centre.state.interactions == {}


# -- hook --------------------------------------------------------------------------------------------

HOOK = Hook(service="bot", id="hook", may=("found", "missing"), on_failure="failure", timeout_s=2.0)


@pytest.mark.parametrize(
    ("answers", "prompt"),
    [
        (Answers({"step": "found", "note": "x"}), "found"),
        (Answers({"step": "missing"}), "missing"),
        (Answers({"step": "failure"}), "failure"),
        (Answers({"step": "nowhere"}), "failure"),
        (Answers({"note": "x"}), "failure"),
        (Answers({}), "failure"),
        (Answers({"step": "found"}, ok=False), "failure"),
        (Answers({"step": "found"}, after=2.0 + TICK), "failure"),
    ],
)
def test_a_hook_leads_only_where_it_may(answers: Answers, prompt: str) -> None:
    sim = sim_of(HOOK, *ENDS, bot=answers)
    call = sim.call()
    sim.run(2.0)
    assert prompts(sim, call) == [prompt]
    if "nowhere" in answers.values.values():
        sim.run(60)
        assert "refused" in outcomes(sim, call)


def test_the_other_fields_of_a_hook_become_variables() -> None:
    sim = sim_of(HOOK, *ENDS, bot=Answers({"step": "found", "order": "4711"}))
    call = sim.call()
    sim.run(0.2)
    assert variables(sim, call) == {"order": "4711"}


# -- identify ----------------------------------------------------------------------------------------

IDENTIFY = Identify(
    caller_service="callers",
    number_service="numbers",
    prompt="which",
    retry_prompt="again",
    attempts=2,
    wait_s=5.0,
    on_known="found",
    on_unknown="missing",
    timeout_s=2.0,
    id="who",
)
ANNA = {"customer": "4711", "customer_name": "Anna", "tier": "gold"}
TWO_ENDS = ENDS[:2]


def test_the_number_that_calls_is_enough() -> None:
    sim = sim_of(IDENTIFY, *TWO_ENDS, callers=Answers(ANNA))
    call = sim.call()
    sim.run(0.1)
    assert prompts(sim, call) == ["found"]
    assert variables(sim, call) == {
        "customer": "4711",
        "customer_name": "Anna",
        "identified": "caller",
        "tier": "gold",
    }
    assert [asked.values for asked in sim.outside.asked] == [{"caller": "+33612345678"}]


@pytest.mark.parametrize("callers", [Answers({}), Answers(ok=False), Answers({"tier": "x"}), None])
def test_else_a_customer_number_is_asked_for(callers: Answers | None) -> None:
    sim = sim_of(IDENTIFY, *TWO_ENDS, numbers=Answers(ANNA))
    if callers is not None:
        sim.outside.answers["callers"] = callers
    call = sim.call(keys=((5.0, "4711#"),))
    sim.run(5.2)
    assert prompts(sim, call) == ["which", "found"]
    assert variables(sim, call)["identified"] == "number"
    assert sim.outside.asked[-1].values == {"number": "4711"}


def test_a_withheld_number_is_not_looked_up() -> None:
    sim = sim_of(IDENTIFY, *TWO_ENDS, callers=Answers(ANNA))
    call = sim.call(origin="")
    assert prompts(sim, call) == ["which"] and sim.outside.asked == []


def test_so_many_attempts_and_then_nobody_knows() -> None:
    sim = sim_of(IDENTIFY, *TWO_ENDS, callers=Answers({}), numbers=Answers({}))
    call = sim.call(keys=((1.0, "1#"), (2.0, "2#"), (3.0, "3#")))
    sim.run(4)
    assert prompts(sim, call) == ["which", "again", "which", "missing"]
    assert variables(sim, call)["identified"] == "" and variables(sim, call)["customer"] == ""
    assert [asked.values.get("number") for asked in sim.outside.asked] == [None, "1", "2"]


@pytest.mark.parametrize(("at", "known"), [(5.0 - TICK, True), (5.0 + TICK, False)])
def test_each_key_has_its_time(at: float, known: bool) -> None:
    quick = msgspec.structs.replace(IDENTIFY, caller_service="", attempts=1)
    sim = sim_of(quick, *TWO_ENDS, numbers=Answers(ANNA, after=0.0))
    call = sim.call(keys=((2.0 + at, "4#"),))
    sim.run(2.0 + at)
    assert (prompts(sim, call)[-1] == "found") is known


def test_a_service_that_fails_is_not_made_the_callers_trouble() -> None:
    sim = sim_of(IDENTIFY, *TWO_ENDS, callers=Answers({}), numbers=Answers(ok=False))
    call = sim.call(keys=((1.0, "1#"),))
    sim.run(1.2)
    assert prompts(sim, call) == ["which", "missing"], "asked once, though two attempts are allowed"


def test_a_text_leg_writes_its_customer_number() -> None:
    steps = (IDENTIFY, Enqueue(queue="sales", id="found"), Enqueue(queue="help", id="missing"))
    sim = sim_of(*steps, numbers=Answers(ANNA))
    chat = sim.chat()
    sim.write(chat, "4711", "m1")
    sim.run(0.1)
    assert sim.centre.state.interactions["1"].queue == "sales"


# -- send --------------------------------------------------------------------------------------------

LINK = Send(service="sms", values={"to": "{caller}", "text": "See {{x}} {var.order}"}, id="link")


def test_sending_does_not_hold_the_flow_up_and_its_outcome_is_noted() -> None:
    sim = sim_of(LINK, Enqueue(queue="sales"), sms=Answers({"id": "m1"}, after=3.0))
    call = sim.call()
    assert sim.centre.state.interactions["1"].queue == "sales"
    assert sim.outside.asked[0].values == {"to": "+33612345678", "text": "See {x} "}
    sim.run(5)
    sim.hang_up(call)
    assert outcomes(sim, call) == ["found"]
    sim.check_replay()


@pytest.mark.parametrize(("ok", "prompt"), [(True, "found"), (False, "failure")])
def test_where_failure_matters_it_is_waited_for(ok: bool, prompt: str) -> None:
    send = msgspec.structs.replace(LINK, on_failure="failure", timeout_s=2.0)
    sim = sim_of(send, ENDS[0], ENDS[2], sms=Answers({}, ok=ok, after=1.0))
    call = sim.call()
    sim.run(1.0 - TICK)
    assert prompts(sim, call) == []
    sim.run(TICK)
    assert prompts(sim, call) == [prompt]


def test_no_more_than_so_many_are_sent_in_a_conversation() -> None:
    loop = (
        msgspec.structs.replace(LINK, most=2, on_failure="failure", timeout_s=1.0),
        Menu(prompt="menu", choices={"1": "link"}, no_input_limit=1),
        ENDS[2],
    )
    sim = sim_of(*loop, sms=Answers({}, after=0.0))
    call = sim.call(keys=tuple((float(n), "1") for n in range(1, 6)))
    sim.run(20)
    assert len(sim.outside.asked) == 2
    assert prompts(sim, call)[-1] == "failure" and "refused" in outcomes(sim, call)


def test_the_count_of_sent_things_and_of_questions_outlives_a_flow() -> None:
    """A queue that overflows into another flow must not give question ids anew."""
    made = rules(LINK, Enqueue(queue="sales"), max_wait_s=1.0)
    from ccd.model.rules import Target

    sales = msgspec.structs.replace(made.queues["sales"], overflow=Target(flow="second"))
    second = FlowRule(name="second", steps=(LINK, Enqueue(queue="help")))
    made = msgspec.structs.replace(
        made, queues={**made.queues, "sales": sales}, flows={**made.flows, "second": second}
    )
    sim = SimulatedCentre(made)
    sim.call()
    sim.run(2)
    assert [asked.leg for asked in sim.outside.asked] == ["outside:1.a1", "outside:1.a2"]


def test_a_secret_goes_by_its_reference_only() -> None:
    steps = (
        Answer(),
        Collect(variable="pin_ref", prompt="pin"),
        Lookup(service="bank", secrets={"pin": "pin_ref"}, values={"n": "1"}, timeout_s=1.0),
        ENDS[0],
    )
    sim = sim_of(*steps, bank=Answers({"ok": "1"}))
    call = sim.call(keys=((3.0, "99#"),))
    sim.run(20)
    assert sim.outside.asked[0].secrets == {"pin": "99"}
    assert sim.outside.asked[0].values == {"n": "1"}
    assert "found" in outcomes(sim, call)


def test_the_outcome_of_a_send_is_no_answer_to_the_lookup_that_waits() -> None:
    sim = sim_of(LINK, LOOKUP, *ENDS, sms=Answers({"tier": "gold"}, after=0.5))
    call = sim.call()
    sim.run(1.0)
    assert prompts(sim, call) == [] and "tier" not in variables(sim, call)
    sim.run(1.0)
    assert prompts(sim, call) == ["failure"]


def test_an_outcome_that_comes_twice_is_noted_once() -> None:
    sim = sim_of(LINK, Enqueue(queue="sales"), sms=Answers({}, after=0.5, times=3))
    call = sim.call()
    sim.run(1.0)
    sim.hang_up(call)
    assert outcomes(sim, call) == ["nothing found"]
