"""Checks of `pay` and of the proofs of `identify` at load: named with the key and a cure."""

from pathlib import Path

import pytest

from ccd.config.load import check

SERVICES = """
[services.psp]
kind = "http"
url = "https://psp.example/charge"
method = "POST"
[services.open]
kind = "http"
url = "http://psp.example/charge"
method = "POST"
[services.here]
kind = "http"
url = "http://127.0.0.1:8080/charge"
method = "POST"
[services.get]
kind = "http"
url = "https://psp.example/charge"
[services.shown]
kind = "http"
url = "https://psp.example/{card_number}/{pin}/{code}"
method = "POST"
[services.base]
kind = "sql"
database = "x.sqlite"
select = "SELECT id AS customer FROM people WHERE id = :customer AND pin = :pin"
[services.crm]
kind = "sql"
database = "x.sqlite"
select = "SELECT id AS customer, mobile FROM people WHERE phone = :caller"
"""
END = '\n[[flows.in.steps]]\nid = "end"\ndo = "hangup"\n'
PAY = {"service": '"psp"', "amount": '"{var.a}"', "currency": '"EUR"'}
WHO = {"caller_service": '"crm"', "on_refused": '"end"'}
PIN = {"pin": '{ service = "base" }'}


def problems(tmp_path: Path, step: str, keys: dict[str, str]) -> list[tuple[str, str]]:
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items() if value)
    text = f'{SERVICES}\n[[flows.in.steps]]\ndo = "{step}"\n{lines}\n{END}'
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    assert all(fault.cure for fault in faults)
    return [(fault.key, fault.problem) for fault in faults]


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        ("pay", PAY),
        ("pay", PAY | {"service": '"here"', "values": '{ order = "{var.o}" }', "on_paid": '"end"'}),
        ("identify", WHO | PIN),
        ("identify", {"caller_service": '"crm"', "on_unknown": '"end"'} | PIN),
        ("identify", WHO | {"pin": '{ service = "psp", least = 4, most = 6, attempts = 2 }'}),
        (
            "identify",
            WHO | {"one_time_code": '{ service = "psp", to = "{var.mobile}", text = "Your code: {code}" }'},
        ),
    ],
)
def test_good_ones(tmp_path: Path, step: str, keys: dict[str, str]) -> None:
    assert problems(tmp_path, step, keys) == []


def code(**keys: str) -> dict[str, str]:
    given = {"service": '"psp"', "to": '"{var.mobile}"'} | keys
    return {"one_time_code": "{ " + ", ".join(f"{key} = {value}" for key, value in given.items()) + " }"}


@pytest.mark.parametrize(
    ("step", "keys", "key", "words"),
    [
        ("pay", PAY | {"service": '"psq"'}, "service", "psq"),
        ("pay", PAY | {"service": '"open"'}, "service", "without encryption"),
        ("pay", PAY | {"service": '"get"'}, "service", "no body"),
        ("pay", PAY | {"service": '"shown"'}, "service", "has the secret {card_number}"),
        ("pay", PAY | {"service": '"crm"'}, "service", "asks a database"),
        ("pay", PAY | {"amount": '"{var.}"'}, "amount", "column"),
        ("pay", PAY | {"currency": '"{"'}, "currency", "column"),
        ("pay", PAY | {"amount": ""}, "amount", "missing"),
        ("pay", PAY | {"values": '{ amount = "1" }'}, "amount", "by the step itself"),
        ("pay", PAY | {"attempts": "0"}, "attempts", "1"),
        ("pay", PAY | {"on_paid": '"nowhere"'}, "on_paid", "no step"),
        ("pay", PAY | {"recall_queue": '"billing"'}, "recall_queue", 'no queue "billing"'),
        ("identify", {"caller_service": '"crm"'} | PIN, "on_refused", "would go on like who does"),
        ("identify", WHO, "on_refused", "means nothing without"),
        ("identify", WHO | {"pin": '{ service = "open" }'}, "service", "without encryption"),
        ("identify", WHO | {"pin": '{ service = "get" }'}, "service", "no body"),
        ("identify", WHO | {"pin": '{ service = "crm" }'}, "service", 'asks with "caller"'),
        ("identify", WHO | {"pin": '{ service = "base", least = 6, most = 4 }'}, "least", "at least 6"),
        ("identify", WHO | {"pin": '{ service = "base", lest = 6 }'}, "lest", "not a known key"),
        ("identify", WHO | code(text='"Hello"'), "text", "does not say the code"),
        ("identify", WHO | code(to='""'), "to", "is empty"),
        ("identify", WHO | code(to='"{var.}"'), "to", "column"),
        ("identify", WHO | code(values='{ to = "x" }'), "to", "by the step itself"),
        ("identify", WHO | code(digits="3"), "digits", "4"),
        ("identify", WHO | code(service='"crm"'), "service", "asks a database"),
        ("identify", WHO | code(service='"shown"'), "service", "has the secret {code}"),
    ],
)
def test_bad_ones(tmp_path: Path, step: str, keys: dict[str, str], key: str, words: str) -> None:
    found = problems(tmp_path, step, keys)
    assert any(name.rpartition(".")[2] == key and words in problem for name, problem in found), found


@pytest.mark.parametrize(
    ("code", "features", "words"),
    [
        ("*47", "", ""),
        ("47", "", "a star and"),
        ("*41", "", "clashes with features.login"),
        ("*4212", "", "clashes with features.pause"),
        ("*81", "", "clashes with features.pickup"),
        ("*48", '[features]\nlogin = "*48"', "clashes with features.login"),
        ("*49", '[flows.b]\ncode = "*49"\n[[flows.b.steps]]\ndo = "hangup"', "clashes with flows.b.code"),
    ],
)
def test_codes_of_flows(tmp_path: Path, code: str, features: str, words: str) -> None:
    text = f'{features}\n[flows.in]\ncode = "{code}"\n[[flows.in.steps]]\ndo = "hangup"\n'
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    problems = [fault.problem for fault in faults]
    assert any(words in problem for problem in problems) if words else problems == []
