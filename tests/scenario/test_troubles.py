"""A network fails: the first phones are named as alarms, the others counted; none ends another's alarm."""

import msgspec

from ccd.model import facts
from ccd.model.nouns import Availability
from ccd.model.rules import AgentRule, PauseReason, QueueRule, Rules
from ccd.routing.router import Router
from ccd.runtime import troubles
from ccd.runtime.troubles import MOST_NAMED
from ccd.testing.centre import SimulatedCentre

NAMES = tuple(f"a{number:03}" for number in range(MOST_NAMED + 20))


RULES = Rules(
    agents={name: AgentRule(name=name, devices=(f"{name}-phone",)) for name in NAMES},
    queues={"sales": QueueRule(name="sales", agents=NAMES)},
    flows={},
    numbers={},
    pause_reasons={"1": PauseReason("lunch", longest_s=60.0)},
)


def crowd() -> SimulatedCentre:
    sim = SimulatedCentre(RULES)
    sim.login(*NAMES)
    return sim


def of(sim: SimulatedCentre, what: str) -> list[tuple[str, str]]:
    return [(row["name"], row["why"]) for row in troubles.alarms(sim.centre, sim.now) if row["what"] == what]


def test_the_phones_lost_first_are_named_and_stay_named() -> None:
    sim = crowd()
    for name in reversed(NAMES[10:]):
        sim.tell(facts.DeviceLost(f"{name}-phone", "no answer in 4 s"))
    before = of(sim, "phone lost")
    assert before[:-1] == [(f"{name}-phone ({name})", "no answer in 4 s") for name in NAMES[-MOST_NAMED:]]
    assert before[-1] == ("", "10 more, 60 in all: see `ccctl devices`")
    sim.tell(facts.DeviceLost(f"{NAMES[0]}-phone", "no answer in 4 s"))
    after = of(sim, "phone lost")
    assert after[:-1] == before[:-1] and after[-1] == ("", "11 more, 61 in all: see `ccctl devices`")
    assert of(sim, "ready without a phone") == [], "that was told as a phone that is lost"
    sim.tell(facts.DeviceReachable(f"{NAMES[-1]}-phone"))
    assert of(sim, "phone lost")[-1][1].startswith("10 more, 60 in all")


def test_agents_without_a_phone_and_too_long_in_a_pause_are_counted_too() -> None:
    sim = crowd()
    for name in NAMES[:-5]:
        sim.tell(facts.DeviceUnbound(f"{name}-phone", "1", "expired"))
    phoneless = of(sim, "ready without a phone")
    assert phoneless[0] == (NAMES[0], "no device registered")
    assert phoneless[-1] == ("", "15 more, 65 in all: see `ccctl agents`")
    for name in NAMES:
        sim.ask(name, Availability.PAUSED, "lunch")
    assert of(sim, "ready without a phone") == []
    sim.run(61)
    late = of(sim, "pause too long")
    assert late[0] == (NAMES[0], "lunch for 1 s more than allowed") and len(late) == MOST_NAMED + 1
    assert late[-1] == ("", "20 more, 70 in all: see `ccctl agents`")
    for name in NAMES[3:]:
        sim.ask(name, Availability.READY)
    assert [name for name, _ in of(sim, "pause too long")] == list(NAMES[:3])


def test_who_has_work_is_found_anew_when_other_rules_came_between_two_pieces_of_an_answer() -> None:
    router = Router(RULES)
    router.occupy(NAMES[0], "own call", 100, 0.0)
    before = router.at_work()
    fewer = {name: rule for name, rule in RULES.agents.items() if name != NAMES[1]}
    router.load_rules(msgspec.structs.replace(RULES, agents=fewer), 1.0)
    router.vacate(NAMES[0], "own call", 2.0)
    (view,) = router.queue_views(["sales"], 2.0, before)
    assert (view.busy, view.agents) == (0, len(NAMES) - 1)
