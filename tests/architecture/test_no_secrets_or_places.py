"""The repository tells nothing about where it was built and keeps no secrets and no loose ends."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

HOME = "/" + "root"
PLACES = re.compile(
    r"(?<![\w.$}])(?:" + HOME + r"/|/home/(?!tess/)[a-z][\w-]*/|/" + r"work/|/" + r"Users/[a-z])"
    r"|\b(?:files\.python" + r"hosted\.org|registry\.npm" + r"js\.org|deb\.debi" + r"an\.org)\b"
)
LOOSE_ENDS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
SECRETS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}\b|https?://[^/\s:@]+:[^/\s:@]+@"
)
TEXT = {
    ".py",
    ".toml",
    ".md",
    ".xml",
    ".c",
    ".sh",
    ".service",
    ".conf",
    ".html",
    ".sql",
    ".cfg",
    ".yml",
    ".txt",
    "",
}
NOT_OURS = {".git", ".venv", "__pycache__", "run", "dist", "build", "node_modules"}


def our_files() -> list[Path]:
    """What git would keep: tracked, or new and not ignored; without git, everything but caches."""
    asked = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(asked, capture_output=True, check=False).stdout if shutil.which("git") else b""
    listed = [ROOT / name for name in told.decode().split("\0") if name]
    paths = listed or list(ROOT.rglob("*"))
    return [
        path
        for path in paths
        if path.is_file()
        and path.suffix in TEXT
        and not NOT_OURS.intersection(path.relative_to(ROOT).parts)
        and not any(part.endswith("_cache") or part == ".hypothesis" for part in path.relative_to(ROOT).parts)
    ]


def found(pattern: re.Pattern[str]) -> list[str]:
    hits = []
    for path in our_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return hits


def test_there_is_something_to_look_at() -> None:
    assert len(our_files()) > 100


def test_no_path_of_a_build_machine_and_no_registry_is_named() -> None:
    assert not (hits := found(PLACES)), "\n".join(hits)


def test_no_loose_ends() -> None:
    assert not (hits := found(LOOSE_ENDS)), "\n".join(hits)


def test_no_secrets() -> None:
    assert not (hits := found(SECRETS)), "\n".join(hits)


@pytest.mark.parametrize(
    "line", ["cd /" + "work/main", "x = '/" + "home/joe/ccd'", "https://files.python" + "hosted.org/x"]
)
def test_a_place_is_found(line: str) -> None:
    assert PLACES.search(line)


@pytest.mark.parametrize("line", ["/etc/ccd", "docs/work/x", "$HOME/" + "work/", "the work/life"])
def test_an_innocent_path_is_let_be(line: str) -> None:
    assert not PLACES.search(line)
