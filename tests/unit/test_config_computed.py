"""`ccctl check` of what flows compute, of `on_kept`, of texts where prompts play, and of `[[entry]]`."""

from pathlib import Path

import msgspec
import pytest

from ccd.config.diff import diff
from ccd.config.flow_check import check_flows
from ccd.config.load import check
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.rules import QueueRule, SharedEntryRule
from ccd.model.settings import Settings
from ccd.model.steps import AnyStep
from ccd.model.voicemail_rules import VoicemailRule

BASE = """
[numbers]
"+33123456789" = "in"
[queues.sales]
agents = ["ann"]
callback = { allow = ["+33"] }
[queues.help]
agents = ["ann", "bea"]
[agents.ann]
devices = ["p"]
skills = { french = 5 }
[agents.bea]
language = "fr"
[devices.p]
password = "env:X"
[flows.in]
language = "en"
"""
TO = 'do = "queue"; queue = "{var.team}"; '
QUEUE_PROMPTS = ("whisper", "comfort")
BYE = 'id = "bye"; do = "hangup"'


def steps(*lines: str) -> str:
    return "".join("[[flows.in.steps]]\n" + line.replace("; ", "\n") + "\n" for line in lines)


def loaded(tmp_path: Path, text: str) -> tuple[Settings | None, list[tuple[str, str, str]]]:
    (tmp_path / "ccd.toml").write_text(BASE + text)
    settings, faults = check(tmp_path)
    return settings, [(each.key, each.problem, each.cure) for each in faults if not each.warning]


@pytest.mark.parametrize(
    "text",
    [
        steps('do = "set"; values = { a = "{caller} {var.b:digits}", priority = "{var.worth}" }', BYE),
        steps('do = "call"; flow = "sub"; arguments = { who = "{caller_name}" }', BYE)
        + '[[flows.sub.steps]]\ndo = "return"\n',
        steps(TO + 'among = ["sales", "help"]; on_unknown = "bye"', BYE),
        steps('do = "callback"; queue = "{var.team}"; among = ["sales", "help"]; on_kept = "bye"', BYE),
        steps(
            'do = "voicemail"; queue = "{var.team}"; among = ["sales"]; say = "Speak."; on_kept = "bye"', BYE
        ),
        steps('do = "queue"; queue = "help"; whisper_say = { en = "{caller}", fr = "{caller}" }', BYE),
        steps(BYE)
        + '[[entry]]\nwhen = "language == \\"fr\\""\nrequirement = "french >= 5"\nqueues = ["help"]\n',
    ],
)
def test_what_is_right_has_no_fault(tmp_path: Path, text: str) -> None:
    settings, faults = loaded(tmp_path, text)
    assert (faults, settings is not None) == ([], True)


@pytest.mark.parametrize(
    ("text", "key", "words", "cure"),
    [
        (
            steps('do = "set"; values = { a = "x {caler}" }'),
            "steps[0].values.a",
            "column 4: unknown name",
            "caller",
        ),
        (
            steps('do = "set"; values = { a = "{caller" }'),
            "steps[0].values.a",
            "column 1",
            "end the placeholder",
        ),
        (
            steps('do = "set"; values = { priority = "much" }'),
            "values.priority",
            "whole number",
            'priority = "5"',
        ),
        (
            steps('do = "set"; values = { language = "{var.l}" }'),
            "values.language",
            "cannot be computed",
            "branch",
        ),
        (
            steps('do = "call"; flow = "in"; arguments = { a = "{queue.salse.ewt_s}" }'),
            "steps[0].arguments.a",
            "no queue",
            "sales",
        ),
        (steps(TO), "steps[0].among", "is missing", 'among = ["sales", "support"]'),
        (steps(TO + 'among = ["sales", "halp"]'), "steps[0].among[1]", 'no queue "halp"', "help"),
        (steps('do = "queue"; queue = "{var.}"; among = ["sales"]'), "steps[0].queue", "column 2", "use"),
        (
            steps('do = "queue"; queue = "sales"; among = ["help"]'),
            "steps[0].among",
            "this one is named",
            "remove",
        ),
        (
            steps('do = "queue"; queue = "sales"; on_unknown = "bye"', BYE),
            "steps[0].on_unknown",
            "this one is named",
            "{var.team}",
        ),
        (steps(TO + 'among = ["sales"]; on_unknown = "by"', BYE), "steps[0].on_unknown", "no step", "bye"),
        (
            steps('do = "callback"; queue = "sales"; on_kept = "by"', BYE),
            "steps[0].on_kept",
            "no step",
            "bye",
        ),
        (
            steps('do = "callback"; queue = "{var.t}"; among = ["sales", "help"]; at = "when"', BYE),
            "steps[0].at",
            "no calendar",
            "calendar",
        ),
        (
            steps('do = "voicemail"; queue = "sales"; on_kept = "bye"; goodbye = "goodbye"', BYE),
            "steps[0].goodbye",
            "is never said",
            "on_kept",
        ),
        (
            steps('do = "voicemail"; queue = "sales"; say = "{var.x:monney}"', BYE),
            "steps[0].say",
            "unknown kind",
            "money",
        ),
        (
            steps('do = "lookup"; service = "s"; say = { fr = "Un instant." }', BYE)
            + '[services.s]\nkind = "http"\nurl = "https://s.example/"\n',
            "steps[0].say",
            'says nothing in "en"',
            "en",
        ),
        (
            steps('do = "queue"; queue = "help"; whisper_say = "A call."', BYE),
            "steps[0].whisper_say",
            'heard in "fr" too',
            "fr",
        ),
        (
            steps('do = "queue"; queue = "{var.t}"; among = ["help"]; whisper_say = { en = "A call." }', BYE),
            "steps[0].whisper_say",
            'says nothing in "fr"',
            "fr",
        ),
        (steps(BYE) + '[queues.q]\nwhisper_say = "{var.x} {"\n', "queues.q.whisper_say", "column 9", "{{"),
        (
            steps(BYE) + '[queues.q]\ncomfort_say = ["Thank you.", { fr = "Merci." }]\n',
            "queues.q.comfort_say[1]",
            'says nothing in "en"',
            "en",
        ),
        (
            steps(BYE) + '[queues.q.voicemail]\nkey = "3"\nsay = { fr = "Parlez." }\n',
            "queues.q.voicemail.say",
            'says nothing in "en"',
            "en",
        ),
        (steps(BYE) + '[[entry]]\nwhen = "caler == 1"\nadd = 1\n', "entry[0].when", "unknown name", "caller"),
        (steps(BYE) + '[[entry]]\nadd = 1\nqueues = ["halp"]\n', "entry[0].queues[0]", "no queue", "help"),
        (steps(BYE) + '[[entry]]\nrequirement = "freng >= 2"\n', "entry[0].requirement", "freng", "french"),
        (steps(BYE) + '[[entry]]\nwhen = "caller == \\"\\""\n', "entry[0]", "changes nothing", "add"),
        (steps(BYE) + "[[entry]]\nadd = 9999\n", "entry[0].add", "-1000 to 1000", "choose"),
        (steps(BYE) + "[entry]\nadd = 1\n", "entry", "must be tables", "[[entry]]"),
        (steps(BYE) + '[[entry]]\nadd = 1\nqueue = "help"\n', "entry[0].queue", "not a known key", "queues"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_its_cure(
    tmp_path: Path, text: str, key: str, words: str, cure: str
) -> None:
    _, faults = loaded(tmp_path, text)
    assert [each for each in faults if each[0].endswith(key) and words in each[1] and cure in each[2]], faults


def odd(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "ccd.toml").write_text(BASE + text)
    _, _, faults = check_flows(tmp_path)
    return [(each.key, each.problem) for each in faults if each.warning]


def test_a_queue_after_what_is_kept_is_odd(tmp_path: Path) -> None:
    kept = 'do = "callback"; queue = "sales"; on_kept = "more"'
    menu = 'id = "more"; do = "menu"; prompt = ""; choices = { 1 = "in" }; '
    menu += 'on_no_input = "bye"; on_bad_input = "bye"'
    wait = 'id = "in"; do = "queue"; queue = "help"'
    (found,) = odd(tmp_path, steps(kept, menu, wait, BYE))
    assert found[0] == "flows.in.steps[0].on_kept"
    assert found[1].startswith("leads to in, which means nothing")
    assert (
        odd(tmp_path, steps(kept, 'do = "goto"; step = "bye"', 'id = "more"; do = "play"; say = "x"', BYE))
        == []
    )


def test_a_computed_queue_as_the_last_step_may_hang_up_without_a_word(tmp_path: Path) -> None:
    (found,) = odd(
        tmp_path, steps(BYE.replace("bye", "x").replace("hangup", "answer"), TO + 'among = ["sales"]')
    )
    assert found[1].startswith("hangs up without a word")


def test_a_message_is_a_way_out(tmp_path: Path) -> None:
    leave = 'id = "leave"; do = "voicemail"; queue = "sales"; on_empty = "leave"; on_full = "leave"'
    assert odd(tmp_path, steps(leave)) == []


def test_shared_rules_are_read_in_order_and_a_reload_tells_what_changes(tmp_path: Path) -> None:
    one, _ = loaded(tmp_path, steps(BYE) + '[[entry]]\nname = "a"\nadd = 1\nqueues = ["help"]\n')
    two, _ = loaded(tmp_path, steps(BYE) + '[[entry]]\nname = "a"\nadd = 2\n[[entry]]\nadd = 3\n')
    assert one is not None and two is not None
    assert one.rules.entry == (SharedEntryRule(name="a", add=1, queues=("help",)),)
    assert diff(one, two) == ["~ entry[0].add: 1 → 2", '~ entry[0].queues: ["help"] → []', "+ entry[1]"]


@pytest.mark.parametrize("kind", [*AnyStep.__args__, Pin, OneTimeCode, QueueRule, VoicemailRule])
def test_wherever_a_prompt_plays_a_text_may_be_said(kind: type[msgspec.Struct]) -> None:
    fields = kind.__struct_fields__
    for prompts in [name for name in fields if name.endswith(("prompt", "prompts")) or name in QUEUE_PROMPTS]:
        text = f"{prompts}_say" if prompts in QUEUE_PROMPTS else prompts.rstrip("s").replace("prompt", "say")
        assert text in fields, f"{kind.__name__}.{prompts}"
    if kind in AnyStep.__args__:  # and what is said is checked and translated
        required = dict.fromkeys(fields[: len(fields) - len(kind.__struct_defaults__)], "x")
        for name in [each for each in fields if each.endswith("say") and each != "whisper_say"]:
            assert ((name,), "x") in list(kind(**{**required, name: "x"}).texts())  # type: ignore[attr-defined]
