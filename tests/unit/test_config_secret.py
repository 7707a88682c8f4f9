"""Secrets: where they are looked for, what is said of one that is missing, and that none is printed."""

from pathlib import Path

import pytest

from ccd.config.check import main_check
from ccd.config.load import ConfigFaults, Fault, check, load, render

TEXT = '[agents.a]\ndevices = ["a"]\n[devices.a]\npassword = "{}"\n'


def one_fault(tmp_path: Path, password: str, folder: Path | None = None, **environ: str) -> Fault:
    (tmp_path / "ccd.toml").write_text(TEXT.format(password))
    with pytest.raises(ConfigFaults) as caught:
        load(tmp_path, environ, folder)
    (fault,) = caught.value.faults
    assert (fault.line, fault.key, fault.warning) == (4, "devices.a.password", False)
    return fault


def secret_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def found(tmp_path: Path, password: str, folder: Path | None = None, **environ: str) -> str:
    (tmp_path / "ccd.toml").write_text(TEXT.format(password))
    return load(tmp_path, environ, folder).devices["a"].password.reveal()


def test_from_each_source(tmp_path: Path) -> None:
    secret_file(tmp_path / "pw", "s3 cret\n")
    assert found(tmp_path, "env:PW", PW="e") == "e"
    assert found(tmp_path, "file:pw") == "s3 cret"
    assert found(tmp_path, f"file:{tmp_path}/pw") == "s3 cret"
    assert found(tmp_path, "credential:pw", tmp_path) == "s3 cret"


def test_missing_ones_name_where_they_were_looked_for(tmp_path: Path) -> None:
    assert "PW" in one_fault(tmp_path, "env:PW").problem
    assert "PW" in one_fault(tmp_path, "env:PW", PW="").problem
    assert str(tmp_path / "gone") in one_fault(tmp_path, "file:gone").problem
    assert str(tmp_path / "gone") in one_fault(tmp_path, "credential:gone", tmp_path).problem
    assert "$CREDENTIALS_DIRECTORY is not set" in one_fault(tmp_path, "credential:gone").problem


def test_a_credential_that_is_missing_is_cured_in_the_unit(tmp_path: Path) -> None:
    """Its file is systemd's: nobody can create it."""
    for folder in (tmp_path, None):
        cure = one_fault(tmp_path, "credential:gone", folder).cure
        assert cure == "give the service LoadCredential=gone:PATH (systemctl edit ccd)"


@pytest.mark.parametrize("text", ["hunter2", "env:", "file:", "credential:", "", "ENV:PW", "http:x"])
def test_in_clear_or_empty(tmp_path: Path, text: str) -> None:
    fault = one_fault(tmp_path, text)
    assert "env:NAME" in fault.cure
    assert "hunter2" not in fault.problem + fault.cure


def test_a_file_that_everybody_can_read(tmp_path: Path) -> None:
    secret_file(tmp_path / "pw", "x", 0o644)
    fault = one_fault(tmp_path, "file:pw")
    assert "can be read by everybody" in fault.problem and fault.cure.startswith("chmod 640 ")
    _, (fault,) = check(tmp_path)
    assert not fault.warning


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pw").write_bytes(content)
    (tmp_path / "pw").chmod(0o600)
    one_fault(tmp_path, "file:pw")


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    one_fault(tmp_path, "file:.")
    one_fault(tmp_path, "credential:../x", tmp_path)


def test_check_only_warns_of_a_missing_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ccd.toml").write_text(TEXT.format("file:gone"))
    settings, (fault,) = check(tmp_path)
    assert settings is not None and fault.warning
    assert render([fault]).startswith(f"{tmp_path}/ccd.toml:4: warning: devices.a.password: ")
    assert main_check([str(tmp_path)]) == 0
    assert main_check([str(tmp_path), "--secrets"]) == 2
    assert "1 fault" in capsys.readouterr().err


def test_no_secret_is_ever_printed(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(TEXT.format("env:PW"))
    settings = load(tmp_path, {"PW": "hunter2"})
    assert "hunter2" not in repr(settings) + str(settings)
