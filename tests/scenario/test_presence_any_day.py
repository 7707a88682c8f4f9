"""Who can be rung and who is an alarm is kept, and is what a count from scratch gives, whatever happens."""

from collections import Counter
from collections.abc import Iterable

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.model import facts
from ccd.model.nouns import Availability, Cause, OfferEnd
from ccd.model.rules import PauseReason, Rules
from ccd.routing.presence import is_overdue
from ccd.routing.state import AgentState
from ccd.runtime import troubles
from ccd.runtime.centre import Centre
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER
from tests.scenario.centre_rules import rules

NAMES = ("ann", "bob", "cat")
BASE = msgspec.structs.replace(
    rules(wrap_up_s=20.0, wrap_up_longest_s=15.0, on_miss={OfferEnd.NO_ANSWER: 1}),
    pause_reasons={"1": PauseReason("lunch", longest_s=30.0), "2": PauseReason("training")},
)


def staffed(sales: tuple[str, ...], without: str = "") -> Rules:
    """Other members, and one agent fewer."""
    queues = {**BASE.queues, "sales": msgspec.structs.replace(BASE.queues["sales"], agents=sales)}
    agents = {name: rule for name, rule in BASE.agents.items() if name != without}
    kept = {
        name: msgspec.structs.replace(rule, agents=tuple(each for each in rule.agents if each != without))
        for name, rule in queues.items()
    }
    return msgspec.structs.replace(BASE, agents=agents, queues=kept)


RELOADS = (BASE, staffed(("cat", "bob")), staffed(("ann", "bob"), "bob"), staffed((), "cat"))
DECLARED = {
    "ready": (Availability.READY, ""),
    "logout": (Availability.LOGGED_OUT, ""),
    "pause": (Availability.PAUSED, ""),
    "lunch": (Availability.PAUSED, "lunch"),
    "training": (Availability.PAUSED, "training"),
}
WHATS = [*DECLARED, "lose", "find", "unbind", "bind", "never", "call", "leave", "wait", "reload", "restart"]
happenings = st.lists(st.tuples(st.sampled_from(WHATS), st.integers(0, 11)), min_size=20, max_size=60)


def happen(sim: SimulatedCentre, what: str, number: int) -> None:
    name = NAMES[number % 3]
    device = f"{name}-phone"
    running = [info.leg for info in sim.centre.state.interactions.values()]
    if what in DECLARED:
        sim.ask(name, *DECLARED[what])
    elif what == "lose":
        sim.tell(facts.DeviceLost(device, "no answer"))
    elif what == "find":
        sim.tell(facts.DeviceReachable(device))
    elif what == "unbind":
        sim.tell(facts.DeviceUnbound(device, "1", "expired"))
    elif what in ("bind", "never"):
        sim.phone(device, NEVER if what == "never" else None)
    elif what == "call":
        sim.call("+33100", talks_for=40.0)
    elif what == "leave" and running:
        sim.hang_up(running[number % len(running)], Cause.NORMAL)
    elif what == "wait":
        sim.run((0.5, 4.0, 16.0, 31.0)[number % 4])
    elif what == "reload":
        sim.tell(facts.RulesLoaded(RELOADS[number % len(RELOADS)], by="test"))
    elif what == "restart":
        sim.restart()


def why_not(agent: AgentState) -> str:
    if agent.availability is Availability.LOGGED_OUT:
        return "logged out"
    if agent.availability is Availability.PAUSED:
        return f"paused: {agent.reason}" if agent.reason else "paused"
    return "" if agent.reachable else "without a phone"


def nobody(agents: Iterable[AgentState]) -> Counter[str]:
    found = Counter(map(why_not, agents))
    return Counter() if "" in found else found


def check(centre: Centre, now: float) -> None:
    """Every kept set and count against one made by a walk over all agents."""
    router, index = centre.router, centre.router._matching.index
    agents = [agent for agent in router.state.agents.values() if not agent.removed]
    ready = [agent for agent in agents if agent.availability is Availability.READY]
    assert sorted(each.name for each in router.phoneless()) == sorted(
        each.name for each in ready if not each.reachable
    )
    assert sorted(each.name for each in router.overdue(now)) == sorted(
        each.name for each in agents if is_overdue(each, now)
    )
    assert sum(router.doings().values()) == len(agents)
    for seen, view in zip(router.staffings(now), router.queue_views(sorted(index.queues), now), strict=True):
        queue = index.queues[seen.queue]
        members = [desk.state for desk in index.by_number if queue.stages.members & desk.bit]
        there = [each for each in members if each.availability is not Availability.LOGGED_OUT]
        assert seen.nobody == view.nobody == nobody(members)
        assert list(seen.nobody.values()) == sorted(seen.nobody.values(), reverse=True)
        assert (seen.logged_in, view.logged_in, view.agents) == (len(there), len(there), len(members))
        assert seen.waiting == view.waiting == len(queue.order(now))
        assert view.busy == sum(bool(each.held or each.outside) for each in members)
        assert view.wrap_up == sum(each.wrap_up is not None for each in members)
        assert view.paused == sum(each.availability is Availability.PAUSED for each in members)
    told = {(row["what"], row["name"]) for row in troubles.alarms(centre, now)}
    views = [view for name in sorted(centre.state.rules.agents) if (view := router.agent_view(name, now))]
    lost = centre.state.lost
    expected = {
        ("ready without a phone", view.agent)
        for view in views
        if view.doing == "no_device" and f"{view.agent}-phone" not in lost
    }
    left = [(view.agent, view.pause_left_s, view.wrap_up_left_s) for view in views]
    expected |= {("pause too long", name) for name, pause, _ in left if pause is not None and pause <= 0}
    expected |= {("wrap-up too long", name) for name, _, wrap in left if wrap is not None and wrap <= 0}
    agents_of = ("ready without a phone", "pause too long", "wrap-up too long")
    assert {each for each in told if each[0] in agents_of} == expected


@given(what=happenings)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_kept_is_what_a_count_from_scratch_gives(what: list[tuple[str, int]]) -> None:
    sim = SimulatedCentre(BASE, check=False)
    sim.login(*NAMES)
    for step in what:
        happen(sim, *step)
        check(sim.centre, sim.now)
    for snapshot_at in (0, sim.ledger.last()[0] // 2, sim.ledger.last()[0]):
        check(sim.replayed(snapshot_at), sim.now)
