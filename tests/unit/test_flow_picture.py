"""The picture of a flow: every step has a box, every way an arrow, nothing overlaps, whatever the flow."""

from xml.etree import ElementTree

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.cli.flow_layout import Box, Point
from ccd.cli.flow_picture import Picture, picture, svg
from ccd.cli.flow_words import KINDS, details, ways_of
from ccd.model.rules import FlowRule
from ccd.model.steps import (
    AnyStep,
    Branch,
    Case,
    Collect,
    Enqueue,
    Goto,
    Hangup,
    Hours,
    Menu,
    Play,
    Set,
)
from ccd.model.steps_calling import Call, Return
from ccd.model.steps_speech import Language

IDS = [f"s{at}" for at in range(14)]
targets = st.sampled_from(IDS)
texts = st.text(max_size=60)
a_step = st.one_of(
    st.builds(Play, prompts=st.lists(st.sampled_from(["a", "b", "<&>"]), max_size=3).map(tuple)),
    st.builds(
        Menu,
        prompt=st.just("m"),
        choices=st.dictionaries(st.sampled_from("0123456789*#"), targets, min_size=1, max_size=6),
        on_no_input=st.sampled_from([*IDS, ""]),
    ),
    st.builds(
        Branch,
        cases=st.lists(st.builds(Case, when=texts, step=targets), min_size=1, max_size=3).map(tuple),
        otherwise=st.sampled_from([*IDS, ""]),
    ),
    st.builds(Goto, step=targets),
    st.builds(Set, values=st.dictionaries(texts, texts, max_size=3)),
    st.builds(Enqueue, queue=st.just("sales"), requirement=texts),
    st.builds(Collect, variable=texts, on_none=targets),
    st.builds(Hours, calendar=st.just("office"), closed=targets),
    st.just(Hangup(prompt="bye")),
    st.just(Call(flow="other")),
    st.just(Return()),
)


@st.composite
def flows(draw: st.DrawFn) -> FlowRule:
    steps = draw(st.lists(a_step, max_size=len(IDS)))
    named = tuple(_named(step, at) for at, step in enumerate(steps))
    return FlowRule(name=draw(st.sampled_from(["main", "<b>&\x07"])), steps=named)


def _named(step: AnyStep, at: int) -> AnyStep:
    return msgspec.structs.replace(step, id=IDS[at])


def drawn(flow: FlowRule) -> Picture:
    return picture(flow, {"a": "Welcome to all & everybody.", "m": "Press 1 – or 2."}, ["+331"], called=True)


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def along(points: list[Point]) -> list[Point]:
    """Points of the line: the bends are Bézier curves with upright ends."""
    found: list[Point] = []
    for place in range(1, len(points)):
        (x0, y0), (x1, y1) = points[place - 1], points[place]
        half = (y0 + y1) / 2
        for part in (each / 12 for each in range(13)):
            left, both = 1 - part, 3 * part * (1 - part)
            if place % 2:
                found.append((x0 + (x1 - x0) * part, y0 + (y1 - y0) * part))
            else:
                x = left**3 * x0 + both * left * x0 + both * part * x1 + part**3 * x1
                y = left**3 * y0 + both * left * half + both * part * half + part**3 * y1
                found.append((x, y))
    return found


def within(point: Point, box: Box) -> bool:
    x, y = point
    return box.x + 0.5 < x < box.x + box.width - 0.5 and box.y + 0.5 < y < box.y + box.height - 0.5


@settings(max_examples=150, deadline=None)
@given(flows())
def test_nothing_overlaps_and_nothing_is_left_out(flow: FlowRule) -> None:
    shown = drawn(flow)
    assert [each.step for each in shown.shown if each.step >= 0] == list(range(len(flow.steps)))
    boxes = [each.box for each in shown.shown]
    labels = [arrow.label for arrow in shown.arrows if arrow.label.width]
    solid = [*boxes, *labels]
    for at, one in enumerate(solid):
        assert one.x >= 0 and one.y >= 0
        assert one.x + one.width <= shown.width and one.y + one.height <= shown.height
        assert not [other for other in solid[at + 1 :] if overlap(one, other)]
    for arrow in shown.arrows:
        own = (shown.shown[arrow.start].box, shown.shown[arrow.end].box, arrow.label)
        others = [box for box in solid if not any(box is each for each in own)]
        assert not [point for point in along(arrow.points) for box in others if within(point, box)]
        begin, end = (arrow.points[0], arrow.points[-1])
        assert own[0].x <= begin[0] <= own[0].x + own[0].width
        assert own[1].x <= end[0] <= own[1].x + own[1].width


@settings(max_examples=60, deadline=None)
@given(flows())
def test_every_way_has_an_arrow_with_its_label(flow: FlowRule) -> None:
    shown = drawn(flow)
    for at in range(len(flow.steps)):
        for label, to in ways_of(flow, at):
            if to == at:
                lines = shown.shown[at + 1].loops
            else:
                ends = [
                    "".join(lines)
                    for arrow, lines in zip(shown.arrows, shown.labels, strict=True)
                    if arrow.start == at + 1 and shown.shown[arrow.end].step == (-1 if to is None else to)
                ]
                assert len(ends) == 1
                lines = ends
            assert lines
            if len(label) == 1 and label.isprintable() and not label.isspace():
                assert label in "".join(lines)


@settings(max_examples=60, deadline=None)
@given(flows())
def test_it_is_valid_xml_whatever_the_texts(flow: FlowRule) -> None:
    tree = ElementTree.fromstring(svg(drawn(flow)))  # noqa: S314  our own output
    ids = [each.get("id") for each in tree.iter() if (each.get("id") or "").startswith("step-")]
    assert ids == [f"step-{at}" for at in range(len(flow.steps))]


def test_texts_of_prompts_are_shown_and_keys_named() -> None:
    flow = FlowRule(
        name="main",
        steps=(
            Menu(prompt="m", choices={"1": "q", "2": "q", "9": "m1"}, id="m1", on_no_input="q"),
            Enqueue(queue="sales", id="q"),
        ),
    )
    text = svg(drawn(flow))
    for words in ("“Press 1 – or 2.”", ">key 1, 2 or no key<", ">key 9<", ">wrong key<", ">given back<"):
        assert words in text, words
    assert ">sales<" in text and ">goes back<" not in text.replace(">goes back<", "", 1)


def test_a_back_arrow_leads_up_and_a_step_that_is_never_reached_says_so() -> None:
    flow = FlowRule(
        name="main",
        steps=(Play(prompts=("a",), id="a"), Goto(step="a"), Hangup(id="lost")),
    )
    shown = drawn(flow)
    assert [arrow.upwards for arrow in shown.arrows] == [False, False, True]
    assert "never reached" in svg(shown)


def test_fifty_steps_are_laid_out() -> None:
    steps = tuple(
        Menu(prompt="m", choices={"1": f"n{(at * 7) % 50}", "2": f"n{(at + 3) % 50}"}, id=f"n{at}")
        for at in range(50)
    )
    shown = drawn(FlowRule(name="main", steps=steps))
    assert len([each for each in shown.shown if each.step >= 0]) == 50


def test_every_step_of_today_has_a_word_and_a_colour() -> None:
    assert {str(kind.__struct_config__.tag) for kind in AnyStep.__args__} <= set(KINDS)


def test_a_menu_shows_its_question_first_and_says_when_the_rest_is_said() -> None:
    menu = Menu(
        say="Press 1.", choices={"1": "a"}, no_input_prompt="none", bad_input_say="That is no choice."
    )
    lines = details(menu, {"none": "We heard nothing."})
    assert lines == ["“Press 1.”", "no key: “We heard nothing.”", "wrong key: “That is no choice.”"]


def test_who_is_asked_for_the_language_is_asked_in_each() -> None:
    step = Language(say={"de": "Für Deutsch die 1.", "en": "For English, 2."}, choices={"1": "de", "2": "en"})
    assert details(step, {}, "en")[:2] == ["“Für Deutsch die 1.”", "“For English, 2.”"]
    say = {"de": "Guten Tag.", "en": "Hello."}
    assert details(Play(say=say), {}, "en") == ["“Hello.”"]
