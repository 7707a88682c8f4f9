"""Peak mode on virtual time: what one command changes at once, what it leaves in peace, when it ends."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.model import facts
from ccd.model.nouns import Availability
from ccd.model.profiles import apply_profiles
from ccd.model.rules import FlowRule, ProfileRule, Rules, Suspension, Target
from ccd.model.steps import Enqueue, Hangup, Play
from ccd.runtime.profiles import base_rules, profiles_lost
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER
from tests.scenario.centre_rules import TICK, doing, rules, totals, whats

BY = "ccctl:ann"
HOUR = 3600.0


def with_profiles(*profiles: ProfileRule, **sales: Any) -> Rules:
    plain = rules(**sales)
    flows = {
        **plain.flows,
        "sorry": FlowRule(name="sorry", steps=(Play(prompts=("sorry",)), Enqueue(queue="sales"))),
        "bye": FlowRule(name="bye", steps=(Hangup(prompt="closed"),)),
    }
    return msgspec.structs.replace(plain, flows=flows, profiles={each.name: each for each in profiles})


def peak(*agents: str, **parts: Any) -> SimulatedCentre:
    """The small centre with one profile `rush` of these parts; the agents log in."""
    sales = parts.pop("sales", {})
    sim = SimulatedCentre(with_profiles(ProfileRule(name="rush", **parts), **sales))
    for agent in agents:
        sim.login(agent)
        sim.run(1)
    return sim


def turn(
    sim: SimulatedCentre, on: bool, name: str = "rush", until: float | None = None, reason: str = ""
) -> None:
    sim.tell(facts.ProfileSet(name, on, BY, until, reason))


def names(sim: SimulatedCentre) -> list[str]:
    return [each.profile for each in sim.centre.state.profiles]


def suspend(**queues: Target) -> Suspension:
    return Suspension(queues=queues)


# -- agents move between queues ------------------------------------------------------------------------


def test_an_agent_who_joins_is_offered_what_waits_at_once() -> None:
    sim = peak("cat", agents={"cat": {"join": ["sales"], "leave": ["help"]}})
    waits = sim.call()
    sim.run(30)
    assert sim.rings_at(waits) == ""
    turn(sim, True)
    assert sim.rings_at(waits) == "cat"


def test_an_agent_who_leaves_finishes_the_conversation_and_the_ringing_one() -> None:
    sim = peak("ann", "bob", agents={"ann": {"leave": ["sales"]}, "bob": {"leave": ["sales"]}})
    talking = sim.call()
    sim.run(3)
    ringing = sim.call()
    turn(sim, True)
    assert (sim.agent_of(talking), sim.rings_at(ringing)) == ("ann", "bob")
    sim.run(3)
    assert sim.agent_of(ringing) == "bob"
    sim.hang_up(talking)
    third = sim.call()
    assert sim.rings_at(third) == "" and doing(sim, "ann") == "idle"
    turn(sim, False)
    assert sim.rings_at(third) == "ann"


def test_wrap_up_and_figures_are_not_disturbed() -> None:
    sim = peak("ann", sales={"wrap_up_s": 60.0}, queues={"sales": {"wrap_up_s": 5.0}})
    sim.call(talks_for=10)
    sim.run(20)
    figures, until = totals(sim), sim.centre.router.state.agents["ann"].wrap_up
    assert doing(sim, "ann") == "wrap_up"
    turn(sim, True)
    assert sim.centre.router.state.agents["ann"].wrap_up == until and totals(sim) == figures
    turn(sim, False)
    assert sim.centre.router.state.agents["ann"].wrap_up == until and totals(sim) == figures


def test_a_new_wrap_up_holds_from_the_next_conversation_on() -> None:
    sim = peak("ann", sales={"wrap_up_s": 60.0}, queues={"sales": {"wrap_up_s": 5.0}})
    turn(sim, True)
    sim.call(talks_for=10)
    sim.run(12 + 2)
    assert doing(sim, "ann") == "wrap_up"
    sim.run(5)
    assert doing(sim, "ann") == "idle"


# -- queue keys ----------------------------------------------------------------------------------------


def test_a_shorter_longest_wait_counts_from_when_each_arrived() -> None:
    sim = peak(queues={"sales": {"max_wait_s": 60.0, "overflow": {"queue": "help"}}})
    long_ago, just_now = sim.call(), ""
    sim.run(50)
    just_now = sim.call()
    turn(sim, True)
    sim.run(10 - TICK)
    assert totals(sim, "help")[0] == 0
    sim.run(TICK)
    assert sim.centre.router.waiting("help") == [sim.interaction_of(long_ago)]
    assert sim.centre.router.waiting("sales") == [sim.interaction_of(just_now)]


def test_another_priority_is_that_of_those_who_arrive_from_now_on() -> None:
    sim = peak(queues={"sales": {"priority": 5}})
    before = sim.call()
    turn(sim, True)
    after = sim.call()
    sim.login("ann")
    assert (sim.rings_at(before), sim.rings_at(after)) == ("", "ann")


# -- suspended queues and channels -----------------------------------------------------------------------


def test_what_waits_in_a_suspended_queue_keeps_its_place_and_is_offered_to_nobody() -> None:
    sim = peak("ann", suspend=suspend(sales=Target()))
    turn(sim, True)
    first, second = sim.call(), sim.call()
    sim.run(HOUR)
    assert totals(sim) == (2, 0, 0, 0) and doing(sim, "ann") == "idle"
    turn(sim, False)
    assert sim.rings_at(first) == "ann" and sim.centre.router.position(sim.interaction_of(second)) == 2


def test_the_reason_is_printed() -> None:
    sim = peak("ann", suspend=suspend(sales=Target()))
    turn(sim, True)
    waits = sim.call()
    turn(sim, False)
    record = sim.centre.history.record(sim.interaction_of(waits))
    assert record is not None
    assert [trace.cue for trace in record.traces] == [
        "the queue is suspended by profile rush",
        "profile rush was turned off",
    ]


def test_a_queue_suspended_to_a_target_empties_into_it_in_order() -> None:
    sim = peak("cat", suspend=suspend(sales=Target(queue="help")))
    sim.ask("cat", Availability.PAUSED, "lunch")
    waiting = [sim.call() for _ in range(3)]
    sim.run(30)
    turn(sim, True)
    sim.run(0)
    late = sim.call()
    asked = [sim.interaction_of(leg) for leg in (*waiting, late)]
    assert sim.centre.router.waiting("help") == asked and totals(sim) == (4, 0, 0, 4)
    notes = [
        note.details for note in sim.centre.history.state.open[asked[0]].timeline if note.what == "overflow"
    ]
    assert notes == [{"queue": "sales", "why": "suspended by profile rush"}]
    sim.ask("cat", Availability.READY)
    assert sim.rings_at(waiting[0]) == "cat"


def test_a_phone_that_rings_as_its_queue_is_suspended_may_answer_or_not() -> None:
    sim = peak("ann", "bob", suspend=suspend(sales=Target(flow="bye")), sales={"ring_timeout_s": 10.0})
    sim.phone("bob-phone", NEVER)
    answered, missed = sim.call(), sim.call()
    sim.run(1)
    turn(sim, True)
    sim.run(2)
    assert sim.agent_of(answered) == "ann" and sim.rings_at(missed) == "bob"
    sim.run(20)
    assert sim.record(missed).outcome == "overflowed" and sim.agent_of(answered) == "ann"


def test_a_suspended_channel_sends_its_new_interactions_elsewhere_and_no_others() -> None:
    sim = peak("ann", suspend=Suspension(channels={"web": Target(queue="help")}))
    before = sim.chat("hello")
    turn(sim, True)
    after, call = sim.chat("hello"), sim.call()
    queue_of = {
        leg: sim.centre.state.interactions[sim.interaction_of(leg)].queue for leg in (before, after, call)
    }
    assert list(queue_of.values()) == ["sales", "help", "sales"]
    turn(sim, False)
    again = sim.chat("hello")
    assert sim.centre.state.interactions[sim.interaction_of(again)].queue == "sales"


def test_a_suspended_voice_channel_answers_and_says_so() -> None:
    sim = peak(suspend=Suspension(channels={"voice": Target(flow="bye")}))
    turn(sim, True)
    call = sim.call()
    sim.run(20)
    assert sim.record(call).outcome == "flow"
    assert whats(sim, call)[:2] == ["arrived", "diverted"]


# -- greetings and prompts ---------------------------------------------------------------------------------


def test_a_number_gets_another_greeting_at_once_and_back() -> None:
    sim = peak(numbers={"+33100": "sorry"})
    turn(sim, True)
    call = sim.call()
    assert sim.centre.flows.where(sim.interaction_of(call)) == "sorry/#1"
    turn(sim, False)
    assert sim.talk(sim.call()).phase == "waiting"
    assert sim.centre.flows.where(sim.interaction_of(call)) == "sorry/#1", "who hears it hears it to the end"


def test_a_flow_is_replaced_whatever_leads_to_it() -> None:
    sim = peak(flows={"straight": "bye"})
    turn(sim, True)
    call, chat = sim.call(), sim.chat("hello")
    sim.run(20)
    assert [sim.record(leg).outcome for leg in (call, chat)] == ["flow", "flow"]


# -- who, why, until when ----------------------------------------------------------------------------------


def test_who_turned_it_on_why_and_until_when_stands_in_the_state_and_the_ledger() -> None:
    sim = peak()
    turn(sim, True, until=sim.now + HOUR, reason="storm")
    (on,) = sim.centre.state.profiles
    assert (on.by, on.reason, on.since, on.until) == (BY, "storm", sim.now, sim.now + HOUR)
    assert sim.facts[-1] == facts.ProfileSet("rush", True, BY, sim.now + HOUR, "storm")


def test_those_who_wait_have_it_on_their_timeline_and_those_who_come() -> None:
    sim = peak(queues={"sales": {"priority": 3}})
    waits = sim.call()
    turn(sim, True, reason="storm")
    comes = sim.call()
    turn(sim, False)
    for leg in (waits, comes):
        sim.hang_up(leg)
    told = [
        [(n.what, n.details) for n in sim.record(leg).timeline if "profile" in n.what]
        for leg in (waits, comes)
    ]
    off = ("profile off", {"profile": "rush", "by": BY})
    assert told == [
        [("profile on", {"profile": "rush", "by": BY, "reason": "storm"}), off],
        [("under profile", {"profile": "rush"}), off],
    ]


def test_it_ends_by_itself_at_the_tick() -> None:
    sim = peak("cat", suspend=suspend(help=Target()), numbers={"+33100": "sorry"})
    until = sim.now + HOUR
    turn(sim, True, until=until)
    assert sim.centre.next_deadline() == until
    sim.run_until(until - TICK)
    assert names(sim) == ["rush"] and sim.centre.state.rules.numbers["+33100"] == "sorry"
    sim.run_until(until)
    assert names(sim) == [] and sim.centre.state.rules == base_rules(sim.centre.state)
    assert sim.centre.state.base is None and sim.centre.state.rules.numbers["+33100"] == "straight"
    sim.run_until(until + TICK)
    assert sim.centre.next_deadline() is None


@pytest.mark.parametrize(("after", "flow"), [(-TICK, "sorry/#1"), (0.0, ""), (TICK, "")])
def test_a_call_at_the_end_follows_the_rules_of_its_instant(after: float, flow: str) -> None:
    """The outside acts before a deadline at the same instant: the profile is off for it all the same."""
    sim = peak(numbers={"+33100": "sorry"})
    until = sim.now + HOUR
    calls: list[str] = []
    sim.later(HOUR + after, lambda: calls.append(sim.call()))
    turn(sim, True, until=until)
    sim.run_until(until + after)
    talk = sim.talk(calls[0])
    where = sim.centre.flows.where(talk.interaction)
    assert (where if talk.phase == "flow" else "") == flow


def test_turned_on_again_it_gets_another_end_and_nothing_else_changes() -> None:
    sim = peak(queues={"sales": {"priority": 3}})
    began = sim.now
    turn(sim, True, until=began + 60)
    sim.run(30)
    before = sim.centre.state.rules
    turn(sim, True, until=began + 120, reason="longer")
    assert sim.centre.state.rules is before
    sim.run_until(began + 120 - TICK)
    (on,) = sim.centre.state.profiles
    assert (on.since, on.until, on.reason) == (began, began + 120, "longer")
    sim.run(TICK)
    assert names(sim) == []


@pytest.mark.parametrize("ago", [0.0, 1.0])
def test_an_end_that_has_passed_leaves_it_off(ago: float) -> None:
    sim = peak(queues={"sales": {"priority": 3}})
    turn(sim, True, until=sim.now - ago)
    assert names(sim) == [] and sim.centre.state.rules.queues["sales"].priority == 0
    turn(sim, True)
    turn(sim, True, until=sim.now - ago)
    assert names(sim) == [] and sim.centre.state.rules.queues["sales"].priority == 0


# -- restart and reload --------------------------------------------------------------------------------------


def test_it_survives_a_restart_with_who_and_until_when() -> None:
    sim = peak("ann", suspend=suspend(sales=Target()))
    until = sim.now + HOUR
    turn(sim, True, until=until, reason="storm")
    before = sim.centre.state.profiles
    sim.run(60)
    sim.restart()
    assert sim.centre.state.profiles == before
    waits = sim.call()
    assert sim.rings_at(waits) == ""
    sim.run_until(until - TICK)
    assert sim.rings_at(waits) == ""
    sim.run_until(until)
    assert sim.rings_at(waits) == "ann"
    sim.check_replay(10)


def test_one_that_ended_while_the_daemon_was_down_is_off_when_it_is_back() -> None:
    sim = peak("ann", suspend=suspend(sales=Target()), sales={"max_wait_s": 500.0})
    turn(sim, True, until=sim.now + 60)
    chat = sim.chat("hello")
    sim.clock.advance(100)
    sim.restart()
    sim.run(0)
    assert names(sim) == [] and sim.rings_at(chat) == "ann"


def test_a_reload_keeps_it_on_over_the_new_rules() -> None:
    sim = peak(queues={"sales": {"max_wait_s": 60.0}})
    turn(sim, True)
    fresh = with_profiles(ProfileRule(name="rush", queues={"sales": {"max_wait_s": 30.0}}), priority=2)
    sim.tell(facts.RulesLoaded(fresh, BY))
    sales = sim.centre.state.rules.queues["sales"]
    assert (sales.max_wait_s, sales.priority, names(sim)) == (30.0, 2, ["rush"])
    turn(sim, False)
    assert sim.centre.state.rules == fresh


def test_a_reload_without_it_turns_it_off_and_says_so() -> None:
    sim = peak(queues={"sales": {"max_wait_s": 600.0}})
    call = sim.call()
    turn(sim, True)
    assert profiles_lost(sim.centre.state, with_profiles()) == [
        "! profiles.rush: is on, and is turned off because it is removed"
    ]
    assert profiles_lost(sim.centre.state, base_rules(sim.centre.state)) == []
    sim.tell(facts.RulesLoaded(with_profiles(), BY))
    assert names(sim) == [] and sim.centre.state.rules == with_profiles()
    sim.hang_up(call)
    assert [n.details for n in sim.record(call).timeline if n.what == "profile off"] == [
        {"profile": "rush", "by": BY, "why": "no longer configured"}
    ]


def test_one_that_nobody_knows_changes_nothing() -> None:
    sim = peak()
    before = sim.centre.state.rules
    turn(sim, True, "rash")
    turn(sim, False, "rash")
    assert names(sim) == [] and sim.centre.state.rules is before


# -- any order ---------------------------------------------------------------------------------------------

MANY = (
    ProfileRule(name="a", agents={"cat": {"join": ["sales"], "leave": ["help"]}}),
    ProfileRule(name="b", queues={"sales": {"max_wait_s": 40.0, "overflow": {"queue": "help"}}}),
    ProfileRule(name="c", suspend=suspend(sales=Target(queue="help"))),
    ProfileRule(name="d", suspend=suspend(help=Target()), numbers={"+33100": "sorry"}),
    ProfileRule(
        name="e", flows={"straight": "bye"}, suspend=Suspension(channels={"web": Target(queue="help")})
    ),
)


@pytest.mark.parametrize("seed", range(6))
def test_on_and_off_in_any_order_adds_up_and_leads_back(seed: int) -> None:
    """Profiles come and go while calls and chats do; afterwards everything is as if none had been."""
    base = with_profiles(*MANY)
    sim = SimulatedCentre(base, seed=seed)
    sim.login("ann", "bob", "cat")
    chance = random.Random(seed)
    for _ in range(150):
        sim.run(chance.expovariate(1 / 15.0))
        if chance.random() < 0.3:
            until = sim.now + chance.uniform(1, 90) if chance.random() < 0.5 else None
            turn(sim, chance.random() < 0.6, chance.choice("abcde"), until)
        elif chance.random() < 0.2:
            sim.chat("hello")
        else:
            sim.call(patience=chance.uniform(5, 200), talks_for=chance.uniform(5, 60))
        assert base_rules(sim.centre.state) == base
        assert sim.centre.state.rules == apply_profiles(base, names(sim))
        if chance.random() < 0.02:
            sim.restart()
    for name in chance.sample("abcde", 5):
        turn(sim, False, name)
    assert sim.centre.state.rules == base and sim.centre.state.base is None
    for talk in list(sim.centre.talks.state.talks.values()):
        sim.hang_up(talk.customer.leg)
    sim.run(600)
    for queue in ("sales", "help"):
        offered, handled, abandoned, overflowed = totals(sim, queue)
        assert offered == handled + abandoned + overflowed
    sim.check_replay()


class Told:
    """What somebody with a pencil would keep of the profiles that are on: (name, end) in order."""

    def __init__(self) -> None:
        self.on: dict[str, float] = {}

    def take(self, name: str, on: bool, until: float | None, now: float) -> None:
        self.wait(now)
        if on and (until is None or until > now):
            self.on[name] = 1e12 if until is None else until
        else:
            self.on.pop(name, None)

    def wait(self, now: float) -> None:
        self.on = {name: end for name, end in self.on.items() if end > now}


ACTS = st.lists(
    st.tuples(
        st.sampled_from("abcdex"),
        st.booleans(),
        st.sampled_from([None, -1.0, 0.0, 0.5, 7.0, 30.0]),
        st.sampled_from([0.0, 0.25, 7.0, 30.0]),
    ),
    max_size=25,
)


@given(acts=ACTS, last=st.permutations("abcde"), kill_at=st.integers(0, 25))
@settings(max_examples=100, deadline=None)
def test_any_acts_are_as_a_pencil_says_and_lead_back_to_the_base(
    acts: list[tuple[str, bool, float | None, float]], last: list[str], kill_at: int
) -> None:
    base, told = with_profiles(*MANY), Told()
    sim = SimulatedCentre(base, check=False)
    for at, (name, on, lasts, wait) in enumerate(acts):
        until = None if lasts is None else sim.now + lasts
        turn(sim, on, name, until)
        told.take(name, on and name != "x", until, sim.now)
        assert names(sim) == list(told.on)
        sim.run(wait)
        told.wait(sim.now)
        if at == kill_at:
            sim.restart()
        assert names(sim) == list(told.on)
        assert sim.centre.state.rules == apply_profiles(base, list(told.on))
    sim.check_replay(2)
    for name in last:
        turn(sim, False, name)
    assert sim.centre.state.rules == base and sim.centre.next_deadline() is None
    sim.check_replay(1)
