"""What a reload would change, in the words of the file."""

from pathlib import Path

from ccd.config.diff import diff
from ccd.config.load import load
from ccd.model.settings import Settings

OLD = """
[sip]
domain = "a.example"
[[sip.transports]]
port = 5060
[media]
codecs = ["PCMA"]
[agents.alice]
devices = ["alice"]
[agents.bob]
[devices.alice]
password = "env:ALICE"
[queues.sales]
agents = ["alice"]
[queues.old]
agents = ["bob"]
[numbers]
1000 = "in"
[channels.web]
adapter = "webchat"
flow = "in"
[[flows.in.steps]]
do = "answer"
[[flows.in.steps]]
do = "queue"
queue = "sales"
"""


def read(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "ccd.toml").write_text(text)
    return load(folder, {"ALICE": "hunter2", **environ})


def changes(tmp_path: Path, *pairs: tuple[str, str], **environ: str) -> list[str]:
    new = OLD
    for old_words, new_words in pairs:
        assert old_words in new
        new = new.replace(old_words, new_words)
    return diff(read(tmp_path, OLD), read(tmp_path, new, **environ))


def test_nothing_changed(tmp_path: Path) -> None:
    assert changes(tmp_path) == []


def test_values(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        ('"a.example"', '"b.example"'),
        ("port = 5060", "port = 5070"),
        ('["PCMA"]', '["PCMA", "PCMU"]'),
        ('[queues.sales]\nagents = ["alice"]', '[queues.sales]\nagents = ["alice", "bob"]\nmax_length = 3'),
        ('flow = "in"', 'flow = "in"\nport = 8099'),
    )
    assert sorted(found) == [
        "~ channels.web.port: 8080 → 8099",
        '~ media.codecs: ["PCMA"] → ["PCMA", "PCMU"]',
        '~ queues.sales.agents: ["alice"] → ["alice", "bob"]',
        "~ queues.sales.max_length: not set → 3",
        '~ sip.domain: "a.example" → "b.example"',
        "~ sip.transports[0].port: 5060 → 5070",
    ]


def test_the_country_is_told_once(tmp_path: Path) -> None:
    old, new = read(tmp_path, OLD), read(tmp_path, OLD + '[daemon]\ncountry = "DE"\n')
    assert (old.rules.country, new.rules.country) == ("FR", "DE")
    assert diff(old, new) == ['~ daemon.country: "FR" → "DE"']


def test_names_and_steps(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        ("[queues.old]", "[queues.new]"),
        ("1000 =", "1001 ="),
        ('queue = "sales"\n', 'queue = "sales"\n[[flows.in.steps]]\ndo = "hangup"\n'),
    )
    assert sorted(found) == [
        "+ flows.in.steps[2]",
        '+ numbers.1001 = "in"',
        "+ queues.new",
        '- numbers.1000 = "in"',
        "- queues.old",
    ]


def test_a_step_of_another_kind(tmp_path: Path) -> None:
    assert changes(tmp_path, ('do = "answer"', 'do = "play"\nprompts = []')) == [
        "~ flows.in.steps[0]: answer → play"
    ]


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    assert changes(tmp_path, ALICE="hunter3") == ["~ devices.alice.password: changed (a secret)"]


def test_a_new_device_shows_no_secret(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        ('devices = ["alice"]', 'devices = ["alice", "two"]'),
        ("[queues.sales]", '[devices.two]\npassword = "env:ALICE"\n[queues.sales]'),
    )
    assert sorted(found) == ["+ devices.two", '~ agents.alice.devices: ["alice"] → ["alice", "two"]']
