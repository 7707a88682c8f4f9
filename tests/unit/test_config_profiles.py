"""Profiles of the file: what they become, what is only warned of, and that they are checked as if written."""

import wave
from pathlib import Path

import pytest

from ccd.config.diff import diff
from ccd.config.load import Fault, check, load
from ccd.model.profiles import apply_profiles
from ccd.model.rules import ProfileRule, Suspension, Target
from ccd.model.settings import Settings

BASE = """
[agents.ann]
[agents.bob]
[queues.sales]
agents = ["ann"]
max_wait_s = 300
overflow = { queue = "mail" }
[queues.mail]
agents = ["bob"]
[[flows.hello.steps]]
do = "queue"
queue = "sales"
[[flows.brief.steps]]
do = "queue"
queue = "sales"
[numbers]
"01 23 45 67 89" = "hello"
"web:support" = "hello"
"""


def read(folder: Path, profiles: str, base: str = BASE) -> Settings:
    (folder / "ccd.toml").write_text(base + profiles)
    return load(folder, {})


def told(folder: Path, profiles: str, base: str = BASE) -> list[Fault]:
    (folder / "ccd.toml").write_text(base + profiles)
    return list(check(folder)[1])


def test_a_profile_becomes_plain_values_with_numbers_in_e164(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
[profiles.rush]
display = "Monday"
agents = { bob = { join = ["sales"], capacity = 60 } }
numbers = { "+33 1 23 45 67 89" = "brief", "web:support" = "brief" }
flows = { hello = "brief" }
[profiles.rush.queues.sales]
max_wait_s = 60
load = { voice = 100 }
on_miss = { no_answer = 2 }
overflow = { address = "01 98 76 54 32" }
[profiles.rush.suspend]
queues = { mail = { address = "01 98 76 54 32" } }
channels = { voice = { queue = "mail" } }
""",
    )
    number = "+33198765432"
    assert settings.rules.profiles["rush"] == ProfileRule(
        name="rush",
        display="Monday",
        agents={"bob": {"join": ["sales"], "capacity": 60}},
        queues={
            "sales": {
                "max_wait_s": 60.0,
                "load": {"voice": 100},
                "on_miss": {"no_answer": 2},
                "overflow": {"address": number},
            }
        },
        numbers={"+33123456789": "brief", "web:support": "brief"},
        flows={"hello": "brief"},
        suspend=Suspension(queues={"mail": Target(address=number)}, channels={"voice": Target(queue="mail")}),
    )
    rules = apply_profiles(settings.rules, ["rush"])
    assert rules.queues["sales"].overflow == rules.queues["mail"].overflow == Target(address=number)
    assert rules.numbers == {"+33123456789": "brief", "web:support": "brief"}


def test_each_profile_belongs_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.toml").write_text('[profiles.rush.flows]\nhello = "brief"\n')
    (fault,) = told(tmp_path, '[profiles.rush.numbers]\n"web:support" = "brief"\n')
    assert fault.key == "profiles.rush" and "is set twice" in fault.problem


@pytest.mark.parametrize(
    ("profiles", "line", "key", "words"),
    [
        ("[profiles.idle]", 19, "profiles.idle", "changes nothing"),
        ("[profiles.a.agents.ann]\njoin = ['sales']", 20, "profiles.a.agents.ann.join[0]", "is among"),
        ("[profiles.a.agents.ann]\nleave = ['mail']", 20, "profiles.a.agents.ann.leave[0]", "is not among"),
        ("[profiles.a.agents.ann]\nleave = ['sales']", 20, "profiles.a.agents.ann.leave[0]", "nobody serves"),
        ("[profiles.a.queues.mail]\nagents = []", 20, "profiles.a.queues.mail.agents", "nobody serves"),
    ],
)
def test_what_is_allowed_but_odd_is_a_warning(
    tmp_path: Path, profiles: str, line: int, key: str, words: str
) -> None:
    (fault,) = told(tmp_path, profiles)
    assert fault.warning and (fault.line, fault.key) == (line, key)
    assert words in fault.problem and fault.cure


def test_that_nobody_serves_a_suspended_queue_is_what_was_asked_for(tmp_path: Path) -> None:
    assert told(tmp_path, "[profiles.a.suspend.queues]\nmail = {}") == []


@pytest.mark.parametrize(
    ("one", "two", "key"),
    [
        ("queues.sales]\npriority = 1", "queues.sales]\npriority = 2", "queues.sales.priority"),
        ("agents.bob]\ncapacity = 50", "agents.bob]\ncapacity = 60", "agents.bob.capacity"),
        ("agents.ann]\njoin = ['mail']", "agents.ann]\njoin = ['mail']", "agents.ann.join.mail"),
        ('numbers]\n"web:support" = "brief"', 'numbers]\n"web:support" = "brief"', 'numbers."web:support"'),
        ("suspend.queues]\nmail = {}", "suspend.queues]\nmail = {}", "suspend.queues.mail"),
        (
            "suspend.channels]\nvoice = { flow = 'brief' }",
            "suspend.channels]\nvoice = { queue = 'mail' }",
            "suspend.channels.voice",
        ),
    ],
)
def test_two_profiles_that_touch_the_same_key_are_named(tmp_path: Path, one: str, two: str, key: str) -> None:
    (fault,) = told(tmp_path, f"[profiles.one.{one}\n[profiles.two.{two}\n")
    assert fault.warning and fault.key == f"profiles.two.{key}" and '"one"' in fault.problem
    assert "turned on later counts" in fault.cure


def test_two_profiles_on_different_keys_are_fine(tmp_path: Path) -> None:
    text = "[profiles.one.queues.sales]\npriority = 1\n[profiles.two.queues.sales]\nmusic = 'tone:440'\n"
    assert told(tmp_path, text) == []


def test_a_fault_of_the_base_is_told_once(tmp_path: Path) -> None:
    base = BASE.replace('agents = ["bob"]', 'agents = ["bob", "bob"]')
    (fault,) = told(tmp_path, "[profiles.rush.queues.sales]\npriority = 1\n", base)
    assert fault.key == "queues.mail.agents[1]"


WRAPS = """
[agents.ann]
wrap_up_extensions = 1
[queues.sales]
agents = ["ann"]
wrap_up_s = 20
wrap_up_extend_s = 30
dispositions = { 1 = "sale" }
[profiles.rush]
"""


@pytest.mark.parametrize(
    "keys",
    [
        'queues = { sales = { wrap_up = "until_ended", wrap_up_longest_s = 60 } }',
        'queues = { sales = { disposition = "required", dispositions = { 7 = "call_back" } } }',
        'queues = { sales = { wrap_up = "none" } }',
        'agents = { ann = { wrap_up = "until_ended", wrap_up_extensions = 0 } }',
    ],
)
def test_what_rests_of_wrap_up_while_a_profile_is_on_is_no_fault(tmp_path: Path, keys: str) -> None:
    settings = read(tmp_path, keys, WRAPS)
    assert apply_profiles(settings.rules, ["rush"]) != settings.rules


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ('wrap_up = "timed", wrap_up_s = 0', "wrap_up", "needs a length"),
        ('disposition = "required", dispositions = {}', "disposition", "there is no list to give one of"),
    ],
)
def test_wrap_up_with_a_profile_on_must_be_possible(tmp_path: Path, keys: str, key: str, words: str) -> None:
    (fault,) = told(tmp_path, f"queues = {{ sales = {{ {keys} }} }}", WRAPS)
    assert (fault.key, fault.problem) == (
        f"profiles.rush.queues.sales.{key}",
        f"with this profile on: {words}",
    )


def test_sounds_are_looked_for_too(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with wave.open(str(tmp_path / "music" / "jazz.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    base = BASE + f'[media]\nmusic = ["{tmp_path}/music"]\n'
    text = '[profiles.{}.queues.sales]\nmusic = "{}"\n'
    found = told(tmp_path, text.format("good", "jazz") + text.format("bad", "jaz"), base)
    (fault,) = [fault for fault in found if fault.key.startswith("profiles") and not fault.warning]
    assert fault.key == "profiles.bad.queues.sales.music" and "did you mean" in fault.cure


def test_a_diff_speaks_the_words_of_the_file(tmp_path: Path) -> None:
    one = read(
        tmp_path, "[profiles.rush.agents.ann]\njoin = ['mail']\n[profiles.rush.queues.sales]\npriority = 1\n"
    )
    two = read(
        tmp_path,
        "[profiles.rush.agents.ann]\nleave = ['sales']\n[profiles.rush.queues.sales]\npriority = 2\n"
        "[profiles.night.flows]\nhello = 'brief'\n",
    )
    assert diff(one, two) == [
        '- profiles.rush.agents.ann.join = ["mail"]',
        '+ profiles.rush.agents.ann.leave = ["sales"]',
        "~ profiles.rush.queues.sales.priority: 1 → 2",
        "+ profiles.night",
    ]
