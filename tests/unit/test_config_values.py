"""Adapters' options are checked against the adapter's own struct, key by key."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from ccd.config.load import check, load
from ccd.model.settings import Secret


class Limits(msgspec.Struct, frozen=True):
    per_min: int = 10
    burst: float | None = None


class Options(msgspec.Struct, frozen=True):
    host: str
    port: Annotated[int, Meta(ge=1, le=65_535)] = 80
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    token: Secret = Secret("")
    mode: Literal["fast", "slow"] = "fast"
    either: int | str = 0
    origins: list[str] = []
    named: dict[str, int] = {}
    limits: Limits = Limits()
    short: Annotated[str, Meta(min_length=2, max_length=4)] = "abc"
    flow: str = ""
    anything: Any = None

    def __post_init__(self) -> None:
        if self.host == self.short:
            raise ValueError("host and short must differ")


class Spec:
    name = "odd"
    settings: type[Any] = Options

    def build(self, *_: Any) -> Any:
        raise NotImplementedError


SPECS: dict[str, Any] = {"odd": Spec()}
HEAD = '[channels.web]\nadapter = "odd"\nhost = "h"\n'


def faults_of(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    (tmp_path / "ccd.toml").write_text(text)
    _, faults = check(tmp_path, specs=SPECS)
    return [(fault.line, fault.key, fault.problem) for fault in faults]


def test_all_kinds_of_options(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(
        HEAD + 'port = 81\nshare = 0.25\ntoken = "env:TOKEN"\nmode = "slow"\neither = "x"\norigins = ["a"]\n'
        "named = { a = 1 }\nlimits = { burst = 2 }\nanything = [1, { b = 2 }]\n"
    )
    settings = load(tmp_path, {"TOKEN": "t"}, specs=SPECS)
    assert settings.channels["web"].options == Options(
        host="h",
        port=81,
        share=0.25,
        token=Secret("t"),
        mode="slow",
        either="x",
        origins=["a"],
        named={"a": 1},
        limits=Limits(burst=2.0),
        anything=[1, {"b": 2}],
    )


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("port = 0", "port", "must be from 1 to 65535, is 0"),
        ("port = 1.0", "port", "must be a whole number, is 1.0"),
        ("share = 0", "share", "must be over 0, is 0"),
        ("share = 1", "share", "must be under 1, is 1"),
        ("share = nan", "share", "must be a number, is nan"),
        ('mode = "medium"', "mode", "invalid enum value"),
        ("either = []", "either", "expected `int | str`"),
        ('origins = ["a", 1]', "origins[1]", "must be text, is 1"),
        ('origins = ["a\\nb"]', "origins[0]", "control character"),
        ('named = { a = "x" }', "named.a", "must be a whole number"),
        ("limits = { burts = 1 }", "limits.burts", "is not a known key"),
        ("limits = 3", "limits", "must be a table, is 3"),
        ('short = "a"', "short", "must have a length from 2 to 4, has 1"),
        ('token = "abc"', "token", "holds a secret in clear"),
        ('flow = "gone"', "flow", 'there is no flow "gone"'),
        ("ports = 1", "ports", "is not a known key"),
        ("name = 1", "name", "is not a known key"),
    ],
)
def test_a_bad_option(tmp_path: Path, line: str, key: str, words: str) -> None:
    ((at, found, problem),) = faults_of(tmp_path, f"{HEAD}{line}\n")
    assert (at, found) == (4, f"channels.web.{key}")
    assert words in problem


def test_a_check_of_the_adapters_own(tmp_path: Path) -> None:
    assert faults_of(tmp_path, '[channels.web]\nadapter = "odd"\nhost = "abc"\n') == [
        (1, "channels.web", "host and short must differ")
    ]


def test_a_required_option_that_is_bad_is_told_once(tmp_path: Path) -> None:
    assert faults_of(tmp_path, '[channels.web]\nadapter = "odd"\nhost = 3\n') == [
        (3, "channels.web.host", "must be text, is 3")
    ]


def test_a_target_must_be_answered(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text('[channels.web]\nadapter = "webchat"\ntarget = "web:x"\n')
    _, (fault,) = check(tmp_path)
    assert (fault.line, fault.key) == (3, "channels.web.target")
    assert '"web:x" = "FLOW"' in fault.cure


def test_two_channels_cannot_listen_on_one_port(tmp_path: Path) -> None:
    text = HEAD + '[channels.web2]\nadapter = "odd"\nhost = "h"\n'
    assert [key for _, key, _ in faults_of(tmp_path, text)] == ["channels.web2.port"]


@pytest.mark.parametrize("mode", ["0660", "660", "0600", "770", "0000"])
def test_permission_bits(tmp_path: Path, mode: str) -> None:
    (tmp_path / "ccd.toml").write_text(f'[control]\nmode = "{mode}"\n')
    assert load(tmp_path, {}).control.mode == mode


@pytest.mark.parametrize(
    "mode",
    ['"0888"', '"rw-rw----"', '"66"', '"1660"', '"06600"', '""', '"0o660"', '"٦٦٠"', "660", "0o660", "true"],
)
def test_what_are_no_permission_bits(tmp_path: Path, mode: str) -> None:
    (tmp_path / "ccd.toml").write_text(f"[control]\nmode = {mode}\n")
    _, (fault,) = check(tmp_path)
    assert (fault.line, fault.key) == (2, "control.mode")
    assert fault.problem.startswith("must be three octal digits: the permissions of owner, group and others,")
    assert fault.cure == 'write them in quotes, e.g. "0660" for owner and group'
