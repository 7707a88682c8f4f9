"""docs/peak-mode.md is true: its example is checked, shown and lived through on virtual time."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from ccd.cli.profiles import _shown
from ccd.config.load import check, render
from ccd.model import facts
from ccd.model.rules import Rules
from ccd.runtime.profile_verbs import _changes
from ccd.runtime.views import profiles
from ccd.testing.centre import SimulatedCentre

PAGE = (Path(__file__).parents[2] / "docs" / "peak-mode.md").read_text()
TOML = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TICK = 0.001


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    (tmp_path / "ccd.toml").write_text("\n".join(TOML))
    settings, faults = check(tmp_path)
    assert settings is not None, render(faults)
    assert [fault for fault in faults if "credential" not in fault.problem] == []
    return settings.rules


def test_what_show_prints_stands_on_the_page(rules: Rules) -> None:
    sim = SimulatedCentre(rules)
    (row,) = profiles(sim.centre, sim.now)
    changes = _changes(sim.centre, rules.profiles["rush"])
    printed = "\n".join(_shown({**row, "changes": changes}))
    assert printed in PAGE


def test_the_fault_on_the_page_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1] / "data" / "broken" / "42-profile-applied")
    _, faults = check(Path("ccd.toml"))
    assert render(faults).splitlines()[0] in PAGE


def test_the_morning_goes_as_the_page_says(rules: Rules) -> None:
    sim = SimulatedCentre(rules)

    def at(clock: str) -> float:
        assert f"| {clock} |" in PAGE
        return nine + (datetime.strptime(clock, "%H:%M:%S") - datetime(1900, 1, 1, 9)).total_seconds()

    sim.login("ann", "bob", "cat")
    sim.run(60)
    nine = sim.now
    at("09:00:00")
    first = sim.chat("hello", target="web:mail")
    assert sim.rings_at(first) == "cat"
    sim.act(sim.voice.answer, sim.centre.talks.state.talks[sim.interaction_of(first)].agent.leg)  # type: ignore[union-attr]
    sim.run_until(at("09:05:00"))
    assert sim.agent_of(first) == "cat"
    sim.tell(facts.ProfileSet("rush", True, "ccctl:eve", nine + 7200))
    assert sim.agent_of(first) == "cat"
    sim.run_until(at("09:06:00"))
    second = sim.chat("hello", target="web:mail")
    assert sim.rings_at(second) == ""
    sim.run_until(at("09:07:00"))
    for caller in ("ann", "bob"):
        call = sim.call("+33123456789")
        sim.run(5)
        assert sim.agent_of(call) == caller
    next_caller = sim.call("+33123456789")
    assert sim.rings_at(next_caller) == ""
    sim.hang_up(first)
    assert sim.rings_at(next_caller) == "cat"
    sim.run(5)
    sim.hang_up(next_caller)
    sim.run_until(at("10:59:59"))
    assert sim.centre.router.waiting("mail") == [sim.interaction_of(second)]
    sim.run_until(at("11:00:00") - TICK)
    assert sim.rings_at(second) == ""
    sim.run_until(at("11:00:00"))
    assert sim.rings_at(second) == "cat" and sim.centre.state.rules == rules
    sim.check_replay()
