"""Flows that call flows: where they come back to, their arguments, how deep, what a reload does."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.ivr.calling import MOST_CALLS
from ccd.ivr.do import Assigned, Do, HangUp, PlayParts, Queue, Stay
from ccd.ivr.flows import STEP_LIMIT, Flows
from ccd.ivr.state import FlowsState, Mode
from ccd.model import rules as model
from ccd.model.nouns import Cause, LegKind
from ccd.model.steps import AnyStep, Collect, Enqueue, Goto, Hangup, Play, Set
from ccd.model.steps_calling import Call, Return

T0 = 1000.0


def rules_of(**flows: tuple[AnyStep, ...]) -> model.Rules:
    return model.Rules(flows={name: model.FlowRule(name=name, steps=steps) for name, steps in flows.items()})


def begin(**flows: tuple[AnyStep, ...]) -> tuple[Flows, list[Do]]:
    """Interaction 7 in the flow `main` of these."""
    found = Flows(rules_of(**flows))
    return found, found.start("7", "main", T0, "en")


def queues(out: list[Do]) -> list[str]:
    return [each.queue for each in out if isinstance(each, Queue)]


AFTER = (Enqueue(queue="after"),)


@pytest.mark.parametrize(
    "called",
    [
        (Set(values={"x": "1"}), Return(), Enqueue(queue="never")),
        (Set(values={"x": "1"}),),
        (Goto(step="out"), Enqueue(queue="never"), Return(id="out")),
        (Call(flow="inner"), Call(flow="inner")),
    ],
    ids=["return", "falls off the end", "return by goto", "calls others"],
)
def test_it_comes_back_to_the_step_after_the_call(called: tuple[AnyStep, ...]) -> None:
    flows, out = begin(main=(Call(flow="sub"), *AFTER), sub=called, inner=(Set(values={}),))
    assert queues(out) == ["after"]
    assert flows.where("7") == "main/#2"
    assert flows.state.running["7"].calls == []


def test_it_comes_back_after_a_wait() -> None:
    flows, _ = begin(main=(Call(flow="sub", id="ask"), *AFTER), sub=(Play(prompts=("hello",)),))
    assert flows.where("7") == "sub/#1"
    assert queues(flows.prompt_ended("7", "7.p1", True, T0 + 2)) == ["after"]


def test_a_flow_that_was_not_called_ends_at_its_return() -> None:
    _, out = begin(main=(Return(), *AFTER))
    assert out == [HangUp("7")]


@pytest.mark.parametrize("hangup", [Hangup(), Hangup(prompt="bye")])
def test_a_hangup_in_a_called_flow_ends_the_interaction(hangup: Hangup) -> None:
    flows, out = begin(main=(Call(flow="sub"), *AFTER), sub=(hangup,))
    if hangup.prompt:
        out = flows.prompt_ended("7", "7.p1", True, T0 + 1)
    assert out[-1] == HangUp("7") and flows.state.running == {}


def test_arguments_are_set_and_put_back_other_variables_are_shared() -> None:
    flows, out = begin(
        main=(
            Set(values={"a": "mine", "c": "old"}),
            Call(flow="sub", arguments={"a": "1", "b": "2"}),
            *AFTER,
        ),
        sub=(Set(values={"b": "changed", "c": "new", "d": "more"}), Play(prompts=("p",))),
    )
    assert Assigned("7", "#2", {"a": "1", "b": "2"}) in out
    assert flows.variables("7") == {"a": "1", "b": "changed", "c": "new", "d": "more"}
    flows.prompt_ended("7", "7.p1", True, T0 + 1)
    assert flows.variables("7") == {"a": "mine", "c": "new", "d": "more"}


def deep(levels: int) -> dict[str, tuple[AnyStep, ...]]:
    """`main` and so many flows below, each of which calls the next."""
    names = ["main", *(f"f{level}" for level in range(1, levels + 1))]
    flows: dict[str, tuple[AnyStep, ...]] = {name: (Call(flow=below),) for name, below in pairwise(names)}
    return flows | {names[-1]: (Enqueue(queue="bottom"),)}


def test_calls_may_be_so_deep_and_no_deeper() -> None:
    assert queues(begin(**deep(MOST_CALLS))[1]) == ["bottom"]
    flows, out = begin(**deep(MOST_CALLS + 1))
    (end,) = out
    assert isinstance(end, HangUp) and end.cause is Cause.FAULT
    assert end.note == "calls are 8 deep already, 'f9' is not called at #1"
    assert flows.state.running == {}


def test_a_flow_that_calls_itself_ends() -> None:
    flows, out = begin(main=(Call(flow="main"),))
    assert isinstance(out[-1], HangUp) and "8 deep" in out[-1].note
    assert flows.state.running == {}


def test_calls_without_end_at_one_instant_end_at_the_step_limit() -> None:
    _, out = begin(main=(Call(flow="sub", id="c"), Goto(step="c")), sub=(Set(values={}),))
    assert isinstance(out[-1], HangUp) and str(STEP_LIMIT) in out[-1].note


def test_a_reload_that_takes_the_called_flow_away_leaves_who_is_in_it_and_ends_who_comes_to_it() -> None:
    flows, _ = begin(
        main=(Call(flow="sub"), *AFTER), sub=(Play(prompts=("p",)), Call(flow="sub2")), sub2=AFTER
    )
    flows.load_rules(rules_of(main=AFTER))
    assert flows.where("7") == "sub/#1"
    out = flows.prompt_ended("7", "7.p1", True, T0 + 1)
    assert out == [HangUp("7", Cause.FAULT, "there is no flow 'sub2' to call at #2")]


def test_the_caller_comes_back_into_the_script_that_it_called_from() -> None:
    flows, _ = begin(main=(Call(flow="sub"), *AFTER), sub=(Play(prompts=("p",)),))
    flows.load_rules(rules_of(main=(Hangup(),)))
    flows.load_rules(rules_of(main=(Set(values={}),)))
    assert queues(flows.prompt_ended("7", "7.p1", True, T0 + 1)) == ["after"]


def test_a_snapshot_within_a_call_goes_on_alike() -> None:
    steps = {
        "main": (Call(flow="sub", arguments={"a": "1"}), *AFTER),
        "sub": (Collect(variable="n", prompt="p", most=1),),
    }
    flows, _ = begin(**steps)
    packed = msgspec.msgpack.encode(flows.state)
    again = Flows(rules_of(**steps), msgspec.msgpack.decode(packed, type=FlowsState))
    for each in (flows, again):
        assert queues(each.digit("7", "5", T0 + 1)) == ["after"]
        assert each.variables("7") == {"n": "5"}
    assert msgspec.msgpack.encode(flows.state) == msgspec.msgpack.encode(again.state)


def test_a_call_in_a_flow_that_runs_while_the_customer_waits() -> None:
    flows = Flows(rules_of(aside=(Call(flow="sub"), Play(prompts=("q",))), sub=(Play(prompts=("p",)),)))
    out = flows.step_aside("7", "aside", T0, "en", {})
    assert isinstance(out[-1], PlayParts)
    flows.prompt_ended("7", "7.p1", True, T0 + 1)
    assert flows.where("7") == "aside/#2"
    assert flows.prompt_ended("7", "7.p2", True, T0 + 2) == [Stay("7")]


def test_the_customer_may_leave_within_a_call() -> None:
    flows, _ = begin(main=(Call(flow="sub"), *AFTER), sub=(Play(prompts=("p",)),))
    flows.stop("7", T0 + 1)
    assert flows.prompt_ended("7", "7.p1", True, T0 + 1) == []
    assert flows.start("8", "main", T0, "en", kind=LegKind.TEXT)[-1] == Queue("8", "after", None)


# -- any flows that call each other ------------------------------------------------------------------------

NAMES = ["main", "a", "b"]
some_step = st.one_of(
    st.builds(
        Call,
        flow=st.sampled_from([*NAMES, "gone"]),
        arguments=st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2),
    ),
    st.just(Return()),
    st.builds(Set, values=st.dictionaries(st.sampled_from("xyz"), st.sampled_from("34"), max_size=1)),
    st.just(Play(prompts=("p",))),
    st.builds(Hangup, prompt=st.sampled_from(["", "bye"])),
    st.just(Enqueue(queue="q")),
)


class _Counts:
    """A watch that counts, to hold the ways out against the visits."""

    def __init__(self) -> None:
        self.visits = 0
        self.lefts = 0
        self.overs = 0

    def entered(self, flow: str, now: float) -> None: ...

    def stepped(self, flow: str, step: str, before: str, spent_s: float, now: float) -> None:
        del flow, step, now
        self.visits += 1
        self.lefts += bool(before)
        assert not before or spent_s >= 0

    def left(self, flow: str, step: str, how: str, spent_s: float, now: float) -> None:
        del flow, step, how, now
        self.lefts += 1
        assert spent_s >= 0

    def over(self, entry: str, asked: bool, hung_up: bool, now: float) -> None:
        self.overs += 1


@settings(deadline=None)
@given(
    st.fixed_dictionaries({name: st.lists(some_step, min_size=1, max_size=5).map(tuple) for name in NAMES}),
    st.integers(0, 12),
)
def test_whatever_calls_whatever_it_waits_or_ends_and_each_step_is_left_once(
    scripts: dict[str, tuple[AnyStep, ...]], turns: int
) -> None:
    counts = _Counts()
    flows = Flows(rules_of(**scripts), watch=counts)
    out, now = flows.start("7", "main", T0, "en"), T0
    for _ in range(turns):
        run = flows.state.running.get("7")
        if run is None:
            break
        assert len(run.calls) <= MOST_CALLS
        now += 1.0
        out = flows.resume("7", "full", now) if run.mode is Mode.QUEUED else flows.expire(now + 700.0)
        now += 700.0
    run = flows.state.running.get("7")
    if run is not None:
        depth = len(run.calls)
        flows.stop("7", now)
    else:
        assert isinstance(out[-1], HangUp)
        depth = MOST_CALLS
    assert counts.overs == 1
    assert 0 <= counts.visits - counts.lefts <= depth  # calls that it never came back from
