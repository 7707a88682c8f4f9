"""A start that cannot be is told in words, with the cure, and no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ccd import daemon
from ccd.__main__ import main, without
from ccd.config.load import check
from ccd.errors import Misconfigured
from tests.architecture.source import ROOT


def start(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ccd", "--config", str(folder), *options]
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=env)


@pytest.mark.parametrize("key", ["state_dir", "runtime_dir"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, key: str) -> None:
    (tmp_path / "ccd.toml").write_text("")
    (tmp_path / "file").write_text("in the way")
    folders = {"state_dir": tmp_path / "state", "runtime_dir": tmp_path / "run"} | {
        key: tmp_path / "file" / "x"
    }
    ended = start(
        tmp_path, *(word for name, path in folders.items() for word in ("--set", f"daemon.{name}={path}"))
    )
    assert ended.returncode == 4
    assert "Traceback" not in ended.stderr
    assert f"daemon.{key}: {folders[key]} cannot be made: Not a directory" in ended.stderr
    assert f"--set daemon.{key}=DIR" in ended.stderr


@pytest.mark.parametrize(
    "error", [Misconfigured("config", "no"), PermissionError(13, "denied"), KeyError("x")]
)
async def test_a_hang_up_signal_never_ends_the_daemon(error: Exception) -> None:
    """It stands in the task group of all that runs: what it raised would cut every call."""

    class Stuck:
        asked = ""

        async def reload(self, by: str) -> list[str]:
            self.asked = by
            raise error

    stuck = Stuck()
    await daemon._hup(stuck)  # type: ignore[arg-type]
    assert stuck.asked == "SIGHUP"


def test_a_folder_that_may_not_be_entered_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error of the reader: `Path.is_dir` raises then, and so does looking at the file."""

    def denied(path: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)
    settings, faults = check(tmp_path)
    assert settings is None
    assert [fault.problem for fault in faults] == ["cannot be read: Permission denied"]


@pytest.mark.parametrize("program", ["ccd", "ccd.daemon", "ccd.cli.main"])
def test_a_terminal_that_is_not_utf8_gets_question_marks(tmp_path: Path, program: str) -> None:
    """A warning has a dash; on a Latin-1 terminal it ended in a traceback."""
    (tmp_path / "ccd.toml").write_text(
        "[devices.ann]\npassword = 'credential:none'\n[agents.ann]\ndevices = ['ann']\n"
    )
    argv = [sys.executable, "-m", program, "check", str(tmp_path)]
    env = {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}",
        "PATH": "/usr/bin:/bin",
        "PYTHONIOENCODING": "latin-1",
    }
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    assert b"CREDENTIALS_DIRECTORY is not set ? give the service LoadCredential=" in done.stdout


def test_help_says_what_there_is_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    for each in (
        "--config PATH",
        "--set KEY=VALUE",
        "ccd check",
        "ccctl",
        "SIGTERM",
        "exit codes",
        "example:",
    ):
        assert each in said


def read_by(*arguments: str) -> set[str]:
    """The modules that `ccd` reads, or asks for in vain, with these arguments."""
    argv = [sys.executable, "-X", "importtime", "-m", "ccd", *arguments]
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=env)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_start_reads_what_it_needs(tmp_path: Path) -> None:
    """A second is what a start may take; the search for garbage and rich were a fifth of that."""
    (tmp_path / "ccd.toml").write_text("wrong")
    daemon_reads = read_by("--config", str(tmp_path))
    assert {"ccd.daemon", "structlog"} <= daemon_reads and "rich.console" not in daemon_reads
    beside_reads = read_by("beside")
    assert {"ccd.beside", "structlog"} <= beside_reads and not {"rich.console", "ccd.daemon"} & beside_reads
    check_reads = read_by("check", str(tmp_path))
    assert "ccd.config.check" in check_reads and "ccd.daemon" not in check_reads
    assert "ccd.config" not in read_by("--version")


@pytest.mark.parametrize("words", [("-m", "ccd", "beside"), ("-m", "ccd.beside")])
def test_what_runs_beside_says_what_it_can_do(words: tuple[str, ...]) -> None:
    """By its older name too: a daemon that was not started anew since an upgrade calls it so."""
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 2 and ended.stderr.startswith("one of: snapshot LEDGER")


def test_a_module_is_kept_away_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with without("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert "this" not in sys.modules
    with without("json"):
        assert __import__("json") is json
    assert sys.modules["json"] is json
