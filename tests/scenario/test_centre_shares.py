"""The whole centre on virtual time. Overflow shared out to a number, a queue and a flow."""

from ccd.history.explain import explain, tell
from ccd.model.nouns import Cause
from ccd.model.rules import Share, Target
from ccd.testing.parties import Behaviour
from tests.scenario.centre_rules import TICK, centre, queue_rows, totals, whats

SHARED = Target(
    share=(Share(pct=40, address="+33900"), Share(pct=20, queue="help"), Share(pct=20, flow="excuse"))
)


def test_over_five_callers_a_number_a_queue_a_flow_and_the_line_have_their_shares() -> None:
    sim = centre("cat", max_wait_s=30.0, overflow=SHARED)
    sim.behaviours["+33900"] = Behaviour(answers_after=1.0)
    calls = [sim.call(origin=f"+3361234567{number}") for number in range(5)]
    sim.run(30 - TICK)
    assert totals(sim) == (5, 0, 0, 0)
    sim.run(10)
    assert totals(sim) == (5, 0, 0, 4) and totals(sim, "help")[0] == 1
    assert [call for call in calls if sim.agent_of(call) == "cat"] == [calls[1]]
    dialled = [
        call for call in calls if sim.voice.legs.get(call) and not sim.agent_of(call) and sim.heard(call).peer
    ]
    assert len(dialled) == 2
    excused = [call for call in calls if call in sim.voice.ended]
    assert len(excused) == 1 and sim.voice.ended[excused[0]] is Cause.NORMAL
    assert len(sim.centre.router.waiting("sales", sim.now)) == 1
    sim.check_replay()


def test_the_timeline_and_the_explanation_say_the_share() -> None:
    sim = centre(max_wait_s=30.0, overflow=Target(share=(Share(pct=50, flow="excuse"),)))
    first, second = sim.call(), sim.call()
    sim.run(40)
    sim.hang_up(second)
    sim.run(1)
    told = tell(sim.record(first))
    assert any(
        line.endswith("overflow: queue sales, why max_wait, share pct 50, to flow excuse") for line in told
    )
    assert any(
        "the longest wait of the queue is over (50 % go to flow excuse)" in line
        for line in explain(sim.record(first))
    )
    assert "stays" in whats(sim, second)
    assert any(
        "stays, place 1 in sales: the longest wait of the queue is over (50 % stay)" in line
        for line in explain(sim.record(second))
    )
    sim.check_replay()


def test_the_view_counts_each_target() -> None:
    sim = centre(max_length=0, overflow=Target(share=(Share(pct=75, flow="excuse"),)))
    for _ in range(4):
        sim.call()
    rows = queue_rows(sim)
    assert [(each["to"], each["pct"], each["count"]) for each in rows["sales"]["shares"]] == [
        ("flow excuse", 75, 3),
        ("stays", 25, 1),
    ]
    assert rows["help"]["shares"] == []
    sim.check_replay()
