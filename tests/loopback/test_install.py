"""`make install` over an installation that is there: replaced as a whole, or left as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.needs("make")
def test_an_update_that_fails_leaves_the_program_that_is_there(tmp_path: Path) -> None:
    """Without packages to be had nothing can be built; a centre that runs must not lose its program by it."""
    program = tmp_path / "usr/lib/ccd/bin/ccd"
    program.parent.mkdir(parents=True)
    program.write_text("the one that is there")
    argv = ["make", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", f"PYTHON={sys.executable}"]
    argv.append(f"PIP_FLAGS=--no-index --find-links {tmp_path}")
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode != 0, "nothing was to be had, and still it was installed"
    assert program.read_text() == "the one that is there"
