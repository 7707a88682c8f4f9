"""docs/flows.md is true: its files are checked, its calls played, its picture is that of today."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from ccd.cli.flow import _picture, _settings, zone_of
from ccd.cli.flow_picture import svg
from ccd.cli.main import main
from ccd.config.faults import render
from ccd.config.flow_check import check_flows
from ccd.model.steps import AnyStep
from ccd.testing.flow_cases import Case, Expected, judge

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "flows.md").read_text()
TOML = re.findall(r"^ *```toml\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
(CALLS,) = re.findall(r"^```toml rehearsal\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(PRINTED,) = re.findall(r"^```\n\$ ccctl flow (.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PICTURE = ROOT / "docs" / "pictures" / "flow-shop.svg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first, more = TOML
    told, numbers = more.split("  [numbers]\n")
    (tmp_path / "ccd.toml").write_text(first.replace("[numbers]\n", f"[numbers]\n{numbers}", 1) + told)
    return tmp_path


def test_the_configuration_has_no_fault_and_nothing_odd(folder: Path) -> None:
    good, flows, faults = check_flows(folder)
    assert good and flows == ["shop", "ask-number", "claims"]
    assert not faults, render(faults)


def verdicts(folder: Path, file: Path) -> Iterator[str]:
    def rules(moment: datetime) -> object:
        return _settings(folder, moment.date()).rules

    for verdict in judge(file, rules, zone_of):  # type: ignore[arg-type]
        yield from verdict.differs or [f"ok {verdict.name}"]


def test_the_calls_go_as_the_page_says(folder: Path) -> None:
    file = folder / "calls.toml"
    file.write_text(CALLS)
    found = list(verdicts(folder, file))
    assert len(found) == CALLS.count("[[rehearsal]]")
    assert [each for each in found if not each.startswith("ok ")] == []


def test_the_calls_of_the_reference_configuration_go_as_they_should() -> None:
    found = list(verdicts(ROOT / "conf", ROOT / "conf" / "rehearsals" / "flows.toml"))
    assert found and [each for each in found if not each.startswith("ok ")] == []


def test_the_picture_is_not_stale(folder: Path) -> None:
    """Made anew by `ccctl flow draw shop`, with the configuration of the page."""
    assert PICTURE.read_text() == svg(_picture(_settings(folder), "shop"))


def test_what_rehearse_prints_stands_on_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    with pytest.raises(SystemExit):
        main(["flow", *shlex.split(PRINTED[0]), "--config", str(folder)])
    assert capsys.readouterr().out == PRINTED[1]


def test_every_step_has_an_example_in_the_documents() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    tags = {str(kind.__struct_config__.tag) for kind in AnyStep.__args__}
    assert [tag for tag in sorted(tags) if f'do = "{tag}"' not in pages] == []


@pytest.mark.parametrize("kind", [Case, Expected])
def test_every_key_of_a_rehearsal_is_told(kind: type[msgspec.Struct]) -> None:
    table = PAGE[PAGE.index("## Test") : PAGE.index("## Figures")]
    assert [name for name in kind.__struct_fields__ if name not in table] == []
