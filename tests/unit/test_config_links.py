"""Links in the configuration: each fault at its key, in words, and what is right without one."""

from pathlib import Path

import pytest

from ccd.cli.flow_words import details
from ccd.config.flow_check import check_flows
from ccd.config.load import check
from ccd.model.steps_outside import Send

GOOD = """
[channels.web]
adapter = "webchat"
public_url = "https://chat.example.com/"
flow = "chat"
[channels.bare]
adapter = "webchat"
port = 8081
flow = "chat"
[services.texts]
kind = "http"
url = "https://sms.example/messages"
method = "POST"
timeout_s = 3.0
[queues.sales]
agents = []
after_call = "rate"
[flows.chat]
steps = [{ do = "queue", queue = "sales" }]
[[flows.in.steps]]
do = "send"
service = "texts"
values = { to = "{caller}", text = "{{link}}: {link}" }
link = { channel = "web", flow = "later", keep = ["order"], valid_s = 3600, uses = 2 }
[[flows.in.steps]]
do = "hangup"
[flows.later]
steps = [{ do = "queue", queue = "sales" }]
[flows.rate]
steps = [{ do = "survey", name = "ok", kind = "csat", say = "ok?" }]
[surveys.rate]
[surveys.rate.send]
service = "texts"
channel = "web"
values = { to = "{caller}", text = "{var.agent}: {link}" }
[numbers]
"+33123456789" = "in"
[daemon]
country = "FR"
"""


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    return [(fault.key, fault.problem) for fault in faults if not fault.warning]


def test_a_good_one_gets_the_address_of_its_channel_and_the_time_of_its_service(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(GOOD)
    settings, faults = check(tmp_path)
    assert settings is not None and not [fault for fault in faults if not fault.warning], faults
    step, send = settings.rules.flows["in"].steps[0], settings.rules.surveys["rate"].send
    assert isinstance(step, Send) and step.link is not None and send is not None
    assert (step.link.url, step.link.uses, step.link.keep) == ("https://chat.example.com/", 2, ("order",))
    assert (send.url, send.timeout_s) == ("https://chat.example.com/", 3.0)
    assert "link to later on web" in details(step, {})
    _, looked_at, odd = check_flows(tmp_path, "later")
    assert looked_at == ["later"] and "nothing leads" not in str(odd), "the link does"


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('channel = "web", flow', 'channel = "wab", flow', "flows.in.steps[0].link.channel", '"wab"'),
        ('channel = "web", flow', 'channel = "bare", flow', "flows.in.steps[0].link.channel", "no public"),
        ('flow = "later"', 'flow = "latter"', "flows.in.steps[0].link.flow", '"latter"'),
        ("{{link}}: {link}", "{{link}}", "flows.in.steps[0].values", "nobody gets the link"),
        ("{{link}}: {link}", "{link:money}", "flows.in.steps[0].values.text", "column 6"),
        ("{{link}}: {link}", "{link} {cller}", "flows.in.steps[0].values.text", "column 9"),
        ("valid_s = 3600", "valid_s = 5", "flows.in.steps[0].link.valid_s", "60"),
        ("uses = 2", "uses = 0", "flows.in.steps[0].link.uses", "1"),
        ("uses = 2", 'url = "ftp://x"', "flows.in.steps[0].link.url", "no address"),
        ('"{var.agent}: {link}"', '"{var.agent}"', "surveys.rate.send.values", "nobody gets the link"),
        ('service = "texts"\nchannel', 'service = "txts"\nchannel', "surveys.rate.send.service", '"txts"'),
        ('channel = "web"\nvalues', 'channel = "bare"\nvalues', "surveys.rate.send.channel", "no public"),
        ('kind = "csat", say = "ok?"', 'kind = "csat"', "surveys.rate.send", "asks nothing in writing"),
        ('method = "POST"', 'method = "GET"', "flows.in.steps[0].service", "sends no body"),
        ("https://sms.example/messages", "http://sms.example/", "surveys.rate.send.service", "encryption"),
        ("sms.example/messages", "sms.example/{text}", "flows.in.steps[0].service", "has the secret {text}"),
        ("https://chat.example.com/", "https://chat.example.com/#x", "channels.web", "public_url"),
        ("https://chat.example.com/", "chat.example.com", "channels.web", "public_url"),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert [each for each in found if each[0] == key and words in each[1]], found


def test_a_step_without_a_link_knows_none(tmp_path: Path) -> None:
    bad = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith("link ="))
    ((key, problem), *_) = problems(tmp_path, bad)
    assert key == "flows.in.steps[0].values.text" and "link" in problem


def test_the_words_of_a_refusal_are_configured(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(GOOD + '[links]\nrefused = { en = "Gone.", fr = "Parti." }\n')
    settings, faults = check(tmp_path)
    assert settings is not None, faults
    assert settings.rules.links.refused == {"en": "Gone.", "fr": "Parti."}
