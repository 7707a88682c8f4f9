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
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import rules

CENTRE = '[agents.ann]\n[queues.sales]\nagents = ["ann"]\nstrategy = "{}"\n'


def newest_first(candidate: Candidate) -> tuple[float, ...]:
    """A strategy of one's own."""
    return (-candidate.agent.line_since,)


def fails(candidate: Candidate) -> tuple[float, ...]:
    """Nobody has handled anything yet."""
    return (candidate.agent.totals.talked_s / candidate.agent.totals.handled,)


def by_name(candidate: Candidate) -> str:
    """No tuple of numbers."""
    return candidate.agent.name


def unordered(_: Candidate) -> tuple[float, ...]:
    """A key that is neither before nor after any other."""
    return (float("nan"),)


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
        ("mine", f"{__name__}:fails", "fails for an agent who has just begun: ZeroDivisionError"),
        ("mine", f"{__name__}:by_name", "gives no tuple of numbers, but 'alice'"),
        ("mine", f"{__name__}:unordered", "gives no tuple of numbers, but (nan,)"),
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


def test_a_day_is_simulated_with_a_strategy_of_ones_own(offered: dict[str, str]) -> None:
    """As `ccctl simulate` and `ccctl flow rehearse` play it: what is installed counts there too."""
    offered["newest_first"] = f"{__name__}:newest_first"
    sim = SimulatedCentre(rules(strategy="newest_first"))
    for name in ("ann", "bob"):
        sim.phone(f"{name}-phone")
        sim.login(name)
        sim.run(10)
    call = sim.call("+33100")
    sim.run(5)
    assert sim.agent_of(call) == "bob", "ann is in the line for longer"
    sim.check_replay()
