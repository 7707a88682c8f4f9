"""Every pair of mode and event of the interpreter, and any script under any input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ivr.do import HangUp, PlayParts, Queue, TransferTo
from ccd.ivr.flows import Flows
from ccd.ivr.moves import MOVES, STEPS
from ccd.ivr.state import Event, Mode
from ccd.model import rules as model
from ccd.model.calendar import Cause as Closing
from ccd.model.hours import CalendarRule, Span
from ccd.model.nouns import Cause, LegKind
from ccd.model.steps import (
    Answer,
    AnyStep,
    CallBack,
    Collect,
    Enqueue,
    Goto,
    Hangup,
    Hours,
    Menu,
    Play,
    Set,
    Transfer,
)
from ccd.model.steps_surveys import KINDS, Survey

T0 = 50.0

STEPS_FOR = (
    Enqueue(queue="q", id="queue"),
    Transfer(address="+331", id="transfer"),
    Play(prompts=("p",), id="play"),
    Menu(prompt="m", choices={"1": "queue"}, id="menu", no_input_limit=2, bad_input_limit=2),
    Hangup(prompt="bye", id="leave"),
    Collect(variable="number", prompt="keys", id="collect", most=1),
    CallBack(queue="q", id="callback", on_refused="collect"),
    Play(prompts=("p",)),
    Survey(name="happy", kind="csat", id="survey"),
    Play(prompts=("p",)),
)


def in_mode(mode: Mode) -> Flows:
    """An interaction 7 that waits in the given mode."""
    goto = {
        Mode.PLAYING: "play",
        Mode.ASKING: "menu",
        Mode.LISTENING: "menu",
        Mode.QUEUED: "queue",
        Mode.TRANSFERRING: "transfer",
        Mode.LEAVING: "leave",
        Mode.COLLECTING: "collect",
        Mode.RATING: "survey",
        Mode.KEEPING: "callback",
        Mode.REFUSING: "callback",
    }[mode]
    flow = model.FlowRule(name="f", steps=(Goto(step=goto), *STEPS_FOR))
    flows = Flows(model.Rules(flows={"f": flow}))
    flows.start("7", "f", T0, "en")
    if mode is Mode.LISTENING:
        flows.prompt_ended("7", "7.p1", True, T0)
    if mode is Mode.REFUSING:
        flows.refuse("7", "already", T0)
    assert flows.state.running["7"].mode is mode
    return flows


def send(flows: Flows, event: Event, now: float) -> list[object]:
    if event is Event.DIGIT:
        return list(flows.digit("7", "1", now))
    if event is Event.TEXT:
        return list(flows.text("7", "1", now))
    if event is Event.PROMPT_ENDED:
        return list(flows.prompt_ended("7", "7.p1", True, now))
    if event is Event.RESUME:
        return list(flows.resume("7", "why", now))
    if event is Event.REFUSED:
        return list(flows.refuse("7", "denied", now))
    return list(flows.expire(now + 10_000))


MOVED = {
    (Mode.PLAYING, Event.DIGIT): Mode.QUEUED,  # typed ahead: the menu behind takes it
    (Mode.PLAYING, Event.PROMPT_ENDED): Mode.ASKING,
    (Mode.PLAYING, Event.DEADLINE): Mode.ASKING,
    (Mode.ASKING, Event.DIGIT): Mode.QUEUED,
    (Mode.ASKING, Event.PROMPT_ENDED): Mode.LISTENING,
    (Mode.ASKING, Event.DEADLINE): Mode.LISTENING,
    (Mode.LISTENING, Event.DIGIT): Mode.QUEUED,
    (Mode.LISTENING, Event.DEADLINE): Mode.ASKING,
    (Mode.QUEUED, Event.RESUME): Mode.TRANSFERRING,
    (Mode.TRANSFERRING, Event.RESUME): Mode.PLAYING,
    (Mode.COLLECTING, Event.DIGIT): Mode.KEEPING,
    (Mode.COLLECTING, Event.TEXT): Mode.KEEPING,
    (Mode.COLLECTING, Event.DEADLINE): Mode.KEEPING,
    (Mode.KEEPING, Event.REFUSED): Mode.REFUSING,
    (Mode.REFUSING, Event.PROMPT_ENDED): Mode.PLAYING,
    (Mode.REFUSING, Event.DEADLINE): Mode.PLAYING,
    (Mode.RATING, Event.DIGIT): Mode.PLAYING,
    (Mode.RATING, Event.PROMPT_ENDED): Mode.RATING,
    (Mode.RATING, Event.DEADLINE): Mode.RATING,
    (Mode.LEAVING, Event.PROMPT_ENDED): None,
    (Mode.LEAVING, Event.DEADLINE): None,
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("mode", Mode)
def test_every_pair_of_mode_and_event(mode: Mode, event: Event) -> None:
    flows = in_mode(mode)
    out = send(flows, event, T0 + 1)
    run = flows.state.running.get("7")
    if (mode, event) not in MOVED:
        assert out == []
        assert run is not None and run.mode is mode
        return
    expected = MOVED[mode, event]
    if expected is None:
        assert out == [HangUp("7")]
        assert run is None
    else:
        assert run is not None and run.mode is expected


def test_the_table_is_total() -> None:
    assert set(MOVES) == {(mode, event) for mode in Mode for event in Event}
    assert set(STEPS) == set(AnyStep.__args__)


# -- any script, any input ----------------------------------------------------------------------------------

OFFICE = CalendarRule(name="office", zone="UTC", week=((Span(0, 1), Span(2, 5)),) * 7)
IDS = [f"s{index}" for index in range(6)]
KEYS = "0123456789*#"
targets = st.sampled_from([*IDS, "", "missing"])
a_step = st.one_of(
    st.builds(Answer),
    st.builds(Play, prompts=st.sampled_from([(), ("a",), ("a", "b")]), barge=st.booleans()),
    st.builds(
        Menu,
        prompt=st.sampled_from(["m", ""]),
        choices=st.dictionaries(st.sampled_from(KEYS), targets, max_size=4),
        no_input_limit=st.integers(0, 3),
        bad_input_limit=st.integers(0, 3),
        on_no_input=targets,
        on_bad_input=targets,
        wait_s=st.floats(0, 30),
    ),
    st.builds(Set, values=st.just({"language": "fr"})),
    st.builds(Enqueue, queue=st.just("q")),
    st.builds(Transfer, address=st.just("+331")),
    st.builds(Goto, step=targets),
    st.builds(
        Hours,
        calendar=st.sampled_from(["office", "gone"]),
        open=targets,
        closed=targets,
        closed_by=st.dictionaries(st.sampled_from(Closing), targets, max_size=2),
    ),
    st.builds(
        Survey,
        name=st.just("q"),
        kind=st.sampled_from(KINDS),
        prompt=st.sampled_from(["", "m"]),
        text=st.sampled_from(["", "how?"]),
        choices=st.just({"1": "yes"}),
        no_input_limit=st.integers(0, 3),
        bad_input_limit=st.integers(0, 3),
        on_none=targets,
    ),
    st.builds(Hangup, prompt=st.sampled_from(["", "bye"])),
)
an_input = st.one_of(
    st.tuples(st.just("digit"), st.sampled_from(KEYS)),
    st.tuples(st.just("text"), st.text(max_size=5)),
    st.tuples(st.just("ended"), st.booleans()),
    st.tuples(st.just("resume"), st.just("full")),
    st.tuples(st.just("expire"), st.floats(0, 700)),
)


@given(
    steps=st.lists(a_step, max_size=6),
    inputs=st.lists(an_input, max_size=40),
    kind=st.sampled_from(LegKind),
)
def test_any_script_under_any_input_waits_or_ends(
    steps: list[AnyStep], inputs: list[tuple[str, object]], kind: LegKind
) -> None:
    named = tuple(
        type(step)(**{f: getattr(step, f) for f in step.__struct_fields__ if f != "id"}, id=name)  # type: ignore[arg-type]
        for name, step in zip(IDS, steps, strict=False)
    )
    flow = model.FlowRule(name="f", steps=named)
    flows = Flows(model.Rules(flows={"f": flow}, calendars={"office": OFFICE}))
    now = T0
    out = flows.start("7", "f", now, "en", kind=kind)
    play = ""
    for what, value in inputs:
        for do in out[:-1]:
            assert not isinstance(do, HangUp | Queue | TransferTo), "only the last outcome of a turn waits"
        play = next((do.play for do in out if isinstance(do, PlayParts)), play)
        run = flows.state.running.get("7")
        assert (run is None) == (bool(out) and isinstance(out[-1], HangUp)) or not out
        if run is None:
            assert flows.next_deadline() is None
            return
        if run.mode not in (Mode.QUEUED, Mode.TRANSFERRING):
            assert flows.next_deadline() is not None
        now += 0.5
        if what == "digit":
            out = list(flows.digit("7", str(value), now))
        elif what == "text":
            out = list(flows.text("7", str(value), now))
        elif what == "ended":
            out = list(flows.prompt_ended("7", play, bool(value), now))
        elif what == "resume":
            out = list(flows.resume("7", "full", now))
        else:
            now += value  # type: ignore[operator]
            out = []
            if (due := flows.next_deadline()) is not None and due <= now:
                now = due
                out = list(flows.expire(now))


def test_left_alone_every_script_without_a_queue_ends() -> None:
    flow = model.FlowRule(name="f", steps=STEPS_FOR[2:])
    flows = Flows(model.Rules(flows={"f": flow}))
    flows.start("7", "f", T0, "en")
    out: list[object] = []
    turns = 0
    while (due := flows.next_deadline()) is not None:
        out += flows.expire(due)
        turns += 1
    assert turns == 5
    assert out[-1] == HangUp("7", Cause.NORMAL, "no key pressed at menu")
