"""Ways out of a step that take no time: each as it is, and loops over them against the interpreter itself."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from ccd.config.calls import Haste
from ccd.config.circles import circles
from ccd.ivr.do import Do, HangUp
from ccd.ivr.flows import Flows
from ccd.ivr.graph import Graph
from ccd.ivr.haste import Pace, Ways, quick_ways
from ccd.ivr.state import FlowState, Mode
from ccd.model import rules as model
from ccd.model.facts import BotEnded, OutsideAnswered
from ccd.model.nouns import LegKind
from ccd.model.step import Step
from ccd.model.steps import AnyStep, Branch, CallBack, Case, Enqueue, Goto, Hangup, Menu, Play, Set, Transfer
from ccd.model.steps_bots import Bot
from ccd.model.steps_calling import Call, Return
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.steps_speech import Confirm, Language
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Voicemail

T0 = 1000.0
PAY = Pay(service="s", amount="1", currency="EUR", on_failure="a")
ON, NONE = Ways(on=True), Ways()


def to(*names: str, on: bool = False) -> Ways:
    return Ways(frozenset(names), on)


@pytest.mark.parametrize(
    ("step", "calls", "texts", "others"),
    [
        (Goto(step="a"), to("a"), to("a"), to("a")),
        (Play(prompts=("hello",)), NONE, ON, NONE),
        (Play(say="Hello {caller_name}."), NONE, ON, NONE),
        (Play(say="{caller_name}", digits="x"), ON, ON, ON),  # nothing may be left to be said
        (Play(say={"en": "Hello.", "fr": "{caller_name}"}), ON, ON, ON),
        (Menu(choices={"1": "a"}, on_no_input="a"), NONE, NONE, NONE),
        (Enqueue(queue="q"), NONE, NONE, ON),
        (Enqueue(queue="{var.q}", among=("q",), on_unknown="a"), to("a"), to("a"), to("a", on=True)),
        (Enqueue(queue="{var.q}", among=("q",)), ON, ON, ON),
        (CallBack(queue="q", on_kept="b"), NONE, ON, ON),
        (Branch(cases=(Case(when="var.x", step="a"),), otherwise="b"), *3 * (to("a", "b"),)),
        (CallBack(queue="q", on_refused="a"), NONE, to("a"), ON),
        (Voicemail(queue="q", on_full="a", on_empty="b"), to("a"), to("a", "b"), to("a")),
        (Voicemail(queue="q", on_kept="b"), ON, ON, ON),
        (Language(choices={"1": "fr"}), NONE, NONE, NONE),
        (Language(choices={"1": "fr"}, by_country={"FR": "fr"}), ON, ON, ON),
        (Collect(variable="x", on_none="a"), NONE, NONE, NONE),
        (Collect(variable="x", on_none="a", secret=True), NONE, to("a"), NONE),
        (Survey(name="x", kind="nps"), NONE, ON, NONE),
        (Survey(name="x", kind="free", say="Why?", spoken=False), ON, ON, ON),
        (Identify(caller_service="s", on_unknown="a", on_known="b"), to("a"), to("a"), to("a", "b")),
        (Identify(number_service="s", on_unknown="a"), NONE, NONE, to("a", on=True)),
        (Lookup(service="s", on_failure="a"), NONE, NONE, to("a", on=True)),
        (Send(service="s"), ON, ON, ON),
        (Send(service="s", on_failure="a"), to("a"), to("a"), to("a", on=True)),
        (PAY, to("a"), to("a"), to("a", on=True)),
        (Transfer(address="+331"), NONE, NONE, ON),
        (Hangup(), NONE, NONE, NONE),
    ],
)  # fmt: skip
def test_ways_that_take_no_time(step: Step, calls: Ways, texts: Ways, others: Ways) -> None:
    assert quick_ways(step) == calls
    assert quick_ways(step, Pace.TEXTS) == texts
    assert quick_ways(step, Pace.OTHERS) == others


# -- against the interpreter -----------------------------------------------------------------------------

NAMES = ("main", "a", "b")
ids = st.sampled_from(["x", "y", "z"])
maybe = ids | st.just("")
some_text = st.sampled_from(["", "Hello.", "{var.none}"])


def step(kind: type, /, **keys: st.SearchStrategy[object]) -> st.SearchStrategy[AnyStep]:
    return st.builds(kind, id=ids, **keys)


def one(value: object) -> st.SearchStrategy[object]:
    return st.just(value)


queues = st.sampled_from([(), ("q",)])
services = st.sampled_from(["", "s"])
cases = ids.map(lambda target: (Case(when="var.chance", step=target),))
once = {"no_input_limit": one(1)}
some_step: st.SearchStrategy[AnyStep] = st.one_of(
    step(Set, values=one({"v": "1"})),
    step(Goto, step=ids),
    step(Branch, cases=cases, otherwise=maybe),
    step(Play, prompts=st.sampled_from([(), ("hello",)]), say=some_text),
    step(Menu, choices=one({}), on_no_input=maybe, **once),
    step(Collect, variable=one("k"), on_none=maybe, secret=st.booleans(), **once),
    step(Enqueue, queue=one("{var.q}"), among=queues, on_unknown=maybe),
    step(CallBack, queue=one("{var.q}"), among=queues, on_unknown=maybe, on_refused=maybe),
    step(Voicemail, queue=one("q"), on_empty=maybe, on_full=maybe),
    step(Transfer, address=one("+331")),
    step(
        Language,
        choices=st.sampled_from([{}, {"1": "fr"}]),
        by_country=st.sampled_from([{}, {"FR": "fr"}]),
        limit=one(1),
    ),
    step(Confirm, on_none=maybe, limit=one(1)),
    step(
        Survey,
        name=one("n"),
        kind=st.sampled_from(["nps", "free"]),
        say=some_text,
        spoken=st.booleans(),
        on_none=maybe,
        **once,
    ),
    step(
        Identify,
        caller_service=services,
        number_service=services,
        on_known=maybe,
        on_unknown=maybe,
        attempts=one(1),
    ),
    step(Lookup, service=one("s"), on_found=maybe, on_missing=maybe, on_failure=maybe),
    step(Hook, service=one("s"), may=one(("x",)), on_failure=maybe),
    step(Send, service=one("s"), on_failure=maybe, most=one(1)),
    step(
        Pay,
        service=one("s"),
        amount=st.sampled_from(["1.00", "free"]),
        currency=one("EUR"),
        on_failure=maybe,
    ),
    step(Bot, bot=one("b"), on_end=maybe, on_failure=maybe),
    step(Call, flow=st.sampled_from(NAMES)),
    step(Return),
    step(Hangup),
)


def numbered(steps: list[AnyStep]) -> tuple[AnyStep, ...]:
    """With the ids x, y and z in their order."""
    return tuple(msgspec.structs.replace(each, id=name) for each, name in zip(steps, "xyz", strict=False))


some_flows = st.fixed_dictionaries(
    {name: st.lists(some_step, min_size=1, max_size=3).map(numbered) for name in NAMES}
)
"""So small that no way without a loop comes to the bound: at most 3 calls of 3 calls of 3 steps."""

SERVICES = {Mode.AWAITING, Mode.RECOGNISING, Mode.CHARGING, Mode.VERIFYING, Mode.SENDING}


def nudge(flows: Flows, run: FlowState, now: float, pace: Pace, ok: bool) -> tuple[list[Do], float]:
    """What happens next to one who says and presses nothing."""
    at = now if pace is Pace.OTHERS else now + 1.0
    if run.mode in (Mode.QUEUED, Mode.TRANSFERRING):
        return flows.resume("7", "full", at), at
    if run.mode is Mode.KEEPING:
        at = now if pace is not Pace.CALLS else now + 1.0
        return flows.refuse("7", "denied" if pace is not Pace.OTHERS else "too-late", at), at
    if run.mode in SERVICES and pace is Pace.OTHERS:
        return flows.answered(
            "7", OutsideAnswered("7", run.ask, ok, {"customer": "4711"} if ok else {}), at
        ), at
    if run.mode is Mode.CALLING_BOT and pace is Pace.OTHERS:
        return flows.bot_ended(BotEnded("7", run.ask, ok), at), at
    deadline = flows.next_deadline()
    assert deadline is not None and deadline > now, f"{run.mode} waits for nothing"
    return flows.expire(deadline), deadline


def looker(chances: list[bool]) -> Callable[[str], Callable[[str], object]]:
    """`var.chance` is one time so, another time otherwise; the caller is in France; nothing else is known."""
    asked = iter(chances * 1000)
    known = {"var.chance": lambda: next(asked, False), "caller": lambda: "+33612345678"}
    return lambda _interaction: lambda name: known.get(name, lambda: None)()


@pytest.mark.parametrize("pace", list(Pace))
@settings(deadline=None, max_examples=300)
@given(some_flows, st.lists(st.booleans(), min_size=1, max_size=6), st.booleans())
def test_where_the_check_finds_no_loop_the_interpreter_never_comes_to_its_bound(
    pace: Pace, scripts: dict[str, tuple[AnyStep, ...]], chances: list[bool], full: bool
) -> None:
    made = {name: model.FlowRule(name=name, steps=steps) for name, steps in scripts.items()}
    haste = Haste(made, pace)
    bad = list(circles(haste.into)) or [loop for each in haste.graphs.values() for loop in each.sleepless()]
    event(f"{pace}: {'a loop' if bad else 'none'}")
    assume(not bad)
    kind = LegKind.TEXT if pace is Pace.TEXTS else LegKind.AUDIO
    flows = Flows(model.Rules(flows=made), look=looker(chances), full=lambda _queue: full)
    out, now = flows.start("7", "main", T0, "en", kind=kind), T0
    for turn in range(60):
        run = flows.state.running.get("7")
        if run is None:
            break
        out, now = nudge(flows, run, now, pace, chances[turn % len(chances)])
    if "7" not in flows.state.running:
        (end,) = [each for each in out if isinstance(each, HangUp)]
        assert "without waiting" not in end.note, end.note
        assert "does not exist" in end.note or not end.note or "deep" in end.note or " at " in end.note


@pytest.mark.parametrize("pace", list(Pace))
@settings(deadline=None, max_examples=300)
@given(some_flows)
def test_a_loop_that_is_told_is_one_and_a_quick_way_is_a_way(
    pace: Pace, scripts: dict[str, tuple[AnyStep, ...]]
) -> None:
    made = {name: model.FlowRule(name=name, steps=steps) for name, steps in scripts.items()}
    for name, graph in Haste(made, pace).graphs.items():
        ways = {at: set(Graph(made[name]).next(at)) for at in range(len(made[name].steps))}
        assert all(set(graph.quick(at)) <= ways[at] for at in ways)
        for loop in graph.sleepless():
            assert all(after in graph.quick(at) for at, after in zip(loop, [*loop[1:], loop[0]], strict=True))
