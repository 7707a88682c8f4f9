"""`ccctl flow check`: calls and their circles, and what is odd in the shape of flows."""

from pathlib import Path

import pytest

from ccd.config import sounds
from ccd.config.flow_check import check_flows
from ccd.config.load import check
from ccd.errors import Refused

BASE = """
[numbers]
"+33123456789" = "in"
[queues.q]
agents = ["ann"]
overflow = { flow = "sorry" }
max_wait_s = 600
[agents.ann]
devices = ["p"]
[devices.p]
password = "env:X"
[[flows.sorry.steps]]
do = "hangup"
"""


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "ccd.toml").write_text(BASE + text)
    return tmp_path


def steps(*lines: str, flow: str = "in") -> str:
    return "".join(f"[[flows.{flow}.steps]]\n" + line.replace("; ", "\n") + "\n" for line in lines)


def told(tmp_path: Path, text: str, flow: str = "") -> list[tuple[str, str, bool]]:
    _, _, faults = check_flows(written(tmp_path, text), flow)
    return [(fault.key, fault.problem, fault.warning) for fault in faults]


MENU = 'id = "m"; do = "menu"; prompt = ""; on_no_input = "bye"; on_bad_input = "bye"; choices = '
BYE = 'id = "bye"; do = "hangup"'


@pytest.mark.parametrize(
    "text",
    [
        steps('do = "queue"; queue = "q"'),
        steps(MENU + '{ 1 = "bye" }', BYE),
        steps('do = "call"; flow = "sub"', BYE) + steps('do = "return"', flow="sub"),
        steps('id = "a"; do = "play"; say = "Hello."', MENU + '{ 1 = "a", 2 = "bye" }', BYE),
        steps('do = "call"; flow = "sub"', BYE) + steps('do = "play"; say = "Hello."', flow="sub"),
        steps(BYE) + steps(BYE, flow="rate") + '[queues.r]\nagents = ["ann"]\nafter_call = "rate"\n',
    ],
)
def test_nothing_is_odd(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (
            steps('id = "a"; do = "play"; say = "Hello."', 'do = "goto"; step = "a"'),
            "flows.in.steps[0]",
            "a loop without a way out: a, #2",
        ),
        (steps(BYE) + steps(BYE, flow="lone"), "flows.lone", "nothing leads to this flow"),
        (
            steps('id = "m"; do = "menu"; prompt = ""; on_bad_input = "m"; choices = { 1 = "m" }'),
            "flows.in.steps[0].on_no_input",
            "hangs up without a word after no_input_limit",
        ),
        (
            steps(MENU + '{ 1 = "m", 2 = "m" }', BYE),
            "flows.in.steps[0]",
            "offers no way out: every key leads back to it",
        ),
        (
            '[queues.plain]\nagents = ["ann"]\n' + steps('do = "queue"; queue = "plain"'),
            "flows.in.steps[0]",
            "hangs up without a word when the queue gives the caller back",
        ),
        (
            steps('do = "play"; say = "Hello."', 'do = "call"; flow = "in"'),
            "flows.in",
            "calls go in a circle: in → in",
        ),
    ],
)
def test_what_is_odd_is_a_warning_and_no_fault_of_check(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    assert (key, words, True) in told(tmp_path, text)
    settings, faults = check(tmp_path)
    assert settings is not None
    assert words not in {fault.problem for fault in faults}


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (steps('do = "call"; flow = "nope"'), "flows.in.steps[0].flow", 'there is no flow "nope"'),
        (
            steps('do = "call"; flow = "in"'),
            "flows.in",
            "calls go in a circle without waiting: in → in, by the steps in/steps[0]",
        ),
        (
            steps('do = "set"; values = {}', 'do = "call"; flow = "b"')
            + steps('do = "call"; flow = "c"', 'do = "call"; flow = "in"', flow="b")
            + steps('do = "set"; values = {}', flow="c"),
            "flows.in",
            "calls go in a circle without waiting: in → b → in, "
            "by the steps in/steps[0] → in/steps[1] → b/steps[0] → b/steps[1]",
        ),
        (
            steps('id = "a"; do = "call"; flow = "b"', 'do = "goto"; step = "a"')
            + steps('do = "return"', flow="b"),
            "flows.in.steps[0]",
            "loops for ever without waiting: a (b/steps[0]) → steps[1] → a (b/steps[0])",
        ),
    ],
)
def test_what_can_never_work_is_a_fault_of_both_checks(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    assert (key, words, False) in told(tmp_path, text)
    _, faults = check(tmp_path)
    assert (key, words) in {(fault.key, fault.problem) for fault in faults}


def test_a_call_of_a_flow_that_waits_is_no_endless_loop(tmp_path: Path) -> None:
    text = steps('id = "a"; do = "call"; flow = "b"', 'do = "goto"; step = "a"')
    text += steps('do = "play"; say = "Hello."', flow="b")
    assert [warning for _, _, warning in told(tmp_path, text)] == [True]


def test_one_flow_tells_of_itself_alone(tmp_path: Path) -> None:
    text = steps('do = "goto"; step = "x"') + steps('do = "goto"; step = "y"', flow="other")
    assert {key for key, _, _ in told(tmp_path, text, "other")} == {
        "flows.other",
        "flows.other.steps[0].step",
    }
    good, flows, _ = check_flows(tmp_path, "sorry")
    assert good and flows == ["sorry"]
    with pytest.raises(Refused, match='did you mean "sorry"'):
        check_flows(tmp_path, "sory")


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text("[flows")
    good, _, faults = check_flows(tmp_path)
    assert not good and "not valid TOML" in faults[0].problem


# -- languages across calls ------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("en/hello", "fr/bonjour", "fr/hello", "en/queue/position"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.wav").write_bytes(b"")
    monkeypatch.setattr(sounds.check_sounds, "__defaults__", (folder,))


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", []),  # only called from French flows, so only looked at in French
        ('[flows.two]\nlanguage = "en"\n' + steps('do = "call"; flow = "sub"', flow="two"), ["bonjour"]),
    ],
)
def test_a_called_flow_speaks_its_callers_language(tmp_path: Path, text: str, problems: list[str]) -> None:
    whole = '[flows.in]\nlanguage = "fr"\n' + steps(
        'do = "call"; flow = "sub"', 'do = "play"; prompts = ["hello"]'
    )
    whole += steps('do = "play"; prompts = ["bonjour"]', flow="sub") + text
    found = [problem for _, problem, warning in told(tmp_path, whole) if not warning]
    assert [problem.split('"')[1] for problem in found] == problems


@pytest.mark.usefixtures("shipped")
def test_a_language_set_in_a_called_flow_stays_after_it(tmp_path: Path) -> None:
    whole = steps('do = "call"; flow = "sub"', 'do = "play"; prompts = ["bonjour"]')
    assert len(told(tmp_path, whole + steps('do = "set"; values = {}', flow="sub"))) == 1
    assert told(tmp_path, whole + steps('do = "set"; values = { language = "fr" }', flow="sub")) == []


LOOK = 'id = "a"; do = "queue"; queue = "{var.team}"; among = ["q"]; on_unknown = '
ENDLESS = "loops for ever without waiting: "


@pytest.mark.parametrize(
    ("text", "steps_"),
    [
        (steps(LOOK + '"a"', BYE), "a → a"),
        (steps(LOOK + '"b"', 'id = "b"; do = "goto"; step = "a"'), "a → b → a"),
        (steps('id = "a"; do = "voicemail"; queue = "q"; on_full = "a"', BYE), "a → a"),
        (steps('id = "a"; do = "play"; say = "{var.none}"', 'do = "goto"; step = "a"'), "a → steps[1] → a"),
        (steps("id = \"a\"; do = \"branch\"; cases = [{ when = 'var.x', step = 'a' }]", BYE), "a → a"),
        (
            steps('id = "a"; do = "call"; flow = "b"', 'do = "goto"; step = "a"')
            + steps(LOOK + '"c"', 'id = "b"; do = "hangup"', 'id = "c"; do = "return"', flow="b"),
            "a (b/a → b/c) → steps[1] → a (b/a → b/c)",
        ),
        (
            steps(LOOK + '"b"', 'id = "b"; do = "call"; flow = "b"', BYE)
            + steps('do = "record"; switch = "on"', 'do = "call"; flow = "in"', flow="b"),
            "calls go in a circle without waiting: in → b → in, "
            "by the steps in/a → in/b → b/steps[0] → b/steps[1]",
        ),
    ],
    ids=[
        "to itself",
        "back again",
        "a full mailbox",
        "nothing to say",
        "a condition",
        "in a call",
        "by calls",
    ],
)
def test_every_exit_that_takes_no_time_is_followed(tmp_path: Path, text: str, steps_: str) -> None:
    words = steps_ if steps_.startswith("calls") else ENDLESS + steps_
    found = [(problem, warning) for _, problem, warning in told(tmp_path, text.replace("'", '"'))]
    assert (words, False) in found
    settings, _ = check(tmp_path)
    assert settings is None


LED = "loops without waiting as long as its values lead round: "
PAUSE = "may loop without a pause (a queue is full or closed, a service or a line fails at once): "
CHAT = "loops without waiting in a chat, where what is said takes no time: "
WEB = '[channels.web]\nadapter = "webchat"\nflow = "in"\n'
MORE = '[queues.more]\nagents = ["ann"]\n[services.crm]\nkind = "http"\nurl = "https://crm.example/"\n'
PLAYED = 'id = "a"; do = "play"; say = "Hello."'
AGAIN = 'do = "branch"; cases = [{ when = "caller", step = "bye" }]; otherwise = "a"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (  # the second time another queue is computed
            steps(
                LOOK + '"b"', BYE, 'id = "b"; do = "set"; values = { team = "q" }', 'do = "goto"; step = "a"'
            ),
            LED + "a → b → steps[3] → a",
        ),
        (
            MORE + steps('id = "a"; do = "queue"; queue = "more"', 'do = "goto"; step = "a"'),
            PAUSE + "a → steps[1] → a",
        ),
        (
            MORE + steps('id = "a"; do = "lookup"; service = "crm"; on_failure = "a"', BYE),
            PAUSE + "a → a",
        ),
        (
            steps('id = "a"; do = "transfer"; address = "+33123456780"', 'do = "goto"; step = "a"'),
            PAUSE + "a → steps[1] → a",
        ),
        (WEB + steps(PLAYED, AGAIN, BYE), CHAT + "a → steps[1] → a"),
        (
            WEB + steps('do = "call"; flow = "b"', BYE) + steps(PLAYED, AGAIN, BYE, flow="b"),
            CHAT + "a → steps[1] → a",
        ),
    ],
)
def test_a_loop_that_may_go_round_without_a_pause_is_a_warning(tmp_path: Path, text: str, words: str) -> None:
    assert [warning for _, problem, warning in told(tmp_path, text) if problem == words] == [True]
    _, faults = check(tmp_path)
    assert words not in {fault.problem for fault in faults}


def test_a_prompt_in_the_loop_is_a_pause_for_those_who_call(tmp_path: Path) -> None:
    """Nothing is warned of but that it has no way out."""
    found = told(tmp_path, steps(PLAYED, 'do = "goto"; step = "a"'))
    assert [problem for _, problem, _ in found] == ["a loop without a way out: a, #2"]


KEPT = 'do = "{step}"; queue = "q"; on_kept = "kept"'
SAYS = 'id = "kept"; do = "hangup"; say = "We call you back."'


@pytest.mark.parametrize("step", ["callback", "voicemail"])
def test_what_is_said_when_it_is_kept_is_not_said_when_it_is_not(tmp_path: Path, step: str) -> None:
    keeps = KEPT.format(step=step)
    problem = "kept is come to when nothing is kept, too: it is the next step"
    assert ("flows.in.steps[0].on_kept", problem, True) in told(tmp_path, steps(keeps, SAYS))
    assert told(tmp_path, steps(keeps, 'do = "hangup"; prompt = "goodbye"', SAYS)) == []
