"""Flows and sounds: what is right stays without a fault, what is wrong is found by an independent walk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.config import sounds
from ccd.config.load import check
from ccd.ivr.graph import Graph
from ccd.model.calendar import Cause
from ccd.model.rules import FlowRule
from ccd.model.steps import Answer, AnyStep, Goto, Hangup, Hours, Menu, Play, Set


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    return [(fault.key, fault.problem) for fault in faults]


def steps(*lines: str) -> str:
    return "".join("[[flows.in.steps]]\n" + line.replace("; ", "\n") + "\n" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        steps('do = "answer"'),
        steps('do = "hangup"'),
        steps('id = "m"; do = "menu"; prompt = ""; choices = { 1 = "m", "*" = "m", "#" = "m" }'),
        steps('id = "a"; do = "play"; say = "Hello."', 'do = "goto"; step = "a"'),
        steps('do = "goto"; step = "b"', 'id = "a"; do = "hangup"', 'id = "b"; do = "goto"; step = "a"'),
        steps(
            'do = "menu"; prompt = ""; choices = { 1 = "x" }; on_bad_input = "y"', 'id = "x"; do = "answer"'
        )
        + steps('id = "y"; do = "answer"'),
        steps('do = "set"; values = { priority = "-3", anything = "x" }'),
    ],
)
def test_good_flows(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (steps('id = "a"; do = "goto"; step = "a"'), "steps[0]", "a → a"),
        (steps('do = "menu"; prompt = ""; choices = {}'), "steps[0].choices", "offers no key"),
        (
            steps('do = "menu"; prompt = ""; choices = { "" = "" }'),
            "steps[0].choices.",
            "no step with the id",
        ),
        (
            steps('do = "answer"', 'id = "a"; do = "set"; values = {}', 'do = "goto"; step = "a"'),
            "steps[1]",
            "a → steps[2] → a",
        ),
    ],
)
def test_bad_flows(tmp_path: Path, text: str, key: str, words: str) -> None:
    (found, problem), *_ = problems(tmp_path, text)
    assert found.startswith(f"flows.in.{key}")
    assert words in problem


ids = st.sampled_from(["a", "b", "c", "d"])
some_step = st.one_of(
    st.builds(Answer, id=ids),
    st.builds(Play, id=ids, prompts=st.just(("hello",))),
    st.builds(
        Menu,
        id=ids,
        prompt=st.just(""),
        choices=st.dictionaries(st.sampled_from("123"), ids),
        on_no_input=ids,
    ),
    st.builds(Set, id=ids, values=st.just({})),
    st.builds(Goto, id=ids, step=ids),
    st.builds(
        Hours,
        id=ids,
        calendar=st.just("office"),
        open=ids | st.just(""),
        closed=ids | st.just(""),
        closed_by=st.dictionaries(st.sampled_from(Cause), ids, max_size=2),
    ),
    st.builds(Hangup, id=ids),
)


def follows(flow: FlowRule, at: int) -> set[int]:
    """The same relation as Graph.next, said another way."""
    step = flow.steps[at]
    first: dict[str, int] = {}
    for index in reversed(range(len(flow.steps))):
        first[flow.steps[index].id] = index
    out = {first[name] for name in step.targets().values() if name in first}
    falls_through = type(step) in (Answer, Play, Set)
    if isinstance(step, Hours):
        falls_through = not step.open or not step.closed
    if falls_through and at + 1 < len(flow.steps):
        out.add(at + 1)
    return out


@given(st.lists(some_step, min_size=1, max_size=6))
def test_reach_and_loops_against_a_walk(steps_: list[AnyStep]) -> None:
    flow = FlowRule(name="in", steps=tuple(steps_))
    script = Graph(flow)
    closure = {at: follows(flow, at) for at in range(len(steps_))}
    for _ in steps_:
        closure = {at: to.union(*(closure[next_] for next_ in to)) for at, to in closure.items()}
    assert script.reached() == {0} | closure[0]
    restless = {at for at, step in enumerate(steps_) if isinstance(step, Answer | Set | Goto | Hours)}
    quick = {at: follows(flow, at) & restless for at in restless}
    for _ in steps_:
        quick = {at: to.union(*(quick[next_] for next_ in to)) for at, to in quick.items()}
    looping = {at for at in restless if at in quick[at]}
    assert {at for loop in script.sleepless() for at in loop} == looping


# -- sounds --------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped set of our own: en/hello, en/queue/position, fr/bonjour, music/default."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("en/hello", "en/queue/position", "fr/bonjour", "music/default"):
        file = folder / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    monkeypatch.setattr(sounds.check_sounds, "__defaults__", (folder,))
    return folder


def test_sounds_are_found_in_own_folders_and_the_shipped_set(tmp_path: Path, shipped: Path) -> None:
    for name in ("own/en/ours", "tunes/jazz"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / f"{name}.wav").write_bytes(b"")
    text = (
        '[media]\nprompts = ["own"]\nmusic = ["tunes"]\n[agents.a]\n'
        + "".join(
            f'[queues.{q}]\nagents = ["a"]\nmusic = "{q}"\nwhisper = "ours"\n' for q in ("jazz", "default")
        )
        + '[queues.tone]\nagents = ["a"]\nmusic = "tone:ringback"\n'
        + steps('do = "play"; prompts = ["ours", "hello", "queue/position"]', 'do = "hangup"; prompt = ""')
    )
    assert problems(tmp_path, text) == []


def test_a_prompt_must_exist_in_the_languages_in_which_it_is_reached(tmp_path: Path, shipped: Path) -> None:
    french = 'id = "fr"; do = "set"; values = { language = "fr" }'
    menu = 'do = "menu"; prompt = "hello"; choices = { 1 = "fr", 2 = "end" }'
    both = 'id = "end"; do = "hangup"; prompt = "bonjour"'
    assert problems(tmp_path, steps(menu, french, 'do = "play"; prompts = ["bonjour"]', both)) == [
        ("flows.in.steps[3].prompt", problem_of(shipped, "bonjour", "en"))
    ]


def problem_of(shipped: Path, name: str, language: str) -> str:
    return f'there is no prompt "{name}" in "{language}" (looked for {language}/{name}.wav in {shipped})'


def test_a_whisper_is_said_in_the_agents_language(tmp_path: Path, shipped: Path) -> None:
    text = '[agents.a]\nlanguage = "fr"\n[queues.q]\nagents = ["a"]\nwhisper = "hello"\n'
    assert problems(tmp_path, text) == [("queues.q.whisper", problem_of(shipped, "hello", "fr"))]


def test_music_is_no_language(tmp_path: Path, shipped: Path) -> None:
    (tmp_path / "ccd.toml").write_text('language = "de"\n')
    _, (fault,) = check(tmp_path)
    assert fault.key == "language" and fault.cure.endswith("one of: en, fr")


def test_a_whisper_of_a_step_is_looked_for_in_the_languages_of_the_agents(tmp_path: Path) -> None:
    text = steps('do = "queue"; queue = "q"; whisper = "whisper/nobody"')
    text += '[queues.q]\nagents = ["ann"]\n[agents.ann]\nlanguage = "fr"\n'
    found = problems(tmp_path, text)
    assert [key for key, _ in found] == ["flows.in.steps[0].whisper"]
    assert 'no prompt "whisper/nobody" in "fr"' in found[0][1]
    assert problems(tmp_path, text.replace("nobody", "sales")) == []


def test_a_time_for_a_callback_needs_a_calendar_and_so_a_time_zone(tmp_path: Path) -> None:
    step = 'do = "callback"; queue = "q"; at = "when"'
    queue = '[queues.q]\nagents = ["ann"]\n[agents.ann]\n'
    calendar = '[calendars.c]\nzone = "UTC"\nevery_day = ["09:00-12:00"]\n'
    found = problems(tmp_path, steps(step) + queue)
    assert [key for key, _ in found] == ["flows.in.steps[0].at"] and "no time zone" in found[0][1]
    assert problems(tmp_path, steps(f'{step}; calendar = "c"') + queue + calendar) == []
    kept = queue.replace("[agents", 'calendar = "c"\nclosed_to = { flow = "in" }\n[agents')
    assert problems(tmp_path, steps(step) + kept + calendar) == []
    assert [key for key, _ in problems(tmp_path, steps(f'{step}; calendar = "d"') + queue)] == [
        "flows.in.steps[0].calendar"
    ]
