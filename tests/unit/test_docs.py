"""The documents are held to the code: configurations in them are checked, files they name exist."""

import re
from pathlib import Path

import pytest

from ccd.config.load import check, render

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


GUIDES = [
    "bots.md",
    "first-trunk.md",
    "first-queue.md",
    "flow-values.md",
    "keys.md",
    "payments.md",
    "peak-mode.md",
    "services.md",
    "speech.md",
    "surveys.md",
    "voicemail.md",
]


@pytest.mark.parametrize("page", GUIDES)
def test_configurations_of_a_guide_pass_the_check_together(page: str, tmp_path: Path) -> None:
    blocks = _TOML.findall((ROOT / "docs" / page).read_text())
    assert blocks
    (tmp_path / "ccd.toml").write_text("\n".join(blocks))
    settings, faults = check(tmp_path)
    assert settings is not None, render(faults)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} names {target}, which is not there"


def test_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.index("make demo") < text.index("make test") < text.index("## ")
