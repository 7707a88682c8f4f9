"""The unit: sandboxed to 2.0 or better, agreed with the daemon's settings and the shipped configuration."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

UNITS = ROOT / "systemd"
UNIT = (UNITS / "ccd.service").read_text(encoding="utf-8")
EXPOSURE = 2.0


def settings(name: str) -> list[str]:
    """Values of a directive, in order."""
    return [line.partition("=")[2] for line in UNIT.splitlines() if line.startswith(name + "=")]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as `make install` writes it, its program there."""
    (tmp_path / "bin").mkdir()
    for name in ("python", "ccctl"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    file = tmp_path / "ccd.service"
    file.write_text(UNIT.replace("@LIBDIR@", str(tmp_path)).replace("@SHAREDIR@", "/usr/local/share"))
    return file


@pytest.mark.needs("systemd-analyze")
def test_the_sandbox_is_tight(unit: Path) -> None:
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    score = re.search(r"Overall exposure level for ccd\.service: ([\d.]+)", done.stdout)
    assert score, done.stdout + done.stderr
    assert float(score[1]) <= EXPOSURE, done.stdout


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_every_line(unit: Path) -> None:
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    complaints = [line for line in done.stderr.splitlines() if "ccd.service" in line]
    assert complaints == [] and "Unknown" not in done.stderr


def test_stopping_leaves_time_to_drain() -> None:
    """systemd must not kill what `daemon.drain_s` still allows to run."""
    from ccd.model.settings import DaemonSettings

    assert int(settings("TimeoutStopSec")[0]) > DaemonSettings().drain_s


def test_the_unit_notifies_and_watches() -> None:
    assert settings("Type") == ["notify"]
    assert settings("NotifyAccess") == ["main"]
    assert settings("KillMode") == ["mixed"]
    assert 5 <= int(settings("WatchdogSec")[0]) <= 30
    assert settings("ExecStart") == ["@LIBDIR@/bin/python -m ccd --config /etc/ccd"]


def test_a_reload_fails_where_the_configuration_is_refused() -> None:
    """A signal has no answer: `systemctl reload` said that all was well."""
    assert settings("ExecReload") == ["@LIBDIR@/bin/ccctl reload"]


def test_a_wrong_configuration_is_not_tried_again() -> None:
    assert settings("Restart") == ["on-failure"] and settings("RestartPreventExitStatus") == ["2"]


def test_the_example_of_secrets_has_those_of_the_reference_configuration() -> None:
    wanted = {
        name
        for file in [ROOT / "conf" / "ccd.toml", *(ROOT / "conf" / "conf.d").glob("*.toml")]
        for line in file.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
        for name in re.findall(r'"credential:([^"]+)"', line)
    }
    example = (UNITS / "ccd.service.d" / "secrets.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"^LoadCredential=([^:]+):", example, re.M)) == wanted


@pytest.mark.needs("systemd-sysusers")
def test_user_and_folders_are_made(tmp_path: Path) -> None:
    """In a root of its own: the real systemd-sysusers and systemd-tmpfiles read our files."""
    for name in ("sysusers.d", "tmpfiles.d"):
        target = tmp_path / "usr/lib" / name
        target.mkdir(parents=True)
        shutil.copy(UNITS / name / "ccd.conf", target)
    (tmp_path / "etc").mkdir()
    argv = ["systemd-sysusers", f"--root={tmp_path}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    passwd = (tmp_path / "etc/passwd").read_text()
    assert re.search(r"^ccd:x:\d+:\d+:ccd contact centre:/var/lib/ccd:/usr/sbin/nologin$", passwd, re.M), (
        passwd
    )
