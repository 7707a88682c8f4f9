"""The whole centre on virtual time. Attended transfer and pickup of calls at any time: no leg is lost."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import OwnCalls
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import doing, rules

AGENTS = ("ann", "bob", "cat")
TARGETS = ("201", "202", "203", "300", "301", "+33777", "+33101")
WHATS = ["call", "call", "dial", "dial", "dial", "dial", "run", "run", "run", "hold", "hold"]
WHATS += [
    "attend",
    "attend",
    "attend",
    "attend",
    "attend",
    "blind",
    "end",
    "end",
    "phone",
    "restart",
    "silence",
    "take",
    "take",
]
happenings = st.lists(st.tuples(st.sampled_from(WHATS), st.integers(0, 41)), max_size=60)


def legs_of(sim: SimulatedCentre, agent: str) -> list[str]:
    """Every leg to or from this agent's phone, in conversation or not."""
    found = []
    for talk in sim.centre.talks.state.talks.values():
        info = sim.centre.state.interactions.get(talk.interaction)
        if info is not None and info.dialled_by == agent:
            found.append(talk.customer.leg)
        found += [party.leg for _, party in talk.parties()[1:] if party.agent == agent]
    return [leg for leg in found if leg in sim.voice.legs]


def play(sim: SimulatedCentre, what: str, number: int) -> None:
    """One thing that happens."""
    agent = AGENTS[number % 3]
    mine = legs_of(sim, agent)
    anybody = list(sim.voice.legs)
    if what == "call":
        sim.call(patience=90.0 if number % 2 else None)
    elif what == "run":
        sim.run((0.5, 2.0, 6.0, 40.0)[number % 4])
    elif what == "dial":
        sim.dial(f"{agent}-phone", TARGETS[number % 7])
    elif what == "phone":
        sim.behaviours["+33777"] = (Behaviour(), BUSY, NEVER, Behaviour(early_media=True))[number % 4]
        sim.behaviours[f"{agent}-phone"] = (Behaviour(), NEVER, REJECTS, Behaviour())[number % 4]
    elif what == "restart" and number < 4:
        sim.restart()
    elif what == "attend" and mine:
        other = mine[-1] if number < 30 else anybody[number % len(anybody)]
        sim.act(sim.voice.attend, mine[number % len(mine)], other)
    elif what == "blind" and mine:
        sim.act(sim.voice.transfer, mine[number % len(mine)], TARGETS[number % 7])
    elif what == "take" and number < 15:
        sim.dial(f"{agent}-phone", ("*8", "*8201", "*8202", "*8203", "*8")[number // 3])
    elif what == "take" and anybody:
        sim.replace(f"{agent}-phone", anybody[number % len(anybody)])
    elif what == "hold" and mine:
        sim.act(sim.voice.hold, mine[number % len(mine)], number % 2 == 0)
    elif what == "end" and anybody:
        sim.hang_up(anybody[number % len(anybody)], Cause.NORMAL)
    elif what == "silence" and anybody:
        sim.act(sim.voice.lose_media, anybody[number % len(anybody)])


@given(on_hold=st.booleans(), after=st.sampled_from([0.0, 20.0]), what=happenings)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_joined_no_leg_is_left_over_and_everybody_is_free_in_the_end(
    on_hold: bool, after: float, what: list[tuple[str, int]]
) -> None:
    base = rules(wrap_up_s=after, record=True)
    agents = {
        name: msgspec.structs.replace(rule, works_on_hold=on_hold, capacity=200 if on_hold else 100)
        for name, rule in base.agents.items()
    }
    own = OwnCalls(may_dial=("+33",), may_transfer=("+337",), record=True)
    sim = SimulatedCentre(msgspec.structs.replace(base, agents=agents, own_calls=own))
    sim.behaviours["+33777"] = Behaviour()
    sim.login(*AGENTS)
    for each in what:
        play(sim, *each)
    sim.check_replay(2)
    for leg in list(sim.voice.legs):
        if leg in sim.voice.legs:
            sim.hang_up(leg)
    for talk in list(sim.centre.talks.state.talks.values()):
        sim.tell(facts.HangupAsked(talk.interaction, "test"))
    sim.run(600)
    assert not sim.voice.legs and not sim.centre.state.interactions and not sim.centre.talks.legs
    assert {doing(sim, agent) for agent in AGENTS} <= {"idle", "paused"}, "paused for what they missed"
    for state in sim.centre.router.state.agents.values():
        assert (state.load, state.held, state.outside) == (0, {}, {})
