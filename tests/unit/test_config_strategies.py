"""One's own strategies: found by entry point, checked like ours, chosen by name."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ccd.config import strategies as strategies_module
from ccd.config.load import check
from ccd.config.strategies import installed
from ccd.errors import Misconfigured
from ccd.routing.strategies import Candidate

CENTRE = '[agents.ann]\n[queues.sales]\nagents = ["ann"]\nstrategy = "{}"\n'


def newest_first(candidate: Candidate) -> tuple[float, ...]:
    """A strategy of one's own."""
    return (-candidate.agent.line_since,)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Entry points by name → where they lead."""
    entries: dict[str, str] = {}

    def found(group: str) -> list[EntryPoint]:
        assert group == "ccd.strategies"
        return [EntryPoint(name, value, group) for name, value in entries.items()]

    monkeypatch.setattr(strategies_module.metadata, "entry_points", found)
    installed.cache_clear()
    yield entries
    installed.cache_clear()


def faults_of(folder: Path, strategy: str) -> list[str]:
    (folder / "ccd.toml").write_text(CENTRE.format(strategy))
    return [f"{fault.problem} — {fault.cure}" for fault in check(folder)[1] if not fault.warning]


def test_a_strategy_of_ones_own_may_be_named(offered: dict[str, str], tmp_path: Path) -> None:
    offered["newest_first"] = f"{__name__}:newest_first"
    assert faults_of(tmp_path, "newest_first") == []
    assert installed() == {"newest_first": newest_first}
    (fault,) = faults_of(tmp_path, "newest_frist")
    assert 'did you mean "newest_first"?' in fault


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("broken", "no_such_package_of_ours:key", "broken (no_such_package_of_ours:key) cannot be loaded"),
        ("broken", f"{__name__}:nothing", "cannot be loaded"),
        ("longest_idle", f"{__name__}:newest_first", "choose another name"),
    ],
)
def test_one_that_cannot_be_used_is_a_fault(
    offered: dict[str, str], tmp_path: Path, name: str, value: str, words: str
) -> None:
    offered[name] = value
    with pytest.raises(Misconfigured):
        installed()
    (fault,) = faults_of(tmp_path, "longest_idle")
    assert words in fault
