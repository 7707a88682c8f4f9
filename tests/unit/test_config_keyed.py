"""Checks of the step `collect` at load: named with the key and a cure."""

from pathlib import Path

import pytest

from ccd.config.load import check


def problems(tmp_path: Path, *lines: str) -> list[tuple[str, str]]:
    text = '[[flows.in.steps]]\ndo = "collect"\nvariable = "v"\n' + "\n".join(lines) + "\n"
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path)
    assert all(fault.cure for fault in faults)
    return [(fault.key.rpartition(".")[2], fault.problem) for fault in faults]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ('terminator = ""', "most = 4"),
        ("least = 8", "most = 8", 'valid = "date:DDMMYYYY"'),
        ('valid = "phone:FR"', "most = 15", "first_wait_s = 8.0", "total_s = 60.0"),
        ('valid = "regex:[0-9]{4,6}"', "secret = true"),
        ("secret = true", 'valid = "luhn"', "least = 12", "most = 19"),
    ],
)
def test_good_ones(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert problems(tmp_path, *lines) == []


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        (("least = 5", "most = 4"), "least", "at least 5 keys"),
        (("most = 65",), "most", "64"),
        (('terminator = "1"',), "terminator", "#, * or empty"),
        (('valid = "luhm"',), "valid", "no check 'luhm'"),
        (('valid = "phone:XX"',), "valid", "no country"),
        (('valid = "date:DDMM"', "most = 3"), "most", "has 4 keys"),
        (('valid = "date:DDMMYYYY"', "least = 9"), "most", "has 8 keys"),
        (("valid = 'regex:(a+)+'",), "valid", "may not be repeated"),
        (("valid = 'regex:('",), "valid", "does not compile"),
        (('valid = "iban"', "secret = true"), "valid", "letters"),
        (('on_bad_input = "nowhere"',), "on_bad_input", "no step with the id"),
        (("no_input_limit = 0",), "no_input_limit", "1"),
    ],
)
def test_bad_ones(tmp_path: Path, lines: tuple[str, ...], key: str, words: str) -> None:
    found = problems(tmp_path, *lines)
    assert any(where == key and words in problem for where, problem in found), found


def test_how_tones_are_heard(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text('[media]\ninband_dtmf = "maybe"\n')
    _, faults = check(tmp_path)
    assert [fault.key for fault in faults] == ["media.inband_dtmf"]


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        (('say = "Your number?"', 'valid = "phone:XX"'), "valid", "no country"),
        (('say = "Your number?"', 'valid = "regx:1"'), "valid", "no check"),
        (('say = "Your number, {var.x:nonsense}?"',), "say", "unknown kind"),
        ((), "prompt", "is missing"),
        (('say = "Your number?"', 'valid = "regex:[0-9]{8}"'), "", ""),
    ],
)
def test_identify_says_what_to_key_and_what_it_must_be(
    tmp_path: Path, lines: tuple[str, ...], key: str, words: str
) -> None:
    service = '[services.s]\nkind = "sql"\ndatabase = "x"\nselect = "SELECT id FROM c WHERE id = :number"\n'
    step = '[[flows.in.steps]]\ndo = "identify"\nnumber_service = "s"\n' + "\n".join(lines) + "\n"
    (tmp_path / "ccd.toml").write_text(service + step)
    _, faults = check(tmp_path)
    found = [(fault.key.rpartition(".")[2], fault.problem) for fault in faults if not fault.warning]
    assert [name for name, _ in found] == ([key] if key else [])
    assert all(words in problem for _, problem in found)
