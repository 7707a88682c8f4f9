"""What callers did in flows: visits, ways, time, who hung up, containment; by day, and after a restart."""

import msgspec
import pytest

from ccd.history.flow_figures import MOST_STEPS, MOST_WAYS, OTHERS, FlowFold, FlowReport
from ccd.model.rules import FlowRule, Target
from ccd.model.steps import Collect, Hangup, Play
from ccd.model.steps_calling import Call
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import centre, rules


def flow(sim: SimulatedCentre, name: str) -> FlowReport:
    (found,) = sim.centre.history.flows.report(sim.now, flow=name)
    return found


def step(sim: SimulatedCentre, name: str, label: str) -> dict[str, object]:
    (found,) = [each for each in flow(sim, name).steps if each.step == label]
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]


def test_a_caller_who_asks_for_a_person_is_not_contained() -> None:
    sim = centre("ann")
    sim.call("+33101", keys=((3.0, "1"),), talks_for=20)
    sim.run(60)
    assert step(sim, "menu", "menu") | {"hung_up_pct": 0.0} == {
        "step": "menu", "visits": 1, "hung_up": 0, "hung_up_pct": 0.0,
        "spent_mean_s": 3.0, "spent_max_s": 3.0, "to": {"sales": 1},
    }  # fmt: skip
    assert step(sim, "menu", "sales")["to"] == {"(left the queue)": 1}
    assert step(sim, "menu", "sales")["spent_max_s"] == 2.0  # until ann answered
    found = flow(sim, "menu")
    assert (found.entered, found.over, found.contained, found.containment_pct) == (1, 1, 0, 0.0)


def test_who_hangs_up_in_the_menu_is_counted_there() -> None:
    sim = centre("ann")
    sim.call("+33101", patience=4)
    sim.call("+33101")
    sim.run(60)
    found = step(sim, "menu", "menu")
    assert (found["visits"], found["hung_up"], found["hung_up_pct"]) == (2, 1, 50.0)
    assert found["to"] == {"(hung up)": 1, "(end)": 1}
    whole = flow(sim, "menu")
    assert (whole.entered, whole.over, whole.contained, whole.hung_up) == (2, 2, 2, 1)
    assert whole.containment_pct == 100.0


def test_one_that_runs_still_is_entered_and_not_over() -> None:
    sim = centre("ann")
    sim.call("+33101")
    sim.run(1)
    whole = flow(sim, "menu")
    assert (whole.entered, whole.over, whole.containment_pct) == (1, 0, None)


def test_a_called_flow_has_figures_of_its_own_and_no_entries() -> None:
    steps = (Call(flow="sub", id="ask"), Hangup(prompt="bye"))
    whole = rules(*steps)
    sub = FlowRule(name="sub", steps=(Play(prompts=("a", "b"), id="p"), Collect(variable="n", id="c")))
    sim = SimulatedCentre(msgspec.structs.replace(whole, flows=whole.flows | {"sub": sub}))
    sim.call()
    sim.run(60)
    assert flow(sim, "sub").entered == 0 and flow(sim, "straight").entered == 1
    assert step(sim, "sub", "p")["spent_max_s"] == 4.0
    assert step(sim, "sub", "p")["to"] == {"c": 1}
    assert step(sim, "sub", "c")["to"] == {"(return)": 1}
    assert step(sim, "straight", "ask")["to"] == {"#2": 1}


def test_an_overflow_into_a_flow_is_one_call_that_asked() -> None:
    sim = SimulatedCentre(rules(max_wait_s=5.0, overflow=Target(flow="excuse")))
    sim.call()
    sim.run(60)
    assert step(sim, "straight", "#1")["to"] == {"(another flow)": 1}
    assert flow(sim, "excuse").entered == 0
    whole = flow(sim, "straight")
    assert (whole.entered, whole.over, whole.contained) == (1, 1, 0)


@pytest.mark.parametrize("patience", [1.0, 3.0, 40.0])
def test_a_restart_has_the_same_figures(patience: float) -> None:
    sim = centre("ann")
    sim.call("+33101", keys=((3.0, "1"),), patience=patience)
    sim.call("+33101", keys=((1.0, "3"),), patience=patience)
    sim.run(20)
    before = msgspec.to_builtins(sim.centre.history.flows.report(sim.now))
    sim.check_replay()
    sim.restart()
    after = {row["flow"]: row for row in msgspec.to_builtins(sim.centre.history.flows.report(sim.now))}
    for row in before:
        assert after[row["flow"]]["entered"] == row["entered"]
        assert [each["visits"] for each in after[row["flow"]]["steps"]] == [
            each["visits"] for each in row["steps"]
        ]


def test_days_are_apart_and_the_oldest_go() -> None:
    days: dict[int, object] = {}
    fold = FlowFold(days)  # type: ignore[arg-type]
    for day in range(45):
        fold.stepped("f", "s", "", 0.0, day * 86_400.0 + 5)
    assert len(days) == 40
    assert fold.report(44 * 86_400.0 + 6)[0].steps[0].visits == 1
    assert fold.report(0.0, "1970-02-10")[0].day == "1970-02-10"
    assert fold.report(0.0, "1970-01-01") == []
    assert fold.days()[-1] == "1970-02-14"


def test_what_is_kept_is_bounded() -> None:
    fold = FlowFold({})
    for at in range(MOST_STEPS + 50):
        fold.stepped("f", f"s{at}", "", 0.0, 5.0)
    for at in range(MOST_WAYS + 50):
        fold.left("f", "s0", f"t{at}", 1.0, 5.0)
    (found,) = fold.report(5.0)
    assert len(found.steps) == MOST_STEPS + 1 and found.steps[-1].step == OTHERS
    assert len(found.steps[0].to) == MOST_WAYS + 1 and found.steps[0].to[OTHERS] == 50
